/*
 * Conditions in their flat form. What always holds: a host is in lower case
 * without its last dot, so that comparing is comparing bytes; a label is a bit.
 */
#include "policy/build-internal.h"

#include <string.h>

/* As host_normal(), for patterns and parts of names too. */
static int
add_host(struct build *b, const char *s, struct flat_value *v)
{
	char buf[POLICY_TEXT_MAX + 1];
	size_t n = strlen(s);
	int normal = host_normal(s, n, buf);

	if (normal >= 0) {
		v->len = (uint32_t)normal;
		return build_text_n(b, buf, v->len, &v->text);
	}
	n -= n > 1 && s[n - 1] == '.';
	for (size_t i = 0; i < n; i++)
		buf[i] = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] + 32) : s[i];
	v->len = (uint32_t)n;
	return build_text_n(b, buf, n, &v->text);
}

static int
add_value(struct build *b, const struct rule_cond *c, bool host,
	  const struct rule_value *rv, struct flat_value *v)
{
	v->type = (uint8_t)rv->type;
	v->regex = FLAT_NONE;
	v->lo = rv->type == RULE_BOOL ? rv->b : rv->lo;
	v->hi = rv->hi;
	v->r = rv->type == RULE_REAL ? rv->r : 0;
	v->family = rv->family;
	v->bits = rv->bits;
	memcpy(v->addr, rv->addr, sizeof(v->addr));
	if (rv->type != RULE_STRING)
		return build_text_n(b, "", 0, &v->text);
	if (c->op == OP_REGEX)
		v->regex = b->head.n_regexes++;
	if (host && c->op != OP_REGEX)
		return add_host(b, rv->s, v);
	v->len = (uint32_t)strlen(rv->s);
	return build_text(b, rv->s, &v->text);
}

static int
add_values(struct build *b, const struct rule_cond *c, uint8_t attr,
	   uint32_t *ret_first)
{
	bool host = attr_kind((enum attr)attr) == KIND_HOST || c->op == OP_HOST;
	struct flat_value *v;
	int r = 0;

	*ret_first = (uint32_t)b->values.n;
	v = build_grow(b, &b->values, c->n, sizeof(*v), POLICY_SIZE_MAX / 64,
		       "values");
	if (!v)
		return b->e->code;
	for (size_t i = 0; i < c->n && r >= 0; i++)
		r = add_value(b, c, host, &c->v[i], &v[i]);
	return r;
}

/* "/a~1b/0" to segments. */
static int
add_segments(struct build *b, const char *rest, struct flat_cond *f)
{
	f->seg = (uint32_t)b->segments.n;
	while (*rest == '/') {
		struct flat_text *t;
		char name[POLICY_TEXT_MAX + 1];
		size_t n = 0;

		for (rest++; *rest && *rest != '/'; rest++) {
			char ch = *rest;

			if (ch == '~' && (rest[1] == '0' || rest[1] == '1'))
				ch = *++rest == '0' ? '~' : '/';
			if (n < POLICY_TEXT_MAX)
				name[n++] = ch;
		}
		t = build_grow(b, &b->segments, 1, sizeof(*t),
			       POLICY_SIZE_MAX / 16, "pointers");
		if (!t)
			return b->e->code;
		t->len = (uint32_t)n;
		if (build_text_n(b, name, n, &t->off) < 0)
			return b->e->code;
		f->n_seg++;
	}
	return 0;
}

static int
set_pointer(struct build *b, const char *pointer, struct flat_cond *f)
{
	const char *rest;
	int a = attr_from_pointer(pointer, &rest), r;

	f->attr = (uint8_t)a;
	r = add_segments(b, rest, f);
	if (r >= 0 && f->n_seg > REQUEST_DEPTH_MAX)
		return err_set(b->e, -E2BIG, "%.160s: deeper than %d", pointer,
			       REQUEST_DEPTH_MAX);
	return r < 0 ? r : build_text(b, pointer, &f->pointer);
}

static int
set_reference(struct build *b, const struct rule *r, const struct rule_cond *c,
	      struct flat_cond *f)
{
	int step;

	if (c->op == OP_COUNT) {
		f->ref = b->head.n_windows++;
		return build_text(b, c->name, &f->name);
	}
	if (c->op != OP_SEEN)
		return 0;
	step = build_step_nr(b, c->name);
	if (step < 0)
		return build_fail(b, r, "no rule does the step \"%.80s\"",
				  c->name);
	f->ref = (uint32_t)step;
	return build_text(b, c->name, &f->name);
}

static void
set_labels(const struct build *b, const struct rule_cond *c,
	   struct flat_cond *f)
{
	if (f->attr != ATTR_RUN_LABELS && f->attr != ATTR_DATA_LABELS)
		return;
	for (size_t i = 0; i < c->n; i++) {
		int bit = c->v[i].s ? build_label(b, c->v[i].s) : -ENOENT;

		if (bit >= 0)
			f->set |= UINT64_C(1) << bit;
	}
}

int
build_cond(struct build *b, const struct rule *r, const struct rule_cond *c)
{
	struct flat_cond f = { .op = (uint8_t)c->op,
			       .attr = ATTR_MAX,
			       .max = c->max,
			       .window_us = c->window_us };
	struct flat_cond *at;
	int res = 0;

	if (c->op == OP_TIME) {
		f.days = c->time.days;
		f.from_min = c->time.from_min;
		f.to_min = c->time.to_min;
		f.offset_min = c->time.offset_min;
	}
	if (c->pointer)
		res = set_pointer(b, c->pointer, &f);
	if (res >= 0 && c->pointer) {
		f.n_value = (uint32_t)c->n;
		res = add_values(b, c, f.attr, &f.value);
		set_labels(b, c, &f);
	}
	if (res >= 0)
		res = set_reference(b, r, c, &f);
	if (res < 0)
		return res;
	at = build_grow(b, &b->conds, 1, sizeof(*at),
			POLICY_RULES_MAX * POLICY_CONDS_MAX, "conditions");
	if (!at)
		return b->e->code;
	*at = f;
	return 0;
}

int
build_amount(struct build *b, const char *pointer, uint32_t *ret)
{
	struct rule_value yes = { .type = RULE_BOOL, .b = true };
	const struct rule_cond c = { .op = OP_EXISTS,
				     .pointer = (char *)(uintptr_t)pointer,
				     .v = &yes,
				     .n = 1 };

	*ret = (uint32_t)b->conds.n;
	return build_cond(b, NULL, &c);
}
