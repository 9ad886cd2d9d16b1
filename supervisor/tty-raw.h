#pragma once
/* The raw mode of the outer terminal, of which a process has one. */
#include <stdbool.h>

struct termios;

/* Raw, remembering saved for tty_restore(). Again after a stop. */
void tty_raw_enter(int fd, const struct termios *saved);
bool tty_raw_active(void);
/* After SIGCONT: the shell has set the modes anew, so ours are gone. */
void tty_raw_forget(void);
/* Restores on exit() and on the fatal signals. */
void tty_raw_guard(void);
/* Our process group owns the terminal (or there is no such thing). */
bool tty_raw_foreground(int fd);
