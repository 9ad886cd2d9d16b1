/*
 * agentbox profile test: the cases of "expect", against the rules, and with
 * --live against a box. One line for each case, in the manner of TAP.
 */
#include "supervisor/cmd_profile-internal.h"

#include "lib/str.h"
#include "supervisor/profile_live.h"

#include <getopt.h>
#include <string.h>

static const char usage[] =
	"Usage: agentbox profile test [--live] [--case NAME] [--json] "
	"PROFILE...\n"
	"\n"
	"Decides on the cases of a profile's section \"expect\", and says for "
	"each\n"
	"whether the verdict is the expected one and which rule decides.\n"
	"\n"
	"  -l, --live        the cases on files and process once more, for "
	"real, in a\n"
	"                    throwaway box of that profile over an empty "
	"workspace:\n"
	"                    what happens must be what the rules say\n"
	"  -c, --case NAME   only the case of that name\n"
	"  -j, --json        an object\n"
	"  -h, --help        this text\n"
	"\n"
	"The last line is \"N passed, N failed, N skipped\". Exit status: 0; 1 "
	"when a\n"
	"case failed; 125 when a profile does not load, no case has that name, "
	"or\n"
	"agentbox itself failed.\n";

struct test {
	struct pc pc;
	bool live;
	const char *only;
	size_t passed, failed, skipped, found;
	json_t *list;
};

struct outcome {
	bool ok;
	struct decision d;
	char why[ERR_TEXT_MAX];
};

static void
count(struct test *t, bool ok, bool skipped)
{
	t->skipped += skipped;
	t->passed += ok && !skipped;
	t->failed += !ok && !skipped;
}

static const char *
rule_of(const struct pc_profile *v, const struct decision *d,
	struct policy_rule_view *view)
{
	*view = (struct policy_rule_view){ .id = "-", .file = "" };
	if (d->rule >= 0)
		policy_rule(v->policy, (size_t)d->rule, view);
	return view->id;
}

static json_t *
case_json(const struct pc_profile *v, const struct expect_case *c,
	  const struct outcome *o, bool live)
{
	struct policy_rule_view view;
	json_t *j = json_object();

	rule_of(v, &o->d, &view);
	json_object_set_new(j, "profile", pc_string(v->p->name));
	json_object_set_new(j, "name", pc_string(c->name));
	json_object_set_new(j, "live", json_boolean(live));
	json_object_set_new(j, "file",
			    c->file ? pc_string(c->file) : json_null());
	json_object_set_new(j, "line", json_integer(c->line));
	json_object_set_new(j, "surface",
			    json_string(surface_name(
				    request_doc_request(c->request)->surface)));
	json_object_set_new(j, "expected",
			    json_string(effect_name(c->verdict)));
	json_object_set_new(j, "verdict",
			    json_string(effect_name(o->d.effect)));
	json_object_set_new(j, "reason", json_string(reason_name(o->d.reason)));
	json_object_set_new(j, "rule",
			    o->d.rule >= 0 ? pc_string(view.id) : json_null());
	return j;
}

static void
say_result(struct test *t, json_t *j, bool ok, const char *skipped,
	   const char *why)
{
	json_object_set_new(j, "ok", json_boolean(ok));
	json_object_set_new(j, "skipped",
			    skipped ? pc_string(skipped) : json_null());
	json_object_set_new(j, "why", *why ? pc_string(why) : json_null());
	json_array_append_new(t->list, j);
}

/* Against the rules */

static void
print_case(const struct pc_profile *v, const struct expect_case *c,
	   const struct outcome *o)
{
	struct policy_rule_view view;
	char name[512], rule[256], text[ERR_TEXT_MAX];

	pc_shown(rule_of(v, &o->d, &view), rule, sizeof(rule));
	printf("%s - %s: %s %s\n", o->ok ? "ok" : "not ok",
	       pc_shown(c->name, name, sizeof(name)), effect_name(o->d.effect),
	       rule);
	if (o->ok)
		return;
	if (c->file && c->line)
		printf("# %s:%u\n", pc_shown(c->file, text, sizeof(text)),
		       c->line);
	printf("# %s\n", pc_shown(o->why, text, sizeof(text)));
	printf("# actual: %s (%s)", effect_name(o->d.effect),
	       reason_name(o->d.reason));
	if (o->d.rule >= 0)
		printf(", decided by %s", rule);
	if (*view.file && view.line)
		printf(", %s:%u", pc_shown(view.file, text, sizeof(text)),
		       view.line);
	putchar('\n');
}

static void
test_case(struct test *t, const struct pc_profile *v,
	  const struct expect_case *c, struct outcome *o)
{
	o->why[0] = '\0';
	o->ok = expect_judge(v->policy, c, pc_now_us(), &o->d, o->why,
			     sizeof(o->why)) > 0;
	count(t, o->ok, false);
	if (t->pc.json)
		say_result(t, case_json(v, c, o, false), o->ok, NULL, o->why);
	else
		print_case(v, c, o);
}

/* Against a box */

static void
print_live(const struct live_case *l, const struct outcome *o)
{
	char name[512], text[600];
	bool ok = l->result != LIVE_DIFFERS;

	printf("%s - live: %s: %s", ok ? "ok" : "not ok",
	       pc_shown(l->c->name, name, sizeof(name)),
	       effect_name(o->d.effect));
	pc_shown(l->text, text, sizeof(text));
	if (l->result == LIVE_SKIPPED)
		printf(" # SKIP %s", text);
	putchar('\n');
	if (!ok)
		printf("# %s\n", text);
}

static int
test_live(struct test *t, const struct pc_profile *v,
	  const struct expect_case *const *c, const struct outcome *o, size_t n,
	  struct err *e)
{
	_cleanup_free_ struct live_case *l = calloc(n + 1, sizeof(*l));
	int r;

	if (!l)
		return err_sys(e, -ENOMEM, "live test");
	for (size_t i = 0; i < n; i++) {
		l[i].c = c[i];
		l[i].allowed = decision_allows(&o[i].d);
	}
	r = live_run(&t->pc.paths, v->p, l, n, e);
	for (size_t i = 0; i < n && r >= 0; i++) {
		bool skipped = l[i].result == LIVE_SKIPPED;
		bool ok = l[i].result != LIVE_DIFFERS;

		count(t, ok, skipped);
		if (t->pc.json)
			say_result(t, case_json(v, c[i], &o[i], true), ok,
				   skipped ? l[i].text : NULL,
				   skipped ? "" : l[i].text);
		else
			print_live(&l[i], &o[i]);
	}
	return r;
}

/* All */

static int
test_cases(struct test *t, const struct pc_profile *v, struct err *e)
{
	size_t max = v->p->n_expect, n = 0;
	_cleanup_free_ const struct expect_case **c =
		calloc(max + 1, sizeof(struct expect_case *));
	_cleanup_free_ struct outcome *o = calloc(max + 1, sizeof(*o));

	if (!c || !o)
		return err_sys(e, -ENOMEM, "test");
	for (size_t i = 0; i < max; i++)
		if (!t->only || !strcmp(v->p->expect[i].name, t->only))
			c[n++] = &v->p->expect[i];
	t->found += n;
	for (size_t i = 0; i < n; i++)
		test_case(t, v, c[i], &o[i]);
	return t->live && n ? test_live(t, v, c, o, n, e) : 0;
}

static int
test_profile(struct test *t, const char *name, struct err *e)
{
	struct pc_profile v = { 0 };
	int r = pc_open(&t->pc, name, &v, e);

	if (r < 0)
		return r;
	r = test_cases(t, &v, e);
	pc_close(&v);
	return r;
}

static int
answer(struct test *t)
{
	int status = t->failed ? PC_NO : PC_DONE;

	if (!t->pc.json) {
		printf("%zu passed, %zu failed, %zu skipped\n", t->passed,
		       t->failed, t->skipped);
		return pc_end(status);
	}
	return pc_print(json_pack("{sO sI sI sI}", "cases", t->list, "passed",
				  (json_int_t)t->passed, "failed",
				  (json_int_t)t->failed, "skipped",
				  (json_int_t)t->skipped)) == PC_DONE
		       ? status
		       : PC_FAILED;
}

static int
test(struct test *t, char *const *names, size_t n)
{
	struct err e = ERR_INIT;
	char shown[128];
	int r = paths_find(&t->pc.paths, &e), status;

	t->list = json_array();
	for (size_t i = 0; i < n && r >= 0; i++)
		r = test_profile(t, names[i], &e);
	if (r >= 0 && t->only && !t->found)
		r = err_set(&e, -ENOENT, "no case is named \"%s\"",
			    pc_shown(t->only, shown, sizeof(shown)));
	status = r < 0 ? pc_fail(&t->pc, &e) : answer(t);
	json_decref(t->list);
	return status;
}

int
cmd_profile_test(int argc, char **argv)
{
	static const struct option options[] = {
		{ "live", no_argument, NULL, 'l' },
		{ "case", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct test t = { .live = false };
	int c;

	while ((c = getopt_long(argc, argv, "lc:jh", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout), PC_DONE;
		if (c == 'j')
			t.pc.json = true;
		else if (c == 'l')
			t.live = true;
		else if (c == 'c')
			t.only = optarg;
		else
			return pc_usage("test");
	}
	if (optind >= argc)
		return pc_usage("test");
	return test(&t, argv + optind, (size_t)(argc - optind));
}
