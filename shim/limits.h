#pragma once
/*
 * Bytes of the box, all connections together: how many the run may have, and
 * how many a second. Whoever moves bytes asks before and says so after.
 */
#include "shim/shim.h"

struct conn;

int limits_new(struct shim *s);
void limits_free(struct shim *s);
/* How many of want bytes may go now; out: to the other side. 0: not now,
 * limits_wait(). -EDQUOT: the run has had all of its bytes. */
ssize_t limits_allow(struct shim *s, bool out, size_t want);
void limits_moved(struct shim *s, bool out, size_t n);
/* The connection's function (conn_watch) is called again when more may go. */
void limits_wait(struct conn *c);
