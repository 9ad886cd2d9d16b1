/*
 * What the kernel was seen to hold, as rows of requested against enforced, and
 * why a layer cannot be had. Values are compared as numbers: the kernel rounds
 * bytes down to pages and has several ways to say "no limit".
 */
#include "sandbox/cgroup-internal.h"

#include "lib/fd.h"
#include "lib/str.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

void
cgroup_row(struct layer_table *t, enum layer l, enum layer_state s,
	   const char *fmt, ...)
{
	struct layer_row *row = &t->row[l];
	va_list ap;

	row->state = s;
	va_start(ap, fmt);
	vsnprintf(row->enforced, sizeof(row->enforced), fmt, ap);
	va_end(ap);
}

static void
row_unreadable(struct layer_table *t, enum layer l, const char *file, int r)
{
	cgroup_row(t, l, LAYER_ABSENT, "%s: %s", file, strerror(-r));
}

void
cgroup_row_bytes(struct layer_table *t, enum layer l, int dir, const char *file,
		 uint64_t want)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), got;
	char size[32];
	int r = cgroup_read_u64(dir, file, &got);

	if (r < 0)
		row_unreadable(t, l, file, r);
	else if (got == CGROUP_UNLIMITED)
		cgroup_row(t, l, LAYER_ABSENT, "no limit (%s)", file);
	else
		cgroup_row(t, l,
			   got == want / page * page ? LAYER_HELD
						     : LAYER_ABSENT,
			   "%s (%s)", str_from_size(got, size, sizeof(size)),
			   file);
}

void
cgroup_row_count(struct layer_table *t, enum layer l, int dir, const char *file,
		 uint64_t want)
{
	uint64_t got;
	int r = cgroup_read_u64(dir, file, &got);

	if (r < 0)
		row_unreadable(t, l, file, r);
	else if (got == CGROUP_UNLIMITED)
		cgroup_row(t, l, LAYER_ABSENT, "no limit (%s)", file);
	else
		cgroup_row(t, l, got == want ? LAYER_HELD : LAYER_ABSENT,
			   "%llu (%s)", (unsigned long long)got, file);
}

void
cgroup_row_no_swap(struct layer_table *t, const char *file)
{
	if (cgroup_host_has_swap())
		cgroup_row(t, LAYER_SWAP, LAYER_ABSENT,
			   "swap is not accounted (no %s)", file);
	else
		cgroup_row(t, LAYER_SWAP, LAYER_HELD, "no swap on this host");
}

/* Digits, then sep, then digits; what follows is not looked at. */
int
cgroup_parse_pair(const char *s, char sep, uint64_t *ret_a, uint64_t *ret_b)
{
	size_t na = strspn(s, "0123456789"), nb;
	char a[24], b[24];
	uint64_t va, vb;

	if (s[na] != sep)
		return -EINVAL;
	nb = strspn(s + na + 1, "0123456789");
	if (na >= sizeof(a) || nb >= sizeof(b))
		return -ERANGE;
	snprintf(a, sizeof(a), "%.*s", (int)na, s);
	snprintf(b, sizeof(b), "%.*s", (int)nb, s + na + 1);
	if (str_to_u64(a, &va) < 0 || str_to_u64(b, &vb) < 0)
		return -EINVAL;
	*ret_a = va;
	*ret_b = vb;
	return 0;
}

/* The lines under the heading of /proc/swaps; an unreadable one is a yes. */
bool
cgroup_host_has_swap(void)
{
	char buf[4096], *nl;

	if (fd_read_small(AT_FDCWD, "/proc/swaps", buf, sizeof(buf)) < 0)
		return true;
	nl = strchr(buf, '\n');
	return nl && nl[1];
}

int
cgroup_disk(dev_t dev, dev_t *ret)
{
	char p[96], buf[64];
	uint64_t maj, min;

	if (!major(dev))
		return -ENOTBLK;
	snprintf(p, sizeof(p), "/sys/dev/block/%u:%u/partition", major(dev),
		 minor(dev));
	if (access(p, F_OK) < 0) {
		*ret = dev;
		return 0;
	}
	/* A partition's directory lies in the directory of its disk. */
	snprintf(p, sizeof(p), "/sys/dev/block/%u:%u/../dev", major(dev),
		 minor(dev));
	if (fd_read_small(AT_FDCWD, p, buf, sizeof(buf)) < 0 ||
	    cgroup_parse_pair(buf, ':', &maj, &min) < 0)
		return -ENOTBLK;
	*ret = makedev((unsigned int)maj, (unsigned int)min);
	return 0;
}

/* The line of the device in text, without "MAJ:MIN ". */
static const char *
io_line(const char *text, dev_t dev)
{
	char head[32];
	size_t n = (size_t)snprintf(head, sizeof(head), "%u:%u ", major(dev),
				    minor(dev));

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		if (!strncmp(text, head, n))
			return text + n;
	return NULL;
}

int
cgroup_io_value(const char *text, dev_t dev, const char *key, uint64_t *ret)
{
	const char *p = io_line(text, dev);
	char num[32];
	size_t n;

	if (!p)
		return -ENOENT;
	while (key) {
		n = strlen(key);
		if (!strncmp(p, key, n) && p[n] == '=') {
			p += n + 1;
			break;
		}
		p += strcspn(p, " \n");
		if (*p++ != ' ')
			return -ENOENT;
	}
	n = strcspn(p, " \n");
	if (n >= sizeof(num))
		return -ERANGE;
	memcpy(num, p, n);
	num[n] = '\0';
	if (!strcmp(num, "max")) {
		*ret = CGROUP_UNLIMITED;
		return 0;
	}
	return str_to_u64(num, ret);
}

int
cgroup_readback(struct cgroup *cg, pid_t pid, const struct cgroup_limits *want,
		struct layer_table *t)
{
	static const enum layer rows[] = { LAYER_MEMORY, LAYER_SWAP, LAYER_PIDS,
					   LAYER_CPU, LAYER_IO };
	uint32_t wanted = cgroup_wanted(want);
	char text[4096], p[48];
	ssize_t n;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		cgroup_row(t, rows[i],
			   wanted & LAYER_BIT(rows[i]) ? LAYER_ABSENT
						       : LAYER_OFF,
			   "%s", "");
	cgroup_row(t, LAYER_FREEZE, LAYER_ABSENT, "no cgroup");
	if (!cg)
		return 0;
	snprintf(p, sizeof(p), "/proc/%d/cgroup", (int)pid);
	n = fd_read_small(AT_FDCWD, p, text, sizeof(text));
	if (n < 0)
		return (int)n;
	cg->ops->readback(cg, text, want, wanted, t);
	if (!cgroup_can_freeze(cg))
		cgroup_row(t, LAYER_FREEZE, LAYER_ABSENT, "no cgroup2 group");
	else if (!cgroup_is_member(text, NULL, cg->g[0].rel))
		cgroup_row(t, LAYER_FREEZE, LAYER_ABSENT,
			   "the process is not in %s", cg->g[0].rel);
	else
		cgroup_row(t, LAYER_FREEZE, LAYER_HELD, "cgroup.freeze, %s",
			   faccessat(cg->g[0].dir, "cgroup.kill", F_OK, 0) == 0
				   ? "cgroup.kill"
				   : "one kill per process");
	return 0;
}

/* ---- what a host can give */

/* Freezing came to cgroup2 with Linux 5.2. */
static bool
kernel_freezes(void)
{
	struct utsname u;
	uint64_t a, b;

	if (uname(&u) < 0 || cgroup_parse_pair(u.release, '.', &a, &b) < 0)
		return false;
	return a > 5 || (a == 5 && b >= 2);
}

const char *
cgroup_controller(enum layer l)
{
	switch (l) {
	case LAYER_MEMORY:
	case LAYER_SWAP:
		return "memory";
	case LAYER_PIDS:
		return "pids";
	case LAYER_CPU:
		return "cpu";
	case LAYER_IO:
		return "io";
	default:
		return NULL;
	}
}

/* Is name one of the words of a file such as cgroup.controllers? */
static bool
file_has_word(const char *dir, const char *file, const char *name)
{
	char p[CGROUP_PATH_MAX], buf[512];
	const char *w = buf;
	size_t n = strlen(name);

	snprintf(p, sizeof(p), "%s/%s", dir, file);
	if (fd_read_small(AT_FDCWD, p, buf, sizeof(buf)) < 0)
		return false;
	while (*w) {
		size_t len = strcspn(w, " \n");

		if (len == n && !strncmp(w, name, n))
			return true;
		w += len;
		w += strspn(w, " \n");
	}
	return false;
}

static bool
v1_has(const struct cgroup_host *h, enum cgroup_v1 i, const char *file)
{
	char p[CGROUP_PATH_MAX];

	snprintf(p, sizeof(p), "%s/%s", h->v1_dir[i], file);
	return h->v1_dir[i][0] && access(p, F_OK) == 0;
}

static bool
hybrid_layer(const struct cgroup_host *h, enum layer l)
{
	switch (l) {
	case LAYER_MEMORY:
		return h->v1_dir[CGROUP_V1_MEMORY][0];
	case LAYER_SWAP:
		return v1_has(h, CGROUP_V1_MEMORY,
			      "memory.memsw.limit_in_bytes") ||
		       !cgroup_host_has_swap();
	case LAYER_PIDS:
		return h->v1_dir[CGROUP_V1_PIDS][0];
	case LAYER_CPU:
		/* the root group has none unless the kernel was built for it */
		return h->v1_dir[CGROUP_V1_CPU][0];
	case LAYER_IO:
		return v1_has(h, CGROUP_V1_BLKIO,
			      "blkio.throttle.read_bps_device");
	default:
		return false;
	}
}

uint32_t
cgroup_host_layers(const struct cgroup_host *h)
{
	static const enum layer rows[] = { LAYER_MEMORY, LAYER_SWAP, LAYER_PIDS,
					   LAYER_CPU, LAYER_IO };
	uint32_t set = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		enum layer l = rows[i];

		if (h->backend == CGROUP_HYBRID
			    ? hybrid_layer(h, l)
			    : h->backend != CGROUP_NONE &&
				      file_has_word(h->v2_top,
						    "cgroup.controllers",
						    cgroup_controller(l)))
			set |= LAYER_BIT(l);
	}
	if ((h->v2_dir[0] || h->backend == CGROUP_SCOPE) && kernel_freezes())
		set |= LAYER_BIT(LAYER_FREEZE);
	return set;
}

static int
missing_v2(const struct cgroup_host *h, enum layer l, struct err *e)
{
	const char *c = cgroup_controller(l);

	if (!file_has_word(h->v2_top, "cgroup.controllers", c)) {
		err_set(e, EOPNOTSUPP,
			"the cgroup controller \"%s\" is not available in %s",
			c, h->v2_top);
		return err_cure(e, "%s",
				geteuid() == 0
					? "enable it in the kernel and above "
					  "that group (cgroup.subtree_control)"
					: "let root put \"[Service]\" and "
					  "\"Delegate=cpu cpuset io memory "
					  "pids\" into /etc/systemd/system/"
					  "user@.service.d/delegate.conf, run "
					  "\"systemctl daemon-reload\", and "
					  "log in again");
	}
	if (!file_has_word(h->v2_top, "cgroup.subtree_control", c)) {
		err_set(e, EOPNOTSUPP,
			"the cgroup controller \"%s\" cannot be switched on "
			"in %s, which holds processes of its own",
			c, h->v2_top);
		return err_cure(e, "move them into a group below it, or set "
				   "AGENTBOX_CGROUP_PARENT to an empty group");
	}
	err_set(e, EOPNOTSUPP, "the kernel refused the %s limit",
		layer_name(l));
	return err_cure(e, "%s",
			l == LAYER_IO ? "io limits need a workspace on a block "
					"device; a weight needs bfq or io.cost"
				      : "see the limits of the profile");
}

int
cgroup_host_missing(const struct cgroup_host *h, enum layer l, struct err *e)
{
	if (h->backend == CGROUP_NONE) {
		err_set(e, EOPNOTSUPP, "%s", h->why);
		return err_cure(e, "%s", h->cure);
	}
	if (l == LAYER_FREEZE && !h->v2_dir[0]) {
		err_set(e, EOPNOTSUPP,
			"no cgroup2 file system is mounted: processes cannot "
			"be frozen or killed at once");
		return err_cure(e, "mkdir -p /sys/fs/cgroup/unified && mount "
				   "-t cgroup2 none /sys/fs/cgroup/unified");
	}
	if (l == LAYER_FREEZE) {
		err_set(e, EOPNOTSUPP, "this kernel cannot freeze a cgroup");
		return err_cure(e, "use Linux 5.2 or later");
	}
	if (h->backend != CGROUP_HYBRID)
		return missing_v2(h, l, e);
	if (geteuid() != 0) {
		err_set(e, EOPNOTSUPP,
			"cgroup v1 holds the %s controller, and only root may "
			"use it",
			cgroup_controller(l));
		return err_cure(e, "boot with "
				   "systemd.unified_cgroup_hierarchy=1, or run "
				   "agentbox as root");
	}
	err_set(e, EOPNOTSUPP,
		"the cgroup v1 hierarchy of this host has no %s limit",
		layer_name(l));
	return err_cure(e, "%s",
			l == LAYER_SWAP ? "boot with swapaccount=1"
			: l == LAYER_IO ? "io limits need a workspace on a "
					  "block device; a weight needs bfq"
					: "mount the v1 controller, or boot "
					  "with unified cgroups");
}
