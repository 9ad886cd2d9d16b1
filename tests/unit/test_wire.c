/* links: audit lib */
/* Messages to the writer: what is let through, and how each mistake is
 * answered. */
#include "audit/wire.h"
#include "tests/tap.h"

#include <string.h>

struct buf {
	uint8_t b[sizeof(struct wire_record) + RECORD_FIELDS_MAX + 8];
	size_t len;
};

static void
put_head(struct buf *m, enum wire_op op, unsigned int flags)
{
	const struct wire_head h = { .magic = WIRE_MAGIC,
				     .op = (uint16_t)op,
				     .flags = (uint16_t)flags,
				     .cookie = 77 };

	memcpy(m->b, &h, sizeof(h));
	m->len = sizeof(h);
}

static void
put_fields(struct buf *m, const struct fields *f)
{
	memcpy(m->b + m->len, f->bytes, f->len);
	m->len += f->len;
}

static void
put_record(struct buf *m, unsigned int type, uint64_t ref, unsigned int flags,
	   const struct fields *f)
{
	struct wire_record r = { .ref = ref, .type = (uint16_t)type };

	put_head(m, WIRE_RECORD, flags);
	memcpy(&r.head, m->b, sizeof(r.head));
	memcpy(m->b, &r, sizeof(r));
	m->len = sizeof(r);
	put_fields(m, f);
}

static void
intent(struct fields *f)
{
	fields_init(f);
	fields_text(f, FIELD_WHAT, "tools.call");
	fields_text(f, FIELD_SURFACE, "tools");
	fields_text(f, FIELD_EFFECT, "allow");
}

static int
decode(const struct buf *m, struct wire_message *ret, uint32_t *ret_field)
{
	/* at an odd address, with nothing behind it that may be read */
	uint8_t *p = malloc(m->len + 1);
	int r;

	ASSERT_NOT_NULL(p);
	memcpy(p + 1, m->b, m->len);
	r = wire_decode(p + 1, m->len, ret, ret_field);
	if (r == 0 && ret->fields)
		ASSERT_TRUE(ret->fields + ret->fields_len == p + 1 + m->len);
	free(p);
	return r;
}

TEST(a_record)
{
	static struct fields f;
	static struct buf m;
	struct wire_message got;
	uint32_t field = 1;

	intent(&f);
	put_record(&m, RECORD_INTENT, 5, WIRE_DURABLE | WIRE_QUIET, &f);
	ASSERT_OK(decode(&m, &got, &field));
	ASSERT_EQ(got.head.op, WIRE_RECORD);
	ASSERT_EQ(got.head.cookie, 77);
	ASSERT_EQ(got.type, RECORD_INTENT);
	ASSERT_EQ(got.ref, 5);
	ASSERT_EQ(got.fields_len, f.len);
	ASSERT_EQ(field, 0);
}

TEST(open)
{
	static struct fields f;
	static struct buf m;
	struct wire_message got;
	uint32_t field;

	fields_init(&f);
	fields_text(&f, FIELD_AGENT, "a");
	put_head(&m, WIRE_OPEN, WIRE_RESUME);
	put_fields(&m, &f);
	ASSERT_ERR(decode(&m, &got, &field), -ENODATA);
	ASSERT_EQ(field, FIELD_RUN);
	fields_text(&f, FIELD_RUN, "r");
	put_head(&m, WIRE_OPEN, WIRE_RESUME);
	put_fields(&m, &f);
	ASSERT_OK(decode(&m, &got, &field));
	ASSERT_EQ(got.head.flags, WIRE_RESUME);
	/* who speaks is said once, and not by records */
	put_record(&m, RECORD_INTENT, 0, 0, &f);
	ASSERT_ERR(decode(&m, &got, &field), -EPERM);
	/* what the kernel says, nobody else does */
	fields_uint(&f, FIELD_PEER_UID, 0);
	put_head(&m, WIRE_OPEN, 0);
	put_fields(&m, &f);
	ASSERT_ERR(decode(&m, &got, &field), -EPERM);
}

TEST(bare_ops)
{
	static const enum wire_op ops[] = { WIRE_HELLO, WIRE_STATUS,
					    WIRE_CHECKPOINT, WIRE_ROTATE };
	static struct buf m;
	struct wire_message got;
	uint32_t field;

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		put_head(&m, ops[i], 0);
		ASSERT_OK(decode(&m, &got, &field));
		m.len++;
		ASSERT_ERR(decode(&m, &got, &field), -EPROTO);
		put_head(&m, ops[i], WIRE_DURABLE);
		ASSERT_ERR(decode(&m, &got, &field), -EINVAL);
	}
	put_head(&m, WIRE_BLOB, 0);
	ASSERT_ERR(decode(&m, &got, &field), -EPROTO);
	m.len += RECORD_HASH_LEN;
	ASSERT_OK(decode(&m, &got, &field));
	ASSERT_NOT_NULL(got.digest);
}

TEST(form)
{
	static struct fields f;
	static struct buf m;
	struct wire_message got;
	uint32_t field;
	size_t whole;

	intent(&f);
	put_record(&m, RECORD_INTENT, 0, 0, &f);
	whole = m.len;
	/* cut anywhere, it is refused */
	for (m.len = 0; m.len < whole; m.len++)
		ASSERT_TRUE(decode(&m, &got, &field) < 0);
	m.b[0] ^= 1;
	ASSERT_ERR(decode(&m, &got, &field), -EPROTO);
	put_head(&m, WIRE_OP_MAX, 0);
	ASSERT_ERR(decode(&m, &got, &field), -ENOSYS);
	/* what is reserved is zero */
	put_record(&m, RECORD_INTENT, 0, 0, &f);
	m.b[offsetof(struct wire_record, zero) + 5] = 1;
	ASSERT_ERR(decode(&m, &got, &field), -EPROTO);
}

TEST(types_and_flags)
{
	static struct fields f;
	static struct buf m;
	struct wire_message got;
	uint32_t field;

	intent(&f);
	for (unsigned int type = 0; type <= RECORD_TYPE_MAX; type++) {
		put_record(&m, type, 0, 0, &f);
		if (!record_type_is_clients(type))
			ASSERT_ERR(decode(&m, &got, &field), -EINVAL);
	}
	put_record(&m, RECORD_INTENT, 0, WIRE_RESUME, &f);
	ASSERT_ERR(decode(&m, &got, &field), -EINVAL);
	put_record(&m, RECORD_INTENT, 0, 0x8000, &f);
	ASSERT_ERR(decode(&m, &got, &field), -EINVAL);
	put_record(&m, RECORD_OUTCOME, 1, 0, &f);
	ASSERT_ERR(decode(&m, &got, &field), -ENODATA);
	ASSERT_EQ(field, FIELD_STATUS);
}

/* Several in one message: one behind the other, records only, to its end. */
TEST(many_records)
{
	uint8_t all[256] = { 0 };
	struct wire_head h = { .magic = WIRE_MAGIC, .op = WIRE_RECORDS };
	struct wire_record rec = { .head.magic = WIRE_MAGIC,
				   .head.op = WIRE_RECORD };
	uint32_t n = sizeof(rec);
	size_t at = 0, part, len = sizeof(h);
	struct wire_message m;
	const void *p;
	uint32_t field;

	memcpy(all, &h, sizeof(h));
	ASSERT_ERR(wire_next(all, len, &at, &p, &part), -EPROTO);
	for (int i = 0; i < 2; i++) {
		memcpy(all + len, &n, sizeof(n));
		memcpy(all + len + sizeof(n), &rec, sizeof(rec));
		len += sizeof(n) + sizeof(rec);
	}
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(wire_next(all, len, &at, &p, &part), 1);
		ASSERT_EQ(part, sizeof(rec));
		ASSERT_EQ(memcmp(p, &rec, sizeof(rec)), 0);
	}
	ASSERT_EQ(wire_next(all, len, &at, &p, &part), 0);
	/* cut, or too long */
	at = 0;
	ASSERT_ERR(wire_next(all, sizeof(h) + 20, &at, &p, &part), -EPROTO);
	n = 200;
	memcpy(all + sizeof(h), &n, sizeof(n));
	ASSERT_ERR(wire_next(all, len, &at, &p, &part), -EPROTO);
	/* no op but RECORD */
	n = sizeof(rec);
	memcpy(all + sizeof(h), &n, sizeof(n));
	all[sizeof(h) + sizeof(n) + 4] = WIRE_OPEN;
	ASSERT_ERR(wire_next(all, len, &at, &p, &part), -EPROTO);
	/* nor is it one itself */
	ASSERT_ERR(wire_decode(all, len, &m, &field), -EPROTO);
}

TEST(too_long)
{
	static struct fields f;
	static struct buf m;
	struct wire_message got;
	uint32_t field;

	intent(&f);
	put_record(&m, RECORD_INTENT, 0, 0, &f);
	memset(m.b + m.len, 0, sizeof(m.b) - m.len);
	m.len = sizeof(struct wire_record) + RECORD_FIELDS_MAX + 1;
	ASSERT_ERR(decode(&m, &got, &field), -EPROTO);
}
