#pragma once
/* What the files of the server share. */
#include "audit/journal.h"
#include "audit/note.h"
#include "audit/quota.h"
#include "audit/server.h"
#include "audit/wire.h"

#include <jansson.h>
#include <sys/socket.h>
#include <time.h>

#define SERVER_TURN 64u	       /* messages of one connection in one turn */
#define SERVER_QUEUE_MAX 1024u /* acknowledgements that wait for a client */
#define SERVER_DONE_MAX 64u    /* outcomes that a channel is remembered for */
#define SERVER_BLOB_MAX (16u * 1024 * 1024)
#define SERVER_RESUME_US 10000000ull /* owed outcomes wait for so long */
#define SERVER_RETRY_US 250000ull    /* between attempts while it fails */
#define SERVER_STALL_US 10000000ull  /* for a client to read answers */
#define SERVER_GONE_US 2000000ull    /* between looks at the lock */
#define NEVER UINT64_MAX

/* Who is at the other end, from the kernel. */
struct peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	uint64_t start; /* clock ticks since boot; 0: not known */
	bool foreign;	/* its uid is none of our namespace */
};

/* The actions of a channel that go ahead and have no outcome yet: ascending. */
struct intent {
	uint64_t seq : 63;
	uint64_t closing : 1; /* its outcome is on the way to the file */
};
struct intents {
	struct intent *v;
	uint32_t n, room;
	uint64_t done[SERVER_DONE_MAX]; /* a ring: those that had theirs */
	uint32_t done_at;
};

/* Room for n more, so that intents_add() cannot fail. */
int intents_reserve(struct intents *a, uint32_t n);
void intents_add(struct intents *a, uint64_t seq);
bool intents_has(const struct intents *a, uint64_t seq);
/* 0: it was open, and is closing now; -ENOENT; -EALREADY. */
int intents_close(struct intents *a, uint64_t seq);
/* Its outcome is written. */
void intents_end(struct intents *a, uint64_t seq);
/* Its outcome was refused. */
void intents_reopen(struct intents *a, uint64_t seq);
void intents_free(struct intents *a);

struct channel {
	uint64_t first;	 /* seq of its first channel record; 0: in the batch */
	uint64_t number; /* the one of this file */
	uint64_t before; /* the number that is written already; or 0 */
	bool announce;	 /* its record must come again first: a new file */
	uint64_t records, refused;
	uint32_t pending; /* intents in the batch */
	struct intents open;
	struct quota_agent *agent;
	char run[65];
	uint8_t *fields; /* of its record */
	size_t fields_len;
};

struct conn {
	struct conn *prev, *next;
	int fd;
	struct peer peer;
	struct channel *channel; /* NULL: control */
	struct wire_ack *queue;	 /* for which there was no room yet */
	uint32_t queued, queue_room;
	uint32_t watched;   /* EPOLLIN, EPOLLOUT; 0: not in the set */
	uint64_t resume_us; /* paused until then; NEVER: it is not */
	uint64_t stall_us;  /* until then it must read what is queued */
	bool deaf;	    /* reads no answers any more */
	bool dead;	    /* to be ended after this round */
	struct conn *next_dead;
	uint64_t synced,
		looked; /* server_gather.c: in which sync, which look */
};

/* One message that is to be answered, in the order in which they came. */
struct pending {
	struct conn *conn;    /* who waits for it; NULL: nobody */
	struct conn *subject; /* whose channel it is; NULL: the writer's own */
	uint64_t cookie, seq, ref, channel;
	size_t kept;	/* owed, told: where its fields are in the round */
	uint32_t len;	/* of the fields */
	uint32_t field; /* the one that is wrong */
	int error;	/* refused already */
	uint16_t type, flags;
	bool told;  /* the journal gets it, too */
	bool owed;  /* must be written: an outcome, an end */
	bool ahead; /* an intent that is owed an outcome */
	bool opens; /* a channel's first record */
	bool again; /* a channel's record in a new file */
	bool plain; /* no record: an answer only */
};

/* A record that must be written and could not be, yet. */
struct owed {
	struct owed *next;
	struct pending p; /* fields are behind it */
	uint8_t bytes[];
};

struct round {
	struct pending *v;
	size_t n, room;
	size_t bytes; /* of those in the store's batch */
	size_t added;
	bool mixed;    /* some of them are not owed */
	uint8_t *kept; /* fields of owed records */
	size_t kept_len, kept_room;
};

/* server_gather.c */
struct gather {
	uint64_t syncs, look; /* numbers of the last ones */
	uint64_t sync_us;     /* what a sync takes, a moving mean */
	uint64_t until_us;    /* no longer than this; 0: nobody is waited for */
	uint32_t group;	      /* clients that shared the last sync */
	uint32_t fresh;	      /* of them, not in the one before */
	uint32_t expected;    /* in the last two */
};

struct server {
	struct server_options o;
	struct store_now now;
	int epoll;
	bool stop;
	struct conn *conns, *dead;
	size_t n_conns, max_conns, n_channels;
	struct quota *quota;
	struct round round;
	struct owed *owed, **owed_end;
	size_t n_owed;
	uint64_t pause_us;  /* the first of those that are paused goes on */
	uint64_t retry_us;  /* next attempt for owed records */
	uint64_t tick_us;   /* of the store */
	uint64_t idle_us;   /* since then nobody is there; NEVER */
	uint64_t gone_us;   /* next look at the lock */
	uint64_t resume_us; /* end of waiting for those of the former life */
	uint64_t start_us;
	uint64_t refused, dropped; /* records; clients that did not read */
	struct gather gather;
	struct sink_client *sinks;
	struct mmsghdr *msgs;
	struct iovec *iov;
	uint8_t *space; /* what is received lies there */
};

/* server_peer.c: 0, or -EACCES. */
int peer_learn(const struct server_peers *p, int fd, struct peer *ret);

/* server_conn.c */
int conn_new(struct server *s, int fd, const struct peer *peer,
	     struct conn **ret);
int conn_space(struct server *s); /* to receive into */
void conn_accept(struct server *s);
void conn_ready(struct server *s, struct conn *c, uint32_t events);
int conn_watch(struct server *s, struct conn *c, uint32_t events);
void conn_kill(struct server *s, struct conn *c);
/* Ends those that are dead; their last words go into the round. */
void conn_reap(struct server *s);
/* Takes up those whose pause is over, ends those that read no answers. */
void conn_resume(struct server *s);
/* An answer that is no acknowledgement. */
void conn_send(struct server *s, struct conn *c, const void *p, size_t n,
	       const void *more, size_t n_more);
void conn_acks(struct server *s, struct conn *c, const struct wire_ack *a,
	       size_t n);

/* server_control.c: a message; fd (or -EBADF) came with it and is taken. */
void control_message(struct server *s, struct conn *c,
		     const struct wire_message *m, int fd);
/* server_channel.c */
void channel_open(struct server *s, struct conn *c,
		  const struct wire_message *m, int fd);
void channel_record(struct server *s, struct conn *c,
		    const struct wire_message *m);
/* What it leaves: outcomes nobody told, and its end. */
void channel_end(struct server *s, struct conn *c);
void channel_free(struct server *s, struct channel *ch);
/* Outcomes owed from a former life of the writer, that nobody came for. */
void channel_orphans(struct server *s);
/* A record of the writer's own; lost if it cannot be written. */
void channel_own(struct server *s, enum record_type type, uint64_t channel,
		 const struct fields *f);
/* All channels again, in a new file. */
void channel_announce(struct server *s);
/* Whether a channel has this intent among its open actions. */
bool server_claimed(const struct server *s, uint64_t intent);

/* server_round.c */
/* Before each message: makes sure that what follows from it has room. */
void round_room(struct server *s);
/* Puts p into the round and into the store's batch, and gives the seq: 0 if it
 * has none yet (owed, and others wait before it) or was refused. */
uint64_t round_add(struct server *s, struct pending *p, const uint8_t *fields,
		   size_t len);
/* An acknowledgement in the order of the round. */
void round_answer(struct server *s, struct conn *c, uint64_t cookie, int status,
		  uint32_t field);
/* Writes, acknowledges, syncs, acknowledges. */
void round_commit(struct server *s);
/* Whether p waits for the disk. */
bool round_is_durable(const struct server *s, const struct pending *p);

/* Whether it pays to look for more messages before this round is synced; waits
 * for a moment if so. */
bool gather_more(struct server *s);
/* The round was synced. */
void gather_synced(struct server *s, uint64_t took_us);
/* Nobody waits for c any more. */
void gather_forget(struct server *s, const struct conn *c);
/* Tries again what is owed, if it is time. */
void round_owed(struct server *s);
void round_forget(struct server *s, const struct conn *c);
void round_free(struct server *s);

/* server_sink.c: the helper that takes checkpoints and journal entries. */
int sink_client_new(struct server *s);
void sink_client_free(struct server *s);
void sink_client_ready(struct server *s);
json_t *sink_client_status(const struct server *s);
/* A checkpoint was made; it goes to the sinks. */
void server_note(struct server *s, const char *note);
/* The one at the end, for which a helper that is busy may take a while. */
void server_last_note(struct server *s, const char *note);
/* Whether a record goes to the journal; it goes; so many of a round. */
bool server_wants_entry(const struct server *s, unsigned int type,
			const uint8_t *fields, size_t len);
void server_entry(struct server *s, const struct journal_entry *e);
void server_entries_done(struct server *s);

/* server_status.c: JSON, to be freed; NULL: out of memory. */
char *server_status(struct server *s);
