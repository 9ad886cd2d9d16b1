/* links: query audit lib */
/* Times and numbers of the command line: what is taken is within bounds, and
 * what is refused leaves the result alone. */
#include "query/filter.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define NOW UINT64_C(1764064800000000)
#define YEAR_10000 UINT64_C(253402300800000000)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t us = 7, first = 8, last = 9;
	char text[256];

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (filter_time(text, NOW, &us) < 0 ? us != 7
					    : us > YEAR_10000 + 86400000000)
		abort();
	if (filter_range(text, &first, &last) < 0 ? first != 8 || last != 9
						  : first > last)
		abort();
	return 0;
}
