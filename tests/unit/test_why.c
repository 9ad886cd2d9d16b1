/* links: lib policy profiles audit query sandbox */
/* Records explained: what is said of each kind of decision, what an agent is
 * told of itself, and that nothing of it steers a terminal. */
#include "policy/policy_build.h"
#include "tests/tap.h"
#include "tests/tools/story_small.h"
#include "tests/tools/trail_text.h"

#include <string.h>

static struct story_small q;
static int fd;
static const struct why_options operator;
static const struct why_options agent = { .as_agent = true, .run = "one" };

static struct trail *
begin(void)
{
	const char *dir = tap_tmpdir();

	story_small(&q, dir);
	return trail_of(dir, &fd);
}

static void
end(struct trail *t)
{
	trail_free(t);
	close(fd);
}

/* Without the row that has the policy's hash. */
static const char *
without_policy(const char *s)
{
	static char buf[4096];
	char *at, *nl;

	snprintf(buf, sizeof(buf), "%s", s);
	at = strstr(buf, "\npolicy ");
	nl = at ? strchr(at + 1, '\n') : NULL;
	if (nl)
		memmove(at, nl, strlen(nl) + 1);
	return buf;
}

#define WHO "Z\nagent     agent-one, run one, box box-one, owner ann\n"

TEST(denied_by_a_rule)
{
	struct trail *t = begin();

	ASSERT_STREQ(
		without_policy(why_text(t, &operator, q.denied)),
		"denied: network.use somewhere\n"
		"record    8, intent, 2025-11-25T10:00:00.100070" WHO
		"asked     class send, host \"example.org\", method \"POST\"\n"
		"because   a rule says so\n"
		"rule      no-posts (level profile dev)  dev.json:20\n"
		"          \"uploads go through a person\"\n"
		"matches   allow web\n"
		"outcome   none: it did not go ahead\n"
		"change    change rule no-posts, dev.json:20, then agentbox "
		"reload\n");
	end(t);
}

TEST(condition_that_failed)
{
	struct trail *t = begin();

	ASSERT_STREQ(
		without_policy(why_text(t, &operator, q.nothing)),
		"denied: tools.use somewhere\n"
		"record    12, intent, 2025-11-25T10:00:00.200110" WHO
		"asked     server \"files\", tool \"read\", args "
		"{\"amount\":11}\n"
		"because   a rule would grant it, but for a condition\n"
		"failed    /args/amount: expected <= 10, was 11  (rule files)\n"
		"outcome   none: it did not go ahead\n"
		"change    ask for what rule files grants: /args/amount: <= "
		"10\n"
		"          change that condition of rule files, then agentbox "
		"reload\n");
	end(t);
}

TEST(rates_and_questions)
{
	struct trail *t = begin();

	ASSERT_STRSTR(why_text(t, &operator, q.rated),
		      "because   it came too often\n"
		      "failed    rule clock\n");
	ASSERT_STRSTR(why_text(t, &operator, q.rated),
		      "change    wait: it is granted again in 6");
	ASSERT_STRSTR(why_text(t, &operator, q.asked),
		      "asked first: tools.use");
	ASSERT_STRSTR(why_text(t, &operator, q.asked),
		      "have it approved: rule ask-mail, dev.json:30");
	end(t);
}

TEST(what_went_ahead)
{
	struct trail *t = begin();

	ASSERT_STRSTR(why_text(t, &operator, q.read), "allowed: tools.use");
	ASSERT_STRSTR(why_text(t, &operator, q.read),
		      "outcome   ok, it was done, after 1.5 ms\n");
	ASSERT_NULL(strstr(why_text(t, &operator, q.read), "change"));
	/* what is withheld is said to be */
	ASSERT_STRSTR(why_text(t, &operator, q.secret),
		      "asked     type withheld (26 bytes)\n");
	end(t);
}

/* The end of a box: by its start, by the record itself, and by whom. */
TEST(end_of_a_box)
{
	struct trail *t = begin();
	const char *s = why_text(t, &operator, q.outcome);

	ASSERT_STRSTR(s, "allowed: box.start\nrecord    4, ");
	ASSERT_STRSTR(s, "outcome   killed, an operator stopped it, signal 9, "
			 "after 2.5 s\n");
	ASSERT_STRSTR(s, "uid 1000 (record 23): \"too\\x1b[2J odd\"\n");
	ASSERT_NULL(strchr(s, '\033'));
	s = why_text(t, &operator, q.kill);
	ASSERT_STRSTR(s, "by        uid 1000, pid 77: \"too\\x1b[2J odd\"\n");
	ASSERT_NULL(strchr(s, '\033'));
	end(t);
}

TEST(other_records)
{
	struct trail *t = begin();
	const char *s = why_text(t, &operator, q.anomaly);

	ASSERT_STRSTR(s, "freeze.trigger\nrecord    22, anomaly, ");
	ASSERT_STRSTR(s, "trigger   3 denials within 1m\n");
	ASSERT_STRSTR(s, "part of   record 9, credentials.use somewhere\n");
	/* of the writer */
	ASSERT_STRSTR(why_text(t, &operator, 1), "log.segment\n");
	ASSERT_STREQ(why_text(t, &operator, 9999), "");
	end(t);
}

TEST(last)
{
	struct trail *t = begin();
	struct err e = ERR_INIT;
	uint64_t seq = 0;
	struct filter f;

	filter_init(&f);
	ASSERT_EQ(why_last(t, &f, &seq, &e), 1);
	ASSERT_EQ(seq, q.rated);
	ASSERT_OK(filter_add(&f, FILTER_RUN, "two", &e));
	ASSERT_EQ(why_last(t, &f, &seq, &e), 0);
	end(t);
}

/* An agent is told of its own run, and neither what rules of the host look at,
 * nor files, nor people and processes of the host. */
TEST(as_agent)
{
	static const char *const hidden[] = {
		"dev.json",   "policy.json",   "never",	      "no keys",
		"\"pid\"",    "\"uid\"",       "\"hash\"",    "matched",
		"\"fields\"", "too\\\\x1b[2J", "\"dev.json\""
	};
	struct trail *t = begin();
	uint64_t last = q.s.chain.size;

	for (uint64_t seq = 1; seq <= last; seq++) {
		const char *s = why_json(t, &agent, seq);

		for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
			if (strstr(s, hidden[i]))
				FAIL("%s is in %s", hidden[i], s);
	}
	ASSERT_STREQ(why_json(t, &agent, q.child), "");
	ASSERT_STREQ(why_json(t, &agent, 1), "");
	ASSERT_STRSTR(why_text(t, &agent, q.hosts),
		      "rule      a rule of this host\n");
	ASSERT_STRSTR(why_text(t, &agent, q.nothing),
		      "failed    /args/amount: expected <= 10, was 11");
	ASSERT_STRSTR(why_text(t, &agent, q.denied),
		      "rule      no-posts (level profile dev)\n");
	end(t);
}

/* Without the policy's bytes an agent is not told which rule failed: nobody
 * knows whether it is the host's. */
TEST(as_agent_without_policy)
{
	struct trail *t = begin();
	char path[400];

	snprintf(path, sizeof(path), "%s/blobs/", q.s.dir);
	for (int i = 0; i < 32; i++)
		snprintf(path + strlen(path), 3, "%02x", q.s.run[0].blob[i]);
	ASSERT_OK(unlink(path));
	ASSERT_STRSTR(why_text(t, &agent, q.nothing),
		      "failed    a rule of this host\n");
	ASSERT_STRSTR(why_text(t, &operator, q.nothing), "(rule files)");
	end(t);
}

/* Without a decision: what the broker refused, and what it could not do. */

static uint64_t
broker_intent(struct story *s, const char *reason, const char *detail)
{
	struct fields *f = &s->fields;

	fields_text(f, FIELD_WHAT, "network.connect");
	fields_text(f, FIELD_SURFACE, "network");
	fields_text(f, FIELD_TARGET, "a.example:443");
	if (detail)
		fields_text(f, FIELD_DETAIL, detail);
	fields_text(f, FIELD_EFFECT, reason ? "deny" : "allow");
	if (reason)
		fields_text(f, FIELD_REASON, reason);
	fields_uint(f, FIELD_GOES_AHEAD, reason == NULL);
	return story_put(s, RECORD_INTENT, s->run[0].channel, 0);
}

TEST(what_the_broker_refused)
{
	static struct story s;
	char name[] = "t";
	struct level level = { .name = name, .kind = LEVEL_PROFILE };
	const struct policy_spec spec = { .name = name,
					  .level = &level,
					  .n_levels = 1 };
	const char *dir = tap_tmpdir();
	uint64_t address, sni, failed;
	struct policy *p;
	struct err e = ERR_INIT;
	struct trail *t;

	ASSERT_OK(policy_make(&spec, &p, NULL, &e));
	story_begin(&s, dir);
	(void)story_run_begin(&s, &s.run[0], "one", p);
	address = broker_intent(&s, "address-not-granted",
				"a.example is at 10.0.0.1 (private)");
	sni = broker_intent(&s, "sni-mismatch", "b.example");
	failed = broker_intent(&s, NULL, NULL);
	fields_text(&s.fields, FIELD_STATUS, "error");
	fields_text(&s.fields, FIELD_ERROR, "connection-refused");
	story_put(&s, RECORD_OUTCOME, s.run[0].channel, failed);
	story_end(&s);
	t = trail_of(dir, &fd);
	ASSERT_STRSTR(why_text(t, &operator, address),
		      "failed    a.example is at 10.0.0.1 (private)\n");
	ASSERT_STRSTR(why_text(t, &operator, address),
		      "change    name the address in a rule");
	ASSERT_NULL(strstr(why_text(t, &agent, address), "10.0.0.1"));
	ASSERT_STRSTR(why_text(t, &agent, address),
		      "because   the name leads to an address that nobody");
	ASSERT_STRSTR(why_text(t, &operator, sni),
		      "because   the TLS hello names another host");
	ASSERT_STRSTR(why_text(t, &operator, failed),
		      "outcome   error, nobody listens there");
	end(t);
	policy_free(p);
}
