/*
 * Logs for tests. What always holds: the same spec makes the same bytes, and
 * they are those of docs and headers, not those of the writer, so that writer
 * and verifier are not only held against each other.
 */
#include "tests/tools/audit_log.h"
#include "audit/proof.h"
#include "lib/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define OPEN 8 /* actions without outcome at one time, at most */

struct maker {
	const struct audit_log_spec *s;
	struct audit_log *l;
	struct chain chain;
	struct chain_hash *hash;
	struct chain_key key;
	int dirfd, fd;
	uint64_t random, file, segment, channel, offset, now, covered;
	uint64_t open[OPEN];
	/* the two files before the one at hand */
	struct {
		uint64_t first, last;
		uint8_t head[RECORD_HASH_LEN];
	} former[2];
	uint8_t *buf;
	size_t len, room;
	size_t place_room, note_room;
	struct fields f;
};

/* A test that cannot make its log ends. */
static void
must(bool ok)
{
	if (ok)
		return;
	perror("audit_log");
	abort();
}

/* splitmix64 */
static uint64_t
number(struct maker *m, uint64_t below)
{
	uint64_t z = m->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % below;
}

static void
random_bytes(struct maker *m, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)number(m, 256);
}

static void
random_text(struct maker *m, enum field_id id, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz/-. 0123";
	char s[RECORD_TEXT_MAX];

	len = MIN(len, sizeof(s));
	for (size_t i = 0; i < len; i++)
		s[i] = letters[number(m, sizeof(letters) - 1)];
	fields_text_n(&m->f, id, s, len, 0);
}

const char *
audit_log_file(uint64_t first, char *buf)
{
	snprintf(buf, 32, "%020llu.seg", (unsigned long long)first);
	return buf;
}

static void
flush(struct maker *m)
{
	if (m->fd >= 0 && m->len)
		must((fd_write_all(m->fd, m->buf, m->len)) >= 0);
	m->len = 0;
}

static void *
bigger(void *p, size_t *room, size_t one)
{
	*room = *room ? 2 * *room : 64;
	p = reallocarray(p, *room, one);
	must(p != NULL);
	return p;
}

/* Seals m->f as the next record. Returns its seq. */
static uint64_t
add(struct maker *m, enum record_type type, uint64_t channel, uint64_t ref)
{
	struct record_head h = { .seq = m->chain.size + 1,
				 .time_us = m->now,
				 .boot_us = m->now - 1000000,
				 .ref = ref,
				 .channel = channel,
				 .key = m->key.number,
				 .type = (uint16_t)type };
	size_t size;

	if (m->s->change)
		m->s->change(m->s->arg, &h, &m->f);
	must(!(m->f.full));
	if (m->room - m->len < RECORD_MAX)
		flush(m);
	size = record_write(&h, m->f.bytes, m->f.len, m->buf + m->len);
	chain_seal(&m->chain, m->hash, &m->key, m->buf + m->len, size);
	m->len += size;
	if (m->l->n == m->place_room)
		m->l->place = bigger(m->l->place, &m->place_room,
				     sizeof(*m->l->place));
	m->l->place[m->l->n++] =
		(struct audit_log_place){ m->file, m->offset, (uint32_t)size,
					  (uint16_t)type };
	m->offset += size;
	m->now += 1 + number(m, 500);
	fields_init(&m->f);
	return h.seq;
}

static void
add_expire(struct maker *m)
{
	fields_uint(&m->f, FIELD_SEGMENT, m->segment - 2);
	fields_bytes(&m->f, FIELD_HEAD, m->former[1].head, RECORD_HASH_LEN);
	fields_uint(&m->f, FIELD_FIRST, m->former[1].first);
	fields_uint(&m->f, FIELD_LAST, m->former[1].last);
	fields_uint(&m->f, FIELD_COUNT,
		    m->former[1].last - m->former[1].first + 1);
	add(m, RECORD_LOG_EXPIRE, 0, 0);
}

static void
end_file(struct maker *m)
{
	m->former[1] = m->former[0];
	m->former[0].first = m->file;
	m->former[0].last = m->chain.size;
	memcpy(m->former[0].head, m->chain.head, RECORD_HASH_LEN);
}

static void
add_file(struct maker *m)
{
	uint8_t peaks[MERKLE_DEPTH * MERKLE_LEN];
	uint64_t seq = m->chain.size + 1;
	size_t len = merkle_peaks(&m->chain.tree, peaks);
	char name[32];

	flush(m);
	close_ptr(&m->fd);
	end_file(m);
	m->fd = openat(m->dirfd, audit_log_file(seq, name),
		       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	must(m->fd >= 0);
	m->file = seq;
	m->offset = 0;
	fields_bytes(&m->f, FIELD_LOG, m->l->log, sizeof(m->l->log));
	fields_bytes(&m->f, FIELD_PUBLIC_KEY, m->l->public, NOTE_KEY_LEN);
	fields_uint(&m->f, FIELD_SEGMENT, ++m->segment);
	fields_uint(&m->f, FIELD_SIZE, m->chain.size);
	fields_bytes(&m->f, FIELD_HEAD, m->chain.head, RECORD_HASH_LEN);
	fields_bytes(&m->f, FIELD_PEAKS, peaks, len);
	fields_uint(&m->f, FIELD_FIRST, seq);
	add(m, RECORD_LOG_SEGMENT, 0, 0);
	fields_text(&m->f, FIELD_AGENT, "tester");
	fields_text(&m->f, FIELD_RUN, "run-1");
	fields_text(&m->f, FIELD_OWNER, "somebody");
	m->channel = add(m, RECORD_CHANNEL, 0, m->channel);
	if (m->s->expire && m->segment > 2)
		add_expire(m);
}

static void
add_checkpoint(struct maker *m)
{
	struct note n = { .size = m->chain.size,
			  .time_us = m->now,
			  .key = m->key.number };
	uint8_t signature[NOTE_SIGNATURE_LEN];

	memcpy(n.log, m->l->log, sizeof(n.log));
	memcpy(n.head, m->chain.head, sizeof(n.head));
	merkle_root(&m->chain.tree, m->hash, n.root);
	must((note_sign(&n, m->l->seed, signature)) >= 0);
	fields_uint(&m->f, FIELD_SIZE, n.size);
	fields_bytes(&m->f, FIELD_HEAD, n.head, sizeof(n.head));
	fields_bytes(&m->f, FIELD_ROOT, n.root, sizeof(n.root));
	fields_bytes(&m->f, FIELD_SIGNATURE, signature, sizeof(signature));
	m->covered = add(m, RECORD_LOG_CHECKPOINT, 0, 0);
	must((chain_key_step(&m->key, m->key.number + 1)) >= 0);
	if (m->l->n_notes == m->note_room)
		m->l->note =
			bigger(m->l->note, &m->note_room, sizeof(*m->l->note));
	m->l->note[m->l->n_notes++] = n;
}

static void
add_intent(struct maker *m)
{
	bool allowed = number(m, 4) > 0;
	size_t slot = number(m, OPEN);
	uint8_t digest[RECORD_HASH_LEN];
	uint64_t seq;

	if (m->open[slot]) {
		fields_text(&m->f, FIELD_STATUS, "ok");
		fields_uint(&m->f, FIELD_LATENCY_US, number(m, 100000));
		add(m, RECORD_OUTCOME, m->channel, m->open[slot]);
		m->open[slot] = 0;
	}
	random_bytes(m, digest, sizeof(digest));
	fields_text(&m->f, FIELD_WHAT, "tools.call");
	fields_text(&m->f, FIELD_SURFACE, "tools");
	random_text(m, FIELD_TARGET, 4 + number(m, 60));
	fields_bytes(&m->f, FIELD_ARGS_DIGEST, digest, sizeof(digest));
	if (m->s->big && number(m, 500) == 0)
		for (int i = 0; i < 12; i++)
			random_text(m, (enum field_id)(FIELD_SERVER + i % 3),
				    4000);
	fields_text(&m->f, FIELD_EFFECT, allowed ? "allow" : "deny");
	fields_text(&m->f, FIELD_RULE, allowed ? "may-call" : "may-not");
	fields_uint(&m->f, FIELD_GOES_AHEAD, allowed);
	random_text(m, FIELD_DETAIL, number(m, 200));
	seq = add(m, RECORD_INTENT, m->channel, 0);
	if (allowed)
		m->open[slot] = seq;
}

static void
add_event(struct maker *m)
{
	static const enum record_type types[] = {
		RECORD_LIFECYCLE, RECORD_ADMIN,	 RECORD_ANOMALY,
		RECORD_APPROVAL,  RECORD_POLICY,
	};
	enum record_type type = types[number(m, ARRAY_SIZE(types))];

	fields_text(&m->f, FIELD_WHAT, "something.happened");
	if (type == RECORD_POLICY)
		fields_text(&m->f, FIELD_POLICY, "base");
	if (type == RECORD_APPROVAL)
		fields_text(&m->f, FIELD_APPROVAL, "a-1");
	random_text(m, FIELD_DETAIL, number(m, 100));
	add(m, type, m->channel, 0);
}

static void
write_keys(struct maker *m, int dirfd)
{
	uint8_t signature[NOTE_SIGNATURE_LEN];
	char text[NOTE_MAX];
	size_t n = note_key_text(m->l->log, m->l->public, text);
	int fd = openat(dirfd, "public.key", O_WRONLY | O_CREAT | O_CLOEXEC,
			0600);

	must(fd >= 0);
	text[n++] = '\n';
	must((fd_write_all(fd, text, n)) >= 0);
	close(fd);
	if (!m->l->n_notes)
		return;
	fd = openat(dirfd, "head", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	must(fd >= 0);
	must((note_sign(&m->l->note[m->l->n_notes - 1], m->l->seed,
			signature)) >= 0);
	n = note_text(&m->l->note[m->l->n_notes - 1], m->l->public, signature,
		      text);
	must((fd_write_all(fd, text, n)) >= 0);
	close(fd);
}

static void
make_records(struct maker *m)
{
	uint64_t every = m->s->per_checkpoint ? m->s->per_checkpoint : 64;
	uint64_t per_file = m->s->per_file ? m->s->per_file : UINT64_MAX;

	add_file(m);
	fields_text(&m->f, FIELD_HOST, "host");
	add(m, RECORD_LOG_START, 0, 0);
	while (m->chain.size + 2 < m->s->records) {
		if (m->chain.size >= m->covered + every)
			add_checkpoint(m);
		else if (m->chain.size + 1 - m->file >= per_file)
			add_file(m);
		else if (number(m, 8))
			add_intent(m);
		else
			add_event(m);
	}
	if (!m->s->no_end) {
		add(m, RECORD_LOG_STOP, 0, 0);
		add_checkpoint(m);
	}
	flush(m);
}

void
audit_log_make(const char *dir, const struct audit_log_spec *s,
	       struct audit_log *ret)
{
	struct maker *m = calloc(1, sizeof(*m));
	int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	must(m != NULL);
	must(dirfd >= 0);
	memset(ret, 0, sizeof(*ret));
	m->s = s;
	m->l = ret;
	m->random = s->seed;
	m->now = UINT64_C(1764064800000000);
	m->fd = -EBADF;
	m->room = 1 << 20;
	m->buf = malloc(m->room);
	must(m->buf != NULL);
	random_bytes(m, ret->log, sizeof(ret->log));
	random_bytes(m, ret->seed, sizeof(ret->seed));
	random_bytes(m, ret->start_key, sizeof(ret->start_key));
	memcpy(m->key.key, ret->start_key, CHAIN_KEY_LEN);
	must((note_public(ret->seed, ret->public)) >= 0);
	must((mkdirat(dirfd, "log", 0700)) >= 0);
	m->dirfd = openat(dirfd, "log", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(m->dirfd >= 0);
	chain_init(&m->chain);
	must((chain_hash_new(&m->hash)) >= 0);
	make_records(m);
	write_keys(m, dirfd);
	chain_hash_free(m->hash);
	close_ptr(&m->fd);
	close(m->dirfd);
	close(dirfd);
	free(m->buf);
	free(m);
}

void
audit_log_done(struct audit_log *l)
{
	free(l->place);
	free(l->note);
}

size_t
audit_log_reseal(struct chain *c, struct chain_hash *h,
		 const struct chain_key *k, const struct record *r,
		 uint8_t *out)
{
	static const struct chain_key none;
	struct record_head head = { .seq = c->size + 1,
				    .time_us = r->time_us,
				    .boot_us = r->boot_us,
				    .ref = r->ref,
				    .channel = r->channel,
				    .key = r->key,
				    .type = r->type };
	size_t size = record_write(&head, r->fields, r->fields_len, out);

	chain_seal(c, h, k ? k : &none, out, size);
	return size;
}

static void
refit_checkpoint(const struct chain *c, struct chain_hash *h,
		 const struct record *r, const uint8_t *seed,
		 const uint8_t *log, struct fields *f)
{
	uint8_t signature[NOTE_SIGNATURE_LEN];
	struct note n = { .size = c->size,
			  .time_us = r->time_us,
			  .key = r->key };

	merkle_root(&c->tree, h, n.root);
	memcpy(n.head, c->head, sizeof(n.head));
	memcpy(n.log, log, sizeof(n.log));
	fields_uint(f, FIELD_SIZE, n.size);
	fields_bytes(f, FIELD_HEAD, n.head, sizeof(n.head));
	fields_bytes(f, FIELD_ROOT, n.root, sizeof(n.root));
	if (!seed)
		return;
	must(note_sign(&n, seed, signature) >= 0);
	fields_bytes(f, FIELD_SIGNATURE, signature, sizeof(signature));
}

void
audit_log_refit(const struct chain *c, struct chain_hash *h,
		const struct record *r, const uint8_t *seed,
		const uint8_t log[NOTE_LOG_LEN], struct fields *ret)
{
	uint8_t peaks[MERKLE_DEPTH * MERKLE_LEN];

	fields_init(ret);
	ret->len = r->fields_len;
	memcpy(ret->bytes, r->fields, r->fields_len);
	if (r->type == RECORD_LOG_CHECKPOINT)
		refit_checkpoint(c, h, r, seed, log, ret);
	if (r->type != RECORD_LOG_SEGMENT)
		return;
	fields_uint(ret, FIELD_SIZE, c->size);
	fields_uint(ret, FIELD_FIRST, c->size + 1);
	fields_bytes(ret, FIELD_HEAD, c->head, RECORD_HASH_LEN);
	fields_bytes(ret, FIELD_PEAKS, peaks, merkle_peaks(&c->tree, peaks));
}

/* The bytes of record seq, into buf. */
static void
read_frame(const char *dir, const struct audit_log *l, uint64_t seq,
	   uint8_t *buf)
{
	const struct audit_log_place *p = &l->place[seq - 1];
	char path[512], name[32];
	int fd;

	snprintf(path, sizeof(path), "%s/log/%s", dir,
		 audit_log_file(p->file, name));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0);
	must(pread(fd, buf, p->size, (off_t)p->offset) == (ssize_t)p->size);
	close(fd);
}

char *
audit_log_prove(const char *dir, const struct audit_log *l, uint64_t seq,
		size_t *ret_len)
{
	const struct note *n = &l->note[l->n_notes - 1];
	uint8_t(*leaf)[MERKLE_LEN] = calloc(n->size, MERKLE_LEN);
	uint8_t *buf = malloc(RECORD_MAX), signature[NOTE_SIGNATURE_LEN];
	struct proof *p = calloc(1, sizeof(*p));
	uint8_t in[1 + RECORD_HASH_LEN] = { 0 };
	struct chain_hash *h;
	char *text;

	must(leaf && buf && p && chain_hash_new(&h) == 0);
	for (uint64_t i = 1; i <= n->size; i++) {
		size_t size = l->place[i - 1].size;

		read_frame(dir, l, i, buf);
		memcpy(in + 1, buf + size - RECORD_HASH_LEN, RECORD_HASH_LEN);
		chain_sha256(h, in, sizeof(in), leaf[i - 1]);
		if (i + 1 == seq)
			memcpy(p->before, in + 1, sizeof(p->before));
	}
	read_frame(dir, l, seq, buf);
	must(record_parse(buf, l->place[seq - 1].size, &p->record) > 0);
	p->n = (size_t)merkle_prove(h, (const uint8_t(*)[MERKLE_LEN])leaf,
				    n->size, seq - 1, p->path);
	p->note = *n;
	must(note_sign(n, l->seed, signature) >= 0);
	must(proof_text(p, l->public, signature, &text, ret_len) >= 0);
	chain_hash_free(h);
	free(leaf);
	free(buf);
	free(p);
	return text;
}
