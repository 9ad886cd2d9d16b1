/*
 * Credentials in requests, and what rules take out of them. What always holds:
 * a secret goes into one request, whose destination, method, path and place the
 * host's settings name, after the policy lent it and that was recorded; it is
 * in no record, no error and no answer to anybody but the shim, and wiped here
 * afterwards. A placeholder anywhere else stops the request.
 */
#include "supervisor/net-internal.h"

#include "lib/str.h"
#include "policy/policy_build.h"

#include <stdarg.h>
#include <string.h>

#define EDITS_MAX (2 * NET_CREDENTIALS_MAX + 64)
#define HOLE "{}"

/* What the shim is to change in a request. */
struct edit {
	enum net_field f; /* VALUES, SET_HEADERS, REMOVE_QUERY */
	char *name, *value;
};

struct net_edits {
	size_t n;
	struct edit v[EDITS_MAX];
};

static void
wipe(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

void
net_edits_free(struct net_edits *ed)
{
	for (size_t i = 0; ed && i < ed->n; i++) {
		free(ed->v[i].name);
		wipe(ed->v[i].value);
	}
	free(ed);
}

static struct edit *
edit_of(struct net_edits *ed, enum net_field f, const char *name)
{
	for (size_t i = 0; i < ed->n; i++)
		if (ed->v[i].f == f && !strcmp(ed->v[i].name, name))
			return &ed->v[i];
	return NULL;
}

/* Takes value. The last word on a name counts. */
static int
add_edit(struct net_ask *a, enum net_field f, const char *name, char *value)
{
	struct edit *at;

	if (!a->edits)
		a->edits = calloc(1, sizeof(*a->edits));
	at = a->edits ? edit_of(a->edits, f, name) : NULL;
	if (at) {
		wipe(at->value);
		at->value = value;
		return value ? 0 : -ENOMEM;
	}
	if (!a->edits || !value || a->edits->n == EDITS_MAX) {
		wipe(value);
		return -ENOMEM;
	}
	at = &a->edits->v[a->edits->n];
	*at = (struct edit){ f, strdup(name), value };
	if (!at->name) {
		wipe(value);
		return -ENOMEM;
	}
	a->edits->n++;
	return 0;
}

static void
put_edits(const struct net_edits *ed, struct net_writer *w, enum net_field f)
{
	bool any = false;

	for (size_t i = 0; i < ed->n; i++) {
		const struct edit *x = &ed->v[i];

		if (x->f != f)
			continue;
		if (!any)
			net_pairs_begin(w, f);
		any = true;
		net_pairs_add(w, x->name, strlen(x->name), x->value,
			      strlen(x->value));
	}
	if (any)
		net_pairs_end(w);
}

void
net_lend_put(struct net_ask *a, struct net_writer *w)
{
	if (!a->edits)
		return;
	put_edits(a->edits, w, NET_F_VALUES);
	put_edits(a->edits, w, NET_F_SET_HEADERS);
	put_edits(a->edits, w, NET_F_REMOVE_QUERY);
}

/* Redactions */

/* The name behind "/headers/" or "/query/"; NULL: something else. */
static char *
redacted_name(const char *pointer, const char *under)
{
	char *name, *to;

	if (!str_starts(pointer, under) || strchr(pointer + strlen(under), '/'))
		return NULL;
	name = strdup(pointer + strlen(under));
	to = name;
	for (const char *s = name; s && *s; s++) { /* RFC 6901 */
		bool coded = s[0] == '~' && (s[1] == '0' || s[1] == '1');

		*to++ = coded ? (*++s == '0' ? '~' : '/') : *s;
	}
	if (to)
		*to = '\0';
	return name;
}

static int
redact_one(struct net_ask *a, const char *pointer)
{
	_cleanup_free_ char *header = redacted_name(pointer, "/headers/");
	_cleanup_free_ char *parameter = redacted_name(pointer, "/query/");

	if (!request_get(&a->rq, pointer))
		return 0;
	if (header)
		return add_edit(a, NET_F_SET_HEADERS, header, strdup(""));
	if (parameter)
		return add_edit(a, NET_F_REMOVE_QUERY, parameter, strdup(""));
	return -EACCES;
}

int
net_redact(struct net_ask *a, const struct policy *p, const struct decision *d)
{
	const char *pointer;
	int r = 0;

	for (size_t i = 0; r >= 0 && (pointer = decision_redact(p, d, i)); i++)
		r = redact_one(a, pointer);
	return r;
}

/* Which take part */

static int _printf_(2, 3) astray(struct net_ask *a, const char *fmt, ...)
{
	va_list ap;

	a->why = NET_REASON_ELSEWHERE;
	va_start(ap, fmt);
	vsnprintf(a->detail, sizeof(a->detail), fmt, ap);
	va_end(ap);
	a->net->o.finding(a->net->o.arg, "network.placeholder", a->detail);
	return -EACCES;
}

/* Every parameter (header) that has the placeholder is the one named so. */
static bool
only_in(const struct net_ask *a, enum net_field f, const char *name,
	const char *placeholder)
{
	struct net_bytes k, v;
	size_t at = 0, n = strlen(placeholder);

	while (net_pair(&a->m.bytes[f], &at, &k, &v))
		if (memmem(v.data, v.len, placeholder, n) &&
		    !net_text_is(&k, name))
			return false;
	return true;
}

static const char *
misplaced(const struct net_ask *a, const struct net_lend *l,
	  const struct credential_use *u)
{
	const char *text =
		secrets_placeholder(a->net->o.secrets, l->credential);
	bool anywhere = !u->basic && !u->header && !u->query;

	if (l->seen & (NET_SEEN_PATH | NET_SEEN_BODY))
		return l->seen & NET_SEEN_PATH ? "in the path" : "in the body";
	if (anywhere)
		return NULL;
	if ((l->seen & NET_SEEN_BASIC) && !u->basic)
		return "in basic authentication";
	if ((l->seen & NET_SEEN_HEADER) &&
	    (u->basic || !u->header ||
	     !only_in(a, NET_F_HEADERS, u->header, text)))
		return "in another header";
	if ((l->seen & NET_SEEN_QUERY) &&
	    (!u->query || !only_in(a, NET_F_QUERY, u->query, text)))
		return "in another parameter";
	return NULL;
}

/* WebSockets begin as requests. */
static const char *
carrier(const struct net_ask *a)
{
	return !strcmp(a->scheme, "ws")	   ? "http"
	       : !strcmp(a->scheme, "wss") ? "https"
					   : a->scheme;
}

static int
fits(const struct net_ask *a, size_t credential)
{
	return credential_fits(
		secrets_credential(a->net->o.secrets, credential), a->host.text,
		a->port, carrier(a), a->method, a->path);
}

static int
add_seen(struct net_ask *a, size_t credential, unsigned int seen)
{
	const struct credential *c =
		secrets_credential(a->net->o.secrets, credential);
	struct net_lend l = { .credential = credential, .seen = seen };
	const char *where;

	l.use = fits(a, credential);
	if (l.use < 0)
		return astray(a, "%.64s: its placeholder was sent to %s:%u",
			      c->name, a->host.text, a->port);
	where = misplaced(a, &l, &c->use[l.use]);
	if (where)
		return astray(a, "%.64s: its placeholder is %s", c->name,
			      where);
	a->lend[a->n_lend++] = l;
	return 0;
}

static int
find_seen(struct net_ask *a)
{
	const struct net_bytes *b = &a->m.bytes[NET_F_SEEN];
	size_t n = a->net->o.secrets ? secrets_count(a->net->o.secrets) : 0;
	uint64_t had = 0;
	int r = 0;

	_Static_assert(NET_CREDENTIALS_MAX <= 64, "a bit for each");
	for (size_t at = 0; at + 4 <= b->len && r >= 0; at += 4) {
		uint16_t v[2];

		memcpy(v, b->data + at, sizeof(v));
		if (v[0] >= n || had >> v[0] & 1)
			return -EPROTO;
		had |= UINT64_C(1) << v[0];
		r = add_seen(a, v[0], v[1]);
	}
	return r;
}

static bool
is_seen(const struct net_ask *a, size_t credential)
{
	for (size_t i = 0; i < a->n_lend; i++)
		if (a->lend[i].credential == credential)
			return true;
	return false;
}

/* Those that are set whether or not the agent sends them. */
static void
find_always(struct net_ask *a)
{
	size_t n = secrets_count(a->net->o.secrets);

	for (size_t i = 0; i < n; i++) {
		const struct credential *c =
			secrets_credential(a->net->o.secrets, i);
		int use = fits(a, i);

		if (use >= 0 && c->use[use].always && !is_seen(a, i) &&
		    (c->use[use].header || c->use[use].basic))
			a->lend[a->n_lend++] =
				(struct net_lend){ .credential = i,
						   .use = use };
	}
}

int
net_lend_find(struct net_ask *a)
{
	int r;

	if (!a->method)
		return 0;
	r = find_seen(a);
	if (r >= 0 && a->net->o.secrets)
		find_always(a);
	return r;
}

bool
net_lends(const struct net *n, const char *host, uint16_t port)
{
	return net_lends_at(n->o.config,
			    policy_store_now(n->o.policies)->policy, host,
			    port);
}

/* Putting them in */

/* format with the value where {} is. */
static char *
filled(const char *format, const char *value, size_t len)
{
	const char *hole = strstr(format, HOLE);
	size_t before = hole ? (size_t)(hole - format) : strlen(format);
	const char *rest = hole ? hole + strlen(HOLE) : "";
	size_t size = before + (hole ? len : 0) + strlen(rest) + 1;
	char *s = malloc(size);

	if (s)
		snprintf(s, size, "%.*s%.*s%s", (int)before, format,
			 hole ? (int)len : 0, value, rest);
	return s;
}

/* RFC 4648, 4. */
static char *
base64(const char *in, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)in;
	char *out = malloc((len + 2) / 3 * 4 + 1), *to = out;

	for (size_t i = 0; out && i < len; i += 3) {
		size_t n = MIN(len - i, (size_t)3);
		uint32_t v = (uint32_t)p[i] << 16;

		v |= n > 1 ? (uint32_t)p[i + 1] << 8 : 0;
		v |= n > 2 ? p[i + 2] : 0;
		*to++ = digits[v >> 18];
		*to++ = digits[v >> 12 & 63];
		*to++ = n > 1 ? digits[v >> 6 & 63] : '=';
		*to++ = n > 2 ? digits[v & 63] : '=';
	}
	if (out)
		*to = '\0';
	return out;
}

/* RFC 7617. */
static char *
basic(const char *user, const char *value, size_t len)
{
	size_t n = strlen(user) + 1 + len;
	char *pair = malloc(n + 1), *coded, *s = NULL;

	if (!pair)
		return NULL;
	snprintf(pair, n + 1, "%s:%.*s", user, (int)len, value);
	coded = base64(pair, n);
	if (coded)
		s = str_printf("Basic %s", coded);
	wipe(pair);
	wipe(coded);
	return s;
}

static int
put_in(struct net_ask *a, const struct net_lend *l, const char *value,
       size_t len)
{
	const struct credential *c =
		secrets_credential(a->net->o.secrets, l->credential);
	const struct credential_use *u = &c->use[l->use];
	char number[24];

	if (u->basic && (!l->seen || l->seen & NET_SEEN_BASIC))
		return add_edit(a, NET_F_SET_HEADERS, "authorization",
				basic(u->value ? u->value : "", value, len));
	if (u->header && (!l->seen || (l->seen & NET_SEEN_HEADER)))
		return add_edit(a, NET_F_SET_HEADERS, u->header,
				filled(u->value ? u->value : HOLE, value, len));
	snprintf(number, sizeof(number), "%zu", l->credential);
	return add_edit(
		a, NET_F_VALUES, number,
		filled(u->query && u->value ? u->value : HOLE, value, len));
}

/* One after the other */

static void next(struct net_ask *a);

static const struct net_lend *
now(const struct net_ask *a)
{
	return &a->lend[a->at_lend];
}

/* For the operator; the agent hears only that there is none. */
static void
tell_failure(const struct net *n, const struct err *e)
{
	char text[sizeof(e->text) + sizeof(e->cure) + 2];

	snprintf(text, sizeof(text), "%s%s%s", e->text, *e->cure ? "; " : "",
		 e->cure);
	n->o.finding(n->o.arg, "network.secret", text);
}

static void
on_secret(struct secret_call *c, int status, const char *value, size_t len,
	  const struct err *e)
{
	struct net_ask *a =
		(struct net_ask *)((char *)c -
				   offsetof(struct net_ask, secret));
	struct net *n = a->net;
	bool revoked = status == -EACCES;

	if (status >= 0)
		status = put_in(a, now(a), value, len);
	if (status < 0) {
		net_outcome(n, a->lend_action, "error",
			    revoked ? "revoked" : "unavailable", NULL);
		if (!revoked && e && e->code)
			tell_failure(n, e);
		net_ask_fail(
			a, revoked ? NET_REASON_REVOKED : NET_REASON_NO_SECRET,
			NULL);
		return;
	}
	net_outcome(n, a->lend_action, "ok", NULL, NULL);
	a->at_lend++;
	next(a);
}

static void
on_lent(struct net_turn *t, const struct gate_action *act)
{
	struct net_ask *a =
		(struct net_ask *)((char *)t -
				   offsetof(struct net_ask, lending));

	if (act->goes_ahead) {
		a->lend_action = act->id;
		a->step = STEP_SECRET;
		a->secret.done = on_secret;
		secret_get(a->net->o.secrets, now(a)->credential, &a->secret);
	} else if (now(a)->seen) {
		net_ask_fail(a, NET_REASON_NOT_LENT, NULL);
	} else { /* nobody asked for it */
		a->at_lend++;
		next(a);
	}
}

static void
next(struct net_ask *a)
{
	const struct credential *c;

	if (a->at_lend == a->n_lend) {
		net_ask_lent(a);
		return;
	}
	c = secrets_credential(a->net->o.secrets, now(a)->credential);
	request_init(&a->lend_rq, SURFACE_CREDENTIALS);
	request_set(&a->lend_rq, ATTR_NAME, c->name);
	request_set(&a->lend_rq, ATTR_HOST, a->host.text);
	request_set(&a->lend_rq, ATTR_USE, "network");
	request_derive(&a->lend_rq);
	a->step = STEP_LEND;
	net_turn_begin(a->net, &a->lending, &a->lend_rq, NULL, NULL, on_lent);
}

void
net_lend_begin(struct net_ask *a)
{
	a->at_lend = 0;
	next(a);
}

void
net_lend_cancel(struct net_ask *a)
{
	if (a->step == STEP_LEND) {
		net_turn_cancel(&a->lending);
		return;
	}
	secret_cancel(a->net->o.secrets, &a->secret);
	net_outcome(a->net, a->lend_action, "denied", "caller-gone",
		    "who asked did not wait for the answer");
}
