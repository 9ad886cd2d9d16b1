/*
 * The input document on any bytes: it must neither crash, nor leak, nor outgrow
 * its bounds; what it refuses it must explain in text that is safe to print,
 * and what it accepts must be a tree of nodes that decide() can walk.
 */
#include "tests/fuzz/fuzz.h"

#include "profiles/request_json.h"

#include <stdlib.h>
#include <string.h>

static size_t
walk(const struct value *v, unsigned int depth)
{
	size_t n = 1, items = 0;

	if (depth > REQUEST_DEPTH_MAX + 1)
		abort();
	if (v->type == VALUE_STRING)
		return memchr(v->s, '\0', v->len) ? abort(), 0 : n;
	if (v->type != VALUE_LIST && v->type != VALUE_OBJECT)
		return n;
	for (const struct value *i = v->first; i; i = i->next) {
		n += walk(i, depth + 1);
		items++;
		if (v->type == VALUE_OBJECT && strlen(i->key) != i->key_len)
			abort();
	}
	if (items != v->n)
		abort();
	return n;
}

static void
check_request(const struct request *rq)
{
	size_t n = 0;

	if (rq->surface >= SURFACE_MAX)
		abort();
	for (int a = 0; a < ATTR_MAX; a++) {
		if (rq->attr[a].type == VALUE_NONE)
			continue;
		if (!(attr_surfaces((enum attr)a) & 1u << rq->surface))
			abort();
		n += walk(&rq->attr[a], 0);
	}
	if (n > REQUEST_NODES_MAX + ATTR_MAX)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct request_doc *d;

	if (request_doc_read("fuzz", (const char *)data, size, &d, &e) >= 0) {
		check_request(request_doc_request(d));
		request_doc_free(d);
		return 0;
	}
	if (!e.code || strncmp(e.text, "fuzz", 4) != 0)
		abort();
	for (const char *s = e.text; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			abort();
	return 0;
}
