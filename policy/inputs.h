#pragma once
/*
 * The input document for the record: what was decided on, as one line of JSON,
 * so that decide() says the same of it years later; and without secrets.
 *
 * Canonical: attributes in the order of attrs.h, "/run/id" as {"run":{"id":..
 * objects and lists as they were given, plain ASCII, no blanks. Integers and
 * reals are exact, and a real has a "." or an exponent.
 *
 * A value that is secret (by the name it goes under, by its form, or since the
 * decision redacts it), longer than INPUTS_STRING_MAX or not to be written in
 * JSON stands there as
 *
 *   {"$withheld":"0123456789abcdef","bytes":40,"type":"string"}
 *
 * which has the first 16 hex digits of a keyed digest, so that equal values are
 * seen to be equal. A member "$withheld" of the request itself is written
 * "$$withheld", that one with one more "$", and so on.
 *
 * The truths are a list: [rule, condition, "t" or "u"], and [rule, amount] for
 * a budget, amount null if there is none: what the conditions say that look at
 * an attribute in which something is withheld. Those that are not listed are
 * false, or it is the same whatever they are.
 */
#include "policy/decide.h"

#define INPUTS_STRING_MAX 1024u
#define INPUTS_MIN 8192u       /* bytes that any document fits in */
#define INPUTS_SIZE_MAX 65536u /* of a document that is read back */
#define INPUTS_WITHHELD "$withheld"

/* A keyed digest. policy/ holds no keys. */
typedef void inputs_digest(void *arg, const void *p, size_t n, uint8_t ret[32]);

struct inputs {
	size_t len, truths_len; /* truths_len 0: nothing is withheld */
	uint64_t withheld;	/* bit a: in attribute a something is */
	/* Of the action as it was asked for, nothing withheld, without
	 * who asks and when (/run/id and what follows): equal actions have
	 * equal digests. Of more than 4 KiB of text the digest is that of the
	 * digest so far and the next 4 KiB, and so on. */
	uint8_t digest[32];
};

/* Writes both, NUL terminated. What does not fit is not cut: the largest
 * attributes are withheld whole. d is what decide() said. -ENOSPC: size is less
 * than INPUTS_MIN, or more conditions are true or unknown than the room for
 * truths holds; -EINVAL: /surface says another surface. No allocation. */
int inputs_write(const struct policy *p, const struct request *rq,
		 const struct decision *d, inputs_digest *digest, void *arg,
		 char *buf, size_t size, char *truths, size_t truths_size,
		 struct inputs *ret);
