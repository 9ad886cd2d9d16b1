#pragma once
/* Strict parsing and small string helpers. No locale, no partial matches. */
#include "lib/macro.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "123": decimal digits only, no sign, no space. 0 or -EINVAL / -ERANGE. */
int str_to_u64(const char *s, uint64_t *ret);
/* "512M", "1G", "4096": bytes; suffix K M G T are powers of 1024. */
int str_to_size(const char *s, uint64_t *ret);
/* "90s", "5m", "2h", "1d", "250ms", "10" (seconds): microseconds. */
int str_to_usec(const char *s, uint64_t *ret);
/* "512.0M": for tables. Returns buf. */
const char *str_from_size(uint64_t bytes, char *buf, size_t size);
bool str_starts(const char *s, const char *prefix);
bool str_in(const char *s, const char *const *list);
/* printf to a fresh string; NULL when out of memory. */
char *str_printf(const char *fmt, ...) _printf_(1, 2);
/* Names, labels, ids: [A-Za-z0-9._-]{1,64}, not starting with '.' or '-'. */
bool str_is_name(const char *s);
/* Absolute, no empty, "." or ".." component, no trailing slash (but "/"),
 * shorter than PATH_MAX. */
bool str_is_clean_path(const char *s);
/* Prints s so that it cannot steer a terminal: control bytes and invalid
 * UTF-8 become \xNN. Returns buf, truncated with "..." when too long. */
const char *str_escape(const char *s, char *buf, size_t size);
/* The candidate of list that is closest to s (edit distance at most 1/3 of its
 * length, at least 1, at most 3), or NULL. For "did you mean". */
const char *str_suggest(const char *s, const char *const *list);

/* A NULL-terminated vector of owned strings. */
struct strv {
	char **v;
	size_t n;
};
int strv_add(struct strv *sv, const char *s); /* copies */
int strv_take(struct strv *sv, char *s);      /* takes, frees on failure */
bool strv_has(const struct strv *sv, const char *s);
void strv_done(struct strv *sv);
