/*
 * The loop of the writer: epoll by hand, for a turn has an order (read from
 * all, commit, answer, end those who left, do what is due) that a library's
 * callbacks would hide, and the fewer calls it makes, the shorter the list of
 * those that it is confined to. What always holds: between two turns no record
 * is in the batch; nothing waits but epoll_wait() and the disk.
 */
#include "audit/server-internal.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#define EVENTS_MAX 256
#define FDS_SPARE 64 /* the store's, and descriptors on their way */

void
server_now(struct store_now *ret)
{
	struct timespec w, b;

	clock_gettime(CLOCK_REALTIME, &w);
	clock_gettime(CLOCK_BOOTTIME, &b);
	ret->wall_us =
		(uint64_t)w.tv_sec * 1000000 + (uint64_t)w.tv_nsec / 1000;
	ret->boot_us =
		(uint64_t)b.tv_sec * 1000000 + (uint64_t)b.tv_nsec / 1000;
}

static int
watch(struct server *s, int fd, const int *what)
{
	struct epoll_event ev = { .events = EPOLLIN,
				  .data.ptr = (void *)(uintptr_t)what };

	if (fd < 0)
		return 0;
	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int
start(struct server *s)
{
	struct rlimit lim;
	int r;

	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0)
		return -errno;
	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return -errno;
	s->max_conns = 2 * WIRE_CHANNELS_MAX;
	if (lim.rlim_cur < s->max_conns + FDS_SPARE)
		s->max_conns = lim.rlim_cur > 2 * FDS_SPARE
				       ? lim.rlim_cur - FDS_SPARE
				       : FDS_SPARE;
	s->quota = quota_new(s->o.config);
	r = s->quota ? conn_space(s) : -ENOMEM;
	if (r == 0)
		r = watch(s, s->o.listener, &s->o.listener);
	if (r == 0)
		r = watch(s, s->o.signals, &s->o.signals);
	if (r == 0)
		r = sink_client_new(s);
	return r;
}

int
server_new(const struct server_options *o, struct server **ret, struct err *e)
{
	struct server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_sys(e, -ENOMEM, "the loop of the audit writer");
	s->o = *o;
	s->epoll = -EBADF;
	s->owed_end = &s->owed;
	server_now(&s->now);
	s->pause_us = NEVER;
	s->start_us = s->idle_us = s->gone_us = s->now.boot_us;
	s->resume_us = s->now.boot_us +
		       (o->resume_us ? o->resume_us : SERVER_RESUME_US);
	r = start(s);
	if (r < 0) {
		server_free(s);
		return err_sys(e, r, "the loop of the audit writer");
	}
	*ret = s;
	return 0;
}

void
server_free(struct server *s)
{
	if (!s)
		return;
	while (s->conns) {
		struct conn *c = s->conns;

		s->conns = c->next;
		channel_free(s, c->channel);
		close(c->fd);
		free(c->queue);
		free(c);
	}
	round_free(s);
	quota_free(s->quota);
	sink_client_free(s);
	close_ptr(&s->epoll);
	free(s->msgs);
	free(s->iov);
	free(s->space);
	free(s);
}

/* ---- what is due --------------------------------------------------------- */

static void
tick_store(struct server *s)
{
	char note[NOTE_MAX] = "";
	bool rotated = false;

	s->tick_us = store_tick(s->o.store, &s->now, note, &rotated);
	if (*note)
		server_note(s, note);
	if (!rotated)
		return;
	channel_announce(s);
	round_commit(s);
}

/* The folder was removed, or somebody is to have the lock: nobody would find
 * what is written from here on. */
static void
tick_gone(struct server *s)
{
	struct stat st;

	if (s->now.boot_us < s->gone_us)
		return;
	s->gone_us = s->now.boot_us + SERVER_GONE_US;
	if (s->o.lock >= 0 && (fstat(s->o.lock, &st) < 0 || !st.st_nlink))
		s->stop = true;
}

static void
tick_idle(struct server *s)
{
	uint64_t most = s->o.config->idle_us;

	if (most && !s->n_conns && !s->owed && s->idle_us != NEVER &&
	    s->now.boot_us >= s->idle_us + most)
		s->stop = true;
}

static void
tick(struct server *s, bool wrote)
{
	server_now(&s->now);
	round_owed(s);
	if (wrote || s->now.boot_us >= s->tick_us)
		tick_store(s);
	if (s->now.boot_us >= s->resume_us)
		channel_orphans(s);
	conn_resume(s);
	tick_gone(s);
	tick_idle(s);
}

/* Milliseconds until something is due. */
static int
timeout(const struct server *s)
{
	uint64_t at = MIN(MIN(s->tick_us, s->gone_us),
			  MIN(s->pause_us, s->resume_us));

	if (s->owed)
		at = MIN(at, s->retry_us);
	if (s->idle_us != NEVER && s->o.config->idle_us)
		at = MIN(at, s->idle_us + s->o.config->idle_us);
	if (at <= s->now.boot_us)
		return 0;
	return (int)MIN((at - s->now.boot_us + 999) / 1000, 60000u);
}

/* ---- the loop ------------------------------------------------------------ */

static void
event(struct server *s, const struct epoll_event *ev)
{
	if (ev->data.ptr == &s->o.listener)
		conn_accept(s);
	else if (ev->data.ptr == &s->o.signals)
		s->stop = true;
	else if (ev->data.ptr == &s->o.sink)
		sink_client_ready(s);
	else
		conn_ready(s, ev->data.ptr, ev->events);
}

/* Reads what there is. */
static int
take(struct server *s, int timeout_ms)
{
	struct epoll_event ev[EVENTS_MAX];
	int n = epoll_wait(s->epoll, ev, EVENTS_MAX, timeout_ms);

	if (n < 0 && errno != EINTR)
		return -errno;
	server_now(&s->now);
	for (int i = 0; i < n; i++)
		event(s, &ev[i]);
	return 0;
}

static int
turn(struct server *s)
{
	uint64_t before = store_written(s->o.store);
	int r = take(s, timeout(s));

	while (r == 0 && gather_more(s))
		r = take(s, 0);
	if (r < 0)
		return r;
	round_commit(s);
	conn_reap(s);
	tick(s, store_written(s->o.store) != before);
	return 0;
}

int
server_stop(struct server *s)
{
	int r;

	server_now(&s->now);
	round_commit(s);
	r = store_stop(s->o.store, &s->now);
	if (r >= 0)
		server_last_note(s, store_note(s->o.store));
	return r;
}

int
server_run(struct server *s)
{
	int r = 0;

	while (!s->stop && r == 0)
		r = turn(s);
	return r;
}
