/* links: audit lib */
/*
 * make_audit_log DIR RECORDS [PER_FILE [SEED]]: a log for tests of whole
 * programs; see tests/tools/audit_log.h. Says on a line "SEQ FILE OFFSET SIZE"
 * for each record where it is, writes start.key, and all checkpoints to
 * DIR/notes; proofs of the first record, one in the middle and the last that is
 * covered to DIR/proof-1, -2, -3.
 */
#include "lib/fd.h"
#include "lib/str.h"
#include "tests/tools/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>

static int
write_notes(const struct audit_log *l, int dirfd)
{
	uint8_t signature[NOTE_SIGNATURE_LEN];
	char text[NOTE_MAX];
	int k = 0,
	    fd = openat(dirfd, "notes", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	for (size_t i = 0; fd >= 0 && k >= 0 && i < l->n_notes; i++) {
		k = note_sign(&l->note[i], l->seed, signature);
		if (k >= 0)
			k = fd_write_all(fd, text,
					 note_text(&l->note[i], l->public,
						   signature, text));
	}
	close_ptr(&fd);
	fd = openat(dirfd, "start.key", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && k >= 0)
		k = fd_write_all(fd, l->start_key, sizeof(l->start_key));
	close_ptr(&fd);
	return fd < 0 ? -EIO : k;
}

static int
write_proofs(const struct audit_log *l, const char *dir, int dirfd)
{
	const uint64_t seq[] = { 1, l->n / 2, l->n - 1 };
	int k = 0;

	for (size_t i = 0; k >= 0 && i < ARRAY_SIZE(seq); i++) {
		_cleanup_free_ char *text = NULL;
		char name[16];
		size_t len;
		int fd;

		text = audit_log_prove(dir, l, seq[i], &len);
		snprintf(name, sizeof(name), "proof-%zu", i + 1);
		fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		k = fd < 0 ? -errno : fd_write_all(fd, text, len);
		close_ptr(&fd);
	}
	return k;
}

int
main(int argc, char **argv)
{
	struct audit_log_spec s = { .big = true };
	struct audit_log l;
	char name[32];
	int dirfd;

	if (argc < 3 || str_to_u64(argv[2], &s.records) < 0 ||
	    (argc > 3 && str_to_u64(argv[3], &s.per_file) < 0) ||
	    (argc > 4 && str_to_u64(argv[4], &s.seed) < 0)) {
		fprintf(stderr,
			"make_audit_log DIR RECORDS [PER_FILE [SEED]]\n");
		return 2;
	}
	(void)mkdir(argv[1], 0700);
	audit_log_make(argv[1], &s, &l);
	dirfd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0 || write_notes(&l, dirfd) < 0 ||
	    write_proofs(&l, argv[1], dirfd) < 0)
		return 1;
	close(dirfd);
	for (uint64_t i = 0; i < l.n; i++)
		printf("%llu %s %llu %u\n", (unsigned long long)i + 1,
		       audit_log_file(l.place[i].file, name),
		       (unsigned long long)l.place[i].offset, l.place[i].size);
	audit_log_done(&l);
	return 0;
}
