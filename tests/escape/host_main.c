/*
 * escape-host: one run of the escape suite around one command line.
 *
 *	escape-host [--selftest] [--terminal] [--only=PART] [--stdin=PATH]
 *		[--mem=BYTES ...] ESCAPE CMD [ARG...]
 *
 * In CMD the word @WS@ stands for the workspace (also inside a word) and the
 * single argument @ESCAPE@ for the inner program with all its parameters. When
 * a probe ends the box, the box is started again behind that probe. Prints the
 * lines of the inner half and those of its own checks.
 */
#include "tests/escape/host.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define MAX_ARGS 256
#define MAX_BOXES 30
#define BOX_SECONDS 240

static struct {
	char name[64]; /* the probe that is running */
	bool may_end, open, ended, any;
} progress;

static const char *stdin_path;
static volatile sig_atomic_t stop;

_printf_(1, 2) static const char *format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		_exit(125);
	va_end(ap);
	return s;
}

/* "@WS@/x" with the workspace put in. */
static const char *
put_ws(const struct host *h, const char *word)
{
	const char *at = strstr(word, "@WS@");

	if (!at)
		return word;
	return format("%.*s%s%s", (int)(at - word), word, h->ws, at + 4);
}

static size_t
put_params(const struct host *h, const char **argv, size_t n, const char *after)
{
#define S(f) argv[n++] = format("--" #f "=%s", h->f)
#define N(f) argv[n++] = format("--" #f "=%ld", (long)h->f)
	S(token), S(ws), S(secret), S(outside), S(home_secret), S(tmp_secret);
	S(handle), S(abstract), S(mq), S(shm), S(key), S(fifo), S(tty);
	S(cgroup), S(exec), S(state);
	N(victim), N(victim_addr), N(init), N(port), N(uport), N(mem), N(pids);
	N(writer), N(tmp), N(fsize), N(nofile), N(growth), N(selftest);
	argv[n++] = format("--sock_tmp=%s", h->sock[0]);
	argv[n++] = format("--sock_run=%s", h->sock[1]);
	argv[n++] = format("--sock_ws=%s", h->sock[2]);
	argv[n++] = format("--sysv=%d", h->sysv_key);
#undef S
#undef N
	if (h->only)
		argv[n++] = format("--only=%s", h->only);
	if (after)
		argv[n++] = format("--after=%s", after);
	return n;
}

static const char **
put_args(const struct host *h, char **cmd, const char *after)
{
	const char **argv = calloc(MAX_ARGS, sizeof(*argv));
	size_t n = 0;

	if (!argv)
		_exit(125);
	for (; *cmd && n < MAX_ARGS - 64; cmd++) {
		if (strcmp(*cmd, "@ESCAPE@") != 0) {
			argv[n++] = put_ws(h, *cmd);
			continue;
		}
		argv[n++] = format("%s/escape", h->ws);
		n = put_params(h, argv, n, after);
	}
	return argv;
}

static int group_fd = -EBADF;

static void
on_group_signal(_unused_ int sig)
{
	if (write(group_fd, "g", 1) < 0)
		return;
}

/* A process of the host in the same process group as the launcher. */
static void
start_member(const struct host *h, int report)
{
	struct sigaction a = { .sa_handler = on_group_signal,
			       .sa_flags = SA_RESTART };
	pid_t pid = fork();

	if (pid != 0) {
		if (write(report, &pid, sizeof(pid)) < 0)
			_exit(125);
		return;
	}
	group_fd = h->group_pipe[1];
	prctl(PR_SET_NAME, "abx-member");
	sigaction(SIGURG, &a, NULL);
	signal(SIGHUP, SIG_IGN);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	close(report);
	for (int i = 0; i < BOX_SECONDS * 10; i++)
		usleep(100000);
	_exit(0);
}

static void
put_fd(int from, int to)
{
	if (dup2(from, to) < 0)
		_exit(125);
}

static void
set_environment(const struct host *h)
{
	setenv("HOME", format("%s/home", h->base), 1);
	setenv("ABX_API_KEY", h->token, 1);
	setenv("SSH_AUTH_SOCK", h->sock[1], 1);
	setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/0/bus", 1);
}

static _noreturn_ void
start_box(const struct host *h, const char **argv, int out, int report)
{
	int in = h->stdin_file;

	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	setsid();
	ioctl(h->slave, TIOCSCTTY, 0);
	start_member(h, report);
	set_environment(h);
	if (stdin_path)
		in = open(stdin_path, O_RDONLY | O_CLOEXEC);
	put_fd(h->terminal ? h->slave : in, 0);
	put_fd(h->terminal ? h->slave : out, 1);
	if (h->terminal)
		put_fd(h->slave, 2);
	/* the leaks; the originals are far above and close on exec */
	put_fd(h->leak_dir, 7);
	put_fd(h->leak_secret, 8);
	put_fd(h->leak_write, 9);
	put_fd(h->leak_ns, 10);
	put_fd(h->leak_sock, 11);
	execvp(argv[0], (char *const *)(const void *)argv);
	perror(argv[0]);
	_exit(127);
}

static void
take_line(struct host *h, char *text)
{
	(void)h;
	if (!strncmp(text, "START ", 6)) {
		progress.may_end = strstr(text, " may-end");
		text[strcspn(text + 6, " ") + 6] = '\0';
		snprintf(progress.name, sizeof(progress.name), "%s", text + 6);
		progress.open = progress.any = true;
		return;
	}
	if (!strcmp(text, "END")) {
		progress.ended = true;
		return;
	}
	if (!strncmp(text, "PROBE ", 6))
		progress.open = false;
	puts(text);
	fflush(stdout);
}

/* The box ended in the middle: judge the probe that did it. */
static int
judge_end(const struct host *h, int status)
{
	if (!progress.open) {
		printf("FAIL the box ended with status %d%s\n", status,
		       progress.any ? "" : " before the first probe");
		return -1;
	}
	printf("PROBE %s: %s the box ended with status %d\n", progress.name,
	       progress.may_end ? "BLOCKED" : "ESCAPED bad run:", status);
	if (h->selftest)
		printf("SELF %s: bad\n", progress.name);
	progress.open = false;
	return 0;
}

static int
exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

static int
watch_box(struct host *h, pid_t pid, int out)
{
	time_t end = time(NULL) + BOX_SECONDS;
	bool open = true, dead = false;
	int status = 0;

	while (open || !dead) {
		if (open)
			open = host_serve(h, out, 5, take_line);
		else
			host_serve(h, -1, 5, take_line);
		if (!dead && waitpid(pid, &status, WNOHANG) == pid)
			dead = true;
		/* survivors may hold the pipe: the launcher's end decides */
		if (dead && open) {
			for (int i = 0; i < 40 && open; i++)
				open = host_serve(h, out, 5, take_line);
			open = false;
		}
		if (!dead && (stop || time(NULL) > end)) {
			kill(pid, time(NULL) > end + 5 ? SIGKILL : SIGTERM);
			sleep(1);
		}
	}
	return exit_status(status);
}

static int
run_box(struct host *h, char **cmd, const char *after)
{
	const char **argv = put_args(h, cmd, after);
	int out[2], report[2], status;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
		return 125;
	pid = fork();
	if (pid == 0)
		start_box(h, argv, out[1], report[1]);
	close(out[1]);
	close(report[1]);
	if (pid < 0 || read(report[0], &h->member, sizeof(h->member)) < 0)
		return 125;
	close(report[0]);
	status = watch_box(h, pid, h->terminal ? h->master : out[0]);
	close(out[0]);
	kill(h->member, SIGKILL);
	waitpid(h->member, NULL, 0);
	h->member = 0;
	free(argv);
	return status;
}

static int
run_all(struct host *h, char **cmd)
{
	char after[64] = "";
	int bad;

	for (int i = 0; i < MAX_BOXES && !progress.ended; i++) {
		int status = run_box(h, cmd, after[0] ? after : NULL);

		if (progress.ended || stop)
			break;
		if (judge_end(h, status) < 0)
			return 3;
		snprintf(after, sizeof(after), "%s", progress.name);
	}
	if (!progress.ended) {
		printf("FAIL the suite never came to its end\n");
		return 3;
	}
	bad = host_check(h, h->only);
	return bad ? 1 : 0;
}

static bool
set_option(struct host *h, const char *a)
{
	const struct {
		const char *name;
		long *value;
	} numbers[] = {
		{ "--mem=", &h->mem },	     { "--pids=", &h->pids },
		{ "--tmp=", &h->tmp },	     { "--fsize=", &h->fsize },
		{ "--nofile=", &h->nofile }, { "--growth=", &h->growth },
	};

	if (!strcmp(a, "--selftest"))
		return h->selftest = true;
	if (!strcmp(a, "--terminal"))
		return h->terminal = true;
	if (!strncmp(a, "--only=", 7)) {
		h->only = a + 7;
		return true;
	}
	if (!strncmp(a, "--stdin=", 8)) {
		stdin_path = a + 8;
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		size_t n = strlen(numbers[i].name);

		if (strncmp(a, numbers[i].name, n))
			continue;
		*numbers[i].value = strtol(a + n, NULL, 10);
		return true;
	}
	return false;
}

/* Descriptors 3 to 63 stay free, so that the leaks have known numbers. */
static void
move_up(void)
{
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	for (int fd = 3; fd < 64; fd++)
		if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0)
			_exit(125);
}

static void
on_stop(_unused_ int sig)
{
	stop = 1;
}

int
main(int argc, char **argv)
{
	struct host h = { .mem = 256L << 20,
			  .pids = 128,
			  .tmp = 64L << 20,
			  .fsize = 64L << 20,
			  .nofile = 1024,
			  .growth = 128L << 20 };
	int i = 1, r;

	if (argc == 5 && !strcmp(argv[1], "--victim"))
		return victim_main(getenv("ABX_VICTIM"),
				   (int)strtol(argv[3], NULL, 10),
				   (int)strtol(argv[4], NULL, 10));
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		host_check_list();
		return 0;
	}
	while (i < argc && !strncmp(argv[i], "--", 2) &&
	       set_option(&h, argv[i]))
		i++;
	if (argc - i < 2) {
		fprintf(stderr, "usage: escape-host [--selftest] [--terminal] "
				"[--only=PART] ESCAPE CMD [ARG...]\n");
		return 2;
	}
	h.escape = argv[i];
	move_up();
	/* what the box or the suite leaves behind is reaped here */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, on_stop);
	signal(SIGINT, on_stop);
	r = host_setup(&h);
	r = r < 0 ? 3 : run_all(&h, argv + i + 1);
	host_cleanup(&h);
	return r;
}
