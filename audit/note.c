/*
 * Checkpoints as signed text. What always holds: there is exactly one text for
 * a note, since what was read is written again and compared; nothing is
 * believed before the signature is right.
 */
#include "audit/note.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define NAME_PREFIX "agentbox-audit/"
#define NAME_LEN (sizeof(NAME_PREFIX) - 1 + 2 * NOTE_LOG_LEN)
#define NAME_MAX_BYTES (NAME_LEN + 1)
#define DASH "\u2014 " /* opens a signature line, C2SP signed-note */
#define KEY_ID_LEN 4
#define ALGORITHM_ED25519 1
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

static void
hex_put(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
				      : -1;
}

/* What is left of a text. */
struct cursor {
	const char *p;
	size_t n;
};

static bool
eat(struct cursor *c, const char *s)
{
	size_t n = strlen(s);

	if (c->n < n || memcmp(c->p, s, n) != 0)
		return false;
	c->p += n;
	c->n -= n;
	return true;
}

static bool
eat_hex(struct cursor *c, uint8_t *ret, size_t n)
{
	if (c->n < 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(c->p[2 * i]);
		int low = hex_digit(c->p[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	c->p += 2 * n;
	c->n -= 2 * n;
	return true;
}

/* Decimal without zeros in front. */
static bool
eat_number(struct cursor *c, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < c->n && c->p[i] >= '0' && c->p[i] <= '9'; i++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(c->p[i] - '0'), &v))
			return false;
	}
	if (!i || (i > 1 && c->p[0] == '0'))
		return false;
	c->p += i;
	c->n -= i;
	*ret = v;
	return true;
}

/* n bytes (at most 72) in base64, RFC 4648 with padding. The decoder of
 * OpenSSL is lax, so what it read is written again and compared. */
static bool
eat_base64(struct cursor *c, uint8_t *ret, size_t n)
{
	size_t len = BASE64_LEN(n);
	uint8_t out[72 + 3];
	char again[BASE64_LEN(72) + 1];

	if (n > 72 || c->n < len ||
	    EVP_DecodeBlock(out, (const uint8_t *)c->p, (int)len) < 0)
		return false;
	EVP_EncodeBlock((uint8_t *)again, out, (int)n);
	if (memcmp(again, c->p, len) != 0)
		return false;
	memcpy(ret, out, n);
	c->p += len;
	c->n -= len;
	return true;
}

static void
name_of(const uint8_t log[NOTE_LOG_LEN], char name[NAME_MAX_BYTES])
{
	memcpy(name, NAME_PREFIX, sizeof(NAME_PREFIX) - 1);
	hex_put(log, NOTE_LOG_LEN, name + sizeof(NAME_PREFIX) - 1);
}

/* C2SP signed-note: the first bytes of SHA-256 of name, newline, algorithm and
 * key. */
static int
key_id(const char *name, const uint8_t *public, uint8_t ret[KEY_ID_LEN])
{
	uint8_t in[NAME_LEN + 2 + NOTE_KEY_LEN], digest[32];

	memcpy(in, name, NAME_LEN);
	in[NAME_LEN] = '\n';
	in[NAME_LEN + 1] = ALGORITHM_ED25519;
	memcpy(in + NAME_LEN + 2, public, NOTE_KEY_LEN);
	if (EVP_Digest(in, sizeof(in), digest, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	memcpy(ret, digest, KEY_ID_LEN);
	return 0;
}

/* What is signed. */
static size_t
body_of(const struct note *n, char buf[NOTE_MAX])
{
	char name[NAME_MAX_BYTES], root[BASE64_LEN(RECORD_HASH_LEN) + 1];
	char head[2 * RECORD_HASH_LEN + 1];

	name_of(n->log, name);
	EVP_EncodeBlock((uint8_t *)root, n->root, RECORD_HASH_LEN);
	hex_put(n->head, RECORD_HASH_LEN, head);
	return (size_t)snprintf(
		buf, NOTE_MAX, "%s\n%llu\n%s\nhead %s\ntime %llu\nkey %lu\n",
		name, (unsigned long long)n->size, root, head,
		(unsigned long long)n->time_us, (unsigned long)n->key);
}

int
note_public(const uint8_t seed[NOTE_KEY_LEN], uint8_t ret_public[NOTE_KEY_LEN])
{
	size_t len = NOTE_KEY_LEN;
	EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
						   NOTE_KEY_LEN);
	int ok = k && EVP_PKEY_get_raw_public_key(k, ret_public, &len) == 1;

	EVP_PKEY_free(k);
	return ok ? 0 : -ENOMEM;
}

int
note_sign(const struct note *n, const uint8_t seed[NOTE_KEY_LEN],
	  uint8_t ret[NOTE_SIGNATURE_LEN])
{
	char body[NOTE_MAX];
	size_t len = body_of(n, body), out = NOTE_SIGNATURE_LEN;
	EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed,
						   NOTE_KEY_LEN);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = k && ctx &&
		 EVP_DigestSignInit(ctx, NULL, NULL, NULL, k) == 1 &&
		 EVP_DigestSign(ctx, ret, &out, (uint8_t *)body, len) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(k);
	return ok ? 0 : -ENOMEM;
}

int
note_check(const struct note *n, const uint8_t public[NOTE_KEY_LEN],
	   const uint8_t signature[NOTE_SIGNATURE_LEN])
{
	char body[NOTE_MAX];
	size_t len = body_of(n, body);
	EVP_PKEY *k = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
						  public, NOTE_KEY_LEN);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = k && ctx &&
		 EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, k) == 1 &&
		 EVP_DigestVerify(ctx, signature, NOTE_SIGNATURE_LEN,
				  (uint8_t *)body, len) == 1;

	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(k);
	return ok ? 0 : -EKEYREJECTED;
}

size_t
note_text(const struct note *n, const uint8_t public[NOTE_KEY_LEN],
	  const uint8_t signature[NOTE_SIGNATURE_LEN], char *buf)
{
	uint8_t line[KEY_ID_LEN + NOTE_SIGNATURE_LEN];
	char name[NAME_MAX_BYTES], base64[BASE64_LEN(sizeof(line)) + 1];
	size_t len = body_of(n, buf);

	name_of(n->log, name);
	if (key_id(name, public, line) < 0)
		abort(); /* a digest of bytes in memory, as in chain.c */
	memcpy(line + KEY_ID_LEN, signature, NOTE_SIGNATURE_LEN);
	EVP_EncodeBlock((uint8_t *)base64, line, sizeof(line));
	return len + (size_t)snprintf(buf + len, NOTE_MAX - len,
				      "\n" DASH "%s %s\n", name, base64);
}

/* The body, up to the empty line. */
static bool
eat_body(struct cursor *c, struct note *n)
{
	uint64_t key;

	if (!eat(c, NAME_PREFIX) || !eat_hex(c, n->log, NOTE_LOG_LEN) ||
	    !eat(c, "\n") || !eat_number(c, &n->size) || !eat(c, "\n") ||
	    !eat_base64(c, n->root, RECORD_HASH_LEN) || !eat(c, "\nhead ") ||
	    !eat_hex(c, n->head, RECORD_HASH_LEN) || !eat(c, "\ntime ") ||
	    !eat_number(c, &n->time_us) || !eat(c, "\nkey ") ||
	    !eat_number(c, &key) || !eat(c, "\n\n") || key > UINT32_MAX)
		return false;
	n->key = (uint32_t)key;
	return true;
}

int
note_parse(const char *text, size_t len, const uint8_t public[NOTE_KEY_LEN],
	   struct note *ret, struct err *e)
{
	uint8_t line[KEY_ID_LEN + NOTE_SIGNATURE_LEN], id[KEY_ID_LEN];
	struct cursor c = { text, len };
	char name[NAME_MAX_BYTES];
	struct note n;

	if (!eat_body(&c, &n))
		return err_set(e, EBADMSG, "this is no checkpoint of a log");
	name_of(n.log, name);
	if (!eat(&c, DASH) || !eat(&c, name) || !eat(&c, " ") ||
	    !eat_base64(&c, line, sizeof(line)) || !eat(&c, "\n"))
		return err_set(e, EBADMSG,
			       "the checkpoint has no signature of its log");
	if (key_id(name, public, id) < 0)
		return err_set(e, ENOMEM, "out of memory");
	if (memcmp(id, line, KEY_ID_LEN) != 0)
		return err_set(e, EKEYREJECTED,
			       "the checkpoint is signed with another key");
	if (note_check(&n, public, line + KEY_ID_LEN) < 0)
		return err_set(e, EKEYREJECTED,
			       "the signature of the checkpoint is wrong");
	*ret = n;
	return 0;
}

size_t
note_key_text(const uint8_t log[NOTE_LOG_LEN],
	      const uint8_t public[NOTE_KEY_LEN], char *buf)
{
	uint8_t id[KEY_ID_LEN], key[1 + NOTE_KEY_LEN] = { ALGORITHM_ED25519 };
	char name[NAME_MAX_BYTES], hex[2 * KEY_ID_LEN + 1];
	char base64[BASE64_LEN(sizeof(key)) + 1];

	name_of(log, name);
	if (key_id(name, public, id) < 0)
		abort();
	hex_put(id, KEY_ID_LEN, hex);
	memcpy(key + 1, public, NOTE_KEY_LEN);
	EVP_EncodeBlock((uint8_t *)base64, key, sizeof(key));
	return (size_t)snprintf(buf, NOTE_MAX, "%s+%s+%s", name, hex, base64);
}

int
note_key_parse(const char *text, size_t len, uint8_t ret_log[NOTE_LOG_LEN],
	       uint8_t ret_public[NOTE_KEY_LEN], struct err *e)
{
	uint8_t log[NOTE_LOG_LEN], id[KEY_ID_LEN], want[KEY_ID_LEN];
	uint8_t key[1 + NOTE_KEY_LEN];
	struct cursor c = { text, len };
	char name[NAME_MAX_BYTES];

	if (!eat(&c, NAME_PREFIX) || !eat_hex(&c, log, sizeof(log)) ||
	    !eat(&c, "+") || !eat_hex(&c, id, sizeof(id)) || !eat(&c, "+") ||
	    !eat_base64(&c, key, sizeof(key)))
		return err_set(e, EBADMSG, "this is no public key of a log");
	eat(&c, "\n");
	if (c.n)
		return err_set(e, EBADMSG, "there is more than a public key");
	name_of(log, name);
	if (key_id(name, key + 1, want) < 0)
		return err_set(e, ENOMEM, "out of memory");
	if (key[0] != ALGORITHM_ED25519 || memcmp(id, want, sizeof(id)) != 0)
		return err_set(e, EBADMSG,
			       "the public key does not fit to its id");
	memcpy(ret_log, log, sizeof(log));
	memcpy(ret_public, key + 1, NOTE_KEY_LEN);
	return 0;
}
