/*
 * The certificate authority of one box, where the broker looks into TLS. It is
 * made by agentbox-shim, which has the cryptography, in a process of its own
 * beside the stage's work. What always holds: the key is in memory only, and
 * wiped; the file that the box trusts exists on the host only while the box is
 * being built, and gets its contents before the command runs.
 */
#include "supervisor/box-internal.h"

#include "lib/fd.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CA_WAIT_US 10000000u
#define CA_BLOB_MAX 4096u
#define CA_FD 3 /* where --new-ca writes */
#define BUNDLE_MAX (8u << 20)

/* Where distributions keep what they trust; the first that is there. */
static const char *const bundles[] = {
	"/etc/ssl/certs/ca-certificates.crt",
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem",
	"/etc/ssl/cert.pem",
};

static int
describe_child(posix_spawn_file_actions_t *fa, posix_spawnattr_t *at, int out)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawn_file_actions_adddup2(fa, out, CA_FD);
	if (!r)
		r = posix_spawn_file_actions_addclosefrom_np(fa, CA_FD + 1);
	if (!r)
		r = posix_spawnattr_setsigmask(at, &none);
	if (!r)
		r = posix_spawnattr_setsigdefault(at, &all);
	if (!r)
		r = posix_spawnattr_setflags(at, POSIX_SPAWN_SETSIGMASK |
							 POSIX_SPAWN_SETSIGDEF);
	return -r;
}

static int
spawn(const char *path, const char *box, int out, pid_t *ret)
{
	char name[] = "agentbox-shim", option[] = "--new-ca";
	char *const argv[] = { name, option, (char *)(uintptr_t)box, NULL };
	char *const none[] = { NULL };
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	int r;

	if (posix_spawn_file_actions_init(&fa) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&at) != 0) {
		posix_spawn_file_actions_destroy(&fa);
		return -ENOMEM;
	}
	r = describe_child(&fa, &at, out);
	if (r == 0)
		r = -posix_spawn(ret, path, &fa, &at, argv, none);
	posix_spawnattr_destroy(&at);
	posix_spawn_file_actions_destroy(&fa);
	return r;
}

/* dup2() onto itself would leave it close-on-exec, so it is above. */
static int
start_making(struct box *b, struct err *e)
{
	struct box_ca *ca = &b->net.ca;
	char path[PATH_MAX + 32];
	int p[2], out, r;

	snprintf(path, sizeof(path), "%s/agentbox-shim", b->paths.libexec);
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(e, -errno, "pipe");
	out = fcntl(p[1], F_DUPFD_CLOEXEC, CA_FD + 1);
	r = out < 0 ? -errno : spawn(path, b->entry.id, out, &ca->pid);
	close(p[1]);
	close_ptr(&out);
	if (r < 0) {
		close(p[0]);
		err_sys(e, r, "cannot start %s", path);
		return err_cure(e, "install agentbox completely: the shim "
				   "belongs beside its other programs");
	}
	ca->pipe = p[0];
	return 0;
}

/* Everybody in the box may read it; the folder is ours alone. */
static int
make_file(struct box *b, struct err *e)
{
	struct box_ca *ca = &b->net.ca;
	int r = snprintf(ca->path, sizeof(ca->path), "%s/%s.ca",
			 runtime_path(b->rt), b->entry.id);

	if (r >= (int)sizeof(ca->path))
		return err_set(e, -ENAMETOOLONG, "the runtime folder's path");
	ca->file =
		open(ca->path,
		     O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
	if (ca->file < 0) {
		r = -errno;
		ca->path[0] = '\0';
		return err_sys(e, r, "%s/%s.ca", runtime_path(b->rt),
			       b->entry.id);
	}
	/* whatever the umask is */
	return fchmod(ca->file, 0444) < 0 ? err_sys(e, -errno, "%s", ca->path)
					  : 0;
}

int
box_ca_begin(struct box *b, struct err *e)
{
	int r = make_file(b, e);

	return r < 0 ? r : start_making(b, e);
}

/* Reading what was made */

static int
read_exactly(int fd, void *buf, size_t len, uint64_t until)
{
	uint8_t *at = buf;

	while (len) {
		uint64_t now = box_boot_us();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;
		int r = now >= until
				? 0
				: poll(&p, 1, (int)((until - now) / 1000) + 1);

		if (r == 0)
			return -ETIMEDOUT;
		n = r < 0 ? -1 : read(fd, at, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return -ENODATA;
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int
read_blob(int fd, uint64_t until, void **ret, size_t *ret_len)
{
	uint32_t len = 0;
	void *data;
	int r = read_exactly(fd, &len, sizeof(len), until);

	if (r < 0)
		return r;
	if (!len || len > CA_BLOB_MAX)
		return -EPROTO;
	data = malloc(len);
	if (!data)
		return -ENOMEM;
	r = read_exactly(fd, data, len, until);
	*ret = data;
	*ret_len = len;
	return r;
}

static void
reap(struct box_ca *ca)
{
	if (ca->pid <= 0)
		return;
	kill(ca->pid, SIGKILL);
	while (waitpid(ca->pid, NULL, 0) < 0 && errno == EINTR)
		;
	ca->pid = 0;
}

static int
take_made(struct box_ca *ca, struct err *e)
{
	uint64_t until = box_boot_us() + CA_WAIT_US;
	int r = read_blob(ca->pipe, until, &ca->key, &ca->key_len);

	if (r >= 0)
		r = read_blob(ca->pipe, until, &ca->cert, &ca->cert_len);
	close(TAKE_FD(ca->pipe));
	reap(ca);
	return r < 0 ? err_sys(e, r,
			       "agentbox-shim made no certificate authority "
			       "for the box")
		     : 0;
}

/* Writing the file */

/* RFC 7468, 3: lines of 64; base64 as in RFC 4648, 4. */
static void
put_pem(FILE *f, const uint8_t *der, size_t len)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
				    "qrstuvwxyz0123456789+/";

	fputs("-----BEGIN CERTIFICATE-----\n", f);
	for (size_t i = 0; i < len; i += 3) {
		size_t n = MIN(len - i, (size_t)3);
		uint32_t v = (uint32_t)der[i] << 16 |
			     (n > 1 ? (uint32_t)der[i + 1] << 8 : 0) |
			     (n > 2 ? der[i + 2] : 0);

		fputc(digit[v >> 18], f);
		fputc(digit[v >> 12 & 63], f);
		fputc(n > 1 ? digit[v >> 6 & 63] : '=', f);
		fputc(n > 2 ? digit[v & 63] : '=', f);
		if (i % 48 == 45 || i + 3 >= len)
			fputc('\n', f);
	}
	fputs("-----END CERTIFICATE-----\n", f);
}

/* What the host trusts; *ret stays NULL where it has no such file. */
static int
read_system(char **ret, size_t *ret_len, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(bundles); i++) {
		ssize_t n = fd_read_file(AT_FDCWD, bundles[i], BUNDLE_MAX, ret);

		if (n >= 0) {
			*ret_len = (size_t)n;
			return 0;
		}
		if (n != -ENOENT && n != -ENOTDIR)
			return err_sys(e, (int)n, "%s", bundles[i]);
	}
	return 0;
}

static int
write_bundle(struct box_ca *ca, bool system, struct err *e)
{
	_cleanup_free_ char *text = NULL, *host = NULL;
	size_t len = 0, host_len = 0;
	FILE *f = open_memstream(&text, &len);
	int r = f ? 0 : err_sys(e, -ENOMEM, "certificates");

	if (r >= 0 && system)
		r = read_system(&host, &host_len, e);
	if (r >= 0) {
		put_pem(f, ca->cert, ca->cert_len);
		if (host)
			fwrite(host, 1, host_len, f);
	}
	if (f && fclose(f) != 0 && r >= 0)
		r = err_sys(e, -ENOMEM, "certificates");
	if (r >= 0) {
		r = fd_write_all(ca->file, text, len);
		if (r < 0)
			err_sys(e, r, "%s", ca->path);
	}
	return r;
}

int
box_ca_end(struct box *b, struct err *e)
{
	struct box_ca *ca = &b->net.ca;
	int r = take_made(ca, e);

	if (r >= 0)
		r = write_bundle(ca, b->net.scope.passes, e);
	close(TAKE_FD(ca->file));
	/* it is bound where it belongs */
	if (unlink(ca->path) < 0 && r >= 0)
		r = err_sys(e, -errno, "%s", ca->path);
	ca->path[0] = '\0';
	return r;
}

void
box_ca_free(struct box_ca *ca)
{
	reap(ca);
	close_ptr(&ca->pipe);
	close_ptr(&ca->file);
	if (ca->path[0])
		(void)unlink(ca->path);
	if (ca->key)
		explicit_bzero(ca->key, ca->key_len);
	free(ca->key);
	free(ca->cert);
	*ca = (struct box_ca)BOX_CA_NONE;
}

/* What upstream certificates are verified with */

static int
add_files(const struct net_config *c, FILE *f, struct err *e)
{
	for (size_t i = 0; i < c->ca.n; i++) {
		_cleanup_free_ char *text = NULL;
		ssize_t n =
			fd_read_file(AT_FDCWD, c->ca.v[i], BUNDLE_MAX, &text);

		if (n < 0)
			return err_sys(e, (int)n, "%s", c->ca.v[i]);
		fwrite(text, 1, (size_t)n, f);
		fputc('\n', f);
	}
	return 0;
}

static int
no_roots(struct err *e)
{
	err_set(e, -ENOENT,
		"nothing to verify servers with: this host has no bundle of "
		"certificates, and rules want to look into TLS");
	return err_cure(e, "install ca-certificates, or name a file in \"ca\" "
			   "of /etc/agentbox/network.json");
}

int
box_ca_upstream(const struct net_config *c, struct err *e)
{
	_cleanup_free_ char *text = NULL, *host = NULL;
	size_t len = 0, host_len = 0;
	FILE *f = open_memstream(&text, &len);
	int r = f ? read_system(&host, &host_len, e)
		  : err_sys(e, -ENOMEM, "certificates");

	if (r >= 0 && host)
		fwrite(host, 1, host_len, f);
	if (r >= 0)
		r = add_files(c, f, e);
	if (f && fclose(f) != 0 && r >= 0)
		r = err_sys(e, -ENOMEM, "certificates");
	if (r < 0)
		return r;
	if (!len)
		return no_roots(e);
	r = fd_sealed("agentbox-roots", text, len);
	return r < 0 ? err_sys(e, r, "certificates") : r;
}
