/* links: lib policy sandbox profiles audit supervisor */
/* The gate: nothing goes ahead before its record. */
#include "supervisor/gate.h"

#include "profiles/authority.h"
#include "profiles/request_json.h"
#include "supervisor/scribe.h"
#include "tests/unit/fake_writer.h"

/* What the writer has, by number from 0; text of a field, or "". */
static const char *
text(const struct sent *s, enum field_id id)
{
	static char buf[8][4096]; /* NOLINT: printed by the test at once */
	static unsigned int at;	  /* NOLINT */
	char *b = buf[at++ % 8];
	struct field f;

	b[0] = '\0';
	if (record_get(&s->r, id, &f))
		snprintf(b, sizeof(buf[0]), "%.*s", (int)f.len,
			 (const char *)f.bytes);
	return b;
}

static const struct sent *
last_of(enum record_type type)
{
	for (size_t i = writer->n; i--;)
		if (writer->sent[i].type == type)
			return &writer->sent[i];
	FAIL("no record of type %d", type);
}

static size_t
count_of(enum record_type type)
{
	size_t n = 0;

	for (size_t i = 0; i < writer->n; i++)
		n += writer->sent[i].type == type;
	return n;
}

/* ---- a box -------------------------------------------------------------- */

static const char profile[] =
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

static void
on_freeze(void *arg, const char *trigger)
{
	struct box *b = arg;

	ASSERT_STRSTR(trigger, "2 denials");
	b->frozen++;
}

static struct policy *
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

static void
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

static void
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

static void
on_done(struct gate_call *c, const struct gate_action *a)
{
	struct act *act = (struct act *)c;

	act->calls++;
	act->got = *a;
	act->effect = a->decision->effect;
	snprintf(act->json, sizeof(act->json), "%s", a->json);
}

static void
begin(struct box *b, struct act *a, const char *json)
{
	struct err e = ERR_INIT;

	*a = (struct act){ .call = { .done = on_done, .by_uid = 7 } };
	if (request_doc_read("r", json, strlen(json), &a->doc, &e) < 0)
		FAIL("%s", e.text);
	a->call.request = request_doc_request(a->doc);
	gate_begin(b->gate, &a->call);
}

static void
turn(struct box *b)
{
	const bool never = false;

	(void)scribe_until(b->scribe, &never, 2000, NULL);
}

static void
answered(struct box *b, const struct act *a)
{
	while (!a->calls)
		turn(b);
	ASSERT_EQ(a->calls, 1);
}

/* Begins one and waits for what becomes of it. */
static struct gate_action
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

static int
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

TEST(nothing_goes_ahead_before_its_record)
{
	const struct sent *s;
	struct box b;
	struct act a;

	box_new(&b, profile);
	writer->hangs = true;
	begin(&b, &a, A);
	turn(&b);
	ASSERT_EQ(a.calls, 0);
	ASSERT_EQ(writer->n, 1);
	writer->hangs = false;
	ASSERT_OK(eventfd_write(writer->fd, 1));
	answered(&b, &a);
	ASSERT_TRUE(a.got.goes_ahead);
	ASSERT_EQ(a.got.id, 101);
	s = last_of(RECORD_INTENT);
	ASSERT_STREQ(text(s, FIELD_WHAT), "network.connect");
	ASSERT_STREQ(text(s, FIELD_TARGET), "a.example:443");
	ASSERT_STREQ(text(s, FIELD_EFFECT), "allow");
	ASSERT_STREQ(text(s, FIELD_RULE), "get");
	ASSERT_STREQ(text(s, FIELD_DECISION), a.json);
	ASSERT_EQ(record_get_uint(&s->r, FIELD_GOES_AHEAD), 1);
	ASSERT_EQ(record_get_uint(&s->r, FIELD_BY_UID), 7);
	ASSERT_EQ(s->flags, WIRE_DURABLE);
	request_doc_free(a.doc);
	box_done(&b);
}

TEST(what_is_denied_is_recorded_too)
{
	struct gate_action a;
	struct box b;

	box_new(&b, profile);
	a = ask(&b, "evil.example");
	ASSERT_FALSE(a.goes_ahead);
	ASSERT_EQ(a.refused, 0);
	ASSERT_EQ(a.id, 101);
	ASSERT_STREQ(text(last_of(RECORD_INTENT), FIELD_EFFECT), "deny");
	ASSERT_EQ(gate_open(b.gate), 0);
	ASSERT_ERR(end_as(&b, a.id, "ok", NULL), -ENOENT);
	box_done(&b);
}

TEST(who_the_run_is_is_not_the_callers_word)
{
	const char *inputs;
	struct box b;
	struct act a;

	box_new(&b, profile);
	begin(&b, &a,
	      "{\"surface\": \"network\", \"host\": \"a.example\","
	      " \"port\": 443, \"run\": {\"agent\": \"admin\","
	      " \"owner\": \"root\", \"labels\": [\"private\"]}}");
	answered(&b, &a);
	inputs = text(last_of(RECORD_INTENT), FIELD_INPUTS);
	ASSERT_STRSTR(inputs, "\"agent\":\"t\"");
	ASSERT_STRSTR(inputs, "\"id\":\"0123456789ab\"");
	ASSERT_NULL(strstr(inputs, "admin"));
	ASSERT_NULL(strstr(inputs, "owner"));
	ASSERT_NULL(strstr(inputs, "private"));
	request_doc_free(a.doc);
	box_done(&b);
}

TEST(many_under_way_answered_in_order)
{
	struct act a[GATE_FLIGHT_MAX + 3];
	struct box b;

	box_new(&b, profile);
	writer->hangs = true;
	for (size_t i = 0; i < ARRAY_SIZE(a); i++)
		begin(&b, &a[i], A);
	turn(&b);
	ASSERT_EQ(writer->n, GATE_FLIGHT_MAX);
	writer->hangs = false;
	ASSERT_OK(eventfd_write(writer->fd, 1));
	while (!a[ARRAY_SIZE(a) - 1].calls)
		turn(&b);
	for (size_t i = 0; i < ARRAY_SIZE(a); i++) {
		ASSERT_EQ(a[i].calls, 1);
		ASSERT_EQ(a[i].got.id, 101 + i);
		request_doc_free(a[i].doc);
	}
	box_done(&b);
}

/* What is told of other actions may fill the channel for a moment: who asks
 * then waits, and is not denied. */
TEST(a_full_channel_is_no_denial)
{
	const size_t many = 400; /* more than are under way at once */
	struct box b;
	struct act a;

	box_new(&b, profile);
	writer->hangs = true;
	for (size_t i = 0; i < many; i++) {
		struct fields *f = scribe_fields(b.scribe);

		fields_text(f, FIELD_STATUS, "ok");
		scribe_tell(b.scribe, RECORD_OUTCOME, 100 + i, f, 0, NULL);
	}
	begin(&b, &a, A);
	turn(&b);
	ASSERT_EQ(a.calls, 0);
	ASSERT_LE(writer->n, many);
	writer->hangs = false;
	ASSERT_OK(eventfd_write(writer->fd, 1));
	answered(&b, &a);
	ASSERT_TRUE(a.got.goes_ahead);
	ASSERT_EQ(a.got.refused, 0);
	/* behind all that was told before it */
	ASSERT_EQ(a.got.id, 100 + many + 1);
	request_doc_free(a.doc);
	box_done(&b);
}

/* ... but not for ever: a writer that does not answer is a reason. */
TEST(a_channel_that_stays_full_is_one)
{
	struct box b;
	struct act a;

	box_new(&b, profile);
	scribe_patience(b.scribe, 20000);
	writer->hangs = true;
	for (size_t i = 0; i < 400; i++) {
		struct fields *f = scribe_fields(b.scribe);

		fields_text(f, FIELD_STATUS, "ok");
		scribe_tell(b.scribe, RECORD_OUTCOME, 100 + i, f, 0, NULL);
	}
	begin(&b, &a, A);
	answered(&b, &a);
	ASSERT_FALSE(a.got.goes_ahead);
	ASSERT_ERR(a.got.refused, -ENOBUFS);
	request_doc_free(a.doc);
	box_done(&b);
}

/* Counting goes on in the order of sending: what is used up by one that is on
 * its way is used up for the next. */
TEST(counted_before_it_is_recorded)
{
	static const char once[] = "{\"surface\": \"network\","
				   " \"host\": \"b.example\", \"port\": 443}";
	struct act a[2];
	struct box b;

	box_new(&b, profile);
	writer->hangs = true;
	begin(&b, &a[0], once);
	begin(&b, &a[1], once);
	turn(&b);
	ASSERT_EQ(writer->n, 2);
	writer->hangs = false;
	ASSERT_OK(eventfd_write(writer->fd, 1));
	turn(&b);
	ASSERT_TRUE(a[0].got.goes_ahead);
	ASSERT_FALSE(a[1].got.goes_ahead);
	ASSERT_EQ(a[1].got.refused, 0);
	for (int i = 0; i < 2; i++)
		request_doc_free(a[i].doc);
	box_done(&b);
}

/* The second counted the first, which is in no log. */
TEST(what_is_behind_a_lost_one_is_denied)
{
	const struct sent *s;
	struct act a[3];
	struct field f;
	struct box b;

	box_new(&b, profile);
	writer->hangs = true;
	for (int i = 0; i < 3; i++)
		begin(&b, &a[i], A);
	turn(&b);
	ASSERT_EQ(writer->n, 3);
	writer->sent[0].answered = true; /* refused by hand */
	writer->sent[0].done(writer->sent[0].arg, 0, -ENOSPC);
	writer->hangs = false;
	ASSERT_OK(eventfd_write(writer->fd, 1));
	while (!a[2].calls)
		turn(&b);
	ASSERT_EQ(a[0].got.refused, -ENOSPC);
	for (int i = 1; i < 3; i++) {
		ASSERT_FALSE(a[i].got.goes_ahead);
		ASSERT_EQ(a[i].got.refused, -EIO);
		ASSERT_EQ(a[i].calls, 1);
	}
	ASSERT_EQ(count_of(RECORD_OUTCOME), 2);
	ASSERT_STREQ(text(last_of(RECORD_OUTCOME), FIELD_STATUS), "denied");
	ASSERT_STREQ(text(last_of(RECORD_OUTCOME), FIELD_ERROR), "record-lost");
	ASSERT_EQ(gate_open(b.gate), 0);
	ASSERT_TRUE(ask(&b, "a.example").goes_ahead);
	s = last_of(RECORD_INTENT);
	ASSERT_TRUE(record_get(&s->r, FIELD_USAGE, &f));
	for (int i = 0; i < 3; i++)
		request_doc_free(a[i].doc);
	box_done(&b);
}

TEST(a_refusal_is_a_denied_action)
{
	struct act a = { .call = { .done = on_done } };
	struct err e = ERR_INIT;
	const struct sent *s;
	struct field f;
	struct box b;

	box_new(&b, profile);
	ASSERT_OK(request_doc_read("r", A, strlen(A), &a.doc, &e));
	a.call.request = request_doc_request(a.doc);
	gate_refuse(b.gate, &a.call, "http.two-lengths",
		    "Content-Length twice: 5, 6");
	turn(&b);
	ASSERT_EQ(a.calls, 1);
	ASSERT_FALSE(a.got.goes_ahead);
	ASSERT_EQ(a.got.id, 101);
	s = last_of(RECORD_INTENT);
	ASSERT_STREQ(text(s, FIELD_EFFECT), "deny");
	ASSERT_STREQ(text(s, FIELD_REASON), "http.two-lengths");
	ASSERT_STREQ(text(s, FIELD_DETAIL), "Content-Length twice: 5, 6");
	ASSERT_STREQ(text(s, FIELD_TARGET), "a.example:443");
	ASSERT_FALSE(record_get(&s->r, FIELD_DECISION, &f));
	ASSERT_EQ(gate_open(b.gate), 0);
	request_doc_free(a.doc);
	box_done(&b);
}

TEST(more_may_be_told_of_an_action)
{
	const struct gate_outcome closed = { .status = "ok",
					     .bytes_in = 7,
					     .bytes_out = 9 };
	const struct sent *s;
	struct gate_action a;
	struct box b;

	box_new(&b, profile);
	a = ask(&b, "a.example");
	ASSERT_OK(end_as(&b, a.id, "ok", NULL));
	gate_tell(b.gate, a.id, "network.closed", &closed);
	s = last_of(RECORD_LIFECYCLE);
	ASSERT_EQ(s->ref, a.id);
	ASSERT_STREQ(text(s, FIELD_WHAT), "network.closed");
	ASSERT_EQ(record_get_uint(&s->r, FIELD_BYTES_IN), 7);
	ASSERT_EQ(record_get_uint(&s->r, FIELD_BYTES_OUT), 9);
	box_done(&b);
}

#define TOO_MANY (GATE_FLIGHT_MAX + GATE_QUEUE_MAX)

TEST(the_queue_is_bounded)
{
	struct act a[TOO_MANY + 1];
	struct box b;

	box_new(&b, profile);
	writer->hangs = true;
	for (int i = 0; i < TOO_MANY + 1; i++) {
		ASSERT_EQ(gate_ready(b.gate), i < TOO_MANY);
		begin(&b, &a[i], A);
	}
	ASSERT_EQ(a[TOO_MANY].calls, 1);
	ASSERT_EQ(a[TOO_MANY].got.refused, -EBUSY);
	ASSERT_FALSE(a[TOO_MANY].got.goes_ahead);
	ASSERT_EQ(a[TOO_MANY - 1].calls, 0);
	for (int i = 0; i < TOO_MANY + 1; i++) {
		gate_cancel(b.gate, &a[i].call);
		request_doc_free(a[i].doc);
	}
	box_done(&b);
}

/* The refused one was counted, so the next record says what the counters are;
 * what it was allowed once is used up, record or not. */
TEST(refused_is_denied_and_counted)
{
	const struct sent *s;
	struct gate_action a;
	struct field f;
	struct box b;

	box_new(&b, profile);
	writer->refuse = -ENOSPC;
	a = ask(&b, "b.example");
	ASSERT_FALSE(a.goes_ahead);
	ASSERT_EQ(a.refused, -ENOSPC);
	ASSERT_EQ(a.id, 0);
	ASSERT_EQ(gate_open(b.gate), 0);
	writer->refuse = 0;
	a = ask(&b, "b.example");
	ASSERT_FALSE(a.goes_ahead);
	ASSERT_EQ(a.refused, 0);
	s = last_of(RECORD_INTENT);
	ASSERT_STREQ(text(s, FIELD_REASON), "uses_exhausted");
	ASSERT_TRUE(record_get(&s->r, FIELD_USAGE, &f));
	ASSERT_EQ(writer->n_blobs, 1);
	ASSERT_MEMEQ(f.bytes, writer->blob[0].digest, 32);
	ASSERT_EQ(writer->blob[0].len,
		  usage_size(policy_store_now(b.policies)->policy));
	a = ask(&b, "a.example");
	ASSERT_TRUE(a.goes_ahead);
	ASSERT_FALSE(record_get(&last_of(RECORD_INTENT)->r, FIELD_USAGE, &f));
	box_done(&b);
}

TEST(a_writer_that_dies_takes_nothing_along)
{
	struct gate_action a, c;
	struct box b;

	box_new(&b, profile);
	a = ask(&b, "a.example");
	ASSERT_TRUE(a.goes_ahead);
	writer->dead = writer->no_return = true;
	ASSERT_OK(end_as(&b, a.id, "ok", NULL));
	c = ask(&b, "a.example");
	ASSERT_FALSE(c.goes_ahead);
	ASSERT_EQ(c.refused, -EPIPE);
	ASSERT_EQ(scribe_state(b.scribe), -EPIPE);
	writer->no_return = false;
	ASSERT_EQ(scribe_flush(b.scribe, 5000000), 0);
	ASSERT_EQ(count_of(RECORD_OUTCOME), 1);
	ASSERT_EQ(last_of(RECORD_OUTCOME)->ref, a.id);
	ASSERT_TRUE(ask(&b, "a.example").goes_ahead);
	box_done(&b);
}

TEST(lost_with_the_writer_is_denied)
{
	struct box b;
	struct act a;

	box_new(&b, profile);
	writer->hangs = true;
	begin(&b, &a, A);
	writer->dead = true;
	ASSERT_OK(eventfd_write(writer->fd, 1));
	answered(&b, &a);
	ASSERT_FALSE(a.got.goes_ahead);
	ASSERT_EQ(a.got.refused, -EPIPE);
	request_doc_free(a.doc);
	box_done(&b);
}

/* Recorded after it was reported as not: an outcome says that nothing was done.
 */
TEST(an_answer_that_comes_late)
{
	struct box b;
	struct act a;

	box_new(&b, profile);
	scribe_patience(b.scribe, 1000);
	writer->hangs = true;
	begin(&b, &a, A);
	while (!a.calls)
		turn(&b);
	ASSERT_EQ(a.got.refused, -ETIMEDOUT);
	ASSERT_FALSE(a.got.goes_ahead);
	writer->hangs = false;
	ASSERT_OK(eventfd_write(writer->fd, 1));
	ASSERT_EQ(scribe_flush(b.scribe, 5000000), 0);
	ASSERT_EQ(a.calls, 1);
	ASSERT_EQ(last_of(RECORD_OUTCOME)->ref, 101);
	ASSERT_STREQ(text(last_of(RECORD_OUTCOME), FIELD_STATUS), "denied");
	request_doc_free(a.doc);
	box_done(&b);
}

TEST(one_outcome_each)
{
	const struct sent *s;
	struct gate_action a;
	struct box b;

	box_new(&b, profile);
	a = ask(&b, "a.example");
	ASSERT_ERR(end_as(&b, a.id, "fine", NULL), -EINVAL);
	ASSERT_ERR(end_as(&b, a.id, "ok", "nope"), -EINVAL);
	ASSERT_ERR(end_as(&b, a.id + 1, "ok", NULL), -ENOENT);
	ASSERT_OK(end_as(&b, a.id, "error", NULL));
	ASSERT_ERR(end_as(&b, a.id, "ok", NULL), -ENOENT);
	ASSERT_EQ(count_of(RECORD_OUTCOME), 1);
	s = last_of(RECORD_OUTCOME);
	ASSERT_EQ(s->ref, a.id);
	ASSERT_STREQ(text(s, FIELD_STATUS), "error");
	ASSERT_EQ(record_get_uint(&s->r, FIELD_BYTES_IN), 10);
	box_done(&b);
}

TEST(labels_of_the_run_count)
{
	struct gate_action a;
	struct box b;

	box_new(&b, profile);
	a = ask(&b, "c.example");
	ASSERT_TRUE(a.goes_ahead);
	ASSERT_OK(end_as(&b, a.id, "ok", "web"));
	ASSERT_STREQ(text(last_of(RECORD_OUTCOME), FIELD_LABELS_OUT),
		     "[\"web\"]");
	a = ask(&b, "c.example");
	ASSERT_FALSE(a.goes_ahead);
	ASSERT_STREQ(text(last_of(RECORD_INTENT), FIELD_LABELS_IN),
		     "[\"web\"]");
	box_done(&b);
}

/* A reload keeps the labels, by name; counters of another policy begin anew. */
TEST(labels_outlive_a_reload)
{
	static const char other[] =
		"{\"version\": 1, \"name\": \"t\", \"role\": \"execute\","
		" \"labels\": {\"define\": {\"a\": \"first\", \"web\": \"w\"}},"
		" \"rules\": [{\"id\": \"b\", \"on\": \"network\","
		" \"effect\": \"allow\", \"match\": {\"host\": \"b.example\"},"
		" \"when\": [{\"at\": \"/run/labels\", \"op\": \"superset\","
		" \"value\": [\"web\"]}]}]}";
	struct gate_action a;
	struct box b;

	box_new(&b, profile);
	a = ask(&b, "b.example");
	ASSERT_TRUE(a.goes_ahead);
	ASSERT_OK(end_as(&b, a.id, "ok", "web"));
	ASSERT_OK(policy_store_swap(b.policies, make_policy(other)));
	a = ask(&b, "b.example");
	ASSERT_TRUE(a.goes_ahead);
	ASSERT_EQ(record_get_uint(&last_of(RECORD_INTENT)->r, FIELD_EPOCH), 2);
	ASSERT_OK(end_as(&b, a.id, "ok", NULL));
	ASSERT_LE(policy_store_epochs(b.policies), 1);
	box_done(&b);
}

TEST(a_trigger_freezes_and_is_told)
{
	static const char triggers[] =
		"{\"version\": 1, \"name\": \"t\", \"role\": \"execute\","
		" \"freeze\": [{\"on\": \"deny\", \"surface\": \"network\","
		" \"count\": 2, \"window\": \"1m\"}]}";
	struct gate_action a;
	struct box b;

	box_new(&b, triggers);
	(void)ask(&b, "a.example");
	ASSERT_EQ(b.frozen, 0);
	a = ask(&b, "a.example");
	ASSERT_EQ(b.frozen, 1);
	ASSERT_EQ(scribe_flush(b.scribe, 5000000), 0);
	ASSERT_EQ(last_of(RECORD_ANOMALY)->ref, a.id);
	ASSERT_STREQ(text(last_of(RECORD_ANOMALY), FIELD_WHAT),
		     "freeze.trigger");
	ASSERT_STRSTR(text(last_of(RECORD_ANOMALY), FIELD_TRIGGER),
		      "2 denials");
	box_done(&b);
}

TEST(who_left_is_allowed_nothing)
{
	struct box b;
	struct act a;

	box_new(&b, profile);
	writer->hangs = true;
	begin(&b, &a, A);
	gate_cancel(b.gate, &a.call);
	request_doc_free(a.doc);
	writer->hangs = false;
	ASSERT_OK(eventfd_write(writer->fd, 1));
	ASSERT_EQ(scribe_flush(b.scribe, 5000000), 0);
	ASSERT_EQ(a.calls, 0);
	ASSERT_EQ(gate_open(b.gate), 0);
	ASSERT_EQ(last_of(RECORD_OUTCOME)->ref, 101);
	ASSERT_STREQ(text(last_of(RECORD_OUTCOME), FIELD_STATUS), "denied");
	box_done(&b);
}

TEST(open_actions_are_bounded)
{
	struct gate_action a;
	struct box b;

	box_new(&b, profile);
	for (int i = 0; i < GATE_OPEN_MAX; i++) {
		a = ask(&b, "a.example");
		ASSERT_TRUE(a.goes_ahead);
	}
	ASSERT_EQ(ask(&b, "a.example").refused, -ENOBUFS);
	ASSERT_OK(end_as(&b, a.id, "ok", NULL));
	ASSERT_TRUE(ask(&b, "a.example").goes_ahead);
	box_done(&b);
}
