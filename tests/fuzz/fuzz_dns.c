/* links: shim net policy lib */
/*
 * Questions of DNS. Whatever is answered has the form of an answer, repeats the
 * question, keeps to its bound, and is no question that would be answered
 * again.
 */
#include "shim/dns.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
check_answer(const struct dns_question *q, const struct dns_answer *a,
	     size_t max)
{
	uint8_t buf[DNS_UDP_MAX];
	struct dns_question again;
	size_t len = dns_answer(q, a, buf, max);

	if (len < 12 || len > max || buf[0] != q->id >> 8 || !(buf[2] & 0x80) ||
	    (buf[5] != 0) != (q->raw_len != 0))
		abort();
	if (q->raw_len && memcmp(buf + 12, q->raw, q->raw_len) != 0)
		abort();
	if (dns_parse(buf, len, &again) != -EPROTO)
		abort();
}

static void
check_name(const struct dns_question *q)
{
	struct hostname h;
	uint8_t addr[16];
	size_t len;

	if (strlen(q->text) >= sizeof(q->text))
		abort();
	if (!q->valid)
		return;
	if (hostname_parse(q->host.text, strlen(q->host.text), false, &h,
			   NULL) < 0 ||
	    strcmp(h.text, q->host.text) != 0)
		abort();
	if (dns_reverse(q->host.text, addr, &len) && len != 4 && len != 16)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dns_answer some[] = {
		{ .rcode = DNS_NXDOMAIN },
		{ .type = DNS_A, .addr = { 198, 18, 0, 1 } },
		{ .type = DNS_AAAA, .addr = { 0xfd } },
		{ .type = DNS_PTR, .name = "a-name.of-some.example" },
		{ .rcode = DNS_BADVERS },
	};
	struct dns_question q;
	int r = dns_parse(data, size, &q);

	if (r < 0)
		return 0;
	if (r == 0)
		check_name(&q);
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		check_answer(&q, &some[i], DNS_UDP_MIN);
		check_answer(&q, &some[i], DNS_UDP_MAX);
	}
	return 0;
}
