#pragma once
/* Between the parts of inputs.h: bytes, the document and its truths. */
#include "policy/inputs.h"

#define FOLD 4096

/* A digest of text of any length, one piece after another. */
struct inputs_fold {
	uint8_t chunk[32 + FOLD]; /* the digest so far, and what is new */
	size_t n, total;
	bool some;
};

#define INPUTS_HIDE_MAX 64

struct inputs_writer {
	const struct policy *p;
	const struct request *rq;
	inputs_digest *digest;
	void *arg;
	struct inputs_fold
		*fold; /* goes there instead, with nothing withheld */
	char *buf;
	size_t size, len; /* len goes on where buf ends */
	const struct value *hide[INPUTS_HIDE_MAX];
	size_t n_hide;
	uint64_t whole, withheld; /* attributes */
	enum attr at;
	size_t cost[ATTR_MAX], action; /* bytes; action: of all up to /run/id */
};

/* inputs_put.c: to the buffer, or into the digest. */
void inputs_put(struct inputs_writer *w, const char *s, size_t n);
void inputs_put_char(struct inputs_writer *w, char c);
void inputs_put_int(struct inputs_writer *w, uint64_t v, bool minus);
/* The shortest that is read back as the same; never like an integer. */
void inputs_put_real(struct inputs_writer *w, double r);
/* What stands between the quotes of a JSON string. */
void inputs_put_inside(struct inputs_writer *w, const char *s, size_t n);
void inputs_fold_end(struct inputs_writer *w, uint8_t ret[32]);

/* What the conditions say that look at one of attrs. */
int inputs_truths(const struct policy *p, const struct request *rq,
		  uint64_t attrs, char *buf, size_t size, size_t *ret_len);
