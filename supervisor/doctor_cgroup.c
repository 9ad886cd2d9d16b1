/*
 * The cgroup layers, tried with a group of our own: made, limited, joined by a
 * child, read back, frozen, killed, removed. Where systemd has to make the
 * group, all of that happens in a child, because it is the caller that systemd
 * moves.
 */
#include "supervisor/doctor.h"

#include "sandbox/cgroup.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define FREEZE_TIMEOUT_US (500 * 1000)

static const enum layer limits[] = { LAYER_MEMORY, LAYER_SWAP, LAYER_PIDS,
				     LAYER_CPU, LAYER_IO };

/* What `run` does instead, if the profile lets it (requires.optional). */
static const char *
weaker(enum layer l)
{
	switch (l) {
	case LAYER_MEMORY:
		return "instead: memory is watched several times a second";
	case LAYER_PIDS:
		return "instead: RLIMIT_NPROC of the box's user namespace";
	case LAYER_FREEZE:
		return "instead: SIGSTOP and SIGKILL by pid 1 of the box";
	default:
		return NULL;
	}
}

/* One row that cannot be had, with the reason as far as it is known. */
static void
row_missing(struct doctor *d, enum layer l)
{
	struct doctor_row *r = &d->layer[l];
	struct err e = ERR_INIT;

	cgroup_host_missing(&d->cgroup, l, &e);
	doctor_no(r, &e);
	if (weaker(l) && (d->optional & LAYER_BIT(l))) {
		doctor_say(r, DOCTOR_WEAKER, "%.120s; %s", e.text, weaker(l));
		snprintf(r->cure, sizeof(r->cure), "%s", e.cure);
	}
}

static void
all_missing(struct doctor *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		row_missing(d, limits[i]);
	row_missing(d, LAYER_FREEZE);
}

static void
all_failed(struct doctor *d, const struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		doctor_no(&d->layer[limits[i]], e);
	doctor_no(&d->layer[LAYER_FREEZE], e);
}

/* A child that joins what only it can join, says so, and waits. */
static pid_t
member_start(const struct cgroup *cg)
{
	int fds[CGROUP_V1_MAX], p[2];
	size_t n = cgroup_join_fds(cg, fds, CGROUP_V1_MAX);
	pid_t pid;
	char c;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid < 0)
		pid = -errno;
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (size_t i = 0; i < n; i++)
			if (write(fds[i], "0", 1) != 1)
				_exit(1);
		if (write(p[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(p[1]);
	if (pid > 0 && read(p[0], &c, 1) != 1)
		c = 0; /* read-back will see that it is no member */
	close(p[0]);
	return pid;
}

static void
member_end(struct cgroup *cg, pid_t pid)
{
	if (cgroup_kill(cg) < 0)
		kill(pid, SIGKILL);
	/* once more: a kill of the group that it was not in says nothing */
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void
row_limit(struct doctor *d, enum layer l, const struct layer_row *seen,
	  uint32_t can)
{
	if (seen->state == LAYER_HELD)
		doctor_say(&d->layer[l], DOCTOR_YES, "%s", seen->enforced);
	else if (seen->state == LAYER_OFF && (can & LAYER_BIT(l)))
		doctor_say(&d->layer[l], DOCTOR_YES,
			   "%s (the profile asks for none)", layer_text(l));
	else
		row_missing(d, l);
}

static void
row_freeze(struct doctor *d, struct cgroup *cg)
{
	struct doctor_row *r = &d->layer[LAYER_FREEZE];
	struct err e = ERR_INIT;
	int k;

	if (!cgroup_can_freeze(cg)) {
		row_missing(d, LAYER_FREEZE);
		return;
	}
	k = cgroup_freeze(cg, true, FREEZE_TIMEOUT_US);
	if (k == 0)
		k = cgroup_freeze(cg, false, FREEZE_TIMEOUT_US);
	if (k < 0) {
		err_sys(&e, k, "a test group could not be frozen and thawed");
		doctor_no(r, &e);
		return;
	}
	doctor_say(r, DOCTOR_YES, "%s", layer_text(LAYER_FREEZE));
}

static void
try_member(struct doctor *d, struct cgroup *cg)
{
	struct layer_table t = { 0 };
	struct err e = ERR_INIT;
	pid_t pid = member_start(cg);
	uint32_t can = cgroup_host_layers(&d->cgroup);
	int k;

	if (pid < 0) {
		err_sys(&e, pid, "fork");
		all_failed(d, &e);
		return;
	}
	k = cgroup_attach(cg, pid);
	if (k == 0)
		k = cgroup_readback(cg, pid, &d->limits, &t);
	if (k < 0) {
		err_sys(&e, k,
			"a process could not be moved into a test group");
		err_cure(&e, "the group must belong to this user or be "
			     "delegated to it");
		all_failed(d, &e);
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
			row_limit(d, limits[i], &t.row[limits[i]], can);
		row_freeze(d, cg);
	}
	member_end(cg, pid);
}

static void
try_group(struct doctor *d)
{
	struct cgroup *cg = NULL;
	struct err e = ERR_INIT;
	uint32_t set;
	char id[32];
	int k;

	snprintf(id, sizeof(id), "doctor-%d", (int)getpid());
	k = cgroup_create(&d->cgroup, id, &d->limits, &cg, &set, &e);
	if (k < 0) {
		all_failed(d, &e);
		return;
	}
	if (!cg) {
		all_missing(d);
		return;
	}
	try_member(d, cg);
	cgroup_remove(cg);
	cgroup_free(cg);
}

/* In a child: what it finds out comes back through the shared copy. */
static int
scope_child(void *arg)
{
	struct doctor *d = arg;
	struct err e = ERR_INIT;
	char id[32];

	snprintf(id, sizeof(id), "doctor-%d", (int)getpid());
	if (cgroup_scope_enter(&d->cgroup, d->scope, id, &e) < 0)
		all_failed(d, &e);
	else
		try_group(d);
	return 0;
}

static void
try_scope(struct doctor *d)
{
	struct err e = ERR_INIT;
	struct doctor *copy;
	int k;

	copy = mmap(NULL, sizeof(*copy), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		return;
	*copy = *d;
	k = probe_in_child(scope_child, copy);
	if (k < 0) {
		err_sys(&e, k, "asking systemd for a scope");
		all_failed(copy, &e);
	}
	memcpy(d->layer, copy->layer, sizeof(d->layer));
	munmap(copy, sizeof(*copy));
}

void
doctor_look_cgroup(struct doctor *d)
{
	cgroup_host_find(&d->cgroup, true);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		d->layer[limits[i]].kernel =
			access("/proc/self/cgroup", F_OK) == 0;
	d->layer[LAYER_FREEZE].kernel = d->layer[LAYER_MEMORY].kernel;
	switch (d->cgroup.backend) {
	case CGROUP_V2:
	case CGROUP_HYBRID:
		try_group(d);
		break;
	case CGROUP_SCOPE:
		try_scope(d);
		break;
	default:
		all_missing(d);
	}
}
