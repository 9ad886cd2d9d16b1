/* Random rules and policies: see the header. */
#include "tests/tools/random_policy.h"

#include <string.h>

#define PICK(c, list) ((list)[choose(c, ARRAY_SIZE(list))])

static const enum surface surfaces[] = {
	SURFACE_NETWORK,     SURFACE_NETWORK, SURFACE_TOOLS, SURFACE_TOOLS,
	SURFACE_MEMORY,	     SURFACE_ADMIN,   SURFACE_FILES, SURFACE_PROCESS,
	SURFACE_CREDENTIALS, SURFACE_HANDOFFS
};
static const char *const inside[] = { "/x", "/y", "/x/0", "/x/k", "" };

enum surface
random_surface(struct choices *c)
{
	return PICK(c, surfaces);
}

/* Values of conditions */

static void
set_text(struct rule_value *v, const char *s)
{
	v->type = RULE_STRING;
	v->s = strdup(s);
}

static void
random_scalar(struct choices *c, struct rule_value *v)
{
	switch (choose(c, 6)) {
	case 0:
		v->type = RULE_NULL;
		break;
	case 1:
		v->type = RULE_BOOL;
		v->b = choose(c, 2);
		break;
	case 2:
		v->type = RULE_REAL;
		v->r = choose(c, 8) / 2.0;
		break;
	case 3:
		v->type = RULE_INT;
		v->lo = v->hi = choose(c, 6);
		break;
	default:
		set_text(v, random_word(c, ATTR_RUN_ID));
	}
}

static void
random_number(struct choices *c, bool range, struct rule_value *v)
{
	v->type = range ? RULE_RANGE : RULE_INT;
	v->lo = (int64_t)choose(c, 8) - 1;
	v->hi = range ? v->lo + choose(c, 4) : v->lo;
}

static void
random_value(struct choices *c, enum cond_op op, enum attr a,
	     struct rule_value *v)
{
	switch (op) {
	case OP_EQ:
	case OP_NE:
	case OP_IN:
		if (attr_kind(a) == KIND_TREE)
			random_scalar(c, v);
		else if (attr_kind(a) == KIND_INT)
			random_number(c, false, v);
		else
			set_text(v, random_word(c, a));
		break;
	case OP_CIDR:
		if (cidr_parse(random_pattern(c, op, a), v) < 0)
			abort();
		break;
	case OP_LT:
	case OP_LE:
	case OP_GT:
	case OP_GE:
	case OP_RANGE:
	case OP_LEN:
		random_number(c, op == OP_RANGE || op == OP_LEN, v);
		break;
	case OP_EXISTS:
		v->type = RULE_BOOL;
		v->b = choose(c, 2);
		break;
	default:
		set_text(v, random_pattern(c, op, a));
	}
}

/* Conditions */

/* What makes sense for a kind; the builder knows for certain. */
static enum cond_op
random_op(struct choices *c, enum attr_kind k)
{
	static const enum cond_op text[] = { OP_EQ,	OP_NE,	   OP_IN,
					     OP_PREFIX, OP_SUFFIX, OP_GLOB,
					     OP_REGEX,	OP_EXISTS, OP_REGION };
	static const enum cond_op number[] = { OP_EQ, OP_NE,	OP_IN,
					       OP_LT, OP_LE,	OP_GT,
					       OP_GE, OP_RANGE, OP_EXISTS };
	static const enum cond_op set[] = { OP_SUBSET,	 OP_SUPERSET,
					    OP_DISJOINT, OP_INTERSECTS,
					    OP_EXISTS,	 OP_LEN };

	switch (k) {
	case KIND_WORD:
		return number[choose(c, 3)];
	case KIND_INT:
		return PICK(c, number);
	case KIND_HOST:
		return choose(c, 3) ? OP_HOST : PICK(c, text);
	case KIND_ADDR:
		return OP_CIDR;
	case KIND_LIST:
	case KIND_LABELS:
		return PICK(c, set);
	case KIND_TREE:
		return (enum cond_op)choose(c, OP_TIME);
	default:
		return choose(c, 3) ? OP_GLOB : PICK(c, text);
	}
}

static enum attr
random_attr(struct choices *c, unsigned int on)
{
	for (;;) {
		enum attr a = (enum attr)choose(c, ATTR_MAX);

		if ((attr_surfaces(a) & on) == on)
			return a;
		/* without bytes left, choose() always says the same */
		if (c->data && !c->len)
			return ATTR_SIZE;
	}
}

static struct rule_cond
cond_about(struct choices *c, enum attr a)
{
	struct rule_cond k = { .op = random_op(c, attr_kind(a)) };
	bool one = k.op == OP_EQ || k.op == OP_EXISTS ||
		   (k.op >= OP_LT && k.op <= OP_GE);
	char pointer[64];

	snprintf(pointer, sizeof(pointer), "%s%s", attr_pointer(a),
		 attr_kind(a) == KIND_TREE ? PICK(c, inside) : "");
	k.pointer = strdup(pointer);
	k.n = one ? 1 : 1 + choose(c, 3);
	k.v = calloc(k.n, sizeof(*k.v));
	for (size_t i = 0; i < k.n; i++)
		random_value(c, k.op, a, &k.v[i]);
	return k;
}

struct rule_cond
random_cond(struct choices *c, unsigned int on)
{
	struct rule_cond k = { .op = OP_TIME };

	switch (choose(c, 24)) {
	case 1:
		k.time = (struct rule_time){ .days = 1 + choose(c, 127),
					     .from_min = choose(c, 24) * 60,
					     .to_min = choose(c, 24) * 60 };
		return k;
	case 2:
		k.op = OP_APPROVERS;
		k.max = 1 + choose(c, 2);
		return k;
	case 3:
		k.op = OP_COUNT;
		k.name = strdup("r0000");
		k.max = 1 + choose(c, 3);
		k.window_us = 60000000;
		return k;
	case 4:
		k.op = OP_SEEN;
		k.name = strdup(choose(c, 2) ? "one" : "two");
		return k;
	default:
		return cond_about(c, random_attr(c, on));
	}
}

/* Rules */

/* What index.c finds rules by. */
static const enum attr mains[SURFACE_MAX] = {
	[SURFACE_FILES] = ATTR_PATH,	   [SURFACE_PROCESS] = ATTR_PATH,
	[SURFACE_CREDENTIALS] = ATTR_NAME, [SURFACE_HANDOFFS] = ATTR_TO,
	[SURFACE_NETWORK] = ATTR_HOST,	   [SURFACE_TOOLS] = ATTR_SERVER,
	[SURFACE_MEMORY] = ATTR_TYPE,	   [SURFACE_ADMIN] = ATTR_VERB,
};

static void
random_bounds(struct choices *c, struct rule *r)
{
	if (chance(c, 15))
		r->max_uses = 1 + choose(c, 3);
	if (chance(c, 10))
		r->not_after_us =
			(1 + choose(c, 2)) * INT64_C(1000000000000000);
	if (chance(c, 15))
		r->rate = (struct rule_rate){ 1 + choose(c, 3), 60000000 };
	if (chance(c, 10)) {
		r->budget.pointer = strdup("/size");
		r->budget.max = choose(c, 10);
		r->budget.window_us = choose(c, 2) * 60000000;
	}
	if (r->effect == EFFECT_LIMIT)
		r->max_uses += !r->max_uses;
}

static void
random_extras(struct choices *c, struct rule *r)
{
	if (r->effect < EFFECT_DENY &&
	    (r->effect == EFFECT_LABEL || chance(c, 20)))
		strv_add(&r->labels_add, random_label(c));
	if (r->effect >= EFFECT_ALLOW && r->effect < EFFECT_DENY &&
	    chance(c, 15))
		strv_add(&r->labels_clear, random_label(c));
	if (r->effect == EFFECT_REDACT)
		strv_add(&r->redact, choose(c, 2) ? "/size" : "/data/labels");
	if (r->effect >= EFFECT_LIMIT && r->effect <= EFFECT_DENY &&
	    chance(c, 15))
		r->mode = MODE_OBSERVE;
	if (r->effect >= EFFECT_LIMIT && r->effect <= EFFECT_ASK)
		r->restricts = chance(c, 30);
	if (chance(c, 25))
		r->step = strdup(choose(c, 2) ? "one" : "two");
}

/* It changes no decision, whoever says it. */
static void
random_pass(struct choices *c, struct rule *r)
{
	if (r->on != ON(NETWORK) || r->restricts || r->effect < EFFECT_ALLOW ||
	    r->effect > EFFECT_ASK)
		return;
	r->tls_pass = chance(c, 25);
	if (rule_hidden(r))
		r->tls_pass = false;
}

void
random_rule(struct choices *c, unsigned int number, unsigned int level,
	    struct rule *r)
{
	static const enum effect effects[] = {
		EFFECT_ALLOW, EFFECT_ALLOW, EFFECT_ALLOW,   EFFECT_ALLOW,
		EFFECT_DENY,  EFFECT_DENY,  EFFECT_ASK,	    EFFECT_REDACT,
		EFFECT_LIMIT, EFFECT_LABEL, EFFECT_PROHIBIT
	};
	size_t n = choose(c, 4);
	enum surface s = random_surface(c);
	char id[16];

	memset(r, 0, sizeof(*r));
	snprintf(id, sizeof(id), "r%04u", number % 10000);
	r->id = strdup(id);
	r->level = level;
	r->on = 1u << s;
	if (chance(c, 10))
		r->on |= 1u << random_surface(c);
	r->effect = PICK(c, effects);
	r->match = calloc(1, sizeof(*r->match));
	if (r->on == 1u << s && chance(c, 70))
		r->match[r->n_match++] = cond_about(c, mains[s]);
	r->when = calloc(n + 1, sizeof(*r->when));
	for (size_t i = 0; i < n; i++)
		r->when[r->n_when++] = random_cond(c, r->on);
	if (r->effect >= EFFECT_ALLOW && r->effect <= EFFECT_ASK)
		random_bounds(c, r);
	random_extras(c, r);
	random_pass(c, r);
}

/* Policies */

static void
random_level(struct choices *c, struct policy_spec *s, size_t i, bool host)
{
	struct level *l = &s->level[i];

	l->name = strdup(host && !i ? "host" : "level");
	l->kind = host && !i ? LEVEL_HOST : LEVEL_PROFILE;
	/* the outermost profile does not inherit */
	l->inherits = l->kind == LEVEL_HOST ||
		      (i > (host ? 1u : 0u) && chance(c, 60));
	l->mode = l->kind != LEVEL_HOST && chance(c, 5) ? MODE_OBSERVE
							: MODE_ENFORCE;
	l->ceiling = chance(c, 25) ? (enum action_class)choose(c, CLASS_MAX)
				   : CLASS_SPAWN;
}

static void
random_trigger(struct choices *c, struct trigger *t)
{
	t->on = (enum trigger_on)choose(c, TRIGGER_MAX);
	t->surfaces = ON_ALL;
	t->count = 1 + choose(c, 4);
	t->window_us = 60000000;
	if (t->on == TRIGGER_RULE)
		t->rule = strdup("r0000");
	if (t->on == TRIGGER_LABEL)
		strv_add(&t->labels, random_label(c));
}

void
random_spec(struct choices *c, unsigned int max_rules, struct policy_spec *s)
{
	bool host = chance(c, 30);
	unsigned int first = choose(c, 10000);

	memset(s, 0, sizeof(*s));
	s->name = strdup("random");
	s->n_levels = 1 + choose(c, 3) + host;
	s->level = calloc(s->n_levels, sizeof(*s->level));
	for (size_t i = 0; i < s->n_levels; i++)
		random_level(c, s, i, host);
	s->n_rules = 1 + choose(c, max_rules);
	s->rule = calloc(s->n_rules, sizeof(*s->rule));
	for (size_t i = 0; i < s->n_rules; i++)
		/* 7919 is prime: ids in some other order, each once */
		random_rule(
			c, i ? (first + (unsigned int)i * 7919u) % 9999 + 1 : 0,
			choose(c, (unsigned int)s->n_levels), &s->rule[i]);
	for (size_t i = 0; i < RANDOM_LABELS; i++)
		strv_add(&s->labels, (char[]){ 'l', (char)('0' + i), 0 });
	if (chance(c, 50))
		strv_add(&s->labels_start, "l0");
	s->n_triggers = choose(c, 3);
	s->trigger = calloc(s->n_triggers + 1, sizeof(*s->trigger));
	for (size_t i = 0; i < s->n_triggers; i++)
		random_trigger(c, &s->trigger[i]);
}

static void
drop_rule(struct policy_spec *s, size_t i)
{
	rule_done(&s->rule[i]);
	memmove(&s->rule[i], &s->rule[i + 1],
		(s->n_rules - i - 1) * sizeof(*s->rule));
	s->n_rules--;
}

/* What an error that is no single rule's may come from. */
static void
drop_references(struct policy_spec *s)
{
	for (size_t i = 0; i < s->n_rules; i++) {
		struct rule *r = &s->rule[i];

		for (size_t k = 0; k < r->n_when; k++)
			if (r->when[k].op == OP_COUNT) {
				drop_rule(s, i--);
				break;
			}
	}
	while (s->n_triggers) {
		struct trigger *t = &s->trigger[--s->n_triggers];

		free(t->rule);
		strv_done(&t->labels);
	}
}

struct policy *
random_make(struct policy_spec *s)
{
	struct err e = ERR_INIT;
	struct policy *p = NULL;
	bool again = false;
	int bad;

	while (policy_make(s, &p, &bad, &e) < 0) {
		if (bad >= 0 && (size_t)bad < s->n_rules) {
			drop_rule(s, (size_t)bad);
		} else if (!again) {
			again = true;
			drop_references(s);
		} else {
			fprintf(stderr, "%s\n", e.text);
			abort();
		}
	}
	return p;
}

struct policy *
random_policy_of(const struct rule *r)
{
	struct level level = { .name = (char[]){ "l" },
			       .kind = LEVEL_PROFILE,
			       .ceiling = CLASS_SPAWN };
	char id[2][4] = { "s1", "s2" }, step[2][4] = { "one", "two" };
	struct rule rules[3] = { *r };
	struct policy_spec s = { .name = (char[]){ "one" },
				 .level = &level,
				 .n_levels = 1,
				 .rule = rules,
				 .n_rules = 3 };
	struct policy *p = NULL;

	/* the steps that conditions may name */
	rules[1] = (struct rule){ .id = id[0],
				  .step = step[0],
				  .effect = EFFECT_ALLOW,
				  .on = ON(CREDENTIALS) };
	rules[2] = rules[1];
	rules[2].id = id[1];
	rules[2].step = step[1];
	for (size_t i = 0; i < RANDOM_LABELS; i++) {
		char name[] = { 'l', (char)('0' + i), '\0' };

		strv_add(&s.labels, name);
	}
	if (policy_make(&s, &p, NULL, NULL) < 0)
		p = NULL;
	strv_done(&s.labels);
	return p;
}
