/* links: lib shim */
/*
 * TLS with servers: which roots there are, and what may be resumed.
 */
#include "shim/tls-internal.h"
#include "tests/tap.h"
#include "tests/tools/tls_peer.h"

#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#define HOST "good.example"
#define GOOD .san = "DNS:" HOST

struct world {
	struct cert root, middle;
	struct tls_context *t;
	char *pem;
};

static void
world_init(struct world *w)
{
	signal(SIGPIPE, SIG_IGN); /* the peer's */
	w->root = cert_make(&(struct cert_want){ .cn = "root", .ca = true });
	w->middle = cert_make(&(struct cert_want){
		.cn = "middle", .ca = true, .by = &w->root });
	w->pem = cert_pem(&w->root);
	w->t = peer_context(w->pem);
}

static void
world_done(struct world *w)
{
	tls_context_free(w->t);
	free(w->pem);
	cert_done(&w->root);
	cert_done(&w->middle);
}

/* ---- resumption ---- */

/* Was it resumed? One server for all, since it keeps the keys of tickets. */
static bool
again(struct world *w, struct peer *server, const char *host, int version)
{
	struct err e = ERR_INIT;
	struct stream s = STREAM_NONE;
	struct peer p = { .ctx = server->ctx };
	char buf[4];
	bool reused;
	int fd[2];

	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd));
	s.fd = fd[0];
	p.fd = fd[1];
	p.ssl = SSL_new(server->ctx);
	SSL_set_fd(p.ssl, p.fd);
	SSL_set_max_proto_version(p.ssl, version);
	SSL_set_accept_state(p.ssl);
	ASSERT_OK(tls_connect(w->t, &s, host, &e));
	if (peer_shake(&p, &s, NULL, &e) < 0)
		FAIL("%s", e.text);
	/* tickets come after the handshake */
	ASSERT_EQ(SSL_write(p.ssl, "x", 1), 1);
	ASSERT_EQ(stream_read(&s, buf, sizeof(buf)), 1);
	reused = SSL_session_reused(p.ssl) == 1;
	stream_close(&s, false);
	p.ctx = NULL;
	peer_done(&p);
	return reused;
}

TEST(a_session_is_resumed_with_its_host)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	struct world w;
	struct cert c;

	world_init(&w);
	c = cert_make(&(struct cert_want){ .san = "DNS:*.good.example",
					   .by = &w.root });
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct peer server;
		const char *host[] = { i ? "a.good.example" : "c.good.example",
				       i ? "b.good.example"
					 : "d.good.example" };

		peer_server(&server, -EBADF, &c, NULL);
		ASSERT_FALSE(again(&w, &server, host[0], versions[i]));
		ASSERT_TRUE(again(&w, &server, host[0], versions[i]));
		ASSERT_FALSE(again(&w, &server, host[1], versions[i]));
		peer_done(&server);
	}
	cert_done(&c);
	world_done(&w);
}

TEST(sessions_are_given_once_and_bounded)
{
	struct sessions *s = sessions_new();
	SSL_SESSION *x[TLS_SESSIONS_MAX + 1];
	char host[32];

	ASSERT_NOT_NULL(s);
	for (unsigned int i = 0; i <= TLS_SESSIONS_MAX; i++) {
		x[i] = SSL_SESSION_new();
		snprintf(host, sizeof(host), "%u.example", i);
		sessions_put(s, host, x[i]);
	}
	ASSERT_NULL(sessions_take(s, "0.example")); /* gave way */
	ASSERT_TRUE(sessions_take(s, "1.example") == x[1]);
	ASSERT_NULL(sessions_take(s, "1.example"));
	SSL_SESSION_free(x[1]);
	SSL_SESSION_set_time(x[2],
			     (long)(time(NULL) - TLS_SESSION_SECONDS) - 10);
	ASSERT_NULL(sessions_take(s, "2.example"));
	sessions_free(s);
}

/* ---- roots ---- */

static int
with_roots(const char *pem, const struct cert *leaf, struct err *e)
{
	struct stream s = STREAM_NONE;
	struct tls_context *t = peer_context(pem);
	struct peer p;
	int fd[2], r;

	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd));
	s.fd = fd[0];
	peer_server(&p, fd[1], leaf, NULL);
	r = tls_connect(t, &s, HOST, e);
	if (r >= 0)
		r = peer_shake(&p, &s, NULL, e);
	stream_close(&s, true);
	peer_done(&p);
	tls_context_free(t);
	return r;
}

TEST(many_roots_two_of_one_name)
{
	struct cert v[4], leaf;
	char *pem[4], all[16384];
	struct err e = ERR_INIT;
	size_t n = 0;

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		v[i] = cert_make(&(struct cert_want){
			.cn = i == 2 ? "another" : "twin", .ca = true });
		pem[i] = cert_pem(&v[i]);
		n += (size_t)snprintf(all + n, sizeof(all) - n,
				      "# number %zu\n%s\n", i, pem[i]);
	}
	/* a bundle and a file of the host's may both have it */
	snprintf(all + n, sizeof(all) - n, "%s%s", pem[3], pem[2]);
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		leaf = cert_make(&(struct cert_want){ GOOD, .by = &v[i] });
		if (with_roots(all, &leaf, &e) < 0)
			FAIL("%zu: %s", i, e.text);
		cert_done(&leaf);
	}
	/* what is not in the text, under a name that is */
	leaf = cert_make(&(struct cert_want){ GOOD, .by = &v[3] });
	ASSERT_ERR(with_roots(pem[0], &leaf, &e), -EKEYREJECTED);
	cert_done(&leaf);
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		cert_done(&v[i]);
		free(pem[i]);
	}
}

/* What an administrator trusts need not be a root. */
TEST(a_trusted_certificate_that_is_no_root)
{
	struct err e = ERR_INIT;
	struct world w;
	struct cert leaf;
	char *pem;

	world_init(&w);
	leaf = cert_make(&(struct cert_want){ GOOD, .by = &w.middle });
	pem = cert_pem(&w.middle);
	if (with_roots(pem, &leaf, &e) < 0)
		FAIL("%s", e.text);
	free(pem);
	cert_done(&leaf);
	world_done(&w);
}

TEST(roots_that_are_none)
{
	static const char broken[] = "-----BEGIN CERTIFICATE-----\n"
				     "bm90aGluZw==\n"
				     "-----END CERTIFICATE-----\n";
	struct err e = ERR_INIT;
	struct world w;
	char two[8192];

	world_init(&w);
	ASSERT_ERR(with_roots("", &w.root, &e), -ENODATA);
	ASSERT_STRSTR(e.text, "there is none");
	ASSERT_STRSTR(e.cure, "ca-certificates");
	ASSERT_ERR(
		with_roots("-----BEGIN CERTIFICATE-----\nnever", &w.root, &e),
		-ENODATA);
	snprintf(two, sizeof(two), "%s%s", w.pem, broken);
	ASSERT_ERR(with_roots(two, &w.root, &e), -EBADMSG);
	ASSERT_STRSTR(e.text, "number 2");
	world_done(&w);
}
