/*
 * Conditions and triggers in words, for records and for people. What always
 * holds: the text fits, is shown safely, and is the same for the same policy
 * and request.
 */
#include "policy/policy-internal.h"
#include "policy/text.h"

#include <arpa/inet.h>
#include <string.h>

#define LIST_SHOWN 8

static const struct flat_cond *
cond_of(const struct policy *p, int32_t rule, int32_t cond)
{
	const struct flat_rule *r;

	if (rule < 0 || (uint32_t)rule >= p->h->rules.n || cond < 0)
		return NULL;
	r = flat_rules(p) + rule;
	return cond < r->n_cond ? flat_conds(p) + r->cond + cond : NULL;
}

/* What is expected */

static void
put_cidr(struct text *t, const struct flat_value *v)
{
	char buf[INET6_ADDRSTRLEN];

	if (!inet_ntop(v->family == 6 ? AF_INET6 : AF_INET, v->addr, buf,
		       sizeof(buf)))
		return;
	text_add(t, "%s/%u", buf, v->bits);
}

static void
put_constant(struct text *t, const struct policy *p, const struct flat_value *v)
{
	switch (v->type) {
	case RULE_NULL:
		text_add(t, "null");
		break;
	case RULE_BOOL:
		text_add(t, "%s", v->lo ? "true" : "false");
		break;
	case RULE_INT:
		text_add(t, "%lld", (long long)v->lo);
		break;
	case RULE_REAL:
		text_add(t, "%.17g", v->r);
		break;
	case RULE_RANGE:
		text_add(t, "%lld", (long long)v->lo);
		if (v->hi != v->lo)
			text_add(t, "..%lld", (long long)v->hi);
		break;
	case RULE_CIDR:
		put_cidr(t, v);
		break;
	default:
		text_quote(t, flat_str(p, v->text), v->len);
	}
}

static void
put_constants(struct text *t, const struct policy *p, const struct flat_cond *c,
	      bool list)
{
	const struct flat_value *v = flat_values(p) + c->value;

	if (!list && c->n_value == 1) {
		put_constant(t, p, v);
		return;
	}
	text_put(t, "[", 1);
	for (uint32_t i = 0; i < c->n_value && i < LIST_SHOWN; i++) {
		text_add(t, "%s", i ? ", " : "");
		put_constant(t, p, &v[i]);
	}
	if (c->n_value > LIST_SHOWN)
		text_add(t, ", and %u more", c->n_value - LIST_SHOWN);
	text_put(t, "]", 1);
}

static void
put_days(struct text *t, uint32_t days)
{
	static const char names[][4] = { "mon", "tue", "wed", "thu",
					 "fri", "sat", "sun" };
	bool some = false;

	for (unsigned int i = 0; i < 7; i++) {
		if (!(days >> i & 1))
			continue;
		text_add(t, "%s%s", some ? " " : "", names[i]);
		some = true;
	}
}

static void
expect_time(struct text *t, const struct flat_cond *c)
{
	int off = c->offset_min;
	unsigned int away = (unsigned int)(off < 0 ? -off : off);

	put_days(t, c->days);
	text_add(t, " %02u:%02u-%02u:%02u", c->from_min / 60, c->from_min % 60,
		 c->to_min / 60, c->to_min % 60);
	if (away)
		text_add(t, " %c%02u:%02u", off < 0 ? '-' : '+', away / 60,
			 away % 60);
	else
		text_add(t, " UTC");
}

static void
expect_count(struct text *t, const struct policy *p, const struct flat_cond *c)
{
	const char *id = flat_str(p, c->name);

	text_add(t, "fewer than %llu of rule ", (unsigned long long)c->max);
	text_quote(t, id, strlen(id));
	text_add(t, " within ");
	text_duration(t, c->window_us);
}

/* How an operator reads before its values. */
static const char *
op_words(uint8_t op)
{
	static const char *const words[OP_MAX] = {
		[OP_EQ] = "",
		[OP_NE] = "not ",
		[OP_IN] = "one of ",
		[OP_PREFIX] = "begins with ",
		[OP_SUFFIX] = "ends with ",
		[OP_GLOB] = "matches ",
		[OP_HOST] = "host ",
		[OP_CIDR] = "within ",
		[OP_REGEX] = "matches the regex ",
		[OP_LT] = "< ",
		[OP_LE] = "<= ",
		[OP_GT] = "> ",
		[OP_GE] = ">= ",
		[OP_RANGE] = "within ",
		[OP_LEN] = "length ",
		[OP_SUBSET] = "subset of ",
		[OP_SUPERSET] = "superset of ",
		[OP_DISJOINT] = "disjoint from ",
		[OP_INTERSECTS] = "some of ",
		[OP_REGION] = "in region ",
	};

	return op < OP_MAX && words[op] ? words[op] : "";
}

static bool
is_list_op(uint8_t op)
{
	return op == OP_IN || (op >= OP_SUBSET && op <= OP_INTERSECTS);
}

static void
expect(struct text *t, const struct policy *p, const struct flat_cond *c)
{
	const char *step;

	switch (c->op) {
	case OP_EXISTS:
		text_add(t, "%s",
			 flat_values(p)[c->value].lo ? "there" : "not there");
		break;
	case OP_TIME:
		expect_time(t, c);
		break;
	case OP_COUNT:
		expect_count(t, p, c);
		break;
	case OP_SEEN:
		step = flat_str(p, c->name);
		text_add(t, "after the step ");
		text_quote(t, step, strlen(step));
		break;
	case OP_APPROVERS:
		text_add(t, "at least %llu approvers",
			 (unsigned long long)c->max);
		break;
	default:
		text_add(t, "%s", op_words(c->op));
		put_constants(t, p, c, is_list_op(c->op));
	}
}

void
cond_expected(const struct policy *p, int32_t rule, int32_t cond, char *buf,
	      size_t size)
{
	const struct flat_cond *c = cond_of(p, rule, cond);
	struct text t = text_into(buf, size);

	if (c)
		expect(&t, p, c);
	text_end(&t);
}

const char *
cond_pointer(const struct policy *p, int32_t rule, int32_t cond)
{
	const struct flat_cond *c = cond_of(p, rule, cond);

	if (!c)
		return NULL;
	if (c->attr < ATTR_MAX)
		return flat_str(p, c->pointer);
	return c->op == OP_APPROVERS ? attr_pointer(ATTR_APPROVERS) : "";
}

/* What is there */

static void put_actual(struct text *t, const struct value *v);

static void
put_items(struct text *t, const struct value *list)
{
	size_t i = 0;

	text_put(t, "[", 1);
	for (const struct value *v = list->first; v && i < LIST_SHOWN;
	     v = v->next, i++) {
		text_add(t, "%s", i ? ", " : "");
		if (v->type == VALUE_LIST || v->type == VALUE_OBJECT)
			text_put(t, "...", 3);
		else
			put_actual(t, v);
	}
	if (list->n > LIST_SHOWN)
		text_add(t, ", and %zu more", list->n - LIST_SHOWN);
	text_put(t, "]", 1);
}

static void
put_actual(struct text *t, const struct value *v)
{
	switch (v->type) {
	case VALUE_NONE:
		text_add(t, "missing");
		break;
	case VALUE_NULL:
		text_add(t, "null");
		break;
	case VALUE_BOOL:
		text_add(t, "%s", v->b ? "true" : "false");
		break;
	case VALUE_INT:
		text_add(t, "%lld", (long long)v->i);
		break;
	case VALUE_REAL:
		text_add(t, "%.17g", v->r);
		break;
	case VALUE_STRING:
		text_quote(t, v->s, v->len);
		break;
	case VALUE_LIST:
		put_items(t, v);
		break;
	default:
		text_add(t, "an object of %zu members", v->n);
	}
}

/* The length is what matters, and what it is the length of may be secret. */
static void
put_length(struct text *t, const struct value *v)
{
	bool has = v->type == VALUE_STRING || v->type == VALUE_LIST ||
		   v->type == VALUE_OBJECT;

	if (has)
		text_add(t, "length %zu",
			 v->type == VALUE_STRING ? v->len : v->n);
	else
		put_actual(t, v);
}

void
cond_actual(const struct policy *p, const struct request *rq, int32_t rule,
	    int32_t cond, char *buf, size_t size)
{
	static const struct value none = { .type = VALUE_NONE };
	const struct flat_cond *c = cond_of(p, rule, cond);
	struct text t = text_into(buf, size);
	const struct value *v = &none;

	if (c && c->op == OP_APPROVERS)
		v = &rq->attr[ATTR_APPROVERS];
	else if (c && c->attr < ATTR_MAX)
		v = cond_value(p, c, rq);
	else if (c && c->op == OP_TIME)
		text_add(&t, "another time");
	else if (c && c->op == OP_COUNT)
		text_add(&t, "as many already");
	else if (c && c->op == OP_SEEN)
		text_add(&t, "the step was not done");
	v = v ? v : &none;
	if (c && c->op == OP_LEN)
		put_length(&t, v);
	else if (c && (c->attr < ATTR_MAX || c->op == OP_APPROVERS))
		put_actual(&t, v);
	text_end(&t);
}

/* Triggers */

static void
put_trigger(struct text *t, const struct policy *p,
	    const struct flat_trigger *f)
{
	static const char *const what[TRIGGER_MAX] = {
		[TRIGGER_DENY] = "denials",
		[TRIGGER_ASK] = "questions",
		[TRIGGER_RULE] = "matches of rule ",
		[TRIGGER_REPEAT] = "times the same action",
	};
	bool some = false;

	if (f->on == TRIGGER_LABEL) {
		text_add(t, "the run carries");
		for (unsigned int i = 0; i < POLICY_LABELS_MAX; i++)
			if (f->labels >> i & 1) {
				text_add(t, "%s%s", some ? ", " : " ",
					 policy_label_name(p, i));
				some = true;
			}
		return;
	}
	text_add(t, "%llu %s", (unsigned long long)f->count,
		 f->on < TRIGGER_MAX ? what[f->on] : "");
	if (f->on == TRIGGER_RULE)
		text_quote(t, flat_str(p, f->rule_id),
			   strlen(flat_str(p, f->rule_id)));
	if (!f->window_us)
		return;
	text_add(t, " within ");
	text_duration(t, f->window_us);
}

const char *
policy_trigger_text(const struct policy *p, int trigger, char *buf, size_t size)
{
	struct text t = text_into(buf, size);
	const struct flat_trigger *f;
	char because[512];

	if (trigger < 0 || (uint32_t)trigger >= p->h->triggers.n)
		return buf;
	f = FLAT(p, triggers, struct flat_trigger) + trigger;
	put_trigger(&t, p, f);
	str_escape(flat_str(p, f->because), because, sizeof(because));
	if (because[0])
		text_add(&t, ": ");
	text_put(&t, because, strlen(because));
	text_end(&t);
	return buf;
}
