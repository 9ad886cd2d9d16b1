/* links: lib sandbox */
/*
 * The filter cache: a hit is the same program; whatever is wrong with a file or
 * the folder leads to a fresh build, never to the use of what lies there.
 */
#include "lib/fd.h"
#include "lib/str.h"
#include "sandbox/sysset.h"
#include "tests/tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/stat.h>

struct world {
	char *sets, *cache, *file;
	struct seccomp_spec spec;
	struct seccomp_prog good;
};

/* The one entry of the folder. */
static char *
entry(const char *cache)
{
	DIR *d = opendir(cache);
	const struct dirent *e;
	char *path = NULL;

	ASSERT_NOT_NULL(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		ASSERT_NULL(path);
		path = str_printf("%s/%s", cache, e->d_name);
	}
	closedir(d);
	return path;
}

static bool
get(struct world *w, struct seccomp_prog *ret)
{
	struct err e = ERR_INIT;
	bool hit = false;

	if (seccomp_get(&w->spec, w->cache, ret, &hit, &e) < 0)
		FAIL("%s", e.text);
	return hit;
}

/* What comes out is the right program in any case. */
static bool
get_good(struct world *w)
{
	struct seccomp_prog p;
	bool hit = get(w, &p);

	ASSERT_EQ(p.n, w->good.n);
	ASSERT_MEMEQ(p.insns, w->good.insns, p.n * sizeof(*p.insns));
	seccomp_prog_done(&p);
	return hit;
}

static void
world_init(struct world *w)
{
	*w = (struct world){ .spec = { .sets = { "default" }, .n_sets = 1 } };
	w->sets = str_printf("%s/profiles/sets", tap_srcdir());
	w->cache = str_printf("%s/a/cache", tap_tmpdir());
	w->spec.sets_dir = w->sets;
	ASSERT_FALSE(get(w, &w->good));
	w->file = entry(w->cache);
	ASSERT_NOT_NULL(w->file);
	ASSERT_TRUE(get_good(w));
}

static void
world_done(struct world *w)
{
	seccomp_prog_done(&w->good);
	free(w->sets);
	free(w->cache);
	free(w->file);
}

static void
overwrite(const char *path, const void *data, size_t len)
{
	int fd = ASSERT_OK(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));

	ASSERT_OK(fd_write_all(fd, data, len));
	close(fd);
}

TEST(modes)
{
	struct world w;
	struct stat st;

	world_init(&w);
	ASSERT_OK(stat(w.cache, &st));
	ASSERT_EQ(st.st_mode & 07777, 0700);
	ASSERT_OK(stat(w.file, &st));
	ASSERT_EQ(st.st_mode & 07777, 0600);
	world_done(&w);
}

TEST(no_cache)
{
	struct world w;

	world_init(&w);
	free(w.cache);
	w.cache = NULL;
	ASSERT_FALSE(get_good(&w));
	w.cache = strdup("/proc/nowhere/cache");
	ASSERT_FALSE(get_good(&w));
	free(w.cache);
	w.cache = strdup("/dev/null");
	ASSERT_FALSE(get_good(&w));
	world_done(&w);
}

/* ---- forged files ------------------------------------------------------- */

struct head {
	uint64_t magic;
	uint32_t key_len, n_insns;
	uint64_t check;
};

static uint64_t
checksum(const char *p, size_t len)
{
	uint64_t h = len, word;

	for (size_t i = 0; i <= len / 8; i++) {
		word = 0;
		memcpy(&word, p + 8 * i, MIN(len - 8 * i, 8));
		h = (h ^ word) * 0x9e3779b97f4a7c15ull;
		h ^= h >> 29;
	}
	return h;
}

/* Writes the entry with another program, and a right checksum if asked. */
static void
forge(const struct world *w, const struct sock_filter *insns, size_t n,
      bool right)
{
	_cleanup_free_ char *data = NULL, *forged = NULL;
	size_t size = n * sizeof(*insns);
	struct head h;

	ASSERT_OK(fd_read_file(AT_FDCWD, w->file, 1 << 20, &data));
	memcpy(&h, data, sizeof(h));
	forged = malloc(sizeof(h) + h.key_len + size);
	memcpy(forged + sizeof(h), data + sizeof(h), h.key_len);
	memcpy(forged + sizeof(h) + h.key_len, insns, size);
	h.n_insns = (uint32_t)n;
	if (right)
		h.check = checksum(forged + sizeof(h), h.key_len + size);
	memcpy(forged, &h, sizeof(h));
	overwrite(w->file, forged, sizeof(h) + h.key_len + size);
}

/* Under the right name, with the right key, lies a program that allows all. */
TEST(poisoned)
{
	const struct sock_filter evil[] = {
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	_cleanup_free_ struct sock_filter *copy = NULL;
	struct world w;

	world_init(&w);
	ASSERT_NOT_NULL(w.good.insns);
	copy = calloc(w.good.n + 1, sizeof(*copy));
	memcpy(copy, w.good.insns, w.good.n * sizeof(*copy));
	/* this is how it would be done: the forgery works */
	forge(&w, copy, w.good.n, true);
	ASSERT_TRUE(get_good(&w));
	/* not one of ours, though the checksum is right */
	forge(&w, evil, 1, true);
	ASSERT_FALSE(get_good(&w));
	ASSERT_TRUE(get_good(&w)); /* replaced */
	forge(&w, evil, 0, true);
	ASSERT_FALSE(get_good(&w));
	copy[w.good.n - 1].k = SECCOMP_RET_LOG;
	forge(&w, copy, w.good.n, true);
	ASSERT_FALSE(get_good(&w));
	/* one of ours, but damaged */
	for (size_t i = 3; i < w.good.n; i++) {
		if (copy[i].code == (BPF_RET | BPF_K))
			copy[i].k = SECCOMP_RET_ALLOW;
	}
	ASSERT_OK(seccomp_check(copy, w.good.n));
	forge(&w, copy, w.good.n, false);
	ASSERT_FALSE(get_good(&w));
	world_done(&w);
}

/* The filter of another request, whole and valid, under our name. */
TEST(foreign_key)
{
	const char *deny[] = { "fork" };
	_cleanup_free_ char *theirs = NULL, *ours = NULL;
	struct seccomp_prog p, q;
	struct world w;

	world_init(&w);
	ASSERT_OK(unlink(w.file));
	w.spec.deny = deny;
	w.spec.n_deny = 1;
	ASSERT_FALSE(get(&w, &p));
	theirs = entry(w.cache);
	ASSERT_OK(unlink(theirs));
	deny[0] = "read"; /* as long as the other one */
	ASSERT_FALSE(get(&w, &q));
	ours = entry(w.cache);
	seccomp_prog_done(&q);
	ASSERT_OK(rename(ours, theirs));
	deny[0] = "fork";
	ASSERT_FALSE(get(&w, &q));
	ASSERT_EQ(p.n, q.n);
	ASSERT_MEMEQ(p.insns, q.insns, p.n * sizeof(*p.insns));
	seccomp_prog_done(&p);
	seccomp_prog_done(&q);
	world_done(&w);
}

static void
flip_each(struct world *w, const char *data, size_t len, size_t step)
{
	for (size_t i = 0; i < len; i += step) {
		_cleanup_free_ char *bad = malloc(len);

		memcpy(bad, data, len);
		bad[i] ^= (char)(1 << i % 8);
		overwrite(w->file, bad, len);
		if (get_good(w))
			FAIL("flipped byte %zu was a hit", i);
		ASSERT_TRUE(get_good(w));
	}
}

TEST_LIMIT(flipped, 120)
{
	_cleanup_free_ char *data = NULL;
	struct world w;
	ssize_t len;

	world_init(&w);
	len = ASSERT_OK(fd_read_file(AT_FDCWD, w.file, 1 << 20, &data));
	flip_each(&w, data, 24, 1); /* the head */
	flip_each(&w, data, (size_t)len, 61);
	world_done(&w);
}

TEST_LIMIT(truncated, 60)
{
	_cleanup_free_ char *data = NULL;
	struct world w;
	ssize_t len;

	world_init(&w);
	len = ASSERT_OK(fd_read_file(AT_FDCWD, w.file, 1 << 20, &data));
	for (ssize_t cut = 0; cut < len; cut += cut < 40 ? 1 : 487) {
		overwrite(w.file, data, (size_t)cut);
		ASSERT_FALSE(get_good(&w));
	}
	overwrite(w.file, data, (size_t)len);
	ASSERT_TRUE(get_good(&w));
	{
		_cleanup_free_ char *longer = calloc(1, (size_t)len + 8);

		memcpy(longer, data, (size_t)len);
		overwrite(w.file, longer, (size_t)len + 8);
		ASSERT_FALSE(get_good(&w));
	}
	world_done(&w);
}

TEST(file_mode)
{
	static const mode_t bad[] = { 0620, 0602, 0660, 0666, 0640, 0604 };
	struct world w;

	world_init(&w);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_OK(chmod(w.file, bad[i]));
		ASSERT_FALSE(get_good(&w));
		ASSERT_TRUE(get_good(&w));
	}
	world_done(&w);
}

TEST(folder_mode)
{
	static const mode_t bad[] = { 0720, 0702, 0777, 0755, 01777 };
	struct world w;

	world_init(&w);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_OK(chmod(w.cache, bad[i]));
		ASSERT_FALSE(get_good(&w));
	}
	ASSERT_OK(chmod(w.cache, 0700));
	ASSERT_TRUE(get_good(&w));
	world_done(&w);
}

TEST(owner)
{
	struct world w;

	if (geteuid() != 0)
		SKIP("needs root: giving a file to another user");
	world_init(&w);
	ASSERT_OK(chown(w.file, 65534, 65534));
	ASSERT_FALSE(get_good(&w));
	ASSERT_TRUE(get_good(&w));
	ASSERT_OK(chown(w.cache, 65534, 65534));
	ASSERT_FALSE(get_good(&w));
	ASSERT_FALSE(get_good(&w));
	world_done(&w);
}

TEST(links)
{
	_cleanup_free_ char *aside = NULL, *other = NULL;
	struct world w;
	struct stat st;

	world_init(&w);
	aside = str_printf("%s.aside", w.file);
	other = str_printf("%s.other", w.cache);
	/* a second name: somebody else may hold it open for writing */
	ASSERT_OK(link(w.file, aside));
	ASSERT_FALSE(get_good(&w));
	ASSERT_TRUE(get_good(&w));
	/* a link in the place of the file is replaced, not followed */
	ASSERT_OK(rename(w.file, aside));
	ASSERT_OK(symlink(aside, w.file));
	ASSERT_FALSE(get_good(&w));
	ASSERT_OK(lstat(w.file, &st));
	ASSERT_TRUE(S_ISREG(st.st_mode));
	/* a link in the place of the folder is not followed */
	ASSERT_OK(rename(w.cache, other));
	ASSERT_OK(symlink(other, w.cache));
	ASSERT_FALSE(get_good(&w));
	ASSERT_FALSE(get_good(&w));
	world_done(&w);
}

TEST(not_a_file)
{
	struct world w;

	world_init(&w);
	ASSERT_OK(unlink(w.file));
	ASSERT_OK(mkfifo(w.file, 0600));
	ASSERT_FALSE(get_good(&w)); /* and does not hang */
	ASSERT_TRUE(get_good(&w));
	ASSERT_OK(unlink(w.file));
	ASSERT_OK(mkdir(w.file, 0700));
	ASSERT_FALSE(get_good(&w));
	ASSERT_FALSE(get_good(&w));
	world_done(&w);
}

static void
copy_set(const char *from, const char *to, const char *name, const char *more)
{
	_cleanup_free_ char *src = str_printf("%s/%s.set", from, name);
	_cleanup_free_ char *dst = str_printf("%s/%s.set", to, name);
	_cleanup_free_ char *text = NULL, *all = NULL;
	int fd;

	ASSERT_OK(fd_read_file(AT_FDCWD, src, SYSSET_FILE_MAX, &text));
	all = str_printf("%s%s", text, more);
	fd = ASSERT_OK(
		open(dst, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
	ASSERT_OK(fd_write_all(fd, all, strlen(all)));
	close(fd);
}

/* Whatever the filter depends on makes another key. */
TEST(key)
{
	const char *deny[] = { "fork", "vfork" };
	static const char *const names[] = { "default", "base", "net-none",
					     "minimal" };
	struct seccomp_prog p;
	struct world w;

	world_init(&w);
	free(w.sets);
	w.sets = strdup(tap_tmpdir());
	w.spec.sets_dir = w.sets;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *from =
			str_printf("%s/profiles/sets", tap_srcdir());

		copy_set(from, w.sets, names[i], "");
	}
	ASSERT_TRUE(get_good(&w)); /* same text elsewhere: same filter */
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		copy_set(w.sets, w.sets, names[i], "# one more line\n");
		ASSERT_FALSE(get_good(&w));
		ASSERT_TRUE(get_good(&w));
	}
	w.spec.deny = deny;
	w.spec.n_deny = 1;
	ASSERT_FALSE(get(&w, &p));
	seccomp_prog_done(&p);
	w.spec.n_deny = 2;
	ASSERT_FALSE(get(&w, &p));
	seccomp_prog_done(&p);
	ASSERT_TRUE(get(&w, &p));
	seccomp_prog_done(&p);
	/* an error is not cached */
	copy_set(w.sets, w.sets, "minimal", "call nonsense\n");
	for (int i = 0; i < 2; i++) {
		struct err e = ERR_INIT;
		bool hit = true;

		ASSERT_ERR(seccomp_get(&w.spec, w.cache, &p, &hit, &e),
			   -EINVAL);
		ASSERT_TRUE(hit); /* untouched on failure */
	}
	world_done(&w);
}

TEST_LIMIT(bounded, 60)
{
	const char *deny[100];
	struct seccomp_prog p;
	struct world w;
	size_t n = 0;
	DIR *d;

	world_init(&w);
	w.spec.deny = deny;
	for (size_t i = 0; i < ARRAY_SIZE(deny); i++) {
		/* once more the same: another key */
		deny[i] = "fork";
		w.spec.n_deny = i + 1;
		ASSERT_FALSE(get(&w, &p));
		seccomp_prog_done(&p);
	}
	d = opendir(w.cache);
	ASSERT_NOT_NULL(d);
	while (readdir(d))
		n++;
	closedir(d);
	tap_note("%zu entries", n);
	ASSERT_LE(n, 70);
	world_done(&w);
}
