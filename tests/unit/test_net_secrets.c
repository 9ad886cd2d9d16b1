/* links: net profiles sandbox policy lib */
/* The keeper of secrets: what is read and what is refused, leases, revocation,
 * what is left in memory, and where a secret may go. */
#include "tests/tap.h"
#include "tests/tools/secret_world.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void
begin_file(struct secret_world *w, const char *path, const char *lease)
{
	_cleanup_free_ char *text =
		str_printf("\"k\": { \"source\": { \"file\": \"%s\" }, "
			   "\"lease\": \"%s\", " USE " }",
			   path, lease);

	secret_world_begin(w, text, NULL);
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

static int
file_gives(const char *path, struct secret_test *k)
{
	struct secret_world w;
	int r;

	begin_file(&w, path, "5m");
	r = secret_value(&w, k);
	secret_world_end(&w);
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
	struct secret_test k;

	secret_place(path, "secret");
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
	struct secret_test k;

	secret_place(path, "secret");
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
	struct secret_test k;

	secret_place(path, "secret");
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
	ASSERT_OK(symlink(path, secret_place(link, "link")));
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
	struct secret_test k;

	ASSERT_EQ(file_gives(secret_place(path, "none"), &k), -ENOENT);
	ASSERT_STRSTR(k.e.text, "/none: No such file");
	ASSERT_OK(mkfifo(secret_place(path, "fifo"), 0600));
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
	struct secret_world w;
	struct secret_test k;

	secret_world_begin(&w, text, env);
	ASSERT_OK(secret_value(&w, &k));
	ASSERT_EQ(k.len, strlen(VALUE));
	ASSERT_MEMEQ(k.value, VALUE, k.len);
	secret_world_end(&w);
	secret_world_begin(&w, text, env + 3);
	ASSERT_EQ(secret_value(&w, &k), -ENOENT);
	ASSERT_STRSTR(k.e.text, "$TOKEN is not set");
	secret_world_end(&w);
	secret_world_begin(&w, text, NULL);
	ASSERT_EQ(secret_value(&w, &k), -ENOENT);
	secret_world_end(&w);
	secret_world_begin(&w, text, empty);
	ASSERT_EQ(secret_value(&w, &k), -ENODATA);
	secret_world_end(&w);
	secret_world_begin(&w, text, lines);
	ASSERT_EQ(secret_value(&w, &k), -EINVAL);
	secret_world_end(&w);
}

TEST(from_systemd)
{
	static const char text[] = "\"k\": { \"source\": { \"systemd\": \"key\""
				   " }, " USE " }";
	char path[PATH_MAX], other[PATH_MAX], folder[PATH_MAX + 32];
	const char *env[] = { folder, NULL };
	struct secret_world w;
	struct secret_test k;

	secret_world_begin(&w, text, NULL);
	ASSERT_EQ(secret_value(&w, &k), -ENOENT);
	ASSERT_STRSTR(k.e.text, "no $CREDENTIALS_DIRECTORY");
	ASSERT_STRSTR(k.e.cure, "LoadCredential=key");
	secret_world_end(&w);
	snprintf(folder, sizeof(folder), "CREDENTIALS_DIRECTORY=%s",
		 tap_tmpdir());
	secret_world_begin(&w, text, env);
	ASSERT_EQ(secret_value(&w, &k), -ENOENT);
	put(secret_place(path, "key"), VALUE, 20, 0400);
	ASSERT_OK(secret_value(&w, &k));
	secret_world_end(&w);
	secret_world_begin(&w, text, env);
	ASSERT_OK(chmod(path, 0444));
	ASSERT_EQ(secret_value(&w, &k), -EPERM);
	/* root's, and readable by the group: that is systemd's ACL */
	ASSERT_OK(chmod(path, 0440));
	ASSERT_EQ(secret_value(&w, &k), geteuid() == 0 ? 0 : -EPERM);
	secret_world_end(&w);
	secret_world_begin(&w, text, env);
	ASSERT_OK(chmod(path, 0400));
	ASSERT_OK(rename(path, secret_place(other, "other")));
	ASSERT_OK(symlink("other", path));
	ASSERT_EQ(secret_value(&w, &k), -ELOOP);
	secret_world_end(&w);
}

TEST(leases)
{
	char path[PATH_MAX];
	struct secret_world w;
	struct secret_test k;

	secret_place(path, "secret");
	put(path, "first", 5, 0600);
	begin_file(&w, path, "1h");
	ASSERT_OK(secret_value(&w, &k));
	put(path, "second", 6, 0600);
	ASSERT_OK(secret_value(&w, &k));
	ASSERT_EQ(k.len, 5);
	secret_world_end(&w);
	/* none: read each time, and nothing stays */
	begin_file(&w, path, "0s");
	ASSERT_OK(secret_value(&w, &k));
	ASSERT_EQ(k.len, 6);
	ASSERT_EQ(k.at[0], 0);
	put(path, "third-one", 9, 0600);
	ASSERT_OK(secret_value(&w, &k));
	ASSERT_EQ(k.len, 9);
	secret_world_end(&w);
	/* the end of one */
	begin_file(&w, path, "10ms");
	ASSERT_OK(secret_value(&w, &k));
	put(path, "last", 4, 0600);
	event_base_loop(w.base, EVLOOP_ONCE);
	ASSERT_EQ(k.at[0], 0);
	ASSERT_OK(secret_value(&w, &k));
	ASSERT_EQ(k.len, 4);
	secret_world_end(&w);
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
	struct secret_world w;
	struct secret_test k;

	put(secret_place(path, "secret"), VALUE, 20, 0600);
	begin_file(&w, path, "1h");
	ASSERT_FALSE(secret_revoked(w.s, 0));
	ASSERT_OK(secret_value(&w, &k));
	ASSERT_MEMEQ(k.at, VALUE, 20);
	secret_revoke(w.s, 0);
	ASSERT_TRUE(all_zero(k.at, SECRET_MAX));
	ASSERT_TRUE(secret_revoked(w.s, 0));
	ASSERT_EQ(secret_value(&w, &k), -EACCES);
	ASSERT_STRSTR(k.e.text, "it was revoked");
	secret_revoke(w.s, 0);
	secret_world_end(&w);
}

/* A failed reading leaves nothing of what it read. */
TEST(nothing_stays_of_a_failure)
{
	char path[PATH_MAX];
	struct secret_world w;
	struct secret_test k;
	const char *at;

	put(secret_place(path, "secret"), VALUE, 20, 0600);
	begin_file(&w, path, "0s");
	ASSERT_OK(secret_value(&w, &k));
	at = k.at;
	put(path, VALUE "\n\n", 22, 0600);
	ASSERT_EQ(secret_value(&w, &k), -EINVAL);
	ASSERT_TRUE(all_zero(at, SECRET_MAX));
	secret_world_end(&w);
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
	struct secret_world w;
	struct secret_test k;
	int status = 0;
	pid_t pid;

	put(secret_place(path, "secret"), VALUE, 20, 0600);
	begin_file(&w, path, "1h");
	ASSERT_OK(secret_value(&w, &k));
	flags_of(k.at, flags, sizeof(flags));
	ASSERT_STRSTR(flags, " dd");
	pid = ASSERT_OK(fork());
	if (!pid)
		_exit(all_zero(k.at, SECRET_MAX) ? 0 : 1);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_EQ(status, 0);
	ASSERT_MEMEQ(k.at, VALUE, 20);
	secret_world_end(&w);
}

TEST(placeholders)
{
	static const char text[] =
		"\"a\": { \"source\": { \"env\": \"A\" }, " USE ", "
		"\"placeholder\": \"sk-{}-x\" },"
		"\"b\": { \"source\": { \"env\": \"B\" }, " USE " }";
	struct secret_world w, v;
	const char *a;

	secret_world_begin(&w, text, NULL);
	secret_world_begin(&v, text, NULL);
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
	secret_world_end(&w);
	secret_world_end(&v);
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
	struct secret_world w;

	secret_world_begin(&w, text, NULL);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int r = credential_fits(&w.c.credential[0], t[i].host,
					t[i].port, t[i].scheme, t[i].method,
					t[i].path);

		if (r != (t[i].want < 0 ? -ENOENT : t[i].want))
			FAIL("%s:%u %s %s %s: %d", t[i].host, t[i].port,
			     t[i].scheme, t[i].method,
			     t[i].path ? t[i].path : "none", r);
	}
	secret_world_end(&w);
}
