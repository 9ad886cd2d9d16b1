/*
 * Who may ask over the control socket. What always holds: only the kernel says
 * who it is.
 */
#include "supervisor/control.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Without privilege the box's processes have the same uid as its supervisor.
 * They do not see the socket; should they ever get at it, then the user
 * namespace tells them apart. (A foreign one cannot be read: refused.)
 */
static bool
same_userns(pid_t pid)
{
	struct stat own, peer;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	if (stat("/proc/self/ns/user", &own) < 0 || stat(path, &peer) < 0)
		return false;
	return own.st_ino == peer.st_ino && own.st_dev == peer.st_dev;
}

bool
control_peer_allowed(int fd, struct control_peer *ret)
{
	struct ucred uc;
	socklen_t len = sizeof(uc);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) < 0 ||
	    uc.pid <= 0)
		return false;
	ret->uid = uc.uid;
	ret->pid = uc.pid;
	if (uc.uid == geteuid())
		return same_userns(uc.pid);
	return uc.uid == 0;
}
