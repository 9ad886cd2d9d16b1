/*
 * Acquiring what a box needs, starting it, and giving everything back. The
 * guard comes before the cgroups, so that a supervisor killed at any point
 * leaves nothing behind; the control socket comes before the command, so that
 * there is no moment in which it runs and cannot be stopped.
 */
#include "supervisor/box-internal.h"

#include <event2/event.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static bool
root_mode(void)
{
	return geteuid() == 0;
}

static int
compile(struct box *b, struct err *e)
{
	extern char **environ;
	struct compile_request rq = {
		.name = b->entry.name,
		.workspace = b->workspace,
		.home = getenv("HOME"),
		.args = b->o->args,
		.env = (const char *const *)b->o->env.v,
		.host_env = (const char *const *)environ,
		.sets_dir = b->paths.sets,
		.cache_dir = b->paths.cache[0] ? b->paths.cache : NULL,
		.helper = b->o->helper,
		.tty = tty_wanted(),
		.root = root_mode(),
	};

	box_net_request(b, &rq);
	return profile_compile(b->profile, &rq, &b->compiled, e);
}

static int
acquire_ids(struct box *b, struct err *e)
{
	b->lp.root = root_mode();
	b->lp.host_uid = geteuid();
	b->lp.host_gid = getegid();
	if (!b->lp.root)
		return 0;
	b->slot = runtime_slot(b->rt, b->entry.id, &b->lp.host_uid, e);
	b->lp.host_gid = b->lp.host_uid;
	return b->slot < 0 ? b->slot : 0;
}

/* Nothing for a box without cgroups: the kernel removes the rest, and a socket
 * that refuses is removed by the next `agentbox ps`. */
static int
guard_items(struct box *b, struct guard_items *it)
{
	char groups[CGROUP_GROUPS_MAX][CGROUP_PATH_MAX], path[PATH_MAX + 80];
	const char *dir = runtime_path(b->rt);
	size_t n = cgroup_host_paths(&b->host, b->entry.id, groups,
				     CGROUP_GROUPS_MAX);
	int r = 0;

	if (!n)
		return 0;
	for (size_t i = 0; i < n && r >= 0; i++)
		r = guard_add(it, GUARD_CGROUP, groups[i]);
	if (r >= 0 && cgroup_host_parent(&b->host))
		r = guard_add(it, GUARD_RMDIR, cgroup_host_parent(&b->host));
	if (r >= 0 && b->net.ca.path[0])
		r = guard_add(it, GUARD_UNLINK, b->net.ca.path);
	snprintf(path, sizeof(path), "%s/%s.sock", dir, b->entry.id);
	/* Not the name: another box may have taken it by then. A name without
	 * a socket is nobody's, and the next `agentbox ps` removes it. */
	return r < 0 ? r : guard_add(it, GUARD_UNLINK, path);
}

static int
start_guard(struct box *b, struct err *e)
{
	struct guard_items it = { .n = 0 };
	char path[PATH_MAX + 32];
	int r = guard_items(b, &it);

	snprintf(path, sizeof(path), "%s/agentbox-guard", b->paths.libexec);
	if (r < 0)
		err_sys(e, r, "guard");
	else if (it.n)
		r = guard_spawn(path, &it, b->slot, &b->guard, e);
	guard_items_done(&it);
	return r;
}

/* A scope moves this process, and what it starts must be born there: a child
 * left in the caller's own group could not get from there into the box's. So
 * for a user this comes before the first child; the scope is named by our pid,
 * since the box has no id yet. */
static int
find_cgroups(struct box *b, struct err *e)
{
	char helper[PATH_MAX + 32], id[16];
	struct err why = ERR_INIT;
	int r;

	cgroup_host_find(&b->host, true);
	if (b->host.backend != CGROUP_SCOPE || b->host.v2_dir[0])
		return 0;
	/* the writer stays outside: it is everybody's */
	r = box_audit_connect(b, e);
	if (r < 0)
		return r;
	snprintf(helper, sizeof(helper), "%s/agentbox-scope", b->paths.libexec);
	snprintf(id, sizeof(id), "%d", (int)getpid());
	/* On failure there is no cgroup, with the reason: the layers decide. */
	(void)cgroup_scope_enter(&b->host, helper, id, &why);
	return 0;
}

static int
acquire_cgroup(struct box *b, struct err *e)
{
	int r = root_mode() ? find_cgroups(b, e) : 0;

	if (r >= 0)
		r = start_guard(b, e);
	if (r < 0)
		return r;
	return cgroup_create(&b->host, b->entry.id, &b->profile->process.cgroup,
			     &b->cg, &b->cg_set, e);
}

int
box_acquire(struct box *b, struct err *e)
{
	int r = runtime_open(true, &b->rt, e);

	if (r >= 0)
		r = runtime_register(b->rt, b->o->name, b->profile->name,
				     &b->entry, e);
	if (r >= 0)
		r = box_net_prepare(b, e);
	if (r >= 0)
		r = compile(b, e);
	box_phase(b, PHASE_COMPILED);
	if (r >= 0)
		r = acquire_ids(b, e);
	box_net_take_uid(b);
	if (r >= 0)
		r = acquire_cgroup(b, e);
	return r;
}

int
box_begin(struct box *b, struct err *e)
{
	char stage[PATH_MAX + 32];
	int stdio[3], r = 0;

	if (!root_mode() && b->host.backend == CGROUP_NONE)
		r = find_cgroups(b, e);
	if (r < 0)
		return r;
	snprintf(stage, sizeof(stage), "%s/agentbox-stage", b->paths.libexec);
	stdio_free(TAKE_PTR(b->stdio));
	/* As root it is a person's only when start_as_owner() made it so. */
	r = stdio_new(root_mode() ? b->lp.host_uid : geteuid(), stdio,
		      &b->stdio, e);
	if (r >= 0)
		r = launch_begin(stage, stdio, &b->launch, e);
	stdio_given(b->stdio);
	return r < 0 ? r : box_audit_connect(b, e);
}

static int
start(struct box *b, struct err *e)
{
	b->lp.plan = &b->compiled->plan;
	b->lp.cg = b->cg;
	return launch_start(&b->lp, &b->launch, e);
}

/* A file system without idmapped mounts: where the profile lets go of the own
 * uid, the box runs as the owner of the workspace instead. */
static int
start_as_owner(struct box *b, struct err *e)
{
	struct plan *p = &b->compiled->plan;
	int r;

	launch_end(&b->launch);
	b->launch = (struct launch)LAUNCH_INIT;
	b->lp.host_uid = b->lp.owner_uid;
	b->lp.host_gid = b->lp.owner_gid;
	p->layers &= ~LAYER_BIT(LAYER_OWNUID);
	for (size_t i = 0; i < p->n_fs; i++)
		p->fs[i].flags &= ~PLAN_FS_IDMAP;
	snprintf(
		b->table.row[LAYER_OWNUID].enforced, LAYER_TEXT_MAX,
		"uid %u, the workspace's owner: its file system cannot map ids",
		b->lp.host_uid);
	r = box_begin(b, e);
	return r < 0 ? r : start(b, e);
}

static int
start_any(struct box *b, struct err *e)
{
	int r = start(b, e);

	if (r != -EMEDIUMTYPE ||
	    !(b->compiled->plan.optional & LAYER_BIT(LAYER_OWNUID)) ||
	    b->lp.owner_uid == 0)
		return r;
	return start_as_owner(b, e);
}

/* What the kernel does not hold although it was asked for, where a weaker
 * means of ours is in place: said as degraded, never as held. */
static void
degrade(struct box *b)
{
	struct layer_row *row = b->table.row;

	if (row[LAYER_FREEZE].state == LAYER_ABSENT &&
	    row[LAYER_FREEZE].optional) {
		row[LAYER_FREEZE].state = LAYER_DEGRADED;
		snprintf(row[LAYER_FREEZE].enforced, LAYER_TEXT_MAX,
			 "SIGSTOP and SIGKILL by pid 1 of the box");
	}
	if (row[LAYER_MEMORY].state == LAYER_ABSENT &&
	    row[LAYER_MEMORY].optional) {
		row[LAYER_MEMORY].state = LAYER_DEGRADED;
		snprintf(row[LAYER_MEMORY].enforced, LAYER_TEXT_MAX,
			 "watched %d times a second", 1000 / WATCH_MEMORY_MS);
	}
	if (row[LAYER_PIDS].state == LAYER_ABSENT && row[LAYER_PIDS].optional &&
	    b->profile->process.nproc != CGROUP_UNLIMITED) {
		row[LAYER_PIDS].state = LAYER_DEGRADED;
		snprintf(row[LAYER_PIDS].enforced, LAYER_TEXT_MAX,
			 "RLIMIT_NPROC of the box's user namespace");
	}
	if (row[LAYER_BROKER].state == LAYER_ABSENT &&
	    row[LAYER_BROKER].optional && b->net.listen.ports[0])
		row[LAYER_BROKER].state = LAYER_DEGRADED;
	if (b->table.row[LAYER_OWNUID].enforced[0] &&
	    !(b->compiled->plan.layers & LAYER_BIT(LAYER_OWNUID)))
		row[LAYER_OWNUID].state = LAYER_DEGRADED;
}

/* The file tree, the ids and the cgroup are final before the agent's process
 * confines itself, so we look at them meanwhile. */
static int
attest(struct box *b, struct err *e)
{
	const struct attest_params ap = {
		.plan = &b->compiled->plan,
		.launch = &b->lp,
		.box = &b->launch,
		.limits = &b->profile->process.cgroup,
		.cg = b->cg,
		.cgroup_why = b->host.why,
		.net = &b->net.listen,
		.net_any = b->net.scope.any_port,
	};
	int r;

	box_fill_requested(b);
	attest_world(&ap, &b->table);
	r = launch_confined(&b->launch, e);
	box_phase(b, PHASE_CONFINED);
	if (r < 0)
		return r;
	r = attest_process(&ap, &b->table, e);
	if (r >= 0)
		degrade(b);
	return r;
}

static void
confirm(struct box *b)
{
	struct timespec ts;
	int r = life_next(b->state, LIFE_CONFIRMED);

	clock_gettime(CLOCK_REALTIME, &ts);
	b->started_us =
		(uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
	b->state = r < 0 ? b->state : (enum life_state)r;
	box_phase(b, PHASE_ATTESTED);
}

int
box_launch(struct box *b, struct err *e)
{
	int r = start_any(b, e);

	box_phase(b, PHASE_LAUNCHED);
	if (r >= 0)
		r = box_check_policy(b, e);
	if (r >= 0)
		r = box_net_open(b, e);
	if (r >= 0)
		r = box_audit_begin(b, e);
	if (r >= 0)
		r = launch_built(&b->launch, e);
	box_phase(b, PHASE_BUILT);
	if (r >= 0)
		r = attest(b, e);
	if (r >= 0 && b->launch.tty >= 0)
		r = tty_open(TAKE_FD(b->launch.tty), &b->tty, e);
	if (r >= 0)
		r = box_net_trust(b, e);
	if (r >= 0 && b->o->show_enforced)
		box_print_enforced(b);
	if (r >= 0)
		r = box_audit_wait(b, e);
	if (r >= 0)
		r = box_net_serve(b, e);
	if (r < 0)
		return r;
	confirm(b);
	return 0;
}

/* In reverse. Whatever still lives in the box dies first. */
void
box_release(struct box *b, int status, const struct err *e)
{
	tty_free(b->tty);
	/* After an orderly end, pid 1 is dead and took all others with it. */
	if (b->cg && b->state != LIFE_DEAD)
		(void)cgroup_kill(b->cg);
	launch_end(&b->launch);
	stdio_free(b->stdio);
	box_net_close(b);
	if (b->base)
		event_base_free(TAKE_PTR(b->base));
	box_audit_end(b, status, e);
	if (b->cg) {
		(void)cgroup_remove(b->cg);
		cgroup_free(b->cg);
	}
	if (b->rt)
		runtime_unregister(b->rt, &b->entry);
	guard_release(&b->guard);
	if (b->slot >= 0)
		close(b->slot);
	runtime_close(b->rt);
}
