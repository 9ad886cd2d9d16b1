#pragma once

/* Gives back the pages of our own code and constants: they come again from the
 * page cache when they are used. For processes that have started and will
 * mostly sleep. */
void trim_code(void);
