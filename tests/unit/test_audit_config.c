/* links: audit profiles lib */
/* The audit settings: defaults, each key, who may say what, and the words for
 * each mistake. */
#include "audit/config.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static int
parse(struct audit_config *c, const char *text, bool host, struct err *e)
{
	*e = (struct err)ERR_INIT;
	audit_config_default(c);
	return audit_config_parse(c, "audit.json", text, strlen(text), host, e);
}

TEST(defaults)
{
	struct audit_config c;

	audit_config_default(&c);
	ASSERT_EQ(c.mode, AUDIT_REQUIRED);
	ASSERT_EQ(c.durable, DURABLE_EFFECTS);
	ASSERT_GE(c.retention_days, AUDIT_RETENTION_FLOOR_DAYS);
	ASSERT_FALSE(c.short_retention);
	ASSERT_EQ(c.sync_us, 1000000);
	ASSERT_EQ(c.segment_bytes, 64 << 20);
	ASSERT_EQ(c.n_sinks, 0);
	ASSERT_TRUE(c.journal);
}

TEST(every_key)
{
	static const char text[] =
		"{ // a comment\n"
		"\"version\": 1, \"mode\": \"off\", \"durable\": \"all\",\n"
		"\"sync\": \"250ms\", \"retention_days\": 30,\n"
		"\"short_retention\": true, \"max_size\": \"10G\",\n"
		"\"segment\": { \"size\": \"2M\", \"age\": \"1h\" },\n"
		"\"checkpoint\": { \"records\": 100, \"interval\": \"5s\" },\n"
		"\"idle\": \"2m\", \"journal\": false,\n"
		"\"quota\": { \"records_per_second\": 7, \"bytes_per_day\": "
		"\"1M\",\n"
		"  \"open_actions\": 9 },\n"
		"\"sinks\": [ { \"type\": \"file\", \"path\": \"/a/b\" },\n"
		"  { \"type\": \"syslog\" },\n"
		"  { \"type\": \"command\", \"argv\": [ \"/bin/x\", \"y z\" ],"
		" \"timeout\": \"3s\" } ] }";
	struct audit_config c;
	struct err e;

	if (parse(&c, text, true, &e) < 0)
		FAIL("%s", e.text);
	ASSERT_EQ(c.mode, AUDIT_OFF);
	ASSERT_EQ(c.durable, DURABLE_ALL);
	ASSERT_EQ(c.sync_us, 250000);
	ASSERT_EQ(c.retention_days, 30);
	ASSERT_EQ(c.max_bytes, 10ll << 30);
	ASSERT_EQ(c.segment_bytes, 2 << 20);
	ASSERT_EQ(c.segment_age_us, 3600000000ll);
	ASSERT_EQ(c.checkpoint_records, 100);
	ASSERT_EQ(c.checkpoint_us, 5000000);
	ASSERT_EQ(c.idle_us, 120000000);
	ASSERT_FALSE(c.journal);
	ASSERT_EQ(c.agent_rate, 7);
	ASSERT_EQ(c.agent_day_bytes, 1 << 20);
	ASSERT_EQ(c.open_actions, 9);
	ASSERT_EQ(c.n_sinks, 3);
	ASSERT_STREQ(c.sink[0].path, "/a/b");
	ASSERT_EQ(c.sink[1].kind, SINK_SYSLOG);
	ASSERT_STREQ(c.sink[2].argv.v[1], "y z");
	ASSERT_EQ(c.sink[2].timeout_us, 3000000);
	audit_config_done(&c);
}

/* Each with what the message must hold. */
TEST(mistakes)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "{\n\n\"quota\":\n{ \"records_per_secnd\": 1 } }",
		  "audit.json:4: /quota/records_per_secnd: unknown key; did "
		  "you mean \"records_per_second\"?" },
		{ "{ \"mod\": \"off\" }", "did you mean \"mode\"?" },
		{ "{ \"mode\": \"requird\" }", "did you mean \"required\"?" },
		{ "{ \"mode\": 1 }", "audit.json:1: /mode: is a number" },
		{ "{ \"sync\": \"1ms\" }", "/sync: must be from" },
		{ "{ \"sync\": \"soon\" }", "\"soon\" is no time" },
		{ "{ \"sync\": 5 }", "/sync: is a number" },
		{ "{ \"segment\": 5 }", "/segment: is a number" },
		{ "{ \"segment\": { \"size\": \"64k\" } }", "is no size" },
		{ "{ \"segment\": { \"size\": \"64K\" } }", "must be from" },
		{ "{ \"retention_days\": -1 }", "must not be negative" },
		{ "{ \"retention_days\": 183 }",
		  "183 days is below the floor of 184" },
		{ "{ \"checkpoint\": { \"records\": 1.5 } }", "a fraction" },
		{ "{ \"version\": 2 }", "/version: must be from 1 to 1" },
		{ "{ \"journal\": \"no\" }", "true or false" },
		{ "{ \"sinks\": {} }", "it must be a list" },
		{ "{ \"sinks\": [ {} ] }", "/sinks/0: has no \"type\"" },
		{ "{ \"sinks\": [ { \"type\": \"file\" } ] }",
		  "has no \"path\"" },
		{ "{ \"sinks\": [ { \"type\": \"file\", \"path\": \"../x\" } "
		  "] }",
		  "is no absolute path" },
		{ "{ \"sinks\": [ { \"type\": \"command\", \"argv\": [ \"sh\" "
		  "] } ] }",
		  "no shell and no PATH is asked" },
		{ "{ \"sinks\": [ { \"type\": \"syslog\", \"path\": \"/x\" } "
		  "] }",
		  "\"path\" is for files" },
		{ "{ \"idle\": \"1s\", \"idle\": \"2s\" }", "idle" },
		{ "[]", "audit.json" },
		{ "{ \"a\": [[[[[[[[]]]]]]]] }", "nested deeper" },
		{ "{ /* no end", "this comment has no end" },
		{ "", "audit.json:1: not JSON" },
	};
	struct audit_config c;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (parse(&c, bad[i].text, true, &e) >= 0)
			FAIL("%s was taken", bad[i].text);
		if (!strstr(e.text, bad[i].says))
			FAIL("%s: got \"%s\", want \"%s\"", bad[i].text, e.text,
			     bad[i].says);
		audit_config_done(&c);
	}
}

TEST(too_many_sinks)
{
	char text[1024] = "{ \"sinks\": [ ";
	struct audit_config c;
	size_t n = strlen(text);
	struct err e;

	for (int i = 0; i <= AUDIT_SINKS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "%s{ \"type\": \"syslog\" }",
				      i ? ", " : "");
	snprintf(text + n, sizeof(text) - n, " ] }");
	ASSERT_ERR(parse(&c, text, true, &e), -EINVAL);
	ASSERT_STRSTR(e.text, "more than 8 sinks");
	audit_config_done(&c);
}

TEST(only_the_host)
{
	static const char *const hosts[] = {
		"{ \"mode\": \"off\" }", "{ \"short_retention\": true }",
		"{ \"short_retention\": true, \"retention_days\": 1 }"
	};
	struct audit_config c;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		ASSERT_ERR(parse(&c, hosts[i], false, &e), -EINVAL);
		ASSERT_STRSTR(e.text, "only /etc/agentbox/audit.json may");
		ASSERT_OK(parse(&c, hosts[i], true, &e));
	}
	ASSERT_OK(parse(&c, "{ \"retention_days\": 200 }", false, &e));
	ASSERT_EQ(c.retention_days, 200);
}

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ASSERT_OK(fd);
	ASSERT_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

TEST(files)
{
	char path[PATH_MAX];
	struct audit_config c;
	struct err e = ERR_INIT;

	if (access("/etc/agentbox/audit.json", F_OK) == 0)
		SKIP("this host has audit settings of its own");
	ASSERT_OK(setenv("AGENTBOX_STATE_DIR", tap_tmpdir(), 1));
	ASSERT_OK(audit_config_load(&c, &e));
	ASSERT_EQ(c.open_actions, 1024);
	snprintf(path, sizeof(path), "%s/audit.json", tap_tmpdir());
	write_file(path, "{ \"quota\": { \"open_actions\": 5 } }");
	ASSERT_OK(audit_config_load(&c, &e));
	ASSERT_EQ(c.open_actions, 5);
	write_file(path, "{ \"quota\": ");
	ASSERT_TRUE(audit_config_load(&c, &e) < 0);
	ASSERT_STRSTR(e.text, path);
	/* it is there, but cannot be read as a file: that is no default */
	ASSERT_OK(unlink(path));
	ASSERT_OK(mkdir(path, 0700));
	ASSERT_TRUE(audit_config_load(&c, &e) < 0);
}
