/* See story_log.h: the order of records and their fields are those of
 * supervisor/gate.c and box_audit.c. */
#include "tests/tools/story_log.h"
#include "tests/tools/some_digest.h"

#include "policy/sha256.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static _noreturn_ void
die(const char *what)
{
	perror(what);
	abort();
}

/* Files */

uint64_t
story_put(struct story *s, enum record_type type, uint64_t channel,
	  uint64_t ref)
{
	static uint8_t frame[RECORD_MAX];
	struct record_head h = { .seq = s->chain.size + 1,
				 .channel = channel,
				 .ref = ref,
				 .type = (uint16_t)type };
	size_t n;

	if (s->fields.full)
		die("fields");
	h.time_us = (uint64_t)s->at.wall_us;
	h.boot_us = s->at.boot_us;
	n = record_write(&h, s->fields.bytes, s->fields.len, frame);
	chain_seal(&s->chain, s->hash, &s->key, frame, n);
	if (fwrite(frame, 1, n, s->f) != n)
		die(s->dir);
	fields_init(&s->fields);
	s->at.wall_us += 10;
	s->at.boot_us += 10;
	return h.seq;
}

static uint64_t
put_channel(struct story *s, struct story_run *r)
{
	char text[64];

	snprintf(text, sizeof(text), "agent-%s", r->name);
	fields_text(&s->fields, FIELD_AGENT, text);
	snprintf(text, sizeof(text), "id-%s", r->name);
	fields_text(&s->fields, FIELD_INSTANCE, text);
	fields_text(&s->fields, FIELD_RUN, r->name);
	snprintf(text, sizeof(text), "box-%s", r->name);
	fields_text(&s->fields, FIELD_NAME, text);
	fields_text(&s->fields, FIELD_OWNER, "ann");
	fields_text(&s->fields, FIELD_PARENT, r->parent);
	return story_put(s, RECORD_CHANNEL, 0, r->first);
}

void
story_rotate(struct story *s)
{
	uint8_t id[16] = { 1, 2, 3 };
	char path[320];

	if (s->f && fclose(s->f) != 0)
		die(s->dir);
	snprintf(path, sizeof(path), "%s/log/%020llu.seg", s->dir,
		 (unsigned long long)s->chain.size + 1);
	s->f = fopen(path, "wbe");
	if (!s->f)
		die(path);
	fields_bytes(&s->fields, FIELD_LOG, id, sizeof(id));
	fields_uint(&s->fields, FIELD_SIZE, s->chain.size);
	fields_bytes(&s->fields, FIELD_HEAD, s->chain.head, RECORD_HASH_LEN);
	story_put(s, RECORD_LOG_SEGMENT, 0, 0);
	for (size_t i = 0; i < STORY_RUNS; i++)
		if (s->run[i].channel)
			s->run[i].channel = put_channel(s, &s->run[i]);
}

static void
make_folder(const char *dir, const char *name)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (mkdir(path, 0700) < 0)
		die(path);
}

void
story_begin(struct story *s, const char *dir)
{
	memset(s, 0, sizeof(*s));
	snprintf(s->dir, sizeof(s->dir), "%s", dir);
	make_folder(dir, "log");
	make_folder(dir, "blobs");
	chain_init(&s->chain);
	fields_init(&s->fields);
	s->at.wall_us = INT64_C(1764064800000000);
	s->at.boot_us = UINT64_C(3600000000);
	if (chain_hash_new(&s->hash) < 0)
		die("chain");
	story_rotate(s);
}

void
story_end(struct story *s)
{
	if (fclose(s->f) != 0)
		die(s->dir);
	for (size_t i = 0; i < STORY_RUNS; i++)
		free(s->run[i].usage);
	chain_hash_free(s->hash);
}

void
story_blob(struct story *s, const void *data, size_t len, uint8_t ret[32])
{
	char path[384];
	size_t n;
	FILE *f;

	sha256(data, len, ret);
	n = (size_t)snprintf(path, sizeof(path), "%s/blobs/", s->dir);
	for (int i = 0; i < 32; i++)
		n += (size_t)snprintf(path + n, sizeof(path) - n, "%02x",
				      ret[i]);
	f = fopen(path, "wbe");
	if (!f || fwrite(data, 1, len, f) != len || fclose(f) != 0)
		die(path);
}

/* Runs */

static void
load_policy(struct story *s, struct story_run *r, const struct policy *p)
{
	size_t len;
	const void *bytes = policy_bytes(p, &len);

	story_blob(s, bytes, len, r->blob);
	if (!r->p || memcmp(policy_hash(r->p), policy_hash(p), 32) != 0) {
		free(r->usage);
		r->usage = calloc(1, usage_size(p));
		r->resync = false;
	}
	r->p = p;
	r->epoch++;
	fields_text(&s->fields, FIELD_WHAT, "policy.load");
	fields_text(&s->fields, FIELD_POLICY, policy_name(p));
	fields_bytes(&s->fields, FIELD_POLICY_HASH, policy_hash(p), 32);
	fields_uint(&s->fields, FIELD_EPOCH, r->epoch);
	fields_bytes(&s->fields, FIELD_POLICY_BLOB, r->blob, 32);
	story_put(s, RECORD_POLICY, r->channel, 0);
}

uint64_t
story_run_begin(struct story *s, struct story_run *r, const char *name,
		const struct policy *p)
{
	const char *parent = r->parent;

	free(r->usage);
	memset(r, 0, sizeof(*r));
	r->parent = parent;
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->channel = r->first = put_channel(s, r);
	load_policy(s, r, p);
	fields_text(&s->fields, FIELD_WHAT, "box.start");
	fields_text(&s->fields, FIELD_SURFACE, "process");
	fields_text(&s->fields, FIELD_CLASS, "spawn");
	fields_json(&s->fields, FIELD_COMMAND, "[\"agent\",\"--task\"]", 18);
	fields_text(&s->fields, FIELD_EFFECT, "allow");
	fields_text(&s->fields, FIELD_POLICY, policy_name(p));
	fields_uint(&s->fields, FIELD_EPOCH, r->epoch);
	fields_uint(&s->fields, FIELD_GOES_AHEAD, 1);
	return story_put(s, RECORD_INTENT, r->channel, 0);
}

void
story_reload(struct story *s, struct story_run *r, const struct policy *p)
{
	load_policy(s, r, p);
}

static void
put_decision(struct story *s, const struct story_run *r,
	     const struct request *rq, const struct decision *d)
{
	int n = decision_json(r->p, rq, d, r->epoch, false, s->json,
			      sizeof(s->json));
	struct policy_rule_view v;

	if (n < 0)
		die("decision");
	fields_text(&s->fields, FIELD_EFFECT, effect_name(d->effect));
	if (d->rule >= 0) {
		policy_rule(r->p, (size_t)d->rule, &v);
		fields_text(&s->fields, FIELD_RULE, v.id);
	}
	fields_text(&s->fields, FIELD_REASON, reason_name(d->reason));
	fields_text(&s->fields, FIELD_POLICY, policy_name(r->p));
	fields_bytes(&s->fields, FIELD_POLICY_HASH, policy_hash(r->p), 32);
	fields_uint(&s->fields, FIELD_EPOCH, r->epoch);
	fields_json(&s->fields, FIELD_DECISION, s->json, (size_t)n);
	fields_uint(&s->fields, FIELD_WALL_US, (uint64_t)s->at.wall_us);
	fields_uint(&s->fields, FIELD_BOOT_US, s->at.boot_us);
	fields_uint(&s->fields, FIELD_GOES_AHEAD, decision_allows(d));
}

uint64_t
story_decide(struct story *s, struct story_run *r, const struct request *rq,
	     struct decision *d)
{
	char what[32];
	uint8_t usage[32];

	if (r->resync) {
		story_blob(s, r->usage, usage_size(r->p), usage);
		fields_bytes(&s->fields, FIELD_USAGE, usage, sizeof(usage));
		r->resync = false;
	}
	decide(r->p, rq, r->usage, &s->at, d);
	if (inputs_write(r->p, rq, d, some_digest, NULL, s->doc, sizeof(s->doc),
			 s->truths, sizeof(s->truths), &s->in) < 0)
		die("inputs");
	snprintf(what, sizeof(what), "%s.use", surface_name(rq->surface));
	fields_text(&s->fields, FIELD_WHAT, what);
	fields_text(&s->fields, FIELD_SURFACE, surface_name(rq->surface));
	if (rq->attr[ATTR_CLASS].type == VALUE_STRING)
		fields_text_n(&s->fields, FIELD_CLASS, rq->attr[ATTR_CLASS].s,
			      rq->attr[ATTR_CLASS].len, 32);
	fields_text(&s->fields, FIELD_TARGET, "somewhere");
	fields_bytes(&s->fields, FIELD_ARGS_DIGEST, s->in.digest, 32);
	fields_json(&s->fields, FIELD_INPUTS, s->doc, s->in.len);
	if (s->in.truths_len)
		fields_json(&s->fields, FIELD_TRUTHS, s->truths,
			    s->in.truths_len);
	put_decision(s, r, rq, d);
	usage_commit(r->p, r->usage, rq, d, &s->at, decision_allows(d));
	if (s->spoil)
		s->spoil(s->arg, &s->fields);
	return story_put(s, RECORD_INTENT, r->channel, 0);
}

void
story_lose(struct story *s, struct story_run *r, const struct request *rq)
{
	struct decision d;

	decide(r->p, rq, r->usage, &s->at, &d);
	usage_commit(r->p, r->usage, rq, &d, &s->at, decision_allows(&d));
	r->resync = true;
}

uint64_t
story_outcome(struct story *s, struct story_run *r, uint64_t intent,
	      const char *status)
{
	fields_text(&s->fields, FIELD_STATUS, status);
	fields_uint(&s->fields, FIELD_LATENCY_US, 1500);
	return story_put(s, RECORD_OUTCOME, r->channel, intent);
}

void
story_run_end(struct story *s, struct story_run *r, uint64_t start,
	      const char *status)
{
	fields_text(&s->fields, FIELD_STATUS, status);
	fields_uint(&s->fields, FIELD_LATENCY_US, 2500000);
	fields_uint(&s->fields, FIELD_EXIT_STATUS, !!strcmp(status, "ok"));
	fields_uint(&s->fields, FIELD_CPU_US, 120000);
	story_put(s, RECORD_OUTCOME, r->channel, start);
	story_put(s, RECORD_CHANNEL_END, r->channel, r->first);
	r->channel = 0;
}
