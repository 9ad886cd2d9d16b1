/*
 * The intent of a decision as a record. What always holds: what an agent said
 * goes in only as inputs_write() lets it through, and as names (hosts, tools,
 * keys) that a target is made of, shortened and escaped; a path of a URL, whose
 * end may be a secret, is not among them.
 */
#include "supervisor/gate-internal.h"

#include "lib/macro.h"
#include "policy/inputs.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_SHOWN 256

/* A string of the request, cut to size; "" where it is none. */
static const char *
text_of(const struct request *rq, enum attr a, char *buf, size_t size)
{
	const struct value *v = &rq->attr[a];
	size_t n = v->type == VALUE_STRING ? MIN(v->len, size - 1) : 0;

	if (n)
		memcpy(buf, v->s, n);
	buf[n] = '\0';
	return buf;
}

static void
field_of(struct fields *f, enum field_id id, const struct request *rq,
	 enum attr a)
{
	const struct value *v = &rq->attr[a];

	if (v->type == VALUE_STRING && v->len)
		fields_text_n(f, id, v->s, v->len, NAME_MAX_SHOWN);
}

/* The verb of an action: tools.call, memory.put, network.GET. */
static const char *
verb_of(const struct request *rq, char *buf, size_t size)
{
	static const struct {
		enum attr a; /* that says it, or */
		const char *word;
	} verb[SURFACE_MAX] = {
		[SURFACE_FILES] = { ATTR_ACCESS, "open" },
		[SURFACE_PROCESS] = { ATTR_SURFACE, "exec" },
		[SURFACE_NETWORK] = { ATTR_METHOD, "connect" },
		[SURFACE_TOOLS] = { ATTR_STAGE, "call" },
		[SURFACE_MEMORY] = { ATTR_OP, "use" },
		[SURFACE_CREDENTIALS] = { ATTR_SURFACE, "lend" },
		[SURFACE_HANDOFFS] = { ATTR_SURFACE, "send" },
		[SURFACE_ADMIN] = { ATTR_VERB, "verb" },
	};
	char word[64];

	if (verb[rq->surface].a == ATTR_SURFACE ||
	    !*text_of(rq, verb[rq->surface].a, word, sizeof(word)))
		snprintf(word, sizeof(word), "%s", verb[rq->surface].word);
	snprintf(buf, size, "%s.%s", surface_name(rq->surface), word);
	return buf;
}

static void
join(char *buf, size_t size, const struct request *rq, enum attr a,
     const char *between, enum attr b)
{
	char x[NAME_MAX_SHOWN], y[NAME_MAX_SHOWN];

	text_of(rq, a, x, sizeof(x));
	text_of(rq, b, y, sizeof(y));
	snprintf(buf, size, "%s%s%s", x, *x && *y ? between : "", y);
}

/* What it is done to, for people. */
static void
target_of(const struct request *rq, char *buf, size_t size)
{
	const struct value *port = &rq->attr[ATTR_PORT];
	size_t n;

	buf[0] = '\0';
	switch (rq->surface) {
	case SURFACE_NETWORK:
		text_of(rq,
			rq->attr[ATTR_HOST].type == VALUE_STRING ? ATTR_HOST
								 : ATTR_ADDRESS,
			buf, size);
		n = strlen(buf);
		if (port->type == VALUE_INT)
			snprintf(buf + n, size - n, ":%lld",
				 (long long)port->i);
		break;
	case SURFACE_TOOLS:
		join(buf, size, rq, ATTR_SERVER, "/", ATTR_TOOL);
		break;
	case SURFACE_MEMORY:
		join(buf, size, rq, ATTR_NAMESPACE, ":", ATTR_KEY);
		break;
	case SURFACE_CREDENTIALS:
		join(buf, size, rq, ATTR_NAME, " for ", ATTR_HOST);
		break;
	case SURFACE_HANDOFFS:
		text_of(rq, ATTR_TO, buf, size);
		break;
	case SURFACE_ADMIN:
		text_of(rq, ATTR_TARGET, buf, size);
		break;
	default:
		text_of(rq, ATTR_PATH, buf, size);
	}
}

static void
what_fields(struct fields *f, const struct request *rq)
{
	const struct value *port = &rq->attr[ATTR_PORT];
	char text[2 * NAME_MAX_SHOWN + 32];

	fields_text(f, FIELD_WHAT, verb_of(rq, text, sizeof(text)));
	fields_text(f, FIELD_SURFACE, surface_name(rq->surface));
	field_of(f, FIELD_CLASS, rq, ATTR_CLASS);
	target_of(rq, text, sizeof(text));
	if (text[0])
		fields_text(f, FIELD_TARGET, text);
	field_of(f, FIELD_SERVER, rq, ATTR_SERVER);
	field_of(f, FIELD_TOOL, rq, ATTR_TOOL);
	field_of(f, FIELD_METHOD, rq, ATTR_METHOD);
	field_of(f, FIELD_SOURCE_HOST, rq, ATTR_HOST);
	if (port->type == VALUE_INT && port->i > 0)
		fields_uint(f, FIELD_PORT, (uint64_t)port->i);
}

struct digester {
	struct scribe *scribe;
	int status;
};

static void
digest(void *arg, const void *p, size_t n, uint8_t ret[32])
{
	struct digester *d = arg;
	int r = d->status < 0 ? d->status : scribe_digest(d->scribe, p, n, ret);

	if (r < 0) {
		d->status = r;
		memset(ret, 0, RECORD_HASH_LEN);
	}
}

/* What the document withholds is not said elsewhere either. */
static void
hide_withheld(struct request *rq, uint64_t withheld)
{
	for (int a = 0; a < ATTR_MAX; a++)
		if (withheld >> a & 1)
			request_set(rq, (enum attr)a, "(withheld)");
}

static int
input_fields(struct scribe *scribe, struct gate_turn *t, struct fields *f,
	     struct request *shown)
{
	struct digester dg = { .scribe = scribe };
	struct inputs in;
	int r = inputs_write(t->epoch->policy, &t->rq, &t->d, digest, &dg,
			     t->inputs, sizeof(t->inputs), t->truths,
			     sizeof(t->truths), &in);

	if (r < 0)
		return r;
	if (dg.status < 0)
		return dg.status;
	fields_bytes(f, FIELD_ARGS_DIGEST, in.digest, sizeof(in.digest));
	fields_json(f, FIELD_INPUTS, t->inputs, in.len);
	if (in.truths_len)
		fields_json(f, FIELD_TRUTHS, t->truths, in.truths_len);
	hide_withheld(shown, in.withheld);
	return 0;
}

void
gate_labels_field(struct fields *f, enum field_id id, const struct policy *p,
		  uint64_t labels)
{
	char text[POLICY_LABELS_MAX * 80];
	size_t n = 1;

	text[0] = '[';
	for (unsigned int bit = 0; bit < POLICY_LABELS_MAX; bit++) {
		if (!(labels & (UINT64_C(1) << bit)) || n + 80 > sizeof(text))
			continue;
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\"%.64s\"",
				      n > 1 ? "," : "",
				      policy_label_name(p, bit));
	}
	text[n++] = ']';
	fields_json(f, id, text, n);
}

static void
decision_fields(const struct gate_turn *t, struct fields *f)
{
	const struct policy *p = t->epoch->policy;
	const struct decision *d = &t->d;
	struct policy_rule_view v;

	fields_text(f, FIELD_EFFECT, effect_name(d->effect));
	if (t->reason) {
		fields_text(f, FIELD_REASON, t->reason);
		fields_uint(f, FIELD_GOES_AHEAD, 0);
		fields_text_n(f, FIELD_DETAIL, t->detail, strlen(t->detail),
			      GATE_DETAIL_MAX);
		return;
	}
	if (d->rule >= 0) {
		policy_rule(p, (size_t)d->rule, &v);
		fields_text(f, FIELD_RULE, v.id);
		fields_text(f, FIELD_LEVEL, v.level_name);
	}
	fields_text(f, FIELD_REASON, reason_name(d->reason));
	fields_text(f, FIELD_POLICY, policy_name(p));
	fields_bytes(f, FIELD_POLICY_HASH, policy_hash(p), POLICY_HASH_LEN);
	fields_uint(f, FIELD_EPOCH, t->epoch->number);
	fields_json(f, FIELD_DECISION, t->json, t->json_len);
	fields_uint(f, FIELD_WALL_US, (uint64_t)t->now.wall_us);
	fields_uint(f, FIELD_BOOT_US, t->now.boot_us);
	fields_uint(f, FIELD_GOES_AHEAD, t->goes_ahead);
	if (t->resync)
		fields_bytes(f, FIELD_USAGE, t->usage, sizeof(t->usage));
}

int
gate_fields(struct scribe *scribe, struct gate_turn *t, struct fields *f)
{
	struct request shown = t->rq;
	int r = input_fields(scribe, t, f, &shown);

	if (r < 0)
		return r;
	what_fields(f, &shown);
	gate_labels_field(f, FIELD_LABELS_IN, t->epoch->policy, t->labels);
	field_of(f, FIELD_REGION, &shown, ATTR_REGION);
	decision_fields(t, f);
	fields_uint(f, FIELD_BY_UID, t->call->by_uid);
	fields_uint(f, FIELD_BY_PID, (uint64_t)t->call->by_pid);
	return 0;
}

/* What only reads, or is denied, may follow to the disk a little later: no
 * effect hangs on it. */
unsigned int
gate_flags(const struct gate_turn *t)
{
	const struct value *c = &t->rq.attr[ATTR_CLASS];
	bool reads = c->type == VALUE_STRING && c->len == 4 &&
		     !memcmp(c->s, "read", 4);

	return t->goes_ahead && !reads ? WIRE_DURABLE : 0;
}
