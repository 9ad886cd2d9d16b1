/*
 * Walks a parsed profile along the table of keys. What always holds: the
 * profile is as its defaults say wherever the file is silent; the first
 * mistake ends the load and names its line, its place and, where there is one,
 * the key or word that was probably meant.
 */
#include "profiles/loader-internal.h"

#include "lib/str.h"

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

static int
unknown_key(struct load *l, const struct profile_key *k, const char *name)
{
	const char *names[WORDS_MAX + 1], *hint;
	char shown[80];
	size_t n = 0;

	for (; n < WORDS_MAX && k->sub[n].name; n++)
		names[n] = k->sub[n].name;
	names[n] = NULL;
	hint = str_suggest(name, names);
	str_escape(name, shown, sizeof(shown));
	load_enter(l, name);
	if (hint)
		return jsonc_fail(l->doc, l->e, l->at,
				  "unknown key \"%s\"; did you mean \"%s\"?",
				  shown, hint);
	return jsonc_fail(l->doc, l->e, l->at, "unknown key \"%s\"", shown);
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
			return unknown_key(l, k, name);
		back = load_enter(l, name);
		r = load_value(l, sub, value);
		if (r < 0)
			return r;
		l->at[back] = '\0';
	}
	for (sub = k->sub; sub->name; sub++)
		if (sub->flags & KEY_REQUIRED && !json_object_get(j, sub->name))
			return jsonc_fail(l->doc, l->e, l->at,
					  "the key \"%s\" is missing",
					  sub->name);
	return 0;
}

static int
load_value(struct load *l, const struct profile_key *k, json_t *j)
{
	switch (k->type) {
	case KEY_OBJECT:
		return load_object(l, k, j);
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
static void
derive(struct profile *p, const json_t *root)
{
	const json_t *limits =
		json_object_get(json_object_get(root, "process"), "limits");

	/* The same bound twice: where no cgroup can be had, this one holds. */
	if (!json_object_get(limits, "nproc"))
		p->process.nproc = p->process.cgroup.pids;
	if (p->process.timeout_us == CGROUP_UNLIMITED)
		p->process.timeout_us = 0;
	if (p->files.workspace_max == CGROUP_UNLIMITED)
		p->files.workspace_max = 0;
}

int
loader_fill(const struct jsonc *doc, struct profile *p, struct err *e)
{
	struct load l = { .doc = doc, .p = p, .e = e };
	int r = set_defaults(&l, &profile_root);

	if (r < 0)
		return err_sys(e, r, "%s", doc->label);
	r = load_object(&l, &profile_root, doc->root);
	if (r >= 0)
		derive(p, doc->root);
	return r;
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
