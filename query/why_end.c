/* What became of an action, in words. */
#include "query/why-internal.h"

#include <string.h>

/* By the field error of an outcome (supervisor/box_audit.c, gate.c). */
static const struct {
	const char *error, *text;
} ends[] = {
	{ "not-started", "the box did not start" },
	{ "exec", "the command could not be executed" },
	{ "timeout", "its time was over" },
	{ "operator", "an operator stopped it" },
	{ "limit", "it went beyond a limit" },
	{ "agentbox", "agentbox itself failed" },
	{ "signal", "a signal ended it" },
	{ "exit-status", "the command ended with an error of its own" },
	{ "caller-gone", "who asked did not wait for the answer" },
	{ "no-record", "its record came too late, so it was denied" },
	{ "record-lost", "a decision before it could not be recorded" },
	{ "long", "it went on for long; network.closed tells its end" },
	{ "shim-died", "the process that carried it died" },
	{ "box-ended", "its box ended" },
};

static const char *
end_text(const struct record *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
		if (render_is(r, FIELD_ERROR, ends[i].error))
			return ends[i].text;
	if (why_broker_text(r))
		return why_broker_text(r);
	if (render_is(r, FIELD_STATUS, "ok"))
		return "it was done";
	if (render_is(r, FIELD_STATUS, "unknown"))
		return "nobody knows: its supervisor ended before it could "
		       "say";
	return NULL;
}

/* Whoever of the operators stopped it: the last such act in the run. */
static int
take_act(void *arg, const struct record *r, const struct record *who,
	 struct err *e)
{
	json_t *by = arg;

	(void)who;
	(void)e;
	json_object_set_new(by, "seq", json_integer((json_int_t)r->seq));
	why_add(by, "what", r, FIELD_WHAT);
	why_add(by, "uid", r, FIELD_BY_UID);
	why_add(by, "why", r, FIELD_WHY);
	return 0;
}

static void
add_operator(struct why *w, json_t *o)
{
	char run[256];
	struct err e = ERR_INIT;
	struct filter f;
	json_t *by;

	if (w->o->as_agent || !w->has_who ||
	    !render_is(&w->outcome, FIELD_ERROR, "operator"))
		return;
	filter_init(&f);
	filter_type(&f, RECORD_INTENT);
	f.key[FILTER_RUN] = (struct filter_words){
		{ render_get(&w->who, FIELD_RUN, run, sizeof(run)) }, 1
	};
	f.key[FILTER_WHAT] = (struct filter_words){ { "admin.kill" }, 1 };
	f.limit = 1;
	by = json_object();
	if (trail_find(w->t, &f, take_act, by, &e) > 0)
		(void)json_object_set(o, "by", by);
	json_decref(by);
}

void
why_outcome(struct why *w, json_t *o)
{
	static const enum field_id ids[] = {
		FIELD_STATUS,	   FIELD_ERROR,	     FIELD_EXIT_STATUS,
		FIELD_SIGNAL,	   FIELD_LATENCY_US, FIELD_WAIT_US,
		FIELD_BYTES_IN,	   FIELD_BYTES_OUT,  FIELD_CPU_US,
		FIELD_MEMORY_PEAK, FIELD_LABELS_OUT
	};
	const char *text;
	json_t *out;

	if (w->r.type != RECORD_INTENT)
		return;
	if (!w->has_outcome) {
		text = record_get_uint(&w->r, FIELD_GOES_AHEAD)
			       ? "it goes ahead, or its outcome is not here"
			       : "none: it did not go ahead";
		(void)json_object_set_new(o, "outcome",
					  json_pack("{ss}", "text", text));
		return;
	}
	out = json_pack("{sI}", "seq", (json_int_t)w->outcome.seq);
	text = end_text(&w->outcome);
	if (render_is(&w->r, FIELD_WHAT, "box.start") &&
	    render_is(&w->outcome, FIELD_STATUS, "ok"))
		text = "the command ran to its end";
	if (text)
		(void)json_object_set_new(out, "text", json_string(text));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		why_add(out, field_name(ids[i]), &w->outcome, ids[i]);
	/* it may name files of the host */
	if (!w->o->as_agent)
		why_add(out, "detail", &w->outcome, FIELD_DETAIL);
	add_operator(w, out);
	(void)json_object_set_new(o, "outcome", out);
}
