#pragma once
/*
 * The box's own terminal. The outer terminal is never given to the box
 * (TIOCSTI and friends would reach the shell that started us): each of stdin,
 * stdout, stderr that is a terminal is replaced by the slave of a pty that the
 * supervisor relays; the others pass untouched.
 *
 * The outer terminal is put in raw mode only if stdin and stdout both are
 * terminals, and is restored on every way out: tty_free(), exit(), the fatal
 * signals, SIGTSTP. Only kill -9 of the supervisor leaves it raw (`stty sane`
 * cures that).
 */
#include "lib/err.h"

#include <stdbool.h>
#include <stdint.h>

struct tty;
struct event_base;

/* Any of 0, 1, 2 is a terminal. */
bool tty_wanted(void);

/* Takes the master of the box's pty, which the stage made on the box's own
 * devpts (so that ttyname(3) works inside), and gives it the modes and the size
 * of the outer terminal. Between confinement and exec. */
int tty_open(int master, struct tty **ret, struct err *e);

/* After the launch: raw mode and relay. Takes SIGWINCH, SIGTSTP and SIGCONT (a
 * signalfd of its own) and blocks SIGTTIN and SIGTTOU: do not handle these
 * elsewhere while a tty exists. Handlers are set for those fatal signals that
 * have the default disposition then. */
int tty_start(struct tty *t, struct event_base *base, struct err *e);

/* Everything in the box is dead: writes out what the pty still holds, waiting
 * at most ms for the terminal to take it. */
void tty_drain(struct tty *t, unsigned int ms);

/* Bytes that went either way so far. Accepts NULL. */
uint64_t tty_traffic(const struct tty *t);

/* Restores the terminal. Accepts NULL. */
void tty_free(struct tty *t);

/* Restores now what is raw; safe in signal handlers and between fork and exec;
 * for `agentbox: ...` messages on the way out. */
void tty_restore(void);
