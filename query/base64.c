/* Bytes as text, for proofs. */
#include "query/base64.h"

void
base64_write(FILE *f, const uint8_t *p, size_t n)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789+/";

	for (; n; p += 3, n -= n < 3 ? n : 3) {
		uint32_t v = (uint32_t)p[0] << 16 |
			     (uint32_t)(n > 1 ? p[1] : 0) << 8 |
			     (uint32_t)(n > 2 ? p[2] : 0);

		putc_unlocked(digit[v >> 18], f);
		putc_unlocked(digit[v >> 12 & 63], f);
		putc_unlocked(n > 1 ? digit[v >> 6 & 63] : '=', f);
		putc_unlocked(n > 2 ? digit[v & 63] : '=', f);
		if (n < 3)
			break;
	}
}
