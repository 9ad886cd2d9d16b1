#pragma once
/*
 * The host's word on networks: /etc/agentbox/network.json, and for a user
 * ~/.config/agentbox/network.json ($XDG_CONFIG_HOME) beneath it: where both
 * name the same host or credential, the host's file wins.
 * agentbox-network.json(5) describes the keys. Missing files are the defaults;
 *a file that is wrong is an error. $AGENTBOX_NETWORK_CONFIG names one file
 *instead of the user's (for tests and for services).
 *
 *	{
 *		"hosts": { "registry.example": "127.0.0.1:4873", "db.example":
 *["10.0.0.5"] }, "ca": ["/etc/agentbox/corporate.pem"],      // beside the
 *system's "dns": { "servers": ["9.9.9.9"], "timeout": "5s" },   // default:
 *resolv.conf "connect_timeout": "10s", "credentials": { "openai": { "source": {
 *"file": "/etc/agentbox/secrets/openai" },
 *				//        { "env": "OPENAI_API_KEY" } of the caller of
 *run
 *				//        { "systemd": "openai" }
 *($CREDENTIALS_DIRECTORY)
 *				//        { "command": ["pass", "show", "openai"],
 *"timeout": "10s" } "lease": "5m",                  // read again after that
 *				"env": ["OPENAI_API_KEY"],      // variables in the
 *box: its placeholder "placeholder": "sk-agentbox-{}", // {}: 32 hex digits of
 *this box "use": [{ "host": ["api.openai.com"], "port": 443, "method": ["GET",
 *"POST"], "path": ["/v1/**"], "header": "authorization", "value": "Bearer {}",
 *					"always": false   // true: set even where the
 *agent sends nothing
 *				}]
 *			}
 *		}
 *	}
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
};

enum secret_source { SECRET_FILE, SECRET_ENV, SECRET_SYSTEMD, SECRET_COMMAND };

/* Where the real value may go, and how. */
struct credential_use {
	struct strv
		hosts; /* patterns as in rules: "a.example", "*.a.example" */
	uint16_t port; /* 443 by default */
	struct strv methods; /* empty: any */
	struct strv paths;   /* patterns as in rules; empty: any */
	char *header; /* lower case; NULL: only where the placeholder is */
	char *query;  /* name of a parameter; or NULL */
	char *value;  /* "Bearer {}"; of header or query */
	bool basic; /* header authorization: Basic user:SECRET, user in value */
	bool always;
	bool plain; /* over http without TLS too */
};

struct credential {
	char *name;
	enum secret_source source;
	char *from; /* path, variable, name */
	struct strv argv;
	uint64_t timeout_us, lease_us;
	struct strv env;
	char *placeholder; /* with {} */
	struct credential_use *use;
	size_t n_uses;
	bool hosts; /* from the host's file */
};

struct net_config {
	struct net_host *host;
	size_t n_hosts;
	struct strv ca;
	struct strv dns; /* addresses, as text */
	uint64_t dns_timeout_us, connect_timeout_us;
	struct credential *credential;
	size_t n_credentials;
};

int net_config_load(struct net_config *c, struct err *e);
/* One file's text. hosts: it is the host's. Fuzzed. */
int net_config_parse(struct net_config *c, const char *label, const char *text,
		     size_t len, bool hosts, struct err *e);
void net_config_done(struct net_config *c);
const struct net_host *net_config_host(const struct net_config *c,
				       const char *name);
