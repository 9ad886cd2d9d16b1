/*
 * The agent's Landlock domain. Every right and scope that the kernel knows is
 * handled, so that what no rule grants is refused; a right that the kernel
 * does not know yet is cut out of the rules, never silently out of the
 * handled set that the supervisor reports (it reports the ABI).
 */
#include "sandbox/landlock.h"

#include "sandbox/sys.h"

#include <fcntl.h>

struct ll_ruleset_attr {
	uint64_t fs, net, scoped;
};

struct ll_path_attr {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

#define LL_RULE_PATH 1
#define LL_CREATE_VERSION 1u
#define LL_NET_ALL 3ull	  /* BIND_TCP | CONNECT_TCP, ABI 4 */
#define LL_SCOPE_ALL 3ull /* ABSTRACT_UNIX_SOCKET | SIGNAL, ABI 6 */

int
landlock_abi(void)
{
	return sys_ret(syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LL_CREATE_VERSION));
}

static uint64_t
fs_rights(int abi)
{
	uint64_t all = LL_REFER - 1;

	if (abi >= 2)
		all |= LL_REFER;
	if (abi >= 3)
		all |= LL_TRUNCATE;
	if (abi >= 5)
		all |= LL_IOCTL_DEV;
	return all;
}

/* The size of the attribute that this ABI accepts without E2BIG is larger than
 * what it knows only if the rest is zero, so one size fits all. */
static int
ruleset_new(int abi, bool tcp)
{
	struct ll_ruleset_attr a = { .fs = fs_rights(abi) };

	if (abi >= 4 && tcp)
		a.net = LL_NET_ALL;
	if (abi >= 6)
		a.scoped = LL_SCOPE_ALL;
	return sys_ret(syscall(SYS_landlock_create_ruleset, &a, sizeof(a), 0));
}

static int
add_access(int set, struct ll_path_attr *a)
{
	int r;

	if (!a->access)
		return 0;
	r = sys_ret(syscall(SYS_landlock_add_rule, set, LL_RULE_PATH, a, 0));
	if (r != -EINVAL || !(a->access & ~LL_FILE_RIGHTS))
		return r;
	/* A file takes only the rights of files. */
	a->access &= LL_FILE_RIGHTS;
	return add_access(set, a);
}

static int
add_rule(int set, const struct plan_rule *rule, uint64_t handled, struct err *e)
{
	struct ll_path_attr a = { .access = rule->access & handled };
	int r;

	a.fd = open(rule->path, O_PATH | O_CLOEXEC);
	if (a.fd < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_sys(e, -errno, "%s", rule->path);
	r = add_access(set, &a);
	close(a.fd);
	return r < 0 ? err_sys(e, r, "Landlock rule for %s", rule->path) : 0;
}

int
landlock_enter(const struct plan *p, bool tcp, struct err *e)
{
	int abi = landlock_abi(), set, r = 0;
	uint64_t handled;

	if (abi < 0)
		return err_sys(e, abi, "Landlock is not there");
	if (abi > LANDLOCK_ABI_KNOWN)
		abi = LANDLOCK_ABI_KNOWN;
	handled = fs_rights(abi);
	set = ruleset_new(abi, tcp);
	if (set < 0)
		return err_sys(e, set, "Landlock ruleset");
	for (size_t i = 0; i < p->n_rules && r >= 0; i++)
		r = add_rule(set, &p->rules[i], handled, e);
	if (r >= 0) {
		r = sys_ret(syscall(SYS_landlock_restrict_self, set, 0));
		if (r < 0)
			err_sys(e, r, "Landlock domain");
	}
	close(set);
	return r < 0 ? r : abi;
}
