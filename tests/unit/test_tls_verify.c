/* links: lib shim */
/*
 * TLS with servers: which certificates are believed, in a table; what may be
 * resumed; which roots there are.
 */
#include "shim/tls-internal.h"
#include "tests/tap.h"
#include "tests/tools/tls_peer.h"

#include <openssl/ssl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#define HOST "good.example"
#define DAY 86400

/* The box's side: a CA (for the agent, not used here) and the roots. */
struct world {
	struct cert root, middle, stranger;
	struct tls_context *t;
	char *pem;
};

static struct tls_context *
context(const char *pem)
{
	struct err e = ERR_INIT;
	struct tls_context *t;
	void *key, *ca;
	size_t key_len, ca_len;

	ASSERT_OK(tls_new_ca("b", 1, &key, &key_len, &ca, &ca_len, &e));
	ASSERT_OK(tls_context_new(key, key_len, ca, ca_len, pem, strlen(pem),
				  &t, &e));
	free(key);
	free(ca);
	return t;
}

static void
world_init(struct world *w)
{
	signal(SIGPIPE, SIG_IGN); /* the peer's */
	w->root = cert_make(&(struct cert_want){ .cn = "root", .ca = true });
	w->middle = cert_make(&(struct cert_want){
		.cn = "middle", .ca = true, .by = &w->root });
	w->stranger =
		cert_make(&(struct cert_want){ .cn = "stranger", .ca = true });
	w->pem = cert_pem(&w->root);
	w->t = context(w->pem);
}

static void
world_done(struct world *w)
{
	tls_context_free(w->t);
	free(w->pem);
	cert_done(&w->root);
	cert_done(&w->middle);
	cert_done(&w->stranger);
}

/* The result of a handshake with a server that shows c. */
static int
meet(struct world *w, const struct cert *c, const struct cert *chain,
     const char *host, struct err *e)
{
	struct stream s = STREAM_NONE;
	struct peer p;
	int fd[2], r;

	ASSERT_OK(socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd));
	s.fd = fd[0];
	peer_server(&p, fd[1], c, chain);
	ASSERT_OK(tls_connect(w->t, &s, host, e));
	r = peer_shake(&p, &s, NULL, e);
	stream_close(&s, false);
	peer_done(&p);
	return r;
}

enum issuer { ROOT, MIDDLE, MIDDLE_UNSENT, STRANGER, ITSELF };

struct row {
	const char *what, *host;
	struct cert_want want;
	enum issuer by;
	const char *error; /* NULL: it is believed */
};

#define GOOD .san = "DNS:" HOST

static const struct row rows[] = {
	{ "its name", HOST, { GOOD }, ROOT, NULL },
	{ "one of its names",
	  HOST,
	  { .san = "DNS:a.example,DNS:" HOST },
	  ROOT,
	  NULL },
	{ "over another", HOST, { GOOD }, MIDDLE, NULL },
	{ "no usage named", HOST, { GOOD, .eku = "" }, ROOT, NULL },
	{ "RSA", HOST, { GOOD, .rsa = 2048 }, ROOT, NULL },
	{ "upper case in it", HOST, { .san = "DNS:GOOD.Example" }, ROOT, NULL },
	{ "an address", "192.0.2.7", { .san = "IP:192.0.2.7" }, ROOT, NULL },
	{ "an address of 6",
	  "2001:db8::7",
	  { .san = "IP:2001:db8::7" },
	  ROOT,
	  NULL },
	{ "a wildcard",
	  "x.good.example",
	  { .san = "DNS:*.good.example" },
	  ROOT,
	  NULL },

	{ "another name",
	  HOST,
	  { .san = "DNS:bad.example" },
	  ROOT,
	  "hostname mismatch" },
	{ "no name",
	  HOST,
	  { .san = NULL, .cn = HOST },
	  ROOT,
	  "hostname mismatch" },
	{ "the name in the subject only",
	  HOST,
	  { .cn = HOST, .san = "DNS:bad.example" },
	  ROOT,
	  "hostname mismatch" },
	{ "a name below it",
	  HOST,
	  { .san = "DNS:x.good.example" },
	  ROOT,
	  "hostname mismatch" },
	{ "the name above it",
	  HOST,
	  { .san = "DNS:example" },
	  ROOT,
	  "hostname mismatch" },
	{ "its name and more",
	  HOST,
	  { .san = "DNS:good.example.org" },
	  ROOT,
	  "hostname mismatch" },
	{ "a wildcard over itself",
	  HOST,
	  { .san = "DNS:*.good.example" },
	  ROOT,
	  "hostname mismatch" },
	{ "a wildcard over two labels",
	  "x.y.good.example",
	  { .san = "DNS:*.good.example" },
	  ROOT,
	  "hostname mismatch" },
	{ "a wildcard within a label",
	  HOST,
	  { .san = "DNS:g*.example" },
	  ROOT,
	  "hostname mismatch" },
	{ "a wildcard over all",
	  HOST,
	  { .san = "DNS:*" },
	  ROOT,
	  "hostname mismatch" },
	{ "a wildcard over a top-level domain",
	  HOST,
	  { .san = "DNS:*.example" },
	  ROOT,
	  "hostname mismatch" },
	{ "a wildcard in the middle",
	  "x.good.example",
	  { .san = "DNS:x.*.example" },
	  ROOT,
	  "hostname mismatch" },
	{ "another address",
	  "192.0.2.7",
	  { .san = "IP:192.0.2.8" },
	  ROOT,
	  "IP address mismatch" },
	{ "an address as a name",
	  "192.0.2.7",
	  { .san = "DNS:192.0.2.7" },
	  ROOT,
	  "IP address mismatch" },
	{ "a wildcard over an address",
	  "192.0.2.7",
	  { .san = "DNS:*.0.2.7" },
	  ROOT,
	  "IP address mismatch" },
	{ "a mail address",
	  HOST,
	  { .san = "email:x@good.example" },
	  ROOT,
	  "hostname mismatch" },
	{ "a URL",
	  HOST,
	  { .san = "URI:https://good.example/" },
	  ROOT,
	  "hostname mismatch" },

	{ "expired",
	  HOST,
	  { GOOD, .from = -2 * DAY, .until = -DAY },
	  ROOT,
	  "certificate has expired" },
	{ "not yet valid",
	  HOST,
	  { GOOD, .from = DAY, .until = 2 * DAY },
	  ROOT,
	  "certificate is not yet valid" },
	{ "by itself", HOST, { GOOD }, ITSELF, "self-signed certificate" },
	{ "by itself, as a CA",
	  HOST,
	  { GOOD, .ca = true },
	  ITSELF,
	  "self-signed certificate" },
	{ "by somebody",
	  HOST,
	  { GOOD },
	  STRANGER,
	  "unable to get local issuer certificate" },
	{ "its issuer is not sent",
	  HOST,
	  { GOOD },
	  MIDDLE_UNSENT,
	  "unable to get local issuer certificate" },
	{ "for clients", HOST, { GOOD, .eku = "clientAuth" }, ROOT, "purpose" },
	{ "for signing code",
	  HOST,
	  { GOOD, .eku = "codeSigning" },
	  ROOT,
	  "purpose" },
	{ "a short RSA key", HOST, { GOOD, .rsa = 1024 }, ROOT, "too weak" },
	{ "signed with SHA-1",
	  HOST,
	  { GOOD, .hash = "SHA1" },
	  ROOT,
	  "too weak" },
};

static const struct cert *
issuer_of(const struct world *w, enum issuer by)
{
	switch (by) {
	case ROOT:
		return &w->root;
	case STRANGER:
		return &w->stranger;
	case ITSELF:
		return NULL;
	default:
		return &w->middle;
	}
}

TEST(who_is_believed)
{
	struct world w;

	world_init(&w);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct cert_want want = row->want;
		struct err e = ERR_INIT;
		struct cert c;
		int r;

		want.by = issuer_of(&w, row->by);
		c = cert_make(&want);
		r = meet(&w, &c, row->by == MIDDLE ? &w.middle : NULL,
			 row->host, &e);
		cert_done(&c);
		if (!row->error && r < 0)
			FAIL("%s: %s", row->what, e.text);
		if (!row->error)
			continue;
		if (r != -EKEYREJECTED && r != -EPROTO)
			FAIL("%s: %d", row->what, r);
		if (!strcasestr(e.text, row->error) ||
		    !strstr(e.text, row->host))
			FAIL("%s: \"%s\" has no \"%s\"", row->what, e.text,
			     row->error);
		ASSERT_EQ(r, -EKEYREJECTED);
	}
	world_done(&w);
}

/* "good.example", NUL, ".evil.example": what C would read as our name. */
TEST(a_name_with_nul_in_it)
{
	struct err e = ERR_INIT;
	struct world w;
	struct cert c;
	uint8_t *der = NULL, *at;
	const uint8_t *p;
	int len;

	world_init(&w);
	c = cert_make(&(struct cert_want){ .san = "DNS:" HOST "xevil",
					   .by = &w.root });
	len = i2d_X509(c.x, &der);
	at = memmem(der, (size_t)len, HOST "xevil", strlen(HOST "xevil"));
	ASSERT_NOT_NULL(at);
	at[strlen(HOST)] = '\0';
	p = der;
	X509_free(c.x);
	c.x = d2i_X509(NULL, &p, len);
	ASSERT_NOT_NULL(c.x);
	ASSERT_TRUE(X509_sign(c.x, w.root.key, EVP_sha256()) > 0);
	ASSERT_ERR(meet(&w, &c, NULL, HOST, &e), -EKEYREJECTED);
	OPENSSL_free(der);
	cert_done(&c);
	world_done(&w);
}

static void
middle_refused(struct world *w, struct cert_want want, const char *because)
{
	struct err e = ERR_INIT;
	struct cert middle, leaf;

	want.cn = "another middle";
	want.by = &w->root;
	middle = cert_make(&want);
	leaf = cert_make(&(struct cert_want){ GOOD, .by = &middle });
	ASSERT_ERR(meet(w, &leaf, &middle, HOST, &e), -EKEYREJECTED);
	ASSERT_STRSTR(e.text, because);
	cert_done(&middle);
	cert_done(&leaf);
}

TEST(what_stands_between)
{
	struct world w;

	world_init(&w);
	middle_refused(&w, (struct cert_want){ .ca = false }, "invalid CA");
	middle_refused(&w,
		       (struct cert_want){
			       .ca = true, .from = -2 * DAY, .until = -DAY },
		       "expired");
	middle_refused(&w,
		       (struct cert_want){
			       .ca = true,
			       .constraints = "critical,permitted;DNS:other" },
		       "subtree");
	middle_refused(&w, (struct cert_want){ .ca = true, .rsa = 1024 },
		       "too weak");
	world_done(&w);
}

TEST(an_old_server)
{
	static const int old[] = { TLS1_VERSION, TLS1_1_VERSION };
	struct world w;
	struct cert c;

	world_init(&w);
	c = cert_make(&(struct cert_want){ GOOD, .by = &w.root });
	for (size_t i = 0; i < ARRAY_SIZE(old); i++) {
		struct err e = ERR_INIT;
		struct stream s = STREAM_NONE;
		struct peer p;
		int fd[2];

		ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				     fd));
		s.fd = fd[0];
		peer_server(&p, fd[1], &c, NULL);
		SSL_set_max_proto_version(p.ssl, old[i]);
		ASSERT_OK(tls_connect(w.t, &s, HOST, &e));
		ASSERT_ERR(peer_shake(&p, &s, NULL, &e), -EPROTO);
		ASSERT_STRSTR(e.text, "TLS with " HOST);
		stream_close(&s, true);
		peer_done(&p);
	}
	cert_done(&c);
	world_done(&w);
}

TEST(a_server_that_goes_away)
{
	struct err e = ERR_INIT;
	struct stream s = STREAM_NONE;
	struct world w;
	int fd[2];

	world_init(&w);
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd));
	s.fd = fd[0];
	ASSERT_OK(tls_connect(w.t, &s, HOST, &e));
	ASSERT_EQ(tls_handshake(&s, &e), -EAGAIN);
	ASSERT_TRUE(s.wants_read);
	close(fd[1]);
	ASSERT_ERR(tls_handshake(&s, &e), -ECONNRESET);
	ASSERT_STRSTR(e.text, "TLS with " HOST);
	ASSERT_STRSTR(e.text, "ended in the handshake");
	stream_close(&s, true);
	world_done(&w);
}

/* ---- what is asked for ---- */

static void
see_hello(struct world *w, const char *host, const char *name)
{
	struct err e = ERR_INIT;
	struct stream s = STREAM_NONE;
	struct cert c = cert_make(&(struct cert_want){ GOOD });
	struct peer p;
	const char *got;
	int fd[2];

	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd));
	s.fd = fd[0];
	peer_server(&p, fd[1], &c, NULL);
	ASSERT_OK(tls_connect(w->t, &s, host, &e));
	ASSERT_EQ(tls_handshake(&s, &e), -EAGAIN);
	ASSERT_EQ(peer_handshake(&p), 0);
	got = SSL_get_servername(p.ssl, TLSEXT_NAMETYPE_host_name);
	if (name)
		ASSERT_STREQ(got, name);
	else
		ASSERT_NULL(got);
	stream_close(&s, true);
	peer_done(&p);
	cert_done(&c);
}

TEST(the_name_that_is_asked_for)
{
	struct world w;

	world_init(&w);
	see_hello(&w, HOST, HOST);
	see_hello(&w, "192.0.2.7", NULL);
	see_hello(&w, "2001:db8::7", NULL);
	world_done(&w);
}

TEST(no_host_no_connection)
{
	struct err e = ERR_INIT;
	struct stream s = { .fd = 0 };
	struct world w;

	world_init(&w);
	ASSERT_ERR(tls_connect(w.t, &s, "", &e), -EINVAL);
	ASSERT_NULL(s.tls);
	world_done(&w);
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
	struct tls_context *t = context(pem);
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
