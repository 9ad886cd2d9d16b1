#pragma once
/*
 * What a policy says about a host and port before anything else is known: the
 * broker asks this first, so that it looks no deeper than some rule does, and
 * never resolves a name that nothing grants. Never stricter than decide(): what
 * these rule out, decide() denies.
 */
#include "policy/decide.h"

#define NET_ANY_PORT 0

/* Could any action on SURFACE_NETWORK with this host (canonical text), port and
 * address (NULL: not known, so it could be any) go ahead or be asked for,
 * whatever else the request says? Deny rules count only where host and port
 * alone make them match. */
bool policy_net_reaches(const struct policy *p, const char *host, uint16_t port,
			const char *address);

/* May that name be resolved outside for it? Stricter: a grant that names
 * addresses and no host ("10.0.0.0/8") reaches whoever dials them, and lets no
 * name out; else any name would be one that might have such an address. */
bool policy_net_resolves(const struct policy *p, const char *host,
			 uint16_t port);
/* Could that credential be lent to a request to that host? */
bool policy_net_lends(const struct policy *p, const char *name,
		      const char *host);

struct policy_net_needs {
	bool data;    /* some rule that could match looks at the scheme */
	bool http;    /* ... at method, path, query, headers, or at the class,
			 which follows from the method; or a ceiling is below
			 "send" */
	bool pass;    /* a rule that could grant says tls "pass": then http is
			 false */
	bool size;    /* ... at the size: bytes are lent in leases */
	bool address; /* ... at the address: each may be decided differently */
};
void policy_net_needs(const struct policy *p, const char *host, uint16_t port,
		      struct policy_net_needs *ret);
/* Is there anything at all that may be dialled, and would something of it be
 * intercepted, something passed through? What a launch has to prepare. ports:
 * those that grants name one by one, at most max, ascending; *ret_any: some
 * grant has a range or any port. */
struct policy_net_scope {
	bool grants, intercepts, passes;
	bool any_port;
	size_t n_ports;
	uint16_t port[16];
};
void policy_net_scope(const struct policy *p, struct policy_net_scope *ret);

/* Does a grant that matches this request name its address: a condition on
 * /address, or on /host where the host is that very address? Only then is a
 * private, loopback, ... address dialled. */
bool policy_net_names_address(const struct policy *p, const struct request *rq,
			      const struct usage *u,
			      const struct decide_time *now);
