/*
 * Records as OCSF events (schema.ocsf.io), for security operations. One table
 * says which class a record becomes; the profiles are security_control,
 * ai_operation and record_integrity. The native record goes along whole in
 * "unmapped", since the event is a view and not the evidence.
 */
#include "query/export.h"
#include "query/jw.h"
#include "query/render.h"

#include <string.h>

#define OCSF_VERSION "1.9.0-dev"

struct event_class {
	const char *key; /* surface; of records without one their type */
	const char *name;
	unsigned int uid;
	unsigned int activity; /* 0: by action class */
};

static const struct event_class by_surface[] = {
	{ "files", "File System Activity", 1001, 0 },
	{ "process", "Process Activity", 1007, 1 },
	{ "network", "Network Activity", 4001, 6 },
	{ "tools", "API Activity", 6003, 0 },
	{ "memory", "Datastore Activity", 6005, 0 },
	{ "credentials", "Authorize Session", 3003, 1 },
	{ "handoffs", "API Activity", 6003, 1 },
	{ "admin", "Entity Management", 3004, 3 },
};
static const struct event_class by_type[] = {
	{ "outcome", "API Activity", 6003, 99 },
	{ "lifecycle", "Entity Management", 3004, 99 },
	{ "channel", "Entity Management", 3004, 1 },
	{ "channel.end", "Entity Management", 3004, 4 },
	{ "policy", "Device Config State Change", 5019, 1 },
	{ "approval", "Authorize Session", 3003, 99 },
	{ "admin", "Entity Management", 3004, 3 },
	{ "anomaly", "Detection Finding", 2004, 1 },
	{ "log.start", "Application Lifecycle", 6002, 3 },
	{ "log.stop", "Application Lifecycle", 6002, 4 },
	{ "log.restart", "Application Lifecycle", 6002, 5 },
};
static const struct event_class other = { "", "Application Lifecycle", 6002,
					  99 };

static const struct event_class *
class_of(const struct record *r)
{
	char type[RENDER_TYPE_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(by_surface); i++)
		if (render_is(r, FIELD_SURFACE, by_surface[i].key))
			return &by_surface[i];
	render_type(r, type);
	for (size_t i = 0; i < ARRAY_SIZE(by_type); i++)
		if (!strcmp(type, by_type[i].key))
			return &by_type[i];
	return &other;
}

/* Create, read, update, delete have the same numbers in 6003; 6005 and 1001
 * number them otherwise. */
static unsigned int
activity_of(const struct event_class *c, const struct record *r)
{
	static const struct {
		const char *class;
		unsigned int api, file, data;
	} rows[] = {
		{ "read", 2, 2, 1 },	{ "write", 3, 3, 2 },
		{ "delete", 4, 4, 5 },	{ "send", 1, 99, 99 },
		{ "pay", 1, 99, 99 },	{ "delegate", 1, 99, 99 },
		{ "spawn", 1, 99, 99 },
	};

	if (c->activity)
		return c->activity;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (render_is(r, FIELD_CLASS, rows[i].class))
			return c->uid == 6003	? rows[i].api
			       : c->uid == 1001 ? rows[i].file
						: rows[i].data;
	return 99;
}

/* Of profile security_control: 1 allowed, 2 denied, 3 observed, 4 modified. */
static unsigned int
action_of(const struct record *r)
{
	static const struct {
		const char *effect;
		unsigned int action;
	} rows[] = {
		{ "allow", 1 }, { "limit", 1 },	   { "redact", 4 },
		{ "deny", 2 },	{ "prohibit", 2 }, { "none", 2 },
		{ "ask", 2 }, /* nothing happened yet */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (render_is(r, FIELD_EFFECT, rows[i].effect))
			return rows[i].action;
	return 0;
}

/* 1 success, 2 failure, 0 unknown. */
static unsigned int
status_of(const struct record *r)
{
	if (r->type == RECORD_OUTCOME)
		return render_is(r, FIELD_STATUS, "ok")	       ? 1
		       : render_is(r, FIELD_STATUS, "unknown") ? 0
							       : 2;
	return r->type == RECORD_LOG_GAP ? 2 : 1;
}

/* 1 informational, 2 low, 3 medium, 4 high. */
static unsigned int
severity_of(const struct record *r)
{
	if (r->type == RECORD_ANOMALY || r->type == RECORD_LOG_GAP)
		return 4;
	if (r->type == RECORD_LOG_RESTART ||
	    render_is(r, FIELD_EFFECT, "prohibit"))
		return 3;
	return action_of(r) == 2 || status_of(r) == 2 ? 2 : 1;
}

static void
metadata(struct jw *w, const struct record *r)
{
	char seq[24];

	snprintf(seq, sizeof(seq), "%llu", (unsigned long long)r->seq);
	jw_open(w, "metadata", '{');
	jw_str(w, "version", OCSF_VERSION);
	jw_str(w, "uid", seq);
	jw_uint(w, "sequence", r->seq);
	jw_open(w, "product", '{');
	jw_str(w, "name", "agentbox");
	jw_str(w, "version", AGENTBOX_VERSION);
	jw_close(w, '}');
	jw_open(w, "profiles", '[');
	jw_str(w, NULL, "security_control");
	jw_str(w, NULL, "ai_operation");
	jw_str(w, NULL, "record_integrity");
	jw_close(w, ']');
}

static void
agent(struct jw *w, const struct record *who)
{
	jw_open(w, "ai_agent", '{');
	jw_field(w, "name", who, FIELD_AGENT);
	jw_field(w, "uid", who, FIELD_AGENT_ID);
	jw_field(w, "instance_uid", who, FIELD_INSTANCE);
	jw_close(w, '}');
	jw_open(w, "actor", '{');
	jw_open(w, "user", '{');
	jw_field(w, "name", who, FIELD_ON_BEHALF_OF);
	jw_field(w, "uid", who, FIELD_OWNER);
	jw_close(w, '}');
	jw_close(w, '}');
}

static void
decision(struct jw *w, const struct record *r)
{
	unsigned int action = action_of(r);

	if (!action)
		return;
	jw_uint(w, "action_id", action);
	jw_uint(w, "disposition_id", action == 2 ? 2 : 1);
	jw_open(w, "policy", '{');
	jw_field(w, "name", r, FIELD_POLICY);
	jw_field(w, "uid", r, FIELD_POLICY_HASH);
	jw_bool(w, "is_applied", true);
	jw_close(w, '}');
	jw_open(w, "authorizations", '[');
	jw_open(w, NULL, '{');
	jw_field(w, "decision", r, FIELD_EFFECT);
	jw_open(w, "policy", '{');
	jw_field(w, "uid", r, FIELD_RULE);
	jw_field(w, "desc", r, FIELD_REASON);
	jw_close(w, '}');
	jw_close(w, '}');
	jw_close(w, ']');
}

static void
what(struct jw *w, const struct record *r)
{
	char text[512];

	jw_open(w, "api", '{');
	jw_field(w, "operation", r, FIELD_WHAT);
	jw_open(w, "service", '{');
	jw_field(w, "name", r, FIELD_SERVER);
	jw_close(w, '}');
	jw_close(w, '}');
	if (*render_get(r, FIELD_TARGET, text, sizeof(text))) {
		jw_open(w, "resources", '[');
		jw_open(w, NULL, '{');
		jw_str(w, "name", text);
		jw_close(w, '}');
		jw_close(w, ']');
	}
	if (!*render_get(r, FIELD_SOURCE_HOST, text, sizeof(text)))
		return;
	jw_open(w, "dst_endpoint", '{');
	jw_str(w, "hostname", text);
	jw_field(w, "port", r, FIELD_PORT);
	jw_close(w, '}');
}

/* Of profile record_integrity; 3 is SHA-256. */
static void
attestation(struct jw *w, const struct record *r)
{
	jw_open(w, "attestation", '{');
	jw_open(w, "fingerprint", '{');
	jw_uint(w, "algorithm_id", 3);
	jw_hex(w, "value", r->hash, RECORD_HASH_LEN);
	jw_close(w, '}');
	jw_close(w, '}');
}

void
export_ocsf(FILE *f, const struct record *r, const struct record *who)
{
	const struct event_class *c = class_of(r);
	unsigned int activity = activity_of(c, r);
	struct jw w = { .f = f };

	jw_open(&w, NULL, '{');
	jw_uint(&w, "class_uid", c->uid);
	jw_str(&w, "class_name", c->name);
	jw_uint(&w, "category_uid", c->uid / 1000);
	jw_uint(&w, "activity_id", activity);
	jw_uint(&w, "type_uid", (uint64_t)c->uid * 100 + activity);
	jw_uint(&w, "severity_id", severity_of(r));
	jw_uint(&w, "status_id", status_of(r));
	jw_uint(&w, "time", r->time_us / 1000);
	jw_field(&w, "message", r, FIELD_DETAIL);
	metadata(&w, r);
	jw_field(&w, "correlation_uid", who, FIELD_RUN);
	jw_close(&w, '}');
	if (who)
		agent(&w, who);
	decision(&w, r);
	what(&w, r);
	if (r->type == RECORD_OUTCOME)
		jw_uint(&w, "duration",
			record_get_uint(r, FIELD_LATENCY_US) / 1000);
	attestation(&w, r);
	jw_open(&w, "unmapped", '{');
	jw_key(&w, "agentbox");
	render_json(f, r, who);
	jw_close(&w, '}');
	jw_close(&w, '}');
	putc_unlocked('\n', f);
}
