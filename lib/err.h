#pragma once
/*
 * Errors that a person will read. Functions return 0 or a positive value on
 * success and a negative errno on failure; where the text matters they also
 * fill a struct err, which names the thing, the cause and the cure.
 */
#include "lib/macro.h"

#define ERR_TEXT_MAX 1024

struct err {
	int code;		     /* negative errno, 0 when empty */
	char text[ERR_TEXT_MAX];     /* one sentence, no newline at the end */
	char cure[ERR_TEXT_MAX / 2]; /* what to do about it; may be empty */
};

#define ERR_INIT                                                               \
	{                                                                      \
		.code = 0                                                      \
	}

/* Replaces the text; returns -abs(code). e may be NULL. */
int err_set(struct err *e, int code, const char *fmt, ...) _printf_(3, 4);
/* The same, followed by ": " and strerror(code). */
int err_sys(struct err *e, int code, const char *fmt, ...) _printf_(3, 4);
/* Puts "prefix: " before the text that is there; returns e->code. */
int err_wrap(struct err *e, const char *fmt, ...) _printf_(2, 3);
/* Sets the cure line; returns e->code. */
int err_cure(struct err *e, const char *fmt, ...) _printf_(2, 3);
