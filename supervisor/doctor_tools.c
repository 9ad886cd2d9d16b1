/*
 * What a launch needs besides the layers: our own files, the profile, the
 * system calls with fallbacks; and the switches of the kernel that bear on
 * boxes, for whoever reads the report.
 */
#include "supervisor/doctor.h"

#include "lib/fd.h"
#include "lib/str.h"
#include "profiles/compile.h"
#include "profiles/held.h"
#include "profiles/profile.h"
#include "supervisor/paths.h"
#include "supervisor/runtime.h"

#include <fcntl.h>
#include <string.h>

extern char **environ;

/* Without a profile nothing can be judged by it: then all is needed that every
 * shipped profile needs. */
#define LAYERS_ALL (LAYER_BIT(LAYER_MAX) - 1)
#define LAYERS_SOME (LAYER_BIT(LAYER_TIME) | LAYER_BIT(LAYER_BROKER))
#define LAYERS_CGROUP                                                          \
	(LAYER_BIT(LAYER_MEMORY) | LAYER_BIT(LAYER_SWAP) |                     \
	 LAYER_BIT(LAYER_PIDS) | LAYER_BIT(LAYER_CPU) | LAYER_BIT(LAYER_IO) |  \
	 LAYER_BIT(LAYER_FREEZE))

static int
kernel_enough(const struct doctor *d, const char *want, struct err *e)
{
	unsigned int major, minor;

	if (!want || probe_version(want, &major, &minor) < 0 ||
	    probe_kernel_at_least(major, minor))
		return 0;
	err_set(e, EOPNOTSUPP, "the profile needs Linux %s, this is %s", want,
		d->machine.kernel.release);
	return err_cure(e, "boot a newer kernel, or lower requires.kernel");
}

static int
compile(struct doctor *d, const struct profile *p, const struct paths *paths,
	struct err *e)
{
	static const char *const args[] = { "/bin/true", NULL };
	static const char *const none[] = { NULL };
	struct compile_request q = {
		.name = "doctor",
		.home = getenv("HOME"),
		.args = args,
		.env = none,
		.host_env = (const char *const *)environ,
		.sets_dir = paths->sets,
		.root = d->machine.root,
	};
	struct compiled *c;
	int k = doctor_net_sockets(d, p, paths->sets, &q.sockets, e);

	if (k >= 0)
		k = profile_compile(p, &q, &c, e);
	if (k < 0)
		return k;
	d->asked = c->plan.layers;
	d->optional = c->plan.optional;
	compiled_free(c);
	return 0;
}

static void
look_profile(struct doctor *d, const struct paths *paths)
{
	struct doctor_row *r = &d->tool[DOCTOR_TOOL_PROFILE];
	struct err e = ERR_INIT;
	struct profile *p;

	if (profile_load(d->profile, paths->search, &p, &e) < 0) {
		doctor_no(r, &e);
		return;
	}
	d->limits = p->process.cgroup;
	d->landlock_min = (int)p->requires.landlock_abi;
	if (compile(d, p, paths, &e) < 0 ||
	    kernel_enough(d, p->requires.kernel, &e) < 0)
		doctor_no(r, &e);
	else
		doctor_say(r, DOCTOR_YES, "%s%s", p->path,
			   profile_observes(p)
				   ? "; it only observes: run needs --observe"
				   : "");
	profile_free(p);
}

static void
look_binary(struct doctor *d, enum doctor_tool t, const struct paths *paths)
{
	struct doctor_row *r = &d->tool[t];
	char path[PATH_MAX + 32];
	struct err e = ERR_INIT;

	snprintf(path, sizeof(path), "%s/%s", paths->libexec, r->name);
	if (access(path, X_OK) == 0) {
		doctor_say(r, DOCTOR_YES, "%.200s", path);
		return;
	}
	err_sys(&e, errno, "%.200s", path);
	err_cure(&e, "run `make` in the source tree, or `make install`");
	doctor_no(r, &e);
}

static void
look_files(struct doctor *d)
{
	struct doctor_row *scope = &d->tool[DOCTOR_TOOL_SCOPE];
	struct paths paths;
	struct err e = ERR_INIT;

	if (paths_find(&paths, &e) < 0) {
		for (int i = DOCTOR_TOOL_PROFILE; i <= DOCTOR_TOOL_SCOPE; i++)
			doctor_no(&d->tool[i], &e);
		return;
	}
	look_profile(d, &paths);
	look_binary(d, DOCTOR_TOOL_STAGE, &paths);
	look_binary(d, DOCTOR_TOOL_GUARD, &paths);
	look_binary(d, DOCTOR_TOOL_WRITER, &paths);
	look_binary(d, DOCTOR_TOOL_SHIM, &paths);
	d->tool[DOCTOR_TOOL_SHIM].needed = d->asked & LAYER_BIT(LAYER_BROKER);
	look_binary(d, DOCTOR_TOOL_SCOPE, &paths);
	snprintf(d->scope, sizeof(d->scope), "%.*s/agentbox-scope",
		 PATH_MAX - 32, paths.libexec);
	if (d->machine.root || access("/run/systemd/system", F_OK) < 0)
		doctor_say(scope, DOCTOR_UNUSED,
			   "only for ordinary users of a systemd host");
}

static void
look_runtime(struct doctor *d)
{
	struct doctor_row *r = &d->tool[DOCTOR_TOOL_RUNTIME];
	struct err e = ERR_INIT;
	struct runtime *rt;
	int k = runtime_open(false, &rt, &e);

	if (k == 0) {
		doctor_say(r, DOCTOR_YES, "%s", runtime_path(rt));
		runtime_close(rt);
	} else if (k == -ENOENT) {
		doctor_say(r, DOCTOR_YES, "the first run makes it");
	} else {
		doctor_no(r, &e);
	}
}

static void
look_pty(struct doctor *d)
{
	struct doctor_row *r = &d->tool[DOCTOR_TOOL_PTY];
	struct err e = ERR_INIT;
	int k = probe_pty();

	if (k == 0) {
		doctor_say(r, DOCTOR_YES, "a terminal of the box's own");
		return;
	}
	err_sys(&e, k, "no pseudo-terminal can be opened");
	err_cure(&e, "mount devpts at /dev/pts; without a terminal (stdin, "
		     "stdout, stderr redirected) boxes run all the same");
	doctor_no(r, &e);
}

/* A call with a documented fallback, or with none (instead is NULL). */
static void
look_call(struct doctor *d, enum doctor_tool t, enum probe_call c,
	  const char *instead)
{
	struct doctor_row *r = &d->tool[t];
	int code = d->machine.call[c];
	struct err e = ERR_INIT;

	r->kernel = code != -ENOSYS;
	if (code == 0) {
		doctor_say(r, DOCTOR_YES, "there");
		return;
	}
	probe_why_call(&d->machine, c, code, &e);
	if (instead && code == -ENOSYS)
		doctor_say(r, DOCTOR_WEAKER, "missing; instead: %s", instead);
	else
		doctor_no(r, &e);
}

static void
look_calls(struct doctor *d)
{
	/* the first of the mount calls that is missing speaks for all */
	static const enum probe_call mount_calls[] = {
		PROBE_CALL_FSOPEN,
		PROBE_CALL_OPEN_TREE,
		PROBE_CALL_MOVE_MOUNT,
		PROBE_CALL_MOUNT_SETATTR,
	};
	struct doctor_row *r = &d->tool[DOCTOR_TOOL_MOUNTAPI];

	for (size_t i = 0; i < ARRAY_SIZE(mount_calls); i++) {
		look_call(d, DOCTOR_TOOL_MOUNTAPI, mount_calls[i], NULL);
		if (r->state != DOCTOR_YES)
			break;
	}
	look_call(d, DOCTOR_TOOL_CLONE3, PROBE_CALL_CLONE3,
		  "clone, and cgroups are joined by writing to cgroup.procs");
	look_call(d, DOCTOR_TOOL_OPENAT2, PROBE_CALL_OPENAT2,
		  "a walk, component by component, without symbolic links");
	look_call(d, DOCTOR_TOOL_CLOSERANGE, PROBE_CALL_CLOSE_RANGE, NULL);
	look_call(d, DOCTOR_TOOL_PIDFD, PROBE_CALL_PIDFD_OPEN, NULL);
	look_call(d, DOCTOR_TOOL_MEMFD, PROBE_CALL_MEMFD, NULL);
}

void
doctor_look_tools(struct doctor *d)
{
	static const enum doctor_tool needed[] = {
		DOCTOR_TOOL_PROFILE,	DOCTOR_TOOL_STAGE,
		DOCTOR_TOOL_GUARD,	DOCTOR_TOOL_RUNTIME,
		DOCTOR_TOOL_MOUNTAPI,	DOCTOR_TOOL_MEMFD,
		DOCTOR_TOOL_CLONE3,	DOCTOR_TOOL_OPENAT2,
		DOCTOR_TOOL_CLOSERANGE, DOCTOR_TOOL_PIDFD,
		DOCTOR_TOOL_WRITER,	DOCTOR_TOOL_RECORD,
	};

	static const struct cgroup_limits some = {
		.memory = 1ull << 30,
		.pids = 512,
		.cpu_percent = 100,
		.io_weight = CGROUP_UNLIMITED,
	};

	d->limits = some;
	d->asked = LAYERS_ALL & ~LAYERS_SOME;
	d->optional = LAYERS_CGROUP;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		d->tool[needed[i]].needed = true;
	for (int i = 0; i < DOCTOR_TOOL_MAX; i++)
		d->tool[i].kernel = true;
	look_files(d);
	look_runtime(d);
	doctor_look_record(d);
	look_pty(d);
	look_calls(d);
}

static void
look_session(struct doctor *d)
{
	char comm[32] = "", safe[64], path[64];

	if (access("/run/systemd/system", F_OK) < 0) {
		if (fd_read_small(AT_FDCWD, "/proc/1/comm", comm,
				  sizeof(comm)) > 0)
			comm[strcspn(comm, "\n")] = '\0';
		snprintf(d->session, sizeof(d->session),
			 "no systemd (pid 1 is %s)",
			 comm[0] ? str_escape(comm, safe, sizeof(safe)) : "?");
		return;
	}
	snprintf(path, sizeof(path), "/run/user/%u/systemd/private", geteuid());
	if (d->machine.root)
		snprintf(d->session, sizeof(d->session), "systemd");
	else if (access(path, F_OK) == 0)
		snprintf(d->session, sizeof(d->session),
			 "systemd, with a manager for this user");
	else
		snprintf(d->session, sizeof(d->session),
			 "systemd, without a manager for this user (log in "
			 "through PAM, or: sudo loginctl enable-linger %u)",
			 geteuid());
}

void
doctor_look_facts(struct doctor *d)
{
	static const struct doctor_fact facts[] = {
		{ "user/max_user_namespaces", "0: none", 0 },
		{ "kernel/unprivileged_userns_clone",
		  "0: user namespaces for root only", 0 },
		{ "kernel/apparmor_restrict_unprivileged_userns",
		  "1: only with a profile", 0 },
		{ "kernel/yama/ptrace_scope",
		  "1 and up: debuggers see their own children only", 0 },
		{ "kernel/unprivileged_bpf_disabled", "0: open to users", 0 },
		{ "kernel/perf_event_paranoid", "below 2: open to users", 0 },
		{ "kernel/io_uring_disabled", "0: open to users", 0 },
		{ "vm/unprivileged_userfaultfd", "1: open to users", 0 },
		{ "kernel/kptr_restrict", "0: addresses can be read", 0 },
		{ "kernel/dmesg_restrict", "0: the log can be read", 0 },
		{ "dev/tty/legacy_tiocsti", "1: typing into terminals", 0 },
	};

	_Static_assert(ARRAY_SIZE(facts) <= DOCTOR_FACTS_MAX, "too many facts");
	d->n_facts = ARRAY_SIZE(facts);
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
		d->fact[i] = facts[i];
		if (probe_sysctl(facts[i].sysctl, &d->fact[i].value) < 0)
			d->fact[i].value = -1;
	}
	look_session(d);
}
