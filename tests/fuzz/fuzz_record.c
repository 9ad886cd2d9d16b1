/* links: audit lib */
/*
 * Frames and texts. A frame that is let through must be walkable and hold no
 * text that steers a terminal, by a plain reading of each byte; written anew it
 * must give the same bytes. Any bytes at all, made a text field, must be let
 * through.
 */
#include "audit/record.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void
must(bool ok)
{
	if (!ok)
		abort();
}

/* What no field of text may hold, a byte after the other: controls, DEL, and of
 * UTF-8 the bytes that never occur. */
static void
check_value(const struct field *f)
{
	enum field_kind kind = field_kind(f->id);

	if (!field_name(f->id))
		return;
	must(kind != AS_UINT || f->len == 8);
	for (size_t i = 0; i < f->len; i++) {
		uint8_t c = f->bytes[i];

		if (kind == AS_TEXT)
			must(c >= 0x20 && c != 0x7f && c != 0xc0 && c != 0xc1 &&
			     c < 0xf5);
		if (kind == AS_JSON)
			must(c >= 0x20 && c < 0x7f);
	}
}

static void
check_frame(const uint8_t *data, size_t size)
{
	struct record_prefix p;
	struct record r;
	struct field f;
	size_t at = 0;
	unsigned int last = 0;
	int n = record_parse(data, size, &r);

	if (size >= RECORD_HEAD && record_prefix(data, &p) < 0)
		must(n == -EBADMSG);
	if (n <= 0)
		return;
	must((size_t)n <= size && r.size == (uint32_t)n && r.seq == p.seq &&
	     r.size == p.size);
	while (record_next(&r, &at, &f)) {
		must(f.id > last && f.bytes + f.len <= r.mac);
		last = f.id;
		check_value(&f);
	}
	must(at == r.fields_len);
	struct record_head h = { r.seq,	    r.time_us, r.boot_us, r.ref,
				 r.channel, r.key,     r.type };
	uint8_t *again = malloc(r.size);

	must(again &&
	     record_write(&h, r.fields, r.fields_len, again) == r.size);
	must(memcmp(again, data, r.size - RECORD_TAIL) == 0);
	free(again);
}

static void
check_text(const uint8_t *data, size_t size)
{
	struct fields *f = malloc(sizeof(*f));

	must(f != NULL);
	fields_init(f);
	fields_text_n(f, FIELD_WHAT, (const char *)data, size,
		      size ? data[0] * 20u : 0);
	fields_text_n(f, FIELD_DETAIL, (const char *)data, size, 0);
	fields_text_n(f, FIELD_WHAT, (const char *)data, size / 2, 0);
	must(!f->full);
	must(record_fields_check(f->bytes, f->len, FROM_CLIENT) == 0);
	free(f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum field_id missing;

	check_frame(data, size);
	check_text(data, size);
	for (int from = -1; from <= FROM_CLIENT; from++)
		if (record_fields_check(data, size, from) == 0)
			for (unsigned int t = 0; t < RECORD_TYPE_MAX; t++)
				record_required(t, data, size, &missing);
	return 0;
}
