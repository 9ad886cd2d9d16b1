/*
 * Files of the host outside the workspace: read, written, listed, executed.
 */
#include "tests/escape/probe.h"

#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static void
read_absolute(const struct params *p, _unused_ long arg)
{
	steal(p, p->secret);
}

static void
read_dotdot(const struct params *p, _unused_ long arg)
{
	if (chdir(p->ws) < 0)
		refused("chdir to the workspace");
	steal(p, path_join("../../../../../../../../../../../..", p->secret));
}

static void
read_sibling(const struct params *p, _unused_ long arg)
{
	if (chdir(p->ws) < 0)
		refused("chdir to the workspace");
	steal(p, "../outside/secret");
}

static void
read_home(const struct params *p, _unused_ long arg)
{
	steal(p, p->home_secret);
}

static void
read_tmp(const struct params *p, _unused_ long arg)
{
	steal(p, p->tmp_secret);
}

static void
read_devshm(const struct params *p, _unused_ long arg)
{
	steal(p, path_join("/dev/shm", p->shm));
}

static void
read_shadow(_unused_ const struct params *p, _unused_ long arg)
{
	static const char *const files[] = { "/etc/shadow", "/etc/shadow-",
					     "/etc/gshadow", "/etc/sudoers" };
	char c;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_close_ int fd = open(files[i], O_RDONLY | O_CLOEXEC);

		if (fd >= 0 && read(fd, &c, 1) == 1)
			escaped("read %s", files[i]);
	}
	refused("open");
}

static void
stat_secret(const struct params *p, _unused_ long arg)
{
	struct stat st;

	judge(stat(p->secret, &st), "stat");
}

static bool
is_ssh(const char *name, _unused_ void *arg)
{
	return !strcmp(name, ".ssh");
}

static void
list_home(const struct params *p, _unused_ long arg)
{
	char home[512];

	snprintf(home, sizeof(home), "%s", p->home_secret);
	for (int i = 0; i < 2; i++) /* HOME/.ssh/id_test */
		*strrchr(home, '/') = '\0';
	if (each_entry(home, is_ssh, NULL))
		escaped("listed the caller's home");
	refused("opendir");
}

static void
write_outside(const struct params *p, _unused_ long arg)
{
	judge(open(path_join(p->outside, "planted"),
		   O_WRONLY | O_CREAT | O_CLOEXEC, 0644),
	      "creating a file outside");
}

static void
write_canary(const struct params *p, _unused_ long arg)
{
	int fd = open(path_join(p->outside, "canary"), O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		refused("open for writing");
	judge(write(fd, "escaped\n", 8), "write");
}

/* A file without a name: nothing is left behind where it succeeds. */
static void
write_system(_unused_ const struct params *p, _unused_ long arg)
{
	static const char *const dirs[] = {
		"/usr",		  "/etc",     "/usr/bin",	   "/usr/lib",
		"/usr/local/bin", "/etc/ssl", "/etc/alternatives", "/opt",
		"/boot",
	};

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (open(dirs[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) >= 0)
			escaped("made a file in %s", dirs[i]);
	refused("O_TMPFILE");
}

static void
write_fifo(const struct params *p, _unused_ long arg)
{
	judge(open(p->fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC),
	      "opening the FIFO of a host process");
}

static void
watch_outside(const struct params *p, _unused_ long arg)
{
	int fd = inotify_init1(IN_CLOEXEC);

	if (fd < 0)
		refused("inotify_init1");
	judge(inotify_add_watch(fd, p->outside, IN_CREATE | IN_MODIFY),
	      "watching a folder of the host");
}

static void
exec_outside(const struct params *p, _unused_ long arg)
{
	pid_t pid = spawn();
	int status;

	if (pid == 0) {
		execl(p->exec, "escape", "--uid-check", (char *)NULL);
		_exit(errno);
	}
	status = reap(pid, 3000);
	if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == 10)
		escaped("ran a program of the host");
	if (status >= 0 && WIFEXITED(status))
		errno = WEXITSTATUS(status);
	refused("execve");
}

static void
mask_read(const struct params *p, _unused_ long arg)
{
	steal(p, ws_path(p, ".ssh/id_test"));
}

static void
mask_rename(const struct params *p, _unused_ long arg)
{
	if (rename(ws_path(p, ".ssh"), ws_path(p, "moved")) < 0)
		refused("renaming a masked folder");
	if (path_has_token(p, AT_FDCWD, ws_path(p, "moved/id_test"))) {
		rename(ws_path(p, "moved"), ws_path(p, ".ssh"));
		escaped("moved the mask away");
	}
	refused("open after renaming");
}

static void
control_sockets(_unused_ const struct params *p, _unused_ long arg)
{
	static const char *const paths[] = {
		"/run/docker.sock",
		"/var/run/docker.sock",
		"/run/containerd/containerd.sock",
		"/run/podman/podman.sock",
		"/run/dbus/system_bus_socket",
		"/run/systemd/private",
		"/run/systemd/journal/socket",
		"/run/systemd/notify",
		"/run/udev/control",
		"/run/snapd.socket",
		"/run/agentbox/uids",
		"/tmp/.X11-unix/X0",
	};
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (stat(paths[i], &st) == 0)
			escaped("%s is there", paths[i]);
	absent("none of %zu is there", ARRAY_SIZE(paths));
}

static void
user_sockets(_unused_ const struct params *p, _unused_ long arg)
{
	static const char *const vars[] = { "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR",
					    "DBUS_SESSION_BUS_ADDRESS",
					    "WAYLAND_DISPLAY", "XAUTHORITY" };
	struct stat st;

	for (size_t i = 0; i < ARRAY_SIZE(vars); i++)
		if (getenv(vars[i]))
			escaped("%s is set", vars[i]);
	if (stat("/run/user", &st) == 0)
		escaped("/run/user is there");
	blocked("no variable of %zu, no /run/user", ARRAY_SIZE(vars));
}

static void
env_secret(const struct params *p, _unused_ long arg)
{
	for (char **e = environ; *e; e++)
		if (strstr(*e, p->token))
			escaped("the launcher's key is in the environment");
	blocked("not in the environment");
}

const struct probe probes_file[] = {
	{ "file-absolute", OPEN_USER, 0, "a host file by its absolute path",
	  "mount namespace, Landlock", read_absolute, 0 },
	{ "file-dotdot", OPEN_USER, 0, "a host file by many ..",
	  "mount namespace, Landlock", read_dotdot, 0 },
	{ "file-sibling", OPEN_USER, 0, "a file beside the workspace by ..",
	  "mount namespace, Landlock", read_sibling, 0 },
	{ "file-home", OPEN_USER, 0, "a key in the caller's HOME/.ssh",
	  "mount namespace, Landlock", read_home, 0 },
	{ "file-tmp", OPEN_USER, 0, "a file in the host's /tmp", "private /tmp",
	  read_tmp, 0 },
	{ "file-dev-shm", OPEN_USER, 0, "a file in the host's /dev/shm",
	  "private /dev/shm", read_devshm, 0 },
	{ "file-shadow", OPEN_ROOT, 0, "/etc/shadow, gshadow, sudoers",
	  "mount namespace, Landlock, uid", read_shadow, 0 },
	{ "file-stat", OPEN_USER, 0, "existence of a host file",
	  "mount namespace", stat_secret, 0 },
	{ "file-list-home", OPEN_USER, 0, "listing the caller's HOME",
	  "mount namespace, Landlock", list_home, 0 },
	{ "file-create-outside", OPEN_USER, 0, "a new file outside",
	  "mount namespace, Landlock", write_outside, 0 },
	{ "file-write-outside", OPEN_USER, 0, "writing a host file",
	  "mount namespace, Landlock", write_canary, 0 },
	{ "file-write-system", OPEN_ROOT, 0, "new files in /usr, /etc, /",
	  "read-only mounts, Landlock", write_system, 0 },
	{ "file-fifo", OPEN_USER, 0, "a FIFO that a host process reads",
	  "mount namespace, Landlock", write_fifo, 0 },
	{ "file-inotify", OPEN_USER, 0, "watching a folder of the host",
	  "mount namespace", watch_outside, 0 },
	{ "file-exec-outside", OPEN_USER, 0, "running a program outside",
	  "mount namespace, Landlock", exec_outside, 0 },
	{ "file-mask-read", OPEN_USER, 0, "a .ssh inside the workspace",
	  "masking mount", mask_read, 0 },
	{ "file-mask-rename", OPEN_USER, 0, "renaming a masked folder away",
	  "masking mount", mask_rename, 0 },
	{ "file-control-sockets", OPEN_HOST, 0,
	  "sockets of docker, D-Bus, systemd, agentbox", "mount namespace",
	  control_sockets, 0 },
	{ "file-user-sockets", OPEN_USER, 0,
	  "agents, buses and displays of the caller",
	  "environment allowlist, mount namespace", user_sockets, 0 },
	{ "env-secret", OPEN_USER, 0,
	  "an API key in the launcher's environment", "environment allowlist",
	  env_secret, 0 },
	{ 0 },
};
