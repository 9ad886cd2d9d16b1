/*
 * The control socket of one box. What always holds: nothing here waits for a
 * client. A reply that does not fit into the socket's buffer ends the client;
 * a follower that does not keep up is ended too. When all places are taken, the
 * client that has been idle longest makes room, so that a freeze always gets
 * through; followers may hold half of the places at most.
 */
#include "supervisor/control.h"

#include "lib/fd.h"
#include "lib/str.h"
#include "supervisor/eventlog.h"

#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define FOLLOWERS_MAX (CONTROL_CLIENTS_MAX / 2)
#define ACCEPTS_MAX 4 /* in one turn of the loop */
#define REQUEST_ROOM (CONTROL_REQUEST_MAX + CONTROL_BODY_MAX + 1)
#define STREAM_CHUNK (16u * 1024)

enum client_state {
	CLIENT_IDLE,	/* no request in work */
	CLIENT_WAITS,	/* for the end of the box */
	CLIENT_FOLLOWS, /* the event log */
	CLIENT_ASKED,	/* to be answered by control_answer() */
};

struct client {
	struct control *control;
	int fd;
	enum client_state state;
	struct event *ev;
	struct control_peer peer;
	uint64_t turn; /* of its last request: the smallest is idle longest */
};

struct control {
	struct event_base *base;
	struct event *ev;
	const struct control_ops *ops;
	void *arg;
	struct eventlog *log;
	uint64_t turn;
	struct client clients[CONTROL_CLIENTS_MAX]; /* fd < 0: free */
	char *buf; /* REQUEST_ROOM; its pages come when a long one does */
};

static void
client_drop(struct client *cl)
{
	struct control *c = cl->control;

	if (cl->fd < 0)
		return;
	if (cl->state == CLIENT_ASKED && c->ops->gone)
		c->ops->gone(c->arg, &cl->peer.ticket);
	event_free(cl->ev);
	cl->ev = NULL;
	close(cl->fd);
	cl->fd = -EBADF;
	/* perhaps it was off, all places being taken by those who wait */
	if (c->ev)
		event_add(c->ev, NULL);
}

/* 0, or a negative errno after which the client must go. */
static int
send_message(int fd, const struct control_reply *h, const char *text)
{
	struct iovec iov[2] = {
		{ .iov_base = (void *)(uintptr_t)h, .iov_len = sizeof(*h) },
		{ .iov_base = (void *)(uintptr_t)text, .iov_len = h->len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = h->len ? 2 : 1 };

	if (sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static int
send_text(int fd, int status, bool more, const char *text, size_t len)
{
	struct control_reply h = {
		.magic = CONTROL_MAGIC,
		.version = CONTROL_VERSION,
		.more = more,
		.status = status,
		.len = (uint32_t)len,
	};

	return send_message(fd, &h, text);
}

static void
reply_error(struct client *cl, int status, const struct err *e)
{
	char error[sizeof(e->text)], cure[sizeof(e->cure)], *text;
	json_t *j;

	/* paths in it need not be UTF-8, JSON must */
	str_escape(e->text, error, sizeof(error));
	str_escape(e->cure, cure, sizeof(cure));
	j = json_pack("{s:s, s:s}", "error", error, "cure", cure);
	text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	if (send_text(cl->fd, status, false, text ? text : "{}",
		      text ? strlen(text) : 2) < 0)
		client_drop(cl);
	free(text);
	json_decref(j);
}

/* Takes the reference; NULL: out of memory. */
static void
reply_json(struct client *cl, json_t *j)
{
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;
	struct err e = ERR_INIT;

	json_decref(j);
	if (!text || len > CONTROL_REPLY_MAX) {
		err_set(&e, text ? EMSGSIZE : ENOMEM,
			"the answer could not be made");
		reply_error(cl, e.code, &e);
	} else if (send_text(cl->fd, 0, false, text, len) < 0) {
		client_drop(cl);
	}
	free(text);
}

/* ---- requests ---------------------------------------------------------- */

/* By hand: who asked for a freeze waits for no library. */
static void
reply_state(struct client *cl, const char *state)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "{\"state\":\"%s\"}", state);

	if (send_text(cl->fd, 0, false, text, (size_t)n) < 0)
		client_drop(cl);
}

/* Its work goes on elsewhere, and no time limit of ours holds. */
static void
wait_for_answer(struct client *cl)
{
	cl->state = CLIENT_ASKED;
	event_del(cl->ev);
	event_add(cl->ev, NULL);
}

static void
do_freeze(struct client *cl, const struct control_call *call)
{
	struct control *c = cl->control;
	bool on = call->op == CONTROL_FREEZE;
	struct err e = ERR_INIT;
	int r = c->ops->freeze(c->arg, on, &cl->peer, call->text, &e);

	if (r == CONTROL_LATER)
		wait_for_answer(cl);
	else if (r < 0)
		reply_error(cl, r, &e);
	else
		reply_state(cl, on ? "frozen" : "running");
}

static void
do_kill(struct client *cl, const struct control_call *call)
{
	struct control *c = cl->control;
	struct err e = ERR_INIT;
	int r = c->ops->kill(c->arg, (int)call->arg, &cl->peer, call->text, &e);

	if (r < 0) {
		reply_error(cl, r, &e);
	} else if (call->arg) {
		reply_state(cl, "signalled");
	} else {
		/* control_finish() answers; no time limit of ours */
		cl->state = CLIENT_WAITS;
		event_del(cl->ev);
		event_add(cl->ev, NULL);
	}
}

/* What is kept so far, in pieces of whole lines. */
static int
send_backlog(struct client *cl)
{
	size_t len = 0, n;
	const char *p = eventlog_text(cl->control->log, &len), *end;
	int r = 0;

	while (len > 0 && r == 0) {
		n = MIN(len, STREAM_CHUNK);
		end = memrchr(p, '\n', n);
		n = end ? (size_t)(end - p) + 1 : n;
		r = send_text(cl->fd, 0, true, p, n);
		p += n;
		len -= n;
	}
	return r;
}

static void
reply_done(struct client *cl, int r, json_t *j, const struct err *e)
{
	if (r == CONTROL_LATER)
		wait_for_answer(cl);
	else if (r < 0)
		reply_error(cl, r, e);
	else
		reply_json(cl, j);
}

static void
do_reload(struct client *cl, const struct control_call *call)
{
	struct control *c = cl->control;
	struct err e = ERR_INIT;
	json_t *j = NULL;
	int r = c->ops->reload
			? c->ops->reload(c->arg, &cl->peer, call->text, &j, &e)
			: err_sys(&e, ENOSYS, "reload");

	reply_done(cl, r, j, &e);
}

static void
do_revoke(struct client *cl, const struct control_call *call)
{
	struct control *c = cl->control;
	struct err e = ERR_INIT;
	int r = c->ops->revoke
			? c->ops->revoke(c->arg, call->text, &cl->peer, &e)
			: err_sys(&e, ENOSYS, "revoke");

	if (r < 0)
		reply_error(cl, r, &e);
	else
		reply_state(cl, "revoked");
}

static void
do_act(struct client *cl, const struct control_call *call)
{
	struct control *c = cl->control;
	struct err e = ERR_INIT;
	json_t *j = NULL;
	int r = c->ops->act ? c->ops->act(c->arg, call->op, call->body,
					  call->body_len, &cl->peer, &j, &e)
			    : err_sys(&e, ENOSYS, "decisions");

	reply_done(cl, r, j, &e);
}

int
control_answer(struct control *c, const struct control_ticket *t, int status,
	       json_t *j, const struct err *e)
{
	const struct timeval idle = { .tv_sec = CONTROL_IDLE_S };
	struct client *cl = c && t->place < CONTROL_CLIENTS_MAX
				    ? &c->clients[t->place]
				    : NULL;

	if (!cl || cl->fd < 0 || cl->state != CLIENT_ASKED ||
	    cl->peer.ticket.turn != t->turn) {
		json_decref(j);
		return -ENOTCONN;
	}
	cl->state = CLIENT_IDLE;
	event_del(cl->ev);
	event_add(cl->ev, &idle);
	if (status < 0)
		reply_error(cl, status, e);
	else
		reply_json(cl, j);
	return cl->fd < 0 ? -ENOTCONN : 0;
}

static size_t
count_state(const struct control *c, enum client_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		n += c->clients[i].fd >= 0 && c->clients[i].state == state;
	return n;
}

static void
do_events(struct client *cl, const struct control_call *call)
{
	struct control *c = cl->control;
	struct err e = ERR_INIT;

	if (call->arg && count_state(c, CLIENT_FOLLOWS) >= FOLLOWERS_MAX) {
		err_set(&e, EBUSY, "%d others follow this box already",
			FOLLOWERS_MAX);
		reply_error(cl, e.code, &e);
		return;
	}
	if (c->log && send_backlog(cl) < 0) {
		client_drop(cl);
		return;
	}
	if (!call->arg) {
		if (send_text(cl->fd, 0, false, NULL, 0) < 0)
			client_drop(cl);
		return;
	}
	cl->state = CLIENT_FOLLOWS;
	event_del(cl->ev);
	event_add(cl->ev, NULL);
}

static void
dispatch(struct client *cl, const struct control_call *call)
{
	struct control *c = cl->control;

	switch (call->op) {
	case CONTROL_DESCRIBE:
		reply_json(cl, c->ops->describe(c->arg));
		break;
	case CONTROL_INSPECT:
		reply_json(cl, c->ops->inspect(c->arg));
		break;
	case CONTROL_FREEZE:
	case CONTROL_THAW:
		do_freeze(cl, call);
		break;
	case CONTROL_KILL:
		do_kill(cl, call);
		break;
	case CONTROL_EVENTS:
		do_events(cl, call);
		break;
	case CONTROL_RELOAD:
		do_reload(cl, call);
		break;
	case CONTROL_REVOKE:
		do_revoke(cl, call);
		break;
	case CONTROL_DECIDE:
	case CONTROL_OUTCOME:
		do_act(cl, call);
		break;
	case CONTROL_PING:
	case CONTROL_OP_MAX:
		reply_json(cl, json_object());
		break;
	}
}

/* A bad request gets an answer and the end of the connection. */
static void
reject(struct client *cl, int r)
{
	struct err e = ERR_INIT;

	if (r == -EPROTONOSUPPORT)
		err_set(&e, r,
			"the supervisor of this box speaks version %u of the "
			"control protocol",
			CONTROL_VERSION);
	else
		err_sys(&e, r, "bad request");
	reply_error(cl, r, &e);
	client_drop(cl);
}

static void
on_client(int fd, short what, void *arg)
{
	struct client *cl = arg;
	struct control *c = cl->control;
	struct control_call call;
	ssize_t n;
	int r;

	if (what & EV_TIMEOUT) {
		client_drop(cl);
		return;
	}
	n = recv(fd, c->buf, REQUEST_ROOM, MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* one that waits or follows has nothing more to say */
	if (n <= 0 || cl->state != CLIENT_IDLE) {
		client_drop(cl);
		return;
	}
	cl->turn = ++c->turn;
	cl->peer.ticket.turn = cl->turn;
	r = (size_t)n >= REQUEST_ROOM
		    ? -EMSGSIZE
		    : control_decode(c->buf, (size_t)n, &call);
	if (r < 0)
		reject(cl, r);
	else
		dispatch(cl, &call);
}

/* ---- connections ------------------------------------------------------- */

static struct client *
oldest_of(struct control *c, enum client_state state)
{
	struct client *oldest = NULL;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *cl = &c->clients[i];

		if (cl->fd >= 0 && cl->state == state &&
		    (!oldest || cl->turn < oldest->turn))
			oldest = cl;
	}
	return oldest;
}

/* A free place, else that of the client that has been idle longest; else of
 * the one that has waited longest for a decision, so that a freeze gets through
 * even where those are never answered. */
static struct client *
find_place(struct control *c)
{
	struct client *cl;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (c->clients[i].fd < 0)
			return &c->clients[i];
	cl = oldest_of(c, CLIENT_IDLE);
	return cl ? cl : oldest_of(c, CLIENT_ASKED);
}

static void
client_add(struct control *c, struct client *cl, int fd,
	   const struct control_peer *peer)
{
	const struct timeval idle = { .tv_sec = CONTROL_IDLE_S };
	const int size = 2 * (int)CONTROL_REPLY_MAX;

	/* hosts may have tuned the default down; a whole reply must fit */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	cl->ev = event_new(c->base, fd, EV_READ | EV_PERSIST, on_client, cl);
	if (!cl->ev || event_add(cl->ev, &idle) < 0) {
		if (cl->ev)
			event_free(cl->ev);
		cl->ev = NULL;
		close(fd);
		return;
	}
	cl->fd = fd;
	cl->state = CLIENT_IDLE;
	cl->peer = *peer;
	cl->peer.ticket.place = (uint32_t)(cl - c->clients);
	cl->turn = ++c->turn;
}

static void
on_listen(int listen_fd, short what, void *arg)
{
	struct control *c = arg;
	struct control_peer peer;
	struct client *cl;

	(void)what;
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		int fd;

		cl = find_place(c);
		if (!cl) { /* client_drop() turns it on again */
			event_del(c->ev);
			return;
		}
		fd = accept4(listen_fd, NULL, NULL,
			     SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		if (!control_peer_allowed(fd, &peer)) {
			close(fd);
			continue;
		}
		client_drop(cl);
		client_add(c, cl, fd, &peer);
	}
}

static void
on_line(void *arg, const char *text, size_t len)
{
	struct control *c = arg;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *cl = &c->clients[i];

		if (cl->fd >= 0 && cl->state == CLIENT_FOLLOWS &&
		    send_text(cl->fd, 0, true, text, len) < 0)
			client_drop(cl);
	}
}

int
control_new(struct event_base *base, int listen_fd,
	    const struct control_ops *ops, void *arg, struct eventlog *log,
	    struct control **ret, struct err *e)
{
	struct control *c = calloc(1, sizeof(*c));
	char *buf = malloc(REQUEST_ROOM);

	if (!c || !buf) {
		free(c);
		free(buf);
		return err_sys(e, ENOMEM, "control socket");
	}
	c->buf = buf;
	c->base = base;
	c->ops = ops;
	c->arg = arg;
	c->log = log;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		c->clients[i].control = c;
		c->clients[i].fd = -EBADF;
	}
	c->ev = event_new(base, listen_fd, EV_READ | EV_PERSIST, on_listen, c);
	if (!c->ev || event_add(c->ev, NULL) < 0) {
		if (c->ev)
			event_free(c->ev);
		free(buf);
		free(c);
		return err_sys(e, ENOMEM, "control socket");
	}
	if (log)
		eventlog_listen(log, on_line, c);
	*ret = c;
	return 0;
}

static void
stop_listening(struct control *c)
{
	if (!c->ev)
		return;
	event_free(c->ev);
	c->ev = NULL;
}

void
control_finish(struct control *c)
{
	stop_listening(c);
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *cl = &c->clients[i];

		if (cl->fd >= 0 && cl->state == CLIENT_WAITS)
			reply_state(cl, "dead");
		else if (cl->fd >= 0 && cl->state == CLIENT_FOLLOWS)
			(void)send_text(cl->fd, 0, false, NULL, 0);
		client_drop(cl);
	}
}

void
control_free(struct control *c)
{
	if (!c)
		return;
	if (c->log)
		eventlog_listen(c->log, NULL, NULL);
	stop_listening(c);
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		client_drop(&c->clients[i]);
	free(c->buf);
	free(c);
}
