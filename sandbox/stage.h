#pragma once
/*
 * How the supervisor and agentbox-stage talk: two SEQPACKET channels, one
 * struct stage_msg per packet. Channel "init" belongs to pid 1 of the box;
 * channel "agent" to the process that becomes the command: it is close-on-exec
 * there, so end of file without a FAIL means that exec worked.
 */
#include "lib/err.h"
#include "sandbox/steps.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Descriptors that the stage starts with, beside 0, 1 and 2. */
#define STAGE_FD_PLAN 3
#define STAGE_FD_INIT 4
#define STAGE_FD_AGENT 5
#define STAGE_FD_LAST 5

#define STAGE_TEXT_MAX 200
#define STAGE_FDS_MAX 250 /* SCM_MAX_FD is 253, net/scm.h */

enum stage_msg_type {
	STAGE_GO = 1,	/* supervisor -> init: ids are mapped; mounts as fds */
	STAGE_TTY,	/* init -> supervisor: master of the box's pty, as fd */
	STAGE_FAIL,	/* either -> supervisor: step, code, text */
	STAGE_CONFINED, /* agent -> supervisor: code = Landlock ABI in force */
	STAGE_EXEC,	/* supervisor -> agent: go on */
	STAGE_EXITED,	/* init -> supervisor: code = wait status */
	STAGE_MSG_MAX
};

struct stage_msg {
	uint32_t type;
	uint32_t step; /* enum step, with FAIL */
	int32_t code;
	char text[STAGE_TEXT_MAX]; /* NUL terminated */
};

/* Sends one message with n descriptors (borrowed). Never raises SIGPIPE. */
int stage_send(int chan, const struct stage_msg *m, const int *fds, size_t n);

/* Receives one message. *ret_n says how many descriptors came (at most max,
 * more are closed; they are close-on-exec). *ret_pid: the sender as the kernel
 * knows it, 0 if not asked for by SO_PASSCRED; may be NULL. Returns 1, 0 at
 * end of file, negative errno; -EBADMSG for anything malformed. */
int stage_recv(int chan, struct stage_msg *ret, int *fds, size_t max,
	       size_t *ret_n, pid_t *ret_pid);
