/*
 * Requests in memory. What always holds: an attribute that nobody set is
 * VALUE_NONE, and nothing here guesses one that a surface does not say.
 */
#include "policy/request.h"

#include <string.h>

void
request_init(struct request *rq, enum surface s)
{
	memset(rq, 0, sizeof(*rq));
	rq->surface = s;
	if (s < SURFACE_MAX)
		request_set(rq, ATTR_SURFACE, surface_name(s));
}

void
request_set(struct request *rq, enum attr a, const char *s)
{
	request_set_n(rq, a, s, strlen(s));
}

void
request_set_n(struct request *rq, enum attr a, const char *s, size_t n)
{
	rq->attr[a] = (struct value){ .type = VALUE_STRING };
	rq->attr[a].s = s;
	rq->attr[a].len = n;
}

void
request_set_int(struct request *rq, enum attr a, int64_t v)
{
	rq->attr[a] = (struct value){ .type = VALUE_INT };
	rq->attr[a].i = v;
}

void
request_set_value(struct request *rq, enum attr a, const struct value *v)
{
	rq->attr[a] = *v;
	rq->attr[a].key = NULL;
	rq->attr[a].key_len = 0;
	rq->attr[a].next = NULL;
}

/* Which class a word stands for. */
struct word_class {
	const char *word;
	enum action_class class;
};

static const struct word_class by_access[] = {
	{ "read", CLASS_READ },	  { "exec", CLASS_READ },
	{ "write", CLASS_WRITE }, { "delete", CLASS_DELETE },
	{ NULL, CLASS_MAX }, /* any other: unknown */
};

static const struct word_class by_method[] = {
	{ "GET", CLASS_READ },
	{ "HEAD", CLASS_READ },
	{ "OPTIONS", CLASS_READ },
	{ NULL, CLASS_SEND }, /* and without one, as in a plain connection */
};

static const struct word_class by_op[] = {
	{ "get", CLASS_READ },	    { "list", CLASS_READ },
	{ "search", CLASS_READ },   { "put", CLASS_WRITE },
	{ "delete", CLASS_DELETE }, { NULL, CLASS_MAX },
};

static enum action_class
class_by(const struct word_class *t, const struct value *v)
{
	for (; t->word; t++)
		if (v->type == VALUE_STRING && v->len == strlen(t->word) &&
		    memcmp(v->s, t->word, v->len) == 0)
			break;
	return t->class;
}

static enum action_class
class_of(const struct request *rq)
{
	switch (rq->surface) {
	case SURFACE_FILES:
		return class_by(by_access, &rq->attr[ATTR_ACCESS]);
	case SURFACE_NETWORK:
		return class_by(by_method, &rq->attr[ATTR_METHOD]);
	case SURFACE_MEMORY:
		return class_by(by_op, &rq->attr[ATTR_OP]);
	case SURFACE_PROCESS:
	case SURFACE_CREDENTIALS:
		return CLASS_READ;
	case SURFACE_HANDOFFS:
		return CLASS_DELEGATE;
	default:
		return CLASS_MAX;
	}
}

void
request_derive(struct request *rq)
{
	enum action_class c;

	if (rq->attr[ATTR_CLASS].type != VALUE_NONE)
		return;
	c = class_of(rq);
	if (c < CLASS_MAX)
		request_set(rq, ATTR_CLASS, class_name(c));
}

/* Is the member's name that reference token of a pointer (RFC 6901: ~1 is "/",
 * ~0 is "~")? */
static bool
is_token(const struct value *v, const char *token, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		char c = token[i];

		if (c == '~') {
			if (++i == n || (token[i] != '0' && token[i] != '1'))
				return false;
			c = token[i] == '0' ? '~' : '/';
		}
		if (k == v->key_len || v->key[k++] != c)
			return false;
	}
	return k == v->key_len;
}

const struct value *
value_item(const struct value *list, const char *token, size_t n)
{
	size_t at = 0;

	if (!n || n > 5 || (n > 1 && token[0] == '0'))
		return NULL;
	for (size_t i = 0; i < n; i++) {
		if (token[i] < '0' || token[i] > '9')
			return NULL;
		at = at * 10 + (size_t)(token[i] - '0');
	}
	list = list->first;
	for (; list && at; at--)
		list = list->next;
	return list;
}

static const struct value *
step_into(const struct value *v, const char *token, size_t n)
{
	if (v->type == VALUE_LIST)
		return value_item(v, token, n);
	if (v->type != VALUE_OBJECT)
		return NULL;
	for (v = v->first; v; v = v->next)
		if (is_token(v, token, n))
			return v;
	return NULL;
}

const struct value *
request_get(const struct request *rq, const char *pointer)
{
	const struct value *v;
	const char *rest;
	int a = attr_from_pointer(pointer, &rest);

	if (a < 0)
		return NULL;
	v = &rq->attr[a];
	while (v && *rest) {
		size_t n = strcspn(++rest, "/");

		v = step_into(v, rest, n);
		rest += n;
	}
	return v && v->type != VALUE_NONE ? v : NULL;
}
