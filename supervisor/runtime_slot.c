/*
 * Root mode: a host uid for each box, used by nobody else on the host. The
 * kernel's own record of who holds what is an open-file-description lock on
 * one byte of a file: it needs no daemon, no clean-up, and goes with the last
 * descriptor, however the holders die.
 */
#include "lib/fd.h"
#include "lib/str.h"
#include "supervisor/runtime.h"

#include <fcntl.h>
#include <string.h>

#define SUBID_MAX (1u << 20) /* bytes of /etc/subuid that are read */

/* "name:first:count" lines: does any overlap our range? */
static bool
subid_overlaps(const char *text, uint64_t base)
{
	const char *line = text, *colon;
	char *end;

	for (; line; line = strchr(line, '\n')) {
		unsigned long long first, count;

		line += *line == '\n';
		colon = strchr(line, ':');
		if (!colon)
			break;
		first = strtoull(colon + 1, &end, 10);
		if (*end != ':')
			continue;
		count = strtoull(end + 1, NULL, 10);
		if (first < base + RUNTIME_UID_SLOTS && base < first + count)
			return true;
	}
	return false;
}

static int
subid_check(const char *path, uint64_t base, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file(AT_FDCWD, path, SUBID_MAX, &text);

	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return err_sys(e, (int)n, "cannot read %s", path);
	if (!subid_overlaps(text, base))
		return 0;
	err_set(e, EADDRINUSE,
		"AGENTBOX_UID_BASE=%llu: the %u ids from there on overlap %s",
		(unsigned long long)base, RUNTIME_UID_SLOTS, path);
	err_cure(e, "choose a base whose range nobody else uses");
	return -EADDRINUSE;
}

static int
uid_base(uint32_t *ret, struct err *e)
{
	const char *s = secure_getenv("AGENTBOX_UID_BASE");
	uint64_t base;
	int r;

	if (!s || !s[0]) {
		*ret = RUNTIME_UID_BASE;
		return 0;
	}
	/* below 65536 are people and services; above 2^31 some programs err */
	if (str_to_u64(s, &base) < 0 || base < 65536 ||
	    base > INT32_MAX - RUNTIME_UID_SLOTS)
		return err_set(e, EINVAL,
			       "AGENTBOX_UID_BASE=%s is no number from 65536 "
			       "to %u",
			       s, INT32_MAX - RUNTIME_UID_SLOTS);
	r = subid_check("/etc/subuid", base, e);
	if (r == 0)
		r = subid_check("/etc/subgid", base, e);
	if (r < 0)
		return r;
	*ret = (uint32_t)base;
	return 0;
}

/* Ids are random, so their first 16 bits spread well. */
static uint32_t
slot_hash(const char *id)
{
	uint32_t n = 0;

	for (int i = 0; i < 4; i++) {
		char c = id[i];

		n = n * 16 + (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return n % RUNTIME_UID_SLOTS;
}

int
runtime_slot(struct runtime *rt, const char *id, uid_t *ret_uid, struct err *e)
{
	_cleanup_close_ int fd = -EBADF;
	struct flock lk = { .l_type = F_WRLCK,
			    .l_whence = SEEK_SET,
			    .l_len = 1 };
	uint32_t base = 0, first = slot_hash(id);
	int r = uid_base(&base, e);

	if (r < 0)
		return r;
	fd = openat(runtime_dirfd(rt), "uids",
		    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, errno, "cannot open %s/uids",
			       runtime_path(rt));
	for (uint32_t i = 0; i < RUNTIME_UID_SLOTS; i++) {
		lk.l_start = (first + i) % RUNTIME_UID_SLOTS;
		if (fcntl(fd, F_OFD_SETLK, &lk) == 0) {
			*ret_uid = base + (uid_t)lk.l_start;
			return TAKE_FD(fd);
		}
		if (errno != EAGAIN && errno != EACCES)
			return err_sys(e, errno, "cannot lock a host uid");
	}
	return err_set(e, EUSERS, "all %u host uids for boxes are taken",
		       RUNTIME_UID_SLOTS);
}
