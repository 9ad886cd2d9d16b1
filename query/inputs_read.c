/*
 * Reads input documents back. What always holds: nothing is believed about the
 * bytes; memory is a small multiple of their length, taken once; depth is
 * bounded; what is not exactly what policy/inputs.c writes is an error, since a
 * reading that is a little wrong would blame decide().
 */
#include "query/inputs_read.h"

#include "lib/macro.h"
#include "policy/inputs.h"
#include "query/scan.h"

#include <string.h>

#define MARKER_HEX 16u

struct inputs_doc {
	struct request rq;
	struct request_truths truths;
	struct value *node;
	struct request_truth *truth;
	struct request_amount *amount;
	char *text[2]; /* of all strings; of those in the truths */
};

void
inputs_free(struct inputs_doc *d)
{
	if (!d)
		return;
	free(d->node);
	free(d->truth);
	free(d->amount);
	free(d->text[0]);
	free(d->text[1]);
	free(d);
}

void
inputs_freep(struct inputs_doc **d)
{
	inputs_free(*d);
}

const struct request *
inputs_request(const struct inputs_doc *d)
{
	return &d->rq;
}

/* Values */

struct reading {
	struct scan c;
	struct inputs_doc *d;
	size_t n_nodes, room; /* one for each "," "[" and "{" */
	bool withheld;	      /* something in this attribute is */
};

static int take_value(struct reading *g, struct value *v, unsigned int depth);

static struct value *
new_node(struct reading *g)
{
	return g->n_nodes < g->room ? &g->d->node[g->n_nodes++] : NULL;
}

static int
take_list(struct reading *g, struct value *v, unsigned int depth)
{
	const struct value **last = &v->first;

	v->type = VALUE_LIST;
	for (g->c.at++; !scan_at(&g->c, ']'); v->n++) {
		struct value *item = new_node(g);

		if (!item || (v->n && !scan_take(&g->c, ",")) ||
		    take_value(g, item, depth) < 0)
			return -EBADMSG;
		*last = item;
		last = &item->next;
	}
	g->c.at++;
	return 0;
}

/* "$$withheld" is the request's own "$withheld". */
static void
real_key(const char **s, size_t *n)
{
	static const char name[] = INPUTS_WITHHELD;
	size_t dollars = 0;

	while (dollars < *n && (*s)[dollars] == '$')
		dollars++;
	if (dollars < 2 || *n - dollars != sizeof(name) - 2 ||
	    memcmp(*s + dollars, &name[1], sizeof(name) - 2) != 0)
		return;
	++*s;
	--*n;
}

static int
take_key(struct reading *g, const char **ret, size_t *ret_len)
{
	int r = scan_string(&g->c, ret, ret_len);

	if (r >= 0 && !scan_take(&g->c, ":"))
		r = -EBADMSG;
	if (r >= 0)
		real_key(ret, ret_len);
	return r;
}

static int
take_object(struct reading *g, struct value *v, unsigned int depth)
{
	const struct value **last = &v->first;

	v->type = VALUE_OBJECT;
	for (g->c.at++; !scan_at(&g->c, '}'); v->n++) {
		struct value *m = new_node(g);
		size_t len;

		if (!m || (v->n && !scan_take(&g->c, ",")) ||
		    take_key(g, &m->key, &len) < 0 ||
		    take_value(g, m, depth) < 0)
			return -EBADMSG;
		m->key_len = (uint32_t)len;
		*last = m;
		last = &m->next;
	}
	g->c.at++;
	return 0;
}

static bool
take_hex(struct scan *c, char *out)
{
	if (c->len - c->at < MARKER_HEX)
		return false;
	for (size_t i = 0; i < MARKER_HEX; i++) {
		char ch = c->s[c->at++];

		if ((ch < '0' || ch > '9') && (ch < 'a' || ch > 'f'))
			return false;
		out[i] = ch;
	}
	return true;
}

/* Behind {"$withheld":" are 16 hex digits, and what is known beside. */
static int
take_marker(struct reading *g, struct value *v)
{
	static const char name[] = INPUTS_WITHHELD ":";
	struct scan *c = &g->c;
	char *text = c->text + c->n_text;
	struct value bytes = { .type = VALUE_INT };
	const char *type;
	size_t n;

	memcpy(text, name, sizeof(name) - 1);
	if (!take_hex(c, text + sizeof(name) - 1))
		return -EBADMSG;
	c->n_text += sizeof(name) - 1 + MARKER_HEX;
	if (!scan_take(c, "\",") ||
	    (scan_take(c, "\"bytes\":") &&
	     (scan_number(c, &bytes) < 0 || !scan_take(c, ","))) ||
	    bytes.type != VALUE_INT || !scan_take(c, "\"type\":") ||
	    scan_string(c, &type, &n) < 0 || !scan_take(c, "}"))
		return -EBADMSG;
	v->type = VALUE_STRING;
	v->s = text;
	v->len = sizeof(name) - 1 + MARKER_HEX;
	g->withheld = true;
	return 0;
}

static int
take_word(struct scan *c, struct value *v)
{
	if (scan_take(c, "null")) {
		v->type = VALUE_NULL;
		return 0;
	}
	v->type = VALUE_BOOL;
	v->b = scan_take(c, "true");
	return v->b || scan_take(c, "false") ? 0 : -EBADMSG;
}

static int
take_value(struct reading *g, struct value *v, unsigned int depth)
{
	struct scan *c = &g->c;

	if (scan_take(c, "{\"" INPUTS_WITHHELD "\":\""))
		return take_marker(g, v);
	if (scan_at(c, '{'))
		return depth ? take_object(g, v, depth - 1) : -EBADMSG;
	if (scan_at(c, '['))
		return depth ? take_list(g, v, depth - 1) : -EBADMSG;
	if (scan_at(c, '"')) {
		v->type = VALUE_STRING;
		return scan_string(c, &v->s, &v->len);
	}
	if (scan_at(c, 'n') || scan_at(c, 't') || scan_at(c, 'f'))
		return take_word(c, v);
	return scan_number(c, v);
}

/* The document */

static int
attr_named(const char *group, size_t group_len, const char *s, size_t n)
{
	char pointer[64];
	const char *rest;
	int len, a;

	if (n > sizeof(pointer))
		return -ENOENT;
	len = snprintf(pointer, sizeof(pointer), "/%.*s%s%.*s", (int)group_len,
		       group, group_len ? "/" : "", (int)n, s);
	a = len < (int)sizeof(pointer) ? attr_from_pointer(pointer, &rest)
				       : -ENOENT;
	return a >= 0 && *rest ? -ENOENT : a;
}

static int
take_attr(struct reading *g, int a)
{
	struct value *v = a < 0 ? NULL : &g->d->rq.attr[a];
	int r;

	if (!v || v->type != VALUE_NONE)
		return -EBADMSG;
	g->withheld = false;
	r = take_value(g, v, REQUEST_DEPTH_MAX);
	if (g->withheld)
		g->d->truths.attrs |= UINT64_C(1) << a;
	return r;
}

static bool
is_group(const char *s, size_t n)
{
	return (n == 3 && memcmp(s, "run", n) == 0) ||
	       (n == 4 && memcmp(s, "data", n) == 0);
}

/* The members of the document, or (group) of "run" or "data" in it. */
static int
take_members(struct reading *g, const char *group, size_t group_len)
{
	struct scan *c = &g->c;
	bool some = false;

	if (!scan_take(c, "{"))
		return -EBADMSG;
	for (; !scan_at(c, '}'); some = true) {
		const char *s;
		size_t n;
		int r;

		if ((some && !scan_take(c, ",")) || take_key(g, &s, &n) < 0)
			return -EBADMSG;
		r = !group_len && is_group(s, n)
			    ? take_members(g, s, n)
			    : take_attr(g, attr_named(group, group_len, s, n));
		if (r < 0)
			return r;
	}
	c->at++;
	return 0;
}

static int
take_surface(struct inputs_doc *d)
{
	const struct value *v = &d->rq.attr[ATTR_SURFACE];
	char name[16];
	int s;

	if (v->type != VALUE_STRING || v->len >= sizeof(name))
		return -EBADMSG;
	memcpy(name, v->s, v->len);
	name[v->len] = '\0';
	s = surface_from_name(name);
	if (s < 0)
		return -EBADMSG;
	d->rq.surface = (enum surface)s;
	return 0;
}

static int
read_document(struct inputs_doc *d, const char *s, size_t len, size_t *ret_at)
{
	struct reading g = { .c = { .s = s, .len = len, .text = d->text[0] },
			     .d = d };
	int r;

	for (size_t i = 0; i < len; i++)
		g.room += s[i] == ',' || s[i] == '{' || s[i] == '[';
	d->node = calloc(g.room + 1, sizeof(*d->node));
	if (!d->node)
		return -ENOMEM;
	r = take_members(&g, "", 0);
	*ret_at = g.c.at;
	if (r >= 0 && g.c.at != len)
		r = -EBADMSG;
	return r < 0 ? r : take_surface(d);
}

/* Truths */

static int
take_amount(struct inputs_doc *d, uint32_t rule, const struct value *v)
{
	if (v->type == VALUE_INT && v->i < 0)
		return -EBADMSG;
	d->amount[d->truths.n_amounts++] = (struct request_amount){
		.rule = rule,
		.known = v->type == VALUE_INT,
		.amount = v->type == VALUE_INT ? (uint64_t)v->i : 0,
	};
	return 0;
}

/* "f", "t" and "u" are 0, 1 and 2 in enum truth. */
static int
take_truth(struct inputs_doc *d, struct scan *c, uint32_t rule,
	   const struct value *cond)
{
	static const char names[] = "ftu";
	const char *s, *at;
	size_t n;

	if (cond->type != VALUE_INT || cond->i < 0 || cond->i > UINT16_MAX ||
	    scan_string(c, &s, &n) < 0 || n != 1)
		return -EBADMSG;
	at = memchr(names, s[0], sizeof(names) - 1);
	if (!at)
		return -EBADMSG;
	d->truth[d->truths.n++] = (struct request_truth){
		.rule = rule,
		.cond = (uint16_t)cond->i,
		.truth = (uint8_t)(at - names),
	};
	return 0;
}

static int
take_entry(struct inputs_doc *d, struct scan *c)
{
	struct value rule = { .type = VALUE_NONE }, v = { .type = VALUE_NULL };
	int r;

	if (!scan_take(c, "[") || scan_number(c, &rule) < 0 ||
	    rule.type != VALUE_INT || rule.i < 0 || rule.i > UINT32_MAX ||
	    !scan_take(c, ","))
		return -EBADMSG;
	if (!scan_take(c, "null") &&
	    (scan_number(c, &v) < 0 || v.type != VALUE_INT))
		return -EBADMSG;
	r = scan_take(c, ",") ? take_truth(d, c, (uint32_t)rule.i, &v)
			      : take_amount(d, (uint32_t)rule.i, &v);
	return r >= 0 && scan_take(c, "]") ? 0 : -EBADMSG;
}

static int
take_truths(struct inputs_doc *d, struct scan *c)
{
	if (!scan_take(c, "["))
		return -EBADMSG;
	for (bool some = false; !scan_at(c, ']'); some = true)
		if ((some && !scan_take(c, ",")) || take_entry(d, c) < 0)
			return -EBADMSG;
	c->at++;
	return c->at == c->len ? 0 : -EBADMSG;
}

static int
by_rule(const void *a, const void *b)
{
	const struct request_truth *x = a, *y = b;

	if (x->rule != y->rule)
		return x->rule < y->rule ? -1 : 1;
	return (int)x->cond - (int)y->cond;
}

static int
read_truths(struct inputs_doc *d, const char *s, size_t len)
{
	struct scan c = { .s = s, .len = len, .text = d->text[1] };
	size_t most = len / 5 + 1; /* "[0,1]" is the shortest */

	d->truth = calloc(most, sizeof(*d->truth));
	d->amount = calloc(most, sizeof(*d->amount));
	if (!d->truth || !d->amount)
		return -ENOMEM;
	if (take_truths(d, &c) < 0)
		return -EBADMSG;
	qsort(d->truth, d->truths.n, sizeof(*d->truth), by_rule);
	d->truths.v = d->truth;
	d->truths.amount = d->amount;
	return 0;
}

int
inputs_read(const char *inputs, size_t len, const char *truths,
	    size_t truths_len, struct inputs_doc **ret, struct err *e)
{
	_cleanup_(inputs_freep) struct inputs_doc *d = NULL;
	size_t at = 0;
	int r;

	if (len > INPUTS_SIZE_MAX || truths_len > INPUTS_SIZE_MAX)
		return err_set(e, -EBADMSG, "inputs: too long");
	d = calloc(1, sizeof(*d));
	if (d) {
		d->text[0] = malloc(len + 1);
		d->text[1] = malloc(truths_len + 1);
	}
	if (!d || !d->text[0] || !d->text[1])
		return err_sys(e, -ENOMEM, "inputs");
	r = read_document(d, inputs, len, &at);
	if (r < 0)
		return err_set(e, r,
			       "inputs: byte %zu: not as a supervisor writes "
			       "them",
			       at);
	r = truths ? read_truths(d, truths, truths_len) : 0;
	if (r < 0)
		return err_set(e, r, "truths: not as a supervisor writes them");
	if (d->truths.attrs)
		d->rq.truths = &d->truths;
	*ret = TAKE_PTR(d);
	return 0;
}
