/* links: shim net policy lib */
/*
 * What a SOCKS client sends, byte by byte in the end: the same as all at once.
 * Nothing is used beyond what is there, and what is ready has a canonical host
 * and a port.
 */
#include "shim/socks.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* step: how many bytes come at once. */
static ssize_t
walk(struct socks *s, const uint8_t *data, size_t size, size_t step)
{
	size_t at = 0, have = 0;

	while (s->state != SOCKS_READY) {
		ssize_t n = socks_next(s, data + at, have - at);

		if (n < 0)
			return n;
		if ((size_t)n > have - at || s->reply_len > sizeof(s->reply))
			abort();
		at += (size_t)n;
		if (n == 0 && have == size)
			break;
		if (n == 0)
			have += size - have < step ? size - have : step;
		if (n == 0 && have - at > SOCKS_MESSAGE_MAX + step)
			abort();
	}
	return (ssize_t)at;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct socks a = { 0 }, b = { 0 };
	struct hostname h;
	ssize_t n, m;

	if (size > 4096)
		return 0;
	n = walk(&a, data, size, 1);
	m = walk(&b, data, size, 7);
	if (n != m || a.state != b.state || a.port != b.port ||
	    (n < 0 && !a.reason))
		abort();
	if (a.state != SOCKS_READY)
		return 0;
	if (!a.port ||
	    hostname_parse(a.host.text, strlen(a.host.text), false, &h, NULL) <
		    0 ||
	    strcmp(a.host.text, h.text) != 0)
		abort();
	return 0;
}
