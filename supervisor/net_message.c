/*
 * What the shim says, in turn. What always holds: an op is legal only where the
 * table permits it; a number that was not given to it, a form that no shim has,
 * or a message out of turn ends the shim, for then something else speaks.
 */
#include "supervisor/net-internal.h"

#include <string.h>

#define BIT(state) (1u << NET_##state)

/* In which states an op may come. */
static const uint8_t permitted[NET_OP_MAX] = {
	[NET_READY] = BIT(STARTING), [NET_ROUTE] = BIT(SERVING),
	[NET_NAME] = BIT(SERVING),   [NET_ASK] = BIT(SERVING),
	[NET_CANCEL] = BIT(SERVING), [NET_MORE] = BIT(SERVING),
	[NET_DONE] = BIT(SERVING),   [NET_GONE] = BIT(SERVING),
	[NET_FOUND] = BIT(SERVING),  [NET_IDLE] = BIT(SERVING),
};

static int
ready(struct net *n)
{
	n->state = NET_SERVING;
	n->deaths = 0;
	return 0;
}

/* What has to be known of a host and port. Where a credential may be used, the
 * request has to be seen, unless TLS is passed there. */
static unsigned int
route_needs(const struct net *n, const struct hostname *h, uint16_t port)
{
	const struct policy *p = policy_store_now(n->o.policies)->policy;
	struct policy_net_needs needs;
	unsigned int bits = 0;

	if (!net_may_go(n, h, port))
		return NET_NEVER;
	policy_net_needs(p, h->text, port, &needs);
	if (needs.pass)
		bits |= NET_NEEDS_PASS;
	else if (needs.http || net_lends(n, h->text, port))
		bits |= NET_NEEDS_HTTP;
	if (needs.data || bits)
		bits |= NET_NEEDS_DATA;
	return bits;
}

static int
route(struct net *n, const struct net_message *m)
{
	const struct net_bytes *b = &m->bytes[NET_F_HOST];
	struct hostname h;
	struct net_writer w;

	if (!b->data || !m->has[NET_F_PORT] ||
	    hostname_parse((const char *)b->data, b->len, false, &h, NULL) <
		    0 ||
	    !net_text_is(b, h.text))
		return -EPROTO;
	net_begin(&w, n->out, NET_ROUTED, 0, m->id);
	net_put_u64(&w, NET_F_NEEDS,
		    route_needs(n, &h, (uint16_t)m->number[NET_F_PORT]));
	net_shim_send(n, &w, -EBADF, false);
	return 0;
}

/* Outcomes */

static bool
is_status(const struct net_bytes *b)
{
	static const char *const words[] = { "ok", "error", "denied", "timeout",
					     "killed" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (net_text_is(b, words[i]))
			return true;
	return false;
}

/* At most size - 1 bytes, with a NUL; NULL where it is missing. */
static const char *
text(const struct net_message *m, enum net_field f, char *buf, size_t size)
{
	const struct net_bytes *b = &m->bytes[f];

	if (!b->data)
		return NULL;
	snprintf(buf, size, "%.*s", (int)MIN(b->len, size - 1),
		 (const char *)b->data);
	return buf;
}

static int64_t
bytes(const struct net_message *m, enum net_field f, uint64_t *sum)
{
	uint64_t v = m->number[f];

	if (!m->has[f])
		return -1;
	v = MIN(v, (uint64_t)INT64_MAX);
	*sum = MIN(*sum + v, (uint64_t)INT64_MAX);
	return (int64_t)v;
}

/* "HTTP 404", and what else there is to say. */
static const char *
detail(const struct net_message *m, char *buf, size_t size)
{
	char said[GATE_DETAIL_MAX / 2];
	const char *s = text(m, NET_F_DETAIL, said, sizeof(said));

	if (!m->has[NET_F_RESPONSE] && !s)
		return NULL;
	if (!m->has[NET_F_RESPONSE])
		snprintf(buf, size, "%s", s);
	else
		snprintf(buf, size, "HTTP %u%s%s",
			 (unsigned int)m->number[NET_F_RESPONSE], s ? ": " : "",
			 s ? s : "");
	return buf;
}

static int
done(struct net *n, const struct net_message *m)
{
	struct net_action *a = net_action_find(n, m->number[NET_F_ACTION]);
	char status[16], error[65], why[GATE_DETAIL_MAX];
	struct gate_outcome o = { 0 };

	if (!m->has[NET_F_ACTION] || !a || !is_status(&m->bytes[NET_F_STATUS]))
		return -EPROTO;
	o.status = text(m, NET_F_STATUS, status, sizeof(status));
	o.error = text(m, NET_F_ERROR, error, sizeof(error));
	o.detail = detail(m, why, sizeof(why));
	o.bytes_in = bytes(m, NET_F_BYTES_IN, &n->bytes_in);
	o.bytes_out = bytes(m, NET_F_BYTES_OUT, &n->bytes_out);
	net_action_end(n, a, &o);
	return 0;
}

static int
gone(struct net *n, const struct net_message *m)
{
	struct net_conn *c = net_conn_find(n, m->number[NET_F_CONN]);

	if (!m->has[NET_F_CONN] || !c)
		return -EPROTO;
	net_conn_drop(n, c);
	return 0;
}

/* It has nothing to do. While it said so, something may have come. */
static int
idle(struct net *n)
{
	if (n->n_asks || n->n_actions || net_something_waits(n)) {
		net_shim_say(n, NET_STAY);
		return 0;
	}
	n->state = NET_ENDING;
	net_shim_say(n, NET_END);
	return 0;
}

int
net_message(struct net *n, const struct net_message *m, size_t len)
{
	if (!(permitted[m->op] >> n->state & 1))
		return -EPROTO;
	switch (m->op) {
	case NET_READY:
		return ready(n);
	case NET_ROUTE:
		return route(n, m);
	case NET_CANCEL:
		net_ask_cancel(n, m->id);
		return 0;
	case NET_DONE:
		return done(n, m);
	case NET_GONE:
		return gone(n, m);
	case NET_IDLE:
		return idle(n);
	default: /* NAME, ASK, MORE, FOUND */
		return net_ask_begin(n, m, len);
	}
}
