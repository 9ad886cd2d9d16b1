/*
 * Grants that are wider than work usually needs. Told as warnings: sometimes
 * they are meant, and then "because" and an expect case say so.
 */
#include "profiles/lint-internal.h"

#include "lib/str.h"

#include <string.h>

/* Does the match let any value of the attribute through? */
static bool
is_any(const struct rule *r, const char *pointer)
{
	const struct rule_cond *c = lint_cond(r, pointer);

	for (size_t i = 0; c && i < c->n; i++) {
		const char *s = c->v[i].s;

		if (s && (!strcmp(s, "*") || !strcmp(s, "**")))
			return true;
	}
	return !c;
}

static void
broad(struct linter *l, const struct rule *r, const char *what,
      const char *cure)
{
	lint_cure(l,
		  lint_rule(l, LINT_WARNING, "broad", r, "\"%s\" grants %s",
			    r->id, what),
		  "%s", cure);
}

static void
check_network(struct linter *l, const struct rule *r)
{
	const struct rule_cond *a = lint_cond(r, "/address");

	if (is_any(r, "/host") && (!a || (a->n && !a->v[0].bits)))
		broad(l, r, "every host",
		      "name the hosts that are needed, or ask instead of "
		      "allow");
	else if (!lint_cond(r, "/port"))
		broad(l, r, "every port of a host",
		      "name the ports; without one a host has port 443");
}

static void
check_tools(struct linter *l, const struct rule *r)
{
	if (is_any(r, "/server") && is_any(r, "/tool") &&
	    !lint_cond(r, "/class"))
		broad(l, r, "every tool of every server",
		      "name servers and tools, or grant the class \"read\" "
		      "only");
}

static void
check_credentials(struct linter *l, const struct rule *r)
{
	if (is_any(r, "/name"))
		broad(l, r, "every credential", "name those that are needed");
	else if (is_any(r, "/host"))
		broad(l, r, "a credential for any host",
		      "say with \"host\" where it may be sent");
}

static void
check_memory(struct linter *l, const struct rule *r)
{
	if (is_any(r, "/type") && is_any(r, "/key") &&
	    is_any(r, "/namespace") && !lint_cond(r, "/op") &&
	    !lint_cond(r, "/class"))
		broad(l, r, "all of the memory",
		      "name the types, or the operations");
}

static void
check_admin(struct linter *l, const struct rule *r)
{
	if (is_any(r, "/verb"))
		broad(l, r, "every verb of an operator",
		      "name the verbs that are needed");
}

/* A string in a section has no room for reasons. */
static bool
is_string_grant(const struct rule *r)
{
	const char *colon = strchr(r->id, ':');

	return r->at && !str_starts(r->at, "/rules/") && colon &&
	       !strchr(colon, '=');
}

static void
check_because(struct linter *l, const struct rule *r)
{
	if (r->because || is_string_grant(r))
		return;
	lint_cure(l,
		  lint_rule(l, LINT_NOTE, "no-because", r,
			    "\"%s\" does not say why", r->id),
		  "add \"because\": it is shown with every decision");
}

/* By what the rules of a surface are told apart. */
static const struct {
	enum surface surface;
	const char *pointer, *what;
} main_attrs[] = {
	{ SURFACE_NETWORK, "/host", "every host" },
	{ SURFACE_TOOLS, "/server", "every tool server" },
	{ SURFACE_MEMORY, "/type", "all of the memory" },
	{ SURFACE_CREDENTIALS, "/name", "every credential" },
	{ SURFACE_HANDOFFS, "/to", "every agent" },
	{ SURFACE_ADMIN, "/verb", "every verb" },
};

/* ask, redact and limit outrank the implicit deny: what they say about
 * everything opens everything. For ask that may be meant. */
static void
check_restriction(struct linter *l, const struct rule *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(main_attrs); i++) {
		if (!(r->on & 1u << main_attrs[i].surface) ||
		    !is_any(r, main_attrs[i].pointer) ||
		    lint_cond(r, "/address"))
			continue;
		lint_cure(l,
			  lint_rule(l,
				    r->effect == EFFECT_ASK ? LINT_NOTE
							    : LINT_WARNING,
				    "broad", r,
				    "\"%s\" is about %s, and with effect %s "
				    "grants that too",
				    r->id, main_attrs[i].what,
				    effect_name(r->effect)),
			  "add \"grants\": false, and it acts only on what "
			  "other rules grant");
		return;
	}
}

static void
check_grant(struct linter *l, const struct rule *r)
{
	check_because(l, r);
	if (r->effect != EFFECT_ALLOW) {
		/* In a section the word "ask" says what is meant. */
		if (r->at && str_starts(r->at, "/rules/"))
			check_restriction(l, r);
		return;
	}
	/* What holds only sometimes is meant. */
	if (r->n_when)
		return;
	if (r->on & ON(NETWORK))
		check_network(l, r);
	if (r->on & ON(TOOLS))
		check_tools(l, r);
	if (r->on & ON(CREDENTIALS))
		check_credentials(l, r);
	if (r->on & ON(MEMORY))
		check_memory(l, r);
	if (r->on & ON(ADMIN))
		check_admin(l, r);
}

/* Folders directly in a home or in the root hold more than one thing. */
static bool
is_top_folder(const char *path)
{
	static const char *const wide[] = {
		"~/.config", "~/.local", "~/.cache", "~/.local/share",
		"/opt",	     "/srv",	 "/mnt",     "/media",
		"/usr",	     "/var/lib", NULL
	};

	return str_in(path, wide);
}

static void
check_writes(struct linter *l)
{
	const struct strv *list = &l->p->files.write;
	char at[64];

	for (size_t i = 0; i < list->n; i++) {
		if (!is_top_folder(list->v[i]))
			continue;
		snprintf(at, sizeof(at), "/files/write/%zu", i);
		lint_cure(l,
			  lint_at(l, LINT_WARNING, "broad", at,
				  "\"%s\" is the files of many programs",
				  list->v[i]),
			  "name the folder in it that is needed");
	}
}

void
lint_broad(struct linter *l)
{
	for (size_t i = 0; i < l->s->n_rules; i++) {
		const struct rule *r = &l->s->rule[i];

		if (r->level == l->level && r->on & BROKERED && grants(r))
			check_grant(l, r);
	}
	check_writes(l);
	if (!l->p->n_expect && l->p->kind == PROFILE_AGENT)
		lint_cure(l,
			  lint_at(l, LINT_NOTE, "no-expect", "",
				  "no expect cases"),
			  "say in \"expect\" what must be allowed and what "
			  "must be denied; `agentbox profile test` holds the "
			  "profile to it");
}
