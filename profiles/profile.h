#pragma once
/*
 * A profile as its author wrote it, after loading: checked, defaults filled
 * in, nothing resolved against the host yet. The language is described in
 * agentbox-profile(5) and in profiles/schema/profile.schema.json; a test holds
 * the three together.
 */
#include "lib/err.h"
#include "lib/str.h"
#include "sandbox/cgroup.h"
#include "sandbox/layers.h"

#include <stdbool.h>
#include <stdint.h>

#define PROFILE_SIZE_MAX (256u * 1024)
#define PROFILE_DEPTH_MAX 32
#define PROFILE_VERSION 1

enum profile_access { ACCESS_NONE, ACCESS_READ, ACCESS_WRITE };
enum profile_role {
	ROLE_RETRIEVE,
	ROLE_REASON,
	ROLE_EXECUTE,
	ROLE_APPROVE,
	ROLE_MONITOR
};

struct profile {
	char *path; /* where it was loaded from */
	uint32_t version;
	char *name, *owner, *purpose; /* owner and purpose may be NULL */
	enum profile_role role;

	struct {
		char *kernel;	       /* "5.13" or NULL */
		uint32_t landlock_abi; /* 0: any */
		uint32_t optional;     /* LAYER_BIT set */
	} requires;

	struct {
		/* names taken from the caller; "LC_*" is every such name */
		struct strv env_pass;
		struct strv env_set;  /* "K=V" */
		struct strv syscalls; /* names of sets */
		struct strv syscalls_deny;
		uint64_t timeout_us; /* 0: none */
		bool loopback;
		bool timens;
		char *hostname; /* NULL: the box's name */
		struct cgroup_limits cgroup;
		/* RLIMIT_*, hard; CGROUP_UNLIMITED: left alone */
		uint64_t nofile, nproc, fsize, stack, core, data, memlock;
		int32_t oom_score_adj;
	} process;

	struct {
		/* absolute, "~/x", or "@group" (profiles/sets/NAME.paths) */
		struct strv read, write, exec, deny;
		enum profile_access workspace;
		bool workspace_exec;
		uint64_t workspace_max; /* bytes that may be added; 0: no watch
					 */
		uint64_t tmp_size; /* bytes of /tmp, HOME, /dev/shm together */
	} files;
};

/* Loads a profile from a file. name_or_path: a path if it holds a '/',
 * otherwise NAME.json in the first of the search folders that has it.
 * Errors: "FILE:LINE: /json/pointer: what; did you mean \"x\"?". */
int profile_load(const char *name_or_path, const char *const *search,
		 struct profile **ret, struct err *e);
/* The same from memory; label stands for the file name in errors. Fuzzed: no
 * input makes it crash, leak, or take longer than its size allows. */
int profile_parse(const char *label, const char *text, size_t len,
		  struct profile **ret, struct err *e);
void profile_free(struct profile *p);
const char *profile_role_name(enum profile_role r);

/* An error about a part of a loaded profile, found only when it met the host:
 * "FILE:LINE: POINTER: text". Reads the file again for the line; without a
 * readable file there is no line. Returns -abs(code). */
int profile_fail(const struct profile *p, struct err *e, int code,
		 const char *pointer, const char *fmt, ...) _printf_(5, 6);
