/* links: shim net sandbox policy lib */
/*
 * In place of agentbox-shim: a shim that somebody took over, under the real
 * supervisor. It takes SETUP as the shim does, is confined as the shim is, and
 * then does what the file "attack" beside it says. What it got is in the file
 * "got" there, which was open before (a real one has none): a line each,
 * "descriptor" for a connection that it was handed, "yes" and "no" for an
 * answer, "ended" where the supervisor hung up.
 *
 * The first word of "attack" is a row of the table below; or an attempt of
 * taken_over.h, which is tried on the supervisor.
 */
#include "lib/err.h"
#include "lib/fd.h"
#include "lib/macro.h"
#include "lib/str.h"
#include "net/batch.h"
#include "net/wire.h"
#include "shim/confine.h"
#include "tests/tools/taken_over.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define CHANNEL 3
#define WAIT_MS 20000
#define GOT_SIZE 65536u

struct bad {
	uint8_t in[NET_PACKET_MAX], out[NET_PACKET_MAX];
	char attack[64];
	char *got; /* what is said of it; the file, mapped */
	size_t said;
	int in_ready, out_ready; /* epoll */
	pid_t parent;
	int upstream;
	int listener;
	uint64_t action, conn;
	ssize_t len; /* of what was heard last, of which at is taken */
	size_t at;
};

static void
say(struct bad *b, const char *text)
{
	size_t n = strlen(text);

	if (b->said + n >= GOT_SIZE)
		return;
	memcpy(b->got + b->said, text, n);
	b->said += n;
}

/* poll(2) the shim may not. */
static bool
ready(int epoll)
{
	struct epoll_event ev;

	return epoll_wait(epoll, &ev, 1, WAIT_MS) == 1 &&
	       !(ev.events & EPOLLHUP);
}

static int
send_it(struct bad *b, struct net_writer *w)
{
	ssize_t n = net_end(w);

	while (n > 0 &&
	       net_send(CHANNEL, b->out, (size_t)n, NULL, 0) == -EAGAIN)
		if (!ready(b->out_ready))
			return -EAGAIN;
	return 0;
}

static void
ask(struct bad *b, uint32_t id, const char *host, uint16_t port,
    const char *scheme)
{
	struct net_writer w;

	net_begin(&w, b->out, NET_ASK, NET_WANT_FD, id);
	net_put_text(&w, NET_F_HOST, host);
	net_put_u64(&w, NET_F_PORT, port);
	net_put_u64(&w, NET_F_VIA, NET_VIA_SOCKS);
	net_put_text(&w, NET_F_SCHEME, scheme);
	(void)send_it(b, &w);
}

/* One more message of the supervisor's, with what came along. */
static bool
hear_more(struct bad *b)
{
	int fds[NET_FDS_MAX];
	size_t n_fds = 0;

	b->at = 0;
	if (!ready(b->in_ready))
		return false;
	b->len = net_recv(CHANNEL, b->in, sizeof(b->in), fds, ARRAY_SIZE(fds),
			  &n_fds);
	for (size_t i = 0; b->len > 0 && i < n_fds; i++) {
		say(b, "descriptor\n");
		b->upstream = fds[i];
	}
	return b->len > 0;
}

/* One more packet of it; false: the supervisor hung up. */
static bool
hear(struct bad *b, struct net_message *m)
{
	const uint8_t *p;
	size_t len;

	while (b->len <= 0 ||
	       net_batch_next(b->in, (size_t)b->len, &b->at, &p, &len) <= 0)
		if (!hear_more(b))
			return false;
	return net_decode(p, len, false, m) == 0;
}

/* Until the answers to n questions are there. */
static void
answers(struct bad *b, unsigned int n)
{
	struct net_message m;

	while (n && hear(b, &m)) {
		if (m.op != NET_ANSWER)
			continue;
		say(b, m.number[NET_F_VERDICT] == NET_YES ? "yes\n" : "no\n");
		b->action = m.number[NET_F_ACTION];
		b->conn = m.number[NET_F_CONN];
		n--;
	}
}

static void
done(struct bad *b, uint64_t action, const char *status)
{
	struct net_writer w;

	net_begin(&w, b->out, NET_DONE, 0, 0);
	net_put_u64(&w, NET_F_ACTION, action);
	net_put_text(&w, NET_F_STATUS, status);
	(void)send_it(b, &w);
}

/* ---- attacks ------------------------------------------------------------- */

/* What is granted it gets, or the others would show nothing. */
static void
granted(struct bad *b)
{
	ask(b, 1, "raw.test", 7, "tcp");
	answers(b, 1);
}

static void
not_granted(struct bad *b)
{
	static const char *const hosts[] = {
		"other.test",	   "evil.example",	"127.0.0.1",
		"169.254.169.254", "agentbox.internal", "localhost"
	};

	for (uint32_t i = 0; i < ARRAY_SIZE(hosts); i++)
		ask(b, i + 1, hosts[i], 443, "tcp");
	ask(b, 100, "raw.test", 22, "tcp");
	answers(b, ARRAY_SIZE(hosts) + 1);
}

static void
forged_done(struct bad *b)
{
	granted(b);
	for (uint64_t i = 1; i < 64; i++)
		if (i != b->action)
			done(b, i, "ok");
}

static void
done_twice(struct bad *b)
{
	granted(b);
	done(b, b->action, "ok");
	done(b, b->action, "ok");
}

static void
forged_status(struct bad *b)
{
	granted(b);
	done(b, b->action, "allowed by root");
}

static void
forged_conn(struct bad *b)
{
	struct net_writer w;

	granted(b);
	net_begin(&w, b->out, NET_ASK, 0, 9);
	net_put_text(&w, NET_F_HOST, "plain.test");
	net_put_u64(&w, NET_F_PORT, 80);
	net_put_u64(&w, NET_F_VIA, NET_VIA_CAPTURE);
	net_put_text(&w, NET_F_SCHEME, "http");
	net_put_u64(&w, NET_F_CONN, b->conn);
	(void)send_it(b, &w);
}

static void
other_text(struct bad *b)
{
	ask(b, 1, "RAW.test.", 7, "tcp");
}

static void
two_lines(struct bad *b)
{
	ask(b, 1, "raw.test\nforged", 7, "tcp");
}

static void
garbage(struct bad *b)
{
	memset(b->out, 0xa5, 4096);
	(void)net_send(CHANNEL, b->out, 4096, NULL, 0);
}

static void
cut_short(struct bad *b)
{
	struct net_writer w;

	net_begin(&w, b->out, NET_ASK, NET_WANT_FD, 1);
	net_put_text(&w, NET_F_HOST, "raw.test");
	(void)net_send(CHANNEL, b->out, (size_t)net_end(&w) - 3, NULL, 0);
}

static void
answers_itself(struct bad *b)
{
	struct net_writer w;

	net_begin(&w, b->out, NET_ANSWER, 0, 1);
	net_put_u64(&w, NET_F_VERDICT, NET_YES);
	(void)send_it(b, &w);
}

static void
ready_twice(struct bad *b)
{
	struct net_writer w;

	net_begin(&w, b->out, NET_READY, 0, 0);
	(void)send_it(b, &w);
}

static void
hands_descriptors(struct bad *b)
{
	int fds[] = { CHANNEL, CHANNEL };
	struct net_writer w;

	net_begin(&w, b->out, NET_IDLE, 0, 0);
	(void)net_send(CHANNEL, b->out, (size_t)net_end(&w), fds, 2);
}

static void
forged_reason(struct bad *b)
{
	struct net_writer w;

	net_begin(&w, b->out, NET_FOUND, 0, 1);
	net_put_text(&w, NET_F_HOST, "raw.test");
	net_put_u64(&w, NET_F_PORT, 7);
	net_put_text(&w, NET_F_DETAIL, "x");
	net_put_text(&w, NET_F_REASON, "approved-by-root");
	(void)send_it(b, &w);
}

/* Questions and no ear for the answers. */
static void
flood(struct bad *b)
{
	for (uint32_t i = 1; i <= 200000; i++) {

		if (!ready(b->out_ready))
			return;
		ask(b, i, "evil.example", 443, "tcp");
	}
}

static void
many_more(struct bad *b)
{
	struct net_writer w;

	granted(b);
	net_begin(&w, b->out, NET_MORE, 0, 7);
	net_put_u64(&w, NET_F_SIZE, UINT64_MAX);
	net_put_u64(&w, NET_F_ACTION, 12345678);
	(void)send_it(b, &w);
	answers(b, 1);
}

/* A placeholder that is not the agent's to use there. */
static void
wants_secret(struct bad *b)
{
	static const uint16_t seen[2] = { 0, NET_SEEN_HEADER };
	struct net_writer w;

	net_begin(&w, b->out, NET_ASK, NET_WANT_FD, 1);
	net_put_text(&w, NET_F_HOST, "plain.test");
	net_put_u64(&w, NET_F_PORT, 80);
	net_put_u64(&w, NET_F_VIA, NET_VIA_CAPTURE);
	net_put_text(&w, NET_F_SCHEME, "http");
	net_put_text(&w, NET_F_METHOD, "GET");
	net_put_text(&w, NET_F_PATH, "/hello");
	net_put(&w, NET_F_SEEN, seen, sizeof(seen));
	(void)send_it(b, &w);
	answers(b, 1);
}

static const struct {
	const char *name;
	void (*fn)(struct bad *b);
} attacks[] = {
#define ATTACK(fn)                                                             \
	{                                                                      \
#fn, fn                                                        \
	}
	ATTACK(granted),	   ATTACK(not_granted),	   ATTACK(forged_done),
	ATTACK(done_twice),	   ATTACK(forged_status),  ATTACK(forged_conn),
	ATTACK(other_text),	   ATTACK(two_lines),	   ATTACK(garbage),
	ATTACK(cut_short),	   ATTACK(answers_itself), ATTACK(ready_twice),
	ATTACK(hands_descriptors), ATTACK(forged_reason),  ATTACK(flood),
	ATTACK(many_more),	   ATTACK(wants_secret),
};

/* As the real one has it: a connection that was given, the box's listener. */
static void
attempt(struct bad *b)
{
	struct taken t = { .chan = CHANNEL,
			   .listener = b->listener,
			   .udp = b->listener,
			   .victim = b->parent };

	granted(b);
	t.upstream = t.gone = b->upstream;
	for (size_t i = 0; i < n_attempts; i++)
		if (!strcmp(attempts[i].name, b->attack) &&
		    attempts[i].fn(&t) > 0)
			say(b, "it worked\n");
}

static void
attack(struct bad *b)
{
	struct net_message m;

	for (size_t i = 0; i < ARRAY_SIZE(attacks); i++)
		if (!strcmp(attacks[i].name, b->attack)) {
			attacks[i].fn(b);
			while (hear(b, &m))
				;
			say(b, "ended\n");
			return;
		}
	attempt(b);
}

/* ---- as the real one ----------------------------------------------------- */

static int
watch(uint32_t what)
{
	struct epoll_event ev = { .events = what };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	return fd < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, CHANNEL, &ev) < 0 ? -1
									: fd;
}

static int
set_up(struct bad *b)
{
	char path[4096], *slash;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);
	int fd;

	if (n < 0)
		return -1;
	path[n] = '\0';
	slash = strrchr(path, '/') + 1;
	snprintf(slash, 16, "attack");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, b->attack, sizeof(b->attack) - 1);
	if (n < 0)
		return -1;
	b->attack[n] = '\0';
	b->attack[strcspn(b->attack, "\n")] = '\0';
	close(fd);
	snprintf(slash, 16, "got");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, GOT_SIZE) < 0)
		return -1;
	b->got =
		mmap(NULL, GOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	b->parent = getppid();
	b->in_ready = watch(EPOLLIN);
	b->out_ready = watch(EPOLLOUT);
	return b->got == MAP_FAILED || b->in_ready < 0 || b->out_ready < 0 ? -1
									   : 0;
}

static int
greet(struct bad *b)
{
	int fds[NET_FDS_MAX];
	size_t n = 0;

	if (!ready(b->in_ready) || net_recv(CHANNEL, b->in, sizeof(b->in), fds,
					    ARRAY_SIZE(fds), &n) <= 0)
		return -1;
	b->listener = fds[0];
	return 0;
}

int
main(int argc, char **argv)
{
	static struct bad b;
	struct confine_options o = { .become = false };
	struct err e = ERR_INIT;
	uint64_t uid = 0;

	if (argc == 4 && !strcmp(argv[1], "--uid") &&
	    str_to_u64(argv[2], &uid) >= 0)
		o = (struct confine_options){ .become = true,
					      .uid = (uid_t)uid };
	if (set_up(&b) < 0 || greet(&b) < 0)
		return 1;
	if (shim_confine(&o, &e) < 0) {
		say(&b, e.text);
		return 1;
	}
	ready_twice(&b); /* once, so far */
	attack(&b);
	return 0;
}
