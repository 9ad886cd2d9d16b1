/*
 * The network of one box: listeners that are ours, a shim while there is
 * something to read there, and an end for everything that it had. What always
 * holds: without a shim nothing is accepted, and nothing that waits is lost; a
 * shim that dies again and again is started less and less often, never given
 * up.
 */
#include "supervisor/net-internal.h"

#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#define AGAIN_US 100000u /* after the first death; then twice that, ... */
#define AGAIN_MAX_US 10000000u

uint64_t
net_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

/* Listeners */

static bool
is_listener(uint8_t kind)
{
	return kind != NET_LISTEN_UPSTREAM_CA && kind != NET_LISTEN_NAMES;
}

void
net_watch(struct net *n, bool on)
{
	for (size_t i = 0; i < n->l.n; i++) {
		if (!n->ev_listen[i])
			continue;
		if (on)
			event_add(n->ev_listen[i], NULL);
		else
			event_del(n->ev_listen[i]);
	}
}

bool
net_something_waits(const struct net *n)
{
	struct pollfd p[NET_FDS_MAX];
	nfds_t k = 0;

	for (size_t i = 0; i < n->l.n; i++)
		if (is_listener(n->l.kind[i]))
			p[k++] = (struct pollfd){ .fd = n->l.fd[i],
						  .events = POLLIN };
	return poll(p, k, 0) > 0;
}

static void
start(struct net *n)
{
	struct err e = ERR_INIT;

	net_watch(n, false);
	if (net_shim_start(n, &e) < 0) {
		n->o.finding(n->o.arg, "network.shim-start", e.text);
		net_later(n);
	}
}

static void
on_arrival(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
	struct net *n = arg;

	if (n->state == NET_ASLEEP && !n->frozen)
		start(n);
}

void
net_sleep(struct net *n)
{
	n->state = NET_ASLEEP;
	if (!n->frozen)
		net_watch(n, true);
}

static void
on_again(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
	net_sleep(arg);
}

void
net_later(struct net *n)
{
	uint64_t us = (uint64_t)AGAIN_US << MIN(n->deaths, 7u);
	struct timeval tv;

	us = MIN(us, (uint64_t)AGAIN_MAX_US);
	tv = (struct timeval){ (time_t)(us / 1000000),
			       (suseconds_t)(us % 1000000) };
	n->deaths++;
	n->state = NET_WAITING;
	event_add(n->ev_again, &tv);
}

void
net_lost(struct net *n, const char *status, const char *error)
{
	const struct gate_outcome o = { .status = status,
					.error = error,
					.bytes_in = -1,
					.bytes_out = -1 };

	net_asks_clear(n);
	net_table_clear(n, &o);
}

static void
on_turns(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
	struct net *n = arg;

	net_turns_take(n);
	net_shim_pace(n);
}

static void
on_push(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
	net_shim_push(arg);
}

/* Life */

static int
copy_blob(const void **at, size_t len)
{
	void *copy = *at ? malloc(len) : NULL;

	if (*at && !copy)
		return -ENOMEM;
	if (copy)
		memcpy(copy, *at, len);
	*at = copy;
	return 0;
}

/* On failure what was not copied is not ours. */
static int
copy_options(struct net *n, const struct net_options *o)
{
	n->o = *o;
	n->o.shim = strdup(o->shim);
	n->o.box = strdup(o->box);
	if (copy_blob(&n->o.ca_key, o->ca_key_len) < 0)
		n->o.ca_key = NULL;
	if (copy_blob(&n->o.ca_cert, o->ca_cert_len) < 0)
		n->o.ca_cert = NULL;
	if (!n->o.shim || !n->o.box || !n->o.ca_key != !o->ca_key ||
	    !n->o.ca_cert != !o->ca_cert)
		return -ENOMEM;
	if (net_batch_init(&n->batch) < 0 || net_inbox_init(&n->inbox) < 0)
		return -ENOMEM;
	n->out = net_batch_at(&n->batch);
	return 0;
}

/* Which name has which address outlives the shims. */
static int
add_names(struct net *n)
{
	int fd = memfd_create("names", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (n->l.n == NET_FDS_MAX || ftruncate(fd, NET_NAMES_SIZE) < 0) {
		int r = n->l.n == NET_FDS_MAX ? -E2BIG : -errno;

		close(fd);
		return r;
	}
	n->l.fd[n->l.n] = fd;
	n->l.kind[n->l.n++] = NET_LISTEN_NAMES;
	return 0;
}

static int
make_events(struct net *n)
{
	struct event_base *b = n->o.base;

	for (size_t i = 0; i < n->l.n; i++) {
		if (!is_listener(n->l.kind[i]))
			continue;
		n->ev_listen[i] =
			event_new(b, n->l.fd[i], EV_READ, on_arrival, n);
		if (!n->ev_listen[i])
			return -ENOMEM;
	}
	n->ev_again = evtimer_new(b, on_again, n);
	n->ev_turns = evtimer_new(b, on_turns, n);
	n->ev_push = evtimer_new(b, on_push, n);
	return n->ev_again && n->ev_turns && n->ev_push ? 0 : -ENOMEM;
}

/* What is being dialled has a descriptor each until it is the shim's. */
static void
raise_descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0 ||
	    lim.rlim_cur >= NET_FDS_WANTED)
		return;
	lim.rlim_cur = MIN(lim.rlim_max, (rlim_t)NET_FDS_WANTED);
	(void)setrlimit(RLIMIT_NOFILE, &lim);
}

int
net_new(const struct net_options *o, struct net_listeners *l, struct net **ret,
	struct err *e)
{
	struct net *n = calloc(1, sizeof(*n));
	int r = n ? 0 : -ENOMEM;

	if (n) {
		n->l = *l;
		l->n = 0;
		n->last = &n->first;
		net_shim_init(&n->shim);
		r = copy_options(n, o);
	}
	if (r >= 0)
		r = add_names(n);
	if (r >= 0)
		r = make_events(n);
	if (r < 0) {
		if (n)
			n->o.secrets = NULL; /* the caller's still */
		net_free(n);
		return err_sys(e, r, "the network of the box");
	}
	raise_descriptors();
	net_sleep(n);
	*ret = n;
	return 0;
}

static void
free_event(struct event *ev)
{
	if (ev)
		event_free(ev);
}

static void
free_blob(const void *p, size_t len)
{
	if (p)
		explicit_bzero((void *)(uintptr_t)p, len);
	free((void *)(uintptr_t)p);
}

static void
free_parts(struct net *n)
{
	for (size_t i = 0; i < n->l.n; i++) {
		free_event(n->ev_listen[i]);
		close(n->l.fd[i]);
	}
	free_event(n->ev_again);
	free_event(n->ev_turns);
	free_event(n->ev_push);
	resolver_free(n->resolver);
	dialler_free(n->dialler);
	addr_own_free(n->own);
	secrets_free(n->o.secrets);
}

void
net_free(struct net *n)
{
	if (!n)
		return;
	net_shim_last_words(n);
	net_shim_kill(n);
	net_lost(n, "killed", "box-ended");
	free_parts(n);
	free((void *)(uintptr_t)n->o.shim);
	free((void *)(uintptr_t)n->o.box);
	free_blob(n->o.ca_key, n->o.ca_key_len);
	free_blob(n->o.ca_cert, n->o.ca_cert_len);
	net_batch_done(&n->batch);
	net_inbox_done(&n->inbox);
	free(n);
}

/* What happens to it */

void
net_freeze(struct net *n, bool on)
{
	if (!n || n->frozen == on)
		return;
	n->frozen = on;
	net_shim_freeze(n, on);
	if (n->state == NET_ASLEEP)
		net_watch(n, !on);
	if (!on)
		net_turns_soon(n);
}

void
net_policy_changed(struct net *n)
{
	if (!n)
		return;
	net_denied_forget(n);
	if (n->state == NET_SERVING || n->state == NET_STARTING)
		net_shim_say(n, NET_EPOCH);
}

int
net_revoke(struct net *n, const char *credential)
{
	int i = n && n->o.secrets ? secrets_find(n->o.secrets, credential)
				  : -ENOENT;

	if (i < 0)
		return -ENOENT;
	secret_revoke(n->o.secrets, (size_t)i);
	return 0;
}

/* For inspect */

static const char *
state_word(const struct net *n)
{
	static const char *const words[NET_STATE_MAX] = {
		[NET_ASLEEP] = "asleep",     [NET_WAITING] = "restarting",
		[NET_STARTING] = "starting", [NET_SERVING] = "serving",
		[NET_ENDING] = "ending",
	};

	return words[n->state];
}

static json_t *
credentials(const struct net *n)
{
	size_t count = n->o.secrets ? secrets_count(n->o.secrets) : 0;
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(
			list,
			json_pack("{ss sb}", "name",
				  secrets_credential(n->o.secrets, i)->name,
				  "revoked", secret_revoked(n->o.secrets, i)));
	return list;
}

json_t *
net_describe(const struct net *n)
{
	return json_pack(
		"{ss sI sI sI sI sI sI sI sI sI sI so}", "shim", state_word(n),
		"starts", (json_int_t)n->n_shims, "connections",
		(json_int_t)n->n_conns, "connections_made",
		(json_int_t)n->n_connections, "requests",
		(json_int_t)n->n_actions, "waiting", (json_int_t)n->n_asks,
		"allowed", (json_int_t)n->n_allowed, "denied",
		(json_int_t)n->n_denied, "failed", (json_int_t)n->n_failed,
		"bytes_received", (json_int_t)n->bytes_in, "bytes_sent",
		(json_int_t)n->bytes_out, "credentials", credentials(n));
}
