#pragma once
#include "lib/err.h"

/* Brings lo up in the calling thread's network namespace (rtnetlink). */
int net_loopback_up(struct err *e);
