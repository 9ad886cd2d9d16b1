/* The plain reading of conditions. */
#include "tests/tools/decide_ref-internal.h"

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

double
ref_number_of(const struct value *v)
{
	return v->type == VALUE_INT ? (double)v->i : v->r;
}

bool
ref_is_number(const struct value *v)
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
		return ref_is_number(v) ? of(ref_number_of(v) == bound(k))
					: IS_UNKNOWN;
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
	double x = ref_is_number(v) ? ref_number_of(v) : 0;

	if (!ref_is_number(v))
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

bool
ref_is_text(const struct value *v, const char *s)
{
	return v->len == strlen(s) && memcmp(v->s, s, v->len) == 0;
}

static bool
list_has(const struct value *list, const char *s)
{
	for (const struct value *v = list->first; v; v = v->next)
		if (ref_is_text(v, s))
			return true;
	return false;
}

static bool
cond_has(const struct rule_cond *c, const struct value *v)
{
	for (size_t i = 0; i < c->n; i++)
		if (ref_is_text(v, c->v[i].s))
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
ref_value(const struct rule_cond *c, const struct value *v)
{
	if (c->op >= OP_SUBSET && c->op <= OP_INTERSECTS)
		return ref_set(c, v);
	return c->op == OP_NE ? ref_none(c, v) : ref_any(c, v);
}

/* What holds of the path as it is and with its %XX decoded. */
static enum truth
ref_coded(const struct rule_cond *c, const struct value *v)
{
	char buf[REQUEST_STRING_MAX + 1];
	struct value d = { .type = VALUE_STRING };
	enum truth t = ref_value(c, v);

	for (size_t i = 0; i < v->len; i++) {
		char hex[3] = { 0 }, *end = hex;
		unsigned long x = 0;

		if (v->s[i] == '%' && i + 2 < v->len) {
			memcpy(hex, v->s + i + 1, 2);
			x = strtoul(hex, &end, 16);
		}
		buf[d.len++] = end == hex + 2 ? (char)x : v->s[i];
		i += end == hex + 2 ? 2 : 0;
	}
	d.s = buf;
	if (memmem(buf, d.len, "%2", 2)) /* of the vocabulary */
		return IS_UNKNOWN;
	return ref_value(c, &d) == t ? t : IS_UNKNOWN;
}

enum truth
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
	if (!strcmp(c->pointer, "/path") && rq->surface == SURFACE_NETWORK &&
	    v->type == VALUE_STRING && memchr(v->s, '%', v->len) &&
	    c->op != OP_LEN)
		return ref_coded(c, v);
	return ref_value(c, v);
}
