#pragma once
/*
 * What matches a pattern of rules. Patterns are NUL terminated, subjects have a
 * length.
 */
#include "lib/macro.h"

#include <stdbool.h>
#include <stddef.h>

/* A condition's verdict. */
enum truth { IS_FALSE, IS_TRUE, IS_UNKNOWN };

/* IS_UNKNOWN when it would take too long. */
enum truth glob_match(const char *pattern, const char *s, size_t len);
/* Both in lower case, no trailing dot. */
bool host_match(const char *pattern, const char *host, size_t len);
/* Lower case, one trailing dot gone; length, or -EINVAL for what is no host
 * name or address (bytes other than letters, digits, "." "-" "_" ":", an empty
 * label, longer than 253). */
int host_normal(const char *s, size_t len, char buf[256]);
/* False for "..", ".", "//" and NUL. */
bool path_is_plain(const char *s, size_t len);
/* Decodes the "%XX" of a plain path into buf (of len bytes). The length, or
 * -EINVAL when what comes out is not plain or could be decoded once more. */
int path_decode(const char *s, size_t len, char *buf);

/* NULL if good, else why not: "is a wildcard over a whole top-level domain". */
const char *host_pattern_check(const char *s);
const char *glob_check(const char *s);
