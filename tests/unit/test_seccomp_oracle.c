/* links: lib sandbox */
/*
 * Is the compiled program what the rules say? Two independent judges: the
 * filter that libseccomp makes of the same rules, for the shipped sets; and the
 * rules read one by one, for thousands of random rule sets (that is also what
 * reaches the long jumps and the 64-bit comparisons).
 */
#include "lib/str.h"
#include "sandbox/sysset.h"
#include "tests/tap.h"
#include "tests/tools/bpf_sim.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static uint64_t
rnd(uint64_t *state)
{
	/* xorshift64 */
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint32_t
verdict(const struct seccomp_prog *p, const struct seccomp_data *data)
{
	struct bpf_sim sim;

	ASSERT_OK(bpf_sim_run(p->insns, p->n, data, &sim));
	return sim.verdict;
}

/* ---- libseccomp --------------------------------------------------------- */

static bool
has_allow(const struct sysset_rules *rules, unsigned int nr)
{
	for (size_t i = 0; i < rules->n; i++) {
		if (rules->v[i].nr == nr && !rules->v[i].err)
			return true;
	}
	return false;
}

static void
oracle_add(scmp_filter_ctx ctx, const struct sysset_rules *rules,
	   const struct sysset_rule *r)
{
	struct scmp_arg_cmp cmp[SYSSET_CONDS_MAX];
	uint32_t action = r->err ? SCMP_ACT_ERRNO(r->err) : SCMP_ACT_ALLOW;

	/* it knows no order of strength between allow and errno, and no
	 * errno with conditions beside another one: pretended() has those */
	if (r->err && (r->n_conds || has_allow(rules, r->nr)))
		return;
	for (unsigned int i = 0; i < r->n_conds; i++)
		cmp[i] = (struct scmp_arg_cmp){ r->cond[i].arg,
						SCMP_CMP_MASKED_EQ,
						r->cond[i].mask,
						r->cond[i].value };
	ASSERT_OK(seccomp_rule_add_array(ctx, action, (int)r->nr, r->n_conds,
					 cmp));
}

static void
oracle_build(const struct sysset_rules *rules, struct seccomp_prog *ret)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int fd = ASSERT_OK(memfd_create("oracle", MFD_CLOEXEC));
	ssize_t len;

	ASSERT_NOT_NULL(ctx);
	ASSERT_OK(seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
				   SCMP_ACT_KILL_PROCESS));
	for (size_t i = 0; i < rules->n; i++)
		oracle_add(ctx, rules, &rules->v[i]);
	ASSERT_OK(seccomp_export_bpf(ctx, fd));
	seccomp_release(ctx);
	ret->insns = calloc(SECCOMP_INSNS_MAX, sizeof(*ret->insns));
	len = ASSERT_OK(pread(fd, ret->insns,
			      SECCOMP_INSNS_MAX * sizeof(*ret->insns), 0));
	ret->n = (size_t)len / sizeof(*ret->insns);
	close(fd);
}

static bool
matches(const struct sysset_rule *r, const struct seccomp_data *d)
{
	for (unsigned int i = 0; i < r->n_conds; i++) {
		if ((d->args[r->cond[i].arg] & r->cond[i].mask) !=
		    r->cond[i].value)
			return false;
	}
	return true;
}

static bool
pretended(const struct sysset_rules *rules, const struct seccomp_data *d)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct sysset_rule *r = &rules->v[i];

		if (r->nr == (unsigned int)d->nr && r->err == SYSSET_PRETEND &&
		    matches(r, d))
			return true;
	}
	return false;
}

/* A value that a rule mentions, or one near it, or noise above it. */
static uint64_t
interesting(const struct sysset_rules *rules, unsigned int nr, unsigned int arg,
	    uint64_t *seed)
{
	uint64_t v = rnd(seed);
	size_t start = rnd(seed) % rules->n;

	for (size_t i = 0; i < rules->n; i++) {
		const struct sysset_rule *r = &rules->v[(start + i) % rules->n];

		for (unsigned int c = 0; r->nr == nr && c < r->n_conds; c++) {
			if (r->cond[c].arg != arg)
				continue;
			v = r->cond[c].value;
			start = rules->n;
			i = rules->n;
		}
	}
	switch (rnd(seed) % 8) {
	case 0:
		return v + 1;
	case 1:
		return v - 1;
	case 2:
		return v | rnd(seed) << 32;
	case 3:
		return v ^ 1ull << rnd(seed) % 64;
	case 4:
		return rnd(seed) >> rnd(seed) % 64;
	default:
		return v;
	}
}

static void
compare(const char *sets)
{
	_cleanup_free_ char *dir = str_printf("%s/profiles/sets", tap_srcdir());
	struct seccomp_spec spec = { .sets_dir = dir,
				     .sets = { sets },
				     .n_sets = 1 };
	struct seccomp_prog ours, theirs;
	struct sysset_files files;
	struct sysset_rules rules;
	struct err e = ERR_INIT;
	uint64_t seed = 88172645463325252ull;
	size_t allowed = 0, n = 0;
	uint32_t want;

	ASSERT_OK(sysset_read(&spec, &files, &e));
	ASSERT_OK(sysset_parse(&files, &spec, SYSSET_ARCH_NATIVE, &rules, &e));
	oracle_build(&rules, &theirs);
	ASSERT_OK(sysset_compile(&rules, SYSSET_ARCH_NATIVE, &ours, &e));
	for (unsigned int nr = 0; nr <= sysset_call_max(SYSSET_ARCH_NATIVE);
	     nr++) {
		for (int i = 0; i < 400; i++, n++) {
			struct seccomp_data d = { .nr = (int)nr,
						  .arch = SYSSET_ARCH_NATIVE };

			for (unsigned int a = 0; a < 6; a++)
				d.args[a] = interesting(&rules, nr, a, &seed);
			want = verdict(&theirs, &d);
			if (want != SECCOMP_RET_ALLOW && pretended(&rules, &d))
				want = SECCOMP_RET_ERRNO;
			if (verdict(&ours, &d) != want)
				FAIL("%s: call %u (%llx %llx %llx): 0x%x, "
				     "libseccomp says 0x%x",
				     sets, nr, (unsigned long long)d.args[0],
				     (unsigned long long)d.args[1],
				     (unsigned long long)d.args[2],
				     verdict(&ours, &d), want);
			allowed += verdict(&ours, &d) == SECCOMP_RET_ALLOW;
		}
	}
	tap_note("%s: %zu calls, %zu allowed; %zu instructions, libseccomp %zu",
		 sets, n, allowed, ours.n, theirs.n);
	seccomp_prog_done(&ours);
	seccomp_prog_done(&theirs);
	sysset_rules_done(&rules);
	sysset_files_done(&files);
}

TEST_LIMIT(libseccomp_minimal, 60)
{
	compare("minimal");
}

TEST_LIMIT(libseccomp_default, 60)
{
	compare("default");
}

TEST_LIMIT(libseccomp_dev, 60)
{
	compare("dev");
}

/* ---- random rules ------------------------------------------------------- */

static uint32_t
judge(const struct sysset_rules *rules, const struct seccomp_data *d)
{
	uint32_t err[2] = { 0, 0 }; /* without and with conditions */

	for (size_t i = 0; i < rules->n; i++) {
		const struct sysset_rule *r = &rules->v[i];
		uint32_t *at = &err[r->n_conds > 0];

		if (r->nr != (unsigned int)d->nr || !matches(r, d))
			continue;
		if (!r->err)
			return SECCOMP_RET_ALLOW;
		if (!*at || r->err < *at)
			*at = r->err;
	}
	if (err[1])
		return SECCOMP_RET_ERRNO | err[1] % SYSSET_PRETEND;
	return SECCOMP_RET_ERRNO | (err[0] ? err[0] : EPERM);
}

static void
random_rule(struct sysset_rule *r, unsigned int calls, uint64_t *seed)
{
	static const uint64_t masks[] = {
		UINT32_MAX, 0xf, UINT64_MAX, 0xff00, 0xffull << 40, 0x100000001
	};
	static const unsigned int errs[] = { EPERM, ENOSYS, EINVAL,
					     SYSSET_PRETEND };

	*r = (struct sysset_rule){ .nr = (unsigned int)(rnd(seed) % calls) };
	switch (rnd(seed) % 16) {
	case 0:
		r->err = errs[rnd(seed) % (ARRAY_SIZE(errs) - 1)];
		return;
	case 1:
	case 2:
		/* only with conditions */
		r->err = errs[rnd(seed) % ARRAY_SIZE(errs)];
	}
	r->n_conds = (unsigned int)(r->err ? 1 + rnd(seed) % 3 : rnd(seed) % 4);
	for (unsigned int i = 0; i < r->n_conds; i++) {
		uint64_t mask = masks[rnd(seed) % ARRAY_SIZE(masks)];
		uint64_t v = rnd(seed) % 5 ? rnd(seed) % 48 : rnd(seed);

		/* the extremes of a word too */
		v = rnd(seed) % 9 ? v | v << 40 : UINT64_MAX;
		r->cond[i] = (struct sysset_cond){ i + (r->n_conds == 1), mask,
						   v & mask };
	}
}

static void
random_round(uint64_t *seed, size_t *longest)
{
	unsigned int calls = 1u << rnd(seed) % 9;
	struct sysset_rules rules = { .n = 1 + rnd(seed) % 500 };
	uint32_t arch = rnd(seed) % 2 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_AARCH64;
	struct seccomp_prog p;
	struct err e = ERR_INIT;

	rules.v = calloc(rules.n, sizeof(*rules.v));
	for (size_t i = 0; i < rules.n; i++)
		random_rule(&rules.v[i], calls, seed);
	ASSERT_OK(sysset_compile(&rules, arch, &p, &e));
	ASSERT_OK(seccomp_check(p.insns, p.n));
	*longest = MAX(*longest, p.n);
	for (int i = 0; i < 1500; i++) {
		struct seccomp_data d = {
			.arch = arch, .nr = (int)(rnd(seed) % (calls + 2))
		};

		for (unsigned int a = 0; a < 6; a++)
			d.args[a] = interesting(&rules, (unsigned int)d.nr, a,
						seed);
		if (verdict(&p, &d) != judge(&rules, &d))
			FAIL("call %d (%llx %llx %llx): 0x%x, not 0x%x", d.nr,
			     (unsigned long long)d.args[0],
			     (unsigned long long)d.args[1],
			     (unsigned long long)d.args[2], verdict(&p, &d),
			     judge(&rules, &d));
	}
	seccomp_prog_done(&p);
	free(rules.v);
}

TEST_LIMIT(random_rules, 120)
{
	uint64_t seed = 0x2545f4914f6cdd1dull;
	size_t longest = 0;

	for (int i = 0; i < 150; i++)
		random_round(&seed, &longest);
	tap_note("longest program: %zu instructions", longest);
	/* else the long jumps were not met */
	ASSERT_GE(longest, 1000);
}

TEST(too_long)
{
	struct sysset_rules rules = { .n = SYSSET_RULES_MAX };
	struct seccomp_prog p = { NULL, 0 };
	struct err e = ERR_INIT;

	rules.v = calloc(rules.n, sizeof(*rules.v));
	for (size_t i = 0; i < rules.n; i++) {
		rules.v[i] = (struct sysset_rule){ .nr = 1, .n_conds = 2 };
		rules.v[i].cond[0] =
			(struct sysset_cond){ 0, UINT64_MAX, i * 3 };
		rules.v[i].cond[1] =
			(struct sysset_cond){ 1, UINT64_MAX, i * 5 };
	}
	ASSERT_ERR(sysset_compile(&rules, SYSSET_ARCH_NATIVE, &p, &e), -E2BIG);
	ASSERT_NULL(p.insns);
	ASSERT_STRSTR(e.text, "4096");
	free(rules.v);
}
