#pragma once
/* Shared by the net*.c files of the supervisor and nobody else. */
#include "supervisor/net.h"

#include "net/addr.h"
#include "net/batch.h"
#include "net/dial.h"
#include "net/hostname.h"
#include "net/reasons.h"
#include "net/resolve.h"
#include "net/secrets.h"
#include "policy/net.h"
#include "supervisor/gate.h"

#include <netinet/in.h>

/* Bounds; docs/ARCHITECTURE.md has them too. */
#define NET_ASKS_MAX 4096u	/* questions under way; then none is read */
#define NET_HELD_MAX (8u << 20) /* bytes of their packets, likewise */
#define NET_OUT_MAX (16u << 20) /* bytes that the shim does not read */
#define NET_CONNS_MAX 65536u	/* connections that it says are open */
#define NET_ACTIONS_MAX 131072u /* actions of which it owes the end */
#define NET_OPEN_MAX 256u	/* requests without outcome */
#define NET_FDS_WANTED 4096u	/* of the supervisor */
#define NET_LAST_MAX 128u	/* told one by one when all end; then a sum */
#define NET_LAST_US 100000u	/* for what the shim says at the end */
#define NET_TURN 64u		/* packets in one turn of the loop */
#define NET_LEASE (1u << 20)	/* bytes, where a rule looks at the size */
#define NET_TABLE 1024u		/* buckets */
#define NET_DENIED_MAX 64u	/* denied names that are remembered */
#define NET_DENIED_US 1000000u	/* A and AAAA of a name: one record */
#define NET_OWN_US 2000000u	/* age of what this host's addresses are */

enum net_state {
	NET_ASLEEP,   /* no shim; the listeners are watched */
	NET_WAITING,  /* the last one died: none before ev_again */
	NET_STARTING, /* SETUP was sent */
	NET_SERVING,
	NET_ENDING, /* it has nothing open and was told to end */
	NET_STATE_MAX
};

/* A decision for somebody, in the order of asking; what the gate does not take
 * at once waits here. */
struct net_turn {
	struct gate_call call; /* first */
	struct net *net;
	struct net_turn *next;
	enum { TURN_NONE, TURN_WAITS, TURN_AT_GATE } state;
	const char *reason, *detail; /* for gate_refuse(); or NULL */
	void (*done)(struct net_turn *t, const struct gate_action *a);
};

/* A connection that was handed over. */
struct net_conn {
	struct net_conn *next;
	uint64_t number;
	char *host;
	uint16_t port;
	char address[INET6_ADDRSTRLEN];
};

/* What went ahead and has not ended. */
struct net_action {
	struct net_action *next;	  /* in its bucket */
	struct net_action *older, *newer; /* of those without an outcome */
	uint64_t id;
	bool told;	      /* has its outcome; its end is told beside it */
	struct net_ask *kept; /* leased: the question, to be decided again */
	struct net_ask *more; /* that is being done */
};

/* A credential in a request. */
struct net_lend {
	size_t credential;
	int use;
	unsigned int seen; /* NET_SEEN_ bits; 0: to be set unseen */
};

/* A question of the shim's, until it is answered. */
struct net_ask {
	struct net_turn turn; /* first: of the action */
	struct net *net;
	struct net_ask *next, **link; /* in its bucket */
	enum {
		STEP_TURN,
		STEP_RESOLVE,
		STEP_LEND,
		STEP_SECRET,
		STEP_DIAL
	} step;
	uint32_t id;
	uint16_t op;
	uint8_t *packet;
	size_t len;
	struct net_message m; /* within packet */
	struct hostname host;
	uint16_t port;
	char *scheme, *method, *path; /* or NULL */
	struct request rq;
	struct value *node;
	size_t n_nodes;
	enum net_reason why; /* of a refusal */
	char detail[256];
	struct policy_net_needs needs;
	/* where it goes: judged */
	struct resolve_call resolve;
	struct dial_call dial;
	struct resolved to[RESOLVE_ADDRS_MAX];
	uint16_t to_port[RESOLVE_ADDRS_MAX];
	size_t n_to;
	char address[INET6_ADDRSTRLEN]; /* that is decided on; or "" */
	uint64_t action, conn, lease;	/* 0: none */
	/* what it is lent, net_creds.c */
	struct net_turn lending;
	struct secret_call secret;
	struct request lend_rq;
	struct net_lend lend[NET_CREDENTIALS_MAX];
	size_t n_lend, at_lend;
	uint64_t lend_action;
	struct net_edits *edits; /* of the request, for the answer; or NULL */
};

struct net_out {
	struct net_out *next;
	int fd;
	bool secret;
	size_t len;
	uint8_t data[];
};

/* The process. */
struct net_shim {
	pid_t pid;
	int pidfd, chan, log; /* -EBADF: none */
	bool broken;	      /* it is being killed; nothing it says is heard */
	struct event *ev_read, *ev_write, *ev_exit;
	struct net_out *head, **tail;
	size_t out_bytes;
};

struct net {
	struct net_options o; /* texts, key and certificate are ours */
	struct net_listeners l;
	struct event *ev_listen[NET_FDS_MAX];
	struct gate *gate; /* the box's */
	struct resolver *resolver;
	struct dialler *dialler;
	struct addr_own *own;
	uint64_t own_us;
	enum net_state state;
	bool frozen;
	struct net_shim shim;
	struct event *ev_again, *ev_turns, *ev_push;
	unsigned int deaths;	/* in a row, without READY */
	struct net_batch batch; /* for the shim, this turn */
	struct net_inbox inbox;
	const uint8_t *in; /* the packet that is looked at */
	uint8_t *out;	   /* where the next one is made */
	/* questions */
	struct net_ask *asks[NET_TABLE];
	size_t n_asks, held;
	struct net_turn *first, **last;
	bool taking;
	/* what it has */
	struct net_conn *conns[NET_TABLE];
	size_t n_conns;
	uint64_t last_conn;
	struct net_action *actions[NET_TABLE];
	struct net_action *oldest, *newest;
	size_t n_actions, n_open;
	struct {
		char name[HOSTNAME_MAX + 1];
		uint64_t us;
	} denied[NET_DENIED_MAX];
	size_t at_denied;
	/* counted */
	uint64_t n_connections, n_allowed, n_denied, n_failed, n_shims;
	uint64_t bytes_in, bytes_out;
};

uint64_t net_now_us(void); /* CLOCK_BOOTTIME */

/* net_shim.c: the process and its channel. */
void net_shim_init(struct net_shim *s);
int net_shim_start(struct net *n, struct err *e);
/* It is to end for what it did: killed, recorded; started again later. */
void net_shim_broke(struct net *n, const char *what, const char *detail);
void net_shim_kill(struct net *n);
void net_shim_freeze(struct net *n, bool on);
/* Sends what was made; fd (or -EBADF) is taken. secret: wiped afterwards. */
void net_shim_send(struct net *n, struct net_writer *w, int fd, bool secret);
void net_shim_say(struct net *n, enum net_op op); /* without fields */
/* What was made in this turn leaves now. */
void net_shim_push(struct net *n);
/* Reads no more while too much is under way. */
void net_shim_pace(struct net *n);
void net_shim_last_words(struct net *n);

/* net.c */
void net_watch(struct net *n, bool on); /* the listeners */
bool net_something_waits(const struct net *n);
/* Everything that the shim had has ended so. */
void net_lost(struct net *n, const char *status, const char *error);
void net_later(struct net *n); /* the shim died: another one, after a while */
void net_sleep(struct net *n); /* until something arrives */

/* net_message.c */
int net_message(struct net *n, const struct net_message *m, size_t len);

/* net_turns.c */
void net_turn_begin(struct net *n, struct net_turn *t, const struct request *rq,
		    const char *reason, const char *detail,
		    void (*done)(struct net_turn *t,
				 const struct gate_action *a));
void net_turn_cancel(struct net_turn *t);
/* Those that wait, as far as they are heard; soon, not from within. */
void net_turns_soon(struct net *n);
/* Looks again in a moment. */
void net_turns_retry(struct net *n);
/* Is there so much to be recorded that nothing more is heard? */
bool net_is_behind(const struct net *n);
void net_turns_take(struct net *n);
int net_gate(struct net *n); /* makes it when it is first needed */

/* net_table.c */
struct net_conn *net_conn_add(struct net *n, const char *host, uint16_t port,
			      const char *address);
struct net_conn *net_conn_find(const struct net *n, uint64_t number);
void net_conn_drop(struct net *n, struct net_conn *c);
/* told: it has its outcome already. kept (or NULL) is taken. */
struct net_action *net_action_add(struct net *n, uint64_t id, bool told,
				  struct net_ask *kept);
struct net_action *net_action_find(const struct net *n, uint64_t id);
/* Outcome, or what is told beside it; then it is gone. */
void net_action_end(struct net *n, struct net_action *a,
		    const struct gate_outcome *o);
void net_table_clear(struct net *n, const struct gate_outcome *o);
/* The outcome of one that is not in the table. */
void net_outcome(struct net *n, uint64_t action, const char *status,
		 const char *error, const char *detail);

/* net_request.c: 0, -EPROTO: no shim would say that, -ENOMEM. */
int net_request_read(struct net_ask *a);
void net_request_done(struct net_ask *a);
bool net_text_is(const struct net_bytes *b, const char *s);

/* net_asks.c */
int net_ask_begin(struct net *n, const struct net_message *m, size_t len);
void net_ask_cancel(struct net *n, uint32_t id);
void net_ask_drop(struct net_ask *a); /* nobody waits for its answer */
void net_asks_clear(struct net *n);
void net_ask_free(struct net_ask *a);
void net_ask_detach(struct net_ask *a); /* answered, and kept */

/* net_ask.c: 0, -EPROTO, -ENOMEM. */
int net_ask(struct net_ask *a);
void net_answer_begin(struct net_ask *a, struct net_writer *w,
		      enum net_verdict v);
/* The answer; frees body and a. */
void net_answer_no(struct net_ask *a, enum net_verdict v, char *body,
		   int status);
/* Refused by us: recorded, answered. a may be gone afterwards. */
void net_ask_refuse(struct net_ask *a, enum net_reason why, const char *fmt,
		    ...) _printf_(3, 4);
/* Allowed, and could not be done: the action ends so, with that answer. */
void net_ask_fail(struct net_ask *a, enum net_reason why, const char *detail);
void net_ask_lent(struct net_ask *a); /* net_creds.c is done */

/* net_found.c: NAME and FOUND. */
int net_name(struct net_ask *a);
int net_found(struct net_ask *a);
void net_denied_forget(struct net *n);

/* net_judge.c: where a host may be dialled. */
/* Does anything grant it, before an address is known? */
bool net_may_go(const struct net *n, const struct hostname *h, uint16_t port);
/* Before anything is resolved: 1, where it goes is in a->to; 0: to be resolved;
 * -EACCES: refused, a->why and a->detail say so. */
int net_judge_host(struct net_ask *a);
/* What was resolved: 1 or -EACCES. */
int net_judge(struct net_ask *a, const struct resolved *v,
	      const uint16_t *ports, size_t n, bool pinned);

/* net_creds.c */
/* Which credentials take part: 0; -EPROTO; -EACCES: a->detail says what went
 * astray. */
int net_lend_find(struct net_ask *a);
void net_lend_begin(struct net_ask *a); /* calls net_ask_lent(), ... */
void net_lend_cancel(struct net_ask *a);
void net_lend_put(struct net_ask *a, struct net_writer *w);
void net_edits_free(struct net_edits *ed); /* wipes */
/* What rules take out of a request: 0, or -EACCES. */
int net_redact(struct net_ask *a, const struct policy *p,
	       const struct decision *d);
/* Is there a credential that may be used at that host and port? */
bool net_lends(const struct net *n, const char *host, uint16_t port);

/* net_body.c: JSON for the agent, malloc'd, or NULL; *ret_status: of HTTP. */
char *net_body_decision(const struct net_ask *a, const struct gate_action *act,
			int *ret_status);
char *net_body_reason(const struct net_ask *a, enum net_reason why,
		      uint64_t decision, int *ret_status);
/* One of the shim's. */
char *net_body_found(const struct net_ask *a, const char *word,
		     uint64_t decision);
/* The word of one of the shim's reasons as it stands in the table, or NULL. */
const char *net_found_word(const struct net_bytes *b);
const char *net_reason_word(enum net_reason why);
int net_reason_status(enum net_reason why); /* of HTTP */
