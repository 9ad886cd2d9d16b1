/* JSON, piece by piece. Keys are ours; texts are escaped by render.c. */
#include "query/jw.h"
#include "query/render.h"

#include <string.h>

void
jw_key(struct jw *w, const char *key)
{
	if (w->comma)
		putc_unlocked(',', w->f);
	if (key)
		fprintf(w->f, "\"%s\":", key);
	w->comma = true;
}

void
jw_open(struct jw *w, const char *key, char bracket)
{
	jw_key(w, key);
	putc_unlocked(bracket, w->f);
	w->comma = false;
}

void
jw_close(struct jw *w, char bracket)
{
	putc_unlocked(bracket, w->f);
	w->comma = true;
}

void
jw_str(struct jw *w, const char *key, const char *s)
{
	jw_key(w, key);
	render_json_string(w->f, s, strlen(s));
}

void
jw_uint(struct jw *w, const char *key, uint64_t v)
{
	jw_key(w, key);
	render_json_uint(w->f, v);
}

void
jw_bool(struct jw *w, const char *key, bool v)
{
	jw_key(w, key);
	fputs(v ? "true" : "false", w->f);
}

void
jw_hex(struct jw *w, const char *key, const uint8_t *p, size_t n)
{
	jw_key(w, key);
	putc_unlocked('"', w->f);
	render_hex(w->f, p, n);
	putc_unlocked('"', w->f);
}

void
jw_field(struct jw *w, const char *key, const struct record *r,
	 enum field_id id)
{
	struct field v;

	if (!r || !record_get(r, id, &v))
		return;
	if (field_kind(id) == AS_UINT)
		jw_uint(w, key, record_u64(v.bytes));
	else if (field_kind(id) == AS_BYTES)
		jw_hex(w, key, v.bytes, v.len);
	else {
		jw_key(w, key);
		render_json_string(w->f, (const char *)v.bytes, v.len);
	}
}
