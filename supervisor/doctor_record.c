/*
 * Would `agentbox run` find the record in order? Nothing is made and no writer
 * is started to find out: an answer is asked for where there is one.
 */
#include "audit/client.h"
#include "audit/config.h"
#include "audit/layout.h"
#include "supervisor/doctor.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_US 1000000u

/* Whether the first run could make the folder: the part of its path that is
 * there already must be a folder that we may write to. */
static int
could_make(const char *state, struct err *e)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", state);
	while (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) < 0) {
		char *slash = strrchr(path, '/');

		if (errno != ENOENT || !slash)
			break;
		slash[slash == path] = '\0';
	}
	if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	err_sys(e, errno, "%s: the folder of the audit log cannot be made",
		state);
	return err_cure(e,
			"no agent starts without a record; make %s "
			"writable, or set AGENTBOX_STATE_DIR to another",
			path);
}

/* "failing" of the writer's status: null, or a text. */
static void
ask_writer(struct doctor_row *r, const char *state)
{
	const struct client_options o = { .start = false };
	struct client *c = NULL;
	_cleanup_free_ char *text = NULL;
	const char *failing;
	struct err e = ERR_INIT;
	json_t *j = NULL;

	if (client_new(&o, &c, &e) < 0) {
		doctor_say(r, DOCTOR_YES,
			   "%.160s/" LAYOUT_AUDIT "; a run starts its writer",
			   state);
		return;
	}
	if (client_status(c, ANSWER_US, &text, &e) >= 0)
		j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	failing = json_string_value(json_object_get(j, "failing"));
	if (!j || failing) {
		if (!e.code)
			err_set(&e, -EIO,
				"%.160s/" LAYOUT_AUDIT
				": the writer takes no records: %s",
				state, failing ? failing : "no status");
		err_cure(&e, "`agentbox audit stats` says more");
		doctor_no(r, &e);
	} else {
		doctor_say(r, DOCTOR_YES,
			   "%.160s/" LAYOUT_AUDIT "; its writer answers",
			   state);
	}
	json_decref(j);
	client_free(c);
}

void
doctor_look_record(struct doctor *d)
{
	struct doctor_row *r = &d->tool[DOCTOR_TOOL_RECORD];
	struct audit_config c;
	struct err e = ERR_INIT;
	char state[PATH_MAX];
	bool off;
	int k = audit_config_load(&c, &e);

	if (k < 0) {
		doctor_no(r, &e);
		return;
	}
	off = c.mode == AUDIT_OFF;
	audit_config_done(&c);
	if (off) {
		doctor_say(r, DOCTOR_WEAKER,
			   "nothing is recorded: " AUDIT_CONFIG_HOST
			   " says so");
		return;
	}
	if (layout_state(state, &e) < 0) {
		doctor_no(r, &e);
		return;
	}
	k = layout_open(true, false, &e);
	if (k >= 0) {
		close(k);
		ask_writer(r, state);
	} else if (k == -ENOENT && could_make(state, &e) >= 0) {
		doctor_say(r, DOCTOR_YES, "the first run makes it in %.160s",
			   state);
	} else {
		doctor_no(r, &e);
	}
}
