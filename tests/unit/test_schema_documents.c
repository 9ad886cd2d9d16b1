/* links: lib policy sandbox profiles */
/*
 * Documents beside the shipped schema: what loads is as it says, and of what
 * does not load it refuses all that is a matter of form.
 */
#include "profiles/rules-internal.h"

#include "lib/fd.h"
#include "tests/tap.h"
#include "tests/tools/json_schema.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

static bool
schema_takes(const json_t *root, const char *label, const char *text, size_t n,
	     char *why, size_t size)
{
	struct err e = ERR_INIT;
	struct jsonc doc;
	bool ok;

	if (jsonc_parse(label, text, n, PROFILE_SIZE_MAX, PROFILE_DEPTH_MAX,
			&doc, &e) < 0)
		FAIL("%s", e.text);
	ok = json_schema_ok(root, root, doc.root, why, size);
	jsonc_done(&doc);
	return ok;
}

static void
for_each_file(const char *folder, const char *suffix,
	      void (*fn)(const json_t *root, const char *path, const char *text,
			 size_t n))
{
	json_t *root = json_schema_shipped();
	char dir[512], path[800];
	unsigned int seen = 0;
	DIR *d;

	snprintf(dir, sizeof(dir), "%s/%s", tap_srcdir(), folder);
	d = opendir(dir);
	ASSERT_NOT_NULL(d);
	for (struct dirent *de; (de = readdir(d));) {
		const char *dot = strrchr(de->d_name, '.');
		char *text;
		ssize_t n;

		if (!dot || strcmp(dot, suffix) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		n = ASSERT_OK(fd_read_file(AT_FDCWD, path, 1 << 21, &text));
		fn(root, path, text, (size_t)n);
		free(text);
		seen++;
	}
	closedir(d);
	json_decref(root);
	ASSERT_GE(seen, 4);
}

static void
good_file(const json_t *root, const char *path, const char *text, size_t n)
{
	char why[256];

	if (!schema_takes(root, path, text, n, why, sizeof(why)))
		FAIL("%s: the schema refuses it: %s", path, why);
}

static void
group_file(const json_t *root, const char *path, const char *text, size_t n)
{
	const json_t *group =
		json_object_get(json_object_get(root, "$defs"), "group");
	struct err e = ERR_INIT;
	struct jsonc doc;
	char why[256];

	if (jsonc_parse(path, text, n, PROFILE_SIZE_MAX, PROFILE_DEPTH_MAX,
			&doc, &e) < 0)
		FAIL("%s", e.text);
	if (!json_schema_ok(root, group, doc.root, why, sizeof(why)))
		FAIL("%s: the schema refuses it: %s", path, why);
	jsonc_done(&doc);
}

TEST(groups_are_valid)
{
	for_each_file("profiles/groups", ".json", group_file);
}

TEST(good_profiles_are_valid)
{
	for_each_file("profiles", ".json", good_file);
	for_each_file("tests/fixtures/profiles/good", ".json", good_file);
}

/* A schema says of the form alone; these words of an error are about it. */
static bool
is_about_form(const char *error)
{
	static const char *const words[] = {
		"unknown key",	   "unknown word",	 "expected ",
		"is missing",	   "empty list",	 "is not an id:",
		"an empty object", "out of range: only", "entries; at most",
	};

	/* what a value may be depends on what is looked at */
	if (strstr(error, "/value"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strstr(error, words[i]))
			return true;
	return false;
}

static unsigned int refused;

static void
bad_file(const json_t *root, const char *path, const char *text, size_t n)
{
	struct err e = ERR_INIT;
	struct profile *p;
	struct jsonc doc;
	bool ok;

	if (jsonc_parse(path, text, n, PROFILE_SIZE_MAX, PROFILE_DEPTH_MAX,
			&doc, NULL) < 0)
		return;
	ok = json_schema_ok(root, root, doc.root, NULL, 0);
	jsonc_done(&doc);
	if (profile_parse(path, text, n, &p, &e) >= 0) {
		profile_free(p);
		return; /* bad only beside its companions */
	}
	if (ok && is_about_form(e.text))
		FAIL("%s: the schema takes it", e.text);
	refused += !ok;
}

TEST(bad_profiles_are_refused)
{
	for_each_file("tests/fixtures/profiles/bad", ".json", bad_file);
	ASSERT_GE(refused, 40);
}

/* The shipped profiles load, are named as their files, and hold the schema's
 * words only (the loader just said so). */
TEST(shipped_profiles_load)
{
	static const char *const names[] = { "default", "dev", "build",
					     "offline" };
	char dir[512];
	const char *const search[] = { dir, NULL };

	snprintf(dir, sizeof(dir), "%s/profiles", tap_srcdir());
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct err e = ERR_INIT;
		struct profile *p;

		if (profile_load(names[i], search, &p, &e) < 0)
			FAIL("%s", e.text);
		ASSERT_STREQ(p->name, names[i]);
		profile_free(p);
	}
}
