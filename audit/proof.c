/*
 * Proofs as text. What always holds: what proof_parse() gives was signed; there
 * is one text for a proof, since base64 that was read is written again and
 * compared; nothing is taken from beyond the text.
 */
#include "audit/proof.h"
#include "audit/chain.h"

#include <openssl/evp.h>
#include <string.h>

#define HEADER "c2sp.org/tlog-proof@v1\n"
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)
#define EXTRA_MAX (RECORD_HASH_LEN + RECORD_MAX)
#define TEXT_MAX                                                               \
	(sizeof(HEADER) + 64 + BASE64_LEN(EXTRA_MAX) +                         \
	 MERKLE_DEPTH * (BASE64_LEN(MERKLE_LEN) + 1) + NOTE_MAX)

void
proof_done(struct proof *p)
{
	free(p->frame);
	p->frame = NULL;
}

/* ---- lines ---------------------------------------------------------------*/

struct line {
	const char *p;
	size_t n; /* without the newline */
};

/* The line at *at, and goes on behind it. */
static bool
next_line(const char *text, size_t len, size_t *at, struct line *ret)
{
	const char *end = memchr(text + *at, '\n', len - *at);

	if (!end)
		return false;
	ret->p = text + *at;
	ret->n = (size_t)(end - ret->p);
	*at += ret->n + 1;
	return true;
}

static bool
cut_prefix(struct line *l, const char *prefix)
{
	size_t n = strlen(prefix);

	if (l->n < n || memcmp(l->p, prefix, n) != 0)
		return false;
	l->p += n;
	l->n -= n;
	return true;
}

static bool
to_number(const struct line *l, uint64_t *ret)
{
	uint64_t v = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->p[i] < '0' || l->p[i] > '9' ||
		    __builtin_mul_overflow(v, 10u, &v) ||
		    __builtin_add_overflow(v, (unsigned int)(l->p[i] - '0'),
					   &v))
			return false;
	*ret = v;
	return l->n && (l->n == 1 || l->p[0] != '0');
}

/* Base64 in one form only (RFC 4648, 4), at most max bytes. Returns how many,
 * or -EBADMSG. OpenSSL's decoder lets more through, so the text is made again
 * and compared. out has room for max + 2. */
static ssize_t
from_base64(const struct line *l, uint8_t *out, size_t max)
{
	size_t pad = 0, n;
	char again[5];

	if (!l->n || l->n % 4 || l->n / 4 * 3 > max + 2)
		return -EBADMSG;
	while (pad < 2 && l->p[l->n - 1 - pad] == '=')
		pad++;
	n = l->n / 4 * 3 - pad;
	if (n > max ||
	    EVP_DecodeBlock(out, (const uint8_t *)l->p, (int)l->n) < 0)
		return -EBADMSG;
	for (size_t i = 0; i < n; i += 3) {
		EVP_EncodeBlock((uint8_t *)again, out + i, (int)MIN(n - i, 3u));
		if (memcmp(again, l->p + i / 3 * 4, 4) != 0)
			return -EBADMSG;
	}
	return (ssize_t)n;
}

/* ---- checking ------------------------------------------------------------*/

/* The record's hash out of its bytes (audit/chain.h), and its place below the
 * root. */
static int
check(const struct proof *p)
{
	const struct record *r = &p->record;
	struct chain c = { .size = r->seq - 1 };
	struct chain_hash *h;
	int k;

	memcpy(c.head, p->before, sizeof(c.head));
	k = chain_hash_new(&h);
	if (k < 0)
		return k;
	/* the tree of c is not that of the log, and is not looked at */
	k = chain_check(&c, h, NULL, r) != CHAIN_OK ||
			    merkle_check(h, r->hash, RECORD_HASH_LEN,
					 r->seq - 1, p->note.size, p->path,
					 p->n, p->note.root) < 0
		    ? -EKEYREJECTED
		    : 0;
	chain_hash_free(h);
	return k;
}

static int
bad(struct err *e, const char *what)
{
	return err_set(e, EBADMSG, "this is no proof: %s", what);
}

static int
parse_extra(struct proof *p, const char *text, size_t len, size_t *at,
	    struct err *e)
{
	struct line l;
	ssize_t n;

	if (!next_line(text, len, at, &l) || !cut_prefix(&l, "extra "))
		return bad(e, "it has no line \"extra\"");
	p->frame = malloc(EXTRA_MAX + 2);
	if (!p->frame)
		return err_sys(e, ENOMEM, "cannot read the proof");
	n = from_base64(&l, p->frame, EXTRA_MAX);
	if (n < (ssize_t)(RECORD_HASH_LEN + RECORD_MIN))
		return bad(e, "its line \"extra\" holds no record");
	memcpy(p->before, p->frame, RECORD_HASH_LEN);
	n -= RECORD_HASH_LEN;
	memmove(p->frame, p->frame + RECORD_HASH_LEN, (size_t)n);
	if (record_parse(p->frame, (size_t)n, &p->record) != n)
		return bad(e, "its line \"extra\" holds no record");
	return 0;
}

static int
parse_path(struct proof *p, const char *text, size_t len, size_t *at,
	   struct err *e)
{
	struct line l;

	for (p->n = 0; next_line(text, len, at, &l) && l.n; p->n++) {
		uint8_t out[MERKLE_LEN + 2];

		if (p->n == MERKLE_DEPTH ||
		    from_base64(&l, out, MERKLE_LEN) != MERKLE_LEN)
			return bad(e, "its hashes are not of a Merkle proof");
		memcpy(p->path[p->n], out, MERKLE_LEN);
	}
	return 0;
}

/* Up to the next proof, or to the end. */
static size_t
end_of_note(const char *text, size_t len, size_t at)
{
	const char *next =
		memmem(text + at, len - at, "\n" HEADER, sizeof(HEADER));

	return next ? (size_t)(next - text) + 1 : len;
}

static int
parse(const char *text, size_t len, const uint8_t *public, struct proof *p,
      size_t *ret_used, struct err *e)
{
	uint64_t index;
	struct line l;
	size_t at = 0;
	int k;

	if (!next_line(text, len, &at, &l) || l.n != sizeof(HEADER) - 2 ||
	    !cut_prefix(&l, "c2sp.org/tlog-proof@v1"))
		return bad(e, "it does not begin with c2sp.org/tlog-proof@v1");
	k = parse_extra(p, text, len, &at, e);
	if (k < 0)
		return k;
	if (!next_line(text, len, &at, &l) || !cut_prefix(&l, "index ") ||
	    !to_number(&l, &index))
		return bad(e, "it has no line \"index\"");
	if (index + 1 != p->record.seq)
		return bad(e, "index and record do not belong together");
	k = parse_path(p, text, len, &at, e);
	if (k < 0)
		return k;
	*ret_used = end_of_note(text, len, at);
	k = note_parse(text + at, *ret_used - at, public, &p->note, e);
	return k < 0 ? err_wrap(e, "its checkpoint") : 0;
}

int
proof_parse(const char *text, size_t len, const uint8_t public[NOTE_KEY_LEN],
	    struct proof *ret, size_t *ret_used, struct err *e)
{
	struct proof *p = calloc(1, sizeof(*p));
	size_t used = 0;
	int k;

	if (!p)
		return err_sys(e, ENOMEM, "cannot read the proof");
	k = parse(text, len, public, p, &used, e);
	if (k >= 0 && check(p) < 0)
		k = err_set(e, EKEYREJECTED,
			    "record %llu is not in the log that the checkpoint "
			    "tells of, or was changed",
			    (unsigned long long)p->record.seq);
	if (k < 0) {
		proof_done(p);
	} else {
		*ret = *p;
		*ret_used = used;
	}
	free(p);
	return k;
}

/* ---- writing -------------------------------------------------------------*/

int
proof_text(const struct proof *p, const uint8_t public[NOTE_KEY_LEN],
	   const uint8_t signature[NOTE_SIGNATURE_LEN], char **ret,
	   size_t *ret_len)
{
	_cleanup_free_ char *text = NULL;
	uint8_t *extra;
	size_t len;

	if (p->n > MERKLE_DEPTH || p->record.size > RECORD_MAX ||
	    note_check(&p->note, public, signature) < 0 || check(p) < 0)
		return -EINVAL;
	text = malloc(TEXT_MAX + EXTRA_MAX);
	if (!text)
		return -ENOMEM;
	extra = (uint8_t *)text + TEXT_MAX;
	memcpy(extra, p->before, RECORD_HASH_LEN);
	memcpy(extra + RECORD_HASH_LEN, p->record.bytes, p->record.size);
	len = (size_t)snprintf(text, TEXT_MAX, HEADER "extra ");
	len += (size_t)EVP_EncodeBlock((uint8_t *)text + len, extra,
				       (int)(RECORD_HASH_LEN + p->record.size));
	len += (size_t)snprintf(text + len, TEXT_MAX - len, "\nindex %llu\n",
				(unsigned long long)p->record.seq - 1);
	for (size_t i = 0; i < p->n; i++) {
		len += (size_t)EVP_EncodeBlock((uint8_t *)text + len,
					       p->path[i], MERKLE_LEN);
		text[len++] = '\n';
	}
	text[len++] = '\n';
	len += note_text(&p->note, public, signature, text + len);
	*ret = TAKE_PTR(text);
	*ret_len = len;
	return 0;
}
