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
#define STAGE_FD_INIT 3
#define STAGE_FD_AGENT 4
#define STAGE_FD_LAST 4

/* What the stage makes first; the rest comes with pid 1. */
#define STAGE_NAMESPACES                                                       \
	(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)

#define STAGE_TEXT_MAX 200
#define STAGE_FDS_MAX 250 /* SCM_MAX_FD is 253, net/scm.h */

/* In the order of a launch; > is supervisor to stage. All on the init channel
 * but CONFINED and EXEC. */
enum stage_msg_type {
	STAGE_READY = 1, /* <: in the namespaces; the ids can be mapped.
			    Descriptor: a netlink socket of the box's network */
	STAGE_GO,	 /* >: ids are mapped. Descriptors: the plan; the cgroup
			    to be born in if code is 1; v1 tasks files to join */
	STAGE_MOUNTS,	 /* >: the mounts of PLAN_FS_FD, as descriptors */
	STAGE_INIT,	 /* <: pid 1 of the box says hello (its pid by
			    credentials); code 1: not in the cgroup yet */
	STAGE_TTY,	 /* <: master of the box's pty, as descriptor */
	STAGE_BUILT,	 /* <: the file tree is final */
	STAGE_FAIL,	 /* <: step, code, text */
	STAGE_CONFINED,	 /* <: code: Landlock ABI; text: securebits in hex */
	STAGE_EXEC,	 /* >: go on */
	STAGE_EXITED,	 /* <: code: wait status of the command */
	STAGE_NET, /* <: with PLAN_NETWORK, before INIT. Sockets of the box's
		      network: UDP, code of TCP, and one of nfnetlink
		      where the kernel has it */
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
