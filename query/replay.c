/*
 * Deciding again. What always holds: nothing of the log is believed but what is
 * compared; a decision that cannot be decided again is said to be so, and never
 * counted as the same; counters go on from what the log says was done, so one
 * difference does not make others.
 */
#include "query/replay.h"
#include "query/blob.h"
#include "query/inputs_read.h"
#include "query/replay-internal.h"

#include <string.h>

#define DECISION_MAX 65536
#define USAGE_MAX (16u << 20)

struct replay {
	struct trail *t;
	struct replay_policies policies;
	char again[DECISION_MAX], recorded[DECISION_MAX];
};

int
replay_new(struct trail *t, struct replay **ret, struct err *e)
{
	struct replay *r = calloc(1, sizeof(*r));

	if (!r)
		return err_sys(e, ENOMEM, "replay");
	r->t = t;
	*ret = r;
	return 0;
}

void
replay_free(struct replay *r)
{
	if (!r)
		return;
	replay_policies_done(&r->policies);
	free(r);
}

/* One run on its way. */
struct going {
	struct replay *r;
	const struct run_row *run;
	struct replay_epochs epochs;
	replay_found *fn;
	void *arg;
	struct replay_count *count;
	/* counters, of the policy with this hash */
	struct usage *usage;
	size_t usage_size;
	uint8_t hash[POLICY_HASH_LEN];
	bool known;	/* they are what they were */
	bool has_usage; /* and there are any */
};

static void
say(struct going *g, enum replay_kind kind, uint64_t seq, const char *what,
    const char *recorded, const char *again)
{
	const struct replay_finding f = { .kind = kind,
					  .seq = seq,
					  .run = g->run->run,
					  .what = what,
					  .recorded = recorded,
					  .again = again };

	if (kind == REPLAY_DIFFERENT)
		g->count->different++;
	else
		g->count->unchecked++;
	g->fn(g->arg, &f);
}

/* Counters */

static int
begin_usage(struct going *g, const struct policy *p, struct err *e)
{
	struct usage *u = calloc(1, usage_size(p));

	if (!u)
		return err_sys(e, ENOMEM, "counters of a run");
	free(g->usage);
	g->usage = u;
	g->usage_size = usage_size(p);
	memcpy(g->hash, policy_hash(p), sizeof(g->hash));
	g->has_usage = true;
	return 0;
}

/* What the record says that the counters are. */
static int
load_usage(struct going *g, const struct field *v, struct err *e)
{
	_cleanup_free_ void *data = NULL;
	size_t len;
	int r;

	if (v->len != 32)
		return err_set(e, -EBADMSG, "its field usage is no digest");
	r = blob_read(trail_audit(g->r->t), v->bytes, USAGE_MAX, &data, &len,
		      e);
	if (r < 0)
		return r;
	if (len != g->usage_size)
		return err_set(e, -EBADMSG,
			       "its counters are those of another policy");
	memcpy(g->usage, data, len);
	g->known = true;
	return 0;
}

/* Counters of another policy count something else: they begin anew. Only the
 * first of a run whose beginning is gone are not known. */
static int
adopt(struct going *g, const struct policy *p, const struct record *r,
      struct err *e)
{
	struct field v;
	int res = 0;

	if (!g->has_usage || memcmp(g->hash, policy_hash(p), 32) != 0) {
		g->known = g->has_usage || !g->run->cut;
		res = begin_usage(g, p, e);
	}
	if (res >= 0 && record_get(r, FIELD_USAGE, &v))
		res = load_usage(g, &v, e);
	return res;
}

/* One decision */

static int
policy_of(struct going *g, const struct record *r, const struct policy **ret,
	  struct err *e)
{
	uint64_t epoch = record_get_uint(r, FIELD_EPOCH);
	const struct replay_epoch *ep = replay_epoch_get(&g->epochs, epoch);

	if (!ep)
		return err_set(e, -ENODATA,
			       "no record says which policy epoch %llu is",
			       (unsigned long long)epoch);
	return replay_policy_get(&g->r->policies, trail_audit(g->r->t),
				 ep->blob, ret, e);
}

static int
inputs_of(const struct record *r, struct inputs_doc **ret, struct err *e)
{
	struct field in, truths;
	bool has;

	if (!record_get(r, FIELD_INPUTS, &in))
		return err_set(e, -EBADMSG, "it has no inputs");
	has = record_get(r, FIELD_TRUTHS, &truths);
	return inputs_read((const char *)in.bytes, in.len,
			   has ? (const char *)truths.bytes : NULL,
			   has ? truths.len : 0, ret, e);
}

static bool
field_is(const struct record *r, enum field_id id, const char *s)
{
	struct field v;

	return record_get(r, id, &v) && v.len == strlen(s) &&
	       memcmp(v.bytes, s, v.len) == 0;
}

/* What beside the decision record repeats it: NULL, or what does not. */
static const char *
other_than(const struct record *r, const struct policy *p,
	   const struct decision *d)
{
	struct policy_rule_view v = { .id = "" };
	struct field f;

	if (!record_get(r, FIELD_POLICY_HASH, &f) || f.len != POLICY_HASH_LEN ||
	    memcmp(f.bytes, policy_hash(p), f.len) != 0)
		return "its field policy_hash is not that of its epoch";
	if (!field_is(r, FIELD_EFFECT, effect_name(d->effect)))
		return "its field effect is not that of its decision";
	if (!field_is(r, FIELD_REASON, reason_name(d->reason)))
		return "its field reason is not that of its decision";
	if (d->rule >= 0)
		policy_rule(p, (size_t)d->rule, &v);
	if (d->rule >= 0 ? !field_is(r, FIELD_RULE, v.id)
			 : record_get(r, FIELD_RULE, &f))
		return "its field rule is not that of its decision";
	if (record_get_uint(r, FIELD_GOES_AHEAD) != decision_allows(d))
		return "it says that it went ahead where it may not, or the "
		       "other way round";
	return NULL;
}

static void
compare(struct going *g, const struct record *r, const struct policy *p,
	const struct request *rq, const struct decision *d)
{
	struct replay *y = g->r;
	const char *what = NULL;
	struct field v = { .len = 0 };
	int n = decision_json(p, rq, d, record_get_uint(r, FIELD_EPOCH), false,
			      y->again, sizeof(y->again));

	(void)record_get(r, FIELD_DECISION, &v);
	memcpy(y->recorded, v.bytes, v.len);
	y->recorded[v.len] = '\0';
	if (n < 0 || (size_t)n != v.len ||
	    memcmp(y->again, v.bytes, v.len) != 0)
		what = "decided otherwise";
	else
		what = other_than(r, p, d);
	if (what)
		say(g, REPLAY_DIFFERENT, r->seq, what, y->recorded,
		    n < 0 ? "" : y->again);
	else
		g->count->same++;
}

static void
decide_again(struct going *g, const struct record *r, const struct policy *p,
	     const struct request *rq)
{
	const struct decide_time at = {
		.wall_us = (int64_t)record_get_uint(r, FIELD_WALL_US),
		.boot_us = record_get_uint(r, FIELD_BOOT_US),
	};
	bool done = record_get_uint(r, FIELD_GOES_AHEAD) != 0;
	struct decision d;

	decide(p, rq, g->usage, &at, &d);
	if (g->known)
		compare(g, r, p, rq, &d);
	else
		say(g, REPLAY_UNCHECKED, r->seq,
		    "what was used before is gone with the beginning of its "
		    "run",
		    NULL, NULL);
	(void)usage_commit(p, g->usage, rq, &d, &at, done);
}

/* Rules do not decide on starts of boxes and on what operators do; what a
 * broker refused since it had no one meaning was never theirs to decide, and
 * did not go ahead. */
static void
check_undecided(struct going *g, const struct record *r)
{
	if (field_is(r, FIELD_SURFACE, surface_name(SURFACE_ADMIN)) ||
	    field_is(r, FIELD_SURFACE, surface_name(SURFACE_PROCESS)) ||
	    (!record_get_uint(r, FIELD_GOES_AHEAD) &&
	     field_is(r, FIELD_EFFECT, effect_name(EFFECT_DENY)) &&
	     field_is(r, FIELD_SURFACE, surface_name(SURFACE_NETWORK))))
		return;
	g->count->decisions++;
	say(g, REPLAY_DIFFERENT, r->seq, "it has no decision", NULL, NULL);
}

static int
on_intent(void *arg, const struct record *r, const struct record *who,
	  struct err *e)
{
	_cleanup_(inputs_freep) struct inputs_doc *doc = NULL;
	struct err mine = ERR_INIT;
	const struct policy *p = NULL;
	struct going *g = arg;
	struct field v;
	int res;

	(void)who;
	(void)e;
	if (!record_get(r, FIELD_DECISION, &v)) {
		check_undecided(g, r);
		return 0;
	}
	g->count->decisions++;
	res = policy_of(g, r, &p, &mine);
	if (res >= 0)
		res = adopt(g, p, r, &mine);
	if (res >= 0)
		res = inputs_of(r, &doc, &mine);
	if (res >= 0)
		decide_again(g, r, p, inputs_request(doc));
	else
		say(g,
		    res == -ENODATA && g->run->cut ? REPLAY_UNCHECKED
						   : REPLAY_DIFFERENT,
		    r->seq, mine.text, NULL, NULL);
	return 0;
}

int
replay_run(struct replay *r, const struct run_row *run, replay_found *fn,
	   void *arg, struct replay_count *count, struct err *e)
{
	struct going g = {
		.r = r, .run = run, .fn = fn, .arg = arg, .count = count
	};
	struct filter f;
	int64_t n;

	filter_init(&f);
	filter_type(&f, RECORD_INTENT);
	f.key[FILTER_RUN] = (struct filter_words){ { run->run }, 1 };
	n = replay_epochs_find(r->t, run->run, &g.epochs, e);
	if (n >= 0)
		n = trail_find(r->t, &f, on_intent, &g, e);
	count->policies += g.epochs.n;
	free(g.epochs.v);
	free(g.usage);
	return n < 0 ? (int)n : 0;
}
