/*
 * One action of an agent, from the shim's question to the answer: reaches,
 * resolved, judged, decided, recorded, lent, dialled, in that order. What
 * always holds: a descriptor or a secret goes to the shim only with an action
 * whose intent is recorded, and each such action gets its outcome, whoever goes
 * away meanwhile.
 */
#include "supervisor/net-internal.h"

#include <stdarg.h>
#include <string.h>

/* Answers */

void
net_answer_begin(struct net_ask *a, struct net_writer *w, enum net_verdict v)
{
	net_begin(w, a->net->out, NET_ANSWER, 0, a->id);
	if (a->conn && v == NET_YES)
		net_put_u64(w, NET_F_CONN, a->conn);
	net_put_u64(w, NET_F_VERDICT, v);
	if (a->action && v == NET_YES)
		net_put_u64(w, NET_F_ACTION, a->action);
}

void
net_answer_no(struct net_ask *a, enum net_verdict v, char *body, int status)
{
	struct net_writer w;

	net_answer_begin(a, &w, v);
	net_put_text(&w, NET_F_BODY, body);
	net_put_u64(&w, NET_F_STATUS_CODE, (uint64_t)status);
	net_shim_send(a->net, &w, -EBADF, false);
	free(body);
	net_ask_free(a);
}

static void
on_refused(struct net_turn *t, const struct gate_action *act)
{
	struct net_ask *a = (struct net_ask *)t;
	int status;
	char *body = net_body_reason(a, a->why, act->id, &status);

	net_answer_no(a, status >= 500 ? NET_FAILED : NET_NO, body, status);
}

static void
refuse(struct net_ask *a)
{
	if (net_reason_status(a->why) >= 500)
		a->net->n_failed++;
	else
		a->net->n_denied++;
	a->step = STEP_TURN;
	net_turn_begin(a->net, &a->turn, &a->rq, net_reason_word(a->why),
		       a->detail, on_refused);
}

void
net_ask_refuse(struct net_ask *a, enum net_reason why, const char *fmt, ...)
{
	va_list ap;

	a->why = why;
	va_start(ap, fmt);
	vsnprintf(a->detail, sizeof(a->detail), fmt, ap);
	va_end(ap);
	refuse(a);
}

static const char *
status_of(enum net_reason why)
{
	switch (net_reason_status(why)) {
	case 504:
		return "timeout";
	case 502:
		return "error";
	default:
		return "denied";
	}
}

void
net_ask_fail(struct net_ask *a, enum net_reason why, const char *detail)
{
	bool failed = net_reason_status(why) >= 500;
	int status;
	char *body = net_body_reason(a, why, a->action, &status);

	if (failed)
		a->net->n_failed++;
	else
		a->net->n_denied++;
	net_outcome(a->net, a->action, status_of(why), net_reason_word(why),
		    detail);
	net_answer_no(a, failed ? NET_FAILED : NET_NO, body, status);
}

static bool
is_stream(const struct net_ask *a)
{
	return !a->method;
}

/* The action is the shim's from here on. 0, or -ENOMEM: it has ended. */
static int
hand_over(struct net_ask *a, const char *detail)
{
	bool stream = is_stream(a);

	if (stream)
		net_outcome(a->net, a->action, "ok", NULL, detail);
	if (net_action_add(a->net, a->action, stream, a->lease ? a : NULL))
		return 0;
	if (!stream)
		net_outcome(a->net, a->action, "denied", "no-memory", NULL);
	return -ENOMEM;
}

static void
answer_yes(struct net_ask *a, int fd, const char *detail)
{
	struct net_writer w;

	a->net->n_allowed++;
	if (hand_over(a, detail) < 0) {
		if (fd >= 0)
			close(fd);
		net_shim_broke(a->net, "network.memory", "no memory is left");
		net_ask_free(a);
		return;
	}
	net_answer_begin(a, &w, NET_YES);
	if (a->lease)
		net_put_u64(&w, NET_F_LEASE, a->lease);
	net_lend_put(a, &w);
	net_shim_send(a->net, &w, fd, a->n_lend > 0);
	if (a->lease) /* kept for its next lease */
		net_ask_detach(a);
	else
		net_ask_free(a);
}

/* Dialling */

static enum net_reason
dial_reason(int status)
{
	switch (status) {
	case -ECONNREFUSED:
		return NET_REASON_REFUSED;
	case -ETIMEDOUT:
		return NET_REASON_TIMEOUT;
	case -ENETUNREACH:
	case -EHOSTUNREACH:
	case -EADDRNOTAVAIL:
		return NET_REASON_UNREACHABLE;
	default:
		return NET_REASON_CONNECT;
	}
}

static void
on_dialled(struct dial_call *c, int status, int fd, size_t which)
{
	struct net_ask *a =
		(struct net_ask *)((char *)c - offsetof(struct net_ask, dial));
	char text[96];
	struct net_conn *conn;
	struct hostname h;

	if (status < 0) {
		net_ask_fail(a, dial_reason(status), strerror(-status));
		return;
	}
	hostname_from_addr(a->to[which].addr, a->to[which].len, &h);
	conn = a->net->n_conns < NET_CONNS_MAX
		       ? net_conn_add(a->net, a->host.text, a->port, h.text)
		       : NULL;
	if (!conn) {
		close(fd);
		net_ask_fail(a, NET_REASON_BUSY, "too many connections");
		return;
	}
	a->conn = conn->number;
	snprintf(text, sizeof(text), "connected to %.45s port %u", h.text,
		 a->to_port[which]);
	answer_yes(a, fd, text);
}

static void
dial(struct net_ask *a)
{
	struct net *n = a->net;
	int r = 0;

	if (!n->dialler)
		r = dialler_new(n->o.base, n->o.config->connect_timeout_us,
				&n->dialler);
	if (r < 0) {
		net_ask_fail(a, NET_REASON_CONNECT, strerror(-r));
		return;
	}
	a->step = STEP_DIAL;
	a->dial.done = on_dialled;
	dial_begin(n->dialler, a->to, a->to_port, a->n_to, &a->dial);
}

void
net_ask_lent(struct net_ask *a)
{
	if (a->conn)
		answer_yes(a, -EBADF, NULL);
	else if (a->n_to)
		dial(a);
	else /* allowed where no grant reaches: nothing was judged */
		net_ask_fail(a, NET_REASON_NO_RULE, "no address was judged");
}

/* Deciding */

static void
on_decided(struct net_turn *t, const struct gate_action *act)
{
	struct net_ask *a = (struct net_ask *)t;
	int status;
	char *body;

	if (!act->goes_ahead) {
		body = net_body_decision(a, act, &status);
		a->net->n_denied++;
		net_answer_no(a, NET_NO, body, status);
		return;
	}
	a->action = act->id;
	if (net_redact(a, act->policy, act->decision) < 0)
		net_ask_fail(a, NET_REASON_REDACT, NULL);
	else if (a->n_lend)
		net_lend_begin(a);
	else
		net_ask_lent(a);
}

static void
decide_on(struct net_ask *a)
{
	a->step = STEP_TURN;
	net_turn_begin(a->net, &a->turn, &a->rq, NULL, NULL, on_decided);
}

/* Resolving */

static enum net_reason
resolve_reason(int status)
{
	switch (status) {
	case -ENOENT:
		return NET_REASON_NO_NAME;
	case -ENODATA:
		return NET_REASON_NO_ADDRESS;
	case -ETIMEDOUT:
		return NET_REASON_NAME_TIMEOUT;
	case -EBUSY:
		return NET_REASON_BUSY;
	default:
		return NET_REASON_NAME_FAILED;
	}
}

static void
on_resolved(struct resolve_call *c, int status, const struct resolved *v,
	    size_t n)
{
	struct net_ask *a =
		(struct net_ask *)((char *)c -
				   offsetof(struct net_ask, resolve));

	if (status >= 0 && !n)
		status = -ENODATA;
	if (status < 0)
		net_ask_refuse(a, resolve_reason(status), "%s: %s",
			       a->host.text, strerror(-status));
	else if (net_judge(a, v, NULL, n, false) < 0)
		refuse(a);
	else
		decide_on(a);
}

static void
resolve(struct net_ask *a)
{
	struct net *n = a->net;
	struct err e = ERR_INIT;
	int r = 0;

	if (!n->resolver)
		r = resolver_new(n->o.base, n->o.config, &n->resolver, &e);
	if (r < 0) {
		n->o.finding(n->o.arg, "network.resolver", e.text);
		net_ask_refuse(a, NET_REASON_NAME_FAILED, "%s", a->host.text);
		return;
	}
	r = n->o.resolving(n->o.arg, a->host.text);
	if (r < 0) {
		net_ask_refuse(a, NET_REASON_NO_RECORD, "%s", a->host.text);
		return;
	}
	a->step = STEP_RESOLVE;
	a->resolve.done = on_resolved;
	resolve_begin(n->resolver, a->host.text, &a->resolve);
}

/* Asking */

/* What the run may have in all is held by the shim; it cannot be talked out of
 * that here. */
static bool
over_limits(struct net_ask *a)
{
	const struct net *n = a->net;
	const struct net_limits *l = &n->o.limits;

	a->why = NET_REASON_BYTES;
	snprintf(a->detail, sizeof(a->detail), "%llu sent, %llu received",
		 (unsigned long long)n->bytes_out,
		 (unsigned long long)n->bytes_in);
	if ((l->bytes_out && n->bytes_out >= l->bytes_out) ||
	    (l->bytes_in && n->bytes_in >= l->bytes_in))
		return true;
	a->why = NET_REASON_CONNECTIONS;
	snprintf(a->detail, sizeof(a->detail), "%zu are open", n->n_conns);
	return (a->m.flags & NET_WANT_FD) && l->connections &&
	       n->n_conns >= l->connections;
}

static bool
other_sni(struct net_ask *a)
{
	const struct net_bytes *b = &a->m.bytes[NET_F_SNI];
	struct hostname h;

	if (!b->data)
		return false;
	a->why = NET_REASON_SNI;
	snprintf(a->detail, sizeof(a->detail), "%.*s",
		 (int)MIN(b->len, (size_t)200), (const char *)b->data);
	return hostname_parse((const char *)b->data, b->len, false, &h, NULL) <
		       0 ||
	       strcmp(h.text, a->host.text) != 0;
}

/* On a connection that there is: the same destination, the same address. */
static int
use_again(struct net_ask *a)
{
	const struct net_conn *c =
		net_conn_find(a->net, a->m.number[NET_F_CONN]);

	if (!c || c->port != a->port || strcmp(c->host, a->host.text) != 0)
		return -EPROTO;
	a->conn = c->number;
	snprintf(a->address, sizeof(a->address), "%s", c->address);
	request_set(&a->rq, ATTR_ADDRESS, a->address);
	decide_on(a);
	return 0;
}

static void
find_way(struct net_ask *a)
{
	int r = net_gate(a->net);

	if (r < 0 || !net_may_go(a->net, &a->host, a->port)) {
		decide_on(a); /* which says no, and why */
		return;
	}
	r = net_judge_host(a);
	if (r < 0)
		refuse(a);
	else if (r > 0)
		decide_on(a);
	else
		resolve(a);
}

int
net_ask(struct net_ask *a)
{
	const struct policy *p = policy_store_now(a->net->o.policies)->policy;
	int r = net_request_read(a);

	if (r >= 0)
		r = net_lend_find(a);
	if (r < 0 && r != -EACCES)
		return r;
	policy_net_needs(p, a->host.text, a->port, &a->needs);
	if (a->needs.size && !a->m.has[NET_F_SIZE]) {
		a->lease = NET_LEASE;
		request_set_int(&a->rq, ATTR_SIZE, NET_LEASE);
	}
	if (r == -EACCES || over_limits(a) || other_sni(a))
		refuse(a);
	else if (a->m.has[NET_F_CONN])
		return use_again(a);
	else
		find_way(a);
	return 0;
}
