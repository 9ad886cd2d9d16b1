/*
 * Why this exists: a profile is written by people, who need comments and want
 * to be told the line of a mistake; jansson knows neither once it has parsed.
 * The fast path is one pass that blanks comments and bounds the depth, then
 * jansson. Everything else here runs only after something went wrong, and
 * works on text of at most the size bound, with recursion of at most the depth
 * bound.
 */
#include "profiles/jsonc.h"

#include "lib/str.h"

#include <stdarg.h>
#include <string.h>
#include <sys/auxv.h>

/* Comments */

struct strip {
	char *p, *end;
	unsigned int line, depth, max_depth;
	const char *label;
	struct err *e;
};

static void
skip_quoted(struct strip *s)
{
	for (s->p++; s->p < s->end && *s->p != '"' && *s->p != '\n'; s->p++)
		if (*s->p == '\\' && s->p + 1 < s->end && s->p[1] != '\n')
			s->p++;
	if (s->p < s->end && *s->p == '"')
		s->p++;
}

static void
blank_line_comment(struct strip *s)
{
	while (s->p < s->end && *s->p != '\n')
		*s->p++ = ' ';
}

static int
blank_block_comment(struct strip *s)
{
	unsigned int start = s->line;

	memset(s->p, ' ', 2);
	for (s->p += 2; s->p < s->end; s->p++) {
		if (*s->p == '\n') {
			s->line++;
			continue;
		}
		if (*s->p == '*' && s->p + 1 < s->end && s->p[1] == '/') {
			memset(s->p, ' ', 2);
			s->p += 2;
			return 0;
		}
		*s->p = ' ';
	}
	return err_set(s->e, -EINVAL, "%s:%u: this comment has no end",
		       s->label, start);
}

static int
strip_comments(struct strip *s)
{
	while (s->p < s->end) {
		char c = *s->p, next = s->p + 1 < s->end ? s->p[1] : '\0';

		if (c == '"') {
			skip_quoted(s);
			continue;
		}
		if (c == '/' && next == '/') {
			blank_line_comment(s);
			continue;
		}
		if (c == '/' && next == '*') {
			if (blank_block_comment(s) < 0)
				return -EINVAL;
			continue;
		}
		if (c == '\n')
			s->line++;
		else if (c == '{' || c == '[')
			s->depth++;
		else if ((c == '}' || c == ']') && s->depth)
			s->depth--;
		if (s->depth > s->max_depth)
			return err_set(s->e, -EINVAL,
				       "%s:%u: nested deeper than %u levels",
				       s->label, s->line, s->max_depth);
		s->p++;
	}
	return 0;
}

/* Positions: a scanner over text that may be wrong anywhere */

struct scan {
	const char *p, *end;
	unsigned int line;
};

static void
skip_space(struct scan *s)
{
	for (; s->p < s->end; s->p++) {
		if (*s->p == '\n')
			s->line++;
		else if (*s->p != ' ' && *s->p != '\t' && *s->p != '\r')
			break;
	}
}

/* True, and past it, if the next character is c. */
static bool
accept(struct scan *s, char c)
{
	skip_space(s);
	if (s->p >= s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static bool
skip_string(struct scan *s)
{
	if (!accept(s, '"'))
		return false;
	for (; s->p < s->end && *s->p != '\n'; s->p++) {
		if (*s->p == '"') {
			s->p++;
			return true;
		}
		if (*s->p == '\\' && s->p + 1 < s->end)
			s->p++;
	}
	return false;
}

static bool
skip_value(struct scan *s)
{
	unsigned int depth = 0;

	do {
		skip_space(s);
		if (s->p >= s->end)
			return false;
		if (*s->p == '"') {
			if (!skip_string(s))
				return false;
			continue;
		}
		if (*s->p == '{' || *s->p == '[')
			depth++;
		else if (depth && (*s->p == '}' || *s->p == ']'))
			depth--;
		else if (!depth) {
			/* a number or a word */
			s->p += strcspn(s->p, ",]} \t\r\n");
			return true;
		}
		s->p++;
	} while (depth);
	return true;
}

/* A member's key, unescaped, as a json string; its line in *ret_line. */
static json_t *
scan_key(struct scan *s, unsigned int *ret_line)
{
	const char *from;
	json_t *key;

	skip_space(s);
	from = s->p;
	*ret_line = s->line;
	if (!skip_string(s))
		return NULL;
	key = json_loadb(from, (size_t)(s->p - from), JSON_DECODE_ANY, NULL);
	if (key && accept(s, ':'))
		return key;
	json_decref(key);
	return NULL;
}

/* One segment of a JSON pointer into buf, unescaped; returns the rest. */
static const char *
next_segment(const char *pointer, char *buf, size_t size)
{
	size_t n = 0;

	for (pointer++; *pointer && *pointer != '/'; pointer++) {
		char c = *pointer;

		if (c == '~' && (pointer[1] == '0' || pointer[1] == '1'))
			c = *++pointer == '0' ? '~' : '/';
		if (n + 1 < size)
			buf[n++] = c;
	}
	buf[n] = '\0';
	return pointer;
}

static bool
find_member(struct scan *s, const char *name, unsigned int *ret_line)
{
	do {
		json_t *key = scan_key(s, ret_line);
		bool found = key && !strcmp(json_string_value(key), name);
		bool ok = key != NULL;

		json_decref(key);
		if (found)
			return true;
		if (!ok || !skip_value(s))
			return false;
	} while (accept(s, ','));
	return false;
}

static bool
find_item(struct scan *s, const char *index, unsigned int *ret_line)
{
	uint64_t n;

	if (str_to_u64(index, &n) < 0)
		return false;
	while (n--)
		if (!skip_value(s) || !accept(s, ','))
			return false;
	skip_space(s);
	*ret_line = s->line;
	return true;
}

unsigned int
jsonc_line(const struct jsonc *d, const char *pointer)
{
	struct scan s = { d->text, d->text + d->len, 1 };
	unsigned int line;
	char segment[512];

	skip_space(&s);
	line = s.line;
	while (*pointer == '/') {
		bool found;

		pointer = next_segment(pointer, segment, sizeof(segment));
		if (accept(&s, '{'))
			found = find_member(&s, segment, &line);
		else if (accept(&s, '['))
			found = find_item(&s, segment, &line);
		else
			found = false;
		if (!found)
			return 0;
	}
	return line;
}

/* Many parts in one pass: v is in the order of its pointers. */

struct hunt {
	struct scan s;
	char at[512];
	const struct jsonc_part *v;
	size_t n;
};

/* The first part whose pointer is not less than at. */
static size_t
first_from(const struct hunt *h)
{
	size_t lo = 0, hi = h->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(h->v[mid].at, h->at) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool hunt_value(struct hunt *h);

/* What stands at the pointer extended by segment, and whether there is more of
 * interest inside. */
static bool
hunt_part(struct hunt *h, const char *segment, unsigned int line)
{
	size_t n = strlen(h->at), i;
	bool inside = false, ok;

	snprintf(h->at + n, sizeof(h->at) - n, "/%s", segment);
	i = first_from(h);
	for (; i < h->n && !strcmp(h->v[i].at, h->at); i++)
		*h->v[i].line = line;
	/* "/a/1" comes before "/a/1-" and "/a/10" after: all begin alike. */
	for (; i < h->n && !inside && str_starts(h->v[i].at, h->at); i++)
		inside = h->v[i].at[strlen(h->at)] == '/';
	ok = inside ? hunt_value(h) : skip_value(&h->s);
	h->at[n] = '\0';
	return ok;
}

static bool
hunt_object(struct hunt *h)
{
	bool ok = true;

	while (ok) {
		unsigned int line;
		json_t *key = scan_key(&h->s, &line);

		ok = key && hunt_part(h, json_string_value(key), line) &&
		     accept(&h->s, ',');
		json_decref(key);
	}
	return accept(&h->s, '}');
}

static bool
hunt_list(struct hunt *h)
{
	unsigned int i = 0;
	char index[16];
	bool ok = true;

	while (ok) {
		skip_space(&h->s);
		snprintf(index, sizeof(index), "%u", i++);
		ok = hunt_part(h, index, h->s.line) && accept(&h->s, ',');
	}
	return accept(&h->s, ']');
}

static bool
hunt_value(struct hunt *h)
{
	if (accept(&h->s, '{'))
		return hunt_object(h);
	if (accept(&h->s, '['))
		return hunt_list(h);
	return skip_value(&h->s);
}

static int
by_pointer(const void *x, const void *y)
{
	const struct jsonc_part *a = x, *b = y;

	return strcmp(a->at, b->at);
}

void
jsonc_lines(const struct jsonc *d, struct jsonc_part *v, size_t n)
{
	struct hunt h = { .s = { d->text, d->text + d->len, 1 },
			  .v = v,
			  .n = n };

	if (!n || !d->text)
		return;
	qsort(v, n, sizeof(*v), by_pointer);
	hunt_value(&h);
}

int
jsonc_fail(const struct jsonc *d, struct err *e, const char *pointer,
	   const char *fmt, ...)
{
	unsigned int line = jsonc_line(d, pointer);
	char text[ERR_TEXT_MAX / 2], where[ERR_TEXT_MAX / 4];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	str_escape(*pointer ? pointer : "/", where, sizeof(where));
	if (!line)
		return err_set(e, -EINVAL, "%s: %s: %s", d->label, where, text);
	return err_set(e, -EINVAL, "%s:%u: %s: %s", d->label, line, where,
		       text);
}

/* Duplicate keys */

struct duplicate {
	struct scan s;
	char pointer[512]; /* of the object that is read now */
	char key[128];
	unsigned int first, second;
};

static bool find_duplicate(struct duplicate *d);

/* Goes into a member's value; true when a duplicate was found there. */
static bool
descend(struct duplicate *d, const char *segment)
{
	size_t n = strlen(d->pointer);

	snprintf(d->pointer + n, sizeof(d->pointer) - n, "/%s", segment);
	if (find_duplicate(d))
		return true;
	d->pointer[n] = '\0';
	return false;
}

static bool
duplicate_in_object(struct duplicate *d)
{
	json_t *seen = json_object();
	bool found = false, more = seen != NULL;

	while (more && !found) {
		unsigned int line;
		json_t *key = scan_key(&d->s, &line), *old;
		const char *name = key ? json_string_value(key) : NULL;

		if (!name)
			break;
		old = json_object_get(seen, name);
		if (old) {
			str_escape(name, d->key, sizeof(d->key));
			d->first = (unsigned int)json_integer_value(old);
			d->second = line;
			found = true;
		} else {
			json_object_set_new(seen, name, json_integer(line));
			found = descend(d, name);
			more = !found && accept(&d->s, ',');
		}
		json_decref(key);
	}
	json_decref(seen);
	return found;
}

static bool
find_duplicate(struct duplicate *d)
{
	unsigned int i = 0;

	if (accept(&d->s, '{'))
		return duplicate_in_object(d) || (accept(&d->s, '}'), false);
	if (!accept(&d->s, '['))
		return skip_value(&d->s), false;
	if (accept(&d->s, ']'))
		return false;
	do {
		char index[16];

		snprintf(index, sizeof(index), "%u", i++);
		if (descend(d, index))
			return true;
	} while (accept(&d->s, ','));
	accept(&d->s, ']');
	return false;
}

static int
duplicate_error(const struct jsonc *doc, const json_error_t *je, struct err *e)
{
	struct duplicate d = { .s = { doc->text, doc->text + doc->len, 1 } };
	char where[ERR_TEXT_MAX / 4];

	if (!find_duplicate(&d))
		return err_set(e, -EINVAL, "%s:%d: a key is given twice",
			       doc->label, je->line);
	str_escape(d.pointer, where, sizeof(where));
	return err_set(e, -EINVAL,
		       "%s:%u: %s/%s: duplicate key \"%s\"; it was given on "
		       "line %u already",
		       doc->label, d.second, where, d.key, d.key, d.first);
}

/* Syntax */

/* The last character before offset at that is no white space. */
static char
char_before(const struct jsonc *d, size_t at)
{
	at = MIN(at, d->len);
	while (at && strchr(" \t\r\n", d->text[at - 1]))
		at--;
	return at ? d->text[at - 1] : '\0';
}

static int
syntax_error(const struct jsonc *d, const json_error_t *je, struct err *e)
{
	char text[JSON_ERROR_TEXT_LENGTH * 2];
	size_t at = je->position > 0 ? (size_t)je->position : 0;

	if (json_error_code(je) == json_error_duplicate_key)
		return duplicate_error(d, je, e);
	/* jansson reads on to the character that it cannot use. */
	if (at && at <= d->len && strchr("]}", d->text[at - 1]) &&
	    char_before(d, at - 1) == ',')
		return err_set(e, -EINVAL,
			       "%s:%d: a comma before \"%c\"; take it away",
			       d->label, je->line, d->text[at - 1]);
	if (json_error_code(je) == json_error_null_character ||
	    json_error_code(je) == json_error_null_byte_in_key)
		return err_set(e, -EINVAL, "%s:%d: \"\\u0000\" in a string",
			       d->label, je->line);
	str_escape(je->text, text, sizeof(text));
	return err_set(e, -EINVAL, "%s:%d: not JSON: %s", d->label,
		       MAX(je->line, 1), text);
}

/* Keys that collide on purpose must be unknown to whoever wrote the text; the
 * kernel gave each process 16 random bytes (AT_RANDOM, getauxval(3)). */
static size_t
hash_seed(void)
{
	unsigned long at = getauxval(AT_RANDOM);
	uint64_t v = 1;

	if (at)
		memcpy(&v, (const char *)at + 4, sizeof(v));
	v *= UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(v ^ v >> 32) | 1;
}

int
jsonc_parse(const char *label, const char *text, size_t len, size_t max,
	    unsigned int depth, struct jsonc *ret, struct err *e)
{
	struct jsonc d = { .label = label, .len = len };
	struct strip s = {
		.line = 1, .max_depth = depth, .label = label, .e = e
	};
	json_error_t je;
	int r;

	if (len > max)
		return err_set(e, -EFBIG, "%s: larger than %zu KiB", label,
			       max / 1024);
	d.text = malloc(len + 1);
	if (!d.text)
		return err_set(e, -ENOMEM, "%s: out of memory", label);
	memcpy(d.text, text, len);
	d.text[len] = '\0';
	/* Else jansson opens /dev/urandom for it. No effect after the first. */
	json_object_seed(hash_seed());
	s.p = d.text;
	s.end = d.text + len;
	r = strip_comments(&s);
	if (r >= 0) {
		d.root = json_loadb(d.text, len, JSON_REJECT_DUPLICATES, &je);
		if (!d.root)
			r = syntax_error(&d, &je, e);
	}
	if (r < 0) {
		jsonc_done(&d);
		return r;
	}
	*ret = d;
	return 0;
}

void
jsonc_done(struct jsonc *d)
{
	json_decref(d->root);
	free(d->text);
	d->root = NULL;
	d->text = NULL;
}
