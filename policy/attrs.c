/*
 * The names of surfaces, classes, attributes, effects, operators and reasons,
 * and back. What always holds: a name that is not in a table is -EINVAL or
 * -ENOENT, never a neighbour; the tables are as long as their enums.
 */
#include "policy/decide.h"

#include <string.h>

static const char *const surfaces[] = {
#define SURFACE(id, name, text) [SURFACE_##id] = name,
	SURFACES(SURFACE)
#undef SURFACE
		[SURFACE_MAX] = NULL
};

static const char *const classes[] = {
	[CLASS_READ] = "read",	   [CLASS_WRITE] = "write",
	[CLASS_DELETE] = "delete", [CLASS_SEND] = "send",
	[CLASS_PAY] = "pay",	   [CLASS_DELEGATE] = "delegate",
	[CLASS_SPAWN] = "spawn",   [CLASS_MAX] = NULL
};

static const char *const accesses[] = { "read", "write", "exec", "delete",
					NULL };
static const char *const schemes[] = { "tcp", "tls", "http", "https",
				       "ws",  "wss", "dns",  NULL };
static const char *const stages[] = { "call", "result", NULL };
static const char *const schemas[] = { "full", "partial", "none", NULL };
static const char *const memory_ops[] = { "get", "list",   "search",
					  "put", "delete", NULL };
static const char *const lanes[] = { "quarantined", "observed", "verified",
				     "approved", NULL };

struct attr_row {
	const char *pointer, *text;
	enum attr_kind kind;
	unsigned int on;
};

static const struct attr_row attrs[ATTR_MAX] = {
#define ATTR(id, pointer, kind, on, text)                                      \
	[ATTR_##id] = { pointer, text, KIND_##kind, on },
	ATTRS(ATTR)
#undef ATTR
};

static const char *const effects[] = {
	[EFFECT_NONE] = "deny",	    [EFFECT_LABEL] = "label",
	[EFFECT_ALLOW] = "allow",   [EFFECT_LIMIT] = "limit",
	[EFFECT_REDACT] = "redact", [EFFECT_ASK] = "ask",
	[EFFECT_DENY] = "deny",	    [EFFECT_PROHIBIT] = "prohibit",
	[EFFECT_MAX] = NULL
};

static const char *const ops[] = {
	[OP_EQ] = "eq",
	[OP_NE] = "ne",
	[OP_IN] = "in",
	[OP_PREFIX] = "prefix",
	[OP_SUFFIX] = "suffix",
	[OP_GLOB] = "glob",
	[OP_HOST] = "host",
	[OP_CIDR] = "cidr",
	[OP_REGEX] = "regex",
	[OP_LT] = "lt",
	[OP_LE] = "le",
	[OP_GT] = "gt",
	[OP_GE] = "ge",
	[OP_RANGE] = "range",
	[OP_LEN] = "len",
	[OP_EXISTS] = "exists",
	[OP_SUBSET] = "subset",
	[OP_SUPERSET] = "superset",
	[OP_DISJOINT] = "disjoint",
	[OP_INTERSECTS] = "intersects",
	[OP_REGION] = "region",
	[OP_TIME] = "time",
	[OP_COUNT] = "count",
	[OP_SEEN] = "seen",
	[OP_APPROVERS] = "approvers",
	[OP_MAX] = NULL,
};

static const char *const reasons[] = {
	[REASON_ALLOWED] = "allowed",
	[REASON_NO_RULE] = "no_rule",
	[REASON_RULE] = "rule",
	[REASON_UNKNOWN_INPUT] = "unknown_input",
	[REASON_CLASS_ABOVE_ROLE] = "class_above_role",
	[REASON_CONDITION] = "condition",
	[REASON_GRANT_EXPIRED] = "grant_expired",
	[REASON_USES_EXHAUSTED] = "uses_exhausted",
	[REASON_RATE_LIMITED] = "rate_limited",
	[REASON_BUDGET_EXHAUSTED] = "budget_exhausted",
	[REASON_OBSERVED] = "observed",
	[REASON_BAD_REQUEST] = "bad_request",
	[REASON_MAX] = NULL,
};

static int
find(const char *const *list, const char *name)
{
	for (int i = 0; list[i]; i++)
		if (strcmp(list[i], name) == 0)
			return i;
	return -EINVAL;
}

const char *
surface_name(enum surface s)
{
	return s < SURFACE_MAX ? surfaces[s] : "?";
}

int
surface_from_name(const char *name)
{
	return find(surfaces, name);
}

const char *
class_name(enum action_class c)
{
	return c < CLASS_MAX ? classes[c] : "?";
}

int
class_from_name(const char *name)
{
	return find(classes, name);
}

const char *
effect_name(enum effect f)
{
	return f < EFFECT_MAX ? effects[f] : "?";
}

/* NONE and LABEL are no words of the language. */
int
effect_from_name(const char *name)
{
	int r = find(effects + EFFECT_ALLOW, name);

	return r < 0 ? r : r + (int)EFFECT_ALLOW;
}

const char *
op_name(enum cond_op op)
{
	return op < OP_MAX ? ops[op] : "?";
}

int
op_from_name(const char *name)
{
	return find(ops, name);
}

const char *
reason_name(enum reason r)
{
	return r < REASON_MAX ? reasons[r] : "?";
}

const char *
attr_pointer(enum attr a)
{
	return attrs[a].pointer;
}

const char *
attr_text(enum attr a)
{
	return attrs[a].text;
}

enum attr_kind
attr_kind(enum attr a)
{
	return attrs[a].kind;
}

unsigned int
attr_surfaces(enum attr a)
{
	return attrs[a].on;
}

const char *const *
attr_words(enum attr a)
{
	switch (a) {
	case ATTR_SURFACE:
		return surfaces;
	case ATTR_CLASS:
		return classes;
	case ATTR_ACCESS:
		return accesses;
	case ATTR_SCHEME:
		return schemes;
	case ATTR_STAGE:
		return stages;
	case ATTR_SCHEMA:
		return schemas;
	case ATTR_OP:
		return memory_ops;
	case ATTR_LANE:
		return lanes;
	default:
		return NULL;
	}
}

int
attr_from_pointer(const char *pointer, const char **ret_rest)
{
	for (int a = 0; a < ATTR_MAX; a++) {
		size_t n = strlen(attrs[a].pointer);

		if (strncmp(pointer, attrs[a].pointer, n) != 0)
			continue;
		if (pointer[n] == '\0' ||
		    (pointer[n] == '/' && attrs[a].kind == KIND_TREE)) {
			*ret_rest = pointer + n;
			return a;
		}
	}
	return -ENOENT;
}
