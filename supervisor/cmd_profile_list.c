/*
 * agentbox profile list: what can be named, from which folder it comes, and
 * what is hidden behind a profile of the same name in a folder that is looked
 * into earlier. A profile that does not load is in the list with its error, and
 * is no failure of the list.
 */
#include "supervisor/cmd_profile-internal.h"

#include "lib/str.h"

#include <dirent.h>
#include <getopt.h>
#include <string.h>

#define NAMES_MAX 1024 /* of one folder */

static const char usage[] =
	"Usage: agentbox profile list [--json]\n"
	"\n"
	"Lists the profiles in the folders that `agentbox run --profile NAME` "
	"looks\n"
	"into: the user's, the host's (/etc/agentbox/profiles), and those that "
	"came\n"
	"with agentbox. A profile that is shadowed by an earlier one of the "
	"same name\n"
	"is marked; one that does not load is shown with its error.\n"
	"\n"
	"  -j, --json   an array of objects\n"
	"  -h, --help   this text\n"
	"\n"
	"Exit status: 0; 125 when agentbox itself failed.\n";

static const char *
from_name(const struct pc *pc, const char *dir)
{
	if (dir == pc->paths.user)
		return "user";
	return dir == pc->paths.profiles ? "shipped" : "host";
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* NAME of each NAME.json, sorted. */
static int
read_folder(const char *dir, struct strv *ret)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	int r = 0;

	while (d && r >= 0 && ret->n < NAMES_MAX && (de = readdir(d))) {
		size_t n = strlen(de->d_name);
		char name[NAME_MAX + 1];

		if (n < 6 || strcmp(de->d_name + n - 5, ".json") != 0)
			continue;
		memcpy(name, de->d_name, n - 5);
		name[n - 5] = '\0';
		if (str_is_name(name))
			r = strv_add(ret, name);
	}
	if (d)
		closedir(d);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	return r;
}

static json_t *
describe(const struct pc *pc, const char *dir, const char *name, bool shadowed)
{
	char path[2 * PATH_MAX];
	struct profile *p = NULL;
	struct err e = ERR_INIT;
	json_t *j = json_object();

	snprintf(path, sizeof(path), "%s/%s.json", dir, name);
	json_object_set_new(j, "name", json_string(name));
	json_object_set_new(j, "from", json_string(from_name(pc, dir)));
	json_object_set_new(j, "path", pc_string(path));
	json_object_set_new(j, "shadowed", json_boolean(shadowed));
	if (profile_load(path, pc->paths.search, &p, &e) < 0) {
		json_object_set_new(j, "error", pc_string(e.text));
		json_object_set_new(j, "cure", pc_string(e.cure));
		return j;
	}
	json_object_set_new(j, "role", json_string(profile_role_name(p->role)));
	json_object_set_new(
		j, "mode",
		json_string(p->mode == MODE_OBSERVE ? "observe" : "enforce"));
	json_object_set_new(j, "purpose",
			    p->purpose ? pc_string(p->purpose) : json_null());
	json_object_set_new(j, "owner",
			    p->owner ? pc_string(p->owner) : json_null());
	profile_free(p);
	return j;
}

static int
collect(const struct pc *pc, json_t *list)
{
	struct strv seen = { 0 };
	int r = 0;

	for (const char *const *dir = pc->paths.search; *dir && r >= 0; dir++) {
		struct strv names = { 0 };

		r = read_folder(*dir, &names);
		for (size_t i = 0; i < names.n && r >= 0; i++) {
			bool shadowed = strv_has(&seen, names.v[i]);

			json_array_append_new(
				list, describe(pc, *dir, names.v[i], shadowed));
			if (!shadowed)
				r = strv_add(&seen, names.v[i]);
		}
		strv_done(&names);
	}
	strv_done(&seen);
	return r;
}

static const char *
text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static void
print_table(const json_t *list)
{
	size_t i;
	json_t *j;

	printf("%-20s %-8s %-8s %-8s %s\n", "NAME", "ROLE", "MODE", "FROM",
	       "PURPOSE");
	json_array_foreach(list, i, j)
	{
		bool broken = json_object_get(j, "error");
		char shown[512];

		pc_shown(text_of(j, broken ? "error" : "purpose"), shown,
			 sizeof(shown));
		printf("%-20s %-8s %-8s %-8s %s%s%s\n", text_of(j, "name"),
		       broken ? "-" : text_of(j, "role"),
		       broken ? "-" : text_of(j, "mode"), text_of(j, "from"),
		       json_is_true(json_object_get(j, "shadowed"))
			       ? "(shadowed) "
			       : "",
		       broken ? "broken: " : "", shown);
	}
}

int
cmd_profile_list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct pc pc = { .json = false };
	struct err e = ERR_INIT;
	json_t *list;
	int c;

	while ((c = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout), PC_DONE;
		if (c != 'j')
			return pc_usage("list");
		pc.json = true;
	}
	if (optind < argc)
		return pc_usage("list");
	if (paths_find(&pc.paths, &e) < 0)
		return pc_fail(&pc, &e);
	list = json_array();
	if (!list || collect(&pc, list) < 0) {
		json_decref(list);
		err_sys(&e, ENOMEM, "list of profiles");
		return pc_fail(&pc, &e);
	}
	if (pc.json)
		return pc_print(list);
	print_table(list);
	json_decref(list);
	return pc_end(PC_DONE);
}
