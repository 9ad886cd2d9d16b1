#pragma once
/* A keeper of secrets on a loop of its own, for its tests; credential 0, "k",
 * is the one that is asked for. Failures end the test. */
#include "net/secrets.h"

#include <limits.h>
#include <stdbool.h>

#define VALUE "hunter2-is-the-value"
#define USE "\"use\": [ { \"host\": \"a.example\" } ]"

struct secret_world {
	struct event_base *base;
	struct net_config c;
	struct secrets *s;
};

struct secret_test {
	struct secret_call c;
	struct secrets *s;
	struct secret_test *cancels; /* from within done */
	unsigned int told;
	int status;
	char value[SECRET_MAX + 1];
	size_t len;
	const char *at; /* where the value was */
	struct err e;
};

/* credentials: what stands between the braces of "credentials" */
void secret_world_begin(struct secret_world *w, const char *credentials,
			const char *const *env);
void secret_world_end(struct secret_world *w);
void secret_begin(struct secret_world *w, struct secret_test *k, size_t i);
void secret_wait(struct secret_world *w, const struct secret_test *k);
/* What credential 0 gives; a failure never says what was read. */
int secret_value(struct secret_world *w, struct secret_test *k);
/* The path of name in the test's folder; buf. */
const char *secret_place(char buf[PATH_MAX], const char *name);
