#pragma once
/* A box with a gate and a writer that a test leads, and actions in it.
 * Definitions, for one file of a test program. */
#include "lib/macro.h"
#include "supervisor/gate.h"

#include "profiles/authority.h"
#include "profiles/request_json.h"
#include "supervisor/scribe.h"
#include "tests/unit/fake_writer.h"

/* What the writer has, by number from 0; text of a field, or "". */
static _unused_ const char *
text(const struct sent *s, enum field_id id)
{
	static _unused_ char
		buf[8][4096]; /* NOLINT: printed by the test at once */
	static _unused_ unsigned int at; /* NOLINT */
	char *b = buf[at++ % 8];
	struct field f;

	b[0] = '\0';
	if (record_get(&s->r, id, &f))
		snprintf(b, sizeof(buf[0]), "%.*s", (int)f.len,
			 (const char *)f.bytes);
	return b;
}

static _unused_ const struct sent *
last_of(enum record_type type)
{
	for (size_t i = writer->n; i--;)
		if (writer->sent[i].type == type)
			return &writer->sent[i];
	FAIL("no record of type %d", type);
}

static _unused_ size_t
count_of(enum record_type type)
{
	size_t n = 0;

	for (size_t i = 0; i < writer->n; i++)
		n += writer->sent[i].type == type;
	return n;
}

/* ---- a box -------------------------------------------------------------- */

static _unused_ const char profile[] =
	"{\"version\": 1, \"name\": \"t\", \"role\": \"execute\","
	" \"labels\": {\"define\": {\"web\": \"from the web\","
	"   \"private\": \"ours\"}},"
	" \"rules\": ["
	"  {\"id\": \"get\", \"on\": \"network\", \"effect\": \"allow\","
	"   \"match\": {\"host\": \"a.example\"}},"
	"  {\"id\": \"few\", \"on\": \"network\", \"effect\": \"allow\","
	"   \"max_uses\": 1, \"match\": {\"host\": \"b.example\"}},"
	"  {\"id\": \"mine\", \"on\": \"network\", \"effect\": \"allow\","
	"   \"match\": {\"host\": \"c.example\"},"
	"   \"when\": [{\"at\": \"/run/labels\", \"op\": \"disjoint\","
	"    \"value\": [\"web\"]}]}]}";

struct box {
	struct policy_store *policies;
	struct scribe *scribe;
	struct gate *gate;
	unsigned int frozen;
};

static _unused_ void
on_freeze(void *arg, const char *trigger)
{
	struct box *b = arg;

	ASSERT_STRSTR(trigger, "2 denials");
	b->frozen++;
}

static _unused_ struct policy *
make_policy(const char *json)
{
	const struct authority_env env = { .sets_dir = "profiles/sets" };
	struct err e = ERR_INIT;
	struct profile *p = NULL;
	struct policy *pol = NULL;

	if (profile_parse("t.json", json, strlen(json), &p, &e) < 0 ||
	    profile_policy(p, &env, &pol, &e) < 0)
		FAIL("%s", e.text);
	profile_free(p);
	return pol;
}

static _unused_ void
box_new(struct box *b, const char *json)
{
	struct gate_options o = {
		.id = "0123456789ab",
		.agent = "t",
		.role = "execute",
		.freeze = on_freeze,
		.arg = b,
	};
	struct err e = ERR_INIT;

	*b = (struct box){ 0 };
	ASSERT_EQ(chdir(tap_srcdir()), 0);
	ASSERT_OK(policy_store_new(make_policy(json), &b->policies));
	ASSERT_OK(scribe_new("writer", &b->scribe, &e));
	o.policies = b->policies;
	o.scribe = b->scribe;
	ASSERT_OK(gate_new(&o, &b->gate, &e));
}

static _unused_ void
box_done(struct box *b)
{
	scribe_free(b->scribe);
	gate_free(b->gate);
	policy_store_free(b->policies);
}

/* ---- actions ------------------------------------------------------------ */

struct act {
	struct gate_call call; /* first */
	struct request_doc *doc;
	unsigned int calls;
	struct gate_action got;
	enum effect effect;
	char json[4096];
};

static _unused_ void
on_done(struct gate_call *c, const struct gate_action *a)
{
	struct act *act = (struct act *)c;

	act->calls++;
	act->got = *a;
	act->effect = a->decision->effect;
	snprintf(act->json, sizeof(act->json), "%s", a->json);
}

static _unused_ void
begin(struct box *b, struct act *a, const char *json)
{
	struct err e = ERR_INIT;

	*a = (struct act){ .call = { .done = on_done, .by_uid = 7 } };
	if (request_doc_read("r", json, strlen(json), &a->doc, &e) < 0)
		FAIL("%s", e.text);
	a->call.request = request_doc_request(a->doc);
	gate_begin(b->gate, &a->call);
}

static _unused_ void
turn(struct box *b)
{
	const bool never = false;

	(void)scribe_until(b->scribe, &never, 2000, NULL);
}

static _unused_ void
answered(struct box *b, const struct act *a)
{
	while (!a->calls)
		turn(b);
	ASSERT_EQ(a->calls, 1);
}

/* Begins one and waits for what becomes of it. */
static _unused_ struct gate_action
ask(struct box *b, const char *host)
{
	char json[256];
	struct act a;

	snprintf(json, sizeof(json),
		 "{\"surface\": \"network\", \"host\": \"%s\", \"port\": 443}",
		 host);
	begin(b, &a, json);
	answered(b, &a);
	request_doc_free(a.doc);
	a.got.json = NULL;
	return a.got;
}

static _unused_ int
end_as(struct box *b, uint64_t id, const char *status, const char *label)
{
	const char *labels[] = { label };
	const struct gate_outcome o = { .status = status,
					.bytes_in = 10,
					.bytes_out = -1,
					.labels = labels,
					.n_labels = label != NULL };
	struct err e = ERR_INIT;

	return gate_end(b->gate, id, &o, &e);
}

#define A "{\"surface\": \"network\", \"host\": \"a.example\", \"port\": 443}"
