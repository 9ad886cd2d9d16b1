#pragma once
/*
 * A signed checkpoint as text, in the form of signed notes and checkpoints that
 * transparency logs share (C2SP signed-note and tlog-checkpoint), so that
 * witnesses and tools of others can read it:
 *
 *   agentbox-audit/<log id, hex>
 *   <size, decimal>
 *   <root, base64>
 *   head <hash of record number size, hex>
 *   time <microseconds since 1970>
 *   key <number of the MAC key>
 *
 *   — agentbox-audit/<log id> <base64 of key id and Ed25519 signature>
 *
 * The public key is one line: <name>+<key id, hex>+<base64 of 0x01 and key>.
 */
#include "audit/record.h"
#include "lib/err.h"

#define NOTE_MAX 1024u
#define NOTE_KEY_LEN 32u
#define NOTE_SIGNATURE_LEN 64u
#define NOTE_LOG_LEN 16u

struct note {
	uint8_t log[NOTE_LOG_LEN];
	uint64_t size;
	uint8_t root[RECORD_HASH_LEN];
	uint8_t head[RECORD_HASH_LEN];
	uint64_t time_us;
	uint32_t key;
};

/* seed: the private key, NOTE_KEY_LEN bytes. */
int note_public(const uint8_t seed[NOTE_KEY_LEN],
		uint8_t ret_public[NOTE_KEY_LEN]);
int note_sign(const struct note *n, const uint8_t seed[NOTE_KEY_LEN],
	      uint8_t ret[NOTE_SIGNATURE_LEN]);
/* 0, or -EKEYREJECTED. */
int note_check(const struct note *n, const uint8_t public[NOTE_KEY_LEN],
	       const uint8_t signature[NOTE_SIGNATURE_LEN]);
/* The whole text with signature; buf has NOTE_MAX bytes. Returns its length. */
size_t note_text(const struct note *n, const uint8_t public[NOTE_KEY_LEN],
		 const uint8_t signature[NOTE_SIGNATURE_LEN], char *buf);
/* Reads such a text and checks the signature. Lines after the first signature
 * (of witnesses) are ignored. -EBADMSG, -EKEYREJECTED. Fuzzed. */
int note_parse(const char *text, size_t len, const uint8_t public[NOTE_KEY_LEN],
	       struct note *ret, struct err *e);
/* The public key line, without newline. */
size_t note_key_text(const uint8_t log[NOTE_LOG_LEN],
		     const uint8_t public[NOTE_KEY_LEN], char *buf);
int note_key_parse(const char *text, size_t len, uint8_t ret_log[NOTE_LOG_LEN],
		   uint8_t ret_public[NOTE_KEY_LEN], struct err *e);
