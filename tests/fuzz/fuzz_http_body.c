/* links: shim net lib */
/*
 * Chunks. However the bytes are cut, the body is the same, and so is where it
 * ends.
 */
#include "shim/http_body.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static bool
feed(const uint8_t *data, size_t size, size_t step, char *body, size_t *ret_n,
     size_t *ret_used)
{
	enum http_reason why = HTTP_FINE;
	struct http_body b;
	size_t at, len;

	http_body_init(&b, HTTP_CHUNKED, 0);
	*ret_n = *ret_used = 0;
	while (*ret_used < size && !b.done) {
		size_t n = MIN(step, size - *ret_used);
		ssize_t r = http_body_take(&b, (const char *)data + *ret_used,
					   n, &at, &len, &why);

		if (r < 0)
			return false;
		if (!r || (size_t)r > n || at + len > (size_t)r)
			abort();
		memcpy(body + *ret_n, data + *ret_used + at, len);
		*ret_n += len;
		*ret_used += (size_t)r;
	}
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *one = malloc(size + 1), *two = malloc(size + 1);
	size_t n1, n2, used1, used2;
	bool a, b;

	if (!one || !two)
		abort();
	a = feed(data, size, size + 1, one, &n1, &used1);
	b = feed(data, size, size % 7 + 1, two, &n2, &used2);
	if (a != b || n1 > used1)
		abort();
	if (a && (n1 != n2 || used1 != used2 || memcmp(one, two, n1) != 0))
		abort();
	free(one);
	free(two);
	return 0;
}
