/* links: audit lib */
/*
 * Messages from clients. What is let through can be walked without further
 * checks, lies within the message, and sets no field that is another's.
 */
#include "audit/wire.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void
check_fields(const struct wire_message *m, const uint8_t *data, size_t size)
{
	const struct record r = { .fields = m->fields,
				  .fields_len = m->fields_len };
	enum field_from from =
		m->head.op == WIRE_OPEN ? FROM_CHANNEL : FROM_CLIENT;
	unsigned int last = 0;
	struct field f;
	size_t at = 0;

	if (m->fields < data || m->fields + m->fields_len != data + size ||
	    m->fields_len > RECORD_FIELDS_MAX)
		abort();
	while (record_next(&r, &at, &f)) {
		if (f.id <= last || field_from(f.id) != from ||
		    f.bytes + f.len > data + size)
			abort();
		last = f.id;
	}
	if (at != m->fields_len)
		abort();
}

/* What is split lies one behind the other, within the message. */
static void
split(const uint8_t *data, size_t size)
{
	const uint8_t *last = data;
	size_t at = 0, len = 0;
	const void *p;

	while (wire_next(data, size, &at, &p, &len) == 1) {
		if ((const uint8_t *)p < last + sizeof(uint32_t) ||
		    (const uint8_t *)p + len > data + size ||
		    (const uint8_t *)p + len != data + at)
			abort();
		last = data + at;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_message m;
	uint32_t field = 1;
	int r = wire_decode(data, size, &m, &field);

	split(data, size);
	if (r < 0) {
		if (field && !field_name(field))
			abort();
		return 0;
	}
	if (field || m.head.op >= WIRE_OP_MAX || m.head.magic != WIRE_MAGIC)
		abort();
	if (m.head.op == WIRE_OPEN || m.head.op == WIRE_RECORD)
		check_fields(&m, data, size);
	if (m.head.op == WIRE_RECORD && !record_type_is_clients(m.type))
		abort();
	if (m.head.op == WIRE_BLOB && m.digest + RECORD_HASH_LEN != data + size)
		abort();
	if (m.head.op == WIRE_RECORDS)
		abort();
	return 0;
}
