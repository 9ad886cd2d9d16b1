/*
 * Strict parsing. strtoul() and friends take signs, spaces, bases and partial
 * matches; what a profile or a command line says must mean one thing only, so
 * numbers are read digit by digit and every overflow is an error.
 */
#include "lib/str.h"

#include <limits.h>
#include <stdarg.h>
#include <string.h>

#define SUGGEST_MAX 64 /* longer words are not typing errors */

struct unit {
	const char *name;
	uint64_t factor;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits at s; the number in *ret, the first other byte in *ret_end. */
static int
parse_digits(const char *s, uint64_t *ret, const char **ret_end)
{
	uint64_t v = 0;

	if (!is_digit(*s))
		return -EINVAL;
	for (; is_digit(*s); s++)
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -ERANGE;
	*ret = v;
	*ret_end = s;
	return 0;
}

static int
parse_unit(const char *s, const struct unit *units, size_t n, uint64_t *ret)
{
	const char *end;
	uint64_t v;
	int r;

	if (!s)
		return -EINVAL;
	r = parse_digits(s, &v, &end);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(end, units[i].name))
			continue;
		if (__builtin_mul_overflow(v, units[i].factor, &v))
			return -ERANGE;
		*ret = v;
		return 0;
	}
	return -EINVAL;
}

int
str_to_u64(const char *s, uint64_t *ret)
{
	static const struct unit none[] = { { "", 1 } };

	return parse_unit(s, none, ARRAY_SIZE(none), ret);
}

int
str_to_size(const char *s, uint64_t *ret)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "K", UINT64_C(1) << 10 },
		{ "M", UINT64_C(1) << 20 },
		{ "G", UINT64_C(1) << 30 },
		{ "T", UINT64_C(1) << 40 },
	};

	return parse_unit(s, units, ARRAY_SIZE(units), ret);
}

int
str_to_usec(const char *s, uint64_t *ret)
{
	static const struct unit units[] = {
		{ "", UINT64_C(1000000) },
		{ "ms", UINT64_C(1000) },
		{ "s", UINT64_C(1000000) },
		{ "m", UINT64_C(60) * 1000000 },
		{ "h", UINT64_C(3600) * 1000000 },
		{ "d", UINT64_C(86400) * 1000000 },
	};

	return parse_unit(s, units, ARRAY_SIZE(units), ret);
}

/* Integer arithmetic: one decimal needs no floating point in a static binary
 * that starts in microseconds. */
const char *
str_from_size(uint64_t bytes, char *buf, size_t size)
{
	static const char suffix[] = "KMGT";
	unsigned int shift = 0, i = 0;
	uint64_t whole, tenth;

	if (bytes < 1024) {
		snprintf(buf, size, "%uB", (unsigned int)bytes);
		return buf;
	}
	while (shift < 40 && bytes >> shift >= 1024)
		shift += 10;
	i = shift / 10 - 1;
	whole = bytes >> shift;
	tenth = ((bytes & ((UINT64_C(1) << shift) - 1)) * 10) >> shift;
	snprintf(buf, size, "%llu.%u%c", (unsigned long long)whole,
		 (unsigned int)tenth, suffix[i]);
	return buf;
}

bool
str_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

bool
str_in(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(s, *list))
			return true;
	return false;
}

char *
str_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

bool
str_is_name(const char *s)
{
	size_t n = 0;

	if (!s || *s == '.' || *s == '-')
		return false;
	for (; s[n]; n++) {
		char c = s[n];

		if (n == 64)
			return false;
		if (!is_digit(c) && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z') && c != '.' && c != '_' && c != '-')
			return false;
	}
	return n > 0;
}

bool
str_is_clean_path(const char *s)
{
	if (!s || *s != '/' || strnlen(s, PATH_MAX) >= PATH_MAX)
		return false;
	if (!s[1])
		return true;
	while (*s) {
		const char *c = s + 1; /* s is at a slash */
		size_t n = strcspn(c, "/");

		if (!n || (n == 1 && c[0] == '.') ||
		    (n == 2 && c[0] == '.' && c[1] == '.'))
			return false;
		s = c + n;
	}
	return true;
}

/* Length of the UTF-8 sequence at s (RFC 3629: no overlong forms, no
 * surrogates, at most U+10FFFF), its code point in *ret; 0 when invalid. */
static size_t
utf8_decode(const unsigned char *s, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n;
	uint32_t c;

	if (s[0] < 0x80) {
		*ret = s[0];
		return 1;
	}
	if ((s[0] & 0xe0) == 0xc0)
		n = 2;
	else if ((s[0] & 0xf0) == 0xe0)
		n = 3;
	else if ((s[0] & 0xf8) == 0xf0)
		n = 4;
	else
		return 0;
	c = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) { /* stops at the NUL at the latest */
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return n;
}

/* C0, DEL, C1 (a terminal may take U+009B for ESC [), line separators, and the
 * marks that turn the direction of text around. */
static bool
is_steering(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c ||
	       c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

const char *
str_escape(const char *s, char *buf, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = (const unsigned char *)s;
	size_t len = 0,
	       fit = 0; /* fit: the last end that leaves room for ... */

	if (!size)
		return buf;
	while (*p) {
		char out[16];
		uint32_t c;
		size_t in = utf8_decode(p, &c), n = 0;

		if (in && !is_steering(c)) {
			memcpy(out, p, in);
			n = in;
		} else {
			in = in ? in : 1;
			for (size_t i = 0; i < in; i++) {
				out[n++] = '\\';
				out[n++] = 'x';
				out[n++] = hex[p[i] >> 4];
				out[n++] = hex[p[i] & 15];
			}
		}
		if (len + 4 <= size)
			fit = len;
		if (len + n + 1 > size) {
			snprintf(buf + fit, size - fit, "...");
			return buf;
		}
		memcpy(buf + len, out, n);
		len += n;
		p += in;
	}
	buf[len] = '\0';
	return buf;
}

/* Optimal string alignment: insert, delete, replace, or swap neighbours. */
static size_t
edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned char d[SUGGEST_MAX + 1][SUGGEST_MAX + 1];

	for (size_t i = 0; i <= na; i++)
		d[i][0] = (unsigned char)i;
	for (size_t j = 0; j <= nb; j++)
		d[0][j] = (unsigned char)j;
	for (size_t i = 1; i <= na; i++) {
		for (size_t j = 1; j <= nb; j++) {
			unsigned int v =
				d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			v = MIN(v, d[i - 1][j] + 1u);
			v = MIN(v, d[i][j - 1] + 1u);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				v = MIN(v, d[i - 2][j - 2] + 1u);
			d[i][j] = (unsigned char)v;
		}
	}
	return d[na][nb];
}

const char *
str_suggest(const char *s, const char *const *list)
{
	size_t n = strnlen(s, SUGGEST_MAX + 1), best;
	const char *found = NULL;

	if (!n || n > SUGGEST_MAX)
		return NULL;
	best = MIN(MAX(n / 3, 1u), 3u) + 1;
	for (; *list; list++) {
		size_t m = strnlen(*list, SUGGEST_MAX + 1), d;

		if (m > SUGGEST_MAX)
			continue;
		d = edit_distance(s, n, *list, m);
		if (d < best) {
			best = d;
			found = *list;
		}
	}
	return found;
}

int
strv_take(struct strv *sv, char *s)
{
	char **v;

	if (!s)
		return -ENOMEM;
	v = reallocarray(sv->v, sv->n + 2, sizeof(*v));
	if (!v) {
		free(s);
		return -ENOMEM;
	}
	v[sv->n++] = s;
	v[sv->n] = NULL;
	sv->v = v;
	return 0;
}

int
strv_add(struct strv *sv, const char *s)
{
	return strv_take(sv, strdup(s));
}

bool
strv_has(const struct strv *sv, const char *s)
{
	for (size_t i = 0; i < sv->n; i++)
		if (!strcmp(sv->v[i], s))
			return true;
	return false;
}

void
strv_done(struct strv *sv)
{
	for (size_t i = 0; i < sv->n; i++)
		free(sv->v[i]);
	free(sv->v);
	sv->v = NULL;
	sv->n = 0;
}
