/*
 * Walks a parsed profile along the table of keys. What always holds: the
 * profile is as its defaults say wherever the file is silent; the first
 * mistake ends the load and names its line, its place and, where there is one,
 * the key or word that was probably meant.
 */
#include "profiles/loader-internal.h"

#include "lib/str.h"

#include <stdarg.h>
#include <string.h>

#define WORDS_MAX 32

size_t
load_enter(struct load *l, const char *segment)
{
	size_t n = strlen(l->at), i = n;

	if (i + 1 < sizeof(l->at))
		l->at[i++] = '/';
	for (; *segment && i + 2 < sizeof(l->at); segment++) {
		if (*segment == '~' || *segment == '/') {
			l->at[i++] = '~';
			l->at[i++] = *segment == '~' ? '0' : '1';
		} else {
			l->at[i++] = *segment;
		}
	}
	l->at[i] = '\0';
	return n;
}

size_t
load_enter_index(struct load *l, size_t i)
{
	char s[24];

	snprintf(s, sizeof(s), "%zu", i);
	return load_enter(l, s);
}

void *
load_member(struct load *l, const struct profile_key *k)
{
	return (char *)l->p + k->off;
}

/* Objects */

int
load_fail(struct load *l, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return jsonc_fail(l->doc, l->e, l->at, "%s", text);
}

int
load_expected(struct load *l, const char *what, const json_t *j)
{
	return load_fail(l, "expected %s, found %s", what, load_found_name(j));
}

int
load_unknown_key(struct load *l, const char *name, const char *const *names)
{
	const char *hint = str_suggest(name, names);
	char shown[80];

	str_escape(name, shown, sizeof(shown));
	load_enter(l, name);
	if (hint)
		return load_fail(l, "unknown key \"%s\"; did you mean \"%s\"?",
				 shown, hint);
	return load_fail(l, "unknown key \"%s\"", shown);
}

/* Does this kind of document know the key? */
static bool
is_known(const struct load *l, const struct profile_key *k)
{
	uint32_t kinds = k->kinds ? k->kinds : IN(AGENT) | IN(RUN);

	return kinds & 1u << l->p->kind;
}

static int
unknown_key(struct load *l, const struct profile_key *k, const char *name)
{
	const char *names[WORDS_MAX + 1];
	size_t n = 0;

	for (; n < WORDS_MAX && k->name; k++)
		if (is_known(l, k))
			names[n++] = k->name;
	names[n] = NULL;
	return load_unknown_key(l, name, names);
}

static int
key_of_others(struct load *l, const char *name)
{
	static const char *const kinds[] = {
		[PROFILE_AGENT] = "a profile",
		[PROFILE_HOST] = "the host's policy",
		[PROFILE_GROUP] = "a group",
		[PROFILE_RUN] = "a document that narrows a run",
	};

	load_enter(l, name);
	return load_fail(l, "\"%s\" has no place in %s", name,
			 kinds[l->p->kind]);
}

static const struct profile_key *
find_key(const struct profile_key *k, const char *name)
{
	for (k = k->sub; k->name; k++)
		if (!strcmp(k->name, name))
			return k;
	return NULL;
}

static int load_value(struct load *l, const struct profile_key *k, json_t *j);

static bool
is_missing(const struct load *l, const struct profile_key *k, const json_t *j)
{
	return k->flags & KEY_REQUIRED && is_known(l, k) &&
	       !(k->optional & 1u << l->p->kind) &&
	       !json_object_get(j, k->name);
}

static int
load_object(struct load *l, const struct profile_key *k, json_t *j)
{
	const struct profile_key *sub;
	const char *name;
	json_t *value;
	int r;

	if (!json_is_object(j))
		return load_wrong_type(l, k, j);
	json_object_foreach(j, name, value)
	{
		size_t back;

		sub = find_key(k, name);
		if (!sub)
			return unknown_key(l, k->sub, name);
		if (!is_known(l, sub))
			return key_of_others(l, name);
		back = load_enter(l, name);
		r = load_value(l, sub, value);
		if (r < 0)
			return r;
		l->at[back] = '\0';
	}
	for (sub = k->sub; sub->name; sub++)
		if (is_missing(l, sub, j))
			return load_fail(l, "the key \"%s\" is missing",
					 sub->name);
	return 0;
}

/* Remembers that the file has a word on the key. */
static void
say(struct load *l, const struct profile_key *k)
{
	_Static_assert(sizeof(struct profile) <= 8 * PROFILE_SAID_MAX,
		       "a bit for each byte");
	l->p->said[k->off / 8] |= (uint8_t)(1u << k->off % 8);
}

bool
loader_said(const struct profile *p, const struct profile_key *k)
{
	return p->said[k->off / 8] & 1u << k->off % 8;
}

static int
load_value(struct load *l, const struct profile_key *k, json_t *j)
{
	say(l, k);
	switch (k->type) {
	case KEY_OBJECT:
		return load_object(l, k, j);
	case KEY_HAND:
		return k->hand(l, k, j);
	case KEY_BOOL:
		return load_bool(l, k, j);
	case KEY_WORD:
		return load_word(l, k, j);
	case KEY_BITS:
		return load_bits(l, k, j);
	case KEY_TEXT:
		return load_text(l, k, j);
	case KEY_LIST:
		return load_list(l, k, j);
	case KEY_MAP:
		return load_map(l, k, j);
	default:
		return load_number(l, k, j);
	}
}

/* Defaults */

/* Absent numbers are "unlimited", texts NULL, lists empty. */
static int
set_defaults(struct load *l, const struct profile_key *k)
{
	int r = 0;

	for (k = k->sub; k->name && r >= 0; k++) {
		if (k->type == KEY_OBJECT)
			r = set_defaults(l, k);
		else if (k->type == KEY_LIST && k->def)
			r = strv_add(load_member(l, k), k->def);
		else if (k->type == KEY_INT || k->type == KEY_SIZE ||
			 k->type == KEY_TIME || k->type == KEY_PERCENT)
			r = load_default_number(l, k);
	}
	return r;
}

/* What the table cannot say. */
void
loader_derive(struct profile *p)
{
	size_t nproc = offsetof(struct profile, process.nproc);
	uint64_t *none[] = {
		&p->process.timeout_us, &p->files.workspace_max,
		&p->session.ttl_us,	&p->session.idle_us,
		&p->network.sent,	&p->network.received,
		&p->network.rate_sent,	&p->network.rate_received,
		&p->network.idle_us,	&p->network.lifetime_us,
	};

	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (*none[i] == CGROUP_UNLIMITED)
			*none[i] = 0;
	/* The same bound twice: where no cgroup can be had, this one holds. */
	if (p->said[nproc / 8] & 1u << nproc % 8)
		return;
	if (!p->n_parents || p->process.cgroup.pids < p->process.nproc)
		p->process.nproc = p->process.cgroup.pids;
}

int
loader_fill(const struct jsonc *doc, struct profile *p, struct err *e)
{
	struct load l = { .doc = doc, .p = p, .e = e };
	int r = set_defaults(&l, &profile_root);

	if (r < 0)
		return err_sys(e, r, "%s", doc->label);
	r = load_object(&l, &profile_root, doc->root);
	if (r < 0)
		return r;
	if (!json_object_get(doc->root, "ceiling"))
		p->ceiling = json_object_get(doc->root, "role")
				     ? profile_role_ceiling(p->role)
				     : CLASS_SPAWN;
	return 0;
}

static void
clear_keys(struct profile *p, const struct profile_key *k)
{
	for (k = k->sub; k->name; k++) {
		void *at = (char *)p + k->off;

		if (k->type == KEY_OBJECT)
			clear_keys(p, k);
		else if (k->type == KEY_TEXT)
			free_ptr(at);
		else if (k->type == KEY_LIST || k->type == KEY_MAP)
			strv_done(at);
	}
}

void
loader_clear(struct profile *p)
{
	clear_keys(p, &profile_root);
}
