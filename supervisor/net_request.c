/*
 * A question of the shim's as the input document of a decision. What always
 * holds: what is decided on is what the question says, in one reading: a host
 * that is not in its canonical form, a method without a path, or parameters of
 * a stream are no question. A parameter or header that comes twice is a list,
 * so that no condition is true of one of them alone.
 */
#include "supervisor/net-internal.h"

#include <string.h>

bool
net_text_is(const struct net_bytes *b, const char *s)
{
	return b->data && b->len == strlen(s) && !memcmp(b->data, s, b->len);
}

static int
read_host(struct net_ask *a)
{
	const struct net_bytes *b = &a->m.bytes[NET_F_HOST];

	if (!b->data ||
	    hostname_parse((const char *)b->data, b->len, false, &a->host,
			   NULL) < 0 ||
	    !net_text_is(b, a->host.text))
		return -EPROTO;
	a->port = (uint16_t)a->m.number[NET_F_PORT]; /* 0: not said */
	return 0;
}

/* A copy with a NUL, for those who want one; NULL where it is missing. */
static int
copy(const struct net_message *m, enum net_field f, char **ret)
{
	if (!m->has[f])
		return 0;
	*ret = strndup((const char *)m->bytes[f].data, m->bytes[f].len);
	return *ret ? 0 : -ENOMEM;
}

static bool
is_request(const char *scheme)
{
	static const char *const words[] = { "http", "https", "ws", "wss",
					     NULL };

	return str_in(scheme, words);
}

static bool
is_stream(const char *scheme)
{
	static const char *const words[] = { "tcp", "tls", NULL };

	return str_in(scheme, words);
}

static int
check_form(const struct net_ask *a)
{
	const struct net_message *m = &a->m;
	bool fd = m->flags & NET_WANT_FD;

	if (!a->port || !m->has[NET_F_VIA] || !a->scheme ||
	    fd == m->has[NET_F_CONN])
		return -EPROTO;
	if (is_request(a->scheme))
		return a->method && *a->method && a->path && *a->path == '/'
			       ? 0
			       : -EPROTO;
	return is_stream(a->scheme) && !a->method && !a->path &&
			       !m->has[NET_F_QUERY] && !m->has[NET_F_HEADERS] &&
			       !m->has[NET_F_SEEN] && !m->has[NET_F_SIZE]
		       ? 0
		       : -EPROTO;
}

/* Pairs as an object */

static size_t
count_pairs(const struct net_bytes *b)
{
	struct net_bytes name, value;
	size_t at = 0, n = 0;

	while (net_pair(b, &at, &name, &value))
		n++;
	return n;
}

static struct value *
new_node(struct net_ask *a, const struct net_bytes *text)
{
	struct value *v = &a->node[a->n_nodes++];

	*v = (struct value){ .type = VALUE_STRING };
	v->s = (const char *)text->data;
	v->len = text->len;
	return v;
}

/* Values are our own nodes, which only readers hold as const. */
static struct value *
ours(const struct value *v)
{
	return (struct value *)(uintptr_t)v;
}

static void
add_again(struct net_ask *a, struct value *member, const struct net_bytes *text)
{
	const struct net_bytes had = { (const uint8_t *)member->s,
				       member->len };
	struct value *last;

	if (member->type == VALUE_STRING) {
		member->type = VALUE_LIST;
		member->first = new_node(a, &had);
		member->n = 1;
	}
	last = ours(member->first);
	while (last->next)
		last = ours(last->next);
	last->next = new_node(a, text);
	member->n++;
}

static void
add_member(struct net_ask *a, struct value *object,
	   const struct net_bytes *name, const struct net_bytes *text)
{
	const struct value *v = object->first, *last = NULL;
	struct value *member;

	for (; v; last = v, v = v->next) {
		if (v->key_len == name->len &&
		    !memcmp(v->key, name->data, name->len)) {
			add_again(a, ours(v), text);
			return;
		}
	}
	member = new_node(a, text);
	member->key = (const char *)name->data;
	member->key_len = (uint32_t)name->len;
	if (last)
		ours(last)->next = member;
	else
		object->first = member;
	object->n++;
}

static void
set_object(struct net_ask *a, enum attr at, enum net_field f)
{
	struct value object = { .type = VALUE_OBJECT };
	struct net_bytes name, value;
	size_t pos = 0;

	if (!a->m.has[f])
		return;
	while (net_pair(&a->m.bytes[f], &pos, &name, &value))
		add_member(a, &object, &name, &value);
	request_set_value(&a->rq, at, &object);
}

static int
set_objects(struct net_ask *a)
{
	size_t n = count_pairs(&a->m.bytes[NET_F_QUERY]) +
		   count_pairs(&a->m.bytes[NET_F_HEADERS]);

	if (!a->m.has[NET_F_QUERY] && !a->m.has[NET_F_HEADERS])
		return 0;
	/* a member that becomes a list needs one more */
	a->node = calloc(2 * n + 1, sizeof(*a->node));
	if (!a->node)
		return -ENOMEM;
	set_object(a, ATTR_QUERY, NET_F_QUERY);
	set_object(a, ATTR_HEADERS, NET_F_HEADERS);
	return 0;
}

static void
set_plain(struct net_ask *a)
{
	request_init(&a->rq, SURFACE_NETWORK);
	request_set(&a->rq, ATTR_HOST, a->host.text);
	if (a->port)
		request_set_int(&a->rq, ATTR_PORT, a->port);
	if (a->scheme)
		request_set(&a->rq, ATTR_SCHEME, a->scheme);
	if (a->method)
		request_set(&a->rq, ATTR_METHOD, a->method);
	if (a->path)
		request_set(&a->rq, ATTR_PATH, a->path);
	request_set(&a->rq, ATTR_STAGE, "call");
	if (a->m.has[NET_F_SIZE])
		request_set_int(&a->rq, ATTR_SIZE,
				(int64_t)MIN(a->m.number[NET_F_SIZE],
					     (uint64_t)INT64_MAX));
}

int
net_request_read(struct net_ask *a)
{
	int r = a->m.has[NET_F_HOST] || a->op == NET_ASK || a->op == NET_NAME
			? read_host(a)
			: 0;

	if (r >= 0)
		r = copy(&a->m, NET_F_SCHEME, &a->scheme);
	if (r >= 0)
		r = copy(&a->m, NET_F_METHOD, &a->method);
	if (r >= 0)
		r = copy(&a->m, NET_F_PATH, &a->path);
	if (r >= 0 && a->op == NET_ASK)
		r = check_form(a);
	if (r < 0)
		return r;
	set_plain(a);
	r = set_objects(a);
	request_derive(&a->rq);
	return r;
}

void
net_request_done(struct net_ask *a)
{
	free(a->scheme);
	free(a->method);
	free(a->path);
	free(a->node);
}
