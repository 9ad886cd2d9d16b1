#pragma once
/*
 * One side of a connection: a nonblocking socket, plain or inside TLS. Level of
 * bytes; who reads and writes when is the connection's business.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tls; /* shim/tls.h */

struct stream {
	int fd;		 /* -EBADF: none */
	struct tls *tls; /* NULL: plain */
	bool eof;	 /* the other side ended its half */
	bool shut;	 /* we ended ours */
	bool broken;	 /* an error was seen: nothing more comes or goes */
	bool wants_read; /* of a write that needs the socket readable first, in
			    TLS */
	bool wants_write;
};

#define STREAM_NONE                                                            \
	{                                                                      \
		.fd = -EBADF                                                   \
	}

/* > 0 bytes; 0 end of file; -EAGAIN; other negative errno: broken. */
ssize_t stream_read(struct stream *s, void *buf, size_t size);
/* As far as it goes; -EAGAIN when nothing went. */
ssize_t stream_write(struct stream *s, const void *buf, size_t len);
/* Ends our half (close_notify in TLS). 0, -EAGAIN, negative errno. */
int stream_shutdown(struct stream *s);
/* reset: the peer sees a reset, not an end of file. */
void stream_close(struct stream *s, bool reset);
