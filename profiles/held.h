#pragma once
/* What holds of a profile from the start of a box to its end. */
#include "profiles/profile.h"

/* Do two profiles agree in all of it: requires, process, files, session, and
 * name and role, which a running box is known by? If not, at names the first
 * difference as a JSON pointer. */
bool profile_held_same(const struct profile *a, const struct profile *b,
		       char *at, size_t size);

/* Does anything in it or in its parents (mode of the profile or of a rule) only
 * observe? Then nothing but a person may let it run. */
bool profile_observes(const struct profile *p);
