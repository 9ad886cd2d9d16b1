/* links: shim net policy lib */
/* The shim's end of the channel: every question has one answer, and what
 * nobody waits for any more is given back. */
#include "lib/macro.h"
#include "net/batch.h"
#include "shim/link.h"
#include "shim/shim.h"
#include "tests/tap.h"

#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

struct at {
	struct shim shim;
	int peer;
	unsigned int ended, stayed;
	struct net_message m; /* the last that was read */
	uint8_t in[NET_PACKET_MAX], out[NET_PACKET_MAX];
	size_t len, pos; /* of what came, how far it is looked at */
};

static void
on_end(void *arg)
{
	((struct at *)arg)->ended++;
}

static void
on_stay(void *arg)
{
	((struct at *)arg)->stayed++;
}

static struct at *
set_up(void)
{
	struct at *a = calloc(1, sizeof(*a));
	const struct link_owner o = { on_end, on_stay, a };
	struct err e = ERR_INIT;
	int pair[2];

	ASSERT_NOT_NULL(a);
	ASSERT_OK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	a->peer = pair[0];
	a->shim.base = event_base_new();
	ASSERT_OK(link_new(&a->shim, pair[1], &o, &a->shim.link, &e));
	return a;
}

static void
tear_down(struct at *a)
{
	link_free(a->shim.link);
	event_base_free(a->shim.base);
	close(a->peer);
	free(a);
}

static void
turn(struct at *a)
{
	event_base_loop(a->shim.base, EVLOOP_NONBLOCK);
}

/* What the shim said; false: nothing. */
static bool
next(struct at *a)
{
	const struct timeval tv = { .tv_usec = 5000 };
	const uint8_t *p;
	size_t n_fds, part;

	if (a->pos == a->len) {
		ssize_t n = net_recv(a->peer, a->in, sizeof(a->in), NULL, 0,
				     &n_fds);

		if (n == -EAGAIN) { /* the end of a turn, or a moment */
			event_base_loopexit(a->shim.base, &tv);
			event_base_dispatch(a->shim.base);
			n = net_recv(a->peer, a->in, sizeof(a->in), NULL, 0,
				     &n_fds);
		}
		if (n == -EAGAIN)
			return false;
		ASSERT_GE(n, 1);
		a->len = (size_t)n;
		a->pos = 0;
	}
	ASSERT_EQ(net_batch_next(a->in, a->len, &a->pos, &p, &part), 1);
	ASSERT_OK(net_decode(p, part, true, &a->m));
	return true;
}

static uint32_t
expect(struct at *a, enum net_op op)
{
	if (!next(a))
		FAIL("no %s", net_op_name((uint16_t)op));
	ASSERT_STREQ(net_op_name(a->m.op), net_op_name((uint16_t)op));
	return a->m.id;
}

static void
send_it(struct at *a, struct net_writer *w, int fd)
{
	ssize_t n = net_end(w);

	ASSERT_GE(n, 1);
	ASSERT_OK(net_send(a->peer, a->out, (size_t)n, &fd, fd >= 0));
	turn(a);
}

static void
say(struct at *a, enum net_op op, uint32_t id, enum net_field f, uint64_t v)
{
	struct net_writer w;

	net_begin(&w, a->out, op, 0, id);
	if (f)
		net_put_u64(&w, f, v);
	send_it(a, &w, -1);
}

static void
allow(struct at *a, uint32_t id, uint64_t action, int fd)
{
	struct net_writer w;

	net_begin(&w, a->out, NET_ANSWER, 0, id);
	if (fd >= 0)
		net_put_u64(&w, NET_F_CONN, 7);
	net_put_u64(&w, NET_F_VERDICT, NET_YES);
	net_put_u64(&w, NET_F_ACTION, action);
	send_it(a, &w, fd);
}

/* ---- routes -------------------------------------------------------------- */

struct route_at {
	struct route_call call;
	unsigned int needs, n;
};

static void
on_route(struct route_call *c, unsigned int needs)
{
	struct route_at *r = (struct route_at *)c;

	r->needs = needs;
	r->n++;
}

TEST(routes_are_kept_until_the_policy_changes)
{
	struct at *a = set_up();
	struct route_at r = { .call.done = on_route };

	link_route(a->shim.link, "a.example", 443, &r.call);
	say(a, NET_ROUTED, expect(a, NET_ROUTE), NET_F_NEEDS, NET_NEEDS_HTTP);
	ASSERT_EQ(r.n, 1u);
	link_route(a->shim.link, "a.example", 443, &r.call);
	ASSERT_EQ(r.n, 1u); /* not before the function returned */
	turn(a);
	ASSERT_EQ(r.n, 2u);
	ASSERT_EQ(r.needs, NET_NEEDS_HTTP);
	ASSERT_FALSE(next(a));
	link_route(a->shim.link, "a.example", 80, &r.call);
	link_route_cancel(a->shim.link, &r.call);
	say(a, NET_ROUTED, expect(a, NET_ROUTE), NET_F_NEEDS, 0);
	ASSERT_EQ(r.n, 2u);
	say(a, NET_EPOCH, 0, 0, 0);
	link_route(a->shim.link, "a.example", 443, &r.call);
	(void)expect(a, NET_ROUTE);
	tear_down(a);
}

/* ---- actions ------------------------------------------------------------- */

struct ask_at {
	struct ask ask;
	unsigned int n;
	enum net_verdict verdict;
	int fd, status_code;
	bool keep;
};

static void
on_ask(struct ask *k, struct answer *an)
{
	struct ask_at *x = (struct ask_at *)k;

	x->n++;
	x->verdict = an->verdict;
	x->status_code = an->status_code;
	x->fd = x->keep ? TAKE_FD(an->fd) : an->fd;
}

static const struct action act = {
	.host = "a.example", .port = 22, .scheme = "tcp", .size = -1
};

TEST(an_answer_brings_a_descriptor)
{
	struct at *a = set_up();
	struct ask_at k = { .ask.done = on_ask, .keep = true }, other = k;
	int fd = ASSERT_OK(open("/dev/null", O_RDONLY | O_CLOEXEC));

	link_ask(a->shim.link, &act, &k.ask);
	allow(a, expect(a, NET_ASK), 5, fd);
	ASSERT_EQ(k.n, 1u);
	ASSERT_OK(fcntl(k.fd, F_GETFD));
	close(k.fd);
	/* one that the callee leaves is closed */
	other.keep = false;
	link_ask(a->shim.link, &act, &other.ask);
	allow(a, expect(a, NET_ASK), 6, fd);
	ASSERT_EQ(fcntl(other.fd, F_GETFD), -1);
	close(fd);
	tear_down(a);
}

TEST(a_late_yes_is_given_back)
{
	struct at *a = set_up();
	struct ask_at k = { .ask.done = on_ask };
	int fd = ASSERT_OK(open("/dev/null", O_RDONLY | O_CLOEXEC));
	uint32_t id;

	link_ask(a->shim.link, &act, &k.ask);
	id = expect(a, NET_ASK);
	link_ask_cancel(a->shim.link, &k.ask);
	ASSERT_EQ(expect(a, NET_CANCEL), id);
	allow(a, id, 9, fd);
	ASSERT_EQ(k.n, 0u);
	(void)expect(a, NET_DONE);
	ASSERT_EQ(a->m.number[NET_F_ACTION], 9u);
	(void)expect(a, NET_GONE);
	ASSERT_EQ(a->m.number[NET_F_CONN], 7u);
	close(fd);
	tear_down(a);
}

/* The action of MORE is known already: it is told its end once. */
TEST(a_late_lease_is_forgotten)
{
	struct at *a = set_up();
	struct ask_at k = { .ask.done = on_ask };
	uint32_t id;

	link_more(a->shim.link, 3, 1000, &k.ask);
	id = expect(a, NET_MORE);
	link_ask_cancel(a->shim.link, &k.ask);
	allow(a, id, 3, -1);
	ASSERT_EQ(k.n, 0u);
	ASSERT_FALSE(next(a));
	tear_down(a);
}

TEST(what_is_too_large_fails_here)
{
	struct at *a = set_up();
	struct ask_at k = { .ask.done = on_ask };
	char *path = calloc(1, NET_PACKET_MAX + 1);
	struct action big = act;

	memset(path, 'a', NET_PACKET_MAX);
	big.path = path;
	link_ask(a->shim.link, &big, &k.ask);
	ASSERT_EQ(k.n, 0u);
	turn(a);
	ASSERT_EQ(k.n, 1u);
	ASSERT_EQ(k.verdict, NET_FAILED);
	ASSERT_EQ(k.status_code, 431);
	ASSERT_FALSE(next(a));
	ASSERT_EQ(a->ended, 0u);
	free(path);
	tear_down(a);
}

/* A supervisor that does not read: questions fail at a bound, what is owed
 * comes in its order when it reads again. */
TEST(a_full_channel)
{
	enum { OWED = 300000, ASKS = 100 };
	static const struct result r = { .status = "ok" };
	static struct ask_at k[ASKS];
	struct at *a = set_up();
	uint64_t seen = 0;

	for (uint64_t i = 1; i <= OWED; i++)
		link_done(a->shim.link, i, &r);
	for (int i = 0; i < ASKS; i++) {
		k[i].ask.done = on_ask;
		link_ask(a->shim.link, &act, &k[i].ask);
	}
	turn(a);
	for (int i = 0; i < ASKS; i++)
		ASSERT_EQ(k[i].verdict, NET_FAILED);
	while (seen < OWED) {
		if (!next(a)) {
			turn(a);
			continue;
		}
		ASSERT_STREQ(net_op_name(a->m.op), "DONE");
		ASSERT_EQ(a->m.number[NET_F_ACTION], ++seen);
	}
	ASSERT_EQ(a->ended, 0u);
	tear_down(a);
}

/* ---- the end ------------------------------------------------------------- */

TEST(it_ends_with_its_channel)
{
	struct at *a = set_up();

	shutdown(a->peer, SHUT_RDWR);
	turn(a);
	ASSERT_EQ(a->ended, 1u);
	tear_down(a);
	a = set_up();
	say(a, NET_STAY, 0, 0, 0);
	ASSERT_EQ(a->stayed, 1u);
	say(a, NET_END, 0, 0, 0);
	ASSERT_EQ(a->ended, 1u);
	tear_down(a);
	a = set_up();
	ASSERT_EQ(send(a->peer, "rubbish", 7, 0), 7);
	turn(a);
	ASSERT_EQ(a->ended, 1u);
	tear_down(a);
}
