/* links: audit profiles sandbox lib */
/* The helper that takes checkpoints away, with places of the test's own, and
 * journal entries. */
#include "audit/sink.h"
#include "lib/fd.h"
#include "lib/macro.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static const char note[] = "agentbox-audit/00\n17\nAAAA\n\n- signature\n";

struct at {
	struct audit_config config;
	int fd, journal, syslog;
	char journal_path[96], syslog_path[96], file[96];
	pid_t pid;
};

/* A socket as syslog and the journal have. */
static int
bind_at(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = ASSERT_OK(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	ASSERT_OK(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	return fd;
}

static void
begin(struct at *a)
{
	memset(a, 0, sizeof(*a));
	a->config.journal = true;
	snprintf(a->journal_path, sizeof(a->journal_path), "%s/journal",
		 tap_tmpdir());
	snprintf(a->syslog_path, sizeof(a->syslog_path), "%s/log",
		 tap_tmpdir());
	snprintf(a->file, sizeof(a->file), "%s/notes", tap_tmpdir());
	a->journal = bind_at(a->journal_path);
	a->syslog = bind_at(a->syslog_path);
}

static void
add(struct at *a, enum audit_sink_kind kind, const char *arg)
{
	struct audit_sink *k = &a->config.sink[a->config.n_sinks++];

	k->kind = kind;
	if (kind == SINK_FILE)
		k->path = strdup(arg);
	if (kind != SINK_COMMAND)
		return;
	ASSERT_OK(strv_add(&k->argv, "/bin/sh"));
	ASSERT_OK(strv_add(&k->argv, "-c"));
	ASSERT_OK(strv_add(&k->argv, arg));
	k->timeout_us = 10000000;
}

static void
start(struct at *a)
{
	struct err e = ERR_INIT;
	int pair[2];

	ASSERT_OK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	a->pid = ASSERT_OK(fork());
	if (a->pid == 0) {
		const struct sink_options o = {
			.config = &a->config,
			.fd = pair[1],
			.journal = a->journal_path,
			.syslog = a->syslog_path,
		};

		close(pair[0]);
		close(a->journal);
		close(a->syslog);
		_exit(sink_run(&o, &e) < 0);
	}
	close(pair[1]);
	a->fd = pair[0];
}

static void
hand(struct at *a, enum sink_what what, const char *text)
{
	struct sink_message m = { .what = what, .len = (uint32_t)strlen(text) };

	memcpy(m.text, text, m.len);
	ASSERT_EQ(send(a->fd, &m, SINK_HEAD + m.len, 0),
		  (ssize_t)(SINK_HEAD + m.len));
}

static struct sink_answer
answer(struct at *a)
{
	struct sink_answer k;

	ASSERT_EQ(recv(a->fd, &k, sizeof(k), 0), (ssize_t)sizeof(k));
	return k;
}

static void
end(struct at *a)
{
	int status;

	close(a->fd);
	ASSERT_EQ(waitpid(a->pid, &status, 0), a->pid);
	ASSERT_EQ(status, 0);
	close(a->journal);
	close(a->syslog);
	for (size_t i = 0; i < a->config.n_sinks; i++) {
		free(a->config.sink[i].path);
		strv_done(&a->config.sink[i].argv);
	}
}

static void
file_is(const char *path, const char *want)
{
	_cleanup_free_ char *text = NULL;

	ASSERT_OK(fd_read_file(AT_FDCWD, path, 65536, &text));
	ASSERT_STREQ(text, want);
}

TEST(a_file_gets_each_note)
{
	char want[256];
	struct at a;

	begin(&a);
	add(&a, SINK_FILE, a.file);
	start(&a);
	for (int i = 0; i < 2; i++) {
		hand(&a, SINK_NOTE, note);
		ASSERT_EQ(answer(&a).status, 0);
	}
	end(&a);
	snprintf(want, sizeof(want), "%s\n%s\n", note, note);
	file_is(a.file, want);
}

TEST(a_file_is_no_symbolic_link)
{
	char link_path[128];
	struct at a;

	begin(&a);
	snprintf(link_path, sizeof(link_path), "%s.link", a.file);
	ASSERT_OK(symlink(a.file, link_path));
	add(&a, SINK_FILE, link_path);
	start(&a);
	hand(&a, SINK_NOTE, note);
	ASSERT_EQ(answer(&a).status, -ELOOP);
	end(&a);
	ASSERT_TRUE(access(a.file, F_OK) < 0);
}

/* One line, from which `printf %b` makes the note again. */
TEST(syslog_gets_one_line)
{
	char buf[4096];
	struct at a;
	ssize_t n;

	begin(&a);
	add(&a, SINK_SYSLOG, NULL);
	start(&a);
	hand(&a, SINK_NOTE, note);
	ASSERT_EQ(answer(&a).status, 0);
	n = recv(a.syslog, buf, sizeof(buf) - 1, 0);
	ASSERT_TRUE(n > 0);
	buf[n] = '\0';
	ASSERT_TRUE(memcmp(buf, "<85>", 4) == 0);
	ASSERT_STRSTR(buf, " agentbox-audit: checkpoint agentbox-audit/00\\n17"
			   "\\nAAAA\\n\\n- signature\\n");
	ASSERT_NULL(strchr(buf, '\n'));
	end(&a);
}

TEST(a_command_gets_it_as_its_input)
{
	char cmd[256];
	struct at a;

	begin(&a);
	snprintf(cmd, sizeof(cmd), "cat > %s", a.file);
	add(&a, SINK_COMMAND, cmd);
	start(&a);
	hand(&a, SINK_NOTE, note);
	ASSERT_EQ(answer(&a).status, 0);
	end(&a);
	file_is(a.file, note);
}

/* No descriptor, no variable of the writer's goes along. */
TEST(a_command_finds_a_clean_place)
{
	char cmd[512];
	struct at a;

	ASSERT_OK(setenv("SECRET", "x", 1));
	begin(&a);
	snprintf(cmd, sizeof(cmd),
		 "{ echo \"[$SECRET]\"; for i in 3 4 5 6 7 8 9; do "
		 "[ -e /proc/self/fd/$i ] && echo open; done; } > %s; exit 0",
		 a.file);
	add(&a, SINK_COMMAND, cmd);
	start(&a);
	hand(&a, SINK_NOTE, note);
	ASSERT_EQ(answer(&a).status, 0);
	end(&a);
	file_is(a.file, "[]\n");
}

TEST(a_command_that_fails_is_told)
{
	struct sink_answer k;
	struct at a;

	begin(&a);
	add(&a, SINK_COMMAND, "exit 3");
	start(&a);
	hand(&a, SINK_NOTE, note);
	k = answer(&a);
	ASSERT_EQ(k.sink, 0);
	ASSERT_EQ(k.status, -EIO);
	ASSERT_STRSTR(k.text, "/bin/sh");
	end(&a);
}

TEST(a_command_that_does_not_end_is_ended)
{
	struct at a;

	begin(&a);
	add(&a, SINK_COMMAND, "sleep 1000 & sleep 1000; wait");
	a.config.sink[0].timeout_us = 100000;
	start(&a);
	hand(&a, SINK_NOTE, note);
	ASSERT_EQ(answer(&a).status, -ETIMEDOUT);
	end(&a);
}

/* While one is on its way, the newest waits, and the others were counted. */
TEST(the_newest_wins)
{
	struct sink_answer k;
	char cmd[512];
	struct at a;

	begin(&a);
	snprintf(cmd, sizeof(cmd),
		 "cat >> %s; [ -e %s.go ] || { touch %s.in; "
		 "until [ -e %s.go ]; do sleep 0.02; done; }",
		 a.file, a.file, a.file, a.file);
	add(&a, SINK_COMMAND, cmd);
	add(&a, SINK_SYSLOG, NULL);
	start(&a);
	for (int i = 0; i < 5; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d\n", i);
		hand(&a, SINK_NOTE, text);
		k = answer(&a); /* syslog is not held up */
		ASSERT_EQ(k.sink, 1);
	}
	snprintf(cmd, sizeof(cmd), "%s.go", a.file);
	close(ASSERT_OK(open(cmd, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)));
	ASSERT_EQ(answer(&a).sink, 0);
	k = answer(&a);
	ASSERT_EQ(k.sink, 0);
	ASSERT_EQ(k.missed, 3);
	end(&a);
	file_is(a.file, "0\n4\n");
}

TEST(the_last_note_is_delivered_at_the_end)
{
	char cmd[256];
	struct at a;

	begin(&a);
	snprintf(cmd, sizeof(cmd), "sleep 0.2; cat > %s", a.file);
	add(&a, SINK_COMMAND, cmd);
	start(&a);
	hand(&a, SINK_NOTE, "first\n");
	hand(&a, SINK_NOTE, "last\n");
	end(&a);
	file_is(a.file, "last\n");
}

/* The writer ends with answers unread, which the kernel tells as a reset. */
TEST(also_when_its_answers_are_not_read)
{
	char text[16];
	struct at a;

	begin(&a);
	add(&a, SINK_FILE, a.file);
	start(&a);
	for (int i = 0; i < 9; i++) {
		snprintf(text, sizeof(text), "%d\n", i);
		hand(&a, SINK_NOTE, text);
	}
	end(&a);
	file_is(a.file, "0\n\n1\n\n2\n\n3\n\n4\n\n5\n\n6\n\n7\n\n8\n\n");
}

TEST(the_journal_gets_entries)
{
	char buf[JOURNAL_MAX];
	struct sink_answer k;
	struct at a;

	begin(&a);
	start(&a);
	hand(&a, SINK_ENTRY, "MESSAGE=x\n");
	ASSERT_EQ(recv(a.journal, buf, sizeof(buf), 0), 10);
	/* nothing is told while it works; when it does not, once */
	close(a.journal);
	hand(&a, SINK_ENTRY, "MESSAGE=y\n");
	k = answer(&a);
	ASSERT_EQ(k.sink, SINK_IS_JOURNAL);
	ASSERT_EQ(k.status, -ECONNREFUSED);
	ASSERT_OK(unlink(a.journal_path));
	a.journal = bind_at(a.journal_path);
	hand(&a, SINK_ENTRY, "MESSAGE=z\n");
	k = answer(&a);
	ASSERT_EQ(k.status, 0);
	ASSERT_EQ(k.missed, 1);
	end(&a);
}

/* ---- entries ------------------------------------------------------------- */

TEST(what_goes_to_the_journal)
{
	struct fields f;

	fields_init(&f);
	fields_text(&f, FIELD_EFFECT, "allow");
	ASSERT_FALSE(journal_wants(RECORD_INTENT, f.bytes, f.len));
	fields_text(&f, FIELD_EFFECT, "deny");
	ASSERT_TRUE(journal_wants(RECORD_INTENT, f.bytes, f.len));
	ASSERT_FALSE(journal_wants(RECORD_OUTCOME, f.bytes, f.len));
	ASSERT_FALSE(journal_wants(RECORD_CHANNEL, f.bytes, f.len));
	ASSERT_TRUE(journal_wants(RECORD_ANOMALY, f.bytes, f.len));
	ASSERT_TRUE(journal_wants(RECORD_POLICY, f.bytes, f.len));
	ASSERT_TRUE(journal_wants(RECORD_ADMIN, f.bytes, f.len));
	ASSERT_TRUE(journal_wants(RECORD_LIFECYCLE, f.bytes, f.len));
}

TEST(an_entry_has_these_fields)
{
	char buf[JOURNAL_MAX + 1];
	struct fields f;
	struct journal_entry e = {
		.seq = 42,
		.agent = "coder",
		.run = "r1",
		.type = RECORD_INTENT,
		.fields = f.bytes,
	};

	fields_init(&f);
	fields_text(&f, FIELD_WHAT, "net.connect");
	fields_text(&f, FIELD_TARGET, "example.org:443\nPRIORITY=0");
	fields_text(&f, FIELD_EFFECT, "deny");
	fields_text(&f, FIELD_RULE, "no-net");
	fields_text(&f, FIELD_REASON, "rule");
	e.fields_len = f.len;
	buf[journal_write(&e, buf)] = '\0';
	ASSERT_STREQ(buf, "MESSAGE=agent coder: net.connect "
			  "example.org:443\\x0aPRIORITY=0: deny by rule no-net "
			  "(rule)\n"
			  "PRIORITY=5\n"
			  "SYSLOG_IDENTIFIER=agentbox-audit\n"
			  "AGENTBOX_SEQ=42\n"
			  "AGENTBOX_TYPE=intent\n"
			  "AGENTBOX_AGENT=coder\n"
			  "AGENTBOX_RUN=r1\n"
			  "AGENTBOX_WHAT=net.connect\n"
			  "AGENTBOX_EFFECT=deny\n"
			  "AGENTBOX_RULE=no-net\n");
}

/* Whatever lengths: it fits, and no line begins but with a known name. */
TEST(long_values_are_cut)
{
	char buf[JOURNAL_MAX + 1], value[4001], name[128];
	struct fields f;
	struct journal_entry e = { .seq = UINT64_MAX,
				   .agent = name,
				   .run = name,
				   .type = RECORD_ANOMALY,
				   .fields = f.bytes };

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (size_t n = 1; n < sizeof(value); n += 37) {
		size_t len;

		memset(value, 'v', n);
		value[n] = '\0';
		fields_init(&f);
		fields_text(&f, FIELD_WHAT, value);
		fields_text(&f, FIELD_TARGET, value);
		fields_text(&f, FIELD_EFFECT, value);
		fields_text(&f, FIELD_RULE, value);
		fields_text(&f, FIELD_REASON, value);
		fields_text(&f, FIELD_DETAIL, value);
		e.fields_len = f.len;
		len = journal_write(&e, buf);
		ASSERT_LE(len, JOURNAL_MAX);
		ASSERT_EQ(buf[len - 1], '\n');
		buf[len] = '\0';
		for (char *p = buf; *p; p = strchr(p, '\n') + 1)
			ASSERT_TRUE(*p == 'M' || *p == 'P' || *p == 'S' ||
				    *p == 'A');
	}
}
