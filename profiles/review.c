/*
 * What can be said only of the whole: ids, labels and steps that are named in
 * one place and made in another; duties that exclude each other; what a role
 * may not have.
 */
#include "profiles/inherit.h"

#include "lib/str.h"

#include <stdarg.h>
#include <string.h>

static const struct jsonc *
source_of(const struct profile *p, const char *file)
{
	for (size_t i = 0; i < p->n_sources; i++)
		if (!strcmp(p->source[i].label, file))
			return &p->source[i].doc;
	return NULL;
}

int
rule_fail(struct load *l, const struct rule *r, const char *more,
	  const char *fmt, ...)
{
	const struct jsonc *doc = source_of(l->p, r->file);
	char text[ERR_TEXT_MAX / 2], at[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(at, sizeof(at), "%s%s", r->at, more);
	return jsonc_fail(doc ? doc : l->doc, l->e, at, "%s", text);
}

static unsigned int
line_of(const struct load *l, const struct rule *r)
{
	const struct jsonc *doc = source_of(l->p, r->file);

	return doc ? jsonc_line(doc, r->at) : 0;
}

/* Ids */

static int
by_id(const void *x, const void *y)
{
	const struct rule *const *a = x, *const *b = y;
	int d = strcmp((*a)->id, (*b)->id);

	if (d)
		return d;
	return *a < *b ? -1 : *a > *b;
}

static int
id_is_taken(struct load *l, const struct rule *first, const struct rule *r)
{
	if (!strcmp(first->file, r->file))
		return rule_fail(l, r, "",
				 "the id \"%s\" is that of line %u already; "
				 "give one of them another \"id\"",
				 r->id, line_of(l, first));
	return rule_fail(l, r, "",
			 "the id \"%s\" is that of %s:%u already; give one of "
			 "them another \"id\", or exclude the group's",
			 r->id, first->file, line_of(l, first));
}

static bool
is_bare(const struct rule *r)
{
	return !r->n_when && !r->not_after_us && !r->max_uses && !r->rate.max &&
	       !r->budget.pointer && !r->labels_add.n && !r->labels_clear.n &&
	       !r->step && r->mode == MODE_ENFORCE && !r->restricts;
}

/* Two files that grant the same in the same words do no harm. */
static bool
says_the_same(const struct rule *a, const struct rule *b)
{
	return strcmp(a->file, b->file) != 0 && a->effect == b->effect &&
	       a->tls_pass == b->tls_pass && is_bare(a) && is_bare(b) &&
	       rule_covers(a, b) && rule_covers(b, a);
}

/* Takes the rules without an id out of the list. */
static void
drop_done(struct policy_spec *own)
{
	size_t kept = 0;

	for (size_t i = 0; i < own->n_rules; i++)
		if (own->rule[i].id)
			own->rule[kept++] = own->rule[i];
	own->n_rules = kept;
}

static int
check_ids(struct load *l)
{
	struct policy_spec *own = &l->p->own;
	_cleanup_free_ struct rule **v =
		calloc(own->n_rules + 1, sizeof(struct rule *));
	size_t first = 0;
	bool dropped = false;

	if (!v)
		return hand_no_memory(l);
	for (size_t i = 0; i < own->n_rules; i++)
		v[i] = &own->rule[i];
	qsort(v, own->n_rules, sizeof(struct rule *), by_id);
	for (size_t i = 1; i < own->n_rules; i++) {
		if (strcmp(v[first]->id, v[i]->id) != 0) {
			first = i;
			continue;
		}
		if (!says_the_same(v[first], v[i]))
			return id_is_taken(l, v[first], v[i]);
		dropped = true;
		rule_done(v[i]);
		v[i] = v[first];
	}
	if (dropped)
		drop_done(own);
	return 0;
}

/* Names that must be known: to the profile or to who is above it */

struct known {
	struct load *l;
	const struct profile *all[POLICY_LEVELS_MAX];
	size_t n;
	struct strv labels;
};

static int
collect_labels(struct known *k)
{
	int r = 0;

	for (size_t i = 0; i < k->n; i++) {
		const struct strv *sv = &k->all[i]->labels_define;

		for (size_t j = 0; j < sv->n && r >= 0; j++) {
			char *name = strndup(sv->v[j], strcspn(sv->v[j], "="));

			r = strv_take(&k->labels, name);
		}
	}
	return r < 0 ? hand_no_memory(k->l) : 0;
}

static int
unknown_label(struct known *k, const struct rule *r, const char *more,
	      const char *label)
{
	const char *hint =
		k->labels.n
			? str_suggest(label, (const char *const *)k->labels.v)
			: NULL;

	if (hint)
		return rule_fail(k->l, r, more,
				 "the label \"%s\" is not defined; did you "
				 "mean \"%s\"?",
				 label, hint);
	return rule_fail(k->l, r, more,
			 "the label \"%s\" is not defined; say what it means "
			 "in labels.define",
			 label);
}

static int
check_label_list(struct known *k, const struct rule *r, const char *more,
		 const struct strv *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strv_has(&k->labels, list->v[i]))
			return unknown_label(k, r, more, list->v[i]);
	return 0;
}

static bool
tests_labels(const struct rule_cond *c)
{
	const char *rest;
	int a = c->pointer ? attr_from_pointer(c->pointer, &rest) : -ENOENT;

	return a >= 0 && attr_kind((enum attr)a) == KIND_LABELS &&
	       c->op >= OP_SUBSET && c->op <= OP_INTERSECTS;
}

static bool
has_step(const struct known *k, const char *step)
{
	for (size_t i = 0; i < k->n; i++)
		for (size_t j = 0; j < k->all[i]->own.n_rules; j++) {
			const char *s = k->all[i]->own.rule[j].step;

			if (s && !strcmp(s, step))
				return true;
		}
	return false;
}

static bool
has_rule(const struct known *k, const char *id)
{
	for (size_t i = 0; i < k->n; i++)
		for (size_t j = 0; j < k->all[i]->own.n_rules; j++)
			if (!strcmp(k->all[i]->own.rule[j].id, id))
				return true;
	return false;
}

static int
check_cond(struct known *k, const struct rule *r, size_t i)
{
	const struct rule_cond *c = &r->when[i];
	char more[40];

	snprintf(more, sizeof(more), "/when/%zu/value", i);
	if (c->op == OP_SEEN && !has_step(k, c->name))
		return rule_fail(k->l, r, more, "no rule does the step \"%s\"",
				 c->name);
	if (c->op == OP_COUNT && !has_rule(k, c->name))
		return rule_fail(k->l, r, more, "no rule has the id \"%s\"",
				 c->name);
	for (size_t j = 0; tests_labels(c) && j < c->n; j++)
		if (!strv_has(&k->labels, c->v[j].s))
			return unknown_label(k, r, more, c->v[j].s);
	return 0;
}

static int
check_names(struct known *k, const struct rule *r)
{
	int ret = check_label_list(
		k, r, r->effect == EFFECT_LABEL ? "/add" : "/labels/add",
		&r->labels_add);

	if (ret >= 0)
		ret = check_label_list(k, r, "/labels/clear", &r->labels_clear);
	for (size_t i = 0; i < r->n_when && ret >= 0; i++)
		ret = check_cond(k, r, i);
	return ret;
}

static int
check_start(struct known *k)
{
	const struct strv *start = &k->l->p->labels_start;

	for (size_t i = 0; i < start->n; i++) {
		if (strv_has(&k->labels, start->v[i]))
			continue;
		load_enter(k->l, "labels");
		load_enter(k->l, "start");
		load_enter_index(k->l, i);
		return load_fail(k->l,
				 "the label \"%s\" is not defined; say what it "
				 "means in labels.define",
				 start->v[i]);
	}
	return 0;
}

static int
check_triggers(struct known *k)
{
	const struct policy_spec *own = &k->l->p->own;

	for (size_t i = 0; i < own->n_triggers; i++) {
		const struct trigger *t = &own->trigger[i];
		const char *bad = NULL;

		for (size_t j = 0; j < t->labels.n && !bad; j++)
			if (!strv_has(&k->labels, t->labels.v[j]))
				bad = t->labels.v[j];
		if (!bad && (!t->rule || has_rule(k, t->rule)))
			continue;
		load_enter(k->l, "freeze");
		load_enter_index(k->l, i);
		return bad ? load_fail(k->l, "the label \"%s\" is not defined",
				       bad)
			   : load_fail(k->l, "no rule has the id \"%s\"",
				       t->rule);
	}
	return 0;
}

static int
check_known(struct load *l)
{
	struct known k = { .l = l };
	int n = profile_lineage(l->p, k.all, ARRAY_SIZE(k.all)), r;

	if (n < 0)
		return err_set(l->e, n, "%s: too many profiles above it",
			       l->p->path);
	k.n = (size_t)n;
	r = collect_labels(&k);
	if (r >= 0 && k.labels.n > POLICY_LABELS_MAX)
		r = err_set(l->e, -E2BIG,
			    "%s: %zu labels with those of its parents; at "
			    "most %d are allowed",
			    l->p->path, k.labels.n, POLICY_LABELS_MAX);
	for (size_t i = 0; i < l->p->own.n_rules && r >= 0; i++)
		r = check_names(&k, &l->p->own.rule[i]);
	if (r >= 0)
		r = check_start(&k);
	if (r >= 0)
		r = check_triggers(&k);
	strv_done(&k.labels);
	return r;
}

/* Roles */

static bool
has_role(const struct profile *p, enum profile_role role)
{
	if (p->role == role)
		return true;
	for (size_t i = 0; i < p->n_parents; i++)
		if (has_role(p->parent[i], role))
			return true;
	return false;
}

/* Could the rule grant the verb "approve"? Only /verb can tell. */
static bool
may_approve(const struct rule *r)
{
	bool may = true;

	if (!grants(r) || !(r->on & ON(ADMIN)))
		return false;
	for (size_t i = 0; i < r->n_match && may; i++) {
		const struct rule_cond *c = &r->match[i];
		bool any = false;

		if (strcmp(c->pointer, "/verb") != 0)
			continue;
		for (size_t j = 0; j < c->n && !any; j++)
			any = c->op == OP_GLOB
				      ? glob_covers(c->v[j].s, "approve")
				      : !strcmp(c->v[j].s, "approve");
		may = any;
	}
	return may;
}

static int
check_duties(struct load *l)
{
	struct profile *p = l->p;

	if (p->kind == PROFILE_HOST || !has_role(p, ROLE_EXECUTE))
		return 0;
	if (has_role(p, ROLE_APPROVE)) {
		load_enter(l, "extends");
		return load_fail(l, "duty conflict: who executes may not "
				    "approve, and here both roles meet");
	}
	for (size_t i = 0; i < p->own.n_rules; i++)
		if (may_approve(&p->own.rule[i]))
			return rule_fail(l, &p->own.rule[i], "",
					 "duty conflict: the role \"execute\" "
					 "may not approve%s",
					 p->own.rule[i].on == BROKERED
						 ? "; name the surfaces, "
						   "without admin"
						 : "");
	return 0;
}

static int
check_class(struct load *l)
{
	struct profile *p = l->p;
	bool said = json_object_get(l->doc->root, "ceiling");
	enum action_class own = profile_role_ceiling(p->role);

	if (p->kind == PROFILE_HOST)
		return 0;
	if (p->ceiling > own) {
		load_enter(l, "ceiling");
		return load_fail(l,
				 "class above role: the role \"%s\" goes up to "
				 "\"%s\"",
				 profile_role_name(p->role), class_name(own));
	}
	if (p->ceiling >= CLASS_WRITE)
		return 0;
	load_enter(l, "files");
	if (p->files.write.n) {
		load_enter(l, "write");
		return load_fail(l, "class above role: %s \"%s\" may not write",
				 said ? "the ceiling" : "the role",
				 said ? class_name(p->ceiling)
				      : profile_role_name(p->role));
	}
	if (p->files.workspace == ACCESS_WRITE) {
		load_enter(l, "workspace");
		load_enter(l, "access");
		return load_fail(l, "class above role: %s \"%s\" may not write",
				 said ? "the ceiling" : "the role",
				 said ? class_name(p->ceiling)
				      : profile_role_name(p->role));
	}
	l->at[0] = '\0';
	return 0;
}

static bool
grants_network(const struct profile *p)
{
	for (size_t i = 0; i < p->own.n_rules; i++)
		if (grants(&p->own.rule[i]) && p->own.rule[i].on & ON(NETWORK))
			return true;
	for (size_t i = 0; i < p->n_parents; i++)
		if (grants_network(p->parent[i]))
			return true;
	return false;
}

/* What a box dials arrives over loopback, so that is up where anything may be
 * dialled, said or not; only to say the contrary is a contradiction. */
static int
check_loopback(struct load *l)
{
	const json_t *process = json_object_get(l->doc->root, "process");

	if (!json_is_false(json_object_get(process, "loopback")) ||
	    !grants_network(l->p))
		return 0;
	load_enter(l, "process");
	load_enter(l, "loopback");
	load_fail(l, "loopback is down, and rules grant a network, which comes "
		     "over loopback");
	return err_cure(l->e, "leave loopback out, or grant no network");
}

int
review(struct load *l)
{
	int r = check_class(l);

	if (r >= 0)
		r = check_loopback(l);
	if (r >= 0)
		r = check_ids(l);
	if (r >= 0)
		r = check_known(l);
	return r < 0 ? r : check_duties(l);
}
