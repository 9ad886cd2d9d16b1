/*
 * SOCKS 5 as bytes (RFC 1928, 1929). What always holds: nothing is read beyond
 * the message at hand; a host has one reading (net/hostname.h) or the request
 * is refused with the reply that RFC 1928 has for it.
 */
#include "shim/socks.h"

#include "lib/macro.h"
#include "shim/reasons.h"

#include <string.h>

#define VERSION 5
#define NO_METHOD 0xff
#define METHOD_NONE 0
#define METHOD_PASSWORD 2
#define CONNECT 1
#define ATYP_IPV4 1
#define ATYP_NAME 3
#define ATYP_IPV6 4

static void
answer(struct socks *s, const uint8_t *data, size_t len)
{
	memcpy(s->reply, data, len);
	s->reply_len = len;
}

static ssize_t
refuse(struct socks *s, const char *reason, const char *why)
{
	s->reason = reason;
	s->why = why;
	return -EPROTO;
}

static ssize_t
refuse_request(struct socks *s, enum socks_reply r, const char *reason,
	       const char *why)
{
	s->reply_len = socks_put_reply(r, s->reply);
	return refuse(s, reason, why);
}

size_t
socks_put_reply(enum socks_reply r, uint8_t ret[10])
{
	/* bound to 0.0.0.0:0: where from is nobody's business inside */
	const uint8_t reply[10] = { VERSION, (uint8_t)r, 0, ATYP_IPV4 };

	memcpy(ret, reply, sizeof(reply));
	return sizeof(reply);
}

/* u8 version, u8 n, methods. */
static ssize_t
methods(struct socks *s, const uint8_t *data, size_t len)
{
	/* RFC 1928's refusal, which a client of SOCKS 4 reads as one too: its
	 * replies begin with 0 and a code (91: rejected) */
	static const uint8_t four[8] = { 0, 91 },
			     none[2] = { VERSION, NO_METHOD };
	uint8_t chosen[2] = { VERSION, METHOD_NONE };
	size_t n;

	if (data[0] == 4) {
		answer(s, four, sizeof(four));
		return refuse(s, SHIM_WORD(SOCKS_VERSION), NULL);
	}
	if (data[0] != VERSION)
		return refuse(s, SHIM_WORD(SOCKS_MALFORMED), "its version");
	if (len < 2 || len < 2u + data[1])
		return 0;
	n = data[1];
	if (!memchr(data + 2, METHOD_NONE, n)) {
		if (!memchr(data + 2, METHOD_PASSWORD, n)) {
			answer(s, none, sizeof(none));
			return refuse(s, SHIM_WORD(SOCKS_MALFORMED),
				      "no method of authentication that "
				      "is known here");
		}
		chosen[1] = METHOD_PASSWORD;
	}
	answer(s, chosen, sizeof(chosen));
	s->state = chosen[1] ? SOCKS_PASSWORD : SOCKS_REQUEST;
	return (ssize_t)(2 + n);
}

/* u8 1, u8 n, name, u8 n, password. */
static ssize_t
password(struct socks *s, const uint8_t *data, size_t len)
{
	static const uint8_t good[2] = { 1, 0 };
	size_t at;

	if (data[0] != 1)
		return refuse(s, SHIM_WORD(SOCKS_MALFORMED),
			      "the version of its password");
	if (len < 2)
		return 0;
	at = 2u + data[1];
	if (len <= at || len - at - 1 < data[at])
		return 0;
	answer(s, good, sizeof(good));
	s->state = SOCKS_REQUEST;
	return (ssize_t)(at + 1 + data[at]);
}

/* Bytes of the address; 0: not known yet. */
static size_t
address_len(const uint8_t *data, size_t len)
{
	switch (data[3]) {
	case ATYP_IPV4:
		return 4;
	case ATYP_IPV6:
		return 16;
	default:
		return len > 4 ? 1u + data[4] : 0;
	}
}

static int
read_host(struct socks *s, uint8_t type, const uint8_t *addr, size_t n)
{
	if (type == ATYP_NAME)
		return hostname_parse((const char *)addr + 1, n - 1, false,
				      &s->host, &s->why);
	hostname_from_addr(addr, n, &s->host);
	return 0;
}

/* u8 version, u8 command, u8 0, u8 type, address, u16 port. */
static ssize_t
request(struct socks *s, const uint8_t *data, size_t len)
{
	size_t n;

	if (data[0] != VERSION)
		return refuse_request(s, SOCKS_FAILURE,
				      SHIM_WORD(SOCKS_MALFORMED),
				      "its version");
	if (len < 4)
		return 0;
	if (data[1] != CONNECT)
		return refuse_request(s, SOCKS_BAD_COMMAND,
				      SHIM_WORD(SOCKS_COMMAND), NULL);
	if (data[2] || (data[3] != ATYP_IPV4 && data[3] != ATYP_NAME &&
			data[3] != ATYP_IPV6))
		return refuse_request(s, SOCKS_BAD_ADDRESS,
				      SHIM_WORD(SOCKS_MALFORMED),
				      "the type of its address");
	n = address_len(data, len);
	if (!n || len < 4 + n + 2)
		return 0;
	if (read_host(s, data[3], data + 4, n) < 0)
		return refuse_request(s, SOCKS_BAD_ADDRESS,
				      SHIM_WORD(SOCKS_HOST), s->why);
	s->port = (uint16_t)(data[4 + n] << 8 | data[5 + n]);
	if (!s->port)
		return refuse_request(s, SOCKS_BAD_ADDRESS,
				      SHIM_WORD(SOCKS_HOST), "port 0");
	s->state = SOCKS_READY;
	return (ssize_t)(4 + n + 2);
}

ssize_t
socks_next(struct socks *s, const uint8_t *data, size_t len)
{
	s->reply_len = 0;
	if (!len)
		return 0;
	switch (s->state) {
	case SOCKS_METHODS:
		return methods(s, data, len);
	case SOCKS_PASSWORD:
		return password(s, data, len);
	case SOCKS_REQUEST:
		return request(s, data, len);
	default:
		return 0;
	}
}
