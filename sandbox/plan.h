#pragma once
/*
 * The plan: everything that agentbox-stage does, as one flat, pointer-free,
 * validated block in a sealed memfd. The compiler (profiles/compile.c) fills a
 * struct plan with pointers into its own memory; plan_encode() makes the
 * block; plan_decode() checks every offset, length and enum and gives back a
 * struct plan that points into the block. The decoder trusts nothing: it is
 * fuzzed.
 *
 * Layout: struct plan_wire (fixed size), then the tables, then the string
 * pool. All integers are in host order: the plan never leaves the machine.
 */
#include "lib/err.h"
#include "sandbox/layers.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_SIZE_MAX (1u << 20) /* of the whole block */
#define PLAN_FS_MAX 512
#define PLAN_RULES_MAX 512
#define PLAN_RLIMITS_MAX 16
#define PLAN_ARGS_MAX 4096
#define PLAN_ENV_MAX 1024
#define PLAN_SOCKETS_MAX 24

/* One step in building the new root; done in order. Paths of dst are inside
 * the new root, absolute, clean. Missing parent directories of dst are made
 * (0755) as long as they lie on the root tmpfs. */
enum plan_fs_kind {
	PLAN_FS_TMPFS,	 /* new tmpfs at dst; size, mode. "/" is the root, which
			    is there already: its size. */
	PLAN_FS_DIR,	 /* directory at dst; mode */
	PLAN_FS_FILE,	 /* file at dst with contents data; mode */
	PLAN_FS_SYMLINK, /* dst -> src */
	PLAN_FS_BIND,	 /* src of the host (file or directory, recursive) */
	PLAN_FS_REBIND,	 /* src inside the new root, bound to dst */
	PLAN_FS_PROC,	 /* fresh procfs */
	PLAN_FS_DEVPTS,	 /* fresh devpts */
	PLAN_FS_MASK,	 /* dst hidden by an empty read-only file or directory;
			    no error and no trace when dst does not exist */
	PLAN_FS_KIND_MAX
};

/* plan_fs.flags */
#define PLAN_FS_RDONLY 0x01u
#define PLAN_FS_NOEXEC 0x02u
#define PLAN_FS_DEV 0x04u      /* devices allowed; src is a /dev node */
#define PLAN_FS_OPTIONAL 0x08u /* src missing on the host: skip silently */
#define PLAN_FS_IDMAP 0x10u    /* owned by the human: root mode idmaps it */
#define PLAN_FS_FD                                                             \
	0x20u		      /* src comes as a mount descriptor, in order,    \
				 with the GO message (root mode) */
#define PLAN_FS_WATCHED 0x40u /* counted by the disk watch */
#define PLAN_FS_FLAGS_ALL 0x7fu
/* nosuid is always set; nodev unless PLAN_FS_DEV. */

struct plan_fs {
	enum plan_fs_kind kind;
	uint32_t flags;
	uint32_t mode;
	uint64_t size;	 /* tmpfs bytes */
	const char *src; /* or NULL */
	const char *dst;
	const char *data; /* FILE contents */
};

/* A Landlock path rule; path is inside the new root. Missing: skipped. */
struct plan_rule {
	uint64_t access; /* LANDLOCK_ACCESS_FS_*, cut to what the ABI has */
	const char *path;
};

struct plan_rlimit {
	uint32_t resource; /* RLIMIT_* */
	uint64_t soft, hard;
};

/* Where the broker's name server and its proxy are, inside a box. */
#define PLAN_BROKER_ADDRESS "127.0.0.53"
#define PLAN_PROXY_PORT 3128

/* plan.flags */
#define PLAN_TTY 0x01u	     /* stdin, stdout or stderr is the box's own pty */
#define PLAN_TIMENS 0x02u    /* own time namespace */
#define PLAN_LOOPBACK 0x04u  /* bring lo up; else Landlock closes TCP too */
#define PLAN_SETGROUPS 0x08u /* root mode: drop supplementary groups */
#define PLAN_NETWORK                                                           \
	0x10u /* a broker serves the box: sockets; needs LOOPBACK */
#define PLAN_FLAGS_ALL 0x1fu

struct plan {
	uint32_t flags;
	uint32_t layers;   /* LAYER_BIT set: asked for */
	uint32_t optional; /* LAYER_BIT set: may be missing */
	uint32_t uid, gid; /* inside the box */
	int32_t oom_score_adj;
	uint32_t umask;
	uint32_t landlock_min; /* refuse below this ABI; 0: any */
	uint32_t sockets; /* TCP ones that the broker needs; with NETWORK */
	const char *hostname;
	const char *workdir; /* inside */
	const char *canary;  /* file that Landlock must refuse; or NULL */
	size_t n_fs, n_rules, n_rlimits, n_args, n_env, n_insns;
	struct plan_fs *fs;
	struct plan_rule *rules;
	struct plan_rlimit *rlimits;
	const char **args; /* command; NULL terminated, n_args without NULL */
	const char **env;  /* K=V; NULL terminated */
	struct sock_filter *insns; /* seccomp */
};

/* A new malloc'd block. */
int plan_encode(const struct plan *p, void **ret_data, size_t *ret_len,
		struct err *e);
/* Checks and unpacks. *ret points into data (which must outlive it) and into
 * one allocation of its own; release with plan_free(). */
int plan_decode(const void *data, size_t len, struct plan **ret, struct err *e);
void plan_free(struct plan *p);
