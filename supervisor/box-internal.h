#pragma once
/* Shared by the box*.c files and nobody else. */
#include "net/config.h"
#include "policy/net.h"
#include "policy/store.h"
#include "profiles/compile.h"
#include "profiles/policy_cache.h"
#include "profiles/profile.h"
#include "sandbox/attest.h"
#include "sandbox/cgroup.h"
#include "sandbox/launch.h"
#include "sandbox/net_listen.h"
#include "supervisor/box.h"
#include "supervisor/control.h"
#include "supervisor/eventlog.h"
#include "supervisor/guard.h"
#include "supervisor/idle.h"
#include "supervisor/life.h"
#include "supervisor/paths.h"
#include "supervisor/runtime.h"
#include "supervisor/scribe.h"
#include "supervisor/stdio.h"
#include "supervisor/tty.h"
#include "supervisor/watch.h"

#define BOX_SIGNALS_MAX 8
#define BOX_WATCHES_MAX 2

struct event;
struct event_base;
struct gate;
struct net;
struct secrets;
struct scribe;

enum box_phase {
	PHASE_START,
	PHASE_BEGUN,
	PHASE_LOADED,
	PHASE_COMPILED,
	PHASE_ACQUIRED,
	PHASE_LAUNCHED,
	PHASE_BUILT,
	PHASE_CONFINED,
	PHASE_ATTESTED,
	PHASE_EXECED,
	PHASE_ENDED,
	PHASE_RELEASED,
	PHASE_MAX
};

/* Why a box was stopped by us, for the exit status and the last word. */
enum box_end { END_COMMAND, END_TIMEOUT, END_KILLED, END_LIMIT };

/* What an operator did, to be recorded after the answer. */
struct box_note {
	enum event_kind kind;
	const char *verb; /* NULL: nothing to record */
	struct control_peer by;
	int result; /* 0, or why it did not work */
	int signal; /* 0: none */
	char why[CONTROL_WHY_MAX + 1];
};

struct box_deal;
struct box_ask; /* an operator's act that waits for its record */

/* What is recorded of a box, and its decisions. */
struct box_audit {
	bool known, off;       /* read from the host's settings; mode off */
	struct scribe *scribe; /* NULL: off */
	uint64_t start;	       /* seq of the intent box.start */
	bool start_asked, start_known;
	int start_status;
	uint64_t started_us;	  /* CLOCK_BOOTTIME, of the intent */
	bool ended;		  /* its outcome was told */
	struct scribe_blob first; /* the first policy, being kept */
	struct gate *gate;	  /* made when it is first asked */
	struct box_ask *asks;
	struct box_deal *deals;
};

/* A certificate authority of the box's own, while and after it is made. */
struct box_ca {
	pid_t pid; /* of who makes it; 0: none */
	int pipe, file;
	char path[PATH_MAX]; /* of file, until the box is built; "" */
	void *key, *cert;    /* DER; key is wiped */
	size_t key_len, cert_len;
};

#define BOX_CA_NONE                                                            \
	{                                                                      \
		.pipe = -EBADF, .file = -EBADF                                 \
	}

/* Its network, where the policy grants one: sockets is above 0 then. */
struct box_net {
	struct policy_net_scope scope;
	uint32_t sockets;
	bool configured;
	struct net_config config;
	struct secrets *secrets; /* until net has them */
	struct strv env;	 /* K=placeholder */
	struct box_ca ca;
	struct net_listen listen; /* descriptors until net has them */
	int roots; /* what servers are verified with; until net has it */
	uid_t shim_uid;
	struct net *net;
};

struct box {
	const struct box_options *o;
	struct paths paths;
	struct profile *written;       /* as its file says */
	struct profile *profile;       /* narrowed for this run; or the same */
	struct policy_store *policies; /* made when it is first asked for */
	struct policy_found known;     /* card: of the policy in force */
	bool knows_policy;
	struct compiled *compiled;
	char *workspace; /* real path, or NULL */

	/* acquired, in this order */
	struct runtime *rt;
	struct runtime_box entry;
	int slot; /* holds the uid */
	struct guard guard;
	struct cgroup_host host;
	struct cgroup *cg;
	uint32_t cg_set;
	struct launch_params lp;
	struct launch launch;
	struct box_net net;

	/* while it runs */
	enum life_state state;
	enum box_end end;
	struct layer_table table;
	struct event_base *base;
	struct event *ev_exit, *ev_timeout, *ev_kill, *ev_settled, *ev_note;
	struct event *ev_idle;
	struct event *ev_signal[BOX_SIGNALS_MAX];
	struct idle idle;
	bool hangup_reloads; /* SIGHUP is no hangup where no terminal is */
	bool settling;	     /* ev_settled came once, and will come again */
	struct control *control;
	struct eventlog *log;
	bool noted; /* there is a note to be written */
	struct box_note note;
	struct box_audit audit;
	struct tty *tty;
	struct stdio *stdio; /* in place of files; or NULL */
	struct watch *watch[BOX_WATCHES_MAX];
	uint64_t started_us;  /* CLOCK_REALTIME */
	char limit_text[160]; /* which limit ended it; or "" */
	int wait_status;      /* of the command, valid when have_status */
	bool have_status;
	uint64_t phase[PHASE_MAX]; /* CLOCK_MONOTONIC, nanoseconds */
};

uint64_t box_now_ns(void);
uint64_t box_boot_us(void); /* CLOCK_BOOTTIME */
void box_phase(struct box *b, enum box_phase p);

/* box_launch.c: everything up to exec, and the way back. */
int box_begin(struct box *b, struct err *e);
int box_acquire(struct box *b, struct err *e);
int box_launch(struct box *b, struct err *e);
/* status and e: how it went, for the record. */
void box_release(struct box *b, int status, const struct err *e);

/* box_loop.c: from exec to the end of the command. */
int box_loop(struct box *b, struct err *e);
int box_need_base(struct box *b, struct err *e);
/* Freeze, thaw, stop: through the cgroup, or through pid 1. */
int box_freeze(struct box *b, bool on, struct err *e);
int box_stop(struct box *b, enum box_end why, struct err *e);

/* The polite end: a signal, and after a while the kill. */
void box_time_over(struct box *b, const char *why);

/* box_session.c: how long it may run. */
uint64_t box_time_us(const struct box *b);
int box_watch_idle(struct box *b, struct err *e);

/* box_policy.c: what the profile says beside what the kernel holds. */
int box_load(struct box *b, struct err *e);
void box_unload(struct box *b);
int box_check_policy(struct box *b, struct err *e);
/* Fills in the card of known; the policy itself may stay where it is. */
int box_know_policy(struct box *b, struct err *e);
int box_need_policy(struct box *b, struct err *e);
bool box_observes(const struct box *b);
int box_reload(void *arg, const struct control_peer *by, const char *why,
	       json_t **ret, struct err *e);
/* The same for SIGHUP; a failure is in the event log. */
void box_reload_on_signal(struct box *b);
json_t *box_policy_json(struct box *b);

/* box_net.c: the network, in the order in which they are called. Where the
 * policy grants none they do nothing. */
int box_net_prepare(struct box *b, struct err *e);
void box_net_take_uid(struct box *b);
void box_net_request(const struct box *b, struct compile_request *rq);
int box_net_open(struct box *b, struct err *e);
int box_net_trust(struct box *b, struct err *e);
int box_net_serve(struct box *b, struct err *e);
void box_net_freeze(struct box *b, bool on);
/* -EBUSY: this box cannot follow such a policy. */
int box_net_check(const struct box *b, const struct policy *next,
		  struct err *e);
void box_net_policy_changed(struct box *b);
json_t *box_net_json(const struct box *b); /* or NULL */
void box_net_end(struct box *b);	   /* while the gate is there */
void box_net_close(struct box *b);
/* box_ca.c: begins in a process beside us; what the box sees is there after the
 * end. */
int box_ca_begin(struct box *b, struct err *e);
int box_ca_end(struct box *b, struct err *e);
void box_ca_free(struct box_ca *ca);
/* A sealed memfd of what servers' certificates are verified with. */
int box_ca_upstream(const struct net_config *c, struct err *e);

/* box_audit.c: what is recorded of a box itself. */
int box_audit_connect(struct box *b, struct err *e);
/* Who it is, its policy, that it is about to start: sent, not waited for. */
int box_audit_begin(struct box *b, struct err *e);
/* Until the start is in the log; then the command may be executed. Says too
 * what holds. */
int box_audit_wait(struct box *b, struct err *e);
void box_audit_started(struct box *b);
/* What should not happen: what, and a text for people. */
void box_audit_anomaly(struct box *b, const char *what, const char *detail);
/* A name is about to be asked for outside. Negative: it would not be in the
 * log, so it may not be. */
int box_audit_resolving(struct box *b, const char *name);
/* The log keeps a policy, so that its decisions can be made again; before it
 * comes into force. Then that it has; former: the hash before, or NULL. */
int box_audit_keep(struct box *b, const struct policy *p, struct err *e);
void box_audit_policy(struct box *b, const uint8_t *former);
void box_audit_policy_failed(struct box *b, const char *why);
/* The outcome of the start. status: the exit status for the shell; e: what went
 * wrong, or code 0. */
void box_audit_end(struct box *b, int status, const struct err *e);
/* Until all is sent, or END_US are over; says so if something is left. */
void box_audit_close(struct box *b);
json_t *box_audit_json(struct box *b);

/* box_acts.c: what operators do, on the record. */
void box_act_done(struct box *b, const struct box_note *n);
/* Records the intent and then calls act, later; -EPIPE and others: it cannot
 * be recorded. Where nothing is recorded, act is called at once. */
typedef int box_act_fn(struct box *b, const struct control_peer *by,
		       const char *why, json_t **ret, struct err *e);
int box_act_later(struct box *b, const char *verb, box_act_fn *act,
		  const struct control_peer *by, const char *why, json_t **ret,
		  struct err *e);
void box_acts_free(struct box *b);

/* box_decide.c: decisions for those who ask over the control socket. */
int box_gate(struct box *b, struct gate **ret, struct err *e);
int box_decide(void *arg, enum control_op op, const char *body, size_t len,
	       const struct control_peer *by, json_t **ret, struct err *e);
void box_decide_gone(void *arg, const struct control_ticket *t);
void box_decide_end(struct box *b);

/* box_report.c: what is said about a box. */
void box_fill_requested(struct box *b);
json_t *box_describe(struct box *b, bool full);
json_t *box_labels_json(const struct box *b);
void box_print_enforced(struct box *b);
void box_say_observing(const struct box *b);
void box_print_timing(const struct box *b);
void box_complain(const struct box_options *o, const struct err *e);
void box_last_word(struct box *b, int status);
