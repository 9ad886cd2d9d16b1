/* links: lib shim */
/*
 * TLS with the agent: a client that verifies strictly and trusts the box's CA
 * alone meets what the shim shows; and the bytes of a connection, both ways.
 */
#include "shim/tls-internal.h"
#include "tests/tap.h"
#include "tests/tools/tls_peer.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

struct box {
	struct tls_context *t;
	void *key, *ca;
	size_t key_len, ca_len;
};

static void
box_init(struct box *b)
{
	struct err e = ERR_INIT;

	ASSERT_OK(tls_new_ca("box-1", 30, &b->key, &b->key_len, &b->ca,
			     &b->ca_len, &e));
	ASSERT_OK(tls_context_new(b->key, b->key_len, b->ca, b->ca_len, "", 0,
				  &b->t, &e));
}

static void
box_done(struct box *b)
{
	tls_context_free(b->t);
	free(b->key);
	free(b->ca);
}

static void
pair(int fd[2])
{
	ASSERT_OK(socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd));
}

struct talk {
	struct box box;
	struct peer peer;
	struct stream s;
};

/* A client that wants wants, at a shim that decided on host. */
static void
talk_init(struct talk *t, const char *wants, const char *host)
{
	struct err e = ERR_INIT;
	int fd[2];

	box_init(&t->box);
	pair(fd);
	t->s = (struct stream){ .fd = fd[0] };
	peer_client(&t->peer, fd[1], t->box.ca, t->box.ca_len, wants);
	ASSERT_OK(tls_accept(t->box.t, &t->s, host, NULL, 0, &e));
}

static void
talk_done(struct talk *t)
{
	stream_close(&t->s, false);
	peer_done(&t->peer);
	box_done(&t->box);
}

static void
talk_begin(struct talk *t, const char *host)
{
	struct err e = ERR_INIT;
	int theirs;

	talk_init(t, host, host);
	if (peer_shake(&t->peer, &t->s, &theirs, &e) < 0)
		FAIL("%s", e.text);
	ASSERT_EQ(theirs, 1);
}

/* ---- what is shown ---- */

TEST(a_strict_client_is_content)
{
	static const char *const hosts[] = {
		"a.example",
		"localhost",
		"under_score.example",
		"xn--bcher-kva.example",
		"192.0.2.7",
		"2001:db8::7",
		/* longer than a common name may be */
		"a-label-of-many-letters.another-label-of-many-letters."
		"and-one-more-of-them.example",
	};

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		struct talk t;

		talk_begin(&t, hosts[i]);
		talk_done(&t);
	}
}

TEST(the_longest_name_there_is)
{
	char host[HOSTNAME_MAX + 1];
	struct talk t;

	memset(host, 'a', HOSTNAME_MAX);
	for (size_t i = 60; i < HOSTNAME_MAX; i += 61)
		host[i] = '.';
	host[HOSTNAME_MAX] = '\0';
	talk_begin(&t, host);
	talk_done(&t);
}

TEST(it_names_the_host_that_was_decided_on)
{
	struct err e = ERR_INIT;
	struct talk t;
	int theirs, r;

	signal(SIGPIPE, SIG_IGN); /* the peer's */
	talk_init(&t, "a.example", "b.example");
	r = peer_shake(&t.peer, &t.s, &theirs, &e);
	ASSERT_EQ(theirs, -1);
	ASSERT_EQ(SSL_get_verify_result(t.peer.ssl),
		  X509_V_ERR_HOSTNAME_MISMATCH);
	/* TLS 1.3: the client says so in its own flight */
	ASSERT_TRUE(r == 0 || r == -EPROTO);
	talk_done(&t);
}

/* The text of a leaf, as OpenSSL prints it. */
static char *
shown(const X509 *x)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *data, *copy;
	long n;

	X509_print(b, (X509 *)(uintptr_t)x);
	n = BIO_get_mem_data(b, &data);
	copy = strndup(data, (size_t)n);
	BIO_free(b);
	return copy;
}

TEST(what_a_leaf_says)
{
	_cleanup_free_ char *text = NULL;
	X509 *x;
	struct talk t;

	talk_begin(&t, "a.example");
	x = SSL_get1_peer_certificate(t.peer.ssl);
	text = shown(x);
	ASSERT_STRSTR(text, "agentbox box-1");
	ASSERT_STRSTR(text, "CA:FALSE");
	ASSERT_STRSTR(text, "TLS Web Server Authentication");
	ASSERT_STRSTR(text, "DNS:a.example");
	ASSERT_STRSTR(text, "Digital Signature");
	ASSERT_NULL(strstr(text, "Certificate Sign"));
	ASSERT_EQ(X509_cmp_current_time(X509_get0_notBefore(x)), -1);
	ASSERT_EQ(X509_cmp_current_time(X509_get0_notAfter(x)), 1);
	X509_free(x);
	talk_done(&t);
}

TEST(what_a_ca_says)
{
	_cleanup_free_ char *text = NULL;
	struct box b;
	const uint8_t *p;
	X509 *x;

	box_init(&b);
	p = b.ca;
	x = d2i_X509(NULL, &p, (long)b.ca_len);
	ASSERT_NOT_NULL(x);
	text = shown(x);
	ASSERT_STRSTR(text, "CA:TRUE, pathlen:0");
	ASSERT_STRSTR(text, "Certificate Sign, CRL Sign");
	ASSERT_STRSTR(text, "prime256v1");
	ASSERT_EQ(X509_verify(x, X509_get0_pubkey(x)), 1);
	X509_free(x);
	box_done(&b);
}

TEST(a_leaf_ends_before_its_ca)
{
	struct err e = ERR_INIT;
	struct box b = { .t = NULL };
	struct tm tm;
	const uint8_t *p;
	struct leaves *l;
	EVP_PKEY *key;
	X509 *ca, *leaf;
	time_t end = 0;

	ASSERT_OK(tls_new_ca("b", 1, &b.key, &b.key_len, &b.ca, &b.ca_len, &e));
	p = b.ca;
	ca = d2i_X509(NULL, &p, (long)b.ca_len);
	ASSERT_OK(tls_key_read(b.key, b.key_len, &key, &e));
	leaf = tls_leaf_new("a", key, ca, key, time(NULL), &end);
	ASSERT_NOT_NULL(leaf);
	ASSERT_EQ(ASN1_TIME_to_tm(X509_get0_notAfter(ca), &tm), 1);
	ASSERT_EQ(end, timegm(&tm));
	ASSERT_EQ(ASN1_TIME_compare(X509_get0_notAfter(ca),
				    X509_get0_notAfter(leaf)),
		  0);
	ASSERT_OK(leaves_new(key, ca, &l, &e));
	leaves_free(l);
	X509_free(leaf);
	X509_free(ca);
	EVP_PKEY_free(key);
	box_done(&b);
}

TEST(leaves_are_kept_and_bounded)
{
	struct err e = ERR_INIT;
	struct box b;
	X509 *first, *second;
	char host[32];

	box_init(&b);
	first = leaves_get(b.t->leaves, "0.example");
	ASSERT_TRUE(first && first == leaves_get(b.t->leaves, "0.example"));
	X509_up_ref(first);
	for (unsigned int i = 1; i < TLS_LEAVES_MAX; i++) {
		snprintf(host, sizeof(host), "%u.example", i);
		ASSERT_NOT_NULL(leaves_get(b.t->leaves, host));
	}
	ASSERT_TRUE(first == leaves_get(b.t->leaves, "0.example"));
	second = leaves_get(b.t->leaves, "2.example");
	X509_up_ref(second);
	/* 1.example was not used for longest */
	ASSERT_NOT_NULL(leaves_get(b.t->leaves, "more.example"));
	ASSERT_TRUE(first == leaves_get(b.t->leaves, "0.example"));
	ASSERT_TRUE(second == leaves_get(b.t->leaves, "2.example"));
	X509_free(first);
	X509_free(second);
	box_done(&b);
	ASSERT_EQ(e.code, 0);
}

TEST(a_wrong_ca_is_told)
{
	struct err e = ERR_INIT;
	struct tls_context *t = NULL;
	struct box a, b;

	box_init(&a);
	box_init(&b);
	ASSERT_ERR(tls_context_new(a.key, a.key_len, b.ca, b.ca_len, "", 0, &t,
				   &e),
		   -EBADMSG);
	ASSERT_STRSTR(e.text, "CA");
	ASSERT_ERR(tls_context_new(a.key, 5, a.ca, a.ca_len, "", 0, &t, &e),
		   -EBADMSG);
	ASSERT_STRSTR(e.text, "key of the box's CA");
	ASSERT_ERR(tls_context_new(a.key, a.key_len, a.ca, 9, "", 0, &t, &e),
		   -EBADMSG);
	ASSERT_STRSTR(e.text, "certificate of the box's CA");
	ASSERT_NULL(t);
	box_done(&a);
	box_done(&b);
}

/* ---- what is spoken ---- */

TEST(only_http_1_is_spoken)
{
	static const uint8_t both[] = "\x02h2\x08http/1.1", h2[] = "\x02h2";
	struct err e = ERR_INIT;
	const uint8_t *got;
	unsigned int n = 0;
	struct talk t;
	int theirs;

	signal(SIGPIPE, SIG_IGN);
	talk_init(&t, "a.example", "a.example");
	SSL_set_alpn_protos(t.peer.ssl, both, sizeof(both) - 1);
	ASSERT_OK(peer_shake(&t.peer, &t.s, &theirs, &e));
	SSL_get0_alpn_selected(t.peer.ssl, &got, &n);
	ASSERT_EQ(n, 8);
	ASSERT_MEMEQ(got, "http/1.1", 8);
	talk_done(&t);

	talk_init(&t, "a.example", "a.example");
	SSL_set_alpn_protos(t.peer.ssl, h2, sizeof(h2) - 1);
	ASSERT_ERR(peer_shake(&t.peer, &t.s, &theirs, &e), -EPROTO);
	ASSERT_STRSTR(e.text, "TLS with the agent, for a.example");
	talk_done(&t);
}

TEST(nothing_before_1_2)
{
	static const int old[] = { TLS1_VERSION, TLS1_1_VERSION };
	struct err e = ERR_INIT;
	struct talk t;

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(old); i++) {
		talk_init(&t, "a.example", "a.example");
		SSL_set_max_proto_version(t.peer.ssl, old[i]);
		ASSERT_ERR(peer_shake(&t.peer, &t.s, NULL, &e), -EPROTO);
		talk_done(&t);
	}
	talk_init(&t, "a.example", "a.example");
	SSL_set_max_proto_version(t.peer.ssl, TLS1_2_VERSION);
	ASSERT_OK(peer_shake(&t.peer, &t.s, NULL, &e));
	talk_done(&t);
}

/* What was read to find out that it is TLS comes first, however much it is. */
TEST(early_bytes)
{
	for (size_t cut = 1; cut < 600; cut += cut < 8 ? 1 : 97) {
		struct err e = ERR_INIT;
		uint8_t early[600];
		struct talk t;
		ssize_t n;

		talk_init(&t, "a.example", "a.example");
		tls_free(TAKE_PTR(t.s.tls));
		ASSERT_EQ(peer_handshake(&t.peer), 0);
		n = stream_read(&t.s, early, cut);
		ASSERT_GE(n, 1);
		ASSERT_OK(tls_accept(t.box.t, &t.s, "a.example", early,
				     (size_t)n, &e));
		ASSERT_TRUE(tls_pending(&t.s));
		ASSERT_OK(peer_shake(&t.peer, &t.s, NULL, &e));
		ASSERT_FALSE(tls_pending(&t.s));
		talk_done(&t);
	}
}

TEST(garbage_is_no_tls)
{
	struct err e = ERR_INIT;
	struct talk t;

	talk_init(&t, "a.example", "a.example");
	ASSERT_EQ(write(t.peer.fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
	ASSERT_ERR(tls_handshake(&t.s, &e), -EPROTO);
	ASSERT_TRUE(t.s.broken);
	ASSERT_EQ(stream_write(&t.s, "x", 1), -EPIPE);
	talk_done(&t);
}

/* ---- bytes ---- */

TEST(bytes_go_both_ways)
{
	char buf[16];
	struct talk t;

	talk_begin(&t, "a.example");
	ASSERT_EQ(stream_read(&t.s, buf, sizeof(buf)), -EAGAIN);
	ASSERT_EQ(SSL_write(t.peer.ssl, "question", 8), 8);
	ASSERT_EQ(stream_read(&t.s, buf, 3), 3);
	ASSERT_TRUE(tls_pending(&t.s));
	ASSERT_EQ(stream_read(&t.s, buf, sizeof(buf)), 5);
	ASSERT_MEMEQ(buf, "stion", 5);
	ASSERT_FALSE(tls_pending(&t.s));
	ASSERT_EQ(stream_write(&t.s, "answer", 6), 6);
	ASSERT_EQ(SSL_read(t.peer.ssl, buf, sizeof(buf)), 6);
	ASSERT_MEMEQ(buf, "answer", 6);
	talk_done(&t);
}

TEST(each_half_ends_by_itself)
{
	char buf[16];
	struct talk t;

	talk_begin(&t, "a.example");
	ASSERT_OK(stream_shutdown(&t.s));
	ASSERT_TRUE(t.s.shut);
	ASSERT_OK(stream_shutdown(&t.s));
	ASSERT_EQ(stream_write(&t.s, "x", 1), -EPIPE);
	ASSERT_EQ(SSL_read(t.peer.ssl, buf, sizeof(buf)), 0);
	ASSERT_EQ(SSL_get_error(t.peer.ssl, 0), SSL_ERROR_ZERO_RETURN);
	/* the other one still goes */
	ASSERT_EQ(SSL_write(t.peer.ssl, "more", 4), 4);
	ASSERT_EQ(stream_read(&t.s, buf, sizeof(buf)), 4);
	SSL_shutdown(t.peer.ssl);
	ASSERT_EQ(stream_read(&t.s, buf, sizeof(buf)), 0);
	ASSERT_TRUE(t.s.eof);
	ASSERT_EQ(stream_read(&t.s, buf, sizeof(buf)), 0);
	talk_done(&t);
}

TEST(an_end_that_anybody_could_make_is_none)
{
	char buf[16];
	struct talk t;

	talk_begin(&t, "a.example");
	ASSERT_OK(shutdown(t.peer.fd, SHUT_WR));
	ASSERT_EQ(stream_read(&t.s, buf, sizeof(buf)), -ECONNRESET);
	ASSERT_TRUE(t.s.broken);
	ASSERT_FALSE(t.s.eof);
	ASSERT_EQ(stream_read(&t.s, buf, sizeof(buf)), -EPIPE);
	talk_done(&t);
}

TEST(a_record_that_was_changed)
{
	uint8_t bad[64] = { 0x17, 3, 3, 0, 40 };
	char buf[16];
	struct talk t;

	talk_begin(&t, "a.example");
	ASSERT_EQ(write(t.peer.fd, bad, sizeof(bad)), (ssize_t)sizeof(bad));
	ASSERT_EQ(stream_read(&t.s, buf, sizeof(buf)), -EPROTO);
	ASSERT_TRUE(t.s.broken);
	talk_done(&t);
}

/* More than the socket takes: whatever is not taken is given again. */
TEST(a_full_socket)
{
	size_t n = 2u << 20, sent = 0, got = 0;
	uint8_t *out = malloc(n), *in = malloc(n);
	bool full = false;
	struct talk t;

	ASSERT_TRUE(out && in);
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(i * 31 + i / 251);
	talk_begin(&t, "a.example");
	while (got < n) {
		ssize_t w;
		int r;

		while ((w = stream_write(&t.s, out + sent, n - sent)) > 0)
			sent += (size_t)w;
		ASSERT_TRUE(w == -EAGAIN || sent == n);
		full |= w == -EAGAIN && t.s.wants_write;
		while ((r = SSL_read(t.peer.ssl, in + got, (int)(n - got))) > 0)
			got += (size_t)r;
	}
	ASSERT_TRUE(full);
	ASSERT_MEMEQ(in, out, n);
	free(out);
	free(in);
	talk_done(&t);
}

TEST(a_client_that_is_gone_raises_no_signal)
{
	char buf[70000] = { 0 };
	ssize_t n = 0;
	struct talk t;

	talk_begin(&t, "a.example");
	peer_done(&t.peer);
	for (int i = 0; i < 3 && n >= 0; i++)
		n = stream_write(&t.s, buf, sizeof(buf));
	ASSERT_TRUE(n == -EPIPE || n == -ECONNRESET);
	ASSERT_TRUE(t.s.broken);
	stream_close(&t.s, false);
	box_done(&t.box);
}

/* ---- resumption ---- */

static SSL_SESSION *
session_of(struct talk *t)
{
	char buf[4];

	/* the ticket comes with the first read */
	ASSERT_EQ(stream_write(&t->s, "x", 1), 1);
	ASSERT_EQ(SSL_read(t->peer.ssl, buf, sizeof(buf)), 1);
	return SSL_get1_session(t->peer.ssl);
}

static bool
resumes(struct talk *t, SSL_SESSION *x, const char *host, int version)
{
	struct err e = ERR_INIT;
	struct stream s = STREAM_NONE;
	struct peer p;
	bool again;
	int fd[2];

	pair(fd);
	s.fd = fd[0];
	peer_client(&p, fd[1], t->box.ca, t->box.ca_len, host);
	SSL_set_max_proto_version(p.ssl, version);
	SSL_set_session(p.ssl, x);
	ASSERT_OK(tls_accept(t->box.t, &s, host, NULL, 0, &e));
	ASSERT_OK(peer_shake(&p, &s, NULL, &e));
	again = SSL_session_reused(p.ssl) == 1;
	stream_close(&s, false);
	peer_done(&p);
	return again;
}

TEST(a_ticket_is_worth_one_host)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct err e = ERR_INIT;
		SSL_SESSION *x;
		struct talk t;

		talk_init(&t, "a.example", "a.example");
		SSL_set_max_proto_version(t.peer.ssl, versions[i]);
		ASSERT_OK(peer_shake(&t.peer, &t.s, NULL, &e));
		x = session_of(&t);
		ASSERT_TRUE(resumes(&t, x, "a.example", versions[i]));
		ASSERT_FALSE(resumes(&t, x, "b.example", versions[i]));
		SSL_SESSION_free(x);
		talk_done(&t);
	}
}
