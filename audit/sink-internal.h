#pragma once
/* What the files of the sink helper share. */
#include "audit/sink.h"

/* One place that checkpoints go to. */
struct place {
	char note[NOTE_MAX];
	size_t len;
	bool waits;	 /* the note is not on its way yet */
	uint64_t missed; /* notes that newer ones replaced */
	int last;	 /* how it went */
	pid_t pid;	 /* of the command that runs; or 0 */
	int pidfd;
	uint64_t until_us; /* its time limit */
	bool late;	   /* it was killed at that */
};

struct sinks {
	const struct sink_options *o;
	const char *journal, *syslog;
	struct place place[AUDIT_SINKS_MAX + 1];
};

uint64_t sink_now(void); /* CLOCK_BOOTTIME, microseconds */

/* Each: 0, or a negative errno. */
int sink_datagram(const char *path, const char *text, size_t len);
int sink_file(const char *path, const char *note, size_t len);
int sink_syslog(const char *path, const char *note, size_t len);
/* Runs the command with the note as its input. */
int sink_command_start(const struct audit_sink *k, struct place *p);
/* True: it ended, with 0 or -errno in *ret_status (-ETIMEDOUT: killed; -EIO: an
 * exit status that is not 0). Kills it when its time is over. */
bool sink_command_done(struct place *p, int *ret_status);
void sink_command_kill(struct sinks *s);
