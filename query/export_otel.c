/*
 * Records as OpenTelemetry log records (OTLP/JSON), with the attributes of the
 * GenAI conventions where there is one. Those conventions are in development:
 * their names are in this one table, and what we emit says which version it
 * means. Contents of calls are opt-in there; here there are only digests.
 */
#include "query/export.h"
#include "query/jw.h"
#include "query/render.h"

#define SCHEMA_URL "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev"

static const struct {
	enum field_id id;
	bool who;
	const char *name;
} attributes[] = {
	{ FIELD_AGENT, true, "gen_ai.agent.name" },
	{ FIELD_AGENT_ID, true, "gen_ai.agent.id" },
	{ FIELD_RUN, true, "gen_ai.conversation.id" },
	{ FIELD_WORKFLOW, true, "gen_ai.workflow.name" },
	{ FIELD_ON_BEHALF_OF, true, "enduser.id" },
	{ FIELD_OWNER, true, "agentbox.owner" },
	{ FIELD_TEAM, true, "agentbox.team" },
	{ FIELD_ROLE, true, "agentbox.role" },
	{ FIELD_PURPOSE, true, "agentbox.use_case" },
	{ FIELD_PROFILE, true, "agentbox.profile" },
	{ FIELD_PARENT, true, "agentbox.parent_action" },
	{ FIELD_HANDOFF, true, "agentbox.handoff.id" },
	{ FIELD_PEER_PID, true, "process.pid" },
	{ FIELD_TOOL, false, "gen_ai.tool.name" },
	{ FIELD_CALL_ID, false, "gen_ai.tool.call.id" },
	{ FIELD_METHOD, false, "mcp.method.name" },
	{ FIELD_SERVER, false, "agentbox.tool.server" },
	{ FIELD_SOURCE_HOST, false, "server.address" },
	{ FIELD_PORT, false, "server.port" },
	{ FIELD_WHAT, false, "agentbox.what" },
	{ FIELD_SURFACE, false, "agentbox.surface" },
	{ FIELD_CLASS, false, "agentbox.action.class" },
	{ FIELD_TARGET, false, "agentbox.target" },
	{ FIELD_ARGS_DIGEST, false, "agentbox.args.digest" },
	{ FIELD_RESULT_DIGEST, false, "agentbox.result.digest" },
	{ FIELD_LABELS_IN, false, "agentbox.labels.in" },
	{ FIELD_LABELS_OUT, false, "agentbox.labels.out" },
	{ FIELD_REGION, false, "agentbox.region" },
	{ FIELD_EFFECT, false, "agentbox.policy.effect" },
	{ FIELD_RULE, false, "agentbox.policy.rule" },
	{ FIELD_REASON, false, "agentbox.policy.reason" },
	{ FIELD_LEVEL, false, "agentbox.policy.level" },
	{ FIELD_POLICY, false, "agentbox.policy.name" },
	{ FIELD_POLICY_HASH, false, "agentbox.policy.hash" },
	{ FIELD_EPOCH, false, "agentbox.policy.epoch" },
	{ FIELD_APPROVAL, false, "agentbox.approval.id" },
	{ FIELD_APPROVERS, false, "agentbox.approval.approvers" },
	{ FIELD_GRANT, false, "agentbox.grant.id" },
	{ FIELD_STATUS, false, "agentbox.outcome" },
	{ FIELD_ERROR, false, "error.type" },
	{ FIELD_LATENCY_US, false, "agentbox.duration_us" },
	{ FIELD_EXIT_STATUS, false, "process.exit.code" },
	{ FIELD_TRIGGER, false, "agentbox.trigger" },
	{ FIELD_INCIDENT, false, "agentbox.incident.id" },
	{ FIELD_CAUSE, false, "agentbox.cause" },
	{ FIELD_WHY, false, "agentbox.why" },
};

/* gen_ai.operation.name of what has one. */
static const char *
operation(const struct record *r)
{
	static const struct {
		const char *surface, *class, *name;
	} rows[] = {
		{ "tools", NULL, "execute_tool" },
		{ "handoffs", NULL, "invoke_agent" },
		{ "memory", "read", "search_memory" },
		{ "memory", "write", "upsert_memory" },
		{ "memory", "delete", "delete_memory" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (render_is(r, FIELD_SURFACE, rows[i].surface) &&
		    (!rows[i].class ||
		     render_is(r, FIELD_CLASS, rows[i].class)))
			return rows[i].name;
	return NULL;
}

/* Numbers of 64 bits are strings in OTLP/JSON (protobuf's JSON mapping). */
static void
uint_value(struct jw *w, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)v);
	jw_str(w, key, text);
}

static void
attribute(struct jw *w, const char *name, const struct record *r,
	  enum field_id id)
{
	struct field v;

	if (!r || !record_get(r, id, &v))
		return;
	jw_open(w, NULL, '{');
	jw_str(w, "key", name);
	jw_open(w, "value", '{');
	if (field_kind(id) == AS_UINT)
		uint_value(w, "intValue", record_u64(v.bytes));
	else
		jw_field(w, "stringValue", r, id);
	jw_close(w, '}');
	jw_close(w, '}');
}

static void
text_attribute(struct jw *w, const char *name, const char *text)
{
	jw_open(w, NULL, '{');
	jw_str(w, "key", name);
	jw_open(w, "value", '{');
	jw_str(w, "stringValue", text);
	jw_close(w, '}');
	jw_close(w, '}');
}

static void
number_attribute(struct jw *w, const char *name, uint64_t v)
{
	jw_open(w, NULL, '{');
	jw_str(w, "key", name);
	jw_open(w, "value", '{');
	uint_value(w, "intValue", v);
	jw_close(w, '}');
	jw_close(w, '}');
}

static void
resource(struct jw *w, const struct record *who)
{
	jw_open(w, "resource", '{');
	jw_open(w, "attributes", '[');
	text_attribute(w, "service.name", "agentbox");
	text_attribute(w, "service.version", AGENTBOX_VERSION);
	attribute(w, "service.instance.id", who, FIELD_INSTANCE);
	jw_close(w, ']');
	jw_close(w, '}');
}

static void
severity(struct jw *w, const struct record *r)
{
	bool warn = r->type == RECORD_ANOMALY || r->type == RECORD_LOG_GAP ||
		    render_is(r, FIELD_EFFECT, "deny") ||
		    render_is(r, FIELD_EFFECT, "prohibit") ||
		    render_is(r, FIELD_EFFECT, "none");

	jw_uint(w, "severityNumber", warn ? 13 : 9);
	jw_str(w, "severityText", warn ? "WARN" : "INFO");
}

static void
all_attributes(struct jw *w, const struct record *r, const struct record *who)
{
	const char *name = operation(r);

	jw_open(w, "attributes", '[');
	number_attribute(w, "agentbox.seq", r->seq);
	if (r->ref)
		number_attribute(w, "agentbox.action", r->ref);
	if (name)
		text_attribute(w, "gen_ai.operation.name", name);
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++)
		attribute(w, attributes[i].name, attributes[i].who ? who : r,
			  attributes[i].id);
	jw_open(w, NULL, '{');
	jw_str(w, "key", "agentbox.hash");
	jw_open(w, "value", '{');
	jw_hex(w, "stringValue", r->hash, RECORD_HASH_LEN);
	jw_close(w, '}');
	jw_close(w, '}');
	jw_close(w, ']');
}

static bool
is_hex(const char *s, size_t n)
{
	bool some = false;

	for (size_t i = 0; i < n; i++) {
		if (!((s[i] >= '0' && s[i] <= '9') ||
		      (s[i] >= 'a' && s[i] <= 'f')))
			return false;
		some = some || s[i] != '0';
	}
	return some;
}

/* W3C traceparent: 00-<trace id>-<span id>-<flags>. */
static void
trace_ids(struct jw *w, const struct record *r)
{
	char text[64], id[33];

	render_get(r, FIELD_TRACE, text, sizeof(text));
	if (text[0] != '0' || text[1] != '0' || text[2] != '-' ||
	    !is_hex(text + 3, 32) || text[35] != '-' || !is_hex(text + 36, 16))
		return;
	snprintf(id, sizeof(id), "%.32s", text + 3);
	jw_str(w, "traceId", id);
	snprintf(id, sizeof(id), "%.16s", text + 36);
	jw_str(w, "spanId", id);
}

static void
log_record(struct jw *w, const struct record *r, const struct record *who)
{
	char type[RENDER_TYPE_MAX], event[RENDER_TYPE_MAX + 16];

	snprintf(event, sizeof(event), "agentbox.%s", render_type(r, type));
	jw_open(w, NULL, '{');
	uint_value(w, "timeUnixNano", r->time_us * 1000);
	uint_value(w, "observedTimeUnixNano", r->time_us * 1000);
	severity(w, r);
	jw_str(w, "eventName", event);
	jw_open(w, "body", '{');
	jw_str(w, "stringValue", event);
	jw_close(w, '}');
	trace_ids(w, r);
	all_attributes(w, r, who);
	jw_close(w, '}');
}

void
export_otel(FILE *f, const struct record *r, const struct record *who)
{
	struct jw w = { .f = f };

	jw_open(&w, NULL, '{');
	jw_open(&w, "resourceLogs", '[');
	jw_open(&w, NULL, '{');
	resource(&w, who);
	jw_open(&w, "scopeLogs", '[');
	jw_open(&w, NULL, '{');
	jw_open(&w, "scope", '{');
	jw_str(&w, "name", "agentbox");
	jw_close(&w, '}');
	jw_open(&w, "logRecords", '[');
	log_record(&w, r, who);
	jw_close(&w, ']');
	jw_str(&w, "schemaUrl", SCHEMA_URL);
	jw_close(&w, '}');
	jw_close(&w, ']');
	jw_close(&w, '}');
	jw_close(&w, ']');
	jw_close(&w, '}');
	putc_unlocked('\n', f);
}
