/* links: lib policy sandbox profiles */
/*
 * How long it takes to load a profile, to compile it, on this host, with the
 * filter in the cache, and to find out which policy it has, with that in the
 * cache: part of every launch. And to make the policy, which the first does.
 *
 *	bench_compile PROFILE WORKSPACE CACHE [ROUNDS]
 *
 * CACHE is a folder for the caches (made when missing). Prints median and
 * least microseconds of each part. To be run in the source tree.
 */
#include "profiles/compile.h"
#include "profiles/policy_cache.h"

#include "lib/str.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct sample {
	double load, compile, find, make;
};

static double
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static int
policies(const struct profile *p, const struct compile_request *r,
	 struct sample *ret, struct err *e)
{
	const struct authority_env env = { .sets_dir = r->sets_dir };
	struct policy_found f = POLICY_FOUND_NONE;
	struct policy *made = NULL;
	double t0 = now_us(), t1;
	int rc = policy_find(p, &env, r->cache_dir, &f, e);

	t1 = now_us();
	ret->find = t1 - t0;
	policy_found_done(&f);
	if (rc >= 0)
		rc = profile_policy(p, &env, &made, e);
	ret->make = now_us() - t1;
	policy_free(made);
	return rc;
}

static int
once(const char *profile, const struct compile_request *r, struct sample *ret,
     struct err *e)
{
	static const char *const search[] = { "profiles", NULL };
	double t0 = now_us(), t1;
	struct profile *p;
	struct compiled *c;
	int rc = profile_load(profile, search, &p, e);

	if (rc < 0)
		return rc;
	t1 = now_us();
	rc = profile_compile(p, r, &c, e);
	ret->load = t1 - t0;
	ret->compile = now_us() - t1;
	if (rc >= 0) {
		compiled_free(c);
		rc = policies(p, r, ret, e);
	}
	profile_free(p);
	return rc;
}

/* One member of all samples. */
static void
print(const char *what, const struct sample *v, size_t member, size_t n)
{
	double *one = calloc(n, sizeof(*one));

	for (size_t i = 0; one && i < n; i++)
		memcpy(&one[i], (const char *)&v[i] + member, sizeof(*one));
	if (!one)
		return;
	qsort(one, n, sizeof(*one), by_value);
	printf("%-8s median %7.1f us  least %7.1f us\n", what, one[n / 2],
	       one[0]);
	free(one);
}

static int
measure(const char *profile, const struct compile_request *r, struct sample *v,
	size_t n)
{
	struct err e = ERR_INIT;

	for (size_t i = 0; i < n; i++)
		if (once(profile, r, &v[i], &e) < 0) {
			fprintf(stderr, "%s\n", e.text);
			return 1;
		}
	print("load", v, offsetof(struct sample, load), n);
	print("compile", v, offsetof(struct sample, compile), n);
	print("find", v, offsetof(struct sample, find), n);
	print("make", v, offsetof(struct sample, make), n);
	return 0;
}

int
main(int argc, char **argv)
{
	extern char **environ;
	static const char *const args[] = { "/bin/true", NULL };
	_cleanup_free_ struct sample *v = NULL;
	uint64_t n = 2000;

	if (argc < 4 || (argc > 4 && str_to_u64(argv[4], &n) < 0) || !n) {
		fprintf(stderr, "usage: bench_compile PROFILE WORKSPACE CACHE "
				"[ROUNDS]\n");
		return 2;
	}
	const struct compile_request r = {
		.name = "bench",
		.workspace = argv[2],
		.home = getenv("HOME"),
		.args = args,
		.host_env = (const char *const *)environ,
		.sets_dir = "profiles/sets",
		.cache_dir = argv[3],
	};
	v = calloc(n, sizeof(*v));
	if (!v)
		return 1;
	return measure(argv[1], &r, v, n);
}
