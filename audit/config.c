/*
 * The audit settings: two files over the defaults. What always holds: a file
 * that is wrong anywhere is refused whole, with the place; only the host's file
 * can make the record weaker than the defaults.
 */
#include "audit/config.h"
#include "profiles/jsonc.h"

#include <string.h>

#define HOST_FILE AUDIT_CONFIG_HOST
#define FILE_MAX (64u * 1024)
#define DEPTH_MAX 6
#define DAY_US (86400ull * 1000000)

struct ctx {
	struct audit_config *c;
	struct jsonc doc;
	bool host;
	struct err *e;
};

typedef int read_fn(struct ctx *x, const char *at, json_t *v, void *to);

struct key {
	const char *name;
	read_fn *read;
	size_t offset;
	uint64_t min, max;
};

struct section {
	const struct key *keys;
	size_t n;
};

static const char *
type_text(const json_t *v)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",
		[JSON_STRING] = "a string",  [JSON_INTEGER] = "a number",
		[JSON_REAL] = "a fraction",  [JSON_TRUE] = "true",
		[JSON_FALSE] = "false",	     [JSON_NULL] = "null",
	};

	return names[json_typeof(v)];
}

static int
wrong_type(struct ctx *x, const char *at, const json_t *v, const char *want)
{
	jsonc_fail(&x->doc, x->e, at, "is %s; it must be %s", type_text(v),
		   want);
	return -EINVAL;
}

static int
read_string(struct ctx *x, const char *at, const json_t *v, const char *want,
	    const char **ret)
{
	if (!json_is_string(v))
		return wrong_type(x, at, v, want);
	*ret = json_string_value(v);
	if (strlen(*ret) == json_string_length(v))
		return 0;
	jsonc_fail(&x->doc, x->e, at, "holds a NUL");
	return -EINVAL;
}

static int
read_bool(struct ctx *x, const char *at, json_t *v, void *to)
{
	if (!json_is_boolean(v))
		return wrong_type(x, at, v, "true or false");
	*(bool *)to = json_is_true(v);
	return 0;
}

/* A word of a list: its number. */
static int
read_word(struct ctx *x, const char *at, json_t *v, const char *const *words)
{
	const char *s, *near;
	int r = read_string(x, at, v, "a word", &s);

	if (r < 0)
		return r;
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], s) == 0)
			return i;
	near = str_suggest(s, words);
	return jsonc_fail(&x->doc, x->e, at, "unknown word \"%.40s\"%s%s%s", s,
			  near ? "; did you mean \"" : "", near ? near : "",
			  near ? "\"?" : "");
}

static int
read_mode(struct ctx *x, const char *at, json_t *v, void *to)
{
	static const char *const words[] = { "required", "off", NULL };
	int r = read_word(x, at, v, words);

	if (r < 0)
		return r;
	if (r == AUDIT_OFF && !x->host)
		return jsonc_fail(&x->doc, x->e, at,
				  "only " HOST_FILE " may switch the record "
				  "off");
	*(enum audit_mode *)to = (enum audit_mode)r;
	return 0;
}

static int
read_durable(struct ctx *x, const char *at, json_t *v, void *to)
{
	static const char *const words[] = { "effects", "all", "none", NULL };
	int r = read_word(x, at, v, words);

	if (r < 0)
		return r;
	*(enum audit_durable *)to = (enum audit_durable)r;
	return 0;
}

static int
within(struct ctx *x, const char *at, uint64_t v, const struct key *k,
       const char *unit)
{
	if (v >= k->min && v <= k->max)
		return 0;
	jsonc_fail(&x->doc, x->e, at, "must be from %llu to %llu%s",
		   (unsigned long long)k->min, (unsigned long long)k->max,
		   unit);
	return -EINVAL;
}

static int
read_number(struct ctx *x, const char *at, json_t *v, const struct key *k,
	    uint64_t *ret)
{
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v))
		return wrong_type(x, at, v, "a whole number");
	if (n < 0) {
		jsonc_fail(&x->doc, x->e, at, "must not be negative");
		return -EINVAL;
	}
	*ret = (uint64_t)n;
	return within(x, at, *ret, k, "");
}

static int
read_size(struct ctx *x, const char *at, json_t *v, const struct key *k,
	  uint64_t *ret)
{
	const char *s;
	int r = read_string(x, at, v, "a size such as \"64M\"", &s);

	if (r < 0)
		return r;
	if (str_to_size(s, ret) < 0) {
		jsonc_fail(&x->doc, x->e, at,
			   "\"%.40s\" is no size; write \"64M\", \"1G\"", s);
		return -EINVAL;
	}
	return within(x, at, *ret, k, " bytes");
}

static int
read_usec(struct ctx *x, const char *at, json_t *v, const struct key *k,
	  uint64_t *ret)
{
	const char *s;
	int r = read_string(x, at, v, "a time such as \"30s\"", &s);

	if (r < 0)
		return r;
	if (str_to_usec(s, ret) < 0) {
		jsonc_fail(&x->doc, x->e, at,
			   "\"%.40s\" is no time; write \"30s\", "
			   "\"5m\", \"1d\"",
			   s);
		return -EINVAL;
	}
	return within(x, at, *ret, k, " microseconds");
}

static int read_section(struct ctx *x, const char *at, json_t *v,
			const struct section *s, void *base);
static read_fn read_u32, read_u64, read_bytes, read_time, read_sinks;
static read_fn read_segment, read_checkpoint, read_quota;

#define AT(member) offsetof(struct audit_config, member)

static const struct key segment_keys[] = {
	{ "size", read_bytes, AT(segment_bytes), 1ull << 20, 1ull << 30 },
	{ "age", read_time, AT(segment_age_us), 60 * 1000000ull, 366 * DAY_US },
};
static const struct key checkpoint_keys[] = {
	{ "records", read_u32, AT(checkpoint_records), 16, 1u << 20 },
	{ "interval", read_time, AT(checkpoint_us), 100000, 3600 * 1000000ull },
};
static const struct key quota_keys[] = {
	{ "records_per_second", read_u64, AT(agent_rate), 1, 1000000000 },
	{ "bytes_per_day", read_bytes, AT(agent_day_bytes), 64 * 1024,
	  1ull << 50 },
	{ "open_actions", read_u32, AT(open_actions), 1, 1u << 20 },
};
static const struct key version_key = { "version", read_u32, 0, 1, 1 };
static const struct key top_keys[] = {
	{ "version", read_u32, SIZE_MAX, 1, 1 },
	{ "mode", read_mode, AT(mode), 0, 0 },
	{ "durable", read_durable, AT(durable), 0, 0 },
	{ "sync", read_time, AT(sync_us), 10000, 60 * 1000000ull },
	{ "retention_days", read_u32, AT(retention_days), 1, 36525 },
	{ "short_retention", read_bool, AT(short_retention), 0, 0 },
	{ "max_size", read_bytes, AT(max_bytes), 0, 1ull << 60 },
	{ "segment", read_segment, 0, 0, 0 },
	{ "checkpoint", read_checkpoint, 0, 0, 0 },
	{ "idle", read_time, AT(idle_us), 0, 366 * DAY_US },
	{ "quota", read_quota, 0, 0, 0 },
	{ "journal", read_bool, AT(journal), 0, 0 },
	{ "sinks", read_sinks, 0, 0, 0 },
};

static const struct key *
key_of(const struct section *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->keys[i].name, name) == 0)
			return &s->keys[i];
	return NULL;
}

/* The key that is being read, by its pointer: readers need its bounds. */
static const struct key *
key_at(const char *at)
{
	static const struct section all[] = {
		{ segment_keys, ARRAY_SIZE(segment_keys) },
		{ checkpoint_keys, ARRAY_SIZE(checkpoint_keys) },
		{ quota_keys, ARRAY_SIZE(quota_keys) },
		{ top_keys, ARRAY_SIZE(top_keys) },
	};
	const char *name = strrchr(at, '/') + 1;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		const struct key *k = key_of(&all[i], name);

		if (k)
			return k;
	}
	return &version_key;
}

static int
read_u32(struct ctx *x, const char *at, json_t *v, void *to)
{
	uint64_t n;
	int r = read_number(x, at, v, key_at(at), &n);

	if (r >= 0 && to)
		*(uint32_t *)to = (uint32_t)n;
	return r;
}

static int
read_u64(struct ctx *x, const char *at, json_t *v, void *to)
{
	return read_number(x, at, v, key_at(at), to);
}

static int
read_bytes(struct ctx *x, const char *at, json_t *v, void *to)
{
	return read_size(x, at, v, key_at(at), to);
}

static int
read_time(struct ctx *x, const char *at, json_t *v, void *to)
{
	return read_usec(x, at, v, key_at(at), to);
}

static int
read_segment(struct ctx *x, const char *at, json_t *v, void *to)
{
	const struct section s = { segment_keys, ARRAY_SIZE(segment_keys) };

	(void)to;
	return read_section(x, at, v, &s, x->c);
}

static int
read_checkpoint(struct ctx *x, const char *at, json_t *v, void *to)
{
	const struct section s = { checkpoint_keys,
				   ARRAY_SIZE(checkpoint_keys) };

	(void)to;
	return read_section(x, at, v, &s, x->c);
}

static int
read_quota(struct ctx *x, const char *at, json_t *v, void *to)
{
	const struct section s = { quota_keys, ARRAY_SIZE(quota_keys) };

	(void)to;
	return read_section(x, at, v, &s, x->c);
}

static int
read_argv(struct ctx *x, const char *at, json_t *v, struct strv *to)
{
	size_t n = json_array_size(v);

	if (!json_is_array(v) || !n || n > 64)
		return jsonc_fail(&x->doc, x->e, at,
				  "must be a list of 1 to 64 strings: the "
				  "program by its path, and its arguments");
	for (size_t i = 0; i < n; i++) {
		char sub[128];
		const char *s;
		int r;

		snprintf(sub, sizeof(sub), "%s/%zu", at, i);
		r = read_string(x, sub, json_array_get(v, i), "a string", &s);
		if (r < 0)
			return r;
		if (i == 0 && !str_is_clean_path(s))
			return jsonc_fail(&x->doc, x->e, sub,
					  "\"%.80s\" is no absolute path; no "
					  "shell and no PATH is asked",
					  s);
		if (strv_add(to, s) < 0)
			return err_sys(x->e, -ENOMEM, "%s", x->doc.label);
	}
	return 0;
}

static int
sink_path(struct ctx *x, const char *at, json_t *v, void *to)
{
	struct audit_sink *s = to;
	const char *path;
	int r = read_string(x, at, v, "a path", &path);

	if (r < 0)
		return r;
	if (!str_is_clean_path(path))
		return jsonc_fail(&x->doc, x->e, at,
				  "\"%.80s\" is no absolute path", path);
	free(s->path);
	s->path = strdup(path);
	return s->path ? 0 : err_sys(x->e, -ENOMEM, "%s", x->doc.label);
}

static int
sink_argv(struct ctx *x, const char *at, json_t *v, void *to)
{
	return read_argv(x, at, v, &((struct audit_sink *)to)->argv);
}

static int
sink_timeout(struct ctx *x, const char *at, json_t *v, void *to)
{
	static const struct key bounds = { "timeout", read_time, 0, 100000,
					   300 * 1000000ull };

	return read_usec(x, at, v, &bounds,
			 &((struct audit_sink *)to)->timeout_us);
}

static int
sink_type(struct ctx *x, const char *at, json_t *v, void *to)
{
	static const char *const words[] = { "file", "syslog", "command",
					     NULL };
	int r = read_word(x, at, v, words);

	if (r >= 0)
		((struct audit_sink *)to)->kind = (enum audit_sink_kind)r;
	return r < 0 ? r : 0;
}

static int
sink_complete(struct ctx *x, const char *at, json_t *v,
	      const struct audit_sink *s)
{
	static const char *const needs[] = {
		[SINK_FILE] = "path", [SINK_COMMAND] = "argv"
	};
	const char *need = s->kind == SINK_SYSLOG ? NULL : needs[s->kind];

	if (!json_object_get(v, "type"))
		return jsonc_fail(&x->doc, x->e, at, "has no \"type\"");
	if (need && !json_object_get(v, need))
		return jsonc_fail(&x->doc, x->e, at, "has no \"%s\"", need);
	if ((s->kind != SINK_FILE && s->path) ||
	    (s->kind != SINK_COMMAND && s->argv.n))
		return jsonc_fail(&x->doc, x->e, at,
				  "\"path\" is for files, \"argv\" for "
				  "commands");
	return 0;
}

static int
read_sink(struct ctx *x, const char *at, json_t *v)
{
	static const struct key keys[] = {
		{ "type", sink_type, 0, 0, 0 },
		{ "path", sink_path, 0, 0, 0 },
		{ "argv", sink_argv, 0, 0, 0 },
		{ "timeout", sink_timeout, 0, 0, 0 },
	};
	const struct section s = { keys, ARRAY_SIZE(keys) };
	struct audit_sink *to = &x->c->sink[x->c->n_sinks++];
	int r;

	*to = (struct audit_sink){ .timeout_us = 10 * 1000000ull };
	r = read_section(x, at, v, &s, to);
	return r < 0 ? r : sink_complete(x, at, v, to);
}

static int
read_sinks(struct ctx *x, const char *at, json_t *v, void *to)
{
	(void)to;
	if (!json_is_array(v))
		return wrong_type(x, at, v, "a list");
	if (x->c->n_sinks + json_array_size(v) > AUDIT_SINKS_MAX)
		return jsonc_fail(&x->doc, x->e, at,
				  "more than %d sinks, those of " HOST_FILE
				  " included",
				  AUDIT_SINKS_MAX);
	for (size_t i = 0; i < json_array_size(v); i++) {
		char sub[64];
		int r;

		snprintf(sub, sizeof(sub), "%s/%zu", at, i);
		r = read_sink(x, sub, json_array_get(v, i));
		if (r < 0)
			return r;
	}
	return 0;
}

static int
unknown_key(struct ctx *x, const char *at, const struct section *s,
	    const char *name)
{
	const char *names[ARRAY_SIZE(top_keys) + 1] = { NULL }, *near;

	for (size_t i = 0; i < s->n; i++)
		names[i] = s->keys[i].name;
	near = str_suggest(name, names);
	return jsonc_fail(&x->doc, x->e, at, "unknown key%s%s%s",
			  near ? "; did you mean \"" : "", near ? near : "",
			  near ? "\"?" : "");
}

static int
read_section(struct ctx *x, const char *at, json_t *v, const struct section *s,
	     void *base)
{
	const char *name;
	json_t *item;

	if (!json_is_object(v))
		return wrong_type(x, at, v, "an object");
	json_object_foreach(v, name, item)
	{
		const struct key *k = key_of(s, name);
		char sub[160], shown[64];
		int r;

		snprintf(sub, sizeof(sub), "%s/%s", at,
			 str_escape(name, shown, sizeof(shown)));
		if (!k)
			return unknown_key(x, sub, s, name);
		r = k->read(x, sub, item,
			    k->offset == SIZE_MAX ? NULL
						  : (char *)base + k->offset);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
check_retention(struct ctx *x)
{
	const struct audit_config *c = x->c;

	if (c->short_retention && !x->host)
		return jsonc_fail(&x->doc, x->e, "/short_retention",
				  "only " HOST_FILE " may say so");
	if (c->retention_days >= AUDIT_RETENTION_FLOOR_DAYS ||
	    c->short_retention)
		return 0;
	jsonc_fail(&x->doc, x->e, "/retention_days",
		   "%u days is below the floor of %u", c->retention_days,
		   AUDIT_RETENTION_FLOOR_DAYS);
	err_cure(x->e, "records of agents are to be kept for six months "
		       "(Regulation (EU) 2024/1689, articles 19 and 26); a "
		       "host that is sure says \"short_retention\": true");
	return -EINVAL;
}

int
audit_config_parse(struct audit_config *c, const char *name, const char *text,
		   size_t len, bool host, struct err *e)
{
	const struct section top = { top_keys, ARRAY_SIZE(top_keys) };
	struct ctx x = { .c = c, .host = host, .e = e };
	int r = jsonc_parse(name, text, len, FILE_MAX, DEPTH_MAX, &x.doc, e);

	if (r < 0)
		return r;
	r = read_section(&x, "", x.doc.root, &top, c);
	if (r >= 0)
		r = check_retention(&x);
	jsonc_done(&x.doc);
	return r;
}
