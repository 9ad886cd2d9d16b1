/* links: lib policy sandbox profiles */
/*
 * What a decision costs, and what it costs to get there: profiles of 1, 100,
 * 1000 and 10000 rules are written, loaded and compiled, and then asked. Run in
 * the source tree.
 *
 *	bench_decide FOLDER [DECISIONS]
 *
 * A line for each: rules, median and 99th percentile of one decision in
 * nanoseconds (with reading the clock), decisions per second, allocations while
 * deciding, median microseconds of loading and of compiling.
 */
#include "policy/decide.h"
#include "profiles/authority.h"
#include "tests/bench/bench.h"

#include "lib/str.h"

#define REQUESTS 256
#define ROUNDS 15
#define DECISIONS 200000
#define WORD_MAX 64

/* The linker sends every call of these here (see the Makefile). */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static unsigned long allocations;

void *
__wrap_malloc(size_t n)
{
	allocations++;
	return __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	allocations++;
	return __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	allocations++;
	return __real_realloc(p, n);
}

/* The profile */

/* Of ten rules of a real profile: four hosts, three tools, memory, a
 * credential, and a restriction. */
static void
write_rule(FILE *f, unsigned int i)
{
	switch (i % 10) {
	case 4:
	case 5:
	case 6:
		fprintf(f,
			"{\"id\":\"r%u\",\"server\":\"server%u\","
			"\"tool\":\"get_%u_*\",\"because\":\"Reading\"}",
			i, i / 40, i);
		break;
	case 7:
		fprintf(f, "\"note%u\"", i);
		break;
	case 8:
		fprintf(f,
			"{\"id\":\"r%u\",\"name\":\"key%u\","
			"\"use\":\"network\"}",
			i, i);
		break;
	case 9:
		fprintf(f,
			"{\"id\":\"r%u\",\"server\":\"server%u\","
			"\"tool\":\"update_*\",\"when\":[{\"at\":"
			"\"/args/amount\",\"op\":\"gt\",\"value\":%u}]}",
			i, i / 40, i);
		break;
	default:
		fprintf(f,
			"{\"id\":\"r%u\",\"host\":\"%shost%u.example.org\","
			"\"port\":443,\"method\":[\"GET\",\"HEAD\"],"
			"\"path\":\"/v1/**\"}",
			i, i % 3 ? "" : "*.", i);
	}
}

/* The rules of which the last digit is from first to last. */
static void
write_list(FILE *f, const char *name, unsigned int rules, unsigned int first,
	   unsigned int last)
{
	bool some = false;

	for (unsigned int i = 0; i < rules; i++) {
		if (i % 10 < first || i % 10 > last)
			continue;
		if (some)
			fputs(",\n", f);
		else
			fprintf(f, "\"%s\": [\n", name);
		write_rule(f, i);
		some = true;
	}
	if (some)
		fprintf(f, "]");
}

static void
write_profile(const char *path, unsigned int rules)
{
	FILE *f = fopen(path, "we");

	if (!f)
		bench_die(path);
	fprintf(f, "{\"version\": 1, \"name\": \"bench\", \"role\": "
		   "\"execute\", \"network\": {");
	write_list(f, "allow", rules, 0, 3);
	fprintf(f, "}");
	if (rules >= 10) {
		fprintf(f, ", \"tools\": {");
		write_list(f, "allow", rules, 4, 6);
		fprintf(f, ", ");
		write_list(f, "deny", rules, 9, 9);
		fprintf(f, "}, \"memory\": {");
		write_list(f, "allow", rules, 7, 7);
		fprintf(f, "}, \"credentials\": {");
		write_list(f, "ask", rules, 8, 8);
		fprintf(f, "}");
	}
	fprintf(f, "}\n");
	if (fclose(f) != 0)
		bench_die(path);
}

struct loaded {
	struct policy *p;
	uint64_t load_ns, compile_ns;
};

static void
load(const char *path, struct loaded *ret)
{
	static const char *const search[] = { "profiles", NULL };
	const struct authority_env env = { .sets_dir = "profiles/sets" };
	struct err e = ERR_INIT;
	struct profile *p;
	uint64_t t0 = bench_now(), t1;

	if (profile_load(path, search, &p, &e) < 0)
		goto failed;
	t1 = bench_now();
	if (profile_policy(p, &env, &ret->p, &e) < 0)
		goto failed;
	ret->load_ns = t1 - t0;
	ret->compile_ns = bench_now() - t1;
	profile_free(p);
	return;
failed:
	fprintf(stderr, "bench_decide: %s\n", e.text);
	_exit(2);
}

/* Requests */

struct asked {
	struct request rq;
	struct value amount;
	char main[WORD_MAX], other[WORD_MAX];
};

static void
set_network(struct asked *a, unsigned int i)
{
	request_init(&a->rq, SURFACE_NETWORK);
	snprintf(a->main, sizeof(a->main), "%shost%u.example.org",
		 i % 2 ? "www." : "", i);
	request_set(&a->rq, ATTR_HOST, a->main);
	request_set(&a->rq, ATTR_METHOD, i % 5 ? "GET" : "POST");
	request_set(&a->rq, ATTR_PATH, "/v1/items/1234/comments");
	request_set_int(&a->rq, ATTR_PORT, 443);
}

static void
set_tool(struct asked *a, unsigned int i)
{
	request_init(&a->rq, SURFACE_TOOLS);
	snprintf(a->main, sizeof(a->main), "server%u", i / 40);
	snprintf(a->other, sizeof(a->other),
		 i % 10 == 9 ? "update_deal" : "get_%u_deal", i);
	request_set(&a->rq, ATTR_SERVER, a->main);
	request_set(&a->rq, ATTR_TOOL, a->other);
	a->amount = (struct value){
		.type = VALUE_INT, .key = "amount", .key_len = 6, .i = i / 2
	};
	a->rq.attr[ATTR_ARGS] = (struct value){ .type = VALUE_OBJECT };
	a->rq.attr[ATTR_ARGS].first = &a->amount;
	a->rq.attr[ATTR_ARGS].n = 1;
}

static void
set_name(struct asked *a, enum surface s, enum attr attr, const char *word,
	 unsigned int i)
{
	request_init(&a->rq, s);
	snprintf(a->main, sizeof(a->main), "%s%u", word, i);
	request_set(&a->rq, attr, a->main);
	if (s == SURFACE_MEMORY)
		request_set(&a->rq, ATTR_OP, "get");
	else
		request_set(&a->rq, ATTR_USE, "network");
}

/* As the rules are spread, and one in eight about what no rule names. */
static void
set_request(struct asked *a, unsigned int i, unsigned int rules)
{
	unsigned int rule = i % 8 ? (i * 7919u) % rules : rules + i;

	if (rule % 10 == 7)
		set_name(a, SURFACE_MEMORY, ATTR_TYPE, "note", rule);
	else if (rule % 10 == 8)
		set_name(a, SURFACE_CREDENTIALS, ATTR_NAME, "key", rule);
	else if (rule % 10 >= 4)
		set_tool(a, rule);
	else
		set_network(a, rule);
	request_set(&a->rq, ATTR_RUN_ID, "run-1");
	request_set(&a->rq, ATTR_RUN_AGENT, "agent");
	request_set(&a->rq, ATTR_RUN_OWNER, "owner");
	a->rq.attr[ATTR_RUN_LABELS] = (struct value){ .type = VALUE_LIST };
	request_derive(&a->rq);
}

/* Measuring */

static double
per_second(const struct policy *p, const struct asked *asked, size_t n)
{
	const struct decide_time now = { 1764064800000000, 3600000000 };
	struct decision d;
	uint64_t t0 = bench_now();

	for (size_t i = 0; i < n; i++)
		decide(p, &asked[i % REQUESTS].rq, NULL, &now, &d);
	return (double)n * 1e9 / (double)(bench_now() - t0);
}

static unsigned long
each_one(const struct policy *p, struct usage *u, const struct asked *asked,
	 uint64_t *ns, size_t n)
{
	const struct decide_time now = { 1764064800000000, 3600000000 };
	unsigned long before = allocations;
	struct decision d;

	for (size_t i = 0; i < n; i++) {
		uint64_t t0 = bench_now();

		decide(p, &asked[i % REQUESTS].rq, u, &now, &d);
		ns[i] = bench_now() - t0;
	}
	return allocations - before;
}

static void
measure(const struct policy *p, unsigned int rules, uint64_t load_ns,
	uint64_t compile_ns, size_t n)
{
	static struct asked asked[REQUESTS];
	struct usage *u = calloc(1, usage_size(p));
	uint64_t *ns = calloc(n, sizeof(*ns));
	unsigned long made;
	double rate;

	if (!u || !ns)
		bench_die("memory");
	for (unsigned int i = 0; i < REQUESTS; i++)
		set_request(&asked[i], i, rules);
	per_second(p, asked, n / 4); /* warm */
	rate = per_second(p, asked, n);
	made = each_one(p, u, asked, ns, n);
	printf("%u\t%llu\t%llu\t%.0f\t%lu\t%.0f\t%.0f\n", rules,
	       (unsigned long long)bench_percentile(ns, n, 50),
	       (unsigned long long)bench_percentile(ns, n, 99), rate, made,
	       (double)load_ns / 1e3, (double)compile_ns / 1e3);
	free(ns);
	free(u);
}

static void
one_size(const char *folder, unsigned int rules, size_t n)
{
	uint64_t load_ns[ROUNDS], compile_ns[ROUNDS];
	struct loaded l = { .p = NULL };
	char path[512];

	snprintf(path, sizeof(path), "%s/rules-%u.json", folder, rules);
	write_profile(path, rules);
	for (size_t i = 0; i < ROUNDS; i++) {
		policy_free(l.p);
		load(path, &l);
		load_ns[i] = l.load_ns;
		compile_ns[i] = l.compile_ns;
	}
	measure(l.p, rules, bench_percentile(load_ns, ROUNDS, 50),
		bench_percentile(compile_ns, ROUNDS, 50), n);
	policy_free(l.p);
}

int
main(int argc, char **argv)
{
	static const unsigned int sizes[] = { 1, 100, 1000, 10000 };
	uint64_t n = DECISIONS;

	if (argc < 2 || (argc > 2 && str_to_u64(argv[2], &n) < 0) || !n) {
		fprintf(stderr, "usage: bench_decide FOLDER [DECISIONS]\n");
		return 2;
	}
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		one_size(argv[1], sizes[i], n);
	return 0;
}
