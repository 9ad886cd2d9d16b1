/* links: audit profiles sandbox lib */
/* The writer's loop when something is short: the disk, a quota, the time of the
 * writer itself; and what operators may ask for. */
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

struct counts {
	uint64_t intents, outcomes, denied, unknown, gaps, refused, anomalies,
		channels, again, first;
};

static void
see(void *arg, const struct record *r)
{
	struct counts *c = arg;
	struct field f;

	c->intents += r->type == RECORD_INTENT;
	c->gaps += r->type == RECORD_LOG_GAP;
	c->anomalies += r->type == RECORD_ANOMALY;
	if (r->type == RECORD_LOG_GAP)
		c->refused += record_get_uint(r, FIELD_COUNT);
	if (r->type == RECORD_CHANNEL) {
		c->channels++;
		c->again += r->ref != 0 && r->ref == c->first;
		c->first = c->first ? c->first : r->seq;
	}
	if (r->type != RECORD_OUTCOME || !record_get(r, FIELD_STATUS, &f))
		return;
	c->outcomes++;
	c->denied += f.len == 6 && memcmp(f.bytes, "denied", 6) == 0;
	c->unknown += f.len == 7 && memcmp(f.bytes, "unknown", 7) == 0;
}

static struct counts
end(struct at *a)
{
	struct counts c = { 0 };

	at_stop(a);
	log_each(a->log, see, &c);
	close(a->log->dirfd);
	return c;
}

/* ---- the disk ------------------------------------------------------------ */

static void
full_disk(int error)
{
	struct fields o;
	struct counts c;
	struct link l;
	int64_t open;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	open = wlink_intent(&l, 0);
	/* the reserve does not help either */
	log_fail(a.log, 1u << CALL_WRITE, 0, UINT64_MAX, error);
	ASSERT_ERR(wlink_intent(&l, 0), -error);
	ASSERT_ERR(wlink_intent(&l, WIRE_DURABLE), -error);
	outcome(&o);
	wlink_send(&l, RECORD_OUTCOME, (uint64_t)open, &o, 0, 50);
	/* it is not lost, and answered when it is written: not yet */
	ASSERT_ERR(wlink_outcome(&l, (uint64_t)open), -EALREADY);
	ASSERT_TRUE(wlink_intent(&l, 0) < 0);
	ASSERT_EQ(wlink_status(&a, "owed"), 1);
	log_heal(a.log);
	ASSERT_EQ(wlink_ack(&l).cookie, 50);
	ASSERT_TRUE(wlink_intent(&l, WIRE_DURABLE) > 0);
	ASSERT_EQ(wlink_status(&a, "owed"), 0);
	wlink_close(&l);
	at_settle(&a);
	c = end(&a);
	ASSERT_EQ(c.intents, 2);
	ASSERT_EQ(c.outcomes, 2);
	ASSERT_EQ(c.unknown, 1);
	ASSERT_GE(c.gaps, 1);
	ASSERT_EQ(c.refused, 3);
}

TEST(nothing_is_taken_while_the_disk_is_full)
{
	full_disk(ENOSPC);
}

TEST(nothing_is_taken_while_the_disk_fails)
{
	full_disk(EIO);
}

TEST(nothing_is_taken_while_it_is_read_only)
{
	full_disk(EROFS);
}

TEST(an_outcome_gets_the_reserve)
{
	struct link l;
	int64_t open;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	open = wlink_intent(&l, 0);
	/* one attempt fails, the one on the reserve does not */
	log_fail(a.log, 1u << CALL_WRITE, 0, 1, ENOSPC);
	ASSERT_TRUE(wlink_outcome(&l, (uint64_t)open) > 0);
	log_heal(a.log);
	wlink_close(&l);
	at_end(&a, NULL);
}

/* Together in one turn: the intent is refused, the outcome is written. */
TEST(who_is_refused_takes_no_outcome_along)
{
	struct fields i, o;
	struct wire_ack k[2];
	struct counts c;
	struct link l;
	int64_t open;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	open = wlink_intent(&l, 0);
	intent(&i, true);
	outcome(&o);
	log_fail(a.log, 1u << CALL_WRITE, 0, 1, EIO);
	wlink_send(&l, RECORD_OUTCOME, (uint64_t)open, &o, 0, 1);
	wlink_send(&l, RECORD_INTENT, 0, &i, 0, 2);
	k[0] = wlink_ack(&l);
	k[1] = wlink_ack(&l);
	for (int n = 0; n < 2; n++)
		if (k[n].cookie == 1)
			ASSERT_EQ(k[n].status, 0);
	wlink_close(&l);
	at_settle(&a);
	c = end(&a);
	ASSERT_EQ(c.outcomes, c.intents);
}

TEST(what_did_not_reach_the_disk_does_not_happen)
{
	struct counts c;
	struct link l;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	log_fail(a.log, 1u << CALL_DATASYNC, 0, 3, EIO);
	ASSERT_ERR(wlink_intent(&l, WIRE_DURABLE), -EIO);
	log_heal(a.log);
	/* by and by it takes them again */
	while (wlink_intent(&l, WIRE_DURABLE) < 0)
		poll(NULL, 0, 20);
	wlink_close(&l);
	at_settle(&a);
	c = end(&a);
	ASSERT_GE(c.denied, 1);
	ASSERT_EQ(c.unknown, 1);
	ASSERT_EQ(c.outcomes, c.intents);
}

TEST(no_channel_while_the_disk_is_full)
{
	struct link l;
	struct at a;

	at_begin(&a);
	at_start(&a);
	log_fail(a.log, 1u << CALL_WRITE, 0, UINT64_MAX, ENOSPC);
	wlink_new(&a, &l);
	wlink_open(&l, "a", "r", 0, 1, -1);
	ASSERT_EQ(wlink_ack(&l).status, -ENOSPC);
	ASSERT_ERR(wlink_intent(&l, 0), -ENOTCONN);
	log_heal(a.log);
	wlink_open(&l, "a", "r", 0, 2, -1);
	ASSERT_EQ(wlink_ack(&l).status, 0);
	ASSERT_TRUE(wlink_intent(&l, 0) > 0);
	wlink_close(&l);
	at_end(&a, NULL);
}

/* ---- quotas -------------------------------------------------------------- */

TEST(bytes_of_a_day)
{
	int64_t seq[8], n = 0;
	struct counts c;
	struct link l, other;
	struct fields f;
	struct at a;

	at_begin(&a);
	a.log->config.agent_day_bytes = 1000;
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	wlink_channel(&a, &other, "b", "r2");
	while ((seq[n] = wlink_intent(&l, 0)) > 0)
		ASSERT_TRUE(++n < 8);
	ASSERT_EQ(seq[n], -EDQUOT);
	ASSERT_TRUE(n > 2);
	for (int i = 0; i < 10; i++)
		ASSERT_ERR(wlink_intent(&l, 0), -EDQUOT);
	/* what happened is told still; the other has its own */
	ASSERT_TRUE(wlink_outcome(&l, (uint64_t)seq[0]) > 0);
	intent(&f, false);
	ASSERT_TRUE(wlink_record(&other, RECORD_INTENT, 0, &f, 0) > 0);
	wlink_close(&l);
	wlink_close(&other);
	at_settle(&a);
	c = end(&a);
	ASSERT_EQ(c.anomalies, 1);
	ASSERT_EQ(c.intents, (uint64_t)n + 1);
}

TEST(above_its_rate_an_agent_waits)
{
	struct fields f;
	struct link l;
	struct at a;

	at_begin(&a);
	a.log->config.agent_rate = 500;
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	intent(&f, false);
	/* who never reads its answers is not read either */
	for (uint64_t i = 0; i < 700; i += 100) {
		for (uint64_t j = i; j < i + 100; j++)
			wlink_send(&l, RECORD_INTENT, 0, &f, 0, j);
		for (uint64_t j = i; j < i + 100; j++) {
			struct wire_ack k = wlink_ack(&l);

			ASSERT_EQ(k.status, 0);
			ASSERT_EQ(k.cookie, j);
		}
	}
	ASSERT_GE(wlink_status(&a, "quota_waits"), 1);
	wlink_close(&l);
	at_end(&a, NULL);
}

/* ---- the writer's own ends ----------------------------------------------- */

static void
again(struct at *a, struct link *l, const char *run)
{
	wlink_new(a, l);
	wlink_open(l, "a", run, WIRE_RESUME, 1, -1);
	ASSERT_EQ(wlink_ack(l).status, 0);
}

TEST(after_the_writers_death_what_happened_can_be_told)
{
	struct counts c;
	struct link l, m;
	int64_t told, not_told;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r1");
	told = wlink_intent(&l, 0);
	not_told = wlink_intent(&l, 0);
	at_kill(&a);
	wlink_close(&l);
	at_start(&a);
	again(&a, &m, "another");
	ASSERT_ERR(wlink_outcome(&m, (uint64_t)told), -ENOENT);
	again(&a, &l, "r1");
	ASSERT_TRUE(wlink_outcome(&l, (uint64_t)told) > not_told);
	ASSERT_ERR(wlink_outcome(&l, (uint64_t)told), -EALREADY);
	wlink_close(&l);
	wlink_close(&m);
	at_settle(&a);
	c = end(&a);
	ASSERT_EQ(c.outcomes, 2);
	ASSERT_EQ(c.unknown, 1);
}

TEST(what_nobody_comes_for_is_not_known)
{
	struct counts c;
	struct link l;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r1");
	ASSERT_TRUE(wlink_intent(&l, 0) > 0);
	ASSERT_TRUE(wlink_intent(&l, 0) > 0);
	at_kill(&a);
	wlink_close(&l);
	a.resume_us = 1000;
	at_start(&a);
	while (wlink_status(&a, "former_owed"))
		poll(NULL, 0, 5);
	c = end(&a);
	ASSERT_EQ(c.unknown, 2);
	ASSERT_EQ(c.outcomes, 2);
}

TEST(a_clean_end_leaves_open_actions_to_the_next)
{
	struct counts c;
	struct link l;
	int64_t seq;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r1");
	seq = wlink_intent(&l, 0);
	at_stop(&a);
	wlink_close(&l);
	at_start(&a);
	again(&a, &l, "r1");
	ASSERT_TRUE(wlink_outcome(&l, (uint64_t)seq) > seq);
	wlink_close(&l);
	at_settle(&a);
	c = end(&a);
	ASSERT_EQ(c.outcomes, 1);
	ASSERT_EQ(c.unknown, 0);
}

TEST(idle_for_long_enough_it_ends)
{
	struct link l;
	struct at a;

	at_begin(&a);
	a.log->config.idle_us = 1000000; /* there is time to come */
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	ASSERT_TRUE(wlink_intent(&l, 0) > 0);
	/* while somebody is there, it stays */
	poll(NULL, 0, 1200);
	ASSERT_TRUE(wlink_intent(&l, 0) > 0);
	wlink_close(&l);
	/* at_stop() waits, whether it was told or not */
	at_end(&a, NULL);
}

/* ---- operators ----------------------------------------------------------- */

TEST(a_new_file_says_again_who_speaks)
{
	struct link l, ctl;
	int64_t open, before, after;
	struct counts c;
	struct at a;

	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	open = wlink_intent(&l, 0);
	wlink_new(&a, &ctl);
	before = wlink_status(&a, "seq");
	wlink_op(&ctl, WIRE_ROTATE, 1);
	ASSERT_EQ(wlink_ack(&ctl).status, 0);
	after = wlink_intent(&l, 0);
	/* log.segment and the channel, at least */
	ASSERT_GE(after, before + 3);
	ASSERT_TRUE(wlink_outcome(&l, (uint64_t)open) > after);
	ASSERT_TRUE(wlink_outcome(&l, (uint64_t)after) > 0);
	wlink_close(&l);
	wlink_close(&ctl);
	at_settle(&a);
	c = end(&a);
	ASSERT_EQ(c.channels, 2);
	ASSERT_EQ(c.again, 1);
	ASSERT_EQ(c.unknown, 0);
}

TEST(a_checkpoint_when_one_is_asked_for)
{
	char size[32], text[NOTE_MAX + 1];
	struct link l, ctl;
	struct at a;
	int64_t seq;

	at_begin(&a);
	a.log->config.checkpoint_us = 3600000000u;
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	seq = wlink_intent(&l, 0);
	wlink_new(&a, &ctl);
	wlink_op(&ctl, WIRE_CHECKPOINT, 1);
	ASSERT_EQ(wlink_ack(&ctl).status, 0);
	snprintf(size, sizeof(size), "\n%lld\n", (long long)seq);
	ASSERT_TRUE(fd_read_small(a.log->dirfd, LAYOUT_HEAD, text,
				  sizeof(text)) > 0);
	ASSERT_STRSTR(text, size);
	wlink_close(&l);
	wlink_close(&ctl);
	at_end(&a, NULL);
}

static void
send_blob(struct link *l, const uint8_t digest[RECORD_HASH_LEN], int fd)
{
	struct wire_blob b = {
		.head = { .magic = WIRE_MAGIC, .op = WIRE_BLOB, .cookie = 9 }
	};
	_Alignas(struct cmsghdr) char buf[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { .iov_base = &b, .iov_len = sizeof(b) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	struct cmsghdr *c;

	memcpy(b.digest, digest, RECORD_HASH_LEN);
	if (fd >= 0) {
		m.msg_control = buf;
		m.msg_controllen = sizeof(buf);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	ASSERT_EQ(sendmsg(l->fd, &m, MSG_NOSIGNAL), (ssize_t)sizeof(b));
}

TEST(blobs_by_their_digest)
{
	static const char text[] = "the policy";
	uint8_t digest[RECORD_HASH_LEN];
	SHA2_CTX sha;
	struct link l;
	struct at a;
	int fd, open_fd;

	SHA256Init(&sha);
	SHA256Update(&sha, (const uint8_t *)text, sizeof(text));
	SHA256Final(digest, &sha);
	at_begin(&a);
	at_start(&a);
	wlink_channel(&a, &l, "a", "r");
	fd = ASSERT_OK(fd_sealed("blob", text, sizeof(text)));
	send_blob(&l, digest, -1);
	ASSERT_EQ(wlink_ack(&l).status, -ENOENT);
	/* what can still be changed is not taken, nor what is another */
	open_fd = ASSERT_OK(
		open(tap_tmpdir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	send_blob(&l, digest, open_fd);
	ASSERT_TRUE(wlink_ack(&l).status < 0);
	digest[0] ^= 1;
	send_blob(&l, digest, fd);
	ASSERT_EQ(wlink_ack(&l).status, -EBADMSG);
	digest[0] ^= 1;
	send_blob(&l, digest, fd);
	ASSERT_EQ(wlink_ack(&l).status, 0);
	send_blob(&l, digest, -1);
	ASSERT_EQ(wlink_ack(&l).status, 0);
	close(fd);
	close(open_fd);
	wlink_close(&l);
	at_end(&a, NULL);
}

/* ---- what /proc says ----------------------------------------------------- */

TEST(the_map_of_all_ids_and_no_other)
{
	ASSERT_TRUE(peer_map_is_whole("         0          0 4294967295\n"));
	ASSERT_TRUE(peer_map_is_whole("0 4294967295 4294967295\n"));
	ASSERT_FALSE(peer_map_is_whole(""));
	ASSERT_FALSE(peer_map_is_whole("      1000       1000          1\n"));
	ASSERT_FALSE(peer_map_is_whole("0 0 4294967294\n"));
	ASSERT_FALSE(peer_map_is_whole("1 0 4294967295\n"));
	ASSERT_FALSE(peer_map_is_whole("0 0 4294967295"));
	ASSERT_FALSE(peer_map_is_whole("0 0 4294967295\n1 1 1\n"));
	ASSERT_FALSE(peer_map_is_whole("0 0 42949672950000000000000\n"));
}

TEST(how_deep_in_pid_namespaces)
{
	ASSERT_EQ(peer_depth("Name:\tx\nNSpid:\t12\nNSpgid:\t1\t2\n"), 1);
	ASSERT_EQ(peer_depth("Name:\tx\nNSpid:\t12\t1\nNSpgid:\t1\n"), 2);
	ASSERT_EQ(peer_depth("Name:\tNSpid: 1 2\nPid:\t1\n"), 0);
	ASSERT_EQ(peer_depth(""), 0);
}

TEST(the_start_time_whatever_the_name)
{
	const char *rest = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 "
			   "4711 20\n";
	char line[256];

	snprintf(line, sizeof(line), "12 (sh)%s", rest);
	ASSERT_EQ(peer_start_time(line), 4711);
	snprintf(line, sizeof(line), "12 (a) S 1 2 (b))%s", rest);
	ASSERT_EQ(peer_start_time(line), 4711);
	ASSERT_EQ(peer_start_time("12 (sh) S 1 2"), 0);
	ASSERT_EQ(peer_start_time(""), 0);
}
