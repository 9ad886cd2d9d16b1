#pragma once
#include "lib/err.h"

#include <stdbool.h>

/* Brings lo of the calling thread's network namespace up or down
 * (rtnetlink). */
int net_loopback(bool up, struct err *e);
