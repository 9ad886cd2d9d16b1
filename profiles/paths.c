/*
 * The list of what is never inside a box. It is a second net: a box sees only
 * what a profile grants, and this list says what no profile can grant, by
 * mistake or by malice of its author: secrets that are worth stealing, and the
 * doors of services that act for their caller. Lists are never complete, so
 * nothing may rest on this one alone.
 */
#include "profiles/paths.h"

#include "lib/str.h"

#include <limits.h>
#include <string.h>

#define WS NEVER_IN_WORKSPACE

const struct never paths_never[] = {
	/* Keys and tokens in a home. */
	{ "~/.ssh", WS, "holds SSH keys" },
	{ "~/.gnupg", WS, "holds OpenPGP keys" },
	{ "~/.aws", WS, "holds cloud credentials" },
	{ "~/.azure", WS, "holds cloud credentials" },
	{ "~/.oci", 0, "holds cloud credentials" },
	{ "~/.config/gcloud", WS, "holds cloud credentials" },
	{ "~/.config/doctl", 0, "holds cloud credentials" },
	{ "~/.kube", WS, "holds cluster credentials" },
	{ "~/.docker", 0, "holds registry credentials" },
	{ "~/.docker/config.json", WS, "holds registry credentials" },
	{ "~/.config/containers", 0, "holds registry credentials" },
	{ "~/.netrc", WS, "holds passwords" },
	{ "~/.authinfo*", 0, "holds passwords" },
	{ "~/.pgpass", WS, "holds passwords" },
	{ "~/.my.cnf", WS, "holds passwords" },
	{ "~/.git-credentials", WS, "holds passwords" },
	{ "~/.config/git/credentials", WS, "holds passwords" },
	{ "~/.config/gh", WS, "holds access tokens" },
	{ "~/.config/hub", 0, "holds access tokens" },
	{ "~/.config/glab-cli", 0, "holds access tokens" },
	{ "~/.pypirc", WS, "holds access tokens" },
	{ "~/.npmrc", 0, "holds access tokens" },
	{ "~/.yarnrc.yml", 0, "holds access tokens" },
	{ "~/.gem/credentials", 0, "holds access tokens" },
	{ "~/.cargo/credentials*", 0, "holds access tokens" },
	{ "~/.m2/settings*", 0, "holds access tokens" },
	{ "~/.gradle/gradle.properties", 0, "holds access tokens" },
	{ "~/.terraform.d/credentials*", 0, "holds access tokens" },
	{ "~/.terraformrc", 0, "holds access tokens" },
	{ "~/.vault-token", WS, "holds access tokens" },
	{ "~/.config/op", WS, "belongs to a password manager" },
	{ "~/.config/Bitwarden*", 0, "belongs to a password manager" },
	{ "~/.config/keepassxc", 0, "belongs to a password manager" },
	{ "~/.password-store", WS, "belongs to a password manager" },
	{ "~/.local/share/keyrings", WS, "is a keyring" },
	{ "~/.local/share/kwalletd", 0, "is a keyring" },
	{ "~/.pki", 0, "holds private keys" },
	/* Credentials of agents. */
	{ "~/.claude/.credentials*", WS, "holds access tokens" },
	{ "~/.claude.json", 0, "holds access tokens" },
	{ "~/.codex/auth.json", WS, "holds access tokens" },
	{ "~/.gemini/oauth_creds.json", WS, "holds access tokens" },
	{ "~/.qwen/oauth_creds.json", WS, "holds access tokens" },
	{ "~/.local/share/opencode/auth.json", 0, "holds access tokens" },
	{ "~/.config/github-copilot", 0, "holds access tokens" },
	/* Sessions of browsers and mail programs. */
	{ "~/.mozilla", WS, "is a browser's profile" },
	{ "~/.thunderbird", 0, "is a mail program's profile" },
	{ "~/.config/google-chrome*", WS, "is a browser's profile" },
	{ "~/.config/chromium", WS, "is a browser's profile" },
	{ "~/.config/BraveSoftware", 0, "is a browser's profile" },
	{ "~/.config/microsoft-edge*", 0, "is a browser's profile" },
	{ "~/.config/opera*", 0, "is a browser's profile" },
	{ "~/.config/vivaldi*", 0, "is a browser's profile" },
	{ "~/snap", 0, "holds browsers' profiles" },
	{ "~/.var/app", 0, "holds browsers' profiles" },
	/* What a person typed. */
	{ "~/.bash_history", WS, "is a command history" },
	{ "~/.zsh_history", WS, "is a command history" },
	{ "~/.python_history", 0, "is a command history" },
	{ "~/.node_repl_history", 0, "is a command history" },
	{ "~/.psql_history", 0, "is a command history" },
	{ "~/.mysql_history", 0, "is a command history" },
	{ "~/.sqlite_history", 0, "is a command history" },
	{ "~/.local/share/fish/fish_history", 0, "is a command history" },
	{ "~/.lesshst", 0, "is a command history" },
	/* Doors of a session. */
	{ "~/.Xauthority", 0, "opens the display" },
	{ "~/.ICEauthority", 0, "opens the session" },
	{ "~/.dbus", 0, "leads to the session's services" },
	{ "/run/user", 0, "holds the sockets of users' sessions" },
	{ "/tmp/.X11-unix", 0, "leads to the display" },
	{ "/tmp/.ICE-unix", 0, "leads to the session" },
	{ "/tmp/ssh-*", 0, "leads to an SSH agent" },
	{ "/tmp/tmux-*", 0, "leads to other terminals" },
	{ "/tmp/dbus-*", 0, "leads to a message bus" },
	{ "/run/screen", 0, "leads to other terminals" },
	{ "/run/tmux", 0, "leads to other terminals" },
	/* Doors of the host. */
	{ "/run/dbus", 0, "leads to the system's message bus" },
	{ "/run/systemd", 0, "leads to the service manager" },
	{ "/run/docker*", 0, "gives whoever reaches it the host" },
	{ "/run/containerd", 0, "gives whoever reaches it the host" },
	{ "/run/podman", 0, "gives whoever reaches it the host" },
	{ "/run/crio", 0, "gives whoever reaches it the host" },
	{ "/run/buildkit", 0, "gives whoever reaches it the host" },
	{ "/run/libvirt", 0, "gives whoever reaches it the host" },
	{ "/run/incus", 0, "gives whoever reaches it the host" },
	{ "/var/lib/lxd", 0, "gives whoever reaches it the host" },
	{ "/var/lib/docker", 0, "holds other containers" },
	{ "/var/lib/containerd", 0, "holds other containers" },
	{ "/run/snapd*", 0, "leads to the package manager" },
	{ "/run/udev", 0, "leads to the device manager" },
	{ "/run/nscd", 0, "leads to a service of the host" },
	{ "/run/postgresql", 0, "leads to a service of the host" },
	{ "/run/mysqld", 0, "leads to a service of the host" },
	{ "/run/secrets", 0, "holds secrets" },
	{ "/var/run/secrets", 0, "holds secrets" },
	/* The host's own secrets. */
	{ "/etc/shadow*", 0, "holds password hashes" },
	{ "/etc/gshadow*", 0, "holds password hashes" },
	{ "/etc/security/opasswd", 0, "holds password hashes" },
	{ "/etc/sudoers*", 0, "says who may become root" },
	{ "/etc/ssh", 0, "holds the host's keys" },
	{ "/etc/ssl/private", 0, "holds private keys" },
	{ "/etc/letsencrypt", 0, "holds private keys" },
	{ "/etc/pki/tls/private", 0, "holds private keys" },
	{ "/etc/wireguard", 0, "holds private keys" },
	{ "/etc/NetworkManager/system-connections", 0, "holds passwords" },
	{ "/etc/wpa_supplicant", 0, "holds passwords" },
	{ "/etc/krb5.keytab", 0, "holds the host's keys" },
	{ "/etc/kubernetes", 0, "holds cluster credentials" },
	{ "/etc/rancher", 0, "holds cluster credentials" },
	{ "/etc/cups/ssl", 0, "holds private keys" },
	{ "/var/lib/kubelet", 0, "holds cluster credentials" },
	{ "/var/lib/sss", 0, "holds password hashes" },
	{ "/var/spool/cron", 0, "holds commands that run later" },
	/* agentbox's own control plane. */
	{ "~/.config/agentbox", WS, "is agentbox's own" },
	{ "~/.local/state/agentbox", 0, "is agentbox's own" },
	{ "~/.cache/agentbox", 0, "is agentbox's own" },
	{ "/etc/agentbox", 0, "is agentbox's own" },
	{ "/run/agentbox", 0, "is agentbox's own" },
	{ "/tmp/agentbox-*", 0, "is agentbox's own" },
	{ "/var/lib/agentbox", 0, "is agentbox's own" },
	{ "/var/cache/agentbox", 0, "is agentbox's own" },
	{ NULL, 0, NULL },
};

/* Trees that each box has of its own, or that nothing may be granted from. */
static const struct own_tree {
	const char *path;
	bool below; /* what lies in it is refused too */
	const char *why;
} own_trees[] = {
	{ "/proc", true, "is the box's own: each box has a fresh /proc" },
	{ "/sys", true, "is never inside: it is the kernel's control panel" },
	{ "/dev", true, "is the box's own: no device can be granted" },
	{ "/boot", true, "is never inside: nothing needs it" },
	{ "/lost+found", true, "is never inside" },
	{ "/tmp", false, "is the box's own: name what is needed in it" },
	{ "/var/tmp", false, "is the box's own: name what is needed in it" },
	{ "/run", false, "holds the doors of the host's services" },
	{ "/var/run", false, "holds the doors of the host's services" },
	{ "/var", false, "is too much: name what is needed in it" },
	{ "/home", false, "is everybody's home: name what is needed in it" },
	{ "/root", false, "is root's whole home: name what is needed in it" },
	{ "/etc", false,
	  "is too much: name what is needed in it, or use "
	  "\"@etc\"" },
	{ "/etc/passwd", false, "is made for each box" },
	{ "/etc/group", false, "is made for each box" },
	{ "/etc/hosts", false, "is made for each box" },
	{ "/etc/hostname", false, "is made for each box" },
	{ "/etc/nsswitch.conf", false, "is made for each box" },
	{ "/etc/resolv.conf", false, "is made for each box" },
};

/* Not to be written by an agent as a whole, beside own_trees. */
static const char *const no_workspace[] = {
	"/bin", "/lib", "/lib32", "/lib64", "/libx32", "/media",
	"/mnt", "/opt", "/sbin",  "/srv",   "/usr",    NULL,
};

bool
path_within(const char *path, const char *tree)
{
	size_t n = strlen(tree);

	if (n <= 1)
		return true;
	return !strncmp(path, tree, n) && (path[n] == '/' || !path[n]);
}

/* The same, where the last component of tree may end with "*". */
static bool
within_pattern(const char *path, const char *tree)
{
	size_t n = strlen(tree);

	if (tree[n - 1] != '*')
		return path_within(path, tree);
	return !strncmp(path, tree, n - 1);
}

/* /home/ANY/rest and /root/rest -> /rest; else NULL. */
static const char *
below_any_home(const char *path)
{
	const char *rest = NULL;

	if (path_within(path, "/root"))
		rest = path + strlen("/root");
	else if (str_starts(path, "/home/"))
		rest = strchr(path + strlen("/home/"), '/');
	return rest && *rest ? rest : NULL;
}

/* The reason of the first entry that path lies in. rest: path below a home,
 * with its slash, or NULL. */
static const char *
never_reason(const char *path, const char *rest)
{
	for (const struct never *n = paths_never; n->path; n++) {
		const char *p = n->path, *at = path;

		if (*p == '~') {
			at = rest;
			p++;
		}
		/* The second letters differ in most cases. */
		if (at && at[1] == p[1] && within_pattern(at, p))
			return n->why;
	}
	return NULL;
}

const char *
paths_refused(const char *path)
{
	if (*path == '~')
		return never_reason(NULL, path + 1);
	if (!strcmp(path, "/"))
		return "is the whole host; name what is needed in it";
	if (str_starts(path, "/home/") && !strchr(path + 6, '/'))
		return "is somebody's whole home; name what is needed in it";
	for (size_t i = 0; i < ARRAY_SIZE(own_trees); i++) {
		const struct own_tree *t = &own_trees[i];

		if (path[1] != t->path[1])
			continue;
		if (t->below ? path_within(path, t->path)
			     : !strcmp(path, t->path))
			return t->why;
	}
	return never_reason(path, below_any_home(path));
}

const char *
paths_refused_home(const char *path, const char *home)
{
	const char *why = paths_refused(path);

	if (why || !home || !home[1])
		return why;
	if (path_within(home, path))
		return "holds the caller's whole home; name what is needed in "
		       "it";
	if (path_within(path, home))
		return never_reason(NULL, path + strlen(home));
	return NULL;
}

const char *
paths_refused_workspace(const char *dir, const char *home)
{
	const char *why = paths_refused_home(dir, home);

	if (!why && (path_within(dir, "/etc") || path_within(dir, "/run") ||
		     path_within(dir, "/var/run")))
		return "is part of the host's set-up";
	if (!why && str_in(dir, no_workspace))
		return "is part of the host's set-up";
	return why;
}

/* An entry of the table as an absolute pattern, if it lies below tree.
 * in_home: tree below the home, or NULL. */
static const char *
entry_below(const char *entry, const char *tree, const char *home,
	    const char *in_home, char *buf, size_t size)
{
	if (*entry != '~') {
		if (path_within(entry, tree) && strcmp(entry, tree))
			return entry;
		return NULL;
	}
	if (!in_home || !path_within(entry + 1, in_home) ||
	    !strcmp(entry + 1, in_home))
		return NULL;
	if (snprintf(buf, size, "%s%s", home, entry + 1) >= (int)size)
		return NULL;
	return buf;
}

int
paths_never_below(const char *tree, const char *home,
		  int (*fn)(const char *pattern, void *arg), void *arg)
{
	const char *in_home = NULL;
	char buf[PATH_MAX];
	int r = 0;

	if (home && home[1] && path_within(tree, home))
		in_home = tree + strlen(home);
	for (const struct never *n = paths_never; n->path && r >= 0; n++) {
		const char *p = entry_below(n->path, tree, home, in_home, buf,
					    sizeof(buf));

		if (p)
			r = fn(p, arg);
	}
	return r;
}
