/*
 * The questions of the shim that are under way. What always holds: each has a
 * number that no other has, and is answered, cancelled or dropped with the
 * shim; what was on its way for one that nobody waits for goes no further.
 */
#include "supervisor/net-internal.h"

#include <string.h>

/* Life */

static struct net_ask **
bucket(struct net *n, uint32_t id)
{
	return &n->asks[id % NET_TABLE];
}

static struct net_ask *
find(struct net *n, uint32_t id)
{
	struct net_ask *a = *bucket(n, id);

	while (a && a->id != id)
		a = a->next;
	return a;
}

static void
link_ask(struct net *n, struct net_ask *a)
{
	struct net_ask **at = bucket(n, a->id);

	a->next = *at;
	a->link = at;
	if (a->next)
		a->next->link = &a->next;
	*at = a;
	n->n_asks++;
	n->held += a->len;
}

void
net_ask_detach(struct net_ask *a)
{
	struct net *n = a->net;

	if (!a->link)
		return;
	*a->link = a->next;
	if (a->next)
		a->next->link = a->link;
	a->link = NULL;
	n->n_asks--;
	n->held -= a->len;
	net_shim_pace(n);
}

void
net_ask_free(struct net_ask *a)
{
	net_ask_detach(a);
	net_edits_free(a->edits);
	net_request_done(a);
	free(a->packet);
	free(a);
}

static struct net_ask *
ask_new(struct net *n, const struct net_message *m, size_t len)
{
	struct net_ask *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->packet = malloc(len);
	if (!a->packet) {
		free(a);
		return NULL;
	}
	memcpy(a->packet, n->in, len);
	(void)net_decode(a->packet, len, true, &a->m); /* as it was in n->in */
	a->net = n;
	a->len = len;
	a->id = m->id;
	a->op = m->op;
	a->turn.net = a->lending.net = n;
	link_ask(n, a);
	return a;
}

/* Another lease of an action: decided on as if it was asked for again. */

static void
on_more(struct net_turn *t, const struct gate_action *act)
{
	struct net_ask *a = (struct net_ask *)t;
	struct net_action *of = net_action_find(a->net, a->action);
	struct net_writer w;
	int status;

	of->more = NULL;
	if (!act->goes_ahead) {
		char *body = net_body_decision(of->kept, act, &status);

		a->net->n_denied++;
		net_answer_no(a, NET_NO, body, status);
		return;
	}
	net_outcome(a->net, act->id, "ok", NULL, NULL);
	net_answer_begin(a, &w, NET_YES);
	net_put_u64(&w, NET_F_LEASE, NET_LEASE);
	net_shim_send(a->net, &w, -EBADF, false);
	net_ask_free(a);
}

static int
more(struct net_ask *a)
{
	struct net_action *of =
		net_action_find(a->net, a->m.number[NET_F_ACTION]);

	if (!of || !of->kept || of->more)
		return -EPROTO;
	of->more = a;
	a->action = of->id;
	a->rq = of->kept->rq;
	net_turn_begin(a->net, &a->turn, &a->rq, NULL, NULL, on_more);
	return 0;
}

int
net_ask_begin(struct net *n, const struct net_message *m, size_t len)
{
	struct net_ask *a;
	int r;

	/* nobody hears the answer to what is told with the number 0 */
	if ((m->id || m->op != NET_FOUND) && find(n, m->id))
		return -EPROTO;
	a = ask_new(n, m, len);
	if (!a)
		return -ENOMEM;
	switch (m->op) {
	case NET_ASK:
		r = net_ask(a);
		break;
	case NET_MORE:
		r = more(a);
		break;
	case NET_NAME:
		r = net_name(a);
		break;
	default:
		r = net_found(a);
	}
	if (r < 0)
		net_ask_free(a);
	return r;
}

/* Whatever was on its way goes no further. */
static void
stop(struct net_ask *a)
{
	struct net *n = a->net;
	struct net_action *of =
		a->op == NET_MORE ? net_action_find(n, a->action) : NULL;

	if (of)
		of->more = NULL;
	switch (a->step) {
	case STEP_TURN:
		net_turn_cancel(&a->turn);
		return;
	case STEP_RESOLVE:
		resolve_cancel(n->resolver, &a->resolve);
		return;
	case STEP_DIAL:
		dial_cancel(n->dialler, &a->dial);
		break;
	default:
		net_lend_cancel(a);
	}
	net_outcome(n, a->action, "denied", "caller-gone",
		    "who asked did not wait for the answer");
}

void
net_ask_drop(struct net_ask *a)
{
	stop(a);
	net_ask_free(a);
}

/* One that was answered meanwhile is none of ours any more. */
void
net_ask_cancel(struct net *n, uint32_t id)
{
	struct net_ask *a = find(n, id);

	if (a)
		net_ask_drop(a);
}

void
net_asks_clear(struct net *n)
{
	for (size_t i = 0; i < NET_TABLE; i++)
		while (n->asks[i])
			net_ask_drop(n->asks[i]);
}
