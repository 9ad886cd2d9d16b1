/*
 * Bytes of an input document. What always holds: what goes to the buffer is
 * plain ASCII, and nothing is written beyond it; a digest takes any length.
 */
#include "policy/inputs-internal.h"
#include "policy/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void
inputs_fold_end(struct inputs_writer *w, uint8_t ret[32])
{
	struct inputs_fold *f = w->fold;

	if (f->some)
		w->digest(w->arg, f->chunk, 32 + f->n, ret);
	else
		w->digest(w->arg, f->chunk + 32, f->n, ret);
}

static void
fold_put(struct inputs_writer *w, const char *s, size_t n)
{
	struct inputs_fold *f = w->fold;

	f->total += n;
	while (n) {
		size_t k = MIN(n, FOLD - f->n);

		if (!k) {
			uint8_t d[32];

			inputs_fold_end(w, d);
			memcpy(f->chunk, d, sizeof(d));
			f->some = true;
			f->n = 0;
			continue;
		}
		memcpy(f->chunk + 32 + f->n, s, k);
		f->n += k;
		s += k;
		n -= k;
	}
}

void
inputs_put(struct inputs_writer *w, const char *s, size_t n)
{
	if (w->fold) {
		fold_put(w, s, n);
		return;
	}
	if (w->len + n < w->size)
		memcpy(w->buf + w->len, s, n);
	w->len += n;
}

void
inputs_put_char(struct inputs_writer *w, char c)
{
	inputs_put(w, &c, 1);
}

void
inputs_put_int(struct inputs_writer *w, uint64_t v, bool minus)
{
	char buf[24];
	size_t i = sizeof(buf);

	do
		buf[--i] = (char)('0' + v % 10);
	while (v /= 10);
	if (minus)
		buf[--i] = '-';
	inputs_put(w, buf + i, sizeof(buf) - i);
}

void
inputs_put_real(struct inputs_writer *w, double r)
{
	char buf[40];

	if (!isfinite(r)) { /* only ever into the digest */
		inputs_put(w, (const char *)&r, sizeof(r));
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(buf, sizeof(buf), "%.*g", digits, r);
		if (strtod(buf, NULL) == r)
			break;
	}
	inputs_put(w, buf, strlen(buf));
	if (!strpbrk(buf, ".e"))
		inputs_put(w, ".0", 2);
}

static void
put_unit(struct inputs_writer *w, unsigned long c)
{
	static const char hex[] = "0123456789abcdef";
	char buf[6] = { '\\',
			'u',
			hex[c >> 12 & 15],
			hex[c >> 8 & 15],
			hex[c >> 4 & 15],
			hex[c & 15] };

	inputs_put(w, buf, sizeof(buf));
}

static void
put_escaped(struct inputs_writer *w, long c, char byte)
{
	if (c < 0) { /* only ever into the digest */
		inputs_put(w, "\\x", 2);
		inputs_put_char(w, byte);
	} else if (c == '"' || c == '\\') {
		inputs_put_char(w, '\\');
		inputs_put_char(w, (char)c);
	} else if (c == '\n') {
		inputs_put(w, "\\n", 2);
	} else if (c < 0x10000) {
		put_unit(w, (unsigned long)c);
	} else {
		c -= 0x10000;
		put_unit(w, 0xd800 + ((unsigned long)c >> 10));
		put_unit(w, 0xdc00 + ((unsigned long)c & 0x3ff));
	}
}

static bool
is_plain(char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void
inputs_put_inside(struct inputs_writer *w, const char *s, size_t n)
{
	for (size_t i = 0, k; i < n; i += k) {
		k = 0;
		while (i + k < n && is_plain(s[i + k]))
			k++;
		if (k)
			inputs_put(w, s + i, k);
		else
			put_escaped(w,
				    text_utf8((const unsigned char *)s + i,
					      n - i, &k),
				    s[i]);
	}
}
