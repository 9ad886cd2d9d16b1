/* What a box says about itself: requested values, descriptions, last words. */
#include "supervisor/box-internal.h"

#include "supervisor/report.h"

#include <jansson.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void request(struct box *b, enum layer l, const char *fmt, ...)
	_printf_(3, 4);

static void
request(struct box *b, enum layer l, const char *fmt, ...)
{
	struct layer_row *row = &b->table.row[l];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(row->requested, sizeof(row->requested), fmt, ap);
	va_end(ap);
}

/* Bytes for people; "unlimited" where the profile says so. */
static const char *
size_text(uint64_t bytes, char buf[32])
{
	if (bytes == CGROUP_UNLIMITED)
		return "unlimited";
	return str_from_size(bytes, buf, 32);
}

static void
request_limits(struct box *b)
{
	const struct cgroup_limits *lim = &b->profile->process.cgroup;
	char size[32];

	request(b, LAYER_MEMORY, "%s", size_text(lim->memory, size));
	request(b, LAYER_SWAP, "%s", size_text(lim->swap, size));
	if (lim->pids == CGROUP_UNLIMITED)
		request(b, LAYER_PIDS, "unlimited");
	else
		request(b, LAYER_PIDS, "%llu", (unsigned long long)lim->pids);
	if (lim->cpu_percent != CGROUP_UNLIMITED)
		request(b, LAYER_CPU, "%llu%%",
			(unsigned long long)lim->cpu_percent);
	if (lim->io_bps != CGROUP_UNLIMITED)
		request(b, LAYER_IO, "%s/s", size_text(lim->io_bps, size));
	else if (lim->io_weight != CGROUP_UNLIMITED)
		request(b, LAYER_IO, "weight %llu",
			(unsigned long long)lim->io_weight);
}

void
box_fill_requested(struct box *b)
{
	const struct plan *p = &b->compiled->plan;
	char size[32];

	request(b, LAYER_USER, "uid %u inside", p->uid);
	request(b, LAYER_FILES, "%zu entries", p->n_fs);
	request(b, LAYER_LANDLOCK, "ABI %u or newer, %zu rules",
		MAX(p->landlock_min, 1u), p->n_rules);
	request(b, LAYER_SECCOMP, "system call sets: %zu",
		b->profile->process.syscalls.n);
	request(b, LAYER_RLIMITS, "%zu limits", p->n_rlimits);
	request(b, LAYER_OOM, "%d", p->oom_score_adj);
	request_limits(b);
	request(b, LAYER_FREEZE, "all processes at once");
	if (b->net.scope.any_port)
		request(b, LAYER_BROKER, "any TCP port, DNS");
	else if (b->net.sockets)
		request(b, LAYER_BROKER, "TCP to %zu ports, DNS",
			b->net.scope.n_ports);
	request(b, LAYER_DISK, "tmp %s%s",
		size_text(b->profile->files.tmp_size, size),
		b->profile->files.workspace_max ? ", workspace watched" : "");
}

static const char *
utc(uint64_t us, char *buf, size_t size)
{
	time_t t = (time_t)(us / 1000000);
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf;
}

static json_t *
command_json(const struct box *b)
{
	json_t *args = json_array();

	for (size_t i = 0; b->o->args[i]; i++) {
		char text[512];

		str_escape(b->o->args[i], text, sizeof(text));
		json_array_append_new(args, json_string(text));
	}
	return args;
}

json_t *
box_labels_json(const struct box *b)
{
	json_t *labels = json_object();

	for (size_t i = 0; i < b->o->labels.n; i++) {
		const char *eq = strchr(b->o->labels.v[i], '=');
		char key[128];

		snprintf(key, sizeof(key), "%.*s",
			 (int)(eq - b->o->labels.v[i]), b->o->labels.v[i]);
		json_object_set_new(labels, key, json_string(eq + 1));
	}
	return labels;
}

static void
add_details(struct box *b, json_t *j)
{
	struct cgroup_usage u;

	json_object_set_new(j, "policy", box_policy_json(b));
	json_object_set_new(j, "audit", box_audit_json(b));
	json_object_set_new(j, "cgroup",
			    json_string(cgroup_backend_name(b->host.backend)));
	json_object_set_new(j, "layers", report_layers_json(&b->table));
	if (b->net.net)
		json_object_set_new(j, "network", box_net_json(b));
	json_object_set_new(j, "landlock_abi",
			    json_integer(b->launch.landlock));
	if (b->cg && cgroup_usage(b->cg, &u) == 0)
		json_object_set_new(
			j, "usage",
			json_pack("{sIsIsIsI}", "memory", (json_int_t)u.memory,
				  "pids", (json_int_t)u.pids, "cpu_usec",
				  (json_int_t)u.cpu_usec, "oom_kills",
				  (json_int_t)u.oom_kills));
}

json_t *
box_describe(struct box *b, bool full)
{
	char started[32];
	const struct profile *p = b->profile;
	json_t *j =
		json_pack("{ss ss ss ss ss ss* ss* ss* si si si ss sI}", "id",
			  b->entry.id, "name", b->entry.name, "state",
			  life_name(b->state), "profile", p->name, "role",
			  profile_role_name(p->role), "owner", p->owner,
			  "purpose", p->purpose, "workspace", b->workspace,
			  "uid", (int)b->lp.host_uid, "pid", (int)b->launch.pid,
			  "supervisor", (int)getpid(), "started",
			  utc(b->started_us, started, sizeof(started)),
			  "started_us", (json_int_t)b->started_us);

	if (!j)
		return NULL;
	json_object_set_new(
		j, "mode",
		json_string(box_observes(b) ? "observe" : "enforce"));
	json_object_set_new(j, "command", command_json(b));
	json_object_set_new(j, "labels", box_labels_json(b));
	if (full)
		add_details(b, j);
	return j;
}

static void
say_json(json_t *j)
{
	if (j)
		json_dumpf(j, stderr, JSON_COMPACT);
	fputc('\n', stderr);
	json_decref(j);
}

void
box_print_enforced(struct box *b)
{
	if (b->o->json)
		say_json(json_pack("{ss ss ss so ss}", "event", "enforced",
				   "id", b->entry.id, "name", b->entry.name,
				   "layers", report_layers_json(&b->table),
				   "audit",
				   b->audit.scribe ? "required" : "off"));
	else
		report_layers(stderr, &b->table, false);
	if (!b->o->json && !b->audit.scribe)
		fputs("audit         OFF: nothing is recorded (audit.json)\n",
		      stderr);
	fflush(stderr);
}

/* Loud, and each time: this is no protection. */
void
box_say_observing(const struct box *b)
{
	if (b->o->json)
		say_json(json_pack("{ss ss ss ss}", "event", "observing", "id",
				   b->entry.id, "name", b->entry.name,
				   "profile", b->profile->name));
	else
		fprintf(stderr,
			"agentbox: %s: OBSERVES ONLY: what the rules of "
			"profile "
			"%s refuse is recorded, not refused\n",
			b->entry.name, b->profile->name);
}

void
box_complain(const struct box_options *o, const struct err *e)
{
	tty_restore();
	if (o->json) {
		say_json(json_pack("{ss ss ss}", "event", "error", "error",
				   e->text, "cure", e->cure));
		return;
	}
	fprintf(stderr, "agentbox: %s\n", e->text);
	if (e->cure[0])
		fprintf(stderr, "agentbox: cure: %s\n", e->cure);
}

static const char *
end_text(const struct box *b)
{
	switch (b->end) {
	case END_TIMEOUT:
		return b->limit_text[0] ? b->limit_text : "the time was over";
	case END_KILLED:
		return "killed on request";
	case END_LIMIT:
		return b->limit_text;
	default:
		return NULL;
	}
}

void
box_last_word(struct box *b, int status)
{
	const char *why = end_text(b);

	if (b->o->timing)
		box_print_timing(b);
	if (b->o->json)
		say_json(json_pack("{ss ss ss si ss*}", "event", "ended", "id",
				   b->entry.id, "name", b->entry.name, "status",
				   status, "reason", why));
	else if (why)
		fprintf(stderr, "agentbox: %s: %s\n", b->entry.name, why);
}

void
box_print_timing(const struct box *b)
{
	static const char *const names[PHASE_MAX] = {
		[PHASE_BEGUN] = "begin",      [PHASE_LOADED] = "load",
		[PHASE_BUILT] = "build",      [PHASE_COMPILED] = "compile",
		[PHASE_ACQUIRED] = "acquire", [PHASE_LAUNCHED] = "launch",
		[PHASE_CONFINED] = "confine", [PHASE_ATTESTED] = "attest",
		[PHASE_EXECED] = "exec",      [PHASE_ENDED] = "run",
		[PHASE_RELEASED] = "release",
	};
	uint64_t last = b->phase[PHASE_START];

	for (int i = PHASE_START + 1; i < PHASE_MAX; i++) {
		if (!b->phase[i])
			continue;
		fprintf(stderr, "timing %s %.1f us\n", names[i],
			(double)(b->phase[i] - last) / 1e3);
		last = b->phase[i];
	}
}
