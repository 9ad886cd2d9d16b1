/*
 * What the broker refused before a policy was asked, and what it could not do,
 * in the words of its own tables (net/reasons.h, shim/reasons.h). What always
 * holds: an agent is not told what was found out about the host's network.
 */
#include "query/why-internal.h"

#include "net/reasons.h"
#include "shim/reasons.h"

#include <string.h>

static const struct {
	const char *word, *what, *cure;
} reasons[] = {
#define NET_REASON(id, word, status, what, cure) { word, what, cure },
	NET_REASONS(NET_REASON)
#undef NET_REASON
#define REASON(id, word, what, cure) { word, what, cure },
		SHIM_REASONS(REASON)
#undef REASON
};

static size_t
find(const struct record *r, enum field_id id)
{
	size_t i = 0;

	while (i < ARRAY_SIZE(reasons) && !render_is(r, id, reasons[i].word))
		i++;
	return i;
}

const char *
why_broker_text(const struct record *r)
{
	size_t i = find(r, FIELD_ERROR);

	return i < ARRAY_SIZE(reasons) ? reasons[i].what : NULL;
}

void
why_refused(struct why *w, json_t *o)
{
	size_t i = find(&w->r, FIELD_REASON);
	json_t *detail;

	if (w->r.type != RECORD_INTENT || i == ARRAY_SIZE(reasons))
		return;
	(void)json_object_set_new(o, "because", json_string(reasons[i].what));
	detail = w->o->as_agent ? NULL : why_field(&w->r, FIELD_DETAIL);
	if (detail && *json_string_value(detail))
		(void)json_object_set_new(o, "failed",
					  json_pack("{sO}", "text", detail));
	json_decref(detail);
	(void)json_object_set_new(o, "change",
				  json_pack("[s]", reasons[i].cure));
}
