/* links: sandbox lib */
/* The plan survives its encoding, and nothing malformed survives the decoder.
 */
#include "sandbox/plan.h"
#include "tests/tap.h"
#include "tests/tools/sample_plan.h"

#include <string.h>
#include <sys/resource.h>

static void
encode(const struct plan *p, void **data, size_t *len)
{
	struct err e = ERR_INIT;

	ASSERT_OK(plan_encode(p, data, len, &e));
}

static int
decode_result(const void *data, size_t len)
{
	struct plan *p = NULL;
	struct err e = ERR_INIT;
	int r = plan_decode(data, len, &p, &e);

	plan_free(p);
	return r;
}

TEST(round_trip)
{
	struct plan p, *q = NULL;
	struct err e = ERR_INIT;
	void *data;
	size_t len;

	sample_plan(&p);
	p.flags |= PLAN_NETWORK;
	p.sockets = 5;
	encode(&p, &data, &len);
	ASSERT_OK(plan_decode(data, len, &q, &e));
	ASSERT_EQ(q->flags, p.flags);
	ASSERT_EQ(q->sockets, 5u);
	ASSERT_EQ(q->n_fs, p.n_fs);
	for (size_t i = 0; i < p.n_fs; i++) {
		ASSERT_EQ(q->fs[i].kind, p.fs[i].kind);
		ASSERT_EQ(q->fs[i].flags, p.fs[i].flags);
		ASSERT_EQ(q->fs[i].mode, p.fs[i].mode);
		ASSERT_EQ(q->fs[i].size, p.fs[i].size);
		ASSERT_STREQ(q->fs[i].dst, p.fs[i].dst);
		if (p.fs[i].src)
			ASSERT_STREQ(q->fs[i].src, p.fs[i].src);
		else
			ASSERT_NULL(q->fs[i].src);
	}
	ASSERT_STREQ(q->fs[3].data, "box\n");
	ASSERT_EQ(q->rules[0].access, 13u);
	ASSERT_STREQ(q->rules[1].path, "/");
	ASSERT_EQ(q->rlimits[0].hard, 4096u);
	ASSERT_STREQ(q->args[0], "true");
	ASSERT_STREQ(q->args[1], "");
	ASSERT_NULL(q->args[2]);
	ASSERT_STREQ(q->env[0], "PATH=/usr/bin");
	ASSERT_EQ(q->n_insns, p.n_insns);
	ASSERT_MEMEQ(q->insns, p.insns, p.n_insns * sizeof(*p.insns));
	ASSERT_EQ(q->oom_score_adj, 500);
	ASSERT_STREQ(q->hostname, "box");
	plan_free(q);
	free(data);
}

TEST(every_truncation_is_refused)
{
	struct plan p;
	void *data;
	size_t len;

	sample_plan(&p);
	encode(&p, &data, &len);
	for (size_t n = 0; n < len; n++)
		ASSERT_TRUE(decode_result(data, n) < 0);
	ASSERT_OK(decode_result(data, len));
	free(data);
}

/* No flip of a byte may crash the decoder or let an unclean plan through; the
 * sanitizer build sees the former. */
TEST_LIMIT(every_flipped_byte, 60)
{
	struct plan p, *q;
	struct err e = ERR_INIT;
	unsigned char *data;
	void *v;
	size_t len;

	sample_plan(&p);
	encode(&p, &v, &len);
	data = v;
	for (size_t i = 0; i < len; i++)
		for (int bit = 0; bit < 8; bit++) {
			data[i] ^= (unsigned char)(1 << bit);
			q = NULL;
			if (plan_decode(data, len, &q, &e) >= 0) {
				ASSERT_TRUE(q->n_args >= 1);
				for (size_t k = 0; k < q->n_fs; k++)
					ASSERT_EQ(q->fs[k].dst[0], '/');
			}
			plan_free(q);
			data[i] ^= (unsigned char)(1 << bit);
		}
	free(data);
}

static void
refused(const struct plan *p)
{
	struct err e = ERR_INIT;
	void *data = NULL;
	size_t len;

	if (plan_encode(p, &data, &len, &e) < 0)
		return;
	ASSERT_ERR(decode_result(data, len), -EBADMSG);
	free(data);
}

#define REFUSED(change)                                                        \
	do {                                                                   \
		struct plan p;                                                 \
		struct plan_fs fs[16];                                         \
		sample_plan(&p);                                               \
		memcpy(fs, p.fs, p.n_fs * sizeof(*fs));                        \
		p.fs = fs;                                                     \
		change;                                                        \
		refused(&p);                                                   \
	} while (0)

TEST(bad_contents_are_refused)
{
	/* a broker has sockets, and a box that it serves has loopback */
	REFUSED(p.sockets = 5);
	REFUSED(p.flags |= PLAN_NETWORK);
	REFUSED(p.flags |= PLAN_NETWORK; p.sockets = PLAN_SOCKETS_MAX + 1);
	REFUSED(p.flags = PLAN_NETWORK; p.sockets = 5);
	REFUSED(fs[0].dst = "usr");
	REFUSED(fs[0].dst = "/usr/../etc");
	REFUSED(fs[0].dst = "/usr/");
	REFUSED(fs[0].src = "relative");
	REFUSED(fs[0].src = NULL);
	REFUSED(fs[0].kind = PLAN_FS_KIND_MAX);
	REFUSED(fs[0].flags = 0x80);
	REFUSED(fs[2].mode = 010000);
	REFUSED(fs[3].data = NULL);
	REFUSED(fs[6].size = 0);
	REFUSED(p.hostname = NULL);
	REFUSED(p.hostname = "a-name-that-is-longer-than-the-sixty-four-bytes-"
			     "that-the-kernel-takes");
	REFUSED(p.workdir = "tmp");
	REFUSED(p.canary = NULL);
	REFUSED(p.n_insns = 0);
	REFUSED(p.umask = 01000);
	REFUSED(p.oom_score_adj = -1001);
	REFUSED(p.flags = 0x80);
	REFUSED(p.layers = ~0u);
	REFUSED(p.n_args = 0);
}

TEST(limits_and_rules_out_of_range)
{
	struct plan_rlimit inverted = { RLIMIT_NOFILE, 10, 5 };
	struct plan_rlimit unknown = { 99, 1, 1 };
	struct plan_rule alien = { 1ull << 40, "/usr" };

	REFUSED(p.rlimits = &inverted);
	REFUSED(p.rlimits = &unknown);
	REFUSED((p.rules = &alien, p.n_rules = 1));
}

TEST(too_much_is_refused)
{
	static const char *args[PLAN_ARGS_MAX + 2];
	struct plan p;
	struct err e = ERR_INIT;
	void *data;
	size_t len;
	char *big = malloc(PLAN_SIZE_MAX + 1);

	sample_plan(&p);
	for (size_t i = 0; i <= PLAN_ARGS_MAX; i++)
		args[i] = "x";
	p.args = args;
	p.n_args = PLAN_ARGS_MAX + 1;
	ASSERT_ERR(plan_encode(&p, &data, &len, &e), -E2BIG);
	memset(big, 'a', PLAN_SIZE_MAX);
	big[PLAN_SIZE_MAX] = '\0';
	args[0] = big;
	p.n_args = 1;
	ASSERT_ERR(plan_encode(&p, &data, &len, &e), -E2BIG);
	ASSERT_STRSTR(e.text, "too large");
	free(big);
}
