/*
 * Facts of one record. What always holds: they come from the log alone; what a
 * field says that cannot be read is left out; for an agent a fact is left out
 * unless it is known to be the agent's own matter.
 */
#include "query/why-internal.h"

#include "policy/decide.h"
#include "policy/inputs.h"

#include <string.h>

/* Pieces */

json_t *
why_field(const struct record *r, enum field_id id)
{
	struct field v;

	if (!record_get(r, id, &v))
		return NULL;
	switch (field_kind(id)) {
	case AS_UINT:
		return json_integer((json_int_t)record_u64(v.bytes));
	case AS_TEXT:
		return json_stringn((const char *)v.bytes, v.len);
	case AS_JSON:
		return json_loadb((const char *)v.bytes, v.len,
				  JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	default:
		return NULL;
	}
}

void
why_add(json_t *o, const char *name, const struct record *r, enum field_id id)
{
	json_t *v = why_field(r, id);

	if (v)
		(void)json_object_set_new(o, name, v);
}

/* One reference token, unescaped (RFC 6901). -EINVAL: too long. */
static int
token(const char *s, size_t n, char *buf, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (len + 1 >= size)
			return -EINVAL;
		if (s[i] == '~' && i + 1 < n)
			buf[len++] = s[++i] == '1' ? '/' : '~';
		else
			buf[len++] = s[i];
	}
	buf[len] = '\0';
	return 0;
}

static json_t *
step_into(json_t *v, const char *name)
{
	char *end;
	unsigned long i;

	if (!json_is_array(v))
		return json_object_get(v, name);
	i = strtoul(name, &end, 10);
	return *name && !*end ? json_array_get(v, i) : NULL;
}

json_t *
why_pointer(json_t *root, const char *pointer)
{
	char name[512];

	while (root && *pointer == '/') {
		size_t n = strcspn(++pointer, "/");

		if (token(pointer, n, name, sizeof(name)) < 0)
			return NULL;
		root = step_into(root, name);
		pointer += n;
	}
	return root;
}

/* "withheld (40 bytes)" for a marker, or NULL: it is none. */
static json_t *
marker_text(const json_t *v)
{
	const json_t *bytes = json_object_get(v, "bytes");

	if (!json_object_get(v, INPUTS_WITHHELD))
		return NULL;
	return bytes ? json_sprintf("withheld (%lld bytes)",
				    (long long)json_integer_value(bytes))
		     : json_string("withheld");
}

/* Replaces markers below v. Depth is bounded by jansson. */
static void
name_markers(json_t *v)
{
	const char *key;
	json_t *item, *text;
	void *tmp;
	size_t i;

	json_object_foreach_safe(v, tmp, key, item)
	{
		text = marker_text(item);
		if (text)
			(void)json_object_set_new(v, key, text);
		else
			name_markers(item);
	}
	json_array_foreach(v, i, item)
	{
		text = marker_text(item);
		if (text)
			(void)json_array_set_new(v, i, text);
		else
			name_markers(item);
	}
}

void
why_value(const json_t *v, char *buf, size_t size)
{
	json_t *shown = v ? json_deep_copy(v) : NULL, *text = marker_text(v);
	char *s = NULL;

	if (text) {
		snprintf(buf, size, "%s", json_string_value(text));
	} else if (!v) {
		snprintf(buf, size, "missing");
	} else {
		name_markers(shown);
		s = json_dumps(shown, JSON_ENCODE_ANY | JSON_COMPACT |
					      JSON_ENSURE_ASCII);
		if ((size_t)snprintf(buf, size, "%s", s ? s : "?") >= size)
			memcpy(buf + size - 4, "...", 4);
	}
	free(s);
	json_decref(text);
	json_decref(shown);
}

/* Gathering */

static void
keep(struct why *w, size_t i, const struct record *r, struct record *ret)
{
	memcpy(w->bytes[i], r->bytes, r->size);
	(void)record_parse(w->bytes[i], r->size, ret);
}

static int
gather_who(struct why *w, struct err *e)
{
	struct record r;
	int k = trail_who(w->t, &w->r, &r, e);

	if (k > 0) {
		keep(w, 1, &r, &w->who);
		w->has_who = true;
	}
	return k;
}

/* The outcome of an intent, or the record that something belongs to. */
static int
gather_others(struct why *w, struct err *e)
{
	struct record r;
	int k;

	if (w->r.type == RECORD_INTENT) {
		k = trail_outcome(w->t, w->r.seq, &r, e);
		if (k > 0)
			keep(w, 2, &r, &w->outcome);
		w->has_outcome = k > 0;
		return k;
	}
	if (!w->r.ref || w->r.type == RECORD_CHANNEL)
		return 0;
	k = trail_get(w->t, w->r.ref, &r, e);
	if (k > 0)
		keep(w, 3, &r, &w->part_of);
	w->has_part_of = k > 0;
	return k;
}

/* 1; 0: no such record, or another's. An outcome is explained by its intent. */
static int
gather(struct why *w, uint64_t seq, struct err *e)
{
	struct record r;
	int k = trail_get(w->t, seq, &r, e);

	if (k > 0 && r.type == RECORD_OUTCOME && r.ref && r.ref < seq)
		k = trail_get(w->t, r.ref, &r, e);
	if (k <= 0)
		return k;
	keep(w, 0, &r, &w->r);
	k = gather_who(w, e);
	if (k < 0)
		return k;
	if (w->o->run &&
	    !(w->has_who && render_is(&w->who, FIELD_RUN, w->o->run)))
		return 0;
	k = gather_others(w, e);
	return k < 0 ? k : 1;
}

/* Facts */

static const char *
verdict_word(const struct record *r)
{
	static const struct {
		const char *effect, *word;
	} words[] = {
		{ "allow", "allowed" },
		{ "limit", "allowed, limited" },
		{ "redact", "allowed, redacted" },
		{ "ask", "asked first" },
		{ "deny", "denied" },
		{ "none", "denied" },
		{ "prohibit", "prohibited" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (render_is(r, FIELD_EFFECT, words[i].effect))
			return words[i].word;
	return NULL;
}

static void
add_who(const struct why *w, json_t *o)
{
	if (!w->has_who)
		return;
	why_add(o, "agent", &w->who, FIELD_AGENT);
	why_add(o, "run", &w->who, FIELD_RUN);
	why_add(o, "box", &w->who, FIELD_INSTANCE);
	why_add(o, "name", &w->who, FIELD_NAME);
	why_add(o, "owner", &w->who, FIELD_OWNER);
	why_add(o, "role", &w->who, FIELD_ROLE);
	if (!w->o->as_agent)
		why_add(o, "on_behalf_of", &w->who, FIELD_ON_BEHALF_OF);
}

static void
add_what(const struct why *w, json_t *o)
{
	const struct record *r = &w->r;
	const char *verdict = r->type == RECORD_INTENT ? verdict_word(r) : NULL;

	if (verdict)
		(void)json_object_set_new(o, "verdict", json_string(verdict));
	why_add(o, "what", r, FIELD_WHAT);
	why_add(o, "target", r, FIELD_TARGET);
	why_add(o, "surface", r, FIELD_SURFACE);
	why_add(o, "class", r, FIELD_CLASS);
	why_add(o, "effect", r, FIELD_EFFECT);
	why_add(o, "reason", r, FIELD_REASON);
	if (r->type == RECORD_INTENT)
		(void)json_object_set_new(
			o, "goes_ahead",
			json_boolean(record_get_uint(r, FIELD_GOES_AHEAD)));
	if (w->inputs)
		(void)json_object_set(o, "asked", w->inputs);
	why_add(o, "command", r, FIELD_COMMAND);
}

/* Who of the host asked, and what they said. */
static void
add_by(const struct why *w, json_t *o)
{
	json_t *by;

	if (w->o->as_agent)
		return;
	by = json_object();
	why_add(by, "uid", &w->r, FIELD_BY_UID);
	why_add(by, "pid", &w->r, FIELD_BY_PID);
	why_add(by, "why", &w->r, FIELD_WHY);
	if (json_object_size(by))
		(void)json_object_set(o, "by", by);
	json_decref(by);
}

/* Records that are no actions: all that they say. */
static void
add_fields(const struct why *w, json_t *o)
{
	json_t *all;
	struct field v;
	size_t at = 0;

	if (w->r.type == RECORD_INTENT || w->o->as_agent)
		return;
	all = json_object();
	while (record_next(&w->r, &at, &v))
		if (field_name(v.id))
			why_add(all, field_name(v.id), &w->r,
				(enum field_id)v.id);
	(void)json_object_set_new(o, "fields", all);
}

static void
add_part_of(const struct why *w, json_t *o)
{
	json_t *p;

	if (!w->has_part_of)
		return;
	p = json_pack("{sI}", "seq", (json_int_t)w->part_of.seq);
	why_add(p, "what", &w->part_of, FIELD_WHAT);
	why_add(p, "target", &w->part_of, FIELD_TARGET);
	(void)json_object_set_new(o, "part_of", p);
}

static json_t *
facts(struct why *w)
{
	char time[RENDER_TIME_MAX], type[RENDER_TYPE_MAX];
	json_t *o = json_pack("{sI ss ss}", "seq", (json_int_t)w->r.seq, "time",
			      render_time(w->r.time_us, true, time), "type",
			      render_type(&w->r, type));
	const char *says = record_type_text(w->r.type);

	if (!o)
		return NULL;
	(void)json_object_set_new(o, "time_us",
				  json_integer((json_int_t)w->r.time_us));
	if (w->r.type != RECORD_INTENT && says)
		(void)json_object_set_new(o, "says", json_string(says));
	add_who(w, o);
	add_what(w, o);
	if (w->decision)
		why_decision(w, o);
	else
		why_refused(w, o);
	add_by(w, o);
	why_outcome(w, o);
	add_part_of(w, o);
	add_fields(w, o);
	return o;
}

int
why_facts(struct trail *t, const struct why_options *opt, uint64_t seq,
	  json_t **ret, struct err *e)
{
	struct why *w = calloc(1, sizeof(*w));
	json_t *o = NULL;
	int k;

	if (!w)
		return err_sys(e, ENOMEM, "why");
	w->t = t;
	w->o = opt;
	k = gather(w, seq, e);
	if (k > 0) {
		w->inputs = why_field(&w->r, FIELD_INPUTS);
		w->decision = why_field(&w->r, FIELD_DECISION);
		o = facts(w);
		json_decref(w->inputs);
		json_decref(w->decision);
		k = o ? 1 : err_sys(e, ENOMEM, "why");
	}
	free(w);
	if (k > 0)
		*ret = o;
	return k;
}

/* The last one */

static int
take_last(void *arg, const struct record *r, const struct record *who,
	  struct err *e)
{
	(void)who;
	(void)e;
	*(uint64_t *)arg = r->seq;
	return 0;
}

int
why_last(struct trail *t, const struct filter *f, uint64_t *ret, struct err *e)
{
	static const char *const effects[] = { "deny", "ask", "prohibit",
					       "none" };
	struct filter mine = *f;
	int64_t n;

	mine.types = 0;
	filter_type(&mine, RECORD_INTENT);
	if (!mine.key[FILTER_EFFECT].n)
		for (size_t i = 0; i < ARRAY_SIZE(effects); i++)
			(void)filter_add(&mine, FILTER_EFFECT, effects[i], e);
	mine.limit = 1;
	n = trail_find(t, &mine, take_last, ret, e);
	return n < 0 ? (int)n : n > 0;
}
