/*
 * What operators do to a running box, on the record: an intent with who asked
 * and why, and its outcome. What always holds: what stops a box does not wait
 * for the record, which follows; what lets it go on, or changes what it may
 * do, is not done before its intent is in the log.
 */
#include "supervisor/box-internal.h"

#include "supervisor/scribe.h"

#include <stdlib.h>
#include <string.h>

struct box_ask {
	struct box *b;
	struct box_ask *next, **link;
	const char *verb;
	box_act_fn *act;
	struct control_peer by;
	char why[CONTROL_WHY_MAX + 1];
};

static void
intent_fields(struct box *b, struct fields *f, const char *verb,
	      const struct control_peer *by, const char *why)
{
	char what[64];

	snprintf(what, sizeof(what), "%s.%s", surface_name(SURFACE_ADMIN),
		 verb);
	fields_text(f, FIELD_WHAT, what);
	fields_text(f, FIELD_SURFACE, surface_name(SURFACE_ADMIN));
	fields_text(f, FIELD_TARGET, b->entry.name);
	fields_text(f, FIELD_EFFECT, effect_name(EFFECT_ALLOW));
	fields_uint(f, FIELD_GOES_AHEAD, 1);
	fields_uint(f, FIELD_BY_UID, by->uid);
	fields_uint(f, FIELD_BY_PID, (uint64_t)by->pid);
	if (*why)
		fields_text(f, FIELD_WHY, why);
}

static void
outcome_fields(struct fields *f, int r, const char *detail)
{
	fields_text(f, FIELD_STATUS, r < 0 ? "error" : "ok");
	if (detail && *detail)
		fields_text(f, FIELD_DETAIL, detail);
}

void
box_act_done(struct box *b, const struct box_note *n)
{
	struct fields *f, *outcome;
	char signal[24] = "";

	if (!b->audit.scribe)
		return;
	outcome = malloc(sizeof(*outcome));
	f = scribe_fields(b->audit.scribe);
	intent_fields(b, f, n->verb, &n->by, n->why);
	if (n->signal) {
		snprintf(signal, sizeof(signal), "signal %d", n->signal);
		fields_uint(f, FIELD_SIGNAL, (uint64_t)n->signal);
	}
	if (outcome) {
		fields_init(outcome);
		outcome_fields(outcome, n->result, signal);
	}
	scribe_tell(b->audit.scribe, RECORD_INTENT, 0, f, WIRE_DURABLE,
		    outcome);
	free(outcome);
}

static void
ask_free(struct box_ask *a)
{
	*a->link = a->next;
	if (a->next)
		a->next->link = a->link;
	free(a);
}

/* Its intent is in the log: now it may be done. */
static void
do_ask(struct box_ask *a, uint64_t seq)
{
	struct box *b = a->b;
	struct err e = ERR_INIT;
	json_t *j = NULL;
	int r = b->state == LIFE_DEAD ? err_set(&e, -ESRCH, "the box has ended")
				      : a->act(b, &a->by, a->why, &j, &e);
	struct fields *f = scribe_fields(b->audit.scribe);

	outcome_fields(f, r, r < 0 ? e.text : NULL);
	scribe_tell(b->audit.scribe, RECORD_OUTCOME, seq, f, 0, NULL);
	(void)control_answer(b->control, &a->by.ticket, r, j, &e);
}

static void
on_asked(void *arg, uint64_t seq, int status)
{
	struct box_ask *a = arg;
	struct box *b = a->b;
	struct err e = ERR_INIT;

	if (status >= 0) {
		do_ask(a, seq);
	} else {
		scribe_refused(status, &e);
		if (b->log)
			eventlog_add(b->log, EVENT_REFUSED, "%s by uid %u: %s",
				     a->verb, a->by.uid, e.text);
		(void)control_answer(b->control, &a->by.ticket, status, NULL,
				     &e);
	}
	ask_free(a);
}

static int
ask(struct box_ask *a)
{
	struct scribe *t = a->b->audit.scribe;
	struct fields *f = scribe_fields(t);

	intent_fields(a->b, f, a->verb, &a->by, a->why);
	return scribe_ask(t, RECORD_INTENT, f, WIRE_DURABLE, on_asked, a);
}

int
box_act_later(struct box *b, const char *verb, box_act_fn *act,
	      const struct control_peer *by, const char *why, json_t **ret,
	      struct err *e)
{
	struct box_ask *a;
	int r;

	if (!b->audit.scribe)
		return act(b, by, why, ret, e);
	a = calloc(1, sizeof(*a));
	if (!a)
		return err_sys(e, -ENOMEM, "%s", verb);
	a->b = b;
	a->verb = verb;
	a->act = act;
	a->by = *by;
	snprintf(a->why, sizeof(a->why), "%s", why);
	a->next = b->audit.asks;
	a->link = &b->audit.asks;
	if (a->next)
		a->next->link = &a->next;
	b->audit.asks = a;
	r = ask(a);
	if (r < 0) {
		ask_free(a);
		return scribe_refused(r, e);
	}
	return CONTROL_LATER;
}

void
box_acts_free(struct box *b)
{
	while (b->audit.asks)
		ask_free(b->audit.asks);
}
