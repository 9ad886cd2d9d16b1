/*
 * Regular expressions without backtracking: PCRE2's DFA matcher, which looks at
 * each character once and keeps its states in a fixed workspace. What always
 * holds: no allocation while matching, whole strings only, and every error
 * (workspace, limits, a string that is not UTF-8) is unknown, never "no".
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "policy/policy-internal.h"

#include <pcre2.h>
#include <string.h>

#define WORKSPACE 2048 /* ints: some 340 states at a time */
#define DEPTH_MAX 64
#define CALLS_MAX 65536
#define PARENS_MAX 32

/* "(?" and then: groups without a memory, looks around, atomic groups, named
 * groups, the options i, m, s. Everything else in that place (conditions,
 * recursion, references, callouts, "x") is refused. */
static const char *
check_group(const char *s)
{
	static const char *const good[] = { ":",  "=", "!", "<=",
					    "<!", ">", "|", NULL };
	size_t n;

	for (size_t i = 0; good[i]; i++)
		if (str_starts(s, good[i]))
			return NULL;
	s += *s == 'P';
	if (*s == '<')
		return NULL;
	n = strspn(s, "ims-");
	if (n && (s[n] == ')' || s[n] == ':'))
		return NULL;
	return "uses a kind of group that cannot be matched in bounded time";
}

static const char *
check_escape(char c)
{
	if ((c >= '1' && c <= '9') || c == 'g' || c == 'k')
		return "refers back to a group, which cannot be matched in "
		       "bounded time";
	if (c && strchr("KCQE", c))
		return "uses \\K, \\C, \\Q or \\E";
	return NULL;
}

/* The end of a class that begins at s[0] == '['; NULL for one with an escape
 * that is refused. */
static const char *
class_end(const char *s)
{
	s++;
	s += *s == '^';
	s += *s == ']';
	while (*s && *s != ']') {
		if (*s == '[' && (s[1] == ':' || s[1] == '.' || s[1] == '=')) {
			const char close[] = { s[1], ']', '\0' };
			const char *end = strstr(s + 2, close);

			s = end ? end + 2 : s + 1;
		} else if (*s == '\\' && (s[1] == 'Q' || s[1] == 'E')) {
			return NULL;
		} else {
			s += *s == '\\' && s[1] ? 2 : 1;
		}
	}
	return s;
}

static const char *
check_text(const char *s)
{
	const char *why = NULL;

	/* what ends too early is for the compiler to refuse */
	for (; *s && !why; s++) {
		if (*s == '\\' && s[1]) {
			why = check_escape(*++s);
		} else if (*s == '[') {
			s = class_end(s);
			if (!s || !*s)
				return s ? NULL : check_escape('Q');
		} else if (*s == '(' && s[1] == '*') {
			why = "uses a verb, \"(*...)\"";
		} else if (*s == '(' && s[1] == '?') {
			why = check_group(s + 2);
		}
	}
	return why;
}

static pcre2_compile_context *
context_new(void)
{
	pcre2_compile_context *c = pcre2_compile_context_create(NULL);

	if (c) {
		pcre2_set_parens_nest_limit(c, PARENS_MAX);
		pcre2_set_newline(c, PCRE2_NEWLINE_LF);
		pcre2_set_bsr(c, PCRE2_BSR_UNICODE);
	}
	return c;
}

static pcre2_code *
compile(const char *pattern, int *ret_error, size_t *ret_at)
{
	const uint32_t options = PCRE2_UTF | PCRE2_ANCHORED |
				 PCRE2_DOLLAR_ENDONLY | PCRE2_NO_AUTO_CAPTURE |
				 PCRE2_NEVER_BACKSLASH_C;
	pcre2_compile_context *c = context_new();
	pcre2_code *re;

	if (!c) {
		*ret_error = PCRE2_ERROR_NOMEMORY;
		return NULL;
	}
	re = pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern), options,
			   ret_error, ret_at, c);
	pcre2_compile_context_free(c);
	return re;
}

static bool
refers_back(const pcre2_code *re)
{
	uint32_t n = 1;

	return pcre2_pattern_info(re, PCRE2_INFO_BACKREFMAX, &n) != 0 || n;
}

static const char *
check_bounds(const char *s)
{
	if (!*s)
		return "is empty";
	if (strlen(s) > POLICY_REGEX_MAX)
		return "is longer than 256 bytes";
	return check_text(s);
}

const char *
regex_check(const char *s)
{
	const char *why = check_bounds(s);
	size_t at = 0;
	int error = 0;
	pcre2_code *re;

	if (why)
		return why;
	re = compile(s, &error, &at);
	if (!re)
		return error == PCRE2_ERROR_NOMEMORY
			       ? "cannot be compiled: out of memory"
			       : "is not a regular expression of PCRE2";
	if (refers_back(re))
		why = check_escape('1');
	pcre2_code_free(re);
	return why;
}

static int
compile_error(int error, size_t at, struct err *e)
{
	PCRE2_UCHAR text[128];

	if (error == PCRE2_ERROR_NOMEMORY)
		return err_set(e, -ENOMEM, "out of memory");
	if (pcre2_get_error_message(error, text, sizeof(text)) < 0)
		text[0] = '\0';
	return err_set(e, -EINVAL, "at byte %zu: %s", at, (const char *)text);
}

int
regex_compile(const char *pattern, void **ret, struct err *e)
{
	const char *why = check_bounds(pattern);
	size_t at = 0;
	int error = 0;
	pcre2_code *re;

	if (why)
		return err_set(e, -EINVAL, "%s", why);
	re = compile(pattern, &error, &at);
	if (!re)
		return compile_error(error, at, e);
	if (refers_back(re)) {
		pcre2_code_free(re);
		return err_set(e, -EINVAL, "%s", check_escape('1'));
	}
	*ret = re;
	return 0;
}

void
regex_free(void *re)
{
	pcre2_code_free(re);
}

int
regex_room(void **ret_data, void **ret_context)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	pcre2_match_context *context = pcre2_match_context_create(NULL);

	if (!data || !context) {
		regex_room_free(data, context);
		return -ENOMEM;
	}
	pcre2_set_match_limit(context, CALLS_MAX);
	pcre2_set_depth_limit(context, DEPTH_MAX);
	pcre2_set_heap_limit(context, 0); /* no malloc() while deciding */
	*ret_data = data;
	*ret_context = context;
	return 0;
}

void
regex_room_free(void *data, void *context)
{
	pcre2_match_data_free(data);
	pcre2_match_context_free(context);
}

/* The longest match comes first, so it is the whole string or none is. (With
 * PCRE2_ENDANCHORED, the DFA matcher of PCRE2 10.42 also wants the inside of a
 * look-around to end there, and so "(?!x)" is true before "xy".) */
enum truth
regex_match(const struct policy *p, uint32_t regex, const char *s, size_t len)
{
	int workspace[WORKSPACE], r;

	/* 0: it matches and there would be more to tell */
	r = pcre2_dfa_match(p->regex[regex], (PCRE2_SPTR)s, len, 0, 0,
			    p->match_data, p->match_context, workspace,
			    WORKSPACE);
	if (r >= 0)
		return pcre2_get_ovector_pointer(p->match_data)[1] == len
			       ? IS_TRUE
			       : IS_FALSE;
	return r == PCRE2_ERROR_NOMATCH ? IS_FALSE : IS_UNKNOWN;
}

void
regex_version(char buf[REGEX_VERSION_MAX])
{
	char all[128] = "";

	/* pcre2api(3): the length that it takes, with the NUL */
	if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) <= (int)sizeof(all))
		pcre2_config(PCRE2_CONFIG_VERSION, all);
	snprintf(buf, REGEX_VERSION_MAX, "%.63s", all);
}
