#pragma once
/*
 * Which build of a program runs: the note that the linker made of all that is
 * in it (ld(1), --build-id). What a cache keeps for one build is no other's.
 */
#include <stddef.h>

/* In hex, as much of it as there is room for; -ENOENT: it has no such note. */
int build_id(char *buf, size_t size);
