/* links: net lib */
/*
 * Packets of the broker's channel, from either end. What is let through lies
 * within the packet, keeps the bounds that readers rely on, and, written anew
 * from what was understood, is the same bytes: there is one reading.
 */
#include "net/batch.h"
#include "net/wire.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static uint8_t again[NET_PACKET_MAX];

static bool
is_known(unsigned int f)
{
	return strcmp(net_field_name((uint16_t)f), "?") != 0;
}

static enum net_field_kind
kind_of(unsigned int f)
{
	switch (f) {
#define NET_FIELD(id, n, k, text)                                              \
	case n:                                                                \
		return NET_##k;
		NET_FIELDS(NET_FIELD)
#undef NET_FIELD
	default:
		abort();
	}
}

static void
put_pairs(struct net_writer *w, enum net_field f, const struct net_bytes *b)
{
	struct net_bytes name, value;
	size_t at = 0, n = 0;

	net_pairs_begin(w, f);
	while (net_pair(b, &at, &name, &value)) {
		if (name.data + name.len > b->data + b->len ||
		    value.data + value.len > b->data + b->len ||
		    ++n > NET_PAIRS_MAX)
			abort();
		net_pairs_add(w, name.data, name.len, value.data, value.len);
	}
	net_pairs_end(w);
}

static void
put(struct net_writer *w, const struct net_message *m, unsigned int f)
{
	const struct net_bytes *b = &m->bytes[f];

	switch (kind_of(f)) {
	case NET_U64:
		net_put_u64(w, f, m->number[f]);
		return;
	case NET_PAIRS:
		put_pairs(w, f, b);
		return;
	case NET_TEXT:
		if (b->len && memchr(b->data, 0, b->len))
			abort();
		/* fall through */
	default:
		net_put(w, f, b->data, b->len);
	}
}

static void
check(const struct net_message *m, const uint8_t *data, size_t size)
{
	struct net_writer w;

	if (m->has[NET_F_PORT] &&
	    (!m->number[NET_F_PORT] || m->number[NET_F_PORT] > UINT16_MAX))
		abort();
	net_begin(&w, again, m->op, m->flags, m->id);
	for (unsigned int f = 0; f < NET_FIELD_MAX; f++) {
		if (!m->has[f])
			continue;
		if (!is_known(f) || m->bytes[f].data < data ||
		    m->bytes[f].data + m->bytes[f].len > data + size)
			abort();
		put(&w, m, f);
	}
	if (net_end(&w) != (ssize_t)size || memcmp(again, data, size) != 0)
		abort();
}

/* What is split lies one behind the other, to the end. */
static void
split(const uint8_t *data, size_t size)
{
	const uint8_t *last = data, *p;
	size_t at = 0, len = 0;
	int r;

	while ((r = net_batch_next(data, size, &at, &p, &len)) > 0) {
		if (!len || p < last || p + len > data + size ||
		    p + len != data + at)
			abort();
		last = data + at;
	}
	if (r == 0 && at != size)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_message m;
	bool shims = net_decode(data, size, true, &m) == 0;

	split(data, size);
	if (shims)
		check(&m, data, size);
	if (net_decode(data, size, false, &m) == 0) {
		if (shims)
			abort(); /* an op is one side's */
		check(&m, data, size);
	}
	return 0;
}
