#pragma once
/*
 * The host's audit settings: /etc/agentbox/audit.json, for a user's own log
 * ~/.config/agentbox/audit.json ($XDG_CONFIG_HOME) before it, and for one in
 * $AGENTBOX_STATE_DIR audit.json there; the host's file wins where both say
 * something. agentbox-audit.json(5) describes the keys.
 * Missing files are the defaults below; a file that is wrong is an error, never
 * ignored.
 */
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

#define AUDIT_CONFIG_HOST "/etc/agentbox/audit.json"
#define AUDIT_RETENTION_FLOOR_DAYS 184u /* EU AI Act, articles 19(1), 26(6) */
#define AUDIT_SINKS_MAX 8

enum audit_mode {
	AUDIT_REQUIRED, /* no record, no action */
	AUDIT_OFF	/* only the host's file may say so */
};
/* Which records are on the disk before they are acknowledged. */
enum audit_durable {
	DURABLE_EFFECTS, /* all but intents of class read that are allowed, and
			    outcomes: those are with the kernel and follow
			    within sync_us */
	DURABLE_ALL,
	DURABLE_NONE
};
enum audit_sink_kind { SINK_FILE, SINK_SYSLOG, SINK_COMMAND };

struct audit_sink {
	enum audit_sink_kind kind;
	char *path;	     /* file */
	struct strv argv;    /* command: gets the note on stdin */
	uint64_t timeout_us; /* command; 10 s */
};

struct audit_config {
	enum audit_mode mode;
	enum audit_durable durable;
	uint64_t sync_us;	 /* 1 s; 10 ms to 60 s */
	uint32_t retention_days; /* 184; below it only with short_retention */
	bool short_retention;
	uint64_t max_bytes;	 /* 0: no bound. Reached: intents are refused,
				    nothing is deleted before its time */
	uint64_t segment_bytes;	 /* 64 MiB; 1 MiB to 1 GiB */
	uint64_t segment_age_us; /* 1 day */
	uint32_t checkpoint_records; /* 4096 */
	uint64_t checkpoint_us;	     /* 1 s after the first record that none
					covers; 100 ms to 1 h */
	uint64_t idle_us;	     /* 30 s without a client: ends; 0: never */
	uint64_t agent_rate; /* records a second of one agent, 20000; more
				waits */
	uint64_t
		agent_day_bytes; /* 1 GiB a day of one agent; more is refused */
	uint32_t open_actions;	 /* of one channel, 1024; more is refused */
	bool journal;		 /* true: to the journal where there is one */
	struct audit_sink sink[AUDIT_SINKS_MAX];
	size_t n_sinks;
};

void audit_config_default(struct audit_config *c);
/* Reads both files. *c is set to the defaults first. */
int audit_config_load(struct audit_config *c, struct err *e);
/* One file's text; name is for messages ("audit.json:3: ..."). host: it may
 * say what only the host may. Fuzzed. */
int audit_config_parse(struct audit_config *c, const char *name,
		       const char *text, size_t len, bool host, struct err *e);
void audit_config_done(struct audit_config *c);
