/* links: audit profiles lib */
/*
 * Load on the audit log's writer.
 *
 *	audit_load [--writer PATH] [--channels N] [--seconds S] [--actions N]
 *		[--window W] [--bytes N] [--durable] [--no-outcomes] [--stay]
 *		[--while FILE] [--run NAME] [--acked PREFIX]
 *
 * Each channel is a process with an agent and a run of its own, NAME-0, ... and
 * appends to PREFIX-0, ... what was acknowledged; with one channel there is no
 * number and no other process. See tests/tools/audit_work.h. Prints the sums,
 * one "NAME NUMBER" a line.
 */
#include "lib/str.h"
#include "tests/tools/audit_work.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#define CHANNELS_MAX 4096u

struct load {
	struct audit_work work;
	uint64_t channels, seconds;
	const char *run, *acked;
};

static uint64_t
number(const char *s)
{
	uint64_t v;

	if (str_to_u64(s, &v) < 0) {
		fprintf(stderr, "audit_load: %s is no number\n", s);
		exit(2);
	}
	return v;
}

static void
parse(int argc, char **argv, struct load *l)
{
	static const struct option options[] = {
		{ "writer", 1, NULL, 'w' },  { "channels", 1, NULL, 'c' },
		{ "seconds", 1, NULL, 's' }, { "actions", 1, NULL, 'a' },
		{ "window", 1, NULL, 'p' },  { "bytes", 1, NULL, 'b' },
		{ "durable", 0, NULL, 'd' }, { "no-outcomes", 0, NULL, 'n' },
		{ "stay", 0, NULL, 'y' },    { "run", 1, NULL, 'r' },
		{ "acked", 1, NULL, 'f' },   { "while", 1, NULL, 'l' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 'w':
			l->work.writer = optarg;
			break;
		case 'c':
			l->channels = number(optarg);
			break;
		case 's':
			l->seconds = number(optarg);
			break;
		case 'a':
			l->work.actions = number(optarg);
			break;
		case 'p':
			l->work.window = (unsigned int)number(optarg);
			break;
		case 'b':
			l->work.bytes = number(optarg);
			break;
		case 'd':
			l->work.durable = true;
			break;
		case 'n':
			l->work.outcomes = false;
			break;
		case 'y':
			l->work.stay = true;
			break;
		case 'r':
			l->run = optarg;
			break;
		case 'f':
			l->acked = optarg;
			break;
		case 'l':
			l->work.while_file = optarg;
			break;
		default:
			exit(2);
		}
	}
	if (optind < argc || !l->channels || l->channels > CHANNELS_MAX)
		exit(2);
}

static const char *
name(const struct load *l, const char *base, uint64_t i, char *buf, size_t size)
{
	if (l->channels == 1)
		return base;
	snprintf(buf, size, "%s-%llu", base, (unsigned long long)i);
	return buf;
}

static int
channel(const struct load *l, uint64_t i, struct audit_work_count *ret)
{
	char run[64], file[512];
	struct audit_work o = l->work;
	struct err e = ERR_INIT;
	int r;

	o.run = o.agent = name(l, l->run, i, run, sizeof(run));
	o.acked_fd = -1;
	if (l->acked) {
		o.acked_fd =
			open(name(l, l->acked, i, file, sizeof(file)),
			     O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (o.acked_fd < 0) {
			perror(l->acked);
			return 2;
		}
	}
	r = audit_work(&o, ret, &e);
	if (r < 0)
		fprintf(stderr, "audit_load: %s\n", e.text);
	return r < 0;
}

static void
add(struct audit_work_count *to, const struct audit_work_count *c)
{
	to->intents += c->intents;
	to->outcomes += c->outcomes;
	to->refused += c->refused;
	to->unknown += c->unknown;
	to->returns += c->returns;
	if (c->refusal)
		to->refusal = c->refusal;
}

static void
print(const struct audit_work_count *c)
{
	printf("intents %llu\noutcomes %llu\nrefused %llu\nunknown %llu\n"
	       "returns %llu\nrefusal %d\n",
	       (unsigned long long)c->intents, (unsigned long long)c->outcomes,
	       (unsigned long long)c->refused, (unsigned long long)c->unknown,
	       (unsigned long long)c->returns, c->refusal);
}

/* All of them at the same time; the worst status. */
static int
channels(const struct load *l, struct audit_work_count *count)
{
	int worst = 0, status;

	if (l->channels == 1)
		return channel(l, 0, count);
	for (uint64_t i = 0; i < l->channels; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("fork");
			return 2;
		}
		if (pid == 0)
			_exit(channel(l, i, &count[i]));
	}
	while (wait(&status) > 0)
		worst = MAX(worst, WIFEXITED(status) ? WEXITSTATUS(status) : 2);
	return worst;
}

int
main(int argc, char **argv)
{
	struct load l = { .work = { .window = 1,
				    .outcomes = true,
				    .patience_us = 20000000 },
			  .channels = 1,
			  .run = "load" };
	struct audit_work_count *count, sum = { 0 };
	struct timespec t;
	int status;

	parse(argc, argv, &l);
	clock_gettime(CLOCK_MONOTONIC, &t);
	if (l.seconds)
		l.work.until_us = ((uint64_t)t.tv_sec + l.seconds) * 1000000 +
				  (uint64_t)t.tv_nsec / 1000;
	else if (!l.work.actions && !l.work.while_file)
		l.work.actions = 1000;
	count = mmap(NULL, l.channels * sizeof(*count), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (count == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	status = channels(&l, count);
	for (uint64_t i = 0; i < l.channels; i++)
		add(&sum, &count[i]);
	print(&sum);
	return status;
}
