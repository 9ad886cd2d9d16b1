#pragma once
/*
 * What loads, and still is not what its author means: rules that can never
 * act, grants that are wider than need be, duties in one hand, layers that this
 * kernel does not have. Pure: the host's facts and the time are passed in.
 */
#include "lib/macro.h"
#include "profiles/authority.h"

enum lint_severity { LINT_NOTE, LINT_WARNING, LINT_ERROR };

struct lint_finding {
	enum lint_severity severity;
	const char *code; /* "unreachable"; constant */
	char *file;	  /* or NULL */
	unsigned int line;
	char *at; /* JSON pointer, or NULL */
	char *text, *cure;
};

struct lint {
	struct lint_finding *v;
	size_t n, cap;
	bool failed; /* out of memory: incomplete */
};

struct lint_host {
	unsigned int kernel_major, kernel_minor; /* 0: not known, not checked */
	int landlock_abi; /* 0: no Landlock; -1: not known */
	uint32_t layers;  /* LAYER_BIT of what this host can hold */
	bool layers_known;
	int64_t wall_us;
};

/* s is profile_authority() of p. Adds to *ret, sorted by file and line. */
int profile_lint(const struct profile *p, const struct policy_spec *s,
		 const struct lint_host *host, struct lint *ret);
void lint_done(struct lint *l);
const char *lint_severity_name(enum lint_severity s);
