/*
 * Messages to the writer, looked at. Pure. What always holds: a message that
 * passed is whole, of a known kind, and its fields can be walked; nobody sets a
 * field that is another's.
 */
#include "audit/wire.h"

#include <string.h>

#define FLAGS_OPEN WIRE_RESUME
#define FLAGS_RECORD (WIRE_DURABLE | WIRE_QUIET)

static int
decode_open(const uint8_t *p, size_t len, struct wire_message *m,
	    uint32_t *ret_field)
{
	enum field_id missing;
	int r;

	m->fields = p + sizeof(struct wire_head);
	m->fields_len = len - sizeof(struct wire_head);
	if (m->fields_len > RECORD_FIELDS_MAX)
		return -EPROTO;
	r = record_fields_check(m->fields, m->fields_len, FROM_CHANNEL);
	if (r < 0)
		return r;
	r = record_required(RECORD_CHANNEL, m->fields, m->fields_len, &missing);
	if (r < 0)
		*ret_field = missing;
	return r;
}

static int
decode_record(const uint8_t *p, size_t len, struct wire_message *m,
	      uint32_t *ret_field)
{
	struct wire_record rec;
	enum field_id missing;
	int r;

	if (len < sizeof(rec))
		return -EPROTO;
	memcpy(&rec, p, sizeof(rec));
	if (rec.zero[0] || rec.zero[1] || rec.zero[2])
		return -EPROTO;
	if (!record_type_is_clients(rec.type))
		return -EINVAL;
	m->ref = rec.ref;
	m->type = rec.type;
	m->fields = p + sizeof(rec);
	m->fields_len = len - sizeof(rec);
	if (m->fields_len > RECORD_FIELDS_MAX)
		return -EPROTO;
	r = record_fields_check(m->fields, m->fields_len, FROM_CLIENT);
	if (r < 0)
		return r;
	r = record_required(rec.type, m->fields, m->fields_len, &missing);
	if (r < 0)
		*ret_field = missing;
	return r;
}

static int
check_flags(const struct wire_head *h)
{
	unsigned int may = h->op == WIRE_OPEN	  ? FLAGS_OPEN
			   : h->op == WIRE_RECORD ? FLAGS_RECORD
						  : 0;

	return h->flags & ~may ? -EINVAL : 0;
}

int
wire_decode(const void *data, size_t len, struct wire_message *ret,
	    uint32_t *ret_field)
{
	struct wire_message m = { 0 };
	int r;

	*ret_field = 0;
	if (len < sizeof(m.head))
		return -EPROTO;
	memcpy(&m.head, data, sizeof(m.head));
	if (m.head.magic != WIRE_MAGIC)
		return -EPROTO;
	if (m.head.op >= WIRE_OP_MAX)
		return -ENOSYS;
	r = check_flags(&m.head);
	if (r < 0)
		return r;
	switch ((enum wire_op)m.head.op) {
	case WIRE_OPEN:
		r = decode_open(data, len, &m, ret_field);
		break;
	case WIRE_RECORD:
		r = decode_record(data, len, &m, ret_field);
		break;
	case WIRE_BLOB:
		r = len == sizeof(struct wire_blob) ? 0 : -EPROTO;
		m.digest = (const uint8_t *)data + sizeof(m.head);
		break;
	case WIRE_RECORDS:
		r = -EPROTO; /* one within another, or not looked into */
		break;
	default:
		r = len == sizeof(m.head) ? 0 : -EPROTO;
	}
	if (r < 0)
		return r;
	*ret = m;
	return 0;
}

static bool
is_record(const uint8_t *p, uint32_t len)
{
	struct wire_head h;

	if (len < sizeof(h))
		return false;
	memcpy(&h, p, sizeof(h));
	return h.magic == WIRE_MAGIC && h.op == WIRE_RECORD;
}

int
wire_next(const void *data, size_t len, size_t *at, const void **ret,
	  size_t *ret_len)
{
	const uint8_t *p = data;
	size_t from = *at ? *at : sizeof(struct wire_head);
	uint32_t n;

	if (from == len && *at)
		return 0;
	if (len > WIRE_RECORDS_BYTES || from > len || len - from < sizeof(n))
		return -EPROTO;
	memcpy(&n, p + from, sizeof(n));
	from += sizeof(n);
	if (n > len - from || !is_record(p + from, n))
		return -EPROTO;
	*ret = p + from;
	*ret_len = n;
	*at = from + n;
	return 1;
}
