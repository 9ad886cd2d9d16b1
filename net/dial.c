/*
 * Happy eyeballs (RFC 8305, 4 and 5): families in turn, the next address after
 * 250 ms or as soon as one fails. What always holds: only addresses of the list
 * are dialled; whatever does not win is closed; a call is told once, in its
 * time, unless it was cancelled; nothing of a call is touched after it was
 * told.
 */
#include "net/dial.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#define NEXT_US 250000 /* RFC 8305, 8: Connection Attempt Delay */

struct attempt {
	struct event *ev;
	int fd;
	size_t which;
};

struct dialling {
	struct dialler *d;
	struct dial_call *call;
	struct resolved addr[RESOLVE_ADDRS_MAX];
	uint16_t port[RESOLVE_ADDRS_MAX];
	size_t order[RESOLVE_ADDRS_MAX];
	size_t n, next; /* of order */
	struct attempt at[DIAL_AT_ONCE];
	size_t n_at;
	struct event *tick, *end;
	int error;
	bool running;
	TAILQ_ENTRY(dialling) link;
};

TAILQ_HEAD(diallings, dialling);

struct dialler {
	struct event_base *base;
	struct timeval timeout;
	struct diallings running, waiting;
	size_t n_running;
	struct event *room; /* for those that wait */
};

/* The other family's first, then the first one's second, ... */
static void
interleave(struct dialling *g)
{
	size_t of[2] = { 0, 0 };

	for (size_t i = 0; i < g->n; i++) {
		bool other = i % 2;
		size_t j = of[other];

		while (j < g->n && (g->addr[j].len == g->addr[0].len) == other)
			j++;
		if (j == g->n) { /* none is left of it */
			other = !other;
			j = of[other];
			while ((g->addr[j].len == g->addr[0].len) == other)
				j++;
		}
		of[other] = j + 1;
		g->order[i] = j;
	}
}

static void
drop_attempt(struct dialling *g, size_t i, bool keep_fd)
{
	if (g->at[i].ev)
		event_free(g->at[i].ev);
	if (!keep_fd)
		close(g->at[i].fd);
	g->n_at--;
	memmove(&g->at[i], &g->at[i + 1], (g->n_at - i) * sizeof(g->at[0]));
}

/* Takes it out of everything; the call is the caller's to tell. */
static struct dial_call *
take_apart(struct dialling *g)
{
	struct dialler *d = g->d;
	struct dial_call *c = g->call;

	while (g->n_at)
		drop_attempt(g, 0, false);
	if (g->tick)
		event_free(g->tick);
	if (g->end)
		event_free(g->end);
	if (g->running) {
		TAILQ_REMOVE(&d->running, g, link);
		d->n_running--;
		if (!TAILQ_EMPTY(&d->waiting))
			event_active(d->room, EV_TIMEOUT, 0);
	} else {
		TAILQ_REMOVE(&d->waiting, g, link);
	}
	free(g);
	c->state = NULL;
	return c;
}

static void
fail(struct dialling *g, int error)
{
	struct dial_call *c = take_apart(g);

	c->done(c, error, -EBADF, 0);
}

static void
succeed(struct dialling *g, size_t i)
{
	int fd = g->at[i].fd, on = 1;
	size_t which = g->at[i].which;
	struct dial_call *c;

	drop_attempt(g, i, true);
	c = take_apart(g);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->done(c, 0, fd, which);
}

union address {
	struct sockaddr any;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};

static socklen_t
make_address(const struct resolved *a, uint16_t port, union address *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (a->len == 4) {
		ret->in4.sin_family = AF_INET;
		ret->in4.sin_port = htons(port);
		memcpy(&ret->in4.sin_addr, a->addr, 4);
		return sizeof(ret->in4);
	}
	ret->in6.sin6_family = AF_INET6;
	ret->in6.sin6_port = htons(port);
	memcpy(&ret->in6.sin6_addr, a->addr, 16);
	return sizeof(ret->in6);
}

/* A port that nobody listens on can be the one that our side was just given,
 * and then TCP connects the socket with itself (RFC 9293, 3.5). */
static bool
is_itself(int fd)
{
	union address local, peer;
	socklen_t n = sizeof(local), m = sizeof(peer);

	memset(&local, 0, sizeof(local));
	memset(&peer, 0, sizeof(peer));
	return getsockname(fd, &local.any, &n) == 0 &&
	       getpeername(fd, &peer.any, &m) == 0 && n == m &&
	       memcmp(&local, &peer, n) == 0;
}

/* What became of a socket that is writable: 0 or why not. */
static int
outcome(int fd)
{
	socklen_t size = sizeof(int);
	int error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return -errno;
	if (error)
		return -error;
	return is_itself(fd) ? -ECONNREFUSED : 0;
}

static int
watch(struct dialling *g, int fd, size_t which, event_callback_fn fn)
{
	struct attempt *a = &g->at[g->n_at];

	a->fd = fd;
	a->which = which;
	a->ev = fn ? event_new(g->d->base, fd, EV_WRITE, fn, g) : NULL;
	if (fn && (!a->ev || event_add(a->ev, NULL) < 0)) {
		if (a->ev)
			event_free(a->ev);
		return -ENOMEM;
	}
	g->n_at++;
	return 0;
}

static void on_attempt(evutil_socket_t fd, short what, void *arg);

/* 1: connected; 0: under way; else why not. */
static int
start_attempt(struct dialling *g)
{
	size_t which = g->order[g->next++];
	union address to;
	socklen_t len = make_address(&g->addr[which], g->port[which], &to);
	_cleanup_close_ int fd =
		socket(to.any.sa_family,
		       SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	bool now = false;
	int r;

	if (fd < 0)
		return -errno;
	if (connect(fd, &to.any, len) < 0 && errno != EINPROGRESS)
		return -errno;
	/* a neighbour has answered by now, and needs no event */
	if (poll(&p, 1, 0) > 0) {
		now = true;
		r = outcome(fd);
		if (r < 0)
			return r;
	}
	r = watch(g, fd, which, now ? NULL : on_attempt);
	if (r < 0)
		return r;
	TAKE_FD(fd);
	return now;
}

static void on_tick(evutil_socket_t fd, short what, void *arg);
static void on_end(evutil_socket_t fd, short what, void *arg);

/* The timers of a call, which a neighbour's answer makes needless. */
static int
arm(struct dialling *g)
{
	static const struct timeval next = { .tv_usec = NEXT_US };

	if (!g->tick)
		g->tick = evtimer_new(g->d->base, on_tick, g);
	if (!g->tick)
		return -ENOMEM;
	if (g->next < g->n && evtimer_add(g->tick, &next) < 0)
		return -ENOMEM;
	if (g->end)
		return 0;
	g->end = evtimer_new(g->d->base, on_end, g);
	return g->end && evtimer_add(g->end, &g->d->timeout) == 0 ? 0 : -ENOMEM;
}

/* Starts the next address that does not fail at once. */
static void
advance(struct dialling *g)
{
	int r;

	while (g->next < g->n) {
		r = start_attempt(g);
		if (r > 0) {
			succeed(g, g->n_at - 1);
			return;
		}
		if (r == 0)
			break;
		g->error = r;
	}
	r = g->n_at ? arm(g) : g->error;
	if (r < 0)
		fail(g, r);
}

static void
on_attempt(evutil_socket_t fd, short what, void *arg)
{
	struct dialling *g = arg;
	size_t i = 0;
	int r = outcome(fd);

	(void)what;
	while (g->at[i].fd != fd)
		i++;
	if (r == 0) {
		succeed(g, i);
		return;
	}
	g->error = r;
	drop_attempt(g, i, false);
	advance(g);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct dialling *g = arg;

	(void)fd;
	(void)what;
	if (g->n_at == DIAL_AT_ONCE)
		drop_attempt(g, 0, false);
	advance(g);
}

static void
on_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fail(arg, -ETIMEDOUT);
}

static void
run(struct dialler *d, struct dialling *g)
{
	g->running = true;
	d->n_running++;
	TAILQ_INSERT_TAIL(&d->running, g, link);
	advance(g);
}

static void
on_room(evutil_socket_t fd, short what, void *arg)
{
	struct dialler *d = arg;
	struct dialling *g = TAILQ_FIRST(&d->waiting);

	(void)fd;
	(void)what;
	if (!g || d->n_running >= DIAL_OPEN_MAX)
		return;
	TAILQ_REMOVE(&d->waiting, g, link);
	/* before the first is told, who may end the dialler */
	if (!TAILQ_EMPTY(&d->waiting))
		event_active(d->room, EV_TIMEOUT, 0);
	run(d, g);
}

static int
take(struct dialler *d, const struct resolved *addrs, const uint16_t *ports,
     size_t n, struct dialling **ret)
{
	struct dialling *g;

	if (!n || n > RESOLVE_ADDRS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if ((addrs[i].len != 4 && addrs[i].len != 16) || !ports[i])
			return -EINVAL;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->d = d;
	g->n = n;
	memcpy(g->addr, addrs, n * sizeof(*addrs));
	memcpy(g->port, ports, n * sizeof(*ports));
	interleave(g);
	*ret = g;
	return 0;
}

void
dial_begin(struct dialler *d, const struct resolved *addrs,
	   const uint16_t *ports, size_t n, struct dial_call *c)
{
	struct dialling *g;
	int r = take(d, addrs, ports, n, &g);

	c->next = NULL;
	c->state = NULL;
	if (r < 0) {
		c->done(c, r, -EBADF, 0);
		return;
	}
	g->call = c;
	c->state = g;
	if (d->n_running < DIAL_OPEN_MAX && TAILQ_EMPTY(&d->waiting)) {
		run(d, g);
		return;
	}
	TAILQ_INSERT_TAIL(&d->waiting, g, link);
	r = arm(g);
	if (r < 0)
		fail(g, r);
	else
		event_del(g->tick);
}

void
dial_cancel(struct dialler *d, struct dial_call *c)
{
	(void)d;
	if (c->state)
		take_apart(c->state);
}

int
dialler_new(struct event_base *base, uint64_t timeout_us, struct dialler **ret)
{
	struct dialler *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->base = base;
	d->timeout.tv_sec = (time_t)(timeout_us / 1000000u);
	d->timeout.tv_usec = (suseconds_t)(timeout_us % 1000000u);
	TAILQ_INIT(&d->running);
	TAILQ_INIT(&d->waiting);
	d->room = event_new(base, -1, EV_PERSIST, on_room, d);
	if (!d->room) {
		free(d);
		return -ENOMEM;
	}
	*ret = d;
	return 0;
}

void
dialler_free(struct dialler *d)
{
	if (!d)
		return;
	while (!TAILQ_EMPTY(&d->waiting))
		take_apart(TAILQ_FIRST(&d->waiting));
	while (!TAILQ_EMPTY(&d->running))
		take_apart(TAILQ_FIRST(&d->running));
	event_free(d->room);
	free(d);
}
