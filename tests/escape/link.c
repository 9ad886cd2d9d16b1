/*
 * Names that lead elsewhere: symbolic links, hard links, magic links, file
 * handles, renames, and races between them.
 */
#include "tests/escape/probe.h"

#include <ctype.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

static void
symlink_given(const struct params *p, _unused_ long arg)
{
	steal(p, ws_path(p, "link-secret"));
}

static void
symlink_own(const struct params *p, _unused_ long arg)
{
	const char *l = ws_path(p, "link-own");

	unlink(l);
	if (symlink(p->secret, l) < 0)
		refused("symlink");
	steal(p, l);
}

static void
symlink_dir(const struct params *p, _unused_ long arg)
{
	steal(p, ws_path(p, "link-dir/secret"));
}

static void
symlink_proc(const struct params *p, _unused_ long arg)
{
	const char *l = ws_path(p, "link-proc");

	unlink(l);
	if (symlink("/proc/self/root", l) < 0)
		refused("symlink");
	steal(p, path_join(l, p->secret + 1));
}

static void
hardlink_in(const struct params *p, _unused_ long arg)
{
	const char *l = ws_path(p, "hard");

	unlink(l);
	if (link(p->secret, l) < 0)
		refused("link");
	steal(p, l);
}

static void
hardlink_out(const struct params *p, _unused_ long arg)
{
	close(ws_file(p, "out-link"));
	judge(link(ws_path(p, "out-link"), path_join(p->outside, "linked")),
	      "link to the outside");
}

static void
rename_out(const struct params *p, _unused_ long arg)
{
	close(ws_file(p, "out-name"));
	judge(rename(ws_path(p, "out-name"), path_join(p->outside, "renamed")),
	      "rename to the outside");
}

static void
tmpfile_out(const struct params *p, _unused_ long arg)
{
	char self[64];
	int fd = open(p->ws, O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);

	if (fd < 0)
		fd = ws_file(p, "out-tmpfile");
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	judge(linkat(AT_FDCWD, self, AT_FDCWD, path_join(p->outside, "tmpfile"),
		     AT_SYMLINK_FOLLOW),
	      "linkat of a nameless file to the outside");
}

static void
magic_root(const struct params *p, long arg)
{
	char path[4096];

	if (arg)
		snprintf(path, sizeof(path), "/proc/%ld/root%s", p->init,
			 p->secret);
	else
		snprintf(path, sizeof(path), "/proc/self/root%s", p->secret);
	steal(p, path);
}

struct each {
	const struct params *p;
	const char *format; /* with the pid */
	const char *tail;
};

static bool
try_pid(const char *name, void *arg)
{
	const struct each *e = arg;
	char path[4096];

	if (!isdigit((unsigned char)name[0]))
		return false;
	snprintf(path, sizeof(path), "/proc/%s/%s/%s", name, e->format,
		 e->tail);
	return path_has_token(e->p, AT_FDCWD, path);
}

static void
magic_all(const struct params *p, long arg)
{
	struct each e = { p, arg ? "cwd" : "root",
			  arg ? "../outside/secret" : p->secret + 1 };

	if (each_entry("/proc", try_pid, &e))
		escaped("through another process's %s", e.format);
	refused("open");
}

static bool
try_fd(const char *name, void *arg)
{
	const struct each *e = arg;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", e->format, name);
	return path_has_token(e->p, AT_FDCWD, path);
}

static bool
try_fds(const char *name, void *arg)
{
	const struct each *outer = arg;
	char dir[512];
	struct each e = { outer->p, dir, "" };

	if (!isdigit((unsigned char)name[0]) || atol(name) == getpid())
		return false;
	snprintf(dir, sizeof(dir), "/proc/%s/fd", name);
	return each_entry(dir, try_fd, &e);
}

static void
magic_fds(const struct params *p, _unused_ long arg)
{
	struct each e = { p, "", "" };

	if (each_entry("/proc", try_fds, &e))
		escaped("through another process's descriptor");
	refused("open");
}

static int
openat2_flags(int dir, const char *path, uint64_t resolve)
{
	struct open_how how = { .flags = O_RDONLY, .resolve = resolve };

	return (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

static void
openat2_in_root(const struct params *p, _unused_ long arg)
{
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd_has_token(p, openat2_flags(root, p->secret, RESOLVE_IN_ROOT)))
		escaped("read the secret");
	refused("openat2");
}

/* The handle was made by the host half, of the very secret. */
static void
open_handle(const struct params *p, _unused_ long arg)
{
	_Alignas(struct file_handle) char buf[sizeof(struct file_handle) + 128];
	struct file_handle *h = (struct file_handle *)(void *)buf;
	size_t n = strlen(p->handle ? p->handle : "");
	int mount;

	if (n < 10)
		absent("the file system has no handles");
	h->handle_type = (int)strtol((char[]){ p->handle[0], p->handle[1], 0 },
				     NULL, 16);
	h->handle_bytes = (unsigned int)MIN((n - 2) / 2, (size_t)128);
	for (unsigned int i = 0; i < h->handle_bytes; i++)
		h->f_handle[i] = (unsigned char)strtol(
			(char[]){ p->handle[2 + 2 * i], p->handle[3 + 2 * i],
				  0 },
			NULL, 16);
	mount = open(p->ws, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd_has_token(p, open_by_handle_at(mount, h, O_RDONLY)))
		escaped("opened the secret by its handle");
	refused("open_by_handle_at");
}

/* The host moves a folder out of the workspace while we stand in it. */
static void
moved_cwd(const struct params *p, _unused_ long arg)
{
	mkdir(ws_path(p, "deep"), 0755);
	mkdir(ws_path(p, "deep/inner"), 0755);
	if (chdir(ws_path(p, "deep/inner")) < 0)
		refused("chdir");
	if (!ask_host(p, "move"))
		escaped("bad run: the host side did not answer");
	steal(p, "../secret");
}

struct race {
	const struct params *p;
	const char *dir, *link;
	bool stop;
	int swaps; /* that worked */
};

/* The other thread may get its turn late: so many swaps, and so many tries. */
#define RACE_LEAST 20000
#define RACE_MOST 4000000

static void *
race_swap(void *arg)
{
	struct race *r = arg;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED))
		if (syscall(SYS_renameat2, AT_FDCWD, r->dir, AT_FDCWD, r->link,
			    2 /* RENAME_EXCHANGE */) == 0)
			__atomic_fetch_add(&r->swaps, 1, __ATOMIC_RELAXED);
	return NULL;
}

static bool
race_open(const struct params *p, const char *path, long how)
{
	struct stat st;

	if (how == 0)
		return path_has_token(p, AT_FDCWD, path);
	/* the check of a careful program, then its use */
	return lstat(path, &st) == 0 && path_has_token(p, AT_FDCWD, path);
}

static void
race_symlink(const struct params *p, long arg)
{
	char dir[2048], link[2048], file[4096];
	struct race r = { .p = p, .dir = dir, .link = link };
	pthread_t t;
	bool hit = false;

	snprintf(dir, sizeof(dir), "%s/race-dir%ld", p->ws, arg);
	snprintf(link, sizeof(link), "%s/race-link%ld", p->ws, arg);
	snprintf(file, sizeof(file), "%s/secret", dir);
	mkdir(dir, 0755);
	if (symlink(p->outside, link) < 0 ||
	    pthread_create(&t, NULL, race_swap, &r))
		refused("preparing the race");
	for (int i = 0; i < RACE_MOST && !hit; i++) {
		if (i >= RACE_LEAST &&
		    __atomic_load_n(&r.swaps, __ATOMIC_RELAXED) >= RACE_LEAST)
			break;
		hit = race_open(p, file, arg);
	}
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	if (hit)
		escaped("won the race");
	refused("many tries");
}

const struct probe probes_link[] = {
	{ "link-symlink-given", OPEN_USER, 0,
	  "a symlink to a secret that was in the workspace",
	  "mount namespace, Landlock", symlink_given, 0 },
	{ "link-symlink-own", OPEN_USER, 0, "a symlink of its own to a secret",
	  "mount namespace, Landlock", symlink_own, 0 },
	{ "link-symlink-dir", OPEN_USER, 0, "a symlink to a folder outside",
	  "mount namespace, Landlock", symlink_dir, 0 },
	{ "link-symlink-proc", OPEN_USER, 0, "a symlink to /proc/self/root",
	  "mount namespace, Landlock", symlink_proc, 0 },
	{ "link-hard-in", OPEN_USER, 0, "a hard link to a secret",
	  "mount namespace, Landlock", hardlink_in, 0 },
	{ "link-hard-out", OPEN_USER, 0, "a hard link placed outside",
	  "mount namespace, Landlock", hardlink_out, 0 },
	{ "link-rename-out", OPEN_USER, 0, "a file renamed to the outside",
	  "mount namespace, Landlock", rename_out, 0 },
	{ "link-tmpfile-out", OPEN_USER, 0, "O_TMPFILE and linkat outside",
	  "mount namespace, Landlock", tmpfile_out, 0 },
	{ "link-proc-self-root", OPEN_USER, 0, "/proc/self/root", "own root",
	  magic_root, 0 },
	{ "link-proc-init-root", OPEN_USER, 0, "/proc/1/root",
	  "pid namespace, no ptrace of pid 1, own root", magic_root, 1 },
	{ "link-proc-all-root", OPEN_USER, 0, "/proc/*/root", "pid namespace",
	  magic_all, 0 },
	{ "link-proc-all-cwd", OPEN_USER, 0, "/proc/*/cwd and ..",
	  "pid namespace", magic_all, 1 },
	{ "link-proc-all-fd", OPEN_USER, 0, "/proc/*/fd/*", "pid namespace",
	  magic_fds, 0 },
	{ "link-openat2-in-root", OPEN_USER, 0, "openat2(RESOLVE_IN_ROOT)",
	  "mount namespace, Landlock", openat2_in_root, 0 },
	{ "link-file-handle", OPEN_ROOT, 0, "open_by_handle_at of the secret",
	  "seccomp, no capability", open_handle, 0 },
	{ "link-moved-cwd", OPEN_USER, 0,
	  ".. after the host moved our folder out of the workspace",
	  "bind mount's root, Landlock", moved_cwd, 0 },
	{ "link-race-symlink", OPEN_USER, PROBE_SLOW,
	  "a folder swapped with a symlink while opening",
	  "mount namespace, Landlock", race_symlink, 0 },
	{ "link-race-check", OPEN_USER, PROBE_SLOW,
	  "the same swap between a check and its use",
	  "mount namespace, Landlock", race_symlink, 1 },
	{ 0 },
};
