/*
 * What the builder writes into: arrays that grow within their bounds, and one
 * pool of strings in which equal strings have one offset. Offset 0 is the empty
 * string, so that what was never set says nothing.
 */
#include "policy/build-internal.h"

#include <string.h>

#define MAP_MIN 1024

void *
build_grow(struct build *b, struct grow *g, size_t n, size_t size, size_t max,
	   const char *what)
{
	char *data = g->data;

	if (n > max || g->n > max - n) {
		err_set(b->e, -E2BIG, "more than %zu %s", max, what);
		return NULL;
	}
	if (g->n + n > g->cap) {
		size_t cap = MAX(g->cap * 2, MAX(g->n + n, (size_t)16));

		data = realloc(data, cap * size);
		if (!data) {
			err_set(b->e, -ENOMEM, "out of memory");
			return NULL;
		}
		g->data = data;
		g->cap = cap;
	}
	data += g->n * size;
	memset(data, 0, n * size);
	g->n += n;
	return data;
}

/* The pool of strings */

static int
map_resize(struct build *b)
{
	size_t cap = MAX(b->map.cap * 2, (size_t)MAP_MIN);
	uint32_t *to = malloc(cap * sizeof(*to)), *from = b->map.data;

	if (!to)
		return err_set(b->e, -ENOMEM, "out of memory");
	memset(to, 0xff, cap * sizeof(*to));
	for (size_t i = 0; i < b->map.cap; i++) {
		const char *s;
		size_t at;

		if (from[i] == FLAT_NONE)
			continue;
		s = (const char *)b->text.data + from[i];
		at = index_hash(0, s, strlen(s)) & (cap - 1);
		while (to[at] != FLAT_NONE)
			at = (at + 1) & (cap - 1);
		to[at] = from[i];
	}
	free(from);
	b->map.data = to;
	b->map.cap = cap;
	return 0;
}

int
build_text_n(struct build *b, const char *s, size_t n, uint32_t *ret)
{
	uint32_t *map;
	char *to;
	size_t at;

	if (memchr(s, '\0', n))
		return err_set(b->e, -EINVAL, "a NUL in a string");
	if (2 * (b->map.n + 1) > b->map.cap && map_resize(b) < 0)
		return b->e->code;
	map = b->map.data;
	at = index_hash(0, s, n) & (b->map.cap - 1);
	for (; map[at] != FLAT_NONE; at = (at + 1) & (b->map.cap - 1)) {
		const char *t = (const char *)b->text.data + map[at];

		if (!strncmp(t, s, n) && !t[n]) {
			*ret = map[at];
			return 0;
		}
	}
	map[at] = (uint32_t)b->text.n;
	b->map.n++;
	to = build_grow(b, &b->text, n + 1, 1, POLICY_SIZE_MAX,
			"bytes of text");
	if (!to)
		return b->e->code;
	memcpy(to, s, n);
	*ret = map[at];
	return 0;
}

int
build_text(struct build *b, const char *s, uint32_t *ret)
{
	return build_text_n(b, s ? s : "", s ? strlen(s) : 0, ret);
}
