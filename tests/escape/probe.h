#pragma once
/*
 * A probe tries one thing that a box must not allow. It runs in a child of its
 * own and ends with exactly one verdict. A probe must really succeed where its
 * layer is missing: `open` says where that is, and the self-test holds the
 * probe to it.
 */
#include "lib/macro.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What the host side prepared; every field comes from an argument. */
struct params {
	const char *token;   /* the secret: whoever reads it has escaped */
	const char *ws;	     /* the workspace, at its host path */
	const char *secret;  /* file with the token, outside the workspace */
	const char *outside; /* folder of that file, writable by anyone */
	const char *home_secret; /* the same in the caller's home */
	const char *tmp_secret;	 /* the same in the host's /tmp */
	const char *handle;	 /* hex of a file handle of secret, or "" */
	const char *abstract;	 /* name of an abstract socket, without NUL */
	const char *sock_tmp, *sock_run, *sock_ws; /* path sockets */
	const char *mq, *shm;			   /* POSIX names */
	const char *key;			   /* description of a key */
	const char *fifo;			   /* host FIFO with a reader */
	const char *tty;			   /* the caller's terminal */
	const char *cgroup; /* a group of the host, or "" */
	const char *exec;   /* a program outside the workspace */
	const char *state;  /* folder of the audit log, or "" */
	long writer;	    /* pid of its writer, or 0 */
	long victim;	    /* host process of the caller's user */
	long victim_addr;   /* where the token is in its memory */
	long init;	    /* pid 1 of the box, or a stand-in */
	long port, uport;   /* TCP and UDP on the host's loopback */
	long sysv;	    /* key of shm, sem and msg */
	long mem, pids, tmp, fsize, nofile, growth; /* limits of the box */
	long selftest; /* unconfined: say if the verdict is right */
};

/* Where the probe succeeds if nothing confines it. */
enum probe_open {
	OPEN_USER, /* anybody */
	OPEN_ROOT, /* only for uid 0 */
	OPEN_HOST, /* if this host has it: a module, a setting, a device */
	OPEN_NONE, /* only where something is broken; needs no self-test */
};

#define PROBE_MAY_DIE 0x1u /* any death of the child is the limit at work */
#define PROBE_SIGNALS 0x2u /* the runner ignores signals meanwhile */
#define PROBE_SLOW 0x4u	   /* 60 s instead of 10 */
#define PROBE_END_BOX 0x8u /* the whole box may be stopped for it */
#define PROBE_ASKED 0x10u  /* only when named: needs a run of its own */
#define PROBE_DAEMON 0x20u /* leaves a process behind on purpose */

struct probe {
	const char *name;
	enum probe_open open;
	unsigned int flags;
	const char *what;  /* what is tried */
	const char *layer; /* what should stop it */
	void (*fn)(const struct params *p, long arg);
	long arg;
};

/* Verdicts: each ends the probe. The detail is one line. */
void blocked(const char *fmt, ...) _printf_(1, 2) _noreturn_;
void escaped(const char *fmt, ...) _printf_(1, 2) _noreturn_;
/* Nothing to attack here (no such kernel feature): counts as blocked. */
void absent(const char *fmt, ...) _printf_(1, 2) _noreturn_;
/* blocked() with the name of errno; absent() when errno says that the
 * kernel does not have it. */
void refused(const char *what) _noreturn_;
/* escaped() if r >= 0, else refused(). */
void judge(long r, const char *what) _noreturn_;

/* True when the token can be read from fd. Closes it. */
bool fd_has_token(const struct params *p, int fd);
/* Opens path (relative to dirfd) and looks for the token. */
bool path_has_token(const struct params *p, int dirfd, const char *path);
/* escaped() when path shows the token, else refused(). */
void steal(const struct params *p, const char *path) _noreturn_;
bool has_token(const struct params *p, const char *buf, size_t len);

/* "DIR/NAME" in static storage that the next call but three reuses. */
const char *path_join(const char *dir, const char *name);
/* A fresh path in the workspace. */
const char *ws_path(const struct params *p, const char *name);
/* A new file in the workspace, open read-write; not a probe by itself: if it
 * cannot be made the probe ends as blocked. */
int ws_file(const struct params *p, const char *name);
/* Calls fn for every entry of the folder until it returns true. */
bool each_entry(const char *dir, bool (*fn)(const char *name, void *arg),
		void *arg);
/* fork() whose child dies with the probe; ends the probe on failure. */
pid_t spawn(void);
/* Status of that child; -ETIMEDOUT (and killed) after ms. */
int reap(pid_t pid, int ms);
void sleep_ms(int ms);
/* True if /proc/PID/comm says that it is the host's victim. */
bool is_victim(long pid);
/* Asks the host side to do something, waits for its answer (at most 2 s).
 * Returns NULL when it does not answer. */
const char *ask_host(const struct params *p, const char *request);
/* Gives up uid 0 when the self-test runs as root; no effect in a box. */
void become_nobody(void);
#define VICTIM_COMM "abx-victim"

extern const struct probe probes_file[], probes_link[], probes_proc[],
	probes_process[], probes_init[], probes_namespace[], probes_mount[],
	probes_descriptor[], probes_privilege[], probes_kernel[], probes_abi[],
	probes_device[], probes_family[], probes_ipc[], probes_net[],
	probes_tty[], probes_cgroup[], probes_exhaust[], probes_survive[],
	probes_audit[];
