/* links: shim net sandbox policy lib */
/* A shim that was taken over. Each try is a child that is confined as it is. */
#include "lib/fd.h"
#include "lib/macro.h"
#include "shim/confine.h"
#include "tests/tap.h"
#include "tests/tools/taken_over.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define SHIM_UID 1879179264u

static int
listener(uint16_t *ret_port, int type)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = ASSERT_OK(socket(AF_INET, type | SOCK_CLOEXEC, 0));

	ASSERT_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	if (type == SOCK_STREAM)
		ASSERT_OK(listen(fd, 8));
	ASSERT_OK(getsockname(fd, (struct sockaddr *)&a, &len));
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static int
dial(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = ASSERT_OK(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	ASSERT_OK(connect(fd, (struct sockaddr *)&a, sizeof(a)));
	return fd;
}

/* A connection that was dialled without waiting, as the supervisor does, and
 * that its server reset: the kernel still takes it for one that is being
 * dialled, and the second attempt from now on dials anew. */
static int
gone(int server, uint16_t port)
{
	static const struct linger reset = { .l_onoff = 1 };
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = ASSERT_OK(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	int peer;
	char c;

	ASSERT_OK(fcntl(fd, F_SETFL, O_NONBLOCK));
	ASSERT_EQ(connect(fd, (struct sockaddr *)&a, sizeof(a)), -1);
	ASSERT_EQ(errno, EINPROGRESS);
	peer = ASSERT_OK(accept(server, NULL, NULL));
	ASSERT_OK(fcntl(fd, F_SETFL, 0));

	ASSERT_OK(
		setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)));
	close(peer);
	ASSERT_EQ(recv(fd, &c, 1, 0), -1);
	ASSERT_EQ(errno, ECONNRESET);
	return fd;
}

struct scene {
	struct taken t;
	int server, other, accepted, pair[2];
};

static void
set_scene(struct scene *s)
{
	uint16_t port, box, udp;

	s->server = listener(&port, SOCK_STREAM);
	s->t.listener = listener(&box, SOCK_STREAM);
	s->t.udp = listener(&udp, SOCK_DGRAM);
	s->t.upstream = dial(port);
	s->accepted = ASSERT_OK(accept(s->server, NULL, NULL));
	s->t.gone = gone(s->server, port);
	s->other = listener(&s->t.port, SOCK_STREAM);
	ASSERT_OK(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s->pair));
	s->t.chan = s->pair[1];
	s->t.victim = ASSERT_OK(fork());
	if (s->t.victim == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
}

static void
end_scene(struct scene *s)
{
	const int fds[] = { s->server,	   s->other,   s->accepted,
			    s->pair[0],	   s->pair[1], s->t.upstream,
			    s->t.listener, s->t.udp,   s->t.gone };

	kill(s->t.victim, SIGKILL);
	waitpid(s->t.victim, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
}

static void
enter(void)
{
	const struct confine_options o = { .become = geteuid() == 0,
					   .uid = SHIM_UID };
	struct err e = ERR_INIT;

	if (shim_confine(&o, &e) < 0)
		FAIL("shim_confine: %s", e.text);
}

static int
try(const struct attempt *a, struct scene *s, bool confined)
{
	pid_t pid = ASSERT_OK(fork());
	int status;

	if (pid == 0) {
		if (confined)
			enter();
		_exit(a->fn(&s->t) > 0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

/* The server that was not given saw nobody; the victim lives. */
static void
nothing_happened(const struct attempt *a, struct scene *s)
{
	int fd = accept4(s->other, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		FAIL("%s: a server was reached", a->name);
	if (waitpid(s->t.victim, NULL, WNOHANG) != 0)
		FAIL("%s: the victim is gone", a->name);
}

TEST_LIMIT(a_shim_that_was_taken_over_gets_nothing, 120)
{
	struct scene s;

	set_scene(&s);
	ASSERT_OK(fcntl(s.other, F_SETFL, O_NONBLOCK));
	for (size_t i = 0; i < n_attempts; i++) {
		const struct attempt *a = &attempts[i];
		int status = try(a, &s, true);

		if (a->dies ? !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS
			    : status != 0)
			FAIL("%s: status %#x", a->name, status);
		nothing_happened(a, &s);
	}
	end_scene(&s);
}

/* The attempts are real ones: without the confinement they work. */
TEST_LIMIT(without_confinement_they_get_it, 60)
{
	static const char *const work[] = {
		"inet_socket",	     "connect_anew",	   "fast_open_sendto",
		"fast_open_sendmsg", "open_file",	   "signal_by_owner",
		"signal_number",     "address_for_sendto", "pair_of_sockets",
		"options_of_peers",
	};

	for (size_t i = 0; i < n_attempts; i++) {
		struct scene s;
		bool wanted = false;

		for (size_t k = 0; k < ARRAY_SIZE(work); k++)
			wanted |= strcmp(work[k], attempts[i].name) == 0;
		if (!wanted)
			continue;
		set_scene(&s);
		if (try(&attempts[i], &s, false) != 1 << 8)
			FAIL("%s gets nothing even so", attempts[i].name);
		end_scene(&s);
	}
}

/* Who it is afterwards. */
TEST(it_is_nobody)
{
	pid_t pid = ASSERT_OK(fork());
	bool root = geteuid() == 0;
	char path[64], *text = NULL;
	int status;

	if (pid == 0) {
		enter();
		for (;;)
			(void)syscall(SYS_restart_syscall);
	}
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	for (;;) {
		free(text);
		ASSERT_GE(fd_read_file(AT_FDCWD, path, 1 << 16, &text), 1);
		if (strstr(text, "Seccomp:\t2"))
			break;
	}
	ASSERT_STRSTR(text, "NoNewPrivs:\t1");
	ASSERT_STRSTR(text, "CapEff:\t0000000000000000");
	ASSERT_STRSTR(text, "CapPrm:\t0000000000000000");
	ASSERT_STRSTR(text, "CapBnd:\t0000000000000000");
	if (root)
		ASSERT_STRSTR(text, "Uid:\t1879179264\t1879179264");
	free(text);
	kill(pid, SIGKILL);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
}
