/* links: lib */
/*
 * What a system call costs here: median nanoseconds of each, to be run inside
 * and outside of a box.
 *
 *	bench_calls LOOPS
 */
#include "tests/bench/bench.h"

#include "lib/macro.h"
#include "lib/str.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PARTS 9

static int zero;

static void
do_getpid(void)
{
	syscall(SYS_getpid);
}

static void
do_read(void)
{
	char buf[64];

	if (read(zero, buf, sizeof(buf)) != sizeof(buf))
		bench_die("read");
}

static void
do_stat(void)
{
	struct stat st;

	if (stat("/usr/bin", &st) < 0)
		bench_die("stat");
}

static void
do_open(void)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		bench_die("open");
	close(fd);
}

static void
do_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid < 0 || waitpid(pid, NULL, 0) < 0)
		bench_die("fork");
}

static const struct {
	const char *name;
	void (*fn)(void);
	unsigned int share; /* of LOOPS: one in so many */
} calls[] = {
	{ "getpid", do_getpid, 1 },	{ "read", do_read, 4 },
	{ "stat", do_stat, 4 },		{ "open+close", do_open, 4 },
	{ "fork+wait", do_fork, 1000 },
};

int
main(int argc, char **argv)
{
	uint64_t loops;

	if (argc != 2 || str_to_u64(argv[1], &loops) < 0 || loops < 1000) {
		fputs("usage: bench_calls LOOPS\n", stderr);
		return 2;
	}
	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		uint64_t n = loops / PARTS / calls[i].share + 1, part[PARTS];

		for (int p = 0; p < PARTS; p++) {
			uint64_t start = bench_now();

			for (uint64_t k = 0; k < n; k++)
				calls[i].fn();
			part[p] = (bench_now() - start) * 1000 / n;
		}
		printf("%s\t%.1f\n", calls[i].name,
		       (double)bench_percentile(part, PARTS, 50) / 1000);
	}
	return 0;
}
