/* Which policies a run had. What always holds: a policy is opened only from
 * bytes whose digest the log names, and is checked like any stranger's. */
#include "query/blob.h"
#include "query/replay-internal.h"

#include <string.h>

/* Epochs */

static bool
get_digest(const struct record *r, enum field_id id, uint8_t ret[32])
{
	struct field v;

	if (!record_get(r, id, &v) || v.len != 32)
		return false;
	memcpy(ret, v.bytes, 32);
	return true;
}

static int
add(void *arg, const struct record *r, const struct record *who, struct err *e)
{
	struct replay_epochs *es = arg;
	struct replay_epoch ep = { .number = record_get_uint(r, FIELD_EPOCH),
				   .seq = r->seq };

	(void)who;
	/* a load that failed has no blob */
	if (!get_digest(r, FIELD_POLICY_HASH, ep.hash) ||
	    !get_digest(r, FIELD_POLICY_BLOB, ep.blob))
		return 0;
	if (es->n == es->room) {
		size_t room = es->room ? 2 * es->room : 8;
		void *p = reallocarray(es->v, room, sizeof(*es->v));

		if (!p)
			return err_sys(e, ENOMEM, "policies of a run");
		es->v = p;
		es->room = room;
	}
	es->v[es->n++] = ep;
	return 0;
}

int
replay_epochs_find(struct trail *t, const char *run, struct replay_epochs *ret,
		   struct err *e)
{
	struct filter f;
	int64_t n;

	*ret = (struct replay_epochs){ NULL, 0, 0 };
	filter_init(&f);
	filter_type(&f, RECORD_POLICY);
	f.key[FILTER_RUN] = (struct filter_words){ { run }, 1 };
	n = trail_find(t, &f, add, ret, e);
	return n < 0 ? (int)n : 0;
}

const struct replay_epoch *
replay_epoch_get(const struct replay_epochs *es, uint64_t number)
{
	for (size_t i = es->n; i > 0; i--)
		if (es->v[i - 1].number == number)
			return &es->v[i - 1];
	return NULL;
}

/* Policies */

static int
open_policy(int audit, const uint8_t blob[32], struct policy **ret,
	    struct err *e)
{
	_cleanup_free_ void *data = NULL;
	size_t len;
	int r = blob_read(audit, blob, POLICY_SIZE_MAX, &data, &len, e);

	return r < 0 ? r : policy_open(data, len, ret, e);
}

int
replay_policy_get(struct replay_policies *ps, int audit, const uint8_t blob[32],
		  const struct policy **ret, struct err *e)
{
	size_t oldest = 0;
	struct policy *p;
	int r;

	for (size_t i = 0; i < REPLAY_POLICIES; i++) {
		if (ps->v[i].policy && !memcmp(ps->v[i].blob, blob, 32)) {
			ps->v[i].used = ++ps->turn;
			*ret = ps->v[i].policy;
			return 0;
		}
		if (ps->v[i].used < ps->v[oldest].used)
			oldest = i;
	}
	r = open_policy(audit, blob, &p, e);
	if (r < 0)
		return r;
	policy_free(ps->v[oldest].policy);
	ps->v[oldest].policy = p;
	memcpy(ps->v[oldest].blob, blob, 32);
	ps->v[oldest].used = ++ps->turn;
	*ret = p;
	return 0;
}

void
replay_policies_done(struct replay_policies *ps)
{
	for (size_t i = 0; i < REPLAY_POLICIES; i++)
		policy_free(ps->v[i].policy);
	memset(ps, 0, sizeof(*ps));
}
