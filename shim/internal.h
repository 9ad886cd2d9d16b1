#pragma once
/* http://agentbox.internal: what a box can ask of the broker itself. */
#include "shim/conn.h"

/* Remembers what the agent was told of something that did not go ahead. */
void internal_remember(struct shim *s, const void *body, size_t len);
bool internal_is(const struct conn *c);
/* The destination is ours: reads one request and answers it. */
void internal_start(struct conn *c);
/* The request in c->early: -EAGAIN, its first line is not all there; else the
 * status, and the body of the answer. */
int internal_answer(const struct conn *c, const char **ret_body,
		    size_t *ret_len);
