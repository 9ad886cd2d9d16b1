/* links: lib policy sandbox profiles supervisor */
/*
 * How fast busy processes of a box stop: the control request, from sending it
 * to its answer, against the plain write to the same cgroup file by ourselves,
 * on the same box, in turn.
 *
 *	bench_control AGENTBOX PROFILE GROUPS N ROUNDS
 *	bench_control spin N
 *
 * GROUPS is the cgroup2 folder in which boxes have their groups, or "" if there
 * is none: then only the request is measured. The second form is what runs in
 * the box; the current folder is the workspace and holds this program. Prints,
 * by tabs: act, way, samples, median and 95th percentile in nanoseconds.
 */
#include "tests/bench/bench.h"

#include "lib/str.h"
#include "supervisor/client.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define SAMPLES_MAX 4096
#define SPIN_NS 40000
#define GIVE_UP_NS 20000000000u

enum act { ACT_FREEZE, ACT_THAW, ACT_KILL, ACTS };
enum way { WAY_WRITE, WAY_REQUEST, WAYS };

static struct sample {
	uint64_t v[SAMPLES_MAX];
	size_t n;
} samples[ACTS][WAYS];

struct box {
	pid_t pid; /* of agentbox */
	int out;   /* the command's standard output */
	int control;
	int freeze, kill, events; /* of its group; negative: there is none */
};

static void
add_sample(enum act a, enum way w, uint64_t ns)
{
	struct sample *s = &samples[a][w];

	if (s->n < SAMPLES_MAX)
		s->v[s->n++] = ns;
}

static void
pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* What the box runs. */
static int
spin(uint64_t n)
{
	for (uint64_t i = 1; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			bench_die("fork");
		if (pid == 0)
			for (;;)
				__asm__ volatile("");
	}
	if (write(1, "r", 1) != 1)
		return 1;
	for (;;)
		__asm__ volatile("");
}

static void
open_group(struct box *b, const char *groups, const char *id)
{
	static const char *const files[] = { "cgroup.freeze", "cgroup.kill",
					     "cgroup.events" };
	int *const fds[] = { &b->freeze, &b->kill, &b->events };
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/agentbox-%s/%s", groups, id,
			 files[i]);
		*fds[i] = *groups ? open(path, (i == 2 ? O_RDONLY : O_WRONLY) |
						       O_CLOEXEC)
				  : -EBADF;
		if (*groups && *fds[i] < 0)
			bench_die(path);
	}
}

static void
start_box(struct box *b, char **argv, const char *n, const char *groups)
{
	extern char **environ;
	posix_spawn_file_actions_t fa;
	struct err e = ERR_INIT;
	char name[64], id[RUNTIME_ID_LEN + 1], c;
	struct runtime *rt;
	int p[2];

	snprintf(name, sizeof(name), "bench-%d", (int)getpid());
	char *const words[] = { argv[1],
				(char[]){ "run" },
				(char[]){ "-n" },
				name,
				(char[]){ "-p" },
				argv[2],
				(char[]){ "--" },
				(char[]){ "./bench_control" },
				(char[]){ "spin" },
				strdup(n),
				NULL };

	if (pipe2(p, O_CLOEXEC) < 0)
		bench_die("pipe");
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, p[1], 1);
	errno = posix_spawn(&b->pid, argv[1], &fa, NULL, words, environ);
	if (errno)
		bench_die(argv[1]);
	posix_spawn_file_actions_destroy(&fa);
	close(p[1]);
	b->out = p[0];
	if (read(b->out, &c, 1) != 1)
		bench_die("the box did not start");
	if (runtime_open(false, &rt, &e) < 0 || runtime_lookup(rt, name, id))
		bench_die("the runtime folder");
	b->control = runtime_connect(rt, id);
	if (b->control < 0)
		bench_die("the control socket");
	runtime_close(rt);
	open_group(b, groups, id);
	pause_ms(100);
}

static void
end_box(struct box *b)
{
	if (waitpid(b->pid, NULL, 0) < 0)
		bench_die("waitpid");
	close(b->out);
	close(b->control);
	close_ptr(&b->freeze);
	close_ptr(&b->kill);
	close_ptr(&b->events);
}

static int
event_is(const struct box *b, const char *line)
{
	char buf[256];
	ssize_t n = pread(b->events, buf, sizeof(buf) - 1, 0);

	/* The group is removed soon after it is empty. */
	if (n < 0 && errno == ENODEV)
		return 1;
	if (n < 0)
		bench_die("cgroup.events");
	buf[n] = '\0';
	return strstr(buf, line) != NULL;
}

static void
wait_event(const struct box *b, const char *line, uint64_t start)
{
	struct timespec t = { 0, 10000 };
	uint64_t passed;

	while (!event_is(b, line)) {
		passed = bench_now() - start;
		if (passed > GIVE_UP_NS) {
			errno = ETIMEDOUT;
			bench_die(line);
		}
		t.tv_nsec = (long)MAX(10000u, MIN(passed / 8, 5000000u));
		if (passed > SPIN_NS)
			nanosleep(&t, NULL);
	}
}

static uint64_t
by_write(const struct box *b, enum act a)
{
	static const char *const want[ACTS] = { "frozen 1", "frozen 0",
						"populated 0" };
	uint64_t start = bench_now();
	int fd = a == ACT_KILL ? b->kill : b->freeze;

	if (pwrite(fd, a == ACT_THAW ? "0" : "1", 1, 0) != 1)
		bench_die("cgroup file");
	wait_event(b, want[a], start);
	return bench_now() - start;
}

static uint64_t
by_request(const struct box *b, enum act a)
{
	static const enum control_op op[ACTS] = { CONTROL_FREEZE, CONTROL_THAW,
						  CONTROL_KILL };
	char buf[CONTROL_REPLY_MAX];
	struct control_reply h;
	uint64_t start = bench_now(), took;

	if (client_ask(b->control, op[a], 0, NULL) < 0 ||
	    recv(b->control, buf, sizeof(buf), 0) < (ssize_t)sizeof(h))
		bench_die("control request");
	took = bench_now() - start;
	memcpy(&h, buf, sizeof(h));
	if (h.status < 0) {
		errno = -h.status;
		bench_die("the box refused");
	}
	if (a == ACT_KILL && b->events >= 0 && !event_is(b, "populated 0")) {
		fputs("bench_control: the answer came before the end\n",
		      stderr);
		exit(2);
	}
	return took;
}

static void
one_act(const struct box *b, enum act a, enum way w)
{
	add_sample(a, w, w == WAY_WRITE ? by_write(b, a) : by_request(b, a));
}

/* Each way freezes and thaws, the other way first in every second round. */
static void
one_round(const struct box *b, bool write_too, uint64_t round)
{
	for (int i = 0; i < WAYS; i++) {
		enum way w =
			(round + (uint64_t)i) % 2 ? WAY_WRITE : WAY_REQUEST;

		if (w == WAY_WRITE && !write_too)
			continue;
		one_act(b, ACT_FREEZE, w);
		pause_ms(10);
		one_act(b, ACT_THAW, w);
		pause_ms(40);
	}
}

static void
print(void)
{
	static const char *const acts[ACTS] = { "freeze", "thaw", "kill" };
	static const char *const ways[WAYS] = { "write", "request" };

	for (int a = 0; a < ACTS; a++)
		for (int w = 0; w < WAYS; w++) {
			struct sample *s = &samples[a][w];

			if (!s->n)
				continue;
			printf("%s\t%s\t%zu\t%llu\t%llu\n", acts[a], ways[w],
			       s->n,
			       (unsigned long long)bench_percentile(s->v, s->n,
								    50),
			       (unsigned long long)bench_percentile(s->v, s->n,
								    95));
		}
}

int
main(int argc, char **argv)
{
	uint64_t n, rounds;
	struct box b;

	if (argc == 3 && !strcmp(argv[1], "spin") &&
	    str_to_u64(argv[2], &n) == 0)
		return spin(n);
	if (argc != 6 || str_to_u64(argv[5], &rounds) < 0) {
		fputs("usage: bench_control AGENTBOX PROFILE GROUPS N ROUNDS\n",
		      stderr);
		return 2;
	}
	prctl(PR_SET_TIMERSLACK, 1000);
	for (uint64_t i = 0; i < rounds; i++) {
		bool write_too = argv[3][0];

		start_box(&b, argv, argv[4], argv[3]);
		one_round(&b, write_too, i);
		one_round(&b, write_too, i);
		one_act(&b, ACT_KILL,
			write_too && i % 2 ? WAY_WRITE : WAY_REQUEST);
		end_box(&b);
	}
	print();
	return 0;
}
