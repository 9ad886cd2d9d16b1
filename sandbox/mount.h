#pragma once
/*
 * Mounts by descriptor: a source is opened without following symbolic links,
 * cloned as a detached tree, given its attributes while nobody can see it, and
 * only then attached. Needs Linux 5.12 (mount_setattr).
 */
#include "lib/err.h"
#include "sandbox/plan.h"

/* A detached clone of the host tree f->src with the attributes of f; idmap_fd
 * is a user namespace for PLAN_FS_IDMAP or negative. Returns a mount
 * descriptor; -ENOENT for a missing source with PLAN_FS_OPTIONAL leaves e
 * alone; -EMEDIUMTYPE: the file system has no idmapped mounts. Called by the
 * stage, and in root mode by the supervisor. */
int mount_clone(const struct plan_fs *f, int idmap_fd, struct err *e);

/* A detached tmpfs. Returns a mount descriptor. */
int mount_tmpfs(uint64_t size, uint32_t mode, struct err *e);

/* Builds everything of the plan below the directory root (a descriptor of an
 * attached tmpfs). fds: the sources that came as descriptors, in order. */
int mount_build(int root, const struct plan *p, const int *fds, size_t n_fds,
		struct err *e);

/* Attaches a fresh root tmpfs, returns a descriptor of its directory. */
int mount_root(const struct plan *p, struct err *e);
/* Makes it "/", drops the host's tree, and makes "/" read-only. */
int mount_pivot(int root, struct err *e);
