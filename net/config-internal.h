#pragma once
/* What the files of net/config*.c share. */
#include "net/config.h"
#include "profiles/json_read.h"

struct net_read {
	struct net_config *c;
	bool hosts; /* it is the host's file */
};

json_read_fn config_credentials;
json_read_fn config_uses; /* to: the credential */
void credential_done(struct credential *c);
void credential_use_done(struct credential_use *u);
/* Does a variable of a box stand for two credentials? */
int config_check_env(const struct net_config *c, struct err *e);

/* A text, or a list of at most max; check gives NULL or why it is wrong. The
 * texts are added to *to. */
typedef const char *config_check_fn(const char *s);
int config_texts(struct json_reader *x, const char *at, json_t *v, size_t max,
		 config_check_fn *check, struct strv *to);

/* "s why"; -EINVAL */
int config_fail(struct json_reader *x, const char *at, const char *s,
		const char *why);
/* Takes copy, whose making may have failed, in place of what is there. */
int config_take(struct json_reader *x, char *copy, char **to);
bool config_is_alnum(char c);
/* NULL if s has "{}" once, else why not */
const char *config_check_hole(const char *s);
