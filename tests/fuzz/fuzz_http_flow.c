/* links: shim net sandbox lib */
/*
 * The engine of HTTP between a client and a server that say anything. Whatever
 * they say: each action that was allowed has one end, nothing reaches the
 * server but the requests that were asked for, each of which has one reading,
 * and nothing is left over. Input: rows of (who and what, length, bytes).
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/http_world.h"

#define SERVER 1u
#define ENDS 2u
#define TICK 4u
#define DENY 8u

/* The harness's checks end the program here. */
void
tap_fail(_unused_ const char *file, _unused_ int line, _unused_ const char *fmt,
	 ...)
{
	abort();
}

void
tap_ok(_unused_ const char *file, _unused_ int line, _unused_ const char *what,
       long long r)
{
	if (r < 0)
		abort();
}

void
tap_eq(_unused_ const char *file, _unused_ int line, _unused_ const char *what,
       _unused_ long long got, _unused_ long long want, bool same)
{
	if (!same)
		abort();
}

/* The body of a request that the server got; false: not all of it. */
static bool
pass_body(const struct http_head *h, size_t *at)
{
	struct http_body b;
	enum http_reason why;

	http_body_of_request(&b, h);
	while (!b.done && *at < server.len) {
		size_t pos, len;
		ssize_t n = http_body_take(&b, server.got + *at,
					   server.len - *at, &pos, &len, &why);

		if (n < 0)
			abort();
		*at += (size_t)n;
	}
	return b.done;
}

/* What the newest connection's server got is requests and nothing else. */
static void
check_server(void)
{
	static struct http_head h;
	size_t at = 0, requests = 0;

	while (at < server.len) {
		size_t scanned = 0, len;
		enum http_reason why;
		int r = http_head_scan(server.got + at, server.len - at,
				       &scanned, &len);

		if (r < 0)
			abort();
		if (r == 0)
			break;
		if (http_request_parse(server.got + at, len, &h, &why) < 0)
			abort();
		requests++;
		at += len;
		if (h.websocket || !pass_body(&h, &at))
			break;
	}
	if (requests > fake.asked)
		abort();
}

static void
step(uint8_t what, const char *data, size_t n)
{
	struct end *e = what & SERVER ? &server : &client;

	fake.verdict = what & DENY ? NET_NO : NET_YES;
	if (e->fd >= 0 && n)
		(void)!send(e->fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (e->fd >= 0 && (what & ENDS))
		(void)shutdown(e->fd, SHUT_WR);
	settle();
	if ((what & TICK) && shim.n_conns && conn->tick) {
		conn->idle_ticks++;
		conn->tick(conn);
		settle();
	}
	check_server();
}

static void
finish(void)
{
	fake.hold = true;
	event_base_loop(shim.base, EVLOOP_NONBLOCK);
	conns_free(&shim);
	if (shim.n_conns || fake.done != fake.actions ||
	    fake.gone != fake.conns)
		abort();
	for (size_t i = 0; i < fake.n_asks; i++)
		if (fake.ask[i])
			abort();
	if (conns_new(&shim) < 0)
		abort();
	close(client.fd);
	if (fake.server >= 0)
		close(fake.server);
	memset(&fake, 0, sizeof(fake));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct placeholder secret = { (char *)(uintptr_t) "one",
					     (char *)(uintptr_t) "PLACE", 5 };

	if (!size || size > 4096)
		return 0;
	shim.placeholder = &secret;
	shim.n_placeholders = 1;
	shim.limits.idle_us = 3000000;
	begin(data[0] & 1);
	/* as long as the placeholder: lengths that heads are checked for stay
	 */
	fake_pair(0, "0", "s3crt");
	fake.leased = data[0] & 2;
	fake.lease = fake.more = data[0] >> 2;
	fake.leased = fake.leased && fake.lease;
	for (size_t at = 1; at + 2 <= size;) {
		size_t n = MIN(data[at + 1], size - at - 2);

		step(data[at], (const char *)data + at + 2, n);
		at += 2 + n;
	}
	finish();
	return 0;
}
