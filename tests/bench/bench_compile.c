/* links: lib policy sandbox profiles */
/*
 * How long it takes to load a profile and to compile it, on this host, with
 * the filter in the cache: part of every launch.
 *
 *	bench_compile PROFILE WORKSPACE CACHE [ROUNDS]
 *
 * CACHE is a folder for the filter (made when missing). Prints median and
 * least microseconds of each part. To be run in the source tree.
 */
#include "profiles/compile.h"

#include "lib/str.h"

#include <stdlib.h>
#include <time.h>

struct sample {
	double load, compile;
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
	*ret = (struct sample){ t1 - t0, now_us() - t1 };
	if (rc >= 0)
		compiled_free(c);
	profile_free(p);
	return rc;
}

static void
print(const char *what, double *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	printf("%-8s median %7.1f us  least %7.1f us\n", what, v[n / 2], v[0]);
}

static int
measure(const char *profile, const struct compile_request *r, double *load,
	double *compile, size_t n)
{
	struct err e = ERR_INIT;

	for (size_t i = 0; i < n; i++) {
		struct sample s;

		if (once(profile, r, &s, &e) < 0) {
			fprintf(stderr, "%s\n", e.text);
			return 1;
		}
		load[i] = s.load;
		compile[i] = s.compile;
	}
	print("load", load, n);
	print("compile", compile, n);
	return 0;
}

int
main(int argc, char **argv)
{
	extern char **environ;
	static const char *const args[] = { "/bin/true", NULL };
	_cleanup_free_ double *load = NULL, *compile = NULL;
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
	load = calloc(n, sizeof(*load));
	compile = calloc(n, sizeof(*compile));
	if (!load || !compile)
		return 1;
	return measure(argv[1], &r, load, compile, n);
}
