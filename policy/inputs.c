/*
 * The input document for the record. What always holds: the same request under
 * the same policy and decision gives the same bytes; what is withheld reaches
 * the digest only; nothing is cut, and nothing allocates.
 */
#include "policy/inputs-internal.h"
#include "policy/secret.h"
#include "policy/text.h"

#include <math.h>
#include <string.h>

#define RAW_DEPTH 256 /* deeper than any parser lets through */
#define MARKER_MAX 96 /* {"$withheld":"...","bytes":...,"type":"integer"} */

static void
put_string(struct inputs_writer *w, const char *s, size_t n)
{
	inputs_put_char(w, '"');
	inputs_put_inside(w, s, n);
	inputs_put_char(w, '"');
}

/* What is withheld */

static bool
is_utf8(const char *s, size_t n)
{
	for (size_t i = 0, k; i < n; i += k) {
		k = 1;
		if ((unsigned char)s[i] >= 0x80 &&
		    text_utf8((const unsigned char *)s + i, n - i, &k) < 0)
			return false;
	}
	return true;
}

/* Not to be written as a text: too long, no text, or secret. */
static bool
is_bad_text(const char *s, size_t n)
{
	return n > INPUTS_STRING_MAX || !is_utf8(s, n) || secret_text(s, n);
}

static bool
has_bad_key(const struct value *v)
{
	for (v = v->first; v; v = v->next)
		if (is_bad_text(v->key, v->key_len))
			return true;
	return false;
}

static bool
is_word(enum attr a, const struct value *v)
{
	const char *const *words = attr_words(a);

	for (; words && v->len && *words; words++)
		if (**words == *v->s && v->len == strlen(*words) &&
		    memcmp(v->s, *words, v->len) == 0)
			return true;
	return false;
}

/* Words of the language and labels of the policy are nobody's secret, and more
 * than conditions depends on them. */
static bool
is_vocabulary(const struct inputs_writer *w, const struct value *v)
{
	if (v->type != VALUE_STRING)
		return false;
	if (attr_kind(w->at) == KIND_LABELS)
		return policy_label(w->p, v->s, v->len) >= 0;
	return is_word(w->at, v);
}

static bool
is_hidden(const struct inputs_writer *w, const struct value *v)
{
	for (size_t i = 0; i < w->n_hide; i++)
		if (w->hide[i] == v)
			return true;
	return false;
}

static bool
is_withheld(const struct inputs_writer *w, const struct value *v, bool secret,
	    unsigned int depth)
{
	if (is_hidden(w, v))
		return true;
	switch (v->type) {
	case VALUE_INT:
		return secret;
	case VALUE_REAL:
		return secret || !isfinite(v->r);
	case VALUE_STRING:
		return (secret && v->len) || is_bad_text(v->s, v->len);
	case VALUE_LIST:
		return (secret && v->n) || !depth;
	case VALUE_OBJECT:
		return (secret && v->n) || !depth || has_bad_key(v);
	default:
		return false;
	}
}

static void put_value(struct inputs_writer *w, const struct value *v,
		      bool secret, unsigned int depth);

/* Of a string itself, of anything else as it would be written. */
static size_t
value_digest(const struct inputs_writer *w, const struct value *v,
	     uint8_t ret[32])
{
	struct inputs_writer raw = { .digest = w->digest, .arg = w->arg };
	struct inputs_fold f;

	if (v->type == VALUE_STRING) {
		w->digest(w->arg, v->s, v->len, ret);
		return v->len;
	}
	f.n = f.total = 0;
	f.some = false;
	raw.fold = &f;
	put_value(&raw, v, false, RAW_DEPTH);
	inputs_fold_end(&raw, ret);
	return f.total;
}

static const char *
type_name(enum value_type t)
{
	static const char *const names[] = {
		[VALUE_NONE] = "none",	  [VALUE_NULL] = "null",
		[VALUE_BOOL] = "boolean", [VALUE_INT] = "integer",
		[VALUE_REAL] = "real",	  [VALUE_STRING] = "string",
		[VALUE_LIST] = "list",	  [VALUE_OBJECT] = "object",
	};

	return names[t];
}

static void
put_withheld(struct inputs_writer *w, const struct value *v)
{
	static const char hex[] = "0123456789abcdef";
	static const char start[] = "{\"" INPUTS_WITHHELD "\":\"";
	size_t bytes;
	uint8_t d[32];

	w->withheld |= UINT64_C(1) << w->at;
	bytes = value_digest(w, v, d);
	inputs_put(w, start, sizeof(start) - 1);
	for (size_t i = 0; i < 8; i++) {
		inputs_put_char(w, hex[d[i] >> 4]);
		inputs_put_char(w, hex[d[i] & 15]);
	}
	inputs_put(w, "\",", 2);
	if (v->type >= VALUE_STRING) {
		inputs_put(w, "\"bytes\":", 8);
		inputs_put_int(w, bytes, false);
		inputs_put_char(w, ',');
	}
	inputs_put(w, "\"type\":\"", 8);
	inputs_put(w, type_name(v->type), strlen(type_name(v->type)));
	inputs_put(w, "\"}", 2);
}

/* Values */

/* A member "$withheld" of the request itself is none of ours. */
static bool
looks_like_marker(const char *s, size_t n)
{
	static const size_t len = sizeof(INPUTS_WITHHELD) - 1;
	size_t dollars = 0;

	while (dollars < n && s[dollars] == '$')
		dollars++;
	return dollars && n - dollars == len - 1 &&
	       memcmp(s + dollars, &INPUTS_WITHHELD[1], len - 1) == 0;
}

static void
put_key(struct inputs_writer *w, const char *s, size_t n)
{
	inputs_put_char(w, '"');
	if (looks_like_marker(s, n))
		inputs_put_char(w, '$');
	inputs_put_inside(w, s, n);
	inputs_put(w, "\":", 2);
}

static bool
is_key(const struct value *v, const char *name)
{
	return v->key_len == strlen(name) &&
	       memcmp(v->key, name, v->key_len) == 0;
}

/* {"name": "Authorization", "value": ...}: the name of the value, or NULL. */
static const struct value *
named_by(const struct value *first, const struct value *v)
{
	if (!is_key(v, "value"))
		return NULL;
	for (v = first; v; v = v->next)
		if (v->type == VALUE_STRING &&
		    (is_key(v, "name") || is_key(v, "key")))
			return v;
	return NULL;
}

static bool
is_secret_member(const struct inputs_writer *w, const struct value *first,
		 const struct value *v)
{
	bool http = w->at == ATTR_QUERY || w->at == ATTR_HEADERS;
	const struct value *name;

	if (secret_name(v->key, v->key_len, http))
		return true;
	name = named_by(first, v);
	return name && secret_name(name->s, name->len, http);
}

static void
put_object(struct inputs_writer *w, const struct value *v, unsigned int depth)
{
	const struct value *first = v->first;

	inputs_put_char(w, '{');
	for (v = first; v; v = v->next) {
		if (v != first)
			inputs_put_char(w, ',');
		put_key(w, v->key, v->key_len);
		put_value(w, v, !w->fold && is_secret_member(w, first, v),
			  depth);
	}
	inputs_put_char(w, '}');
}

/* Is it the argument of an option that takes a secret? */
static bool
is_secret_item(const struct value *before, const struct value *v)
{
	return before && before->type == VALUE_STRING &&
	       v->type == VALUE_STRING &&
	       secret_option(before->s, before->len, v->s, v->len);
}

static void
put_list(struct inputs_writer *w, const struct value *v, unsigned int depth)
{
	const struct value *before = NULL;

	inputs_put_char(w, '[');
	for (v = v->first; v; v = v->next) {
		if (before)
			inputs_put_char(w, ',');
		put_value(w, v, !w->fold && is_secret_item(before, v), depth);
		before = v;
	}
	inputs_put_char(w, ']');
}

static void
put_value(struct inputs_writer *w, const struct value *v, bool secret,
	  unsigned int depth)
{
	if (w->fold && !depth)
		return;
	if (!w->fold && !is_vocabulary(w, v) &&
	    is_withheld(w, v, secret, depth)) {
		put_withheld(w, v);
		return;
	}
	switch (v->type) {
	case VALUE_BOOL:
		inputs_put(w, v->b ? "true" : "false", v->b ? 4 : 5);
		break;
	case VALUE_INT:
		inputs_put_int(w,
			       v->i < 0 ? 0 - (uint64_t)v->i : (uint64_t)v->i,
			       v->i < 0);
		break;
	case VALUE_REAL:
		inputs_put_real(w, v->r);
		break;
	case VALUE_STRING:
		put_string(w, v->s, v->len);
		break;
	case VALUE_LIST:
		put_list(w, v, depth - 1);
		break;
	case VALUE_OBJECT:
		put_object(w, v, depth - 1);
		break;
	default:
		inputs_put(w, "null", 4);
	}
}

/* The document */

/* What memory keeps under the name of a secret is one. */
static bool
is_secret_attr(const struct request *rq, enum attr a)
{
	const struct value *key = &rq->attr[ATTR_KEY];
	const char *last;

	if (a != ATTR_VALUE || key->type != VALUE_STRING)
		return false;
	last = memrchr(key->s, '/', key->len);
	last = last ? last + 1 : key->s;
	return secret_name(last, key->len - (size_t)(last - key->s), false);
}

static void
put_attr(struct inputs_writer *w, const char *name)
{
	const struct value *v = &w->rq->attr[w->at];

	put_key(w, name, strlen(name));
	if (w->whole >> w->at & 1)
		put_withheld(w, v);
	else
		put_value(w, v, is_secret_attr(w->rq, w->at),
			  REQUEST_DEPTH_MAX);
}

/* "run/id" is "id" of the object "run". */
struct group {
	const char *name;
	size_t len; /* 0: none */
	bool some;  /* something is in the document */
};

/* The length of "run", or 0. */
static size_t
group_of(const char *name)
{
	const char *slash = strchr(name, '/');

	return slash ? (size_t)(slash - name) : 0;
}

/* Ends the group at hand, if the next one is another. */
static void
end_group(struct inputs_writer *w, struct group *g, const char *name,
	  size_t len)
{
	if (g->len == len && memcmp(g->name, name, len) == 0)
		return;
	if (g->len)
		inputs_put_char(w, '}');
	g->len = 0;
}

static void
begin_attr(struct inputs_writer *w, struct group *g, const char *name,
	   size_t len)
{
	if (g->some)
		inputs_put_char(w, ',');
	g->some = true;
	if (!len || g->len)
		return; /* no group, or in it already */
	g->name = name;
	g->len = len;
	put_string(w, name, len);
	inputs_put(w, ":{", 2);
}

/* All attributes up to end, not counting it. */
static void
put_attrs(struct inputs_writer *w, struct group *g, enum attr end)
{
	for (; w->at < end; w->at++) {
		const char *name = attr_pointer(w->at) + 1;
		size_t start = w->len, len;

		if (w->rq->attr[w->at].type == VALUE_NONE)
			continue;
		len = group_of(name);
		end_group(w, g, name, len);
		begin_attr(w, g, name, len);
		put_attr(w, len ? name + len + 1 : name);
		w->cost[w->at] = w->len - start;
	}
	end_group(w, g, "", 0);
}

static void
put_document(struct inputs_writer *w)
{
	struct group g = { .name = "" };

	w->len = 0;
	w->withheld = 0;
	w->at = (enum attr)0;
	inputs_put_char(w, '{');
	put_attrs(w, &g, ATTR_RUN_ID);
	w->action = w->len;
	put_attrs(w, &g, ATTR_MAX);
	inputs_put_char(w, '}');
}

/* The largest ones are withheld whole, until it fits. */
static int
make_fit(struct inputs_writer *w)
{
	size_t len = w->len;

	while (len >= w->size) {
		enum attr most = (enum attr)0;

		for (int a = 1; a < ATTR_MAX; a++)
			if (w->cost[a] > w->cost[most])
				most = (enum attr)a;
		if (w->cost[most] <= MARKER_MAX)
			return -ENOSPC;
		len -= w->cost[most] - MARKER_MAX;
		w->cost[most] = 0;
		w->whole |= UINT64_C(1) << most;
	}
	put_document(w);
	return w->len < w->size ? 0 : -ENOSPC;
}

static void
hide_attr(struct inputs_writer *w, const char *pointer)
{
	const char *rest;
	int a = attr_from_pointer(pointer, &rest);

	if (a >= 0)
		w->whole |= UINT64_C(1) << a;
}

/* What the decision redacts; of too many all that they lie in. */
static void
find_hidden(struct inputs_writer *w, const struct decision *d)
{
	const char *pointer;

	for (size_t i = 0; (pointer = decision_redact(w->p, d, i)); i++) {
		const struct value *v = request_get(w->rq, pointer);

		if (!v)
			continue;
		if (w->n_hide < INPUTS_HIDE_MAX)
			w->hide[w->n_hide++] = v;
		else
			hide_attr(w, pointer);
	}
}

static void
action_digest(struct inputs_writer *w, uint8_t ret[32])
{
	struct inputs_writer raw = { .rq = w->rq,
				     .digest = w->digest,
				     .arg = w->arg };
	struct group g = { .name = "" };
	struct inputs_fold f;

	f.n = f.total = 0;
	f.some = false;
	raw.fold = &f;
	if (w->withheld & ((UINT64_C(1) << ATTR_RUN_ID) - 1)) {
		inputs_put_char(&raw, '{');
		put_attrs(&raw, &g, ATTR_RUN_ID);
	} else {
		inputs_put(&raw, w->buf, w->action);
	}
	inputs_fold_end(&raw, ret);
}

static bool
is_whole(const struct request *rq)
{
	const struct value *v = &rq->attr[ATTR_SURFACE];
	const char *name;

	if (rq->surface >= SURFACE_MAX || v->type != VALUE_STRING)
		return false;
	name = surface_name(rq->surface);
	return v->len == strlen(name) && memcmp(v->s, name, v->len) == 0;
}

int
inputs_write(const struct policy *p, const struct request *rq,
	     const struct decision *d, inputs_digest *digest, void *arg,
	     char *buf, size_t size, char *truths, size_t truths_size,
	     struct inputs *ret)
{
	struct inputs_writer w = { .p = p,
				   .rq = rq,
				   .digest = digest,
				   .arg = arg,
				   .buf = buf,
				   .size = size };
	size_t n = 0;
	int r = 0;

	if (size < INPUTS_MIN || !truths_size)
		return -ENOSPC;
	if (!is_whole(rq))
		return -EINVAL;
	find_hidden(&w, d);
	put_document(&w);
	if (w.len >= size)
		r = make_fit(&w);
	if (r >= 0 && w.withheld)
		r = inputs_truths(p, rq, w.withheld, truths, truths_size, &n);
	if (r < 0)
		return r;
	buf[w.len] = '\0';
	truths[n] = '\0';
	action_digest(&w, ret->digest);
	ret->len = w.len;
	ret->truths_len = n;
	ret->withheld = w.withheld;
	return 0;
}
