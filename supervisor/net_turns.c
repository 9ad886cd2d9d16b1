/*
 * Decisions in the order in which they were asked for. The gate denies what is
 * too much at once; a shim with ten thousand connections is no reason for that,
 * so what the gate does not hear yet waits here. What always holds: the
 * callback of a turn runs once, or never after it was cancelled.
 */
#include "supervisor/net-internal.h"

#include <event2/event.h>

#define RETRY_US                                                               \
	20000 /* others may be at the gate, of whom we hear nothing            \
	       */

static const struct decision nothing = { .effect = EFFECT_NONE, .rule = -1 };

int
net_gate(struct net *n)
{
	struct err e = ERR_INIT;
	int r;

	if (n->gate)
		return 0;
	r = n->o.gate(n->o.arg, &n->gate, &e);
	if (r < 0)
		n->o.finding(n->o.arg, "network.gate", e.text);
	return r;
}

static void
on_decided(struct gate_call *c, const struct gate_action *a)
{
	struct net_turn *t = (struct net_turn *)c;
	struct net *n = t->net;

	t->state = TURN_NONE;
	t->done(t, a);
	net_turns_soon(n);
}

static void
take(struct net_turn *t)
{
	struct gate *g = t->net->gate;

	t->state = TURN_AT_GATE;
	if (t->reason)
		gate_refuse(g, &t->call, t->reason, t->detail);
	else
		gate_begin(g, &t->call);
}

/* The oldest first. Not within itself: one that is decided at once may begin
 * another. */
void
net_turns_take(struct net *n)
{
	if (n->taking || n->frozen)
		return;
	n->taking = true;
	while (n->first && gate_ready(n->gate)) {
		struct net_turn *t = n->first;

		n->first = t->next;
		if (!n->first)
			n->last = &n->first;
		take(t);
	}
	n->taking = false;
	if (n->first)
		net_turns_retry(n);
}

void
net_turns_retry(struct net *n)
{
	const struct timeval retry = { .tv_usec = RETRY_US };

	event_add(n->ev_turns, &retry);
}

bool
net_is_behind(const struct net *n)
{
	return n->gate && !gate_can_tell(n->gate);
}

void
net_turns_soon(struct net *n)
{
	if (n->first && !n->taking)
		event_active(n->ev_turns, EV_TIMEOUT, 0);
}

void
net_turn_begin(struct net *n, struct net_turn *t, const struct request *rq,
	       const char *reason, const char *detail,
	       void (*done)(struct net_turn *t, const struct gate_action *a))
{
	int r = net_gate(n);
	const struct gate_action none = { .refused = r,
					  .json = "",
					  .decision = &nothing };

	*t = (struct net_turn){
		.net = n, .reason = reason, .detail = detail, .done = done
	};
	t->call.request = rq;
	t->call.done = on_decided;
	t->call.by_uid = n->by_uid;
	t->call.by_pid = n->by_pid;
	if (r < 0) {
		done(t, &none);
		return;
	}
	t->state = TURN_WAITS;
	*n->last = t;
	n->last = &t->next;
	net_turns_take(n);
}

void
net_turn_cancel(struct net_turn *t)
{
	struct net *n = t->net;

	if (t->state == TURN_AT_GATE)
		gate_cancel(n->gate, &t->call);
	for (struct net_turn **at = &n->first; t->state == TURN_WAITS && *at;
	     at = &(*at)->next) {
		if (*at != t)
			continue;
		*at = t->next;
		if (!t->next)
			n->last = at;
		break;
	}
	t->state = TURN_NONE;
}
