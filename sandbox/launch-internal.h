#pragma once
/* Shared by the launch*.c files and nobody else. */
#include "sandbox/launch.h"

void launch_close_all(int *fds, size_t n);
int launch_write_maps(pid_t pid, unsigned int in_uid, unsigned int uid,
		      unsigned int in_gid, unsigned int gid, bool root);
/* Root mode: the mounts of PLAN_FS_FD, in order; at most STAGE_FDS_MAX. */
int launch_make_mounts(const struct launch_params *lp, int *fds, size_t *ret_n,
		       struct err *e);
