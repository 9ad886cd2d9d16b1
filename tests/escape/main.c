/*
 * The inside half of the escape suite: runs every probe in a child with a time
 * limit and prints one line each. It is started inside a box (or, for the
 * self-test, with nothing around it) by the host half, which also passes the
 * parameters.
 *
 *	escape --list             the probes as rows of a table
 *	escape --KEY=VALUE... [--only=PART] [--after=NAME]
 *	escape --swap A B         exchanges two names until it is killed
 */
#include "tests/escape/probe.h"
#include "tests/escape/run.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static const struct probe *const tables[] = {
	probes_descriptor, probes_file,	   probes_link,	     probes_proc,
	probes_process,	   probes_ipc,	   probes_net,	     probes_family,
	probes_device,	   probes_kernel,  probes_abi,	     probes_privilege,
	probes_tty,	   probes_cgroup,  probes_namespace, probes_mount,
	probes_init,	   probes_survive, probes_exhaust,   probes_audit,
};

struct options {
	const char *only, *after;
	bool list;
};

static struct result *shared;

struct result *
run_result(void)
{
	return shared;
}

static int
set_param(struct params *p, struct options *o, const char *arg)
{
#define STRING(f)                                                              \
	{                                                                      \
#f, &p->f, NULL                                                \
	}
#define NUMBER(f)                                                              \
	{                                                                      \
#f, NULL, &p->f                                                \
	}
	const struct {
		const char *name, **s;
		long *n;
	} keys[] = {
		STRING(token),
		STRING(ws),
		STRING(secret),
		STRING(outside),
		STRING(home_secret),
		STRING(tmp_secret),
		STRING(handle),
		STRING(abstract),
		STRING(sock_tmp),
		STRING(sock_run),
		STRING(sock_ws),
		STRING(mq),
		STRING(shm),
		STRING(key),
		STRING(fifo),
		STRING(tty),
		STRING(cgroup),
		STRING(exec),
		STRING(state),
		NUMBER(writer),
		NUMBER(victim),
		NUMBER(victim_addr),
		NUMBER(init),
		NUMBER(port),
		NUMBER(uport),
		NUMBER(sysv),
		NUMBER(mem),
		NUMBER(pids),
		NUMBER(tmp),
		NUMBER(fsize),
		NUMBER(nofile),
		NUMBER(growth),
		NUMBER(selftest),
		{ "only", &o->only, NULL },
		{ "after", &o->after, NULL },
	};
#undef STRING
#undef NUMBER
	const char *eq = strchr(arg, '=');

	if (!eq || strncmp(arg, "--", 2) != 0)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strncmp(arg + 2, keys[i].name, (size_t)(eq - arg - 2)) ||
		    strlen(keys[i].name) != (size_t)(eq - arg - 2))
			continue;
		if (keys[i].s)
			*keys[i].s = eq + 1;
		else
			*keys[i].n = strtol(eq + 1, NULL, 0);
		return 0;
	}
	return -EINVAL;
}

static void
ignore_signals(bool on)
{
	for (int s = 1; s < NSIG; s++)
		if (s != SIGCHLD && s != SIGSYS)
			signal(s, on ? SIG_IGN : SIG_DFL);
}

static void
run_child(const struct probe *b, const struct params *p)
{
	if (!(b->flags & PROBE_DAEMON))
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	b->fn(p, b->arg);
	escaped("bad probe: it ended without a verdict");
}

/* Returns the wait status, or -ETIMEDOUT. */
static int
wait_child(pid_t pid, int limit_ms)
{
	int status, step = 1;

	for (int t = 0; t < limit_ms; t += step) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		step = MIN(step + 1, 10);
		sleep_ms(step);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -ETIMEDOUT;
}

/* The child said nothing: its death has to speak. */
static void
judge_death(const struct probe *b, int status)
{
	bool fine = b->flags & PROBE_MAY_DIE;
	const char *name;

	if (status < 0) {
		snprintf(shared->detail, sizeof(shared->detail),
			 "no answer in time");
	} else if (WIFSIGNALED(status)) {
		name = sigabbrev_np(WTERMSIG(status));
		snprintf(shared->detail, sizeof(shared->detail),
			 "killed by SIG%s", name ? name : "?");
		fine |= WTERMSIG(status) == SIGSYS;
	} else {
		snprintf(shared->detail, sizeof(shared->detail),
			 "bad probe: exit status %d", WEXITSTATUS(status));
		fine = false;
	}
	shared->verdict = fine ? VERDICT_BLOCKED : VERDICT_ESCAPED;
}

/* Unconfined, a probe that can succeed must have succeeded. */
static const char *
self_verdict(const struct probe *b)
{
	bool open = b->open == OPEN_USER ||
		    (b->open == OPEN_ROOT && geteuid() == 0);

	if (shared->verdict == VERDICT_ESCAPED)
		return strstr(shared->detail, "bad ") ? "bad" : "ok";
	if (!open)
		return "closed";
	return shared->verdict == VERDICT_ABSENT ? "absent" : "bad";
}

static void
print_result(const struct probe *b, const struct params *p)
{
	printf("PROBE %s: %s %s%s\n", b->name,
	       shared->verdict == VERDICT_ESCAPED ? "ESCAPED" : "BLOCKED",
	       shared->verdict == VERDICT_ABSENT ? "absent: " : "",
	       shared->detail);
	if (p->selftest)
		printf("SELF %s: %s\n", b->name, self_verdict(b));
	fflush(stdout);
}

static void
run_probe(const struct probe *b, const struct params *p)
{
	pid_t pid;
	int status;

	memset(shared, 0, sizeof(*shared));
	printf("START %s %s\n", b->name,
	       b->flags & PROBE_END_BOX ? "may-end" : "-");
	fflush(stdout);
	if (b->flags & PROBE_SIGNALS)
		ignore_signals(true);
	pid = fork();
	if (pid == 0)
		run_child(b, p);
	if (pid < 0) {
		snprintf(shared->detail, sizeof(shared->detail),
			 "bad run: fork: %s", strerror(errno));
		shared->verdict = VERDICT_ESCAPED;
	} else {
		status = wait_child(pid, b->flags & PROBE_SLOW ? 60000 : 10000);
		if (shared->verdict == VERDICT_NONE)
			judge_death(b, status);
	}
	if (b->flags & PROBE_SIGNALS)
		ignore_signals(false);
	print_result(b, p);
}

static bool
is_wanted(const struct probe *b, const struct options *o)
{
	if (!o->only)
		return !(b->flags & PROBE_ASKED);
	return strstr(b->name, o->only);
}

static void
run_all(const struct params *p, const struct options *o)
{
	bool on = !o->after;

	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (const struct probe *b = tables[t]; b->name; b++) {
			if (on && o->list)
				printf("| %s | %s | %s |\n", b->name, b->what,
				       b->layer);
			else if (on && is_wanted(b, o))
				run_probe(b, p);
			if (!on && !strcmp(b->name, o->after))
				on = true;
		}
	}
}

/* The attacker of run.sh's race: a folder and a symlink change places. */
static int
swap_names(const char *a, const char *b)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		if (syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b,
			    RENAME_EXCHANGE) < 0)
			return 1;
}

int
main(int argc, char **argv)
{
	struct params p = { .init = 1 };
	struct options o = { 0 };

	/* the setuid copy of this program only says that it is one */
	if (geteuid() != getuid() || getauxval(AT_SECURE))
		return 11;
	if (argc == 4 && !strcmp(argv[1], "--swap"))
		return swap_names(argv[2], argv[3]);
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--list"))
			o.list = true;
		else if (!strcmp(argv[i], "--uid-check"))
			return 10;
		else if (set_param(&p, &o, argv[i]) < 0) {
			fprintf(stderr, "escape: what is %s?\n", argv[i]);
			return 2;
		}
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || (!o.list && (!p.token || !p.ws)))
		return 2;
	run_all(&p, &o);
	if (!o.list)
		printf("END\n");
	return 0;
}
