/* links: query audit lib */
/*
 * Records for people and programs: whatever frame the log holds, JSON is JSON
 * in each form, a line is one line, and nothing steers a terminal.
 */
#include "query/export.h"
#include "query/render.h"
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static void
check_printable(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			abort();
}

static void
check(void (*fn)(FILE *, const struct record *, const struct record *),
      const struct record *r, size_t end, bool json)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);
	json_t *j;

	if (!f)
		abort();
	fn(f, r, r);
	if (fclose(f) != 0 || n < end)
		abort();
	check_printable(text, n - end);
	if (json) {
		j = json_loadb(text, n, JSON_ALLOW_NUL, NULL);
		if (!j)
			abort();
		json_decref(j);
	}
	free(text);
}

static void
line(FILE *f, const struct record *r, const struct record *who)
{
	const struct render rd = { .f = f, .utc = true };

	render_line(&rd, r, who);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record r;

	if (record_parse(data, size, &r) <= 0)
		return 0;
	check(render_json, &r, 0, true);
	check(export_ocsf, &r, 1, true);
	check(export_otel, &r, 1, true);
	check(export_csv, &r, 2, false);
	check(line, &r, 1, false);
	return 0;
}
