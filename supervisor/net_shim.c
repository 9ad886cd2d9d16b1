/*
 * The process that reads what an agent sends, and the channel to it. What
 * always holds: it is born with its channel and nothing else of ours; it dies
 * with the supervisor; whatever it says out of turn ends it, and what it does
 * not read is bounded.
 */
#include "supervisor/net-internal.h"

#include "lib/fd.h"
#include "sandbox/clone.h"

#include <event2/event.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CHANNEL 3 /* of the shim's */

/* Birth */

struct birth {
	const char *path;
	char *const *argv;
	int null, chan, log;
	pid_t parent;
	int failed; /* why there was no exec: -errno */
};

static int
child(void *arg)
{
	static char *const no_env[] = { NULL };
	struct birth *b = arg;
	sigset_t none;

	sigemptyset(&none);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != b->parent ||
	    dup2(b->null, 0) < 0 || dup2(b->null, 1) < 0 ||
	    dup2(b->log, 2) < 0 || dup2(b->chan, CHANNEL) < 0) {
		b->failed = errno ? -errno : -ESRCH;
		return 127;
	}
	b->failed = fd_close_range(CHANNEL + 1, ~0u, 0);
	if (b->failed < 0)
		return 127;
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(b->path, b->argv, no_env);
	b->failed = -errno;
	return 127;
}

/* All of them above those that the child puts in place. */
static int
lift(int *fd)
{
	int high;

	if (*fd > CHANNEL)
		return 0;
	high = fcntl(*fd, F_DUPFD_CLOEXEC, CHANNEL + 1);
	if (high < 0)
		return -errno;
	close(*fd);
	*fd = high;
	return 0;
}

/* The child shares our memory up to its exec, for which we stand still. */
static int
bear(struct birth *b, struct net_shim *s)
{
	struct clone_request rq = { .flags = CLONE_VM | CLONE_VFORK |
					     CLONE_PIDFD,
				    .exit_signal = SIGCHLD,
				    .pidfd = -EBADF };
	_cleanup_free_ char *stack = aligned_alloc(64, CLONE_STACK);
	sigset_t all, old;
	pid_t pid;

	if (!stack)
		return -ENOMEM;
	b->parent = getpid();
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &old);
	pid = clone_call(&rq, stack, child, b);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (pid < 0)
		return (int)pid;
	if (b->failed) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		close(rq.pidfd);
		return b->failed;
	}
	s->pid = pid;
	s->pidfd = rq.pidfd;
	return 0;
}

static int
spawn(struct net *n, int chan, int log)
{
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_close_ int c = fcntl(chan, F_DUPFD_CLOEXEC, CHANNEL + 1);
	_cleanup_close_ int l = fcntl(log, F_DUPFD_CLOEXEC, CHANNEL + 1);
	char uid[16];
	char *argv[] = { (char *)(uintptr_t) "agentbox-shim",
			 (char *)(uintptr_t) "--uid", uid,
			 (char *)(uintptr_t)n->o.box, NULL };
	char *ours[] = { argv[0], argv[3], NULL };
	struct birth b = { .path = n->o.shim };
	int r;

	snprintf(uid, sizeof(uid), "%u", n->o.uid);
	if (null < 0 || c < 0 || l < 0)
		return -EMFILE;
	r = lift(&null);
	if (r < 0)
		return r;
	b.argv = geteuid() == 0 && n->o.uid != 0 ? argv : ours;
	b.null = null;
	b.chan = c;
	b.log = l;
	return bear(&b, &n->shim);
}

/* Sending */

/* Keeps what the channel did not take. */
static void
enqueue(struct net *n, struct net_batch_packet *p)
{
	struct net_shim *s = &n->shim;
	struct net_out *x = malloc(sizeof(*x) + p->len);

	if (!x || s->out_bytes + p->len > NET_OUT_MAX) {
		free(x);
		net_shim_broke(n, "network.shim-stuck",
			       "it does not read what it is told");
		return;
	}
	*x = (struct net_out){ .fd = TAKE_FD(p->fd),
			       .len = p->len,
			       .secret = p->secret };
	memcpy(x->data, n->batch.buf + p->at, p->len);
	if (!s->head)
		event_add(s->ev_write, NULL);
	*s->tail = x;
	s->tail = &x->next;
	s->out_bytes += p->len;
}

static void
out_free(struct net_out *x)
{
	if (x->secret)
		explicit_bzero(x->data, x->len);
	if (x->fd >= 0)
		close(x->fd);
	free(x);
}

void
net_shim_push(struct net *n)
{
	struct net_batch *b = &n->batch;
	int r = -EAGAIN;

	if (n->shim.chan >= 0 && !n->shim.head)
		r = net_batch_send(b, n->shim.chan);
	for (size_t i = 0; r == -EAGAIN && n->shim.chan >= 0 && i < b->n; i++)
		enqueue(n, &b->packet[i]);
	/* any other failure: it is gone, which its exit will say */
	net_batch_clear(b);
	n->out = net_batch_at(b);
}

void
net_shim_send(struct net *n, struct net_writer *w, int fd, bool secret)
{
	ssize_t len = net_end(w);

	if (len < 0 || n->shim.chan < 0) {
		if (fd >= 0)
			close(fd);
		if (len < 0)
			net_shim_broke(n, "network.channel",
				       "an answer that cannot be sent");
		return;
	}
	if (net_batch_add(&n->batch, (size_t)len, fd, secret))
		net_shim_push(n);
	else
		event_active(n->ev_push, EV_TIMEOUT, 0);
	n->out = net_batch_at(&n->batch);
}

void
net_shim_say(struct net *n, enum net_op op)
{
	struct net_writer w;

	net_begin(&w, n->out, op, 0, 0);
	net_shim_send(n, &w, -EBADF, false);
}

static void
on_writable(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
	struct net *n = arg;
	struct net_shim *s = &n->shim;

	while (s->head) {
		struct net_out *x = s->head;

		if (net_send(s->chan, x->data, x->len, &x->fd, x->fd >= 0) ==
		    -EAGAIN)
			return;
		s->head = x->next;
		s->out_bytes -= x->len;
		out_free(x);
	}
	s->tail = &s->head;
	event_del(s->ev_write);
}

/* Reading */

static bool
is_full(const struct net *n)
{
	return n->n_asks >= NET_ASKS_MAX || n->held >= NET_HELD_MAX ||
	       net_is_behind(n);
}

void
net_shim_pace(struct net *n)
{
	struct net_shim *s = &n->shim;

	if (!s->ev_read || s->broken)
		return;
	if (n->frozen || is_full(n))
		event_del(s->ev_read);
	if (net_is_behind(n)) /* of which we hear nothing */
		net_turns_retry(n);
	if (!n->frozen && !is_full(n))
		event_add(s->ev_read, NULL);
}

static void
take(struct net *n, const uint8_t *data, size_t len)
{
	struct net_message m;
	char text[64];

	n->in = data;
	if (net_decode(data, len, true, &m) < 0) {
		net_shim_broke(n, "network.shim-packet",
			       "a packet that no shim sends");
	} else if (net_message(n, &m, len) < 0) {
		snprintf(text, sizeof(text), "%s out of turn or malformed",
			 net_op_name(m.op));
		net_shim_broke(n, "network.shim-protocol", text);
	}
}

static void
take_all(struct net *n, const uint8_t *data, size_t len)
{
	const uint8_t *p;
	size_t at = 0, part, k = 0;
	int r = 0;

	while (!n->shim.broken && k <= NET_BATCH_MAX &&
	       (r = net_batch_next(data, len, &at, &p, &part)) > 0)
		if (++k <= NET_BATCH_MAX)
			take(n, p, part);
	if (r < 0 || k > NET_BATCH_MAX)
		net_shim_broke(n, "network.shim-packet",
			       "a packet that no shim sends");
}

/* Those that are there, at most NET_INBOX_MAX. False: no more now. */
static bool
read_some(struct net *n)
{
	struct net_shim *s = &n->shim;
	int k = net_inbox_recv(&n->inbox, s->chan, NET_INBOX_MAX);

	if (k == -EAGAIN)
		return false;
	if (k < 0)
		net_shim_broke(n, "network.shim-packet",
			       "a packet that no shim sends");
	for (int i = 0; i < k && !s->broken; i++) {
		if (!n->inbox.len[i]) { /* it ends; its exit says how */
			event_del(s->ev_read);
			return false;
		}
		take_all(n, net_inbox_at(&n->inbox, (size_t)i),
			 n->inbox.len[i]);
	}
	return k == NET_INBOX_MAX && !s->broken;
}

static void
on_readable(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
	struct net *n = arg;

	for (unsigned int i = 0; i < NET_TURN / NET_INBOX_MAX; i++)
		if (is_full(n) || n->frozen || !read_some(n))
			break;
	net_shim_pace(n);
}

/* The box ended, and its end of every connection with it: what the shim has to
 * say of that is heard for a moment. */
void
net_shim_last_words(struct net *n)
{
	struct net_shim *s = &n->shim;
	uint64_t until = net_now_us() + NET_LAST_US;

	net_shim_push(n);
	while (n->n_actions && s->chan >= 0 && !s->broken && !n->frozen) {
		struct pollfd p = { .fd = s->chan, .events = POLLIN };
		uint64_t now = net_now_us();

		if (now >= until || net_is_behind(n) ||
		    poll(&p, 1, (int)((until - now + 999) / 1000)) <= 0)
			break;
		while (!net_is_behind(n) && read_some(n))
			;
	}
}

/* The end */

static void
signal_it(const struct net_shim *s, int sig)
{
	if (s->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, s->pidfd, sig, NULL, 0);
}

/* A signal is on its way when it was sent. What was sent last happens now. */
static void
wait_until_stopped(const struct net_shim *s)
{
	siginfo_t si;

	while (s->pidfd >= 0 &&
	       waitid(P_PIDFD, (id_t)s->pidfd, &si,
		      WSTOPPED | WEXITED | WNOWAIT) < 0 &&
	       errno == EINTR)
		;
}

void
net_shim_freeze(struct net *n, bool on)
{
	signal_it(&n->shim, on ? SIGSTOP : SIGCONT);
	if (on)
		wait_until_stopped(&n->shim);
	net_shim_pace(n);
}

/* What it says from here on is not heard; what it had ends when it has. */
void
net_shim_broke(struct net *n, const char *what, const char *detail)
{
	struct net_shim *s = &n->shim;

	if (s->broken || s->pidfd < 0)
		return;
	s->broken = true;
	if (s->ev_read)
		event_del(s->ev_read);
	n->o.finding(n->o.arg, what, detail);
	signal_it(s, SIGKILL);
}

static void
free_event(struct event **ev)
{
	if (*ev)
		event_free(TAKE_PTR(*ev));
}

static void
forget(struct net_shim *s)
{
	free_event(&s->ev_read);
	free_event(&s->ev_write);
	free_event(&s->ev_exit);
	while (s->head) {
		struct net_out *x = s->head;

		s->head = x->next;
		out_free(x);
	}
	if (s->chan >= 0)
		close(TAKE_FD(s->chan));
	if (s->log >= 0)
		close(TAKE_FD(s->log));
	if (s->pidfd >= 0)
		close(TAKE_FD(s->pidfd));
	net_shim_init(s);
}

void
net_shim_init(struct net_shim *s)
{
	*s = (struct net_shim){ .pidfd = -EBADF,
				.chan = -EBADF,
				.log = -EBADF };
	s->tail = &s->head;
}

/* What it said last, or how it was ended. */
static void
last_words(struct net_shim *s, int status, char *buf, size_t size)
{
	ssize_t n = read(s->log, buf, size - 1);

	if (n > 0) {
		buf[n] = '\0';
		buf[strcspn(buf, "\n")] = '\0';
	} else if (WIFSIGNALED(status)) {
		snprintf(buf, size, "ended by signal %d", WTERMSIG(status));
	} else {
		snprintf(buf, size, "exit status %d", WEXITSTATUS(status));
	}
}

static int
reap(struct net_shim *s)
{
	int status = 0;

	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static void
on_ended(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
	struct net *n = arg;
	bool ended = n->state == NET_ENDING && !n->shim.broken;
	bool said = n->shim.broken;
	char words[256];
	int status = reap(&n->shim);

	last_words(&n->shim, status, words, sizeof(words));
	forget(&n->shim);
	if (!ended && !said)
		n->o.finding(n->o.arg, "network.shim-died", words);
	net_lost(n, "unknown", "shim-died");
	if (ended)
		net_sleep(n);
	else
		net_later(n);
}

void
net_shim_kill(struct net *n)
{
	if (n->shim.pidfd < 0)
		return;
	signal_it(&n->shim, SIGKILL);
	(void)reap(&n->shim);
	forget(&n->shim);
}

/* SETUP */

static void
put_placeholders(const struct net *n, struct net_writer *w)
{
	size_t count = n->o.secrets ? secrets_count(n->o.secrets) : 0;

	if (!count)
		return;
	net_pairs_begin(w, NET_F_PLACEHOLDERS);
	for (size_t i = 0; i < count; i++) {
		const char *name = secrets_credential(n->o.secrets, i)->name;
		const char *text = secrets_placeholder(n->o.secrets, i);

		net_pairs_add(w, name, strlen(name), text, strlen(text));
	}
	net_pairs_end(w);
}

static int
send_setup(struct net *n)
{
	struct net_writer w;
	ssize_t len;
	int r;

	net_begin(&w, n->out, NET_SETUP, 0, 0);
	net_put_text(&w, NET_F_BOX, n->o.box);
	net_put(&w, NET_F_LISTENERS, n->l.kind, n->l.n);
	put_placeholders(n, &w);
	if (n->o.ca_key) {
		net_put(&w, NET_F_CA_KEY, n->o.ca_key, n->o.ca_key_len);
		net_put(&w, NET_F_CA_CERT, n->o.ca_cert, n->o.ca_cert_len);
	}
	net_put(&w, NET_F_LIMITS, &n->o.limits, sizeof(n->o.limits));
	net_put_u64(&w, NET_F_USED_OUT, n->bytes_out);
	net_put_u64(&w, NET_F_USED_IN, n->bytes_in);
	len = net_end(&w);
	r = len < 0 ? (int)len
		    : net_send(n->shim.chan, n->out, (size_t)len, n->l.fd,
			       n->l.n);
	if (len > 0)
		explicit_bzero(n->out, (size_t)len);
	return r;
}

static int
watch(struct net *n)
{
	struct net_shim *s = &n->shim;
	struct event_base *b = n->o.base;

	s->ev_read =
		event_new(b, s->chan, EV_READ | EV_PERSIST, on_readable, n);
	s->ev_write =
		event_new(b, s->chan, EV_WRITE | EV_PERSIST, on_writable, n);
	s->ev_exit = event_new(b, s->pidfd, EV_READ, on_ended, n);
	if (!s->ev_read || !s->ev_write || !s->ev_exit)
		return -ENOMEM;
	if (event_add(s->ev_exit, NULL) < 0 || event_add(s->ev_read, NULL) < 0)
		return -ENOMEM;
	return 0;
}

static int
make_channel(struct net_shim *s, int *ret_theirs, int *ret_log)
{
	int pair[2], p[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	s->chan = pair[0];
	*ret_theirs = pair[1];
	if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	s->log = p[0];
	*ret_log = p[1];
	return 0;
}

int
net_shim_start(struct net *n, struct err *e)
{
	_cleanup_close_ int theirs = -EBADF;
	_cleanup_close_ int log = -EBADF;
	int r = make_channel(&n->shim, &theirs, &log);

	if (r >= 0)
		r = spawn(n, theirs, log);
	if (r >= 0)
		r = send_setup(n);
	if (r >= 0)
		r = watch(n);
	if (r < 0) {
		if (n->shim.pidfd >= 0)
			net_shim_kill(n);
		else
			forget(&n->shim);
		err_sys(e, r, "cannot start %s", n->o.shim);
		return err_cure(e, "install agentbox completely: the shim "
				   "belongs beside its other programs");
	}
	n->state = NET_STARTING;
	n->n_shims++;
	return 0;
}
