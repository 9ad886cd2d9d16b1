#pragma once
#include "lib/err.h"

/* Sets the loopback interface up. fd: a bound socket of rtnetlink(7) that was
 * opened in the network namespace in question; borrowed. */
int net_loopback_up(int fd, struct err *e);
