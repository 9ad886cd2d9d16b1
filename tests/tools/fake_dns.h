#pragma once
/* A name server on loopback, UDP and TCP, on the test's own loop; the test says
 * what it answers. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_DNS_A 1
#define FAKE_DNS_AAAA 28

struct event_base;
struct fake_dns;

/* It starts as an answer without records, with the question in it. */
struct fake_dns_msg {
	uint8_t b[65535];
	size_t n;
	char name[256]; /* of the question, in lower case, no last dot */
	uint16_t type;
	bool tcp;
	struct fake_dns *d;
	const void *to; /* fake_dns_send()'s */
};

/* False: no answer. */
typedef bool fake_dns_fn(void *arg, struct fake_dns_msg *m);

int fake_dns_new(struct event_base *base, fake_dns_fn *fn, void *arg,
		 struct fake_dns **ret);
void fake_dns_free(struct fake_dns *d);
const char *fake_dns_server(const struct fake_dns *d); /* "127.0.0.1:PORT" */
unsigned int fake_dns_asked(const struct fake_dns *d); /* questions so far */

/* owner NULL: the name of the question. */
void fake_dns_add(struct fake_dns_msg *m, const char *owner, uint16_t type,
		  uint32_t ttl, const void *data, size_t n);
/* An address, if it is of the type that was asked for. */
void fake_dns_addr(struct fake_dns_msg *m, const char *owner, uint32_t ttl,
		   const char *text);
void fake_dns_cname(struct fake_dns_msg *m, const char *owner, uint32_t ttl,
		    const char *target);
void fake_dns_rcode(struct fake_dns_msg *m, unsigned int code);
/* Sends it now, before the one that is returned; UDP only. */
void fake_dns_send(struct fake_dns_msg *m);
