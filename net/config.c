/*
 * The host's settings of networks: names that have addresses here, certificate
 * authorities, name servers. What always holds: a file that is wrong anywhere
 * is refused whole, with the place; what the host's file says cannot be taken
 * back by a user's, since it is read last.
 */
#include "net/config-internal.h"
#include "net/hostname.h"

#include <string.h>

#define DEPTH_MAX 12
#define SECOND 1000000ull

static int
no_memory(struct json_reader *x)
{
	return err_sys(x->e, -ENOMEM, "%s", x->doc.label);
}

struct texts {
	config_check_fn *check;
	struct strv *to;
};

static int
one_text(struct json_reader *x, const char *at, const char *name, json_t *v,
	 void *to)
{
	struct texts *t = to;
	const char *s, *why;
	int r = json_read_text(x, at, v, "a string", &s);

	(void)name;
	if (r < 0)
		return r;
	why = t->check(s);
	if (why)
		return config_fail(x, at, s, why);
	return strv_add(t->to, s) < 0 ? no_memory(x) : 0;
}

int
config_texts(struct json_reader *x, const char *at, json_t *v, size_t max,
	     config_check_fn *check, struct strv *to)
{
	struct texts t = { check, to };

	if (json_is_string(v))
		return one_text(x, at, NULL, v, &t);
	if (!json_is_array(v))
		return json_read_wrong(x, at, v, "a string or a list");
	return json_read_items(x, at, v, 1, max, one_text, &t);
}

/* Hosts */

/* "10.0.0.5", "10.0.0.5:80", "::1", "[::1]:80" */
static int
parse_to(const char *s, struct hostname *h, uint16_t *port, const char **why)
{
	size_t n = strlen(s);
	int r;

	*port = 0;
	r = hostname_parse(s, n, false, h, why);
	if (r < 0)
		r = hostname_parse_port(s, n, h, port, why);
	if (r >= 0 && h->kind == HOSTNAME_NAME) {
		*why = "is a name; write an address, with \":PORT\" if the "
		       "port is another one";
		r = -EINVAL;
	}
	return r;
}

static int
one_address(struct json_reader *x, const char *at, const char *name, json_t *v,
	    void *to)
{
	struct net_host *host = to;
	struct hostname h;
	const char *s, *why = NULL;
	uint16_t port;
	int r = json_read_text(x, at, v, "an address", &s);

	(void)name;
	if (r < 0)
		return r;
	r = parse_to(s, &h, &port, &why);
	if (r < 0)
		return config_fail(x, at, s, why);
	host->to[host->n].len = h.kind == HOSTNAME_IPV4 ? 4 : 16;
	host->to[host->n].port = port;
	memcpy(host->to[host->n++].addr, h.addr, sizeof(h.addr));
	return 0;
}

static struct net_host *
find_host(const struct net_config *c, const char *name)
{
	for (size_t i = 0; i < c->n_hosts; i++)
		if (strcmp(c->host[i].name, name) == 0)
			return &c->host[i];
	return NULL;
}

static struct net_host *
add_host(struct json_reader *x, const char *at, const char *name)
{
	struct net_config *c = ((struct net_read *)x->arg)->c;
	struct net_host *h;

	if (c->n_hosts == NET_HOSTS_MAX) {
		jsonc_fail(&x->doc, x->e, at, "more than %d hosts",
			   NET_HOSTS_MAX);
		return NULL;
	}
	h = reallocarray(c->host, c->n_hosts + 1, sizeof(*h));
	if (!h) {
		no_memory(x);
		return NULL;
	}
	c->host = h;
	h += c->n_hosts;
	*h = (struct net_host){ .name = strdup(name) };
	if (!h->name) {
		no_memory(x);
		return NULL;
	}
	c->n_hosts++;
	return h;
}

/* The entry to fill: a new one, or the user's that the host's file replaces.
 * NULL, and told, when there is none. */
static struct net_host *
place_host(struct json_reader *x, const char *at, const char *name)
{
	struct net_read *rd = x->arg;
	struct net_config *c = rd->c;
	struct net_host *h = find_host(c, name);

	if (h && h->hosts == rd->hosts) {
		jsonc_fail(&x->doc, x->e, at, "the host \"%s\" is there twice",
			   name);
		return NULL;
	}
	if (!h)
		h = add_host(x, at, name);
	if (h) {
		h->hosts = rd->hosts;
		h->n = 0;
	}
	return h;
}

static const char *
why_no_name(const char *name, struct hostname *h)
{
	const char *why = NULL;

	if (hostname_parse(name, strlen(name), false, h, &why) < 0)
		return why;
	if (h->kind != HOSTNAME_NAME)
		return "is an address; only names can be given addresses";
	return NULL;
}

static int
one_host(struct json_reader *x, const char *at, const char *name, json_t *v,
	 void *to)
{
	struct hostname canonical;
	struct net_host *h;
	const char *why = why_no_name(name, &canonical);

	(void)to;
	if (why)
		return config_fail(x, at, name, why);
	h = place_host(x, at, canonical.text);
	if (!h)
		return x->e ? x->e->code : -EINVAL;
	if (json_is_string(v))
		return one_address(x, at, NULL, v, h);
	if (!json_is_array(v))
		return json_read_wrong(x, at, v, "an address or a list");
	return json_read_items(x, at, v, 1, NET_HOST_ADDRS_MAX, one_address, h);
}

static int
read_hosts(struct json_reader *x, const char *at, json_t *v,
	   const struct json_key *k, void *to)
{
	(void)k;
	return json_read_members(x, at, v, NET_HOSTS_MAX, one_host, to);
}

/* The rest */

static const char *
check_path(const char *s)
{
	return str_is_clean_path(s) ? NULL : "is no absolute path";
}

static const char *
check_server(const char *s)
{
	struct hostname h;
	uint16_t port;
	const char *why = NULL;

	return parse_to(s, &h, &port, &why) < 0 ? why : NULL;
}

static int
read_ca(struct json_reader *x, const char *at, json_t *v,
	const struct json_key *k, void *to)
{
	struct strv *ca = to;
	int r;

	(void)k;
	r = config_texts(x, at, v, NET_CA_MAX, check_path, ca);
	if (r >= 0 && ca->n > NET_CA_MAX)
		return jsonc_fail(&x->doc, x->e, at,
				  "more than %d files, the user's included",
				  NET_CA_MAX);
	return r;
}

static int
read_servers(struct json_reader *x, const char *at, json_t *v,
	     const struct json_key *k, void *to)
{
	(void)k;
	strv_done(to);
	return config_texts(x, at, v, NET_DNS_MAX, check_server, to);
}

static json_read_fn read_dns;

#define AT(member) offsetof(struct net_config, member)

static const struct json_key dns_keys[] = {
	{ "servers", read_servers, AT(dns), 0, 0 },
	{ "timeout", json_read_usec, AT(dns_timeout_us), SECOND / 10,
	  60 * SECOND },
};

static const struct json_key top_keys[] = {
	{ "version", json_read_version, 0, 0, 0 },
	{ "hosts", read_hosts, 0, 0, 0 },
	{ "ca", read_ca, AT(ca), 0, 0 },
	{ "dns", read_dns, 0, 0, 0 },
	{ "connect_timeout", json_read_usec, AT(connect_timeout_us),
	  SECOND / 10, 300 * SECOND },
	{ "credentials", config_credentials, 0, 0, 0 },
};

static int
read_dns(struct json_reader *x, const char *at, json_t *v,
	 const struct json_key *k, void *to)
{
	(void)k;
	return json_read_object(x, at, v, dns_keys, ARRAY_SIZE(dns_keys), to);
}

int
net_config_parse(struct net_config *c, const char *label, const char *text,
		 size_t len, bool hosts, struct err *e)
{
	struct net_read rd = { .c = c, .hosts = hosts };
	struct json_reader x = { .e = e, .arg = &rd };
	int r;

	if (c->hosts_read)
		return err_set(e, -EINVAL, "%s: read after the host's", label);
	r = jsonc_parse(label, text, len, NET_CONFIG_SIZE_MAX, DEPTH_MAX,
			&x.doc, e);
	if (r < 0)
		return r;
	r = json_read_object(&x, "", x.doc.root, top_keys, ARRAY_SIZE(top_keys),
			     c);
	jsonc_done(&x.doc);
	c->hosts_read = hosts;
	return r < 0 ? r : config_check_env(c, e);
}

void
net_config_default(struct net_config *c)
{
	*c = (struct net_config){
		.dns_timeout_us = 5 * SECOND,
		.connect_timeout_us = 10 * SECOND,
	};
}

void
net_config_done(struct net_config *c)
{
	for (size_t i = 0; i < c->n_hosts; i++)
		free(c->host[i].name);
	for (size_t i = 0; i < c->n_credentials; i++)
		credential_done(&c->credential[i]);
	free(c->host);
	free(c->credential);
	strv_done(&c->ca);
	strv_done(&c->dns);
	net_config_default(c);
}

const struct net_host *
net_config_host(const struct net_config *c, const char *name)
{
	return find_host(c, name);
}
