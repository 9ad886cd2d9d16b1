/*
 * The Landlock rules: the same grants once more, enforced by another part of
 * the kernel than the mounts are. What always holds: no rule covers BOX_RUN
 * (but its helper and its certificates), whose canary file proves after the
 * start that the domain is in force; no rule gives the right to make devices;
 * what may be written may be executed only where the profile says both.
 */
#include "profiles/compile-internal.h"

#include "sandbox/landlock.h"

#define READ (LL_READ_FILE | LL_READ_DIR)
#define WRITE                                                                  \
	(LL_WRITE_FILE | LL_TRUNCATE | LL_REMOVE_DIR | LL_REMOVE_FILE |        \
	 LL_MAKE_DIR | LL_MAKE_REG | LL_MAKE_SOCK | LL_MAKE_FIFO |             \
	 LL_MAKE_SYM | LL_REFER)

int
build_rule(struct builder *b, const char *path, uint64_t access)
{
	struct plan_rule *rule = build_push(b, &b->rules, sizeof(*rule),
					    PLAN_RULES_MAX, "Landlock rules");

	if (!rule)
		return -E2BIG;
	*rule = (struct plan_rule){ .access = access, .path = path };
	return 0;
}

static uint64_t
rights_of(const struct grant *g)
{
	uint64_t a = READ;

	if (g->flags & GRANT_EXEC)
		a |= LL_EXECUTE;
	if (g->flags & GRANT_WRITE)
		a |= WRITE;
	return a;
}

static int
rules_of_grants(struct builder *b)
{
	const struct grant *g = b->grants.data;
	int r = 0;

	for (size_t i = 0; i < b->grants.n && r >= 0; i++) {
		/* /etc has one rule for all of it. */
		if (path_within(g[i].dst, "/etc") &&
		    (g[i].flags & GRANT_ACCESS) == GRANT_READ)
			continue;
		r = build_rule(b, g[i].dst, rights_of(&g[i]));
	}
	return r;
}

int
build_rules(struct builder *b)
{
	bool exec = b->p->files.workspace_exec;
	uint64_t scratch = READ | WRITE | (exec ? LL_EXECUTE : 0);
	const struct plan_rule own[] = {
		/* The names of folders everywhere: all that is in the root is
		 * either granted or ours, and without it realpath(3) and
		 * globs fail half-way. */
		{ LL_READ_DIR, "/" },
		{ READ, "/etc" },
		{ READ, "/proc" },
		{ READ | LL_WRITE_FILE | LL_TRUNCATE | LL_IOCTL_DEV, "/dev" },
		{ READ | WRITE, "/dev/shm" },
		{ scratch, "/tmp" },
		{ scratch, BOX_HOME },
	};
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(own) && r >= 0; i++)
		r = build_rule(b, own[i].path, own[i].access);
	if (r >= 0 && b->r->helper)
		r = build_rule(b, BOX_HELPER, LL_READ_FILE | LL_EXECUTE);
	if (r >= 0)
		r = build_net_rules(b);
	return r < 0 ? r : rules_of_grants(b);
}
