/* links: lib policy profiles audit query sandbox */
/* The story of a run: what is told, in which order, of whom, and how much. */
#include "tests/tap.h"
#include "tests/tools/random_policy.h"
#include "tests/tools/story_small.h"
#include "tests/tools/trail_text.h"

#include <string.h>

static struct story_small q;
static int fd;

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

/* Without the rows that have the policy's hash. */
static const char *
without_policy(const char *s)
{
	static char buf[8192];
	char *at, *nl;

	snprintf(buf, sizeof(buf), "%s", s);
	while ((at = strstr(buf, "policy    "))) {
		while (at > buf && at[-1] != '\n')
			at--;
		nl = strchr(at, '\n');
		memmove(at, nl + 1, strlen(nl));
	}
	return buf;
}

TEST(whole_story)
{
	struct trail *t = begin();

	ASSERT_STREQ(
		without_policy(trace_text(t, "one", 0, false)),
		"run one, agent agent-one, box box-one, owner ann, "
		"2025-11-25T10:00:00.000010Z\n"
		"      0.000  start     [\"agent\",\"--task\"]  #4\n"
		"      0.000  confined  2 layers hold, degraded [cgroup]  #5\n"
		"      0.100  allow     tools.use somewhere, rule files, ok, "
		"1.5 ms  #6\n"
		"      0.100  deny      network.use somewhere, rule no-posts  "
		"#8\n"
		"      0.100  prohibit  credentials.use somewhere, rule never  "
		"#9\n"
		"      0.200  deny      tools.use somewhere, condition  #12\n"
		"      0.300  ask       tools.use somewhere, rule ask-mail  "
		"#13\n"
		"      0.400  allow     tools.use somewhere, rule clock, ok, "
		"1.5 ms  #14\n"
		"      0.500  deny      tools.use somewhere, rate_limited  "
		"#16\n"
		"      0.500  allow     memory.use somewhere, rule memory, ok, "
		"1.5 ms  #17\n"
		"      0.500  anomaly   freeze.trigger, 3 denials within 1m, "
		"of #9  #22\n"
		"      0.500  operator  admin.kill, by uid 1000: "
		"\"too\\x1b[2J odd\", ok, 1.5 ms  #23\n"
		"      0.500  end       killed, operator, signal 9, after 2.5 "
		"s  #25\n"
		"             8 decisions: 3 allowed, 4 denied, 1 asked; 1 "
		"anomaly; 1 act of operators\n"
		"    run two, agent agent-two, box box-two, owner ann, started "
		"by one, 2025-11-25T10:00:00.500180Z\n"
		"          0.000  start     [\"agent\",\"--task\"]  #21\n"
		"          0.000  end       ok, exit status 0, after 2.5 s, "
		"processor 120.0 ms  #27\n"
		"                 0 decisions; 0 anomalies; 0 acts of "
		"operators\n");
	end(t);
}

/* Each line an object; counts are of all, told is what the limit lets. */
TEST(as_json)
{
	struct trail *t = begin();
	char *s = strdup(trace_text(t, "one", 3, true)), *line = s;
	size_t decisions = 0, lines = 0;
	bool summary = false;

	for (char *nl; (nl = strchr(line, '\n')); line = nl + 1, lines++) {
		json_t *j = json_loadb(line, (size_t)(nl - line), 0, NULL);
		const char *kind =
			json_string_value(json_object_get(j, "kind"));

		ASSERT_NOT_NULL(kind);
		decisions += !strcmp(kind, "decision");
		if (!strcmp(kind, "summary") && !summary) {
			summary = true;
			ASSERT_EQ(json_integer_value(
					  json_object_get(j, "decisions")),
				  8);
			ASSERT_EQ(json_integer_value(
					  json_object_get(j, "left_out")),
				  5);
		}
		json_decref(j);
	}
	free(s);
	ASSERT_TRUE(summary);
	ASSERT_EQ(decisions, 3);
	ASSERT_GE(lines, 10);
	end(t);
}

/* Two that say to be each other's parents are told once each. */
TEST(parents_in_a_circle)
{
	static struct story s;
	const char *dir = tap_tmpdir(), *text;
	struct trail *t;
	struct policy *p;
	struct rule r = { .id = (char[]){ "all" },
			  .effect = EFFECT_ALLOW,
			  .on = ON_ALL };

	story_begin(&s, dir);
	p = random_policy_of(&r);
	s.run[0].parent = "b";
	s.run[1].parent = "a";
	story_run_begin(&s, &s.run[0], "a", p);
	story_run_begin(&s, &s.run[1], "b", p);
	story_end(&s);
	policy_free(p);
	t = trail_of(dir, &fd);
	text = trace_text(t, "a", 0, false);
	ASSERT_STRSTR(text, "run a, ");
	ASSERT_STRSTR(text, "\n    run b, ");
	ASSERT_NULL(strstr(text, "        run a, "));
	ASSERT_STRSTR(text, "; it has not ended, or nobody said so\n");
	end(t);
}

/* What came before is gone with its file. */
TEST(beginning_that_is_gone)
{
	struct trail *t = begin();
	char path[400];

	end(t);
	snprintf(path, sizeof(path), "%s/log/%020d.seg", q.s.dir, 1);
	ASSERT_OK(unlink(path));
	t = trail_of(q.s.dir, &fd);
	ASSERT_STRSTR(trace_text(t, "one", 0, false),
		      "\n             its beginning is not in the log any "
		      "more\n");
	end(t);
}
