/*
 * Journal entries. What always holds: a value never holds a newline, so none
 * can begin a field of its own; texts of records have none (record.c), and what
 * is written here looks again.
 */
#include "audit/journal.h"

#include "lib/str.h"

#include <string.h>

#define VALUE_MAX 256u
#define MESSAGE_MAX 1400u

enum { PRIORITY_WARNING = 4, PRIORITY_NOTICE = 5, PRIORITY_INFO = 6 };

static void
get(const struct journal_entry *e, enum field_id id, char *buf, size_t size)
{
	const struct record r = { .fields = e->fields,
				  .fields_len = e->fields_len };
	struct field f;

	*buf = '\0';
	if (!record_get(&r, id, &f) || field_kind(id) != AS_TEXT)
		return;
	snprintf(buf, size, "%.*s", (int)f.len, (const char *)f.bytes);
}

bool
journal_wants(unsigned int type, const uint8_t *fields, size_t len)
{
	static const char *const good[] = { "allow", "limit", "redact", NULL };
	const struct journal_entry e = { .fields = fields, .fields_len = len };
	char effect[16];

	switch (type) {
	case RECORD_INTENT:
		get(&e, FIELD_EFFECT, effect, sizeof(effect));
		return !str_in(effect, good);
	case RECORD_ANOMALY:
	case RECORD_POLICY:
	case RECORD_ADMIN:
	case RECORD_LIFECYCLE:
		return true;
	default:
		return false;
	}
}

static int
priority(unsigned int type)
{
	return type == RECORD_ANOMALY	  ? PRIORITY_WARNING
	       : type == RECORD_LIFECYCLE ? PRIORITY_INFO
					  : PRIORITY_NOTICE;
}

static size_t
put(char *buf, size_t at, const char *name, const char *value)
{
	size_t room = JOURNAL_MAX - at, n;

	if (!value || !*value || strlen(name) + VALUE_MAX > room)
		return at;
	n = (size_t)snprintf(buf + at, room, "%s=%.*s", name, (int)MESSAGE_MAX,
			     value);
	if (n + 1 >= room)
		return at;
	for (size_t i = 0; i < n; i++)
		if (buf[at + i] == '\n')
			buf[at + i] = ' ';
	buf[at + n] = '\n';
	return at + n + 1;
}

/* "agent x: net.connect example.org:443: deny by rule no-net (no-rule)" */
static void
sentence(const struct journal_entry *e, char *buf, size_t size)
{
	char what[VALUE_MAX], target[VALUE_MAX], effect[16], rule[VALUE_MAX],
		reason[64], detail[VALUE_MAX];
	const char *type = record_type_name(e->type);

	get(e, FIELD_WHAT, what, sizeof(what));
	get(e, FIELD_TARGET, target, sizeof(target));
	get(e, FIELD_EFFECT, effect, sizeof(effect));
	get(e, FIELD_RULE, rule, sizeof(rule));
	get(e, FIELD_REASON, reason, sizeof(reason));
	get(e, FIELD_DETAIL, detail, sizeof(detail));
	snprintf(buf, size, "%s%s: %s%s%s%s%s%s%s%s%s%s%s%s",
		 e->agent ? "agent " : "", e->agent ? e->agent : "audit writer",
		 *what	? what
		 : type ? type
			: "record",
		 *target ? " " : "", target, *effect ? ": " : "", effect,
		 *rule ? " by rule " : "", rule, *reason ? " (" : "", reason,
		 *reason ? ")" : "", *detail ? ": " : "", detail);
}

size_t
journal_write(const struct journal_entry *e, char *buf)
{
	char text[MESSAGE_MAX], number[24], level[4], value[VALUE_MAX];
	size_t at = 0;

	sentence(e, text, sizeof(text));
	snprintf(number, sizeof(number), "%llu", (unsigned long long)e->seq);
	snprintf(level, sizeof(level), "%d", priority(e->type));
	at = put(buf, at, "MESSAGE", text);
	at = put(buf, at, "PRIORITY", level);
	at = put(buf, at, "SYSLOG_IDENTIFIER", "agentbox-audit");
	at = put(buf, at, "AGENTBOX_SEQ", number);
	at = put(buf, at, "AGENTBOX_TYPE", record_type_name(e->type));
	at = put(buf, at, "AGENTBOX_AGENT", e->agent);
	at = put(buf, at, "AGENTBOX_RUN", e->run);
	get(e, FIELD_WHAT, value, sizeof(value));
	at = put(buf, at, "AGENTBOX_WHAT", value);
	get(e, FIELD_EFFECT, value, sizeof(value));
	at = put(buf, at, "AGENTBOX_EFFECT", value);
	get(e, FIELD_RULE, value, sizeof(value));
	return put(buf, at, "AGENTBOX_RULE", value);
}
