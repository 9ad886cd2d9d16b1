/*
 * agentbox profile check: what is wrong with a profile (it does not load), and
 * what loads and is still not what its author means (profiles/lint.h), for this
 * machine. One line for each finding, as compilers print them, so that editors
 * jump there.
 */
#include "supervisor/cmd_profile-internal.h"

#include "lib/str.h"
#include "profiles/lint.h"
#include "sandbox/probe.h"
#include "supervisor/doctor.h"

#include <dirent.h>
#include <getopt.h>
#include <string.h>

static const char usage[] =
	"Usage: agentbox profile check [--strict] [--json] [PROFILE...]\n"
	"\n"
	"Says what is wrong with profiles, and what is probably not meant: "
	"rules that\n"
	"never act, grants that are wider than need be, duties that belong in "
	"two\n"
	"hands, classes above the role, layers that this kernel does not have. "
	"Each\n"
	"with its place and, where there is one, a cure. Without a PROFILE, "
	"every\n"
	"profile that `agentbox profile list` shows.\n"
	"\n"
	"  -s, --strict   warnings count as errors\n"
	"  -j, --json     an array of objects\n"
	"  -h, --help     this text\n"
	"\n"
	"Exit status: 0; 1 when there is an error; 125 when agentbox itself "
	"failed.\n";

struct check {
	struct pc pc;
	bool strict;
	struct lint_host host;
	size_t checked, errors, warnings, notes;
	json_t *list; /* with --json */
};

static void
say(struct check *c, const struct lint_finding *f, const char *profile)
{
	char text[2 * ERR_TEXT_MAX], file[1024];
	json_t *o;

	c->errors += f->severity == LINT_ERROR;
	c->warnings += f->severity == LINT_WARNING;
	c->notes += f->severity == LINT_NOTE;
	if (c->pc.json) {
		o = json_object();
		json_object_set_new(o, "profile", pc_string(profile));
		json_object_set_new(
			o, "severity",
			json_string(lint_severity_name(f->severity)));
		json_object_set_new(o, "code", json_string(f->code));
		json_object_set_new(o, "file",
				    f->file ? pc_string(f->file) : json_null());
		json_object_set_new(o, "line", json_integer(f->line));
		json_object_set_new(o, "at",
				    f->at ? pc_string(f->at) : json_null());
		json_object_set_new(o, "text", pc_string(f->text));
		json_object_set_new(o, "cure",
				    f->cure ? pc_string(f->cure) : json_null());
		json_array_append_new(c->list, o);
		return;
	}
	printf("%s", pc_shown(f->file ? f->file : profile, file, sizeof(file)));
	if (f->line)
		printf(":%u", f->line);
	printf(": %s: %s%s%s\n", lint_severity_name(f->severity),
	       f->at ? f->at : "", f->at && *f->at ? ": " : "",
	       pc_shown(f->text, text, sizeof(text)));
	if (f->cure && *f->cure)
		printf("    cure: %s\n", pc_shown(f->cure, text, sizeof(text)));
}

/* It does not load: the error is the one finding. */
static void
say_error(struct check *c, const struct err *e, const char *profile)
{
	struct pc_place at;
	struct lint_finding f = { .severity = LINT_ERROR, .code = "load" };
	char cure[sizeof(e->cure)];

	pc_place(e->text, &at);
	snprintf(cure, sizeof(cure), "%s", e->cure);
	f.file = at.line ? at.file : NULL;
	f.line = at.line;
	f.at = *at.at ? at.at : NULL;
	f.text = at.text;
	f.cure = *cure ? cure : NULL;
	say(c, &f, profile);
}

static void
check_one(struct check *c, const char *name)
{
	struct pc_profile v = { 0 };
	struct lint l = { 0 };
	struct err e = ERR_INIT;
	int r = pc_open(&c->pc, name, &v, &e);

	c->checked++;
	if (r < 0) {
		say_error(c, &e, name);
		return;
	}
	r = profile_lint(v.p, &v.spec, &c->host, &l);
	for (size_t i = 0; i < l.n; i++)
		say(c, &l.v[i], name);
	if (r < 0 || l.failed) {
		err_sys(&e, r < 0 ? r : -ENOMEM, "the check of %s", name);
		say_error(c, &e, name);
	}
	lint_done(&l);
	pc_close(&v);
}

/* What this machine can hold, for "unenforceable on this kernel". */
static void
look_at_host(struct lint_host *h)
{
	struct doctor d = { .profile = "default", .workspace = "." };

	doctor_look(&d);
	h->kernel_major = d.machine.kernel.major;
	h->kernel_minor = d.machine.kernel.minor;
	h->landlock_abi = MAX(d.landlock, 0);
	h->layers_known = true;
	for (int l = 0; l < LAYER_MAX; l++)
		if (d.layer[l].state == DOCTOR_YES ||
		    d.layer[l].state == DOCTOR_WEAKER ||
		    d.layer[l].state == DOCTOR_UNUSED)
			h->layers |= LAYER_BIT(l);
	h->wall_us = pc_now_us();
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every file of the folders, shadowed ones too. */
static int
all_files(const struct pc *pc, struct strv *ret)
{
	int r = 0;

	for (const char *const *dir = pc->paths.search; *dir && r >= 0; dir++) {
		DIR *d = opendir(*dir);
		struct dirent *de;
		size_t from = ret->n;

		while (d && r >= 0 && (de = readdir(d))) {
			size_t n = strlen(de->d_name);

			if (*de->d_name != '.' && n > 5 &&
			    !strcmp(de->d_name + n - 5, ".json"))
				r = strv_take(ret, str_printf("%s/%s", *dir,
							      de->d_name));
		}
		if (d)
			closedir(d);
		if (ret->n > from)
			qsort(ret->v + from, ret->n - from, sizeof(*ret->v),
			      by_name);
	}
	return r;
}

static int
answer(struct check *c)
{
	int status = c->errors || (c->strict && c->warnings) ? PC_NO : PC_DONE;

	if (c->pc.json)
		return pc_print(c->list) == PC_DONE ? status : PC_FAILED;
	printf("%zu checked: %zu errors, %zu warnings, %zu notes\n", c->checked,
	       c->errors, c->warnings, c->notes);
	return pc_end(status);
}

static int
check(struct check *c, char *const *names, size_t n)
{
	struct strv all = { 0 };
	struct err e = ERR_INIT;

	if (paths_find(&c->pc.paths, &e) < 0)
		return pc_fail(&c->pc, &e);
	if (!n && all_files(&c->pc, &all) < 0) {
		strv_done(&all);
		err_sys(&e, ENOMEM, "list of profiles");
		return pc_fail(&c->pc, &e);
	}
	look_at_host(&c->host);
	c->list = c->pc.json ? json_array() : NULL;
	for (size_t i = 0; i < n; i++)
		check_one(c, names[i]);
	for (size_t i = 0; i < all.n; i++)
		check_one(c, all.v[i]);
	strv_done(&all);
	return answer(c);
}

int
cmd_profile_check(int argc, char **argv)
{
	static const struct option options[] = {
		{ "strict", no_argument, NULL, 's' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct check ch = { 0 };
	int c;

	while ((c = getopt_long(argc, argv, "sjh", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout), PC_DONE;
		if (c == 'j')
			ch.pc.json = true;
		else if (c == 's')
			ch.strict = true;
		else
			return pc_usage("check");
	}
	return check(&ch, argv + optind, (size_t)(argc - optind));
}
