/*
 * The confinement of the writer. What always holds: the log is read, recovered
 * and written with no more rights than it is served with.
 */
#include "audit/writer_confine.h"

#include "sandbox/jail.h"
#include "sandbox/landlock.h"

#define NOFILE_WANTED 16384u
#define LL_LOG                                                                 \
	(LL_READ_FILE | LL_WRITE_FILE | LL_READ_DIR | LL_REMOVE_FILE |         \
	 LL_REMOVE_DIR | LL_MAKE_REG | LL_MAKE_DIR | LL_REFER | LL_TRUNCATE)

_Static_assert(CONFINED_MAX == JAIL_TEXT_MAX, "the same text");

int
writer_confine(const struct confine_options *o, char *ret_text, size_t size,
	       uid_t *ret_overflow, struct err *e)
{
	const struct jail_path paths[] = { { o->dir, LL_LOG },
					   { o->proc, LL_READ_FILE } };
	const struct jail j = {
		.who = "the audit writer",
		.name = "agentbox-audit",
		.proc = o->proc,
		.own_users = o->own_users,
		.uid = o->uid,
		.nofile = NOFILE_WANTED,
		.paths = paths,
		.n_paths = ARRAY_SIZE(paths),
		.seccomp = writer_seccomp,
	};

	return jail_enter(&j, ret_text, size, ret_overflow, e);
}
