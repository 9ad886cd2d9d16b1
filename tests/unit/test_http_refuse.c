/* links: shim net sandbox lib */
/*
 * What the engine of HTTP refuses, and what it does with credentials: what is
 * recorded, what the client is told, and that nothing of it leaves.
 */
#include "tests/unit/http_world.h"

/* ---- refusals --------------------------------------------------------- */

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

/* ---- time ------------------------------------------------------------- */

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
	ASSERT_STRSTR(fake.log, "FOUND too-slow ");
	expect_own(408, "blocked", true);
	ticks(2);
	ASSERT_EQ(shim.n_conns, 0);
	end();
}

TEST(no_bytes_left)
{
	begin(false);
	shim.limits.bytes_out = 60;
	SAY(client, REQUEST);
	SAY(server, RESPONSE);
	ASSERT_STREQ(client.got, GOT);
	SAY(client, REQUEST REQUEST);
	SAY(server, RESPONSE);
	ASSERT_STRSTR(fake.log, "FOUND limit-sent ");
	ASSERT_STRSTR(client.got, "HTTP/1.1 403 ");
	end();
	begin(false);
	shim.limits.bytes_out = 0;
	shim.limits.bytes_in = shim.bytes_in + 4;
	SAY(client, REQUEST);
	SAY(server, RESPONSE);
	ASSERT_STRSTR(fake.log, "DONE 1 denied limit-received 0\n");
	ASSERT_STRSTR(client.got, "HTTP/1.1 403 ");
	end();
}

TEST(idle)
{
	begin(false);
	shim.limits.idle_us = 2000000;
	SAY(client, REQUEST);
	ticks(2); /* the first may have come at once */
	ASSERT_FALSE(strstr(fake.log, "idle"));
	ticks(1);
	ASSERT_STRSTR(fake.log, "DONE 1 timeout idle 0\n");
	expect_own(504, "\"reason\":\"idle\"", false);
	ticks(3);
	ASSERT_TRUE(client.eof);
	ASSERT_EQ(shim.n_conns, 0);
	end();
}

/* ---- credentials ------------------------------------------------------ */

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
	fake_pair(1, "x-gone", "");
	fake_pair(2, "drop", "");
	SAY(client, "GET /?a=1&drop=2&b=3 HTTP/1.1\r\nHost: a.example\r\n"
		    "X-Key: PLACE-1111\r\nX-Gone: 1\r\n\r\n");
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

/* ---- proxy ------------------------------------------------------------ */

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
		{ "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", "bad-target",
		  400 },
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

/* On a connection that was used for something else before. */
TEST(tunnel_after_a_request)
{
	begin(true);
	SAY(client, "GET http://a.example:443/ HTTP/1.1\r\nHost: "
		    "a.example:443\r\n\r\n");
	SAY(server, RESPONSE);
	SAY(client, "CONNECT a.example:443 HTTP/1.1\r\nHost: "
		    "a.example:443\r\n\r\n");
	ASSERT_STRSTR(fake.log, "GONE 1\nROUTE a.example:443\nCLASSIFY ");
	ASSERT_TRUE(server.eof);
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
