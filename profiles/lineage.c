/* Who stands above a profile. */
#include "profiles/inherit.h"

static int
add(const struct profile *p, const struct profile **ret, size_t max, int n)
{
	for (size_t i = 0; i < p->n_parents && n >= 0; i++)
		n = add(p->parent[i], ret, max, n);
	for (int i = 0; i < n; i++)
		if (ret[i] == p)
			return n;
	if (n < 0 || (size_t)n >= max)
		return -E2BIG;
	ret[n] = p;
	return n + 1;
}

int
profile_lineage(const struct profile *p, const struct profile **ret, size_t max)
{
	return add(p, ret, max, 0);
}
