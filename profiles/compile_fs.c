/*
 * The steps that build a box's root. What always holds: the root is one
 * tmpfs, read-only at the end; only /tmp, HOME and /dev/shm are folders of it
 * that were bound to themselves before and so stay writable, all three within
 * the one size of the root. That is why they cost no file system of their own
 * (a tmpfs costs 20 microseconds, such a bind 9). What enclosing trees hold is
 * not bound again.
 *
 * Each bind costs about 12 microseconds of a launch and each small file 6: be
 * sparing here.
 */
#include "profiles/compile-internal.h"

#include "lib/str.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define RO (PLAN_FS_RDONLY | PLAN_FS_NOEXEC)

int
build_step(struct builder *b, struct plan_fs f)
{
	struct plan_fs *at = build_push(b, &b->fs, sizeof(*at), PLAN_FS_MAX,
					"steps to build its files");

	if (!at || !f.dst || (f.kind == PLAN_FS_FILE && !f.data))
		return -ENOMEM;
	*at = f;
	return 0;
}

static int
steps(struct builder *b, const struct plan_fs *f, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		r = build_step(b, f[i]);
	return r;
}

/* The folders that stay writable. The bit for everybody in /tmp and /dev/shm
 * is for programs that check it; the box has one user. */
static int
build_base(struct builder *b)
{
	const struct plan_fs base[] = {
		/* The root itself: how large it may grow. */
		{ .kind = PLAN_FS_TMPFS,
		  .dst = "/",
		  .mode = 0755,
		  .size = b->p->files.tmp_size },
		{ .kind = PLAN_FS_DIR, .dst = "/tmp", .mode = 01777 },
		{ .kind = PLAN_FS_DIR, .dst = BOX_HOME, .mode = 0700 },
		{ .kind = PLAN_FS_DIR, .dst = "/dev/shm", .mode = 01777 },
		{ .kind = PLAN_FS_FILE,
		  .dst = BOX_CANARY,
		  .data = "canary\n",
		  .mode = 0444 },
	};

	return steps(b, base, ARRAY_SIZE(base));
}

static int
build_scratch(struct builder *b)
{
	/* What an agent may run of its own in the workspace, it may run where
	 * compilers, package managers and virtual environments put it. */
	uint32_t flags = b->p->files.workspace_exec ? 0 : PLAN_FS_NOEXEC;
	const struct plan_fs scratch[] = {
		{ .kind = PLAN_FS_REBIND,
		  .src = "/tmp",
		  .dst = "/tmp",
		  .flags = flags },
		{ .kind = PLAN_FS_REBIND,
		  .src = BOX_HOME,
		  .dst = BOX_HOME,
		  .flags = flags },
		{ .kind = PLAN_FS_REBIND,
		  .src = "/dev/shm",
		  .dst = "/dev/shm",
		  .flags = PLAN_FS_NOEXEC },
	};

	return steps(b, scratch, ARRAY_SIZE(scratch));
}

#define DEVICE(name)                                                           \
	{                                                                      \
		.kind = PLAN_FS_BIND, .src = name, .dst = name,                \
		.flags = PLAN_FS_DEV | PLAN_FS_NOEXEC                          \
	}
#define LINK(at, to)                                                           \
	{                                                                      \
		.kind = PLAN_FS_SYMLINK, .dst = at, .src = to                  \
	}

/* /dev/random has been the same as /dev/urandom, once seeded, since Linux 5.6,
 * so one node serves both. */
static int
build_dev(struct builder *b)
{
	static const struct plan_fs dev[] = {
		DEVICE("/dev/null"),
		DEVICE("/dev/zero"),
		DEVICE("/dev/full"),
		DEVICE("/dev/urandom"),
		DEVICE("/dev/tty"),
		LINK("/dev/random", "urandom"),
		LINK("/dev/fd", "/proc/self/fd"),
		LINK("/dev/stdin", "/proc/self/fd/0"),
		LINK("/dev/stdout", "/proc/self/fd/1"),
		LINK("/dev/stderr", "/proc/self/fd/2"),
		LINK("/dev/ptmx", "pts/ptmx"),
		{ .kind = PLAN_FS_DEVPTS,
		  .dst = "/dev/pts",
		  .flags = PLAN_FS_NOEXEC },
		{ .kind = PLAN_FS_PROC, .dst = "/proc", .flags = RO },
	};

	return steps(b, dev, ARRAY_SIZE(dev));
}

/* /etc: what libc needs to name the box's one user and the loopback. The
 * host's own files would name its users and its network. */
static int
build_etc(struct builder *b)
{
	const char *host =
		b->p->process.hostname ? b->p->process.hostname : b->r->name;
	const struct plan_fs etc[] = {
		{ .kind = PLAN_FS_FILE,
		  .dst = "/etc/passwd",
		  .mode = 0444,
		  .data = build_printf(
			  b,
			  "root:x:0:0:root:/:/bin/false\n"
			  "%s:x:%d:%d:%s:%s:%s\n"
			  "nobody:x:65534:65534:nobody:/:/bin/false\n",
			  BOX_USER, BOX_UID, BOX_GID, BOX_USER, BOX_HOME,
			  b->shell) },
		{ .kind = PLAN_FS_FILE,
		  .dst = "/etc/group",
		  .mode = 0444,
		  .data = build_printf(b,
				       "root:x:0:\ntty:x:5:\n%s:x:%d:\n"
				       "nogroup:x:65534:\n",
				       BOX_USER, BOX_GID) },
		{ .kind = PLAN_FS_FILE,
		  .dst = "/etc/hosts",
		  .mode = 0444,
		  .data = build_printf(b,
				       "127.0.0.1 localhost %s\n"
				       "::1 localhost ip6-localhost %s\n",
				       host, host) },
		{ .kind = PLAN_FS_FILE,
		  .dst = "/etc/hostname",
		  .mode = 0444,
		  .data = build_printf(b, "%s\n", host) },
		{ .kind = PLAN_FS_FILE,
		  .dst = "/etc/nsswitch.conf",
		  .mode = 0444,
		  .data = build_printf(b,
				       "passwd: files\ngroup: files\n"
				       "hosts: %s\n"
				       "services: files\nprotocols: files\n",
				       build_net_hosts_order(b)) },
		{ .kind = PLAN_FS_FILE,
		  .dst = "/etc/resolv.conf",
		  .mode = 0444,
		  .data = build_net_resolv(b) },
	};

	return steps(b, etc, ARRAY_SIZE(etc));
}

/* Is at a folder that the box has of its own, or above one? */
static bool
is_own_folder(const char *at)
{
	static const char *const own[] = { BOX_HOME, BOX_RUN, "/dev",	 "/etc",
					   "/proc",  "/tmp",  "/var/tmp" };

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (path_within(own[i], at))
			return true;
	return false;
}

/* Links that paths led through. Not needed where the tree that they lie in has
 * them; not possible where the box has a folder (a host whose /home is a link:
 * there the real path works, and the other does not). */
static int
build_links(struct builder *b)
{
	const struct plan_fs var_tmp = { .kind = PLAN_FS_SYMLINK,
					 .dst = "/var/tmp",
					 .src = "/tmp" };
	const struct plan_fs *f = b->links.data;
	const struct grant *g = b->grants.data;
	int r = 0;

	for (size_t i = 0; i < b->links.n && r >= 0; i++)
		if (!build_grant_of(b, f[i].dst) && !is_own_folder(f[i].dst))
			r = build_step(b, f[i]);
	/* Only while nothing is to be mounted there. */
	for (size_t i = 0; i < b->grants.n; i++)
		if (path_within(g[i].dst, "/var/tmp"))
			return r;
	return r < 0 ? r : build_step(b, var_tmp);
}

static uint32_t
grant_flags(const struct builder *b, const struct grant *g)
{
	uint32_t flags = 0;

	if (!(g->flags & GRANT_WRITE))
		flags |= PLAN_FS_RDONLY;
	if (!(g->flags & GRANT_EXEC))
		flags |= PLAN_FS_NOEXEC;
	if (g->flags & GRANT_GROUP)
		return flags | PLAN_FS_OPTIONAL;
	/* The files of a person: as root, the supervisor opens them, which the
	 * box's own uid could not, and maps their owner to the agent. */
	if (b->r->root)
		flags |= PLAN_FS_IDMAP | PLAN_FS_FD;
	if (g->flags & GRANT_WORKSPACE && g->flags & GRANT_WRITE &&
	    b->p->files.workspace_max)
		flags |= PLAN_FS_WATCHED;
	return flags;
}

#define COPY_MAX 16384

/* 1 and the contents of a small file; 0 when it has to be bound. */
static int
read_copy(struct builder *b, const char *path, const char **ret)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
						    O_NOCTTY | O_CLOEXEC);
	struct stat st;
	char *text;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size >= COPY_MAX)
		return 0;
	text = build_alloc(b, (size_t)st.st_size + 1);
	if (!text)
		return -ENOMEM;
	n = read(fd, text, (size_t)st.st_size);
	if (n != st.st_size || memchr(text, '\0', (size_t)n))
		return 0;
	text[n] = '\0';
	*ret = text;
	return 1;
}

static int
build_bind(struct builder *b, const struct grant *g)
{
	struct plan_fs f = { .kind = PLAN_FS_BIND,
			     .src = g->src,
			     .dst = g->dst,
			     .flags = grant_flags(b, g) };

	if (g->flags & GRANT_COPY) {
		int r = read_copy(b, g->src, &f.data);

		if (r < 0)
			return r;
		if (r > 0)
			f = (struct plan_fs){ .kind = PLAN_FS_FILE,
					      .dst = g->dst,
					      .mode = 0444,
					      .data = f.data };
	}
	return build_step(b, f);
}

/* Trees of the host. late: those in folders that are bound to themselves
 * first. */
static int
build_binds(struct builder *b, bool late)
{
	const struct grant *g = b->grants.data;
	int r = 0;

	for (size_t i = 0; i < b->grants.n && r >= 0; i++) {
		bool in_scratch = path_within(g[i].dst, BOX_HOME) ||
				  path_within(g[i].dst, "/tmp");

		if (in_scratch == late)
			r = build_bind(b, &g[i]);
	}
	return r;
}

/* As root the supervisor opens it, since the box's uid need not get there. */
static int
build_helper(struct builder *b)
{
	struct plan_fs f = { .kind = PLAN_FS_BIND,
			     .src = b->r->helper,
			     .dst = BOX_HELPER,
			     .flags = PLAN_FS_RDONLY };

	if (!f.src)
		return 0;
	if (b->r->root)
		f.flags |= PLAN_FS_FD;
	return build_step(b, f);
}

int
build_fs(struct builder *b)
{
	int r = build_base(b);

	if (r >= 0)
		r = build_etc(b);
	if (r >= 0)
		r = build_links(b);
	if (r >= 0)
		r = build_dev(b);
	if (r >= 0)
		r = build_scratch(b);
	if (r >= 0)
		r = build_binds(b, false);
	if (r >= 0)
		r = build_binds(b, true);
	if (r >= 0)
		r = build_net_files(b);
	return r < 0 ? r : build_helper(b);
}
