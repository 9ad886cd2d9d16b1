/* See story_small.h. */
#include "tests/tools/story_small.h"

#include "policy/policy_build.h"

#include <stdlib.h>
#include <string.h>

#define TEXT(s) ((char *)(uintptr_t)(s))

/* The conditions that the rules have. */
struct parts {
	struct rule_value method, server[3], host, amount;
	struct rule_cond when[6];
	struct rule rule[7];
	struct level level[2];
};

static struct rule_cond
equals(const char *pointer, struct rule_value *v, const char *text)
{
	v->type = RULE_STRING;
	v->s = TEXT(text);
	return (struct rule_cond){
		.op = OP_EQ, .pointer = TEXT(pointer), .v = v, .n = 1
	};
}

static struct rule
rule(const char *id, enum effect effect, unsigned int on, const char *because,
     unsigned int line, struct rule_cond *match)
{
	return (struct rule){ .id = TEXT(id),
			      .because = TEXT(because),
			      .file = TEXT("dev.json"),
			      .line = line,
			      .effect = effect,
			      .on = on,
			      .level = 1,
			      .match = match,
			      .n_match = 1 };
}

static struct policy *
make_policy(void)
{
	static struct parts q;
	struct policy_spec spec = { .name = TEXT("dev"),
				    .level = q.level,
				    .n_levels = 2,
				    .rule = q.rule,
				    .n_rules = 7 };
	struct err e = ERR_INIT;
	struct policy *p = NULL;

	memset(&q, 0, sizeof(q));
	q.level[0] = (struct level){ .name = TEXT("host"),
				     .kind = LEVEL_HOST,
				     .ceiling = CLASS_SPAWN,
				     .inherits = true };
	q.level[1] = (struct level){ .name = TEXT("dev"),
				     .kind = LEVEL_PROFILE,
				     .ceiling = CLASS_SPAWN };
	q.when[0] = equals("/server", &q.server[0], "files");
	q.when[1] = equals("/method", &q.method, "POST");
	q.when[2] = equals("/server", &q.server[1], "mail");
	q.when[3] = equals("/server", &q.server[2], "clock");
	q.when[4] = equals("/host", &q.host, "example.org");
	q.when[5] = (struct rule_cond){ .op = OP_LE,
					.pointer = TEXT("/args/amount"),
					.v = &q.amount,
					.n = 1 };
	q.amount = (struct rule_value){ .type = RULE_INT, .lo = 10, .hi = 10 };
	q.rule[0] = rule("files", EFFECT_ALLOW, ON(TOOLS), "what it works with",
			 10, &q.when[0]);
	q.rule[0].when = &q.when[5];
	q.rule[0].n_when = 1;
	q.rule[1] = rule("no-posts", EFFECT_DENY, ON(NETWORK),
			 "uploads go through a person", 20, &q.when[1]);
	q.rule[2] = rule("ask-mail", EFFECT_ASK, ON(TOOLS),
			 "mails leave the house", 30, &q.when[2]);
	q.rule[3] =
		rule("clock", EFFECT_ALLOW, ON(TOOLS), NULL, 40, &q.when[3]);
	q.rule[3].rate = (struct rule_rate){ 1, 60000000 };
	q.rule[4] =
		rule("web", EFFECT_ALLOW, ON(NETWORK), NULL, 50, &q.when[4]);
	q.rule[5] = rule("never", EFFECT_PROHIBIT, ON(CREDENTIALS),
			 "no keys on this host", 60, NULL);
	q.rule[5].level = 0;
	q.rule[5].n_match = 0;
	q.rule[5].file = TEXT("/etc/agentbox/policy.json");
	q.rule[6] = rule("memory", EFFECT_ALLOW, ON(MEMORY), NULL, 70, NULL);
	q.rule[6].n_match = 0;
	if (policy_make(&spec, &p, NULL, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		abort();
	}
	return p;
}

/* Requests */

static uint64_t
tool(struct story_small *q, const char *server, const char *name,
     int64_t amount)
{
	struct story_run *r = &q->s.run[0];
	struct value v = { .type = VALUE_INT }, args = { .type = VALUE_OBJECT };
	struct request rq;
	struct decision d;
	uint64_t seq;

	v.i = amount;
	v.key = "amount";
	v.key_len = 6;
	args.first = &v;
	args.n = 1;
	request_init(&rq, SURFACE_TOOLS);
	request_set(&rq, ATTR_SERVER, server);
	request_set(&rq, ATTR_TOOL, name);
	request_set_value(&rq, ATTR_ARGS, &args);
	request_set(&rq, ATTR_RUN_ID, r->name);
	q->s.at.wall_us += 100000;
	q->s.at.boot_us += 100000;
	seq = story_decide(&q->s, r, &rq, &d);
	if (decision_allows(&d))
		story_outcome(&q->s, r, seq, "ok");
	return seq;
}

static uint64_t
web(struct story_small *q, const char *host, const char *method)
{
	struct request rq;
	struct decision d;

	request_init(&rq, SURFACE_NETWORK);
	request_set(&rq, ATTR_HOST, host);
	request_set(&rq, ATTR_METHOD, method);
	request_derive(&rq);
	return story_decide(&q->s, &q->s.run[0], &rq, &d);
}

static uint64_t
other(struct story_small *q, enum surface s, enum attr a, const char *value)
{
	struct story_run *r = &q->s.run[0];
	struct request rq;
	struct decision d;
	uint64_t seq;

	request_init(&rq, s);
	request_set(&rq, a, value);
	request_derive(&rq);
	seq = story_decide(&q->s, r, &rq, &d);
	if (decision_allows(&d))
		story_outcome(&q->s, r, seq, "ok");
	return seq;
}

static void
life(struct story_small *q, const char *what, const char *layers)
{
	struct fields *f = &q->s.fields;

	fields_text(f, FIELD_WHAT, what);
	if (layers)
		fields_json(f, FIELD_LAYERS, layers, strlen(layers));
	story_put(&q->s, RECORD_LIFECYCLE, q->s.run[0].channel, q->start);
}

/* An operator ends it, with a word that would like to steer a terminal. */
static void
end(struct story_small *q)
{
	struct fields *f = &q->s.fields;
	struct story_run *r = &q->s.run[0];

	fields_text(f, FIELD_WHAT, "freeze.trigger");
	fields_text(f, FIELD_TRIGGER, "3 denials within 1m");
	q->anomaly = story_put(&q->s, RECORD_ANOMALY, r->channel, q->hosts);
	fields_text(f, FIELD_WHAT, "admin.kill");
	fields_text(f, FIELD_SURFACE, "admin");
	fields_text(f, FIELD_TARGET, "box-one");
	fields_text(f, FIELD_EFFECT, "allow");
	fields_uint(f, FIELD_GOES_AHEAD, 1);
	fields_uint(f, FIELD_BY_UID, 1000);
	fields_uint(f, FIELD_BY_PID, 77);
	fields_text(f, FIELD_WHY, "too\033[2J odd");
	q->kill = story_put(&q->s, RECORD_INTENT, r->channel, 0);
	story_outcome(&q->s, r, q->kill, "ok");
	fields_text(f, FIELD_STATUS, "killed");
	fields_text(f, FIELD_ERROR, "operator");
	fields_uint(f, FIELD_SIGNAL, 9);
	fields_uint(f, FIELD_LATENCY_US, 2500000);
	q->outcome = story_put(&q->s, RECORD_OUTCOME, r->channel, q->start);
	story_put(&q->s, RECORD_CHANNEL_END, r->channel, r->first);
	r->channel = 0;
}

void
story_small(struct story_small *q, const char *dir)
{
	memset(q, 0, sizeof(*q));
	story_begin(&q->s, dir);
	q->p = make_policy();
	q->start = story_run_begin(&q->s, &q->s.run[0], "one", q->p);
	life(q, "box.confined",
	     "[{\"layer\":\"user-ns\",\"state\":\"held\"},"
	     "{\"layer\":\"seccomp\",\"state\":\"held\"},"
	     "{\"layer\":\"cgroup\",\"state\":\"degraded\"}]");
	q->read = tool(q, "files", "read", 5);
	q->denied = web(q, "example.org", "POST");
	q->hosts = other(q, SURFACE_CREDENTIALS, ATTR_NAME, "deploy");
	story_rotate(&q->s);
	q->nothing = tool(q, "files", "read", 11);
	q->asked = tool(q, "mail", "send", 1);
	(void)tool(q, "clock", "now", 1);
	q->rated = tool(q, "clock", "now", 1);
	q->secret = other(q, SURFACE_MEMORY, ATTR_TYPE,
			  "ghp_0123456789abcdefghijkl");
	q->s.run[1].parent = "one";
	q->child = story_run_begin(&q->s, &q->s.run[1], "two", q->p);
	end(q);
	story_run_end(&q->s, &q->s.run[1], q->child, "ok");
	story_end(&q->s);
	policy_free(q->p);
}
