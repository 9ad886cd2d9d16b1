#pragma once
/* The commands of agentbox-query. argv[0] is the command's name; each returns
 * the exit status: QUERY_OK, QUERY_NO or QUERY_FAILED. */
#include "lib/err.h"

#define QUERY_OK 0
#define QUERY_NO 1	 /* the answer is no: not whole, different, nothing */
#define QUERY_FAILED 125 /* as all of agentbox: it could not be answered */

int cmd_tail(int argc, char **argv);
int cmd_query(int argc, char **argv);
int cmd_verify(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_stats(int argc, char **argv);
int cmd_keys(int argc, char **argv);
int cmd_checkpoint(int argc, char **argv); /* and rotate */
int cmd_index(int argc, char **argv);
int cmd_schema(int argc, char **argv);
int cmd_anew(int argc, char **argv);

/* Prints the error and its cure to stderr; returns QUERY_FAILED. */
int cmd_complain(const struct err *e);
/* The usage was wrong: says so and how to read it. Returns QUERY_FAILED. */
int cmd_usage(const char *command);
/* Flushes stdout: QUERY_FAILED if what was said did not arrive, else status. */
int cmd_done(int status);
