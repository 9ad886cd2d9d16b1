/*
 * Uses of credentials in the settings: where a secret may go, and in which
 * place. What always holds: each names the hosts it is for, and nothing but a
 * host or the names below one; what would break a request's form (hop-by-hop
 * headers, bytes that no header has) is refused here.
 */
#include "net/config-internal.h"
#include "policy/pattern.h"

#include <string.h>

#define PATTERNS_MAX 64
#define VALUE_MAX 1024

/* RFC 9110, 5.6.2 */
static bool
is_token(const char *s)
{
	const char *p = s;

	while (*p && (config_is_alnum(*p) || strchr("!#$%&'*+-.^_`|~", *p)))
		p++;
	return p > s && !*p && p - s <= 128;
}

static char *
lower_text(const char *s)
{
	char *copy = strdup(s);

	for (char *p = copy; p && *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	return copy;
}

static const char *
check_host(const char *s)
{
	if (strcmp(s, "*") == 0)
		return "is every host; a secret must say where it may go";
	return host_pattern_check(s);
}

/* As rules keep them: lower case, no dot at the end, addresses in their one
 * spelling. */
static int
normal_pattern(struct json_reader *x, char **s)
{
	const char *wild = str_starts(*s, "*.") ? "*." : "";
	const char *rest = *s + strlen(wild);
	char buf[256];

	if (host_normal(rest, strlen(rest), buf) < 0)
		return 0;
	return config_take(x, str_printf("%s%s", wild, buf), s);
}

static int
use_hosts(struct json_reader *x, const char *at, json_t *v,
	  const struct json_key *k, void *to)
{
	struct credential_use *u = to;
	int r = config_texts(x, at, v, PATTERNS_MAX, check_host, &u->hosts);

	(void)k;
	for (size_t i = 0; r >= 0 && i < u->hosts.n; i++)
		r = normal_pattern(x, &u->hosts.v[i]);
	return r;
}

static const char *
check_method(const char *s)
{
	if (!is_token(s) || strlen(s) > 32)
		return "is no method";
	for (; *s; s++)
		if (*s >= 'a' && *s <= 'z')
			return "is in lower case; methods are in upper case";
	return NULL;
}

static int
use_methods(struct json_reader *x, const char *at, json_t *v,
	    const struct json_key *k, void *to)
{
	struct credential_use *u = to;

	(void)k;
	return config_texts(x, at, v, PATTERNS_MAX, check_method, &u->methods);
}

static const char *
check_pattern(const char *s)
{
	const char *why = glob_check(s);

	return why || *s == '/' || str_starts(s, "**")
		       ? why
		       : "does not begin with \"/\"";
}

static int
use_paths(struct json_reader *x, const char *at, json_t *v,
	  const struct json_key *k, void *to)
{
	struct credential_use *u = to;

	(void)k;
	return config_texts(x, at, v, PATTERNS_MAX, check_pattern, &u->paths);
}

/* What frames a message or belongs to one connection is written by the broker
 * alone (RFC 9110, 7.6.1; RFC 9112, 6). */
static int
use_header(struct json_reader *x, const char *at, json_t *v,
	   const struct json_key *k, void *to)
{
	static const char *const never[] = {
		"host",	      "content-length", "transfer-encoding",
		"connection", "keep-alive",	"upgrade",
		"te",	      "trailer",	"expect",
		"via",	      "content-type",	"content-encoding",
		NULL
	};
	struct credential_use *u = to;
	const char *s;
	int r = json_read_text(x, at, v, "the name of a header", &s);

	(void)k;
	if (r < 0)
		return r;
	if (!is_token(s))
		return config_fail(x, at, s, "is no name of a header");
	r = config_take(x, lower_text(s), &u->header);
	if (r >= 0 &&
	    (str_in(u->header, never) || str_starts(u->header, "proxy-") ||
	     str_starts(u->header, "sec-websocket-")))
		return config_fail(
			x, at, s,
			"belongs to the connection or to the body; no "
			"secret goes there");
	return r;
}

static int
use_query(struct json_reader *x, const char *at, json_t *v,
	  const struct json_key *k, void *to)
{
	struct credential_use *u = to;
	int r = json_read_string(x, at, v, k, &u->query);

	if (r >= 0)
		for (const char *p = u->query; *p; p++)
			if (!config_is_alnum(*p) && !strchr("-._~[]$", *p))
				return config_fail(x, at, u->query,
						   "is no name of a parameter");
	return r;
}

static int
use_value(struct json_reader *x, const char *at, json_t *v,
	  const struct json_key *k, void *to)
{
	struct credential_use *u = to;
	int r = json_read_string(x, at, v, k, &u->value);

	if (r >= 0)
		for (const char *p = u->value; *p; p++)
			if (*p < ' ' || *p > '~')
				return config_fail(x, at, u->value,
						   "has a character that no "
						   "header has");
	return r;
}

static int
check_basic(struct json_reader *x, const char *at,
	    const struct credential_use *u)
{
	if (u->query || (u->header && strcmp(u->header, "authorization") != 0))
		return jsonc_fail(&x->doc, x->e, at,
				  "\"basic\" is the header authorization");
	if (!u->value || strchr(u->value, ':'))
		return jsonc_fail(&x->doc, x->e, at,
				  "\"basic\" needs the user in \"value\", "
				  "without \":\"");
	return 0;
}

static int
check_use(struct json_reader *x, const char *at, json_t *v,
	  const struct credential_use *u)
{
	const char *why =
		u->value && !u->basic ? config_check_hole(u->value) : NULL;

	if (!u->hosts.n)
		return jsonc_fail(&x->doc, x->e, at, "has no \"host\"");
	if (u->plain && !json_object_get(v, "port"))
		return jsonc_fail(&x->doc, x->e, at,
				  "\"plain\" needs its \"port\"");
	if (u->header && u->query)
		return jsonc_fail(&x->doc, x->e, at,
				  "has both \"header\" and \"query\"");
	if (u->basic)
		return check_basic(x, at, u);
	if (why)
		return config_fail(x, at, u->value, why);
	if (u->value && !u->header && !u->query)
		return jsonc_fail(&x->doc, x->e, at,
				  "\"value\" needs a \"header\" or a "
				  "\"query\"");
	if (u->always && !u->header)
		return jsonc_fail(&x->doc, x->e, at,
				  "\"always\" needs a \"header\" or "
				  "\"basic\"");
	return 0;
}

static int
default_value(struct json_reader *x, struct credential_use *u)
{
	if (u->basic && !u->header &&
	    config_take(x, strdup("authorization"), &u->header) < 0)
		return -ENOMEM;
	if (u->value || (!u->header && !u->query))
		return 0;
	return config_take(x, strdup("{}"), &u->value);
}

#define AT(member) offsetof(struct credential_use, member)

static int
one_use(struct json_reader *x, const char *at, const char *name, json_t *v,
	void *to)
{
	static const struct json_key keys[] = {
		{ "host", use_hosts, 0, 0, 0 },
		{ "port", json_read_u16, AT(port), 1, 65535 },
		{ "method", use_methods, 0, 0, 0 },
		{ "path", use_paths, 0, 0, 0 },
		{ "header", use_header, 0, 0, 0 },
		{ "query", use_query, 0, 1, 128 },
		{ "value", use_value, 0, 1, VALUE_MAX },
		{ "basic", json_read_bool, AT(basic), 0, 0 },
		{ "always", json_read_bool, AT(always), 0, 0 },
		{ "plain", json_read_bool, AT(plain), 0, 0 },
	};
	struct credential *c = to;
	struct credential_use *u =
		reallocarray(c->use, c->n_uses + 1, sizeof(*u));
	int r;

	(void)name;
	if (!u)
		return err_sys(x->e, -ENOMEM, "%s", x->doc.label);
	c->use = u;
	u += c->n_uses++;
	*u = (struct credential_use){ .port = 443 };
	r = json_read_object(x, at, v, keys, ARRAY_SIZE(keys), u);
	if (r >= 0)
		r = check_use(x, at, v, u);
	return r < 0 ? r : default_value(x, u);
}

int
config_uses(struct json_reader *x, const char *at, json_t *v,
	    const struct json_key *k, void *to)
{
	(void)k;
	return json_read_items(x, at, v, 1, NET_USES_MAX, one_use, to);
}

void
credential_use_done(struct credential_use *u)
{
	strv_done(&u->hosts);
	strv_done(&u->methods);
	strv_done(&u->paths);
	free(u->header);
	free(u->query);
	free(u->value);
}
