#pragma once
/*
 * That one record is in a log, for somebody who has nothing of the log but its
 * public key. As text, in the form that transparency logs share (C2SP
 * tlog-proof):
 *
 *   c2sp.org/tlog-proof@v1
 *   extra <base64 of the hash of the record before, and of the whole frame>
 *   index <seq - 1>
 *   <base64 of a hash of the Merkle proof, lowest first>, a line for each
 *
 *   <a signed checkpoint that covers the record, see audit/note.h>
 *
 * Several may follow each other in one file.
 */
#include "audit/merkle.h"
#include "audit/note.h"

struct proof {
	uint8_t before[RECORD_HASH_LEN]; /* hash of the record before */
	struct record record;
	uint8_t path[MERKLE_DEPTH][MERKLE_LEN]; /* of merkle_prove() */
	size_t n;
	struct note note;
	uint8_t *frame; /* what record points to; proof_parse() sets it */
};

/* The text, with the signature of the note (FIELD_SIGNATURE of its record).
 * *ret is the caller's. -EINVAL: it would not pass proof_parse(). */
int proof_text(const struct proof *p, const uint8_t public[NOTE_KEY_LEN],
	       const uint8_t signature[NOTE_SIGNATURE_LEN], char **ret,
	       size_t *ret_len);
/* Reads the first proof in a text and checks all of it: signature, Merkle
 * proof, hash. *ret_used: how much of the text it was. Release with
 * proof_done(). -EBADMSG: the form; -EKEYREJECTED: it proves nothing. Fuzzed.
 */
int proof_parse(const char *text, size_t len,
		const uint8_t public[NOTE_KEY_LEN], struct proof *ret,
		size_t *ret_used, struct err *e);
void proof_done(struct proof *p);
