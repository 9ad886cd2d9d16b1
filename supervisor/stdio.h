#pragma once
/*
 * Files as stdin, stdout and stderr of a rootless box. Its uid is the caller's
 * outside, and whoever owns a file may change its mode, times and
 * attributes through any descriptor of it. So the box gets a pipe instead of a
 * file that is the caller's, and the supervisor copies. Everything else passes
 * untouched: pipes, devices, files of others; and all of it in root mode, where
 * the box has an own uid.
 *
 * A program sees that it is not a file only if it seeks, maps or asks. What
 * holds as without a box: the bytes and their order (stdout and stderr that are
 * one open file share a pipe), append mode, and that input which was not read
 * is left for the next command that shares the descriptor.
 */
#include "lib/err.h"

#include <stdint.h>
#include <sys/types.h>

struct stdio;
struct event_base;

#define STDIO_UNLIMITED UINT64_MAX

/* box: its uid outside, if that is a person's; else 0.
 * ret_fds: what the box gets as 0, 1, 2; owned by *ret and no longer than
 * stdio_given(). *ret is NULL where nothing was replaced; all functions below
 * accept that. */
int stdio_new(uid_t box, int ret_fds[3], struct stdio **ret, struct err *e);
/* The box has its descriptors: ours of its ends are closed, so that the end of
 * what it writes can be seen. */
void stdio_given(struct stdio *s);
/* Copies from here on. No file is made longer than file_max bytes: that limit
 * of the box (RLIMIT_FSIZE) does not see what we write. */
int stdio_start(struct stdio *s, struct event_base *base, uint64_t file_max,
		struct err *e);
/* Bytes that were copied so far. */
uint64_t stdio_traffic(const struct stdio *s);
/* All of the box is dead: writes out what it wrote and gives back what it did
 * not read. Fails if anything could not be copied, now or before; the box then
 * met a closed pipe. */
int stdio_drain(struct stdio *s, struct err *e);
void stdio_free(struct stdio *s);
