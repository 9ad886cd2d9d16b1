/*
 * Deciding, counting and recording, one action after the other. What always
 * holds: an action goes ahead only when its intent is in the log; an action
 * that may be in the log without having been allowed leaves the counters to be
 * said anew in the next record; the labels of the run only grow until an action
 * that clears one is done.
 */
#include "supervisor/gate-internal.h"

#include "lib/macro.h"
#include "supervisor/scribe.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct open_action {
	uint64_t id, since_us;
	uint64_t labels_clear;
};

enum who { WHO_ID, WHO_AGENT, WHO_OWNER, WHO_ROLE, WHO_PURPOSE, WHO_MAX };

struct gate {
	struct gate_options o; /* its strings are in who */
	char *who[WHO_MAX];    /* NULL: not said */
	struct usage *usage;
	size_t usage_size;
	const struct policy_epoch
		*epoch;	 /* held: what usage and labels are of */
	uint64_t labels; /* of the run */
	bool resync;
	struct value label[POLICY_LABELS_MAX];
	struct gate_call *first, **last;
	size_t n_waiting;
	bool busy, pumping;
	uint64_t decisions;
	size_t n_open;
	struct open_action open[GATE_OPEN_MAX];
	struct gate_turn turn;
};

static uint64_t
clock_us(clockid_t id)
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

int
gate_new(const struct gate_options *o, struct gate **ret, struct err *e)
{
	struct gate *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return err_sys(e, -ENOMEM, "gate");
	g->o = *o;
	g->last = &g->first;
	r = take_who(g, o);
	if (r >= 0)
		r = adopt(g);
	if (r < 0) {
		gate_free(g);
		return err_sys(e, r, "gate");
	}
	*ret = g;
	return 0;
}

void
gate_free(struct gate *g)
{
	if (!g)
		return;
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

static void
finish(struct gate *g, const struct gate_action *a)
{
	struct gate_call *c = g->turn.call;

	g->turn.call = NULL;
	g->busy = false;
	if (c)
		c->done(c, a);
}

/* Not in the log, or nobody knows: denied, and the next record says what the
 * counters are. */
static void
refuse(struct gate *g, int status)
{
	const struct gate_action a = {
		.refused = status,
		.json = "",
		.decision = &g->turn.d,
	};

	g->resync = true;
	finish(g, &a);
}

static void
say_trigger(struct gate *g, uint64_t seq)
{
	const struct gate_turn *t = &g->turn;
	struct fields *f;
	char text[256];

	if (t->trigger < 0 || !g->o.scribe)
		return;
	policy_trigger_text(t->epoch->policy, t->trigger, text, sizeof(text));
	f = scribe_fields(g->o.scribe);
	fields_text(f, FIELD_WHAT, "freeze.trigger");
	fields_text(f, FIELD_TRIGGER, text);
	scribe_tell(g->o.scribe, RECORD_ANOMALY, seq, f, WIRE_DURABLE, NULL);
}

static void
send_outcome(struct gate *g, uint64_t action, const char *status,
	     const char *error, const char *detail)
{
	struct fields *f;

	if (!g->o.scribe)
		return;
	f = scribe_fields(g->o.scribe);
	fields_text(f, FIELD_STATUS, status);
	fields_text(f, FIELD_ERROR, error);
	fields_text(f, FIELD_DETAIL, detail);
	scribe_tell(g->o.scribe, RECORD_OUTCOME, action, f, 0, NULL);
}

static void
go_ahead(struct gate *g, uint64_t seq)
{
	const struct gate_turn *t = &g->turn;

	if (!t->call) {
		send_outcome(g, seq, "denied", "caller-gone",
			     "who asked did not wait for the answer");
		return;
	}
	g->open[g->n_open++] = (struct open_action){
		.id = seq,
		.since_us = clock_us(CLOCK_BOOTTIME),
		.labels_clear = t->d.labels_clear,
	};
	/* before it is done: what it brings in may be there any moment now */
	g->labels |= t->d.labels_add;
}

static void pump(struct gate *g);

static void
recorded(struct gate *g, uint64_t seq)
{
	struct gate_turn *t = &g->turn;
	const struct gate_action a = {
		.id = seq,
		.goes_ahead = t->goes_ahead,
		.json = t->json,
		.decision = &t->d,
	};

	say_trigger(g, seq);
	if (t->resync)
		g->resync = false;
	if (t->goes_ahead)
		go_ahead(g, seq);
	finish(g, &a);
}

static void
on_record(void *arg, uint64_t seq, int status)
{
	struct gate *g = arg;

	if (status < 0) {
		say_trigger(g, 0);
		refuse(g, status);
	} else {
		recorded(g, seq);
	}
	pump(g);
}

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
	char text[256];
	int n;

	decide(p, &t->rq, g->usage, &t->now, &t->d);
	t->goes_ahead = decision_allows(&t->d);
	n = decision_json(p, &t->rq, &t->d, t->epoch->number, false, t->json,
			  sizeof(t->json));
	t->json_len = n < 0 ? 0 : (size_t)n;
	t->trigger = usage_commit(p, g->usage, &t->rq, &t->d, &t->now,
				  t->goes_ahead);
	if (t->trigger >= 0 && g->o.freeze) {
		policy_trigger_text(p, t->trigger, text, sizeof(text));
		g->o.freeze(g->o.arg, text);
	}
	g->decisions++;
}

static int
record_turn(struct gate *g)
{
	struct gate_turn *t = &g->turn;
	const struct gate_turn_by by = { t->call->by_uid, t->call->by_pid };
	struct fields *f;
	int r;

	if (!t->json_len)
		return -EMSGSIZE;
	if (!g->o.scribe) {
		recorded(g, g->decisions);
		return 0;
	}
	f = scribe_fields(g->o.scribe);
	r = gate_fields(g->o.scribe, t, &by, f);
	if (r < 0)
		return r;
	return scribe_ask(g->o.scribe, RECORD_INTENT, f, gate_flags(t),
			  on_record, g);
}

static int
begin_turn(struct gate *g, struct gate_call *c, struct err *e)
{
	struct gate_turn *t = &g->turn;
	int r;

	g->busy = true;
	t->call = c;
	t->trigger = -1;
	t->goes_ahead = false;
	r = adopt(g);
	if (r < 0)
		return r;
	t->epoch = g->epoch;
	t->now.wall_us = (int64_t)clock_us(CLOCK_REALTIME);
	t->now.boot_us = clock_us(CLOCK_BOOTTIME);
	t->rq = *c->request;
	set_run(g, &t->rq, t->epoch->policy, t->now.boot_us);
	t->labels = g->labels;
	return g->n_open >= GATE_OPEN_MAX ? -ENOBUFS : snapshot(g, e);
}

/* The next one, if none is under way. Not within itself: a call that ends at
 * once may begin another. */
static void
pump(struct gate *g)
{
	if (g->pumping)
		return;
	g->pumping = true;
	while (!g->busy && g->first) {
		struct gate_call *c = g->first;
		struct err e = ERR_INIT;
		int r;

		g->first = c->next;
		if (!g->first)
			g->last = &g->first;
		g->n_waiting--;
		r = begin_turn(g, c, &e);
		if (r >= 0) {
			decide_turn(g);
			r = record_turn(g);
		}
		if (r < 0) {
			say_trigger(g, 0);
			refuse(g, r);
		}
	}
	g->pumping = false;
}

void
gate_begin(struct gate *g, struct gate_call *c)
{
	struct decision none = { .effect = EFFECT_NONE, .rule = -1 };
	const struct gate_action full = { .refused = -EBUSY,
					  .json = "",
					  .decision = &none };

	if (g->n_waiting >= GATE_QUEUE_MAX) {
		c->done(c, &full);
		return;
	}
	c->next = NULL;
	*g->last = c;
	g->last = &c->next;
	g->n_waiting++;
	pump(g);
}

void
gate_cancel(struct gate *g, struct gate_call *c)
{
	if (g->turn.call == c) {
		g->turn.call = NULL;
		return;
	}
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

/* Ending */

static bool
is_status(const char *s)
{
	static const char *const words[] = { "ok",	"error",  "denied",
					     "timeout", "killed", "unknown" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(s, words[i]))
			return true;
	return false;
}

static int
take_labels(const struct gate *g, const struct gate_outcome *o, uint64_t *ret,
	    struct err *e)
{
	*ret = 0;
	for (size_t i = 0; i < o->n_labels; i++) {
		const char *name = o->labels[i];
		int bit = policy_label(g->epoch->policy, name, strlen(name));

		if (bit < 0) {
			err_set(e, -EINVAL, "the policy knows no label \"%s\"",
				name);
			return err_cure(e, "define it in the profile: "
					   "/labels/define");
		}
		*ret |= UINT64_C(1) << bit;
	}
	return 0;
}

static int
fill_outcome(struct gate *g, const struct gate_outcome *o, uint64_t since_us,
	     struct fields *f)
{
	uint8_t digest[RECORD_HASH_LEN];
	int r;

	if (o->result) {
		r = scribe_digest(g->o.scribe, o->result, o->result_len,
				  digest);
		if (r < 0 && r != -EPIPE)
			return r;
		if (r >= 0)
			fields_bytes(f, FIELD_RESULT_DIGEST, digest,
				     sizeof(digest));
	}
	if (o->bytes_in >= 0)
		fields_uint(f, FIELD_BYTES_IN, (uint64_t)o->bytes_in);
	if (o->bytes_out >= 0)
		fields_uint(f, FIELD_BYTES_OUT, (uint64_t)o->bytes_out);
	gate_labels_field(f, FIELD_LABELS_OUT, g->epoch->policy, g->labels);
	fields_text(f, FIELD_STATUS, o->status);
	fields_text(f, FIELD_ERROR, o->error);
	if (o->detail)
		fields_text_n(f, FIELD_DETAIL, o->detail, strlen(o->detail),
			      GATE_DETAIL_MAX);
	fields_uint(f, FIELD_LATENCY_US, clock_us(CLOCK_BOOTTIME) - since_us);
	return 0;
}

static struct open_action *
find_open(struct gate *g, uint64_t action)
{
	for (size_t i = 0; i < g->n_open; i++)
		if (g->open[i].id == action)
			return &g->open[i];
	return NULL;
}

int
gate_end(struct gate *g, uint64_t action, const struct gate_outcome *o,
	 struct err *e)
{
	struct open_action *a = find_open(g, action);
	uint64_t labels;
	struct fields *f;
	int r = 0;

	if (!a)
		return err_set(e, -ENOENT,
			       "no action %llu is open: it was denied, has its "
			       "outcome, or is of another box",
			       (unsigned long long)action);
	if (!is_status(o->status))
		return err_set(e, -EINVAL,
			       "\"%s\" is no status: ok, error, denied, "
			       "timeout, killed or unknown",
			       o->status);
	r = take_labels(g, o, &labels, e);
	if (r < 0)
		return r;
	g->labels |= labels;
	if (!strcmp(o->status, "ok"))
		g->labels &= ~(a->labels_clear & ~labels);
	if (g->o.scribe) {
		f = scribe_fields(g->o.scribe);
		r = fill_outcome(g, o, a->since_us, f);
		if (r >= 0)
			scribe_tell(g->o.scribe, RECORD_OUTCOME, action, f, 0,
				    NULL);
	}
	if (r < 0)
		return err_sys(e, r, "outcome of action %llu",
			       (unsigned long long)action);
	*a = g->open[--g->n_open];
	return 0;
}

size_t
gate_open(const struct gate *g)
{
	return g->n_open;
}

uint64_t
gate_decisions(const struct gate *g)
{
	return g->decisions;
}
