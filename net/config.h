#pragma once
/*
 * The host's word on networks: /etc/agentbox/network.json, and for a user
 * ~/.config/agentbox/network.json ($XDG_CONFIG_HOME) beneath it: where both
 * name the same host or credential, the host's file wins.
 * agentbox-network.json(5) describes the keys. Missing files are the defaults;
 * a file that is wrong is an error. $AGENTBOX_NETWORK_CONFIG names one file
 * instead of the user's (for tests and for services).
 */
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

#define NET_CONFIG_HOST "/etc/agentbox/network.json"
#define NET_CONFIG_SIZE_MAX (256u * 1024)
#define NET_HOSTS_MAX 1024
#define NET_HOST_ADDRS_MAX 16
#define NET_CREDENTIALS_MAX 64
#define NET_USES_MAX 32

struct net_host {
	char *name; /* canonical */
	struct {
		uint8_t addr[16];
		uint8_t len;   /* 4 or 16 */
		uint16_t port; /* 0: the one that was asked for */
	} to[NET_HOST_ADDRS_MAX];
	size_t n;
	bool hosts; /* from the host's file */
};

enum secret_source { SECRET_FILE, SECRET_ENV, SECRET_SYSTEMD, SECRET_COMMAND };

/* Where the real value may go, and how. */
struct credential_use {
	/* patterns as in rules, in lower case: "a.example", "*.a.example" */
	struct strv hosts;
	uint16_t port;	     /* 443 by default */
	struct strv methods; /* empty: any */
	struct strv paths;   /* patterns as in rules; empty: any */
	char *header; /* lower case; NULL: only where the placeholder is */
	char *query;  /* name of a parameter; or NULL */
	char *value;  /* "Bearer {}"; of header or query: "{}" by default */
	bool basic; /* header authorization: Basic user:SECRET, user in value */
	bool always;
	bool plain; /* over http without TLS too */
};

struct credential {
	char *name;
	enum secret_source source;
	char *from; /* path, variable, name; NULL: command */
	struct strv argv;
	uint64_t timeout_us, lease_us;
	struct strv env;
	char *placeholder; /* with {} */
	struct credential_use *use;
	size_t n_uses;
	bool hosts; /* from the host's file */
};

#define NET_CA_MAX 16
#define NET_DNS_MAX 8

struct net_config {
	struct net_host *host;
	size_t n_hosts;
	struct strv ca;
	struct strv dns; /* "9.9.9.9", "[::1]:5353" */
	uint64_t dns_timeout_us, connect_timeout_us;
	struct credential *credential;
	size_t n_credentials;
	bool hosts_read; /* the host's file was read */
};

void net_config_default(struct net_config *c);
/* Reads both files; *c is set to the defaults first, and empty on failure. */
int net_config_load(struct net_config *c, struct err *e);
/* One file's text over what is there; the host's (hosts) comes last and wins. A
 * failure leaves parts of it: net_config_done(). Fuzzed. */
int net_config_parse(struct net_config *c, const char *label, const char *text,
		     size_t len, bool hosts, struct err *e);
void net_config_done(struct net_config *c);
/* name: canonical */
const struct net_host *net_config_host(const struct net_config *c,
				       const char *name);
