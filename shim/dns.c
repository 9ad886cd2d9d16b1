/*
 * DNS messages as bytes. What always holds: every length is checked before it
 * is followed, a question's name is read without pointers (a question is the
 * first name in its message, there is nothing to point to: RFC 1035, 4.1.4), it
 * has one reading, and an answer repeats exactly the bytes that were asked.
 */
#include "shim/dns.h"

#include "lib/macro.h"

#include <string.h>

#define HEAD 12u
#define FLAG_QR 0x8000u
#define FLAG_OPCODE 0x7800u
#define FLAG_TC 0x0200u
#define FLAG_RD 0x0100u
#define FLAG_RA 0x0080u
#define FLAG_CD 0x0010u
#define CLASS_IN 1u
#define LABEL_MAX 63u
#define NAME_MAX_WIRE 255u
#define OPT_LEN 11u
#define POINTER_TO_QUESTION 0xc00cu

/* ---- reading ------------------------------------------------------------- */

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* For people: \ddd for what is no letter, digit, hyphen or underscore. */
static size_t
put_label(char *to, size_t at, size_t size, const uint8_t *label, size_t n)
{
	if (at)
		at += (size_t)snprintf(to + at, size - at, ".");
	for (size_t i = 0; i < n && at + 5 < size; i++) {
		uint8_t b = label[i];
		bool plain = b > ' ' && b < 127 && b != '.' && b != '\\';

		at += (size_t)snprintf(to + at, size - at,
				       plain ? "%c" : "\\%03u", b);
	}
	return at;
}

/* The length of the name in bytes, 0 if it is none. */
static size_t
read_name(const uint8_t *p, size_t len, struct dns_question *q)
{
	char plain[NAME_MAX_WIRE];
	size_t at = 0, n = 0, shown = 0;

	q->valid = true;
	while (at < len && p[at]) {
		size_t label = p[at++];

		if (label > LABEL_MAX || label > len - at ||
		    at + label >= NAME_MAX_WIRE)
			return 0;
		if (n)
			plain[n++] = '.';
		memcpy(plain + n, p + at, label);
		/* a dot inside a label is no border of labels */
		if (memchr(p + at, '.', label))
			q->valid = false;
		if (shown + 6 < sizeof(q->text))
			shown = put_label(q->text, shown, sizeof(q->text),
					  p + at, label);
		n += label;
		at += label;
	}
	if (at >= len)
		return 0;
	q->valid = q->valid &&
		   hostname_parse(plain, n, false, &q->host, NULL) == 0 &&
		   q->host.kind == HOSTNAME_NAME;
	return at + 1;
}

/* What may follow a question: one OPT record of the root (RFC 6891, 6.1). */
static int
read_opt(const uint8_t *p, size_t len, struct dns_question *q)
{
	if (len < OPT_LEN || p[0] || get16(p + 1) != DNS_OPT ||
	    len != OPT_LEN + get16(p + 9))
		return DNS_FORMERR;
	q->edns = true;
	q->edns_size = get16(p + 3);
	q->edns_version = p[6];
	return q->edns_version ? DNS_BADVERS : DNS_OK;
}

static int
read_question(const uint8_t *p, size_t len, struct dns_question *q)
{
	size_t n = read_name(p, len, q);

	if (!n || len - n < 4)
		return DNS_FORMERR;
	q->type = get16(p + n);
	q->class = get16(p + n + 2);
	q->raw_len = n + 4;
	memcpy(q->raw, p, q->raw_len);
	return DNS_OK;
}

int
dns_parse(const uint8_t *data, size_t len, struct dns_question *ret)
{
	struct dns_question *q = ret;
	uint16_t n_additional;
	int r;

	memset(q, 0, sizeof(*q));
	if (len < HEAD || get16(data + 2) & FLAG_QR)
		return -EPROTO; /* answers to answers would never end */
	q->id = get16(data);
	q->flags = get16(data + 2);
	n_additional = get16(data + 10);
	if (q->flags & FLAG_OPCODE)
		return DNS_NOTIMP;
	if (get16(data + 4) != 1 || get16(data + 6) || get16(data + 8) ||
	    n_additional > 1 || q->flags & FLAG_TC)
		return DNS_FORMERR;
	r = read_question(data + HEAD, len - HEAD, q);
	if (r)
		return r;
	len -= HEAD + q->raw_len;
	data += HEAD + q->raw_len;
	if (n_additional)
		r = read_opt(data, len, q);
	else if (len)
		r = DNS_FORMERR;
	if (r)
		return r;
	return q->class == CLASS_IN ? 0 : DNS_REFUSED;
}

/* ---- writing ------------------------------------------------------------- */

struct out {
	uint8_t *buf;
	size_t len, max;
	bool cut;
};

static void
put(struct out *o, const void *data, size_t len)
{
	o->cut = o->cut || len > o->max - o->len;
	if (o->cut)
		return;
	memcpy(o->buf + o->len, data, len);
	o->len += len;
}

static void
put16(struct out *o, unsigned int v)
{
	const uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	put(o, b, sizeof(b));
}

static void
put_name(struct out *o, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");
		uint8_t len = (uint8_t)n;

		put(o, &len, 1);
		put(o, name, n);
		name += n + (name[n] == '.');
	}
	put(o, "", 1);
}

static void
put_data(struct out *o, const struct dns_answer *a)
{
	uint8_t name[HOSTNAME_MAX + 2];
	struct out n = { .buf = name, .max = sizeof(name) };

	if (a->type == DNS_PTR) {
		put_name(&n, a->name);
		put16(o, (unsigned int)n.len);
		put(o, name, n.len);
		return;
	}
	put16(o, a->type == DNS_A ? 4 : 16);
	put(o, a->addr, a->type == DNS_A ? 4 : 16);
}

static void
put_record(struct out *o, const struct dns_answer *a)
{
	put16(o, POINTER_TO_QUESTION);
	put16(o, a->type);
	put16(o, CLASS_IN);
	put16(o, 0);
	put16(o, DNS_TTL);
	put_data(o, a);
}

/* RFC 6891, 6.1.3: the upper bits of the code are here. */
static void
put_opt(struct out *o, const struct dns_answer *a)
{
	const uint8_t upper = (uint8_t)(a->rcode >> 4);

	put(o, "", 1);
	put16(o, DNS_OPT);
	put16(o, DNS_UDP_MAX);
	put(o, &upper, 1);
	put(o, "\0\0\0\0", 5); /* version 0, no flags, no data */
}

static void
set16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

size_t
dns_answer(const struct dns_question *q, const struct dns_answer *a,
	   uint8_t *buf, size_t max)
{
	struct out o = { .buf = buf, .len = HEAD, .max = max };
	unsigned int flags = FLAG_QR | FLAG_RA |
			     (q->flags & (FLAG_OPCODE | FLAG_RD | FLAG_CD)) |
			     (a->rcode & 15u);
	size_t question;
	bool record;

	memset(buf, 0, HEAD);
	put(&o, q->raw, q->raw_len);
	question = o.len;
	if (a->type)
		put_record(&o, a);
	if (q->edns)
		put_opt(&o, a);
	record = a->type && !o.cut;
	if (o.cut) {
		flags |= FLAG_TC;
		o = (struct out){ .buf = buf, .len = question, .max = max };
		if (q->edns)
			put_opt(&o, a);
	}
	set16(buf, q->id);
	set16(buf + 2, flags);
	set16(buf + 4, q->raw_len ? 1 : 0);
	set16(buf + 6, record);
	set16(buf + 10, q->edns);
	return o.len;
}

/* ---- the names of addresses ---------------------------------------------- */

static bool
reverse4(const char *s, size_t n, uint8_t ret[16])
{
	for (int i = 3; i >= 0; i--) {
		unsigned int v = 0, digits = 0;

		for (; n && *s >= '0' && *s <= '9'; s++, n--, digits++)
			v = v * 10 + (unsigned int)(*s - '0');
		if (!digits || digits > 3 || v > 255)
			return false;
		ret[i] = (uint8_t)v;
		if (i && (!n || *s != '.'))
			return false;
		s += i != 0;
		n -= i != 0;
	}
	return n == 0;
}

static int
nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
reverse6(const char *s, size_t n, uint8_t ret[16])
{
	if (n != 63)
		return false;
	memset(ret, 0, 16);
	for (int i = 0; i < 32; i++) {
		int v = nibble(s[2 * i]);

		if (v < 0 || (i < 31 && s[2 * i + 1] != '.'))
			return false;
		ret[15 - i / 2] |= (uint8_t)(i % 2 ? v << 4 : v);
	}
	return true;
}

bool
dns_reverse(const char *name, uint8_t ret[16], size_t *ret_len)
{
	static const char four[] = ".in-addr.arpa", six[] = ".ip6.arpa";
	size_t n = strlen(name), n4 = sizeof(four) - 1, n6 = sizeof(six) - 1;

	if (n > n4 && strcmp(name + n - n4, four) == 0) {
		*ret_len = 4;
		return reverse4(name, n - n4, ret);
	}
	if (n > n6 && strcmp(name + n - n6, six) == 0) {
		*ret_len = 16;
		return reverse6(name, n - n6, ret);
	}
	return false;
}
