#pragma once
/*
 * The one decision point. decide() is a pure function of its arguments: no
 * clock, no I/O, no allocation; the same policy, request, usage and time give
 * the same decision, byte for byte. docs/ARCHITECTURE.md and
 * agentbox-profile(5), "Semantics", say the rules in words:
 *
 * - Every rule of the surface is looked at; order never matters. Precedence:
 *   prohibit > deny > ask > redact, limit > allow > implicit deny.
 * - A condition is true, false or unknown (attribute missing, of the wrong
 *   type, too long). Unknown makes prohibit, deny and ask match, keeps allow
 *   from matching, and lets redact, limit and label act without granting.
 * - Levels (host, profile, run, handoff) are decided one by one and the
 *   strictest wins; a level that allows and asks nothing on a surface leaves it
 *   to those above, the first level that is not the host's never does.
 * - A class above the ceiling of a level is denied.
 * - A grant that expired or is used up does not match; an ask, redact or limit
 *   that did denies.
 */
#include "policy/policy.h"
#include "policy/request.h"

struct decide_time {
	int64_t wall_us;  /* CLOCK_REALTIME: not_after, time windows */
	uint64_t boot_us; /* CLOCK_BOOTTIME: rates, counts, budgets */
};

enum reason {
	REASON_ALLOWED,	      /* a rule grants it */
	REASON_NO_RULE,	      /* nothing grants it */
	REASON_RULE,	      /* a rule says so: prohibit, deny, ask, ... */
	REASON_UNKNOWN_INPUT, /* the deciding rule matched because something is
				 missing or of the wrong type */
	REASON_CLASS_ABOVE_ROLE,
	REASON_CONDITION,      /* a grant matched but for a condition */
	REASON_GRANT_EXPIRED,  /* not_after */
	REASON_USES_EXHAUSTED, /* max_uses */
	REASON_RATE_LIMITED,
	REASON_BUDGET_EXHAUSTED,
	REASON_OBSERVED,    /* denied, but the profile only observes */
	REASON_BAD_REQUEST, /* no surface, or bounds exceeded */
	REASON_MAX
};

enum match_how {
	HOW_TRUE,    /* every condition is true */
	HOW_UNKNOWN, /* matched since something is unknown */
	HOW_SPENT,   /* expired, used up, over the rate or budget: denies */
};

#define DECISION_MATCHED_MAX 64

struct decision_match {
	uint32_t rule;
	uint8_t how;	 /* enum match_how */
	uint8_t observe; /* did not count */
};

struct decision {
	enum effect effect; /* NONE and DENY and PROHIBIT deny */
	enum reason reason;
	enum effect would; /* without observing; equal to effect otherwise */
	int32_t rule;	   /* the deciding one, or -1 */
	uint32_t level;	   /* whose verdict it is */
	uint64_t labels_add, labels_clear; /* once the action is done */
	uint64_t retry_us; /* boot time to wait, for RATE_LIMITED; else 0 */
	/* The grant that came nearest, for REASON_CONDITION and for
	 * REASON_UNKNOWN_INPUT the deciding rule: which condition, and whether
	 * it was unknown rather than false. -1: none. */
	int32_t failed_rule, failed_cond;
	bool failed_unknown;
	uint32_t n_matched; /* all; the list keeps the first of them by rule */
	struct decision_match matched[DECISION_MATCHED_MAX];
};

/* What was used so far in one run: uses, rates, budgets, counts, steps,
 * triggers. The caller owns usage_size() bytes, zeroed. May be NULL for
 * decide(): nothing was used. */
struct usage;
size_t usage_size(const struct policy *p);

void decide(const struct policy *p, const struct request *rq,
	    const struct usage *u, const struct decide_time *now,
	    struct decision *ret);
static inline bool
decision_allows(const struct decision *d)
{
	return d->effect >= EFFECT_ALLOW && d->effect <= EFFECT_REDACT;
}

/* Takes down that the action was decided so, and (done) that it is going
 * ahead: uses, rates, budgets and steps count only what goes ahead. Returns the
 * number of a freeze trigger that fires, or -1. */
int usage_commit(const struct policy *p, struct usage *u,
		 const struct request *rq, const struct decision *d,
		 const struct decide_time *now, bool done);
/* Where nothing grants and no grant's match was true (REASON_NO_RULE): the
 * grant for the same host, server, path, ... of which most of the match is
 * true, with its first condition that is not, into failed_rule and failed_cond.
 * False: there is none. Looks at every rule; for explanations. */
bool policy_nearest(const struct policy *p, const struct request *rq,
		    const struct usage *u, const struct decide_time *now,
		    struct decision *d);

/* Text of a trigger: "20 denials within 1m: ..."; shortened to size. Returns
 * buf. */
const char *policy_trigger_text(const struct policy *p, int trigger, char *buf,
				size_t size);

/* The decision record as one JSON object without newline: effect, reason, rule,
 * file and line, because, level, policy, hash, matched, failed condition with
 * expected and actual value (actual shortened; secrets are the caller's
 * matter: show_actual false leaves the value out), labels, redactions.
 * Deterministic. Returns the length, or -ENOSPC. */
int decision_json(const struct policy *p, const struct request *rq,
		  const struct decision *d, uint64_t epoch, bool show_actual,
		  char *buf, size_t size);
/* JSON pointers that must be redacted under this decision: the i-th, or NULL
 * after the last. */
const char *decision_redact(const struct policy *p, const struct decision *d,
			    size_t i);
/* What a condition expects, as its author wrote it: "<= 10000",
 * "disjoint from [web]"; and what was there. Both shortened to size. */
void cond_expected(const struct policy *p, int32_t rule, int32_t cond,
		   char *buf, size_t size);
void cond_actual(const struct policy *p, const struct request *rq, int32_t rule,
		 int32_t cond, char *buf, size_t size);
const char *cond_pointer(const struct policy *p, int32_t rule, int32_t cond);
const char *reason_name(enum reason r);
