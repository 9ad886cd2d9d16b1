/* links: shim net sandbox lib */
/*
 * Whole exchanges through the engine of HTTP, with a supervisor that a test
 * directs: what the server is sent, what the client gets, what is recorded;
 * and that it is the same wherever the bytes are cut.
 */
#include "tests/unit/http_world.h"

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

/* ---- in pieces -------------------------------------------------------- */

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

/* ---- streams ---------------------------------------------------------- */

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

/* ---- ends ------------------------------------------------------------- */

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

/* ---- HTTP/1.0 --------------------------------------------------------- */

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

/* ---- leases ----------------------------------------------------------- */

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

/* ---- WebSocket -------------------------------------------------------- */

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
