/* A writer's loop for tests. */
#include "tests/tools/audit_at.h"
#include "audit/layout.h"
#include "lib/fd.h"
#include "lib/macro.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

void
at_begin(struct at *a)
{
	memset(a, 0, sizeof(*a));
	a->log = mmap(NULL, sizeof(*a->log), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(a->log != MAP_FAILED);
	log_prepare(a->log);
	a->log->config.open_actions = 8;
	a->end = -EBADF;
}

static struct sockaddr_un
address(struct at *a)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	snprintf(un.sun_path, sizeof(un.sun_path),
		 "/proc/self/fd/%d/" LAYOUT_SOCKET, a->log->dirfd);
	return un;
}

static void
child(struct at *a, int listener, int signals)
{
	struct server_options o = {
		.config = &a->log->config,
		.listener = listener,
		.signals = signals,
		.lock = -EBADF,
		.sink = -EBADF,
		.resume_us = a->resume_us,
	};
	struct err e = ERR_INIT;
	struct server *s;
	char text[4096];

	server_now(&a->log->now);
	log_open(a->log);
	o.store = a->log->s;
	o.peers.uid = geteuid();
	o.peers.overflow = (uid_t)-1;
	o.peers.proc = ASSERT_OK(open("/proc", O_RDONLY | O_CLOEXEC));
	ASSERT_OK(fd_read_small(o.peers.proc, "self/uid_map", o.peers.ns_map,
				sizeof(o.peers.ns_map)));
	ASSERT_OK(
		fd_read_small(o.peers.proc, "self/status", text, sizeof(text)));
	o.peers.ns_depth = peer_depth(text);
	ASSERT_OK(server_new(&o, &s, &e));
	ASSERT_OK(server_run(s));
	ASSERT_OK(server_stop(s));
	server_free(s);
	log_kill(a->log);
	close(o.peers.proc);
	close(listener);
	close(signals);
	_exit(0);
}

void
at_start(struct at *a)
{
	struct sockaddr_un un = address(a);
	int fd = ASSERT_OK(socket(
		AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	int p[2];

	unlinkat(a->log->dirfd, LAYOUT_SOCKET, 0);
	ASSERT_OK(bind(fd, (struct sockaddr *)&un, sizeof(un)));
	ASSERT_OK(listen(fd, 128));
	ASSERT_OK(pipe2(p, O_CLOEXEC));
	a->pid = ASSERT_OK(fork());
	if (a->pid == 0) {
		close(p[1]);
		child(a, fd, p[0]);
	}
	close(p[0]);
	close(fd);
	a->end = p[1];
	ASSERT_GE(wlink_status(a, "seq"), 3); /* it serves */
}

void
at_stop(struct at *a)
{
	int status;

	close(a->end);
	a->end = -EBADF;
	ASSERT_EQ(waitpid(a->pid, &status, 0), a->pid);
	ASSERT_EQ(status, 0);
	a->log->s = NULL; /* it was the child's */
}

void
at_kill(struct at *a)
{
	close(a->end);
	ASSERT_OK(kill(a->pid, SIGKILL));
	ASSERT_EQ(waitpid(a->pid, NULL, 0), a->pid);
	a->log->s = NULL;
}

void
at_end(struct at *a, struct log_seen *ret)
{
	struct log_seen unused;

	at_stop(a);
	log_check(a->log, ret ? ret : &unused);
	close(a->log->dirfd);
	munmap(a->log, sizeof(*a->log));
}

void
at_settle(struct at *a)
{
	/* what came before on other connections was read in this turn of the
	 * loop, or is in the next one */
	for (int i = 0; i < 2; i++)
		ASSERT_GE(wlink_status(a, "seq"), 0);
}

/* ---- clients ------------------------------------------------------------- */

void
wlink_new(struct at *a, struct link *l)
{
	struct sockaddr_un un = address(a);

	l->n = l->at = 0;
	l->fd = ASSERT_OK(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	ASSERT_OK(connect(l->fd, (struct sockaddr *)&un, sizeof(un)));
}

void
wlink_close(struct link *l)
{
	close(l->fd);
	l->fd = -EBADF;
}

static void
send_with(struct link *l, const void *p, size_t n, const void *more,
	  size_t n_more, int fd)
{
	_Alignas(struct cmsghdr) char buf[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v[2] = {
		{ .iov_base = (void *)(uintptr_t)p, .iov_len = n },
		{ .iov_base = (void *)(uintptr_t)more, .iov_len = n_more },
	};
	struct msghdr m = { .msg_iov = v, .msg_iovlen = 2 };
	struct cmsghdr *c;

	if (fd >= 0) {
		m.msg_control = buf;
		m.msg_controllen = sizeof(buf);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	ASSERT_EQ(sendmsg(l->fd, &m, MSG_NOSIGNAL), (ssize_t)(n + n_more));
}

static struct wire_head
head(enum wire_op op, unsigned int flags, uint64_t cookie)
{
	return (struct wire_head){
		.magic = WIRE_MAGIC,
		.op = (uint16_t)op,
		.flags = (uint16_t)flags,
		.cookie = cookie,
	};
}

void
wlink_op(struct link *l, enum wire_op op, uint64_t cookie)
{
	const struct wire_head h = head(op, 0, cookie);

	send_with(l, &h, sizeof(h), NULL, 0, -1);
}

void
wlink_open(struct link *l, const char *agent, const char *run,
	   unsigned int flags, uint64_t cookie, int fd)
{
	const struct wire_head h = head(WIRE_OPEN, flags, cookie);
	struct fields f;

	fields_init(&f);
	fields_text(&f, FIELD_AGENT, agent);
	fields_text(&f, FIELD_RUN, run);
	send_with(l, &h, sizeof(h), f.bytes, f.len, fd);
}

void
wlink_send(struct link *l, enum record_type type, uint64_t ref,
	   const struct fields *f, unsigned int flags, uint64_t cookie)
{
	const struct wire_record r = {
		.head = head(WIRE_RECORD, flags, cookie),
		.ref = ref,
		.type = (uint16_t)type,
	};

	send_with(l, &r, sizeof(r), f->bytes, f->len, -1);
}

struct wire_ack
wlink_ack(struct link *l)
{
	union {
		struct wire_acks a;
		uint8_t bytes[sizeof(struct wire_acks) +
			      WIRE_ACKS_MAX * sizeof(struct wire_ack)];
	} u;

	if (l->at == l->n) {
		ssize_t n = recv(l->fd, &u, sizeof(u), 0);

		ASSERT_GE(n, (ssize_t)sizeof(u.a));
		ASSERT_EQ(u.a.magic, WIRE_MAGIC);
		ASSERT_EQ(u.a.op, WIRE_RECORD);
		ASSERT_EQ((size_t)n,
			  sizeof(u.a) + u.a.n * sizeof(struct wire_ack));
		memcpy(l->ack, u.a.ack, u.a.n * sizeof(struct wire_ack));
		l->n = u.a.n;
		l->at = 0;
	}
	return l->ack[l->at++];
}

bool
wlink_is_over(struct link *l)
{
	char c;
	ssize_t n = recv(l->fd, &c, 1, 0);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

void
intent(struct fields *f, bool ahead)
{
	fields_init(f);
	fields_text(f, FIELD_WHAT, "tools.call");
	fields_text(f, FIELD_SURFACE, "tool");
	fields_text(f, FIELD_EFFECT, ahead ? "allow" : "deny");
	if (ahead)
		fields_uint(f, FIELD_GOES_AHEAD, 1);
}

void
outcome(struct fields *f)
{
	fields_init(f);
	fields_text(f, FIELD_STATUS, "ok");
}

void
wlink_channel(struct at *a, struct link *l, const char *agent, const char *run)
{
	struct wire_ack k;

	wlink_new(a, l);
	wlink_open(l, agent, run, 0, 7, -1);
	k = wlink_ack(l);
	ASSERT_EQ(k.status, 0);
	ASSERT_EQ(k.cookie, 7);
	ASSERT_TRUE(k.seq > 0);
}

int64_t
wlink_record(struct link *l, enum record_type type, uint64_t ref,
	     const struct fields *f, unsigned int flags)
{
	struct wire_ack k;

	wlink_send(l, type, ref, f, flags, 99);
	k = wlink_ack(l);
	ASSERT_EQ(k.cookie, 99);
	ASSERT_TRUE((k.status == 0) == (k.seq != 0));
	return k.status ? k.status : (int64_t)k.seq;
}

int64_t
wlink_intent(struct link *l, unsigned int flags)
{
	struct fields f;

	intent(&f, true);
	return wlink_record(l, RECORD_INTENT, 0, &f, flags);
}

int64_t
wlink_outcome(struct link *l, uint64_t ref)
{
	struct fields f;

	outcome(&f);
	return wlink_record(l, RECORD_OUTCOME, ref, &f, 0);
}

int64_t
wlink_status(struct at *a, const char *name)
{
	char buf[65536] = "", key[64], *p;
	struct wire_text *h = (struct wire_text *)(void *)buf;
	struct link l;
	ssize_t n;

	wlink_new(a, &l);
	wlink_op(&l, WIRE_STATUS, 5);
	n = recv(l.fd, buf, sizeof(buf) - 1, 0);
	ASSERT_TRUE(n > (ssize_t)sizeof(*h));
	ASSERT_EQ(h->op, WIRE_STATUS);
	ASSERT_EQ(h->cookie, 5);
	buf[n] = '\0';
	wlink_close(&l);
	snprintf(key, sizeof(key), "\"%s\":", name);
	p = strstr(buf + sizeof(*h), key);
	ASSERT_NOT_NULL(p);
	return strtoll(p + strlen(key), NULL, 10);
}
