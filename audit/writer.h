#pragma once
/*
 * What the writer's process holds before it serves: config, folder, lock,
 * socket. Opened with the rights of whoever started it, and before it is
 * confined.
 */
#include "audit/config.h"
#include "audit/server.h"
#include "lib/err.h"

#include <stdbool.h>

struct writer {
	struct audit_config config;
	int dir, lock, listener, signals, proc, sink;
	bool passed; /* the socket is systemd's */
	struct server_peers peers;
};

#define WRITER_INIT                                                            \
	{                                                                      \
		.dir = -EBADF, .lock = -EBADF, .listener = -EBADF,             \
		.signals = -EBADF, .proc = -EBADF, .sink = -EBADF              \
	}

/* The listening socket that systemd passed (sd_listen_fds(3)), or -EBADF. */
int writer_passed(struct err *e);
/* Everything; listener: from writer_passed(), taken. 0; 1: another writer
 * serves this folder. Release with writer_done() in any case. */
int writer_open(struct writer *w, int listener, struct err *e);
/* Puts the log that is there aside (store_anew()). */
int writer_anew(const struct writer *w, struct err *e);
/* Before the lock goes: unlinks the socket, unless it is systemd's. */
void writer_done(struct writer *w);
