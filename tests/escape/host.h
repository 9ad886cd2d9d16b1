#pragma once
/*
 * The outside half of the escape suite: prepares secrets, victims and
 * listeners, starts the box, answers its requests, and looks afterwards at
 * what has changed on the host.
 */
#include "lib/macro.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

enum contact {
	C_ABSTRACT,
	C_ABSTRACT_DGRAM,
	C_TMP,
	C_RUN,
	C_WS,
	C_TCP,
	C_TCP6,
	C_UDP,
	C_FIFO,
	C_SOCKETPAIR,
	C_MAX
};

struct host {
	bool selftest, terminal;
	const char *escape; /* the inner program */
	const char *only;
	char token[32], base[128], ws[160], outside[160], secret[192];
	char home_secret[192], tmp_secret[192], abstract[64], mq[64], shm[64];
	char key[64], fifo[192], cgroup[192], exec[192], victim_exe[192];
	char state[192];   /* of the audit log, or "" */
	char sock[3][108]; /* tmp, run, ws */
	char handle[300], tty[64];
	unsigned short port, uport;
	int sysv_key, shm_id, sem_id, msg_id;
	long key_session, key_user;
	int fds[C_MAX]; /* listeners */
	int contacts[C_MAX];
	int leak_dir, leak_secret, leak_write, leak_ns, leak_sock, stdin_file;
	int master, slave;
	bool marked; /* the token came out of the terminal */
	int signal_pipe[2], group_pipe[2];
	pid_t victim, init, member, writer;
	unsigned long victim_addr;
	char hostname[65];
	struct timespec real, boot;
	int mounts;
	long mem, pids, tmp, fsize, nofile, growth;
};

/* host_setup.c: 0, or a negative errno after a message. */
int host_setup(struct host *h);
void host_cleanup(struct host *h);
/* host_victim.c */
int victim_main(const char *token, int signal_fd, int addr_fd);
int victim_start(struct host *h, pid_t *ret_pid, unsigned long *ret_addr);
/* host_serve.c: looks at every listener once, at most timeout_ms. out is the
 * box's output or -1; returns true while it is open. */
bool host_serve(struct host *h, int out, int timeout_ms,
		void (*line)(struct host *h, char *text));
/* host_check.c: prints one PROBE line per check; returns how many failed.
 * partial: only those that make sense when few probes ran. */
int host_check(struct host *h, bool partial);
void host_check_list(void);
int count_mounts(void);
