/*
 * Filters on disk. Building one takes about a millisecond, finding it here a
 * few dozen microseconds: that is most of what there is to save in a launch.
 *
 * Who can write into the cache folder chooses the filter of the next box. So:
 * the folder belongs to us and is closed to everybody else; it must never be
 * visible inside a box; a file counts only if it is a regular file of ours with
 * one name, closed to everybody else; if its key, which holds the full text of
 * everything that the filter was made from, is equal byte by byte (the hash in
 * its name only finds it); if its checksum is right; and if the program passes
 * seccomp_check(). In any other case the filter is built anew and the file
 * replaced. No failure here is an error.
 *
 * File: struct head, the key, the instructions. Native byte order: the files
 * never leave the machine.
 */
#include "lib/fd.h"
#include "sandbox/sysset.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <seccomp.h>
#include <string.h>
#include <sys/stat.h>

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

static uint64_t
hash_word(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

/* Eight bytes at a time; finds files and damage, keeps nobody out. */
static uint64_t
hash(const char *p, size_t len)
{
	uint64_t h = len, word;

	for (; len >= sizeof(word); len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		p += sizeof(word);
		h = hash_word(h, word);
	}
	word = 0;
	memcpy(&word, p, len);
	return hash_word(h, word);
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
		 (unsigned long long)hash(k.text, k.len));
	*ret = k;
	return 0;
}

/* Ours, and closed to group and others. */
static bool
is_private(const struct stat *st)
{
	return st->st_uid == geteuid() && (st->st_mode & 077) == 0;
}

/* A descriptor of the folder, or -errno when it cannot be trusted. */
static int
open_folder(const char *path)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	int r;

	fd = open(path, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		r = fd_mkdir_p(AT_FDCWD, path, 0700);
		if (r < 0)
			return r;
		fd = open(path,
			  O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return is_private(&st) ? TAKE_FD(fd) : -EPERM;
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
	    hash(body, key->len + size) != h.check)
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
	_cleanup_free_ char *data = NULL;
	_cleanup_close_ int fd = -EBADF;
	struct stat st;
	ssize_t len;

	/* O_NONBLOCK: a pipe in the place of the file does not hang us */
	fd = fd_openat2(dirfd, key->file,
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0,
			RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
				RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_nlink != 1 || !is_private(&st))
		return -EPERM;
	len = fd_read_all(fd,
			  sizeof(struct head) + key->len +
				  SECCOMP_INSNS_MAX *
					  sizeof(struct sock_filter),
			  &data);
	if (len < 0)
		return (int)len;
	return decode(data, (size_t)len, key, ret);
}

/* Keeps the folder from growing for ever: the files of sets and denials that
 * are no longer in use are never asked for again. */
static void
make_room(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	size_t n = 0;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (readdir(d))
		n++;
	rewinddir(d);
	while (n >= ENTRIES_MAX && (entry = readdir(d))) {
		if (strstr(entry->d_name, SUFFIX))
			unlinkat(dirfd, entry->d_name, 0);
	}
	closedir(d);
}

static int
write_file(int fd, const struct key *key, const struct seccomp_prog *p)
{
	size_t size = p->n * sizeof(*p->insns), len = key->len + size;
	_cleanup_free_ char *data = malloc(sizeof(struct head) + len);
	struct head h = {
		.magic = MAGIC,
		.key_len = (uint32_t)key->len,
		.n_insns = (uint32_t)p->n,
	};
	char *body;

	if (!data)
		return -ENOMEM;
	body = data + sizeof(h);
	memcpy(body, key->text, key->len);
	memcpy(body + key->len, p->insns, size);
	h.check = hash(body, len);
	memcpy(data, &h, sizeof(h));
	return fd_write_all(fd, data, sizeof(h) + len);
}

/* Whole or not at all: under another name first. */
static void
store(int dirfd, const struct key *key, const struct seccomp_prog *p)
{
	_cleanup_close_ int fd = -EBADF;
	char name[64];

	make_room(dirfd);
	snprintf(name, sizeof(name), "%s.%d", key->file, (int)getpid());
	unlinkat(dirfd, name, 0); /* of a namesake that was killed */
	fd = openat(dirfd, name,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	if (write_file(fd, key, p) < 0 ||
	    renameat(dirfd, name, dirfd, key->file) < 0)
		unlinkat(dirfd, name, 0);
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
		dirfd = open_folder(cache_dir);
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
