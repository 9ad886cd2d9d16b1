#pragma once
/*
 * The writer's loop: who may connect, channels and their rules, group commit,
 * acknowledgements. One thread; never waits for a client. The store is its
 * only way to the disk.
 */
#include "audit/config.h"
#include "audit/store.h"
#include "lib/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* Whose connections are taken. */
struct server_peers {
	uid_t uid; /* root's writer: 0; a user's: that user's */
	int proc;  /* /proc, to learn about them; borrowed */
	/* the user namespace that they must be in, as it was before the writer
	 * was confined: its map, and how deep in pid namespaces we are */
	char ns_map[256];
	unsigned int ns_depth;
	bool ns_whole;	/* it maps all ids, which tells it from all others */
	uid_t overflow; /* how a uid that our namespace lacks is shown; or -1 */
};

struct server_options {
	struct store *store; /* open; borrowed */
	const struct audit_config *config;
	struct server_peers peers;
	int listener; /* SOCK_SEQPACKET, listening; borrowed */
	int signals;  /* signalfd of those that end it; borrowed */
	int lock;     /* its file gone: the folder was removed; borrowed */
	int sink;     /* the helper's socket, or -EBADF; borrowed */
	uint64_t resume_us; /* outcomes owed from a former life wait for so
			       long; 0: 10 s */
};

struct server;

void server_now(struct store_now *ret);
/* Pure: /proc/PID/uid_map says all ids; the start time in /proc/PID/stat, or 0.
 */
bool peer_map_is_whole(const char *text);
uint64_t peer_start_time(const char *text);
/* How many pid namespaces /proc/PID/status names; 0: none. */
unsigned int peer_depth(const char *text);

int server_new(const struct server_options *o, struct server **ret,
	       struct err *e);
void server_free(struct server *s);
/* Until a signal, idle_us without a client, or the removal of the folder. 0, or
 * a negative errno of the loop itself. */
int server_run(struct server *s);
/* The end of the log: store_stop(), whose checkpoint goes to the sinks. */
int server_stop(struct server *s);
