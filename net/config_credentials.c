/*
 * Credentials in the settings: where a secret comes from, and what stands for
 * it in a box. What always holds: a credential has one source and at least one
 * use; no two stand behind one variable.
 */
#include "net/config-internal.h"
#include "net/secrets.h"

#include <string.h>

#define SECOND 1000000ull
#define ENV_MAX 16

int
config_fail(struct json_reader *x, const char *at, const char *s,
	    const char *why)
{
	char shown[128];

	return jsonc_fail(&x->doc, x->e, at, "\"%s\" %s",
			  str_escape(s, shown, sizeof(shown)), why);
}

bool
config_is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

int
config_take(struct json_reader *x, char *copy, char **to)
{
	if (!copy) {
		err_sys(x->e, -ENOMEM, "%s", x->doc.label);
		return -ENOMEM;
	}
	free(*to);
	*to = copy;
	return 0;
}

const char *
config_check_hole(const char *s)
{
	const char *hole = strstr(s, "{}");

	if (!hole)
		return "has no \"{}\"";
	return strstr(hole + 2, "{}") ? "has \"{}\" twice" : NULL;
}

/* Sources */

static const char *
check_argument(const char *s)
{
	return strlen(s) <= 4096 ? NULL : "is too long";
}

static int
source_file(struct json_reader *x, const char *at, json_t *v,
	    const struct json_key *k, void *to)
{
	struct credential *c = to;
	int r = json_read_string(x, at, v, k, &c->from);

	c->source = SECRET_FILE;
	if (r >= 0 && !str_is_clean_path(c->from))
		return config_fail(x, at, c->from, "is no absolute path");
	return r;
}

static const char *
check_variable(const char *s)
{
	if ((*s >= '0' && *s <= '9') || !*s || strlen(s) > 128)
		return "is no name of a variable";
	for (; *s; s++)
		if (!config_is_alnum(*s) && *s != '_')
			return "is no name of a variable";
	return NULL;
}

static int
source_env(struct json_reader *x, const char *at, json_t *v,
	   const struct json_key *k, void *to)
{
	struct credential *c = to;
	int r = json_read_string(x, at, v, k, &c->from);
	const char *why;

	c->source = SECRET_ENV;
	why = r < 0 ? NULL : check_variable(c->from);
	return why ? config_fail(x, at, c->from, why) : r;
}

static int
source_systemd(struct json_reader *x, const char *at, json_t *v,
	       const struct json_key *k, void *to)
{
	struct credential *c = to;
	int r = json_read_string(x, at, v, k, &c->from);

	c->source = SECRET_SYSTEMD;
	if (r >= 0 && !str_is_name(c->from))
		return config_fail(x, at, c->from,
				   "is no name of a credential");
	return r;
}

static int
source_command(struct json_reader *x, const char *at, json_t *v,
	       const struct json_key *k, void *to)
{
	struct credential *c = to;
	int r;

	(void)k;
	c->source = SECRET_COMMAND;
	if (!json_is_array(v))
		return json_read_wrong(x, at, v,
				       "a list: the program and its arguments");
	r = config_texts(x, at, v, 64, check_argument, &c->argv);
	if (r >= 0 && !str_is_clean_path(c->argv.v[0]))
		return config_fail(x, at, c->argv.v[0],
				   "is no absolute path; no shell and no PATH "
				   "is asked");
	return r;
}

static int
read_source(struct json_reader *x, const char *at, json_t *v,
	    const struct json_key *k, void *to)
{
	static const struct json_key keys[] = {
		{ "file", source_file, 0, 1, 4095 },
		{ "env", source_env, 0, 1, 128 },
		{ "systemd", source_systemd, 0, 1, 64 },
		{ "command", source_command, 0, 0, 0 },
		{ "timeout", json_read_usec,
		  offsetof(struct credential, timeout_us), SECOND / 10,
		  300 * SECOND },
	};
	size_t n = 0;
	int r = json_read_object(x, at, v, keys, ARRAY_SIZE(keys), to);

	(void)k;
	if (r < 0)
		return r;
	for (size_t i = 0; i < 4; i++)
		n += json_object_get(v, keys[i].name) != NULL;
	if (n != 1)
		return jsonc_fail(&x->doc, x->e, at,
				  "must have one of \"file\", \"env\", "
				  "\"systemd\", \"command\"");
	if (json_object_get(v, "timeout") && !json_object_get(v, "command"))
		return jsonc_fail(&x->doc, x->e, at,
				  "only a command has a \"timeout\"");
	return 0;
}

/* Credentials */

static const char *
check_box_variable(const char *s)
{
	if (str_starts(s, "AGENTBOX_") || str_starts(s, "LD_"))
		return "is a variable that agentbox or the loader uses";
	return check_variable(s);
}

static int
read_env(struct json_reader *x, const char *at, json_t *v,
	 const struct json_key *k, void *to)
{
	struct credential *c = to;

	(void)k;
	return config_texts(x, at, v, ENV_MAX, check_box_variable, &c->env);
}

/* Unreserved characters only (RFC 3986, 2.3), so that it looks the same in a
 * header, a query and a form. */
static int
read_placeholder(struct json_reader *x, const char *at, json_t *v,
		 const struct json_key *k, void *to)
{
	struct credential *c = to;
	const char *why, *hole;
	int r = json_read_string(x, at, v, k, &c->placeholder);

	if (r < 0)
		return r;
	why = config_check_hole(c->placeholder);
	if (why)
		return config_fail(x, at, c->placeholder, why);
	hole = strstr(c->placeholder, "{}");
	for (const char *p = c->placeholder; *p; p++)
		if (!config_is_alnum(*p) && !strchr("-._~", *p) && p != hole &&
		    p != hole + 1)
			return config_fail(x, at, c->placeholder,
					   "may have letters, digits, \"-\", "
					   "\".\", \"_\", \"~\" beside the "
					   "\"{}\"");
	return 0;
}

static int
complete(struct json_reader *x, const char *at, json_t *v, struct credential *c)
{
	if (!json_object_get(v, "source"))
		return jsonc_fail(&x->doc, x->e, at, "has no \"source\"");
	if (!c->n_uses)
		return jsonc_fail(&x->doc, x->e, at,
				  "has no \"use\": it could go nowhere");
	if (c->placeholder)
		return 0;
	return config_take(x, str_printf("agentbox-%s-{}", c->name),
			   &c->placeholder);
}

static int
read_credential(struct json_reader *x, const char *at, const char *name,
		json_t *v, struct credential *c)
{
	static const struct json_key keys[] = {
		{ "source", read_source, 0, 0, 0 },
		{ "lease", json_read_usec,
		  offsetof(struct credential, lease_us), 0, 86400 * SECOND },
		{ "env", read_env, 0, 0, 0 },
		{ "placeholder", read_placeholder, 0, 2, PLACEHOLDER_MAX - 32 },
		{ "use", config_uses, 0, 0, 0 },
	};
	const struct net_read *rd = x->arg;
	int r;

	*c = (struct credential){ .timeout_us = 10 * SECOND,
				  .lease_us = 300 * SECOND,
				  .hosts = rd->hosts };
	if (!str_is_name(name)) {
		config_fail(x, at, name, "is no name for a credential");
		return -EINVAL;
	}
	r = config_take(x, strdup(name), &c->name);
	if (r >= 0)
		r = json_read_object(x, at, v, keys, ARRAY_SIZE(keys), c);
	return r < 0 ? r : complete(x, at, v, c);
}

/* Its place: that of the user's of the same name, which the host's replaces, or
 * a new one. */
static int
place_credential(struct json_reader *x, const char *at, struct credential *n)
{
	const struct net_read *rd = x->arg;
	struct net_config *c = rd->c;
	struct credential *v = c->credential;

	for (size_t i = 0; i < c->n_credentials; i++)
		if (strcmp(v[i].name, n->name) == 0) {
			credential_done(&v[i]);
			v[i] = *n;
			return 0;
		}
	if (c->n_credentials == NET_CREDENTIALS_MAX)
		return jsonc_fail(&x->doc, x->e, at, "more than %d credentials",
				  NET_CREDENTIALS_MAX);
	v = reallocarray(v, c->n_credentials + 1, sizeof(*v));
	if (!v)
		return err_sys(x->e, -ENOMEM, "%s", x->doc.label);
	c->credential = v;
	v[c->n_credentials++] = *n;
	return 0;
}

static int
one_credential(struct json_reader *x, const char *at, const char *name,
	       json_t *v, void *to)
{
	struct credential c;
	int r = read_credential(x, at, name, v, &c);

	(void)to;
	if (r >= 0)
		r = place_credential(x, at, &c);
	if (r < 0)
		credential_done(&c);
	return r;
}

int
config_credentials(struct json_reader *x, const char *at, json_t *v,
		   const struct json_key *k, void *to)
{
	(void)k;
	return json_read_members(x, at, v, NET_CREDENTIALS_MAX, one_credential,
				 to);
}

static const struct credential *
env_owner(const struct net_config *c, size_t before, const char *name)
{
	for (size_t i = 0; i < before; i++)
		if (strv_has(&c->credential[i].env, name))
			return &c->credential[i];
	return NULL;
}

int
config_check_env(const struct net_config *c, struct err *e)
{
	for (size_t i = 0; i < c->n_credentials; i++)
		for (size_t j = 0; j < c->credential[i].env.n; j++) {
			const char *name = c->credential[i].env.v[j];
			const struct credential *o = env_owner(c, i, name);

			if (o)
				return err_set(e, -EINVAL,
					       "credentials \"%s\" and \"%s\": "
					       "both want the variable %s",
					       o->name, c->credential[i].name,
					       name);
		}
	return 0;
}

void
credential_done(struct credential *c)
{
	for (size_t i = 0; i < c->n_uses; i++)
		credential_use_done(&c->use[i]);
	free(c->use);
	free(c->name);
	free(c->from);
	free(c->placeholder);
	strv_done(&c->argv);
	strv_done(&c->env);
}
