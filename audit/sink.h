#pragma once
/*
 * Where checkpoints go besides the log: files, syslog, commands; and entries to
 * the journal. A process of its own does it, `agentbox-audit --sink`, since the
 * writer is confined and must not wait: they speak over a SEQPACKET socket, one
 * message each. For each place the newest checkpoint waits while the one before
 * is on its way; what it replaces is counted.
 */
#include "audit/config.h"
#include "audit/journal.h"
#include "audit/note.h"

#include <sys/types.h>

#define SINK_JOURNAL_PATH "/run/systemd/journal/socket"
#define SINK_SYSLOG_PATH "/dev/log"
#define SINK_IS_JOURNAL AUDIT_SINKS_MAX /* its number in answers */
#define SINK_TEXT_MAX 200u

enum sink_what { SINK_NOTE = 1, SINK_ENTRY };

struct sink_message {
	uint32_t what; /* enum sink_what */
	uint32_t len;
	char text[JOURNAL_MAX]; /* a note or an entry */
};
#define SINK_HEAD offsetof(struct sink_message, text)

struct sink_answer {
	uint32_t sink;	 /* index in the config, or SINK_IS_JOURNAL */
	int32_t status;	 /* 0 or negative errno */
	uint64_t missed; /* replaced by newer ones so far, or not sent */
	char text[SINK_TEXT_MAX]; /* which, and what went wrong */
};

struct sink_options {
	const struct audit_config *config;
	int fd;			      /* to the writer; borrowed */
	const char *journal, *syslog; /* other sockets, for tests; or NULL */
	uid_t drop; /* root's: to this uid where the config needs no more; 0:
		       stay */
};

/* The process: until the writer closes its end and what it sent is done. */
int sink_run(const struct sink_options *o, struct err *e);
/* Whether there is anything to do. */
bool sink_wanted(const struct audit_config *c);
/* Forks, and execs this program again with --sink. Returns the writer's end,
 * or -EBADF with 0 in e->code if no sink is wanted. */
int sink_start(const struct audit_config *c, struct err *e);
