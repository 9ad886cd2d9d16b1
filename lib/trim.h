#pragma once

/* Gives back the pages of our own code and constants: they come again from the
 * page cache when they are used. For processes that have started and will
 * mostly sleep. */
void trim_code(void);

/* Gives back what deeper calls once used of the stack. Only for the stack that
 * the process began with: below one of our own lie other things. */
void trim_stack(void);
