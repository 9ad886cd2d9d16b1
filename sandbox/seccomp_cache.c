/*
 * Filters on disk. Building one takes about a millisecond, finding it here a
 * few dozen microseconds: that is most of what there is to save in a launch.
 *
 * Who can write into the cache folder chooses the filter of the next box. So:
 * folder and files are ours alone (lib/cache.h) and never visible inside a box;
 * a file counts only if its key, which holds the full text of everything that
 * the filter was made from, is equal byte by byte (the hash in its name only
 * finds it); if its checksum is right; and if the program passes
 * seccomp_check(). In any other case the filter is built anew and the file
 * replaced. No failure here is an error.
 *
 * File: struct head, the key, the instructions. Native byte order: the files
 * never leave the machine.
 */
#include "lib/cache.h"
#include "lib/fd.h"
#include "sandbox/sysset.h"

#include <linux/filter.h>
#include <seccomp.h>
#include <string.h>

/* Raise it with every change of what seccomp_build() makes of the same sets. */
#define FORMAT 1
#define MAGIC 0x3143504653584241ull /* "ABXSFPC1" */
#define KEY_MAX (1u << 20)
#define KEY_LINE_MAX 128 /* a set's name is at most SYSSET_NAME_MAX */
#define ENTRIES_MAX 64	 /* files; the folder is emptied when there are more */
#define SUFFIX ".bpf"

struct head {
	uint64_t magic;
	uint32_t key_len;
	uint32_t n_insns;
	uint64_t check; /* hash of key and instructions */
};

struct key {
	char *text;
	size_t len;
	char file[32]; /* name in the folder */
};

static void
key_done(struct key *k)
{
	free(k->text);
}

/* Appends to a key, which has room for it: a text, and a line. */
static void
key_put(struct key *k, const char *text, size_t n)
{
	memcpy(k->text + k->len, text, n);
	k->len += n;
}

#define key_line(k, ...)                                                       \
	((k)->len +=                                                           \
	 (size_t)snprintf((k)->text + (k)->len, KEY_LINE_MAX, __VA_ARGS__))

/* Every text comes after its length, so no two keys can be read alike. */
static void
key_fill(struct key *k, const struct seccomp_spec *spec,
	 const struct sysset_files *files)
{
	const struct scmp_version *v = seccomp_version();

	key_line(k, "agentbox filter %d %x %u.%u.%u\n", FORMAT,
		 SYSSET_ARCH_NATIVE, v ? v->major : 0, v ? v->minor : 0,
		 v ? v->micro : 0);
	for (size_t i = 0; i < files->n; i++) {
		key_line(k, "set %s %zu\n", files->v[i].name, files->v[i].len);
		key_put(k, files->v[i].text, files->v[i].len);
	}
	for (size_t i = 0; i < spec->n_deny; i++) {
		key_line(k, "deny %zu\n", strlen(spec->deny[i]));
		key_put(k, spec->deny[i], strlen(spec->deny[i]));
	}
}

static int
key_make(const struct seccomp_spec *spec, const struct sysset_files *files,
	 struct key *ret)
{
	struct key k = { NULL, 0, "" };
	size_t room = KEY_LINE_MAX * (1 + files->n + spec->n_deny);

	for (size_t i = 0; i < files->n; i++)
		room += files->v[i].len;
	for (size_t i = 0; i < spec->n_deny; i++)
		room += strlen(spec->deny[i]);
	if (room > KEY_MAX)
		return -E2BIG;
	k.text = malloc(room);
	if (!k.text)
		return -ENOMEM;
	key_fill(&k, spec, files);
	snprintf(k.file, sizeof(k.file), "%016llx" SUFFIX,
		 (unsigned long long)cache_hash(k.text, k.len));
	*ret = k;
	return 0;
}

/* Is the file's content the filter for key? */
static int
decode(const char *data, size_t len, const struct key *key,
       struct seccomp_prog *ret)
{
	struct head h;
	const char *body = data + sizeof(h);
	struct sock_filter *insns;
	size_t size;

	if (len < sizeof(h))
		return -EINVAL;
	memcpy(&h, data, sizeof(h));
	size = h.n_insns * sizeof(*insns);
	if (h.magic != MAGIC || h.key_len != key->len ||
	    h.n_insns > SECCOMP_INSNS_MAX || len - sizeof(h) != key->len + size)
		return -EINVAL;
	if (memcmp(body, key->text, key->len) != 0 ||
	    cache_hash(body, key->len + size) != h.check)
		return -EINVAL;
	insns = malloc(size + 1);
	if (!insns)
		return -ENOMEM;
	memcpy(insns, body + key->len, size);
	if (seccomp_check(insns, h.n_insns) < 0) {
		free(insns);
		return -EINVAL;
	}
	*ret = (struct seccomp_prog){ insns, h.n_insns };
	return 0;
}

static int
load(int dirfd, const struct key *key, struct seccomp_prog *ret)
{
	size_t max = sizeof(struct head) + key->len +
		     SECCOMP_INSNS_MAX * sizeof(struct sock_filter);
	_cleanup_free_ char *data = NULL;
	_cleanup_close_ int fd = -EBADF;
	uint64_t size;
	ssize_t len;

	fd = cache_find(dirfd, key->file, &size);
	if (fd < 0)
		return fd;
	len = fd_read_all(fd, max, &data);
	if (len < 0)
		return (int)len;
	return decode(data, (size_t)len, key, ret);
}

static void
store(int dirfd, const struct key *key, const struct seccomp_prog *p)
{
	size_t size = p->n * sizeof(*p->insns), len = key->len + size;
	_cleanup_free_ char *body = malloc(len);
	struct head h = {
		.magic = MAGIC,
		.key_len = (uint32_t)key->len,
		.n_insns = (uint32_t)p->n,
	};
	const struct iovec part[] = { { &h, sizeof(h) }, { body, len } };

	if (!body)
		return;
	memcpy(body, key->text, key->len);
	memcpy(body + key->len, p->insns, size);
	h.check = cache_hash(body, len);
	cache_put(dirfd, key->file, SUFFIX, ENTRIES_MAX, part,
		  ARRAY_SIZE(part));
}

static int
get(const struct seccomp_spec *spec, const struct sysset_files *files,
    const char *cache_dir, struct seccomp_prog *ret, bool *ret_hit,
    struct err *e)
{
	_cleanup_(key_done) struct key key = { NULL, 0, "" };
	_cleanup_close_ int dirfd = -EBADF;
	int r;

	if (cache_dir && key_make(spec, files, &key) == 0)
		dirfd = cache_open(cache_dir);
	*ret_hit = dirfd >= 0 && load(dirfd, &key, ret) == 0;
	if (*ret_hit)
		return 0;
	r = sysset_build(files, spec, SYSSET_ARCH_NATIVE, ret, e);
	if (r >= 0 && dirfd >= 0)
		store(dirfd, &key, ret);
	return r;
}

int
seccomp_get(const struct seccomp_spec *spec, const char *cache_dir,
	    struct seccomp_prog *ret, bool *ret_hit, struct err *e)
{
	struct sysset_files files;
	bool hit = false;
	int r;

	r = sysset_read(spec, &files, e);
	if (r < 0)
		return r;
	r = get(spec, &files, cache_dir, ret, &hit, e);
	sysset_files_done(&files);
	if (r >= 0 && ret_hit)
		*ret_hit = hit;
	return r;
}
