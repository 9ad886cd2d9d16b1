/* links: lib */
/*
 * Start to exit of several commands, one after the other in each round, so
 * that whatever else the machine does falls on all of them alike. Each round
 * has an order of its own, always the same ones: what a command leaves behind
 * (cold caches, namespaces that are still being taken apart) is not always the
 * next one's to pay.
 *
 *	bench_launch ROUNDS < LIST
 *
 * A line of LIST is a label and the words of a command, separated by tabs.
 * Before the words may stand "9<FILE" (descriptor 9 of the command) and
 * "ns=FILE" (a mount namespace to start it from, entered before the clock
 * starts). Lines of the same label pool their samples. Standard streams are
 * /dev/null. Prints, by tabs: label, samples, least, median, 95th percentile
 * and median CPU of what was waited for, in nanoseconds, and the last exit
 * status.
 */
#include "tests/bench/bench.h"

#include "lib/macro.h"
#include "lib/str.h"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define COMMANDS_MAX 64
#define WORDS_MAX 128

struct command {
	const char *label;
	char *words[WORDS_MAX + 1];
	char **argv;
	const char *nine, *ns;
};

struct pool {
	const char *label;
	uint64_t *wall, *cpu;
	size_t n;
	int status;
};

static struct command commands[COMMANDS_MAX];
static struct pool pools[COMMANDS_MAX];
static size_t n_commands;
static int own_ns = -EBADF, own_dir = -EBADF;

static void
parse_line(char *line)
{
	struct command *c = &commands[n_commands];
	char *save = NULL;
	size_t n = 0;

	line[strcspn(line, "\n")] = '\0';
	c->label = strdup(strsep(&line, "\t"));
	for (char *w = line; w && n < WORDS_MAX; w = save) {
		save = strchr(w, '\t');
		if (save)
			*save++ = '\0';
		c->words[n++] = strdup(w);
	}
	c->argv = c->words;
	for (; *c->argv; c->argv++) {
		if (str_starts(*c->argv, "9<"))
			c->nine = *c->argv + 2;
		else if (str_starts(*c->argv, "ns="))
			c->ns = *c->argv + 3;
		else
			break;
	}
	if (*c->argv)
		n_commands++;
}

static struct pool *
pool_of(const char *label, size_t rounds)
{
	struct pool *p = pools;

	while (p->label && strcmp(p->label, label) != 0)
		p++;
	if (!p->label) {
		p->label = label;
		p->wall = calloc(rounds * COMMANDS_MAX, sizeof(*p->wall));
		p->cpu = calloc(rounds * COMMANDS_MAX, sizeof(*p->cpu));
		if (!p->wall || !p->cpu)
			bench_die("calloc");
	}
	return p;
}

static void
enter(const char *ns)
{
	int fd = ns ? open(ns, O_RDONLY | O_CLOEXEC) : own_ns;

	if (fd < 0 || setns(fd, CLONE_NEWNS) < 0)
		bench_die(ns ? ns : "mount namespace");
	if (ns)
		close(fd);
	else if (fchdir(own_dir) < 0) /* setns(2) went to the root */
		bench_die("current folder");
}

static uint64_t
cpu_of(const struct rusage *ru)
{
	return (uint64_t)(ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) *
		       1000000000u +
	       (uint64_t)(ru->ru_utime.tv_usec + ru->ru_stime.tv_usec) * 1000u;
}

static void
run_one(const struct command *c, struct pool *p, bool count)
{
	extern char **environ;
	posix_spawn_file_actions_t fa;
	struct rusage ru;
	uint64_t start;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, 1, 2);
	if (c->nine)
		posix_spawn_file_actions_addopen(&fa, 9, c->nine, O_RDONLY, 0);
	if (c->ns)
		enter(c->ns);
	start = bench_now();
	errno = posix_spawnp(&pid, c->argv[0], &fa, NULL, c->argv, environ);
	if (errno)
		bench_die(c->argv[0]);
	while (wait4(pid, &status, 0, &ru) < 0 && errno == EINTR)
		;
	p->wall[p->n] = bench_now() - start;
	p->cpu[p->n] = cpu_of(&ru);
	p->n += count;
	p->status = WIFEXITED(status) ? WEXITSTATUS(status)
				      : 128 + WTERMSIG(status);
	if (c->ns)
		enter(NULL);
	posix_spawn_file_actions_destroy(&fa);
}

static void
print(void)
{
	for (struct pool *p = pools; p->label; p++)
		printf("%s\t%zu\t%llu\t%llu\t%llu\t%llu\t%d\n", p->label, p->n,
		       (unsigned long long)bench_percentile(p->wall, p->n, 0),
		       (unsigned long long)bench_percentile(p->wall, p->n, 50),
		       (unsigned long long)bench_percentile(p->wall, p->n, 95),
		       (unsigned long long)bench_percentile(p->cpu, p->n, 50),
		       p->status);
}

/* Fisher and Yates, with the numbers of Knuth's MMIX. */
static void
shuffle(size_t *order, uint64_t *state)
{
	for (size_t k = n_commands; k > 1; k--) {
		size_t other, was = order[k - 1];

		*state = *state * 6364136223846793005u + 1442695040888963407u;
		other = (size_t)(*state >> 33) % k;
		order[k - 1] = order[other];
		order[other] = was;
	}
}

static void
run_rounds(uint64_t rounds)
{
	size_t order[COMMANDS_MAX];
	uint64_t state = 1;

	for (size_t k = 0; k < n_commands; k++) {
		order[k] = k;
		(void)pool_of(commands[k].label, rounds); /* printed so */
	}
	/* One round to warm up, unless each command can run only once, and
	 * then in the order that was given. */
	for (uint64_t i = rounds > 1 ? 0 : 1; i <= rounds; i++) {
		if (rounds > 1)
			shuffle(order, &state);
		for (size_t k = 0; k < n_commands; k++) {
			const struct command *c = &commands[order[k]];

			run_one(c, pool_of(c->label, rounds), i > 0);
		}
	}
}

int
main(int argc, char **argv)
{
	char line[8192];
	uint64_t rounds;

	if (argc != 2 || str_to_u64(argv[1], &rounds) < 0 || !rounds ||
	    rounds > 100000) {
		fputs("usage: bench_launch ROUNDS < LIST\n", stderr);
		return 2;
	}
	while (n_commands < COMMANDS_MAX - 1 &&
	       fgets(line, sizeof(line), stdin))
		parse_line(line);
	own_ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	own_dir = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	run_rounds(rounds);
	print();
	return 0;
}
