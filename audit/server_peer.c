/*
 * Who is at the other end of a connection. Only the kernel says: SO_PEERCRED,
 * and /proc for the user namespace and the start time, held together by a pidfd
 * (where there is SO_PEERPIDFD, Linux 6.5): if the process still lives after
 * /proc was read, what was read is about it.
 *
 * The writer may not look at /proc/PID/ns/user any more: neither from a user
 * namespace of its own, nor from behind Landlock. /proc/PID/uid_map it may
 * read: when the namespace that it came from maps all ids, none but one that a
 * privileged process made has the same map. Where it maps fewer (in a
 * container), a namespace below could have the same; so there the process must
 * be as deep in pid namespaces as the writer, too, and a box is always deeper.
 */
#include "audit/server-internal.h"

#include "lib/fd.h"
#include "lib/str.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/* Whether a map is that of a namespace with all ids: "0 X 4294967295". */
bool
peer_map_is_whole(const char *text)
{
	uint64_t v[3];

	for (size_t i = 0; i < 3; i++) {
		char word[24];
		size_t n;

		text += strspn(text, " ");
		n = strcspn(text, " \n");
		if (!n || n >= sizeof(word))
			return false;
		memcpy(word, text, n);
		word[n] = '\0';
		if (str_to_u64(word, &v[i]) < 0)
			return false;
		text += n;
	}
	return v[0] == 0 && v[2] == UINT32_MAX && strcmp(text, "\n") == 0;
}

/* "NSpid:" and one number for each namespace (proc(5)). */
unsigned int
peer_depth(const char *text)
{
	const char *p = strstr(text, "\nNSpid:");
	unsigned int n = 0;
	size_t digits;

	if (!p)
		return 0;
	for (p += strlen("\nNSpid:");; p += digits, n++) {
		p += strspn(p, " \t");
		digits = strspn(p, "0123456789");
		if (!digits)
			return n;
	}
}

static bool
same_userns(const struct server_peers *p, pid_t pid)
{
	char path[64], text[4096];

	snprintf(path, sizeof(path), "%d/uid_map", pid);
	if (fd_read_small(p->proc, path, text, sizeof(text)) <= 0)
		return false;
	if (p->ns_whole)
		return peer_map_is_whole(text);
	if (strcmp(text, p->ns_map) != 0)
		return false;
	snprintf(path, sizeof(path), "%d/status", pid);
	return fd_read_small(p->proc, path, text, sizeof(text)) > 0 &&
	       peer_depth(text) == p->ns_depth;
}

/* Field 22 of /proc/PID/stat; the second may hold anything but ends with the
 * last ")" (proc(5)). */
uint64_t
peer_start_time(const char *text)
{
	const char *p = strrchr(text, ')');
	char word[24];
	uint64_t v;
	size_t n;

	for (int i = 2; p && i < 22; i++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	n = p ? strcspn(p, " \n") : 0;
	if (!n || n >= sizeof(word))
		return 0;
	memcpy(word, p, n);
	word[n] = '\0';
	return str_to_u64(word, &v) < 0 ? 0 : v;
}

static uint64_t
start_time(const struct server_peers *p, pid_t pid)
{
	char path[32], text[1024];

	snprintf(path, sizeof(path), "%d/stat", pid);
	if (fd_read_small(p->proc, path, text, sizeof(text)) <= 0)
		return 0;
	return peer_start_time(text);
}

/* -1: it is gone; 0: the kernel cannot say; 1: it lives. */
static int
lives(int fd)
{
	_cleanup_close_ int pidfd = -EBADF;
	socklen_t len = sizeof(pidfd);
	struct pollfd pfd;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) < 0)
		return errno == ENOPROTOOPT ? 0 : -1;
	pfd = (struct pollfd){ .fd = pidfd, .events = POLLIN };
	return poll(&pfd, 1, 0) == 0 ? 1 : -1;
}

int
peer_learn(const struct server_peers *p, int fd, struct peer *ret)
{
	struct ucred uc;
	socklen_t len = sizeof(uc);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) < 0 ||
	    uc.pid <= 0)
		return -EACCES;
	*ret = (struct peer){
		.uid = uc.uid,
		.gid = uc.gid,
		.pid = uc.pid,
		.foreign = uc.uid == p->overflow,
	};
	if (uc.uid != p->uid && uc.uid != 0 && !ret->foreign)
		return -EACCES;
	if (uc.uid == p->uid && !same_userns(p, uc.pid))
		return -EACCES;
	ret->start = start_time(p, uc.pid);
	return lives(fd) < 0 ? -EACCES : 0;
}
