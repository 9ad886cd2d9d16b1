/*
 * The log as questions see it. What always holds: what is handed out came from
 * the log's files just now, and matches what was asked; the index only says
 * where to look. Where it says something wrong it is made anew, where it cannot
 * be had the files are read instead, and that is said (trail_note()).
 */
#include "query/trail.h"
#include "audit/layout.h"
#include "audit/reader.h"
#include "query/index.h"

#include <string.h>

#define WHO_SLOTS 256u
#define NOTE_MAX 512

struct who_slot {
	uint64_t channel;
	struct record rec; /* bytes NULL: it is gone */
	uint8_t *frame;
};

struct trail {
	int audit;
	int owned; /* audit, if we opened it */
	struct reader *find, *get;
	struct index *ix; /* NULL: the files are read */
	uint8_t got[RECORD_MAX];
	struct who_slot who[WHO_SLOTS];
	char note[NOTE_MAX];
};

int
trail_audit(const struct trail *t)
{
	return t->audit;
}

const char *
trail_note(const struct trail *t)
{
	return t->note;
}

void
trail_free(struct trail *t)
{
	if (!t)
		return;
	index_free(t->ix);
	reader_free(t->find);
	reader_free(t->get);
	close_ptr(&t->owned);
	for (size_t i = 0; i < WHO_SLOTS; i++)
		free(t->who[i].frame);
	free(t);
}

/* ---- opening -------------------------------------------------------------*/

static void
without_index(struct trail *t, const struct err *e)
{
	index_free(t->ix);
	t->ix = NULL;
	snprintf(t->note, sizeof(t->note),
		 "all files are read, which takes longer: %.400s", e->text);
}

int
trail_update(struct trail *t, struct err *e)
{
	struct err mine = ERR_INIT;
	int64_t n;

	(void)e;
	if (!t->ix)
		return 0;
	n = index_update(t->ix, t->find, &mine);
	if (n < 0)
		without_index(t, &mine);
	else if (index_odd(t->ix) && !t->note[0])
		snprintf(t->note, sizeof(t->note),
			 "the log does not go on as it should at record %llu: "
			 "`agentbox audit verify` says more",
			 (unsigned long long)index_odd(t->ix));
	return 0;
}

int
trail_open_at(int audit, const char *index, const struct trail_options *o,
	      struct trail **ret, struct err *e)
{
	struct trail *t = calloc(1, sizeof(*t));
	struct err mine = ERR_INIT;
	int r;

	if (!t)
		return err_sys(e, ENOMEM, "the log");
	t->audit = audit;
	t->owned = -EBADF;
	r = reader_new(audit, &t->find, e);
	if (r >= 0)
		r = reader_new(audit, &t->get, e);
	if (r < 0) {
		trail_free(t);
		return r;
	}
	if (!o || !o->no_index) {
		r = index_open(index, o && o->rebuild, &t->ix, &mine);
		if (r < 0)
			without_index(t, &mine);
	}
	*ret = t;
	return trail_update(t, e);
}

void
trail_own(struct trail *t, int audit)
{
	t->owned = audit;
}

/* ---- one record ----------------------------------------------------------*/

/* Reads what lies at a place. 1; 0: its file is gone; -EUCLEAN: something else
 * is there. */
static int
read_at(struct reader *r, const struct index_hit *h, struct record *ret,
	struct err *e)
{
	int k = reader_goto(r, &h->place, e);

	if (k >= 0)
		k = reader_next(r, ret, e);
	if (k == -ESTALE || k == -EBADMSG || k == 0) {
		const struct reader_segment *seg;
		size_t n;

		k = reader_segments(r, &seg, &n, e);
		if (k < 0)
			return k;
		return n && seg[0].first > h->place.segment ? 0 : -EUCLEAN;
	}
	if (k < 0)
		return k;
	return ret->seq == h->seq ? 1 : -EUCLEAN;
}

static int
seek_record(struct trail *t, uint64_t seq, struct record *ret, struct err *e)
{
	int k = reader_seek(t->get, seq, e);

	if (k >= 0)
		k = reader_next(t->get, ret, e);
	if (k == -EBADMSG)
		return 0;
	return k > 0 ? ret->seq == seq : k;
}

static int
find_record(struct trail *t, uint64_t seq, struct record *ret, struct err *e)
{
	struct err mine = ERR_INIT;
	struct index_hit h;

	if (t->ix && index_place(t->ix, seq, &h, &mine) > 0 && h.seq == seq &&
	    read_at(t->get, &h, ret, &mine) > 0)
		return 1;
	return seek_record(t, seq, ret, e);
}

/* A record in memory of ours. */
static void
copy_record(const struct record *r, uint8_t *to, struct record *ret)
{
	memcpy(to, r->bytes, r->size);
	(void)record_parse(to, r->size, ret);
}

int
trail_get(struct trail *t, uint64_t seq, struct record *ret, struct err *e)
{
	struct record r;
	int k = find_record(t, seq, &r, e);

	if (k > 0)
		copy_record(&r, t->got, ret);
	return k;
}

static int
who_fill(struct trail *t, struct who_slot *s, uint64_t channel, struct err *e)
{
	struct record r;
	uint8_t *frame = NULL;
	int k = find_record(t, channel, &r, e);

	if (k < 0)
		return k;
	if (k > 0 && r.type == RECORD_CHANNEL) {
		frame = malloc(r.size);
		if (!frame)
			return err_sys(e, ENOMEM, "the log");
	}
	free(s->frame);
	*s = (struct who_slot){ .channel = channel, .frame = frame };
	if (frame)
		copy_record(&r, frame, &s->rec);
	return 0;
}

int
trail_who(struct trail *t, const struct record *r, struct record *ret,
	  struct err *e)
{
	uint64_t channel = r->type == RECORD_CHANNEL ? r->seq : r->channel;
	struct who_slot *s = &t->who[channel % WHO_SLOTS];
	int k = 0;

	if (!channel)
		return 0;
	if (s->channel != channel)
		k = who_fill(t, s, channel, e);
	if (k < 0 || !s->frame)
		return k;
	*ret = s->rec;
	return 1;
}

/* Without an index: by reading the last file. */
static int
scan_last(struct trail *t, uint64_t *ret, struct err *e)
{
	const struct reader_segment *seg;
	struct record r;
	uint64_t bytes;
	size_t n;
	int k = reader_segments(t->get, &seg, &n, e);

	*ret = 0;
	if (k < 0 || !n)
		return k;
	k = reader_seek(t->get, seg[n - 1].first, e);
	while (k >= 0 && (k = reader_next(t->get, &r, e)) != 0) {
		if (k > 0)
			*ret = r.seq;
		else if (k != -EBADMSG || reader_skip(t->get, &bytes) <= 0)
			break;
		else
			k = 0;
	}
	return k == -EBADMSG ? 0 : k;
}

int
trail_last(struct trail *t, uint64_t *ret, struct err *e)
{
	struct err mine = ERR_INIT;
	struct index_hit h;

	if (!t->ix || index_place(t->ix, UINT64_MAX, &h, &mine) <= 0)
		return scan_last(t, ret, e);
	*ret = h.seq;
	return 0;
}

/* ---- many ----------------------------------------------------------------*/

struct finding {
	struct trail *t;
	struct filter f;
	uint64_t limit; /* that was asked for */
	trail_fn *fn;
	void *arg;
	int64_t n;     /* given so far */
	uint64_t last; /* of these the last */
	struct index_hit *hit;
	size_t n_hits, room;
};

/* Whether it is what was asked for: 1, and who. */
static int
matches(struct finding *g, const struct record *r, struct record *who,
	bool *ret_known, struct err *e)
{
	int k = trail_who(g->t, r, who, e);

	if (k < 0)
		return k;
	*ret_known = k > 0;
	return filter_match(&g->f, r, k > 0 ? who : NULL);
}

static int
give(struct finding *g, const struct record *r, const struct record *who,
     struct err *e)
{
	int k = g->fn(g->arg, r, who, e);

	if (k < 0)
		return k;
	g->n++;
	g->last = r->seq;
	return 0;
}

/* -EUCLEAN: the index was wrong. */
static int
give_hit(struct finding *g, const struct index_hit *h, struct err *e)
{
	struct record r, who;
	bool known;
	int k = read_at(g->t->find, h, &r, e);

	if (k <= 0)
		return k;
	k = matches(g, &r, &who, &known, e);
	if (k == 0)
		return err_set(e, EUCLEAN, "record %llu is not what it was",
			       (unsigned long long)h->seq);
	if (k < 0)
		return k;
	return give(g, &r, known ? &who : NULL, e);
}

static int
keep_hit(struct finding *g, const struct index_hit *h)
{
	if (g->n_hits == g->room) {
		size_t room = g->room ? 2 * g->room : 256;
		void *p = reallocarray(g->hit, room, sizeof(*g->hit));

		if (!p)
			return -ENOMEM;
		g->hit = p;
		g->room = room;
	}
	g->hit[g->n_hits++] = *h;
	return 0;
}

/* By the index, the newest f.limit; or all, as they come. */
static int
by_index(struct finding *g, struct err *e)
{
	_cleanup_(search_free_ptr) struct search *s = NULL;
	struct index_hit h;
	bool all = !g->f.limit;
	int k = index_find(g->t->ix, &g->f, all, &s, e);

	while (k >= 0 && (all || g->n_hits < g->f.limit) &&
	       (k = search_next(s, &h, e)) > 0) {
		k = all ? give_hit(g, &h, e) : keep_hit(g, &h);
		if (k == -ENOMEM)
			return err_sys(e, ENOMEM, "--limit %llu",
				       (unsigned long long)g->f.limit);
	}
	while (k >= 0 && g->n_hits)
		k = give_hit(g, &g->hit[--g->n_hits], e);
	return k < 0 ? k : 0;
}

static void
note_damage(struct trail *t, const char *file, uint64_t bytes)
{
	if (!t->note[0])
		snprintf(t->note, sizeof(t->note),
			 "%s has %llu bytes that are no records: `agentbox "
			 "audit verify` says more",
			 file, (unsigned long long)bytes);
}

/* The next record of the files, over what is none. */
static int
scan_next(struct trail *t, struct record *ret, struct err *e)
{
	char file[LAYOUT_SEGMENT_NAME + 1];
	uint64_t bytes;
	int k;

	while ((k = reader_next(t->find, ret, e)) == -EBADMSG) {
		snprintf(file, sizeof(file), "%s", reader_file(t->find));
		k = reader_skip(t->find, &bytes);
		if (k >= 0 && bytes)
			note_damage(t, file, bytes);
		if (k <= 0)
			return k;
	}
	return k;
}

/* A match of a scan: given at once, or its place kept, of the newest ones. */
static int
scan_hit(struct finding *g, const struct record *r, const struct record *who,
	 uint64_t *seen, struct err *e)
{
	struct index_hit h = { .seq = r->seq };

	if (!g->f.limit)
		return give(g, r, who, e);
	reader_place(g->t->find, &h.place);
	if (g->n_hits < g->f.limit)
		return keep_hit(g, &h);
	g->hit[(*seen)++ % g->f.limit] = h;
	return 0;
}

/* By reading everything between two numbers. */
static int
by_scan(struct finding *g, uint64_t low, uint64_t high, struct err *e)
{
	struct record r, who;
	uint64_t over = 0;
	bool known;
	int k = reader_seek(g->t->find, low, e);

	while (k >= 0 && (k = scan_next(g->t, &r, e)) > 0 && r.seq <= high) {
		k = matches(g, &r, &who, &known, e);
		if (k > 0)
			k = scan_hit(g, &r, known ? &who : NULL, &over, e);
	}
	for (size_t i = 0; k >= 0 && i < g->n_hits; i++)
		k = give_hit(g, &g->hit[(over + i) % g->n_hits], e);
	return k < 0 ? k : 0;
}

static bool
asks_words(const struct filter *f)
{
	for (size_t i = 0; i < FILTER_KEY_MAX; i++)
		if (f->key[i].n)
			return true;
	return f->types || f->ref;
}

static int
find(struct finding *g, struct err *e)
{
	uint64_t low = g->f.seq_first, high = g->f.seq_last;
	int k = 1;

	if (g->t->ix && (g->f.limit || asks_words(&g->f)))
		return by_index(g, e);
	if (g->t->ix)
		k = index_bounds(g->t->ix, &g->f, &low, &high, e);
	return k <= 0 ? k : by_scan(g, low, high, e);
}

/* The index was wrong: it is made anew, and the search goes on behind what was
 * given. A second time the files are read. */
static int
find_again(struct finding *g, struct err *e)
{
	struct err mine = ERR_INIT;

	if (g->n)
		g->f.seq_first = g->last + 1;
	if (g->limit && g->limit == (uint64_t)g->n)
		return 0;
	g->f.limit = g->limit ? g->limit - (uint64_t)g->n : 0;
	g->n_hits = 0;
	if (index_drop(g->t->ix, &mine) < 0)
		without_index(g->t, &mine);
	(void)trail_update(g->t, e);
	return find(g, e);
}

int64_t
trail_find(struct trail *t, const struct filter *f, trail_fn *fn, void *arg,
	   struct err *e)
{
	struct finding g = {
		.t = t, .f = *f, .limit = f->limit, .fn = fn, .arg = arg
	};
	struct err mine = ERR_INIT;
	int k = find(&g, e);

	for (int tries = 0; k == -EUCLEAN && t->ix && tries < 2; tries++) {
		if (tries) {
			err_set(&mine, EUCLEAN, "the index was wrong twice");
			without_index(t, &mine);
		}
		k = find_again(&g, e);
	}
	free(g.hit);
	return k < 0 ? k : g.n;
}

/* ---- outcomes ------------------------------------------------------------*/

static bool
is_outcome(const struct record *r, uint64_t intent)
{
	return r->type == RECORD_OUTCOME && r->ref == intent;
}

static int
outcome_by_index(struct trail *t, uint64_t intent, const char *run,
		 struct record *ret, struct err *e)
{
	_cleanup_(search_free_ptr) struct search *s = NULL;
	struct index_hit h;
	struct filter f;
	int k;

	filter_init(&f);
	filter_type(&f, RECORD_OUTCOME);
	f.ref = intent;
	f.seq_first = intent + 1;
	if (run[0])
		f.key[FILTER_RUN] = (struct filter_words){ { run }, 1 };
	k = index_find(t->ix, &f, true, &s, e);
	if (k >= 0)
		k = search_next(s, &h, e);
	if (k > 0)
		k = read_at(t->get, &h, ret, e);
	return k > 0 && !is_outcome(ret, intent) ? -EUCLEAN : k;
}

static int
outcome_by_scan(struct trail *t, uint64_t intent, struct record *ret,
		struct err *e)
{
	uint64_t bytes;
	int k = reader_seek(t->get, intent + 1, e);

	while (k >= 0 && (k = reader_next(t->get, ret, e)) != 0) {
		if (k == -EBADMSG)
			k = reader_skip(t->get, &bytes);
		else if (k > 0 && is_outcome(ret, intent))
			return 1;
		if (k == 0)
			break;
	}
	return k;
}

int
trail_outcome(struct trail *t, uint64_t intent, struct record *ret,
	      struct err *e)
{
	char run[RECORD_TEXT_MAX + 1] = "";
	struct err mine = ERR_INIT;
	struct record r, who;
	struct field v;
	int k = trail_get(t, intent, &r, e);

	if (k > 0)
		k = trail_who(t, &r, &who, e);
	if (k < 0)
		return k;
	if (k > 0 && record_get(&who, FIELD_RUN, &v) && v.len < sizeof(run)) {
		memcpy(run, v.bytes, v.len);
		run[v.len] = '\0';
	}
	k = t->ix ? outcome_by_index(t, intent, run, &r, &mine) : -EUCLEAN;
	if (k < 0)
		k = outcome_by_scan(t, intent, &r, e);
	if (k > 0)
		copy_record(&r, t->got, ret);
	return k;
}
