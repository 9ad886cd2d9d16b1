/* The state of the writer as JSON, for operators. */
#include "audit/server-internal.h"

#include <jansson.h>
#include <string.h>

#define LISTED_MAX 256 /* channels; more are only counted */

static json_t *
channels(const struct server *s)
{
	json_t *list = json_array();
	size_t n = 0;

	for (const struct conn *c = s->conns; c; c = c->next) {
		const struct channel *ch = c->channel;

		if (!ch || n++ >= LISTED_MAX)
			continue;
		json_array_append_new(
			list,
			json_pack("{s:I, s:s, s:s, s:i, s:I, s:I, s:i, s:I}",
				  "channel", (json_int_t)ch->number, "agent",
				  quota_name(ch->agent), "run", ch->run, "pid",
				  (int)c->peer.pid, "records",
				  (json_int_t)ch->records, "refused",
				  (json_int_t)ch->refused, "open_actions",
				  (int)ch->open.n, "agent_day_bytes",
				  (json_int_t)quota_day_bytes(ch->agent)));
	}
	return list;
}

static json_t *
config(const struct audit_config *c)
{
	static const char *const durable[] = {
		[DURABLE_EFFECTS] = "effects",
		[DURABLE_ALL] = "all",
		[DURABLE_NONE] = "none",
	};

	return json_pack(
		"{s:s, s:I, s:i, s:I, s:I, s:I, s:i, s:I, s:I, s:I, s:I, s:i, "
		"s:b, s:i}",
		"durable", durable[c->durable], "sync_us",
		(json_int_t)c->sync_us, "retention_days",
		(int)c->retention_days, "max_bytes", (json_int_t)c->max_bytes,
		"segment_bytes", (json_int_t)c->segment_bytes, "segment_age_us",
		(json_int_t)c->segment_age_us, "checkpoint_records",
		(int)c->checkpoint_records, "checkpoint_us",
		(json_int_t)c->checkpoint_us, "idle_us", (json_int_t)c->idle_us,
		"agent_rate", (json_int_t)c->agent_rate, "agent_day_bytes",
		(json_int_t)c->agent_day_bytes, "open_actions",
		(int)c->open_actions, "journal", (int)c->journal, "sinks",
		(int)c->n_sinks);
}

static json_int_t
open_actions(const struct server *s)
{
	json_int_t n = 0;

	for (const struct conn *c = s->conns; c; c = c->next)
		if (c->channel)
			n += c->channel->open.n;
	return n;
}

char *
server_status(struct server *s)
{
	const struct store *st = s->o.store;
	const struct store_owed *unused;
	int failing = store_failing(st);
	json_t *j;
	char *text;

	j = json_pack(
		"{s:I, s:I, s:I, s:I, s:s?, s:i, s:i, s:I, s:I, s:I, s:I, s:I, "
		"s:I, s:I, s:s, s:o, s:o, s:o}",
		"seq", (json_int_t)store_written(st), "durable",
		(json_int_t)store_durable(st), "unsynced_bytes",
		(json_int_t)store_unsynced(st), "uptime_us",
		(json_int_t)(s->now.boot_us - s->start_us), "failing",
		failing ? strerrorname_np(abs(failing)) : NULL, "connections",
		(int)s->n_conns, "channels", (int)s->n_channels, "open_actions",
		open_actions(s), "owed", (json_int_t)s->n_owed, "former_owed",
		(json_int_t)store_owed(st, &unused), "refused",
		(json_int_t)s->refused, "dropped_clients",
		(json_int_t)s->dropped, "quota_waits",
		(json_int_t)quota_waits(s->quota), "quota_refused",
		(json_int_t)quota_refused(s->quota), "version",
		AGENTBOX_VERSION, "config", config(s->o.config), "sinks",
		sink_client_status(s), "clients", channels(s));
	text = j ? json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	json_decref(j);
	return text;
}
