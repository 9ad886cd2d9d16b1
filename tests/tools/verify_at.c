/*
 * Logs to verify. What always holds: each lies in a new folder, which ends with
 * the test.
 */
#include "tests/tools/verify_at.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct at
at_make_of(const struct audit_log_spec *s)
{
	struct at a = { .o = { 0 } };
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%s/XXXXXX", tap_tmpdir());
	ASSERT_NOT_NULL(mkdtemp(dir));
	audit_log_make(dir, s, &a.log);
	a.dirfd = ASSERT_OK(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	return a;
}

struct at
at_make(uint64_t records, uint64_t per_file)
{
	const struct audit_log_spec s = { .records = records,
					  .per_file = per_file };

	return at_make_of(&s);
}

void
at_done(struct at *a)
{
	close(a->dirfd);
	audit_log_done(&a->log);
}

enum verify_fault
at_verify(struct at *a)
{
	struct err e = ERR_INIT;

	a->o.public_key = a->log.public;
	ASSERT_OK(verify_log(a->dirfd, &a->o, &a->r, &e));
	if (a->r.fault)
		tap_note("%s: %s offset %llu seq %llu: %s",
			 verify_fault_name(a->r.fault), a->r.file,
			 (unsigned long long)a->r.offset,
			 (unsigned long long)a->r.seq, a->r.text);
	return a->r.fault;
}

void
at_place(const struct at *a, uint64_t seq)
{
	const struct audit_log_place *p = &a->log.place[seq - 1];
	char name[32];

	ASSERT_EQ(a->r.seq, seq);
	ASSERT_STREQ(a->r.file, audit_log_file(p->file, name));
	ASSERT_EQ(a->r.offset, p->offset);
}

int
at_open(const struct at *a, uint64_t first)
{
	char name[64], seg[32];

	snprintf(name, sizeof(name), "log/%s", audit_log_file(first, seg));
	return ASSERT_OK(openat(a->dirfd, name, O_RDWR | O_CLOEXEC));
}

void
at_cut(const struct at *a, uint64_t seq, uint32_t keep)
{
	const struct audit_log_place *p = &a->log.place[seq - 1];
	int fd = at_open(a, p->file);

	ASSERT_OK(ftruncate(fd, (off_t)(p->offset + keep)));
	close(fd);
}

void
at_remove(const struct at *a, uint64_t first)
{
	char name[64], seg[32];

	snprintf(name, sizeof(name), "log/%s", audit_log_file(first, seg));
	ASSERT_OK(unlinkat(a->dirfd, name, 0));
}

uint64_t
at_file_after(const struct at *a, uint64_t first)
{
	for (uint64_t i = first; i < a->log.n; i++)
		if (a->log.place[i].file != first)
			return a->log.place[i].file;
	return 0;
}

uint64_t
at_find(const struct at *a, enum record_type type, uint64_t seq)
{
	for (; seq <= a->log.n; seq++)
		if (a->log.place[seq - 1].type == type)
			return seq;
	FAIL("no record of type %d", (int)type);
}
