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
#include "supervisor/gate.h"
#include "supervisor/report.h"
#include "supervisor/trail.h"

#include <jansson.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_US 30000000u /* a disk may be slow; nothing runs before */
#define END_US 5000000u	   /* at the end, for what is left */

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
	snprintf(writer, sizeof(writer), "%s/agentbox-audit",
		 b->paths.libexec);
	r = trail_new(writer, &b->audit.trail, e);
	return r < 0 ? err_wrap(e, "the audit trail, without which nothing "
				   "runs") : 0;
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
	struct fields *f = trail_fields(b->audit.trail);
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
	return trail_open(b->audit.trail, f, e);
}

/* The policy */

static void
policy_fields(struct fields *f, const char *what,
	      const struct policy_epoch *now)
{
	const struct policy *p = now->policy;

	fields_text(f, FIELD_WHAT, what);
	fields_text(f, FIELD_POLICY, policy_name(p));
	fields_bytes(f, FIELD_POLICY_HASH, policy_hash(p), POLICY_HASH_LEN);
	fields_uint(f, FIELD_EPOCH, now->number);
}

int
box_audit_policy(struct box *b, struct err *e)
{
	const struct policy_epoch *now = policy_store_now(b->policies);
	struct fields *f;
	int r;

	if (!b->audit.trail)
		return 0;
	r = box_audit_keep_policy(b, now->policy, e);
	if (r < 0)
		return r;
	f = trail_fields(b->audit.trail);
	policy_fields(f, "policy.load", now);
	trail_tell(b->audit.trail, RECORD_POLICY, 0, f, WIRE_DURABLE, NULL);
	return 0;
}
