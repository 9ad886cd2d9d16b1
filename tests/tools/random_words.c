/*
 * Where choices come from, and the words that random policies and requests are
 * made of.
 */
#include "tests/tools/random_policy.h"

#include <string.h>

struct choices
choices_from_seed(uint64_t seed)
{
	return (struct choices){ .state = seed * 2 + 1 };
}

struct choices
choices_from_bytes(const uint8_t *data, size_t len)
{
	return (struct choices){ .data = data, .len = len };
}

/* splitmix64, https://prng.di.unimi.it/splitmix64.c (public domain) */
static uint64_t
next(struct choices *c)
{
	uint64_t z = c->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

unsigned int
choose(struct choices *c, unsigned int n)
{
	if (n < 2)
		return 0;
	if (!c->data)
		return (unsigned int)(next(c) % n);
	if (!c->len)
		return 0;
	c->len--;
	return *c->data++ % n;
}

bool
chance(struct choices *c, unsigned int percent)
{
	return choose(c, 100) >= 100 - percent;
}

#define PICK(c, list) ((list)[choose(c, ARRAY_SIZE(list))])

static const char *const names[] = { "a", "b",	"ab",	   "get_a", "get_b",
				     "",  "eu", "eu-west", "A" };
static const char *const globs[] = { "a", "*",	"get_*", "a?", "**",
				     "?", "*b", "get_?", "eu*" };
static const char *const hosts[] = {
	"example.org",	 "a.example.org",  "x.a.example.org",
	"b.example.org", "EXAMPLE.org.",   "10.0.0.1",
	"::1",		 "0::1",	   "a..b",
	"127.1",	 "badexample.org", "localhost"
};
static const char *const host_patterns[] = {
	"example.org", "a.example.org", "*.example.org", "*.a.example.org",
	"*",	       "10.0.0.1",	"::1",		 "A.Example.Org"
};
static const char *const paths[] = { "/a",	  "/a/b",  "/a/b/c",  "/b",
				     "/",	  "/a/",   "/a/../b", "//a",
				     "/a/%2e./b", "/ab",   "/%61/b",  "/a%2Fb",
				     "/a%252Fb",  "/a/c%", "/%2Fa" };
static const char *const path_globs[] = { "/a/**", "/a",    "/a/*", "**",
					  "/*",	   "/**/c", "/a/b", "/a?" };
static const char *const addresses[] = { "10.0.0.1", "10.1.2.3",
					 "11.0.0.1", "::1",
					 "fd00::1",  "::ffff:10.0.0.1",
					 "10.1" };
static const char *const nets[] = { "10.0.0.0/8", "10.0.0.0/16", "10.0.0.1",
				    "::1",	  "fd00::/8",	 "0.0.0.0/0",
				    "::/0" };
static const char *const regexes[] = { "[a-z]+", "a|b",	    "get_.*",
				       ".*",	 "(?!a).+", "a?b?" };
static const char *const people[] = { "ann", "bob", "owner", "agent" };
static const char *const labels[] = { "l0", "l1", "l2", "l3", "lx" };

const char *
random_label(struct choices *c)
{
	return labels[choose(c, RANDOM_LABELS)];
}

const char *
random_word(struct choices *c, enum attr a)
{
	const char *const *words = attr_words(a);
	unsigned int n = 0;

	switch (attr_kind(a)) {
	case KIND_WORD:
		while (words[n])
			n++;
		return words[choose(c, n)];
	case KIND_PATH:
		return PICK(c, paths);
	case KIND_HOST:
		return PICK(c, hosts);
	case KIND_ADDR:
		return PICK(c, addresses);
	case KIND_LABELS:
		return PICK(c, labels);
	case KIND_LIST:
		return PICK(c, people);
	default:
		return PICK(c, names);
	}
}

const char *
random_pattern(struct choices *c, enum cond_op op, enum attr a)
{
	switch (op) {
	case OP_GLOB:
		return attr_kind(a) == KIND_PATH ? PICK(c, path_globs)
						 : PICK(c, globs);
	case OP_HOST:
		return PICK(c, host_patterns);
	case OP_CIDR:
		return PICK(c, nets);
	case OP_REGEX:
		return PICK(c, regexes);
	default:
		return attr_kind(a) == KIND_LABELS ? random_label(c)
						   : random_word(c, a);
	}
}
