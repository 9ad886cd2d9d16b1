/*
 * Attestation. The agent's process waits, confined, while the supervisor reads
 * /proc and the cgroup files and compares them with the plan. A layer is held
 * only if the kernel said so; the one thing the kernel does not show, the
 * Landlock domain, was tried out by the process itself on a canary file (see
 * confine.c), and the securebits were read by the process after they were
 * locked.
 */
#include "sandbox/attest.h"

#include "lib/fd.h"
#include "lib/str.h"
#include "sandbox/caps.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define STATUS_MAX 8192
#define MOUNTINFO_MAX (256u * 1024)

struct attest {
	const struct attest_params *p;
	struct layer_table *t;
	int proc; /* /proc/PID of pid 1, then of the agent's process */
	int ns;	  /* its ns */
	int own_ns;
	pid_t pid;
	char status[STATUS_MAX];
};

static void set_row(struct attest *a, enum layer l, bool held, const char *fmt,
		    ...) _printf_(4, 5);

static void
set_row(struct attest *a, enum layer l, bool held, const char *fmt, ...)
{
	struct layer_row *row = &a->t->row[l];
	va_list ap;

	if (!(a->p->plan->layers & LAYER_BIT(l)))
		return;
	row->state = held ? LAYER_HELD : LAYER_ABSENT;
	va_start(ap, fmt);
	vsnprintf(row->enforced, sizeof(row->enforced), fmt, ap);
	va_end(ap);
}

/* The value of a "Name:\tvalue" line of status, or NULL. */
static const char *
status_of(const struct attest *a, const char *name)
{
	size_t n = strlen(name);

	for (const char *s = a->status; s; s = strchr(s, '\n')) {
		s += *s == '\n';
		if (!strncmp(s, name, n) && s[n] == ':')
			return s + n + 1 + strspn(s + n + 1, " \t");
		if (!*s)
			break;
	}
	return NULL;
}

static bool
status_is(const struct attest *a, const char *name, unsigned long long want,
	  int base)
{
	const char *s = status_of(a, name);
	char *end;

	if (!s || !isxdigit((unsigned char)*s))
		return false;
	return strtoull(s, &end, base) == want && *end == '\n';
}

/* "net:[4026531840]". Reading the link is all: to follow it would make the
 * kernel build an inode. */
static bool
ns_name(int dir, const char *file, char *buf, size_t size)
{
	ssize_t n = readlinkat(dir, file, buf, size);

	if (n <= 0 || (size_t)n >= size)
		return false;
	buf[n] = '\0';
	return true;
}

/* Held when the namespace is another one than ours. */
static void
check_ns(struct attest *a, enum layer l, const char *file)
{
	char ours[64], theirs[64];

	if (!(a->p->plan->layers & LAYER_BIT(l)))
		return;
	if (!ns_name(a->own_ns, file, ours, sizeof(ours)) ||
	    !ns_name(a->ns, file, theirs, sizeof(theirs)))
		set_row(a, l, false, "cannot be read");
	else if (!strcmp(ours, theirs))
		set_row(a, l, false, "the supervisor's own");
	else
		set_row(a, l, true, "%s", theirs);
}

static bool
map_is(struct attest *a, const char *file, unsigned int in, unsigned int out)
{
	unsigned long want[3] = { in, out, 1 };
	char buf[256], *at = buf, *end;

	if (fd_read_small(a->proc, file, buf, sizeof(buf)) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++, at = end)
		if (strtoul(at, &end, 10) != want[i] || end == at)
			return false;
	return !strcmp(at, "\n");
}

static void
check_maps(struct attest *a)
{
	const struct launch_params *lp = a->p->launch;
	const struct plan *p = a->p->plan;
	bool uid = map_is(a, "uid_map", p->uid, lp->host_uid);

	set_row(a, LAYER_OWNUID,
		uid && map_is(a, "gid_map", p->gid, lp->host_gid), "uid %u",
		lp->host_uid);
	/* Until check_user() has looked at the process too. */
	set_row(a, LAYER_USER, uid, "the id map is another one");
}

static void
check_user(struct attest *a)
{
	const struct launch_params *lp = a->p->launch;
	struct layer_row *row = &a->t->row[LAYER_USER];
	bool mapped = row->state == LAYER_HELD;
	const char *uid = status_of(a, "Uid");
	char ids[64];

	if (!mapped)
		return;
	check_ns(a, LAYER_USER, "user");
	snprintf(ids, sizeof(ids), "%u\t%u\t%u\t%u\n", lp->host_uid,
		 lp->host_uid, lp->host_uid, lp->host_uid);
	if (row->state == LAYER_HELD)
		set_row(a, LAYER_USER,
			uid && strncmp(uid, ids, strlen(ids)) == 0,
			"uid %u is %u outside", a->p->plan->uid, lp->host_uid);
}

static void
check_caps(struct attest *a)
{
	static const char *const sets[] = { "CapInh", "CapPrm", "CapEff",
					    "CapBnd", "CapAmb" };

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		if (!status_is(a, sets[i], 0, 16)) {
			set_row(a, LAYER_CAPS, false, "%s is not empty",
				sets[i]);
			return;
		}
	set_row(a, LAYER_CAPS, true, "all five sets empty");
}

static void
check_privs(struct attest *a)
{
	const struct launch *box = a->p->box;
	const char *filters = status_of(a, "Seccomp_filters");

	check_caps(a);
	set_row(a, LAYER_SECUREBITS, box->securebits == caps_securebits(),
		"0x%x", box->securebits);
	set_row(a, LAYER_NNP, status_is(a, "NoNewPrivs", 1, 10), "%s",
		status_is(a, "NoNewPrivs", 1, 10) ? "set" : "not set");
	set_row(a, LAYER_SECCOMP,
		status_is(a, "Seccomp", SECCOMP_MODE_FILTER, 10),
		"filter mode, %d loaded, %zu instructions",
		filters ? (int)strtol(filters, NULL, 10) : 1,
		a->p->plan->n_insns);
	if (box->landlock)
		set_row(a, LAYER_LANDLOCK, true, "ABI %d, canary refused%s",
			box->landlock,
			a->p->plan->flags & PLAN_LOOPBACK ? ""
			: box->landlock >= 4		  ? ", TCP closed"
							  : "");
	else
		set_row(a, LAYER_LANDLOCK, false, "not in this kernel");
}

/* Mounts */

struct mount_line {
	char *point, *options, *super;
};

/* "36 35 98:0 /root /point options [fields...] - type source super"
 * (proc_pid_mountinfo(5)); octal escapes in the point are undone in place. */
static bool
mount_line_parse(char *s, struct mount_line *ret)
{
	char *field = NULL, *out;

	for (int i = 0; i < 5; i++)
		field = strsep(&s, " ");
	ret->options = strsep(&s, " ");
	if (!field || !ret->options)
		return false;
	ret->point = out = field;
	for (; *field; out++)
		if (field[0] == '\\' && field[1] && field[2] && field[3]) {
			*out = (char)((field[1] - '0') << 6 |
				      (field[2] - '0') << 3 | (field[3] - '0'));
			field += 4;
		} else {
			*out = *field++;
		}
	*out = '\0';
	do
		field = strsep(&s, " ");
	while (field && strcmp(field, "-") != 0);
	(void)strsep(&s, " ");
	(void)strsep(&s, " ");
	ret->super = strsep(&s, " ");
	return ret->super != NULL;
}

static bool
has_option(const char *options, const char *name)
{
	size_t n = strlen(name);

	for (const char *s = options; s; s = strchr(s, ',')) {
		s += *s == ',';
		if (!strncmp(s, name, n) && (s[n] == ',' || !s[n]))
			return true;
	}
	return false;
}

/* The mount of the plan that covers point: the last one that is it, or below
 * which it lies (submounts of a recursive bind). */
static const struct plan_fs *
planned(const struct plan *p, const char *point)
{
	const struct plan_fs *best = NULL;
	size_t best_len = 0;

	for (size_t i = 0; i < p->n_fs; i++) {
		const struct plan_fs *f = &p->fs[i];
		size_t n = strlen(f->dst);

		if (f->kind == PLAN_FS_DIR || f->kind == PLAN_FS_FILE ||
		    f->kind == PLAN_FS_SYMLINK || n < best_len)
			continue;
		if (strncmp(f->dst, point, n) == 0 &&
		    (!point[n] || (point[n] == '/' && f->kind == PLAN_FS_BIND)))
			best = f, best_len = n;
	}
	return best;
}

static const char *
mount_fault(const struct plan *p, const struct mount_line *m)
{
	const struct plan_fs *f = planned(p, m->point);

	if (!strcmp(m->point, "/"))
		return has_option(m->options, "ro") ? NULL : "is writable";
	if (!f)
		return "is not in the plan";
	if (!has_option(m->options, "nosuid"))
		return "lacks nosuid";
	if ((f->flags & PLAN_FS_RDONLY || f->kind == PLAN_FS_MASK) &&
	    !has_option(m->options, "ro"))
		return "is writable";
	if (f->flags & PLAN_FS_NOEXEC && !has_option(m->options, "noexec"))
		return "lacks noexec";
	if (!(f->flags & PLAN_FS_DEV) && f->kind != PLAN_FS_DEVPTS &&
	    !has_option(m->options, "nodev"))
		return "lacks nodev";
	return NULL;
}

/* /tmp, HOME and /dev/shm lie on the root's tmpfs, which is bounded. */
static void
check_disk(struct attest *a, const struct mount_line *m)
{
	const char *size = strstr(m->super, "size=");

	if (strcmp(m->point, "/") != 0)
		return;
	set_row(a, LAYER_DISK, size != NULL, "tmp %.*s",
		size ? (int)strcspn(size + 5, ",") : 9,
		size ? size + 5 : "unbounded");
}

static void
check_mounts(struct attest *a)
{
	_cleanup_free_ char *text = NULL;
	struct mount_line m = { .point = NULL };
	char *line, *at;
	size_t n = 0;

	if (fd_read_file(a->proc, "mountinfo", MOUNTINFO_MAX, &text) < 0) {
		set_row(a, LAYER_FILES, false, "mountinfo cannot be read");
		return;
	}
	for (at = text; (line = strsep(&at, "\n")) && *line; n++) {
		const char *fault = mount_line_parse(line, &m)
					    ? mount_fault(a->p->plan, &m)
					    : "cannot be parsed";

		if (fault) {
			set_row(a, LAYER_FILES, false, "%.100s %s",
				m.point ? m.point : "a line", fault);
			return;
		}
		check_disk(a, &m);
	}
	set_row(a, LAYER_FILES, n > 1, "%zu mounts, each as planned", n);
}

/* Limits of the process */

static const char *const rlimit_names[] = {
	[RLIMIT_CPU] = "cpu",		[RLIMIT_FSIZE] = "fsize",
	[RLIMIT_DATA] = "data",		[RLIMIT_STACK] = "stack",
	[RLIMIT_CORE] = "core",		[RLIMIT_RSS] = "rss",
	[RLIMIT_NPROC] = "nproc",	[RLIMIT_NOFILE] = "nofile",
	[RLIMIT_MEMLOCK] = "memlock",	[RLIMIT_AS] = "as",
	[RLIMIT_LOCKS] = "locks",	[RLIMIT_SIGPENDING] = "sigpending",
	[RLIMIT_MSGQUEUE] = "msgqueue", [RLIMIT_NICE] = "nice",
	[RLIMIT_RTPRIO] = "rtprio",	[RLIMIT_RTTIME] = "rttime",
};

static void
check_rlimits(struct attest *a)
{
	const struct plan *p = a->p->plan;

	for (size_t i = 0; i < p->n_rlimits; i++) {
		const struct plan_rlimit *l = &p->rlimits[i];
		const char *name = l->resource < ARRAY_SIZE(rlimit_names)
					   ? rlimit_names[l->resource]
					   : "?";
		struct rlimit got;

		if (prlimit(a->pid, (enum __rlimit_resource)l->resource, NULL,
			    &got) < 0) {
			set_row(a, LAYER_RLIMITS, false, "%s cannot be read",
				name);
			return;
		}
		if (got.rlim_cur > l->soft || got.rlim_max > l->hard) {
			set_row(a, LAYER_RLIMITS, false, "%s is not as asked",
				name);
			return;
		}
	}
	set_row(a, LAYER_RLIMITS, true, "%zu limits", p->n_rlimits);
}

static void
check_oom(struct attest *a)
{
	char buf[32];
	int v;

	if (fd_read_small(a->proc, "oom_score_adj", buf, sizeof(buf)) < 0)
		return;
	v = (int)strtol(buf, NULL, 10);
	set_row(a, LAYER_OOM, v >= a->p->plan->oom_score_adj, "%d", v);
}

/* 0, 1, 2 and the channel, which is close-on-exec and still open. */
static void
check_fds(struct attest *a)
{
	_cleanup_close_ int fd =
		openat(a->proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char buf[4096] __attribute__((aligned(8)));
	ssize_t len = fd < 0 ? -1 : getdents64(fd, buf, sizeof(buf));
	int n = 0, high = 0;

	if (len < 0) {
		set_row(a, LAYER_FDS, false, "cannot be read");
		return;
	}
	for (ssize_t at = 0; at < len;) {
		const struct dirent64 *de = (const void *)(buf + at);

		at += de->d_reclen;
		if (!isdigit((unsigned char)de->d_name[0]))
			continue;
		n++;
		high = MAX(high, (int)strtol(de->d_name, NULL, 10));
	}
	set_row(a, LAYER_FDS, n == 4 && high == 3,
		n == 4 && high == 3 ? "0, 1, 2" : "%d descriptors", n - 1);
}

static void
check_cgroup(struct attest *a)
{
	static const enum layer rows[] = { LAYER_MEMORY, LAYER_SWAP,
					   LAYER_PIDS,	 LAYER_CPU,
					   LAYER_IO,	 LAYER_FREEZE };
	const char *why = a->p->cgroup_why;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		set_row(a, rows[i], false, "%.150s",
			why && *why ? why : "no cgroup");
	if (a->p->cg &&
	    cgroup_readback(a->p->cg, a->p->box->pid, a->p->limits, a->t) < 0)
		set_row(a, LAYER_FREEZE, false, "cgroup files cannot be read");
	/* Rows that were not asked for stay off. */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!(a->p->plan->layers & LAYER_BIT(rows[i])))
			a->t->row[rows[i]].state = LAYER_OFF;
}

/* Tried out with connections of our own, net_listen.c. A box that may dial only
 * ports with a listener each misses nothing but the record of other attempts.
 */
static void
check_broker(struct attest *a)
{
	const struct net_listen *l = a->p->net;
	struct layer_row *row = &a->t->row[LAYER_BROKER];

	if (!(a->p->plan->layers & LAYER_BIT(LAYER_BROKER)) || !l)
		return;
	if (l->fault[0]) {
		set_row(a, LAYER_BROKER, false, "%s", l->fault);
		return;
	}
	set_row(a, LAYER_BROKER, l->redirects, "%s%s%s%.90s%s",
		l->redirects ? "nf_tables redirect" : "",
		l->redirects && l->ports[0] ? " + " : "",
		l->ports[0] ? "ports " : "", l->ports,
		l->v6 ? "" : ", no IPv6");
	if (l->redirects)
		return;
	set_row(a, LAYER_BROKER, false, "ports %.60s only: %.80s",
		l->ports[0] ? l->ports : "none", l->why);
	if (!a->p->net_any)
		row->state = LAYER_DEGRADED;
}

static void
set_requests(struct attest *a)
{
	const struct plan *p = a->p->plan;

	for (int l = 0; l < LAYER_MAX; l++) {
		struct layer_row *row = &a->t->row[l];

		row->state = LAYER_OFF;
		row->optional = p->optional & LAYER_BIT(l);
		if (p->layers & LAYER_BIT(l)) {
			row->state = LAYER_ABSENT;
			if (!row->requested[0])
				snprintf(row->requested, sizeof(row->requested),
					 "yes");
		}
	}
}

static int
verdict(const struct layer_table *t, struct err *e)
{
	for (int l = 0; l < LAYER_MAX; l++) {
		const struct layer_row *row = &t->row[l];

		if (row->state != LAYER_ABSENT || row->optional)
			continue;
		err_set(e, -EPERM, "layer %s was asked for and is not held: %s",
			layer_name((enum layer)l), row->enforced);
		return err_cure(e,
				"`agentbox doctor` says what is missing; or "
				"list \"%s\" in requires.optional of the "
				"profile to go without it",
				layer_name((enum layer)l));
	}
	return 0;
}

static int
open_folder(int dir, const char *path)
{
	int fd = openat(dir, path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int
attest_open(struct attest *a, pid_t pid)
{
	char path[32];

	a->pid = pid;
	a->ns = a->own_ns = -EBADF;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	a->proc = open_folder(AT_FDCWD, path);
	if (a->proc < 0)
		return a->proc;
	a->ns = open_folder(a->proc, "ns");
	a->own_ns = open_folder(AT_FDCWD, "/proc/self/ns");
	return 0;
}

static void
attest_close(const struct attest *a)
{
	close_ptr(&a->proc);
	close_ptr(&a->ns);
	close_ptr(&a->own_ns);
}

void
attest_world(const struct attest_params *ap, struct layer_table *t)
{
	struct attest a = { .p = ap, .t = t };

	set_requests(&a);
	if (attest_open(&a, ap->box->pid) < 0)
		return;
	check_maps(&a);
	check_ns(&a, LAYER_PID, "pid");
	check_ns(&a, LAYER_MOUNT, "mnt");
	check_ns(&a, LAYER_NET, "net");
	check_ns(&a, LAYER_IPC, "ipc");
	check_ns(&a, LAYER_UTS, "uts");
	check_ns(&a, LAYER_CGROUPNS, "cgroup");
	check_oom(&a);
	check_mounts(&a);
	check_cgroup(&a);
	check_broker(&a);
	attest_close(&a);
}

static void
check_process(struct attest *a)
{
	check_user(a);
	check_ns(a, LAYER_TIME, "time");
	check_privs(a);
	check_rlimits(a);
	check_fds(a);
}

int
attest_process(const struct attest_params *ap, struct layer_table *t,
	       struct err *e)
{
	struct attest a = { .p = ap, .t = t };
	ssize_t n = attest_open(&a, ap->box->agent_pid);

	if (n >= 0)
		n = fd_read_small(a.proc, "status", a.status, sizeof(a.status));
	if (n >= 0)
		check_process(&a);
	attest_close(&a);
	if (n < 0)
		return err_sys(e, (int)n,
			       "the agent's process cannot be looked at");
	return verdict(t, e);
}
