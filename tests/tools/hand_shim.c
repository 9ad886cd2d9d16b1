/*
 * A shim that hands its channel to a test: connects to the socket that its last
 * argument names (where the box's id stands), sends descriptor 3 there, and
 * waits. It ends with the exit status of the byte that it reads, or when the
 * socket ends.
 */
#include "net/wire.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), chan = 3;
	unsigned char status = 0;

	if (argc < 2 || s < 0)
		return 2;
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", argv[argc - 1]);
	if (connect(s, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    net_send(s, "x", 1, &chan, 1) < 0)
		return 3;
	close(chan);
	(void)!read(s, &status, 1);
	return status;
}
