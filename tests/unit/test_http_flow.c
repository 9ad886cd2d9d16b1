/* links: shim net sandbox lib */
/*
 * Whole exchanges through the engine of HTTP, with a supervisor that a test
 * directs: what the server is sent, what the client gets, what is recorded;
 * and that it is the same wherever the bytes are cut.
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
};

static struct shim shim;
static struct conn *conn;
static struct end client, server;
static bool tunnel; /* classify_start() was called */

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

static void
read_end(struct end *e)
{
	ssize_t n;

	while (e->fd >= 0 && !e->eof && !e->reset) {
		if (e->len > sizeof(e->got) / 2)
			e->len = 0;
		n = recv(e->fd, e->got + e->len, sizeof(e->got) - e->len - 1,
			 MSG_DONTWAIT);
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
static void
settle(void)
{
	int quiet = 0;

	while (quiet < 2) {
		size_t before = client.total + server.total;
		bool ends = client.eof || server.eof;

		event_base_loop(shim.base, EVLOOP_NONBLOCK);
		if (server.fd != fake.server) {
			server = (struct end){ .fd = fake.server };
			before = client.total;
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

static void
say(struct end *e, const char *s, size_t n)
{
	ASSERT_EQ(send(e->fd, s, n, MSG_NOSIGNAL), (ssize_t)n);
	settle();
}

#define SAY(e, text) say(&(e), text, sizeof(text) - 1)

static void
begin(bool proxy)
{
	int sv[2];

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
	ASSERT_OK(socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sv));
	client = (struct end){ .fd = sv[1] };
	server = (struct end){ .fd = -EBADF };
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

static void
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

TEST(one_request)
{
	begin(false);
	SAY(client, REQUEST);
	ASSERT_STREQ(fake.log, "ASK http GET a.example:80 /a b q[x=1] "
			       "h[x-y=z] size=0 conn=0\n");
	ASSERT_STREQ(server.got, SENT);
	SAY(server, RESPONSE);
	ASSERT_STREQ(client.got, GOT);
	ASSERT_STRSTR(fake.log, "DONE 1 ok - 200\n");
	ASSERT_FALSE(client.eof);
	ASSERT_FALSE(server.eof);
	end();
}

/* Both connections stay; each request is asked for. */
TEST(keep_alive)
{
	begin(false);
	for (int i = 0; i < 3; i++) {
		client.len = server.len = 0;
		SAY(client, REQUEST);
		ASSERT_STREQ(server.got, SENT);
		SAY(server, RESPONSE);
		ASSERT_STREQ(client.got, GOT);
	}
	ASSERT_STRSTR(fake.log, "conn=0\nDONE 1 ok - 200\nASK");
	ASSERT_STRSTR(fake.log, "conn=1\nDONE 2 ok - 200\nASK");
	ASSERT_STRSTR(fake.log, "conn=1\nDONE 3 ok - 200\n");
	ASSERT_EQ(fake.conns, 1);
	end();
}

TEST(pipelined)
{
	begin(false);
	SAY(client, REQUEST "GET /2 HTTP/1.1\r\nHost: a.example\r\n\r\n");
	ASSERT_STREQ(server.got, SENT);
	SAY(server, RESPONSE);
	ASSERT_STRSTR(server.got, "GET /2 HTTP/1.1\r\nhost: a.example\r\n\r\n");
	SAY(server, "HTTP/1.1 204 No Content\r\n\r\n");
	ASSERT_STREQ(client.got, GOT "HTTP/1.1 204 No Content\r\n\r\n");
	ASSERT_STRSTR(fake.log, "DONE 2 ok - 204\n");
	end();
}

/* ---- in pieces ----------------------------------------------------------- */

struct exchange {
	const char *request, *sent, *response, *got;
	bool server_ends;
};

static void
in_pieces(struct end *e, const char *s, size_t cut, size_t cut2)
{
	size_t n = strlen(s);

	cut = MIN(cut, n);
	cut2 = MIN(MAX(cut, cut2), n);
	if (cut)
		say(e, s, cut);
	if (cut2 > cut)
		say(e, s + cut, cut2 - cut);
	if (n > cut2)
		say(e, s + cut2, n - cut2);
}

static void
byte_by_byte(struct end *e, const char *s)
{
	for (; *s; s++)
		say(e, s, 1);
}

/* Chunks may be cut in other places, so bodies are compared, not chunks. */
static void
join_chunks(const char *s, char *ret)
{
	const char *body = strstr(s, "\r\n\r\n");
	struct http_body *b = NULL;

	(void)b;
	ASSERT_NOT_NULL(body);
	body += 4;
	memcpy(ret, s, (size_t)(body - s));
	ret += body - s;
	if (!memmem(s, (size_t)(body - s), "transfer-encoding", 17)) {
		memcpy(ret, body, strlen(body) + 1);
		return;
	}
	for (;;) {
		char *rest;
		size_t n = strtoul(body, &rest, 16);

		ASSERT_EQ(strncmp(rest, "\r\n", 2), 0);
		body = rest + 2;
		if (!n)
			break;
		memcpy(ret, body, n);
		ret += n;
		ASSERT_EQ(strncmp(body + n, "\r\n", 2), 0);
		body += n + 2;
	}
	ASSERT_STREQ(body, "\r\n");
	*ret = '\0';
}

static void
compare(const char *what, size_t cut, const char *got, const char *want)
{
	static char joined[65536];

	join_chunks(got, joined);
	if (strcmp(joined, want) != 0)
		FAIL("%s, cut at %zu:\n%s\nnot\n%s", what, cut, joined, want);
}

static void
exchange(const struct exchange *x, size_t cut, bool bytes)
{
	begin(false);
	if (bytes)
		byte_by_byte(&client, x->request);
	else
		in_pieces(&client, x->request, cut, cut + 1);
	compare("sent", cut, server.got, x->sent);
	if (bytes)
		byte_by_byte(&server, x->response);
	else
		in_pieces(&server, x->response, cut, cut + 1);
	if (x->server_ends) {
		ASSERT_OK(shutdown(server.fd, SHUT_WR));
		settle();
	}
	compare("got", cut, client.got, x->got);
	ASSERT_STRSTR(fake.log, " ok - ");
	ASSERT_FALSE(client.eof);
	end();
}

static const struct exchange exchanges[] = {
	{ REQUEST, SENT, RESPONSE, GOT, false },
	{ "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 11\r\n\r\n"
	  "hello world",
	  "POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 11\r\n\r\n"
	  "hello world",
	  "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nT: r\r\n\r\n",
	  "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n"
	  "hello world",
	  false },
	{ "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: "
	  "chunked\r\n\r\n3\r\nabc\r\na;q\r\n0123456789\r\n0\r\n\r\n",
	  "POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: "
	  "chunked\r\n\r\nabc0123456789",
	  "HTTP/1.0 200 OK\r\n\r\nuntil the end",
	  "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nuntil the end",
	  true },
	{ "HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n",
	  "HEAD / HTTP/1.1\r\nhost: a.example\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n",
	  "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n", false },
	{ "\r\nGET / HTTP/1.1\r\nHost: a.example\r\nConnection: X, "
	  "keep-alive\r\nX: 1\r\nTE: trailers\r\n\r\n",
	  "GET / HTTP/1.1\r\nhost: a.example\r\n\r\n",
	  "HTTP/1.1 304 Not Modified\r\nETag: x\r\nKeep-Alive: 5\r\n\r\n",
	  "HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n", false },
	{ "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
	  "GET / HTTP/1.1\r\nhost: a.example\r\n\r\n",
	  "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	  "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", false },
};

TEST_LIMIT(in_all_splits, 120)
{
	for (size_t i = 0; i < ARRAY_SIZE(exchanges); i++) {
		const struct exchange *x = &exchanges[i];
		size_t n = MAX(strlen(x->request), strlen(x->response));

		for (size_t cut = 0; cut <= n; cut++)
			exchange(x, cut, false);
		exchange(x, 0, true);
	}
}

/* ---- refusals ------------------------------------------------------------ */

static void
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

TEST(denied)
{
	begin(false);
	fake.verdict = NET_NO;
	SAY(client, REQUEST);
	expect_own(403, "\r\n\r\n{\"why\":1}", false);
	ASSERT_EQ(fake.server, -EBADF);
	/* the connection goes on, and so does the policy */
	client.len = 0;
	fake.verdict = NET_YES;
	SAY(client, REQUEST);
	SAY(server, RESPONSE);
	ASSERT_STREQ(client.got, GOT);
	end();
}

TEST(denied_with_a_body)
{
	begin(false);
	fake.verdict = NET_NO;
	SAY(client, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: "
		    "3\r\n\r\nabc");
	expect_own(403, "{\"why\":1}", false);
	client.len = 0;
	SAY(client, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: "
		    "9\r\n\r\nabc");
	expect_own(403, "{\"why\":1}", true);
	/* what else comes is no request */
	SAY(client, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
	ASSERT_NULL(strstr(fake.log, "ASK http GET"));
	end();
}

TEST(could_not_be_done)
{
	begin(false);
	fake.verdict = NET_FAILED;
	fake.status_code = 504;
	SAY(client, "HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n");
	ASSERT_STRSTR(client.got, "HTTP/1.1 504 Gateway Timeout\r\n");
	ASSERT_STRSTR(client.got, "content-length: 9\r\n");
	ASSERT_NULL(strstr(client.got, "why"));
	end();
}

struct refused {
	const char *request, *word;
	int status;
};

TEST(refused)
{
	static const struct refused t[] = {
		{ "GET / HTTP/1.1\nHost: a\n\n", "bare-lf", 400 },
		{ "GET / HTTP/1.1\r\n\r\n", "no-host", 400 },
		{ "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n", "host-mismatch",
		  421 },
		{ "GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n",
		  "host-mismatch", 421 },
		{ "GET / HTTP/1.1\r\nHost: a.example@b\r\n\r\n", "userinfo",
		  400 },
		{ "GET / HTTP/1.1\r\nHost: a.example, b\r\n\r\n", "bad-host",
		  400 },
		{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", "bad-host", 400 },
		{ "GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
		  "host-mismatch", 421 },
		{ "GET http://a.example:81/ HTTP/1.1\r\nHost: "
		  "a.example\r\n\r\n",
		  "host-mismatch", 421 },
		{ "GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n",
		  "host-mismatch", 421 },
		{ "GET /../x HTTP/1.1\r\nHost: a.example\r\n\r\n",
		  "dot-segment", 400 },
		{ "CONNECT b.example:443 HTTP/1.1\r\nHost: b.example\r\n\r\n",
		  "connect-here", 400 },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http2", 505 },
		{ "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n"
		  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		  "length-and-coding", 400 },
		{ "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: "
		  "gzip\r\n\r\n",
		  "bad-coding", 501 },
		{ "GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: h2c\r\n"
		  "Connection: Upgrade\r\n\r\n",
		  "h2c-upgrade", 400 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		char found[64];

		begin(false);
		say(&client, t[i].request, strlen(t[i].request));
		snprintf(found, sizeof(found), "FOUND %s a.example ",
			 t[i].word);
		if (strncmp(fake.log, found, strlen(found)) != 0)
			FAIL("%s: %s", t[i].request, fake.log);
		expect_own(t[i].status, "{\"error\":\"blocked\"}", true);
		ASSERT_NULL(strstr(fake.log, "ASK"));
		ASSERT_EQ(fake.server, -EBADF);
		end();
	}
}

/* What the second request smuggles is not let through by the first. */
TEST(refused_behind_a_good_one)
{
	begin(false);
	SAY(client, REQUEST "GET / HTTP/1.1\r\nHost: evil\r\n\r\n");
	SAY(server, RESPONSE);
	ASSERT_STRSTR(client.got, GOT "HTTP/1.1 421 ");
	ASSERT_STRSTR(fake.log, "FOUND host-mismatch a.example GET evil\n");
	ASSERT_STREQ(server.got, SENT);
	end();
}

TEST(bad_chunk_on_the_way)
{
	begin(false);
	SAY(client, "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: "
		    "chunked\r\n\r\n3\r\nabc\r\n");
	ASSERT_STRSTR(server.got, "\r\n\r\n3\r\nabc\r\n");
	SAY(client, "3\nabc\n");
	ASSERT_STRSTR(fake.log, "DONE 1 denied bad-chunk 0\n");
	ASSERT_STRSTR(fake.log, "FOUND bad-chunk ");
	expect_own(400, "blocked", true);
	ASSERT_TRUE(server.eof || server.reset);
	ASSERT_NULL(strstr(server.got, "0\r\n\r\n"));
	end();
}

TEST(too_large)
{
	static char big[SHIM_HEAD_MAX + 64];
	size_t n = (size_t)snprintf(big, sizeof(big),
				    "GET / HTTP/1.1\r\nHost: a.example\r\nX: ");

	memset(big + n, 'x', sizeof(big) - n);
	begin(false);
	say(&client, big, sizeof(big));
	expect_own(431, "blocked", true);
	end();
	begin(false);
	memset(big + 5, 'x', sizeof(big) - 5);
	say(&client, big, sizeof(big));
	expect_own(414, "blocked", true);
	end();
}

TEST(told_before_any_request)
{
	begin(false);
	ASSERT_OK(http_refuse(conn, 403, "{\"no\":1}", 8));
	settle();
	ASSERT_EQ(client.len, 0);
	SAY(client, "GET /x HTTP/1.1\r\n");
	ASSERT_EQ(client.len, 0);
	SAY(client, "Host: b\r\n\r\n");
	expect_own(403, "\r\n\r\n{\"no\":1}", true);
	ASSERT_STREQ(fake.log, "");
	end();
}

/* ---- time ---------------------------------------------------------------- */

static void
ticks(unsigned int n)
{
	while (n--) {
		conn->idle_ticks++;
		conn->age_ticks++;
		conn->tick(conn);
	}
	settle();
}

TEST(slow_head)
{
	begin(false);
	shim.limits.head_us = 3000000;
	SAY(client, "GET / HTTP/1.1\r\nHost: a.ex");
	ticks(2);
	ASSERT_STREQ(fake.log, "");
	SAY(client, "ample\r\n");
	ticks(1);
	ASSERT_STRSTR(fake.log, "FOUND slow-head ");
	expect_own(408, "blocked", true);
	ticks(2);
	ASSERT_EQ(shim.n_conns, 0);
	end();
}

TEST(idle)
{
	begin(false);
	shim.limits.idle_us = 2000000;
	SAY(client, REQUEST);
	ticks(2);
	ASSERT_STRSTR(fake.log, "DONE 1 timeout idle 0\n");
	expect_own(504, "\"reason\":\"idle\"", false);
	ticks(2);
	ASSERT_TRUE(client.eof);
	ASSERT_EQ(shim.n_conns, 0);
	end();
}

/* ---- streams ------------------------------------------------------------- */

#define EVENTS "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

TEST(events_are_not_held)
{
	begin(false);
	SAY(client, REQUEST);
	SAY(server, EVENTS);
	ASSERT_STRSTR(client.got, "text/event-stream");
	ASSERT_STRSTR(client.got, "transfer-encoding: chunked\r\n\r\n");
	for (char c = 'a'; c < 'f'; c++) {
		char event[] = "data: x\n\n";

		client.len = 0;
		event[6] = c;
		say(&server, event, 9);
		ASSERT_STRSTR(client.got, "9\r\ndata: ");
		ASSERT_EQ(client.got[9], c);
	}
	ASSERT_NULL(strstr(fake.log, "DONE"));
	ASSERT_OK(shutdown(server.fd, SHUT_WR));
	settle();
	ASSERT_STRSTR(client.got, "0\r\n\r\n");
	ASSERT_STRSTR(fake.log, "DONE 1 ok - 200\n");
	end();
}

TEST(continue_100)
{
	begin(false);
	SAY(client, "PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: "
		    "3\r\nExpect: 100-continue\r\n\r\n");
	ASSERT_STRSTR(server.got, "expect: 100-continue\r\n\r\n");
	SAY(server, "HTTP/1.1 100 Continue\r\n\r\n");
	ASSERT_STREQ(client.got, "HTTP/1.1 100 Continue\r\n\r\n");
	SAY(client, "abc");
	ASSERT_STRSTR(server.got, "\r\n\r\nabc");
	SAY(server, RESPONSE);
	ASSERT_STRSTR(client.got, GOT);
	ASSERT_FALSE(client.eof);
	end();
}

TEST(too_many_interim)
{
	begin(false);
	SAY(client, REQUEST);
	for (unsigned int i = 0; i <= HTTP_INTERIM_MAX; i++)
		SAY(server, "HTTP/1.1 102 Processing\r\n\r\n");
	ASSERT_STRSTR(fake.log, "FOUND too-many-interim");
	end();
}

/* The server answers before it has read all: the client hears that, and its
 * connection ends. */
TEST(early_answer)
{
	begin(false);
	SAY(client, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: "
		    "100\r\n\r\nabc");
	SAY(server, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
	ASSERT_STRSTR(client.got, "\r\n\r\nno");
	ASSERT_TRUE(client.eof);
	ASSERT_STRSTR(fake.log, "DONE 1 ok - 413\nGONE 1\n");
	end();
}

TEST(large_bodies)
{
	static char data[1 << 20];
	size_t sent = 0;
	char head[] = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: "
		      "1048576\r\n\r\n";

	begin(false);
	SAY(client, REQUEST);
	SAY(server, RESPONSE);
	client.len = server.len = 0;
	say(&client, head, sizeof(head) - 1);
	server.total = 0;
	for (int turn = 0; server.total < sizeof(data); turn++) {
		ssize_t n = send(client.fd, data + sent, sizeof(data) - sent,
				 MSG_NOSIGNAL);

		ASSERT_LE(turn, 1000);
		sent += (size_t)MAX(n, 0);
		settle();
	}
	ASSERT_EQ(server.total, sizeof(data));
	SAY(server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "100000\r\n");
	client.len = 0;
	for (sent = 0; sent < sizeof(data); client.len = 0) {
		ssize_t n = send(server.fd, data + sent, sizeof(data) - sent,
				 MSG_NOSIGNAL);

		sent += (size_t)MAX(n, 0);
		settle();
	}
	SAY(server, "\r\n0\r\n\r\n");
	ASSERT_STRSTR(fake.log, "DONE 2 ok - 200\n");
	end();
}

/* ---- ends ---------------------------------------------------------------- */

/* A connection that the server closes while nobody uses it is no failure. */
TEST(kept_connection_ends)
{
	begin(false);
	SAY(client, REQUEST);
	SAY(server, RESPONSE);
	close(server.fd);
	fake.server = server.fd = -EBADF;
	settle();
	ASSERT_STRSTR(fake.log, "GONE 1\n");
	client.len = 0;
	SAY(client, REQUEST);
	ASSERT_EQ(fake.conns, 2);
	SAY(server, RESPONSE);
	ASSERT_STREQ(client.got, GOT);
	end();
}

/* What nobody asked for is not the answer to the next request. */
TEST(unasked_response)
{
	begin(false);
	SAY(client, REQUEST);
	SAY(server, RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nX");
	ASSERT_STREQ(client.got, GOT);
	ASSERT_STRSTR(fake.log, "GONE 1\n");
	client.len = 0;
	SAY(client, REQUEST);
	SAY(server, RESPONSE);
	ASSERT_STREQ(client.got, GOT);
	SAY(server, "HTTP/1.1 200 OK\r\n\r\n");
	ASSERT_STRSTR(fake.log, "GONE 2\n");
	ASSERT_STREQ(client.got, GOT);
	end();
}

static void
second_fails(const char *request)
{
	begin(false);
	SAY(client, REQUEST);
	SAY(server, RESPONSE);
	client.len = 0;
	say(&client, request, strlen(request));
	close(server.fd);
	fake.server = server.fd = -EBADF;
	settle();
}

TEST(repeated_once)
{
	second_fails(REQUEST);
	ASSERT_STRSTR(fake.log, "DONE 2 error reset 0\nGONE 1\nASK http GET "
				"a.example:80 /a b q[x=1] h[x-y=z] size=0 "
				"conn=0\n");
	ASSERT_STREQ(server.got, SENT);
	close(server.fd);
	fake.server = server.fd = -EBADF;
	settle();
	ASSERT_STRSTR(fake.log, "DONE 3 error reset 0\nGONE 2\n");
	ASSERT_EQ(fake.conns, 2);
	expect_own(502, "\"reason\":\"no-answer\"", false);
	end();
}

TEST(never_repeated)
{
	second_fails("POST / HTTP/1.1\r\nHost: a.example\r\n"
		     "Content-Length: 1\r\n\r\na");
	expect_own(502, "\"reason\":\"no-answer\"", false);
	ASSERT_EQ(fake.conns, 1);
	end();
}

/* What was answered in part is not asked for again. */
TEST(half_an_answer)
{
	begin(false);
	SAY(client, REQUEST);
	SAY(server, RESPONSE);
	client.len = 0;
	SAY(client, REQUEST);
	SAY(server, "HTTP/1.1 2");
	close(server.fd);
	fake.server = server.fd = -EBADF;
	settle();
	expect_own(502, "no-answer", false);
	ASSERT_EQ(fake.conns, 1);
	end();
}

TEST(truncated)
{
	static const char *const t[] = {
		"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc"
		"\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		begin(false);
		SAY(client, REQUEST);
		say(&server, t[i], strlen(t[i]));
		close(server.fd);
		fake.server = server.fd = -EBADF;
		settle();
		ASSERT_STRSTR(fake.log, "DONE 1 error truncated 200\n");
		ASSERT_TRUE(client.eof || client.reset);
		ASSERT_NULL(strstr(client.got, "0\r\n\r\n"));
		end();
	}
}

TEST(bad_responses)
{
	static const struct refused t[] = {
		{ "HTTP/1.1 200 OK\nA: b\n\n", "bare-lf", 502 },
		{ "SSH-2.0-x\r\n\r\n", "bad-first-line", 502 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: "
		  "2\r\n\r\n",
		  "two-lengths", 502 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: "
		  "chunked\r\n\r\n",
		  "length-and-coding", 502 },
		{ "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		  "Connection: Upgrade\r\n\r\n",
		  "unasked-upgrade", 502 },
		{ "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "folded-header",
		  502 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		begin(false);
		SAY(client, REQUEST);
		say(&server, t[i].request, strlen(t[i].request));
		ASSERT_STRSTR(fake.log, t[i].word);
		ASSERT_STRSTR(fake.log, "DONE 1 error ");
		ASSERT_STRSTR(fake.log, "FOUND ");
		expect_own(502, "blocked", true);
		end();
	}
}

TEST(client_goes)
{
	begin(false);
	SAY(client, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: "
		    "10\r\n\r\nabc");
	close(client.fd);
	client.fd = -EBADF;
	settle();
	ASSERT_STRSTR(fake.log, "DONE 1 error client-gone 0\nGONE 1\n");
	ASSERT_TRUE(server.eof || server.reset);
	ASSERT_EQ(shim.n_conns, 0);
	end();
}

/* A client that has said all it wants may end its half. */
TEST(half_closed)
{
	begin(false);
	SAY(client, REQUEST);
	ASSERT_OK(shutdown(client.fd, SHUT_WR));
	settle();
	SAY(server, RESPONSE);
	ASSERT_STREQ(client.got, GOT);
	ASSERT_TRUE(client.eof);
	ASSERT_STRSTR(fake.log, "DONE 1 ok - 200\n");
	end();
}

TEST(box_ends)
{
	begin(false);
	SAY(client, REQUEST);
	conns_free(&shim);
	ASSERT_STRSTR(fake.log, "DONE 1 killed - 0\nGONE 1\n");
	ASSERT_OK(conns_new(&shim));
	end();
	begin(false);
	fake.hold = true;
	SAY(client, REQUEST);
	conns_free(&shim);
	ASSERT_STRSTR(fake.log, "CANCEL\n");
	ASSERT_OK(conns_new(&shim));
	end();
}

/* ---- HTTP/1.0 ------------------------------------------------------------ */

TEST(old_client)
{
	begin(false);
	SAY(client, "GET / HTTP/1.0\r\n\r\n");
	ASSERT_STREQ(server.got, "GET / HTTP/1.1\r\nhost: a.example\r\n"
				 "connection: close\r\n\r\n");
	SAY(server,
	    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
	ASSERT_STREQ(client.got,
		     "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello");
	ASSERT_TRUE(client.eof);
	end();
}

/* ---- leases -------------------------------------------------------------- */

TEST(leases)
{
	begin(false);
	fake.leased = true;
	fake.lease = 4;
	fake.more = 5;
	SAY(client, "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: "
		    "chunked\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n");
	ASSERT_STRSTR(fake.log, "MORE 1 ");
	ASSERT_STRSTR(server.got, "ef\r\n0\r\n\r\n");
	fake.verdict = NET_NO;
	SAY(server, "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n"
		    "0123456789");
	ASSERT_STRSTR(fake.log, "DONE 1 denied lease 200\n");
	ASSERT_TRUE(client.eof || client.reset);
	end();
}

/* ---- credentials --------------------------------------------------------- */

static struct placeholder placeholders[] = {
	{ (char *)(uintptr_t) "one", (char *)(uintptr_t) "PLACE-1111", 10 },
	{ (char *)(uintptr_t) "two", (char *)(uintptr_t) "PLACE-2222", 10 },
};

static void
begin_with_secrets(void)
{
	begin(false);
	shim.placeholder = placeholders;
	shim.n_placeholders = ARRAY_SIZE(placeholders);
}

static void
end_with_secrets(void)
{
	shim.placeholder = NULL;
	shim.n_placeholders = 0;
	end();
}

TEST(secret_in_a_header)
{
	begin_with_secrets();
	fake_pair(0, "0", "s3cret");
	SAY(client, "GET / HTTP/1.1\r\nHost: a.example\r\nAuthorization: "
		    "Bearer PLACE-1111\r\n\r\n");
	ASSERT_STRSTR(fake.log, " seen[0:1] ");
	ASSERT_NULL(strstr(fake.log, "s3cret"));
	ASSERT_STRSTR(server.got, "authorization: Bearer s3cret\r\n");
	end_with_secrets();
}

TEST(secret_in_basic)
{
	begin_with_secrets();
	fake_pair(0, "1", "s3cret");
	/* user:PLACE-2222 */
	SAY(client, "GET / HTTP/1.1\r\nHost: a.example\r\nAuthorization: "
		    "Basic dXNlcjpQTEFDRS0yMjIy\r\n\r\n");
	ASSERT_STRSTR(fake.log, " seen[1:2] ");
	/* user:s3cret */
	ASSERT_STRSTR(server.got, "authorization: Basic dXNlcjpzM2NyZXQ=\r\n");
	end_with_secrets();
}

TEST(secret_in_the_query)
{
	begin_with_secrets();
	fake_pair(0, "0", "a&b=c");
	SAY(client, "GET /?x=1&key=PLACE%2d1111&y HTTP/1.1\r\nHost: "
		    "a.example\r\n\r\n");
	ASSERT_STRSTR(fake.log, " seen[0:4] ");
	ASSERT_STRSTR(server.got, "GET /?x=1&key=a%26b%3Dc&y HTTP/1.1\r\n");
	end_with_secrets();
}

TEST(headers_and_parameters_are_changed)
{
	begin_with_secrets();
	fake_pair(1, "x-key", "v");
	fake_pair(2, "drop", "");
	SAY(client, "GET /?a=1&drop=2&b=3 HTTP/1.1\r\nHost: a.example\r\n"
		    "X-Key: PLACE-1111\r\n\r\n");
	ASSERT_STREQ(server.got, "GET /?a=1&b=3 HTTP/1.1\r\nhost: a.example\r\n"
				 "x-key: v\r\n\r\n");
	end_with_secrets();
}

TEST(secret_that_ends_a_line)
{
	begin_with_secrets();
	fake_pair(0, "0", "a\r\nX-Evil: 1");
	SAY(client, "GET / HTTP/1.1\r\nHost: a.example\r\nX: "
		    "PLACE-1111\r\n\r\n");
	ASSERT_STRSTR(fake.log, "DONE 1 error bad-secret 0\n");
	expect_own(502, "blocked", true);
	ASSERT_EQ(server.len, 0);
	end_with_secrets();
}

/* Without a value the placeholder is what it is: nothing. */
TEST(no_value)
{
	begin_with_secrets();
	SAY(client, "GET / HTTP/1.1\r\nHost: a.example\r\nX: "
		    "PLACE-1111\r\n\r\n");
	ASSERT_STRSTR(server.got, "x: PLACE-1111\r\n");
	end_with_secrets();
}

TEST(placeholder_where_it_must_not_be)
{
	begin_with_secrets();
	SAY(client, "GET /PLACE%2D1111 HTTP/1.1\r\nHost: a.example\r\n\r\n");
	ASSERT_STRSTR(fake.log, "FOUND placeholder-in-path a.example one\n");
	expect_own(403, "blocked", true);
	end_with_secrets();
	begin_with_secrets();
	SAY(client, "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: "
		    "12\r\n\r\n{PLACE-2222}");
	ASSERT_STRSTR(fake.log, "FOUND placeholder-in-body a.example two\n");
	ASSERT_EQ(fake.server, -EBADF);
	end_with_secrets();
}

TEST_LIMIT(placeholder_across_pieces, 60)
{
	static const char text[] = "xPLACE-2222y";

	for (size_t cut = 1; cut < 11; cut++) {
		begin_with_secrets();
		SAY(client, "POST / HTTP/1.1\r\nHost: a.example\r\n"
			    "Content-Length: 12\r\n\r\n");
		say(&client, text, cut);
		ASSERT_NULL(strstr(fake.log, "FOUND"));
		say(&client, text + cut, 12 - cut);
		ASSERT_STRSTR(fake.log, "FOUND placeholder-in-body a.example "
					"two\n");
		ASSERT_NULL(strstr(server.got, "PLACE-2222"));
		expect_own(403, "blocked", true);
		end_with_secrets();
	}
	begin_with_secrets();
	SAY(client, "POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: "
		    "chunked\r\n\r\n6\r\nPLACE-\r\n");
	SAY(client, "4\r\n1111\r\n");
	ASSERT_STRSTR(fake.log, "FOUND placeholder-in-body");
	end_with_secrets();
}

/* ---- WebSocket ----------------------------------------------------------- */

#define WS_REQUEST                                                             \
	"GET /ws HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n"        \
	"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="   \
	"\r\nSec-WebSocket-Version: 13\r\n\r\n"
#define WS_RESPONSE                                                            \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"           \
	"Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"

TEST(websocket)
{
	begin(false);
	SAY(client, WS_REQUEST "early");
	ASSERT_STRSTR(fake.log, "ASK ws GET a.example:80 /ws ");
	ASSERT_STRSTR(server.got, "connection: upgrade\r\nupgrade: "
				  "websocket\r\n\r\n");
	SAY(server, WS_RESPONSE "\x81\x02hi");
	ASSERT_STRSTR(client.got, "HTTP/1.1 101 Switching Protocols\r\n");
	ASSERT_STRSTR(client.got, "upgrade: websocket\r\n\r\n\x81\x02hi");
	ASSERT_STRSTR(server.got, "\r\n\r\nearly");
	client.len = server.len = 0;
	SAY(client, "GET / HTTP/1.1\n\n");
	ASSERT_STREQ(server.got, "GET / HTTP/1.1\n\n");
	SAY(server, "\0\1\2");
	ASSERT_EQ(client.len, 3);
	ASSERT_NULL(strstr(fake.log, "DONE"));
	close(server.fd);
	fake.server = server.fd = -EBADF;
	ASSERT_OK(shutdown(client.fd, SHUT_WR));
	settle();
	ASSERT_STRSTR(fake.log, "DONE 1 ");
	end();
}

TEST(websocket_refused_by_the_server)
{
	begin(false);
	SAY(client, WS_REQUEST);
	SAY(server, "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n"
		    "Connection: Upgrade\r\nContent-Length: 2\r\n\r\nno");
	ASSERT_STRSTR(client.got, "HTTP/1.1 426 ");
	client.len = 0;
	/* it is HTTP still */
	SAY(client, "GET / HTTP/1.1\r\nHost: evil\r\n\r\n");
	ASSERT_STRSTR(fake.log, "FOUND host-mismatch");
	end();
}

/* ---- proxy --------------------------------------------------------------- */

TEST(absolute_form)
{
	begin(true);
	SAY(client, "GET http://A.example:8080/x?y HTTP/1.1\r\nHost: "
		    "a.example:8080\r\nProxy-Authorization: Basic eA==\r\n"
		    "Proxy-Connection: keep-alive\r\n\r\n");
	ASSERT_STREQ(fake.log, "ASK http GET a.example:8080 /x q[y=] size=0 "
			       "conn=0\n");
	ASSERT_STREQ(server.got,
		     "GET /x?y HTTP/1.1\r\nhost: a.example:8080\r\n\r\n");
	SAY(server, RESPONSE);
	ASSERT_STREQ(client.got, GOT);
	fake_reset();
	/* another host has another connection */
	SAY(client, "GET http://[2001:db8::1]/ HTTP/1.1\r\nHost: "
		    "[2001:db8::1]\r\n\r\n");
	ASSERT_STREQ(fake.log,
		     "GONE 1\nASK http GET 2001:db8::1:80 / size=0 conn=0\n");
	ASSERT_STREQ(server.got,
		     "GET / HTTP/1.1\r\nhost: [2001:db8::1]\r\n\r\n");
	end();
}

TEST(refused_by_the_proxy)
{
	static const struct refused t[] = {
		{ "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "not-proxy-form",
		  400 },
		{ "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n",
		  "not-proxy-form", 400 },
		{ "GET https://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
		  "bad-scheme", 400 },
		{ "GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n",
		  "host-mismatch", 421 },
		{ "GET http://u:p@a.example/ HTTP/1.1\r\nHost: "
		  "a.example\r\n\r\n",
		  "userinfo", 400 },
		{ "CONNECT a.example HTTP/1.1\r\nHost: a.example\r\n\r\n",
		  "bad-target", 400 },
		{ "CONNECT a.example:443 HTTP/1.1\r\nHost: b.example\r\n\r\n",
		  "host-mismatch", 421 },
		{ "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n"
		  "Content-Length: 5\r\n\r\nabcde",
		  "connect-body", 400 },
		{ "CONNECT 0x7f.1:443 HTTP/1.1\r\nHost: a.example\r\n\r\n",
		  "bad-host", 400 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
		begin(true);
		say(&client, t[i].request, strlen(t[i].request));
		if (!strstr(fake.log, t[i].word) ||
		    strncmp(fake.log, "FOUND ", 6) != 0)
			FAIL("%s: %s", t[i].request, fake.log);
		expect_own(t[i].status, "blocked", true);
		end();
	}
}

TEST(tunnel_is_opened)
{
	tunnel = false;
	begin(true);
	SAY(client, "CONNECT a.example:443 HTTP/1.1\r\nHost: "
		    "a.example:443\r\n\r\nhello");
	ASSERT_TRUE(tunnel);
	ASSERT_STRSTR(fake.log, "ROUTE a.example:443\nCLASSIFY a.example:443 1 "
				"hello\n");
	ASSERT_STREQ(client.got, "HTTP/1.1 200 Connection established\r\n\r\n");
	end();
}

TEST(tunnel_is_denied)
{
	tunnel = false;
	begin(true);
	fake.needs = NET_NEVER;
	fake.verdict = NET_NO;
	SAY(client, "CONNECT a.example:443 HTTP/1.1\r\nHost: "
		    "a.example:443\r\n\r\n");
	ASSERT_FALSE(tunnel);
	ASSERT_STRSTR(fake.log, "ASK tcp - a.example:443 - size=-1 conn=0\n");
	expect_own(403, "{\"why\":1}", false);
	end();
}
