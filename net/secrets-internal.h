#pragma once
/* Where secrets come from. All of these write into the keeper's own pages and
 * nowhere else. */
#include "net/secrets.h"

/* One byte more than is allowed, and the line feed at the end. */
#define SECRET_ROOM (SECRET_MAX + 2)

/* File, environment, systemd: the number of bytes in buf, SECRET_ROOM long. */
ssize_t secret_read(const struct credential *c, const char *const *env,
		    char *buf, struct err *e);
/* The length of what counts of n bytes, or why they are no secret. */
ssize_t secret_check(const struct credential *c, const char *buf, size_t n,
		     struct err *e);
const char *secret_env(const char *const *env, const char *name);

/* A command whose output goes into buf. done is told once, from the loop. */
struct secret_command;
typedef void secret_command_fn(void *arg, ssize_t status, const struct err *e);
int secret_command_start(struct event_base *base, const struct credential *c,
			 const char *const *env, char *buf,
			 secret_command_fn *done, void *arg,
			 struct secret_command **ret, struct err *e);
/* Kills it and all it started; done is not told. Accepts NULL. */
void secret_command_stop(struct secret_command *k);
