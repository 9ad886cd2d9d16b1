#pragma once
/*
 * As much of JSON Schema (draft 2020-12) as the shipped schema uses. A keyword
 * that it does not know fails the test that asks, so nothing is skipped over.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Is j as schema (a part of root, where "$ref" points) says? why (may be NULL)
 * tells the first thing that is not. */
bool json_schema_ok(const json_t *root, const json_t *schema, json_t *j,
		    char *why, size_t size);
/* The shipped schema, from the source tree; the test fails without it. */
json_t *json_schema_shipped(void);
