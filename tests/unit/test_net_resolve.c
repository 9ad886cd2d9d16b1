/* links: net profiles sandbox policy lib */
/* The resolver against a name server that can be asked for any answer, and for
 * any lie. */
#include "net/resolve.h"
#include "tests/tap.h"
#include "tests/tools/fake_dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world {
	struct event_base *base;
	struct fake_dns *dns;
	struct net_config c;
	struct resolver *r;
	unsigned int asked_a; /* questions for A, by UDP */
};

struct call {
	struct resolve_call c;
	struct world *w;
	struct call *cancels; /* from within done */
	const char *then;     /* asked from within done */
	int status;
	unsigned int told;
	size_t n;
	struct resolved v[RESOLVE_ADDRS_MAX];
};

static void
done(struct resolve_call *c, int status, const struct resolved *v, size_t n)
{
	struct call *k = (struct call *)(void *)c;

	k->told++;
	k->status = status;
	k->n = n;
	if (n)
		memcpy(k->v, v, n * sizeof(*v));
	if (k->cancels)
		resolve_cancel(k->w->r, &k->cancels->c);
	if (k->then) {
		const char *name = k->then;

		k->then = NULL;
		resolve_begin(k->w->r, name, c);
	}
}

static bool
starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static void
many(struct fake_dns_msg *m)
{
	for (unsigned int i = 0; i < 500; i++) {
		uint8_t a[16] = { 9, 9, (uint8_t)(i >> 8), (uint8_t)i };

		fake_dns_add(m, NULL, m->type, 60, a,
			     m->type == FAKE_DNS_A ? 4 : 16);
	}
}

/* Lies, each followed by the truth where the answer goes on. */
static bool
lie(struct fake_dns_msg *m)
{
	struct fake_dns_msg *copy = malloc(sizeof(*copy));
	const char *which = m->name;

	if (!copy)
		return false;
	*copy = *m;
	fake_dns_addr(copy, NULL, 60, "6.6.6.6");
	if (starts(which, "wrongid."))
		copy->b[0] ^= 0x55;
	else if (starts(which, "wrongname."))
		copy->b[13] ^= 1; /* in the question */
	else if (starts(which, "short."))
		copy->n = 7;
	else if (starts(which, "nothing."))
		copy->n = 0;
	fake_dns_send(copy);
	free(copy);
	fake_dns_addr(m, NULL, 60, "1.2.3.4");
	return true;
}

/* Answers that are wrong inside. */
static bool
broken(struct fake_dns_msg *m)
{
	if (starts(m->name, "loop.")) {
		fake_dns_cname(m, NULL, 60, "loop2.bad");
		fake_dns_cname(m, "loop2.bad", 60, m->name);
	} else if (starts(m->name, "pointer.")) {
		fake_dns_addr(m, NULL, 60, "6.6.6.6");
		m->b[12] = 0xc0; /* the question points to itself */
		m->b[13] = 12;
	} else if (starts(m->name, "count.")) {
		fake_dns_addr(m, NULL, 60, "6.6.6.6");
		m->b[6] = 0xff;
	} else if (starts(m->name, "cut.")) {
		fake_dns_addr(m, NULL, 60, "6.6.6.6");
		m->n -= 3;
	} else if (starts(m->name, "size.")) {
		/* an A record of 3 bytes, an AAAA record of 17 */
		fake_dns_add(m, NULL, m->type, 60, "abcdefghijklmnopq",
			     m->type == FAKE_DNS_A ? 3 : 17);
	} else if (starts(m->name, "other.")) {
		fake_dns_addr(m, "evil.example", 60, "6.6.6.6");
	}
	return true;
}

static bool
codes(struct fake_dns_msg *m)
{
	if (starts(m->name, "nx."))
		fake_dns_rcode(m, 3);
	else if (starts(m->name, "servfail."))
		fake_dns_rcode(m, 2);
	else if (starts(m->name, "refused."))
		fake_dns_rcode(m, 5);
	return true;
}

static bool
chain(struct fake_dns_msg *m)
{
	fake_dns_cname(m, NULL, 60, "b.chain2");
	fake_dns_cname(m, "b.chain2", 60, "c.chain2");
	fake_dns_addr(m, "c.chain2", 60, "10.0.0.5");
	fake_dns_addr(m, "c.chain2", 60, "fd00::5");
	return true;
}

static bool
answer(void *arg, struct fake_dns_msg *m)
{
	struct world *w = arg;
	const char *zone = strrchr(m->name, '.');

	w->asked_a += m->type == FAKE_DNS_A && !m->tcp;
	zone = zone ? zone + 1 : m->name;
	if (strcmp(zone, "silent") == 0)
		return false;
	if (strcmp(zone, "v4only") == 0 && m->type != FAKE_DNS_A)
		return false;
	if (strcmp(zone, "code") == 0)
		return codes(m);
	if (strcmp(zone, "bad") == 0)
		return broken(m);
	if (strcmp(zone, "lie") == 0)
		return lie(m);
	if (strcmp(zone, "chain") == 0)
		return chain(m);
	if (strcmp(zone, "many") == 0 && !m->tcp) {
		m->b[2] |= 2; /* TC */
		return true;
	}
	if (strcmp(zone, "many") == 0) {
		many(m);
		return true;
	}
	fake_dns_addr(m, NULL, 60, "1.2.3.4");
	fake_dns_addr(m, NULL, 60, "2a00::1");
	return true;
}

static void
begin_world(struct world *w, uint64_t timeout_us)
{
	memset(w, 0, sizeof(*w));
	w->base = event_base_new();
	ASSERT_NOT_NULL(w->base);
	ASSERT_OK(fake_dns_new(w->base, answer, w, &w->dns));
	net_config_default(&w->c);
	w->c.dns_timeout_us = timeout_us;
	ASSERT_OK(strv_add(&w->c.dns, fake_dns_server(w->dns)));
	ASSERT_OK(resolver_new(w->base, &w->c, &w->r, NULL));
}

static void
end_world(struct world *w)
{
	resolver_free(w->r);
	fake_dns_free(w->dns);
	net_config_done(&w->c);
	event_base_free(w->base);
}

static void
begin(struct world *w, struct call *k, const char *name)
{
	memset(k, 0, sizeof(*k));
	k->c.done = done;
	k->w = w;
	resolve_begin(w->r, name, &k->c);
}

static void
wait_for(struct world *w, const struct call *k)
{
	while (!k->told)
		if (event_base_loop(w->base, EVLOOP_ONCE) < 0)
			FAIL("the loop ended");
}

static int
ask(struct world *w, struct call *k, const char *name)
{
	begin(w, k, name);
	wait_for(w, k);
	ASSERT_EQ(k->told, 1);
	ASSERT_TRUE(k->status == 0 ? k->n > 0 : k->n == 0);
	return k->status;
}

static bool
has(const struct call *k, const char *text)
{
	uint8_t a[16];
	bool v6 = strchr(text, ':');
	size_t len = v6 ? 16 : 4;

	ASSERT_EQ(inet_pton(v6 ? AF_INET6 : AF_INET, text, a), 1);
	for (size_t i = 0; i < k->n; i++)
		if (k->v[i].len == len && memcmp(k->v[i].addr, a, len) == 0)
			return true;
	return false;
}

TEST(both_families)
{
	struct world w;
	struct call k;

	begin_world(&w, 5000000);
	ASSERT_OK(ask(&w, &k, "a.good"));
	ASSERT_EQ(k.n, 2);
	ASSERT_TRUE(has(&k, "1.2.3.4"));
	ASSERT_TRUE(has(&k, "2a00::1"));
	ASSERT_EQ(fake_dns_asked(w.dns), 2);
	end_world(&w);
}

TEST(what_there_is_not)
{
	struct world w;
	struct call k;

	begin_world(&w, 5000000);
	ASSERT_EQ(ask(&w, &k, "nx.code"), -ENOENT);
	ASSERT_EQ(ask(&w, &k, "empty.code"), -ENODATA);
	ASSERT_EQ(ask(&w, &k, "servfail.code"), -EIO);
	ASSERT_EQ(ask(&w, &k, "refused.code"), -EIO);
	end_world(&w);
}

/* The end of the chain is told as it is: who asked judges it. */
TEST(aliases_are_followed)
{
	struct world w;
	struct call k;

	begin_world(&w, 5000000);
	ASSERT_OK(ask(&w, &k, "a.chain"));
	ASSERT_EQ(k.n, 2);
	ASSERT_TRUE(has(&k, "10.0.0.5"));
	ASSERT_TRUE(has(&k, "fd00::5"));
	end_world(&w);
}

TEST(truncated_answers_come_by_tcp)
{
	struct world w;
	struct call k;

	begin_world(&w, 5000000);
	ASSERT_OK(ask(&w, &k, "a.many"));
	ASSERT_EQ(k.n, RESOLVE_ADDRS_MAX);
	end_world(&w);
}

TEST(lies_are_not_believed)
{
	static const char *const names[] = { "wrongid.lie", "wrongname.lie",
					     "short.lie", "nothing.lie", NULL };
	struct world w;
	struct call k;

	begin_world(&w, 2000000);
	for (size_t i = 0; names[i]; i++) {
		if (ask(&w, &k, names[i]) < 0)
			FAIL("%s: %d", names[i], k.status);
		ASSERT_FALSE(has(&k, "6.6.6.6"));
		ASSERT_TRUE(has(&k, "1.2.3.4"));
	}
	end_world(&w);
}

TEST(broken_answers_are_none)
{
	static const char *const names[] = { "loop.bad",  "pointer.bad",
					     "count.bad", "cut.bad",
					     "size.bad",  "other.bad",
					     NULL };
	struct world w;
	struct call k;

	begin_world(&w, 400000);
	for (size_t i = 0; names[i]; i++)
		if (ask(&w, &k, names[i]) == 0)
			FAIL("%s gives %zu addresses", names[i], k.n);
	ASSERT_OK(ask(&w, &k, "a.good"));
	end_world(&w);
}

TEST(silence_ends)
{
	struct world w;
	struct call k;

	begin_world(&w, 300000);
	ASSERT_EQ(ask(&w, &k, "a.silent"), -ETIMEDOUT);
	/* it is not kept */
	w.asked_a = 0;
	ASSERT_EQ(ask(&w, &k, "a.silent"), -ETIMEDOUT);
	ASSERT_GE(w.asked_a, 1);
	end_world(&w);
}

TEST(one_silent_family_does_not_take_the_other)
{
	struct world w;
	struct call k;

	begin_world(&w, 1000000);
	ASSERT_OK(ask(&w, &k, "a.v4only"));
	ASSERT_EQ(k.n, 1);
	ASSERT_TRUE(has(&k, "1.2.3.4"));
	end_world(&w);
}

TEST(a_server_that_is_not_there)
{
	struct world w;
	struct call k;

	begin_world(&w, 500000);
	strv_done(&w.c.dns);
	ASSERT_OK(strv_add(&w.c.dns, "127.0.0.1:1"));
	ASSERT_TRUE(ask(&w, &k, "a.good") < 0);
	end_world(&w);
}

TEST(many_at_once)
{
	enum { N = RESOLVE_OPEN_MAX + 44 };
	struct call *k = calloc(N, sizeof(*k));
	unsigned int good = 0, busy = 0;
	struct world w;

	ASSERT_NOT_NULL(k);
	begin_world(&w, 10000000);
	for (size_t i = 0; i < N; i++) {
		char name[32];

		snprintf(name, sizeof(name), "h%zu.good", i);
		begin(&w, &k[i], name);
	}
	for (size_t i = 0; i < N; i++) {
		wait_for(&w, &k[i]);
		ASSERT_EQ(k[i].told, 1);
		good += k[i].status == 0;
		busy += k[i].status == -EBUSY;
	}
	ASSERT_EQ(good, RESOLVE_OPEN_MAX);
	ASSERT_EQ(busy, N - RESOLVE_OPEN_MAX);
	/* and there is room again */
	ASSERT_OK(ask(&w, &k[0], "again.good"));
	end_world(&w);
	free(k);
}

TEST(a_name_is_asked_once)
{
	struct call k[50], late;
	struct world w;

	begin_world(&w, 5000000);
	for (size_t i = 0; i < 50; i++)
		begin(&w, &k[i], "a.good");
	for (size_t i = 0; i < 50; i++) {
		wait_for(&w, &k[i]);
		ASSERT_EQ(k[i].status, 0);
		ASSERT_EQ(k[i].n, 2);
	}
	ASSERT_EQ(fake_dns_asked(w.dns), 2);
	/* and is known then: told from within */
	begin(&w, &late, "a.good");
	ASSERT_EQ(late.told, 1);
	ASSERT_EQ(late.n, 2);
	ASSERT_EQ(fake_dns_asked(w.dns), 2);
	end_world(&w);
}

TEST(only_so_many_names_are_known)
{
	struct world w;
	struct call k;

	begin_world(&w, 5000000);
	for (size_t i = 0; i < RESOLVE_CACHE_MAX + 20; i++) {
		char name[32];

		snprintf(name, sizeof(name), "h%zu.good", i);
		ASSERT_OK(ask(&w, &k, name));
	}
	begin(&w, &k, "h275.good");
	ASSERT_EQ(k.told, 1);
	/* the oldest ones made room */
	begin(&w, &k, "h0.good");
	ASSERT_EQ(k.told, 0);
	wait_for(&w, &k);
	end_world(&w);
}

TEST(who_cancelled_is_not_told)
{
	struct call a, b, c;
	struct world w;

	begin_world(&w, 5000000);
	begin(&w, &a, "a.good");
	begin(&w, &b, "a.good");
	begin(&w, &c, "a.good");
	resolve_cancel(w.r, &a.c);
	b.cancels = &c;
	wait_for(&w, &b);
	ASSERT_OK(ask(&w, &b, "b.good"));
	ASSERT_EQ(a.told, 0);
	ASSERT_EQ(c.told, 0);
	/* of one that was told already: nothing */
	resolve_cancel(w.r, &b.c);
	end_world(&w);
}

TEST(asking_from_within)
{
	struct world w;
	struct call k;

	begin_world(&w, 5000000);
	begin(&w, &k, "a.good");
	k.then = "b.good";
	while (k.told < 2)
		event_base_loop(w.base, EVLOOP_ONCE);
	ASSERT_EQ(k.status, 0);
	k.told = 0;
	k.then = "a.good";
	resolve_begin(w.r, "b.good", &k.c);
	ASSERT_EQ(k.told, 2);
	end_world(&w);
}

TEST(ends_while_calls_wait)
{
	struct call a, b;
	struct world w;

	begin_world(&w, 5000000);
	begin(&w, &a, "a.silent");
	begin(&w, &b, "b.good");
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	end_world(&w);
	ASSERT_EQ(a.told, 0);
}

/* A timeout, then the end, with c-ares still at it. */
TEST(ends_after_a_timeout)
{
	struct world w;
	struct call k;

	begin_world(&w, 200000);
	begin(&w, &k, "a.silent");
	wait_for(&w, &k);
	end_world(&w);
}

TEST(addresses_and_what_is_no_name)
{
	static const char *const wrong[] = { "",
					     ".",
					     "A.good",
					     "a.good.",
					     "a b",
					     "127.1",
					     "::ffff:1.2.3.4",
					     "[::1]",
					     "a..b",
					     "0x7f.1",
					     NULL };
	struct world w;
	struct call k;

	begin_world(&w, 5000000);
	ASSERT_OK(ask(&w, &k, "10.1.2.3"));
	ASSERT_TRUE(has(&k, "10.1.2.3"));
	ASSERT_OK(ask(&w, &k, "fd00::7"));
	ASSERT_TRUE(has(&k, "fd00::7"));
	for (size_t i = 0; wrong[i]; i++)
		ASSERT_EQ(ask(&w, &k, wrong[i]), -EINVAL);
	ASSERT_EQ(fake_dns_asked(w.dns), 0);
	end_world(&w);
}

static bool
exact(void *arg, struct fake_dns_msg *m)
{
	(void)arg;
	if (strcmp(m->name, "single") != 0)
		FAIL("\"%s\" was asked for", m->name);
	fake_dns_rcode(m, 3);
	return true;
}

/* Neither search lists nor aliases make another name of it. */
TEST(the_name_is_asked_as_it_is)
{
	struct world w;
	struct call k;
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/aliases", tap_tmpdir());
	f = fopen(path, "we");
	ASSERT_NOT_NULL(f);
	fputs("single other.good\n", f);
	fclose(f);
	setenv("HOSTALIASES", path, 1);
	setenv("LOCALDOMAIN", "good evil.example", 1);
	setenv("RES_OPTIONS", "ndots:5", 1);
	begin_world(&w, 5000000);
	fake_dns_free(w.dns);
	ASSERT_OK(fake_dns_new(w.base, exact, NULL, &w.dns));
	strv_done(&w.c.dns);
	ASSERT_OK(strv_add(&w.c.dns, fake_dns_server(w.dns)));
	ASSERT_EQ(ask(&w, &k, "single"), -ENOENT);
	ASSERT_GE(fake_dns_asked(w.dns), 1);
	end_world(&w);
}

/* The servers of the host; nothing is asked before there is a question. */
TEST(without_servers_of_ones_own)
{
	struct resolver *r = NULL;
	struct net_config c;
	struct event_base *base = event_base_new();
	struct call k = { .c.done = done };

	ASSERT_NOT_NULL(base);
	net_config_default(&c);
	c.dns_timeout_us = 100000;
	ASSERT_OK(resolver_new(base, &c, &r, NULL));
	resolve_begin(r, "localhost", &k.c);
	while (!k.told)
		event_base_loop(base, EVLOOP_ONCE);
	ASSERT_EQ(k.status, 0);
	ASSERT_TRUE(has(&k, "127.0.0.1") || has(&k, "::1"));
	resolver_free(r);
	resolver_free(NULL);
	event_base_free(base);
}
