/*
 * Decisions on their way to the log, and what is said when they arrive there,
 * or do not. What always holds: each is called back once, in the order in which
 * they were sent; one behind another that was lost does not go ahead.
 */
#include "supervisor/gate-internal.h"

#include <stdlib.h>
#include <string.h>

void
gate_flight_free(struct flight *fl)
{
	struct gate *g = fl->gate;
	struct flight **at = &g->flights;

	while (*at != fl)
		at = &(*at)->next;
	*at = fl->next;
	if (!fl->next)
		g->last_flight = at;
	g->n_flights--;
	policy_store_put(g->o.policies, fl->epoch);
	free(fl);
}

struct flight *
gate_flight_new(struct gate *g, struct gate_call *c)
{
	const struct gate_turn *t = &g->turn;
	struct flight *fl = malloc(sizeof(*fl) + t->json_len + 1);

	if (!fl)
		return NULL;
	*fl = (struct flight){
		.gate = g,
		.call = c,
		.epoch = policy_store_get(g->o.policies),
		.d = t->d,
		.goes_ahead = t->goes_ahead,
		.resync = t->resync,
		.trigger = -1,
	};
	memcpy(fl->json, t->json, t->json_len);
	fl->json[t->json_len] = '\0';
	*g->last_flight = fl;
	g->last_flight = &fl->next;
	g->n_flights++;
	return fl;
}

static void
land(struct flight *fl, const struct gate_action *a)
{
	struct gate_call *c = fl->call;

	if (c)
		c->done(c, a);
	gate_flight_free(fl);
}

/* Not in the log, or nobody knows: denied, and the next record says what the
 * counters are. */
void
gate_flight_refuse(struct flight *fl, int status)
{
	const struct gate_action a = {
		.refused = status,
		.json = "",
		.decision = &fl->d,
		.policy = fl->epoch->policy,
	};

	fl->gate->resync = true;
	for (struct flight *f = fl->next; f; f = f->next)
		f->behind = true;
	land(fl, &a);
}

void
gate_say_trigger(const struct flight *fl, uint64_t seq)
{
	struct scribe *scribe = fl->gate->o.scribe;
	struct fields *f;
	char text[256];

	if (fl->trigger < 0 || !scribe)
		return;
	policy_trigger_text(fl->epoch->policy, fl->trigger, text, sizeof(text));
	f = scribe_fields(scribe);
	fields_text(f, FIELD_WHAT, "freeze.trigger");
	fields_text(f, FIELD_TRIGGER, text);
	scribe_tell(scribe, RECORD_ANOMALY, seq, f, WIRE_DURABLE, NULL);
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
go_ahead(struct flight *fl, uint64_t seq)
{
	struct gate *g = fl->gate;

	if (!fl->call) {
		send_outcome(g, seq, "denied", "caller-gone",
			     "who asked did not wait for the answer");
		return;
	}
	g->open[g->n_open++] = (struct open_action){
		.id = seq,
		.since_us = gate_clock(CLOCK_BOOTTIME),
		.labels_clear = fl->d.labels_clear,
	};
}

void
gate_flight_recorded(struct flight *fl, uint64_t seq)
{
	const struct gate_action a = {
		.id = seq,
		.goes_ahead = fl->goes_ahead,
		.json = fl->json,
		.decision = &fl->d,
		.policy = fl->epoch->policy,
	};

	gate_say_trigger(fl, seq);
	if (fl->goes_ahead)
		go_ahead(fl, seq);
	land(fl, &a);
}

void
gate_on_record(void *arg, uint64_t seq, int status)
{
	struct flight *fl = arg;
	struct gate *g = fl->gate;

	if (status < 0) {
		gate_say_trigger(fl, 0);
		gate_flight_refuse(fl, status);
	} else if (fl->behind && fl->goes_ahead) {
		gate_say_trigger(fl, seq);
		send_outcome(g, seq, "denied", "record-lost",
			     "a decision before it, which it counted, could "
			     "not be recorded");
		gate_flight_refuse(fl, -EIO);
	} else {
		gate_flight_recorded(fl, seq);
	}
	gate_pump(g);
}
