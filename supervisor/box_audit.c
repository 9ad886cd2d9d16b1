/*
 * What a box records of itself: who it is, its policy, that it starts, what
 * holds, how it ends. What always holds: the command is not executed before the
 * log has the intent box.start on its disk; each of those has one outcome; what
 * the writer does not take while a box runs is kept, and does not hold the box
 * up.
 */
#include "supervisor/box-internal.h"

#include "audit/config.h"
#include "policy/decide.h"
#include "policy/inputs.h"
#include "policy/secret.h"
#include "supervisor/gate.h"
#include "supervisor/login.h"
#include "supervisor/report.h"
#include "supervisor/scribe.h"

#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_US 30000000u /* a disk may be slow; nothing runs before */
#define ARG_MAX_SHOWN 256u
#define COMMAND_MAX_SHOWN 16384u
#define END_US 5000000u /* at the end, for what is left */

/* Reads the host's word on it and finds the writer. Before any scope is
 * entered: the writer is shared, and must not live in a box's. */
int
box_audit_connect(struct box *b, struct err *e)
{
	struct audit_config c;
	char writer[PATH_MAX + 32];
	int r;

	if (b->audit.known)
		return 0;
	r = audit_config_load(&c, e);
	if (r < 0)
		return r;
	b->audit.known = true;
	b->audit.off = c.mode == AUDIT_OFF;
	audit_config_done(&c);
	if (b->audit.off)
		return 0;
	snprintf(writer, sizeof(writer), "%s/agentbox-audit", b->paths.libexec);
	r = scribe_new(writer, &b->audit.scribe, e);
	return r < 0 ? err_wrap(e, "the audit trail, without which nothing "
				   "runs")
		     : 0;
}

/* Who */

static void
json_field(struct fields *f, enum field_id id, json_t *j)
{
	char *text = j ? json_dumps(j, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;

	if (text)
		fields_json(f, id, text, strlen(text));
	else
		f->full = true;
	free(text);
	json_decref(j);
}

static int
open_channel(struct box *b, struct err *e)
{
	const struct profile *p = b->written;
	struct fields *f = scribe_fields(b->audit.scribe);
	char person[LOGIN_MAX];

	fields_text(f, FIELD_AGENT, p->name);
	fields_text(f, FIELD_INSTANCE, b->entry.id);
	fields_text(f, FIELD_RUN, b->entry.id);
	fields_text(f, FIELD_NAME, b->entry.name);
	fields_text(f, FIELD_OWNER, p->owner);
	fields_text(f, FIELD_ROLE, profile_role_name(p->role));
	fields_text(f, FIELD_PURPOSE, p->purpose);
	fields_text(f, FIELD_ON_BEHALF_OF, login_name(person));
	fields_text(f, FIELD_PROFILE, p->name);
	fields_text(f, FIELD_PROFILE_FILE, p->path);
	fields_uint(f, FIELD_BOX_UID, b->lp.host_uid);
	if (b->o->labels.n)
		json_field(f, FIELD_RUN_LABELS, box_labels_json(b));
	return scribe_open(b->audit.scribe, f, e);
}

/* The policy */

static void
policy_fields(const struct box *b, struct fields *f)
{
	const struct policy_card *card = &b->known.card;

	fields_text(f, FIELD_POLICY, card->name);
	fields_bytes(f, FIELD_POLICY_HASH, card->hash, sizeof(card->hash));
	/* before anybody asked there is the first one only */
	fields_uint(f, FIELD_EPOCH,
		    b->policies ? policy_store_now(b->policies)->number : 1);
}

int
box_audit_keep(struct box *b, const struct policy *p, struct err *e)
{
	uint8_t digest[RECORD_HASH_LEN];
	const void *bytes;
	size_t len;

	if (!b->audit.scribe)
		return 0;
	bytes = policy_bytes(p, &len);
	return scribe_blob(b->audit.scribe, bytes, len, digest, e);
}

void
box_audit_policy(struct box *b, const uint8_t *former)
{
	const struct policy_card *card = &b->known.card;
	struct fields *f;

	if (!b->audit.scribe)
		return;
	f = scribe_fields(b->audit.scribe);
	fields_text(f, FIELD_WHAT, "policy.load");
	policy_fields(b, f);
	fields_bytes(f, FIELD_POLICY_BLOB, card->digest, sizeof(card->digest));
	if (former)
		fields_bytes(f, FIELD_FORMER_HASH, former, POLICY_HASH_LEN);
	fields_text(f, FIELD_DETAIL, card->levels);
	/* The first is followed by the start, whose sync takes it along. */
	scribe_tell(b->audit.scribe, RECORD_POLICY, 0, f,
		    former ? WIRE_DURABLE : 0, NULL);
}

void
box_audit_policy_failed(struct box *b, const char *why)
{
	struct fields *f;

	if (!b->audit.scribe)
		return;
	f = scribe_fields(b->audit.scribe);
	fields_text(f, FIELD_WHAT, "policy.load-failed");
	policy_fields(b, f);
	fields_text(f, FIELD_STATUS, "error");
	fields_text(f, FIELD_DETAIL, why);
	scribe_tell(b->audit.scribe, RECORD_POLICY, 0, f, WIRE_DURABLE, NULL);
}

/* The start */

static json_t *
withheld(struct scribe *t, const char *s)
{
	uint8_t digest[RECORD_HASH_LEN] = { 0 };
	char hex[17];

	if (scribe_digest(t, s, strlen(s), digest) < 0)
		return NULL;
	for (int i = 0; i < 8; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return json_pack("{ss sI ss}", INPUTS_WITHHELD, hex, "bytes",
			 (json_int_t)strlen(s), "type", "string");
}

static json_t *
argument(struct scribe *t, const char *before, const char *s)
{
	size_t n = strlen(s);
	json_t *j = NULL;

	if (n <= ARG_MAX_SHOWN && !secret_text(s, n) &&
	    (!before || !secret_option(before, strlen(before), s, n)))
		j = json_string(s); /* NULL: not UTF-8 */
	return j ? j : withheld(t, s);
}

/* {"$omitted": N} stands for arguments that are too many. */
static json_t *
command_json(struct scribe *t, const char *const *args)
{
	json_t *list = json_array();
	size_t bytes = 0, i;

	for (i = 0; args[i] && bytes < COMMAND_MAX_SHOWN; i++) {
		bytes += MIN(strlen(args[i]), 64u) + 64;
		if (json_array_append_new(
			    list,
			    argument(t, i ? args[i - 1] : NULL, args[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	if (args[i]) {
		size_t left = 0;

		while (args[i + left])
			left++;
		json_array_append_new(
			list, json_pack("{sI}", "$omitted", (json_int_t)left));
	}
	return list;
}

static void
on_start(void *arg, uint64_t seq, int status)
{
	struct box_audit *a = arg;

	a->start = seq;
	a->start_status = status;
	a->start_known = true;
}

static int
ask_start(struct box *b, struct err *e)
{
	struct scribe *t = b->audit.scribe;
	json_t *command = command_json(t, b->o->args);
	struct fields *f = scribe_fields(t);
	int r;

	fields_text(f, FIELD_WHAT, "box.start");
	fields_text(f, FIELD_SURFACE, surface_name(SURFACE_PROCESS));
	fields_text(f, FIELD_CLASS, class_name(CLASS_SPAWN));
	fields_text(f, FIELD_TARGET, b->entry.name);
	json_field(f, FIELD_COMMAND, command);
	fields_text(f, FIELD_WORKSPACE, b->workspace);
	fields_text(f, FIELD_EFFECT, effect_name(EFFECT_ALLOW));
	policy_fields(b, f);
	fields_uint(f, FIELD_GOES_AHEAD, 1);
	fields_uint(f, FIELD_BY_UID, getuid());
	fields_uint(f, FIELD_BY_PID, (uint64_t)getpid());
	b->audit.started_us = box_boot_us();
	r = scribe_ask(t, RECORD_INTENT, f, WIRE_DURABLE, on_start, &b->audit);
	b->audit.start_asked = r >= 0;
	return r < 0 ? scribe_refused(r, e) : 0;
}

/* The writer mostly has it already, and says so while we go on. */
static int
begin_keeping(struct box *b, struct err *e)
{
	struct scribe_blob *first = &b->audit.first;

	memcpy(first->digest, b->known.card.digest, sizeof(first->digest));
	return scribe_blob_begin(b->audit.scribe, first, e);
}

static int
end_keeping(struct box *b, struct err *e)
{
	int r = scribe_blob_end(b->audit.scribe, &b->audit.first, e);

	if (r != 0)
		return r;
	r = box_need_policy(b, e);
	return r < 0 ? r
		     : box_audit_keep(b, policy_store_now(b->policies)->policy,
				      e);
}

int
box_audit_begin(struct box *b, struct err *e)
{
	int r;

	if (!b->audit.scribe)
		return 0;
	r = box_know_policy(b, e);
	if (r >= 0)
		r = open_channel(b, e);
	if (r >= 0)
		r = begin_keeping(b, e);
	if (r < 0)
		return r;
	box_audit_policy(b, NULL);
	return ask_start(b, e);
}

static struct fields *
confined_fields(struct box *b)
{
	struct fields *f = scribe_fields(b->audit.scribe);

	fields_text(f, FIELD_WHAT, "box.confined");
	json_field(f, FIELD_LAYERS, report_layers_json(&b->table));
	fields_text(f, FIELD_DETAIL, cgroup_backend_name(b->host.backend));
	return f;
}

/* What holds is put together while the disk works on the start. */
int
box_audit_wait(struct box *b, struct err *e)
{
	struct box_audit *a = &b->audit;
	struct fields *f;
	int r;

	if (!a->scribe)
		return 0;
	f = confined_fields(b);
	r = end_keeping(b, e);
	if (r >= 0)
		r = scribe_until(a->scribe, &a->start_known, START_US, e);
	if (r >= 0 && a->start_status < 0)
		r = scribe_refused(a->start_status, e);
	if (r < 0)
		return err_wrap(e, "the start of the box");
	scribe_tell(a->scribe, RECORD_LIFECYCLE, a->start, f, 0, NULL);
	return 0;
}

/* Its life */

static void
tell_degraded(struct box *b)
{
	char text[LAYER_TEXT_MAX + 64];

	for (int l = 0; l < LAYER_MAX; l++) {
		const struct layer_row *row = &b->table.row[l];

		if (row->state != LAYER_DEGRADED && row->state != LAYER_ABSENT)
			continue;
		snprintf(text, sizeof(text), "%s: %s: %s",
			 layer_name((enum layer)l),
			 layer_state_name(row->state), row->enforced);
		box_audit_anomaly(b, "layer.degraded", text);
	}
}

static void
tell_life(struct box *b, const char *what)
{
	struct fields *f = scribe_fields(b->audit.scribe);
	char pid[32];

	snprintf(pid, sizeof(pid), "pid %d", (int)b->launch.pid);
	fields_text(f, FIELD_WHAT, what);
	fields_text(f, FIELD_DETAIL, pid);
	scribe_tell(b->audit.scribe, RECORD_LIFECYCLE, b->audit.start, f, 0,
		    NULL);
}

void
box_audit_started(struct box *b)
{
	if (!b->audit.scribe)
		return;
	tell_life(b, "box.started");
	if (b->o->observe)
		tell_life(b, "box.observing");
	tell_degraded(b);
}

void
box_audit_anomaly(struct box *b, const char *what, const char *detail)
{
	struct fields *f;

	if (!b->audit.scribe)
		return;
	f = scribe_fields(b->audit.scribe);
	fields_text(f, FIELD_WHAT, what);
	fields_text(f, FIELD_DETAIL, detail);
	scribe_tell(b->audit.scribe, RECORD_ANOMALY, b->audit.start, f,
		    WIRE_DURABLE, NULL);
}

int
box_audit_resolving(struct box *b, const char *name)
{
	struct scribe *t = b->audit.scribe;
	struct fields *f, *outcome;

	if (!t)
		return 0;
	if (!scribe_ready(t))
		return -EPIPE;
	outcome = malloc(sizeof(*outcome));
	if (!outcome)
		return -ENOMEM;
	f = scribe_fields(t);
	fields_text(f, FIELD_WHAT, "net.resolve");
	fields_text(f, FIELD_SURFACE, surface_name(SURFACE_NETWORK));
	fields_text(f, FIELD_TARGET, name);
	fields_text(f, FIELD_EFFECT, effect_name(EFFECT_ALLOW));
	fields_uint(f, FIELD_GOES_AHEAD, 1);
	fields_init(outcome);
	fields_text(outcome, FIELD_STATUS, "ok");
	scribe_tell(t, RECORD_INTENT, 0, f, 0, outcome);
	free(outcome);
	return 0;
}

/* Its end */

struct ending {
	const char *status, *error, *detail;
};

static struct ending
ending_of(const struct box *b, int status, const struct err *e)
{
	if (!b->phase[PHASE_EXECED])
		return (struct ending){ "error", "not-started", e->text };
	if (!b->phase[PHASE_ENDED] && e->code)
		return (struct ending){ "error", "exec", e->text };
	if (b->end == END_TIMEOUT)
		return (struct ending){ "timeout", "timeout", b->limit_text };
	if (b->end == END_KILLED)
		return (struct ending){ "killed", "operator", NULL };
	if (b->end == END_LIMIT)
		return (struct ending){ "killed", "limit", b->limit_text };
	if (e->code)
		return (struct ending){ "error", "agentbox", e->text };
	if (!b->have_status || WIFSIGNALED(b->wait_status))
		return (struct ending){ "error", "signal", NULL };
	return status ? (struct ending){ "error", "exit-status", NULL }
		      : (struct ending){ "ok", NULL, NULL };
}

static void
spent_fields(const struct box *b, struct fields *f)
{
	uint64_t cpu = 0, memory = 0;

	if (cgroup_spent(b->cg, &cpu, &memory) < 0) {
		struct rusage u;

		/* with what the launch itself took */
		getrusage(RUSAGE_CHILDREN, &u);
		cpu = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) *
			      1000000u +
		      (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
		memory = (uint64_t)u.ru_maxrss * 1024u;
	}
	fields_uint(f, FIELD_CPU_US, cpu);
	if (memory)
		fields_uint(f, FIELD_MEMORY_PEAK, memory);
}

void
box_audit_end(struct box *b, int status, const struct err *e)
{
	struct box_audit *a = &b->audit;
	const struct ending end = ending_of(b, status, e);
	struct fields *f;

	if (!a->start || a->ended)
		return;
	a->ended = true;
	f = scribe_fields(a->scribe);
	fields_text(f, FIELD_STATUS, end.status);
	fields_text(f, FIELD_ERROR, end.error);
	if (end.detail && end.detail[0])
		fields_text(f, FIELD_DETAIL, end.detail);
	fields_uint(f, FIELD_LATENCY_US, box_boot_us() - a->started_us);
	if (b->have_status && WIFEXITED(b->wait_status))
		fields_uint(f, FIELD_EXIT_STATUS,
			    (uint64_t)WEXITSTATUS(b->wait_status));
	else if (b->phase[PHASE_ENDED])
		fields_uint(f, FIELD_SIGNAL,
			    b->have_status ? (uint64_t)WTERMSIG(b->wait_status)
					   : SIGKILL);
	spent_fields(b, f);
	scribe_tell(a->scribe, RECORD_OUTCOME, a->start, f, 0, NULL);
}

void
box_audit_close(struct box *b)
{
	struct box_audit *a = &b->audit;
	struct err e = ERR_INIT;
	size_t left;

	box_decide_end(b);
	if (!a->scribe) {
		gate_free(TAKE_PTR(a->gate));
		return;
	}
	left = scribe_flush(a->scribe, END_US) + scribe_lost(a->scribe);
	if (left) {
		int why = scribe_state(a->scribe);

		err_set(&e, why ? why : -EMSGSIZE,
			"%s: %zu records of its end are not in the audit log: "
			"%s",
			b->entry.name, left, scribe_status_text(why));
		box_complain(b->o, &e);
	}
	scribe_free(TAKE_PTR(a->scribe));
	box_acts_free(b); /* nobody calls them back any more */
	gate_free(TAKE_PTR(a->gate));
}

json_t *
box_audit_json(struct box *b)
{
	const struct box_audit *a = &b->audit;
	int why;

	if (!a->scribe)
		return json_pack("{ss sb ss}", "mode", "off", "recording", 0,
				 "why", "the host's audit.json says so");
	why = scribe_state(a->scribe);
	return json_pack("{ss sb sI sI sI ss*}", "mode", "required",
			 "recording", !why, "action", (json_int_t)a->start,
			 "decisions",
			 (json_int_t)(a->gate ? gate_decisions(a->gate) : 0),
			 "open", (json_int_t)(a->gate ? gate_open(a->gate) : 0),
			 "why", why ? scribe_status_text(why) : NULL);
}
