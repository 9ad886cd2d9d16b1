#pragma once
/*
 * The network of one box, seen from the supervisor: it owns the listeners in
 * the box's network, starts the shim when something arrives there, and answers
 * what the shim asks: decide (supervisor/gate.h), record, resolve, check, dial,
 * lend a secret. What always holds: the shim gets a descriptor, a secret, a yes
 * only for an action whose intent is recorded; it speaks in turn or is ended.
 */
#include "lib/err.h"
#include "net/config.h"
#include "net/wire.h"
#include "policy/store.h"

#include <jansson.h>

struct event_base;
struct gate;
struct net;
struct net_config;
struct policy;

/* Could any credential of the settings be lent to a request to that host
 * (canonical) and port? host NULL: to any. */
bool net_lends_at(const struct net_config *s, const struct policy *p,
		  const char *host, uint16_t port);

struct net_options {
	struct event_base *base;
	struct policy_store *policies;
	/* Makes the gate when it is first needed; or fails. */
	int (*gate)(void *arg, struct gate **ret, struct err *e);
	/* What should not happen: for the event log and the record. */
	void (*finding)(void *arg, const char *what, const char *detail);
	/* "net.resolve" of a name, before it leaves; negative: not recorded, so
	 * not resolved */
	int (*resolving)(void *arg, const char *name);
	void *arg;
	const char *shim;		 /* path of agentbox-shim */
	const char *box;		 /* id */
	uid_t uid;			 /* of the shim, as root; else ours */
	const char *const *env;		 /* of the caller, for secrets */
	struct net_limits limits;	 /* of the profile */
	const struct net_config *config; /* borrowed */
	struct secrets *secrets;	 /* taken; or NULL */
	const void *ca_key, *ca_cert;	 /* DER; or NULL */
	size_t ca_key_len, ca_cert_len;
};

struct net_listeners {
	int fd[NET_FDS_MAX];	   /* taken */
	uint8_t kind[NET_FDS_MAX]; /* enum net_listener */
	size_t n;
};

int net_new(const struct net_options *o, struct net_listeners *l,
	    struct net **ret, struct err *e);
/* Kills the shim; what is open gets the outcome "killed". Accepts NULL. */
void net_free(struct net *n);
void net_freeze(struct net *n, bool on); /* parks every stream */
void net_policy_changed(struct net *n);
/* A credential of the run may not be used any more. -ENOENT. */
int net_revoke(struct net *n, const char *credential);
json_t *net_describe(const struct net *n); /* for inspect */
