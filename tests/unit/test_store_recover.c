/* links: audit lib */
/* After a crash, and after somebody was at the files: a log that is cut or
 * changed at every byte, forged, shortened, robbed; what is owed; anew. */
#include "audit/chain.h"
#include "audit/layout.h"
#include "audit/note.h"
#include "lib/fd.h"
#include "tests/tap.h"
#include "tests/tools/store_log.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define FIRST LAYOUT_LOG "/00000000000000000001.seg"

struct bytes {
	char *p;
	size_t n;
};

static struct bytes
load(struct store_log *l, const char *name)
{
	struct bytes b = { 0 };

	b.n = (size_t)ASSERT_OK(fd_read_file(l->dirfd, name, 1u << 24, &b.p));
	return b;
}

static void
save(struct store_log *l, const char *name, const void *p, size_t n)
{
	int fd = openat(l->dirfd, name,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ASSERT_OK(fd);
	ASSERT_OK(fd_write_all(fd, p, n));
	close(fd);
}

/* Files in a folder; removes them if asked. */
static int
files_in(struct store_log *l, const char *folder, bool remove)
{
	int fd = openat(l->dirfd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	struct dirent *entry;
	int n = 0;

	ASSERT_NOT_NULL(d);
	while ((entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		n++;
		if (remove)
			ASSERT_OK(unlinkat(fd, entry->d_name, 0));
	}
	closedir(d);
	return n;
}

/* Where frames end. Returns how many. */
static size_t
ends_of(const struct bytes *b, size_t *ret, size_t max)
{
	struct record r;
	size_t n = 0;

	for (size_t at = 0; at < b->n && n < max; n++) {
		int size = record_parse(b->p + at, b->n - at, &r);

		ASSERT_TRUE(size > 0);
		at += (size_t)size;
		ret[n] = at;
	}
	return n;
}

/* Three records at the start, of which the checkpoint is the third, five more
 * that only the chain covers, and kill -9. */
static struct bytes
crashed_log(struct store_log *l, size_t *ends)
{
	struct bytes b;

	log_begin(l);
	for (uint64_t i = 0; i < 5; i++)
		log_add_step(l, i, false);
	ASSERT_OK(store_commit(l->s, &l->now));
	log_kill(l);
	b = load(l, FIRST);
	ASSERT_EQ(ends_of(&b, ends, 16), 8);
	return b;
}

static void
expect_damage(struct store_log *l, const struct bytes *b, size_t n,
	      const char *text)
{
	struct err e = ERR_INIT;
	struct bytes now;

	ASSERT_ERR(log_try_open(l, &e), -EUCLEAN);
	ASSERT_STRSTR(e.text, text);
	ASSERT_STRSTR(e.cure, "anew");
	now = load(l, FIRST);
	ASSERT_EQ(now.n, n);
	ASSERT_MEMEQ(now.p, b->p, n);
	ASSERT_EQ(files_in(l, LAYOUT_TORN, false), 0);
	free(now.p);
}

/* Opens; `torn` bytes were put aside, `records` are there before log.restart.
 */
static void
expect_restart(struct store_log *l, uint64_t records, size_t torn)
{
	struct log_seen seen;

	log_open(l);
	ASSERT_EQ(store_written(l->s), records + 1);
	ASSERT_EQ(log_type(l, records + 1), RECORD_LOG_RESTART);
	log_check(l, &seen);
	ASSERT_EQ(seen.restarts, 1);
	ASSERT_EQ(files_in(l, LAYOUT_TORN, true), torn ? 1 : 0);
	log_kill(l);
}

TEST_LIMIT(cut_at_every_byte, 120)
{
	struct store_log l;
	size_t ends[16], whole = 0;
	struct bytes b = crashed_log(&l, ends);

	for (size_t n = 0; n <= b.n; n++) {
		while (whole < 8 && ends[whole] <= n)
			whole++;
		save(&l, FIRST, b.p, n);
		if (whole < 3)
			expect_damage(&l, &b, n, "record");
		else
			expect_restart(&l, whole, n - ends[whole - 1]);
	}
	free(b.p);
	close(l.dirfd);
}

TEST_LIMIT(changed_at_every_byte, 120)
{
	struct store_log l;
	size_t ends[16], whole = 0;
	struct bytes b = crashed_log(&l, ends);

	for (size_t at = 0; at < b.n; at++) {
		while (ends[whole] <= at)
			whole++;
		b.p[at] ^= 0x40;
		save(&l, FIRST, b.p, b.n);
		if (whole < 3)
			expect_damage(&l, &b, b.n, "audit log");
		else
			expect_restart(&l, whole, b.n - ends[whole - 1]);
		b.p[at] ^= 0x40;
	}
	free(b.p);
	close(l.dirfd);
}

/* A power cut leaves zeros, or what was there before, in place of the end, and
 * behind it. */
TEST(zeros_and_rubbish)
{
	struct store_log l;
	size_t ends[16];
	struct bytes b = crashed_log(&l, ends);
	char *more = calloc(1, b.n + 70000);

	memcpy(more, b.p, b.n);
	save(&l, FIRST, more, b.n + 70000);
	expect_restart(&l, 8, 70000);
	memset(more + ends[5], 0, b.n - ends[5]);
	save(&l, FIRST, more, b.n);
	expect_restart(&l, 6, b.n - ends[5]);
	memcpy(more + ends[5], b.p, b.n - ends[5]);
	save(&l, FIRST, more, b.n);
	expect_restart(&l, 6, b.n - ends[5]);
	free(more);
	free(b.p);
	close(l.dirfd);
}

TEST(what_is_cut_is_kept)
{
	struct store_log l;
	size_t ends[16];
	struct bytes b = crashed_log(&l, ends), torn;

	save(&l, FIRST, b.p, b.n - 7);
	log_open(&l);
	torn = load(&l, LAYOUT_TORN "/00000000000000000008-1");
	ASSERT_EQ(torn.n, b.n - 7 - ends[6]);
	ASSERT_MEMEQ(torn.p, b.p + ends[6], torn.n);
	log_kill(&l);
	free(torn.p);
	free(b.p);
	log_end(&l);
}

/* Somebody who cannot know the key adds a record with a chain that holds. */
TEST(forged_record)
{
	struct record_head h = { .seq = 9, .key = 1, .type = RECORD_ADMIN };
	struct chain_key k = { .number = 1 };
	uint8_t frame[RECORD_MIN];
	struct chain_hash *hash;
	struct store_log l;
	struct chain c;
	struct bytes b;
	char *more;

	log_begin(&l);
	for (uint64_t i = 0; i < 5; i++)
		log_add_step(&l, i, false);
	ASSERT_OK(store_commit(l.s, &l.now));
	c = *store_chain(l.s);
	log_kill(&l);
	ASSERT_OK(chain_hash_new(&hash));
	record_write(&h, NULL, 0, frame);
	chain_seal(&c, hash, &k, frame, sizeof(frame));
	b = load(&l, FIRST);
	more = malloc(b.n + sizeof(frame));
	memcpy(more, b.p, b.n);
	memcpy(more + b.n, frame, sizeof(frame));
	free(b.p);
	b.p = more;
	b.n += sizeof(frame);
	save(&l, FIRST, b.p, b.n);
	expect_damage(&l, &b, b.n, "MAC");
	chain_hash_free(hash);
	free(b.p);
	close(l.dirfd);
}

/* The log and `head` of a minute ago: right in themselves, but the key has
 * gone on. */
TEST(older_log_put_back)
{
	char note[NOTE_MAX];
	struct store_log l;
	struct bytes b, head;

	log_begin(&l);
	log_add_step(&l, 1, false);
	ASSERT_OK(store_commit(l.s, &l.now));
	ASSERT_OK(store_checkpoint(l.s, &l.now, note));
	b = load(&l, FIRST);
	head = load(&l, LAYOUT_HEAD);
	log_add_step(&l, 2, false);
	ASSERT_OK(store_commit(l.s, &l.now));
	ASSERT_OK(store_checkpoint(l.s, &l.now, note));
	log_kill(&l);
	save(&l, FIRST, b.p, b.n);
	save(&l, LAYOUT_HEAD, head.p, head.n);
	expect_damage(&l, &b, b.n, "there were more");
	free(b.p);
	free(head.p);
	close(l.dirfd);
}

TEST(missing_or_foreign_files)
{
	static const char *const names[] = { LAYOUT_HEAD, LAYOUT_MAC,
					     LAYOUT_SIGN, LAYOUT_DIGEST };
	struct store_log l;
	size_t ends[16];
	struct bytes b = crashed_log(&l, ends), kept;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		kept = load(&l, names[i]);
		ASSERT_OK(unlinkat(l.dirfd, names[i], 0));
		expect_damage(&l, &b, b.n, names[i]);
		kept.p[9] ^= 1;
		save(&l, names[i], kept.p, 10);
		expect_damage(&l, &b, b.n, names[i]);
		kept.p[9] ^= 1;
		save(&l, names[i], kept.p, kept.n);
		free(kept.p);
	}
	/* the public key is for others: made again, but not if it is changed */
	kept = load(&l, LAYOUT_PUBLIC);
	kept.p[20] ^= 1;
	save(&l, LAYOUT_PUBLIC, kept.p, kept.n);
	ASSERT_ERR(log_try_open(&l, &e), -EUCLEAN);
	ASSERT_STRSTR(e.cure, "made again");
	ASSERT_OK(unlinkat(l.dirfd, LAYOUT_PUBLIC, 0));
	expect_restart(&l, 8, 0);
	/* a secret that others may read */
	ASSERT_OK(fchmodat(l.dirfd, LAYOUT_SIGN, 0644, 0));
	ASSERT_ERR(log_try_open(&l, &e), -EPERM);
	ASSERT_OK(fchmodat(l.dirfd, LAYOUT_SIGN, 0600, 0));
	/* no file at all */
	ASSERT_EQ(files_in(&l, LAYOUT_LOG, true), 1);
	ASSERT_ERR(log_try_open(&l, &e), -EUCLEAN);
	ASSERT_STRSTR(e.text, "gone");
	free(kept.p);
	free(b.p);
	close(l.dirfd);
}

/* A file in the middle that is changed, cut, or gone; the last one gone. */
TEST(several_files)
{
	struct err e = ERR_INIT;
	struct store_log l;
	char name[64];
	struct bytes b;

	log_begin(&l);
	for (uint64_t i = 0; i < 3; i++) {
		log_add_step(&l, i, false);
		ASSERT_OK(store_commit(l.s, &l.now));
		ASSERT_OK(store_rotate(l.s, &l.now));
	}
	(void)snprintf(name, sizeof(name), LAYOUT_LOG "/%020u.seg", 7u);
	log_kill(&l);
	/* `head` is of the first file, so all of them are looked at */
	b = load(&l, name);
	save(&l, name, b.p, b.n - 1);
	ASSERT_ERR(log_try_open(&l, &e), -EUCLEAN);
	ASSERT_STRSTR(e.text, "00000000000000000007.seg:");
	ASSERT_OK(unlinkat(l.dirfd, name, 0));
	ASSERT_ERR(log_try_open(&l, &e), -EUCLEAN);
	ASSERT_STRSTR(e.text, "a file is missing");
	save(&l, name, b.p, b.n);
	free(b.p);
	expect_restart(&l, 9, 0);
	close(l.dirfd);
}

/* A crash while a new file was begun: it is put aside, the one before goes
 * on. */
TEST(new_file_without_record)
{
	struct store_log l;
	char name[64];
	struct bytes b;

	log_begin(&l);
	log_add_step(&l, 1, false);
	ASSERT_OK(store_commit(l.s, &l.now));
	ASSERT_OK(store_rotate(l.s, &l.now));
	log_kill(&l);
	(void)snprintf(name, sizeof(name), LAYOUT_LOG "/%020u.seg", 5u);
	b = load(&l, name);
	save(&l, name, b.p, b.n / 2);
	expect_restart(&l, 4, b.n / 2);
	save(&l, LAYOUT_LOG "/00000000000000000006.seg", "", 0);
	log_open(&l);
	ASSERT_EQ(store_written(l.s), 6);
	ASSERT_EQ(files_in(&l, LAYOUT_LOG, false), 1);
	log_kill(&l);
	free(b.p);
	log_end(&l);
}

/* A crash while the log was made, before its keys were whole. */
TEST(half_made_keys)
{
	struct store_log l;
	struct log_seen seen;

	log_prepare(&l);
	ASSERT_OK(mkdirat(l.dirfd, LAYOUT_LOG, 0700));
	save(&l, FIRST, "", 0);
	ASSERT_ERR(log_try_open(&l, NULL), -EUCLEAN); /* keys come first */
	ASSERT_OK(unlinkat(l.dirfd, FIRST, 0));
	log_fail(&l, 1u << CALL_RENAME, 3, 100, EIO); /* mac.key */
	ASSERT_ERR(log_try_open(&l, NULL), -EIO);
	log_heal(&l);
	log_open(&l);
	log_kill(&l);
	save(&l, FIRST, "ABXR", 4);
	ASSERT_ERR(log_try_open(&l, NULL), -EUCLEAN); /* head has seen more */
	ASSERT_OK(unlinkat(l.dirfd, LAYOUT_HEAD, 0));
	ASSERT_ERR(log_try_open(&l, NULL), -EUCLEAN); /* so has the key */
	ASSERT_OK(unlinkat(l.dirfd, LAYOUT_MAC, 0));
	ASSERT_ERR(log_try_open(&l, NULL), -EUCLEAN);
	ASSERT_OK(unlinkat(l.dirfd, FIRST, 0)); /* nothing says so any more */
	log_open(&l);
	log_check(&l, &seen);
	ASSERT_EQ(seen.records, 3);
	log_stop(&l);
	log_end(&l);
}

/* ... and then, within the first record. */
TEST(half_made_file)
{
	struct store_log l;
	struct log_seen seen;

	log_prepare(&l);
	log_fail(&l, 1u << CALL_UNLINK | 1u << CALL_WRITE | 1u << CALL_TRUNCATE,
		 5, 100, EIO);
	l.fault.part = 40;
	ASSERT_ERR(log_try_open(&l, NULL), -EIO);
	ASSERT_TRUE(l.fault.failed >= 2);
	ASSERT_EQ(files_in(&l, LAYOUT_LOG, false), 1);
	log_heal(&l);
	log_open(&l);
	ASSERT_EQ(files_in(&l, LAYOUT_TORN, false), 1);
	log_check(&l, &seen);
	ASSERT_EQ(seen.records, 3);
	log_stop(&l);
	log_end(&l);
}

static void
channel(struct store_log *l)
{
	ASSERT_NE(log_add(l, RECORD_CHANNEL, 0, false), 0);
}

/* Intents that went ahead and have no outcome, also from files before. */
TEST(owed)
{
	const struct store_owed *owed;
	struct store_log l;
	uint64_t intent[4];

	log_begin(&l);
	/* the channel is number 4; log_add() speaks as 2 */
	channel(&l);
	for (int i = 0; i < 4; i++) {
		intent[i] = log_add(&l, RECORD_INTENT, 0, false);
		if (i == 1) {
			ASSERT_OK(store_commit(l.s, &l.now));
			ASSERT_OK(store_rotate(l.s, &l.now));
		}
	}
	log_add(&l, RECORD_OUTCOME, intent[1], true);
	ASSERT_OK(store_commit(l.s, &l.now));
	ASSERT_EQ(store_owed(l.s, &owed), 0); /* these are of this life */
	log_kill(&l);
	log_open(&l);
	ASSERT_EQ(store_owed(l.s, &owed), 3);
	ASSERT_EQ(owed[0].intent, intent[0]);
	ASSERT_EQ(owed[0].channel, 2);
	ASSERT_EQ(owed[1].intent, intent[2]);
	ASSERT_EQ(owed[2].intent, intent[3]);
	log_add(&l, RECORD_OUTCOME, intent[0], true);
	ASSERT_OK(store_commit(l.s, &l.now));
	ASSERT_EQ(store_owed(l.s, &owed), 2);
	store_owed_done(l.s, intent[0]);
	store_owed_done(l.s, intent[3]); /* without an outcome: comes again */
	ASSERT_EQ(store_owed(l.s, &owed), 1);
	log_kill(&l);
	log_open(&l);
	ASSERT_EQ(store_owed(l.s, &owed), 2);
	ASSERT_EQ(owed[0].intent, intent[2]);
	log_add(&l, RECORD_OUTCOME, intent[2], true);
	log_add(&l, RECORD_OUTCOME, intent[3], true);
	ASSERT_OK(store_commit(l.s, &l.now));
	log_stop(&l);
	log_open(&l);
	ASSERT_EQ(store_owed(l.s, &owed), 0);
	log_stop(&l);
	log_end(&l);
}

static uint64_t
add_in(struct store_log *l, enum record_type type, uint64_t ch, uint64_t ref)
{
	struct fields f;

	fields_init(&f);
	if (type == RECORD_CHANNEL) {
		char run[32];

		(void)snprintf(run, sizeof(run), "run-%llu",
			       (unsigned long long)store_written(l->s));
		fields_text(&f, FIELD_RUN, run);
	} else if (type == RECORD_INTENT) {
		fields_uint(&f, FIELD_GOES_AHEAD, 1);
	}
	return store_add(l->s, type, ch, ref, f.bytes, f.len, true, &l->now);
}

TEST(owed_has_its_run)
{
	const struct store_owed *owed;
	uint64_t a, b, first, second;
	struct store_log l;

	log_begin(&l);
	a = add_in(&l, RECORD_CHANNEL, 0, 0);
	ASSERT_OK(store_commit(l.s, &l.now));
	b = add_in(&l, RECORD_CHANNEL, 0, 0);
	first = add_in(&l, RECORD_INTENT, a, 0);
	second = add_in(&l, RECORD_INTENT, b, 0);
	ASSERT_OK(store_commit(l.s, &l.now));
	ASSERT_OK(store_rotate(l.s, &l.now));
	log_kill(&l);
	log_open(&l);
	ASSERT_EQ(store_owed(l.s, &owed), 2);
	ASSERT_EQ(owed[0].intent, first);
	ASSERT_EQ(owed[0].channel, a);
	ASSERT_STREQ(owed[0].run, "run-3");
	ASSERT_EQ(owed[1].intent, second);
	ASSERT_STREQ(owed[1].run, "run-4");
	log_stop(&l);
	log_end(&l);
}

/* More than the first record of a file has room for: the files before are
 * read as well. */
TEST_LIMIT(owed_in_masses, 60)
{
	const struct store_owed *owed;
	uint64_t *intent = calloc(6000, sizeof(*intent)), ch;
	struct store_log l;

	log_begin(&l);
	ch = add_in(&l, RECORD_CHANNEL, 0, 0);
	for (int i = 0; i < 6000; i++)
		intent[i] = add_in(&l, RECORD_INTENT, ch, 0);
	ASSERT_OK(store_commit(l.s, &l.now));
	ASSERT_OK(store_rotate(l.s, &l.now));
	for (int i = 0; i < 6000; i += 2)
		add_in(&l, RECORD_OUTCOME, ch, intent[i]);
	ASSERT_OK(store_commit(l.s, &l.now));
	ASSERT_OK(store_rotate(l.s, &l.now));
	log_kill(&l);
	log_open(&l);
	ASSERT_EQ(store_owed(l.s, &owed), 3000);
	for (int i = 0; i < 3000; i++)
		ASSERT_EQ(owed[i].intent, intent[2 * i + 1]);
	log_stop(&l);
	free(intent);
	log_end(&l);
}

struct former {
	uint8_t id[NOTE_LOG_LEN];
	bool seen;
};

static void
see_former(void *arg, const struct record *r)
{
	struct former *f = arg;
	struct field id;

	if (r->type == RECORD_LOG_START && record_get(r, FIELD_FORMER, &id))
		f->seen = id.len == NOTE_LOG_LEN &&
			  memcmp(id.bytes, f->id, NOTE_LOG_LEN) == 0;
}

TEST(anew)
{
	char folder[STORE_ANEW_NAME], path[128];
	struct former former = { .seen = false };
	struct store_log l;
	struct stat st;
	int statefd;

	log_prepare(&l);
	statefd = l.dirfd;
	ASSERT_OK(mkdirat(statefd, LAYOUT_AUDIT, 0700));
	l.dirfd = openat(statefd, LAYOUT_AUDIT,
			 O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	log_open(&l);
	memcpy(former.id, store_log_id(l.s), NOTE_LOG_LEN);
	log_stop(&l);
	save(&l, FIRST, "rubbish", 7);
	ASSERT_ERR(log_try_open(&l, NULL), -EUCLEAN);
	ASSERT_OK(store_anew(statefd, l.dirfd, 1764000000000000, folder, NULL));
	ASSERT_STREQ(folder, "audit.damaged-20251124T160000Z");
	(void)snprintf(path, sizeof(path), "%s/" FIRST, folder);
	ASSERT_OK(fstatat(statefd, path, &st, 0));
	ASSERT_EQ(st.st_size, 7);
	log_open(&l);
	log_each(&l, see_former, &former);
	ASSERT_TRUE(former.seen);
	ASSERT_NE(memcmp(former.id, store_log_id(l.s), NOTE_LOG_LEN), 0);
	log_stop(&l);
	log_open(&l);
	log_stop(&l);
	log_end(&l);
	close(statefd);
}
