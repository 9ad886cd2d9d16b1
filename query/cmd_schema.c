/*
 * agentbox audit schema: JSON Schema (2020-12) of the JSON form of each record
 * type, made of the tables in audit/record.h, so that it cannot be another one
 * than that of the records.
 */
#include "query/cmd.h"
#include "query/jw.h"

#include <getopt.h>

static const char usage[] =
	"Usage: agentbox audit schema [TYPE]\n"
	"\n"
	"Prints the JSON Schema of a record in its JSON form, of one type or "
	"all.\n"
	"\n"
	"Exit status: 0; 125 there is no such type.\n";

static void
type_of(struct jw *w, const char *type)
{
	jw_str(w, "type", type);
}

static void
described(struct jw *w, const char *name, const char *type, const char *text)
{
	jw_open(w, name, '{');
	type_of(w, type);
	jw_str(w, "description", text);
	jw_close(w, '}');
}

static void
field(struct jw *w, unsigned int id)
{
	jw_open(w, field_name(id), '{');
	switch (field_kind(id)) {
	case AS_UINT:
		jw_open(w, "type", '[');
		jw_str(w, NULL, "integer");
		jw_str(w, NULL, "string"); /* above 2^63 - 1 */
		jw_close(w, ']');
		jw_uint(w, "minimum", 0);
		break;
	case AS_TEXT:
		type_of(w, "string");
		break;
	case AS_BYTES:
		type_of(w, "string");
		jw_str(w, "pattern", "^([0-9a-f]{2})*$");
		break;
	case AS_JSON:
		break; /* any value */
	}
	jw_str(w, "description", field_text(id));
	jw_close(w, '}');
}

/* What every record has. */
static void
head(struct jw *w, const char *type)
{
	described(w, "seq", "integer", "its number");
	jw_open(w, "time", '{');
	type_of(w, "string");
	jw_str(w, "format", "date-time");
	jw_str(w, "description", "when the writer took it");
	jw_close(w, '}');
	jw_open(w, "type", '{');
	jw_str(w, "const", type);
	jw_close(w, '}');
	described(w, "ref", "integer", "seq of the intent it belongs to");
	described(w, "channel", "integer", "seq of the record that says who");
	described(w, "monotonic_us", "integer", "CLOCK_BOOTTIME of time");
	described(w, "key", "integer", "number of the MAC key");
	described(w, "mac", "string", "HMAC-SHA-256");
	described(w, "hash", "string", "SHA-256, the chain");
}

static bool
may_have(unsigned int type, unsigned int id)
{
	if (!field_name(id))
		return false;
	switch (field_from(id)) {
	case FROM_WRITER:
	case FROM_CHANNEL:
		return true; /* of the record, or who spoke */
	case FROM_CLIENT:
		/* the writer gives outcomes and ends of its own */
		return record_type_is_clients(type) ||
		       type == RECORD_CHANNEL_END;
	}
	return false;
}

static void
required(struct jw *w, unsigned int type)
{
	static const char *const always[] = { "seq", "time", "type",
					      "key", "mac",  "hash" };
	struct fields have;
	enum field_id missing;

	jw_open(w, "required", '[');
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		jw_str(w, NULL, always[i]);
	fields_init(&have);
	while (record_required(type, have.bytes, have.len, &missing) < 0) {
		jw_str(w, NULL, field_name(missing));
		fields_bytes(&have, missing, "x", 1);
	}
	jw_close(w, ']');
}

static void
schema(struct jw *w, unsigned int type)
{
	jw_open(w, NULL, '{');
	jw_str(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
	jw_str(w, "title", record_type_name(type));
	jw_str(w, "description", record_type_text(type));
	type_of(w, "object");
	jw_open(w, "properties", '{');
	head(w, record_type_name(type));
	for (unsigned int id = 0; id < FIELD_ID_MAX; id++)
		if (may_have(type, id))
			field(w, id);
	jw_close(w, '}');
	required(w, type);
	jw_close(w, '}');
}

static void
all(struct jw *w)
{
	jw_open(w, NULL, '{');
	jw_str(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
	jw_str(w, "title", "a record of agentbox's audit log");
	jw_open(w, "oneOf", '[');
	for (unsigned int t = 0; t < RECORD_TYPE_MAX; t++)
		if (record_type_name(t))
			schema(w, t);
	jw_close(w, ']');
	jw_close(w, '}');
}

int
cmd_schema(int argc, char **argv)
{
	struct cmd c = { .usage = usage, .no_filters = true };
	struct jw w = { .f = stdout };
	struct err e = ERR_INIT;
	struct filter f;
	int t, r = cmd_options(&c, argc, argv);

	if (r <= 0)
		return r ? QUERY_FAILED : QUERY_OK;
	if (argc - optind > 1) {
		err_set(&e, EINVAL, "schema: more than one type");
		return cmd_complain(&e);
	}
	if (optind == argc) {
		all(&w);
	} else {
		filter_init(&f);
		if (filter_type_name(&f, argv[optind], &e) < 0)
			return cmd_complain(&e);
		t = record_type_from_name(argv[optind]);
		schema(&w, (unsigned int)t);
	}
	putchar('\n');
	return cmd_done(NULL, QUERY_OK);
}
