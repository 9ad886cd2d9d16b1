/*
 * Names of people without the C library's name services, which a static
 * program cannot load. What always holds: the answer is never the caller's own
 * word.
 */
#include "supervisor/login.h"

#include "lib/fd.h"
#include "lib/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PASSWD_MAX (1024u * 1024)
#define LOGINUID_NONE 4294967295u

static unsigned int
login_uid(void)
{
	char text[16];
	uint64_t uid;

	if (fd_read_small(AT_FDCWD, "/proc/self/loginuid", text,
			  sizeof(text)) <= 0 ||
	    str_to_u64(text, &uid) < 0 || uid >= LOGINUID_NONE)
		return getuid();
	return (unsigned int)uid;
}

/* Is the third field of the line that number? */
static bool
line_has(const char *line, const char *end, unsigned int uid)
{
	const char *p = line;
	char want[16];
	int n = snprintf(want, sizeof(want), "%u:", uid);

	for (int i = 0; i < 2; i++) {
		p = memchr(p, ':', (size_t)(end - p));
		if (!p++)
			return false;
	}
	return end - p >= n && !memcmp(p, want, (size_t)n);
}

static bool
find_name(const char *text, size_t len, unsigned int uid, char buf[LOGIN_MAX])
{
	const char *end = text + len, *next;

	for (const char *p = text; p < end; p = next + 1) {
		size_t n;

		next = memchr(p, '\n', (size_t)(end - p));
		if (!next)
			next = end;
		if (!line_has(p, next, uid))
			continue;
		n = (size_t)((const char *)memchr(p, ':', (size_t)(next - p)) -
			     p);
		if (!n || n >= LOGIN_MAX)
			return false;
		memcpy(buf, p, n);
		buf[n] = '\0';
		return true;
	}
	return false;
}

const char *
login_name(char buf[LOGIN_MAX])
{
	unsigned int uid = login_uid();
	char *text = NULL;
	ssize_t n = fd_read_file(AT_FDCWD, "/etc/passwd", PASSWD_MAX, &text);

	snprintf(buf, LOGIN_MAX, "uid %u", uid);
	if (n > 0)
		(void)find_name(text, (size_t)n, uid, buf);
	free(text);
	return buf;
}
