/* links: shim net policy lib */
/* Messages of DNS: what is a question, and what an answer looks like. */
#include "lib/macro.h"
#include "shim/dns.h"
#include "tests/tap.h"

#include <string.h>

#define HEAD(flags_hi, qd, an, ns, ar)                                         \
	"\x12\x34" flags_hi "\0\0" qd "\0" an "\0" ns "\0" ar
#define OPT(version, size) "\0\0\x29" size "\0" version "\0\0\0\0"

struct row {
	const char *what, *data;
	size_t len;
	int want;
	const char *text;
	bool valid;
};
#define ROW(what, want, valid, text, data)                                     \
	{                                                                      \
		what, data, sizeof(data) - 1, want, text, valid                \
	}

static const struct row rows[] = {
	ROW("a name", 0, true, "ab.c",
	    HEAD("\1", "\1", "\0", "\0", "\0") "\2ab\1c\0\0\1\0\1"),
	ROW("letters in any case", 0, true, "ab.c",
	    HEAD("\1", "\1", "\0", "\0", "\0") "\2aB\1C\0\0\1\0\1"),
	ROW("EDNS", 0, true, "ab",
	    HEAD("\1", "\1", "\0", "\0", "\1") "\2ab\0\0\1\0\1" OPT("\0",
								    "\4\xd0")),
	ROW("EDNS of a later version", DNS_BADVERS, true, "ab",
	    HEAD("\1", "\1", "\0", "\0", "\1") "\2ab\0\0\1\0\1" OPT("\1",
								    "\4\xd0")),
	ROW("an answer", -EPROTO, false, NULL,
	    HEAD("\x81", "\1", "\0", "\0", "\0") "\2ab\0\0\1\0\1"),
	ROW("a head that is cut", -EPROTO, false, NULL,
	    "\x12\x34\1\0\0\1\0\0\0\0\0"),
	ROW("a status request", DNS_NOTIMP, false, NULL,
	    HEAD("\x11", "\1", "\0", "\0", "\0") "\2ab\0\0\1\0\1"),
	ROW("an update", DNS_NOTIMP, false, NULL,
	    HEAD("\x29", "\1", "\0", "\0", "\0") "\2ab\0\0\1\0\1"),
	ROW("no question", DNS_FORMERR, false, NULL,
	    HEAD("\1", "\0", "\0", "\0", "\0")),
	ROW("two questions", DNS_FORMERR, false, NULL,
	    HEAD("\1", "\2", "\0", "\0", "\0") "\2ab\0\0\1\0\1\2ab\0\0\1\0\1"),
	ROW("a record as answer", DNS_FORMERR, false, NULL,
	    HEAD("\1", "\1", "\1", "\0", "\0") "\2ab\0\0\1\0\1"),
	ROW("a record as authority", DNS_FORMERR, false, NULL,
	    HEAD("\1", "\1", "\0", "\1", "\0") "\2ab\0\0\1\0\1"),
	ROW("cut by itself", DNS_FORMERR, false, NULL,
	    HEAD("\3", "\1", "\0", "\0", "\0") "\2ab\0\0\1\0\1"),
	ROW("bytes behind it", DNS_FORMERR, false, NULL,
	    HEAD("\1", "\1", "\0", "\0", "\0") "\2ab\0\0\1\0\1x"),
	ROW("no type", DNS_FORMERR, false, NULL,
	    HEAD("\1", "\1", "\0", "\0", "\0") "\2ab\0\0\1\0"),
	ROW("a name without an end", DNS_FORMERR, false, NULL,
	    HEAD("\1", "\1", "\0", "\0", "\0") "\2ab"),
	ROW("a label beyond the end", DNS_FORMERR, false, NULL,
	    HEAD("\1", "\1", "\0", "\0", "\0") "\7ab\0\0\1\0\1"),
	ROW("a pointer", DNS_FORMERR, false, NULL,
	    HEAD("\1", "\1", "\0", "\0", "\0") "\xc0\x0c\0\1\0\1"),
	ROW("a pointer to itself in a name", DNS_FORMERR, false, NULL,
	    HEAD("\1", "\1", "\0", "\0", "\0") "\1a\xc0\x0c\0\1\0\1"),
	ROW("a label of another kind", DNS_FORMERR, false, NULL,
	    HEAD("\1", "\1", "\0", "\0", "\0") "\x41"
					       "ab\0\0\1\0\1"),
	ROW("another additional record", DNS_FORMERR, false, NULL,
	    HEAD("\1", "\1", "\0", "\0",
		 "\1") "\2ab\0\0\1\0\1\0\0\1\0\1\0\0\0\0\0\0"),
	ROW("OPT of a name", DNS_FORMERR, false, NULL,
	    HEAD("\1", "\1", "\0", "\0",
		 "\1") "\2ab\0\0\1\0\1\1a\0\x29\4\xd0\0\0\0\0\0\0"),
	ROW("OPT that is cut", DNS_FORMERR, false, NULL,
	    HEAD("\1", "\1", "\0", "\0",
		 "\1") "\2ab\0\0\1\0\1\0\0\x29\4\xd0\0\0\0\0\0\1"),
	ROW("OPT with a cookie", 0, true, "ab",
	    HEAD("\1", "\1", "\0", "\0",
		 "\1") "\2ab\0\0\1\0\1\0\0\x29\4\xd0\0\0\0\0\0\4\0\x0a\0\0"),
	ROW("chaos", DNS_REFUSED, true, "ab",
	    HEAD("\1", "\1", "\0", "\0", "\0") "\2ab\0\0\1\0\3"),
	ROW("any class", DNS_REFUSED, true, "ab",
	    HEAD("\1", "\1", "\0", "\0", "\0") "\2ab\0\0\1\0\xff"),
	ROW("a NUL in a label", 0, false, "a\\000b.c",
	    HEAD("\1", "\1", "\0", "\0", "\0") "\3a\0b\1c\0\0\1\0\1"),
	ROW("a dot in a label", 0, false, "a\\046b.c",
	    HEAD("\1", "\1", "\0", "\0", "\0") "\3a.b\1c\0\0\1\0\1"),
	ROW("a blank", 0, false, "a\\032b",
	    HEAD("\1", "\1", "\0", "\0", "\0") "\3a b\0\0\1\0\1"),
	ROW("bytes above 127", 0, false, "\\255\\128",
	    HEAD("\1", "\1", "\0", "\0", "\0") "\2\xff\x80\0\0\1\0\1"),
	ROW("the root", 0, false, "",
	    HEAD("\1", "\1", "\0", "\0", "\0") "\0\0\1\0\1"),
	ROW("an address as a name", 0, false, "1.2.3.4",
	    HEAD("\1", "\1", "\0", "\0", "\0") "\1"
					       "1\1"
					       "2\1"
					       "3\1"
					       "4\0\0\1\0\1"),
	ROW("a number as a name", 0, false, "2130706433",
	    HEAD("\1", "\1", "\0", "\0", "\0") "\x0a"
					       "2130706433\0\0\1\0\1"),
	ROW("a wildcard", 0, false, "*.c",
	    HEAD("\1", "\1", "\0", "\0", "\0") "\1*\1c\0\0\1\0\1"),
	ROW("an underscore", 0, true, "_http._tcp.c",
	    HEAD("\1", "\1", "\0", "\0", "\0") "\5_http\4_tcp\1c\0\0\1\0\1"),
};

TEST(questions)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *x = &rows[i];
		struct dns_question q;
		int r = dns_parse((const uint8_t *)x->data, x->len, &q);

		if (r != x->want)
			FAIL("%s: %d, not %d", x->what, r, x->want);
		if (r)
			continue;
		if (q.valid != x->valid)
			FAIL("%s: valid is %d", x->what, q.valid);
		if (strcmp(q.valid ? q.host.text : q.text, x->text) != 0)
			FAIL("%s: \"%s\"", x->what, q.text);
	}
}

/* The longest name, and one byte more. */
TEST(long_names)
{
	uint8_t data[12 + 256 + 4] = "\x12\x34\1\0\0\1";
	struct dns_question q;

	for (int over = 0; over < 2; over++) {
		size_t at = 12;

		for (int i = 0; i < 4; i++) {
			size_t n = i < 3 ? 63 : (over ? 62 : 61);

			data[at] = (uint8_t)n;
			memset(data + at + 1, 'a', n);
			at += 1 + n;
		}
		memcpy(data + at, "\0\0\1\0\1", 5);
		ASSERT_EQ(dns_parse(data, at + 5, &q), over ? DNS_FORMERR : 0);
		if (!over)
			ASSERT_TRUE(q.valid);
	}
}

static void
ask(struct dns_question *q, const char *data, size_t len)
{
	ASSERT_EQ(dns_parse((const uint8_t *)data, len, q), 0);
}

TEST(answers)
{
	static const char question[] =
		HEAD("\1", "\1", "\0", "\0", "\0") "\2aB\1c\0\0\1\0\1";
	static const char want[] = "\x12\x34\x81\x80\0\1\0\1\0\0\0\0"
				   "\2aB\1c\0\0\1\0\1"
				   "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc6\x12\0\1";
	static const char none[] = "\x12\x34\x81\x83\0\1\0\0\0\0\0\0"
				   "\2aB\1c\0\0\1\0\1";
	const struct dns_answer a = { .type = DNS_A,
				      .addr = { 198, 18, 0, 1 } };
	const struct dns_answer no = { .rcode = DNS_NXDOMAIN };
	struct dns_question q;
	uint8_t buf[DNS_UDP_MAX];

	ask(&q, question, sizeof(question) - 1);
	ASSERT_EQ(dns_answer(&q, &a, buf, DNS_UDP_MIN), sizeof(want) - 1);
	ASSERT_MEMEQ(buf, want, sizeof(want) - 1);
	ASSERT_EQ(dns_answer(&q, &no, buf, DNS_UDP_MIN), sizeof(none) - 1);
	ASSERT_MEMEQ(buf, none, sizeof(none) - 1);
}

TEST(extended_codes)
{
	static const char question[] =
		HEAD("\1", "\1", "\0", "\0",
		     "\1") "\1a\0\0\1\0\1" OPT("\1", "\4\xd0");
	const struct dns_answer a = { .rcode = DNS_BADVERS };
	struct dns_question q;
	uint8_t buf[DNS_UDP_MAX];
	size_t len;

	ASSERT_EQ(
		dns_parse((const uint8_t *)question, sizeof(question) - 1, &q),
		DNS_BADVERS);
	len = dns_answer(&q, &a, buf, DNS_UDP_MAX);
	ASSERT_EQ(len, 12u + 7 + 11);
	ASSERT_EQ(buf[3] & 15, 0); /* 16 is 1, 0 */
	ASSERT_EQ(buf[12 + 7 + 5], 1);
	ASSERT_EQ(buf[11], 1); /* one additional record */
}

/* What does not fit is said to be cut, and the question stays. */
TEST(cut)
{
	char question[12 + 255 + 4] = HEAD("\1", "\1", "\0", "\0", "\0"),
				 name[254];
	struct dns_answer a = { .type = DNS_PTR, .name = name };
	struct dns_question q;
	uint8_t buf[DNS_UDP_MAX];
	size_t at = 12, len;

	for (int i = 0; i < 253; i++)
		name[i] = i % 60 == 59 ? '.' : 'a';
	name[253] = '\0';
	for (int i = 0; i < 4; i++) {
		question[at] = 60;
		memset(question + at + 1, 'b', 60);
		at += 61;
	}
	memcpy(question + at, "\0\0\x0c\0\1", 5);
	ask(&q, question, at + 5);
	len = dns_answer(&q, &a, buf, DNS_UDP_MIN);
	ASSERT_EQ(len, at + 5);
	ASSERT_TRUE(buf[2] & 2);
	ASSERT_EQ(buf[7], 0);
	len = dns_answer(&q, &a, buf, DNS_UDP_MAX);
	ASSERT_FALSE(buf[2] & 2);
	ASSERT_EQ(len, at + 5 + 12 + 255);
}

TEST(names_of_addresses)
{
	static const struct {
		const char *name;
		size_t len;
		uint8_t addr[16];
	} good[] = {
		{ "1.2.18.198.in-addr.arpa", 4, { 198, 18, 2, 1 } },
		{ "1.0.0.0.2.1.6.c.0.0.0.0.0.0.0.0.0.0.0.0.8.7.f.6.2.6.7.6.1.6."
		  "d.f.ip6.arpa",
		  16,
		  { 0xfd, 0x61, 0x67, 0x62, 0x6f, 0x78, [12] = 0xc6, 0x12, 0,
		    1 } },
	};
	static const char *const bad[] = {
		"in-addr.arpa",
		".in-addr.arpa",
		"2.18.198.in-addr.arpa",
		"9.1.2.18.198.in-addr.arpa",
		"256.2.18.198.in-addr.arpa",
		"a.2.18.198.in-addr.arpa",
		"1.2.18.198.in-addr.arpa.b",
		"ip6.arpa",
		"1.0.0.0.2.1.6.c.ip6.arpa",
		"1..18.198.in-addr.arpa",
		"0001.2.18.198.in-addr.arpa",
	};
	uint8_t addr[16];
	size_t len;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		ASSERT_TRUE(dns_reverse(good[i].name, addr, &len));
		ASSERT_EQ(len, good[i].len);
		ASSERT_MEMEQ(addr, good[i].addr, len);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (dns_reverse(bad[i], addr, &len))
			FAIL("%s is an address", bad[i]);
}
