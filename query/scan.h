#pragma once
/* Pieces of canonical JSON, as policy/inputs.c writes it: no blanks, ASCII. For
 * the reader of input documents. */
#include "policy/request.h"

struct scan {
	const char *s;
	size_t len, at;
	char *text; /* of decoded strings; has room for len bytes */
	size_t n_text;
};

static inline bool
scan_at(const struct scan *c, char ch)
{
	return c->at < c->len && c->s[c->at] == ch;
}
/* Steps over the word if it is there. */
bool scan_take(struct scan *c, const char *word);
/* A string, decoded into text. 0 or -EBADMSG, as all of these. */
int scan_string(struct scan *c, const char **ret, size_t *ret_len);
/* INT, or REAL if it has "." or an exponent. */
int scan_number(struct scan *c, struct value *ret);
