#pragma once
/*
 * The channel to the supervisor, from the shim's end: questions with a callback
 * each, in any number; answers come in any order. When the channel ends, so
 * does the process: no supervisor, no traffic.
 */
#include "lib/err.h"
#include "net/hostname.h"
#include "net/wire.h"

struct shim;
struct link;

/* What the supervisor says unasked. */
struct link_owner {
	void (*end)(void *arg);	 /* END, or the channel is broken */
	void (*stay)(void *arg); /* after link_idle() */
	void *arg;
};
/* chan: taken; SETUP was read from it. No callback of any question is called
 * before the function that asked it has returned. */
int link_new(struct shim *s, int chan, const struct link_owner *o,
	     struct link **ret, struct err *e);
void link_free(struct link *l); /* accepts NULL; calls nobody back */
void link_ready(struct link *l);
void link_idle(struct link *l);

/* What must be known of a host and port; cached until the policy changes. */
struct route_call {
	void (*done)(struct route_call *c,
		     unsigned int needs); /* NET_NEEDS_ bits */
	struct route_call *next;
	uint32_t id;
};
void link_route(struct link *l, const char *host, uint16_t port,
		struct route_call *c);
void link_route_cancel(struct link *l, struct route_call *c);

/* May the name be dialled at all. */
struct name_call {
	void (*done)(struct name_call *c, bool allowed);
	struct name_call *next;
	uint32_t id;
};
void link_name(struct link *l, const char *host, struct name_call *c);
void link_name_cancel(struct link *l, struct name_call *c);

struct pair {
	const char *name, *value; /* not NUL terminated */
	uint32_t name_len, value_len;
};

struct action {
	const char *host; /* canonical */
	uint16_t port;
	const uint8_t *original; /* or NULL */
	size_t original_len;
	enum net_via via;
	const char *scheme;
	const char *sni;    /* or NULL */
	const char *method; /* NULL: no HTTP; so are the others */
	const char *path;
	const struct pair *query, *headers;
	size_t n_query, n_headers;
	int64_t size; /* below 0: not known */
	const uint16_t (
		*seen)[2]; /* number of the credential, NET_SEEN_ bits */
	size_t n_seen;
	uint64_t conn; /* 0: a new connection is wanted */
	bool first_data;
};

struct answer {
	enum net_verdict verdict;
	uint64_t action, conn;
	int fd; /* the callee's to keep (set to -EBADF), else it is closed */
	bool leased;
	uint64_t lease;
	struct net_bytes values, set_headers,
		remove_query; /* pairs; valid in the call only */
	const char *body;     /* JSON for the agent when not YES; may be "" */
	size_t body_len;
	int status_code; /* 403, 429, 502, 504 */
};

struct ask {
	void (*done)(struct ask *a, struct answer *an);
	struct ask *next;
	uint32_t id;
};
/* act and what it points to are borrowed until it returns. The channel being
 * full is no failure: it waits. */
void link_ask(struct link *l, const struct action *act, struct ask *a);
void link_ask_cancel(struct link *l, struct ask *a);
/* The lease of an action is used up; the answer has another, or NO. */
void link_more(struct link *l, uint64_t action, uint64_t size, struct ask *a);

struct result {
	const char *status;	    /* ok, error, denied, timeout, killed */
	const char *error, *detail; /* or NULL */
	uint64_t bytes_in, bytes_out;
	int response; /* HTTP status; 0: none */
};
void link_done(struct link *l, uint64_t action, const struct result *r);
void link_gone(struct link *l, uint64_t conn);

/* Refused before anything could be decided, or a finding. The callback may be
 * NULL; it gets the JSON for the agent. */
struct found_call {
	void (*done)(struct found_call *c, const char *body, size_t len);
	struct found_call *next;
	uint32_t id;
};
void link_found(struct link *l, const char *reason, const char *host,
		uint16_t port, const char *detail, struct found_call *c);
void link_found_cancel(struct link *l, struct found_call *c);
