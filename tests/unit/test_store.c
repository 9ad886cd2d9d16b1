/* links: audit lib */
/* The store on a disk that works: a new log, batches, checkpoints, ends and
 * begins, rotation, retention, blobs. */
#include "tests/tap.h"
#include "tests/tools/store_log.h"

#include <string.h>

TEST(fresh_log)
{
	struct store_log l;

	log_begin(&l);
	/* log.segment, log.start, log.checkpoint */
	ASSERT_EQ(store_written(l.s), 3);
	ASSERT_EQ(store_durable(l.s), 3);
	ASSERT_EQ(store_failing(l.s), 0);
	log_stop(&l);
	log_end(&l);
}

TEST(stop_and_begin)
{
	struct store_log l;
	uint64_t seq;

	log_begin(&l);
	seq = log_add(&l, RECORD_LIFECYCLE, 0, false);
	ASSERT_EQ(seq, 4);
	ASSERT_OK(store_commit(l.s, &l.now));
	ASSERT_EQ(store_written(l.s), 4);
	ASSERT_EQ(store_durable(l.s), 3);
	ASSERT_OK(store_sync(l.s));
	ASSERT_EQ(store_durable(l.s), 4);
	log_stop(&l);
	log_open(&l);
	ASSERT_EQ(store_written(l.s), 7);
	ASSERT_EQ(log_type(&l, 7), RECORD_LOG_START);
	log_stop(&l);
	log_end(&l);
}
