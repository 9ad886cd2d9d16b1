/* links: lib sandbox */
/*
 * The set files: what is understood, what is refused, and that a refusal names
 * the file, the line and the cure.
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
#include <sys/stat.h>

static const char *dir;

static void
put(const char *name, const char *text, size_t len)
{
	_cleanup_free_ char *path = NULL;
	int fd;

	if (!dir)
		dir = tap_tmpdir();
	path = str_printf("%s/%s.set", dir, name);
	fd = ASSERT_OK(
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
	ASSERT_OK(fd_write_all(fd, text, len));
	close(fd);
}

static void
set(const char *name, const char *body)
{
	_cleanup_free_ char *text = str_printf("# a test\n%s\n", body);

	put(name, text, strlen(text));
}

static int
build(const char *name, struct seccomp_prog *ret, struct err *e)
{
	struct seccomp_spec spec = { .sets_dir = dir,
				     .sets = { name },
				     .n_sets = 1 };

	return seccomp_build(&spec, ret, e);
}

static void
refused(const char *body, const char *what)
{
	struct seccomp_prog p = { NULL, 0 };
	struct err e = ERR_INIT;

	set("a", body);
	ASSERT_ERR(build("a", &p, &e), -EINVAL);
	ASSERT_NULL(p.insns);
	ASSERT_STRSTR(e.text, what);
	ASSERT_STRSTR(e.text, "a.set:2: ");
}

static uint32_t
asks(const char *body, int nr, uint64_t arg0, uint64_t arg1)
{
	struct seccomp_data d = { .nr = nr, .arch = SYSSET_ARCH_NATIVE };
	struct seccomp_prog p;
	struct err e = ERR_INIT;
	struct bpf_sim sim;

	set("a", body);
	if (build("a", &p, &e) < 0)
		FAIL("%s: %s", body, e.text);
	d.args[0] = arg0;
	d.args[1] = arg1;
	ASSERT_OK(bpf_sim_run(p.insns, p.n, &d, &sim));
	seccomp_prog_done(&p);
	return sim.verdict;
}

static int
nr_of(const char *name)
{
	return ASSERT_OK(sysset_call(SYSSET_ARCH_NATIVE, name));
}

#define ALLOW SECCOMP_RET_ALLOW
#define NO(e) (SECCOMP_RET_ERRNO | (e))

TEST(refusals)
{
	refused("call raed", "unknown system call \"raed\"");
	refused("call raed", "did you mean \"read\"");
	refused("cal read", "unknown word \"cal\"; did you mean \"call\"");
	refused("call", "call NAME");
	refused("include", "include SET");
	refused("include a b", "include takes one set name");
	refused("include ../x", "include takes one set name");
	refused("include .hidden", "include takes one set name");
	refused("errno read", "errno NAME ERRNO");
	refused("errno read EPREM", "did you mean \"EPERM\"");
	refused("errno read 11", "not an errno that a filter may return");
	refused("errno read 0x10001", "not an errno that a filter may return");
	refused("pretend read", "pretend NAME CONDITION");
	refused("pretend read arg0 masked-eq 0 0", "always true");
	refused("ioctl TCGTS", "did you mean \"TCGETS\"");
	refused("ioctl TCGETS TCSETS", "ioctl REQUEST");
	refused("ioctl 0x100005401", "outside of its mask");
	refused("socket AF_UNIX 1 0 0", "socket FAMILY");
	refused("socket AF_UNIX 0x80001", "outside of its mask");
	refused("prctl", "prctl OPTION");
	refused("call read arg0 eq 1 1", "only \"masked-eq\"");
	refused("call read arg0 masked-eq 1", "conditions are written");
	refused("call read arg6 masked-eq 1 1", "conditions are written");
	refused("call read arg masked-eq 1 1", "conditions are written");
	refused("call read arg00 masked-eq 1 1", "conditions are written");
	refused("call read 0 masked-eq 1 1", "conditions are written");
	refused("call read arg0 masked-eq 0 0", "always true");
	refused("call read arg0 masked-eq 1 2", "never true");
	refused("call read arg0 masked-eq 1 0 arg0 masked-eq 2 2",
		"checked twice");
	refused("call read arg0 masked-eq 1| 1", "empty or overlong");
	refused("call read arg0 masked-eq 0x1g 1", "unknown constant");
	refused("call read arg0 masked-eq 0x10000000000000000 1",
		"unknown constant");
	refused("call \x1b[2J", "not plain text");
	refused("call r\xc3\xa4"
		"d",
		"not plain text");
	refused("? call read", "unknown word");
}

TEST(bounds)
{
	static char big[SYSSET_FILE_MAX + 2];
	struct seccomp_prog p = { NULL, 0 };
	struct err e = ERR_INIT;
	char line[SYSSET_LINE_MAX + 8];

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	refused(line, "line too long");
	memset(line, ' ', sizeof(line));
	for (size_t i = 0; i < 64; i += 2)
		line[i] = 'x';
	line[64] = '\0';
	refused(line, "too many words");

	put("nul", "# x\ncall\0read\n", 14);
	ASSERT_ERR(build("nul", &p, &e), -EINVAL);
	put("bare", "call read\n", 10);
	ASSERT_ERR(build("bare", &p, &e), -EINVAL);
	ASSERT_STRSTR(e.text, "bare.set:1: the first line must be a comment");

	memset(big, '#', sizeof(big));
	put("big", big, SYSSET_FILE_MAX + 1);
	ASSERT_ERR(build("big", &p, &e), -EFBIG);
	put("big", big, SYSSET_FILE_MAX);
	ASSERT_OK(build("big", &p, &e));
	seccomp_prog_done(&p);

	ASSERT_ERR(build("missing", &p, &e), -ENOENT);
	ASSERT_STRSTR(e.text, "\"missing\"");
	ASSERT_ERR(build("../a", &p, &e), -EINVAL);
	ASSERT_ERR(build("", &p, &e), -EINVAL);
	ASSERT_NULL(p.insns);
}

TEST(rule_limit)
{
	static char text[SYSSET_FILE_MAX];
	struct seccomp_prog p = { NULL, 0 };
	struct err e = ERR_INIT;
	size_t len = 0;

	for (int i = 0; i <= SYSSET_RULES_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"ioctl %d\n", 2 * i);
	set("a", text);
	ASSERT_ERR(build("a", &p, &e), -E2BIG);
}

TEST(includes)
{
	struct seccomp_prog p = { NULL, 0 };
	struct err e = ERR_INIT;
	char name[8], body[32];

	/* a circle: each file once */
	set("x", "include y\ncall read");
	set("y", "\t include x # round\ncall write");
	ASSERT_OK(build("x", &p, &e));
	seccomp_prog_done(&p);
	ASSERT_EQ(asks("include x", nr_of("write"), 0, 0), ALLOW);

	set("y", "include z");
	ASSERT_ERR(build("x", &p, &e), -ENOENT);
	ASSERT_STRSTR(e.text, "x.set:2: y.set:2: ");

	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		snprintf(body, sizeof(body), "include d%d", i + 1);
		set(name, body);
	}
	set("d10", "call read");
	ASSERT_ERR(build("d0", &p, &e), -ELOOP);
	ASSERT_STRSTR(e.text, "too deep");
	ASSERT_OK(build("d5", &p, &e));
	seccomp_prog_done(&p);
}

TEST(meaning)
{
	int ioctl = nr_of("ioctl"), read = nr_of("read");
	const uint64_t noise = 0xabcdef01ull << 32;

	ASSERT_EQ(asks("", read, 0, 0), NO(EPERM));
	ASSERT_EQ(asks("call read", read, 0, 0), ALLOW);
	ASSERT_EQ(asks("  call\tread# yes", read, 0, 0), ALLOW);
	ASSERT_EQ(asks("#call read", read, 0, 0), NO(EPERM));
	/* known elsewhere, or said to be optional */
	ASSERT_EQ(asks("call mmap2\ncall read", read, 0, 0), ALLOW);
	ASSERT_EQ(asks("?call from_the_future\ncall read", read, 0, 0), ALLOW);
	/* shorthands look at 32 bits, call at what its mask says */
	ASSERT_EQ(asks("ioctl 5", ioctl, 0, noise | 5), ALLOW);
	ASSERT_EQ(asks("ioctl 5", ioctl, 0, 6), NO(EPERM));
	ASSERT_EQ(asks("call read arg0 masked-eq 0xffffffffffffffff 5", read,
		       noise | 5, 0),
		  NO(EPERM));
	ASSERT_EQ(asks("call read arg0 masked-eq 0xffffffff00000000 "
		       "0xabcdef0100000000",
		       read, noise | 5, 0),
		  ALLOW);
	/* several lines: any; several conditions: all */
	ASSERT_EQ(asks("ioctl 5\nioctl 7", ioctl, 0, 7), ALLOW);
	ASSERT_EQ(asks("call read arg0 masked-eq 3 1 arg1 masked-eq 3 2", read,
		       5, 6),
		  ALLOW);
	ASSERT_EQ(asks("call read arg0 masked-eq 3 1 arg1 masked-eq 3 2", read,
		       5, 5),
		  NO(EPERM));
	ASSERT_EQ(asks("call read arg0 masked-eq S_ISUID|S_ISGID|0x1 1", read,
		       01, 0),
		  ALLOW);
	/* octal, as modes are written */
	ASSERT_EQ(asks("call read arg0 masked-eq 07777 0755", read, 0755, 0),
		  ALLOW);
	/* allow > check > errno > EPERM, in any order */
	ASSERT_EQ(asks("errno read ENOSYS", read, 0, 0), NO(ENOSYS));
	ASSERT_EQ(asks("errno read ENOSYS\ncall read", read, 0, 0), ALLOW);
	ASSERT_EQ(asks("call read\nerrno read ENOSYS", read, 0, 0), ALLOW);
	ASSERT_EQ(asks("errno ioctl EINVAL\nioctl 5", ioctl, 0, 6), NO(EINVAL));
	ASSERT_EQ(asks("errno ioctl EINVAL\nioctl 5", ioctl, 0, 5), ALLOW);
	ASSERT_EQ(asks("ioctl 5\ncall ioctl", ioctl, 0, 6), ALLOW);
	/* allow > check > pretend > errno */
	ASSERT_EQ(asks("errno read EINVAL\npretend read arg0 masked-eq 1 1",
		       read, 1, 0),
		  NO(0));
	ASSERT_EQ(asks("pretend read arg0 masked-eq 1 1\nerrno read EINVAL",
		       read, 2, 0),
		  NO(EINVAL));
	ASSERT_EQ(asks("pretend read arg0 masked-eq 1 1", read, 2, 0),
		  NO(EPERM));
	ASSERT_EQ(asks("pretend read arg0 masked-eq 1 1\n"
		       "call read arg0 masked-eq 3 3",
		       read, 3, 0),
		  ALLOW);
	ASSERT_EQ(
		asks("pretend read arg0 masked-eq 1 1\ncall read", read, 1, 0),
		ALLOW);
}

TEST(spec)
{
	struct seccomp_spec spec = { .sets_dir = "/nonexistent",
				     .sets = { "a" },
				     .n_sets = 1 };
	struct seccomp_prog p = { NULL, 0 };
	struct err e = ERR_INIT;

	ASSERT_ERR(seccomp_build(&spec, &p, &e), -ENOENT);
	ASSERT_STRSTR(e.text, "/nonexistent");
	spec.n_sets = 0;
	ASSERT_ERR(seccomp_build(&spec, &p, &e), -EINVAL);
	spec.n_sets = SECCOMP_SETS_MAX + 1;
	ASSERT_ERR(seccomp_build(&spec, &p, &e), -EINVAL);
	ASSERT_NULL(p.insns);
}
