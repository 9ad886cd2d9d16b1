/* links: query audit lib */
/* Proofs of single records: each record of logs of many shapes has one that
 * holds, also where the beginning of the log is gone, and none that does not.
 */
#include "audit/proof.h"
#include "query/prover.h"
#include "tests/tap.h"
#include "tests/tools/audit_log.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct at {
	struct audit_log log;
	char dir[PATH_MAX];
	int fd;
	struct prover *p;
	struct reader *r;
};

static struct at
make(uint64_t records, uint64_t per_file, uint64_t per_checkpoint)
{
	struct audit_log_spec s = { .records = records,
				    .per_file = per_file,
				    .per_checkpoint = per_checkpoint,
				    .seed = records };
	struct at a = { .fd = -1 };

	snprintf(a.dir, sizeof(a.dir), "%s/XXXXXX", tap_tmpdir());
	ASSERT_NOT_NULL(mkdtemp(a.dir));
	audit_log_make(a.dir, &s, &a.log);
	a.fd = ASSERT_OK(open(a.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	return a;
}

static void
open_prover(struct at *a)
{
	struct err e = ERR_INIT;

	if (prover_new(a->fd, &a->p, &e) < 0)
		FAIL("%s", e.text);
	ASSERT_OK(reader_new(a->fd, &a->r, &e));
}

static void
done(struct at *a)
{
	prover_free(a->p);
	reader_free(a->r);
	audit_log_done(&a->log);
	close(a->fd);
}

static void
prove(struct at *a, uint64_t seq)
{
	struct err e = ERR_INIT;
	struct record r;
	struct proof got;
	char *text = NULL;
	size_t len, used;
	FILE *f = open_memstream(&text, &len);

	ASSERT_OK(reader_seek(a->r, seq, &e));
	ASSERT_EQ(reader_next(a->r, &r, &e), 1);
	ASSERT_EQ(r.seq, seq);
	if (prover_write(a->p, f, &r, &e) < 0)
		FAIL("record %llu: %s", (unsigned long long)seq, e.text);
	fclose(f);
	if (proof_parse(text, len, a->log.public, &got, &used, &e) < 0)
		FAIL("record %llu: %s", (unsigned long long)seq, e.text);
	ASSERT_EQ(used, len);
	ASSERT_EQ(got.record.seq, seq);
	ASSERT_MEMEQ(got.record.bytes, r.bytes, r.size);
	proof_done(&got);
	free(text);
}

TEST_LIMIT(all_of_small_logs, 60)
{
	for (uint64_t n = 8; n < 80; n += 3) {
		struct at a = make(n, n % 2 ? 0 : 7, 5);

		open_prover(&a);
		for (uint64_t seq = 1; seq <= prover_size(a.p); seq++)
			prove(&a, seq);
		done(&a);
	}
}

/* Blocks, their borders, and back and forth between them. */
TEST_LIMIT(large_log, 60)
{
	struct at a = make(5000, 1500, 64);
	uint64_t n;

	open_prover(&a);
	n = prover_size(a.p);
	for (uint64_t seq = 1; seq <= n; seq += 37)
		prove(&a, seq);
	for (uint64_t seq = n; seq > 411; seq -= 411)
		prove(&a, seq);
	for (uint64_t seq = 1022; seq < 1028; seq++)
		prove(&a, seq);
	done(&a);
}

/* Without the first file, and without the first two. */
TEST_LIMIT(beginning_is_gone, 60)
{
	for (int gone = 1; gone < 4; gone++) {
		struct at a = make(5000, 700, 64);
		char name[32], path[64];
		uint64_t first = 1;

		for (int i = 0; i < gone; i++) {
			uint64_t next = first;

			snprintf(path, sizeof(path), "log/%s",
				 audit_log_file(first, name));
			ASSERT_OK(unlinkat(a.fd, path, 0));
			while (a.log.place[next].file == first)
				next++;
			first = a.log.place[next].file;
		}
		open_prover(&a);
		for (uint64_t seq = first; seq <= prover_size(a.p); seq += 13)
			prove(&a, seq);
		prove(&a, first);
		prove(&a, prover_size(a.p));
		done(&a);
	}
}

/* What no checkpoint covers has none. */
TEST(not_covered)
{
	struct at a = make(100, 0, 64);
	struct err e = ERR_INIT;
	struct record r;

	open_prover(&a);
	ASSERT_OK(reader_seek(a.r, prover_size(a.p) + 1, &e));
	ASSERT_EQ(reader_next(a.r, &r, &e), 1);
	ASSERT_ERR(prover_write(a.p, stdout, &r, &e), -ERANGE);
	ASSERT_STRSTR(e.cure, "checkpoint");
	done(&a);
}

/* A changed log proves nothing, wherever it was changed. */
TEST_LIMIT(changed, 60)
{
	struct at a = make(300, 0, 64);
	struct err e;
	char name[32], path[64];
	int fd;

	snprintf(path, sizeof(path), "log/%s", audit_log_file(1, name));
	fd = ASSERT_OK(openat(a.fd, path, O_RDWR | O_CLOEXEC));
	for (uint64_t i = 0; i < 290; i += 29) {
		/* the hash: the form of the frame stays good */
		off_t at =
			(off_t)(a.log.place[i].offset + a.log.place[i].size) -
			1;
		uint8_t was, is;

		ASSERT_EQ(pread(fd, &was, 1, at), 1);
		is = was ^ 1;
		ASSERT_EQ(pwrite(fd, &is, 1, at), 1);
		e = (struct err)ERR_INIT;
		ASSERT_ERR(prover_new(a.fd, &a.p, &e), -EBADMSG);
		ASSERT_STRSTR(e.cure, "verify");
		ASSERT_EQ(pwrite(fd, &was, 1, at), 1);
	}
	close(fd);
	open_prover(&a);
	done(&a);
}

TEST(empty)
{
	struct err e = ERR_INIT;
	struct prover *p;
	int fd = ASSERT_OK(
		open(tap_tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	ASSERT_ERR(prover_new(fd, &p, &e), -EBADMSG);
	close(fd);
}
