/* links: lib shim */
/*
 * TLS with servers: which certificates are believed, in a table, and what is
 * asked for. (Roots and resumption are test_tls_roots's.)
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
	w->t = peer_context(w->pem);
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
