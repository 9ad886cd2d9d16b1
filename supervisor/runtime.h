#pragma once
/*
 * The runtime folder: where running boxes are found.
 *
 *   <id>.sock   control socket of a live box (SOCK_SEQPACKET)
 *   <id>.log    event log, only of boxes to which something happened that
 *               somebody may ask about later (see eventlog.h)
 *   <id>.ca     certificates of a box that is being built
 *   @<name>     symbolic link to <id>, made after the socket listens
 *   uids        one byte per host uid slot, held by an OFD lock (root mode)
 *
 * root: /run/agentbox. A user: $XDG_RUNTIME_DIR/agentbox if that folder is the
 * user's own and 0700, else /run/user/UID/agentbox, else /tmp/agentbox-UID.
 * $AGENTBOX_RUNTIME_DIR names another. The folder itself is always checked:
 * a directory, owned by the caller, closed to everybody else.
 */
#include "lib/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RUNTIME_ID_LEN 12
#define RUNTIME_NAME_MAX 64
#define RUNTIME_UID_BASE 1879048192u /* 0x70000000; see runtime_slot() */
#define RUNTIME_UID_SLOTS 65536u

struct runtime;

/* One box's entry. Start with RUNTIME_BOX_INIT. */
struct runtime_box {
	char id[RUNTIME_ID_LEN + 1];
	char name[RUNTIME_NAME_MAX + 1];
	int listen_fd; /* non-blocking, CLOEXEC; negative: not registered */
};

#define RUNTIME_BOX_INIT                                                       \
	{                                                                      \
		.listen_fd = -EBADF                                            \
	}

/* Opens the folder; create: makes it if it is missing, otherwise -ENOENT
 * (nothing runs). Release with runtime_close(), which accepts NULL. */
int runtime_open(bool create, struct runtime **ret, struct err *e);
void runtime_close(struct runtime *rt);
int runtime_dirfd(const struct runtime *rt);
const char *runtime_path(const struct runtime *rt);

/* A fresh id, the listening socket, and the name: name as given (-EEXIST if a
 * live box has it, -EINVAL if it is no name), or if NULL prefix-XXXX. */
int runtime_register(struct runtime *rt, const char *name, const char *prefix,
		     struct runtime_box *ret, struct err *e);
/* Unlinks name and socket and closes the socket; id and name stay readable.
 * Accepts an entry that is not registered. */
void runtime_unregister(struct runtime *rt, struct runtime_box *box);

/* Connects to the box with that id: a descriptor, blocking, CLOEXEC.
 * -ENOENT: no such box; -ECONNREFUSED: its supervisor is gone. */
int runtime_connect(struct runtime *rt, const char *id);
/* The same, not blocking; -EAGAIN when it has a queue already. */
int runtime_connect_now(struct runtime *rt, const char *id);
/* The id of a name: 0, or -ENOENT. One system call, no check for life. */
int runtime_lookup(struct runtime *rt, const char *name,
		   char ret_id[RUNTIME_ID_LEN + 1]);
bool runtime_is_id(const char *s);

/* Ids of all sockets (live or stale), sorted; *ret is freed with free(). */
int runtime_list(struct runtime *rt, char (**ret)[RUNTIME_ID_LEN + 1],
		 size_t *ret_n);
/* Removes what dead supervisors left behind: sockets that refuse, names that
 * point nowhere, logs beyond a day or beyond 256. Returns how many. */
int runtime_sweep(struct runtime *rt);
/* True while a supervisor answers at <id>.sock. For cgroup_sweep(). */
bool runtime_alive(struct runtime *rt, const char *id);

/*
 * Root mode: takes a host uid (and gid of the same number) that no other box
 * has: RUNTIME_UID_BASE + n, n from a hash of the id upwards. The range lies
 * above what systemd gives to containers (it ends at 1879048191) and below
 * its foreign range. $AGENTBOX_UID_BASE moves it; then /etc/subuid and
 * /etc/subgid are read and an overlap is refused. Returns the descriptor that
 * holds the slot: the lock goes with the last copy of it, so the guard should
 * inherit one and keep the uid taken until the box is really gone.
 */
int runtime_slot(struct runtime *rt, const char *id, uid_t *ret_uid,
		 struct err *e);
