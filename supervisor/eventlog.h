#pragma once
/*
 * What happened to one box, as JSON lines, each
 *   {"time":"2026-11-22T13:00:00.000000Z","box":"NAME","event":"frozen",
 *    "detail":"..."}
 * kept in memory by the supervisor (bounded; the oldest lines go) and written
 * to <id>.log from the first notable event on: launching a box that nothing
 * happens to costs no file.
 */
#include <stdbool.h>
#include <stddef.h>

#define EVENTLOG_MAX (64u * 1024) /* bytes kept, in memory and in the file */
#define EVENTLOG_LINE_MAX 1024u	  /* bytes of one line */

/* EVENT(ID, "name", notable) */
#define EVENTS(EVENT)                                                          \
	EVENT(STARTED, "started", false)                                       \
	EVENT(CONFINED, "confined", false)                                     \
	EVENT(DEGRADED, "degraded", false)                                     \
	EVENT(EXITED, "exited", false)                                         \
	EVENT(OBSERVING, "observing", true)                                    \
	EVENT(RELOADED, "reloaded", true)                                      \
	EVENT(RELOAD_FAILED, "reload-failed", true)                            \
	EVENT(REFUSED, "refused", true)                                        \
	EVENT(FINDING, "finding", true)                                        \
	EVENT(FROZEN, "frozen", true)                                          \
	EVENT(THAWED, "thawed", true)                                          \
	EVENT(REVOKED, "revoked", true)                                        \
	EVENT(SIGNAL, "signal", true)                                          \
	EVENT(KILLED, "killed", true)                                          \
	EVENT(TIMEOUT, "timeout", true)                                        \
	EVENT(LIMIT, "limit", true)

enum event_kind {
#define EVENT(id, name, notable) EVENT_##id,
	EVENTS(EVENT)
#undef EVENT
		EVENT_MAX
};

struct eventlog;

/* dirfd: the runtime folder, borrowed, must outlive the log. */
int eventlog_new(int dirfd, const char *id, const char *name,
		 struct eventlog **ret);
void eventlog_free(struct eventlog *l);

/* Adds one line. The detail is text for people; it is escaped. */
void eventlog_add(struct eventlog *l, enum event_kind kind, const char *fmt,
		  ...) __attribute__((format(printf, 3, 4)));
/* All lines that are kept, "\n" after each; valid until the next add. */
const char *eventlog_text(const struct eventlog *l, size_t *ret_len);
/* Called with each new line, with its newline; one listener. */
void eventlog_listen(struct eventlog *l,
		     void (*line)(void *arg, const char *text, size_t len),
		     void *arg);
const char *event_name(enum event_kind k);
