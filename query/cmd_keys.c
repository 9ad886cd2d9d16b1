/*
 * agentbox audit keys: what others need to check this log. The first MAC key is
 * a secret that must not stay: who has it can make MACs, so it is taken away,
 * once, to a place that who owns the machine later does not reach.
 */
#include "audit/layout.h"
#include "audit/note.h"
#include "lib/fd.h"
#include "query/cmd.h"
#include "query/jw.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>

#define KEY_LEN 32u

static const char usage[] =
	"Usage: agentbox audit keys [--json]\n"
	"       agentbox audit keys --take FILE\n"
	"\n"
	"Shows the public key of the checkpoints: whoever is to verify the "
	"log\n"
	"needs it. --take moves the first MAC key into FILE, which must not "
	"be\n"
	"there yet; with it `verify --mac-key FILE` also finds records that "
	"were\n"
	"made by somebody who stole the keys of today. Keep it off this "
	"machine.\n"
	"\n"
	"      --json  one JSON object\n"
	"  -h, --help  this text\n"
	"\n"
	"Exit status: 0; 1 the MAC key was taken before; 125 it failed.\n";

static int
take(void *arg, int option, const char *value, struct err *e)
{
	(void)option;
	(void)e;
	*(const char **)arg = value;
	return 0;
}

static int
show(int audit, bool json, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	uint8_t log[NOTE_LOG_LEN], public[NOTE_KEY_LEN];
	ssize_t n = fd_read_file(audit, LAYOUT_PUBLIC, NOTE_MAX, &text);
	bool here = faccessat(audit, LAYOUT_START, F_OK, 0) == 0;
	struct jw w = { .f = stdout };

	if (n < 0)
		return err_sys(e, (int)n, "cannot read the public key");
	if (note_key_parse(text, (size_t)n, log, public, e) < 0)
		return err_wrap(e, LAYOUT_PUBLIC);
	text[strcspn(text, "\n")] = '\0';
	if (!json) {
		puts(text);
		if (here)
			fputs("agentbox: note: the first MAC key is still "
			      "here: --take FILE moves it\n",
			      stderr);
		return 0;
	}
	jw_open(&w, NULL, '{');
	jw_hex(&w, "log", log, sizeof(log));
	jw_str(&w, "public_key", text);
	jw_bool(&w, "mac_key_here", here);
	jw_close(&w, '}');
	putchar('\n');
	return 0;
}

/* The folder that has the file, too: the only copy of a key must be there after
 * a power loss. */
static int
sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX] = ".";
	_cleanup_close_ int fd = -EBADF;

	if (slash && (size_t)(slash - path) + 2 > sizeof(folder))
		return -ENAMETOOLONG;
	if (slash)
		snprintf(folder, sizeof(folder), "%.*s/", (int)(slash - path),
			 path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* A new file of 0600, on the disk before it returns. */
static int
write_key(const char *path, const uint8_t key[KEY_LEN], struct err *e)
{
	char text[2 * KEY_LEN + 2];
	_cleanup_close_ int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		     0600);
	int r;

	if (fd < 0)
		return err_sys(e, errno, "cannot make %s", path);
	for (size_t i = 0; i < KEY_LEN; i++)
		snprintf(text + 2 * i, 3, "%02x", key[i]);
	text[2 * KEY_LEN] = '\n';
	r = fd_write_all(fd, text, 2 * KEY_LEN + 1);
	explicit_bzero(text, sizeof(text));
	if (r >= 0 && fsync(fd) < 0)
		r = -errno;
	if (r >= 0)
		r = sync_folder(path);
	if (r < 0) {
		unlink(path);
		return err_sys(e, r, "cannot write %s", path);
	}
	return 0;
}

static int
move(int audit, const char *path, struct err *e)
{
	_cleanup_free_ char *key = NULL;
	ssize_t n = fd_read_file(audit, LAYOUT_START, KEY_LEN, &key);
	int r;

	if (n == -ENOENT) {
		fputs("agentbox: the first MAC key was taken before\n", stderr);
		return QUERY_NO;
	}
	if (n < 0)
		return err_sys(e, (int)n, "cannot read the first MAC key");
	if (n != KEY_LEN)
		return err_set(e, EBADMSG, LAYOUT_START " is no key");
	r = write_key(path, (const uint8_t *)key, e);
	explicit_bzero(key, KEY_LEN);
	if (r < 0)
		return r;
	if (unlinkat(audit, LAYOUT_START, 0) < 0 || fsync(audit) < 0)
		return err_sys(e, errno,
			       "%s is written, but " LAYOUT_START
			       " cannot be removed",
			       path);
	return QUERY_OK;
}

int
cmd_keys(int argc, char **argv)
{
	static const struct option own[] = {
		{ "take", required_argument, NULL, 'T' }, { 0 }
	};
	const char *path = NULL;
	struct cmd c = { .usage = usage,
			 .own = own,
			 .take = take,
			 .arg = &path,
			 .no_filters = true };
	_cleanup_close_ int audit = -EBADF;
	struct err e = ERR_INIT;
	int r = cmd_options(&c, argc, argv);

	if (r <= 0 || cmd_no_operands(&c, argc, argv) < 0)
		return r ? QUERY_FAILED : QUERY_OK;
	r = audit = trail_folder(&e);
	if (r >= 0)
		r = path ? move(audit, path, &e) : show(audit, c.json, &e);
	return cmd_done(NULL, r < 0 ? cmd_complain(&e) : r);
}
