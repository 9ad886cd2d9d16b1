/*
 * The kinds of records: combinations of what most questions ask for. What
 * always holds: the space here does not grow with the log; how many kinds there
 * are is up to who writes it, and many only make this slower.
 */
#include "query/index-internal.h"

#include <string.h>

#define KINDS 1024u /* slots; a power of two */

enum { KIND_RULE, KIND_EFFECT, KIND_SURFACE, KIND_WHAT, KIND_STATUS, KIND_N };

struct kind {
	uint16_t type;
	struct field v[KIND_N]; /* id 0: not there, the same as empty */
};
struct kind_slot {
	uint8_t *key;
	size_t len;
	int64_t id;
};
struct kind_cache {
	struct kind_slot slot[KINDS];
	uint8_t key[RECORD_MAX]; /* the one at hand */
};

int
kind_cache_new(struct kind_cache **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void
kind_cache_clear(struct kind_cache *k)
{
	for (size_t i = 0; i < KINDS; i++) {
		free(k->slot[i].key);
		k->slot[i].key = NULL;
	}
}

void
kind_cache_free(struct kind_cache *k)
{
	if (k)
		kind_cache_clear(k);
	free(k);
}

/* All that makes a kind, in one piece: it is a part of one record, so it fits.
 */
static size_t
kind_key(const struct kind *k, uint8_t *out)
{
	size_t n = 2;

	memcpy(out, &k->type, 2);
	for (size_t i = 0; i < KIND_N; i++) {
		memcpy(out + n, &k->v[i].len, 2);
		if (k->v[i].len)
			memcpy(out + n + 2, k->v[i].bytes, k->v[i].len);
		n += 2u + k->v[i].len;
	}
	return n;
}

/* FNV-1a; who makes two kinds meet in a slot only makes this slower. */
static uint32_t
hash(const uint8_t *p, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 16777619u;
	return h ^ h >> 15;
}

static void
bind_kind(sqlite3_stmt *s, const struct kind *k)
{
	sqlite3_bind_int(s, 1, k->type);
	for (int i = 0; i < KIND_N; i++)
		sqlite3_bind_text(s, i + 2,
				  k->v[i].len ? (const char *)k->v[i].bytes
					      : "",
				  k->v[i].len, SQLITE_STATIC);
}

/* The number of a kind in the table, which gets it if it is new. */
static int
kind_row(struct index *ix, const struct kind *k, int64_t *ret, struct err *e)
{
	sqlite3_stmt *get = index_stmt(ix, STMT_KIND_GET, e);
	sqlite3_stmt *put = index_stmt(ix, STMT_KIND_PUT, e);
	int r;

	if (!get || !put)
		return -EUCLEAN;
	bind_kind(get, k);
	r = sqlite3_step(get);
	if (r == SQLITE_ROW)
		*ret = sqlite3_column_int64(get, 0);
	sqlite3_reset(get);
	if (r == SQLITE_ROW)
		return 0;
	bind_kind(put, k);
	r = index_run(ix, put, e);
	*ret = sqlite3_last_insert_rowid(ix->db);
	return r;
}

static int
kind_id(struct index *ix, const struct kind *k, int64_t *ret, struct err *e)
{
	struct kind_cache *c = ix->kinds;
	size_t len = kind_key(k, c->key);
	struct kind_slot *s = &c->slot[hash(c->key, len) & (KINDS - 1)];
	uint8_t *copy;
	int r;

	if (s->key && s->len == len && memcmp(s->key, c->key, len) == 0) {
		*ret = s->id;
		return 0;
	}
	r = kind_row(ix, k, ret, e);
	if (r < 0)
		return r;
	copy = malloc(len);
	if (!copy)
		return err_sys(e, ENOMEM, "the index");
	memcpy(copy, c->key, len);
	free(s->key);
	s->key = copy;
	s->len = len;
	s->id = *ret;
	return 0;
}

static void
kind_of(const struct record *r, struct kind *k)
{
	struct field v;
	size_t at = 0;

	*k = (struct kind){ .type = r->type };
	while (record_next(r, &at, &v))
		switch (v.id) {
		case FIELD_RULE:
			k->v[KIND_RULE] = v;
			break;
		case FIELD_EFFECT:
			k->v[KIND_EFFECT] = v;
			break;
		case FIELD_SURFACE:
			k->v[KIND_SURFACE] = v;
			break;
		case FIELD_WHAT:
			k->v[KIND_WHAT] = v;
			break;
		case FIELD_STATUS:
			k->v[KIND_STATUS] = v;
			break;
		}
}

int
index_kind(struct index *ix, const struct record *r, int64_t *ret,
	   struct err *e)
{
	struct kind k;

	kind_of(r, &k);
	return kind_id(ix, &k, ret, e);
}
