/*
 * Compiling takes more than a millisecond and leaves half a MiB behind in a
 * process that lives as long as its box; finding what was compiled before takes
 * a tenth of that, and leaves nothing.
 *
 * Who can write here decides what the next box may do. So: folder and files are
 * ours alone (lib/cache.h) and never visible inside a box; a file counts only
 * if its key, which has all that the policy was made of, is equal byte by byte.
 * Head and key have a checksum, which is all that is read at a launch. The
 * policy itself is held to the SHA-256 that the card says, and passes
 * policy_open(), which trusts nothing and works out its hash again, before
 * anybody decides by it. The file stays open until then, so that what is read
 * later is what was found. It is read rather than mapped: what was checked
 * cannot change any more.
 *
 * File: struct head, the card, the key, the policy. Native byte order: the
 * files never leave the machine.
 */
#include "profiles/policy_cache.h"

#include "lib/cache.h"
#include "lib/fd.h"
#include "profiles/policy_key.h"

#include <string.h>

/* Raise it with every change of this file's form. */
#define MAGIC 0x314c4f5050584241ull /* "ABXPPOL1" */
#define ENTRIES_MAX 32 /* files; they are removed when there are more */
#define SUFFIX ".policy"
#define CACHED_MAX                                                             \
	(4u << 20) /* bytes of a policy; a larger one is not kept              \
		    */

struct head {
	uint64_t magic;
	uint64_t check; /* hash of card and key */
	uint64_t key_len, len;
};

/* Which levels it has, for people. */
static void
levels_text(const struct policy *p, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t level = 0; level < policy_levels(p); level++) {
		size_t rules = 0;
		const char *name = "";

		for (size_t i = 0; i < policy_rules(p); i++) {
			struct policy_rule_view v;

			policy_rule(p, i, &v);
			if (v.level != level)
				continue;
			name = v.level_name;
			rules++;
		}
		if (rules && n < size)
			n += (size_t)snprintf(buf + n, size - n,
					      "%s%s: %zu rules", n ? ", " : "",
					      name, rules);
	}
}

void
policy_card_make(const struct policy *p, struct policy_card *ret)
{
	size_t len;
	const void *bytes = policy_bytes(p, &len);

	memset(ret, 0, sizeof(*ret));
	memcpy(ret->hash, policy_hash(p), sizeof(ret->hash));
	sha256(bytes, len, ret->digest);
	snprintf(ret->name, sizeof(ret->name), "%s", policy_name(p));
	levels_text(p, ret->levels, sizeof(ret->levels));
}

/* Reading */

static int
read_at(int fd, void *buf, size_t n, uint64_t at)
{
	char *p = buf;

	while (n) {
		ssize_t got = pread(fd, p, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -ENODATA;
		p += got;
		at += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static bool
is_text(const char *s, size_t size)
{
	return memchr(s, '\0', size) != NULL;
}

/* Is what comes before the policy, of n bytes, the one for key? */
static bool
front_ok(const char *front, size_t n, const struct policy_key *key,
	 struct policy_found *f, uint64_t size)
{
	const char *body = front + sizeof(struct head);
	struct head h;

	memcpy(&h, front, sizeof(h));
	if (h.magic != MAGIC || h.key_len != key->len || !h.len ||
	    h.len > CACHED_MAX || h.len != size - n)
		return false;
	if (memcmp(body + sizeof(f->card), key->text, key->len) != 0 ||
	    cache_hash(body, sizeof(f->card) + key->len) != h.check)
		return false;
	memcpy(&f->card, body, sizeof(f->card));
	f->at = n;
	f->len = h.len;
	return is_text(f->card.name, sizeof(f->card.name)) &&
	       is_text(f->card.levels, sizeof(f->card.levels));
}

static int
load(int dirfd, const struct policy_key *key, struct policy_found *f)
{
	size_t n = sizeof(struct head) + sizeof(f->card) + key->len;
	_cleanup_free_ char *front = NULL;
	_cleanup_close_ int fd = -EBADF;
	uint64_t size;
	int r;

	fd = cache_find(dirfd, f->name, &size);
	if (fd < 0)
		return fd;
	if (size < n)
		return -EBADMSG;
	front = malloc(n);
	if (!front)
		return -ENOMEM;
	r = read_at(fd, front, n, 0);
	if (r < 0)
		return r;
	if (!front_ok(front, n, key, f, size))
		return -EBADMSG;
	f->fd = TAKE_FD(fd);
	return 0;
}

/* Writing */

static void
store(int dirfd, const struct policy_key *key, const struct policy_found *f)
{
	size_t n = sizeof(f->card) + key->len, len;
	const void *bytes = policy_bytes(f->policy, &len);
	_cleanup_free_ char *body = malloc(n);
	struct head h = { .magic = MAGIC, .key_len = key->len, .len = len };
	const struct iovec part[] = {
		{ &h, sizeof(h) },
		{ body, n },
		{ (void *)(uintptr_t)bytes, len },
	};

	if (!body || len > CACHED_MAX)
		return;
	memcpy(body, &f->card, sizeof(f->card));
	memcpy(body + sizeof(f->card), key->text, key->len);
	h.check = cache_hash(body, n);
	cache_put(dirfd, f->name, SUFFIX, ENTRIES_MAX, part, ARRAY_SIZE(part));
}

/* Files may have changed while it was compiled, so that it was made of what the
 * key does not say. */
static bool
key_holds(const struct profile *p, const struct authority_env *env,
	  const struct policy_key *key)
{
	struct policy_key now;
	bool same;

	if (policy_key_make(p, env, &now) < 0)
		return false;
	same = now.len == key->len && !memcmp(now.text, key->text, key->len);
	policy_key_done(&now);
	return same;
}

int
policy_find(const struct profile *p, const struct authority_env *env,
	    const char *cache_dir, struct policy_found *ret, struct err *e)
{
	_cleanup_(policy_key_done) struct policy_key key = { NULL, 0 };
	_cleanup_close_ int dirfd = -EBADF;
	struct policy_found f = POLICY_FOUND_NONE;
	int r;

	if (cache_dir && policy_key_make(p, env, &key) >= 0) {
		dirfd = cache_open(cache_dir);
		snprintf(f.name, sizeof(f.name), "%016llx" SUFFIX,
			 (unsigned long long)cache_hash(key.text, key.len));
	}
	if (dirfd >= 0 && load(dirfd, &key, &f) >= 0) {
		*ret = f;
		return 0;
	}
	r = profile_policy(p, env, &f.policy, e);
	if (r < 0)
		return r;
	policy_card_make(f.policy, &f.card);
	if (dirfd >= 0 && key_holds(p, env, &key))
		store(dirfd, &key, &f);
	*ret = f;
	return 0;
}

/* Opening */

static int
open_bytes(struct policy_found *f, void *data, struct err *e)
{
	uint8_t digest[SHA256_LEN];
	struct policy *p;
	int r;

	sha256(data, f->len, digest);
	if (memcmp(digest, f->card.digest, sizeof(digest)) != 0) {
		free(data);
		return err_set(e, -EBADMSG, "%s: damaged", f->name);
	}
	r = policy_open_own(data, f->len, &p, e);
	if (r < 0)
		return r;
	if (memcmp(policy_hash(p), f->card.hash, sizeof(f->card.hash)) != 0) {
		policy_free(p);
		return err_set(e, -EBADMSG, "%s: another policy", f->name);
	}
	f->policy = p;
	return 0;
}

static int
read_policy(struct policy_found *f, struct err *e)
{
	char *data = malloc(f->len);
	int r = data ? read_at(f->fd, data, f->len, f->at) : -ENOMEM;

	if (r < 0) {
		free(data);
		return err_sys(e, r, "%s", f->name);
	}
	return open_bytes(f, data, e);
}

static void
drop(const char *cache_dir, const char *name)
{
	_cleanup_close_ int dirfd = cache_dir ? cache_open(cache_dir) : -EBADF;

	if (dirfd >= 0)
		cache_drop(dirfd, name);
}

int
policy_found_open(struct policy_found *f, const char *cache_dir, struct err *e)
{
	int r;

	if (f->policy)
		return 0;
	r = read_policy(f, e);
	if (r == -ENOMEM)
		return r;
	close(TAKE_FD(f->fd));
	if (r >= 0)
		return 0;
	drop(cache_dir, f->name);
	return -EBADMSG;
}

void
policy_found_done(struct policy_found *f)
{
	policy_free(f->policy);
	if (f->fd >= 0)
		close(f->fd);
	*f = (struct policy_found)POLICY_FOUND_NONE;
}
