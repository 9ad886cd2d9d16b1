/*
 * A box and its policy. Before the launch only what must be known then: that
 * the profile loads, and that its owner asked for it where it only observes.
 * Which policy it is is known during the launch; the policy itself is read from
 * the cache when somebody first asks it, or was made during the launch where
 * the cache did not have it: from what was loaded before the launch, not from
 * what the files say by then. Nobody decides by another policy than the one
 * that is on record. A reload that fails in any way leaves everything as it
 * was.
 */
#include "supervisor/box-internal.h"

#include "policy/decide.h"
#include "profiles/authority.h"
#include "profiles/held.h"
#include "profiles/inherit.h"
#include "profiles/paths.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

/* The two halves of what a box runs under. */
struct loaded {
	struct profile *base, *profile;
};

static void
loaded_done(struct loaded *l)
{
	if (l->profile != l->base)
		profile_free(l->profile);
	profile_free(l->base);
	*l = (struct loaded){ 0 };
}

static bool
observes(const struct loaded *l)
{
	return profile_observes(l->base) ||
	       (l->profile != l->base && profile_observes(l->profile));
}

bool
box_observes(const struct box *b)
{
	const struct loaded l = { b->written, b->profile };

	return observes(&l);
}

/* To observe is to let happen what the rules refuse: never by the profile's
 * word alone, which may have come with a download. */
static int
check_observe(const struct box *b, const struct loaded *l, struct err *e)
{
	if (!observes(l) || b->o->observe)
		return 0;
	err_set(e, -EPERM,
		"%s only observes (\"mode\": \"observe\"): it would record "
		"what it refuses, and not refuse it",
		l->base->path);
	return err_cure(e, "if that is what you want: agentbox run --observe");
}

/* Asked for, and there is nothing of the kind: a mistake about the profile. */
static int
check_observe_wanted(const struct box *b, struct err *e)
{
	if (!b->o->observe || box_observes(b))
		return 0;
	err_set(e, -EINVAL, "--observe: nothing in %s observes",
		b->written->path);
	return err_cure(e, "leave --observe out, or say \"mode\": \"observe\" "
			   "in the profile or a rule");
}

static int
load_from(struct box *b, const char *profile, struct loaded *ret, struct err *e)
{
	struct loaded l = { 0 };
	int r = profile_load(profile, b->paths.search, &l.base, e);

	if (r < 0)
		return r;
	l.profile = l.base;
	if (b->o->narrow) {
		struct profile *run = NULL;

		r = profile_load_run(b->o->narrow, l.base, b->paths.search,
				     &run, e);
		if (r >= 0)
			l.profile = run;
	}
	if (r >= 0)
		r = check_observe(b, &l, e);
	if (r < 0) {
		loaded_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}

int
box_load(struct box *b, struct err *e)
{
	struct loaded l;
	int r = load_from(b, b->o->profile, &l, e);

	if (r < 0)
		return r;
	b->written = l.base;
	b->profile = l.profile;
	return check_observe_wanted(b, e);
}

void
box_unload(struct box *b)
{
	struct loaded l = { b->written, b->profile };

	policy_store_free(b->policies);
	b->policies = NULL;
	policy_found_done(&b->known);
	loaded_done(&l);
	b->written = b->profile = NULL;
}

/* Compiling */

static struct authority_env
env_of(const struct box *b, const struct loaded *l)
{
	return (struct authority_env){
		.sets_dir = b->paths.sets,
		.host_policy = HOST_POLICY_PATH,
		.narrow = l->profile == l->base ? NULL : l->profile,
	};
}

static int
make_policy(const struct box *b, const struct loaded *l, struct policy **ret,
	    struct err *e)
{
	const struct authority_env env = env_of(b, l);

	return profile_policy(l->base, &env, ret, e);
}

static const char *
cache_of(const struct box *b)
{
	return b->paths.cache[0] ? b->paths.cache : NULL;
}

/* The first epoch. */
static int
begin_epochs(struct box *b, struct policy *p, struct err *e)
{
	int r = policy_store_new(p, &b->policies);

	return r < 0 ? err_sys(e, r, "policy") : 0;
}

int
box_know_policy(struct box *b, struct err *e)
{
	const struct loaded l = { b->written, b->profile };
	const struct authority_env env = env_of(b, &l);
	int r;

	if (b->knows_policy)
		return 0;
	r = policy_find(l.base, &env, cache_of(b), &b->known, e);
	if (r < 0)
		return r;
	b->knows_policy = true;
	return b->known.policy ? begin_epochs(b, TAKE_PTR(b->known.policy), e)
			       : 0;
}

/* What was found in the cache is damaged. Another policy than the one that the
 * box was started with is none. */
static int
make_again(struct box *b, struct policy **ret, struct err *e)
{
	const struct loaded l = { b->written, b->profile };
	struct policy_card card;
	int r = make_policy(b, &l, ret, e);

	if (r < 0)
		return r;
	policy_card_make(*ret, &card);
	if (!memcmp(card.hash, b->known.card.hash, sizeof(card.hash)) &&
	    !memcmp(card.digest, b->known.card.digest, sizeof(card.digest)))
		return 0;
	policy_free(TAKE_PTR(*ret));
	err_set(e, -EBADMSG,
		"%s/%s is damaged, and what %s is made of was changed since "
		"the box was started",
		b->paths.cache, b->known.name, b->written->path);
	return err_cure(e, "start a new box");
}

int
box_need_policy(struct box *b, struct err *e)
{
	struct err damaged = ERR_INIT;
	struct policy *p = NULL;
	int r;

	if (b->policies)
		return 0;
	r = box_know_policy(b, e);
	if (r < 0 || b->policies)
		return r;
	r = policy_found_open(&b->known, cache_of(b), &damaged);
	p = TAKE_PTR(b->known.policy);
	if (r == -EBADMSG)
		r = make_again(b, &p, e);
	else if (r < 0)
		*e = damaged;
	return r < 0 ? r : begin_epochs(b, p, e);
}

/* Rules beyond those that the kernel holds, which are checked anyway. */
static bool
has_rules(const struct profile *p)
{
	if (p->own.n_rules || p->own.n_triggers)
		return true;
	for (size_t i = 0; i < p->n_parents; i++)
		if (has_rules(p->parent[i]))
			return true;
	return false;
}

/* Rules that do not hold together are a reason not to start, even where nobody
 * asks them yet; so is a host policy that cannot be read. Called while the
 * stage works, so that it costs no time. */
int
box_check_policy(struct box *b, struct err *e)
{
	const struct loaded l = { b->written, b->profile };

	if (!has_rules(l.base) && !has_rules(l.profile) &&
	    faccessat(AT_FDCWD, HOST_POLICY_PATH, F_OK, 0) < 0 &&
	    (errno == ENOENT || errno == ENOTDIR))
		return 0;
	return box_know_policy(b, e);
}

/* Reloading */

/* path without links lies in a tree that the box may write to. */
static bool
box_can_write(const struct box *b, const char *path)
{
	const struct profile *p = b->profile;
	const char *home = getenv("HOME");
	char tree[PATH_MAX], real[PATH_MAX];

	if (b->workspace && p->files.workspace == ACCESS_WRITE &&
	    path_within(path, b->workspace))
		return true;
	for (size_t i = 0; i < p->files.write.n; i++) {
		const char *s = p->files.write.v[i];
		bool in_home = *s == '~';

		snprintf(tree, sizeof(tree), "%s%s",
			 in_home && home ? home : "", s + in_home);
		if (realpath(tree, real) && path_within(path, real))
			return true;
	}
	return false;
}

/* What an agent can write would be the agent's own word on itself; and a file
 * that is none could keep the supervisor waiting. */
static int
check_source(const struct box *b, const char *path, struct err *e)
{
	char real[PATH_MAX];
	struct stat st;

	if (!realpath(path, real) || stat(real, &st) < 0)
		return err_sys(e, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "%s is no file any more", path);
	if (!box_can_write(b, real))
		return 0;
	err_set(e, -EPERM,
		"%s lies where the box can write, so it is not read again",
		path);
	return err_cure(e, "keep profiles out of workspaces, for example in "
			   "~/.config/agentbox/profiles");
}

static int
check_sources(const struct box *b, const struct profile *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; i < p->n_sources && r >= 0; i++)
		r = check_source(b, p->source[i].label, e);
	for (size_t i = 0; i < p->n_parents && r >= 0; i++)
		r = check_sources(b, p->parent[i], e);
	return r;
}

struct reload {
	struct box *b;
	struct loaded next;
};

static int
load_next(void *arg, struct policy **ret, struct err *e)
{
	struct reload *rl = arg;
	struct box *b = rl->b;
	char at[128];
	int r = check_source(b, b->written->path, e);

	if (r >= 0 && b->o->narrow)
		r = check_source(b, b->o->narrow, e);
	if (r >= 0)
		r = load_from(b, b->written->path, &rl->next, e);
	if (r >= 0)
		r = check_sources(b, rl->next.base, e);
	if (r < 0)
		return r;
	if (!profile_held_same(b->profile, rl->next.profile, at, sizeof(at))) {
		profile_fail(rl->next.profile, e, -EBUSY, at,
			     "cannot change while the box runs: the kernel "
			     "holds what was there at its start");
		return err_cure(e, "start a new box for that, or put it back "
				   "and reload");
	}
	r = make_policy(b, &rl->next, ret, e);
	if (r < 0)
		return r;
	r = box_net_check(b, *ret, e);
	if (r < 0) {
		policy_free(TAKE_PTR(*ret));
		return r;
	}
	/* decisions under a policy that nobody can look up would be no record
	 */
	r = box_audit_keep(b, *ret, e);
	if (r < 0)
		policy_free(TAKE_PTR(*ret));
	return r;
}

static int
reload(struct box *b, json_t **ret, struct err *e)
{
	struct reload rl = { .b = b };
	struct loaded old = { b->written, b->profile };
	char after[2 * POLICY_HASH_LEN + 1];
	uint8_t before[POLICY_HASH_LEN];
	int r = box_need_policy(b, e);

	if (r < 0)
		return r;
	memcpy(before, policy_hash(policy_store_now(b->policies)->policy),
	       sizeof(before));
	r = policy_store_load(b->policies, load_next, &rl, e);
	if (r < 0) {
		loaded_done(&rl.next);
		return r;
	}
	b->written = rl.next.base;
	b->profile = rl.next.profile;
	loaded_done(&old);
	policy_card_make(policy_store_now(b->policies)->policy, &b->known.card);
	box_audit_policy(b, before);
	box_net_policy_changed(b);
	policy_hash_text(policy_store_now(b->policies)->policy, after);
	*ret = json_pack(
		"{ss sI ss sb}", "state", life_name(b->state), "epoch",
		(json_int_t)policy_store_now(b->policies)->number,
		"policy_hash", after, "changed",
		memcmp(before,
		       policy_hash(policy_store_now(b->policies)->policy),
		       sizeof(before)) != 0);
	return *ret ? 0 : err_sys(e, -ENOMEM, "reload");
}

static int
reload_and_log(struct box *b, const char *by, const char *why, json_t **ret,
	       struct err *e)
{
	int r = reload(b, ret, e);

	if (r < 0) {
		eventlog_add(b->log, EVENT_RELOAD_FAILED, "by %s%s%s: %s", by,
			     *why ? ": " : "", why, e->text);
		box_audit_policy_failed(b, e->text);
		return r;
	}
	eventlog_add(b->log, EVENT_RELOADED, "by %s%s%s: epoch %llu, policy %s",
		     by, *why ? ": " : "", why,
		     (unsigned long long)policy_store_now(b->policies)->number,
		     json_string_value(json_object_get(*ret, "policy_hash")));
	return r;
}

static int
reload_for(struct box *b, const struct control_peer *by, const char *why,
	   json_t **ret, struct err *e)
{
	char who[32];

	snprintf(who, sizeof(who), "uid %u", by->uid);
	return reload_and_log(b, who, why, ret, e);
}

int
box_reload(void *arg, const struct control_peer *by, const char *why,
	   json_t **ret, struct err *e)
{
	return box_act_later(arg, "reload", reload_for, by, why, ret, e);
}

static int
reload_on_signal(struct box *b, const struct control_peer *by, const char *why,
		 json_t **ret, struct err *e)
{
	int r = reload_and_log(b, "SIGHUP", "", ret, e);

	(void)by;
	(void)why;
	if (r < 0)
		box_complain(b->o, e);
	return r;
}

void
box_reload_on_signal(struct box *b)
{
	/* the kernel does not say who sent it: somebody of our uid, or root */
	const struct control_peer by = { .uid = getuid(),
					 .ticket = { .place = UINT32_MAX } };
	struct err e = ERR_INIT;
	json_t *j = NULL;
	int r = box_act_later(b, "reload", reload_on_signal, &by, "SIGHUP", &j,
			      &e);

	if (r < 0 && b->audit.scribe)
		box_complain(b->o, &e);
	json_decref(j);
}

/* Telling */

static json_t *
levels_json(const struct policy *p)
{
	json_t *list = json_array();
	size_t n = policy_rules(p);

	for (size_t level = 0; level < policy_levels(p); level++) {
		const char *name = "";
		size_t rules = 0;

		for (size_t i = 0; i < n; i++) {
			struct policy_rule_view v;

			policy_rule(p, i, &v);
			if (v.level != level)
				continue;
			name = v.level_name;
			rules++;
		}
		json_array_append_new(list,
				      json_pack("{ss sI}", "name", name,
						"rules", (json_int_t)rules));
	}
	return list;
}

static json_t *
surfaces_json(const struct policy *p)
{
	json_t *j = json_object();
	size_t count[SURFACE_MAX] = { 0 };

	for (size_t i = 0; i < policy_rules(p); i++) {
		struct policy_rule_view v;

		policy_rule(p, i, &v);
		count[v.surface]++;
	}
	for (int s = 0; s < SURFACE_MAX; s++)
		json_object_set_new(j, surface_name((enum surface)s),
				    json_integer((json_int_t)count[s]));
	return j;
}

/* {"epoch", "hash", "mode", "levels", "rules", "held_by", "failed_reload"}, or
 * {"error"}: then nothing that a broker would ask about is allowed. */
json_t *
box_policy_json(struct box *b)
{
	char hash[2 * POLICY_HASH_LEN + 1];
	const struct policy_epoch *now;
	struct err e = ERR_INIT;
	const char *failed;
	char shown[ERR_TEXT_MAX];

	if (box_need_policy(b, &e) < 0) {
		str_escape(e.text, shown, sizeof(shown));
		return json_pack("{ss}", "error", shown);
	}
	now = policy_store_now(b->policies);
	policy_hash_text(now->policy, hash);
	failed = policy_store_failure(b->policies);
	str_escape(failed, shown, sizeof(shown));
	return json_pack("{sI ss ss so so ss ss*}", "epoch",
			 (json_int_t)now->number, "hash", hash, "mode",
			 box_observes(b) ? "observe" : "enforce", "levels",
			 levels_json(now->policy), "rules",
			 surfaces_json(now->policy), "brokers",
			 b->net.net ? "network and credentials; none in this "
				      "version: tools, memory, handoffs and "
				      "admin refuse everything"
				    : "none: all that is beside files and "
				      "processes is refused",
			 "failed_reload", *failed ? shown : NULL);
}
