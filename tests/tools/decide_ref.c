/* The plain reading of the rules: see the header. */
#include "tests/tools/decide_ref.h"
#include "policy/policy-internal.h"

#include <string.h>

static enum truth
of(bool b)
{
	return b ? IS_TRUE : IS_FALSE;
}

/* What a string is compared as; NULL: it cannot be judged. */
static const char *
as_text(const struct rule_cond *c, const struct value *v, bool host,
	char buf[REQUEST_STRING_MAX + 1], size_t *len)
{
	const char *rest;
	enum attr a = (enum attr)attr_from_pointer(c->pointer, &rest);
	int n;

	if (v->type != VALUE_STRING || v->len > REQUEST_STRING_MAX)
		return NULL;
	if (attr_kind(a) == KIND_PATH && !path_is_plain(v->s, v->len))
		return NULL;
	if (attr_kind(a) == KIND_HOST || host) {
		n = host_normal(v->s, v->len, buf);
		*len = n < 0 ? 0 : (size_t)n;
		return n < 0 ? NULL : buf;
	}
	memcpy(buf, v->s, v->len);
	*len = v->len;
	return buf;
}

static bool
is_host(const struct rule_cond *c)
{
	const char *rest;
	int a = attr_from_pointer(c->pointer, &rest);

	return attr_kind((enum attr)a) == KIND_HOST || c->op == OP_HOST;
}

/* The constant as it is compared. */
static const char *
constant(const struct rule_cond *c, const struct rule_value *k, char buf[256])
{
	if (is_host(c) && host_normal(k->s, strlen(k->s), buf) >= 0)
		return buf;
	if (!is_host(c))
		return k->s;
	snprintf(buf, 256, "%s", k->s);
	for (char *p = buf; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + 32);
	if (strlen(buf) > 1 && buf[strlen(buf) - 1] == '.')
		buf[strlen(buf) - 1] = '\0';
	return buf;
}

static double
number(const struct value *v)
{
	return v->type == VALUE_INT ? (double)v->i : v->r;
}

static bool
is_number(const struct value *v)
{
	return v->type == VALUE_INT || v->type == VALUE_REAL;
}

static double
bound(const struct rule_value *k)
{
	return k->type == RULE_INT ? (double)k->lo : k->r;
}

static enum truth
ref_equal(const struct rule_cond *c, const struct value *v,
	  const struct rule_value *k)
{
	char buf[REQUEST_STRING_MAX + 1], fixed[256];
	const char *s, *t;
	size_t len;

	if (v->type == VALUE_NULL || k->type == RULE_NULL)
		return of(v->type == VALUE_NULL && k->type == RULE_NULL);
	if (k->type == RULE_BOOL)
		return v->type == VALUE_BOOL ? of(v->b == k->b) : IS_UNKNOWN;
	if (k->type != RULE_STRING)
		return is_number(v) ? of(number(v) == bound(k)) : IS_UNKNOWN;
	s = as_text(c, v, false, buf, &len);
	if (!s)
		return IS_UNKNOWN;
	t = constant(c, k, fixed);
	return of(strlen(t) == len && memcmp(s, t, len) == 0);
}

static enum truth
ref_text(const struct rule_cond *c, const struct value *v,
	 const struct rule_value *k)
{
	char buf[REQUEST_STRING_MAX + 1], fixed[256];
	size_t len, n;
	const char *s = as_text(c, v, c->op == OP_HOST, buf, &len), *t;

	if (!s)
		return IS_UNKNOWN;
	t = constant(c, k, fixed);
	n = strlen(t);
	switch (c->op) {
	case OP_PREFIX:
		return of(len >= n && memcmp(s, t, n) == 0);
	case OP_SUFFIX:
		return of(len >= n && memcmp(s + len - n, t, n) == 0);
	case OP_GLOB:
		return glob_match(t, s, len);
	case OP_HOST:
		return of(host_match(t, s, len));
	default:
		return of(len >= n && memcmp(s, t, n) == 0 &&
			  (len == n || s[n] == '-'));
	}
}

static enum truth
ref_regex(const struct rule_cond *c, const struct value *v,
	  const struct rule_value *k)
{
	char buf[REQUEST_STRING_MAX + 1];
	void *re[1] = { NULL };
	struct policy p = { .regex = re };
	enum truth t = IS_UNKNOWN;
	size_t len;
	const char *s = as_text(c, v, false, buf, &len);

	if (s && regex_compile(k->s, &re[0], NULL) >= 0 &&
	    regex_room(&p.match_data, &p.match_context) >= 0)
		t = regex_match(&p, 0, s, len);
	regex_room_free(p.match_data, p.match_context);
	regex_free(re[0]);
	return t;
}

static enum truth
ref_cidr(const struct rule_cond *c, const struct value *v,
	 const struct rule_value *k)
{
	char buf[REQUEST_STRING_MAX + 1];
	struct flat_value f = { .family = k->family, .bits = k->bits };
	struct rule_value addr;
	size_t len;
	const char *s = as_text(c, v, false, buf, &len);

	memcpy(f.addr, k->addr, sizeof(f.addr));
	if (!s || addr_parse(s, len, &addr) < 0)
		return IS_UNKNOWN;
	return of(cidr_match(&f, &addr));
}

static enum truth
ref_number(const struct rule_cond *c, const struct value *v,
	   const struct rule_value *k)
{
	double x = is_number(v) ? number(v) : 0;

	if (!is_number(v))
		return IS_UNKNOWN;
	switch (c->op) {
	case OP_LT:
		return of(x < bound(k));
	case OP_LE:
		return of(x <= bound(k));
	case OP_GT:
		return of(x > bound(k));
	case OP_GE:
		return of(x >= bound(k));
	default:
		return of(x >= (double)k->lo && x <= (double)k->hi);
	}
}

static enum truth
ref_len(const struct value *v, const struct rule_value *k)
{
	int64_t n;

	if (v->type == VALUE_STRING)
		n = (int64_t)v->len;
	else if (v->type == VALUE_LIST || v->type == VALUE_OBJECT)
		n = (int64_t)v->n;
	else
		return IS_UNKNOWN;
	return of(n >= k->lo && n <= k->hi);
}

static enum truth
ref_one(const struct rule_cond *c, const struct value *v,
	const struct rule_value *k)
{
	switch (c->op) {
	case OP_EQ:
	case OP_NE:
	case OP_IN:
		return ref_equal(c, v, k);
	case OP_CIDR:
		return ref_cidr(c, v, k);
	case OP_REGEX:
		return ref_regex(c, v, k);
	case OP_LEN:
		return ref_len(v, k);
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
	case OP_RANGE:
		return ref_number(c, v, k);
	default:
		return ref_text(c, v, k);
	}
}

/* One of them. */
static enum truth
ref_any(const struct rule_cond *c, const struct value *v)
{
	bool is_false = false, unknown = false;

	for (size_t i = 0; i < c->n; i++) {
		enum truth t = ref_one(c, v, &c->v[i]);

		if (t == IS_TRUE)
			return t;
		if (t == IS_UNKNOWN)
			unknown = true;
		else if (c->v[i].type != RULE_NULL || c->n == 1)
			is_false = true;
	}
	/* Among constants of many types, the one of the right type knows. */
	if (c->op == OP_IN && is_false)
		return IS_FALSE;
	return unknown || !is_false ? IS_UNKNOWN : IS_FALSE;
}

static enum truth
ref_none(const struct rule_cond *c, const struct value *v)
{
	enum truth all = IS_TRUE;

	for (size_t i = 0; i < c->n; i++) {
		enum truth t = ref_one(c, v, &c->v[i]);

		if (t == IS_TRUE)
			return IS_FALSE;
		if (t == IS_UNKNOWN)
			all = t;
	}
	return all;
}

/* Sets */

static bool
strings_only(const struct value *list)
{
	if (list->type != VALUE_LIST)
		return false;
	for (const struct value *v = list->first; v; v = v->next)
		if (v->type != VALUE_STRING)
			return false;
	return true;
}

static bool
is_text(const struct value *v, const char *s)
{
	return v->len == strlen(s) && memcmp(v->s, s, v->len) == 0;
}

static bool
list_has(const struct value *list, const char *s)
{
	for (const struct value *v = list->first; v; v = v->next)
		if (is_text(v, s))
			return true;
	return false;
}

static bool
cond_has(const struct rule_cond *c, const struct value *v)
{
	for (size_t i = 0; i < c->n; i++)
		if (is_text(v, c->v[i].s))
			return true;
	return false;
}

static enum truth
ref_set(const struct rule_cond *c, const struct value *list)
{
	bool all = true, some = false;

	if (!strings_only(list))
		return IS_UNKNOWN;
	for (const struct value *v = list->first; v; v = v->next) {
		all = all && cond_has(c, v);
		some = some || cond_has(c, v);
	}
	if (c->op == OP_SUBSET)
		return of(all);
	if (c->op == OP_DISJOINT)
		return of(!some);
	if (c->op == OP_INTERSECTS)
		return of(some);
	for (size_t i = 0; i < c->n; i++)
		if (!list_has(list, c->v[i].s))
			return IS_FALSE;
	return IS_TRUE;
}

/* Conditions about the run */

static enum truth
ref_time(const struct rule_time *t, int64_t wall_us)
{
	int64_t min = wall_us / 60000000 + t->offset_min, day = min / 1440;
	unsigned int at = (unsigned int)(min % 1440);
	unsigned int today = (unsigned int)((day + 3) % 7),
		     before = (today + 6) % 7;

	if (t->from_min <= t->to_min)
		return of(t->days >> today & 1 && at >= t->from_min &&
			  at < t->to_min);
	return of((t->days >> today & 1 && at >= t->from_min) ||
		  (t->days >> before & 1 && at < t->to_min));
}

static bool
same_text(const struct value *a, const struct value *b)
{
	return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

/* The list from v on. */
static bool
list_has_text(const struct value *v, const struct value *text)
{
	while (v && !same_text(v, text))
		v = v->next;
	return v;
}

static enum truth
ref_approvers(const struct rule_cond *c, const struct request *rq)
{
	const struct value *list = &rq->attr[ATTR_APPROVERS],
			   *owner = &rq->attr[ATTR_RUN_OWNER],
			   *agent = &rq->attr[ATTR_RUN_AGENT];
	unsigned int n = 0;

	if (!strings_only(list) || owner->type != VALUE_STRING ||
	    agent->type != VALUE_STRING)
		return IS_UNKNOWN;
	for (const struct value *v = list->first; v; v = v->next)
		n += v->len && !same_text(v, owner) && !same_text(v, agent) &&
		     !list_has_text(v->next, v);
	return of(n >= c->max);
}

static enum truth
ref_cond(const struct rule_cond *c, const struct request *rq,
	 const struct decide_time *now)
{
	const struct value *v;

	switch (c->op) {
	case OP_TIME:
		return ref_time(&c->time, now->wall_us);
	case OP_COUNT:
		return IS_TRUE;
	case OP_SEEN:
		return IS_FALSE;
	case OP_APPROVERS:
		return ref_approvers(c, rq);
	default:
		break;
	}
	v = request_get(rq, c->pointer);
	if (c->op == OP_EXISTS)
		return of((v != NULL) == c->v[0].b);
	if (!v)
		return IS_UNKNOWN;
	if (c->op >= OP_SUBSET && c->op <= OP_INTERSECTS)
		return ref_set(c, v);
	return c->op == OP_NE ? ref_none(c, v) : ref_any(c, v);
}

/* Rules */

struct verdict {
	enum effect effect;
	const char *rule;
	bool granted; /* by a rule that does more than restrict */
};

static enum truth
ref_conds(const struct rule *r, const struct request *rq,
	  const struct decide_time *now)
{
	enum truth all = IS_TRUE;

	for (size_t i = 0; i < r->n_match + r->n_when; i++) {
		enum truth t =
			ref_cond(i < r->n_match ? &r->match[i]
						: &r->when[i - r->n_match],
				 rq, now);

		if (t == IS_FALSE)
			return t;
		if (t == IS_UNKNOWN)
			all = t;
	}
	return all;
}

/* Nothing was used yet, but an amount may be above the whole budget. */
static bool
ref_spent(const struct rule *r, const struct request *rq,
	  const struct decide_time *now)
{
	const struct value *v;

	if (r->effect < EFFECT_ALLOW || r->effect > EFFECT_ASK)
		return false;
	if (r->not_after_us && now->wall_us > r->not_after_us)
		return true;
	if (!r->budget.pointer)
		return false;
	v = request_get(rq, r->budget.pointer);
	return !v || !is_number(v) || number(v) < 0 ||
	       number(v) > (double)r->budget.max;
}

static uint64_t
label_bits(const struct strv *names)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < names->n; i++)
		bits |= UINT64_C(1) << (names->v[i][1] - '0');
	return bits;
}

static void
raise(struct verdict *at, enum effect effect, const char *rule)
{
	if (effect < at->effect)
		return;
	if (effect == at->effect && at->rule && strcmp(at->rule, rule) < 0)
		return;
	at->effect = effect;
	at->rule = rule;
}

static void
ref_rule(const struct rule *r, const struct request *rq,
	 const struct decide_time *now, struct verdict at[2],
	 struct ref_decision *d)
{
	enum truth t = ref_conds(r, rq, now);
	enum effect effect = r->effect;
	bool spent = ref_spent(r, rq, now);

	if (t == IS_FALSE ||
	    (effect == EFFECT_ALLOW && (t == IS_UNKNOWN || spent)))
		return;
	d->matched++;
	if (spent)
		effect = EFFECT_DENY;
	if (effect < EFFECT_DENY) {
		d->labels_add |= label_bits(&r->labels_add);
		if (t == IS_TRUE && effect >= EFFECT_ALLOW)
			d->labels_clear |= label_bits(&r->labels_clear);
	}
	if (effect == EFFECT_LABEL ||
	    (t == IS_UNKNOWN &&
	     (effect == EFFECT_REDACT || effect == EFFECT_LIMIT)))
		return;
	for (int w = r->mode == MODE_OBSERVE; w < 2; w++) {
		raise(&at[w], effect, r->id);
		if (effect < EFFECT_DENY && !r->restricts)
			at[w].granted = true;
	}
}

/* Levels */

static int
strict(enum effect f)
{
	return f == EFFECT_NONE ? 11 : f < EFFECT_DENY ? (int)f : (int)f + 10;
}

static enum action_class
class_of(const struct request *rq)
{
	const struct value *v = &rq->attr[ATTR_CLASS];

	for (int i = 0; v->type == VALUE_STRING && i < CLASS_MAX; i++)
		if (is_text(v, class_name((enum action_class)i)))
			return (enum action_class)i;
	return CLASS_SPAWN;
}

static bool
grants_on(const struct policy_spec *s, size_t level, enum surface on)
{
	for (size_t i = 0; i < s->n_rules; i++)
		if (s->rule[i].level == level && s->rule[i].on >> on & 1 &&
		    !s->rule[i].restricts &&
		    (s->rule[i].effect == EFFECT_ALLOW ||
		     s->rule[i].effect == EFFECT_ASK))
			return true;
	return false;
}

/* False: it leaves the decision to the others. */
static bool
level_says(const struct policy_spec *s, size_t i, const struct request *rq,
	   bool would, struct verdict *v)
{
	const struct level *l = &s->level[i];

	if (v->effect < EFFECT_DENY && !v->granted &&
	    (!l->inherits || grants_on(s, i, rq->surface)))
		*v = (struct verdict){ .effect = EFFECT_NONE };
	if (v->effect < EFFECT_DENY && class_of(rq) > l->ceiling)
		*v = (struct verdict){ .effect = EFFECT_DENY };
	else if (v->effect == EFFECT_NONE && l->inherits &&
		 !grants_on(s, i, rq->surface))
		return false;
	if (!would && l->mode == MODE_OBSERVE &&
	    strict(v->effect) > EFFECT_REDACT)
		*v = (struct verdict){ .effect = EFFECT_ALLOW };
	return true;
}

static void
stricter(struct verdict *at, const struct verdict *v, bool first)
{
	int d = strict(v->effect) - strict(at->effect);

	if (first || d > 0 ||
	    (d == 0 && v->rule && (!at->rule || strcmp(v->rule, at->rule) < 0)))
		*at = *v;
}

void
ref_decide(const struct policy_spec *s, const struct request *rq,
	   const struct decide_time *now, struct ref_decision *ret)
{
	struct verdict all[2] = { { .effect = EFFECT_NONE },
				  { .effect = EFFECT_NONE } };
	bool any[2] = { false, false };

	*ret = (struct ref_decision){ .rule = "-" };
	for (size_t l = 0; l < s->n_levels; l++) {
		struct verdict at[2] = { { .effect = EFFECT_NONE },
					 { .effect = EFFECT_NONE } };

		for (size_t i = 0; i < s->n_rules; i++)
			if (s->rule[i].level == l &&
			    s->rule[i].on >> rq->surface & 1)
				ref_rule(&s->rule[i], rq, now, at, ret);
		for (int w = 0; w < 2; w++)
			if (level_says(s, l, rq, w, &at[w])) {
				stricter(&all[w], &at[w], !any[w]);
				any[w] = true;
			}
	}
	ret->effect = all[0].effect;
	ret->would = all[1].effect;
	ret->rule = all[0].rule ? all[0].rule : "-";
	if (ret->effect == EFFECT_NONE || ret->effect >= EFFECT_DENY)
		ret->labels_add = ret->labels_clear = 0;
}
