/* links: net profiles sandbox policy lib */
/* The keeper of secrets: each source and each way it fails, leases, revocation,
 * what is left in memory, and where a secret may go. */
#include "net/secrets.h"
#include "tests/tap.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define VALUE "hunter2-is-the-value"

struct world {
	struct event_base *base;
	struct net_config c;
	struct secrets *s;
};

struct call {
	struct secret_call c;
	struct secrets *s;
	struct call *cancels; /* from within done */
	unsigned int told;
	int status;
	char value[SECRET_MAX + 1];
	size_t len;
	const char *at; /* where the value was */
	struct err e;
};

static void
done(struct secret_call *c, int status, const char *value, size_t len,
     const struct err *e)
{
	struct call *k = (struct call *)(void *)c;

	k->told++;
	k->status = status;
	k->len = len;
	k->at = value;
	k->e = *e;
	if (value)
		memcpy(k->value, value, len);
	if (k->cancels)
		secret_cancel(k->s, &k->cancels->c);
}

/* credentials: what stands between the braces */
static void
begin_world(struct world *w, const char *credentials, const char *const *env)
{
	_cleanup_free_ char *text =
		str_printf("{ \"credentials\": { %s } }", credentials);
	struct err e = ERR_INIT;

	w->base = event_base_new();
	ASSERT_NOT_NULL(w->base);
	ASSERT_NOT_NULL(text);
	net_config_default(&w->c);
	if (net_config_parse(&w->c, "test", text, strlen(text), true, &e) < 0)
		FAIL("%s", e.text);
	ASSERT_OK(secrets_new(w->base, &w->c, env, &w->s, &e));
}

static void
end_world(struct world *w)
{
	secrets_free(w->s);
	net_config_done(&w->c);
	event_base_free(w->base);
}

static void
begin(struct world *w, struct call *k, size_t i)
{
	memset(k, 0, sizeof(*k));
	k->c.done = done;
	k->s = w->s;
	secret_get(w->s, i, &k->c);
}

static void
wait_for(struct world *w, const struct call *k)
{
	while (!k->told)
		if (event_base_loop(w->base, EVLOOP_ONCE) < 0)
			FAIL("the loop ended");
}

/* What credential 0 gives; a failure never says what was read. */
static int
get(struct world *w, struct call *k)
{
	begin(w, k, 0);
	wait_for(w, k);
	ASSERT_EQ(k->told, 1);
	if (k->status < 0) {
		ASSERT_EQ(k->e.code, k->status);
		ASSERT_STRSTR(k->e.text, "credential \"k\"");
		ASSERT_NULL(strstr(k->e.text, "hunter2"));
		ASSERT_NULL(strstr(k->e.cure, "hunter2"));
		ASSERT_NULL(k->at);
	}
	return k->status;
}

#define USE "\"use\": [ { \"host\": \"a.example\" } ]"

static void
begin_file(struct world *w, const char *path, const char *lease)
{
	_cleanup_free_ char *text =
		str_printf("\"k\": { \"source\": { \"file\": \"%s\" }, "
			   "\"lease\": \"%s\", " USE " }",
			   path, lease);

	begin_world(w, text, NULL);
}

static void
put(const char *path, const void *data, size_t n, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, data, n), n);
	ASSERT_OK(fchmod(fd, mode));
	close(fd);
}

static const char *
place(char buf[PATH_MAX], const char *name)
{
	snprintf(buf, PATH_MAX, "%s/%s", tap_tmpdir(), name);
	return buf;
}

static int
file_gives(const char *path, struct call *k)
{
	struct world w;
	int r;

	begin_file(&w, path, "5m");
	r = get(&w, k);
	end_world(&w);
	return r;
}

TEST(contents_of_files)
{
	static const struct {
		const char *data;
		size_t n;
		const char *want, *text;
	} t[] = {
		{ VALUE, 20, VALUE, NULL },
		{ VALUE "\n", 21, VALUE, NULL },
		{ "a", 1, "a", NULL },
		{ "with blanks and \xc3\xa4", 18, "with blanks and \xc3\xa4",
		  NULL },
		{ "", 0, NULL, "it is empty" },
		{ "\n", 1, NULL, "it is empty" },
		{ VALUE "\n\n", 22, NULL, "more than one line" },
		{ VALUE "\r\n", 22, NULL, "control character" },
		{ VALUE "\nx: y", 25, NULL, "more than one line" },
		{ VALUE "\0", 21, NULL, "control character" },
		{ "\0" VALUE, 21, NULL, "control character" },
		{ VALUE "\t", 21, NULL, "control character" },
		{ VALUE "\x7f", 21, NULL, "control character" },
		{ "\x1b[2J" VALUE, 24, NULL, "control character" },
	};
	char path[PATH_MAX];
	struct call k;

	place(path, "secret");
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		put(path, t[i].data, t[i].n, 0600);
		if (!t[i].want) {
			ASSERT_TRUE(file_gives(path, &k) < 0);
			ASSERT_STRSTR(k.e.text, t[i].text);
			continue;
		}
		if (file_gives(path, &k) < 0)
			FAIL("%s", k.e.text);
		ASSERT_EQ(k.len, strlen(t[i].want));
		ASSERT_MEMEQ(k.value, t[i].want, k.len);
	}
}

TEST(the_longest)
{
	char path[PATH_MAX], data[SECRET_MAX + 2];
	struct call k;

	place(path, "secret");
	memset(data, 'x', sizeof(data));
	put(path, data, SECRET_MAX, 0600);
	ASSERT_OK(file_gives(path, &k));
	ASSERT_EQ(k.len, SECRET_MAX);
	put(path, data, SECRET_MAX + 1, 0600);
	ASSERT_EQ(file_gives(path, &k), -EFBIG);
	put(path, data, SECRET_MAX + 2, 0600);
	ASSERT_EQ(file_gives(path, &k), -EFBIG);
	data[SECRET_MAX] = '\n';
	put(path, data, SECRET_MAX + 1, 0600);
	ASSERT_OK(file_gives(path, &k));
	ASSERT_EQ(k.len, SECRET_MAX);
}

TEST(whose_files)
{
	char path[PATH_MAX], link[PATH_MAX];
	struct call k;

	place(path, "secret");
	put(path, VALUE, 20, 0400);
	ASSERT_OK(file_gives(path, &k));
	for (mode_t bit = 1; bit <= 040; bit <<= 1) {
		ASSERT_OK(chmod(path, 0600 | bit));
		ASSERT_EQ(file_gives(path, &k), -EPERM);
		ASSERT_STRSTR(k.e.text, "is open to others (mode 06");
		ASSERT_STRSTR(k.e.cure, "chmod go= ");
	}
	ASSERT_OK(chmod(path, 0600));
	/* the link is not what is judged, but what was opened */
	ASSERT_OK(symlink(path, place(link, "link")));
	ASSERT_OK(file_gives(link, &k));
	ASSERT_OK(chmod(path, 0644));
	ASSERT_EQ(file_gives(link, &k), -EPERM);
	ASSERT_OK(chmod(path, 0600));
	if (geteuid() == 0) {
		ASSERT_OK(chown(path, 12345, 0));
		ASSERT_EQ(file_gives(path, &k), -EPERM);
		ASSERT_STRSTR(k.e.text, "belongs to user 12345");
	}
}

TEST(no_files)
{
	char path[PATH_MAX];
	struct call k;

	ASSERT_EQ(file_gives(place(path, "none"), &k), -ENOENT);
	ASSERT_STRSTR(k.e.text, "/none: No such file");
	ASSERT_OK(mkfifo(place(path, "fifo"), 0600));
	ASSERT_EQ(file_gives(path, &k), -EINVAL);
	ASSERT_STRSTR(k.e.text, "is no regular file");
	ASSERT_EQ(file_gives(tap_tmpdir(), &k), -EINVAL);
	ASSERT_EQ(file_gives("/dev/zero", &k), -EINVAL);
}

TEST(from_the_environment)
{
	static const char text[] = "\"k\": { \"source\": { \"env\": \"TOKEN\" "
				   "}, " USE " }";
	static const char *const env[] = { "TOKEN2=no", "XTOKEN=no",
					   "TOKEN=" VALUE, NULL };
	static const char *const empty[] = { "TOKEN=", NULL };
	static const char *const lines[] = { "TOKEN=" VALUE "\nx", NULL };
	struct world w;
	struct call k;

	begin_world(&w, text, env);
	ASSERT_OK(get(&w, &k));
	ASSERT_EQ(k.len, strlen(VALUE));
	ASSERT_MEMEQ(k.value, VALUE, k.len);
	end_world(&w);
	begin_world(&w, text, env + 3);
	ASSERT_EQ(get(&w, &k), -ENOENT);
	ASSERT_STRSTR(k.e.text, "$TOKEN is not set");
	end_world(&w);
	begin_world(&w, text, NULL);
	ASSERT_EQ(get(&w, &k), -ENOENT);
	end_world(&w);
	begin_world(&w, text, empty);
	ASSERT_EQ(get(&w, &k), -ENODATA);
	end_world(&w);
	begin_world(&w, text, lines);
	ASSERT_EQ(get(&w, &k), -EINVAL);
	end_world(&w);
}

TEST(from_systemd)
{
	static const char text[] = "\"k\": { \"source\": { \"systemd\": \"key\""
				   " }, " USE " }";
	char path[PATH_MAX], other[PATH_MAX], folder[PATH_MAX + 32];
	const char *env[] = { folder, NULL };
	struct world w;
	struct call k;

	begin_world(&w, text, NULL);
	ASSERT_EQ(get(&w, &k), -ENOENT);
	ASSERT_STRSTR(k.e.text, "no $CREDENTIALS_DIRECTORY");
	ASSERT_STRSTR(k.e.cure, "LoadCredential=key");
	end_world(&w);
	snprintf(folder, sizeof(folder), "CREDENTIALS_DIRECTORY=%s",
		 tap_tmpdir());
	begin_world(&w, text, env);
	ASSERT_EQ(get(&w, &k), -ENOENT);
	put(place(path, "key"), VALUE, 20, 0400);
	ASSERT_OK(get(&w, &k));
	end_world(&w);
	begin_world(&w, text, env);
	ASSERT_OK(chmod(path, 0444));
	ASSERT_EQ(get(&w, &k), -EPERM);
	/* root's, and readable by the group: that is systemd's ACL */
	ASSERT_OK(chmod(path, 0440));
	ASSERT_EQ(get(&w, &k), geteuid() == 0 ? 0 : -EPERM);
	end_world(&w);
	begin_world(&w, text, env);
	ASSERT_OK(chmod(path, 0400));
	ASSERT_OK(rename(path, place(other, "other")));
	ASSERT_OK(symlink("other", path));
	ASSERT_EQ(get(&w, &k), -ELOOP);
	end_world(&w);
}

/* Commands; script is given to sh. */
static void
begin_command(struct world *w, const char *script, const char *timeout,
	      const char *const *env)
{
	_cleanup_free_ char *text = str_printf(
		"\"k\": { \"source\": { \"command\": [ \"/bin/sh\", \"-c\", "
		"\"%s\" ], \"timeout\": \"%s\" }, " USE " }",
		script, timeout);

	begin_world(w, text, env);
}

static int
command_gives(const char *script, const char *timeout, struct call *k)
{
	struct world w;
	int r;

	begin_command(&w, script, timeout, NULL);
	r = get(&w, k);
	end_world(&w);
	return r;
}

TEST(from_a_command)
{
	static const char *const env[] = { "WORD=" VALUE, NULL };
	struct world w;
	struct call k;

	ASSERT_OK(command_gives("echo " VALUE, "10s", &k));
	ASSERT_EQ(k.len, strlen(VALUE));
	ASSERT_MEMEQ(k.value, VALUE, k.len);
	/* in pieces */
	ASSERT_OK(command_gives("printf hunter2; printf -- -x", "10s", &k));
	ASSERT_EQ(k.len, 9);
	begin_command(&w, "echo $WORD", "10s", env);
	ASSERT_OK(get(&w, &k));
	ASSERT_MEMEQ(k.value, VALUE, strlen(VALUE));
	end_world(&w);
}

TEST(commands_that_fail)
{
	struct call k;

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
	struct world w;
	struct call k;

	begin_world(&w,
		    "\"k\": { \"source\": { \"command\": [ \"/none/x\" ] "
		    "}, " USE " }",
		    NULL);
	ASSERT_EQ(get(&w, &k), -ENOENT);
	ASSERT_STRSTR(k.e.text, "/none/x: No such file");
	end_world(&w);
}

/* No terminal, nothing to read, no descriptor of ours; what it prints as an
 * error goes nowhere. */
TEST(what_a_command_has)
{
	struct call k;
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
	struct call k;
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
	struct call k[5], more;
	struct world w;

	script = str_printf("echo run >> %s; echo " VALUE, place(path, "runs"));
	begin_command(&w, script, "30s", NULL);
	for (size_t i = 0; i < 5; i++)
		begin(&w, &k[i], 0);
	secret_cancel(w.s, &k[1].c);
	k[0].cancels = &k[3];
	wait_for(&w, &k[4]);
	ASSERT_EQ(k[0].told, 1);
	ASSERT_EQ(k[1].told, 0);
	ASSERT_EQ(k[2].told, 1);
	ASSERT_EQ(k[3].told, 0);
	ASSERT_EQ(k[4].len, strlen(VALUE));
	/* and it is at hand */
	begin(&w, &more, 0);
	ASSERT_EQ(more.told, 1);
	ASSERT_EQ(lines(path), 1);
	end_world(&w);
}

/* An agent must not be able to make us start programs without end. */
TEST(a_failed_command_rests)
{
	_cleanup_free_ char *script = NULL;
	char path[PATH_MAX];
	struct call k;
	struct world w;

	script = str_printf("echo run >> %s; exit 4", place(path, "runs"));
	begin_command(&w, script, "30s", NULL);
	for (size_t i = 0; i < 30; i++) {
		ASSERT_EQ(get(&w, &k), -EIO);
		ASSERT_STRSTR(k.e.text, "status 4");
	}
	/* once, and once more for each second that this took */
	ASSERT_TRUE(lines(path) < 30);
	end_world(&w);
}

TEST(ends_while_a_command_runs)
{
	struct world w;
	struct call k;

	begin_command(&w, "sleep 1000", "300s", NULL);
	begin(&w, &k, 0);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	end_world(&w);
	ASSERT_EQ(k.told, 0);
	ASSERT_EQ(waitpid(-1, NULL, WNOHANG), -1);
	ASSERT_EQ(errno, ECHILD);
}

TEST(leases)
{
	char path[PATH_MAX];
	struct world w;
	struct call k;

	place(path, "secret");
	put(path, "first", 5, 0600);
	begin_file(&w, path, "1h");
	ASSERT_OK(get(&w, &k));
	put(path, "second", 6, 0600);
	ASSERT_OK(get(&w, &k));
	ASSERT_EQ(k.len, 5);
	end_world(&w);
	/* none: read each time, and nothing stays */
	begin_file(&w, path, "0s");
	ASSERT_OK(get(&w, &k));
	ASSERT_EQ(k.len, 6);
	ASSERT_EQ(k.at[0], 0);
	put(path, "third-one", 9, 0600);
	ASSERT_OK(get(&w, &k));
	ASSERT_EQ(k.len, 9);
	end_world(&w);
	/* the end of one */
	begin_file(&w, path, "10ms");
	ASSERT_OK(get(&w, &k));
	put(path, "last", 4, 0600);
	event_base_loop(w.base, EVLOOP_ONCE);
	ASSERT_EQ(k.at[0], 0);
	ASSERT_OK(get(&w, &k));
	ASSERT_EQ(k.len, 4);
	end_world(&w);
}

static bool
all_zero(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

TEST(revoked_at_once)
{
	char path[PATH_MAX];
	struct world w;
	struct call k;

	put(place(path, "secret"), VALUE, 20, 0600);
	begin_file(&w, path, "1h");
	ASSERT_FALSE(secret_revoked(w.s, 0));
	ASSERT_OK(get(&w, &k));
	ASSERT_MEMEQ(k.at, VALUE, 20);
	secret_revoke(w.s, 0);
	ASSERT_TRUE(all_zero(k.at, SECRET_MAX));
	ASSERT_TRUE(secret_revoked(w.s, 0));
	ASSERT_EQ(get(&w, &k), -EACCES);
	ASSERT_STRSTR(k.e.text, "it was revoked");
	secret_revoke(w.s, 0);
	end_world(&w);
	begin_command(&w, "sleep 1000; echo " VALUE, "300s", NULL);
	begin(&w, &k, 0);
	secret_revoke(w.s, 0);
	ASSERT_EQ(k.told, 1);
	ASSERT_EQ(k.status, -EACCES);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	ASSERT_EQ(k.told, 1);
	end_world(&w);
}

/* A failed reading leaves nothing of what it read. */
TEST(nothing_stays_of_a_failure)
{
	char path[PATH_MAX];
	struct world w;
	struct call k;
	const char *at;

	put(place(path, "secret"), VALUE, 20, 0600);
	begin_file(&w, path, "0s");
	ASSERT_OK(get(&w, &k));
	at = k.at;
	put(path, VALUE "\n\n", 22, 0600);
	ASSERT_EQ(get(&w, &k), -EINVAL);
	ASSERT_TRUE(all_zero(at, SECRET_MAX));
	end_world(&w);
}

/* The flags of the pages at p, as proc(5) shows them. */
static void
flags_of(const char *p, char *buf, size_t size)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long from, to;
	char line[512], *end;
	bool here = false;

	ASSERT_NOT_NULL(f);
	buf[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		from = strtoul(line, &end, 16);
		if (end > line && *end == '-') {
			to = strtoul(end + 1, NULL, 16);
			here = from <= (unsigned long)p &&
			       (unsigned long)p < to;
		}
		if (here && strncmp(line, "VmFlags:", 8) == 0)
			snprintf(buf, size, "%s", line);
	}
	fclose(f);
}

TEST(neither_in_cores_nor_in_children)
{
	char path[PATH_MAX], flags[512];
	struct world w;
	struct call k;
	int status = 0;
	pid_t pid;

	put(place(path, "secret"), VALUE, 20, 0600);
	begin_file(&w, path, "1h");
	ASSERT_OK(get(&w, &k));
	flags_of(k.at, flags, sizeof(flags));
	ASSERT_STRSTR(flags, " dd");
	pid = ASSERT_OK(fork());
	if (!pid)
		_exit(all_zero(k.at, SECRET_MAX) ? 0 : 1);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_EQ(status, 0);
	ASSERT_MEMEQ(k.at, VALUE, 20);
	end_world(&w);
}

TEST(placeholders)
{
	static const char text[] =
		"\"a\": { \"source\": { \"env\": \"A\" }, " USE ", "
		"\"placeholder\": \"sk-{}-x\" },"
		"\"b\": { \"source\": { \"env\": \"B\" }, " USE " }";
	struct world w, v;
	const char *a;

	begin_world(&w, text, NULL);
	begin_world(&v, text, NULL);
	ASSERT_EQ(secrets_count(w.s), 2);
	a = secrets_placeholder(w.s, 0);
	ASSERT_EQ(strlen(a), 32 + 5);
	ASSERT_EQ(strspn(a + 3, "0123456789abcdef"), 32);
	ASSERT_STREQ(a + 35, "-x");
	ASSERT_EQ(strncmp(a, "sk-", 3), 0);
	ASSERT_EQ(strncmp(secrets_placeholder(w.s, 1), "agentbox-b-", 11), 0);
	ASSERT_NE(strcmp(a, secrets_placeholder(v.s, 0)), 0);
	ASSERT_EQ(secrets_find(w.s, "b"), 1);
	ASSERT_EQ(secrets_find(w.s, "c"), -ENOENT);
	ASSERT_STREQ(secrets_credential(w.s, 1)->name, "b");
	end_world(&w);
	end_world(&v);
}

TEST(where_it_may_go)
{
	static const char text[] =
		"\"k\": { \"source\": { \"env\": \"A\" }, \"use\": [\n"
		"{ \"host\": [ \"api.example\", \"*.in.example\" ], "
		"\"method\": [ \"GET\", \"POST\" ], \"path\": [ \"/v1/**\", "
		"\"/me\" ] },\n"
		"{ \"host\": \"other.example\", \"port\": 8080, \"plain\": "
		"true },\n"
		"{ \"host\": \"127.0.0.1\", \"port\": 8443 } ] }";
	static const struct {
		const char *host;
		uint16_t port;
		const char *scheme, *method, *path;
		int want;
	} t[] = {
		{ "api.example", 443, "https", "GET", "/v1/x/y", 0 },
		{ "api.example", 443, "https", "POST", "/me", 0 },
		{ "api.example", 443, "wss", "GET", "/v1/x", 0 },
		{ "a.in.example", 443, "https", "GET", "/me", 0 },
		{ "a.b.in.example", 443, "https", "GET", "/me", 0 },
		{ "in.example", 443, "https", "GET", "/me", -1 },
		{ "xin.example", 443, "https", "GET", "/me", -1 },
		{ "api.example.evil.example", 443, "https", "GET", "/me", -1 },
		{ "xapi.example", 443, "https", "GET", "/me", -1 },
		{ "api.example", 80, "https", "GET", "/me", -1 },
		{ "api.example", 443, "http", "GET", "/me", -1 },
		{ "api.example", 443, "ws", "GET", "/me", -1 },
		{ "api.example", 443, "tls", "GET", "/me", -1 },
		{ "api.example", 443, "tcp", "GET", "/me", -1 },
		{ "api.example", 443, "", "GET", "/me", -1 },
		{ "api.example", 443, "https", "PUT", "/me", -1 },
		{ "api.example", 443, "https", "get", "/me", -1 },
		{ "api.example", 443, "https", "GET", "/", -1 },
		{ "api.example", 443, "https", "GET", "/v1", -1 },
		{ "api.example", 443, "https", "GET", "/v2/x", -1 },
		{ "api.example", 443, "https", "GET", "/me/x", -1 },
		{ "api.example", 443, "https", "GET", "/v1/../admin", -1 },
		{ "api.example", 443, "https", "GET", "/v1/%2e%2e/x", -1 },
		{ "api.example", 443, "https", "GET", "/v1//x", -1 },
		{ "api.example", 443, "https", "GET", "", -1 },
		{ "api.example", 443, "https", "GET", NULL, -1 },
		{ "other.example", 8080, "http", "DELETE", "/any", 1 },
		{ "other.example", 8080, "https", "DELETE", "/any", 1 },
		{ "other.example", 8080, "ws", "GET", NULL, 1 },
		{ "other.example", 443, "https", "GET", "/", -1 },
		{ "other.example", 8080, "tcp", "GET", "/", -1 },
		{ "127.0.0.1", 8443, "https", "GET", "/", 2 },
		{ "127.0.0.2", 8443, "https", "GET", "/", -1 },
		{ "", 443, "https", "GET", "/me", -1 },
	};
	struct world w;

	begin_world(&w, text, NULL);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int r = credential_fits(&w.c.credential[0], t[i].host,
					t[i].port, t[i].scheme, t[i].method,
					t[i].path);

		if (r != (t[i].want < 0 ? -ENOENT : t[i].want))
			FAIL("%s:%u %s %s %s: %d", t[i].host, t[i].port,
			     t[i].scheme, t[i].method,
			     t[i].path ? t[i].path : "none", r);
	}
	end_world(&w);
}
