/*
 * What became of actions. What always holds: an action that went ahead has one
 * outcome, and what a run carried away from it is on its labels before the
 * next decision.
 */
#include "supervisor/gate-internal.h"

#include "lib/macro.h"

#include <string.h>
#include <time.h>

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
	fields_uint(f, FIELD_LATENCY_US, gate_clock(CLOCK_BOOTTIME) - since_us);
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

void
gate_tell(struct gate *g, uint64_t action, const char *what,
	  const struct gate_outcome *o)
{
	struct fields *f;

	if (!g->o.scribe)
		return;
	f = scribe_fields(g->o.scribe);
	fields_text(f, FIELD_WHAT, what);
	if (o->bytes_in >= 0)
		fields_uint(f, FIELD_BYTES_IN, (uint64_t)o->bytes_in);
	if (o->bytes_out >= 0)
		fields_uint(f, FIELD_BYTES_OUT, (uint64_t)o->bytes_out);
	fields_text(f, FIELD_STATUS, o->status);
	fields_text(f, FIELD_ERROR, o->error);
	if (o->detail)
		fields_text_n(f, FIELD_DETAIL, o->detail, strlen(o->detail),
			      GATE_DETAIL_MAX);
	scribe_tell(g->o.scribe, RECORD_LIFECYCLE, action, f, 0, NULL);
}

bool
gate_can_tell(const struct gate *g)
{
	return !g->o.scribe || scribe_room(g->o.scribe);
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
