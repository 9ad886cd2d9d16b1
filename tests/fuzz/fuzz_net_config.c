/* links: net profiles sandbox policy lib */
/*
 * network.json on any bytes: what is refused is explained in text that is safe
 * to print; what is taken is within its bounds and in its one form.
 */
#include "net/config.h"
#include "net/hostname.h"
#include "policy/pattern.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void
must(bool good)
{
	if (!good)
		abort();
}

static void
check_use(const struct credential_use *u)
{
	must(u->hosts.n && u->port);
	for (size_t i = 0; i < u->hosts.n; i++)
		must(strcmp(u->hosts.v[i], "*") != 0 &&
		     !host_pattern_check(u->hosts.v[i]));
	must(!u->header || !u->query);
	must(!u->header || u->value);
	for (const char *p = u->value; p && *p; p++)
		must(*p >= ' ' && *p <= '~');
	must(!u->always || u->header || u->query);
}

static void
check(const struct net_config *c)
{
	struct hostname h;

	must(c->n_hosts <= NET_HOSTS_MAX && c->ca.n <= NET_CA_MAX &&
	     c->dns.n <= NET_DNS_MAX &&
	     c->n_credentials <= NET_CREDENTIALS_MAX);
	for (size_t i = 0; i < c->n_hosts; i++) {
		const char *s = c->host[i].name;

		must(hostname_parse(s, strlen(s), false, &h, NULL) == 0 &&
		     strcmp(h.text, s) == 0 && h.kind == HOSTNAME_NAME);
		must(c->host[i].n && c->host[i].n <= NET_HOST_ADDRS_MAX);
		must(net_config_host(c, s) == &c->host[i]);
	}
	for (size_t i = 0; i < c->n_credentials; i++) {
		const struct credential *v = &c->credential[i];

		must(str_is_name(v->name) && v->n_uses &&
		     strstr(v->placeholder, "{}"));
		must(v->source == SECRET_COMMAND
			     ? v->argv.n && str_is_clean_path(v->argv.v[0])
			     : v->from && !v->argv.n);
		for (size_t j = 0; j < v->n_uses; j++)
			check_use(&v->use[j]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = ERR_INIT;
	struct net_config c;
	int r;

	net_config_default(&c);
	r = net_config_parse(&c, "fuzz", (const char *)data, size, false, &e);
	if (r >= 0) {
		check(&c);
		r = net_config_parse(&c, "fuzz", (const char *)data, size, true,
				     &e);
		/* the host's replaces everything of the user's, and both
		 * together may have too many files */
		if (r >= 0)
			check(&c);
	}
	if (r < 0)
		must(e.code && *e.text);
	for (const char *p = e.text; *p; p++)
		must((unsigned char)*p >= 0x20 && *p != 0x7f);
	net_config_done(&c);
	return 0;
}
