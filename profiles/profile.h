#pragma once
/*
 * A profile as its author wrote it, after loading: checked, defaults filled
 * in, nothing resolved against the host yet. The language is described in
 * agentbox-profile(5) and in profiles/schema/profile.schema.json; a test holds
 * the three together.
 */
#include "lib/err.h"
#include "lib/str.h"
#include "policy/policy_build.h"
#include "sandbox/cgroup.h"
#include "sandbox/layers.h"

#include <stdbool.h>
#include <stdint.h>

#define PROFILE_SIZE_MAX (1024u * 1024)
#define PROFILE_DEPTH_MAX 32
#define PROFILE_VERSION 1
#define PROFILE_EXTENDS_MAX 8	/* profiles above one another */
#define PROFILE_PARENTS_MAX 8	/* of one profile; groups likewise 64 */
#define PROFILE_GROUPS_MAX 64	/* in one profile, with those they name */
#define PROFILE_EXPECT_MAX 4096 /* cases of one profile */

enum profile_access { ACCESS_NONE, ACCESS_READ, ACCESS_WRITE };
enum profile_role {
	ROLE_RETRIEVE,
	ROLE_REASON,
	ROLE_EXECUTE,
	ROLE_APPROVE,
	ROLE_MONITOR
};

/* What a document is: a profile, or one of the other files of the language,
 * which know fewer keys. */
enum profile_kind {
	PROFILE_AGENT,
	PROFILE_HOST,  /* the host's policy: rules, labels, freeze, ceiling */
	PROFILE_GROUP, /* building blocks of profiles */
	PROFILE_RUN    /* narrows one run of a profile */
};

struct expect_case;
struct profile_source;

/* Marks which members the file itself (or a group of it) has a word on. */
#define PROFILE_SAID_MAX 256 /* bytes; a bit for each byte of the struct */

struct profile {
	char *path; /* where it was loaded from */
	enum profile_kind kind;
	unsigned int refs;
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

	/* What the broker holds all connections of a run to, and each of
	 * them; 0: no limit. */
	struct {
		uint64_t connections;		   /* at once */
		uint64_t sent, received;	   /* bytes of the run */
		uint64_t rate_sent, rate_received; /* bytes a second */
		uint64_t idle_us, lifetime_us;	   /* of a connection */
		uint64_t head_us; /* until a request's head is there */
		bool proxy_env;	  /* http_proxy and the like are set */
	} network;

	/* Never above the role's own: profile_role_ceiling(). */
	enum action_class ceiling;
	enum policy_mode mode;
	struct {
		uint64_t ttl_us, idle_us; /* 0: none */
	} session;
	struct {
		struct strv profiles, groups, exclude;
	} extends;
	struct strv labels_define; /* "NAME=meaning" */
	struct strv labels_start;

	/* What follows is read by hand, not along the table of keys. */

	/* Rules and triggers of the brokered surfaces that this file and its
	 * groups say; rule.file and rule.at are set, rule.line not yet. Labels
	 * and levels of it are empty. */
	struct policy_spec own;
	struct expect_case *expect; /* in the order of the file */
	size_t n_expect;
	struct profile **parent; /* loaded, as extends.profiles */
	size_t n_parents;
	struct profile_source *source; /* files that it was made of */
	size_t n_sources;
	uint8_t said[PROFILE_SAID_MAX];
};

/* Loads a profile from a file. name_or_path: a path if it holds a '/',
 * otherwise NAME.json in the first of the search folders that has it. Parents
 * and groups (NAME.json in a folder "groups" of a search folder) are found the
 * same way, and what the file leaves out is what its parents say. Errors:
 * "FILE:LINE: /json/pointer: what; did you mean \"x\"?". */
int profile_load(const char *name_or_path, const char *const *search,
		 struct profile **ret, struct err *e);
/* The same from memory; label stands for the file name in errors. There is
 * nothing to find parents and groups with, so extends is an error. Fuzzed: no
 * input makes it crash, leak, or take longer than its size allows. */
int profile_parse(const char *label, const char *text, size_t len,
		  struct profile **ret, struct err *e);
/* The host's policy; -ENOENT without a text when there is no such file. */
int profile_load_host(const char *path, struct profile **ret, struct err *e);
/* A document that narrows base for one run: as if it were a profile that
 * extends base alone. *ret holds a reference to base. */
int profile_load_run(const char *path, struct profile *base,
		     const char *const *search, struct profile **ret,
		     struct err *e);
struct profile *profile_ref(struct profile *p);
void profile_free(struct profile *p); /* lets go of one reference */

const char *profile_role_name(enum profile_role r);
/* The highest class that a role may have. */
enum action_class profile_role_ceiling(enum profile_role r);

/* The line of pointer in the profile's file, which is read again for it; 0 if
 * unknown. */
unsigned int profile_line(const struct profile *p, const char *pointer);

/* An error about a part of a loaded profile, found only when it met the host:
 * "FILE:LINE: POINTER: text". Reads the file again for the line; without a
 * readable file there is no line. Returns -abs(code). */
int profile_fail(const struct profile *p, struct err *e, int code,
		 const char *pointer, const char *fmt, ...) _printf_(5, 6);
