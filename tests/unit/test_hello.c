/* links: lib shim */
/*
 * ClientHellos: those that OpenSSL makes, and ones made by hand with one thing
 * wrong in each.
 */
#include "lib/macro.h"
#include "shim/hello.h"
#include "shim/shim.h"
#include "tests/tap.h"

#include <openssl/ssl.h>
#include <string.h>

/* ---- made by OpenSSL ---- */

struct made {
	uint8_t data[4096];
	size_t len;
};

static void
openssl_hello(struct made *m, const char *name, bool h2, int max_version)
{
	static const uint8_t both[] = "\x02h2\x08http/1.1";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	SSL_set_bio(ssl, in, out);
	if (name)
		SSL_set_tlsext_host_name(ssl, name);
	if (h2)
		SSL_set_alpn_protos(ssl, both, sizeof(both) - 1);
	SSL_set_max_proto_version(ssl, max_version);
	ASSERT_EQ(SSL_connect(ssl), -1);
	m->len = (size_t)BIO_read(out, m->data, sizeof(m->data));
	ASSERT_GE(m->len, 100);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

TEST(of_openssl)
{
	struct made m;
	struct hello h;

	openssl_hello(&m, "a.example", true, 0);
	ASSERT_EQ(hello_looks_like(m.data, m.len), 1);
	ASSERT_EQ(hello_parse(m.data, m.len, &h), 1);
	ASSERT_STREQ(h.sni, "a.example");
	ASSERT_TRUE(h.has_sni && h.h2 && h.http11 && h.tls13 && !h.has_ech);
	openssl_hello(&m, NULL, false, TLS1_2_VERSION);
	ASSERT_EQ(hello_parse(m.data, m.len, &h), 1);
	ASSERT_STREQ(h.sni, "");
	ASSERT_FALSE(h.has_sni || h.h2 || h.http11 || h.tls13);
}

TEST(every_piece_wants_more)
{
	struct made m;
	struct hello h = { .sni = "untouched" };

	openssl_hello(&m, "a.example", true, 0);
	for (size_t n = 0; n < m.len; n++)
		ASSERT_EQ(hello_parse(m.data, n, &h), 0);
	ASSERT_STREQ(h.sni, "untouched");
	/* what the client sends next is not ours to read */
	memcpy(m.data + m.len, "\x14\x03\x03\x00\x01\x01 early data", 17);
	ASSERT_EQ(hello_parse(m.data, m.len + 17, &h), 1);
}

TEST(in_many_records)
{
	struct made m, split = { .len = 0 };
	struct hello h;

	openssl_hello(&m, "a.example", true, 0);
	for (size_t at = 5; at < m.len; at += 3) {
		size_t n = MIN(m.len - at, 3u);
		const uint8_t head[] = { 22, 3, 1, 0, (uint8_t)n };

		memcpy(split.data + split.len, head, 5);
		memcpy(split.data + split.len + 5, m.data + at, n);
		split.len += 5 + n;
	}
	for (size_t n = 0; n < split.len; n++)
		ASSERT_EQ(hello_parse(split.data, n, &h), 0);
	ASSERT_EQ(hello_parse(split.data, split.len, &h), 1);
	ASSERT_STREQ(h.sni, "a.example");
}

/* ---- made by hand ---- */

/* Lengths are filled in; ext: type (2), length (2), bytes, ... */
static size_t
make(uint8_t *to, const void *ext, size_t ext_len)
{
	static const uint8_t body[] = {
		3, 3, /* version */
		1, 1, 1,    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1,    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, /* random */
		0,						   /* session */
		0, 2, 0x13, 1, /* cipher suites */
		1, 0,	       /* compression */
	};
	size_t n = sizeof(body) + 2 + ext_len;
	const uint8_t head[] = { 22,
				 3,
				 1,
				 (uint8_t)((n + 4) >> 8),
				 (uint8_t)(n + 4),
				 1,
				 0,
				 (uint8_t)(n >> 8),
				 (uint8_t)n };

	memcpy(to, head, sizeof(head));
	memcpy(to + sizeof(head), body, sizeof(body));
	to[sizeof(head) + sizeof(body)] = (uint8_t)(ext_len >> 8);
	to[sizeof(head) + sizeof(body) + 1] = (uint8_t)ext_len;
	memcpy(to + sizeof(head) + sizeof(body) + 2, ext, ext_len);
	return sizeof(head) + n;
}

#define SNI "\0\0\0\6\0\4\0\0\1a"
#define ALPN "\0\x10\0\5\0\3\2h2"
#define VERSIONS "\0\x2b\0\3\2\3\4"
#define ECH "\xfe\x0d\0\1x"
#define PSK "\0\x29\0\1x"
#define GREASE "\x0a\x0a\0\0"

struct row {
	const char *what, *ext;
	size_t len;
	int want;
};

#define ROW(what, ext, want)                                                   \
	{                                                                      \
		what, ext, sizeof(ext) - 1, want                               \
	}

static const struct row rows[] = {
	ROW("none", "", 1),
	ROW("all", GREASE SNI ALPN VERSIONS ECH PSK, 1),
	ROW("a name twice", SNI SNI, -EPROTO),
	ROW("something twice", SNI GREASE VERSIONS GREASE, -EPROTO),
	ROW("two names", "\0\0\0\x0a\0\x08\0\0\1a\0\0\1b", -EPROTO),
	ROW("a name of another kind", "\0\0\0\6\0\4\1\0\1a", -EPROTO),
	ROW("no name in the list", "\0\0\0\2\0\0", -EPROTO),
	ROW("an empty name", "\0\0\0\5\0\3\0\0\0", -EPROTO),
	ROW("no list", "\0\0\0\0", -EPROTO),
	ROW("bytes behind the list", "\0\0\0\7\0\4\0\0\1ax", -EPROTO),
	ROW("bytes behind the name", "\0\0\0\7\0\5\0\0\1ax", -EPROTO),
	ROW("a list that is longer than what it is in", "\0\0\0\6\0\5\0\0\1a",
	    -EPROTO),
	ROW("a name that is longer than the list", "\0\0\0\6\0\4\0\0\2a",
	    -EPROTO),
	ROW("an extension that is longer than all", "\0\0\0\7\0\4\0\0\1a",
	    -EPROTO),
	ROW("half an extension", "\0\0\0", -EPROTO),
	ROW("NUL", "\0\0\0\7\0\5\0\0\2a\0", -EPROTO),
	ROW("a blank", "\0\0\0\7\0\5\0\0\2a ", -EPROTO),
	ROW("a new line", "\0\0\0\7\0\5\0\0\2a\n", -EPROTO),
	ROW("above ASCII", "\0\0\0\7\0\5\0\0\2\xc3\xa4", -EPROTO),
	ROW("DEL", "\0\0\0\7\0\5\0\0\2a\x7f", -EPROTO),
	ROW("an empty protocol", "\0\x10\0\3\0\1\0", -EPROTO),
	ROW("no protocol", "\0\x10\0\2\0\0", -EPROTO),
	ROW("a protocol that is too long", "\0\x10\0\5\0\3\3h2", -EPROTO),
	ROW("bytes behind the protocols", "\0\x10\0\6\0\3\2h2x", -EPROTO),
	ROW("half a version", "\0\x2b\0\4\3\3\4\3", -EPROTO),
	ROW("no version", "\0\x2b\0\1\0", -EPROTO),
	ROW("bytes behind the versions", "\0\x2b\0\4\2\3\4x", -EPROTO),
	ROW("a key before the end", PSK SNI, -EPROTO),
};

TEST(one_thing_wrong)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t data[512];
		struct hello h;
		size_t n = make(data, rows[i].ext, rows[i].len);
		int r = hello_parse(data, n, &h);

		if (r != rows[i].want)
			FAIL("%s: %d", rows[i].what, r);
	}
}

TEST(what_is_found)
{
	uint8_t data[512];
	struct hello h;
	size_t n = make(data, SNI ALPN VERSIONS ECH,
			sizeof(SNI ALPN VERSIONS ECH) - 1);

	ASSERT_EQ(hello_parse(data, n, &h), 1);
	ASSERT_STREQ(h.sni, "a");
	ASSERT_TRUE(h.has_sni && h.has_ech && h.h2 && h.tls13 && !h.http11);
}

TEST(a_name_of_255_and_one_more)
{
	for (unsigned int len = 255; len <= 256; len++) {
		uint8_t ext[512] = { 0, 0, 0, 0, 0, 0, 0, 0, 0 }, data[1024];
		struct hello h;

		ext[2] = (uint8_t)((len + 5) >> 8);
		ext[3] = (uint8_t)(len + 5);
		ext[4] = (uint8_t)((len + 3) >> 8);
		ext[5] = (uint8_t)(len + 3);
		ext[7] = (uint8_t)(len >> 8);
		ext[8] = (uint8_t)len;
		memset(ext + 9, 'a', len);
		ASSERT_EQ(hello_parse(data, make(data, ext, 9 + len), &h),
			  len == 255 ? 1 : -EPROTO);
	}
}

/* Where in a hello without extensions. */
struct change {
	const char *what;
	size_t at;
	uint8_t to;
	int want;
};

static const struct change changes[] = {
	{ "another record", 0, 23, -EPROTO },
	{ "an alert", 0, 21, -EPROTO },
	{ "version 2", 1, 2, -EPROTO },
	{ "a record of version 3.4", 2, 4, 1 },
	{ "a record of version 3.5", 2, 5, -EPROTO },
	{ "a record of no bytes", 4, 0, -EPROTO },
	{ "a record that is too long", 3, 0x41, -EPROTO },
	{ "another message", 5, 2, -EPROTO },
	{ "a message of megabytes", 6, 1, -EPROTO },
	{ "a message that goes on", 8, 0x30, 0 },
	{ "a message that ends before its record", 8, 0x20, -EPROTO },
	{ "a hello of version 2", 9, 2, -EPROTO },
	{ "a session of 33", 43, 33, -EPROTO },
	{ "half a cipher suite", 45, 1, -EPROTO },
	{ "no cipher suite", 45, 0, -EPROTO },
	{ "no compression", 48, 0, -EPROTO },
	{ "extensions that are not there", 51, 1, -EPROTO },
};

TEST(one_byte_wrong)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		uint8_t data[128];
		struct hello h;
		size_t n = make(data, "", 0);
		int r;

		data[changes[i].at] = changes[i].to;
		r = hello_parse(data, n, &h);
		if (r != changes[i].want)
			FAIL("%s: %d", changes[i].what, r);
	}
}

TEST(without_room_for_extensions)
{
	uint8_t data[128];
	struct hello h;
	size_t n = make(data, "", 0) - 2;

	/* SSL 3 and TLS 1.0 may leave them out altogether */
	data[4] = (uint8_t)(data[4] - 2);
	data[8] = (uint8_t)(data[8] - 2);
	ASSERT_EQ(hello_parse(data, n, &h), 1);
	ASSERT_FALSE(h.has_sni);
}

TEST(it_has_a_bound)
{
	static uint8_t data[SHIM_HELLO_MAX + 16];
	static const uint8_t head[] = { 22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc };
	struct hello h;

	/* the longest there is, of which the last byte is missing */
	memcpy(data, head, sizeof(head));
	ASSERT_EQ(hello_parse(data, SHIM_HELLO_MAX - 1, &h), 0);
	/* one that would be longer */
	data[8] = 0xfd;
	ASSERT_EQ(hello_parse(data, sizeof(head), &h), -EPROTO);
	/* so many records that what is in them does not fit */
	for (size_t i = 0; i < sizeof(data); i += 6)
		memcpy(data + i, "\x16\x03\x01\x00\x01\x01",
		       MIN(sizeof(data) - i, 6u));
	data[11] = 0;
	data[17] = 0x3f;
	ASSERT_EQ(hello_parse(data, SHIM_HELLO_MAX, &h), -EPROTO);
}

/* ---- first bytes ---- */

TEST(does_it_look_like_one)
{
	static const struct {
		const char *data;
		size_t len;
		int want;
	} firsts[] = {
		{ "", 0, -EAGAIN },
		{ "\x16", 1, -EAGAIN },
		{ "\x16\x03", 2, -EAGAIN },
		{ "\x16\x03\x01\x01\x00", 5, -EAGAIN },
		{ "\x16\x03\x01\x01\x00\x01", 6, 1 },
		{ "\x16\x03\x04\x01\x00\x01", 6, 1 },
		{ "\x16\x03\x05", 3, 0 },
		{ "\x16\x03\x01\x01\x00\x02", 6, 0 },
		{ "\x16\x03\x01\x00\x00\x01", 6, 0 },
		{ "\x16\x02", 2, 0 },
		{ "\x80\x2e\x01\x03\x01", 5, 0 },
		{ "GET / HTTP/1.1", 14, 0 },
		{ "SSH-2.0-", 8, 0 },
		{ "\0", 1, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(firsts); i++)
		ASSERT_EQ(hello_looks_like((const uint8_t *)firsts[i].data,
					   firsts[i].len),
			  firsts[i].want);
}
