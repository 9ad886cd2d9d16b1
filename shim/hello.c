/*
 * The ClientHello of TLS, read only as far as it says for whom it is. What
 * always holds: every length is checked against what holds it before a byte
 * behind it is looked at, lengths fit exactly, and what could be read in two
 * ways is refused: whoever reads it next must find the name that was found
 * here. Nothing is allocated.
 */
#include "shim/hello.h"
#include "shim/shim.h"

#include <errno.h>
#include <string.h>

#define RECORD_HANDSHAKE 22u
#define RECORD_HEAD 5u
#define RECORD_MAX (1u << 14) /* RFC 8446, 5.1 */
#define MESSAGE_HEAD 4u
#define CLIENT_HELLO 1u

/* IANA, "TLS ExtensionType Values" */
enum {
	EXT_SERVER_NAME = 0,
	EXT_ALPN = 16,
	EXT_PRE_SHARED_KEY = 41,
	EXT_SUPPORTED_VERSIONS = 43,
	EXT_ECH = 0xfe0d
};

/* What is left of a vector; ok turns false at the first length that lies, and
 * from then on nothing is given. */
struct bytes {
	const uint8_t *p;
	size_t len;
	bool ok;
};

static struct bytes
take(struct bytes *b, size_t n)
{
	struct bytes got = { b->p, n, b->ok && n <= b->len };

	if (!got.ok) {
		b->ok = false;
		b->len = got.len = 0;
		return got;
	}
	b->p += n;
	b->len -= n;
	return got;
}

static unsigned int
number(struct bytes *b, size_t n)
{
	struct bytes got = take(b, n);
	unsigned int v = 0;

	for (size_t i = 0; i < got.len; i++)
		v = v << 8 | got.p[i];
	return v;
}

/* A vector with a length of n bytes before it. */
static struct bytes
vector(struct bytes *b, size_t n, size_t min, size_t max)
{
	size_t len = number(b, n);

	if (len < min || len > max)
		b->ok = false;
	return take(b, len);
}

static bool
is(struct bytes b, const char *text)
{
	return b.len == strlen(text) && memcmp(b.p, text, b.len) == 0;
}

/* RFC 6066, 3: one name; its kind is the only one there is. */
static bool
read_name(struct bytes ext, struct hello *h)
{
	struct bytes list = vector(&ext, 2, 1, UINT16_MAX);
	unsigned int kind = number(&list, 1);
	struct bytes name = vector(&list, 2, 1, sizeof(h->sni) - 1);

	if (!ext.ok || ext.len || !list.ok || list.len || !name.ok || kind)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 127)
			return false;
	memcpy(h->sni, name.p, name.len);
	h->sni[name.len] = '\0';
	h->has_sni = true;
	return true;
}

/* RFC 7301, 3.1 */
static bool
read_alpn(struct bytes ext, struct hello *h)
{
	struct bytes list = vector(&ext, 2, 2, UINT16_MAX);

	while (list.ok && list.len) {
		struct bytes name = vector(&list, 1, 1, UINT8_MAX);

		h->h2 |= is(name, "h2");
		h->http11 |= is(name, "http/1.1");
	}
	return ext.ok && !ext.len && list.ok;
}

static bool
read_versions(struct bytes ext, struct hello *h)
{
	struct bytes list = vector(&ext, 1, 2, 254);

	while (list.ok && list.len)
		h->tls13 |= number(&list, 2) == 0x0304;
	return ext.ok && !ext.len && list.ok;
}

static bool
read_extension(unsigned int type, struct bytes ext, struct hello *h)
{
	switch (type) {
	case EXT_SERVER_NAME:
		return read_name(ext, h);
	case EXT_ALPN:
		return read_alpn(ext, h);
	case EXT_SUPPORTED_VERSIONS:
		return read_versions(ext, h);
	case EXT_ECH:
		h->has_ech = true;
		return true;
	default:
		return true;
	}
}

static bool
read_extensions(struct bytes all, struct hello *h)
{
	uint8_t seen[(UINT16_MAX + 1) / 8] = { 0 };

	while (all.ok && all.len) {
		unsigned int type = number(&all, 2);
		struct bytes ext = vector(&all, 2, 0, UINT16_MAX);
		uint8_t bit = (uint8_t)(1u << type % 8);

		if (!all.ok || seen[type / 8] & bit)
			return false;
		seen[type / 8] |= bit;
		/* it signs everything before it (RFC 8446, 4.2.11) */
		if (type == EXT_PRE_SHARED_KEY && all.len)
			return false;
		if (!read_extension(type, ext, h))
			return false;
	}
	return all.ok;
}

static bool
read_hello(struct bytes b, struct hello *h)
{
	struct bytes suites, ext = { b.p, 0, true };
	unsigned int version = number(&b, 2);

	take(&b, 32); /* random */
	vector(&b, 1, 0, 32);
	suites = vector(&b, 2, 2, UINT16_MAX - 1);
	vector(&b, 1, 1, UINT8_MAX); /* compression */
	if (b.ok && b.len)
		ext = vector(&b, 2, 0, UINT16_MAX);
	return b.ok && !b.len && version >> 8 == 3 && suites.len % 2 == 0 &&
	       read_extensions(ext, h);
}

/* The length of the fragment whose record head this is; -EPROTO. */
static int
fragment(const uint8_t *head)
{
	unsigned int len = (unsigned int)head[3] << 8 | head[4];

	if (head[0] != RECORD_HANDSHAKE || head[1] != 3 || head[2] > 4 ||
	    !len || len > RECORD_MAX)
		return -EPROTO;
	return (int)len;
}

/* Puts the fragments of the records together. 1: the message is whole; 0: more
 * is needed; -EPROTO. */
static int
gather(const uint8_t *data, size_t len, uint8_t *to, size_t size,
       size_t *ret_len)
{
	size_t at = 0, have = 0, want = MESSAGE_HEAD;

	while (have < want) {
		int n = len - at < RECORD_HEAD ? 0 : fragment(data + at);
		size_t part;

		if (n <= 0)
			return n;
		at += RECORD_HEAD;
		part = len - at < (size_t)n ? len - at : (size_t)n;
		if (part > size - have)
			return -EPROTO;
		memcpy(to + have, data + at, part);
		have += part;
		at += part;
		if (have && to[0] != CLIENT_HELLO)
			return -EPROTO;
		if (have >= MESSAGE_HEAD)
			want = MESSAGE_HEAD + ((size_t)to[1] << 16 |
					       (size_t)to[2] << 8 | to[3]);
		if (want > size)
			return -EPROTO;
		if (part < (size_t)n && have < want)
			return 0;
		/* nothing may follow in the record that ends it */
		if (have > want || (have == want && part < (size_t)n))
			return -EPROTO;
	}
	*ret_len = have;
	return 1;
}

int
hello_parse(const uint8_t *data, size_t len, struct hello *ret)
{
	uint8_t message[SHIM_HELLO_MAX - RECORD_HEAD];
	struct hello h = { .has_sni = false };
	size_t n = 0;
	int r = gather(data, len, message, sizeof(message), &n);

	if (r == 0 && len >= SHIM_HELLO_MAX)
		return -EPROTO;
	if (r <= 0)
		return r;
	if (!read_hello((struct bytes){ message + MESSAGE_HEAD,
					n - MESSAGE_HEAD, true },
			&h))
		return -EPROTO;
	*ret = h;
	return 1;
}

int
hello_looks_like(const uint8_t *data, size_t len)
{
	static const uint8_t first[] = { RECORD_HANDSHAKE, 3 };

	for (size_t i = 0; i < sizeof(first) && i < len; i++)
		if (data[i] != first[i])
			return 0;
	if (len > 2 && data[2] > 4)
		return 0;
	if (len > RECORD_HEAD)
		return fragment(data) > 0 && data[RECORD_HEAD] == CLIENT_HELLO;
	return -EAGAIN;
}
