/*
 * The binary form of a record: tables, reading, checking, putting together.
 * What always holds: reading never leaves the bytes it was given, whatever is
 * in them; what record_fields_check() let through can be walked without
 * further checks; texts that fields_text() wrote pass it.
 */
#include "audit/record.h"

#include <string.h>

struct type_row {
	const char *name, *text;
	bool clients;
};
struct field_row {
	const char *name, *text;
	uint8_t kind, from;
};

#define WRITER false
#define CLIENT true
static const struct type_row types[RECORD_TYPE_MAX] = {
#define RECORD(id, n, name, from, text) [n] = { name, text, from },
	RECORDS(RECORD)
#undef RECORD
};
#undef WRITER
#undef CLIENT

static const struct field_row rows[FIELD_ID_MAX] = {
#define FIELD(id, n, name, kind, from, text)                                   \
	[n] = { name, text, AS_##kind, FROM_##from },
	FIELDS(FIELD)
#undef FIELD
};

/* What a record of a type cannot do without. */
static const struct {
	uint8_t type;
	uint8_t fields[4]; /* 0 at the end */
} required[] = {
	{ RECORD_CHANNEL, { FIELD_AGENT, FIELD_RUN } },
	{ RECORD_INTENT, { FIELD_WHAT, FIELD_SURFACE, FIELD_EFFECT } },
	{ RECORD_OUTCOME, { FIELD_STATUS } },
	{ RECORD_LIFECYCLE, { FIELD_WHAT } },
	{ RECORD_POLICY, { FIELD_WHAT, FIELD_POLICY } },
	{ RECORD_APPROVAL, { FIELD_WHAT, FIELD_APPROVAL } },
	{ RECORD_ADMIN, { FIELD_WHAT } },
	{ RECORD_ANOMALY, { FIELD_WHAT } },
};

static const struct type_row *
type_row(unsigned int type)
{
	return type < RECORD_TYPE_MAX && types[type].name ? &types[type] : NULL;
}

static const struct field_row *
field_row(unsigned int id)
{
	return id < FIELD_ID_MAX && rows[id].name ? &rows[id] : NULL;
}

const char *
record_type_name(unsigned int type)
{
	const struct type_row *t = type_row(type);

	return t ? t->name : NULL;
}

const char *
record_type_text(unsigned int type)
{
	const struct type_row *t = type_row(type);

	return t ? t->text : NULL;
}

bool
record_type_is_clients(unsigned int type)
{
	const struct type_row *t = type_row(type);

	return t && t->clients;
}

int
record_type_from_name(const char *name)
{
	for (unsigned int i = 0; i < RECORD_TYPE_MAX; i++)
		if (types[i].name && strcmp(types[i].name, name) == 0)
			return (int)i;
	return -EINVAL;
}

const char *
field_name(unsigned int field)
{
	const struct field_row *f = field_row(field);

	return f ? f->name : NULL;
}

const char *
field_text(unsigned int field)
{
	const struct field_row *f = field_row(field);

	return f ? f->text : NULL;
}

int
field_from_name(const char *name)
{
	for (unsigned int i = 0; i < FIELD_ID_MAX; i++)
		if (rows[i].name && strcmp(rows[i].name, name) == 0)
			return (int)i;
	return -EINVAL;
}

enum field_kind
field_kind(unsigned int field)
{
	const struct field_row *f = field_row(field);

	return f ? (enum field_kind)f->kind : AS_BYTES;
}

enum field_from
field_from(unsigned int field)
{
	const struct field_row *f = field_row(field);

	return f ? (enum field_from)f->from : FROM_WRITER;
}

static uint16_t
u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t
u32(const uint8_t *p)
{
	return u16(p) | (uint32_t)u16(p + 2) << 16;
}

static void
put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, (uint16_t)v);
	put16(p + 2, (uint16_t)(v >> 16));
}

static void
put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

int
record_parse(const void *data, size_t len, struct record *ret)
{
	const uint8_t *p = data;
	struct record r = { 0 };

	if (len < 8)
		return len >= 4 && u32(p) != RECORD_MAGIC ? -EBADMSG : 0;
	r.size = u32(p + 4);
	if (u32(p) != RECORD_MAGIC || r.size < RECORD_MIN ||
	    r.size > RECORD_MAX)
		return -EBADMSG;
	if (len < r.size)
		return 0;
	if (u16(p + 54) != RECORD_VERSION)
		return -EBADMSG;
	r.seq = record_u64(p + 8);
	r.time_us = record_u64(p + 16);
	r.boot_us = record_u64(p + 24);
	r.ref = record_u64(p + 32);
	r.channel = record_u64(p + 40);
	r.key = u32(p + 48);
	r.type = u16(p + 52);
	r.bytes = p;
	r.fields = p + RECORD_HEAD;
	r.fields_len = r.size - RECORD_MIN;
	r.mac = p + r.size - RECORD_TAIL;
	r.hash = r.mac + RECORD_HASH_LEN;
	if (!r.seq || record_fields_check(r.fields, r.fields_len, -1) < 0)
		return -EBADMSG;
	*ret = r;
	return (int)r.size;
}

int
record_prefix(const void *data, struct record_prefix *ret)
{
	const uint8_t *p = data;

	ret->size = u32(p + 4);
	ret->seq = record_u64(p + 8);
	return u32(p) != RECORD_MAGIC || ret->size < RECORD_MIN ||
			       ret->size > RECORD_MAX
		       ? -EBADMSG
		       : 0;
}

bool
record_next(const struct record *r, size_t *at, struct field *ret)
{
	const uint8_t *p = r->fields + *at;

	if (*at >= r->fields_len)
		return false;
	ret->id = u16(p);
	ret->len = u16(p + 2);
	ret->bytes = p + 4;
	*at += 4u + ret->len;
	return true;
}

bool
record_get(const struct record *r, enum field_id id, struct field *ret)
{
	size_t at = 0;

	while (record_next(r, &at, ret))
		if (ret->id == id)
			return true;
	return false;
}

uint64_t
record_get_uint(const struct record *r, enum field_id id)
{
	struct field f;

	return record_get(r, id, &f) && f.len == 8 ? record_u64(f.bytes) : 0;
}

/* Characters that steer a terminal or hide text: controls, format characters
 * (zero width, bidi, tags), line and paragraph separators, surrogates, private
 * use and noncharacters at the ends of planes (Unicode 15, categories Cc, Cf,
 * Zl, Zp, Cs). */
static bool
is_unsafe(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} bad[] = {
		{ 0x00, 0x1f },	      { 0x7f, 0x9f },
		{ 0xad, 0xad },	      { 0x600, 0x605 },
		{ 0x61c, 0x61c },     { 0x6dd, 0x6dd },
		{ 0x70f, 0x70f },     { 0x890, 0x891 },
		{ 0x8e2, 0x8e2 },     { 0x180b, 0x180f },
		{ 0x200b, 0x200f },   { 0x2028, 0x202e },
		{ 0x2060, 0x206f },   { 0xd800, 0xdfff },
		{ 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },
		{ 0xfff0, 0xfffb },   { 0xfffe, 0xffff },
		{ 0x110bd, 0x110bd }, { 0x110cd, 0x110cd },
		{ 0x13430, 0x1343f }, { 0x1bca0, 0x1bca3 },
		{ 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad) && c >= bad[i].first; i++)
		if (c <= bad[i].last)
			return true;
	return false;
}

/* One character of UTF-8 (RFC 3629: shortest form, no surrogates, up to
 * U+10FFFF). Returns its length, or 0. */
static size_t
utf8(const uint8_t *s, size_t n, uint32_t *ret)
{
	size_t len = s[0] < 0x80   ? 1
		     : s[0] < 0xc2 ? 0
		     : s[0] < 0xe0 ? 2
		     : s[0] < 0xf0 ? 3
		     : s[0] < 0xf5 ? 4
				   : 0;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c;

	if (!len || len > n)
		return 0;
	c = len == 1 ? s[0] : s[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*ret = c;
	return len;
}

/* Whether eight bytes are all printable ASCII (0x20 to 0x7e), as most are: no
 * byte has its high bit, none is below 0x20, none is 0x7f. A borrow or carry
 * may only begin in a byte that is bad itself. */
static bool
is_plain8(const uint8_t *s)
{
	const uint64_t ones = UINT64_MAX / 255;
	uint64_t v;

	memcpy(&v, s, 8);
	return !((v | (v - 0x20 * ones) | (v + ones)) & 0x80 * ones);
}

static bool
text_is_safe(const uint8_t *s, size_t n)
{
	while (n) {
		uint32_t c;
		size_t len;

		if (n >= 8 && is_plain8(s)) {
			s += 8;
			n -= 8;
			continue;
		}
		len = utf8(s, n, &c);

		if (!len || is_unsafe(c))
			return false;
		s += len;
		n -= len;
	}
	return true;
}

static bool
is_ascii_line(const uint8_t *s, size_t n)
{
	size_t i = 0;

	while (n - i >= 8 && is_plain8(s + i))
		i += 8;
	for (; i < n; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			return false;
	return n > 0;
}

static bool
value_fits(const struct field_row *row, const struct field *f)
{
	switch ((enum field_kind)row->kind) {
	case AS_UINT:
		return f->len == 8;
	case AS_TEXT:
		return text_is_safe(f->bytes, f->len);
	case AS_JSON:
		return is_ascii_line(f->bytes, f->len);
	case AS_BYTES:
		return true;
	}
	return false;
}

int
record_fields_check(const uint8_t *fields, size_t len, int from)
{
	unsigned int last = 0;
	size_t at = 0;

	while (at < len) {
		const struct field_row *row;
		struct field f;

		if (len - at < 4)
			return -EBADMSG;
		f.id = u16(fields + at);
		f.len = u16(fields + at + 2);
		f.bytes = fields + at + 4;
		if (f.id <= last || f.len > len - at - 4)
			return -EBADMSG;
		row = field_row(f.id);
		if (row ? !value_fits(row, &f) : from >= 0)
			return -EBADMSG;
		if (row && from >= 0 && row->from != from)
			return -EPERM;
		last = f.id;
		at += 4u + f.len;
	}
	return 0;
}

int
record_required(unsigned int type, const uint8_t *fields, size_t len,
		enum field_id *ret_missing)
{
	const struct record r = { .fields = fields, .fields_len = len };
	struct field f;

	for (size_t i = 0; i < ARRAY_SIZE(required); i++) {
		if (required[i].type != type)
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(required[i].fields) &&
				   required[i].fields[k];
		     k++) {
			enum field_id id = required[i].fields[k];

			if (record_get(&r, id, &f) && f.len)
				continue;
			*ret_missing = id;
			return -ENODATA;
		}
	}
	return 0;
}

/* Makes room for the value of a field, in its place. NULL: full. */
static uint8_t *
fields_place(struct fields *f, enum field_id id, size_t n)
{
	struct record r = { .fields = f->bytes, .fields_len = f->len };
	size_t at = 0, start = f->len, old = 0;
	struct field have;
	uint8_t *p;

	/* mostly behind the last one: fields are given in order */
	if (f->len && f->last_end == f->len &&
	    u16(f->bytes + f->last) < (unsigned int)id)
		at = f->len;
	for (size_t before = 0; record_next(&r, &at, &have); before = at) {
		if (have.id < (unsigned int)id)
			continue;
		start = before;
		old = have.id == (unsigned int)id ? at - before : 0;
		break;
	}
	if (n > UINT16_MAX || f->len - old + 4 + n > sizeof(f->bytes)) {
		f->full = true;
		return NULL;
	}
	p = f->bytes + start;
	memmove(p + 4 + n, p + old, f->len - start - old);
	f->len += 4 + n - old;
	put16(p, (uint16_t)id);
	put16(p + 2, (uint16_t)n);
	f->last = start;
	f->last_end = p + 4 + n == f->bytes + f->len ? f->len : 0;
	return p + 4;
}

void
fields_uint(struct fields *f, enum field_id id, uint64_t v)
{
	uint8_t *p = fields_place(f, id, 8);

	if (p)
		put64(p, v);
}

void
fields_bytes(struct fields *f, enum field_id id, const void *v, size_t n)
{
	uint8_t *p = fields_place(f, id, n);

	if (p && n)
		memcpy(p, v, n);
}

void
fields_json(struct fields *f, enum field_id id, const char *s, size_t n)
{
	if (!is_ascii_line((const uint8_t *)s, n))
		f->full = true;
	else
		fields_bytes(f, id, s, n);
}

/* One character, or byte, as it may be printed. Returns the bytes written to
 * out (at most 12) and how much of s was used. */
static size_t
escape(const uint8_t *s, size_t n, uint8_t *out, size_t *ret_used)
{
	static const char hex[] = "0123456789abcdef";
	uint32_t c;
	size_t len = utf8(s, n, &c), o = 0;

	*ret_used = len ? len : 1;
	if (len && !is_unsafe(c) && c != '\\') {
		memcpy(out, s, len);
		return len;
	}
	out[o++] = '\\';
	if (len && c == '\\') {
		out[o++] = '\\';
	} else if (!len || c < 0x80) {
		out[o++] = 'x';
		out[o++] = (uint8_t)hex[s[0] >> 4];
		out[o++] = (uint8_t)hex[s[0] & 15];
	} else {
		out[o++] = 'u';
		out[o++] = '{';
		for (int shift = c > 0xffff ? 20 : 12; shift >= 0; shift -= 4)
			out[o++] = (uint8_t)hex[c >> shift & 15];
		out[o++] = '}';
	}
	return o;
}

void
fields_text_n(struct fields *f, enum field_id id, const char *s, size_t n,
	      size_t max)
{
	uint8_t out[RECORD_TEXT_MAX], one[12], *p;
	size_t len = 0, cut = 0, used, k;

	if (!max || max > sizeof(out))
		max = sizeof(out);
	if (max < 16)
		max = 16;
	if (n && n <= max && is_ascii_line((const uint8_t *)s, n) &&
	    !memchr(s, '\\', n)) {
		fields_bytes(f, id, s, n);
		return;
	}
	for (size_t i = 0; i < n; i += used) {
		k = escape((const uint8_t *)s + i, n - i, one, &used);
		if (len + k > max) {
			memset(out + cut, '.', 3);
			len = cut + 3;
			break;
		}
		memcpy(out + len, one, k);
		len += k;
		if (len + 3 <= max)
			cut = len;
	}
	p = fields_place(f, id, len);
	if (p && len)
		memcpy(p, out, len);
}

void
fields_text(struct fields *f, enum field_id id, const char *s)
{
	if (s)
		fields_text_n(f, id, s, strlen(s), 0);
}

size_t
record_write(const struct record_head *h, const uint8_t *fields, size_t len,
	     uint8_t *out)
{
	size_t size = RECORD_MIN + len;

	put32(out, RECORD_MAGIC);
	put32(out + 4, (uint32_t)size);
	put64(out + 8, h->seq);
	put64(out + 16, h->time_us);
	put64(out + 24, h->boot_us);
	put64(out + 32, h->ref);
	put64(out + 40, h->channel);
	put32(out + 48, h->key);
	put16(out + 52, h->type);
	put16(out + 54, RECORD_VERSION);
	if (len)
		memcpy(out + RECORD_HEAD, fields, len);
	memset(out + size - RECORD_TAIL, 0, RECORD_TAIL);
	return size;
}
