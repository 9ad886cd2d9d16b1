/*
 * agentbox profile show: the file as it is, or all that holds after extends,
 * groups and the host's policy.
 */
#include "supervisor/cmd_profile-internal.h"

#include "lib/fd.h"
#include "lib/str.h"
#include "profiles/jsonc.h"
#include "profiles/request_json.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

static const char usage[] =
	"Usage: agentbox profile show [--resolved] [--json] PROFILE\n"
	"\n"
	"Prints the file of a profile. With --resolved, what holds in the end: "
	"the\n"
	"sections after inheritance, and every rule of every level (host, "
	"parents,\n"
	"profile) with its conditions, its place and its author's words.\n"
	"\n"
	"  -r, --resolved   after extends, groups and the host's policy\n"
	"  -j, --json       an object\n"
	"  -h, --help       this text\n"
	"\n"
	"Exit status: 0; 125 when the profile does not load or agentbox itself "
	"failed.\n";

/* The file */

/* As it is, but on a terminal nothing in it may steer that. */
static void
print_file(const char *text, size_t n)
{
	bool tty = isatty(STDOUT_FILENO);

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		bool c1 = c == 0xc2 && i + 1 < n &&
			  (unsigned char)text[i + 1] < 0xa0;

		if (tty && c1)
			printf("\\xc2\\x%02x", (unsigned char)text[++i]);
		else if (tty &&
			 (c == 0x7f || (c < 0x20 && c != '\n' && c != '\t')))
			printf("\\x%02x", c);
		else
			putchar(c);
	}
}

static int
show_file(const struct pc *pc, const struct profile *p, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	struct jsonc doc = { .label = p->path };
	ssize_t n = fd_read_file(AT_FDCWD, p->path, PROFILE_SIZE_MAX, &text);
	json_t *j;
	int r;

	if (n < 0)
		return err_sys(e, (int)n, "%s", p->path);
	if (!pc->json) {
		print_file(text, (size_t)n);
		return 0;
	}
	r = jsonc_parse(p->path, text, (size_t)n, PROFILE_SIZE_MAX,
			PROFILE_DEPTH_MAX, &doc, e);
	if (r < 0)
		return r;
	j = json_object();
	json_object_set_new(j, "name", pc_string(p->name));
	json_object_set_new(j, "path", pc_string(p->path));
	json_object_set(j, "profile", doc.root);
	jsonc_done(&doc);
	return pc_print(j) == PC_DONE ? 0 : err_set(e, -EIO, "cannot write");
}

/* One rule */

static json_t *
strings(const struct strv *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->n; i++)
		json_array_append_new(list, pc_string(v->v[i]));
	return list;
}

static void
add_limits(json_t *o, const struct rule *r)
{
	char buf[48];

	if (r->not_after_us)
		json_object_set_new(
			o, "not_after",
			json_string(time_to_text(r->not_after_us, buf,
						 sizeof(buf))));
	if (r->max_uses)
		json_object_set_new(o, "max_uses",
				    json_integer((json_int_t)r->max_uses));
	if (r->rate.max) {
		snprintf(buf, sizeof(buf), "%" PRIu64 "/%" PRIu64 "s",
			 r->rate.max, r->rate.window_us / 1000000);
		json_object_set_new(o, "rate", json_string(buf));
	}
	if (r->budget.pointer)
		json_object_set_new(
			o, "budget",
			json_pack("{so sI sI}", "at",
				  pc_string(r->budget.pointer), "max",
				  (json_int_t)r->budget.max, "window_s",
				  (json_int_t)(r->budget.window_us / 1000000)));
}

static void
add_effects(json_t *o, const struct rule *r)
{
	if (r->restricts)
		json_object_set_new(o, "grants", json_false());
	if (r->redact.n)
		json_object_set_new(o, "redact", strings(&r->redact));
	if (r->labels_add.n)
		json_object_set_new(o, "labels_add", strings(&r->labels_add));
	if (r->labels_clear.n)
		json_object_set_new(o, "labels_clear",
				    strings(&r->labels_clear));
	if (r->step)
		json_object_set_new(o, "step", pc_string(r->step));
	if (r->tls_pass)
		json_object_set_new(o, "tls", json_string("pass"));
}

static json_t *
rule_json(const struct pc_profile *v, size_t i)
{
	const struct rule *r = pc_rule(v, i);
	struct policy_rule_view view;
	json_t *o = json_object();

	policy_rule(v->policy, i, &view);
	json_object_set_new(o, "id", pc_string(view.id));
	json_object_set_new(o, "effect", json_string(effect_name(view.effect)));
	json_object_set_new(o, "surface",
			    json_string(surface_name(view.surface)));
	json_object_set_new(o, "level", pc_string(view.level_name));
	json_object_set_new(
		o, "mode",
		json_string(view.mode == MODE_OBSERVE ? "observe" : "enforce"));
	json_object_set_new(o, "when", pc_conditions(v, i));
	json_object_set_new(o, "file",
			    *view.file ? pc_string(view.file) : json_null());
	json_object_set_new(o, "line", json_integer(view.line));
	json_object_set_new(o, "because",
			    *view.because ? pc_string(view.because)
					  : json_null());
	if (r) {
		add_limits(o, r);
		add_effects(o, r);
	}
	return o;
}

/* Levels */

static json_t *
level_json(const struct pc_profile *v, size_t n)
{
	static const char *const kinds[] = {
		[LEVEL_HOST] = "host",
		[LEVEL_PROFILE] = "profile",
		[LEVEL_RUN] = "run",
		[LEVEL_HANDOFF] = "handoff",
	};
	const struct level *l = &v->spec.level[n];
	json_t *rules = json_array();

	for (size_t i = 0; i < policy_rules(v->policy); i++) {
		struct policy_rule_view view;

		policy_rule(v->policy, i, &view);
		if (view.level == n)
			json_array_append_new(rules, rule_json(v, i));
	}
	return json_pack("{so ss ss ss so}", "name", pc_string(l->name), "kind",
			 kinds[l->kind], "mode",
			 l->mode == MODE_OBSERVE ? "observe" : "enforce",
			 "ceiling", class_name(l->ceiling), "rules", rules);
}

static json_t *
resolved_json(const struct pc_profile *v)
{
	char hash[2 * POLICY_HASH_LEN + 1];
	json_t *levels = json_array(), *j = json_object();

	policy_hash_text(v->policy, hash);
	for (size_t i = 0; i < v->spec.n_levels; i++)
		json_array_append_new(levels, level_json(v, i));
	json_object_set_new(j, "name", pc_string(v->p->name));
	json_object_set_new(j, "path", pc_string(v->p->path));
	json_object_set_new(j, "role",
			    json_string(profile_role_name(v->p->role)));
	json_object_set_new(j, "mode",
			    json_string(v->p->mode == MODE_OBSERVE
						? "observe"
						: "enforce"));
	json_object_set_new(j, "ceiling",
			    json_string(class_name(v->p->ceiling)));
	json_object_set_new(j, "policy_hash", json_string(hash));
	json_object_set_new(j, "labels", strings(&v->spec.labels));
	json_object_set_new(j, "labels_start", strings(&v->spec.labels_start));
	json_object_set_new(j, "sections", pc_sections(v->p));
	json_object_set_new(j, "levels", levels);
	return j;
}

/* For people */

static const char *
text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s ? s : "";
}

static void
print_extra(json_t *rule)
{
	static const char *const plain[] = {
		"grants", "id",	  "effect", "surface", "level", "mode",
		"when",	  "file", "line",   "because", NULL,
	};
	const char *key;
	json_t *v;

	if (json_is_false(json_object_get(rule, "grants")))
		puts("      only restricts what other rules grant");
	json_object_foreach(rule, key, v)
	{
		char *text =
			str_in(key, plain)
				? NULL
				: json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
		char shown[512];

		if (text)
			printf("      %s %s\n", key,
			       pc_shown(text, shown, sizeof(shown)));
		free(text);
	}
}

static void
print_place(const json_t *rule)
{
	json_int_t line = json_integer_value(json_object_get(rule, "line"));
	const char *file = text_of(rule, "file");
	char shown[1024];

	if (!*file)
		puts("      built into agentbox");
	else if (line)
		printf("      %s:%lld\n", pc_shown(file, shown, sizeof(shown)),
		       (long long)line);
	else
		printf("      %s\n", pc_shown(file, shown, sizeof(shown)));
}

static void
print_rule(json_t *rule)
{
	char shown[1024];
	size_t i;
	json_t *c;

	printf("  %-8s %-11s %s%s\n", text_of(rule, "effect"),
	       text_of(rule, "surface"),
	       pc_shown(text_of(rule, "id"), shown, sizeof(shown)),
	       strcmp(text_of(rule, "mode"), "observe") ? ""
							: "  (observes only)");
	json_array_foreach(json_object_get(rule, "when"), i, c)
	{
		printf("      %s %s", i ? "and " : "when", text_of(c, "at"));
		printf(" %s\n",
		       pc_shown(text_of(c, "expected"), shown, sizeof(shown)));
	}
	print_extra(rule);
	if (*text_of(rule, "because"))
		printf("      because: %s\n", pc_shown(text_of(rule, "because"),
						       shown, sizeof(shown)));
	print_place(rule);
}

static void
print_resolved(const struct pc_profile *v)
{
	json_t *j = resolved_json(v), *level, *rule;
	char shown[1024];
	size_t i, k;

	printf("profile %s, role %s, ceiling %s, mode %s\n", v->p->name,
	       text_of(j, "role"), text_of(j, "ceiling"), text_of(j, "mode"));
	printf("file %s\n", pc_shown(v->p->path, shown, sizeof(shown)));
	printf("policy %s\n", text_of(j, "policy_hash"));
	printf("\nheld by the kernel and the supervisor\n");
	pc_print_sections(v->p);
	json_array_foreach(json_object_get(j, "levels"), i, level)
	{
		printf("\nlevel %s (%s, ceiling %s, mode %s)\n",
		       pc_shown(text_of(level, "name"), shown, sizeof(shown)),
		       text_of(level, "kind"), text_of(level, "ceiling"),
		       text_of(level, "mode"));
		json_array_foreach(json_object_get(level, "rules"), k, rule)
		{
			print_rule(rule);
		}
	}
	json_decref(j);
}

static int
show(const struct pc *pc, const char *name, bool resolved)
{
	struct pc_profile v = { 0 };
	struct err e = ERR_INIT;
	int r;

	if (!resolved) {
		r = profile_load(name, pc->paths.search, &v.p, &e);
		if (r >= 0)
			r = show_file(pc, v.p, &e);
	} else {
		r = pc_open(pc, name, &v, &e);
		if (r >= 0 && pc->json)
			r = pc_print(resolved_json(&v)) == PC_DONE ? 0 : -EIO;
		else if (r >= 0)
			print_resolved(&v);
	}
	pc_close(&v);
	if (r < 0 && e.code)
		return pc_fail(pc, &e);
	return pc_end(r < 0 ? PC_FAILED : PC_DONE);
}

int
cmd_profile_show(int argc, char **argv)
{
	static const struct option options[] = {
		{ "resolved", no_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct pc pc = { .json = false };
	struct err e = ERR_INIT;
	bool resolved = false;
	int c;

	while ((c = getopt_long(argc, argv, "rjh", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout), PC_DONE;
		if (c == 'j')
			pc.json = true;
		else if (c == 'r')
			resolved = true;
		else
			return pc_usage("show");
	}
	if (argc - optind != 1)
		return pc_usage("show");
	if (paths_find(&pc.paths, &e) < 0)
		return pc_fail(&pc, &e);
	return show(&pc, argv[optind], resolved);
}
