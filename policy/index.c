/*
 * Which rules can match at all. Every rule of a surface that pins its main
 * attribute (host, path, server, type, name, ...) to something with a fixed
 * part is found by that part; the others are looked at always. What always
 * holds: a rule that could match is in exactly one of the ranges found, and
 * without a main attribute all rules of the surface are looked at, since a
 * missing attribute lets restrictions match.
 */
#include "policy/policy-internal.h"

#include <string.h>

#define KEY_MAX (2 * REQUEST_STRING_MAX)
/* Labels of a host, or folders of a path, that are looked up one by one; a
 * request with more is matched against every rule. */
#define PARTS_MAX (INDEX_SPANS_MAX - 4)

/* FNV-1a; the keys in the table are the policy author's. */
uint64_t
index_hash(unsigned int surface, const char *key, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ surface;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)key[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	return h ? h : 1;
}

enum attr
index_attr(enum surface s)
{
	static const enum attr main[SURFACE_MAX] = {
		[SURFACE_FILES] = ATTR_PATH,
		[SURFACE_PROCESS] = ATTR_PATH,
		[SURFACE_NETWORK] = ATTR_HOST,
		[SURFACE_TOOLS] = ATTR_SERVER,
		[SURFACE_MEMORY] = ATTR_TYPE,
		[SURFACE_CREDENTIALS] = ATTR_NAME,
		[SURFACE_HANDOFFS] = ATTR_TO,
		[SURFACE_ADMIN] = ATTR_VERB,
	};

	return main[s];
}

struct find {
	const struct policy *p;
	unsigned int surface;
	struct flat_span *spans;
	size_t n;
};

static void
probe(struct find *f, const char *key, size_t len)
{
	const struct flat_slot *slots = FLAT(f->p, slots, struct flat_slot);
	uint64_t h = index_hash(f->surface, key, len);
	uint32_t mask = f->p->h->slot_mask;

	if (!f->p->h->slots.n)
		return;
	for (uint32_t i = (uint32_t)h & mask; slots[i].hash;
	     i = (i + 1) & mask) {
		const struct flat_slot *s = &slots[i];

		if (s->hash == h && s->surface == f->surface &&
		    s->key_len == len &&
		    memcmp(flat_str(f->p, s->key), key, len) == 0) {
			f->spans[f->n++] =
				(struct flat_span){ s->item, s->n_item };
			return;
		}
	}
}

/* "a.b.c" finds "a.b.c", ".b.c" and ".c". False: too many labels. */
static bool
find_host(struct find *f, const struct eval *v)
{
	const char *host = v->host, *dot;
	size_t len = (size_t)v->host_len;

	if (v->host_len < 0)
		return false;
	probe(f, host, len);
	for (size_t i = 0; (dot = memchr(host, '.', len)); i++) {
		if (i == PARTS_MAX)
			return false;
		len -= (size_t)(dot - host);
		host = dot;
		probe(f, host, len);
		host++;
		len--;
	}
	return true;
}

/* "/a/b" finds "/a/b", "/a" and "". False: no usable path. */
static bool
find_path(struct find *f, const struct eval *v)
{
	const struct value *path = &v->rq->attr[ATTR_PATH];
	size_t parts = 0;

	if (!v->path_ok)
		return false;
	for (size_t i = 0; i < path->len; i++)
		parts += path->s[i] == '/';
	if (parts > PARTS_MAX)
		return false;
	for (size_t i = 0; i < path->len; i++)
		if (path->s[i] == '/')
			probe(f, path->s, i);
	probe(f, path->s, path->len);
	return true;
}

static bool
usable(const struct value *v)
{
	return v->type == VALUE_STRING && v->len <= REQUEST_STRING_MAX;
}

/* "server" and "server" 0x01 "tool". */
static bool
find_tool(struct find *f, const struct request *rq)
{
	const struct value *server = &rq->attr[ATTR_SERVER];
	const struct value *tool = &rq->attr[ATTR_TOOL];
	char key[KEY_MAX + 1];

	if (!usable(server) || !usable(tool))
		return false;
	probe(f, server->s, server->len);
	memcpy(key, server->s, server->len);
	key[server->len] = 1;
	memcpy(key + server->len + 1, tool->s, tool->len);
	probe(f, key, server->len + 1 + tool->len);
	return true;
}

static bool
find_name(struct find *f, const struct value *v)
{
	if (!usable(v))
		return false;
	probe(f, v->s, v->len);
	return true;
}

static bool
find_keyed(struct find *f, const struct eval *v)
{
	const struct request *rq = v->rq;

	switch (rq->surface) {
	case SURFACE_FILES:
	case SURFACE_PROCESS:
		return find_path(f, v);
	case SURFACE_NETWORK:
		return find_host(f, v);
	case SURFACE_TOOLS:
		return find_tool(f, rq);
	case SURFACE_MEMORY:
		return find_name(f, &rq->attr[ATTR_TYPE]);
	case SURFACE_CREDENTIALS:
		return find_name(f, &rq->attr[ATTR_NAME]);
	case SURFACE_HANDOFFS:
		return find_name(f, &rq->attr[ATTR_TO]);
	default:
		return find_name(f, &rq->attr[ATTR_VERB]);
	}
}

size_t
policy_index_find(const struct eval *v, struct flat_span spans[INDEX_SPANS_MAX])
{
	struct find f = { .p = v->p,
			  .surface = v->rq->surface,
			  .spans = spans };

	/* in a replay the key may be what is withheld */
	if (v->rq->truths || !find_keyed(&f, v)) {
		spans[0] = v->p->h->all[f.surface];
		return 1;
	}
	spans[f.n++] = v->p->h->scan[f.surface];
	return f.n;
}
