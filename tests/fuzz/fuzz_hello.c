/* links: lib shim */
/*
 * The ClientHello parser, beside a plain reading of its own: what is taken must
 * say the same when it comes in records of one byte each, and no shorter piece
 * of it may say anything else.
 */
#include "shim/hello.h"
#include "shim/shim.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool
same(const struct hello *a, const struct hello *b)
{
	return !strcmp(a->sni, b->sni) && a->has_sni == b->has_sni &&
	       a->has_ech == b->has_ech && a->h2 == b->h2 &&
	       a->http11 == b->http11 && a->tls13 == b->tls13;
}

/* Every piece of what is read wants more: nothing is decided too early. */
static void
try_pieces(const uint8_t *data, size_t size, const struct hello *whole)
{
	size_t step = size / 64 + 1;
	struct hello h;

	for (size_t n = 0; n < size; n += step) {
		int r = hello_parse(data, n, &h);

		if (r < 0 || (r == 1 && !same(&h, whole)))
			abort();
	}
}

/* The message in records as small as they may be and still fit. */
static void
try_split(const uint8_t *data, size_t size, const struct hello *whole)
{
	size_t len = (size_t)data[3] << 8 | data[4], part = len / 256 + 1;
	size_t n = 0, want = len + (len / part + 1) * 5;
	uint8_t *split;
	struct hello h;

	/* only what came in one record, and may come in many */
	if (size != len + 5 || want > SHIM_HELLO_MAX)
		return;
	split = malloc(want);
	if (!split)
		return;
	for (size_t at = 0; at < len; at += part) {
		size_t take = part < len - at ? part : len - at;
		const uint8_t head[] = { 22, 3, 1, (uint8_t)(take >> 8),
					 (uint8_t)take };

		memcpy(split + n, head, sizeof(head));
		memcpy(split + n + sizeof(head), data + 5 + at, take);
		n += sizeof(head) + take;
	}
	if (hello_parse(split, n, &h) != 1 || !same(&h, whole))
		abort();
	free(split);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hello h = { .h2 = true };
	int looks = hello_looks_like(data, size);
	int r = hello_parse(data, size, &h);

	if (r < 0 && r != -EPROTO)
		abort();
	if (r != 1)
		return 0;
	if (looks != 1 || strlen(h.sni) >= sizeof(h.sni) ||
	    h.has_sni != (h.sni[0] != '\0'))
		abort();
	try_pieces(data, size, &h);
	try_split(data, size, &h);
	return 0;
}
