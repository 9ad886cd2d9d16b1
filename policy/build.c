/*
 * From rules to the flat form. What always holds: rules, labels and steps are
 * put into an order of their own before anything is written, so that the same
 * rules make the same bytes in whatever order they came, but for the file names
 * at the end of the pool, which the hash leaves out.
 */
#include "policy/build-internal.h"

#include <stdarg.h>
#include <string.h>

int
build_fail(struct build *b, const struct rule *r, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	b->failed = r ? (int)(r - b->s->rule) : -1;
	return err_set(b->e, -EINVAL, "rule %.160s: %s",
		       r && r->id ? r->id : "?", text);
}

/* Names in order */

static int
by_name(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static int
find_name(const char *const *v, size_t n, const char *name)
{
	const char *const *at =
		n ? bsearch(&name, v, n, sizeof(*v), by_name) : NULL;

	return at ? (int)(at - v) : -ENOENT;
}

int
build_label(const struct build *b, const char *name)
{
	return find_name(b->label, b->n_labels, name);
}

int
build_step_nr(const struct build *b, const char *name)
{
	return find_name(b->step, b->n_steps, name);
}

/* Sorts and removes doubles; an error when more than max are left. */
static int
sort_names(struct build *b, const char **v, size_t *n, size_t max,
	   const char *what)
{
	size_t out = 0;

	qsort(v, *n, sizeof(*v), by_name);
	for (size_t i = 0; i < *n; i++)
		if (!out || strcmp(v[out - 1], v[i]))
			v[out++] = v[i];
	*n = out;
	if (out > max)
		return err_set(b->e, -E2BIG, "%zu %s; at most %zu", out, what,
			       max);
	return 0;
}

static int
collect_names(struct build *b)
{
	const struct policy_spec *s = b->s;
	int r;

	b->label = calloc(s->labels.n + 1, sizeof(*b->label));
	b->step = calloc(s->n_rules + 1, sizeof(*b->step));
	if (!b->label || !b->step)
		return err_set(b->e, -ENOMEM, "out of memory");
	for (size_t i = 0; i < s->labels.n; i++)
		b->label[b->n_labels++] = s->labels.v[i];
	for (size_t i = 0; i < s->n_rules; i++)
		if (s->rule[i].step)
			b->step[b->n_steps++] = s->rule[i].step;
	r = sort_names(b, b->label, &b->n_labels, POLICY_LABELS_MAX, "labels");
	return r < 0 ? r
		     : sort_names(b, b->step, &b->n_steps, POLICY_STEPS_MAX,
				  "steps");
}

static int
add_names(struct build *b, struct grow *g, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct flat_text *t = build_grow(b, g, 1, sizeof(*t),
						 POLICY_LABELS_MAX, "names");

		if (!t)
			return b->e->code;
		t->len = (uint32_t)strlen(v[i]);
		if (build_text(b, v[i], &t->off) < 0)
			return b->e->code;
	}
	return 0;
}

/* Levels */

static int
add_levels(struct build *b)
{
	for (size_t i = 0; i < b->s->n_levels; i++) {
		const struct level *l = &b->s->level[i];
		struct flat_level *f = build_grow(b, &b->levels, 1, sizeof(*f),
						  POLICY_LEVELS_MAX, "levels");

		if (!f)
			return b->e->code;
		if (l->kind == LEVEL_HOST && l->mode == MODE_OBSERVE)
			return err_set(b->e, -EINVAL,
				       "the host policy cannot only observe");
		f->kind = (uint8_t)l->kind;
		f->mode = (uint8_t)l->mode;
		f->ceiling = (uint8_t)l->ceiling;
		f->inherits = l->inherits;
		if (build_text(b, l->name, &f->name) < 0)
			return b->e->code;
	}
	if (!b->s->n_levels)
		return err_set(b->e, -EINVAL, "a policy needs a level");
	return 0;
}

/* Rules */

/* One rule on one surface, to be sorted. */
struct place {
	const struct rule *r;
	unsigned int surface;
};

static int
by_place(const void *x, const void *y)
{
	const struct place *a = x, *b = y;
	int d = strcmp(a->r->id, b->r->id);

	if (d)
		return d;
	if (a->r->level != b->r->level)
		return a->r->level < b->r->level ? -1 : 1;
	return a->surface < b->surface ? -1 : a->surface > b->surface;
}

static int
by_pointer(const void *x, const void *y)
{
	const struct rule_cond *const *a = x, *const *b = y;

	return strcmp((*a)->pointer ? (*a)->pointer : "",
		      (*b)->pointer ? (*b)->pointer : "");
}

/* Match in the order of pointers, since that of an object's keys means
 * nothing; when as the author has it. */
static int
add_conds(struct build *b, const struct rule *r)
{
	const struct rule_cond *match[POLICY_CONDS_MAX] = { NULL };
	int res = 0;

	for (size_t i = 0; i < r->n_match; i++)
		match[i] = &r->match[i];
	/* pointers are what is sorted */
	qsort(match, r->n_match,
	      sizeof(match[0]), /* NOLINT(bugprone-sizeof-expression) */
	      by_pointer);
	for (size_t i = 0; i < r->n_match && res >= 0; i++)
		res = build_cond(b, r, match[i]);
	for (size_t i = 0; i < r->n_when && res >= 0; i++)
		res = build_cond(b, r, &r->when[i]);
	return res;
}

static uint64_t
label_set(const struct build *b, const struct strv *names)
{
	uint64_t set = 0;

	for (size_t i = 0; i < names->n; i++)
		set |= UINT64_C(1) << build_label(b, names->v[i]);
	return set;
}

static int
add_redacts(struct build *b, const struct rule *r, struct flat_rule *f)
{
	f->redact = (uint32_t)b->redacts.n;
	f->n_redact = (uint32_t)r->redact.n;
	for (size_t i = 0; i < r->redact.n; i++) {
		uint32_t off, *at;

		if (build_text(b, r->redact.v[i], &off) < 0)
			return b->e->code;
		at = build_grow(b, &b->redacts, 1, sizeof(*at),
				POLICY_SIZE_MAX / 16, "redactions");
		if (!at)
			return b->e->code;
		*at = off;
	}
	return 0;
}

static int
add_limits(struct build *b, const struct rule *r, struct flat_rule *f)
{
	f->use = f->rate = f->budget = f->budget_cond = f->step = FLAT_NONE;
	f->not_after_us = r->not_after_us;
	f->max_uses = r->max_uses;
	if (r->max_uses)
		f->use = b->head.n_uses++;
	f->rate_max = r->rate.max;
	f->rate_us = r->rate.window_us;
	if (r->rate.max)
		f->rate = b->head.n_windows++;
	if (r->step)
		f->step = (uint32_t)build_step_nr(b, r->step);
	if (!r->budget.pointer)
		return 0;
	f->budget = b->head.n_windows++;
	f->budget_max = r->budget.max;
	f->budget_us = r->budget.window_us;
	return build_amount(b, r->budget.pointer, &f->budget_cond);
}

/* All of a rule but its surface and where it was written. */
static int
flatten_rule(struct build *b, const struct rule *r, struct flat_rule *f)
{
	int res = build_check(b, r);

	if (res < 0)
		return res;
	f->effect = (uint8_t)r->effect;
	f->level = (uint8_t)r->level;
	f->mode = (uint8_t)r->mode;
	f->restricts = r->restricts;
	f->tls_pass = r->tls_pass;
	f->labels_add = label_set(b, &r->labels_add);
	f->labels_clear = label_set(b, &r->labels_clear);
	f->line = r->line;
	f->cond = (uint32_t)b->conds.n;
	f->n_match = (uint16_t)r->n_match;
	f->n_cond = (uint16_t)(r->n_match + r->n_when);
	if (build_text(b, r->id, &f->id) < 0 ||
	    build_text(b, r->because, &f->because) < 0)
		return b->e->code;
	res = add_conds(b, r);
	if (res >= 0)
		res = add_limits(b, r, f);
	return res < 0 ? res : add_redacts(b, r, f);
}

/* limit and redact say how, not what: a host that limits one tool has not
 * denied all others. */
static void
note_grant(const struct build *b, const struct flat_rule *f)
{
	struct flat_level *l = (struct flat_level *)b->levels.data + f->level;

	if ((f->effect == EFFECT_ALLOW || f->effect == EFFECT_ASK) &&
	    !f->restricts)
		l->grants |= 1u << f->surface;
}

static struct place *
make_places(struct build *b, size_t *ret_n)
{
	size_t n = 0, max = b->s->n_rules * SURFACE_MAX;
	struct place *v = calloc(max + 1, sizeof(*v));

	if (!v) {
		err_set(b->e, -ENOMEM, "out of memory");
		return NULL;
	}
	for (size_t i = 0; i < b->s->n_rules; i++) {
		const struct rule *r = &b->s->rule[i];

		if (!r->id || !(r->on & ON_ALL)) {
			build_check(b, r);
			free(v);
			return NULL;
		}
		for (unsigned int s = 0; s < SURFACE_MAX; s++)
			if (r->on >> s & 1)
				v[n++] = (struct place){ r, s };
	}
	qsort(v, n, sizeof(*v), by_place);
	*ret_n = n;
	return v;
}

/* The surfaces of one rule share conditions and counters. */
static int
add_places(struct build *b, const struct place *v, size_t n)
{
	struct flat_rule last;

	for (size_t i = 0; i < n; i++) {
		const struct rule *r = v[i].r;
		struct flat_rule *f;

		if (i && v[i - 1].r != r && v[i - 1].r->level == r->level &&
		    !strcmp(v[i - 1].r->id, r->id))
			return build_fail(b, r, "the id is taken already");
		if (!i || v[i - 1].r != r) {
			memset(&last, 0, sizeof(last));
			if (flatten_rule(b, r, &last) < 0)
				return b->e->code;
		}
		f = build_grow(b, &b->rules, 1, sizeof(*f), POLICY_RULES_MAX,
			       "rules");
		if (!f)
			return b->e->code;
		*f = last;
		f->surface = (uint8_t)v[i].surface;
		b->head.surfaces |= 1u << f->surface;
		note_grant(b, f);
		if (build_keys(b, r, (uint32_t)b->rules.n - 1) < 0)
			return b->e->code;
	}
	return 0;
}

/* Names of files come last in the pool. */
static int
add_files(struct build *b, const struct place *v, size_t n)
{
	b->head.text_hashed = (uint32_t)b->text.n;
	for (size_t i = 0; i < n; i++) {
		struct flat_rule *f = (struct flat_rule *)b->rules.data + i;

		if (build_text(b, v[i].r->file, &f->file) < 0)
			return b->e->code;
	}
	return 0;
}

/* Marks what an OP_COUNT counts; what does not exist cannot be counted. */
static int
mark_counted(struct build *b)
{
	const struct flat_cond *c = b->conds.data;
	struct flat_rule *f = b->rules.data;

	for (size_t i = 0; i < b->conds.n; i++) {
		bool found = false;

		if (c[i].op != OP_COUNT)
			continue;
		for (size_t k = 0; k < b->rules.n; k++)
			if (f[k].id == c[i].name) {
				f[k].counted = true;
				found = true;
			}
		if (!found)
			return err_set(b->e, -EINVAL,
				       "count: no rule has the id \"%.160s\"",
				       (const char *)b->text.data + c[i].name);
	}
	return 0;
}

/* Triggers */

static int
add_trigger(struct build *b, const struct trigger *t)
{
	struct flat_trigger *f = build_grow(b, &b->triggers, 1, sizeof(*f),
					    POLICY_TRIGGERS_MAX, "triggers");
	bool found = t->on != TRIGGER_RULE;

	if (!f)
		return b->e->code;
	f->on = t->on;
	f->surfaces = t->surfaces;
	f->count = t->count;
	f->window_us = t->window_us;
	for (size_t i = 0; i < t->labels.n; i++)
		if (build_label(b, t->labels.v[i]) < 0)
			return err_set(b->e, -EINVAL,
				       "freeze: label \"%.64s\" is not defined",
				       t->labels.v[i]);
	f->labels = label_set(b, &t->labels);
	for (size_t i = 0; i < b->s->n_rules && !found; i++)
		found = t->rule && !strcmp(b->s->rule[i].id, t->rule);
	if (!found)
		return err_set(b->e, -EINVAL,
			       "freeze: no rule has the id \"%.160s\"",
			       t->rule ? t->rule : "");
	if (!t->count || !(t->surfaces & ON_ALL) || t->on >= TRIGGER_MAX)
		return err_set(b->e, -EINVAL, "freeze: nothing to count");
	if (build_text(b, t->rule, &f->rule_id) < 0)
		return b->e->code;
	return build_text(b, t->because, &f->because);
}

static int
add_triggers(struct build *b)
{
	for (size_t i = 0; i < b->s->n_triggers; i++)
		if (add_trigger(b, &b->s->trigger[i]) < 0)
			return b->e->code;
	return 0;
}

/* The whole */

static int
start_labels(struct build *b)
{
	for (size_t i = 0; i < b->s->labels_start.n; i++)
		if (build_label(b, b->s->labels_start.v[i]) < 0)
			return err_set(b->e, -EINVAL,
				       "label \"%.64s\" is not defined",
				       b->s->labels_start.v[i]);
	b->head.labels_start = label_set(b, &b->s->labels_start);
	return 0;
}

static int
fill(struct build *b)
{
	_cleanup_free_ struct place *v = NULL;
	size_t n = 0;
	int r = collect_names(b);

	if (r >= 0)
		r = build_text(b, "", &b->head.name); /* offset 0 */
	if (r >= 0)
		r = build_text(b, b->s->name, &b->head.name);
	if (r >= 0)
		r = start_labels(b);
	if (r >= 0)
		r = add_levels(b);
	if (r < 0)
		return r;
	v = make_places(b, &n);
	if (!v)
		return b->e->code;
	r = add_places(b, v, n);
	if (r >= 0)
		r = add_names(b, &b->labels, b->label, b->n_labels);
	if (r >= 0)
		r = add_names(b, &b->steps, b->step, b->n_steps);
	if (r >= 0)
		r = mark_counted(b);
	if (r >= 0)
		r = add_triggers(b);
	if (r >= 0)
		r = build_index(b);
	return r < 0 ? r : add_files(b, v, n);
}

static size_t
lay_out(struct flat_span *s, const struct grow *g, size_t size, size_t at)
{
	s->off = (uint32_t)at;
	s->n = (uint32_t)g->n;
	return (at + g->n * size + 7) & ~(size_t)7;
}

static int
write_out(struct build *b, void **ret, size_t *ret_len)
{
	size_t at = (sizeof(b->head) + 7) & ~(size_t)7;
	char *data;

#define ARRAY(name, type, max)                                                 \
	at = lay_out(&b->head.name, &b->name, sizeof(type), at);
	FLAT_ARRAYS(ARRAY)
#undef ARRAY
	if (at > POLICY_SIZE_MAX)
		return err_set(b->e, -E2BIG,
			       "a policy of %zu bytes; at most %u", at,
			       POLICY_SIZE_MAX);
	data = calloc(1, at);
	if (!data)
		return err_set(b->e, -ENOMEM, "out of memory");
	memcpy(b->head.magic, FLAT_MAGIC, sizeof(b->head.magic));
	b->head.size = (uint32_t)at;
	memcpy(data, &b->head, sizeof(b->head));
#define ARRAY(name, type, max)                                                 \
	if (b->name.n)                                                         \
		memcpy(data + b->head.name.off, b->name.data,                  \
		       b->name.n * sizeof(type));
	FLAT_ARRAYS(ARRAY)
#undef ARRAY
	*ret = data;
	*ret_len = at;
	return 0;
}

static void
build_done(struct build *b)
{
#define ARRAY(name, type, max) free(b->name.data);
	FLAT_ARRAYS(ARRAY)
#undef ARRAY
	free(b->keys.data);
	free(b->map.data);
	free(b->label);
	free(b->step);
}

int
policy_build(const struct policy_spec *s, void **ret, size_t *ret_len,
	     int *ret_rule, struct err *e)
{
	struct err own = ERR_INIT;
	struct build b = { .s = s, .e = e ? e : &own, .failed = -1 };
	int r = fill(&b);

	if (r >= 0 && (b.head.n_uses > POLICY_COUNTERS_MAX ||
		       b.head.n_windows > POLICY_COUNTERS_MAX))
		r = err_set(b.e, -E2BIG, "more than %d counters",
			    POLICY_COUNTERS_MAX);
	if (r >= 0)
		r = write_out(&b, ret, ret_len);
	build_done(&b);
	if (ret_rule)
		*ret_rule = b.failed;
	return r;
}

int
policy_make(const struct policy_spec *s, struct policy **ret, int *ret_rule,
	    struct err *e)
{
	_cleanup_free_ void *data = NULL;
	size_t len = 0;
	int r = policy_build(s, &data, &len, ret_rule, e);

	return r < 0 ? r : policy_open_own(TAKE_PTR(data), len, ret, e);
}
