/*
 * The table that index.c looks into. What always holds: of the keys of one
 * rule no two can be found by the same request, so that no rule is looked at
 * twice; a rule without a usable key is among those that are always looked at.
 */
#include "policy/build-internal.h"

#include <string.h>

/* A key of a rule. key NULL: always looked at. */
struct build_key {
	uint64_t hash;
	uint32_t surface, rule;
	uint32_t key, key_len;
	bool any;
};

/* The match on that attribute, if all its values are strings. */
static const struct flat_cond *
match_on(const struct build *b, const struct flat_rule *r, enum attr a)
{
	const struct flat_cond *c = b->conds.data;

	if (!r->n_match) /* there may be no conditions at all */
		return NULL;
	c += r->cond;
	for (uint16_t i = 0; i < r->n_match; i++)
		if (c[i].attr == a &&
		    (c[i].op == OP_EQ || c[i].op == OP_IN ||
		     c[i].op == OP_GLOB || c[i].op == OP_HOST))
			return &c[i];
	return NULL;
}

static int
add_key(struct build *b, uint32_t surface, uint32_t rule, const char *key,
	size_t len)
{
	struct build_key *k = build_grow(b, &b->keys, 1, sizeof(*k),
					 POLICY_SIZE_MAX / 16, "keys");

	if (!k)
		return b->e->code;
	k->surface = surface;
	k->rule = rule;
	k->any = !key;
	if (!key)
		return 0;
	k->hash = index_hash(surface, key, len);
	k->key_len = (uint32_t)len;
	return build_text_n(b, key, len, &k->key);
}

/* The part of a value that a request is looked up by; -ENOENT: none. */

static int
host_key(const char *s, size_t n, const char **ret, size_t *ret_n)
{
	if (n == 1 && *s == '*')
		return -ENOENT;
	*ret = s;
	*ret_n = n;
	if (*s == '*') { /* "*.example.com" is found by ".example.com" */
		*ret = s + 1;
		*ret_n = n - 1;
	}
	return 0;
}

/* Up to the folder above the first wildcard. */
static int
path_key(bool glob, const char *s, size_t n, const char **ret, size_t *ret_n)
{
	size_t plain = glob ? strcspn(s, "*?\\[") : n;

	*ret = s;
	*ret_n = n;
	if (plain >= n)
		return 0;
	while (plain && s[plain - 1] != '/')
		plain--;
	if (!plain)
		return -ENOENT;
	*ret_n = plain - 1;
	return 0;
}

static int
name_key(bool glob, const char *s, size_t n, const char **ret, size_t *ret_n)
{
	if (glob && strcspn(s, "*?\\[") < n)
		return -ENOENT;
	*ret = s;
	*ret_n = n;
	return 0;
}

static int
value_key(const struct flat_cond *c, const char *s, size_t n, const char **ret,
	  size_t *ret_n)
{
	bool glob = c->op == OP_GLOB;

	switch (attr_kind((enum attr)c->attr)) {
	case KIND_HOST:
		return host_key(s, n, ret, ret_n);
	case KIND_PATH:
		return path_key(glob, s, n, ret, ret_n);
	default:
		return name_key(glob, s, n, ret, ret_n);
	}
}

/* Is the key k found by everything that finds s? */
static bool
key_covers(enum attr_kind kind, const char *k, size_t k_n, const char *s,
	   size_t n)
{
	if (k_n > n)
		return false;
	if (k_n == n)
		return memcmp(k, s, n) == 0;
	if (kind == KIND_HOST)
		return k_n && *k == '.' && memcmp(k, s + n - k_n, k_n) == 0;
	if (kind == KIND_PATH)
		return memcmp(k, s, k_n) == 0 && s[k_n] == '/';
	return false;
}

/* True if another value's key finds it too: the earlier one of equals stays. */
static bool
is_covered(const struct build *b, const struct flat_cond *c, uint32_t i,
	   const char *key, size_t len)
{
	const struct flat_value *v =
		(const struct flat_value *)b->values.data + c->value;
	const char *pool = b->text.data, *k;
	size_t n;

	for (uint32_t j = 0; j < c->n_value; j++) {
		if (j == i ||
		    value_key(c, pool + v[j].text, v[j].len, &k, &n) < 0)
			continue;
		if (n == len && j > i && memcmp(k, key, n) == 0)
			continue;
		if (key_covers(attr_kind((enum attr)c->attr), k, n, key, len))
			return true;
	}
	return false;
}

/* False: some value has no key. */
static bool
all_keyed(const struct build *b, const struct flat_cond *c)
{
	const struct flat_value *v =
		(const struct flat_value *)b->values.data + c->value;
	const char *pool = b->text.data, *k;
	size_t n;

	for (uint32_t i = 0; i < c->n_value; i++)
		if (v[i].type != RULE_STRING ||
		    value_key(c, pool + v[i].text, v[i].len, &k, &n) < 0)
			return false;
	return c->n_value > 0;
}

/* prefix, then the key; add_key() moves the pool, so the key is copied. */
static int
copy_key(struct build *b, uint32_t surface, uint32_t rule, const char *prefix,
	 size_t prefix_n, const char *key, size_t n)
{
	char buf[2 * POLICY_TEXT_MAX + 2];

	memcpy(buf, prefix, prefix_n);
	memcpy(buf + prefix_n, key, n);
	return add_key(b, surface, rule, buf, prefix_n + n);
}

static int
add_value_keys(struct build *b, const struct flat_cond *c, uint32_t surface,
	       uint32_t rule, const char *prefix, size_t prefix_n)
{
	const struct flat_value *v =
		(const struct flat_value *)b->values.data + c->value;
	int r = 0;

	for (uint32_t i = 0; i < c->n_value && r >= 0; i++) {
		const char *key;
		size_t n;

		if (value_key(c, (const char *)b->text.data + v[i].text,
			      v[i].len, &key, &n) == 0 &&
		    !is_covered(b, c, i, key, n))
			r = copy_key(b, surface, rule, prefix, prefix_n, key,
				     n);
	}
	return r;
}

/* Server and tool, or the server alone. */
static int
add_tool_keys(struct build *b, const struct flat_cond *server,
	      const struct flat_cond *tool, uint32_t rule)
{
	const struct flat_value *v =
		(const struct flat_value *)b->values.data + server->value;
	int r = 0;

	if (!tool || !all_keyed(b, tool))
		return add_value_keys(b, server, SURFACE_TOOLS, rule, "", 0);
	for (uint32_t i = 0; i < server->n_value && r >= 0; i++) {
		char prefix[POLICY_TEXT_MAX + 2];
		const char *key = (const char *)b->text.data + v[i].text;

		if (is_covered(b, server, i, key, v[i].len))
			continue;
		memcpy(prefix, key, v[i].len);
		prefix[v[i].len] = 1;
		r = add_value_keys(b, tool, SURFACE_TOOLS, rule, prefix,
				   v[i].len + 1);
	}
	return r;
}

int
build_keys(struct build *b, const struct rule *r, uint32_t i)
{
	const struct flat_rule *f = (const struct flat_rule *)b->rules.data + i;
	enum surface s = (enum surface)f->surface;
	const struct flat_cond *c = match_on(b, f, index_attr(s));

	(void)r;
	if (!c || !all_keyed(b, c))
		return add_key(b, s, i, NULL, 0);
	if (s == SURFACE_TOOLS)
		return add_tool_keys(b, c, match_on(b, f, ATTR_TOOL), i);
	return add_value_keys(b, c, s, i, "", 0);
}

/* By surface; those that are always looked at first; then by key and rule. */
static int
by_key(const void *x, const void *y)
{
	const struct build_key *a = x, *b = y;

	if (a->surface != b->surface)
		return a->surface < b->surface ? -1 : 1;
	if (a->any != b->any)
		return a->any ? -1 : 1;
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return a->rule < b->rule ? -1 : a->rule > b->rule;
}

static int
add_item(struct build *b, uint32_t rule)
{
	uint32_t *i = build_grow(b, &b->items, 1, sizeof(*i),
				 POLICY_SIZE_MAX / 16, "index entries");

	if (!i)
		return b->e->code;
	*i = rule;
	return 0;
}

static void
put_slot(struct build *b, const struct build_key *k, uint32_t item, uint32_t n)
{
	struct flat_slot *slots = b->slots.data;
	uint32_t i = (uint32_t)k->hash & b->head.slot_mask;

	while (slots[i].hash)
		i = (i + 1) & b->head.slot_mask;
	slots[i] = (struct flat_slot){ .hash = k->hash,
				       .key = k->key,
				       .key_len = k->key_len,
				       .item = item,
				       .n_item = n,
				       .surface = k->surface };
}

/* All rules of each surface, for requests that no key can find. */
static int
list_all(struct build *b)
{
	const struct flat_rule *f = b->rules.data;

	for (uint32_t s = 0; s < SURFACE_MAX; s++) {
		b->head.all[s].off = (uint32_t)b->items.n;
		for (uint32_t i = 0; i < b->rules.n; i++)
			if (f[i].surface == s && add_item(b, i) < 0)
				return b->e->code;
		b->head.all[s].n = (uint32_t)b->items.n - b->head.all[s].off;
	}
	return 0;
}

static int
make_slots(struct build *b)
{
	size_t want = 8;

	while (want < 2 * b->keys.n)
		want *= 2;
	if (!build_grow(b, &b->slots, want, sizeof(struct flat_slot),
			POLICY_SIZE_MAX / 64, "index slots"))
		return b->e->code;
	b->head.slot_mask = (uint32_t)want - 1;
	return 0;
}

int
build_index(struct build *b)
{
	struct build_key *k = b->keys.data;
	int r = list_all(b);

	if (r >= 0)
		r = make_slots(b);
	if (r < 0 || !b->keys.n)
		return r;
	qsort(k, b->keys.n, sizeof(*k), by_key);
	for (size_t i = 0, j; i < b->keys.n && r >= 0; i = j) {
		uint32_t first = (uint32_t)b->items.n;

		for (j = i; j < b->keys.n && r >= 0; j++) {
			if (k[j].surface != k[i].surface ||
			    k[j].any != k[i].any || k[j].hash != k[i].hash ||
			    k[j].key != k[i].key)
				break;
			r = add_item(b, k[j].rule);
		}
		if (k[i].any)
			b->head.scan[k[i].surface] = (struct flat_span){
				first, (uint32_t)b->items.n - first
			};
		else
			put_slot(b, &k[i], first, (uint32_t)b->items.n - first);
	}
	return r;
}
