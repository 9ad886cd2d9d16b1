/* links: lib policy sandbox profiles audit supervisor */
/* The gate: nothing goes ahead before its record. */
#include "tests/unit/gate_box.h"

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
