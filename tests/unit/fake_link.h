#pragma once
/*
 * A supervisor that answers as a test wants: it stands in for shim/link.c. What
 * it was told is in a log, one line each. Answers come when fake_answer() is
 * called, never before the question's function has returned. Definitions, for
 * one file of a test program.
 */
#include "shim/link.h"
#include "tests/tap.h"

#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#define ASKS_MAX 16

struct fake {
	char log[65536];
	size_t len;
	struct ask *ask[ASKS_MAX]; /* not answered yet */
	uint64_t ask_conn[ASKS_MAX];
	bool ask_more[ASKS_MAX];
	size_t n_asks;
	struct found_call *found;
	struct route_call *route;
	/* what is answered */
	enum net_verdict verdict;
	unsigned int needs;
	const char *body;
	int status_code;
	bool leased;
	uint64_t lease, more;
	uint8_t pairs[3][4096]; /* values, set_headers, remove_query */
	size_t pairs_len[3];
	uint64_t actions, conns;    /* given */
	uint64_t asked, done, gone; /* told */
	int server; /* the newest connection's other end; -EBADF */
	bool hold;  /* nothing is answered */
};

static struct fake fake; /* NOLINT: one for each test, which is a process */

static inline void __attribute__((format(printf, 1, 2)))
fake_log(const char *fmt, ...)
{
	size_t left = sizeof(fake.log) - fake.len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(fake.log + fake.len, left, fmt, ap);
	va_end(ap);
	ASSERT_GE(n, 0);
	fake.len += (size_t)n;
	if (fake.len >= sizeof(fake.log)) /* fuzzers say a lot */
		fake.len = 0;
}

static inline void
fake_reset(void)
{
	fake.len = 0;
	fake.log[0] = '\0';
}

static inline void
fake_pair(int which, const char *name, const char *value)
{
	uint8_t *at = fake.pairs[which] + fake.pairs_len[which];
	uint32_t n = (uint32_t)strlen(name), m = (uint32_t)strlen(value);

	memcpy(at, &n, 4);
	memcpy(at + 4, name, n);
	memcpy(at + 4 + n, &m, 4);
	memcpy(at + 8 + n, value, m);
	fake.pairs_len[which] += 8 + n + m;
}

static inline void
fake_log_pairs(const char *what, const struct pair *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fake_log(" %s[%.*s=%.*s]", what, (int)p[i].name_len, p[i].name,
			 (int)p[i].value_len, p[i].value);
}

static inline void
fake_add(struct ask *a, uint64_t conn, bool more)
{
	ASSERT_LE(fake.n_asks + 1, (size_t)ASKS_MAX);
	fake.ask[fake.n_asks] = a;
	fake.ask_conn[fake.n_asks] = conn;
	fake.ask_more[fake.n_asks++] = more;
}

void
link_ask(_unused_ struct link *l, const struct action *act, struct ask *a)
{
	fake.asked++;
	fake_log("ASK %s %s %s:%u %s", act->scheme,
		 act->method ? act->method : "-", act->host, act->port,
		 act->path ? act->path : "-");
	fake_log_pairs("q", act->query, act->n_query);
	fake_log_pairs("h", act->headers, act->n_headers);
	for (size_t i = 0; i < act->n_seen; i++)
		fake_log(" seen[%u:%u]", act->seen[i][0], act->seen[i][1]);
	fake_log(" size=%lld conn=%llu\n", (long long)act->size,
		 (unsigned long long)act->conn);
	fake_add(a, act->conn, false);
}

void
link_more(_unused_ struct link *l, uint64_t action, uint64_t size,
	  struct ask *ask)
{
	fake_log("MORE %llu %llu\n", (unsigned long long)action,
		 (unsigned long long)size);
	fake_add(ask, 0, true);
}

void
link_ask_cancel(_unused_ struct link *l, struct ask *ask)
{
	fake_log("CANCEL\n");
	for (size_t i = 0; i < fake.n_asks; i++)
		if (fake.ask[i] == ask)
			fake.ask[i] = NULL;
}

void
link_done(_unused_ struct link *l, uint64_t action, const struct result *r)
{
	fake.done++;
	fake_log("DONE %llu %s %s %d\n", (unsigned long long)action, r->status,
		 r->error ? r->error : "-", r->response);
}

void
link_gone(_unused_ struct link *l, uint64_t conn)
{
	fake.gone++;
	fake_log("GONE %llu\n", (unsigned long long)conn);
}

void
link_found(_unused_ struct link *l, const char *reason, const char *host,
	   _unused_ uint16_t port, const char *detail, struct found_call *c)
{
	fake_log("FOUND %s %s %s\n", reason, host ? host : "-",
		 detail ? detail : "-");
	fake.found = c;
}

void
link_found_cancel(_unused_ struct link *l, _unused_ struct found_call *c)
{
	fake.found = NULL;
}

void
link_route(_unused_ struct link *l, const char *host, uint16_t port,
	   struct route_call *c)
{
	fake_log("ROUTE %s:%u\n", host, port);
	fake.route = c;
}

void
link_route_cancel(_unused_ struct link *l, _unused_ struct route_call *c)
{
	fake.route = NULL;
}

void
link_name(_unused_ struct link *l, const char *host,
	  _unused_ struct name_call *c)
{
	fake_log("NAME %s\n", host);
}

void
link_name_cancel(_unused_ struct link *l, _unused_ struct name_call *c)
{
}

static inline void
fake_answer_one(struct ask *a, uint64_t conn, bool more)
{
	struct answer an = { .verdict = fake.verdict,
			     .fd = -EBADF,
			     .leased = fake.leased,
			     .lease = more ? fake.more : fake.lease,
			     .body = fake.body ? fake.body : "",
			     .status_code = fake.status_code };
	struct net_bytes *pairs[] = { &an.values, &an.set_headers,
				      &an.remove_query };
	int sv[2];

	an.body_len = strlen(an.body);
	for (int i = 0; i < 3 && !more; i++)
		if (fake.pairs_len[i])
			*pairs[i] = (struct net_bytes){ fake.pairs[i],
							fake.pairs_len[i] };
	if (an.verdict == NET_YES && !more) {
		an.action = ++fake.actions;
		an.conn = conn;
	}
	if (an.verdict == NET_YES && !more && !conn) {
		ASSERT_OK(socketpair(AF_UNIX,
				     SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				     0, sv));
		an.fd = sv[0];
		if (fake.server >= 0)
			close(fake.server);
		fake.server = sv[1];
		an.conn = ++fake.conns;
	}
	a->done(a, &an);
	if (an.fd >= 0)
		close(an.fd);
}

/* Answers what has been asked so far. */
static inline bool
fake_answer(void)
{
	bool any = false;
	size_t n = fake.hold ? 0 : fake.n_asks;

	for (size_t i = 0; i < n; i++) {
		struct ask *a = fake.ask[i];

		if (a)
			fake_answer_one(a, fake.ask_conn[i], fake.ask_more[i]);
		any = any || a;
	}
	fake.n_asks -= n;
	memmove(fake.ask, fake.ask + n, fake.n_asks * sizeof(*fake.ask));
	memmove(fake.ask_conn, fake.ask_conn + n,
		fake.n_asks * sizeof(*fake.ask_conn));
	memmove(fake.ask_more, fake.ask_more + n, fake.n_asks);
	if (fake.found && !fake.hold) {
		struct found_call *c = TAKE_PTR(fake.found);

		c->done(c, "{\"error\":\"blocked\"}", 19);
		any = true;
	}
	if (fake.route && !fake.hold) {
		struct route_call *c = TAKE_PTR(fake.route);

		c->done(c, fake.needs);
		any = true;
	}
	return any;
}
