/*
 * agentbox audit verify: is the log whole? The same check as that of
 * agentbox-verify, which a third party may prefer: here the answer comes from
 * the very installation that wrote the log.
 */
#include "audit/layout.h"
#include "audit/note.h"
#include "audit/verify_print.h"
#include "lib/fd.h"
#include "query/cmd.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#define NOTES_FILE_MAX (256u << 20)
#define NOTES_FILES_MAX 16
#define KEY_LEN 32u

static const char usage[] =
	"Usage: agentbox audit verify [OPTIONS]\n"
	"\n"
	"Checks that the audit log is whole and unchanged: chain, signatures,\n"
	"checkpoints, gaps, end. Names the first bad record.\n"
	"\n"
	"      --public-key F  key of the checkpoints, kept elsewhere\n"
	"      --mac-key F     first MAC key, from `agentbox audit keys "
	"--take`\n"
	"      --note F        checkpoints kept elsewhere (may be repeated)\n"
	"      --json          one JSON object\n"
	"  -h, --help          this text\n"
	"\n"
	"Exit status: 0 whole; 1 not whole; 125 it cannot be checked.\n";

struct verify {
	const char *public_key, *mac_key;
	const char *note_file[NOTES_FILES_MAX];
	size_t n_files;
	int audit;
	uint8_t public[NOTE_KEY_LEN], log[NOTE_LOG_LEN], mac[KEY_LEN];
	struct note *notes;
	size_t n_notes, room;
};

static int
take(void *arg, int option, const char *value, struct err *e)
{
	struct verify *v = arg;

	if (option == 'P')
		v->public_key = value;
	else if (option == 'M')
		v->mac_key = value;
	else if (v->n_files < NOTES_FILES_MAX)
		v->note_file[v->n_files++] = value;
	else
		return err_set(e, E2BIG, "more than %d files of notes",
			       NOTES_FILES_MAX);
	return 0;
}

static int
read_public(struct verify *v, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	int dirfd = v->public_key ? AT_FDCWD : v->audit;
	const char *name = v->public_key ? v->public_key : LAYOUT_PUBLIC;
	ssize_t n = fd_read_file(dirfd, name, NOTE_MAX, &text);

	if (n < 0) {
		err_sys(e, (int)n, "cannot read the public key %s", name);
		return err_cure(e, "--public-key names another");
	}
	if (note_key_parse(text, (size_t)n, v->log, v->public, e) < 0)
		return err_wrap(e, "%s", name);
	return 0;
}

static int
digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

/* 64 digits, as keys --take writes them, or the 32 bytes. */
static int
read_mac(struct verify *v, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file(AT_FDCWD, v->mac_key, 2 * KEY_LEN + 1, &text);
	int bad = 0;

	if (n < 0)
		return err_sys(e, (int)n, "cannot read the MAC key %s",
			       v->mac_key);
	if (n == KEY_LEN) {
		memcpy(v->mac, text, KEY_LEN);
	} else if (n == 2 * KEY_LEN ||
		   (n == 2 * KEY_LEN + 1 && text[n - 1] == '\n')) {
		for (size_t i = 0; i < KEY_LEN; i++) {
			int a = digit(text[2 * i]), b = digit(text[2 * i + 1]);

			bad |= a < 0 || b < 0;
			v->mac[i] = (uint8_t)((a & 15) << 4 | (b & 15));
		}
	} else {
		bad = 1;
	}
	explicit_bzero(text, (size_t)n);
	if (!bad)
		return 0;
	err_set(e, EBADMSG, "%s is no MAC key", v->mac_key);
	return err_cure(e, "`agentbox audit keys --take` writes one");
}

static int
add_note(struct verify *v, const struct note *n, struct err *e)
{
	if (v->n_notes == v->room) {
		size_t room = v->room ? 2 * v->room : 16;
		void *p = reallocarray(v->notes, room, sizeof(*v->notes));

		if (!p)
			return err_sys(e, ENOMEM, "notes");
		v->notes = p;
		v->room = room;
	}
	v->notes[v->n_notes++] = *n;
	return 0;
}

/* Notes one behind the other. */
static int
read_notes(struct verify *v, const char *name, struct err *e)
{
	static const char head[] = "\nagentbox-audit/";
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file(AT_FDCWD, name, NOTES_FILE_MAX, &text);
	size_t len = n < 0 ? 0 : (size_t)n, at = 0;
	int k = 0;

	if (n < 0)
		return err_sys(e, (int)n, "cannot read the notes %s", name);
	do {
		const char *next =
			memmem(text + at, len - at, head, sizeof(head) - 1);
		size_t end = next ? (size_t)(next - text) + 1 : len;
		struct note one;

		k = note_parse(text + at, end - at, v->public, &one, e);
		if (k < 0)
			return err_wrap(e, "%s: at byte %zu", name, at);
		k = add_note(v, &one, e);
		at = end;
	} while (k >= 0 && at < len);
	return k;
}

static int
read_inputs(struct verify *v, struct err *e)
{
	int k = read_public(v, e);

	if (k >= 0 && v->mac_key)
		k = read_mac(v, e);
	for (size_t i = 0; k >= 0 && i < v->n_files; i++)
		k = read_notes(v, v->note_file[i], e);
	return k;
}

/* The writer holds a lock while it works. */
static bool
is_live(int audit)
{
	struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	_cleanup_close_ int fd =
		openat(audit, LAYOUT_LOCK,
		       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &l) == 0 &&
	       l.l_type != F_UNLCK;
}

static int
check(struct verify *v, bool json, struct err *e)
{
	struct verify_source s = { "the audit log", !v->public_key };
	struct verify_options o = {
		.public_key = v->public,
		.log = v->log,
		.start_key = v->mac_key ? v->mac : NULL,
		.notes = v->notes,
		.n_notes = v->n_notes,
		.live = is_live(v->audit),
	};
	struct verify_report r;
	int k = verify_log(v->audit, &o, &r, e);

	if (k < 0)
		return k;
	if (json)
		verify_print_json(stdout, &r, &s);
	else
		verify_print(stdout, &r, &s);
	if (r.fault == VERIFY_EMPTY || r.fault == VERIFY_READ)
		return QUERY_FAILED;
	return r.fault ? QUERY_NO : QUERY_OK;
}

int
cmd_verify(int argc, char **argv)
{
	static const struct option own[] = {
		{ "public-key", required_argument, NULL, 'P' },
		{ "mac-key", required_argument, NULL, 'M' },
		{ "note", required_argument, NULL, 'N' },
		{ 0 }
	};
	struct verify v = { .audit = -EBADF };
	struct cmd c = { .usage = usage,
			 .own = own,
			 .take = take,
			 .arg = &v,
			 .no_filters = true };
	struct err e = ERR_INIT;
	int r = cmd_options(&c, argc, argv);

	if (r <= 0 || cmd_no_operands(&c, argc, argv) < 0)
		return r ? QUERY_FAILED : QUERY_OK;
	r = v.audit = trail_folder(&e);
	if (r >= 0)
		r = read_inputs(&v, &e);
	if (r >= 0)
		r = check(&v, c.json, &e);
	if (r < 0)
		r = cmd_complain(&e);
	explicit_bzero(v.mac, sizeof(v.mac));
	close_ptr(&v.audit);
	free(v.notes);
	return cmd_done(NULL, r);
}
