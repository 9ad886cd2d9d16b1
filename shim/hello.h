#pragma once
/*
 * The first message of TLS (RFC 8446, 4.1.2; RFC 6066, 3; RFC 7301), as far as
 * it is needed to know for whom it is. Pure; fuzzed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hello {
	char sni[256]; /* as sent; "" : none */
	bool has_sni, has_ech, h2, http11, tls13;
};
/* 1: read; 0: more bytes are needed; -EPROTO: no ClientHello, or one with two
 * readings (two server names, lengths that do not fit, an extension twice). */
int hello_parse(const uint8_t *data, size_t len, struct hello *ret);
/* Could these first bytes be one? 1 yes, 0 no, -EAGAIN not enough. */
int hello_looks_like(const uint8_t *data, size_t len);
