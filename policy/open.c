/*
 * Opening a compiled policy. The bytes may come from anywhere: every offset,
 * count, index and word is checked here, once, so that nothing behind this file
 * has to. What always holds: an opened policy can be decided on without
 * reading outside its bytes, and its hash covers all that a decision depends
 * on and nothing else (not the file and line that a rule came from).
 */
#include "policy/policy-internal.h"
#include "policy/sha256.h"

#include <string.h>

#define ALIGN 8

struct check {
	const struct policy *p;
	struct err *e;
};

static int
bad(const struct check *c, const char *what)
{
	return err_set(c->e, -EBADMSG, "not a policy: %s", what);
}

static bool
text_ok(const struct policy *p, uint32_t off)
{
	return off < p->h->text.n;
}

/* len bytes at off and a NUL behind them. */
static bool
text_len_ok(const struct policy *p, uint32_t off, uint32_t len)
{
	return off < p->h->text.n && len < p->h->text.n - off &&
	       flat_str(p, off)[len] == '\0';
}

static bool
range_ok(uint32_t first, uint32_t n, uint32_t of)
{
	return first <= of && n <= of - first;
}

static bool
index_ok(uint32_t i, uint32_t of)
{
	return i == FLAT_NONE || i < of;
}

static int
check_array(const struct check *c, const struct flat_span *s, size_t size,
	    uint64_t max)
{
	uint64_t end = (uint64_t)s->off + (uint64_t)s->n * size;

	if (s->n > max || s->off % ALIGN || s->off < sizeof(struct flat_head) ||
	    end > c->p->h->size)
		return bad(c, "an array lies outside");
	return 0;
}

static int
check_head(const struct check *c, size_t len)
{
	const struct flat_head *h = c->p->h;

	if (memcmp(h->magic, FLAT_MAGIC, sizeof(h->magic)) != 0 ||
	    h->size != len)
		return bad(c, "wrong magic or size");
#define ARRAY(name, type, max)                                                 \
	if (check_array(c, &h->name, sizeof(type), max) < 0)                   \
		return -EBADMSG;
	FLAT_ARRAYS(ARRAY)
#undef ARRAY
	if (!h->text.n || c->p->base[h->text.off + h->text.n - 1] != '\0')
		return bad(c, "the text has no end");
	if (!text_ok(c->p, h->name) || h->text_hashed > h->text.n)
		return bad(c, "text outside");
	if (!h->levels.n)
		return bad(c, "no level");
	if (h->n_uses > POLICY_COUNTERS_MAX ||
	    h->n_windows > POLICY_COUNTERS_MAX || h->n_regexes > h->values.n)
		return bad(c, "too many counters");
	if (h->slots.n &&
	    (h->slot_mask != h->slots.n - 1 || h->slots.n & h->slot_mask))
		return bad(c, "slots");
	return 0;
}

static int
check_texts(const struct check *c, const struct flat_span *s)
{
	const struct flat_text *t = (const void *)(c->p->base + s->off);

	for (uint32_t i = 0; i < s->n; i++)
		if (!text_len_ok(c->p, t[i].off, t[i].len))
			return bad(c, "text outside");
	return 0;
}

static int
check_levels(const struct check *c)
{
	const struct flat_level *l = flat_levels(c->p);

	for (uint32_t i = 0; i < c->p->h->levels.n; i++)
		if (!text_ok(c->p, l[i].name) || l[i].kind > LEVEL_HANDOFF ||
		    l[i].mode > MODE_OBSERVE || l[i].ceiling >= CLASS_MAX)
			return bad(c, "a level");
	return 0;
}

static bool
rule_refs_ok(const struct flat_head *h, const struct flat_rule *r)
{
	return index_ok(r->use, h->n_uses) && index_ok(r->rate, h->n_windows) &&
	       index_ok(r->budget, h->n_windows) &&
	       index_ok(r->step, h->steps.n) &&
	       index_ok(r->budget_cond, h->conds.n) &&
	       (r->max_uses == 0 || r->use != FLAT_NONE) &&
	       (r->rate_max == 0 || r->rate != FLAT_NONE) &&
	       (r->budget_cond == FLAT_NONE) == (r->budget == FLAT_NONE);
}

static bool
rule_words_ok(const struct flat_head *h, const struct flat_rule *r)
{
	bool grant = r->effect >= EFFECT_ALLOW && r->effect <= EFFECT_ASK &&
		     !r->restricts;

	return r->effect >= EFFECT_LABEL && r->effect < EFFECT_MAX &&
	       r->surface < SURFACE_MAX && r->level < h->levels.n &&
	       r->mode <= MODE_OBSERVE && r->restricts <= 1 &&
	       (!r->tls_pass ||
		(r->tls_pass == 1 && grant && r->surface == SURFACE_NETWORK));
}

static int
check_rules(const struct check *c)
{
	const struct flat_head *h = c->p->h;
	const struct flat_rule *r = flat_rules(c->p);

	for (uint32_t i = 0; i < h->rules.n; i++, r++) {
		if (!text_ok(c->p, r->id) || !text_ok(c->p, r->because) ||
		    !text_ok(c->p, r->file))
			return bad(c, "a rule's text");
		if (!rule_words_ok(h, r))
			return bad(c, "a rule's words");
		if (r->n_cond > POLICY_CONDS_MAX || r->n_match > r->n_cond ||
		    !range_ok(r->cond, r->n_cond, h->conds.n) ||
		    !range_ok(r->redact, r->n_redact, h->redacts.n) ||
		    !rule_refs_ok(h, r))
			return bad(c, "a rule's parts");
	}
	return 0;
}

static bool
cond_refs_ok(const struct flat_head *h, const struct flat_cond *c)
{
	if (c->op == OP_COUNT)
		return c->ref < h->n_windows;
	if (c->op == OP_SEEN)
		return c->ref < h->steps.n;
	if (c->op == OP_TIME)
		return c->offset_min >= -1440 && c->offset_min <= 1440 &&
		       c->from_min <= 1440 && c->to_min <= 1440;
	if (c->op == OP_APPROVERS)
		return true;
	return c->attr < ATTR_MAX;
}

/* At least one value of the type that the operator reads. */
static bool
values_ok(const struct policy *p, const struct flat_cond *c)
{
	const struct flat_value *v = flat_values(p) + c->value;

	for (uint32_t i = 0; i < c->n_value; i++) {
		bool number = v[i].type == RULE_INT || v[i].type == RULE_REAL;
		bool ok = true;

		if (c->op >= OP_LT && c->op <= OP_GE)
			ok = number;
		else if (c->op == OP_RANGE || c->op == OP_LEN)
			ok = v[i].type == RULE_RANGE;
		else if (c->op == OP_CIDR)
			ok = v[i].type == RULE_CIDR;
		else if (c->op == OP_EXISTS)
			ok = v[i].type == RULE_BOOL;
		else if (c->op > OP_IN)
			ok = v[i].type == RULE_STRING;
		else
			ok = v[i].type <= RULE_STRING;
		if (!ok)
			return false;
	}
	return c->n_value || c->op == OP_SUBSET || c->op == OP_SUPERSET ||
	       c->op == OP_DISJOINT || c->op == OP_INTERSECTS ||
	       c->op >= OP_TIME;
}

static int
check_conds(const struct check *c)
{
	const struct flat_head *h = c->p->h;
	const struct flat_cond *d = flat_conds(c->p);

	for (uint32_t i = 0; i < h->conds.n; i++, d++) {
		if (d->op >= OP_MAX || d->attr > ATTR_MAX ||
		    !text_ok(c->p, d->pointer) || !text_ok(c->p, d->name) ||
		    !range_ok(d->seg, d->n_seg, h->segments.n) ||
		    d->n_seg > REQUEST_DEPTH_MAX ||
		    !range_ok(d->value, d->n_value, h->values.n) ||
		    d->n_value > POLICY_VALUES_MAX || !cond_refs_ok(h, d) ||
		    !values_ok(c->p, d))
			return bad(c, "a condition");
	}
	return 0;
}

static int
check_values(const struct check *c)
{
	const struct flat_head *h = c->p->h;
	const struct flat_value *v = flat_values(c->p);

	for (uint32_t i = 0; i < h->values.n; i++, v++) {
		if (v->type > RULE_CIDR ||
		    !text_len_ok(c->p, v->text, v->len) ||
		    !index_ok(v->regex, h->n_regexes) ||
		    (v->type == RULE_REAL && v->r != v->r) ||
		    (v->type == RULE_CIDR &&
		     !(v->family == 4 && v->bits <= 32) &&
		     !(v->family == 6 && v->bits <= 128)))
			return bad(c, "a value");
	}
	return 0;
}

static int
check_index(const struct check *c)
{
	const struct flat_head *h = c->p->h;
	const struct flat_slot *s = FLAT(c->p, slots, struct flat_slot);
	const uint32_t *items = flat_items(c->p);
	uint32_t used = 0;

	for (uint32_t i = 0; i < h->items.n; i++)
		if (items[i] >= h->rules.n)
			return bad(c, "the index");
	for (uint32_t i = 0; i < h->slots.n; i++, s++) {
		used += s->hash != 0;
		if (s->hash && (!text_len_ok(c->p, s->key, s->key_len) ||
				!range_ok(s->item, s->n_item, h->items.n)))
			return bad(c, "a slot");
	}
	/* An empty one ends every search. */
	if (h->slots.n && used == h->slots.n)
		return bad(c, "slots");
	for (int i = 0; i < SURFACE_MAX; i++)
		if (!range_ok(h->scan[i].off, h->scan[i].n, h->items.n) ||
		    !range_ok(h->all[i].off, h->all[i].n, h->items.n))
			return bad(c, "the index");
	return 0;
}

static int
check_rest(const struct check *c)
{
	const struct flat_head *h = c->p->h;
	const struct flat_trigger *t =
		FLAT(c->p, triggers, struct flat_trigger);
	const uint32_t *redact = FLAT(c->p, redacts, uint32_t);

	for (uint32_t i = 0; i < h->redacts.n; i++)
		if (!text_ok(c->p, redact[i]))
			return bad(c, "a redaction");
	for (uint32_t i = 0; i < h->triggers.n; i++)
		if (t[i].on >= TRIGGER_MAX || !text_ok(c->p, t[i].rule_id) ||
		    !text_ok(c->p, t[i].because) || !t[i].count)
			return bad(c, "a trigger");
	return 0;
}

static int
check_all(const struct check *c, size_t len)
{
	int r = check_head(c, len);

	if (r >= 0)
		r = check_texts(c, &c->p->h->segments);
	if (r >= 0)
		r = check_texts(c, &c->p->h->labels);
	if (r >= 0)
		r = check_texts(c, &c->p->h->steps);
	if (r >= 0)
		r = check_levels(c);
	if (r >= 0)
		r = check_rules(c);
	if (r >= 0)
		r = check_values(c);
	if (r >= 0)
		r = check_conds(c);
	if (r >= 0)
		r = check_index(c);
	return r < 0 ? r : check_rest(c);
}

/* The hash */

static void
hash_bytes(struct sha256 *ctx, const void *data, size_t n)
{
	sha256_add(ctx, data, n);
}

static void
hash_span(struct sha256 *ctx, const struct policy *p, const struct flat_span *s,
	  size_t size)
{
	uint32_t n = s->n;

	hash_bytes(ctx, &n, sizeof(n));
	hash_bytes(ctx, p->base + s->off, n * size);
}

static void
hash_rules(struct sha256 *ctx, const struct policy *p)
{
	for (uint32_t i = 0; i < p->h->rules.n; i++) {
		struct flat_rule r = flat_rules(p)[i];

		r.file = r.line = 0;
		hash_bytes(ctx, &r, sizeof(r));
	}
}

static void
hash_policy(const struct policy *p, uint8_t ret[POLICY_HASH_LEN])
{
	struct flat_span text = { p->h->text.off, p->h->text_hashed };
	struct sha256 ctx;

	sha256_init(&ctx);
	hash_bytes(&ctx, p->h->magic, sizeof(p->h->magic));
	hash_bytes(&ctx, &p->h->name, sizeof(p->h->name));
	hash_bytes(&ctx, &p->h->labels_start, sizeof(p->h->labels_start));
	hash_rules(&ctx, p);
	hash_span(&ctx, p, &p->h->levels, sizeof(struct flat_level));
	hash_span(&ctx, p, &p->h->conds, sizeof(struct flat_cond));
	hash_span(&ctx, p, &p->h->values, sizeof(struct flat_value));
	hash_span(&ctx, p, &p->h->segments, sizeof(struct flat_text));
	hash_span(&ctx, p, &p->h->labels, sizeof(struct flat_text));
	hash_span(&ctx, p, &p->h->steps, sizeof(struct flat_text));
	hash_span(&ctx, p, &p->h->redacts, sizeof(uint32_t));
	hash_span(&ctx, p, &p->h->triggers, sizeof(struct flat_trigger));
	hash_span(&ctx, p, &p->h->slots, sizeof(struct flat_slot));
	hash_span(&ctx, p, &p->h->items, sizeof(uint32_t));
	hash_bytes(&ctx, p->h->scan, sizeof(p->h->scan));
	hash_bytes(&ctx, p->h->all, sizeof(p->h->all));
	hash_span(&ctx, p, &text, 1);
	sha256_end(&ctx, ret);
}

/* Opening */

static int
compile_regexes(struct policy *p, struct err *e)
{
	const struct flat_value *v = flat_values(p);

	p->regex = calloc(p->h->n_regexes + 1, sizeof(*p->regex));
	if (!p->regex || (p->h->n_regexes &&
			  regex_room(&p->match_data, &p->match_context) < 0))
		return err_set(e, -ENOMEM, "out of memory");
	for (uint32_t i = 0; i < p->h->values.n; i++) {
		uint32_t n = v[i].regex;
		int r;

		if (n == FLAT_NONE || p->regex[n])
			continue;
		r = regex_compile(flat_str(p, v[i].text), &p->regex[n], e);
		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < p->h->n_regexes; i++)
		if (!p->regex[i])
			return err_set(e, -EBADMSG,
				       "not a policy: a pattern is missing");
	return 0;
}

/* Every OP_REGEX value has a pattern. */
static int
check_regexes(const struct check *c)
{
	const struct flat_cond *d = flat_conds(c->p);
	const struct flat_value *v = flat_values(c->p);

	for (uint32_t i = 0; i < c->p->h->conds.n; i++)
		for (uint32_t k = 0; d[i].op == OP_REGEX && k < d[i].n_value;
		     k++)
			if (v[d[i].value + k].regex == FLAT_NONE)
				return bad(c, "a pattern is missing");
	return 0;
}

static int
open_bytes(struct policy *p, size_t len, struct err *e)
{
	const struct check c = { .p = p, .e = e };
	int r = check_all(&c, len);

	if (r >= 0)
		r = check_regexes(&c);
	return r < 0 ? r : compile_regexes(p, e);
}

static void
policy_free_ptr(struct policy **p)
{
	policy_free(*p);
}

static int
check_size(size_t len, struct err *e)
{
	if (len >= sizeof(struct flat_head) && len <= POLICY_SIZE_MAX)
		return 0;
	return err_set(e, -EBADMSG, "not a policy: %zu bytes", len);
}

int
policy_open_own(void *data, size_t len, struct policy **ret, struct err *e)
{
	_cleanup_(policy_free_ptr) struct policy *p = NULL;
	_cleanup_free_ void *base = data;
	int r = check_size(len, e);

	if (r < 0)
		return r;
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	p->h = base;
	p->base = TAKE_PTR(base);
	r = open_bytes(p, len, e);
	if (r < 0)
		return r;
	hash_policy(p, ((struct flat_head *)data)->hash);
	*ret = TAKE_PTR(p);
	return 0;
}

int
policy_open(const void *data, size_t len, struct policy **ret, struct err *e)
{
	int r = check_size(len, e);
	void *copy = r < 0 ? NULL : malloc(len);

	if (r < 0)
		return r;
	if (!copy)
		return err_set(e, -ENOMEM, "out of memory");
	return policy_open_own(memcpy(copy, data, len), len, ret, e);
}

void
policy_free(struct policy *p)
{
	if (!p)
		return;
	if (p->regex)
		for (uint32_t i = 0; i < p->h->n_regexes; i++)
			regex_free(p->regex[i]);
	free(p->regex);
	regex_room_free(p->match_data, p->match_context);
	free((void *)(uintptr_t)p->base);
	free(p);
}
