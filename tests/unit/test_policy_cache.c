/* links: lib policy sandbox profiles */
/*
 * The cache of policies: a hit is the same policy; whatever it was made of
 * makes another key; whatever is wrong with a file or the folder leads to a
 * policy that is made anew, never to the use of what lies there.
 */
#include "profiles/policy_cache.h"

#include "lib/cache.h"
#include "lib/fd.h"
#include "lib/str.h"
#include "profiles/policy_key.h"
#include "tests/tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define CHILD                                                                  \
	"{\"version\": 1, \"name\": \"child\", \"role\": \"execute\", "        \
	"\"extends\": {\"profiles\": [\"mother\"], \"groups\": [\"g\"]}, "     \
	"\"files\": {\"read\": [\"@some\"]}, "                                 \
	"\"process\": {\"syscalls\": [\"calls\"]}}"
#define MOTHER                                                                 \
	"{\"version\": 1, \"name\": \"mother\", \"role\": \"execute\", "       \
	"\"files\": {\"read\": [\"@some\", \"/srv\"]}, "                       \
	"\"process\": {\"syscalls\": [\"calls\"]}, "                           \
	"\"network\": {\"allow\": [\"*.example.com\"]}}"
#define GROUP                                                                  \
	"{\"version\": 1, \"name\": \"g\", "                                   \
	"\"network\": {\"allow\": [\"a.example.com\"]}}"
#define RUN "{\"version\": 1, \"network\": {\"allow\": [\"a.example.com\"]}}"
#define HOST                                                                   \
	"{\"version\": 1, \"rules\": [{\"id\": \"no\", \"on\": \"network\", "  \
	"\"match\": {\"host\": \"b.example.com\"}, "                           \
	"\"effect\": \"prohibit\"}]}"

/* What a policy is made of, in the test's folder. */
struct den {
	char dir[400], cache[512], sets[512], host[512], run[512];
	bool narrow;
	struct policy_found good;
	char *file; /* of good */
};

static void
put_in(const struct den *d, const char *name, const char *text)
{
	_cleanup_free_ char *path = str_printf("%s/%s", d->dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ASSERT_OK(fd);
	ASSERT_OK(fd_write_all(fd, text, strlen(text)));
	close(fd);
}

static void
overwrite(const char *path, const void *data, size_t len)
{
	int fd = ASSERT_OK(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));

	ASSERT_OK(fd_write_all(fd, data, len));
	close(fd);
}

/* As a launch does it: load, then find. */
static struct policy_found
find_as(const struct den *d, const char *name, const char *cache)
{
	const char *search[] = { d->dir, NULL };
	struct authority_env env = { .sets_dir = d->sets,
				     .host_policy = d->host };
	struct policy_found f = POLICY_FOUND_NONE;
	struct profile *p = NULL, *narrow = NULL;
	struct err e = ERR_INIT;

	if (profile_load(name, search, &p, &e) < 0)
		FAIL("%s", e.text);
	if (d->narrow && profile_load_run(d->run, p, search, &narrow, &e) < 0)
		FAIL("%s", e.text);
	env.narrow = narrow;
	if (policy_find(p, &env, cache, &f, &e) < 0)
		FAIL("%s", e.text);
	profile_free(narrow);
	profile_free(p);
	return f;
}

static bool
is_hit(const struct den *d)
{
	struct policy_found f = find_as(d, "child", d->cache);
	bool hit = !f.policy;

	policy_found_done(&f);
	return hit;
}

static bool
same_bytes(const struct policy *a, const struct policy *b)
{
	size_t n, m;
	const void *x = policy_bytes(a, &n), *y = policy_bytes(b, &m);

	return n == m && !memcmp(x, y, n);
}

/* Whatever lies in the cache, what comes out is the right policy. */
static bool
get_good(const struct den *d)
{
	struct policy_found f = find_as(d, "child", d->cache);
	struct err e = ERR_INIT;
	bool hit = !f.policy;

	ASSERT_MEMEQ(&f.card, &d->good.card, sizeof(f.card));
	ASSERT_OK(policy_found_open(&f, d->cache, &e));
	ASSERT_TRUE(same_bytes(f.policy, d->good.policy));
	ASSERT_EQ(f.fd, -EBADF);
	policy_found_done(&f);
	return hit;
}

/* The one entry of the folder. */
static char *
entry(const char *cache)
{
	DIR *dir = opendir(cache);
	const struct dirent *e;
	char *path = NULL;

	ASSERT_NOT_NULL(dir);
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		ASSERT_NULL(path);
		path = str_printf("%s/%s", cache, e->d_name);
	}
	closedir(dir);
	return path;
}

static void
fill(struct den *d)
{
	char path[600];

	snprintf(d->dir, sizeof(d->dir), "%s", tap_tmpdir());
	snprintf(d->cache, sizeof(d->cache), "%s/a/cache", d->dir);
	snprintf(d->sets, sizeof(d->sets), "%s/sets", d->dir);
	snprintf(d->host, sizeof(d->host), "%s/host.json", d->dir);
	snprintf(d->run, sizeof(d->run), "%s/run.json", d->dir);
	snprintf(path, sizeof(path), "%s/groups", d->dir);
	ASSERT_OK(mkdir(path, 0700));
	ASSERT_OK(mkdir(d->sets, 0700));
	put_in(d, "child.json", CHILD);
	put_in(d, "mother.json", MOTHER);
	put_in(d, "groups/g.json", GROUP);
	put_in(d, "run.json", RUN);
	put_in(d, "sets/some.paths", "read /usr/share/doc\n");
	put_in(d, "sets/calls.set", "include more\ncall read\n");
	put_in(d, "sets/more.set", "call write\n");
}

static void
den_init(struct den *d)
{
	memset(d, 0, sizeof(*d));
	fill(d);
	d->good = find_as(d, "child", d->cache);
	ASSERT_NOT_NULL(d->good.policy);
	d->file = entry(d->cache);
	ASSERT_NOT_NULL(d->file);
	ASSERT_TRUE(get_good(d));
}

static void
den_done(struct den *d)
{
	policy_found_done(&d->good);
	free(d->file);
}

TEST(a_hit_is_the_same)
{
	struct policy_found f;
	struct err e = ERR_INIT;
	struct stat st;
	struct den d;

	den_init(&d);
	f = find_as(&d, "child", d.cache);
	ASSERT_NULL(f.policy);
	ASSERT_STREQ(f.card.name, "child");
	ASSERT_MEMEQ(f.card.hash, policy_hash(d.good.policy), POLICY_HASH_LEN);
	ASSERT_STRSTR(f.card.levels, "child: ");
	/* what was found stays what is opened */
	ASSERT_OK(unlink(d.file));
	ASSERT_OK(policy_found_open(&f, d.cache, &e));
	ASSERT_TRUE(same_bytes(f.policy, d.good.policy));
	policy_found_done(&f);
	ASSERT_FALSE(get_good(&d));
	ASSERT_OK(stat(d.cache, &st));
	ASSERT_EQ(st.st_mode & 07777, 0700);
	ASSERT_OK(stat(d.file, &st));
	ASSERT_EQ(st.st_mode & 07777, 0600);
	den_done(&d);
}

TEST(no_cache)
{
	static const char *const none[] = { NULL, "/proc/nowhere/cache",
					    "/dev/null" };
	struct den d;

	den_init(&d);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		struct policy_found f = find_as(&d, "child", none[i]);

		ASSERT_NOT_NULL(f.policy);
		ASSERT_TRUE(same_bytes(f.policy, d.good.policy));
		policy_found_done(&f);
	}
	den_done(&d);
}

/* ---- what it is made of ------------------------------------------------- */

/* With other contents it is another policy, and the former one again with the
 * former. */
TEST(every_file_counts)
{
	static const struct {
		const char *file, *was, *is;
	} files[] = {
		{ "child.json", CHILD, CHILD "// a word\n" },
		{ "mother.json", MOTHER, MOTHER "// a word\n" },
		{ "groups/g.json", GROUP, GROUP "// a word\n" },
		{ "sets/some.paths", "read /usr/share/doc\n",
		  "read /usr/share/man\n" },
		{ "sets/calls.set", "include more\ncall read\n",
		  "include more\ncall mmap\n" },
		{ "sets/more.set", "call write\n", "call close\n" },
	};
	struct den d;

	den_init(&d);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		put_in(&d, files[i].file, files[i].is);
		ASSERT_FALSE(is_hit(&d));
		ASSERT_TRUE(is_hit(&d));
		put_in(&d, files[i].file, files[i].was);
		ASSERT_TRUE(get_good(&d));
	}
	den_done(&d);
}

TEST(the_hosts_policy_counts)
{
	struct den d;

	den_init(&d);
	put_in(&d, "host.json", HOST);
	ASSERT_FALSE(is_hit(&d));
	ASSERT_TRUE(is_hit(&d));
	put_in(&d, "host.json", HOST " ");
	ASSERT_FALSE(is_hit(&d));
	ASSERT_OK(unlink(d.host));
	ASSERT_TRUE(get_good(&d));
	den_done(&d);
}

TEST(the_run_counts)
{
	struct den d;

	den_init(&d);
	d.narrow = true;
	ASSERT_FALSE(is_hit(&d));
	ASSERT_TRUE(is_hit(&d));
	put_in(&d, "run.json", RUN " ");
	ASSERT_FALSE(is_hit(&d));
	d.narrow = false;
	ASSERT_TRUE(get_good(&d));
	den_done(&d);
}

/* The names of files are in a policy, for who explains it. */
TEST(the_place_counts)
{
	struct policy_found f;
	char other[512];
	struct den d;

	den_init(&d);
	put_in(&d, "same.json", CHILD);
	f = find_as(&d, "same", d.cache);
	ASSERT_NOT_NULL(f.policy);
	ASSERT_MEMEQ(f.card.hash, d.good.card.hash, sizeof(f.card.hash));
	ASSERT_FALSE(same_bytes(f.policy, d.good.policy));
	policy_found_done(&f);
	snprintf(other, sizeof(other), "%s/sets2", d.dir);
	ASSERT_OK(rename(d.sets, other));
	snprintf(d.sets, sizeof(d.sets), "%s", other);
	/* calls are inherited by what the search folders say of them */
	ASSERT_FALSE(is_hit(&d));
	den_done(&d);
}

/* An error is one each time, and leaves nothing behind. */
TEST(what_fails_is_not_kept)
{
	const char *search[2] = { NULL };
	struct authority_env env;
	struct profile *p;
	struct den d;

	den_init(&d);
	ASSERT_OK(unlink(d.file));
	search[0] = d.dir;
	env = (struct authority_env){ .sets_dir = d.sets };
	ASSERT_OK(profile_load("child", search, &p, NULL));
	put_in(&d, "sets/some.paths", "nonsense\n");
	for (int i = 0; i < 2; i++) {
		struct policy_found f = POLICY_FOUND_NONE;
		struct err e = ERR_INIT;

		ASSERT_ERR(policy_find(p, &env, d.cache, &f, &e), -EINVAL);
		ASSERT_STRSTR(e.text, "some.paths:1");
		ASSERT_NULL(f.policy);
	}
	ASSERT_NULL(entry(d.cache));
	profile_free(p);
	den_done(&d);
}

/* ---- files that are not what they should be ----------------------------- */

struct head {
	uint64_t magic, check, key_len, len;
};

#define FRONT (sizeof(struct head) + sizeof(struct policy_card))

/* The entry with other bytes as its policy and another card. */
static void
forge(const struct den *d, const struct policy_card *card, const void *bytes,
      size_t len)
{
	_cleanup_free_ char *old = NULL, *data = NULL;
	struct head h;

	ASSERT_OK(fd_read_file(AT_FDCWD, d->file, 1 << 22, &old));
	memcpy(&h, old, sizeof(h));
	data = malloc(FRONT + h.key_len + len);
	ASSERT_NOT_NULL(data);
	memcpy(data, old, FRONT + h.key_len);
	memcpy(data + sizeof(h), card, sizeof(*card));
	memcpy(data + FRONT + h.key_len, bytes, len);
	h.len = len;
	h.check = cache_hash(data + sizeof(h), sizeof(*card) + h.key_len);
	memcpy(data, &h, sizeof(h));
	overwrite(d->file, data, FRONT + h.key_len + len);
}

/* What was found turns out to be no policy when it is opened; the next one is
 * made anew. */
static void
opens_not(const struct den *d)
{
	struct policy_found f = find_as(d, "child", d->cache);
	struct err e = ERR_INIT;

	ASSERT_NULL(f.policy);
	ASSERT_ERR(policy_found_open(&f, d->cache, &e), -EBADMSG);
	ASSERT_NULL(f.policy);
	ASSERT_ERR(policy_found_open(&f, d->cache, &e), -EBADMSG);
	policy_found_done(&f);
	ASSERT_ERR(access(d->file, F_OK), -1);
	ASSERT_FALSE(get_good(d));
}

TEST(forged)
{
	struct policy_card card;
	const char *bytes;
	size_t len;
	_cleanup_free_ char *copy = NULL;
	char *name;
	struct den d;

	den_init(&d);
	bytes = policy_bytes(d.good.policy, &len);
	copy = malloc(len);
	ASSERT_NOT_NULL(copy);
	memcpy(copy, bytes, len);
	card = d.good.card;
	/* this is how it would be done: the forgery works */
	forge(&d, &card, copy, len);
	ASSERT_TRUE(get_good(&d));
	/* the name of a file, which the hash leaves out */
	name = memmem(copy, len, "mother.json", 11);
	ASSERT_NOT_NULL(name);
	*name = 'b';
	forge(&d, &card, copy, len);
	opens_not(&d);
	/* no policy, and the card says so */
	memset(copy, 0, len);
	sha256(copy, len, card.digest);
	forge(&d, &card, copy, len);
	opens_not(&d);
	/* a policy, but not the one of the card */
	card = d.good.card;
	card.hash[0] ^= 1;
	forge(&d, &card, bytes, len);
	opens_not(&d);
	/* a text without an end */
	card = d.good.card;
	memset(card.levels, 'x', sizeof(card.levels));
	forge(&d, &card, bytes, len);
	ASSERT_FALSE(get_good(&d));
	den_done(&d);
}

/* The policy of another profile, whole and valid, under our name. */
TEST(foreign_key)
{
	_cleanup_free_ char *theirs = NULL;
	struct den d;

	den_init(&d);
	ASSERT_OK(unlink(d.file));
	put_in(&d, "child.json", CHILD " ");
	ASSERT_FALSE(is_hit(&d));
	theirs = entry(d.cache);
	ASSERT_OK(rename(theirs, d.file));
	put_in(&d, "child.json", CHILD);
	ASSERT_FALSE(get_good(&d));
	ASSERT_TRUE(get_good(&d));
	den_done(&d);
}

/* Each byte of what is read at a launch. */
TEST_LIMIT(flipped, 120)
{
	_cleanup_free_ char *data = NULL;
	struct head h;
	struct den d;
	ssize_t len;

	den_init(&d);
	len = ASSERT_OK(fd_read_file(AT_FDCWD, d.file, 1 << 22, &data));
	memcpy(&h, data, sizeof(h));
	for (size_t i = 0; i < FRONT + h.key_len; i += i < 100 ? 1 : 31) {
		data[i] ^= (char)(1 << i % 8);
		overwrite(d.file, data, (size_t)len);
		if (get_good(&d))
			FAIL("flipped byte %zu was a hit", i);
		data[i] ^= (char)(1 << i % 8);
	}
	/* and some of what is read later */
	for (size_t i = FRONT + h.key_len; i < (size_t)len; i += 9973) {
		data[i] ^= (char)(1 << i % 8);
		overwrite(d.file, data, (size_t)len);
		opens_not(&d);
		data[i] ^= (char)(1 << i % 8);
	}
	den_done(&d);
}

TEST_LIMIT(truncated, 60)
{
	_cleanup_free_ char *data = NULL, *longer = NULL;
	struct den d;
	ssize_t len;

	den_init(&d);
	len = ASSERT_OK(fd_read_file(AT_FDCWD, d.file, 1 << 22, &data));
	for (ssize_t cut = 0; cut < len; cut += cut < 40 ? 1 : 4099) {
		overwrite(d.file, data, (size_t)cut);
		ASSERT_FALSE(get_good(&d));
	}
	longer = calloc(1, (size_t)len + 8);
	ASSERT_NOT_NULL(longer);
	memcpy(longer, data, (size_t)len);
	overwrite(d.file, longer, (size_t)len + 8);
	ASSERT_FALSE(get_good(&d));
	ASSERT_TRUE(get_good(&d));
	den_done(&d);
}

/* Between the launch and the first question. */
TEST(cut_after_it_was_found)
{
	struct policy_found f;
	struct err e = ERR_INIT;
	struct den d;

	den_init(&d);
	f = find_as(&d, "child", d.cache);
	ASSERT_NULL(f.policy);
	ASSERT_OK(truncate(d.file, (off_t)(f.at + f.len - 1)));
	ASSERT_ERR(policy_found_open(&f, d.cache, &e), -EBADMSG);
	policy_found_done(&f);
	ASSERT_FALSE(get_good(&d));
	den_done(&d);
}

TEST(modes)
{
	static const mode_t file[] = { 0620, 0602, 0660, 0666, 0640, 0604 };
	static const mode_t folder[] = { 0720, 0702, 0777, 0755, 01777 };
	struct den d;

	den_init(&d);
	for (size_t i = 0; i < ARRAY_SIZE(file); i++) {
		ASSERT_OK(chmod(d.file, file[i]));
		ASSERT_FALSE(get_good(&d));
		ASSERT_TRUE(get_good(&d));
	}
	for (size_t i = 0; i < ARRAY_SIZE(folder); i++) {
		ASSERT_OK(chmod(d.cache, folder[i]));
		ASSERT_FALSE(get_good(&d));
	}
	ASSERT_OK(chmod(d.cache, 0700));
	ASSERT_TRUE(get_good(&d));
	den_done(&d);
}

TEST(owner)
{
	struct den d;

	if (geteuid() != 0)
		SKIP("needs root: giving a file to another user");
	den_init(&d);
	ASSERT_OK(chown(d.file, 65534, 65534));
	ASSERT_FALSE(get_good(&d));
	ASSERT_TRUE(get_good(&d));
	ASSERT_OK(chown(d.cache, 65534, 65534));
	ASSERT_FALSE(get_good(&d));
	ASSERT_FALSE(get_good(&d));
	den_done(&d);
}

TEST(links_and_pipes)
{
	_cleanup_free_ char *aside = NULL, *other = NULL;
	struct stat st;
	struct den d;

	den_init(&d);
	aside = str_printf("%s.aside", d.file);
	other = str_printf("%s.other", d.cache);
	/* a second name: somebody else may hold it open for writing */
	ASSERT_OK(link(d.file, aside));
	ASSERT_FALSE(get_good(&d));
	ASSERT_TRUE(get_good(&d));
	/* a link in the place of the file is replaced, not followed */
	ASSERT_OK(rename(d.file, aside));
	ASSERT_OK(symlink(aside, d.file));
	ASSERT_FALSE(get_good(&d));
	ASSERT_OK(lstat(d.file, &st));
	ASSERT_TRUE(S_ISREG(st.st_mode));
	/* a pipe does not hang us */
	ASSERT_OK(unlink(d.file));
	ASSERT_OK(mkfifo(d.file, 0600));
	ASSERT_FALSE(get_good(&d));
	ASSERT_TRUE(get_good(&d));
	/* a link in the place of the folder is not followed */
	ASSERT_OK(rename(d.cache, other));
	ASSERT_OK(symlink(other, d.cache));
	ASSERT_FALSE(get_good(&d));
	ASSERT_FALSE(get_good(&d));
	den_done(&d);
}

TEST_LIMIT(bounded, 60)
{
	char text[512];
	struct den d;
	size_t n = 0;
	DIR *dir;

	den_init(&d);
	for (int i = 0; i < 70; i++) {
		snprintf(text, sizeof(text), "%s// %d\n", CHILD, i);
		put_in(&d, "child.json", text);
		ASSERT_FALSE(is_hit(&d));
		ASSERT_TRUE(is_hit(&d));
	}
	dir = opendir(d.cache);
	ASSERT_NOT_NULL(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	ASSERT_LE(n, 34);
	den_done(&d);
}
