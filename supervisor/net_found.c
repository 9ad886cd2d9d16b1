/*
 * What the shim refuses, or wants to refuse: a name that nothing grants, and
 * what has no one reading. Both become denied actions in the record. The two
 * questions that a resolver asks for one name are one denial.
 */
#include "supervisor/net-internal.h"

#include <string.h>

/* Names */

static bool
was_denied(const struct net *n, const char *name)
{
	uint64_t now = net_now_us();

	for (size_t i = 0; i < NET_DENIED_MAX; i++)
		if (n->denied[i].us && now - n->denied[i].us < NET_DENIED_US &&
		    !strcmp(n->denied[i].name, name))
			return true;
	return false;
}

static void
remember(struct net *n, const char *name)
{
	size_t i = n->at_denied++ % NET_DENIED_MAX;

	snprintf(n->denied[i].name, sizeof(n->denied[i].name), "%s", name);
	n->denied[i].us = net_now_us();
}

void
net_denied_forget(struct net *n)
{
	for (size_t i = 0; i < NET_DENIED_MAX; i++)
		n->denied[i].us = 0;
}

static void
answer_name(struct net_ask *a, enum net_verdict v, const char *body)
{
	struct net_writer w;

	net_begin(&w, a->net->out, NET_NAMED, 0, a->id);
	net_put_u64(&w, NET_F_VERDICT, v);
	net_put_text(&w, NET_F_BODY, body);
	net_shim_send(a->net, &w, -EBADF, false);
	net_ask_free(a);
}

static void
on_name(struct net_turn *t, const struct gate_action *act)
{
	struct net_ask *a = (struct net_ask *)t;
	_cleanup_free_ char *body = NULL;
	int status;

	/* by what reaches() said, it cannot be */
	if (act->goes_ahead)
		net_outcome(a->net, act->id, "denied", "no-grant", NULL);
	else
		body = net_body_decision(a, act, &status);
	answer_name(a, NET_NO, body);
}

int
net_name(struct net_ask *a)
{
	int r = net_request_read(a);

	if (r < 0 || a->m.has[NET_F_PORT])
		return r < 0 ? r : -EPROTO;
	if (net_may_go(a->net, &a->host, NET_ANY_PORT)) {
		answer_name(a, NET_YES, NULL);
		return 0;
	}
	if (was_denied(a->net, a->host.text)) {
		answer_name(a, NET_NO, NULL);
		return 0;
	}
	remember(a->net, a->host.text);
	a->net->n_denied++;
	request_set(&a->rq, ATTR_SCHEME, "dns");
	net_turn_begin(a->net, &a->turn, &a->rq, NULL, NULL, on_name);
	return 0;
}

/* What has no one reading */

static void
on_found(struct net_turn *t, const struct gate_action *act)
{
	struct net_ask *a = (struct net_ask *)t;
	char *body = net_body_found(a, t->reason, act->id);
	struct net_writer w;

	net_begin(&w, a->net->out, NET_TOLD, 0, a->id);
	net_put_text(&w, NET_F_BODY, body);
	net_shim_send(a->net, &w, -EBADF, false);
	free(body);
	net_ask_free(a);
}

int
net_found(struct net_ask *a)
{
	const struct net_bytes *b = &a->m.bytes[NET_F_DETAIL];
	int r = net_request_read(a);
	const char *word;

	if (r < 0)
		return r;
	word = net_found_word(&a->m.bytes[NET_F_REASON]);
	if (!word)
		return -EPROTO;
	snprintf(a->detail, sizeof(a->detail), "%.*s",
		 (int)MIN(b->len, sizeof(a->detail) - 1),
		 b->data ? (const char *)b->data : "");
	a->net->n_denied++;
	net_turn_begin(a->net, &a->turn, &a->rq, word, a->detail, on_found);
	return 0;
}
