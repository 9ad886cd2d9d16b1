/*
 * Text in a fixed buffer. What always holds: nothing that came from an agent
 * goes out as it is; only printable characters do.
 */
#include "policy/text.h"
#include "lib/str.h"

#include <stdarg.h>
#include <string.h>

#define QUOTE_MAX 160

void
text_put(struct text *t, const char *s, size_t n)
{
	if (t->full || n >= t->size - t->len) {
		t->full = true;
		return;
	}
	memcpy(t->buf + t->len, s, n);
	t->len += n;
	t->buf[t->len] = '\0';
}

void
text_add(struct text *t, const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(buf))
		t->full = true;
	else
		text_put(t, buf, (size_t)n);
}

/* Not in the middle of a character. */
static size_t
cut(const char *s, size_t n, size_t max)
{
	if (n <= max)
		return n;
	while (max && ((unsigned char)s[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static void
put_shown(struct text *t, const char *s)
{
	for (; *s; s++) {
		if (*s == '"')
			text_put(t, "\\", 1);
		text_put(t, s, 1);
	}
}

void
text_quote(struct text *t, const char *s, size_t n)
{
	size_t end = cut(s, n, QUOTE_MAX);

	text_put(t, "\"", 1);
	for (size_t i = 0; i < end; i++) {
		char raw[QUOTE_MAX + 1], shown[4 * QUOTE_MAX + 4];
		size_t run = strnlen(s + i, end - i);

		memcpy(raw, s + i, run);
		raw[run] = '\0';
		put_shown(t, str_escape(raw, shown, sizeof(shown)));
		i += run;
		if (i < end)
			text_put(t, "\\x00", 4);
	}
	text_put(t, end < n ? "...\"" : "\"", end < n ? 4 : 1);
}

long
text_utf8(const unsigned char *s, size_t n, size_t *ret_n)
{
	static const long least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t want = s[0] < 0x80	      ? 1
		      : (s[0] & 0xe0) == 0xc0 ? 2
		      : (s[0] & 0xf0) == 0xe0 ? 3
		      : (s[0] & 0xf8) == 0xf0 ? 4
					      : 0;
	long c;

	*ret_n = 1;
	if (want == 1)
		return s[0];
	if (!want || want > n)
		return -1;
	c = s[0] & (0xff >> (want + 1));
	for (size_t i = 1; i < want; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[want] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return -1;
	*ret_n = want;
	return c;
}

static void
put_json_char(struct text *t, long c)
{
	char ch = (char)c;

	if (c < 0) {
		text_put(t, "\\ufffd", 6);
	} else if (c == '"' || c == '\\') {
		text_put(t, "\\", 1);
		text_put(t, &ch, 1);
	} else if (c == '\n') {
		text_put(t, "\\n", 2);
	} else if (c >= 0x20 && c < 0x7f) {
		text_put(t, &ch, 1);
	} else if (c < 0x10000) {
		text_add(t, "\\u%04lx", (unsigned long)c);
	} else {
		c -= 0x10000;
		text_add(t, "\\u%04lx\\u%04lx",
			 0xd800 + ((unsigned long)c >> 10),
			 0xdc00 + ((unsigned long)c & 0x3ff));
	}
}

void
text_json(struct text *t, const char *s, size_t n)
{
	text_put(t, "\"", 1);
	for (size_t i = 0, k; i < n && !t->full; i += k)
		put_json_char(
			t, text_utf8((const unsigned char *)s + i, n - i, &k));
	text_put(t, "\"", 1);
}

void
text_duration(struct text *t, unsigned long long us)
{
	static const struct {
		unsigned long long us;
		const char *unit;
	} units[] = { { 86400000000, "d" }, { 3600000000, "h" },
		      { 60000000, "m" },    { 1000000, "s" },
		      { 1000, "ms" },	    { 1, "us" } };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (us % units[i].us == 0) {
			text_add(t, "%llu%s", us / units[i].us, units[i].unit);
			return;
		}
}

void
text_end(struct text *t)
{
	if (!t->full || !t->size)
		return;
	if (t->size > 3) {
		t->len = cut(t->buf, t->len, t->size - 4);
		memcpy(t->buf + t->len, "...", 4);
	}
}
