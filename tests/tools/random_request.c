/* Random requests: see the header. */
#include "tests/tools/random_policy.h"

#include <string.h>

static void
set_string(struct value *v, const char *s)
{
	v->type = VALUE_STRING;
	v->s = s;
	v->len = strlen(s);
}

static struct value *
node(struct random_request *r)
{
	if (r->n == RANDOM_NODES)
		return NULL;
	r->node[r->n] = (struct value){ .type = VALUE_NULL };
	return &r->node[r->n++];
}

static void random_any(struct choices *c, struct random_request *r,
		       struct value *v, unsigned int depth);

/* Of words as they stand in lists of that attribute. */
static void
random_list(struct choices *c, struct random_request *r, enum attr a,
	    struct value *v)
{
	const struct value **end = &v->first;

	v->type = VALUE_LIST;
	v->first = NULL;
	v->n = 0;
	for (unsigned int n = choose(c, 4); n; n--) {
		struct value *item = node(r);

		if (!item)
			return;
		if (!chance(c, 5))
			set_string(item, random_word(c, a));
		*end = item;
		end = (const struct value **)(uintptr_t)&item->next;
		v->n++;
	}
}

static void
random_object(struct choices *c, struct random_request *r, struct value *v,
	      unsigned int depth)
{
	static const char *const keys[] = { "x", "y", "k" };
	const struct value **end = &v->first;

	v->type = VALUE_OBJECT;
	v->first = NULL;
	v->n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct value *m = chance(c, 70) ? node(r) : NULL;

		if (!m)
			continue;
		random_any(c, r, m, depth + 1);
		m->key = keys[i];
		m->key_len = 1;
		*end = m;
		end = (const struct value **)(uintptr_t)&m->next;
		v->n++;
	}
}

static void
random_any(struct choices *c, struct random_request *r, struct value *v,
	   unsigned int depth)
{
	switch (choose(c, depth < 3 ? 9 : 6)) {
	case 0:
		v->type = VALUE_NULL;
		break;
	case 1:
		v->type = VALUE_BOOL;
		v->b = choose(c, 2);
		break;
	case 2:
		v->type = VALUE_REAL;
		v->r = choose(c, 8) / 2.0;
		break;
	case 3:
		v->type = VALUE_INT;
		v->i = (int64_t)choose(c, 8) - 1;
		break;
	case 6:
		random_list(c, r, ATTR_RUN_ID, v);
		break;
	case 7:
		random_object(c, r, v, depth);
		break;
	case 8:
		set_string(v, random_word(c, ATTR_HOST));
		break;
	default:
		set_string(v, random_word(c, ATTR_RUN_ID));
	}
}

static void
random_typed(struct choices *c, struct random_request *r, enum attr a)
{
	struct value *v = &r->rq.attr[a];

	switch (attr_kind(a)) {
	case KIND_INT:
		v->type = VALUE_INT;
		v->i = (int64_t)choose(c, 8) - 1;
		break;
	case KIND_LIST:
	case KIND_LABELS:
		random_list(c, r, a, v);
		break;
	case KIND_TREE:
		random_object(c, r, v, 0);
		break;
	default:
		set_string(v, random_word(c, a));
	}
}

void
random_request(struct choices *c, struct random_request *r)
{
	enum surface s = random_surface(c);

	r->n = 0;
	request_init(&r->rq, s);
	for (int i = 0; i < ATTR_MAX; i++) {
		enum attr a = (enum attr)i;

		if (!(attr_surfaces(a) >> s & 1) || a == ATTR_SURFACE ||
		    chance(c, 12))
			continue;
		if (chance(c, 6))
			random_any(c, r, &r->rq.attr[a], 0);
		else
			random_typed(c, r, a);
	}
	if (chance(c, 80))
		request_set(&r->rq, ATTR_RUN_OWNER, "owner");
	if (chance(c, 80))
		request_set(&r->rq, ATTR_RUN_AGENT, "agent");
	request_derive(&r->rq);
}
