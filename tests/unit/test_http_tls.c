/* links: shim net sandbox lib */
/*
 * HTTP with TLS on both sides: what the engine does with streams that want to
 * be read before they can be written, and with servers that cannot be trusted.
 */
#include "shim/tls-internal.h"
#include "tests/tools/tls_peer.h"
#include "tests/unit/http_world.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <signal.h>

struct world {
	void *ca_key, *ca;
	size_t ca_key_len, ca_len;
	struct cert root, cert;
	char *pem;
	struct peer client, server;
	bool shaken;
};

static struct world w;

static ssize_t
receive(struct end *e, char *buf, size_t size)
{
	struct peer *p = e->arg;
	size_t n;
	int r;

	if (p == &w.server && !w.shaken) {
		w.shaken = peer_handshake(p) == 1;
		errno = EAGAIN;
		return -1;
	}
	ERR_clear_error();
	r = SSL_read_ex(p->ssl, buf, size, &n);
	if (r == 1)
		return (ssize_t)n;
	r = SSL_get_error(p->ssl, r);
	if (r == SSL_ERROR_ZERO_RETURN)
		return 0;
	errno = r == SSL_ERROR_WANT_READ ? EAGAIN : ECONNRESET;
	return -1;
}

static ssize_t
transmit(struct end *e, const char *data, size_t n)
{
	const struct peer *p = e->arg;
	size_t done;

	ERR_clear_error();
	return SSL_write_ex(p->ssl, data, n, &done) == 1 ? (ssize_t)done : -1;
}

static void
new_server(struct end *e)
{
	if (w.server.ssl)
		peer_done(&w.server);
	w.shaken = false;
	peer_server(&w.server, fcntl(e->fd, F_DUPFD_CLOEXEC, 0), &w.cert, NULL);
	e->receive = receive;
	e->send = transmit;
	e->arg = &w.server;
}

/* What the client says is inside TLS that the shim shows; san: the server's. */
static void
begin_tls(const char *san)
{
	struct err e = ERR_INIT;
	int sv[2], theirs;

	signal(SIGPIPE, SIG_IGN); /* OpenSSL's, at our ends */
	memset(&w, 0, sizeof(w));
	w.root = cert_make(&(struct cert_want){ .cn = "root", .ca = true });
	w.cert = cert_make(&(struct cert_want){ .san = san, .by = &w.root });
	w.pem = cert_pem(&w.root);
	ASSERT_OK(tls_new_ca("box", 30, &w.ca_key, &w.ca_key_len, &w.ca,
			     &w.ca_len, &e));
	ASSERT_OK(tls_context_new(w.ca_key, w.ca_key_len, w.ca, w.ca_len, w.pem,
				  strlen(w.pem), &shim.tls, &e));
	rounds = 8;
	on_new_server = new_server;
	begin_world();
	ASSERT_OK(socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv));
	conn = conn_new(&shim, sv[0]);
	ASSERT_NOT_NULL(conn);
	ASSERT_OK(hostname_parse("a.example", 9, false, &conn->host, NULL));
	conn->port = 443;
	conn->intercepted = true;
	peer_client(&w.client, sv[1], w.ca, w.ca_len, "a.example");
	ASSERT_OK(
		tls_accept(shim.tls, &conn->client, "a.example", NULL, 0, &e));
	if (peer_shake(&w.client, &conn->client, &theirs, &e) < 0)
		FAIL("%s", e.text);
	client = (struct end){ .fd = fcntl(sv[1], F_DUPFD_CLOEXEC, 0),
			       .receive = receive,
			       .send = transmit,
			       .arg = &w.client };
	ASSERT_OK(http_start(conn, false));
	settle();
}

static void
end_tls(void)
{
	end();
	peer_done(&w.client);
	if (w.server.ssl)
		peer_done(&w.server);
	tls_context_free(TAKE_PTR(shim.tls));
	cert_done(&w.root);
	cert_done(&w.cert);
	free(w.pem);
	free(w.ca_key);
	free(w.ca);
}

#define GOOD "DNS:a.example"

TEST(both_sides)
{
	begin_tls(GOOD);
	for (int i = 0; i < 3; i++) {
		client.len = server.len = 0;
		SAY(client, REQUEST);
		ASSERT_STREQ(server.got, SENT);
		SAY(server, RESPONSE);
		ASSERT_STREQ(client.got, GOT);
	}
	ASSERT_STRSTR(fake.log, "ASK https GET a.example:443 /a b "
				"q[x=1] h[x-y=z] size=0 "
				"conn=0\nDONE 1 ok - 200\n");
	ASSERT_STRSTR(fake.log, "conn=1\nDONE 3 ok - 200\n");
	ASSERT_EQ(fake.conns, 1);
	end_tls();
}

TEST(a_server_that_is_somebody_else)
{
	begin_tls("DNS:b.example");
	SAY(client, REQUEST);
	ASSERT_STRSTR(fake.log, "DONE 1 error tls-verify 0\nGONE 1\n");
	ASSERT_STRSTR(fake.log, "FOUND tls-verify a.example ");
	ASSERT_STRSTR(client.got, "HTTP/1.1 502 Bad Gateway\r\n");
	ASSERT_EQ(server.len, 0);
	end_tls();
}

/* The connection is within TLS for the host, so nothing else may be asked for
 * in it. */
TEST(another_host_inside)
{
	begin_tls(GOOD);
	SAY(client, "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n");
	ASSERT_STRSTR(fake.log, "FOUND host-mismatch a.example GET b.example");
	ASSERT_STRSTR(client.got, "HTTP/1.1 421 ");
	end_tls();
	begin_tls(GOOD);
	SAY(client, "GET http://a.example/ HTTP/1.1\r\nHost: "
		    "a.example\r\n\r\n");
	ASSERT_STRSTR(fake.log, "FOUND host-mismatch a.example ");
	end_tls();
}

TEST(large_bodies)
{
	static char data[1 << 19];
	size_t sent;

	begin_tls(GOOD);
	SAY(client, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: "
		    "524288\r\n\r\n");
	server.total = 0;
	for (sent = 0; server.total < sizeof(data);) {
		ssize_t n = transmit(&client, data + sent, sizeof(data) - sent);

		sent += (size_t)MAX(n, 0);
		settle();
	}
	ASSERT_EQ(server.total, sizeof(data));
	SAY(server, "HTTP/1.1 200 OK\r\nContent-Length: 524288\r\n\r\n");
	client.total = 0;
	for (sent = 0; client.total < sizeof(data);) {
		ssize_t n = transmit(&server, data + sent, sizeof(data) - sent);

		sent += (size_t)MAX(n, 0);
		settle();
	}
	ASSERT_STRSTR(fake.log, "DONE 1 ok - 200\n");
	end_tls();
}

/* Without a word of the server's that it is the end, it may have been cut. */
TEST(cut_off)
{
	begin_tls(GOOD);
	SAY(client, REQUEST);
	SAY(server, "HTTP/1.1 200 OK\r\n\r\nabc");
	close(w.server.fd);
	close(server.fd);
	fake.server = server.fd = -EBADF;
	w.server.fd = -EBADF;
	settle();
	ASSERT_STRSTR(fake.log, "DONE 1 error truncated 200\n");
	ASSERT_NULL(strstr(client.got, "0\r\n\r\n"));
	end_tls();
}

TEST(events_are_not_held)
{
	begin_tls(GOOD);
	SAY(client, REQUEST);
	SAY(server, "HTTP/1.1 200 OK\r\n\r\n");
	for (int i = 0; i < 5; i++) {
		client.len = 0;
		SAY(server, "data: x\n\n");
		ASSERT_STREQ(client.got, "9\r\ndata: x\n\n\r\n");
	}
	end_tls();
}

TEST(websocket)
{
	begin_tls(GOOD);
	SAY(client, "GET /ws HTTP/1.1\r\nHost: a.example\r\nUpgrade: "
		    "websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
		    "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: "
		    "13\r\n\r\n");
	ASSERT_STRSTR(fake.log, "ASK wss GET a.example:443 /ws ");
	SAY(server, "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: "
		    "Upgrade\r\n\r\nhi");
	ASSERT_STRSTR(client.got, "\r\n\r\nhi");
	server.len = 0;
	SAY(client, "there");
	ASSERT_STREQ(server.got, "there");
	end_tls();
}
