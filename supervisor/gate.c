/*
 * Deciding, counting and recording, one action after the other. What always
 * holds: an action goes ahead only when its intent is in the log, and those of
 * all that were counted before it; an action that may be in the log without
 * having been allowed leaves the counters to be said anew in the next record;
 * the labels of the run only grow until an action that clears one is done, and
 * grow when it is decided, so that nothing decided meanwhile misses them.
 */
#include "supervisor/gate-internal.h"

#include "lib/macro.h"
#include "supervisor/scribe.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t
gate_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

/* Policies */

/* Labels have names; their bits are each policy's own. */
static uint64_t
labels_in(const struct policy *old, uint64_t labels, const struct policy *p)
{
	uint64_t ret = 0;

	for (unsigned int bit = 0; bit < POLICY_LABELS_MAX; bit++) {
		const char *name;
		int to;

		if (!(labels & (UINT64_C(1) << bit)))
			continue;
		name = policy_label_name(old, bit);
		to = policy_label(p, name, strlen(name));
		if (to >= 0)
			ret |= UINT64_C(1) << to;
	}
	return ret;
}

static bool
same_policy(const struct policy *a, const struct policy *b)
{
	return !memcmp(policy_hash(a), policy_hash(b), POLICY_HASH_LEN);
}

/* Counters of another policy count something else: they begin anew. */
static int
adopt(struct gate *g)
{
	const struct policy_epoch *to = policy_store_now(g->o.policies);
	const struct policy *p = to->policy;
	const struct policy *old = g->epoch ? g->epoch->policy : NULL;
	struct usage *u;

	if (g->epoch == to)
		return 0;
	if (!old || !same_policy(old, p)) {
		u = calloc(1, usage_size(p));
		if (!u)
			return -ENOMEM;
		free(g->usage);
		g->usage = u;
		g->usage_size = usage_size(p);
		g->resync = false; /* nothing was counted, as everyone knows */
	}
	g->labels = old ? labels_in(old, g->labels, p) : policy_labels_start(p);
	if (g->epoch)
		policy_store_put(g->o.policies, g->epoch);
	g->epoch = policy_store_get(g->o.policies);
	return 0;
}

static int
take_who(struct gate *g, const struct gate_options *o)
{
	const char *const from[WHO_MAX] = { o->id, o->agent, o->owner, o->role,
					    o->purpose };

	for (int i = 0; i < WHO_MAX; i++) {
		g->who[i] = from[i] ? strdup(from[i]) : NULL;
		if (from[i] && !g->who[i])
			return -ENOMEM;
	}
	return 0;
}

static void
on_room(void *arg)
{
	gate_pump(arg);
}

int
gate_new(const struct gate_options *o, struct gate **ret, struct err *e)
{
	struct gate *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return err_sys(e, -ENOMEM, "gate");
	g->o = *o;
	g->last = &g->first;
	g->last_flight = &g->flights;
	r = take_who(g, o);
	if (r >= 0)
		r = adopt(g);
	if (r < 0) {
		gate_free(g);
		return err_sys(e, r, "gate");
	}
	if (o->scribe)
		scribe_on_room(o->scribe, on_room, g);
	*ret = g;
	return 0;
}

void
gate_free(struct gate *g)
{
	if (!g)
		return;
	while (g->flights)
		gate_flight_free(g->flights);
	if (g->epoch)
		policy_store_put(g->o.policies, g->epoch);
	for (int i = 0; i < WHO_MAX; i++)
		free(g->who[i]);
	free(g->usage);
	free(g);
}

/* The request */

static void
set_labels(struct gate *g, struct request *rq, const struct policy *p)
{
	struct value list = { .type = VALUE_LIST };
	const struct value **last = &list.first;

	for (unsigned int bit = 0; bit < POLICY_LABELS_MAX; bit++) {
		struct value *v = &g->label[bit];
		const char *name;

		if (!(g->labels & (UINT64_C(1) << bit)))
			continue;
		name = policy_label_name(p, bit);
		*v = (struct value){ .type = VALUE_STRING,
				     .s = name,
				     .len = strlen(name) };
		*last = v;
		last = &v->next;
		list.n++;
	}
	request_set_value(rq, ATTR_RUN_LABELS, &list);
}

static void
set_run(struct gate *g, struct request *rq, const struct policy *p,
	uint64_t boot_us)
{
	static const enum attr attr[WHO_MAX] = {
		[WHO_ID] = ATTR_RUN_ID,		  [WHO_AGENT] = ATTR_RUN_AGENT,
		[WHO_OWNER] = ATTR_RUN_OWNER,	  [WHO_ROLE] = ATTR_RUN_ROLE,
		[WHO_PURPOSE] = ATTR_RUN_PURPOSE,
	};

	for (int i = 0; i < WHO_MAX; i++) {
		rq->attr[attr[i]] = (struct value){ .type = VALUE_NONE };
		if (g->who[i])
			request_set(rq, attr[i], g->who[i]);
	}
	request_set_int(rq, ATTR_RUN_AGE,
			(int64_t)((boot_us - g->o.started_us) / 1000000));
	set_labels(g, rq, p);
}

/* One turn */

static int
snapshot(struct gate *g, struct err *e)
{
	struct gate_turn *t = &g->turn;

	t->resync = g->resync && g->o.scribe;
	if (!t->resync)
		return 0;
	return scribe_blob(g->o.scribe, g->usage, g->usage_size, t->usage, e);
}

static void
decide_turn(struct gate *g)
{
	struct gate_turn *t = &g->turn;
	const struct policy *p = t->epoch->policy;
	int n = 0;

	if (t->reason) {
		t->d = (struct decision){ .effect = EFFECT_DENY,
					  .would = EFFECT_DENY,
					  .reason = REASON_BAD_REQUEST,
					  .rule = -1,
					  .failed_rule = -1,
					  .failed_cond = -1 };
	} else {
		decide(p, &t->rq, g->usage, &t->now, &t->d);
		n = decision_json(p, &t->rq, &t->d, t->epoch->number, false,
				  t->json, sizeof(t->json));
	}
	t->goes_ahead = !t->reason && decision_allows(&t->d);
	t->json_len = n < 0 ? 0 : (size_t)n;
	g->decisions++;
}

/* What a refusal repeats is no request that a policy could count. */
static void
count_turn(struct gate *g, struct flight *fl)
{
	const struct gate_turn *t = &g->turn;
	const struct policy *p = t->epoch->policy;
	char text[256];

	if (t->reason)
		return;
	fl->trigger = usage_commit(p, g->usage, &t->rq, &t->d, &t->now,
				   t->goes_ahead);
	if (t->goes_ahead)
		g->labels |= t->d.labels_add;
	if (fl->trigger >= 0 && g->o.freeze) {
		policy_trigger_text(p, fl->trigger, text, sizeof(text));
		g->o.freeze(g->o.arg, text);
	}
}

static int
record_turn(struct gate *g, struct flight *fl)
{
	struct gate_turn *t = &g->turn;
	struct fields *f;
	int r;

	if (!t->json_len && !t->reason)
		return -EMSGSIZE;
	if (!g->o.scribe) {
		gate_flight_recorded(fl, g->decisions);
		return 0;
	}
	f = scribe_fields(g->o.scribe);
	r = gate_fields(g->o.scribe, t, f);
	if (r < 0)
		return r;
	r = scribe_ask(g->o.scribe, RECORD_INTENT, f, gate_flags(t),
		       gate_on_record, fl);
	if (r >= 0 && t->resync)
		g->resync = false;
	return r;
}

static int
begin_turn(struct gate *g, struct gate_call *c, struct err *e)
{
	struct gate_turn *t = &g->turn;
	int r;

	t->call = c;
	t->reason = c->reason;
	t->detail = c->detail;
	t->goes_ahead = false;
	t->resync = false;
	t->json_len = 0;
	t->d = (struct decision){ .effect = EFFECT_NONE, .rule = -1 };
	r = adopt(g);
	if (r < 0)
		return r;
	t->epoch = g->epoch;
	t->now.wall_us = (int64_t)gate_clock(CLOCK_REALTIME);
	t->now.boot_us = gate_clock(CLOCK_BOOTTIME);
	t->rq = *c->request;
	set_run(g, &t->rq, t->epoch->policy, t->now.boot_us);
	t->labels = g->labels;
	return g->n_open >= GATE_OPEN_MAX ? -ENOBUFS : snapshot(g, e);
}

static void
take_turn(struct gate *g, struct gate_call *c)
{
	struct err e = ERR_INIT;
	struct flight *fl;
	int r = begin_turn(g, c, &e);

	if (r >= 0)
		decide_turn(g);
	fl = gate_flight_new(g, c);
	if (!fl) {
		const struct gate_action a = { .refused = -ENOMEM,
					       .json = "",
					       .decision = &g->turn.d };
		g->resync = true;
		c->done(c, &a);
		return;
	}
	if (r >= 0) {
		count_turn(g, fl);
		r = record_turn(g, fl);
	}
	if (r < 0) {
		gate_say_trigger(fl, 0);
		gate_flight_refuse(fl, r);
	}
}

/* Not while what is on its way has to arrive first, decisions or whatever else
 * was told. Without anything there, there is nothing to wait for, and a failure
 * is an answer. */
static bool
has_room(const struct gate *g)
{
	if (g->n_flights && (g->n_flights >= GATE_FLIGHT_MAX || g->resync ||
			     g->n_open + g->n_flights >= GATE_OPEN_MAX))
		return false;
	return !g->o.scribe || !scribe_is_busy(g->o.scribe);
}

/* As many as may be under way. Not within itself: a call that ends at once may
 * begin another. */
void
gate_pump(struct gate *g)
{
	if (g->pumping)
		return;
	g->pumping = true;
	while (g->first && has_room(g)) {
		struct gate_call *c = g->first;

		g->first = c->next;
		if (!g->first)
			g->last = &g->first;
		g->n_waiting--;
		take_turn(g, c);
	}
	g->pumping = false;
}

int
gate_look(struct gate *g, struct request *rq, struct gate_view *ret)
{
	int r = adopt(g);

	if (r < 0)
		return r;
	*ret = (struct gate_view){
		.policy = g->epoch->policy,
		.usage = g->usage,
		.now = { .wall_us = (int64_t)gate_clock(CLOCK_REALTIME),
			 .boot_us = gate_clock(CLOCK_BOOTTIME) },
	};
	set_run(g, rq, ret->policy, ret->now.boot_us);
	return 0;
}

bool
gate_ready(const struct gate *g)
{
	return g->n_waiting < GATE_QUEUE_MAX &&
	       g->n_open + g->n_flights + g->n_waiting < GATE_OPEN_MAX;
}

void
gate_refuse(struct gate *g, struct gate_call *c, const char *reason,
	    const char *detail)
{
	struct decision none = { .effect = EFFECT_NONE, .rule = -1 };
	const struct gate_action full = { .refused = -EBUSY,
					  .json = "",
					  .decision = &none };

	if (g->n_waiting >= GATE_QUEUE_MAX) {
		c->done(c, &full);
		return;
	}
	c->reason = reason;
	c->detail = detail;
	c->next = NULL;
	*g->last = c;
	g->last = &c->next;
	g->n_waiting++;
	gate_pump(g);
}

void
gate_begin(struct gate *g, struct gate_call *c)
{
	gate_refuse(g, c, NULL, NULL);
}

void
gate_cancel(struct gate *g, struct gate_call *c)
{
	for (struct flight *fl = g->flights; fl; fl = fl->next)
		if (fl->call == c)
			fl->call = NULL;
	for (struct gate_call **at = &g->first; *at; at = &(*at)->next) {
		if (*at != c)
			continue;
		*at = c->next;
		if (!c->next)
			g->last = at;
		g->n_waiting--;
		return;
	}
}
