#pragma once
/* What --help prints, one text per command; the man pages say more. */
#include "lib/err.h"

#include <stdio.h>

void help_main(FILE *f);
/* The text of one command; -ENOENT if there is none. */
int help_command(FILE *f, const char *name);
/* "agentbox: text", and the cure on a line of its own, on stderr. */
void help_complain(const struct err *e);
