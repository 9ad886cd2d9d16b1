/* links: lib policy sandbox profiles audit supervisor */
/* What is told is kept until the writer has it. */
#include "supervisor/scribe-internal.h"

#include "tests/unit/fake_writer.h"

#include <event2/event.h>

static struct fields *
event(struct scribe *s)
{
	struct fields *f = scribe_fields(s);

	fields_text(f, FIELD_WHAT, "box.started");
	return f;
}

TEST(what_is_kept_is_bounded_and_what_is_lost_counted)
{
	struct scribe *s = NULL;
	struct err e = ERR_INIT;

	ASSERT_OK(scribe_new("writer", &s, &e));
	writer->dead = writer->no_return = true;
	for (unsigned int i = 0; i < SCRIBE_KEPT_MAX + 5; i++)
		scribe_tell(s, RECORD_LIFECYCLE, 0, event(s), 0, NULL);
	ASSERT_EQ(scribe_lost(s), 5);
	ASSERT_EQ(scribe_flush(s, 1000), SCRIBE_KEPT_MAX);
	writer->no_return = false;
	ASSERT_EQ(scribe_flush(s, 5000000), 0);
	ASSERT_EQ(writer->n, SCRIBE_KEPT_MAX);
	scribe_free(s);
}

TEST(told_is_tried_again_and_comes_first)
{
	struct scribe *s = NULL;
	struct err e = ERR_INIT;

	ASSERT_OK(scribe_new("writer", &s, &e));
	writer->refuse = -ENOSPC;
	s->pause_us = 3600 * UINT64_C(1000000); /* until this test says so */
	scribe_tell(s, RECORD_LIFECYCLE, 0, event(s), 0, NULL);
	ASSERT_OK(scribe_until(s, &writer->sent[0].answered, 5000000, NULL));
	ASSERT_EQ(scribe_state(s), -ENOSPC);
	ASSERT_ERR(scribe_ask(s, RECORD_INTENT, event(s), 0, NULL, NULL),
		   -ENOSPC);
	writer->refuse = 0;
	ASSERT_GE(s->retry_us, scribe_now());
	s->retry_us = 1;
	ASSERT_EQ(scribe_flush(s, 5000000), 0);
	ASSERT_EQ(scribe_state(s), 0);
	ASSERT_EQ(writer->n, 2);
	scribe_free(s);
}

static void
on_other(evutil_socket_t fd, short what, void *arg)
{
	unsigned int *times = arg;
	eventfd_t v;

	(void)what;
	(void)eventfd_read(fd, &v);
	++*times;
}

/* The client may close its descriptor in any call that waits; the next file
 * that is opened has its number, and the loop must watch that. */
TEST(the_loop_lets_go_of_a_closed_descriptor)
{
	struct event_base *base = event_base_new();
	uint8_t digest[RECORD_HASH_LEN];
	unsigned int times = 0;
	struct scribe *s = NULL;
	struct err e = ERR_INIT;
	struct event *ev;
	int fd;

	ASSERT_OK(scribe_new("writer", &s, &e));
	ASSERT_OK(scribe_watch(s, base, &e));
	fd = writer->fd;
	writer->blob_fails = writer->no_return = true;
	ASSERT_ERR(scribe_blob(s, "x", 1, digest, &e), -EPIPE);
	ASSERT_EQ(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), fd);
	ev = event_new(base, fd, EV_READ | EV_PERSIST, on_other, &times);
	ASSERT_OK(event_add(ev, NULL));
	event_base_loop(base, EVLOOP_NONBLOCK);
	ASSERT_EQ(times, 1);
	event_free(ev);
	close(fd);
	writer->no_return = false;
	scribe_tell(s, RECORD_LIFECYCLE, 0, event(s), 0, NULL);
	while (!writer->n || !writer->sent[0].answered)
		event_base_loop(base, EVLOOP_ONCE);
	ASSERT_EQ(writer->n, 1);
	ASSERT_OK(scribe_watch(s, NULL, &e));
	scribe_free(s);
	event_base_free(base);
}

TEST(more_than_the_client_has_room_for)
{
	struct scribe *s = NULL;
	struct err e = ERR_INIT;

	ASSERT_OK(scribe_new("writer", &s, &e));
	writer->hangs = true;
	for (unsigned int i = 0; i < 500; i++)
		scribe_tell(s, RECORD_LIFECYCLE, 0, event(s), 0, NULL);
	ASSERT_LE(writer->n, 256);
	writer->hangs = false;
	ASSERT_OK(eventfd_write(writer->fd, 1));
	ASSERT_EQ(scribe_flush(s, 5000000), 0);
	ASSERT_EQ(writer->n, 500);
	scribe_free(s);
}

TEST(a_fault_of_ours_is_lost_once)
{
	struct scribe *s = NULL;
	struct err e = ERR_INIT;

	ASSERT_OK(scribe_new("writer", &s, &e));
	writer->refuse = -EPERM;
	scribe_tell(s, RECORD_LIFECYCLE, 0, event(s), 0, NULL);
	ASSERT_EQ(scribe_flush(s, 5000000), 0);
	ASSERT_EQ(scribe_lost(s), 1);
	scribe_free(s);
}

TEST(an_outcome_follows_its_intent)
{
	struct scribe *s = NULL;
	struct fields *f, *o = malloc(sizeof(*o));
	struct err e = ERR_INIT;

	ASSERT_OK(scribe_new("writer", &s, &e));
	f = event(s);
	fields_text(f, FIELD_SURFACE, "admin");
	fields_text(f, FIELD_EFFECT, "allow");
	fields_init(o);
	fields_text(o, FIELD_STATUS, "ok");
	scribe_tell(s, RECORD_INTENT, 0, f, WIRE_DURABLE, o);
	free(o);
	ASSERT_EQ(scribe_flush(s, 5000000), 0);
	ASSERT_EQ(writer->n, 2);
	ASSERT_EQ(writer->sent[1].ref, writer->sent[0].seq);
	ASSERT_EQ(writer->sent[1].type, RECORD_OUTCOME);
	scribe_free(s);
}

TEST(what_the_log_keeps_already_is_not_sent_again)
{
	struct scribe_blob b = { .known = true };
	uint8_t digest[RECORD_HASH_LEN];
	struct scribe *s = NULL;
	struct err e = ERR_INIT;

	sha256("policy", 6, b.digest);
	ASSERT_OK(scribe_new("writer", &s, &e));
	ASSERT_OK(scribe_blob_begin(s, &b, &e));
	ASSERT_EQ(writer->n_blobs, 0); /* only asked */
	ASSERT_EQ(scribe_blob_end(s, &b, &e), 0);
	ASSERT_OK(scribe_blob(s, "policy", 6, digest, &e));
	ASSERT_EQ(writer->n_blobs, 1);
	ASSERT_EQ(writer->blob[0].len, 6);
	ASSERT_MEMEQ(writer->blob[0].digest, digest, sizeof(digest));
	ASSERT_MEMEQ(b.digest, digest, sizeof(digest));
	ASSERT_OK(scribe_blob_begin(s, &b, &e));
	ASSERT_EQ(scribe_blob_end(s, &b, &e), 1);
	ASSERT_EQ(writer->n_blobs, 1);
	/* the end of the writer is no "it is there" */
	sha256("another", 7, b.digest);
	ASSERT_OK(scribe_blob_begin(s, &b, &e));
	ASSERT_EQ(scribe_blob_end(s, &b, &e), 0);
	writer->blob_fails = writer->no_return = true;
	ASSERT_ERR(scribe_blob(s, "another", 7, digest, &e), -EPIPE);
	ASSERT_ERR(scribe_blob_begin(s, &b, &e), -EPIPE);
	scribe_free(s);
}
