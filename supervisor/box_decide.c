/*
 * Decisions for brokers that stand outside the box: DECIDE and OUTCOME of the
 * control socket. What always holds: who the run is comes from the box; who
 * approved and what time it is are not the caller's to say; a box that does not
 * run is allowed nothing; an action whose caller went away before it heard the
 * answer is closed as denied.
 */
#include "supervisor/box-internal.h"

#include "profiles/request_json.h"
#include "supervisor/gate.h"
#include "supervisor/outcome_json.h"
#include "supervisor/scribe.h"

#include <stdlib.h>
#include <string.h>

/* One request under way. */
struct box_deal {
	struct gate_call call; /* first */
	struct box *b;
	struct box_deal *next, **link;
	struct request_doc *doc;
	struct control_ticket ticket;
	bool later;   /* the answer goes through control_answer() */
	json_t **ret; /* else here */
	struct err *e;
	int status;
};

static void
deal_free(struct box_deal *d)
{
	*d->link = d->next;
	if (d->next)
		d->next->link = d->link;
	request_doc_free(d->doc);
	free(d);
}

static struct box_deal *
deal_new(struct box *b, const struct control_peer *by)
{
	struct box_deal *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->b = b;
	d->ticket = by->ticket;
	d->call.by_uid = by->uid;
	d->call.by_pid = by->pid;
	d->next = b->audit.deals;
	d->link = &b->audit.deals;
	if (d->next)
		d->next->link = &d->next;
	b->audit.deals = d;
	return d;
}

/* The gate */

static void
on_trigger(void *arg, const char *trigger)
{
	struct box *b = arg;
	struct err e = ERR_INIT;
	int r = box_freeze(b, true, &e);

	eventlog_add(b->log, EVENT_FROZEN, "trigger: %s%s%s", trigger,
		     r < 0 ? ": " : "", r < 0 ? e.text : "");
	if (r < 0)
		box_audit_anomaly(b, "freeze.failed", e.text);
}

static int
need_gate(struct box *b, struct err *e)
{
	struct gate_options o = {
		.scribe = b->audit.scribe,
		.id = b->entry.id,
		.agent = b->written->name,
		.owner = b->written->owner,
		.role = profile_role_name(b->written->role),
		.purpose = b->written->purpose,
		.started_us = b->audit.started_us,
		.freeze = on_trigger,
		.arg = b,
	};
	int r;

	if (b->audit.gate)
		return 0;
	r = box_need_policy(b, e);
	o.policies = b->policies;
	return r < 0 ? r : gate_new(&o, &b->audit.gate, e);
}

int
box_gate(struct box *b, struct gate **ret, struct err *e)
{
	int r = need_gate(b, e);

	if (r >= 0)
		*ret = b->audit.gate;
	return r;
}

/* Deciding */

static json_t *
answer_json(const struct gate_action *a)
{
	json_t *d;

	if (a->refused)
		return json_pack(
			"{sI sb s{ss ss ss}}", "action", (json_int_t)0,
			"allowed", 0, "decision", "effect", "deny", "reason",
			"no-record", "why",
			a->refused == -EBUSY
				? "too many decisions wait for their record"
			: a->refused == -ENOBUFS
				? "too many actions have no outcome yet"
				: scribe_status_text(a->refused));
	d = json_loads(a->json, 0, NULL);
	return d ? json_pack("{sI sb so}", "action", (json_int_t)a->id,
			     "allowed", a->goes_ahead, "decision", d)
		 : NULL;
}

static void
deny_after_all(struct box *b, uint64_t action)
{
	const struct gate_outcome o = {
		.status = "denied",
		.error = "caller-gone",
		.detail = "who asked did not wait for the answer",
		.bytes_in = -1,
		.bytes_out = -1,
	};
	struct err e = ERR_INIT;

	(void)gate_end(b->audit.gate, action, &o, &e);
}

static void
on_decided(struct gate_call *c, const struct gate_action *a)
{
	struct box_deal *d = (struct box_deal *)c;
	struct box *b = d->b;
	struct err e = ERR_INIT;
	json_t *j = answer_json(a);
	int r;

	if (!d->later) {
		*d->ret = j;
		d->status = j ? 0 : err_sys(d->e, -ENOMEM, "decision");
		return;
	}
	r = control_answer(b->control, &d->ticket,
			   j ? 0 : err_sys(&e, -ENOMEM, "decision"), j, &e);
	if ((r < 0 || !j) && a->goes_ahead)
		deny_after_all(b, a->id);
	deal_free(d);
}

/* What would be the caller's word on what only others may say. */
static int
check_said(const struct request_doc *doc, struct err *e)
{
	const struct request *rq = request_doc_request(doc);
	int64_t us;

	if (rq->attr[ATTR_APPROVERS].type != VALUE_NONE)
		return err_set(e, -EPERM,
			       "request: /approvers: approvals are asked for, "
			       "and cannot be said");
	if (request_doc_time(doc, &us))
		return err_set(e, -EPERM,
			       "request: /time: it is decided on at once, by "
			       "this machine's clock");
	return 0;
}

static int
check_running(const struct box *b, struct err *e)
{
	if (b->state == LIFE_RUNNING)
		return 0;
	err_set(e, -EBUSY, "the box is %s: nothing is decided for it",
		life_name(b->state));
	return err_cure(e, "thaw it, if it is frozen: agentbox thaw %s",
			b->entry.name);
}

static int
begin(struct box *b, const char *body, size_t len,
      const struct control_peer *by, json_t **ret, struct err *e)
{
	struct box_deal *d = deal_new(b, by);
	int r;

	if (!d)
		return err_sys(e, -ENOMEM, "decision");
	r = request_doc_read("request", body, len, &d->doc, e);
	if (r >= 0)
		r = check_said(d->doc, e);
	if (r < 0) {
		deal_free(d);
		return r;
	}
	d->call.request = request_doc_request(d->doc);
	d->call.done = on_decided;
	d->ret = ret;
	d->e = e;
	d->status = CONTROL_LATER;
	gate_begin(b->audit.gate, &d->call);
	r = d->status;
	if (r == CONTROL_LATER)
		d->later = true;
	else
		deal_free(d);
	return r;
}

/* Its outcome */

static int
end(struct box *b, const char *body, size_t len, json_t **ret, struct err *e)
{
	struct outcome_doc d;
	int r = outcome_doc_read(body, len, &d, e);

	if (r < 0)
		return r;
	r = gate_end(b->audit.gate, d.action, &d.outcome, e);
	if (r >= 0)
		*ret = json_pack("{sI}", "action", (json_int_t)d.action);
	outcome_doc_done(&d);
	return r;
}

/* Between */

int
box_decide(void *arg, enum control_op op, const char *body, size_t len,
	   const struct control_peer *by, json_t **ret, struct err *e)
{
	struct box *b = arg;
	int r = 0;

	if (op == CONTROL_DECIDE)
		r = check_running(b, e);
	if (r >= 0)
		r = need_gate(b, e);
	if (r < 0)
		return r;
	return op == CONTROL_DECIDE ? begin(b, body, len, by, ret, e)
				    : end(b, body, len, ret, e);
}

void
box_decide_gone(void *arg, const struct control_ticket *t)
{
	struct box *b = arg;
	struct box_deal *next;

	for (struct box_deal *d = b->audit.deals; d; d = next) {
		next = d->next;
		if (d->ticket.place != t->place || d->ticket.turn != t->turn)
			continue;
		gate_cancel(b->audit.gate, &d->call);
		deal_free(d);
	}
}

void
box_decide_end(struct box *b)
{
	while (b->audit.deals) {
		gate_cancel(b->audit.gate, &b->audit.deals->call);
		deal_free(b->audit.deals);
	}
}
