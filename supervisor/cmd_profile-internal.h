#pragma once
/* Shared by the cmd_profile*.c files and nobody else. */
#include "lib/err.h"
#include "policy/decide.h"
#include "profiles/authority.h"
#include "profiles/profile.h"
#include "supervisor/paths.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum pc_exit {
	PC_DONE = 0,
	PC_NO = 1,	 /* a mistake, a failed case, a difference */
	PC_FAILED = 125, /* agentbox itself, usage included */
};

struct pc {
	struct paths paths;
	bool json;
};

/* The commands; argv[0] is "list" and so on. */
int cmd_profile_list(int argc, char **argv);
int cmd_profile_show(int argc, char **argv);
int cmd_profile_check(int argc, char **argv);
int cmd_profile_test(int argc, char **argv);
int cmd_profile_explain(int argc, char **argv);
int cmd_profile_diff(int argc, char **argv);
int cmd_profile_init(int argc, char **argv);

/* "Try agentbox profile COMMAND --help"; PC_FAILED. */
int pc_usage(const char *command);
/* The error on stderr, or with json as {"error", "cure"} on stdout; PC_FAILED.
 */
int pc_fail(const struct pc *pc, const struct err *e);
/* Takes the reference; prints it. PC_DONE, or PC_FAILED. */
int pc_print(json_t *j);
/* Is all that was printed where it belongs? status, or PC_FAILED. */
int pc_end(int status);

/* A profile with all that it grants: made by pc_open(), in order. */
struct pc_profile {
	struct profile *p;
	struct policy_spec spec;
	struct policy *policy;
	bool have_spec;
};
int pc_open(const struct pc *pc, const char *name, struct pc_profile *ret,
	    struct err *e);
void pc_close(struct pc_profile *v);

/* "FILE:LINE: POINTER: text", as errors of the language are. Without a place
 * file is "" and text is all of s. */
struct pc_place {
	char file[PATH_MAX], at[256], text[ERR_TEXT_MAX];
	unsigned int line;
};
void pc_place(const char *s, struct pc_place *ret);
/* JSON strings hold any text: what is not UTF-8 is escaped. */
json_t *pc_string(const char *s);
/* For terminals: the same. Returns buf. */
const char *pc_shown(const char *s, char *buf, size_t size);
/* CLOCK_REALTIME in microseconds. */
int64_t pc_now_us(void);
/* The rule of the spec that rule i of the policy is, or NULL. */
const struct rule *pc_rule(const struct pc_profile *v, size_t i);
/* The conditions of a rule: a JSON array of {"at", "expected"}. */
json_t *pc_conditions(const struct pc_profile *v, size_t i);

/* cmd_profile_keys.c: the sections that the kernel and the supervisor hold. */
/* {"requires": {...}, "process": {...}, ...}, as a profile would say it. */
json_t *pc_sections(const struct profile *p);
/* The same as lines "process.limits.memory  2G". */
void pc_print_sections(const struct profile *p);
