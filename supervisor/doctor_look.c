/*
 * Looking at each layer and judging. What the probe saw in its small box is
 * turned into one row per layer; a row that could not be tried says what stood
 * in the way. Always holds: a row is DOCTOR_YES only if the thing was seen to
 * work for this user in this run.
 */
#include "supervisor/doctor.h"

#include "lib/str.h"
#include "sandbox/landlock.h"
#include "supervisor/runtime.h"

#include <stdarg.h>
#include <string.h>

#define NOBODY 65534
#define INSIDE_ID 1000 /* BOX_UID; any id shows the same */

void
doctor_say(struct doctor_row *r, enum doctor_state s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->detail, sizeof(r->detail), fmt, ap);
	va_end(ap);
	r->state = s;
	r->cure[0] = '\0';
}

void
doctor_no(struct doctor_row *r, const struct err *e)
{
	doctor_say(r, DOCTOR_NO, "%.*s", (int)sizeof(r->detail) - 1, e->text);
	snprintf(r->cure, sizeof(r->cure), "%s", e->cure);
}

/* What each layer needs of the trial, in order; PROBE_STEP_MAX ends. ns: its
 * file in /proc/self/ns. */
static const struct need {
	const char *ns;
	enum probe_step step[5];
} needs[LAYER_MAX] = {
#define NEED(l, n, ...) [LAYER_##l] = { n, { __VA_ARGS__, PROBE_STEP_MAX } }
#define S(s) PROBE_STEP_##s
	NEED(USER, "user", S(CLONE), S(MAPS)),
	NEED(OWNUID, NULL, S(CLONE), S(MAPS), S(IDMAP)),
	NEED(PID, "pid", S(CLONE)),
	NEED(MOUNT, "mnt", S(CLONE), S(PRIVATE), S(TMPFS), S(PIVOT)),
	NEED(NET, "net", S(CLONE), S(LOOPBACK)),
	NEED(IPC, "ipc", S(CLONE)),
	NEED(UTS, "uts", S(CLONE), S(HOSTNAME)),
	NEED(CGROUPNS, "cgroup", S(CGROUPNS)),
	NEED(TIME, "time", S(TIMENS)),
	NEED(FILES, NULL, S(BIND), S(RDONLY), S(PROC), S(DEVPTS)),
	NEED(CAPS, NULL, S(CAPS)),
	NEED(SECUREBITS, NULL, S(SECUREBITS)),
	NEED(NNP, NULL, S(NNP)),
	NEED(RLIMITS, NULL, S(RLIMITS)),
	NEED(OOM, NULL, S(OOM)),
	NEED(FDS, NULL, S(FDS)),
	NEED(DISK, NULL, S(TMPFS)),
#undef S
#undef NEED
};

static bool
kernel_has(const struct doctor *d, enum layer l)
{
	char path[32];

	if (l == LAYER_FILES)
		return d->machine.call[PROBE_CALL_MOUNT_SETATTR] != -ENOSYS;
	if (!needs[l].ns)
		return true;
	snprintf(path, sizeof(path), "/proc/self/ns/%s", needs[l].ns);
	return access(path, F_OK) == 0;
}

/* The first step that went wrong: it is the reason for what was not tried. */
static enum probe_step
first_failed(const struct probe_box *b)
{
	for (int i = 0; i < PROBE_STEP_MAX; i++)
		if (b->step[i] < 0)
			return (enum probe_step)i;
	return PROBE_STEP_MAX;
}

/* clone refused: either one kind of namespace, which was tried alone, or user
 * namespaces as such. */
static void
row_no_clone(const struct doctor *d, enum layer l, struct doctor_row *r)
{
	struct err e = ERR_INIT;
	int alone = l <= LAYER_UTS ? d->box.ns[l] : 0;

	if (l != LAYER_USER && d->box.ns[LAYER_USER] < 0) {
		doctor_say(r, DOCTOR_NO, "needs a user namespace: see user");
		return;
	}
	if (alone == 0) {
		doctor_say(r, DOCTOR_NO,
			   "not tried: namespaces cannot be made together");
		return;
	}
	probe_why_userns(&d->machine, alone, &e);
	if (l != LAYER_USER && alone == -EINVAL) {
		err_set(&e, alone, "this kernel has no such namespace");
		err_cure(&e, "boot a kernel with CONFIG_%s_NS=y",
			 l == LAYER_PID	  ? "PID"
			 : l == LAYER_NET ? "NET"
			 : l == LAYER_IPC ? "IPC"
					  : "UTS");
	}
	doctor_no(r, &e);
}

/* True if every step that the layer needs worked; else the row is filled. */
static bool
steps_work(const struct doctor *d, enum layer l, struct doctor_row *r)
{
	const enum probe_step *s = needs[l].step;

	for (; *s != PROBE_STEP_MAX; s++) {
		int code = d->box.step[*s];
		struct err e = ERR_INIT;

		if (code == 0 || code == PROBE_NOT_NEEDED)
			continue;
		if (code == PROBE_NOT_REACHED) {
			enum probe_step f = first_failed(&d->box);

			doctor_say(r, DOCTOR_NO, "not tried: cannot %s",
				   probe_step_text(f));
		} else if (*s == PROBE_STEP_CLONE) {
			row_no_clone(d, l, r);
		} else {
			probe_why_step(&d->machine, *s, code, &e);
			doctor_no(r, &e);
		}
		return false;
	}
	return true;
}

static void
look_landlock(struct doctor *d)
{
	/* what each ABI added (Documentation/userspace-api/landlock.rst) */
	static const char *const added[] = {
		NULL,	     NULL,	     "rename", "truncate",
		"tcp ports", "device ioctl", "scopes", "log flags",
	};
	struct doctor_row *r = &d->layer[LAYER_LANDLOCK];
	struct err e = ERR_INIT;
	char lacks[128] = "";
	int code;

	d->landlock = landlock_abi();
	r->kernel = d->landlock != -ENOSYS;
	code = d->landlock < 0 ? d->landlock : probe_landlock();
	if (code < 0) {
		probe_why_landlock(&d->machine, code, &e);
		doctor_no(r, &e);
		return;
	}
	if (d->landlock < d->landlock_min) {
		doctor_say(r, DOCTOR_NO, "ABI %d, and the profile needs %d",
			   d->landlock, d->landlock_min);
		snprintf(r->cure, sizeof(r->cure),
			 "boot a newer kernel, or lower requires.landlock");
		return;
	}
	for (int i = d->landlock + 1; i <= LANDLOCK_ABI_KNOWN; i++) {
		size_t n = strlen(lacks);

		snprintf(lacks + n, sizeof(lacks) - n, "%s %s",
			 n ? "," : "; not there:", added[i]);
	}
	doctor_say(r, DOCTOR_YES, "ABI %d of %d known%s", d->landlock,
		   LANDLOCK_ABI_KNOWN, lacks);
}

static void
look_seccomp(struct doctor *d)
{
	struct doctor_row *r = &d->layer[LAYER_SECCOMP];
	struct err e = ERR_INIT;
	int code = probe_seccomp();

	r->kernel = access("/proc/sys/kernel/seccomp", F_OK) == 0 || code == 0;
	if (code < 0) {
		probe_why_seccomp(&d->machine, code, &e);
		doctor_no(r, &e);
		return;
	}
	doctor_say(r, DOCTOR_YES, "%s%s", layer_text(LAYER_SECCOMP),
		   d->machine.own_seccomp == 2
			   ? "; a filter is in force already, ours comes on top"
			   : "");
}

static uint32_t
uid_base(void)
{
	const char *s = getenv("AGENTBOX_UID_BASE");
	uint64_t v;

	if (s && str_to_u64(s, &v) == 0 && v > 0 &&
	    v <= UINT32_MAX - RUNTIME_UID_SLOTS)
		return (uint32_t)v;
	return RUNTIME_UID_BASE;
}

static void
try_box(struct doctor *d)
{
	bool root = d->machine.root;
	uint32_t slot = uid_base() + RUNTIME_UID_SLOTS - 1;
	struct probe_box_request q = {
		.outside_uid = root ? slot : geteuid(),
		.outside_gid = root ? slot : getegid(),
		.inside_uid = INSIDE_ID,
		.inside_gid = INSIDE_ID,
		.idmap = root,
		.dir = d->workspace,
	};

	probe_box(&q, &d->box);
}

static void
say_ids(struct doctor *d)
{
	struct doctor_row *user = &d->layer[LAYER_USER];
	struct doctor_row *own = &d->layer[LAYER_OWNUID];
	uint32_t base = uid_base();

	if (d->machine.root) {
		if (user->state == DOCTOR_YES)
			doctor_say(user, DOCTOR_YES,
				   "uid %d inside is a uid of its own outside",
				   INSIDE_ID);
		if (own->state == DOCTOR_YES)
			doctor_say(own, DOCTOR_YES,
				   "uids %u to %u; id-mapped mounts work on %s",
				   base, base + RUNTIME_UID_SLOTS - 1,
				   d->workspace);
		return;
	}
	if (user->state == DOCTOR_YES)
		doctor_say(user, DOCTOR_YES, "uid %d inside is uid %u outside",
			   INSIDE_ID, geteuid());
	own->kernel = true;
	doctor_say(own, DOCTOR_UNUSED,
		   "only as root; no subuid range is needed either way");
}

void
doctor_look_layers(struct doctor *d)
{
	try_box(d);
	for (int i = 0; i < LAYER_MAX; i++) {
		struct doctor_row *r = &d->layer[i];
		enum layer l = (enum layer)i;

		if (needs[l].step[1] == 0)
			continue; /* no entry: not of this trial */
		r->kernel = kernel_has(d, l);
		if (steps_work(d, l, r))
			doctor_say(r, DOCTOR_YES, "%s", layer_text(l));
	}
	say_ids(d);
	look_landlock(d);
	look_seccomp(d);
}

/* As root: could an ordinary user run boxes too? */
static void
look_as_user(struct doctor *d)
{
	struct probe_machine m = d->machine;
	enum probe_step s;

	d->user_code = 0;
	if (!m.root)
		return;
	m.root = false;
	probe_box_as(NOBODY, NOBODY, &d->user_box);
	s = first_failed(&d->user_box);
	if (s == PROBE_STEP_MAX)
		return;
	d->user_code = d->user_box.step[s];
	probe_why_step(&m, s, d->user_code, &d->user_why);
}

static void
judge(struct doctor *d)
{
	d->can_run = true;
	for (int i = 0; i < LAYER_MAX; i++) {
		struct doctor_row *r = &d->layer[i];

		r->needed = (d->asked & ~d->optional & LAYER_BIT(i)) != 0;
		if (r->needed && r->state == DOCTOR_NO)
			d->can_run = false;
	}
	for (int i = 0; i < DOCTOR_TOOL_MAX; i++)
		if (d->tool[i].needed && d->tool[i].state == DOCTOR_NO)
			d->can_run = false;
}

static void
name_rows(struct doctor *d)
{
	static const char *const tool[] = {
#define TOOL(id, n) n,
		DOCTOR_TOOLS(TOOL)
#undef TOOL
	};

	for (int i = 0; i < LAYER_MAX; i++)
		d->layer[i].name = layer_name((enum layer)i);
	for (int i = 0; i < DOCTOR_TOOL_MAX; i++)
		d->tool[i].name = tool[i];
}

void
doctor_look(struct doctor *d)
{
	name_rows(d);
	probe_machine(&d->machine);
	doctor_look_tools(d);
	doctor_look_layers(d);
	doctor_look_net(d);
	doctor_look_cgroup(d);
	doctor_look_facts(d);
	look_as_user(d);
	judge(d);
}
