#pragma once
/*
 * The control socket of one box, server side. SOCK_SEQPACKET: one request is
 * one message, one reply is one message. Only the kernel says who asks
 * (SO_PEERCRED): the supervisor's own uid in the supervisor's own user
 * namespace, or root. Everything is bounded, so that no client can disturb
 * the box: CONTROL_CLIENTS_MAX clients (more wait in the kernel's backlog),
 * CONTROL_REQUEST_MAX bytes a request (CONTROL_BODY_MAX more for decide and
 * outcome), CONTROL_REPLY_MAX a reply, one request
 * at a time per client, CONTROL_IDLE_S seconds of idleness.
 */
#include "lib/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONTROL_MAGIC 0x62786741u /* "Agxb" */
#define CONTROL_VERSION 1u
#define CONTROL_CLIENTS_MAX 8
#define CONTROL_REQUEST_MAX 4096u
#define CONTROL_BODY_MAX (64u * 1024) /* of decide and outcome, beyond that */
#define CONTROL_REPLY_MAX (64u * 1024)
#define CONTROL_IDLE_S 5
#define CONTROL_WHY_MAX 512u

enum control_op {
	CONTROL_PING,	  /* {} */
	CONTROL_DESCRIBE, /* a line of ps */
	CONTROL_INSPECT,  /* everything, with requested against enforced */
	CONTROL_FREEZE,	  /* argument bytes: why; answered when frozen */
	CONTROL_THAW,	  /* likewise */
	CONTROL_KILL,	  /* arg: 0 kills the box at once, answered when it is
			     dead; else the signal for the command */
	CONTROL_EVENTS,	  /* arg: 1 follows; lines of the event log */
	CONTROL_RELOAD,	  /* argument bytes: why; the profile is read again */
	CONTROL_DECIDE,	  /* argument bytes: the input document */
	CONTROL_OUTCOME,  /* argument bytes: {"action": N, "status": "ok"} */
	CONTROL_REVOKE,	  /* argument bytes: the name of a credential */
	CONTROL_OP_MAX
};

/* In host order: the socket never leaves the machine. */
struct control_request {
	uint32_t magic;
	uint16_t version;
	uint16_t op;
	uint32_t arg;
	uint32_t len; /* argument bytes that follow */
};

struct control_reply {
	uint32_t magic;
	uint16_t version;
	uint16_t more;	/* 1: further messages follow (events) */
	int32_t status; /* 0 or a negative errno */
	uint32_t len;	/* bytes of JSON that follow */
};

/* A request that passed the checks. text is NUL terminated, printable or
 * escaped, at most CONTROL_WHY_MAX bytes; decide and outcome have a body
 * instead, as it came, which points into the data. */
struct control_call {
	enum control_op op;
	uint32_t arg;
	char text[CONTROL_WHY_MAX + 1];
	const char *body;
	size_t body_len;
};

/* Pure; fuzzed. 0, or -EPROTO, -EPROTONOSUPPORT (version), -ENOSYS (op),
 * -EINVAL (arg). */
int control_decode(const void *data, size_t len, struct control_call *ret);

/* Which request, for an answer that comes later. */
struct control_ticket {
	uint32_t place;
	uint64_t turn;
};

/* Who asked, for the records. */
struct control_peer {
	uid_t uid;
	pid_t pid;
	struct control_ticket ticket;
};

/* Who is at the other end; false: not one of those who may ask. */
bool control_peer_allowed(int fd, struct control_peer *ret);

/* What the box can do; implemented by box.c. The functions run in the loop of
 * the supervisor and do not wait; negative errno with e filled. Those that may
 * need time say so: CONTROL_LATER, and then control_answer(). */
#define CONTROL_LATER 1
struct control_ops {
	/* New reference or NULL. {"id", "name", "state": starting | running |
	 * frozen | stopping, "pid" (pid 1 of the box, as the host sees it),
	 * "supervisor" (pid), "uid" (of the host), "profile", "command":
	 * [...], "workspace" (or null), "started" (as in the event log),
	 * "started_us" (CLOCK_REALTIME), "labels": {k: v}} */
	json_t *(*describe)(void *arg);
	/* The same and "layers" (report_layers_json()), and what else is
	 * known. */
	json_t *(*inspect)(void *arg);
	/* Returns when the kernel says that it is so; a thaw may be later. */
	int (*freeze)(void *arg, bool on, const struct control_peer *by,
		      const char *why, struct err *e);
	/* sig 0: everything, at once. Returns after the write; the answer is
	 * sent by control_finish(). */
	int (*kill)(void *arg, int sig, const struct control_peer *by,
		    const char *why, struct err *e);
	/* *ret is a new reference: {"state", "epoch", "policy_hash",
	 * "changed"}. On failure the box is as it was. May be NULL: -ENOSYS.
	 * May be later. */
	int (*reload)(void *arg, const struct control_peer *by, const char *why,
		      json_t **ret, struct err *e);
	/* op is CONTROL_DECIDE or CONTROL_OUTCOME; *ret is a new reference:
	 * {"action", "decision"} or {"action"}. May be NULL: -ENOSYS. May be
	 * later. */
	int (*act)(void *arg, enum control_op op, const char *body, size_t len,
		   const struct control_peer *by, json_t **ret, struct err *e);
	/* A credential of the run is not lent any more, from now on. May be
	 * NULL: -ENOSYS. */
	int (*revoke)(void *arg, const char *credential,
		      const struct control_peer *by, struct err *e);
	/* Who asked act() and was to be answered later is gone. May be NULL. */
	void (*gone)(void *arg, const struct control_ticket *t);
};

struct control;
struct event_base;
struct eventlog;

/* listen_fd is borrowed: it stays open until runtime_unregister(), so that
 * nobody takes the name over before. log may be NULL. */
int control_new(struct event_base *base, int listen_fd,
		const struct control_ops *ops, void *arg, struct eventlog *log,
		struct control **ret, struct err *e);
/* The answer to a request that was to be answered later: j (its reference is
 * taken), or with a negative status e. -ENOTCONN: who asked is gone. Accepts
 * NULL for c. */
int control_answer(struct control *c, const struct control_ticket *t,
		   int status, json_t *j, const struct err *e);
/* The box is dead: answers those who wait for that, ends followers, takes no
 * more requests. Never blocks: what a client's buffer does not hold is lost. */
void control_finish(struct control *c);
void control_free(struct control *c);
