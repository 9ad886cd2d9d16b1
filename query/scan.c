/*
 * Strings and numbers of canonical JSON. What always holds: decoded text is
 * never longer than its source; nothing beyond len is looked at.
 */
#include "query/scan.h"

#include "lib/macro.h"

#include <math.h>
#include <string.h>

#define REAL_MAX 40

bool
scan_take(struct scan *c, const char *word)
{
	size_t n = strlen(word);

	if (c->len - c->at < n || memcmp(c->s + c->at, word, n) != 0)
		return false;
	c->at += n;
	return true;
}

/* Strings */

static int
hex_unit(struct scan *c, unsigned long *ret)
{
	unsigned long v = 0;

	if (c->len - c->at < 4)
		return -EBADMSG;
	for (int i = 0; i < 4; i++) {
		char ch = c->s[c->at++];

		if (ch >= '0' && ch <= '9')
			v = v << 4 | (unsigned long)(ch - '0');
		else if (ch >= 'a' && ch <= 'f')
			v = v << 4 | (unsigned long)(ch - 'a' + 10);
		else
			return -EBADMSG;
	}
	*ret = v;
	return 0;
}

static void
add_utf8(struct scan *c, unsigned long v)
{
	static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	char *p = c->text + c->n_text;
	size_t n = v < 0x80 ? 1 : v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;

	c->n_text += n;
	for (size_t i = n - 1; i > 0; i--, v >>= 6)
		p[i] = (char)(0x80 | (v & 0x3f));
	p[0] = (char)(first[n] | v);
}

/* Behind "\u". Surrogates come in pairs. */
static int
take_unit(struct scan *c)
{
	unsigned long v, low;

	if (hex_unit(c, &v) < 0 || (v >= 0xdc00 && v < 0xe000))
		return -EBADMSG;
	if (v >= 0xd800 && v < 0xdc00) {
		if (!scan_take(c, "\\u") || hex_unit(c, &low) < 0 ||
		    low < 0xdc00 || low > 0xdfff)
			return -EBADMSG;
		v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
	}
	add_utf8(c, v);
	return 0;
}

static int
take_escape(struct scan *c)
{
	if (scan_take(c, "u"))
		return take_unit(c);
	if (scan_take(c, "n"))
		add_utf8(c, '\n');
	else if (scan_take(c, "\""))
		add_utf8(c, '"');
	else if (scan_take(c, "\\"))
		add_utf8(c, '\\');
	else
		return -EBADMSG;
	return 0;
}

int
scan_string(struct scan *c, const char **ret, size_t *ret_len)
{
	size_t start = c->n_text;

	if (!scan_take(c, "\""))
		return -EBADMSG;
	while (!scan_at(c, '"')) {
		unsigned char ch;

		if (c->at == c->len)
			return -EBADMSG;
		ch = (unsigned char)c->s[c->at++];
		if (ch == '\\' ? take_escape(c) < 0 : ch < 0x20 || ch > 0x7e)
			return -EBADMSG;
		if (ch != '\\')
			c->text[c->n_text++] = (char)ch;
	}
	c->at++;
	*ret = c->text + start;
	*ret_len = c->n_text - start;
	return 0;
}

/* Numbers */

static int
take_real(struct scan *c, size_t n, struct value *v)
{
	char buf[REAL_MAX + 1], *end;

	memcpy(buf, c->s + c->at, n);
	buf[n] = '\0';
	v->type = VALUE_REAL;
	v->r = strtod(buf, &end);
	c->at += n;
	return *end || !isfinite(v->r) ? -EBADMSG : 0;
}

static int
digits(const char *s, size_t n, uint64_t *ret)
{
	uint64_t v = 0;

	if (!n || n > 19 || (n > 1 && s[0] == '0'))
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -EBADMSG;
		v = v * 10 + (uint64_t)(s[i] - '0');
	}
	*ret = v;
	return 0;
}

static bool
is_number_char(char c)
{
	return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' ||
	       c == 'e';
}

int
scan_number(struct scan *c, struct value *v)
{
	const char *s = c->s + c->at;
	bool minus = scan_at(c, '-');
	size_t n = 0;
	uint64_t u;

	while (c->at + n < c->len && is_number_char(s[n]))
		n++;
	if (n <= minus || n > REAL_MAX)
		return -EBADMSG;
	if (memchr(s, '.', n) || memchr(s, 'e', n))
		return take_real(c, n, v);
	if (digits(s + minus, n - minus, &u) < 0 ||
	    u > (uint64_t)INT64_MAX + minus || (minus && !u))
		return -EBADMSG;
	c->at += n;
	v->type = VALUE_INT;
	v->i = minus ? (int64_t)(0 - u) : (int64_t)u;
	return 0;
}
