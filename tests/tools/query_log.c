/* See query_log.h. A record is made from its number alone, so that the log of
 * N records is the beginning of that of N + 1. */
#include "tests/tools/query_log.h"
#include "audit/chain.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct made {
	const struct query_log_spec *s;
	const char *dir;
	FILE *f;
	struct chain chain;
	struct chain_hash *hash;
	struct chain_key key;
	struct fields fields;
	uint64_t write_from; /* what is before is there already */
	uint64_t file, channel_base;
};

/* For tests and measuring programs alike. */
static _noreturn_ void
die(const char *what)
{
	perror(what);
	abort();
}

static uint64_t
mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdu;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53u;
	return x ^ x >> 33;
}

static void
put(struct made *m, enum record_type type, uint64_t channel, uint64_t ref)
{
	uint8_t frame[RECORD_MIN + 4096];
	struct record_head h = { .seq = m->chain.size + 1,
				 .channel = channel,
				 .ref = ref,
				 .type = (uint16_t)type };
	size_t n;

	h.time_us = m->s->first_us + h.seq * m->s->step_us;
	h.boot_us = h.seq * m->s->step_us;
	n = record_write(&h, m->fields.bytes, m->fields.len, frame);
	chain_seal(&m->chain, m->hash, &m->key, frame, n);
	if (h.seq >= m->write_from && fwrite(frame, 1, n, m->f) != n)
		die(m->dir);
	fields_init(&m->fields);
}

/* The text, with numbers. */
static void _printf_(3, 4)
	text(struct made *m, enum field_id id, const char *fmt, ...)
{
	char buf[64];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	fields_text(&m->fields, id, buf);
}

static void
put_channels(struct made *m)
{
	unsigned int n = m->s->agents * m->s->runs;

	m->channel_base = m->chain.size + 1;
	for (unsigned int i = 0; i < n; i++) {
		unsigned int agent = i % m->s->agents, run = i / m->s->agents;

		text(m, FIELD_AGENT, "agent-%u", agent);
		text(m, FIELD_INSTANCE, "box-%u-%u", agent, run);
		text(m, FIELD_RUN, "run-%u-%u", agent, run);
		text(m, FIELD_OWNER, "owner-%u", agent % 3);
		if (run)
			text(m, FIELD_PARENT, "run-%u-%u", agent, run - 1);
		put(m, RECORD_CHANNEL, 0, 0);
	}
}

static void
begin_file(struct made *m)
{
	uint8_t id[16] = { (uint8_t)m->s->log, 1, 2, 3 };
	char path[PATH_MAX];

	if (m->f && fclose(m->f) != 0)
		die(m->dir);
	snprintf(path, sizeof(path), "%s/log/%020llu.seg", m->dir,
		 (unsigned long long)m->chain.size + 1);
	m->f = fopen(path, m->chain.size + 1 >= m->write_from ? "wbe" : "abe");
	if (!m->f)
		die(path);
	m->file = m->chain.size;
	fields_bytes(&m->fields, FIELD_LOG, id, sizeof(id));
	fields_uint(&m->fields, FIELD_SIZE, m->chain.size);
	fields_bytes(&m->fields, FIELD_HEAD, m->chain.head, RECORD_HASH_LEN);
	put(m, RECORD_LOG_SEGMENT, 0, 0);
	put_channels(m);
}

static void
put_intent(struct made *m, uint64_t x)
{
	static const char *const what[] = { "tools.call", "network.connect",
					    "memory.write" };
	static const char *const surface[] = { "tools", "network", "memory" };
	static const char *const effect[] = { "allow", "allow", "allow",
					      "deny",  "ask",	"limit" };
	unsigned int kind = (unsigned int)(x >> 8) % 3;

	fields_text(&m->fields, FIELD_WHAT, what[kind]);
	fields_text(&m->fields, FIELD_SURFACE, surface[kind]);
	text(m, FIELD_TARGET, "host-%u.example:443",
	     (unsigned int)(x >> 16) % 97);
	fields_text(&m->fields, FIELD_EFFECT, effect[(x >> 32) % 6]);
	text(m, FIELD_RULE, "rule-%u", (unsigned int)(x >> 40) % m->s->rules);
	fields_text(&m->fields, FIELD_REASON, "matched");
	fields_json(&m->fields, FIELD_INPUTS, "{\"a\":1}", 7);
}

static void
put_pair(struct made *m)
{
	unsigned int n = m->s->agents * m->s->runs;
	uint64_t x = mix(m->chain.size);
	uint64_t channel = m->channel_base + x % n;

	put_intent(m, x);
	put(m, RECORD_INTENT, channel, 0);
	fields_text(&m->fields, FIELD_STATUS, x >> 60 ? "ok" : "error");
	fields_uint(&m->fields, FIELD_LATENCY_US, x & 0xffff);
	put(m, RECORD_OUTCOME, channel, m->chain.size);
}

uint64_t
query_log_make(const char *dir, const struct query_log_spec *s, uint64_t have)
{
	struct made m = { .s = s, .dir = dir, .write_from = have + 1 };
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/log", dir);
	(void)mkdir(path, 0700);
	chain_init(&m.chain);
	fields_init(&m.fields);
	if (chain_hash_new(&m.hash) < 0)
		die("chain");
	while (m.chain.size < s->records) {
		if (!m.f ||
		    (s->per_file && m.chain.size - m.file >= s->per_file))
			begin_file(&m);
		else
			put_pair(&m);
	}
	if (fclose(m.f) != 0)
		die(dir);
	chain_hash_free(m.hash);
	return m.chain.size;
}
