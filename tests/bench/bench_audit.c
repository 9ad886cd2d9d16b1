/* links: query audit profiles policy lib */
/*
 * What a record costs, beside a line that is appended and synced and a row of
 * SQLite, on the same file system, in turn.
 *
 *	bench_audit WRITER VERIFY FOLDER
 *
 * Prints, by tabs:
 *	durable WIDTH SYSTEM RECORDS-A-SECOND MEDIAN-NS P99-NS
 *	one fdatasync|record MEDIAN-NS P99-NS
 *	ratio MEDIAN-PER-MILLE of the two, pair by pair
 *	stream RECORDS-A-SECOND NS-OF-CPU-A-RECORD
 *	verify BYTES NS
 */
#include "tests/bench/bench.h"

#include "audit/client.h"
#include "audit/layout.h"
#include "lib/fd.h"
#include "lib/str.h"
#include "tests/tools/audit_rivals.h"
#include "tests/tools/audit_work.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define WIDTH_MAX 64u
#define SAMPLES 16384u /* of one process in one turn */
#define TURNS 3u
#define WARM_US 150000u
#define TURN_US 400000u
#define STREAM_US 1200000u
#define STREAM_CLIENTS 4u
#define PAIRS 300
#define VERIFY_RECORDS 1000000u

enum system { PLAIN, SQLITE_FULL, SQLITE_NORMAL, WRITER, SYSTEMS };

static const char *const names[SYSTEMS] = { "fdatasync for each",
					    "SQLite WAL, FULL",
					    "SQLite WAL, NORMAL",
					    "agentbox-audit" };

struct child {
	uint64_t n, n_latency;
	uint64_t latency[SAMPLES];
};

struct bench {
	const char *writer, *verify, *folder;
	char file[SYSTEMS][PATH_MAX];
	struct child *child; /* shared, WIDTH_MAX */
};

/* Of all turns together. */
struct sum {
	uint64_t n, *latency;
	size_t n_latency;
};

static void
die(const char *what, const struct err *e)
{
	fprintf(stderr, "bench_audit: %s: %s\n", what, e->text);
	exit(2);
}

/* ---- clients that wait, side by side ------------------------------------- */

static int
run_writer(const struct bench *b, unsigned int i, uint64_t from, uint64_t until,
	   struct child *c)
{
	char run[32];
	struct audit_work o = { .writer = b->writer,
				.agent = run,
				.run = run,
				.window = 1,
				.durable = true,
				.told = true,
				.from_us = from,
				.until_us = until,
				.acked_fd = -1,
				.latency_ns = c->latency,
				.latency_max = SAMPLES };
	struct audit_work_count count;
	struct err e = ERR_INIT;

	snprintf(run, sizeof(run), "agent-%u", i);
	if (audit_work(&o, &count, &e) < 0 || count.refused) {
		fprintf(stderr, "bench_audit: %s\n",
			count.refused ? client_status_text(count.refusal)
				      : e.text);
		return 2;
	}
	c->n = count.measured;
	c->n_latency = count.n_latency;
	return 0;
}

static int
run_rival(const struct bench *b, enum system s, uint64_t from, uint64_t until,
	  struct child *c)
{
	const struct rival_work w = { .rival = (enum rival)s,
				      .file = b->file[s],
				      .from_us = from,
				      .until_us = until,
				      .latency_ns = c->latency,
				      .latency_max = SAMPLES };
	int r = rival_run(&w, &c->n);

	c->n_latency = MIN(c->n, SAMPLES);
	return r < 0 ? 2 : 0;
}

static void
wait_all(void)
{
	int status;

	while (wait(&status) > 0)
		if (status != 0) {
			fputs("bench_audit: a client failed\n", stderr);
			exit(2);
		}
}

static void
turn(const struct bench *b, enum system s, unsigned int width, struct sum *sum)
{
	uint64_t from = bench_now() / 1000 + WARM_US, until = from + TURN_US;

	for (unsigned int i = 0; i < width; i++) {
		struct child *c = &b->child[i];
		pid_t pid = fork();

		if (pid < 0)
			bench_die("fork");
		if (pid == 0)
			_exit(s == WRITER ? run_writer(b, i, from, until, c)
					  : run_rival(b, s, from, until, c));
	}
	wait_all();
	for (unsigned int i = 0; i < width; i++) {
		const struct child *c = &b->child[i];

		sum->n += c->n;
		memcpy(sum->latency + sum->n_latency, c->latency,
		       c->n_latency * sizeof(*c->latency));
		sum->n_latency += c->n_latency;
	}
}

static void
durable(const struct bench *b, unsigned int width)
{
	struct sum sum[SYSTEMS] = { 0 };

	for (int s = 0; s < SYSTEMS; s++) {
		sum[s].latency = calloc((size_t)TURNS * width * SAMPLES,
					sizeof(*sum[s].latency));
		if (!sum[s].latency)
			bench_die("memory");
	}
	/* each is the first one once */
	for (unsigned int t = 0; t < TURNS; t++)
		for (unsigned int s = 0; s < SYSTEMS; s++) {
			enum system now = (enum system)((s + t) % SYSTEMS);

			turn(b, now, width, &sum[now]);
		}
	for (int s = 0; s < SYSTEMS; s++) {
		printf("durable\t%u\t%s\t%llu\t%llu\t%llu\n", width, names[s],
		       (unsigned long long)(sum[s].n * 1000000 /
					    (TURNS * TURN_US)),
		       (unsigned long long)bench_percentile(
			       sum[s].latency, sum[s].n_latency, 50),
		       (unsigned long long)bench_percentile(
			       sum[s].latency, sum[s].n_latency, 99));
		free(sum[s].latency);
	}
	fflush(stdout);
}

/* ---- one client, one record after the other ------------------------------ */

static struct client *
connect_one(const struct bench *b, struct fields *intent)
{
	const struct client_options o = { .writer = b->writer, .start = true };
	struct err e = ERR_INIT;
	struct client *c;

	if (client_new(&o, &c, &e) < 0)
		die("the writer", &e);
	fields_init(intent);
	fields_text(intent, FIELD_AGENT, "one");
	fields_text(intent, FIELD_RUN, "one");
	if (client_open(c, intent, &e) < 0)
		die("the channel", &e);
	fields_init(intent);
	fields_text(intent, FIELD_WHAT, "tools.call");
	fields_text(intent, FIELD_SURFACE, "tools");
	fields_text(intent, FIELD_EFFECT, "allow");
	fields_text(intent, FIELD_TARGET, "one/1");
	return c;
}

static uint64_t
one_record(struct client *c, const struct fields *f)
{
	struct err e = ERR_INIT;
	uint64_t start = bench_now();

	if (client_record(c, RECORD_INTENT, 0, f, WIRE_DURABLE, 10000000, &e) <
	    0)
		die("a record", &e);
	return bench_now() - start;
}

static uint64_t
one_sync(int fd, const char *record)
{
	uint64_t start;

	if (write(fd, record, RIVAL_RECORD) != RIVAL_RECORD)
		bench_die("write");
	start = bench_now();
	if (fdatasync(fd) < 0)
		bench_die("fdatasync");
	return bench_now() - start;
}

static void
one(const struct bench *b)
{
	static struct fields f;
	uint64_t v[2][PAIRS], ratio[PAIRS];
	char record[RIVAL_RECORD];
	struct client *c = connect_one(b, &f);
	int fd = open(b->file[PLAIN], O_WRONLY | O_APPEND | O_CLOEXEC);

	memset(record, 'x', sizeof(record));
	if (fd < 0)
		bench_die(b->file[PLAIN]);
	for (int i = -10; i < PAIRS; i++) {
		int k = MAX(i, 0);

		/* neither is always the second */
		if (i % 2)
			v[0][k] = one_sync(fd, record);
		v[1][k] = one_record(c, &f);
		if (i % 2 == 0)
			v[0][k] = one_sync(fd, record);
		ratio[k] = v[1][k] * 1000 / MAX(v[0][k], 1u);
	}
	close(fd);
	client_free(c);
	for (int i = 0; i < 2; i++)
		printf("one\t%s\t%llu\t%llu\n", i ? "record" : "fdatasync",
		       (unsigned long long)bench_percentile(v[i], PAIRS, 50),
		       (unsigned long long)bench_percentile(v[i], PAIRS, 99));
	printf("ratio\t%llu\n",
	       (unsigned long long)bench_percentile(ratio, PAIRS, 50));
	fflush(stdout);
}

/* ---- with the kernel, not yet on the disk -------------------------------- */

static pid_t
writer_pid(struct client *c)
{
	struct ucred uc;
	socklen_t len = sizeof(uc);

	if (getsockopt(client_fd(c), SOL_SOCKET, SO_PEERCRED, &uc, &len) < 0)
		bench_die("the writer's pid");
	return uc.pid;
}

/* Time on a processor, proc(5), schedstat. */
static uint64_t
cpu_ns(pid_t pid)
{
	char path[64], text[128];
	uint64_t v;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	if (fd_read_small(AT_FDCWD, path, text, sizeof(text)) <= 0)
		bench_die(path);
	text[strcspn(text, " ")] = '\0';
	if (str_to_u64(text, &v) < 0)
		bench_die(path);
	return v;
}

/* The writer has the last processor, everybody else the others. */
static void
pin(pid_t pid, bool alone)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	CPU_ZERO(&set);
	for (long i = 0; i < n; i++)
		if (n == 1 || (i == n - 1) == alone)
			CPU_SET((size_t)i, &set);
	if (sched_setaffinity(pid, sizeof(set), &set) < 0)
		bench_die("sched_setaffinity");
}

static int
run_stream(const struct bench *b, unsigned int i, uint64_t from, uint64_t until,
	   struct child *c)
{
	char run[32];
	struct audit_work o = { .writer = b->writer,
				.agent = run,
				.run = run,
				.window = AUDIT_WORK_WINDOW_MAX,
				.told = true,
				.from_us = from,
				.until_us = until,
				.acked_fd = -1 };
	struct audit_work_count count;
	struct err e = ERR_INIT;

	snprintf(run, sizeof(run), "stream-%u", i);
	if (audit_work(&o, &count, &e) < 0 || count.refused)
		return 2;
	c->n = count.measured;
	return 0;
}

static uint64_t
stream_turn(const struct bench *b, pid_t pid, uint64_t *ret_cpu)
{
	uint64_t from = bench_now() / 1000 + WARM_US, until = from + STREAM_US;
	struct timespec t = { 0, WARM_US * 1000 };
	uint64_t cpu, n = 0;

	for (unsigned int i = 0; i < STREAM_CLIENTS; i++) {
		pid_t child = fork();

		if (child < 0)
			bench_die("fork");
		if (child == 0)
			_exit(run_stream(b, i, from, until, &b->child[i]));
	}
	nanosleep(&t, NULL);
	cpu = cpu_ns(pid);
	t = (struct timespec){ STREAM_US / 1000000,
			       STREAM_US % 1000000 * 1000 };
	nanosleep(&t, NULL);
	*ret_cpu += cpu_ns(pid) - cpu;
	wait_all();
	for (unsigned int i = 0; i < STREAM_CLIENTS; i++)
		n += b->child[i].n;
	return n;
}

/* The pid of the writer. */
static pid_t
stream(const struct bench *b)
{
	static struct fields f;
	struct client *c = connect_one(b, &f);
	pid_t pid = writer_pid(c);
	uint64_t cpu = 0, n = 0, turns = 0;

	pin(pid, true);
	pin(0, false);
	/* and until there is enough to verify */
	while (turns < TURNS || (n < VERIFY_RECORDS && turns < 4 * TURNS)) {
		n += stream_turn(b, pid, &cpu);
		turns++;
	}
	client_free(c);
	printf("stream\t%llu\t%llu\n",
	       (unsigned long long)(n * 1000000 / (turns * STREAM_US)),
	       (unsigned long long)(n ? cpu / n : 0));
	fflush(stdout);
	return pid;
}

/* ---- verify -------------------------------------------------------------- */

static void
stop(pid_t pid)
{
	const struct timespec t = { 0, 10000000 };

	if (kill(pid, SIGTERM) < 0)
		bench_die("the writer");
	while (kill(pid, 0) == 0)
		nanosleep(&t, NULL);
}

/* Bytes of the log's files, and the seq of the last one's first record. */
static uint64_t
log_bytes(struct err *e)
{
	int fd = layout_open(true, false, e), log;
	uint64_t bytes = 0;
	struct dirent *d;
	struct stat st;
	DIR *dir;

	if (fd < 0)
		die("the log", e);
	log = openat(fd, LAYOUT_LOG, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = log < 0 ? NULL : fdopendir(log);
	if (!dir)
		bench_die("the log");
	while ((d = readdir(dir)))
		if (fstatat(log, d->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
			bytes += (uint64_t)st.st_size;
	closedir(dir);
	close(fd);
	return bytes;
}

static uint64_t
verify_once(const struct bench *b)
{
	extern char **environ;
	char *const argv[] = { (char *)(uintptr_t)b->verify, (char[]){ "-q" },
			       (char *)(uintptr_t)b->folder, NULL };
	uint64_t start = bench_now();
	int status;
	pid_t pid;

	errno = posix_spawn(&pid, b->verify, NULL, NULL, argv, environ);
	if (errno || waitpid(pid, &status, 0) < 0)
		bench_die(b->verify);
	if (status != 0) {
		fputs("bench_audit: the log is not whole\n", stderr);
		exit(2);
	}
	return bench_now() - start;
}

static void
verify(const struct bench *b)
{
	struct err e = ERR_INIT;
	uint64_t v[3], bytes = log_bytes(&e);

	for (size_t i = 0; i < ARRAY_SIZE(v); i++)
		v[i] = verify_once(b);
	printf("verify\t%llu\t%llu\n", (unsigned long long)bytes,
	       (unsigned long long)bench_percentile(v, ARRAY_SIZE(v), 50));
}

/* ---- begin --------------------------------------------------------------- */

static void
prepare(struct bench *b)
{
	static const char settings[] =
		"{ \"version\": 1, \"idle\": \"5m\", \"journal\": false, "
		"\"quota\": { \"records_per_second\": 1000000000, "
		"\"bytes_per_day\": \"1T\" } }\n";
	char path[PATH_MAX];
	int fd;

	if (mkdir(b->folder, 0700) < 0 && errno != EEXIST)
		bench_die(b->folder);
	snprintf(path, sizeof(path), "%s/audit.json", b->folder);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write_all(fd, settings, sizeof(settings) - 1) < 0)
		bench_die(path);
	close(fd);
	if (setenv("AGENTBOX_STATE_DIR", b->folder, 1) < 0)
		bench_die("setenv");
	for (int s = 0; s < WRITER; s++) {
		snprintf(b->file[s], sizeof(b->file[s]), "%s/rival-%d",
			 b->folder, s);
		if (rival_prepare((enum rival)s, b->file[s]) < 0)
			bench_die(b->file[s]);
	}
	b->child =
		mmap(NULL, WIDTH_MAX * sizeof(*b->child),
		     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b->child == MAP_FAILED)
		bench_die("memory");
}

int
main(int argc, char **argv)
{
	struct bench b;

	if (argc != 4) {
		fputs("usage: bench_audit WRITER VERIFY FOLDER\n", stderr);
		return 2;
	}
	b = (struct bench){ .writer = argv[1],
			    .verify = argv[2],
			    .folder = argv[3] };
	prepare(&b);
	durable(&b, 1);
	durable(&b, 16);
	durable(&b, WIDTH_MAX);
	one(&b);
	stop(stream(&b));
	verify(&b);
	return 0;
}
