/* links: audit profiles lib */
/*
 * audit.json on any bytes: what is refused is explained in text that is safe to
 * print; what is taken is within its bounds, and a user's file cannot weaken
 * the record.
 */
#include "audit/config.h"
#include "lib/str.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void
check(const struct audit_config *c, bool host)
{
	if (!host && (c->mode == AUDIT_OFF || c->short_retention))
		abort();
	if (!c->short_retention &&
	    c->retention_days < AUDIT_RETENTION_FLOOR_DAYS)
		abort();
	if (c->sync_us < 10000 || c->segment_bytes < 1u << 20 ||
	    c->segment_bytes > 1u << 30 || !c->open_actions || !c->agent_rate ||
	    !c->checkpoint_records || c->n_sinks > AUDIT_SINKS_MAX)
		abort();
	for (size_t i = 0; i < c->n_sinks; i++) {
		const struct audit_sink *s = &c->sink[i];

		if (s->kind == SINK_FILE && !str_is_clean_path(s->path))
			abort();
		if (s->kind == SINK_COMMAND &&
		    (!s->argv.n || !str_is_clean_path(s->argv.v[0]) ||
		     !s->timeout_us))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int host = 0; host < 2; host++) {
		struct err e = ERR_INIT;
		struct audit_config c;

		audit_config_default(&c);
		if (audit_config_parse(&c, "fuzz", (const char *)data, size,
				       host, &e) >= 0)
			check(&c, host);
		else if (!e.code || !*e.text)
			abort();
		for (const char *p = e.text; *p; p++)
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				abort();
		audit_config_done(&c);
	}
	return 0;
}
