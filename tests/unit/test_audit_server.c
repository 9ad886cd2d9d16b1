/* links: audit profiles sandbox lib */
/* The writer's loop with real clients: who may say what, in whose name, what
 * is answered when, and what is in the log afterwards. */
#include "audit/layout.h"
#include "audit/note.h"
#include "lib/fd.h"
#include "lib/macro.h"
#include "tests/tools/audit_at.h"

#include <fcntl.h>
#include <poll.h>
#include <sha2.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* ---- what is in the log -------------------------------------------------- */

#define KEPT_MAX 4096

struct kept_record {
	unsigned int type;
	uint64_t seq, ref, channel;
	char status[16], what[32], agent[32], detail[64];
	uint64_t peer_uid, peer_pid, count;
};
struct kept {
	struct kept_record r[KEPT_MAX];
	size_t n;
};

static void
text(const struct record *r, enum field_id id, char *buf, size_t size)
{
	struct field f;

	*buf = '\0';
	if (record_get(r, id, &f))
		snprintf(buf, size, "%.*s", (int)f.len, (const char *)f.bytes);
}

static void
keep(void *arg, const struct record *r)
{
	struct kept *k = arg;

	ASSERT_TRUE(k->n < KEPT_MAX);
	k->r[k->n].type = r->type;
	k->r[k->n].seq = r->seq;
	k->r[k->n].ref = r->ref;
	k->r[k->n].channel = r->channel;
	k->r[k->n].peer_uid = record_get_uint(r, FIELD_PEER_UID);
	k->r[k->n].peer_pid = record_get_uint(r, FIELD_PEER_PID);
	k->r[k->n].count = record_get_uint(r, FIELD_COUNT);
	text(r, FIELD_STATUS, k->r[k->n].status, sizeof(k->r[0].status));
	text(r, FIELD_WHAT, k->r[k->n].what, sizeof(k->r[0].what));
	text(r, FIELD_AGENT, k->r[k->n].agent, sizeof(k->r[0].agent));
	text(r, FIELD_DETAIL, k->r[k->n].detail, sizeof(k->r[0].detail));
	k->n++;
}

static struct kept *
read_log(struct at *a)
{
	struct kept *k = calloc(1, sizeof(*k));

	ASSERT_NOT_NULL(k);
	log_each(a->log, keep, k);
	return k;
}

static size_t
count(const struct kept *k, unsigned int type)
{
	size_t n = 0;

	for (size_t i = 0; i < k->n; i++)
		n += k->r[i].type == type;
	return n;
}

/* The record of this type with this ref; NULL: none. Never two. */
static const struct kept_record *
find(const struct kept *k, unsigned int type, uint64_t ref)
{
	const struct kept_record *found = NULL;

	for (size_t i = 0; i < k->n; i++)
		if (k->r[i].type == type && k->r[i].ref == ref) {
			ASSERT_NULL(found);
			found = &k->r[i];
		}
	return found;
}

static const struct kept_record *
at_seq(const struct kept *k, uint64_t seq)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->r[i].seq == seq)
			return &k->r[i];
	return NULL;
}

static struct kept *
end_and_read(struct at *a)
{
	struct kept *k;

	at_stop(a);
	k = read_log(a);
	close(a->log->dirfd);
	return k;
}

/* ---- who speaks ---------------------------------------------------------- */

TEST(hello_says_what_a_client_needs)
{
	struct wire_hello h;
	struct link l;
	struct at a;

	at_begin(&a);
	a.log->config.durable = DURABLE_ALL;
	at_start(&a);
	wlink_new(&a, &l);
	wlink_op(&l, WIRE_HELLO, 0x1234567890);
	ASSERT_EQ(recv(l.fd, &h, sizeof(h), 0), (ssize_t)sizeof(h));
	ASSERT_EQ(h.magic, WIRE_MAGIC);
	ASSERT_EQ(h.op, WIRE_HELLO);
	ASSERT_EQ(h.version, 1);
	ASSERT_EQ(h.cookie, 0x1234567890);
	ASSERT_EQ(h.durable, DURABLE_ALL);
	ASSERT_EQ(h.open_actions, 8);
	ASSERT_TRUE(h.public_key[0] || h.public_key[1] || h.public_key[2]);
	wlink_close(&l);
	at_end(&a, NULL);
}

TEST(a_channel_is_who_opened_it)
{
	const struct kept_record *r;
	struct link l, m;
	struct kept *k;
	int64_t one, two;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "first", "r1");
	wlink_channel(&a, &m, "second", "r2");
	one = wlink_intent(&l, 0);
	two = wlink_intent(&m, WIRE_DURABLE);
	ASSERT_TRUE(one > 0 && two == one + 1);
	wlink_close(&l);
	wlink_close(&m);
	at_settle(&a);
	k = end_and_read(&a);
	r = at_seq(k, at_seq(k, (uint64_t)one)->channel);
	ASSERT_STREQ(r->agent, "first");
	ASSERT_EQ(r->type, RECORD_CHANNEL);
	ASSERT_EQ(r->peer_uid, getuid());
	ASSERT_EQ(r->peer_pid, getpid());
	ASSERT_STREQ(at_seq(k, at_seq(k, (uint64_t)two)->channel)->agent,
		     "second");
	free(k);
}

TEST(a_record_cannot_say_who_it_is_from)
{
	struct wire_ack ack;
	struct fields f;
	struct link l;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	intent(&f, true);
	fields_text(&f, FIELD_AGENT, "another");
	ASSERT_ERR(wlink_record(&l, RECORD_INTENT, 0, &f, 0), -EPERM);
	intent(&f, true);
	fields_uint(&f, FIELD_PEER_UID, 0);
	ASSERT_ERR(wlink_record(&l, RECORD_INTENT, 0, &f, 0), -EPERM);
	/* nor be one of the writer's */
	intent(&f, true);
	ASSERT_ERR(wlink_record(&l, RECORD_CHANNEL, 0, &f, 0), -EINVAL);
	ASSERT_ERR(wlink_record(&l, RECORD_LOG_GAP, 0, &f, 0), -EINVAL);
	/* nor open again as somebody else */
	wlink_open(&l, "b", "r", 0, 3, -1);
	ASSERT_EQ(wlink_ack(&l).status, -EPERM);
	/* what is missing is named */
	fields_init(&f);
	fields_text(&f, FIELD_WHAT, "x");
	wlink_send(&l, RECORD_INTENT, 0, &f, 0, 4);
	ack = wlink_ack(&l);
	ASSERT_EQ(ack.status, -ENODATA);
	ASSERT_EQ(ack.field, FIELD_SURFACE);
	ASSERT_TRUE(wlink_intent(&l, 0) > 0);
	wlink_close(&l);
	at_end(&a, NULL);
}

TEST(without_a_channel_nothing_is_recorded)
{
	struct link l;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_new(&a, &l);
	ASSERT_ERR(wlink_intent(&l, 0), -ENOTCONN);
	/* a channel asks for nothing of operators */
	wlink_close(&l);
	wlink_channel(&a, &l, "a", "r");
	for (int op = WIRE_STATUS; op <= WIRE_ROTATE; op++) {
		wlink_op(&l, (enum wire_op)op, 1);
		ASSERT_EQ(wlink_ack(&l).status, -EPERM);
	}
	wlink_close(&l);
	at_end(&a, NULL);
}

TEST(a_socket_that_comes_along_becomes_the_channel)
{
	struct link l, ch = { 0 };
	struct wire_ack k;
	int pair[2];
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_new(&a, &l);
	ASSERT_OK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	wlink_open(&l, "a", "r", 0, 11, pair[1]);
	close(pair[1]);
	k = wlink_ack(&l);
	ASSERT_EQ(k.cookie, 11);
	ASSERT_EQ(k.status, 0);
	ch.fd = pair[0];
	ASSERT_TRUE(wlink_intent(&ch, 0) > 0);
	/* the control connection is none */
	ASSERT_ERR(wlink_intent(&l, 0), -ENOTCONN);
	wlink_close(&ch);
	wlink_close(&l);
	at_end(&a, NULL);
}

TEST(no_other_descriptor_becomes_one)
{
	struct link l;
	struct at a;
	int p[2];

	at_begin(&a);
	at_start(&a);
	wlink_new(&a, &l);
	ASSERT_OK(pipe2(p, O_CLOEXEC));
	wlink_open(&l, "a", "r", 0, 1, p[0]);
	ASSERT_EQ(wlink_ack(&l).status, -ENOTSOCK);
	close(p[0]);
	close(p[1]);
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p));
	wlink_open(&l, "a", "r", 0, 2, p[0]);
	ASSERT_EQ(wlink_ack(&l).status, -ENOTSOCK);
	close(p[0]);
	close(p[1]);
	wlink_close(&l);
	at_end(&a, NULL);
}

/* ---- intents and outcomes ------------------------------------------------ */

TEST(one_outcome_of_ones_own_intent)
{
	struct link l, m;
	int64_t i, denied;
	struct fields f;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r1");
	wlink_channel(&a, &m, "a", "r2");
	i = wlink_intent(&l, 0);
	intent(&f, false);
	denied = wlink_record(&l, RECORD_INTENT, 0, &f, 0);
	ASSERT_TRUE(i > 0 && denied > 0);
	ASSERT_ERR(wlink_outcome(&m, (uint64_t)i), -ENOENT);
	ASSERT_ERR(wlink_outcome(&l, (uint64_t)denied), -ENOENT);
	ASSERT_ERR(wlink_outcome(&l, 0), -ENOENT);
	ASSERT_ERR(wlink_outcome(&l, 1), -ENOENT);
	ASSERT_ERR(wlink_outcome(&l, UINT64_MAX), -ENOENT);
	ASSERT_TRUE(wlink_outcome(&l, (uint64_t)i) > i);
	ASSERT_ERR(wlink_outcome(&l, (uint64_t)i), -EALREADY);
	/* two in one turn of the loop */
	i = wlink_intent(&l, 0);
	outcome(&f);
	wlink_send(&l, RECORD_OUTCOME, (uint64_t)i, &f, 0, 1);
	wlink_send(&l, RECORD_OUTCOME, (uint64_t)i, &f, 0, 2);
	ASSERT_EQ(wlink_ack(&l).status, 0);
	ASSERT_EQ(wlink_ack(&l).status, -EALREADY);
	wlink_close(&l);
	wlink_close(&m);
	at_end(&a, NULL);
}

TEST(so_many_open_actions_and_no_more)
{
	int64_t seq[8];
	struct fields f;
	struct link l;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	for (int i = 0; i < 8; i++)
		ASSERT_TRUE((seq[i] = wlink_intent(&l, 0)) > 0);
	ASSERT_ERR(wlink_intent(&l, 0), -EMFILE);
	/* what does not go ahead leaves nothing open */
	intent(&f, false);
	ASSERT_TRUE(wlink_record(&l, RECORD_INTENT, 0, &f, 0) > 0);
	ASSERT_TRUE(wlink_outcome(&l, (uint64_t)seq[3]) > 0);
	ASSERT_TRUE(wlink_intent(&l, 0) > 0);
	ASSERT_ERR(wlink_intent(&l, 0), -EMFILE);
	wlink_close(&l);
	at_end(&a, NULL);
}

/* Also when they come in one message after the other, unanswered. */
TEST(a_burst_opens_no_more_than_allowed)
{
	int good = 0, bad = 0;
	struct fields f;
	struct link l;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	intent(&f, true);
	for (int i = 0; i < 40; i++)
		wlink_send(&l, RECORD_INTENT, 0, &f, 0, 1);
	for (int i = 0; i < 40; i++) {
		int status = wlink_ack(&l).status;

		good += status == 0;
		bad += status == -EMFILE;
	}
	ASSERT_EQ(good, 8);
	ASSERT_EQ(bad, 32);
	wlink_close(&l);
	at_end(&a, NULL);
}

TEST(who_goes_leaves_outcomes_that_are_not_known)
{
	const struct kept_record *r;
	int64_t done, open;
	struct link l;
	struct kept *k;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	done = wlink_intent(&l, 0);
	open = wlink_intent(&l, 0);
	ASSERT_TRUE(wlink_outcome(&l, (uint64_t)done) > 0);
	wlink_close(&l);
	at_settle(&a);
	k = end_and_read(&a);
	ASSERT_STREQ(find(k, RECORD_OUTCOME, (uint64_t)done)->status, "ok");
	r = find(k, RECORD_OUTCOME, (uint64_t)open);
	ASSERT_NOT_NULL(r);
	ASSERT_STREQ(r->status, "unknown");
	ASSERT_EQ(count(k, RECORD_CHANNEL_END), 1);
	r = find(k, RECORD_CHANNEL_END, r->channel);
	ASSERT_NOT_NULL(r);
	ASSERT_EQ(r->count, 3);
	free(k);
}

/* What was sent counts, though its sender left at once and read no answer. */
TEST(last_words_are_heard)
{
	enum { N = 8 };
	struct fields f, o;
	struct link l;
	int64_t seq[N];
	struct kept *k;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	for (int i = 0; i < N; i++)
		seq[i] = wlink_intent(&l, 0);
	intent(&f, false);
	outcome(&o);
	/* unread answers make a reset of the close */
	for (int i = 0; i < 20; i++)
		wlink_send(&l, RECORD_INTENT, 0, &f, 0, 1);
	for (int i = 0; i < N; i++)
		wlink_send(&l, RECORD_OUTCOME, (uint64_t)seq[i], &o, 0, 1);
	wlink_close(&l);
	at_settle(&a);
	k = end_and_read(&a);
	for (int i = 0; i < N; i++)
		ASSERT_STREQ(find(k, RECORD_OUTCOME, (uint64_t)seq[i])->status,
			     "ok");
	ASSERT_EQ(count(k, RECORD_INTENT), N + 20);
	free(k);
}

/* ---- answers ------------------------------------------------------------- */

TEST(the_quiet_hear_of_failures_only)
{
	struct fields f;
	struct wire_ack k;
	struct link l;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	intent(&f, false);
	for (uint64_t i = 0; i < 100; i++)
		wlink_send(&l, RECORD_INTENT, 0, &f, WIRE_QUIET, i);
	outcome(&f);
	wlink_send(&l, RECORD_OUTCOME, 1, &f, WIRE_QUIET, 100);
	k = wlink_ack(&l);
	ASSERT_EQ(k.cookie, 100);
	ASSERT_EQ(k.status, -ENOENT);
	wlink_close(&l);
	at_end(&a, NULL);
}

TEST(what_was_asked_to_be_durable_is_when_it_is_answered)
{
	struct link l;
	int64_t seq;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	for (int i = 0; i < 4; i++) {
		seq = wlink_intent(&l, WIRE_DURABLE);
		ASSERT_TRUE(seq > 0);
		ASSERT_GE(wlink_status(&a, "durable"), seq);
	}
	wlink_close(&l);
	at_end(&a, NULL);
}

TEST(garbage_ends_its_connection_and_no_other)
{
	char junk[100] = "this is no message at all, but long enough for one";
	struct link l, m;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &m, "a", "r");
	for (size_t n = 1; n <= sizeof(junk); n += 9) {
		wlink_new(&a, &l);
		ASSERT_EQ(send(l.fd, junk, n, MSG_NOSIGNAL), (ssize_t)n);
		ASSERT_TRUE(wlink_is_over(&l));
		wlink_close(&l);
	}
	/* unknown operations are told so */
	wlink_op(&m, (enum wire_op)77, 5);
	ASSERT_EQ(wlink_ack(&m).status, -ENOSYS);
	ASSERT_TRUE(wlink_intent(&m, 0) > 0);
	wlink_close(&m);
	at_end(&a, NULL);
}

#define FLOOD_MIN 100 /* more than the socket itself takes: some were read */

/* Sends until its buffer is full, and reads nothing. */
static size_t
flood(struct link *l)
{
	struct wire_record r = { .head = { .magic = WIRE_MAGIC,
					   .op = WIRE_RECORD },
				 .type = RECORD_INTENT };
	static uint8_t buf[sizeof(r) + 1000];
	struct fields f;
	size_t n = 0;

	intent(&f, false);
	memcpy(buf, &r, sizeof(r));
	memcpy(buf + sizeof(r), f.bytes, f.len);
	/* a while without room, but not because it got no processor yet */
	for (int idle = 0; idle < 20 || n <= FLOOD_MIN;) {
		if (send(l->fd, buf, sizeof(r) + f.len,
			 MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			poll(NULL, 0, 10);
			idle++;
		} else {
			idle = 0;
			n++;
		}
	}
	return n;
}

TEST_LIMIT(who_reads_no_answers_waits_and_nobody_else, 60)
{
	struct link l, m;
	struct at a;
	size_t n;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "deaf", "r1");
	wlink_channel(&a, &m, "b", "r2");
	n = flood(&l);
	for (int i = 0; i < 8; i++)
		ASSERT_TRUE(wlink_intent(&m, 0) > 0);
	/* and when it reads, it gets every answer */
	while (n--)
		ASSERT_EQ(wlink_ack(&l).status, 0);
	wlink_close(&l);
	wlink_close(&m);
	at_end(&a, NULL);
}

static void
one_of_many(struct at *a, int i)
{
	char run[16];
	struct link l;

	snprintf(run, sizeof(run), "r%d", i);
	wlink_channel(a, &l, "a", run);
	for (int n = 0; n < 20; n++) {
		int64_t seq = wlink_intent(&l, n % 2 ? WIRE_DURABLE : 0);

		ASSERT_TRUE(seq > 0);
		ASSERT_TRUE(wlink_outcome(&l, (uint64_t)seq) > seq);
	}
	wlink_close(&l);
}

TEST_LIMIT(many_at_once, 60)
{
	enum { N = 64 };
	struct kept *k;
	struct at a;
	int status;

	at_begin(&a);
	at_start(&a);
	for (int i = 0; i < N; i++) {
		pid_t pid = ASSERT_OK(fork());

		if (pid == 0) {
			one_of_many(&a, i);
			_exit(0);
		}
	}
	for (int i = 0; i < N; i++) {
		ASSERT_TRUE(wait(&status) > 0);
		ASSERT_EQ(status, 0);
	}
	at_settle(&a);
	k = end_and_read(&a);
	ASSERT_EQ(count(k, RECORD_INTENT), N * 20);
	ASSERT_EQ(count(k, RECORD_OUTCOME), N * 20);
	ASSERT_EQ(count(k, RECORD_CHANNEL_END), N);
	free(k);
}
