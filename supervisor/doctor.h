#pragma once
/*
 * What `agentbox doctor` finds out, apart from how it prints it. Looking and
 * judging fill one struct; nothing of it is left behind on the machine.
 */
#include "lib/err.h"
#include "sandbox/cgroup.h"
#include "sandbox/layers.h"
#include "sandbox/probe.h"

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct profile;

enum doctor_state {
	DOCTOR_YES,
	DOCTOR_WEAKER, /* works by a documented fallback */
	DOCTOR_NO,
	DOCTOR_UNUSED, /* not for this user */
};

struct doctor_row {
	const char *name;
	bool kernel; /* the kernel has it */
	enum doctor_state state;
	bool needed; /* `run` refuses without it */
	char detail[256];
	char cure[512];
};

#define DOCTOR_TOOLS(TOOL)                                                     \
	TOOL(PROFILE, "profile")                                               \
	TOOL(STAGE, "agentbox-stage")                                          \
	TOOL(GUARD, "agentbox-guard")                                          \
	TOOL(WRITER, "agentbox-audit")                                         \
	TOOL(SHIM, "agentbox-shim")                                            \
	TOOL(SCOPE, "agentbox-scope")                                          \
	TOOL(RECORD, "audit log")                                              \
	TOOL(RUNTIME, "runtime folder")                                        \
	TOOL(PTY, "pty")                                                       \
	TOOL(MOUNTAPI, "mount_setattr")                                        \
	TOOL(CLONE3, "clone3")                                                 \
	TOOL(OPENAT2, "openat2")                                               \
	TOOL(CLOSERANGE, "close_range")                                        \
	TOOL(PIDFD, "pidfd_open")                                              \
	TOOL(MEMFD, "memfd_create")

enum doctor_tool {
#define TOOL(id, name) DOCTOR_TOOL_##id,
	DOCTOR_TOOLS(TOOL)
#undef TOOL
		DOCTOR_TOOL_MAX
};

/* A switch of the kernel that bears on boxes; value -1: not there. */
struct doctor_fact {
	const char *sysctl;
	const char *note;
	int64_t value;
};

#define DOCTOR_FACTS_MAX 16

struct doctor {
	const char *profile;   /* asked for */
	const char *workspace; /* for id-mapped mounts */
	struct probe_machine machine;
	struct probe_box box;
	struct cgroup_host cgroup;
	int landlock;	  /* ABI or -errno */
	int landlock_min; /* what the profile needs; 0: any */
	struct cgroup_limits limits;
	char session[160];
	char scope[PATH_MAX];	   /* path of agentbox-scope; may be "" */
	uint32_t asked, optional;  /* LAYER_BIT sets of the profile */
	bool dials_any;		   /* its rules name not only single ports */
	struct probe_box user_box; /* root only: an ordinary user's */
	struct doctor_row layer[LAYER_MAX];
	struct doctor_row tool[DOCTOR_TOOL_MAX];
	struct doctor_fact fact[DOCTOR_FACTS_MAX];
	size_t n_facts;
	bool can_run;  /* here, now, with that profile */
	int user_code; /* root only: 0 if an ordinary user could, -errno */
	struct err user_why;
};

/* Fills everything. profile and workspace are set before. */
void doctor_look(struct doctor *d);

/* Parts of it. */
void doctor_look_layers(struct doctor *d);
void doctor_look_cgroup(struct doctor *d);
void doctor_look_tools(struct doctor *d);
void doctor_look_facts(struct doctor *d);
void doctor_look_record(struct doctor *d);
void doctor_look_net(struct doctor *d); /* after tools and layers */
/* TCP sockets that a box of that profile needs; 0: it dials nothing. Fills
 * d->dials_any. */
int doctor_net_sockets(struct doctor *d, const struct profile *p,
		       const char *sets_dir, uint32_t *ret, struct err *e);

/* Row helpers: what is said replaces what was said. */
void doctor_say(struct doctor_row *r, enum doctor_state s, const char *fmt, ...)
	_printf_(3, 4);
/* DOCTOR_NO with the text and the cure of e. */
void doctor_no(struct doctor_row *r, const struct err *e);

void doctor_print(const struct doctor *d, FILE *f, bool colour);
/* NULL when out of memory. */
json_t *doctor_json(const struct doctor *d);
const char *doctor_state_name(enum doctor_state s);
