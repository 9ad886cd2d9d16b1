#pragma once
/*
 * A client, a server and the engine of HTTP between them, in one process.
 * Definitions, for one file of a test program.
 */
#include "shim/http-internal.h"
#include "shim/shim-internal.h"
#include "tests/unit/fake_link.h"

#include <event2/event.h>

struct end {
	int fd;
	bool eof, reset;
	char got[65536];
	size_t len, total;
	/* NULL: plain; as recv(2) and send(2) */
	ssize_t (*receive)(struct end *e, char *buf, size_t size);
	ssize_t (*send)(struct end *e, const char *data, size_t n);
	void *arg;
};

static struct shim shim;
static struct conn *conn;
static struct end client, server;
/* a new connection of the server's side */
static void (*on_new_server)(struct end *e);
static int rounds = 2; /* of nothing, until it is taken for settled */
static bool tunnel;    /* classify_start() was called */

/* In place of what leads to OpenSSL and to the first bytes of a tunnel. */
int
classify_start(struct conn *c)
{
	tunnel = true;
	fake_log("CLASSIFY %s:%u %d %.*s\n", c->host.text, c->port, c->via,
		 (int)c->early_len, (const char *)c->early);
	conn_free(c, false);
	return 0;
}

int
classify_http(_unused_ const uint8_t *data, _unused_ size_t len)
{
	return 0;
}

bool
classify_sni_fits(_unused_ const struct hostname *host,
		  _unused_ const char *sni)
{
	return true;
}

uint32_t
shim_head_ticks(const struct shim *s)
{
	return s->limits.head_us ? (uint32_t)(s->limits.head_us / 1000000) : 10;
}

static inline ssize_t
receive_some(struct end *e, char *buf, size_t size)
{
	return e->receive ? e->receive(e, buf, size)
			  : recv(e->fd, buf, size, MSG_DONTWAIT);
}

static inline void
read_end(struct end *e)
{
	ssize_t n;

	while (e->fd >= 0 && !e->eof && !e->reset) {
		if (e->len > sizeof(e->got) / 2)
			e->len = 0;
		n = receive_some(e, e->got + e->len,
				 sizeof(e->got) - e->len - 1);
		if (n < 0 && errno == EAGAIN)
			break;
		e->eof = n == 0;
		e->reset = n < 0;
		if (n > 0)
			e->len += (size_t)n;
		e->total += (size_t)MAX(n, 0);
	}
	e->got[e->len] = '\0';
}

/* Until nobody has anything more to do. */
static inline void
settle(void)
{
	int quiet = 0;

	while (quiet < rounds) {
		size_t before = client.total + server.total;
		bool ends = client.eof || server.eof;

		event_base_loop(shim.base, EVLOOP_NONBLOCK);
		if (server.fd != fake.server) {
			server = (struct end){ .fd = fake.server };
			before = client.total;
			if (on_new_server && server.fd >= 0)
				on_new_server(&server);
		}
		read_end(&client);
		read_end(&server);
		quiet = fake_answer() ||
					client.total + server.total != before ||
					(client.eof || server.eof) != ends
				? 0
				: quiet + 1;
	}
}

static inline void
say(struct end *e, const char *s, size_t n)
{
	ASSERT_EQ(e->send ? e->send(e, s, n) : send(e->fd, s, n, MSG_NOSIGNAL),
		  (ssize_t)n);
	settle();
}

#define SAY(e, text) say(&(e), text, sizeof(text) - 1)

static inline void
begin_world(void)
{
	if (!shim.base) {
		shim.base = event_base_new();
		ASSERT_NOT_NULL(shim.base);
		ASSERT_OK(conns_new(&shim));
		ASSERT_OK(relays_new(&shim));
		shim.link = (struct link *)&fake;
		shim.box = (char *)(uintptr_t) "box";
	}
	fake.server = -EBADF;
	fake.verdict = NET_YES;
	fake.status_code = 403;
	fake.body = "{\"why\":1}";
	server = (struct end){ .fd = -EBADF };
}

static inline void
begin(bool proxy)
{
	int sv[2];

	begin_world();
	ASSERT_OK(socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv));
	client = (struct end){ .fd = sv[1] };
	conn = conn_new(&shim, sv[0]);
	ASSERT_NOT_NULL(conn);
	if (!proxy) {
		ASSERT_OK(hostname_parse("a.example", 9, false, &conn->host,
					 NULL));
		conn->port = 80;
	}
	ASSERT_OK(http_start(conn, proxy));
	settle();
}

static inline void
end(void)
{
	close(client.fd);
	if (fake.server >= 0)
		close(fake.server);
	event_base_loop(shim.base, EVLOOP_NONBLOCK);
	conns_free(&shim);
	relays_free(&shim);
	event_base_free(shim.base);
	shim.base = NULL;
	memset(&fake, 0, sizeof(fake));
}

#define REQUEST "GET /a%20b?x=1 HTTP/1.1\r\nHost: a.example\r\nX-Y: z\r\n\r\n"
#define SENT "GET /a%20b?x=1 HTTP/1.1\r\nhost: a.example\r\nx-y: z\r\n\r\n"
#define RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\n\r\nhello"
#define GOT "HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 5\r\n\r\nhello"

static inline void
expect_own(int status, const char *body, bool closes)
{
	char line[32];

	snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
	if (strncmp(client.got, line, strlen(line)) != 0)
		FAIL("not %d: %s", status, client.got);
	ASSERT_STRSTR(client.got, body);
	ASSERT_STRSTR(client.got, "content-type: application/json\r\n");
	ASSERT_EQ(client.eof, closes);
	ASSERT_EQ(strstr(client.got, "connection: close") != NULL, closes);
}

struct refused {
	const char *request, *word;
	int status;
};
