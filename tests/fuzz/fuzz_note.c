/* links: audit lib */
/*
 * Checkpoints and public keys as text. What is taken must come out of the
 * writing half again, byte for byte: there is one text for one note.
 */
#include "audit/note.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* RFC 8032, 7.1, test 1 */
static const uint8_t public[NOTE_KEY_LEN] = {
	0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe,
	0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6,
	0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a
};

static void
try_note(const char *text, size_t size)
{
	uint8_t signature[NOTE_SIGNATURE_LEN] = { 0 };
	struct err e = ERR_INIT;
	char again[NOTE_MAX];
	const char *end;
	struct note n;

	if (note_parse(text, size, public, &n, &e) < 0) {
		if (!e.text[0])
			abort();
		return;
	}
	note_text(&n, public, signature, again);
	end = strstr(again, "\n\n");
	if (!end || memcmp(again, text, (size_t)(end - again)) != 0)
		abort();
}

static void
try_key(const char *text, size_t size)
{
	uint8_t log[NOTE_LOG_LEN], key[NOTE_KEY_LEN];
	struct err e = ERR_INIT;
	char again[NOTE_MAX];
	size_t n;

	if (note_key_parse(text, size, log, key, &e) < 0) {
		if (!e.text[0])
			abort();
		return;
	}
	n = note_key_text(log, key, again);
	if (n > size || size > n + 1 || memcmp(again, text, n) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of exactly this length, so that a read behind it is seen */
	char *text = malloc(size + !size);

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	try_note(text, size);
	try_key(text, size);
	free(text);
	return 0;
}
