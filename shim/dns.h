#pragma once
/*
 * DNS messages (RFC 1035, 6891), as much of them as a resolver of a box sends
 * and gets. Pure; fuzzed.
 */
#include "net/hostname.h"

#include <sys/types.h>

#define DNS_UDP_MIN 512u  /* RFC 1035, 4.2.1 */
#define DNS_UDP_MAX 1232u /* what fits into any packet */
#define DNS_TTL 60u

enum dns_type {
	DNS_A = 1,
	DNS_PTR = 12,
	DNS_AAAA = 28,
	DNS_OPT = 41,
};

enum dns_rcode {
	DNS_OK = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16
};

struct dns_question {
	uint16_t id, flags, type, class;
	/* the question as it was asked, to be repeated: letters keep their case
	 */
	uint8_t raw[HOSTNAME_MAX + 2 + 4];
	size_t raw_len;
	/* the name: canonical. valid: it could be a host's; else text is what
	 * was asked for, with \ddd for odd bytes (RFC 1035, 5.1), maybe cut */
	bool valid;
	struct hostname host;
	char text[HOSTNAME_MAX + 1];
	bool edns;
	uint8_t edns_version;
	uint16_t edns_size;
};

/* 0: a question; > 0: an answer with this dns_rcode is due (id, flags and, if
 * it could be read, the question are set); -EPROTO: nothing is answered. */
int dns_parse(const uint8_t *data, size_t len, struct dns_question *ret);

struct dns_answer {
	enum dns_rcode rcode;
	uint16_t type;	  /* 0: no record; else A, AAAA, PTR */
	uint8_t addr[16]; /* A, AAAA */
	const char *name; /* PTR */
};
/* At most max bytes, else TC is set and there is no record. Returns the length.
 * max is at least DNS_UDP_MIN. */
size_t dns_answer(const struct dns_question *q, const struct dns_answer *a,
		  uint8_t *buf, size_t max);

/* Is it the name that stands for an address in PTR questions (in-addr.arpa,
 * ip6.arpa)? *ret_len: 4 or 16. */
bool dns_reverse(const char *name, uint8_t ret[16], size_t *ret_len);
