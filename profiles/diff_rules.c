/*
 * Two lists of rules on one surface. A grant is told where the other side has
 * none that takes it in, a denial where it holds something back that the other
 * side does not. What always holds: a difference that cannot be proved away is
 * told; what one side cannot do anyway is not.
 */
#include "profiles/diff-internal.h"

#include "lib/str.h"

#include <string.h>

struct side {
	const struct policy_spec *s;
	enum surface on;
	unsigned int level; /* the innermost that grants; SIZE: none */
	bool any;
};

/* A child grants within its parents, so the innermost level that grants says
 * what is granted. */
static void
find_level(struct side *d)
{
	for (size_t i = 0; i < d->s->n_rules; i++) {
		const struct rule *r = &d->s->rule[i];

		if (!grants(r) || !(r->on & 1u << d->on))
			continue;
		d->level = d->any ? MAX(d->level, r->level) : r->level;
		d->any = true;
	}
}

static bool
is_ignored(const struct rule *r)
{
	return str_starts(r->id, "files.never:") ||
	       (str_starts(r->id, "process.") &&
		strcmp(r->id, "process.syscalls") != 0);
}

static bool
is_grant(const struct side *d, const struct rule *r)
{
	return d->any && grants(r) && r->on & 1u << d->on &&
	       r->level == d->level && !is_ignored(r);
}

static bool
is_denial(const struct side *d, const struct rule *r)
{
	return r->effect >= EFFECT_DENY && r->on & 1u << d->on &&
	       r->mode == MODE_ENFORCE &&
	       d->s->level[r->level].mode == MODE_ENFORCE && !is_ignored(r);
}

/* Precedence as freedom: allow 3, redact and limit 2, ask 1. */
static int
freedom(enum effect f)
{
	return f == EFFECT_ALLOW ? 3 : f == EFFECT_ASK ? 1 : 2;
}

static bool
denied_by(const struct side *d, const struct rule *atom)
{
	for (size_t i = 0; i < d->s->n_rules; i++)
		if (is_denial(d, &d->s->rule[i]) &&
		    rule_covers(&d->s->rule[i], atom))
			return true;
	return false;
}

/* How free the side is with all of the atom: 0 not at all. An "ask" beside an
 * "allow" asks. */
static int
freedom_of(const struct side *d, const struct rule *atom, enum effect *ret)
{
	int best = 0, least = 4;

	for (size_t i = 0; i < d->s->n_rules; i++) {
		const struct rule *r = &d->s->rule[i];

		if (!is_grant(d, r) || !rule_covers(r, atom))
			continue;
		if (freedom(r->effect) < least) {
			least = freedom(r->effect);
			*ret = r->effect;
		}
		best = least;
	}
	return denied_by(d, atom) ? 0 : best;
}

/* Telling */

static const char *
text_of(const struct side *d, const struct rule *r, char *buf, size_t size)
{
	const char *colon = strchr(r->id, ':');

	if (str_starts(r->id, "files.deny:")) {
		snprintf(buf, size, "%s", colon + 1);
		return buf;
	}
	/* Kernel-held: the entry says it best. */
	if (d->on == SURFACE_FILES && str_starts(r->id, "files.") && colon &&
	    r->n_match == 2 && r->match[1].n != 1) {
		snprintf(buf, size, "%.*s %s",
			 (int)(colon - r->id) - (int)strlen("files."),
			 r->id + strlen("files."), colon + 1);
		return buf;
	}
	rule_text(r, d->on, buf, size);
	return buf + strlen(surface_name(d->on)) + (r->n_match + r->n_when > 0);
}

static int
tell(struct diff *out, const struct side *d, char sign, const struct rule *r,
     const struct rule *from, const char *how)
{
	char buf[1024];
	const char *text = text_of(d, r, buf, sizeof(buf));

	return diff_add(out, sign, surface_name(d->on), from, "%s%s%s", how,
			*how ? " " : "", *text ? text : "everything");
}

/* Grants */

struct told {
	size_t none, less, all;
	enum effect other;
};

static int
tell_atoms(struct diff *out, const struct side *d, const struct side *other,
	   char sign, const struct rule *r, const struct atoms *atoms)
{
	int ret = 0;

	for (size_t i = 0; i < atoms->n && ret >= 0; i++) {
		enum effect e = EFFECT_NONE;

		if (!denied_by(d, &atoms->v[i]) &&
		    freedom_of(other, &atoms->v[i], &e) == 0)
			ret = tell(out, d, sign, &atoms->v[i], r,
				   effect_name(r->effect));
	}
	return ret;
}

static struct told
compare_atoms(const struct side *d, const struct side *other,
	      const struct rule *r, const struct atoms *atoms)
{
	struct told t = { .other = EFFECT_NONE };

	for (size_t i = 0; i < atoms->n; i++) {
		enum effect mine = r->effect, theirs = EFFECT_NONE;
		int here = freedom_of(d, &atoms->v[i], &mine), there;

		if (!here || mine != r->effect)
			continue;
		t.all++;
		there = freedom_of(other, &atoms->v[i], &theirs);
		t.none += !there;
		if (there && there < here) {
			t.less++;
			t.other = theirs;
		}
	}
	return t;
}

/* What side d may and the other may not. */
static int
compare_grant(struct diff *out, const struct side *d, const struct side *other,
	      char sign, const struct rule *r)
{
	struct atoms atoms;
	struct told t;
	char how[64];
	int ret = atoms_of(r, d->on, &atoms);

	if (ret < 0)
		return ret;
	t = compare_atoms(d, other, r, &atoms);
	if (t.none && t.none == t.all)
		ret = tell(out, d, sign, r, r, effect_name(r->effect));
	else if (t.none)
		ret = tell_atoms(out, d, other, sign, r, &atoms);
	/* Told once, from the side that is freer. */
	if (ret >= 0 && t.less) {
		if (sign == '+')
			snprintf(how, sizeof(how), "%s -> %s",
				 effect_name(t.other), effect_name(r->effect));
		else
			snprintf(how, sizeof(how), "%s -> %s",
				 effect_name(r->effect), effect_name(t.other));
		ret = tell(out, d, '~', r, r, how);
	}
	atoms_done(&atoms);
	return ret;
}

static int
compare_grants(struct diff *out, const struct side *d, const struct side *other,
	       char sign)
{
	int r = 0;

	for (size_t i = 0; i < d->s->n_rules && r >= 0; i++)
		if (is_grant(d, &d->s->rule[i]))
			r = compare_grant(out, d, other, sign, &d->s->rule[i]);
	return r;
}

/* Denials */

/* Does the denial hold back something that d would grant otherwise? */
static bool
holds_back(const struct side *d, const struct rule *deny)
{
	for (size_t i = 0; i < d->s->n_rules; i++)
		if (is_grant(d, &d->s->rule[i]) &&
		    !rules_disjoint(&d->s->rule[i], deny))
			return true;
	return false;
}

static bool
is_denied_too(const struct side *other, const struct rule *deny)
{
	struct atoms atoms;
	bool all = true;

	if (!holds_back(other, deny))
		return true;
	if (atoms_of(deny, other->on, &atoms) < 0)
		return false;
	for (size_t i = 0; i < atoms.n && all; i++)
		all = denied_by(other, &atoms.v[i]) ||
		      !holds_back(other, &atoms.v[i]);
	atoms_done(&atoms);
	return all;
}

/* Denials of d that the other has not: the other may more. */
static int
compare_denials(struct diff *out, const struct side *d,
		const struct side *other, char sign)
{
	int r = 0;

	for (size_t i = 0; i < d->s->n_rules && r >= 0; i++) {
		const struct rule *deny = &d->s->rule[i];

		if (is_denial(d, deny) && holds_back(d, deny) &&
		    !is_denied_too(other, deny))
			r = tell(out, d, sign, deny, deny,
				 sign == '+' ? "no longer denied:" : "denied:");
	}
	return r;
}

/* Rules that restrict and do not grant */

static bool
is_restricted_too(const struct side *other, const struct rule *r)
{
	for (size_t i = 0; i < other->s->n_rules; i++) {
		const struct rule *o = &other->s->rule[i];

		if (o->restricts && o->effect == r->effect &&
		    o->on & 1u << other->on && rule_covers(o, r))
			return true;
	}
	return false;
}

/* Restrictions of d that the other has not. */
static int
compare_restrictions(struct diff *out, const struct side *d,
		     const struct side *other, char sign)
{
	static const char *const words[EFFECT_MAX][2] = {
		[EFFECT_ASK] = { "no longer asks:", "asks:" },
		[EFFECT_REDACT] = { "no longer redacts:", "redacts:" },
		[EFFECT_LIMIT] = { "no longer limits:", "limits:" },
	};
	int r = 0;

	for (size_t i = 0; i < d->s->n_rules && r >= 0; i++) {
		const struct rule *x = &d->s->rule[i];

		if (x->restricts && x->on & 1u << d->on && holds_back(d, x) &&
		    !is_restricted_too(other, x))
			r = tell(out, d, sign, x, x,
				 words[x->effect][sign == '-']);
	}
	return r;
}

/* TLS that passes through: nobody sees what is inside */

static bool
passes_too(const struct side *other, const struct rule *r)
{
	for (size_t i = 0; i < other->s->n_rules; i++)
		if (other->s->rule[i].tls_pass &&
		    rule_covers(&other->s->rule[i], r))
			return true;
	return false;
}

/* What d passes through and the other does not. */
static int
compare_passes(struct diff *out, const struct side *d, const struct side *other,
	       char sign)
{
	int ret = 0;

	for (size_t i = 0; i < d->s->n_rules && ret >= 0; i++) {
		const struct rule *r = &d->s->rule[i];
		struct atoms atoms;

		if (!r->tls_pass || !(r->on & 1u << d->on))
			continue;
		ret = atoms_of(r, d->on, &atoms);
		for (size_t k = 0; ret >= 0 && k < atoms.n; k++)
			if (!passes_too(other, &atoms.v[k]))
				ret = tell(out, d, sign, &atoms.v[k], r,
					   sign == '+' ? "tls passes:"
						       : "tls no longer "
							 "passes:");
		atoms_done(&atoms);
	}
	return ret;
}

/* Sources of labels */

static int
compare_sources(struct diff *out, const struct side *d,
		const struct side *other, const char *how)
{
	int ret = 0;

	for (size_t i = 0; i < d->s->n_rules && ret >= 0; i++) {
		const struct rule *r = &d->s->rule[i];
		bool found = false;
		char buf[512];

		if (r->effect != EFFECT_LABEL || !(r->on & 1u << d->on))
			continue;
		for (size_t j = 0; j < other->s->n_rules && !found; j++) {
			const struct rule *o = &other->s->rule[j];

			found = o->effect == EFFECT_LABEL && rule_covers(o, r);
			for (size_t k = 0; k < r->labels_add.n && found; k++)
				found = strv_has(&o->labels_add,
						 r->labels_add.v[k]);
		}
		if (!found)
			ret = diff_add(out, '~', "labels", r, "%s \"%s\": %s",
				       how, r->labels_add.v[0],
				       rule_text(r, d->on, buf, sizeof(buf)));
	}
	return ret;
}

int
diff_surface(struct diff *d, const struct policy_spec *a,
	     const struct policy_spec *b, enum surface s)
{
	struct side sa = { .s = a, .on = s }, sb = { .s = b, .on = s };
	int r;

	find_level(&sa);
	find_level(&sb);
	r = compare_grants(d, &sb, &sa, '+');
	if (r >= 0)
		r = compare_denials(d, &sa, &sb, '+');
	if (r >= 0)
		r = compare_restrictions(d, &sa, &sb, '+');
	if (r >= 0)
		r = compare_passes(d, &sb, &sa, '+');
	if (r >= 0)
		r = compare_passes(d, &sa, &sb, '-');
	if (r >= 0)
		r = compare_grants(d, &sa, &sb, '-');
	if (r >= 0)
		r = compare_denials(d, &sb, &sa, '-');
	if (r >= 0)
		r = compare_restrictions(d, &sb, &sa, '-');
	if (r >= 0)
		r = compare_sources(d, &sb, &sa, "now adds");
	return r < 0 ? r : compare_sources(d, &sa, &sb, "no longer adds");
}
