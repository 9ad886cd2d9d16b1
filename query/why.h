#pragma once
/*
 * A record explained: what was asked, what was decided and by which rule, what
 * was missing, what became of it, how to have it otherwise. The facts are put
 * together once, as JSON (agentbox-why(1) has the form); the text for people is
 * made of them.
 */
#include "query/render.h"
#include "query/trail.h"

#include <jansson.h>

struct why_options {
	/* For the agent itself: what rules of the host say, names of files,
	 * other people and processes of the host are left out. */
	bool as_agent;
	const char *run; /* only a record of this run; NULL: any */
};

/* 1: *ret. 0: there is no such record, or not in that run. */
int why_facts(struct trail *t, const struct why_options *o, uint64_t seq,
	      json_t **ret, struct err *e);
/* The newest decision that did not go ahead, of what f asks for: 1, or 0. */
int why_last(struct trail *t, const struct filter *f, uint64_t *ret,
	     struct err *e);
void why_print(const struct render *rd, const json_t *facts);
