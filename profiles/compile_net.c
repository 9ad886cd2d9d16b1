/*
 * What a box has inside when a broker serves its network: the name server, the
 * proxies for programs that prefer them, and the certificate that makes them
 * trust the broker where it looks into TLS. What always holds: a box without a
 * network gets nothing of it; what the caller's environment has under the name
 * of a credential's variable does not get in.
 */
#include "profiles/compile-internal.h"

#include "lib/str.h"
#include "sandbox/landlock.h"
#include "sandbox/plan.h"

#include <string.h>

#define AT_PROXY PLAN_BROKER_ADDRESS ":" NET_TEXT(PLAN_PROXY_PORT)
#define NET_TEXT(n) NET_TEXT_OF(n)
#define NET_TEXT_OF(n) #n
#define HTTP_PROXY "http://" AT_PROXY
#define SOCKS_PROXY "socks5h://" AT_PROXY
#define NO_PROXY "localhost,127.0.0.1,::1"

/* Where programs look for certificates (go/src/crypto/x509/root_linux.go has
 * the same list): Debian, Fedora, openSUSE, Alpine, RHEL 7. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
};

static int
set_all(struct builder *b, const char *const names[], const char *value)
{
	int r = 0;

	for (size_t i = 0; names[i] && r >= 0; i++)
		r = build_env_set(b, names[i], value);
	return r;
}

/* The lower case is what curl reads for http, the upper what others want. */
static int
set_proxies(struct builder *b)
{
	static const char *const http[] = { "http_proxy", "HTTP_PROXY",
					    "https_proxy", "HTTPS_PROXY",
					    NULL };
	static const char *const all[] = { "all_proxy", "ALL_PROXY", NULL };
	static const char *const no[] = { "no_proxy", "NO_PROXY", NULL };
	int r = set_all(b, http, HTTP_PROXY);

	if (r >= 0)
		r = set_all(b, all, SOCKS_PROXY);
	return r < 0 ? r : set_all(b, no, NO_PROXY);
}

int
build_net_env(struct builder *b)
{
	static const char *const ca[] = {
		"SSL_CERT_FILE",  "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE",
		"CURL_CA_BUNDLE", "GIT_SSL_CAINFO",	 NULL
	};
	int r = 0;

	if (b->r->sockets && b->p->network.proxy_env)
		r = set_proxies(b);
	if (r >= 0 && b->r->ca_file)
		r = set_all(b, ca, BOX_CA);
	return r;
}

int
build_net_own_env(struct builder *b)
{
	int r = 0;

	if (b->r->sockets)
		r = build_env_set(b, "AGENTBOX_HTTP_PROXY", HTTP_PROXY);
	if (r >= 0 && b->r->sockets)
		r = build_env_set(b, "AGENTBOX_SOCKS_PROXY", SOCKS_PROXY);
	for (const char *const *p = b->r->broker_env; p && *p && r >= 0; p++)
		r = build_env_pair(b, *p);
	return r;
}

const char *
build_net_resolv(const struct builder *b)
{
	/* It is here and loses nothing: what takes long is a machine that is
	 * busy, and asking again does not help that. */
	return b->r->sockets ? "nameserver " PLAN_BROKER_ADDRESS
			       "\noptions timeout:30 attempts:2\n"
			     : "# No name server: this box has no network.\n";
}

const char *
build_net_hosts_order(const struct builder *b)
{
	return b->r->sockets ? "files dns" : "files";
}

static int
bind_ca(struct builder *b, const char *dst)
{
	const struct plan_fs *f = b->fs.data;
	struct plan_fs step = { .kind = PLAN_FS_BIND,
				.src = b->r->ca_file,
				.dst = dst,
				.flags = PLAN_FS_RDONLY | PLAN_FS_NOEXEC };

	if (!dst)
		return -ENOMEM;
	for (size_t i = b->fs.n; i-- > 0 && f[i].src == b->r->ca_file;)
		if (!strcmp(f[i].dst, dst))
			return 0;
	/* the box's own uid does not get to the folder that it lies in */
	if (b->r->root)
		step.flags |= PLAN_FS_FD;
	return build_step(b, step);
}

/* The file as it is named, where no tree of the host has it (there it may be a
 * link), and the file that it is. */
static int
bind_over(struct builder *b, const char *path)
{
	char real[PATH_MAX];
	int r = 0;

	if (!realpath(path, real))
		return 0;
	if (!build_grant_of(b, path) || !strcmp(real, path))
		r = bind_ca(b, path);
	return r < 0 ? r : bind_ca(b, build_copy(b, real, strlen(real)));
}

int
build_net_files(struct builder *b)
{
	int r;

	if (!b->r->ca_file)
		return 0;
	r = bind_ca(b, BOX_CA);
	for (size_t i = 0; i < ARRAY_SIZE(bundles) && r >= 0; i++)
		r = bind_over(b, bundles[i]);
	return r;
}

/* Each file alone: no rule covers BOX_RUN. */
int
build_net_rules(struct builder *b)
{
	const struct plan_fs *f = b->fs.data;
	int r = 0;

	for (size_t i = 0; i < b->fs.n && b->r->ca_file && r >= 0; i++)
		if (f[i].kind == PLAN_FS_BIND && f[i].src == b->r->ca_file)
			r = build_rule(b, f[i].dst, LL_READ_FILE);
	return r;
}
