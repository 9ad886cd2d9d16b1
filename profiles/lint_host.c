/*
 * What the role, the labels and the machine make of a profile. Facts of the
 * machine are passed in, so this is pure.
 */
#include "profiles/lint-internal.h"

#include "lib/str.h"

#include <string.h>

/* Classes */

/* The lowest class that a word of the match stands for; CLASS_MAX: unknown. */
static int
class_of(const struct rule *r, enum surface s)
{
	const struct rule_cond *c = lint_cond(r, "/class");
	int lowest = CLASS_MAX;

	for (size_t i = 0; c && i < c->n; i++) {
		int v = class_from_name(c->v[i].s);

		lowest = v >= 0 && v < lowest ? v : lowest;
	}
	if (c)
		return lowest;
	c = lint_cond(r, s == SURFACE_MEMORY ? "/op" : "/method");
	if (s == SURFACE_HANDOFFS)
		return CLASS_DELEGATE;
	/* what nobody looks into counts as sending */
	if (s == SURFACE_NETWORK && r->tls_pass)
		return CLASS_SEND;
	if (!c || (s != SURFACE_MEMORY && s != SURFACE_NETWORK))
		return CLASS_READ;
	for (size_t i = 0; i < c->n; i++) {
		struct request rq;
		int v;

		request_init(&rq, s);
		request_set(&rq, s == SURFACE_MEMORY ? ATTR_OP : ATTR_METHOD,
			    c->v[i].s);
		if (strpbrk(c->v[i].s, "*?"))
			return CLASS_READ;
		request_derive(&rq);
		v = rq.attr[ATTR_CLASS].s
			    ? class_from_name(rq.attr[ATTR_CLASS].s)
			    : CLASS_MAX;
		lowest = v >= 0 && v < lowest ? v : lowest;
	}
	return lowest;
}

static void
check_class(struct linter *l, const struct rule *r)
{
	enum action_class ceiling = l->s->level[l->level].ceiling;

	for (int s = 0; s < SURFACE_MAX; s++) {
		int c;

		if (!(r->on & 1u << s) || !(BROKERED & 1u << s))
			continue;
		c = class_of(r, (enum surface)s);
		if (c == CLASS_MAX || c <= (int)ceiling)
			continue;
		lint_cure(l,
			  lint_rule(l, LINT_ERROR, "class-above-role", r,
				    "\"%s\" never grants anything: \"%s\" is "
				    "above what the role \"%s\" may do, "
				    "\"%s\"",
				    r->id, class_name((enum action_class)c),
				    profile_role_name(l->p->role),
				    class_name(ceiling)),
			  "take the rule away, or choose another role");
		return;
	}
}

/* Duties: who approves or watches does not act, and who acts does not watch
 * over itself. */
static void
check_duty(struct linter *l, const struct rule *r)
{
	enum profile_role role = l->p->role;
	bool watches = role == ROLE_APPROVE || role == ROLE_MONITOR;
	unsigned int acts = ON(CREDENTIALS) | ON(HANDOFFS);

	if (watches && r->on & acts)
		lint_cure(l,
			  lint_rule(l, LINT_ERROR, "duty-conflict", r,
				    "\"%s\" lets the role \"%s\" act through "
				    "credentials or other agents",
				    r->id, profile_role_name(role)),
			  "take the rule away: who approves or watches does "
			  "not act");
	if (!watches && r->on & ON(ADMIN))
		lint_cure(l,
			  lint_rule(l, LINT_WARNING, "duty-conflict", r,
				    "\"%s\" gives verbs of an operator to the "
				    "role \"%s\"",
				    r->id, profile_role_name(role)),
			  "give them to a profile of the role \"approve\" or "
			  "\"monitor\"");
}

void
lint_role(struct linter *l)
{
	for (size_t i = 0; i < l->s->n_rules; i++) {
		const struct rule *r = &l->s->rule[i];

		if (r->level != l->level || !(r->on & BROKERED) || !grants(r))
			continue;
		check_class(l, r);
		check_duty(l, r);
	}
	if (l->p->mode == MODE_OBSERVE)
		lint_cure(l,
			  lint_at(l, LINT_WARNING, "observe", "/mode",
				  "the profile only observes: its rules on "
				  "brokered surfaces deny nothing"),
			  "set \"mode\" to \"enforce\" once the records show "
			  "what is needed");
}

/* Labels */

static bool
is_cleared(const struct linter *l, const char *label)
{
	for (size_t i = 0; i < l->s->n_rules; i++)
		if (strv_has(&l->s->rule[i].labels_clear, label))
			return true;
	return false;
}

/* "disjoint from" a label that every run has from its start. */
static void
check_disjoint(struct linter *l, const struct rule *r)
{
	for (size_t i = 0; i < r->n_when; i++) {
		const struct rule_cond *c = &r->when[i];

		if (c->op != OP_DISJOINT || strcmp(c->pointer, "/run/labels"))
			continue;
		for (size_t j = 0; j < c->n; j++) {
			const char *s = c->v[j].s;

			if (!strv_has(&l->s->labels_start, s) ||
			    is_cleared(l, s))
				continue;
			lint_cure(l,
				  lint_rule(l, LINT_WARNING, "unreachable", r,
					    "\"%s\" never acts: every run "
					    "starts with the label \"%s\" and "
					    "no rule clears it",
					    r->id, s),
				  "take the label out of labels.start, or the "
				  "condition away");
		}
	}
}

static bool
is_tested(const struct rule_cond *c, const char *label)
{
	if (!c->pointer || (strcmp(c->pointer, "/run/labels") != 0 &&
			    strcmp(c->pointer, "/data/labels") != 0))
		return false;
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].s && !strcmp(c->v[i].s, label))
			return true;
	return false;
}

static bool
is_used(const struct linter *l, const char *label)
{
	for (size_t i = 0; i < l->s->n_rules; i++)
		for (size_t j = 0; j < l->s->rule[i].n_when; j++)
			if (is_tested(&l->s->rule[i].when[j], label))
				return true;
	for (size_t i = 0; i < l->s->n_triggers; i++)
		if (strv_has(&l->s->trigger[i].labels, label))
			return true;
	return false;
}

void
lint_labels(struct linter *l)
{
	const struct strv *own = &l->p->labels_define;

	for (size_t i = 0; i < l->s->n_rules; i++)
		if (l->s->rule[i].level == l->level &&
		    l->s->rule[i].on & BROKERED)
			check_disjoint(l, &l->s->rule[i]);
	for (size_t i = 0; i < own->n; i++) {
		char *name = strndup(own->v[i], strcspn(own->v[i], "="));
		char at[128];

		if (name && !is_used(l, name)) {
			snprintf(at, sizeof(at), "/labels/define/%.80s", name);
			lint_cure(l,
				  lint_at(l, LINT_NOTE, "unused-label", at,
					  "no rule tests the label \"%s\"",
					  name),
				  "test it in a condition, or take it away");
		}
		l->out->failed = l->out->failed || !name;
		free(name);
	}
}

/* This machine */

static void
check_version(struct linter *l)
{
	const char *s = l->p->requires.kernel;
	const struct lint_host *h = l->host;
	const char *dot = s ? strchr(s, '.') : NULL;
	uint64_t major, minor;
	char first[8];

	if (!dot || !h->kernel_major)
		return;
	snprintf(first, sizeof(first), "%.*s", (int)(dot - s), s);
	if (str_to_u64(first, &major) < 0 || str_to_u64(dot + 1, &minor) < 0)
		return;
	if (h->kernel_major > major ||
	    (h->kernel_major == major && h->kernel_minor >= minor))
		return;
	lint_cure(l,
		  lint_at(l, LINT_ERROR, "unenforceable", "/requires/kernel",
			  "needs Linux %s; this is %u.%u", s, h->kernel_major,
			  h->kernel_minor),
		  "run it on a newer kernel, or lower requires.kernel");
}

static void
check_landlock(struct linter *l)
{
	bool optional = l->p->requires.optional & LAYER_BIT(LAYER_LANDLOCK);
	unsigned int want = MAX(l->p->requires.landlock_abi, 1u);

	if (l->host->landlock_abi < 0 || optional ||
	    (unsigned int)l->host->landlock_abi >= want)
		return;
	lint_cure(l,
		  lint_at(l, LINT_ERROR, "unenforceable", "/requires/landlock",
			  "needs Landlock ABI %u; this kernel has %d", want,
			  l->host->landlock_abi),
		  "run it on a newer kernel (or boot with lsm=landlock), or "
		  "put \"landlock\" into requires.optional");
}

static void
check_layers(struct linter *l)
{
	const struct cgroup_limits *c = &l->p->process.cgroup;
	const struct {
		enum layer layer;
		bool wanted;
	} wants[] = {
		{ LAYER_MEMORY, c->memory != CGROUP_UNLIMITED },
		{ LAYER_SWAP, c->swap != CGROUP_UNLIMITED },
		{ LAYER_PIDS, c->pids != CGROUP_UNLIMITED },
		{ LAYER_CPU, c->cpu_percent != CGROUP_UNLIMITED },
		{ LAYER_IO, c->io_bps != CGROUP_UNLIMITED ||
				    c->io_weight != CGROUP_UNLIMITED },
		{ LAYER_TIME, l->p->process.timens },
	};

	for (size_t i = 0; l->host->layers_known && i < ARRAY_SIZE(wants);
	     i++) {
		uint32_t bit = LAYER_BIT(wants[i].layer);

		if (!wants[i].wanted || l->host->layers & bit ||
		    l->p->requires.optional & bit)
			continue;
		lint_cure(l,
			  lint_at(l, LINT_ERROR, "unenforceable",
				  "/requires/optional",
				  "this host cannot give the layer \"%s\", "
				  "which the profile asks for",
				  layer_name(wants[i].layer)),
			  "see `agentbox doctor`, or put \"%s\" into "
			  "requires.optional",
			  layer_name(wants[i].layer));
	}
}

void
lint_kernel(struct linter *l)
{
	check_version(l);
	check_landlock(l);
	check_layers(l);
}
