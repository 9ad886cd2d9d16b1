/* links: net profiles sandbox policy lib */
/* Secrets that a command prints: what it has, how it ends, who waits for it. */
#include "tests/tap.h"
#include "tests/tools/secret_world.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Commands; script is given to sh. */
static void
begin_command(struct secret_world *w, const char *script, const char *timeout,
	      const char *const *env)
{
	_cleanup_free_ char *text = str_printf(
		"\"k\": { \"source\": { \"command\": [ \"/bin/sh\", \"-c\", "
		"\"%s\" ], \"timeout\": \"%s\" }, " USE " }",
		script, timeout);

	secret_world_begin(w, text, env);
}

static int
command_gives(const char *script, const char *timeout, struct secret_test *k)
{
	struct secret_world w;
	int r;

	begin_command(&w, script, timeout, NULL);
	r = secret_value(&w, k);
	secret_world_end(&w);
	return r;
}

TEST(from_a_command)
{
	static const char *const env[] = { "WORD=" VALUE, NULL };
	struct secret_world w;
	struct secret_test k;

	ASSERT_OK(command_gives("echo " VALUE, "10s", &k));
	ASSERT_EQ(k.len, strlen(VALUE));
	ASSERT_MEMEQ(k.value, VALUE, k.len);
	/* in pieces */
	ASSERT_OK(command_gives("printf hunter2; printf -- -x", "10s", &k));
	ASSERT_EQ(k.len, 9);
	begin_command(&w, "echo $WORD", "10s", env);
	ASSERT_OK(secret_value(&w, &k));
	ASSERT_MEMEQ(k.value, VALUE, strlen(VALUE));
	secret_world_end(&w);
}

TEST(commands_that_fail)
{
	struct secret_test k;

	ASSERT_EQ(command_gives("echo " VALUE "; exit 3", "10s", &k), -EIO);
	ASSERT_STRSTR(k.e.text, "/bin/sh ended with status 3");
	ASSERT_STRSTR(k.e.cure, "run it by hand");
	ASSERT_EQ(command_gives("echo " VALUE "; kill -15 $$", "10s", &k),
		  -EIO);
	ASSERT_STRSTR(k.e.text, "was killed by signal 15");
	ASSERT_EQ(command_gives("true", "10s", &k), -ENODATA);
	ASSERT_EQ(command_gives("echo " VALUE "; echo x", "10s", &k), -EINVAL);
	ASSERT_EQ(command_gives("while :; do echo " VALUE "; done", "30s", &k),
		  -EFBIG);
	ASSERT_STRSTR(k.e.text, "says more than 8192 bytes");
	ASSERT_EQ(command_gives("echo " VALUE "; sleep 1000", "100ms", &k),
		  -ETIMEDOUT);
	ASSERT_STRSTR(k.e.text, "did not end within 100 ms");
}

TEST(no_command)
{
	struct secret_world w;
	struct secret_test k;

	secret_world_begin(
		&w,
		"\"k\": { \"source\": { \"command\": [ \"/none/x\" ] "
		"}, " USE " }",
		NULL);
	ASSERT_EQ(secret_value(&w, &k), -ENOENT);
	ASSERT_STRSTR(k.e.text, "/none/x: No such file");
	secret_world_end(&w);
}

/* No terminal, nothing to read, no descriptor of ours; what it prints as an
 * error goes nowhere. */
TEST(what_a_command_has)
{
	struct secret_test k;
	int fd = ASSERT_OK(open("/dev/null", O_RDONLY));

	ASSERT_OK(command_gives("cat; ls /proc/self/fd | tr '\\\\n' ' '", "10s",
				&k));
	k.value[k.len] = '\0';
	/* 3 is the folder that ls reads */
	ASSERT_STREQ(k.value, "0 1 2 3 ");
	ASSERT_OK(command_gives("readlink /proc/self/fd/0 | tr -d '\\\\n'; "
				"readlink /proc/self/fd/2",
				"10s", &k));
	k.value[k.len] = '\0';
	ASSERT_STREQ(k.value, "/dev/null/dev/null");
	ASSERT_OK(command_gives("(: </dev/tty) 2>/dev/null && echo tty || "
				"echo none",
				"10s", &k));
	k.value[k.len] = '\0';
	ASSERT_STREQ(k.value, "none");
	close(fd);
}

/* What it left behind ends with it. */
TEST(a_command_leaves_nobody)
{
	struct secret_test k;
	pid_t pid;
	int status = 0;

	ASSERT_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	ASSERT_OK(command_gives("sleep 1000 & echo $!", "30s", &k));
	k.value[k.len] = '\0';
	pid = (pid_t)strtol(k.value, NULL, 10);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static unsigned int
lines(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned int n = 0;
	int c;

	if (!f)
		return 0;
	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

TEST(many_wait_for_one_command)
{
	_cleanup_free_ char *script = NULL;
	char path[PATH_MAX];
	struct secret_test k[5], more;
	struct secret_world w;

	script = str_printf("echo run >> %s; echo " VALUE,
			    secret_place(path, "runs"));
	begin_command(&w, script, "30s", NULL);
	for (size_t i = 0; i < 5; i++)
		secret_begin(&w, &k[i], 0);
	secret_cancel(w.s, &k[1].c);
	k[0].cancels = &k[3];
	secret_wait(&w, &k[4]);
	ASSERT_EQ(k[0].told, 1);
	ASSERT_EQ(k[1].told, 0);
	ASSERT_EQ(k[2].told, 1);
	ASSERT_EQ(k[3].told, 0);
	ASSERT_EQ(k[4].len, strlen(VALUE));
	/* and it is at hand */
	secret_begin(&w, &more, 0);
	ASSERT_EQ(more.told, 1);
	ASSERT_EQ(lines(path), 1);
	secret_world_end(&w);
}

/* An agent must not be able to make us start programs without end. */
TEST(a_failed_command_rests)
{
	_cleanup_free_ char *script = NULL;
	char path[PATH_MAX];
	struct secret_test k;
	struct secret_world w;

	script = str_printf("echo run >> %s; exit 4",
			    secret_place(path, "runs"));
	begin_command(&w, script, "30s", NULL);
	for (size_t i = 0; i < 30; i++) {
		ASSERT_EQ(secret_value(&w, &k), -EIO);
		ASSERT_STRSTR(k.e.text, "status 4");
	}
	/* once, and once more for each second that this took */
	ASSERT_TRUE(lines(path) < 30);
	secret_world_end(&w);
}

TEST(ends_while_a_command_runs)
{
	struct secret_world w;
	struct secret_test k;

	begin_command(&w, "sleep 1000", "300s", NULL);
	secret_begin(&w, &k, 0);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	secret_world_end(&w);
	ASSERT_EQ(k.told, 0);
	ASSERT_EQ(waitpid(-1, NULL, WNOHANG), -1);
	ASSERT_EQ(errno, ECHILD);
}

TEST(revoked_while_it_runs)
{
	struct secret_world w;
	struct secret_test k;

	begin_command(&w, "sleep 1000; echo " VALUE, "300s", NULL);
	secret_begin(&w, &k, 0);
	secret_revoke(w.s, 0);
	ASSERT_EQ(k.told, 1);
	ASSERT_EQ(k.status, -EACCES);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	ASSERT_EQ(k.told, 1);
	secret_world_end(&w);
}
