#pragma once
/* DNS for the box, over UDP and TCP. Nothing that is asked leaves: the
 * supervisor says whether a name may be dialled, the answer is made here. */
#include "shim/conn.h"

/* Options of the UDP socket. */
int dns_serve_prepare(int fd);
/* Reads questions; at most some of them in one turn. */
void dns_serve_udp(struct shim *s, int fd);
/* Takes the connection. */
void dns_serve_tcp(struct conn *c);
int dns_serve_new(struct shim *s);
/* Forgets the questions that wait. */
void dns_serve_free(struct shim *s);
