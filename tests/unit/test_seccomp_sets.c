/* links: lib sandbox */
/*
 * The shipped sets, row by row (tables/seccomp_*.tbl), in the simulator: what
 * each call gets, on both architectures, without loading a filter.
 */
#include "lib/fd.h"
#include "lib/str.h"
#include "sandbox/sysset.h"
#include "tests/tap.h"
#include "tests/tools/bpf_sim.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

#define SHIPPED "minimal,net-none,base,default,debug,dev"

static const struct arch {
	const char *name;
	uint32_t token;
} archs[] = {
	{ "x86_64", AUDIT_ARCH_X86_64 }, { "aarch64", AUDIT_ARCH_AARCH64 },
	{ "i386", AUDIT_ARCH_I386 },	 { "arm", AUDIT_ARCH_ARM },
	{ "mips", AUDIT_ARCH_MIPS },	 { "riscv", AUDIT_ARCH_RISCV64 },
};
#define NATIVE_ARCHS 2

static const struct arch *
arch_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(archs); i++) {
		if (strlen(archs[i].name) == len &&
		    memcmp(archs[i].name, name, len) == 0)
			return &archs[i];
	}
	FAIL("no such architecture: %.*s", (int)len, name);
}

/* ---- programs, built once ---------------------------------------------- */

struct built {
	char sets[64];
	uint32_t arch;
	struct seccomp_prog prog;
};

static void
build(const char *sets, uint32_t arch, struct seccomp_prog *ret)
{
	_cleanup_free_ char *dir = str_printf("%s/profiles/sets", tap_srcdir());
	struct seccomp_spec spec = { .sets_dir = dir };
	struct sysset_files files;
	struct err e = ERR_INIT;
	char copy[256], *pos = copy, *name;

	snprintf(copy, sizeof(copy), "%s", sets);
	while ((name = strsep(&pos, ",")))
		spec.sets[spec.n_sets++] = name;
	if (sysset_read(&spec, &files, &e) < 0 ||
	    sysset_build(&files, &spec, arch, ret, &e) < 0)
		FAIL("%s: %s", sets, e.text);
	sysset_files_done(&files);
	ASSERT_OK(seccomp_check(ret->insns, ret->n));
}

static const struct seccomp_prog *
program(const char *sets, uint32_t arch)
{
	static struct built all[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all) && all[i].sets[0]; i++) {
		if (all[i].arch == arch && strcmp(all[i].sets, sets) == 0)
			return &all[i].prog;
	}
	ASSERT_LE(i + 1, ARRAY_SIZE(all));
	snprintf(all[i].sets, sizeof(all[i].sets), "%s", sets);
	all[i].arch = arch;
	build(sets, arch, &all[i].prog);
	return &all[i].prog;
}

static struct bpf_sim
simulate(const struct seccomp_prog *p, const struct seccomp_data *data)
{
	struct bpf_sim sim;

	ASSERT_OK(bpf_sim_run(p->insns, p->n, data, &sim));
	return sim;
}

/* ---- one row ------------------------------------------------------------ */

struct row {
	const char *file;
	unsigned int line;
	char text[256]; /* as written, for messages */
	char *sets, *call, *verdict;
	const struct arch *only;
};

#define ROW_FAIL(r, fmt, ...)                                                  \
	FAIL("%s:%u: %s: " fmt, (r)->file, (r)->line, (r)->text, __VA_ARGS__)

static uint64_t
number(const struct row *r, const char *word)
{
	char why[128];
	uint64_t v = 0;

	if (word[0] == '-')
		return -number(r, word + 1);
	if (sysset_const(word, &v, why, sizeof(why)) < 0)
		ROW_FAIL(r, "%s", why);
	return v;
}

/* Fills data from "NAME ARG..." or "#NR", "x32#NR", "i386#NR". False: the
 * architecture does not have this call. */
static bool
call_parse(const struct row *r, uint32_t arch, struct seccomp_data *data)
{
	char copy[256], *pos = copy, *name, *hash, *word;
	int nr;

	snprintf(copy, sizeof(copy), "%s", r->call);
	name = strsep(&pos, " ");
	*data = (struct seccomp_data){ .arch = arch };
	hash = strchr(name, '#');
	if (hash) {
		data->nr = (int)number(r, hash + 1);
		if (str_starts(name, "x32"))
			data->nr |= (int)SYSSET_X32_BIT;
		else if (hash != name)
			data->arch =
				arch_find(name, (size_t)(hash - name))->token;
		return true;
	}
	nr = sysset_call(arch, name);
	if (nr == -ESRCH)
		ROW_FAIL(r, "unknown call %s", name);
	data->nr = nr;
	for (size_t i = 0; i < 6 && (word = strsep(&pos, " ")); i++)
		data->args[i] = number(r, word);
	return nr >= 0;
}

static void
row_check(const struct row *r, const char *sets, const struct arch *arch,
	  size_t *done)
{
	struct seccomp_data data;
	struct bpf_sim sim;
	char got[32];

	if (!call_parse(r, arch->token, &data))
		return;
	sim = simulate(program(sets, arch->token), &data);
	(*done)++;
	bpf_sim_verdict(sim.verdict, got, sizeof(got));
	if (strcmp(r->verdict, "always") == 0) {
		if (strcmp(got, "allow") != 0 || sim.read_args)
			ROW_FAIL(r, "%s on %s gives %s%s", sets, arch->name,
				 got,
				 sim.read_args ? " after a look at the "
						 "arguments"
					       : "");
	} else if (strcmp(got, r->verdict) != 0) {
		ROW_FAIL(r, "%s on %s gives %s", sets, arch->name, got);
	}
}

static void
row_run(const struct row *r)
{
	const char *shipped = SHIPPED;
	char list[128], *pos = list, *sets;
	size_t done = 0;

	snprintf(list, sizeof(list), "%s", shipped);
	sets = strcmp(r->sets, "*") == 0 ? strsep(&pos, ",") : r->sets;
	while (sets) {
		for (size_t i = 0; i < NATIVE_ARCHS; i++) {
			if (!r->only || r->only == &archs[i])
				row_check(r, sets, &archs[i], &done);
		}
		sets = sets == r->sets ? NULL : strsep(&pos, ",");
	}
	if (!done)
		ROW_FAIL(r, "%s", "tests nothing");
}

/* ---- tables ------------------------------------------------------------- */

static char *
trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && end[-1] == ' ')
		*--end = '\0';
	return s + strspn(s, " ");
}

static void
row_parse(struct row *r, char *line)
{
	char *pos = line, *at;

	snprintf(r->text, sizeof(r->text), "%s", line);
	r->sets = strsep(&pos, "|");
	r->call = strsep(&pos, "|");
	r->verdict = strsep(&pos, "|");
	if (!r->verdict || pos)
		ROW_FAIL(r, "%s", "not three columns");
	r->sets = trim(r->sets);
	r->call = trim(r->call);
	r->verdict = trim(r->verdict);
	at = strchr(r->sets, '@');
	r->only = at ? arch_find(at + 1, strlen(at + 1)) : NULL;
	if (at)
		*at = '\0';
}

static void
table_run(const char *file, size_t least)
{
	_cleanup_free_ char *path =
		str_printf("%s/tests/unit/tables/%s", tap_srcdir(), file);
	_cleanup_free_ char *text = NULL;
	struct row r = { .file = file };
	char *pos, *line;
	size_t n = 0;

	ASSERT_OK(fd_read_file(AT_FDCWD, path, 1 << 20, &text));
	pos = text;
	while ((line = strsep(&pos, "\n"))) {
		r.line++;
		if (!*line || *line == '#')
			continue;
		row_parse(&r, line);
		row_run(&r);
		n++;
	}
	tap_note("%zu rows", n);
	ASSERT_GE(n, least);
}

TEST(refused)
{
	table_run("seccomp_refused.tbl", 90);
}

TEST(arguments)
{
	table_run("seccomp_arguments.tbl", 150);
}

TEST(allowed)
{
	table_run("seccomp_allowed.tbl", 90);
}

/* ---- what must hold for every number ------------------------------------ */

/* Bit 30 kills whatever the rest says, a foreign architecture too. */
TEST(foreign_always_killed)
{
	for (unsigned int nr = 0; nr < 4096; nr++) {
		struct seccomp_data data = {
			.nr = (int)(nr | SYSSET_X32_BIT),
			.arch = AUDIT_ARCH_X86_64,
		};
		const struct seccomp_prog *p =
			program("dev", AUDIT_ARCH_X86_64);

		ASSERT_EQ(simulate(p, &data).verdict, SECCOMP_RET_KILL_PROCESS);
		data = (struct seccomp_data){ .nr = (int)nr,
					      .arch = AUDIT_ARCH_I386 };
		ASSERT_EQ(simulate(p, &data).verdict, SECCOMP_RET_KILL_PROCESS);
	}
}

/* No ioctl request but the listed ones, tried over all of 16 bits and with
 * every size and direction of the interesting types. */
TEST(ioctl_requests)
{
	const struct seccomp_prog *p = program("dev", AUDIT_ARCH_X86_64);
	struct seccomp_data data = { .arch = AUDIT_ARCH_X86_64 };
	size_t open = 0;

	data.nr = sysset_call(AUDIT_ARCH_X86_64, "ioctl");
	for (uint32_t top = 0; top < 0x10000; top += 0x1001 - 1) {
		for (uint32_t low = 0; low < 0x10000; low++) {
			data.args[1] = (uint64_t)top << 16 | low;
			if (simulate(p, &data).verdict == SECCOMP_RET_ALLOW)
				open++;
		}
	}
	tap_note("%zu requests without a size are open", open);
	ASSERT_GE(open, 30);
	ASSERT_LE(open, 60);
}

TEST(size)
{
	const struct seccomp_prog *p = program("default", AUDIT_ARCH_X86_64);

	tap_note("default: %zu instructions", p->n);
	/* loading time grows with it: look before raising this */
	ASSERT_LE(p->n, 300);
}

/* The default argument values of "deny". */
TEST(deny)
{
	_cleanup_free_ char *dir = str_printf("%s/profiles/sets", tap_srcdir());
	const char *deny[] = { "fork", "openat", "socket" };
	struct seccomp_spec spec = { .sets_dir = dir,
				     .sets = { "default" },
				     .n_sets = 1,
				     .deny = deny,
				     .n_deny = 3 };
	struct seccomp_data data = { .arch = SYSSET_ARCH_NATIVE };
	struct seccomp_prog p;
	struct err e = ERR_INIT;

	ASSERT_OK(seccomp_build(&spec, &p, &e));
	data.nr = sysset_call(SYSSET_ARCH_NATIVE, "openat");
	ASSERT_EQ(simulate(&p, &data).verdict, SECCOMP_RET_ERRNO | EPERM);
	data.nr = sysset_call(SYSSET_ARCH_NATIVE, "socket");
	data.args[0] = 1;
	data.args[1] = 1;
	ASSERT_EQ(simulate(&p, &data).verdict, SECCOMP_RET_ERRNO | EPERM);
	data.nr = sysset_call(SYSSET_ARCH_NATIVE, "read");
	ASSERT_EQ(simulate(&p, &data).verdict, SECCOMP_RET_ALLOW);
	seccomp_prog_done(&p);

	deny[1] = "opennat";
	ASSERT_ERR(seccomp_build(&spec, &p, &e), -EINVAL);
	ASSERT_STRSTR(e.text, "opennat");
	ASSERT_STRSTR(e.text, "did you mean \"openat\"");
}
