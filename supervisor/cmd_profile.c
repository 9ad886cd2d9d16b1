/*
 * agentbox profile: picks the command, and holds what the commands share. None
 * of them needs privilege or changes anything but init, which writes one file.
 */
#include "supervisor/cmd_profile.h"

#include "lib/str.h"
#include "profiles/expect.h"
#include "supervisor/cmd_profile-internal.h"
#include "supervisor/help.h"

#include <string.h>
#include <time.h>

static const struct {
	const char *name;
	int (*fn)(int argc, char **argv);
} commands[] = {
	{ "list", cmd_profile_list },	    { "show", cmd_profile_show },
	{ "check", cmd_profile_check },	    { "test", cmd_profile_test },
	{ "explain", cmd_profile_explain }, { "diff", cmd_profile_diff },
	{ "init", cmd_profile_init },
};

static int
unknown(const char *name)
{
	const char *list[ARRAY_SIZE(commands) + 1] = { NULL };
	const char *near;
	char shown[80];

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		list[i] = commands[i].name;
	near = str_suggest(name, list);
	fprintf(stderr, "agentbox: no command \"profile %s\"",
		str_escape(name, shown, sizeof(shown)));
	if (near)
		fprintf(stderr, "; did you mean \"%s\"?", near);
	fputs("\nagentbox: cure: `agentbox profile --help` lists them\n",
	      stderr);
	return PC_FAILED;
}

int
cmd_profile(int argc, char **argv)
{
	if (argc < 2) {
		help_command(stderr, "profile");
		return PC_FAILED;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help")) {
		help_command(stdout, "profile");
		return PC_DONE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].fn(argc - 1, argv + 1);
	return unknown(argv[1]);
}

/* Shared */

int
pc_usage(const char *command)
{
	fprintf(stderr, "agentbox: try `agentbox profile %s --help`\n",
		command);
	return PC_FAILED;
}

const char *
pc_shown(const char *s, char *buf, size_t size)
{
	return str_escape(s ? s : "", buf, size);
}

json_t *
pc_string(const char *s)
{
	json_t *j = json_string(s ? s : "");
	char shown[2 * ERR_TEXT_MAX];

	return j ? j : json_string(pc_shown(s, shown, sizeof(shown)));
}

int
pc_end(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fputs("agentbox: cannot write the answer\n", stderr);
	return PC_FAILED;
}

int
pc_print(json_t *j)
{
	int r = j ? json_dumpf(j, stdout, JSON_INDENT(2)) : -1;

	json_decref(j);
	if (r < 0) {
		fputs("agentbox: the answer could not be made\n", stderr);
		return PC_FAILED;
	}
	putchar('\n');
	return pc_end(PC_DONE);
}

int
pc_fail(const struct pc *pc, const struct err *e)
{
	json_t *j;

	if (!pc->json) {
		help_complain(e);
		return PC_FAILED;
	}
	j = json_object();
	json_object_set_new(j, "error", pc_string(e->text));
	json_object_set_new(j, "cure", pc_string(e->cure));
	(void)pc_print(j);
	return PC_FAILED;
}

int64_t
pc_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

void
pc_close(struct pc_profile *v)
{
	policy_free(v->policy);
	if (v->have_spec)
		policy_spec_done(&v->spec);
	profile_free(v->p);
	*v = (struct pc_profile){ 0 };
}

int
pc_open(const struct pc *pc, const char *name, struct pc_profile *ret,
	struct err *e)
{
	const struct authority_env env = {
		.sets_dir = pc->paths.sets,
		.host_policy = HOST_POLICY_PATH,
	};
	struct pc_profile v = { 0 };
	int r = profile_load(name, pc->paths.search, &v.p, e);

	if (r < 0)
		return r;
	profile_lines(v.p);
	r = profile_authority(v.p, &env, &v.spec, e);
	v.have_spec = r >= 0;
	if (r >= 0)
		r = authority_make(&v.spec, &v.policy, e);
	if (r < 0) {
		pc_close(&v);
		return r;
	}
	*ret = v;
	return 0;
}

/* ":12: " -> 12, and how long that is. */
static size_t
take_line(const char *s, unsigned int *ret)
{
	size_t n = strspn(s + 1, "0123456789");
	char digits[12];
	uint64_t v;

	if (*s != ':' || !n || n >= sizeof(digits) || s[n + 1] != ':' ||
	    s[n + 2] != ' ')
		return 0;
	memcpy(digits, s + 1, n);
	digits[n] = '\0';
	if (str_to_u64(digits, &v) < 0 || v > UINT32_MAX)
		return 0;
	*ret = (unsigned int)v;
	return n + 3;
}

void
pc_place(const char *s, struct pc_place *ret)
{
	const char *colon = s, *rest = s, *end;
	size_t n = 0;

	*ret = (struct pc_place){ 0 };
	while ((colon = strchr(colon, ':'))) {
		n = take_line(colon, &ret->line);
		if (n)
			break;
		colon++;
	}
	if (colon && (size_t)(colon - s) < sizeof(ret->file)) {
		memcpy(ret->file, s, (size_t)(colon - s));
		rest = colon + n;
		end = *rest == '/' ? strstr(rest, ": ") : NULL;
		if (end && (size_t)(end - rest) < sizeof(ret->at)) {
			memcpy(ret->at, rest, (size_t)(end - rest));
			rest = end + 2;
		}
	}
	snprintf(ret->text, sizeof(ret->text), "%s", rest);
}

const struct rule *
pc_rule(const struct pc_profile *v, size_t i)
{
	struct policy_rule_view view;

	policy_rule(v->policy, i, &view);
	for (size_t k = 0; k < v->spec.n_rules; k++) {
		const struct rule *r = &v->spec.rule[k];

		if (r->level == view.level && r->on & (1u << view.surface) &&
		    !strcmp(r->id, view.id))
			return r;
	}
	return NULL;
}

json_t *
pc_conditions(const struct pc_profile *v, size_t i)
{
	const struct rule *r = pc_rule(v, i);
	size_t n = r ? r->n_match + r->n_when : 0;
	json_t *list = json_array();
	char text[512];

	for (size_t c = 0; c < n; c++) {
		const char *at =
			cond_pointer(v->policy, (int32_t)i, (int32_t)c);
		json_t *o = json_object();

		cond_expected(v->policy, (int32_t)i, (int32_t)c, text,
			      sizeof(text));
		json_object_set_new(o, "at",
				    at && *at ? pc_string(at) : json_null());
		json_object_set_new(o, "expected", pc_string(text));
		json_array_append_new(list, o);
	}
	return list;
}
