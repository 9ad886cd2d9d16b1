/*
 * What the shim has: connections, and actions of which it owes the end. What
 * always holds: each action that went ahead gets one outcome. A raw stream has
 * its outcome when it is connected; how it ended is told beside it, since it
 * may live for as long as the box. So do requests that run for long, when there
 * are NET_OPEN_MAX younger ones: the gate keeps a bounded number open.
 */
#include "supervisor/net-internal.h"

#include <string.h>

static size_t
bucket(uint64_t number)
{
	return (number * UINT64_C(0x9e3779b97f4a7c15)) >> 54;
}
_Static_assert(NET_TABLE == 1u << 10, "the upper 10 bits of a product");

/* Connections */

struct net_conn *
net_conn_find(const struct net *n, uint64_t number)
{
	struct net_conn *c = n->conns[bucket(number)];

	while (c && c->number != number)
		c = c->next;
	return c;
}

struct net_conn *
net_conn_add(struct net *n, const char *host, uint16_t port,
	     const char *address)
{
	struct net_conn *c = calloc(1, sizeof(*c)), **at;

	if (!c)
		return NULL;
	c->host = strdup(host);
	if (!c->host) {
		free(c);
		return NULL;
	}
	c->port = port;
	snprintf(c->address, sizeof(c->address), "%s", address);
	c->number = ++n->last_conn;
	at = &n->conns[bucket(c->number)];
	c->next = *at;
	*at = c;
	n->n_conns++;
	n->n_connections++;
	return c;
}

void
net_conn_drop(struct net *n, struct net_conn *c)
{
	struct net_conn **at = &n->conns[bucket(c->number)];

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	n->n_conns--;
	free(c->host);
	free(c);
}

/* Actions */

static void
open_unlink(struct net *n, struct net_action *a)
{
	if (a->older)
		a->older->newer = a->newer;
	else
		n->oldest = a->newer;
	if (a->newer)
		a->newer->older = a->older;
	else
		n->newest = a->older;
	a->older = a->newer = NULL;
	n->n_open--;
}

static void
open_link(struct net *n, struct net_action *a)
{
	a->older = n->newest;
	if (n->newest)
		n->newest->newer = a;
	else
		n->oldest = a;
	n->newest = a;
	n->n_open++;
}

static void
give_outcome(struct net *n, struct net_action *a, const struct gate_outcome *o)
{
	struct err e = ERR_INIT;

	open_unlink(n, a);
	a->told = true;
	if (gate_end(n->gate, a->id, o, &e) < 0)
		n->o.finding(n->o.arg, "network.outcome", e.text);
}

static void
settle_oldest(struct net *n)
{
	const struct gate_outcome o = {
		.status = "ok",
		.error = "long",
		.detail = "goes on; its end is told by network.closed",
		.bytes_in = -1,
		.bytes_out = -1,
	};

	give_outcome(n, n->oldest, &o);
}

struct net_action *
net_action_find(const struct net *n, uint64_t id)
{
	struct net_action *a = n->actions[bucket(id)];

	while (a && a->id != id)
		a = a->next;
	return a;
}

struct net_action *
net_action_add(struct net *n, uint64_t id, bool told, struct net_ask *kept)
{
	struct net_action *a = NULL, **at;

	if (n->n_actions < NET_ACTIONS_MAX)
		a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->id = id;
	a->told = told;
	a->kept = kept;
	at = &n->actions[bucket(id)];
	a->next = *at;
	*at = a;
	n->n_actions++;
	if (!told)
		open_link(n, a);
	if (n->n_open > NET_OPEN_MAX)
		settle_oldest(n);
	return a;
}

static void
action_free(struct net *n, struct net_action *a)
{
	struct net_action **at = &n->actions[bucket(a->id)];

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	n->n_actions--;
	if (a->more)
		net_ask_drop(TAKE_PTR(a->more));
	if (a->kept)
		net_ask_free(a->kept);
	free(a);
}

void
net_action_end(struct net *n, struct net_action *a,
	       const struct gate_outcome *o)
{
	if (a->told)
		gate_tell(n->gate, a->id, "network.closed", o);
	else
		give_outcome(n, a, o);
	action_free(n, a);
	net_turns_soon(n);
}

void
net_table_clear(struct net *n, const struct gate_outcome *o)
{
	for (size_t i = 0; i < NET_TABLE; i++) {
		while (n->actions[i])
			net_action_end(n, n->actions[i], o);
		while (n->conns[i])
			net_conn_drop(n, n->conns[i]);
	}
}

void
net_outcome(struct net *n, uint64_t action, const char *status,
	    const char *error, const char *detail)
{
	const struct gate_outcome o = {
		.status = status,
		.error = error,
		.detail = detail,
		.bytes_in = -1,
		.bytes_out = -1,
	};
	struct err e = ERR_INIT;

	if (gate_end(n->gate, action, &o, &e) < 0)
		n->o.finding(n->o.arg, "network.outcome", e.text);
	net_turns_soon(n);
}
