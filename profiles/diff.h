#pragma once
/* The difference in authority of two profiles, not in their text. */
#include "profiles/authority.h"

struct diff_line {
	char sign;	     /* '+': B may what A may not; '-'; '~': changed */
	const char *surface; /* or a section: "limits", "session"; constant */
	char *text;
	/* where B (for '-': A) says so; or NULL, 0 */
	char *file;
	unsigned int line;
};

struct diff {
	struct diff_line *v;
	size_t n, cap;
};

/* Specs are profile_authority() of the two. Equal authority, however written,
 * gives no line. -ENOMEM. */
int profile_diff(const struct profile *a, const struct policy_spec *sa,
		 const struct profile *b, const struct policy_spec *sb,
		 struct diff *ret);
void diff_done(struct diff *d);
