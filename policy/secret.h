#pragma once
/* What must not be written down: by the name that a value goes under, and by
 * its form. Errs to yes. Nothing allocates; time is linear. */
#include <stdbool.h>
#include <stddef.h>

/* Is what is called so a secret ("authorization", "X-Api-Key", "dbPassword")?
 * http: names that mean one only among headers and parameters of URLs too. */
bool secret_name(const char *s, size_t n, bool http);
/* Does the text hold a secret: a key of a well-known form, PEM, a JWT,
 * "password=...", "token: ...", "https://user:password@..."? */
bool secret_text(const char *s, size_t n);
/* Is the second the argument of an option that takes a secret ("--password" and
 * "x", "-u" and "user:x")? */
bool secret_option(const char *s, size_t n, const char *next, size_t next_n);
