/*
 * Events of a run. What always holds: they are told in the order of the log, in
 * one pass, with space that does not grow with it; a run is told once, whoever
 * says to be whose parent.
 */
#include "query/trace.h"
#include "lib/str.h"
#include "query/why-internal.h"

#include <string.h>

struct telling {
	struct trail *t;
	const struct trace_options *o;
	trace_fn *fn;
	void *arg;
	struct strv told; /* runs */
};

/* One run on its way. */
struct run {
	struct telling *g;
	const struct run_row *row;
	unsigned int depth;
	uint64_t start, start_us; /* intent of box.start; first record */
	uint64_t decisions, allowed, denied, asked, left_out;
	uint64_t anomalies, acts, bytes_in, bytes_out;
	bool ended;
};

static int
tell(struct run *y, json_t *event, struct err *e)
{
	int k = event ? y->g->fn(y->g->arg, event, e)
		      : err_sys(e, ENOMEM, "trace");

	json_decref(event);
	return k;
}

static json_t *
event_of(const struct run *y, const char *kind, const struct record *r)
{
	char time[RENDER_TIME_MAX];

	return json_pack("{ss sI ss sI ss sI sI}", "run", y->row->run, "depth",
			 (json_int_t)y->depth, "kind", kind, "seq",
			 (json_int_t)r->seq, "time",
			 render_time(r->time_us, true, time), "time_us",
			 (json_int_t)r->time_us, "offset_us",
			 (json_int_t)(r->time_us - y->start_us));
}

static void
add_all(json_t *o, const struct record *r, const enum field_id *ids, size_t n)
{
	for (size_t i = 0; o && i < n; i++)
		why_add(o, field_name(ids[i]), r, ids[i]);
}

#define ADD(o, r, ...)                                                         \
	add_all(o, r, (const enum field_id[]){ __VA_ARGS__ },                  \
		sizeof((enum field_id[]){ __VA_ARGS__ }) /                     \
			sizeof(enum field_id))

/* Who */

static int
on_channel(struct run *y, const struct record *r, struct err *e)
{
	json_t *o;
	bool first = !y->start_us;

	if (first)
		y->start_us = r->time_us;
	/* said again at the beginning of a file */
	if (!first && r->ref)
		return 0;
	o = event_of(y, first ? "run" : "resumed", r);
	if (first) {
		ADD(o, r, FIELD_AGENT, FIELD_INSTANCE, FIELD_NAME, FIELD_OWNER,
		    FIELD_ROLE, FIELD_PURPOSE, FIELD_PROFILE,
		    FIELD_ON_BEHALF_OF, FIELD_PARENT, FIELD_HANDOFF,
		    FIELD_WORKFLOW);
		if (r->ref)
			json_object_set_new(o, "beginning_gone", json_true());
	}
	return tell(y, o, e);
}

/* Life */

static void
layer_names(json_t *layers, const char *state, json_t *o)
{
	json_t *names = json_array(), *l;
	size_t i;

	json_array_foreach(layers, i, l)
	{
		const char *s = json_string_value(json_object_get(l, "state"));

		if (s && !strcmp(s, state))
			(void)json_array_append(names,
						json_object_get(l, "layer"));
	}
	if (json_array_size(names))
		(void)json_object_set(o, state, names);
	json_decref(names);
}

static int
on_life(struct run *y, const struct record *r, struct err *e)
{
	bool confined = render_is(r, FIELD_WHAT, "box.confined");
	json_t *o = event_of(y, confined ? "confined" : "life", r);
	json_t *layers = confined ? why_field(r, FIELD_LAYERS) : NULL;

	ADD(o, r, FIELD_WHAT, FIELD_DETAIL);
	if (layers && o) {
		layer_names(layers, "held", o);
		layer_names(layers, "degraded", o);
		layer_names(layers, "absent", o);
	}
	json_decref(layers);
	return tell(y, o, e);
}

static int
on_policy(struct run *y, const struct record *r, struct err *e)
{
	json_t *o = event_of(y, "policy", r);
	struct field v;

	ADD(o, r, FIELD_WHAT, FIELD_POLICY, FIELD_EPOCH, FIELD_STATUS,
	    FIELD_DETAIL);
	if (o && record_get(r, FIELD_POLICY_HASH, &v)) {
		char hex[2 * RECORD_HASH_LEN + 1] = "";

		for (size_t i = 0; i < v.len && i < RECORD_HASH_LEN; i++)
			snprintf(hex + 2 * i, 3, "%02x", v.bytes[i]);
		json_object_set_new(o, "hash", json_string(hex));
	}
	return tell(y, o, e);
}

/* Actions */

static int
add_outcome(struct run *y, uint64_t intent, json_t *o, struct err *e)
{
	struct record out;
	json_t *j;
	int k = trail_outcome(y->g->t, intent, &out, e);

	if (k <= 0 || !o)
		return k;
	j = json_pack("{sI}", "seq", (json_int_t)out.seq);
	ADD(j, &out, FIELD_STATUS, FIELD_ERROR, FIELD_DETAIL, FIELD_LATENCY_US,
	    FIELD_WAIT_US, FIELD_BYTES_IN, FIELD_BYTES_OUT, FIELD_LABELS_OUT);
	y->bytes_in += record_get_uint(&out, FIELD_BYTES_IN);
	y->bytes_out += record_get_uint(&out, FIELD_BYTES_OUT);
	(void)json_object_set_new(o, "outcome", j);
	return k;
}

static int
on_start(struct run *y, const struct record *r, struct err *e)
{
	json_t *o = event_of(y, "start", r);

	y->start = r->seq;
	ADD(o, r, FIELD_COMMAND, FIELD_WORKSPACE, FIELD_POLICY, FIELD_BY_UID);
	return tell(y, o, e);
}

static int
on_act(struct run *y, const struct record *r, struct err *e)
{
	json_t *o = event_of(y, "act", r);
	int k = add_outcome(y, r->seq, o, e);

	y->acts++;
	ADD(o, r, FIELD_WHAT, FIELD_EFFECT, FIELD_BY_UID, FIELD_BY_PID,
	    FIELD_WHY);
	if (k >= 0)
		return tell(y, o, e);
	json_decref(o);
	return k;
}

static void
count(struct run *y, const struct record *r)
{
	y->decisions++;
	if (record_get_uint(r, FIELD_GOES_AHEAD))
		y->allowed++;
	else if (render_is(r, FIELD_EFFECT, "ask"))
		y->asked++;
	else
		y->denied++;
}

static int
on_decision(struct run *y, const struct record *r, struct err *e)
{
	json_t *o;
	int k;

	count(y, r);
	if (y->g->o->limit && y->decisions > y->g->o->limit) {
		y->left_out++;
		return 0;
	}
	o = event_of(y, "decision", r);
	k = add_outcome(y, r->seq, o, e);
	ADD(o, r, FIELD_WHAT, FIELD_TARGET, FIELD_SURFACE, FIELD_CLASS,
	    FIELD_EFFECT, FIELD_RULE, FIELD_REASON, FIELD_EPOCH,
	    FIELD_LABELS_IN, FIELD_APPROVAL, FIELD_STEP);
	if (o)
		(void)json_object_set_new(
			o, "goes_ahead",
			json_boolean(record_get_uint(r, FIELD_GOES_AHEAD)));
	if (k >= 0)
		return tell(y, o, e);
	json_decref(o);
	return k;
}

static int
on_intent(struct run *y, const struct record *r, struct err *e)
{
	if (render_is(r, FIELD_WHAT, "box.start"))
		return on_start(y, r, e);
	if (render_is(r, FIELD_SURFACE, "admin"))
		return on_act(y, r, e);
	return on_decision(y, r, e);
}

/* That of box.start is the end; others were told with what they are of. */
static int
on_outcome(struct run *y, const struct record *r, struct err *e)
{
	json_t *o;

	if (!y->start || r->ref != y->start)
		return 0;
	y->ended = true;
	o = event_of(y, "end", r);
	ADD(o, r, FIELD_STATUS, FIELD_ERROR, FIELD_DETAIL, FIELD_EXIT_STATUS,
	    FIELD_SIGNAL, FIELD_LATENCY_US, FIELD_CPU_US, FIELD_MEMORY_PEAK);
	return tell(y, o, e);
}

static int
on_other(struct run *y, const char *kind, const struct record *r, struct err *e)
{
	json_t *o = event_of(y, kind, r);

	ADD(o, r, FIELD_WHAT, FIELD_TARGET, FIELD_TRIGGER, FIELD_DETAIL,
	    FIELD_APPROVAL, FIELD_APPROVERS, FIELD_STATUS, FIELD_BY_UID,
	    FIELD_WHY);
	if (o && r->ref)
		json_object_set_new(o, "of", json_integer((json_int_t)r->ref));
	return tell(y, o, e);
}

static int
on_record(void *arg, const struct record *r, const struct record *who,
	  struct err *e)
{
	struct run *y = arg;

	(void)who;
	switch (r->type) {
	case RECORD_CHANNEL:
		return on_channel(y, r, e);
	case RECORD_LIFECYCLE:
		return on_life(y, r, e);
	case RECORD_POLICY:
		return on_policy(y, r, e);
	case RECORD_INTENT:
		return on_intent(y, r, e);
	case RECORD_OUTCOME:
		return on_outcome(y, r, e);
	case RECORD_ANOMALY:
		y->anomalies++;
		return on_other(y, "anomaly", r, e);
	case RECORD_APPROVAL:
		return on_other(y, "approval", r, e);
	case RECORD_ADMIN:
		return on_other(y, "admin", r, e);
	default:
		return 0;
	}
}

static int
tell_summary(struct run *y, struct err *e)
{
	return tell(y,
		    json_pack("{ss sI ss sb sI sI sI sI sI sI sI sI sI}", "run",
			      y->row->run, "depth", (json_int_t)y->depth,
			      "kind", "summary", "ended", y->ended, "decisions",
			      (json_int_t)y->decisions, "allowed",
			      (json_int_t)y->allowed, "denied",
			      (json_int_t)y->denied, "asked",
			      (json_int_t)y->asked, "anomalies",
			      (json_int_t)y->anomalies, "acts",
			      (json_int_t)y->acts, "bytes_in",
			      (json_int_t)y->bytes_in, "bytes_out",
			      (json_int_t)y->bytes_out, "left_out",
			      (json_int_t)y->left_out),
		    e);
}

static int tell_run(struct telling *g, const struct run_row *row,
		    unsigned int depth, struct err *e);

/* Runs whose channel says that this one is their parent. */
static int
tell_children(struct telling *g, const struct run_row *row, unsigned int depth,
	      struct err *e)
{
	struct runs runs = { NULL, 0 };
	struct filter f;
	int k;

	if (depth >= TRACE_DEPTH_MAX)
		return 0;
	filter_init(&f);
	f.key[FILTER_PARENT] = (struct filter_words){ { row->run }, 1 };
	k = runs_find(g->t, &f, &runs, e);
	for (size_t i = 0; k >= 0 && i < runs.n; i++)
		if (!strv_has(&g->told, runs.v[i].run))
			k = tell_run(g, &runs.v[i], depth + 1, e);
	runs_done(&runs);
	return k;
}

static int
tell_run(struct telling *g, const struct run_row *row, unsigned int depth,
	 struct err *e)
{
	struct run y = { .g = g, .row = row, .depth = depth };
	struct filter f;
	int64_t n;

	if (strv_add(&g->told, row->run) < 0)
		return err_sys(e, ENOMEM, "trace");
	filter_init(&f);
	f.key[FILTER_RUN] = (struct filter_words){ { row->run }, 1 };
	n = trail_find(g->t, &f, on_record, &y, e);
	if (n >= 0)
		n = tell_summary(&y, e);
	return n < 0 ? (int)n : tell_children(g, row, depth, e);
}

int
trace_run(struct trail *t, const struct run_row *run,
	  const struct trace_options *o, trace_fn *fn, void *arg, struct err *e)
{
	struct telling g = { .t = t, .o = o, .fn = fn, .arg = arg };
	int k = tell_run(&g, run, 0, e);

	strv_done(&g.told);
	return k;
}
