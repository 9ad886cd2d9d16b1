#pragma once
/*
 * What somebody who took over the shim would try. Each attempt runs in a
 * process that is confined as the shim is and holds what the shim holds; it
 * either ends the process (SIGSYS) or returns a number above 0 if it got
 * something, 0 if not.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct taken {
	int chan;      /* to the supervisor */
	int upstream;  /* a connection to a server, of the host's network */
	int gone;      /* one whose server is gone: it could be dialled anew */
	int listener;  /* of the box */
	int udp;       /* the box's DNS socket */
	uint16_t port; /* of a server that was not given, on 127.0.0.1 */
	pid_t victim;  /* a process of the same user */
};

struct attempt {
	const char *name;
	int (*fn)(struct taken *t);
	bool dies; /* the process has to be ended for it */
};
extern const struct attempt attempts[];
extern const size_t n_attempts;
