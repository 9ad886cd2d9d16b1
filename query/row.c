/* Lines. What always holds: too much is cut, and what goes out goes through
 * render_safe(). */
#include "query/row.h"
#include "lib/str.h"

#include <stdarg.h>
#include <string.h>

const char *
row_string(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

long long
row_int(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

void
row_add(struct row *w, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(w->text + w->len, sizeof(w->text) - w->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		w->len = MIN(w->len + (size_t)n, sizeof(w->text) - 1);
}

static const char *
comma(const struct row *w)
{
	return w->len ? ", " : "";
}

void
row_part(struct row *w, const char *before, const char *s)
{
	if (*s)
		row_add(w, "%s%s%s", comma(w), before, s);
}

static void
add_us(struct row *w, double us)
{
	if (us < 1000)
		row_add(w, "%.0f us", us);
	else if (us < 1000000)
		row_add(w, "%.1f ms", us / 1000);
	else
		row_add(w, "%.1f s", us / 1000000);
}

void
row_duration(struct row *w, const char *before, const json_t *o,
	     const char *name)
{
	if (!json_object_get(o, name))
		return;
	row_add(w, "%s%s", comma(w), before);
	add_us(w, (double)row_int(o, name));
}

void
row_number(struct row *w, const char *before, const json_t *o, const char *name)
{
	if (json_object_get(o, name))
		row_add(w, "%s%s%lld", comma(w), before, row_int(o, name));
}

void
row_bytes(struct row *w, const char *before, const json_t *o, const char *name)
{
	char size[32];

	if (json_object_get(o, name))
		row_add(w, "%s%s%s", comma(w), before,
			str_from_size((uint64_t)row_int(o, name), size,
				      sizeof(size)));
}

void
row_list(struct row *w, const json_t *list)
{
	const json_t *v;
	size_t i;

	row_add(w, "[");
	json_array_foreach(list, i, v)
	{
		const char *s = json_string_value(v);

		row_add(w, "%s%s", i ? ", " : "", s ? s : "?");
	}
	row_add(w, "]");
}

/* Texts of records are escaped already: their backslashes stay as they are. */
void
row_print(const struct render *rd, const struct row *w)
{
	for (size_t i = 0, n; i < w->len; i += n) {
		const char *slash = memchr(w->text + i, '\\', w->len - i);

		n = slash == w->text + i ? 1
		    : slash		 ? (size_t)(slash - w->text) - i
					 : w->len - i;
		if (slash == w->text + i)
			putc('\\', rd->f);
		else
			render_safe(rd->f, w->text + i, n);
	}
}
