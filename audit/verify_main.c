/*
 * agentbox-verify: is an audit log whole? Small, and of few files, so that
 * somebody who does not trust agentbox can read and build it;
 * agentbox-verify(1) has the one command. It opens nothing for writing and
 * needs no privilege.
 */
#include "audit/layout.h"
#include "audit/verify_print.h"
#include "lib/fd.h"
#include "lib/str.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#ifndef AGENTBOX_VERSION
#define AGENTBOX_VERSION "built by hand"
#endif

#define EXIT_WHOLE 0
#define EXIT_NOT 1
#define EXIT_CANNOT 2

#define NOTES_FILE_MAX (256u << 20)
#define PROOF_FILE_MAX (256u << 20)
#define KEY_FILE_MAX (64u << 10)
#define KEY_LEN 32u

static const char help[] =
	"usage: agentbox-verify [OPTION...] DIR\n"
	"       agentbox-verify --public-key FILE --proof FILE...\n"
	"Checks that the audit log in DIR (a state folder, its folder audit, "
	"or\n"
	"a folder of .seg files) is whole and unchanged.\n"
	"\n"
	"  -k, --public-key FILE  key of the checkpoints [DIR/public.key]\n"
	"  -m, --mac-key FILE     first MAC key: checks each record's MAC too\n"
	"  -n, --note FILE        checkpoints that were kept elsewhere; "
	"repeat\n"
	"  -p, --proof FILE       checks proofs that records are in the log\n"
	"  -j, --json             one JSON object\n"
	"  -q, --quiet            says only what is wrong\n"
	"  -h, --help             this text\n"
	"  -V, --version          the version\n"
	"\n"
	"Status: 0 whole, 1 not whole, 2 cannot check.\n";

struct args {
	const char *dir, *public_key, *mac_key;
	struct strv notes, proofs;
	bool json, quiet;
};

/* What was read from the files that were named. */
struct inputs {
	int dirfd;
	uint8_t public[NOTE_KEY_LEN], log[NOTE_LOG_LEN], mac[KEY_LEN];
	bool key_beside_log, have_mac;
	struct note *notes;
	size_t n_notes, room;
};

/* ---- files ---------------------------------------------------------------*/

/* DIR, or the folder audit in it. */
static int
open_folder(struct inputs *in, const char *path, struct err *e)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int audit;

	in->dirfd = open(path, flags);
	if (in->dirfd < 0)
		return err_sys(e, errno, "cannot open the folder %s", path);
	audit = openat(in->dirfd, LAYOUT_AUDIT, flags | O_NOFOLLOW);
	if (audit >= 0) {
		close(in->dirfd);
		in->dirfd = audit;
	} else if (errno != ENOENT) {
		return err_sys(e, errno, "cannot open the folder %s/%s", path,
			       LAYOUT_AUDIT);
	}
	return 0;
}

static int
read_public_key(struct inputs *in, const struct args *a, struct err *e)
{
	int dirfd = a->public_key ? AT_FDCWD : in->dirfd;
	const char *name = a->public_key ? a->public_key : LAYOUT_PUBLIC;
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file(dirfd, name, KEY_FILE_MAX, &text);

	in->key_beside_log = !a->public_key;
	if (n < 0) {
		err_sys(e, (int)n, "cannot read the public key %s", name);
		err_cure(e, "name it with --public-key");
		return (int)n;
	}
	if (note_key_parse(text, (size_t)n, in->log, in->public, e) < 0)
		return err_wrap(e, "%s", name);
	return 0;
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

/* 64 hexadecimal digits and perhaps a newline. */
static bool
hex_to_key(const char *s, size_t n, uint8_t *ret)
{
	if (n == 2 * KEY_LEN + 1 && s[n - 1] == '\n')
		n--;
	if (n != 2 * KEY_LEN)
		return false;
	for (size_t i = 0; i < n; i += 2) {
		int high = hex_digit(s[i]), low = hex_digit(s[i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i / 2] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int
read_mac_key(struct inputs *in, const char *name, struct err *e)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file(AT_FDCWD, name, KEY_FILE_MAX, &text);
	int k = 0;

	if (n < 0)
		return err_sys(e, (int)n, "cannot read the MAC key %s", name);
	in->have_mac = true;
	if (n == KEY_LEN)
		memcpy(in->mac, text, KEY_LEN);
	else if (!hex_to_key(text, (size_t)n, in->mac))
		k = err_set(e, EBADMSG,
			    "%s: no MAC key: neither 32 bytes nor 64 "
			    "hexadecimal digits",
			    name);
	explicit_bzero(text, (size_t)n);
	return k;
}

static int
add_note(struct inputs *in, const struct note *n, struct err *e)
{
	if (in->n_notes == in->room) {
		size_t room = in->room ? 2 * in->room : 16;
		void *p = reallocarray(in->notes, room, sizeof(*in->notes));

		if (!p)
			return err_sys(e, ENOMEM, "cannot read the notes");
		in->notes = p;
		in->room = room;
	}
	in->notes[in->n_notes++] = *n;
	return 0;
}

/* Notes one behind the other, as a sink that is a file has them. */
static int
read_notes(struct inputs *in, const char *name, struct err *e)
{
	static const char begin[] = "\nagentbox-audit/";
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file(AT_FDCWD, name, NOTES_FILE_MAX, &text);
	size_t len = n < 0 ? 0 : (size_t)n, at = 0, i;

	if (n < 0)
		return err_sys(e, (int)n, "cannot read the note %s", name);
	for (i = 1; at < len || i == 1; i++) {
		const char *next =
			memmem(text + at, len - at, begin, sizeof(begin) - 1);
		size_t end = next ? (size_t)(next - text) + 1 : len;
		struct note note;

		if (note_parse(text + at, end - at, in->public, &note, e) < 0)
			return err_wrap(e, "%s: note %zu", name, i);
		if (add_note(in, &note, e) < 0)
			return e->code;
		at = end;
	}
	return 0;
}

static int
read_inputs(struct inputs *in, const struct args *a, struct err *e)
{
	int k = a->dir ? open_folder(in, a->dir, e) : 0;

	if (k >= 0)
		k = read_public_key(in, a, e);
	if (k >= 0 && a->mac_key)
		k = read_mac_key(in, a->mac_key, e);
	for (size_t i = 0; k >= 0 && i < a->notes.n; i++)
		k = read_notes(in, a->notes.v[i], e);
	return k;
}

/* A writer holds a lock while it works. */
static bool
is_live(int dirfd)
{
	struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	int fd = openat(dirfd, LAYOUT_LOCK,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool live;

	if (fd < 0)
		return false;
	live = fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
	close(fd);
	return live;
}

/* ---- checks --------------------------------------------------------------*/

static int
check_log(const struct args *a, const struct inputs *in, struct err *e)
{
	struct verify_source s = { a->dir, in->key_beside_log };
	struct verify_options o = {
		.public_key = in->public,
		.log = in->log,
		.start_key = in->have_mac ? in->mac : NULL,
		.notes = in->notes,
		.n_notes = in->n_notes,
		.live = is_live(in->dirfd),
	};
	struct verify_report r;
	int k = verify_log(in->dirfd, &o, &r, e);

	if (k < 0)
		return k;
	if (a->json)
		verify_print_json(stdout, &r, &s);
	else if (!a->quiet)
		verify_print(stdout, &r, &s);
	else if (r.fault)
		verify_print_fault(stdout, &r);
	if (r.fault == VERIFY_EMPTY || r.fault == VERIFY_READ)
		return EXIT_CANNOT;
	return r.fault ? EXIT_NOT : EXIT_WHOLE;
}

static void
print_proof(const struct args *a, const struct proof *p)
{
	if (a->json)
		verify_print_proof_json(stdout, p);
	else if (!a->quiet)
		verify_print_proof(stdout, p);
}

/* All proofs of a file; the first that is wrong ends it. */
static int
check_proofs(const struct args *a, const struct inputs *in, const char *name,
	     struct err *e)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file(AT_FDCWD, name, PROOF_FILE_MAX, &text);
	size_t len = n < 0 ? 0 : (size_t)n, at = 0, i, used;

	if (n < 0)
		return err_sys(e, (int)n, "cannot read the proof %s", name);
	for (i = 1; at < len || i == 1; i++, at += used) {
		struct proof p;

		if (proof_parse(text + at, len - at, in->public, &p, &used, e) <
		    0)
			return err_wrap(e, "%s: proof %zu", name, i);
		if (memcmp(p.note.log, in->log, sizeof(in->log)) != 0) {
			proof_done(&p);
			return err_set(e, EKEYREJECTED,
				       "%s: proof %zu: it is of another log "
				       "than the public key",
				       name, i);
		}
		print_proof(a, &p);
		proof_done(&p);
	}
	return EXIT_WHOLE;
}

static int
check_all(const struct args *a, const struct inputs *in, struct err *e)
{
	for (size_t i = 0; i < a->proofs.n; i++) {
		int k = check_proofs(a, in, a->proofs.v[i], e);

		if (k == -EBADMSG || k == -EKEYREJECTED) {
			printf("NOT PROVED: %s\n", e->text);
			return EXIT_NOT;
		}
		if (k < 0)
			return k;
	}
	if (a->proofs.n && !a->json && !a->quiet)
		printf("PROVED\n");
	return a->proofs.n ? EXIT_WHOLE : check_log(a, in, e);
}

/* ---- arguments -----------------------------------------------------------*/

static const struct option options[] = {
	{ "public-key", required_argument, NULL, 'k' },
	{ "mac-key", required_argument, NULL, 'm' },
	{ "note", required_argument, NULL, 'n' },
	{ "proof", required_argument, NULL, 'p' },
	{ "json", no_argument, NULL, 'j' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

/* -1: go on; else the exit status. */
static int
one_option(struct args *a, int c)
{
	switch (c) {
	case 'k':
		a->public_key = optarg;
		break;
	case 'm':
		a->mac_key = optarg;
		break;
	case 'n':
		return strv_add(&a->notes, optarg) < 0 ? EXIT_CANNOT : -1;
	case 'p':
		return strv_add(&a->proofs, optarg) < 0 ? EXIT_CANNOT : -1;
	case 'j':
		a->json = true;
		break;
	case 'q':
		a->quiet = true;
		break;
	case 'h':
		fputs(help, stdout);
		return 0;
	case 'V':
		puts("agentbox-verify " AGENTBOX_VERSION);
		return 0;
	default:
		return EXIT_CANNOT;
	}
	return -1;
}

static int
read_args(struct args *a, int argc, char **argv)
{
	const char *wrong = NULL;
	int c, k = -1;

	while (k < 0 && (c = getopt_long(argc, argv, "k:m:n:p:jqhV", options,
					 NULL)) >= 0)
		k = one_option(a, c);
	if (k >= 0)
		return k;
	if (argc - optind > 1)
		wrong = "there is more than one folder";
	else if (argc - optind == 0 && !(a->proofs.n && a->public_key))
		wrong = "which folder?";
	if (wrong) {
		fprintf(stderr, "agentbox-verify: %s; see --help\n", wrong);
		return EXIT_CANNOT;
	}
	a->dir = argv[optind];
	return -1;
}

int
main(int argc, char **argv)
{
	struct args a = { .dir = NULL };
	struct inputs in = { .dirfd = -EBADF };
	struct err e = ERR_INIT;
	int k = read_args(&a, argc, argv);

	if (k < 0) {
		k = read_inputs(&in, &a, &e);
		if (k >= 0)
			k = check_all(&a, &in, &e);
		if (k < 0) {
			fprintf(stderr, "agentbox-verify: %s%s%s\n", e.text,
				e.cure[0] ? "; " : "", e.cure);
			k = EXIT_CANNOT;
		}
	}
	explicit_bzero(in.mac, sizeof(in.mac));
	close_ptr(&in.dirfd);
	free(in.notes);
	strv_done(&a.notes);
	strv_done(&a.proofs);
	if (fflush(stdout) != 0 || ferror(stdout))
		k = EXIT_CANNOT;
	return k;
}
