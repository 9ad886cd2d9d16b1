#pragma once
/* The commands of agentbox-query. argv[0] is the command's name; each returns
 * the exit status: QUERY_OK, QUERY_NO or QUERY_FAILED. */
#include "lib/err.h"
#include "query/filter.h"
#include "query/trail.h"

#define QUERY_OK 0
#define QUERY_NO 1	 /* the answer is no: not whole, different, nothing */
#define QUERY_FAILED 125 /* as all of agentbox: it could not be answered */

int cmd_tail(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_why(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_query(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_keys(int argc, char **argv);
int cmd_checkpoint(int argc, char **argv);
int cmd_rotate(int argc, char **argv);
int cmd_index(int argc, char **argv);
int cmd_schema(int argc, char **argv);
int cmd_anew(int argc, char **argv);

/* What most commands take: filters, --json, --utc, --no-index, --help. */
struct cmd {
	const char *usage;
	/* own options, up to a zero row; their numbers are below 256, and
	 * letters of them (as getopt(3) wants them) */
	const struct option *own;
	const char *letters;
	/* Takes one of them; negative: wrong, e says why. */
	int (*take)(void *arg, int option, const char *value, struct err *e);
	void *arg;
	bool no_filters;
	bool alone; /* `agentbox NAME`, not `agentbox audit NAME` */
	/* results */
	struct filter f;
	bool json, utc, no_index;
};
/* Reads the options. 1: go on, argv[optind] is the first operand. 0: help was
 * printed. -EINVAL: it was said what is wrong. */
int cmd_options(struct cmd *c, int argc, char **argv);
/* No operands: 0, or -EINVAL and it was said. */
int cmd_no_operands(const struct cmd *c, int argc, char **argv);
/* trail_open() with what the options say. */
int cmd_open(const struct cmd *c, struct trail **ret, struct err *e);

/* Prints the error and its cure to stderr; returns QUERY_FAILED. */
int cmd_complain(const struct err *e);
/* At the end of an answer: says what must be known of it (t may be NULL), frees
 * t, flushes stdout. Returns status, or QUERY_FAILED if the answer did not
 * arrive. */
int cmd_done(struct trail *t, int status);
uint64_t cmd_now_us(void);
