/*
 * Globs, host names, paths and addresses: what matches, and which pattern takes
 * in another. What always holds: a subject that two readers could understand
 * differently (an odd spelling of an address, "..", an empty label) is refused
 * here and so becomes unknown; work is bounded; "covers" says yes only when it
 * is proved.
 */
#include "policy/policy-internal.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define GLOB_STEPS 1000000u
#define HOST_MAX 253 /* RFC 1035, 2.3.4 in text */
#define LABEL_MAX 63

/* Globs */

enum atom { ATOM_END, ATOM_BYTE, ATOM_ONE, ATOM_STAR, ATOM_DEEP };

/* The atom at *p, which is moved behind it. */
static enum atom
atom_next(const char **p, unsigned char *ret_byte)
{
	const char *s = *p;

	if (!*s)
		return ATOM_END;
	*p = s + 1;
	if (*s == '?')
		return ATOM_ONE;
	if (*s == '*') {
		if (s[1] != '*')
			return ATOM_STAR;
		*p = s + 1 + strspn(s + 1, "*");
		return ATOM_DEEP;
	}
	if (*s == '\\' && s[1])
		*p = ++s + 1;
	*ret_byte = (unsigned char)*s;
	return ATOM_BYTE;
}

/* Bytes of the character there; what is no UTF-8 is taken byte by byte. */
static size_t
one_char(const char *s, size_t len)
{
	unsigned char c = (unsigned char)*s;
	size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1, n = 1;

	while (n < want && n < len && ((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* Where to go on when it does not fit: behind a star, one byte later. */
struct retry {
	const char *pattern;
	size_t at;
};

static bool
retry_star(struct retry *r, const char *s, size_t len)
{
	if (!r->pattern || r->at >= len || s[r->at] == '/')
		return false;
	r->at++;
	return true;
}

static bool
retry_deep(struct retry *r, size_t len)
{
	if (!r->pattern || r->at >= len)
		return false;
	r->at++;
	return true;
}

/* The last "*" and the last "**" are enough: whatever an earlier one would take
 * more, these can take instead. */
enum truth
glob_match(const char *pattern, const char *s, size_t len)
{
	struct retry star = { NULL, 0 }, deep = { NULL, 0 };
	size_t at = 0;

	for (unsigned int step = 0; step < GLOB_STEPS; step++) {
		unsigned char byte = 0;
		enum atom a = atom_next(&pattern, &byte);

		if (a == ATOM_STAR) {
			star = (struct retry){ pattern, at };
		} else if (a == ATOM_DEEP) {
			deep = (struct retry){ pattern, at };
			star.pattern = NULL;
		} else if (a == ATOM_END && at == len) {
			return IS_TRUE;
		} else if (a == ATOM_BYTE && at < len &&
			   (unsigned char)s[at] == byte) {
			at++;
		} else if (a == ATOM_ONE && at < len && s[at] != '/') {
			at += one_char(s + at, len - at);
		} else if (retry_star(&star, s, len)) {
			pattern = star.pattern;
			at = star.at;
		} else if (retry_deep(&deep, len)) {
			pattern = deep.pattern;
			at = deep.at;
			star.pattern = NULL;
		} else {
			return IS_FALSE;
		}
	}
	return IS_UNKNOWN;
}

const char *
glob_check(const char *s)
{
	size_t n = strlen(s);

	if (!n)
		return "is empty";
	if (n > POLICY_TEXT_MAX)
		return "is too long";
	if (strstr(s, "***"))
		return "has more than two \"*\" in a row";
	for (const char *p = s; *p; p++)
		if (*p == '\\' && !*++p)
			return "ends with a \"\\\" that quotes nothing";
	return NULL;
}

struct atoms {
	size_t n;
	uint8_t kind[POLICY_TEXT_MAX];
	uint8_t byte[POLICY_TEXT_MAX];
};

static bool
atoms_read(struct atoms *t, const char *s)
{
	unsigned char byte = 0;
	enum atom a;

	t->n = 0;
	while ((a = atom_next(&s, &byte)) != ATOM_END) {
		if (t->n == POLICY_TEXT_MAX)
			return false;
		t->kind[t->n] = (uint8_t)a;
		t->byte[t->n++] = byte;
	}
	return true;
}

/* Does that atom of a take in that one of b? A "?" of a and a byte of b: only
 * below 0x80, where both are one byte. */
static bool
atom_covers(const struct atoms *a, size_t i, const struct atoms *b, size_t j)
{
	if (a->kind[i] == ATOM_BYTE)
		return b->kind[j] == ATOM_BYTE && a->byte[i] == b->byte[j];
	if (b->kind[j] == ATOM_BYTE)
		return b->byte[j] != '/' && b->byte[j] < 0x80;
	return b->kind[j] == ATOM_ONE;
}

static bool
star_covers(uint8_t star, const struct atoms *b, size_t j)
{
	return star == ATOM_DEEP ||
	       (b->kind[j] != ATOM_DEEP &&
		!(b->kind[j] == ATOM_BYTE && b->byte[j] == '/'));
}

/* One row: does a from atom i on cover b from each of its atoms on? next is the
 * row of i + 1. */
static void
cover_row(const struct atoms *a, size_t i, const struct atoms *b,
	  const uint8_t *next, uint8_t *row)
{
	bool star = a->kind[i] == ATOM_STAR || a->kind[i] == ATOM_DEEP;

	row[b->n] = star && next[b->n];
	for (size_t j = b->n; j-- > 0;) {
		if (star)
			row[j] = next[j] ||
				 (row[j + 1] && star_covers(a->kind[i], b, j));
		else
			row[j] = next[j + 1] && atom_covers(a, i, b, j);
	}
}

bool
glob_covers(const char *a, const char *b)
{
	struct atoms ta, tb;
	uint8_t row[2][POLICY_TEXT_MAX + 1] = { { 0 } };

	if (strcmp(a, b) == 0)
		return true;
	if (!atoms_read(&ta, a) || !atoms_read(&tb, b) ||
	    (ta.n + 1) * (tb.n + 1) > GLOB_STEPS)
		return false;
	row[ta.n & 1][tb.n] = 1;
	for (size_t i = ta.n; i-- > 0;)
		cover_row(&ta, i, &tb, row[~i & 1], row[i & 1]);
	return row[0][0];
}

/* Addresses */

static int
addr_text(const char *s, size_t len, struct rule_value *v)
{
	char text[INET6_ADDRSTRLEN];

	if (len >= sizeof(text) || memchr(s, '\0', len))
		return -EINVAL;
	memcpy(text, s, len);
	text[len] = '\0';
	v->type = RULE_CIDR;
	v->family = memchr(s, ':', len) ? 6 : 4;
	v->bits = v->family == 6 ? 128 : 32;
	if (inet_pton(v->family == 6 ? AF_INET6 : AF_INET, text, v->addr) != 1)
		return -EINVAL;
	return 0;
}

/* An IPv4 address in IPv6 clothes is the IPv4 address (RFC 4291, 2.5.5.2). */
static void
addr_unmap(struct rule_value *v)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (v->family != 6 || v->bits < 96 ||
	    memcmp(v->addr, mapped, sizeof(mapped)) != 0)
		return;
	memmove(v->addr, v->addr + 12, 4);
	memset(v->addr + 4, 0, 12);
	v->family = 4;
	v->bits = (uint8_t)(v->bits - 96);
}

int
addr_parse(const char *s, size_t len, struct rule_value *ret)
{
	struct rule_value v = { .type = RULE_CIDR };
	int r = addr_text(s, len, &v);

	if (r < 0)
		return r;
	addr_unmap(&v);
	*ret = v;
	return 0;
}

static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	unsigned int bytes = bits / 8, rest = bits % 8;

	if (memcmp(a, b, bytes) != 0)
		return false;
	return !rest || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

bool
cidr_match(const struct flat_value *v, const struct rule_value *addr)
{
	return v->family == addr->family && v->bits <= addr->bits &&
	       same_bits(v->addr, addr->addr, v->bits);
}

static bool
host_bits_clear(const struct rule_value *v)
{
	unsigned int all = v->family == 6 ? 128 : 32;

	for (unsigned int i = v->bits; i < all; i++)
		if (v->addr[i / 8] >> (7 - i % 8) & 1)
			return false;
	return true;
}

int
cidr_parse(const char *s, struct rule_value *ret)
{
	struct rule_value v = { .type = RULE_CIDR };
	size_t len = strcspn(s, "/");
	uint64_t bits;
	int r = addr_text(s, len, &v);

	if (r < 0)
		return r;
	if (s[len] == '/') {
		const char *n = s + len + 1;

		/* one spelling only: no "/08" */
		if (str_to_u64(n, &bits) < 0 || bits > v.bits ||
		    (n[0] == '0' && n[1]))
			return -EINVAL;
		v.bits = (uint8_t)bits;
	}
	if (!host_bits_clear(&v))
		return -EINVAL;
	addr_unmap(&v);
	*ret = v;
	return 0;
}

/* Hosts */

static bool
is_digits(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] < '0' || s[i] > '9')
			return false;
	return n > 0;
}

/* Would a resolver take it for a number: all digits, or 0x...? */
static bool
is_number(const char *s, size_t n)
{
	return is_digits(s, n) || (n >= 2 && s[0] == '0' && s[1] == 'x');
}

static const char *
last_label(const char *s, size_t len, size_t *ret_n)
{
	const char *dot = memrchr(s, '.', len);
	const char *p = dot ? dot + 1 : s;

	*ret_n = len - (size_t)(p - s);
	return p;
}

/* Of what is in normal form. */
static bool
is_address(const char *s, size_t len)
{
	size_t n;
	const char *last = last_label(s, len, &n);

	return memchr(s, ':', len) || is_number(last, n);
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Copies in lower case and looks at bytes and labels. */
static bool
labels_good(const char *s, size_t len, char *buf)
{
	size_t label = 0;

	for (size_t i = 0; i < len; i++) {
		char c = lower(s[i]);

		buf[i] = c;
		if (c == '.') {
			if (!label)
				return false;
			label = 0;
		} else if (++label > LABEL_MAX ||
			   !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			     c == '-' || c == '_')) {
			return false;
		}
	}
	buf[len] = '\0';
	return label > 0;
}

/* Addresses have many spellings; a rule must not be passed by another one. */
static int
address_normal(const char *s, size_t len, char buf[256])
{
	struct rule_value v;

	if (addr_parse(s, len, &v) < 0 ||
	    !inet_ntop(v.family == 6 ? AF_INET6 : AF_INET, v.addr, buf, 256))
		return -EINVAL;
	return (int)strlen(buf);
}

int
host_normal(const char *s, size_t len, char buf[256])
{
	if (len && s[len - 1] == '.')
		len--;
	if (!len || len > HOST_MAX)
		return -EINVAL;
	if (memchr(s, ':', len))
		return address_normal(s, len, buf);
	if (!labels_good(s, len, buf))
		return -EINVAL;
	if (is_address(buf, len))
		return address_normal(s, len, buf);
	return (int)len;
}

bool
host_match(const char *pattern, const char *host, size_t len)
{
	size_t n = strlen(pattern);

	if (pattern[0] != '*')
		return n == len && memcmp(pattern, host, n) == 0;
	if (n == 1)
		return true;
	/* "*.example.com": the dot and what follows */
	pattern++;
	n--;
	return len > n && memcmp(host + len - n, pattern, n) == 0 &&
	       !is_address(host, len);
}

/* Under which anybody can have a name: "com", "co.uk". */
static bool
is_public_suffix(const char *s, size_t len)
{
	static const char *const second[] = { "co",  "com", "org", "net",
					      "gov", "edu", "ac",  "or",
					      "ne",  "go",  NULL };
	const char *dot = memchr(s, '.', len);
	char first[4] = "";

	if (!dot)
		return true;
	if (len - (size_t)(dot + 1 - s) != 2 || dot - s > 3)
		return false;
	memcpy(first, s, (size_t)(dot - s));
	return str_in(first, second);
}

const char *
host_pattern_check(const char *s)
{
	bool wild = str_starts(s, "*.");
	const char *name = wild ? s + 2 : s;
	char buf[256];
	int n;

	if (strcmp(s, "*") == 0)
		return NULL;
	if (!*name)
		return "is empty";
	if (strchr(name, '*'))
		return "has a \"*\" that is not its whole first label";
	n = host_normal(name, strlen(name), buf);
	if (n < 0)
		return "is not a host name";
	if (!wild)
		return NULL;
	if (is_address(buf, (size_t)n))
		return "is a wildcard over addresses";
	if (!memchr(buf, '.', (size_t)n))
		return "is a wildcard over a whole top-level domain";
	if (is_public_suffix(buf, (size_t)n))
		return "is a wildcard over a public suffix";
	return NULL;
}

bool
host_pattern_covers(const char *a, const char *b)
{
	bool wild_a = str_starts(a, "*."), wild_b = str_starts(b, "*.");
	char na[256], nb[256];
	int la, lb;

	if (strcmp(a, "*") == 0)
		return true;
	a += wild_a ? 2 : 0;
	b += wild_b ? 2 : 0;
	la = host_normal(a, strlen(a), na);
	lb = host_normal(b, strlen(b), nb);
	if (la < 0 || lb < 0)
		return false;
	if (la == lb && memcmp(na, nb, (size_t)la) == 0)
		return wild_a == wild_b;
	return wild_a && lb > la + 1 && nb[lb - la - 1] == '.' &&
	       memcmp(nb + lb - la, na, (size_t)la) == 0 &&
	       !is_address(nb, (size_t)lb);
}

/* Paths */

/* The length of a separator there, in any spelling that some server takes for
 * one; 0: none. */
static size_t
separator(const char *s, size_t len)
{
	if (*s == '/' || *s == '\\')
		return 1;
	if (len >= 3 &&
	    (strncasecmp(s, "%2f", 3) == 0 || strncasecmp(s, "%5c", 3) == 0))
		return 3;
	return 0;
}

static size_t
dot(const char *s, size_t len)
{
	if (*s == '.')
		return 1;
	return len >= 3 && strncasecmp(s, "%2e", 3) == 0 ? 3 : 0;
}

/* "..", "." and "//" mean another path than they spell, and in a URL "%2e" may
 * be a dot (WHATWG URL, 4.4). */
bool
path_is_plain(const char *s, size_t len)
{
	size_t dots = 0, n;
	bool other = false;

	if (!len || memchr(s, '\0', len) || memmem(s, len, "//", 2))
		return false;
	for (size_t i = 0; i < len; i += n) {
		n = separator(s + i, len - i);
		if (n) {
			if (!other && (dots == 1 || dots == 2))
				return false;
			dots = 0;
			other = false;
			continue;
		}
		n = dot(s + i, len - i);
		dots += n != 0;
		other = other || !n;
		n = n ? n : 1;
	}
	return other || dots == 0 || dots > 2;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "%XX" stands for there, or -1. */
static int
coded(const char *s, size_t len)
{
	int hi, lo;

	if (len < 3 || *s != '%')
		return -1;
	hi = hex_digit(s[1]);
	lo = hex_digit(s[2]);
	return hi < 0 || lo < 0 ? -1 : hi * 16 + lo;
}

int
path_decode(const char *s, size_t len, char *buf)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = coded(s + i, len - i);

		buf[n++] = c < 0 ? s[i] : (char)c;
		i += c < 0 ? 0 : 2;
	}
	for (size_t i = 0; i < n; i++)
		if (coded(buf + i, n - i) >= 0)
			return -EINVAL;
	return path_is_plain(buf, n) ? (int)n : -EINVAL;
}
