/* links: lib policy sandbox profiles */
/*
 * decide() as tables: tests/unit/tables/decide/NAME.tbl, whose README says how
 * they are written. Each row is a request, and the verdict, rule and reason
 * that it must have. Runs without root and without a box.
 */
#include "lib/fd.h"
#include "policy/decide.h"
#include "policy/policy_build.h"
#include "profiles/authority.h"
#include "profiles/request_json.h"
#include "tests/tap.h"
#include "tests/tools/json_request.h"

#include <fcntl.h>
#include <glob.h>
#include <jansson.h>
#include <stdarg.h>
#include <string.h>

#define ROWS_LEAST 450
#define START_BOOT_US UINT64_C(3600000000)
#define START_TIME "2026-11-25T10:00:00Z" /* a Wednesday */
#define TOKENS_MAX 40

struct table {
	const char *file;
	unsigned int line, rows, bad;
	struct policy *p;
	struct usage *u;
	struct decide_time now;
	uint64_t labels; /* of the run */
};

struct row {
	char *token[TOKENS_MAX];
	size_t n;
	unsigned long times;
	bool done, refused; /* commit: it went ahead, it did not */
	json_t *doc;
	struct json_request rq;
	size_t extra; /* first token after "!" */
	struct decision d;
	int fired;
};

static void _printf_(2, 3) complain(struct table *t, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tap_note("%s:%u: %s", t->file, t->line, text);
	t->bad++;
}

static void _printf_(2, 3) _noreturn_
	broken(const struct table *t, const char *fmt, ...)
{
	char text[1200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	FAIL("%s:%u: %s", t->file, t->line, text);
}

/* Splits at blanks that are not within quotes, brackets or braces. */
static size_t
split(struct table *t, char *s, char *token[TOKENS_MAX])
{
	size_t n = 0;

	while (*(s += strspn(s, " \t\n"))) {
		int depth = 0;
		bool quoted = false;

		if (n == TOKENS_MAX)
			broken(t, "too many words");
		token[n++] = s;
		for (; *s && *s != '\n'; s++) {
			if (!quoted && !depth && (*s == ' ' || *s == '\t'))
				break;
			if (*s == '"')
				quoted = !quoted;
			depth += !quoted && (*s == '[' || *s == '{');
			depth -= !quoted && (*s == ']' || *s == '}');
		}
		if (*s)
			*s++ = '\0';
	}
	return n;
}

/* Policies */

static void
new_run(struct table *t)
{
	ASSERT_OK(time_from_text(START_TIME, &t->now.wall_us));
	t->now.boot_us = START_BOOT_US;
	free(t->u);
	t->u = calloc(1, usage_size(t->p));
	ASSERT_NOT_NULL(t->u);
	t->labels = policy_labels_start(t->p);
}

static const char *
path_of(const char *name, char buf[256])
{
	snprintf(buf, 256, "%s/%s", tap_tmpdir(), name);
	return buf;
}

/* base: what a run narrows, or NULL. */
static struct profile *
load(struct table *t, const char *name, struct profile *base)
{
	const char *search[] = { tap_tmpdir(), NULL };
	struct err e = ERR_INIT;
	struct profile *p = NULL;
	char path[256];
	int r;

	path_of(name, path);
	r = base ? profile_load_run(path, base, search, &p, &e)
		 : profile_load(path, search, &p, &e);
	if (r < 0)
		broken(t, "%s", e.text);
	return p;
}

static void
use(struct table *t, const struct policy_spec *s)
{
	struct err e = ERR_INIT;

	policy_free(t->p);
	t->p = NULL;
	if (policy_make(s, &t->p, NULL, &e) < 0)
		broken(t, "%s", e.text);
	new_run(t);
}

static void
authority_of(struct table *t, const struct profile *p, const char *host,
	     const struct profile *narrow, struct policy_spec *ret)
{
	struct authority_env env = { .host_policy = host, .narrow = narrow };
	struct err e = ERR_INIT;
	char sets[256];

	snprintf(sets, sizeof(sets), "%s/profiles/sets", tap_srcdir());
	env.sets_dir = sets;
	if (profile_authority(p, &env, ret, &e) < 0)
		broken(t, "%s", e.text);
}

/* policy NAME [host=NAME] [run=NAME] */
static void
read_policy(struct table *t, char *token[], size_t n)
{
	struct policy_spec s = { 0 };
	struct profile *p, *narrow = NULL;
	char host[256] = "";

	if (n < 2)
		broken(t, "policy of what?");
	p = load(t, token[1], NULL);
	for (size_t i = 2; i < n; i++) {
		if (str_starts(token[i], "host="))
			path_of(token[i] + 5, host);
		else if (str_starts(token[i], "run="))
			narrow = load(t, token[i] + 4, p);
		else
			broken(t, "\"%s\" is no part of a policy", token[i]);
	}
	authority_of(t, p, *host ? host : NULL, narrow, &s);
	use(t, &s);
	policy_spec_done(&s);
	profile_free(narrow);
	profile_free(p);
}

static void
append(void *v, size_t *n, void *more, size_t *n_more, size_t size)
{
	char **at = v;

	if (!*n_more)
		return;
	*at = reallocarray(*at, *n + *n_more, size);
	ASSERT_NOT_NULL(*at);
	memcpy(*at + *n * size, *(char **)more, *n_more * size);
	*n += *n_more;
	*n_more = 0;
}

/* The parts of b move to a, as levels below its own. */
static void
stack(struct policy_spec *a, struct policy_spec *b)
{
	for (size_t i = 0; i < b->n_rules; i++)
		b->rule[i].level += (unsigned int)a->n_levels;
	append(&a->level, &a->n_levels, &b->level, &b->n_levels,
	       sizeof(*a->level));
	append(&a->rule, &a->n_rules, &b->rule, &b->n_rules, sizeof(*a->rule));
	append(&a->trigger, &a->n_triggers, &b->trigger, &b->n_triggers,
	       sizeof(*a->trigger));
	for (size_t i = 0; i < b->labels.n; i++)
		if (!strv_has(&a->labels, b->labels.v[i]))
			ASSERT_OK(strv_add(&a->labels, b->labels.v[i]));
	for (size_t i = 0; i < b->labels_start.n; i++)
		if (!strv_has(&a->labels_start, b->labels_start.v[i]))
			ASSERT_OK(strv_add(&a->labels_start,
					   b->labels_start.v[i]));
}

/* levels NAME[+]...: each a level of its own, the outermost first, without the
 * loader's look whether the inner ones widen; "+": inherits where it is mute.
 */
static void
read_levels(struct table *t, char *token[], size_t n)
{
	struct policy_spec all = { 0 };

	for (size_t i = 1; i < n; i++) {
		struct policy_spec s = { 0 };
		size_t len = strlen(token[i]);
		bool inherits = token[i][len - 1] == '+';
		struct profile *p;

		if (inherits)
			token[i][len - 1] = '\0';
		p = load(t, token[i], NULL);
		authority_of(t, p, NULL, NULL, &s);
		s.level[s.n_levels - 1].inherits = inherits;
		stack(&all, &s);
		if (!all.name)
			all.name = strdup("levels");
		policy_spec_done(&s);
		profile_free(p);
	}
	use(t, &all);
	policy_spec_done(&all);
}

/* Requests */

/* A row that misspells a key would prove nothing. */
static void
known(struct table *t, const char *surface, const char *path)
{
	char pointer[256];
	const char *rest;
	int a, s = surface_from_name(surface);

	snprintf(pointer, sizeof(pointer), "/%s", path);
	a = attr_from_pointer(pointer, &rest);
	if (s < 0 || a < 0 || !(attr_surfaces((enum attr)a) >> s & 1))
		broken(t, "%s has no %s", surface, path);
}

static json_t *
labels_of_run(const struct table *t)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < POLICY_LABELS_MAX; i++)
		if (t->labels >> i & 1)
			json_array_append_new(
				list, json_string(policy_label_name(t->p, i)));
	return list;
}

/* What a run has when the row says nothing else. */
static json_t *
document(const struct table *t, const char *surface)
{
	return json_pack("{s:s, s:{s:s, s:s, s:s, s:s, s:o}}", "surface",
			 surface, "run", "id", "run-1", "agent", "agent",
			 "owner", "olivia", "role", "execute", "labels",
			 labels_of_run(t));
}

static size_t
read_modifiers(struct table *t, struct row *r, size_t i)
{
	for (; i < r->n; i++) {
		const char *s = r->token[i];
		uint64_t us;

		if (!strcmp(s, "do")) {
			r->done = true;
		} else if (!strcmp(s, "refused")) {
			r->refused = true;
		} else if (*s == 'x' && str_to_u64(s + 1, &us) == 0) {
			r->times = us;
			r->done = true;
		} else if (*s == '+') {
			ASSERT_OK(str_to_usec(s + 1, &us));
			t->now.boot_us += us;
			t->now.wall_us += (int64_t)us;
		} else {
			return i;
		}
	}
	broken(t, "no surface");
}

static void
read_request(struct table *t, struct row *r, size_t i)
{
	const char *surface = r->token[i];

	r->doc = document(t, surface);
	for (i++; i < r->n && strcmp(r->token[i], "!"); i++) {
		char *eq = strchr(r->token[i], '=');

		if (!eq)
			broken(t, "\"%s\" is not KEY=VALUE", r->token[i]);
		*eq = '\0';
		known(t, surface, r->token[i]);
		json_request_set(r->doc, r->token[i], eq + 1);
	}
	r->extra = i < r->n ? i + 1 : i;
}

/* Rows */

static const char *
rule_name(const struct table *t, int32_t rule)
{
	struct policy_rule_view v;

	if (rule < 0)
		return "-";
	policy_rule(t->p, (size_t)rule, &v);
	return v.id;
}

static const char *
verdict_name(const struct decision *d)
{
	return d->effect == EFFECT_NONE ? "none" : effect_name(d->effect);
}

static void
want(struct table *t, const char *what, const char *got, const char *wanted)
{
	if (strcmp(got, wanted) != 0)
		complain(t, "%s is %s, not %s", what, got, wanted);
}

/* "web,private"; "" for none. */
static void
want_labels(struct table *t, const char *what, uint64_t bits,
	    const char *wanted)
{
	char got[256] = "";
	size_t n = 0;

	for (unsigned int i = 0; i < POLICY_LABELS_MAX; i++)
		if (bits >> i & 1)
			n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s",
					      n ? "," : "",
					      policy_label_name(t->p, i));
	want(t, what, got, wanted);
}

static void
want_number(struct table *t, const char *what, long long got,
	    const char *wanted)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", got);
	want(t, what, text, wanted);
}

static void
want_redact(struct table *t, const struct row *r, const char *wanted)
{
	char got[512] = "";
	const char *s;
	size_t n = 0;

	for (size_t i = 0; (s = decision_redact(t->p, &r->d, i)); i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s",
				      n ? "," : "", s);
	want(t, "what is redacted", got, wanted);
}

static void
want_condition(struct table *t, const struct row *r, const char *key,
	       const char *value)
{
	const struct decision *d = &r->d;
	const char *pointer =
		cond_pointer(t->p, d->failed_rule, d->failed_cond);
	char expected[256];

	if (!strcmp(key, "failed"))
		return want(t, "the failed condition", pointer ? pointer : "-",
			    value);
	if (!strcmp(key, "near"))
		return want(t, "the failed rule", rule_name(t, d->failed_rule),
			    value);
	cond_expected(t->p, d->failed_rule, d->failed_cond, expected,
		      sizeof(expected));
	want(t, "what was expected", expected, value);
}

/* "! would=deny add=web fires=0 ..." */
static void
check_extra(struct table *t, const struct row *r, char *token)
{
	char *value = strchr(token, '=');
	const struct decision *d = &r->d;

	if (value)
		*value++ = '\0';
	else
		value = token + strlen(token);
	if (!strcmp(token, "would"))
		want(t, "would", effect_name(d->would), value);
	else if (!strcmp(token, "add"))
		want_labels(t, "what is added", d->labels_add, value);
	else if (!strcmp(token, "clear"))
		want_labels(t, "what is cleared", d->labels_clear, value);
	else if (!strcmp(token, "labels"))
		want_labels(t, "the run's labels", t->labels, value);
	else if (!strcmp(token, "fires"))
		want_number(t, "the trigger", r->fired, value);
	else if (!strcmp(token, "matched"))
		want_number(t, "matched", d->n_matched, value);
	else if (!strcmp(token, "level"))
		want_number(t, "the level", d->level, value);
	else if (!strcmp(token, "retry"))
		want_number(t, "seconds to wait",
			    (long long)(d->retry_us / 1000000), value);
	else if (!strcmp(token, "redact"))
		want_redact(t, r, value);
	else if (!strcmp(token, "unknown"))
		want_number(t, "unknown", d->failed_unknown, "1");
	else if (!strcmp(token, "false"))
		want_number(t, "unknown", d->failed_unknown, "0");
	else if (!strcmp(token, "failed") || !strcmp(token, "near") ||
		 !strcmp(token, "expected"))
		want_condition(t, r, token, value);
	else
		broken(t, "nothing is called \"%s\"", token);
}

/* The record is JSON, says the same, and is the same each time. */
static void
check_record(struct table *t, const struct request *rq, const struct row *r)
{
	char text[65536], again[65536];
	int n = decision_json(t->p, rq, &r->d, 7, true, text, sizeof(text));
	json_t *j;

	if (n < 0)
		broken(t, "no record: %d", n);
	ASSERT_EQ(decision_json(t->p, rq, &r->d, 7, true, again, sizeof(again)),
		  n);
	ASSERT_STREQ(again, text);
	j = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	if (!j)
		broken(t, "the record is no JSON: %s", text);
	want(t, "the record's effect",
	     json_string_value(json_object_get(j, "effect")),
	     effect_name(r->d.effect));
	json_decref(j);
}

static void
perform(struct table *t, struct row *r, const struct request *rq)
{
	bool ahead;

	decide(t->p, rq, t->u, &t->now, &r->d);
	ahead = decision_allows(&r->d) || r->d.effect == EFFECT_ASK;
	if (!r->done && !r->refused)
		return;
	r->fired = usage_commit(t->p, t->u, rq, &r->d, &t->now,
				ahead && !r->refused);
	if (ahead && !r->refused)
		t->labels = (t->labels & ~r->d.labels_clear) | r->d.labels_add;
}

static void
check_row(struct table *t, struct row *r, const struct request *rq)
{
	for (unsigned long i = 0; i < r->times; i++) {
		perform(t, r, rq);
		want(t, "the verdict", verdict_name(&r->d), r->token[0]);
		want(t, "the rule", rule_name(t, r->d.rule), r->token[1]);
		want(t, "the reason", reason_name(r->d.reason), r->token[2]);
	}
	check_record(t, rq, r);
	for (size_t i = r->extra; i < r->n; i++)
		check_extra(t, r, r->token[i]);
}

static void
read_row(struct table *t, struct row *r)
{
	if (!t->p)
		broken(t, "a row before any policy");
	read_request(t, r, read_modifiers(t, r, 3));
	json_request_make(r->doc, &r->rq);
	check_row(t, r, &r->rq.rq);
	json_decref(r->doc);
	t->rows++;
}

/* file NAME, then lines up to "end" */
static void
read_file(struct table *t, FILE *f, const char *name)
{
	char path[256], line[4096];
	FILE *out = fopen(path_of(name, path), "we");

	ASSERT_NOT_NULL(out);
	while (fgets(line, sizeof(line), f)) {
		t->line++;
		if (!strcmp(line, "end\n")) {
			fclose(out);
			return;
		}
		fputs(line, out);
	}
	broken(t, "%s has no end", name);
}

static void
read_line(struct table *t, FILE *f, char *line)
{
	struct row r = { .times = 1, .fired = -1 };

	r.n = split(t, line, r.token);
	if (!r.n || r.token[0][0] == '#')
		return;
	if (!strcmp(r.token[0], "file") && r.n == 2)
		read_file(t, f, r.token[1]);
	else if (!strcmp(r.token[0], "policy"))
		read_policy(t, r.token, r.n);
	else if (!strcmp(r.token[0], "levels"))
		read_levels(t, r.token, r.n);
	else if (!strcmp(r.token[0], "new"))
		new_run(t);
	else if (!strcmp(r.token[0], "at") && r.n == 2)
		ASSERT_OK(time_from_text(r.token[1], &t->now.wall_us));
	else if (r.n >= 4)
		read_row(t, &r);
	else
		broken(t, "what is this?");
}

static unsigned int
run_table(const char *path, unsigned int *bad)
{
	struct table t = { .file = strrchr(path, '/') + 1 };
	FILE *f = fopen(path, "re");
	char line[4096];

	ASSERT_NOT_NULL(f);
	while (fgets(line, sizeof(line), f)) {
		t.line++;
		read_line(&t, f, line);
	}
	fclose(f);
	policy_free(t.p);
	free(t.u);
	tap_note("%s: %u rows", t.file, t.rows);
	*bad += t.bad;
	return t.rows;
}

TEST_LIMIT(tables, 60)
{
	unsigned int rows = 0, bad = 0;
	char pattern[256];
	glob_t g;

	snprintf(pattern, sizeof(pattern), "%s/tests/unit/tables/decide/*.tbl",
		 tap_srcdir());
	ASSERT_EQ(glob(pattern, 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++)
		rows += run_table(g.gl_pathv[i], &bad);
	globfree(&g);
	tap_note("%u rows", rows);
	if (bad)
		FAIL("%u differences", bad);
	ASSERT_GE(rows, ROWS_LEAST);
}
