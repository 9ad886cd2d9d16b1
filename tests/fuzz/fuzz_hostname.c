/* links: net policy lib */
/*
 * Any bytes as a host: what is accepted is in one form, which parses to itself,
 * and rules read it the same way.
 */
#include "net/hostname.h"
#include "policy/policy-internal.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void
check(const struct hostname *h, const char *s, size_t n)
{
	size_t len = strlen(h->text);
	struct hostname again;
	char buf[256];

	if (!len || len > HOSTNAME_MAX ||
	    strspn(h->text, "abcdefghijklmnopqrstuvwxyz0123456789-_.:") != len)
		abort();
	if (hostname_parse(h->text, len, false, &again, NULL) < 0 ||
	    memcmp(&again, h, sizeof(again)) != 0)
		abort();
	if (n && s[0] == '[')
		return;
	if (host_normal(s, n, buf) != (int)len || strcmp(buf, h->text) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data, *why = NULL;
	struct hostname h;
	uint16_t port = 0;

	for (int url = 0; url < 2; url++) {
		if (hostname_parse(s, size, url, &h, &why) >= 0)
			check(&h, s, size);
		else if (!why)
			abort();
	}
	if (hostname_parse_port(s, size, &h, &port, &why) >= 0 && !port)
		abort();
	if (size == 4 || size == 16) {
		hostname_from_addr(data, size, &h);
		check(&h, h.text, strlen(h.text));
	}
	return 0;
}
