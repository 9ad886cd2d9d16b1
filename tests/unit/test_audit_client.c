/* links: audit profiles lib */
/*
 * The supervisor's end of the writer's socket, against a writer that the test
 * plays: what is sent without waiting, who hears which answer, what a refused
 * channel and a writer's death look like, and what is said of a writer that
 * does not start.
 */
#include "audit/client.h"
#include "audit/layout.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct heard {
	int times, status;
	uint64_t seq;
};

static void
hear(void *arg, uint64_t seq, int status)
{
	struct heard *h = arg;

	h->times++;
	h->seq = seq;
	h->status = status;
}

/* ---- the writer ---------------------------------------------------------- */

static void
state_folder(void)
{
	char path[PATH_MAX];

	ASSERT_OK(setenv("AGENTBOX_STATE_DIR", tap_tmpdir(), 1));
	snprintf(path, sizeof(path), "%s/" LAYOUT_AUDIT, tap_tmpdir());
	ASSERT_OK(mkdir(path, 0700));
}

static int
listen_here(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	ASSERT_OK(fd);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/audit/socket",
		 tap_tmpdir());
	unlink(a.sun_path);
	ASSERT_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	ASSERT_OK(listen(fd, 4));
	return fd;
}

static int
accept_one(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	ASSERT_OK(fd);
	return fd;
}

/* The next message; -EAGAIN: there is none. */
static int
next(int fd, struct wire_message *m)
{
	static uint8_t buf[sizeof(struct wire_record) + RECORD_FIELDS_MAX];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	uint32_t field;

	if (n < 0)
		return -errno;
	ASSERT_OK(wire_decode(buf, (size_t)n, m, &field));
	return m->head.op;
}

static void
ack(int fd, const struct wire_ack *a, size_t n)
{
	struct {
		struct wire_acks h;
		struct wire_ack a[8];
	} m = { .h = { .magic = WIRE_MAGIC,
		       .op = WIRE_RECORD,
		       .n = (uint16_t)n } };
	size_t len = sizeof(m.h) + n * sizeof(*a);

	memcpy(m.a, a, n * sizeof(*a));
	ASSERT_EQ(send(fd, &m, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* ---- the client ---------------------------------------------------------- */

static void
who(struct fields *f)
{
	fields_init(f);
	fields_text(f, FIELD_AGENT, "a");
	fields_text(f, FIELD_RUN, "r");
}

static void
intent(struct fields *f)
{
	fields_init(f);
	fields_text(f, FIELD_WHAT, "tools.call");
	fields_text(f, FIELD_SURFACE, "tools");
	fields_text(f, FIELD_EFFECT, "allow");
}

struct ends {
	int listener, fd;
	struct client *c;
	struct fields f;
};

static void
begin(struct ends *x)
{
	const struct client_options o = { .start = false };
	struct err e = ERR_INIT;

	state_folder();
	x->listener = listen_here();
	ASSERT_OK(client_new(&o, &x->c, &e));
	x->fd = accept_one(x->listener);
	who(&x->f);
	ASSERT_OK(client_open(x->c, &x->f, &e));
	intent(&x->f);
}

static void
end(struct ends *x)
{
	client_free(x->c);
	close(x->fd);
	close(x->listener);
}

static int64_t
send_intent(struct ends *x, unsigned int flags, struct heard *h)
{
	struct err e = ERR_INIT;
	int64_t r =
		client_send(x->c, RECORD_INTENT, 0, &x->f, flags, hear, h, &e);

	ASSERT_TRUE(r > 0);
	return r;
}

static int
process(struct ends *x)
{
	struct err e = ERR_INIT;

	return client_process(x->c, &e);
}

/* ---- tests --------------------------------------------------------------- */

TEST(nothing_is_waited_for)
{
	static struct ends x;
	struct heard h = { 0 };
	struct wire_message m = { 0 };
	uint64_t open;
	int64_t cookie;

	begin(&x);
	cookie = send_intent(&x, WIRE_DURABLE, &h);
	/* all of it is there, and nobody has answered yet */
	ASSERT_EQ(next(x.fd, &m), WIRE_HELLO);
	ASSERT_EQ(next(x.fd, &m), WIRE_OPEN);
	open = m.head.cookie;
	ASSERT_EQ(m.head.flags, 0);
	ASSERT_EQ(next(x.fd, &m), WIRE_RECORD);
	ASSERT_EQ(m.head.flags, WIRE_DURABLE);
	ASSERT_EQ(m.head.cookie, (uint64_t)cookie);
	ASSERT_ERR(next(x.fd, &m), -EAGAIN);
	ASSERT_OK(process(&x));
	ASSERT_EQ(h.times, 0);
	ack(x.fd,
	    (struct wire_ack[]){ { .cookie = open, .seq = 3 },
				 { .cookie = (uint64_t)cookie, .seq = 4 } },
	    2);
	ASSERT_OK(process(&x));
	ASSERT_EQ(h.times, 1);
	ASSERT_EQ(h.seq, 4);
	ASSERT_EQ(h.status, 0);
	end(&x);
}

TEST(answers_in_any_order)
{
	static struct ends x;
	struct heard h[3] = { 0 };
	uint64_t k[3];

	begin(&x);
	for (int i = 0; i < 3; i++)
		k[i] = (uint64_t)send_intent(&x, 0, &h[i]);
	ack(x.fd,
	    (struct wire_ack[]){ { .cookie = k[2], .seq = 9 },
				 { .cookie = k[0], .status = -EDQUOT },
				 /* nobody waits for these */
				 { .cookie = k[2], .seq = 10 },
				 { .cookie = 4711, .seq = 11 } },
	    4);
	ASSERT_OK(process(&x));
	ASSERT_EQ(h[0].status, -EDQUOT);
	ASSERT_EQ(h[0].seq, 0);
	ASSERT_EQ(h[1].times, 0);
	ASSERT_EQ(h[2].times, 1);
	ASSERT_EQ(h[2].seq, 9);
	end(&x);
}

/* What was sent to a channel that was refused is refused for that reason; the
 * next record tries to open it again. */
TEST(a_refused_channel)
{
	static struct ends x;
	struct heard h = { 0 };
	struct wire_message m = { 0 };
	uint64_t open, rec;

	begin(&x);
	rec = (uint64_t)send_intent(&x, 0, &h);
	ASSERT_EQ(next(x.fd, &m), WIRE_HELLO);
	ASSERT_EQ(next(x.fd, &m), WIRE_OPEN);
	open = m.head.cookie;
	ASSERT_EQ(next(x.fd, &m), WIRE_RECORD);
	ack(x.fd,
	    (struct wire_ack[]){ { .cookie = open, .status = -ENOSPC },
				 { .cookie = rec, .status = -ENOTCONN } },
	    2);
	ASSERT_OK(process(&x));
	ASSERT_EQ(h.status, -ENOSPC);
	rec = (uint64_t)send_intent(&x, 0, &h);
	ASSERT_EQ(next(x.fd, &m), WIRE_OPEN);
	open = m.head.cookie;
	ASSERT_EQ(next(x.fd, &m), WIRE_RECORD);
	ack(x.fd,
	    (struct wire_ack[]){ { .cookie = open, .seq = 5 },
				 { .cookie = rec, .seq = 6 } },
	    2);
	ASSERT_OK(process(&x));
	ASSERT_EQ(h.seq, 6);
	end(&x);
}

/* The writer dies: its last answers count, the rest hears of it, once. */
TEST(death)
{
	static struct ends x;
	struct heard h[2] = { 0 };
	struct err e = ERR_INIT;
	struct wire_message m = { 0 };
	uint64_t k;

	begin(&x);
	k = (uint64_t)send_intent(&x, 0, &h[0]);
	send_intent(&x, 0, &h[1]);
	/* it has not read a thing when it goes */
	ack(x.fd, &(struct wire_ack){ .cookie = k, .seq = 8 }, 1);
	close(x.fd);
	ASSERT_ERR(process(&x), -EPIPE);
	ASSERT_EQ(h[0].seq, 8);
	ASSERT_EQ(h[1].times, 1);
	ASSERT_EQ(h[1].status, -EPIPE);
	ASSERT_ERR(client_send(x.c, RECORD_INTENT, 0, &x.f, 0, hear, &h[0], &e),
		   -EPIPE);
	ASSERT_EQ(h[0].times, 1);
	/* the next one learns whose channel goes on */
	ASSERT_OK(client_reconnect(x.c, &e));
	x.fd = accept_one(x.listener);
	ASSERT_EQ(next(x.fd, &m), WIRE_HELLO);
	ASSERT_EQ(next(x.fd, &m), WIRE_OPEN);
	ASSERT_EQ(m.head.flags, WIRE_RESUME);
	end(&x);
}

TEST(words_of_a_refusal)
{
	static struct ends x;
	struct err e = ERR_INIT;

	begin(&x);
	/* HELLO, OPEN, and then this one */
	ack(x.fd, &(struct wire_ack){ .cookie = 3, .status = -ENOSPC }, 1);
	ASSERT_ERR(client_record(x.c, RECORD_INTENT, 0, &x.f, 0, 1000000, &e),
		   -ENOSPC);
	ASSERT_STRSTR(e.text, "the disk of the audit log is full");
	ASSERT_STRSTR(e.cure, "make room");
	ack(x.fd, &(struct wire_ack){ .cookie = 4, .seq = 12 }, 1);
	ASSERT_EQ(client_record(x.c, RECORD_INTENT, 0, &x.f, 0, 1000000, &e),
		  12);
	end(&x);
}

TEST(no_answer)
{
	static struct ends x;
	struct err e = ERR_INIT;

	begin(&x);
	ASSERT_ERR(client_record(x.c, RECORD_INTENT, 0, &x.f, 0, 20000, &e),
		   -ETIMEDOUT);
	ASSERT_STRSTR(e.text, "does not answer");
	/* an answer that is late reaches nobody */
	ack(x.fd, &(struct wire_ack){ .cookie = 3, .seq = 7 }, 1);
	ASSERT_OK(process(&x));
	ASSERT_ERR(client_flush(x.c, 20000, &e), -ETIMEDOUT); /* OPEN */
	end(&x);
}

TEST(quiet)
{
	static struct ends x;
	struct heard h = { 0 };
	struct err e = ERR_INIT;

	begin(&x);
	ack(x.fd, &(struct wire_ack){ .cookie = 2, .seq = 1 }, 1);
	send_intent(&x, WIRE_QUIET, &h);
	ASSERT_OK(client_flush(x.c, 1000000, &e));
	ASSERT_EQ(h.times, 0);
	end(&x);
}

TEST(hello)
{
	static struct ends x;
	struct wire_hello sent = { .magic = WIRE_MAGIC,
				   .op = WIRE_HELLO,
				   .version = 1,
				   .open_actions = 99 };
	const struct wire_hello *got;
	struct err e = ERR_INIT;

	begin(&x);
	ASSERT_EQ(send(x.fd, &sent, sizeof(sent), 0), (ssize_t)sizeof(sent));
	ASSERT_OK(client_hello(x.c, 1000000, &got, &e));
	ASSERT_EQ(got->open_actions, 99);
	end(&x);
}

/* A writer is trusted with the log, not with our memory. */
TEST(nonsense)
{
	static const uint8_t bad[][16] = {
		{ 1, 2, 3, 4, 2, 0, 0, 0 },		/* no magic */
		{ 0x41, 0x55, 0x44, 0x31, 2, 0, 9, 0 }, /* nine, and none is */
		{ 0x41, 0x55, 0x44, 0x31, 9, 0, 0, 0 }, /* no such answer */
		{ 0x41, 0x55, 0x44, 0x31, 0, 0, 1, 0 }, /* half a hello */
	};
	static struct ends x;

	begin(&x);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_EQ(send(x.fd, bad[i], i == 3 ? 16 : 8, 0),
			  i == 3 ? 16 : 8);
		ASSERT_ERR(process(&x), -EPROTO);
	}
	end(&x);
}

TEST(a_record_too_large)
{
	static struct ends x;
	struct err e = ERR_INIT;

	begin(&x);
	x.f.full = true;
	ASSERT_ERR(client_send(x.c, RECORD_INTENT, 0, &x.f, 0, NULL, NULL, &e),
		   -EMSGSIZE);
	end(&x);
}

/* ---- starting ------------------------------------------------------------ */

static void
script(char *path, size_t size, const char *text)
{
	int fd;

	snprintf(path, size, "%s/writer", tap_tmpdir());
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int
start(const char *writer, struct err *e)
{
	const struct client_options o = { .writer = writer, .start = true };
	struct client *c;
	int r = client_new(&o, &c, e);

	if (r >= 0)
		client_free(c);
	return r;
}

TEST(a_writer_that_does_not_start)
{
	struct err e = ERR_INIT;
	char path[PATH_MAX];

	ASSERT_OK(setenv("AGENTBOX_STATE_DIR", tap_tmpdir(), 1));
	ASSERT_TRUE(start("/nonexistent/agentbox-audit", &e) < 0);
	ASSERT_STRSTR(e.text, "/nonexistent/agentbox-audit");
	ASSERT_STRSTR(e.cure, "no agent starts without a record");
	script(path, sizeof(path),
	       "#!/bin/sh\necho 'the moon is full' >&3\nexit 1\n");
	ASSERT_TRUE(start(path, &e) < 0);
	ASSERT_STRSTR(e.text, "does not start: the moon is full");
	script(path, sizeof(path), "#!/bin/sh\nexit 0\n");
	ASSERT_TRUE(start(path, &e) < 0);
	ASSERT_STRSTR(e.text, "does not start");
}

/* It gets no descriptor of ours but the pipe, and only the environment that it
 * needs. */
TEST(what_the_writer_inherits)
{
	struct err e = ERR_INIT;
	char path[PATH_MAX];
	int fd;

	ASSERT_OK(setenv("AGENTBOX_STATE_DIR", tap_tmpdir(), 1));
	ASSERT_OK(setenv("SECRET", "hunter2", 1));
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ASSERT_TRUE(fcntl(fd, F_DUPFD, 50) >= 0); /* without that flag */
	script(path, sizeof(path),
	       "#!/bin/sh\ncd /proc/self/fd && printf 'fds' >&3\n"
	       "for i in 0 1 2 3 4 5 6 7 8 9 50 51; do\n"
	       "[ ! -e $i ] || printf ' %s' $i >&3; done\n"
	       "echo \" secret=${SECRET:-none}\" >&3; exit 1\n");
	ASSERT_TRUE(start(path, &e) < 0);
	close(fd);
	close(50);
	/* the shell may hold its script open at 10 and above */
	ASSERT_STRSTR(e.text, "fds 0 1 2 3 secret=none");
}

TEST(nobody_there)
{
	const struct client_options o = { .start = false };
	struct err e = ERR_INIT;
	struct client *c;

	state_folder();
	ASSERT_TRUE(client_new(&o, &c, &e) < 0);
	ASSERT_STRSTR(e.text, "cannot be reached");
}

TEST(no_place)
{
	struct err e = ERR_INIT;
	char path[PATH_MAX];

	ASSERT_OK(setenv("AGENTBOX_STATE_DIR", "here", 1));
	ASSERT_ERR(layout_state(path, &e), -EINVAL);
	ASSERT_STRSTR(e.cure, "absolute");
	ASSERT_OK(setenv("AGENTBOX_STATE_DIR", tap_tmpdir(), 1));
	ASSERT_OK(layout_state(path, &e));
	ASSERT_STREQ(path, tap_tmpdir());
	ASSERT_OK(chmod(tap_tmpdir(), 0777));
	ASSERT_ERR(layout_open(false, true, &e), -EPERM);
	ASSERT_STRSTR(e.text, "open to others");
	ASSERT_OK(chmod(tap_tmpdir(), 0700));
	snprintf(path, sizeof(path), "%s/audit", tap_tmpdir());
	ASSERT_OK(symlink("/tmp", path));
	ASSERT_TRUE(layout_open(true, true, &e) < 0);
	ASSERT_OK(unlink(path));
	ASSERT_ERR(layout_open(true, false, &e), -ENOENT);
	ASSERT_OK(mkdir(path, 0755));
	ASSERT_OK(chmod(path, 0755));
	ASSERT_ERR(layout_open(true, true, &e), -EPERM);
	ASSERT_STRSTR(e.cure, "chmod 0700");
}

TEST(every_refusal_has_words)
{
	static const int all[] = { ENOSPC, EDQUOT, EIO,	    EROFS,   EFBIG,
				   EPIPE,  EMFILE, EUCLEAN, EALREADY };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		ASSERT_NE(strcmp(client_status_text(-all[i]), strerror(all[i])),
			  0);
}
