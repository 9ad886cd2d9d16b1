/* links: audit lib */
/*
 * A folder of hostile files, read and verified. The first byte says how: as
 * they are, cut in two somewhere; or every frame in them sealed anew, numbered
 * on and signed, with a new file at each log.segment, which is how to get
 * behind the hashes. Whatever comes: an end, no record that was not checked,
 * and a log that is called whole is one in which the reader finds no fault.
 */
#include "audit/reader.h"
#include "audit/verify.h"
#include "lib/fd.h"
#include "tests/fuzz/fuzz.h"
#include "tests/tools/audit_log.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static const uint8_t seed[NOTE_KEY_LEN] = "the key of the fuzz target......";
static const uint8_t log_id[NOTE_LOG_LEN] = "the log's id....";

static void
must(bool ok)
{
	if (!ok)
		abort();
}

struct world {
	int dirfd, fd;
	uint64_t names[64];
	size_t n;
};

static void
begin_file(struct world *w, uint64_t first)
{
	char name[32];

	if (w->fd >= 0)
		close(w->fd);
	w->fd = -EBADF;
	if (w->n == 64)
		return;
	w->fd = openat(w->dirfd, audit_log_file(first, name),
		       O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(w->fd >= 0);
	w->names[w->n++] = first;
}

static void
put(struct world *w, const uint8_t *p, size_t n)
{
	if (w->fd >= 0)
		must(fd_write_all(w->fd, p, n) == 0);
}

static void
write_as_it_is(struct world *w, const uint8_t *p, size_t n)
{
	size_t cut = n > 2 ? ((size_t)p[0] << 8 | p[1]) % n : 0;

	begin_file(w, 1);
	put(w, p, cut);
	if (cut) {
		begin_file(w, 1 + p[0] % 8);
		put(w, p + cut, n - cut);
	}
}

static void
write_sealed(struct world *w, const uint8_t *p, size_t n)
{
	struct fields *f = malloc(sizeof(*f));
	uint8_t *out = malloc(RECORD_MAX), public[NOTE_KEY_LEN];
	struct chain_hash *h;
	struct chain c;
	struct record r;
	size_t size;

	must(f && out && chain_hash_new(&h) == 0);
	must(note_public(seed, public) == 0);
	chain_init(&c);
	while (n) {
		int k = record_parse(p, n, &r);

		if (k <= 0) {
			p++;
			n--;
			continue;
		}
		p += k;
		n -= (size_t)k;
		audit_log_refit(&c, h, &r, seed, log_id, f);
		if (r.type == RECORD_LOG_SEGMENT) {
			fields_bytes(f, FIELD_PUBLIC_KEY, public,
				     sizeof(public));
			fields_bytes(f, FIELD_LOG, log_id, sizeof(log_id));
			begin_file(w, c.size + 1);
		}
		r.fields = f->bytes;
		r.fields_len = f->len;
		size = audit_log_reseal(&c, h, NULL, &r, out);
		put(w, out, size);
	}
	chain_hash_free(h);
	free(out);
	free(f);
}

/* Returns how many records there are before the first fault. */
static uint64_t
read_all(int dirfd, bool *ret_fault)
{
	struct err e = ERR_INIT;
	struct reader_place p;
	struct reader *r;
	struct record rec = { .seq = 0 };
	uint64_t n = 0, skipped;
	int k;

	must(reader_new(dirfd, &r, &e) == 0);
	while ((k = reader_next(r, &rec, &e)) > 0)
		n++;
	*ret_fault = k < 0 || reader_rest(r) > 0;
	reader_place(r, &p);
	while (k == -EBADMSG && reader_skip(r, &skipped) > 0)
		while ((k = reader_next(r, &rec, &e)) > 0)
			;
	must(reader_seek(r, rec.seq, &e) <= 0);
	(void)reader_next(r, &rec, &e);
	(void)reader_goto(r, &p, &e);
	must(reader_seek(r, UINT64_MAX, &e) <= 0);
	reader_free(r);
	return n;
}

static void
check(int dirfd, bool live)
{
	uint8_t public[NOTE_KEY_LEN];
	struct verify_options o = { .public_key = public, .live = live };
	struct verify_report r;
	struct err e = ERR_INIT;
	bool fault;
	uint64_t n = read_all(dirfd, &fault);

	must(note_public(seed, public) == 0);
	must(verify_log(dirfd, &o, &r, &e) == 0);
	must(r.records <= n);
	must(r.fault || r.records == n);
	must(!fault || r.fault || live);
	must(!r.fault || r.text[0]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char dir[] = "/dev/shm/abx-fuzz-log-XXXXXX", name[32];
	struct world w = { .fd = -EBADF };

	if (!size || size > 1 << 20)
		return 0;
	must(mkdtemp(dir) != NULL);
	w.dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(w.dirfd >= 0);
	if (data[0] & 1)
		write_sealed(&w, data + 1, size - 1);
	else
		write_as_it_is(&w, data + 1, size - 1);
	if (w.fd >= 0)
		close(w.fd);
	check(w.dirfd, data[0] & 2);
	for (size_t i = 0; i < w.n; i++)
		(void)unlinkat(w.dirfd, audit_log_file(w.names[i], name), 0);
	close(w.dirfd);
	must(rmdir(dir) == 0);
	return 0;
}
