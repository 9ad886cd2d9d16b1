#pragma once
/*
 * A request from JSON as it stands. The loader's own reader refuses a value of
 * the wrong type; decide() must judge it, so tests need one that does not.
 */
#include "policy/request.h"

#include <jansson.h>

#define JSON_REQUEST_NODES 64

struct json_request {
	struct request rq; /* its strings are the document's */
	struct value node[JSON_REQUEST_NODES];
	size_t n;
};

/* Puts a member into a document: path "args/amount"; value JSON or a bare word,
 * "@9000" a string of so many letters, "~" takes the member away. */
void json_request_set(json_t *root, char *path, const char *value);
/* Ends the test when doc has no surface or too many values. Derives. */
void json_request_make(json_t *doc, struct json_request *ret);
