/*
 * The two forms of the report. Texts that came from outside (names in /proc,
 * paths) are escaped before they reach a terminal or JSON.
 */
#include "supervisor/doctor.h"

#include "lib/str.h"
#include "sandbox/landlock.h"

#include <inttypes.h>
#include <string.h>

#define SAFE_MAX 700

const char *
doctor_state_name(enum doctor_state s)
{
	static const char *const name[] = {
		[DOCTOR_YES] = "yes",
		[DOCTOR_WEAKER] = "weaker",
		[DOCTOR_NO] = "no",
		[DOCTOR_UNUSED] = "unused",
	};

	return s <= DOCTOR_UNUSED ? name[s] : "?";
}

/* ECMA-48 colours: bad is red only where it stops a box. */
static const char *
paint(const struct doctor_row *r)
{
	switch (r->state) {
	case DOCTOR_YES:
		return "\033[32m";
	case DOCTOR_NO:
		return r->needed ? "\033[31m" : "\033[33m";
	case DOCTOR_WEAKER:
		return "\033[33m";
	default:
		return "";
	}
}

static void
print_row(const struct doctor_row *r, FILE *f, bool colour)
{
	const char *on = colour ? paint(r) : "";
	char safe[SAFE_MAX];

	fprintf(f, "%-15s %-6s %s%-8s%s %s", r->name, r->kernel ? "yes" : "no",
		on, doctor_state_name(r->state), *on ? "\033[0m" : "",
		str_escape(r->detail, safe, sizeof(safe)));
	if (r->state == DOCTOR_NO && !r->needed)
		fputs(" (optional)", f);
	fputc('\n', f);
	if (r->cure[0])
		fprintf(f, "%-31s cure: %s\n", "",
			str_escape(r->cure, safe, sizeof(safe)));
}

static void
print_cgroup(const struct doctor *d, FILE *f)
{
	static const char *const v1[CGROUP_V1_MAX] = { "memory", "pids", "cpu",
						       "blkio" };
	const struct cgroup_host *h = &d->cgroup;
	char safe[SAFE_MAX];

	fprintf(f, "cgroups           %s", cgroup_backend_name(h->backend));
	if (h->backend == CGROUP_NONE)
		fprintf(f, ": %s", str_escape(h->why, safe, sizeof(safe)));
	if (h->v2_dir[0])
		fprintf(f, ": %s", str_escape(h->v2_dir, safe, sizeof(safe)));
	for (int i = 0; i < CGROUP_V1_MAX; i++)
		if (h->v1_dir[i][0])
			fprintf(f, "%s v1 %s", i || h->v2_dir[0] ? "," : ":",
				v1[i]);
	fputc('\n', f);
}

static void
print_head(const struct doctor *d, FILE *f)
{
	const struct probe_machine *m = &d->machine;
	char safe[SAFE_MAX];

	fprintf(f, "agentbox          %s, as %s (uid %u)\n", AGENTBOX_VERSION,
		m->root ? "root" : "an ordinary user", geteuid());
	fprintf(f, "kernel            Linux %s %s\n",
		str_escape(m->kernel.release, safe, sizeof(safe)),
		m->kernel.machine);
	fprintf(f, "security modules  %s\n",
		m->lsms[0] ? str_escape(m->lsms, safe, sizeof(safe))
			   : "not readable");
	if (d->landlock > 0)
		fprintf(f, "landlock          ABI %d, known to us: %d\n",
			d->landlock, LANDLOCK_ABI_KNOWN);
	else
		fprintf(f, "landlock          none\n");
	print_cgroup(d, f);
	fprintf(f, "service manager   %s\n",
		str_escape(d->session, safe, sizeof(safe)));
	fprintf(f, "container         %s\n",
		m->container[0] ? str_escape(m->container, safe, sizeof(safe))
				: "none seen");
}

static void
print_facts(const struct doctor *d, FILE *f)
{
	fprintf(f, "\n%-47s %-10s %s\n", "SWITCH", "VALUE", "NOTE");
	for (size_t i = 0; i < d->n_facts; i++) {
		const struct doctor_fact *x = &d->fact[i];

		if (x->value < 0)
			fprintf(f, "%-47s %-10s\n", x->sysctl, "not there");
		else
			fprintf(f, "%-47s %-10" PRId64 " %s\n", x->sysctl,
				x->value, x->note);
	}
}

static void
print_blockers(const struct doctor *d, FILE *f)
{
	const char *sep = "";

	for (int i = 0; i < LAYER_MAX; i++) {
		if (d->layer[i].needed && d->layer[i].state == DOCTOR_NO) {
			fprintf(f, "%s%s", sep, d->layer[i].name);
			sep = ", ";
		}
	}
	for (int i = 0; i < DOCTOR_TOOL_MAX; i++) {
		if (d->tool[i].needed && d->tool[i].state == DOCTOR_NO) {
			fprintf(f, "%s%s", sep, d->tool[i].name);
			sep = ", ";
		}
	}
}

static void
print_optional(const struct doctor *d, FILE *f)
{
	bool first = true;

	for (int i = 0; i < LAYER_MAX; i++) {
		const struct doctor_row *r = &d->layer[i];

		if (!(d->asked & LAYER_BIT(i)) || r->needed ||
		    (r->state != DOCTOR_NO && r->state != DOCTOR_WEAKER))
			continue;
		fprintf(f, "%s%s", first ? "; optional and not held: " : ", ",
			r->name);
		first = false;
	}
}

static void
print_verdict(const struct doctor *d, FILE *f)
{
	char safe[SAFE_MAX];

	fputc('\n', f);
	if (d->machine.root) {
		fprintf(f, "agentbox can run here as an ordinary user: %s\n",
			d->user_code == 0 ? "yes" : "no");
		if (d->user_code != 0)
			fprintf(f, "  %s\n  cure: %s\n",
				str_escape(d->user_why.text, safe,
					   sizeof(safe)),
				d->user_why.cure);
	}
	fprintf(f, "agentbox can run here as %s: ",
		d->machine.root ? "root" : "this user");
	if (d->can_run) {
		fprintf(f, "yes (profile %s",
			str_escape(d->profile, safe, sizeof(safe)));
		print_optional(d, f);
		fputs(")\n", f);
		return;
	}
	fputs("no, because of: ", f);
	print_blockers(d, f);
	fputc('\n', f);
}

void
doctor_print(const struct doctor *d, FILE *f, bool colour)
{
	print_head(d, f);
	fprintf(f, "\n%-15s %-6s %-8s %s\n", "LAYER", "KERNEL", "USABLE",
		"DETAIL");
	for (int i = 0; i < LAYER_MAX; i++)
		print_row(&d->layer[i], f, colour);
	fprintf(f, "\n%-15s %-6s %-8s %s\n", "TOOL", "KERNEL", "USABLE",
		"DETAIL");
	for (int i = 0; i < DOCTOR_TOOL_MAX; i++)
		print_row(&d->tool[i], f, colour);
	print_facts(d, f);
	print_verdict(d, f);
}

static json_t *
safe_string(const char *s)
{
	char safe[SAFE_MAX];

	return json_string(str_escape(s, safe, sizeof(safe)));
}

static json_t *
row_json(const struct doctor_row *r)
{
	return json_pack("{s:s, s:b, s:s, s:b, s:o, s:o}", "name", r->name,
			 "kernel", r->kernel, "usable",
			 doctor_state_name(r->state), "needed", r->needed,
			 "detail", safe_string(r->detail), "cure",
			 safe_string(r->cure));
}

static json_t *
rows_json(const struct doctor_row *r, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; a && i < n; i++) {
		if (json_array_append_new(a, row_json(&r[i])) < 0) {
			json_decref(a);
			return NULL;
		}
	}
	return a;
}

static json_t *
facts_json(const struct doctor *d)
{
	json_t *o = json_object();

	for (size_t i = 0; o && i < d->n_facts; i++) {
		const struct doctor_fact *x = &d->fact[i];
		json_t *v = x->value < 0 ? json_null() : json_integer(x->value);

		if (json_object_set_new(o, x->sysctl, v) < 0) {
			json_decref(o);
			return NULL;
		}
	}
	return o;
}

static json_t *
cgroup_json(const struct doctor *d)
{
	const struct cgroup_host *h = &d->cgroup;

	return json_pack("{s:s, s:o, s:o, s:o}", "backend",
			 cgroup_backend_name(h->backend), "directory",
			 safe_string(h->v2_dir), "why", safe_string(h->why),
			 "cure", safe_string(h->cure));
}

static json_t *
machine_json(const struct doctor *d)
{
	const struct probe_machine *m = &d->machine;

	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:b, s:b}", "kernel",
			 safe_string(m->kernel.release), "machine",
			 m->kernel.machine, "security_modules",
			 safe_string(m->lsms), "container",
			 safe_string(m->container), "service_manager",
			 safe_string(d->session), "seccomp_already",
			 m->own_seccomp == 2, "chrooted", m->chrooted);
}

json_t *
doctor_json(const struct doctor *d)
{
	json_t *user =
		d->machine.root ? json_boolean(d->user_code == 0) : json_null();

	return json_pack(
		"{s:i, s:s, s:I, s:o, s:{s:i, s:i}, s:o, s:o, s:o, s:o, s:o, "
		"s:b, s:o}",
		"version", 1, "agentbox", AGENTBOX_VERSION, "uid",
		(json_int_t)geteuid(), "machine", machine_json(d), "landlock",
		"abi", MAX(d->landlock, 0), "known", LANDLOCK_ABI_KNOWN,
		"cgroup", cgroup_json(d), "layers",
		rows_json(d->layer, LAYER_MAX), "tools",
		rows_json(d->tool, DOCTOR_TOOL_MAX), "switches", facts_json(d),
		"profile", safe_string(d->profile), "can_run", d->can_run,
		"user_can_run", user);
}
