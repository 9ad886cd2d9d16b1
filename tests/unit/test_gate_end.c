/* links: lib policy sandbox profiles audit supervisor */
/* The gate when records are lost, and what becomes of actions. */
#include "tests/unit/gate_box.h"

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
