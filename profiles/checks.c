/*
 * What a string in a profile may be. What always holds: a string that passes
 * can neither steer a terminal nor, as a path, lead outside of what it says.
 */
#include "profiles/checks.h"

#include "lib/str.h"
#include "profiles/paths.h"

#include <stdbool.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"
#define VAR_MAX 128

const char *
check_name(const char *s)
{
	if (str_is_name(s))
		return NULL;
	return "is not a name: use letters, digits, \".\", \"_\" and \"-\", "
	       "at most 64, the first neither \".\" nor \"-\"";
}

/* C0, DEL and C1 (as UTF-8): nothing that a terminal would act on. */
static bool
has_control(const char *s)
{
	for (const unsigned char *p = (const unsigned char *)s; *p; p++)
		if (*p < 0x20 || *p == 0x7f ||
		    (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f))
			return true;
	return false;
}

const char *
check_text(const char *s)
{
	return has_control(s) ? "holds control characters" : NULL;
}

const char *
check_kernel(const char *s)
{
	size_t major = strspn(s, DIGIT), minor;

	if (major >= 1 && major <= 3 && s[major] == '.') {
		minor = strspn(s + major + 1, DIGIT);
		if (minor >= 1 && minor <= 3 && !s[major + 1 + minor])
			return NULL;
	}
	return "is not a kernel version such as \"5.13\"";
}

const char *
check_hostname(const char *s)
{
	/* One label of RFC 1123, section 2.1. */
	size_t n = strspn(s, LOWER UPPER DIGIT "-");

	if (n >= 1 && n <= 63 && !s[n] && *s != '-')
		return NULL;
	return "is not a host name: use letters, digits and \"-\", at most 63, "
	       "the first not \"-\"";
}

const char *
check_call(const char *s)
{
	size_t n = strspn(s, LOWER DIGIT "_");

	if (n >= 1 && n <= 64 && !s[n] && strchr(LOWER, *s))
		return NULL;
	return "is not the name of a system call";
}

/* Rules */

const char *
check_rule_id(const char *s)
{
	size_t n = strspn(s, LOWER UPPER DIGIT "._:*/@-");

	if (n >= 1 && n <= 128 && !s[n] && !strchr(".:*/@-", *s))
		return NULL;
	return "is not an id: use letters, digits and \"._:*/@-\", at most "
	       "128, the first a letter, a digit or \"_\"";
}

const char *
check_rule_name(const char *s)
{
	size_t n = strlen(s);

	if (n >= 1 && n <= 256 && !has_control(s))
		return NULL;
	return "is not the id of a rule";
}

const char *
check_label(const char *s)
{
	if (str_is_name(s))
		return NULL;
	return "is not a label: use letters, digits, \".\", \"_\" and \"-\", "
	       "at most 64, the first neither \".\" nor \"-\"";
}

const char *
check_pointer(const char *s)
{
	bool ok = *s == '/' && strlen(s) <= 512 && !has_control(s);

	for (const char *p = s; ok && (p = strchr(p, '~')); p++)
		ok = p[1] == '0' || p[1] == '1';
	return ok ? NULL : "is not a JSON pointer such as \"/args/amount\"";
}

/* Environment */

static bool
is_variable(const char *s)
{
	size_t n = strspn(s, LOWER UPPER DIGIT "_");

	return n >= 1 && n <= VAR_MAX && !s[n] && !strchr(DIGIT, *s);
}

const char *
check_env_set(const char *s)
{
	if (!is_variable(s))
		return "is not the name of a variable";
	if (str_starts(s, "AGENTBOX"))
		return "is set by agentbox itself";
	return NULL;
}

/* Inherited by accident, these change what a program loads or runs. They act
 * inside the box only, so an author may set them in so many words. */
static const char *const loaders[] = {
	"BASH_ENV",
	"BASHOPTS",
	"ENV",
	"GCONV_PATH",
	"GETCONF_DIR",
	"GLIBC_TUNABLES",
	"HOSTALIASES",
	"IFS",
	"JAVA_TOOL_OPTIONS",
	"LOCPATH",
	"MALLOC_TRACE",
	"NLSPATH",
	"NODE_OPTIONS",
	"PERL5DB",
	"PERL5LIB",
	"PERL5OPT",
	"PROMPT_COMMAND",
	"PS4",
	"PYTHONHOME",
	"PYTHONINSPECT",
	"PYTHONPATH",
	"PYTHONSTARTUP",
	"RESOLV_HOST_CONF",
	"RUBYLIB",
	"RUBYOPT",
	"SHELLOPTS",
	"TZDIR",
	"_JAVA_OPTIONS",
	NULL,
};

/* Doors of the host: sockets, displays, agents. None of them is inside. */
static const char *const doors[] = {
	"CONTAINER_HOST",
	"DBUS_SESSION_BUS_ADDRESS",
	"DBUS_SYSTEM_BUS_ADDRESS",
	"DISPLAY",
	"DOCKER_HOST",
	"GPG_AGENT_INFO",
	"KRB5CCNAME",
	"KUBECONFIG",
	"NOTIFY_SOCKET",
	"SSH_AGENT_PID",
	"SSH_AUTH_SOCK",
	"STY",
	"SUDO_ASKPASS",
	"TMUX",
	"WAYLAND_DISPLAY",
	"XAUTHORITY",
	"XDG_RUNTIME_DIR",
	NULL,
};

/* Set in every box. */
static const char *const own[] = {
	"HOME",	 "LOGNAME", "OLDPWD", "PATH", "PWD",
	"SHELL", "TMPDIR",  "USER",   NULL,
};

/* Does the pattern NAME* take in any name of the list? */
static bool
covers_any(const char *prefix, size_t n, const char *const *list)
{
	for (; *list; list++)
		if (!strncmp(prefix, *list, n))
			return true;
	return false;
}

static const char *
check_env_pattern(const char *s, size_t n)
{
	char prefix[VAR_MAX + 1];

	if (n > VAR_MAX)
		return "is not the name of a variable";
	memcpy(prefix, s, n);
	prefix[n] = '\0';
	if (!is_variable(prefix))
		return "is not the name of a variable";
	if (!strncmp(prefix, "LD_", MIN(n, 3)) ||
	    covers_any(prefix, n, loaders) || covers_any(prefix, n, doors) ||
	    covers_any(prefix, n, own) ||
	    !strncmp(prefix, "AGENTBOX", MIN(n, 8)))
		return "takes in names that are never passed on; write the "
		       "wanted names out";
	return NULL;
}

const char *
check_env_pass(const char *s)
{
	size_t n = strlen(s);

	if (n && s[n - 1] == '*')
		return check_env_pattern(s, n - 1);
	if (!is_variable(s))
		return "is not the name of a variable";
	if (str_starts(s, "LD_") || str_in(s, loaders))
		return "changes what programs load or run, so it is never "
		       "taken over from the caller; give a value in env.set";
	if (str_in(s, doors))
		return "leads to a service of the host, which is not inside "
		       "the box";
	if (str_starts(s, "AGENTBOX") || str_in(s, own))
		return "is set by agentbox itself; env.set can give it "
		       "another value";
	return NULL;
}

/* Paths */

/* The form: "@group", "~/x" or "/x", clean. */
static const char *
check_path_form(const char *s)
{
	if (*s == '@')
		return str_is_name(s + 1) ? NULL
					  : "is not the name of a path group";
	if (!strcmp(s, "~") || !strcmp(s, "~/"))
		return "is the caller's whole home; name what is needed in it";
	if (*s == '~' && s[1] != '/')
		return "names another user's home; only \"~/\" is known";
	if (*s != '~' && *s != '/')
		return "is not absolute; begin with \"/\", \"~/\" or \"@\"";
	if (has_control(s))
		return "holds control characters";
	if (!str_is_clean_path(*s == '~' ? s + 1 : s))
		return "is not a clean path: no \".\", \"..\", \"//\", and no "
		       "\"/\" at the end";
	if (!strcmp(s, "/"))
		return "is the whole host; name what is needed in it";
	return NULL;
}

const char *
check_path_deny(const char *s)
{
	return check_path_form(s);
}

const char *
check_path_grant(const char *s)
{
	const char *why = check_path_form(s);

	if (!why && *s != '@')
		why = paths_refused(s);
	return why;
}

const char *
check_path_write(const char *s)
{
	if (*s == '@')
		return "is a group of the host's own files, which are never "
		       "writable";
	return check_path_grant(s);
}
