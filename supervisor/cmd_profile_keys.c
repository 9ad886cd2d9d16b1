/*
 * The sections of a profile that the kernel and the supervisor hold, after
 * inheritance and groups, as a profile would say them. Made from the table of
 * keys, so that a key which is new there is shown too.
 */
#include "supervisor/cmd_profile-internal.h"

#include "lib/str.h"
#include "profiles/loader.h"

#include <inttypes.h>
#include <string.h>

static const char *const shown_sections[] = { "requires", "process", "files",
					      "network",  "session", NULL };

static const void *
member(const struct profile *p, const struct profile_key *k)
{
	return (const char *)p + k->off;
}

static uint64_t
number(const struct profile *p, const struct profile_key *k)
{
	uint64_t v = 0;

	if (k->width == sizeof(uint32_t)) {
		uint32_t small;

		memcpy(&small, member(p, k), sizeof(small));
		return small;
	}
	memcpy(&v, member(p, k), MIN(k->width, sizeof(v)));
	return v;
}

/* 90000000 -> "90s", with the largest unit that is exact. */
static json_t *
time_json(uint64_t us)
{
	static const struct {
		uint64_t us;
		const char *name;
	} units[] = {
		{ UINT64_C(86400000000), "d" },
		{ UINT64_C(3600000000), "h" },
		{ 60000000, "m" },
		{ 1000000, "s" },
		{ 1000, "ms" },
	};
	char buf[32];

	for (size_t i = 0; i < ARRAY_SIZE(units) && us; i++) {
		if (us % units[i].us)
			continue;
		snprintf(buf, sizeof(buf), "%" PRIu64 "%s", us / units[i].us,
			 units[i].name);
		return json_string(buf);
	}
	return json_string("0");
}

static json_t *
size_json(uint64_t v)
{
	static const char suffix[] = "KMGT";
	char buf[32];
	size_t i = 0;

	for (; i < 4 && v && !(v & 1023); i++)
		v >>= 10;
	snprintf(buf, sizeof(buf), "%" PRIu64 "%.*s", v, i ? 1 : 0,
		 i ? suffix + i - 1 : "");
	return json_string(buf);
}

static json_t *
number_json(const struct profile *p, const struct profile_key *k)
{
	uint64_t v = number(p, k);
	char buf[32];

	/* 0, where that is no value of the key, is none too */
	if (k->width == sizeof(v) &&
	    (v == CGROUP_UNLIMITED || (k->flags & KEY_UNLIMITED && v < k->min)))
		return json_string("unlimited");
	if (k->type == KEY_TIME)
		return v ? time_json(v) : json_string("none");
	if (k->type == KEY_SIZE)
		return size_json(v);
	if (k->type == KEY_INT)
		return json_integer(k->width == sizeof(uint32_t)
					    ? (json_int_t)(int32_t)v
					    : (json_int_t)v);
	snprintf(buf, sizeof(buf), "%" PRIu64 "%%", v);
	return json_string(buf);
}

static json_t *
list_json(const struct strv *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->n; i++)
		json_array_append_new(list, pc_string(v->v[i]));
	return list;
}

static json_t *
map_json(const struct strv *v)
{
	json_t *o = json_object();
	char key[256];

	for (size_t i = 0; i < v->n; i++) {
		const char *eq = strchr(v->v[i], '=');

		if (!eq)
			continue;
		snprintf(key, sizeof(key), "%.*s", (int)(eq - v->v[i]),
			 v->v[i]);
		json_object_set_new(o, key, pc_string(eq + 1));
	}
	return o;
}

static json_t *
bits_json(const struct profile *p, const struct profile_key *k)
{
	uint32_t bits = (uint32_t)number(p, k);
	json_t *list = json_array();

	for (int l = 0; l < LAYER_MAX; l++)
		if (bits & LAYER_BIT(l))
			json_array_append_new(
				list, json_string(layer_name((enum layer)l)));
	return list;
}

static json_t *object_json(const struct profile *p,
			   const struct profile_key *k);

static json_t *
value_json(const struct profile *p, const struct profile_key *k)
{
	const char *s;
	bool b;

	switch (k->type) {
	case KEY_OBJECT:
		return object_json(p, k);
	case KEY_BOOL:
		memcpy(&b, member(p, k), sizeof(b));
		return json_boolean(b);
	case KEY_WORD:
		return json_string(k->words[number(p, k)]);
	case KEY_BITS:
		return bits_json(p, k);
	case KEY_TEXT:
		memcpy(&s, member(p, k), sizeof(s));
		return s ? pc_string(s) : NULL;
	case KEY_LIST:
		return list_json(member(p, k));
	case KEY_MAP:
		return map_json(member(p, k));
	case KEY_INT:
	case KEY_SIZE:
	case KEY_TIME:
	case KEY_PERCENT:
		return number_json(p, k);
	default:
		return NULL;
	}
}

static json_t *
object_json(const struct profile *p, const struct profile_key *k)
{
	json_t *o = json_object();

	for (k = k->sub; k->name; k++) {
		json_t *v = value_json(p, k);

		if (v)
			json_object_set_new(o, k->name, v);
	}
	return o;
}

/* Is there anything on the network that limits could be about? */
static bool
has_network(const struct profile *p)
{
	for (size_t i = 0; i < p->own.n_rules; i++)
		if (p->own.rule[i].on & ON(NETWORK))
			return true;
	for (size_t i = 0; i < p->n_parents; i++)
		if (has_network(p->parent[i]))
			return true;
	return false;
}

json_t *
pc_sections(const struct profile *p)
{
	json_t *o = json_object();

	for (const struct profile_key *k = profile_root.sub; k->name; k++)
		if (str_in(k->name, shown_sections) &&
		    (strcmp(k->name, "network") != 0 || has_network(p)))
			json_object_set_new(o, k->name, object_json(p, k));
	return o;
}

static void
print_leaf(const char *name, const json_t *v)
{
	char *text = json_dumps(v, JSON_ENCODE_ANY);
	char shown[1024];

	if (json_is_array(v) && !json_array_size(v)) {
		free(text);
		return;
	}
	pc_shown(text, shown, sizeof(shown));
	printf("  %-26s %s\n", name, shown);
	free(text);
}

static void
print_object(const char *prefix, json_t *o)
{
	const char *key;
	char name[256];
	json_t *v;

	json_object_foreach(o, key, v)
	{
		snprintf(name, sizeof(name), "%s%s%s", prefix,
			 *prefix ? "." : "", key);
		if (json_is_object(v))
			print_object(name, v);
		else
			print_leaf(name, v);
	}
}

void
pc_print_sections(const struct profile *p)
{
	json_t *o = pc_sections(p);

	print_object("", o);
	json_decref(o);
}
