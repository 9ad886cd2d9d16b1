/*
 * Rules that can never act, or add nothing. Only what is proved is told:
 * rule_covers() errs to "no".
 */
#include "profiles/lint-internal.h"

#include <string.h>

/* "line 12", or "FILE:12" of another file. */
static const char *
place_of(const struct rule *r, const struct rule *near, char *buf, size_t size)
{
	if (r->file && near->file && !strcmp(r->file, near->file))
		snprintf(buf, size, "line %u", r->line);
	else if (r->line)
		snprintf(buf, size, "%s:%u", r->file, r->line);
	else
		snprintf(buf, size, "%s", r->file ? r->file : "?");
	return buf;
}

static bool
is_bare(const struct rule *r)
{
	return !r->not_after_us && !r->max_uses && !r->rate.max &&
	       !r->budget.pointer;
}

static bool
does_more(const struct rule *r)
{
	return r->labels_add.n || r->labels_clear.n || r->step;
}

static bool
blocks(const struct linter *l, const struct rule *r)
{
	return r->effect >= EFFECT_DENY && r->mode == MODE_ENFORCE &&
	       l->s->level[r->level].mode == MODE_ENFORCE;
}

/* Is the deny's match the same or wider on all surfaces of b? */
static bool
tell_denied(struct linter *l, const struct rule *a, const struct rule *b)
{
	char place[300];
	struct lint_finding *f;

	if (!blocks(l, a) || !rule_covers(a, b))
		return false;
	f = lint_rule(l, LINT_WARNING, "unreachable", b,
		      "\"%s\" never grants anything: \"%s\" (%s) denies all of "
		      "it",
		      b->id, a->id, place_of(a, b, place, sizeof(place)));
	lint_cure(l, f, "take the rule away, or narrow \"%s\"", a->id);
	return true;
}

/* The later of two that are the same. */
static bool
is_first(const struct rule *a, const struct rule *b)
{
	return !rule_covers(b, a) || a < b;
}

static bool
tell_granted(struct linter *l, const struct rule *a, const struct rule *b)
{
	char place[300];
	struct lint_finding *f;

	if (a->effect != EFFECT_ALLOW || a->level != b->level || a->n_when ||
	    !is_bare(a) || !rule_covers(a, b) || !is_first(a, b))
		return false;
	place_of(a, b, place, sizeof(place));
	if (!is_bare(b) || b->n_when) {
		f = lint_rule(l, LINT_WARNING, "unreachable", b,
			      "the conditions of \"%s\" hold nothing back: "
			      "\"%s\" (%s) grants all of it without them",
			      b->id, a->id, place);
		lint_cure(l, f, "narrow \"%s\", or take it away", a->id);
	} else if (!does_more(b)) {
		f = lint_rule(l, LINT_WARNING, "unreachable", b,
			      "\"%s\" adds nothing: \"%s\" (%s) grants all of "
			      "it already",
			      b->id, a->id, place);
		lint_cure(l, f, "take the rule away, or narrow \"%s\"", a->id);
	}
	return true;
}

static bool
tell_deny_twice(struct linter *l, const struct rule *a, const struct rule *b)
{
	char place[300];
	struct lint_finding *f;

	if (!blocks(l, a) || a->effect < b->effect || !rule_covers(a, b) ||
	    !is_first(a, b))
		return false;
	f = lint_rule(l, LINT_NOTE, "unreachable", b,
		      "\"%s\" adds nothing: \"%s\" (%s) denies all of it "
		      "already",
		      b->id, a->id, place_of(a, b, place, sizeof(place)));
	lint_cure(l, f, "take the rule away, or narrow \"%s\"", a->id);
	return true;
}

static void
check_rule(struct linter *l, const struct rule *b)
{
	bool told = false;

	for (size_t i = 0; i < l->s->n_rules && !told; i++) {
		const struct rule *a = &l->s->rule[i];

		if (a == b || !(a->on & b->on) || !(a->on & BROKERED))
			continue;
		if (grants(b))
			told = tell_denied(l, a, b);
		if (!told && b->effect == EFFECT_ALLOW)
			told = tell_granted(l, a, b);
		if (!told && b->effect >= EFFECT_DENY)
			told = tell_deny_twice(l, a, b);
	}
}

static void
check_expired(struct linter *l, const struct rule *r)
{
	char when[40];
	struct lint_finding *f;

	if (!r->not_after_us || !l->host->wall_us ||
	    r->not_after_us > l->host->wall_us)
		return;
	time_to_text(r->not_after_us, when, sizeof(when));
	f = lint_rule(l, LINT_WARNING, "expired", r, "\"%s\" ended on %s",
		      r->id, when);
	lint_cure(l, f, "%s",
		  r->effect == EFFECT_ALLOW
			  ? "take the rule away, or give it another not_after"
			  : "take the rule away: an ask, redact or limit that "
			    "ended denies");
}

/* A count of something that never goes ahead. */
static void
check_counts(struct linter *l, const struct rule *r)
{
	for (size_t i = 0; i < r->n_when; i++) {
		const struct rule_cond *c = &r->when[i];
		bool acts = c->op != OP_COUNT;
		struct lint_finding *f;

		for (size_t j = 0; j < l->s->n_rules && !acts; j++)
			acts = !strcmp(l->s->rule[j].id, c->name) &&
			       l->s->rule[j].effect < EFFECT_DENY;
		if (acts)
			continue;
		f = lint_rule(l, LINT_WARNING, "unreachable", r,
			      "\"%s\" counts \"%s\", which denies and so never "
			      "goes ahead",
			      r->id, c->name);
		lint_cure(l, f, "count a rule that grants");
	}
}

/* Methods are compared as they are, and HTTP has them in upper case (RFC 9110,
 * 9.1). */
static void
check_method(struct linter *l, const struct rule *r)
{
	const struct rule_cond *c = lint_cond(r, "/method");
	struct lint_finding *f;

	for (size_t i = 0; c && i < c->n; i++) {
		const char *s = c->v[i].s;

		if (!s || !strpbrk(s, "abcdefghijklmnopqrstuvwxyz"))
			continue;
		f = lint_rule(l, LINT_WARNING, "never-matches", r,
			      "no request has the method \"%s\": methods are "
			      "in upper case",
			      s);
		lint_cure(l, f, "write it in upper case");
	}
}

void
lint_reach(struct linter *l)
{
	size_t own = 0;

	for (size_t i = 0; i < l->s->n_rules; i++)
		own += l->s->rule[i].level == l->level &&
		       l->s->rule[i].on & BROKERED;
	if (own * l->s->n_rules > LINT_PAIRS_MAX)
		lint_cure(l,
			  lint_at(l, LINT_NOTE, "too-many", "/rules",
				  "too many rules to compare each with each: "
				  "those that never act are not told"),
			  "split the profile");
	for (size_t i = 0; i < l->s->n_rules; i++) {
		const struct rule *r = &l->s->rule[i];

		if (r->level != l->level || !(r->on & BROKERED))
			continue;
		check_expired(l, r);
		check_counts(l, r);
		check_method(l, r);
		if (own * l->s->n_rules <= LINT_PAIRS_MAX)
			check_rule(l, r);
	}
}
