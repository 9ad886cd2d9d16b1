/*
 * agentbox profile explain: one request, what is decided on it, and why. With
 * nothing used so far, at the time that the request names or now.
 */
#include "supervisor/cmd_profile-internal.h"

#include "lib/fd.h"
#include "lib/str.h"
#include "profiles/request_json.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#define RECORD_MAX 65536

static const char usage[] =
	"Usage: agentbox profile explain [--json] PROFILE REQUEST.json\n"
	"       agentbox profile explain [--json] PROFILE --on SURFACE "
	"KEY=VALUE...\n"
	"\n"
	"Says what is decided on one request, which rule decides, why, and "
	"what else\n"
	"matched. REQUEST.json is the input document of agentbox-profile(5); - "
	"is\n"
	"standard input:\n"
	"    {\"surface\": \"network\", \"host\": \"api.github.com\", "
	"\"port\": "
	"443}\n"
	"KEY=VALUE gives the same on the command line; VALUE is JSON or a "
	"string, and\n"
	"a dot in KEY goes into an object:\n"
	"    --on network host=api.github.com port=443 "
	"'run.labels=[\"private\"]'\n"
	"\n"
	"  -o, --on SURFACE   files, process, network, tools, memory, "
	"credentials,\n"
	"                     handoffs or admin\n"
	"  -j, --json         the decision record\n"
	"  -h, --help         this text\n"
	"\n"
	"Exit status: 0; 125 when profile or request do not load or agentbox "
	"itself\n"
	"failed.\n";

struct explain {
	struct pc pc;
	const char *surface; /* of --on */
	char *const *args;   /* after PROFILE */
	size_t n_args;
};

/* The request */

/* Puts value at a.b.c of o. */
static int
put(json_t *o, const char *key, json_t *value)
{
	const char *dot;
	char name[128];

	while ((dot = strchr(key, '.'))) {
		json_t *sub;

		if ((size_t)(dot - key) >= sizeof(name))
			break;
		memcpy(name, key, (size_t)(dot - key));
		name[dot - key] = '\0';
		sub = json_object_get(o, name);
		if (!sub) {
			sub = json_object();
			json_object_set_new(o, name, sub);
		}
		o = sub;
		key = dot + 1;
	}
	return json_object_set_new(o, key, value) < 0 ? -EINVAL : 0;
}

static int
add_pair(json_t *o, const char *pair, struct err *e)
{
	const char *eq = strchr(pair, '=');
	char key[256], shown[128];
	json_t *value;

	if (!eq || eq == pair || (size_t)(eq - pair) >= sizeof(key)) {
		err_set(e, -EINVAL, "\"%s\": not of the form KEY=VALUE",
			pc_shown(pair, shown, sizeof(shown)));
		return err_cure(e, "host=api.github.com port=443");
	}
	memcpy(key, pair, (size_t)(eq - pair));
	key[eq - pair] = '\0';
	value = json_loads(eq + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES,
			   NULL);
	if (!value)
		value = json_string(eq + 1);
	if (!value || put(o, key, value) < 0)
		return err_set(e, -EINVAL, "\"%s\": not UTF-8, or no place",
			       pc_shown(pair, shown, sizeof(shown)));
	return 0;
}

static int
from_args(const struct explain *x, struct request_doc **ret, struct err *e)
{
	json_t *o = json_object();
	char *text = NULL;
	int r;

	r = put(o, "surface", json_string(x->surface));
	for (size_t i = 0; i < x->n_args && r >= 0; i++)
		r = add_pair(o, x->args[i], e);
	if (r >= 0)
		text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (r >= 0)
		r = text ? request_doc_read("arguments", text, strlen(text),
					    ret, e)
			 : err_set(e, -EINVAL, "not UTF-8");
	free(text);
	return r;
}

static int
from_file(const char *path, struct request_doc **ret, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	bool in = !strcmp(path, "-");
	ssize_t n = in ? fd_read_all(0, REQUEST_SIZE_MAX, &text)
		       : fd_read_file(AT_FDCWD, path, REQUEST_SIZE_MAX, &text);

	if (n < 0)
		return err_sys(e, (int)n, "%s", in ? "standard input" : path);
	return request_doc_read(in ? "stdin" : path, text, (size_t)n, ret, e);
}

/* The answer */

static void
print_place(const struct policy_rule_view *v)
{
	char shown[512];

	if (*v->file && v->line)
		printf("  %s:%u", pc_shown(v->file, shown, sizeof(shown)),
		       v->line);
	else if (*v->file)
		printf("  %s", pc_shown(v->file, shown, sizeof(shown)));
	else
		printf("  built into agentbox");
}

static void
print_rule(const struct pc_profile *v, const char *head, int32_t rule)
{
	struct policy_rule_view r;
	char shown[1024];

	policy_rule(v->policy, (size_t)rule, &r);
	printf("%-9s %s %s (level %s)", head, effect_name(r.effect),
	       pc_shown(r.id, shown, sizeof(shown)), r.level_name);
	print_place(&r);
	putchar('\n');
	if (*r.because)
		printf("%-9s %s\n", "because",
		       pc_shown(r.because, shown, sizeof(shown)));
}

static void
print_failed(const struct pc_profile *v, const struct request *rq,
	     const struct decision *d)
{
	char want[512], got[512], a[600], b[600];
	const char *at;

	if (d->failed_rule < 0 || d->failed_cond < 0)
		return;
	if (d->failed_rule != d->rule)
		print_rule(v, "nearest", d->failed_rule);
	at = cond_pointer(v->policy, d->failed_rule, d->failed_cond);
	cond_expected(v->policy, d->failed_rule, d->failed_cond, want,
		      sizeof(want));
	cond_actual(v->policy, rq, d->failed_rule, d->failed_cond, got,
		    sizeof(got));
	printf("%-9s %s%sexpected %s, actual %s%s\n",
	       d->failed_unknown ? "unknown" : "failed", at ? at : "",
	       at && *at ? ": " : "", pc_shown(want, a, sizeof(a)),
	       pc_shown(got, b, sizeof(b)),
	       d->failed_unknown ? " (missing or of the wrong type)" : "");
}

/* Why, where no rule says it. */
static void
print_reason(const struct pc_profile *v, const struct decision *d)
{
	const struct level *l =
		d->level < v->spec.n_levels ? &v->spec.level[d->level] : NULL;
	char shown[128];

	if (d->rule >= 0)
		return;
	if (d->reason == REASON_CLASS_ABOVE_ROLE && l)
		printf("%-9s its class is above \"%s\", the ceiling of level "
		       "%s\n",
		       "because", class_name(l->ceiling),
		       pc_shown(l->name, shown, sizeof(shown)));
	else if (d->reason == REASON_CONDITION)
		printf("%-9s a rule would grant it, but for a condition\n",
		       "because");
	else if (d->reason == REASON_NO_RULE)
		printf("%-9s no rule grants it\n", "because");
}

static void
print_matches(const struct pc_profile *v, const struct decision *d)
{
	static const char *const how[] = {
		[HOW_TRUE] = "",
		[HOW_UNKNOWN] = ", since something is unknown",
		[HOW_SPENT] = ", used up",
	};
	struct policy_rule_view r;
	char shown[512];

	for (size_t i = 0; i < MIN(d->n_matched, DECISION_MATCHED_MAX); i++) {
		const struct decision_match *m = &d->matched[i];

		if ((int32_t)m->rule == d->rule)
			continue;
		policy_rule(v->policy, m->rule, &r);
		printf("%-9s %s %s (level %s%s%s)", "matches",
		       effect_name(r.effect),
		       pc_shown(r.id, shown, sizeof(shown)), r.level_name,
		       how[m->how],
		       m->observe ? ", observes and does not count" : "");
		print_place(&r);
		putchar('\n');
	}
	if (d->n_matched > DECISION_MATCHED_MAX)
		printf("%-9s and %u more\n", "matches",
		       d->n_matched - DECISION_MATCHED_MAX);
}

static void
print_labels(const struct policy *p, uint64_t set, const char *before)
{
	for (unsigned int bit = 0; bit < POLICY_LABELS_MAX; bit++)
		if (set & (UINT64_C(1) << bit))
			printf(" %s%s", before, policy_label_name(p, bit));
}

static void
print_obligations(const struct pc_profile *v, const struct decision *d)
{
	const char *at;

	if (!decision_allows(d) && d->effect != EFFECT_ASK)
		return;
	for (size_t i = 0; (at = decision_redact(v->policy, d, i)); i++)
		printf("%-9s %s\n", "redact", at);
	if (!(d->labels_add | d->labels_clear))
		return;
	printf("%-9s", "labels");
	print_labels(v->policy, d->labels_add, "+");
	print_labels(v->policy, d->labels_clear, "-");
	putchar('\n');
}

static int
print_json(const struct pc_profile *v, const struct request *rq,
	   const struct decision *d)
{
	_cleanup_free_ char *buf = malloc(RECORD_MAX);
	int n = buf ? decision_json(v->policy, rq, d, 0, true, buf, RECORD_MAX)
		    : -ENOMEM;

	if (n < 0)
		return n;
	printf("%.*s\n", n, buf);
	return 0;
}

/* A run that just began, where the request says nothing of its labels. */
struct assumed {
	struct request rq;
	struct value label[POLICY_LABELS_MAX];
	size_t n;
};

static const struct request *
assume_start(const struct policy *p, const struct request *rq,
	     struct assumed *as)
{
	uint64_t set = policy_labels_start(p);
	struct value list = { .type = VALUE_LIST };

	/* The kernel asks no label. */
	if (rq->attr[ATTR_RUN_LABELS].type != VALUE_NONE ||
	    rq->surface == SURFACE_FILES || rq->surface == SURFACE_PROCESS)
		return rq;
	for (unsigned int bit = 0; bit < POLICY_LABELS_MAX; bit++) {
		const char *name = policy_label_name(p, bit);

		if (!(set >> bit & 1))
			continue;
		as->label[as->n] = (struct value){ .type = VALUE_STRING,
						   .s = name,
						   .len = strlen(name) };
		if (as->n)
			as->label[as->n - 1].next = &as->label[as->n];
		as->n++;
	}
	list.n = as->n;
	list.first = as->n ? as->label : NULL;
	as->rq = *rq;
	request_set_value(&as->rq, ATTR_RUN_LABELS, &list);
	return &as->rq;
}

static void
print_assumed(const struct pc_profile *v, const struct assumed *as)
{
	if (!as->n)
		return;
	printf("%-9s run.labels are those of a new run:", "assumed");
	print_labels(v->policy, policy_labels_start(v->policy), "");
	putchar('\n');
}

static void
print_text(const struct pc_profile *v, const struct request *rq,
	   const struct decision *d, const struct assumed *as)
{
	char hash[2 * POLICY_HASH_LEN + 1];

	policy_hash_text(v->policy, hash);
	printf("%-9s %s (%s)\n", "verdict", effect_name(d->effect),
	       reason_name(d->reason));
	if (d->would != d->effect)
		printf("%-9s %s, were it not only observing\n", "would",
		       effect_name(d->would));
	if (d->rule >= 0)
		print_rule(v, "rule", d->rule);
	print_reason(v, d);
	print_failed(v, rq, d);
	print_matches(v, d);
	print_obligations(v, d);
	print_assumed(v, as);
	printf("%-9s %s %s\n", "policy", policy_name(v->policy), hash);
}

static int
explain(const struct explain *x, const char *profile, struct err *e)
{
	struct pc_profile v = { 0 };
	struct request_doc *doc = NULL;
	const struct request *rq;
	struct decide_time now = { .wall_us = pc_now_us() };
	struct assumed as = { .n = 0 };
	struct decision d;
	int r = pc_open(&x->pc, profile, &v, e);

	if (r >= 0)
		r = x->surface ? from_args(x, &doc, e)
			       : from_file(x->args[0], &doc, e);
	if (r >= 0) {
		rq = assume_start(v.policy, request_doc_request(doc), &as);
		(void)request_doc_time(doc, &now.wall_us);
		decide(v.policy, rq, NULL, &now, &d);
		if (d.reason == REASON_NO_RULE)
			(void)policy_nearest(v.policy, rq, NULL, &now, &d);
		if (x->pc.json)
			r = print_json(&v, rq, &d);
		else
			print_text(&v, rq, &d, &as);
		if (r < 0)
			err_sys(e, r, "the decision record");
	}
	request_doc_free(doc);
	pc_close(&v);
	return r;
}

int
cmd_profile_explain(int argc, char **argv)
{
	static const struct option options[] = {
		{ "on", required_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct explain x = { .surface = NULL };
	struct err e = ERR_INIT;
	int c, n;

	while ((c = getopt_long(argc, argv, "o:jh", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout), PC_DONE;
		if (c == 'j')
			x.pc.json = true;
		else if (c == 'o')
			x.surface = optarg;
		else
			return pc_usage("explain");
	}
	n = argc - optind;
	if (n < 1 || (x.surface ? 0 : n != 2))
		return pc_usage("explain");
	x.args = argv + optind + 1;
	x.n_args = (size_t)n - 1;
	if (paths_find(&x.pc.paths, &e) < 0 ||
	    explain(&x, argv[optind], &e) < 0)
		return pc_fail(&x.pc, &e);
	return pc_end(PC_DONE);
}
