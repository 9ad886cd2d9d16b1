/*
 * The sections network, tools, memory and credentials: rules in fewer words.
 * What always holds: a grant means exactly one rule; its id says what it
 * matches and stays the same wherever in the list it stands.
 */
#include "profiles/rules-internal.h"

#include "lib/str.h"

#include <inttypes.h>
#include <string.h>

#define ID_MAX 128

struct section {
	enum surface surface;
	enum effect effect;
	const char *name, *list;
};

/* Ids */

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t
fnv(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h;
}

/* "network.allow:TEXT"; a long text is cut and ends in a hash of the whole. */
static char *
grant_id(const struct section *sec, const char *text)
{
	char *id = str_printf("%s.%s:%s", sec->name, sec->list, text);
	char tail[24];

	if (!id || strlen(id) <= ID_MAX)
		return id;
	snprintf(tail, sizeof(tail), "~%016" PRIx64, fnv(id));
	memcpy(id + ID_MAX - strlen(tail), tail, strlen(tail) + 1);
	return id;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
add_scalar(const json_t *j, struct strv *sv)
{
	if (json_is_string(j))
		return strv_add(sv, json_string_value(j));
	return strv_take(
		sv, str_printf("%" JSON_INTEGER_FORMAT, json_integer_value(j)));
}

/* The items in order with sep between them; empties sv. */
static char *
join(struct strv *sv, char sep)
{
	size_t n = 1, at = 0;
	char *s;

	if (sv->n)
		qsort(sv->v, sv->n, sizeof(*sv->v), by_text);
	for (size_t i = 0; i < sv->n; i++)
		n += strlen(sv->v[i]) + 1;
	s = malloc(n);
	for (size_t i = 0; s && i < sv->n; i++)
		at += (size_t)snprintf(s + at, n - at, "%s%s",
				       i ? (char[]){ sep, '\0' } : "",
				       sv->v[i]);
	if (s)
		s[at] = '\0';
	strv_done(sv);
	return s;
}

/* "method=GET|HEAD" */
static int
add_pair(struct strv *pairs, const char *key, const json_t *j)
{
	_cleanup_(strv_done) struct strv items = { 0 };
	_cleanup_free_ char *value = NULL;
	int r = 0;

	if (!json_is_array(j))
		r = add_scalar(j, &items);
	for (size_t i = 0; i < json_array_size(j) && r >= 0; i++)
		r = add_scalar(json_array_get(j, i), &items);
	value = r < 0 ? NULL : join(&items, '|');
	if (!value)
		return -ENOMEM;
	return strv_take(pairs, str_printf("%s=%s", key, value));
}

static int
id_of_object(struct load *l, const struct section *sec, json_t *j, char **ret)
{
	_cleanup_(strv_done) struct strv pairs = { 0 };
	_cleanup_free_ char *text = NULL;
	const char *key;
	json_t *value;
	int r = 0;

	json_object_foreach(j, key, value)
	{
		if (match_attr(key) != ATTR_MAX && r >= 0)
			r = add_pair(&pairs, key, value);
	}
	text = r < 0 ? NULL : join(&pairs, ',');
	*ret = text ? grant_id(sec, *text ? text : "*") : NULL;
	return *ret ? 0 : hand_no_memory(l);
}

/* Strings */

static int
one_match(struct load *l, struct rule *r, enum attr a, const char *s)
{
	json_t *j = json_string(s);
	int ret = j ? match_read(l, r, a, j) : hand_no_memory(l);

	json_decref(j);
	return ret;
}

/* Splits s at sep (at its last one if from_end) into two that are not empty;
 * false when it has none. */
static bool
split(const char *s, char sep, bool from_end, char **first, char **second)
{
	const char *at = from_end ? strrchr(s, sep) : strchr(s, sep);

	if (!at || at == s || !at[1])
		return false;
	*first = strndup(s, (size_t)(at - s));
	*second = strdup(at + 1);
	return *first && *second;
}

/* No host has a slash: what looks like a block is told of as one. */
static bool
is_address(const char *s)
{
	struct rule_value v;

	return strchr(s, '/') || cidr_parse(s, &v) >= 0;
}

static int
network_default_port(struct load *l, struct rule *r)
{
	return r->effect == EFFECT_DENY ? 0 : one_match(l, r, ATTR_PORT, "443");
}

/* "[fd00::/8]:443", "[::1]" */
static int
network_bracket(struct load *l, struct rule *r, const char *s)
{
	_cleanup_free_ char *inner = NULL;
	const char *end = strchr(s, ']');
	int ret;

	if (!end || (end[1] && (end[1] != ':' || !end[2])))
		return load_fail(l, "\"%.100s\" is not \"[ADDRESS]:PORT\"", s);
	inner = strndup(s + 1, (size_t)(end - s) - 1);
	if (!inner)
		return hand_no_memory(l);
	ret = one_match(l, r, ATTR_ADDRESS, inner);
	if (ret < 0)
		return ret;
	return end[1] ? one_match(l, r, ATTR_PORT, end + 2)
		      : network_default_port(l, r);
}

static int
network_string(struct load *l, struct rule *r, const char *s)
{
	_cleanup_free_ char *host = NULL, *port = NULL;
	const char *name = s;
	int ret;

	if (*s == '[')
		return network_bracket(l, r, s);
	if (strstr(s, "://"))
		return load_fail(l,
				 "\"%.100s\" is a URL; write \"HOST\" or "
				 "\"HOST:PORT\", or an object with \"host\" "
				 "and \"path\"",
				 s);
	if (strchr(s, ':') != strrchr(s, ':'))
		return load_fail(l,
				 "\"%.100s\": write an IPv6 address in "
				 "brackets: \"[%.100s]:443\"",
				 s, s);
	if (split(s, ':', true, &host, &port))
		name = host;
	ret = one_match(l, r, is_address(name) ? ATTR_ADDRESS : ATTR_HOST,
			name);
	if (ret < 0)
		return ret;
	return port ? one_match(l, r, ATTR_PORT, port)
		    : network_default_port(l, r);
}

static int
tools_string(struct load *l, struct rule *r, const char *s)
{
	_cleanup_free_ char *server = NULL, *tool = NULL;
	char shown[128];
	int ret;

	if (!split(s, '/', false, &server, &tool))
		return load_fail(l,
				 "\"%s\" is not \"SERVER/TOOL\"; \"SERVER/*\" "
				 "is every tool of a server",
				 str_escape(s, shown, sizeof(shown)));
	ret = one_match(l, r, ATTR_SERVER, server);
	return ret < 0 ? ret : one_match(l, r, ATTR_TOOL, tool);
}

static int
memory_string(struct load *l, struct rule *r, const char *s)
{
	_cleanup_free_ char *type = NULL, *key = NULL;
	int ret;

	if (!split(s, ':', false, &type, &key))
		return one_match(l, r, ATTR_TYPE, s);
	ret = one_match(l, r, ATTR_TYPE, type);
	return ret < 0 ? ret : one_match(l, r, ATTR_KEY, key);
}

static int
grant_string(struct load *l, const struct section *sec, struct rule *r,
	     const char *s)
{
	int ret;

	switch (sec->surface) {
	case SURFACE_NETWORK:
		ret = network_string(l, r, s);
		break;
	case SURFACE_TOOLS:
		ret = tools_string(l, r, s);
		break;
	case SURFACE_MEMORY:
		ret = memory_string(l, r, s);
		break;
	default:
		ret = one_match(l, r, ATTR_NAME, s);
	}
	if (ret < 0)
		return ret;
	r->id = grant_id(sec, s);
	return r->id ? 0 : hand_no_memory(l);
}

/* Objects */

static int
grant_object(struct load *l, const struct section *sec, struct rule *r,
	     json_t *j)
{
	int ret;

	if (!json_object_size(j))
		return load_fail(l, "an empty object; say what it is about");
	ret = rule_body(l, r, j, true);
	if (ret >= 0 && sec->surface == SURFACE_NETWORK &&
	    !json_object_get(j, "port") &&
	    (json_object_get(j, "host") || json_object_get(j, "address")))
		ret = network_default_port(l, r);
	if (ret >= 0 && !r->id)
		ret = id_of_object(l, sec, j, &r->id);
	return ret;
}

static int
read_grant(struct load *l, json_t *j, void *arg)
{
	const struct section *sec = arg;
	struct rule *r;
	int ret;

	if (!json_is_object(j) && !json_is_string(j))
		return load_expected(l, "a string or an object", j);
	r = rule_push(l);
	if (!r)
		return -ENOMEM;
	r->on = 1u << sec->surface;
	r->effect = sec->effect;
	ret = json_is_string(j) ? grant_string(l, sec, r, json_string_value(j))
				: grant_object(l, sec, r, j);
	return ret < 0 ? ret : rule_finish(l, r);
}

/* Sections */

static int
read_allow(struct load *l, json_t *j, void *arg)
{
	struct section *sec = arg;

	sec->effect = EFFECT_ALLOW;
	sec->list = "allow";
	return hand_list(l, j, RULES_MAX, read_grant, sec);
}

static int
read_ask(struct load *l, json_t *j, void *arg)
{
	struct section *sec = arg;

	sec->effect = EFFECT_ASK;
	sec->list = "ask";
	return hand_list(l, j, RULES_MAX, read_grant, sec);
}

static int
read_deny(struct load *l, json_t *j, void *arg)
{
	struct section *sec = arg;

	sec->effect = EFFECT_DENY;
	sec->list = "deny";
	return hand_list(l, j, RULES_MAX, read_grant, sec);
}

int
load_section(struct load *l, const struct profile_key *k, json_t *j)
{
	static const struct hand_key keys[] = {
		{ "allow", false, read_allow },
		{ "ask", false, read_ask },
		{ "deny", false, read_deny },
		{ NULL, false, NULL },
	};
	struct section sec = {
		.surface = (enum surface)surface_from_name(k->name),
		.name = k->name,
	};

	return hand_object(l, j, keys, &sec);
}

int
load_network(struct load *l, const struct profile_key *k, json_t *j)
{
	int effect = effect_from_name(k->name);
	struct section sec = {
		.surface = SURFACE_NETWORK,
		.effect = (enum effect)effect,
		.name = surface_name(SURFACE_NETWORK),
		.list = k->name,
	};

	return effect < 0 ? load_fail(l, "no effect")
			  : hand_list(l, j, k->max, read_grant, &sec);
}
