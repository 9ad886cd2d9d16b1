/* What a rule matches, in words for errors and differences. */
#include "profiles/inherit.h"

#include "lib/str.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct out {
	char *buf;
	size_t size, n;
};

static void put(struct out *o, const char *fmt, ...) _printf_(2, 3);

static void
put(struct out *o, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (o->n + 1 >= o->size)
		return;
	va_start(ap, fmt);
	n = vsnprintf(o->buf + o->n, o->size - o->n, fmt, ap);
	va_end(ap);
	o->n = n < 0 ? o->n : MIN(o->n + (size_t)n, o->size - 1);
}

static void
put_cidr(struct out *o, const struct rule_value *v)
{
	char text[INET6_ADDRSTRLEN] = "?";
	int family = v->family == 4 ? AF_INET : AF_INET6;
	unsigned int full = v->family == 4 ? 32 : 128;

	inet_ntop(family, v->addr, text, sizeof(text));
	if (v->bits == full)
		put(o, "%s", text);
	else
		put(o, "%s/%u", text, v->bits);
}

static void
put_value(struct out *o, const struct rule_value *v)
{
	char shown[160];

	switch (v->type) {
	case RULE_NULL:
		put(o, "null");
		break;
	case RULE_BOOL:
		put(o, "%s", v->b ? "true" : "false");
		break;
	case RULE_INT:
		put(o, "%" PRId64, v->lo);
		break;
	case RULE_REAL:
		put(o, "%g", v->r);
		break;
	case RULE_RANGE:
		put(o, "%" PRId64, v->lo);
		if (v->hi != v->lo)
			put(o, "-%" PRId64, v->hi);
		break;
	case RULE_CIDR:
		put_cidr(o, v);
		break;
	default:
		put(o, "\"%s\"", str_escape(v->s, shown, sizeof(shown)));
	}
}

#define VALUES_SHOWN 4

static void
put_values(struct out *o, const struct rule_cond *c)
{
	for (size_t i = 0; i < c->n && i < VALUES_SHOWN; i++) {
		put(o, "%s", i ? "|" : "");
		put_value(o, &c->v[i]);
	}
	if (c->n > VALUES_SHOWN)
		put(o, "|... (%zu)", c->n);
}

/* The port that a host has anyway. */
static bool
is_default_port(const struct rule *r, const struct rule_cond *c)
{
	return !strcmp(c->pointer, "/port") && r->n_match > 1 && c->n == 1 &&
	       c->v[0].lo == 443 && c->v[0].hi == 443;
}

static void
put_time(struct out *o, const struct rule_cond *c)
{
	static const char *const days[] = { "mon", "tue", "wed", "thu",
					    "fri", "sat", "sun" };
	const struct rule_time *t = &c->time;

	for (unsigned int i = 0; i < ARRAY_SIZE(days); i++)
		if (t->days != 0x7f && t->days & 1u << i)
			put(o, " %s", days[i]);
	put(o, " %02u:%02u-%02u:%02u", t->from_min / 60, t->from_min % 60,
	    t->to_min / 60, t->to_min % 60);
	if (t->offset_min)
		put(o, " UTC%+d:%02d", t->offset_min / 60,
		    abs(t->offset_min % 60));
}

static void
put_when(struct out *o, const struct rule_cond *c)
{
	switch (c->op) {
	case OP_TIME:
		put(o, "time");
		put_time(o, c);
		return;
	case OP_COUNT:
		put(o, "%s less than %" PRIu64 " times within %" PRIu64 "s",
		    c->name, c->max, c->window_us / 1000000);
		return;
	case OP_SEEN:
		put(o, "%s seen", c->name);
		return;
	case OP_APPROVERS:
		put(o, "%" PRIu64 " approvers", c->max);
		return;
	default:
		put(o, "%s %s ", c->pointer + 1, op_name(c->op));
		put_values(o, c);
	}
}

const char *
rule_text(const struct rule *r, enum surface s, char *buf, size_t size)
{
	struct out o = { buf, size, 0 };
	bool has_host = false, has_port = false;

	put(&o, "%s", surface_name(s));
	for (size_t i = 0; i < r->n_match; i++) {
		const struct rule_cond *c = &r->match[i];

		has_host = has_host || !strcmp(c->pointer, "/host") ||
			   !strcmp(c->pointer, "/address");
		has_port = has_port || !strcmp(c->pointer, "/port");
		if (is_default_port(r, c))
			continue;
		put(&o, " %s ", c->pointer + 1);
		put_values(&o, c);
	}
	if (s == SURFACE_NETWORK && grants(r) && has_host && !has_port)
		put(&o, " every port");
	for (size_t i = 0; i < r->n_when; i++) {
		put(&o, "%s", i ? ", " : " when ");
		put_when(&o, &r->when[i]);
	}
	return buf;
}
