#pragma once
/* A box that answers on its control socket and does nothing else. */
#include "supervisor/control.h"
#include "supervisor/runtime.h"

struct server {
	struct runtime *rt;
	struct runtime_box box;
	pid_t pid;
};

/* In a process of its own, which ends 10 s after it began. */
struct server fake_start(const char *name);
void fake_stop(struct server *s);
int fake_connect(struct server *s);
/* Turns of its loop so far. */
int fake_ticks(int fd);
/* The box answers and its loop turns, or the test fails. */
void fake_check_well(struct server *s);
/* Set when the box is dead; of the last that was started. */
extern bool *fake_died;
