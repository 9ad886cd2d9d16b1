/*
 * From a destination to an engine: asks what rules look at there, looks at the
 * client's first bytes no deeper than that, and hands over. What always holds:
 * nothing is dialled before the supervisor said yes to this very stream; a TLS
 * hello that is seen is for the host that was decided on, or the stream ends;
 * who has to speak first and does not is decided on without it, and may then
 * begin neither TLS nor HTTP.
 */
#include "shim/classify-internal.h"

#include "lib/macro.h"
#include "shim/internal.h"
#include "shim/reasons.h"
#include "shim/shim-internal.h"
#include "shim/socks.h"
#include "shim/tls.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define SILENCE_TICKS 2u /* the server may be the one that speaks first */
#define METHOD_MAX 20u	 /* as they are registered, the longest has 16 */

/* ---- pure ---------------------------------------------------------------- */

static bool
is_letter(uint8_t b)
{
	return (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z');
}

/* A method in letters and a blank. SSH and the like have other bytes before
 * their first blank; what is taken for HTTP wrongly is refused there, what is
 * missed is decided on without method and path, so rules on them deny. */
int
classify_http(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len && i <= METHOD_MAX; i++) {
		if (data[i] == ' ')
			return i > 0;
		if (!is_letter(data[i]) &&
		    (i == 0 || (data[i] != '-' && data[i] != '_')))
			return 0;
	}
	return len > METHOD_MAX ? 0 : -EAGAIN;
}

bool
classify_sni_fits(const struct hostname *host, const char *sni)
{
	struct hostname h;

	if (!sni)
		return true;
	return hostname_parse(sni, strlen(sni), false, &h, NULL) == 0 &&
	       h.kind == HOSTNAME_NAME && host->kind == HOSTNAME_NAME &&
	       strcmp(h.text, host->text) == 0;
}

uint32_t
shim_head_ticks(const struct shim *s)
{
	uint64_t us = s->limits.head_us;

	return us ? (uint32_t)MIN((us + 999999u) / 1000000u, UINT32_MAX)
		  : SHIM_HEAD_S;
}

/* ---- life ---------------------------------------------------------------- */

static void
classify_free(struct conn *c)
{
	struct classify *k = TAKE_PTR(c->engine);

	if (k->route.id)
		link_route_cancel(c->shim->link, &k->route);
	if (k->ask.id)
		link_ask_cancel(c->shim->link, &k->ask);
	free(k->hello);
	free(k->body);
	free(k);
	c->engine_free = NULL;
	conn_on_tick(c, NULL);
}

void
classify_found(struct conn *c, const char *reason, const char *detail)
{
	link_found(c->shim->link, reason, c->host.text, c->port, detail, NULL);
	conn_free(c, true);
}

/* The client of a SOCKS proxy hears once, before anything else. Returns whether
 * it was now. */
static bool
socks_says(struct conn *c, enum socks_reply r)
{
	uint8_t reply[10];

	if (c->via != NET_VIA_SOCKS || c->told)
		return false;
	c->told = true;
	/* ten bytes after a dozen: a socket that does not take them is gone */
	(void)stream_write(&c->client, reply, socks_put_reply(r, reply));
	return true;
}

/* ---- the decision -------------------------------------------------------- */

static void
on_answer(struct ask *a, struct answer *an)
{
	struct classify *k =
		(void *)((char *)a - offsetof(struct classify, ask));
	struct conn *c = k->conn;

	if (an->verdict != NET_YES || an->fd < 0) {
		if (socks_says(c, an->verdict == NET_NO ? SOCKS_NOT_ALLOWED
							: SOCKS_UNREACHABLE))
			conn_free(c, false);
		else
			classify_refused(c, an);
		return;
	}
	c->server.fd = TAKE_FD(an->fd);
	c->number = an->conn;
	c->action = an->action;
	(void)socks_says(c, SOCKS_OK);
	if (relay_start(c, an->leased, an->lease, NULL, 0) < 0)
		conn_free(c, true);
}

/* What comes meanwhile stays in the kernel. */
static void
wait_only(_unused_ struct conn *c)
{
}

static void
ask(struct conn *c, const char *scheme, bool first_data)
{
	struct classify *k = c->engine;
	const struct action act = {
		.host = c->host.text,
		.port = c->port,
		.original = c->original_len ? c->original : NULL,
		.original_len = c->original_len,
		.via = c->via,
		.scheme = scheme,
		.sni = k->hello && k->hello->has_sni ? k->hello->sni : NULL,
		.size = -1,
		.first_data = first_data,
	};

	k->state = CLASSIFY_ASK;
	if (c->fn[0])
		c->fn[0] = wait_only;
	k->ask.done = on_answer;
	link_ask(c->shim->link, &act, &k->ask);
}

/* The client has not spoken: what it says first is looked at then. */
static void
ask_unseen(struct conn *c, bool late)
{
	c->guard = true;
	c->guard_late = late;
	ask(c, "tcp", false);
}

/* ---- the client's first bytes -------------------------------------------- */

static int
grow(struct conn *c)
{
	uint8_t *p;

	if (c->early)
		return 0;
	p = malloc(SHIM_HELLO_MAX);
	if (!p)
		return -ENOMEM;
	c->early = p;
	c->early_len = 0;
	return 0;
}

ssize_t
classify_read(struct conn *c)
{
	ssize_t n;

	if (grow(c) < 0)
		return -ENOMEM;
	if (c->early_len >= SHIM_HELLO_MAX)
		return -ENOBUFS;
	n = stream_read(&c->client, c->early + c->early_len,
			SHIM_HELLO_MAX - c->early_len);
	if (n > 0)
		c->early_len += (size_t)n;
	return n;
}

static void
start_http(struct conn *c)
{
	classify_free(c);
	if (http_start(c, false) < 0)
		conn_free(c, true);
}

static void
on_handshake(struct conn *c)
{
	struct err e = ERR_INIT;
	int r = tls_handshake(&c->client, &e);

	if (r == -EAGAIN)
		return;
	if (r < 0) {
		classify_found(c, SHIM_WORD(TLS_CLIENT), e.text);
		return;
	}
	c->intercepted = true;
	start_http(c);
}

int
classify_intercept(struct conn *c)
{
	struct err e = ERR_INIT;
	int r = tls_accept(c->shim->tls, &c->client, c->host.text, c->early,
			   c->early_len, &e);

	free(TAKE_PTR(c->early));
	c->early_len = 0;
	if (r < 0)
		classify_found(c, SHIM_WORD(TLS_CLIENT), e.text);
	return r;
}

static bool
looks_into(const struct conn *c)
{
	return c->needs & NET_NEEDS_HTTP && !(c->needs & NET_NEEDS_PASS);
}

static void
got_hello(struct conn *c)
{
	struct classify *k = c->engine;
	const struct hello *h = k->hello;

	if (!classify_sni_fits(&c->host, h->has_sni ? h->sni : NULL)) {
		classify_found(c, SHIM_WORD(SNI_MISMATCH), h->sni);
		return;
	}
	if (!looks_into(c) || !c->shim->tls) {
		ask(c, "tls", true);
		return;
	}
	k->state = CLASSIFY_TLS;
	k->ticks = 0;
	if (classify_intercept(c) < 0)
		return;
	c->fn[0] = on_handshake;
	on_handshake(c);
}

/* Returns whether more bytes are needed. */
static bool
looked_at_tls(struct conn *c)
{
	struct classify *k = c->engine;
	int r;

	if (!k->hello)
		k->hello = malloc(sizeof(*k->hello));
	if (!k->hello) {
		conn_free(c, true);
		return false;
	}
	r = hello_parse(c->early, c->early_len, k->hello);
	if (r == 0 && c->early_len < SHIM_HELLO_MAX && !c->client.eof)
		return true;
	if (r == 1)
		got_hello(c);
	else
		classify_found(c, SHIM_WORD(BAD_HELLO), NULL);
	return false;
}

static bool
looked_at(struct conn *c)
{
	int tls = hello_looks_like(c->early, c->early_len);
	int http = classify_http(c->early, c->early_len);

	if (tls == 1)
		return looked_at_tls(c);
	if ((tls == -EAGAIN || http == -EAGAIN) && !c->client.eof)
		return true;
	if (http == 1 && looks_into(c))
		start_http(c);
	else
		ask(c, http == 1 ? "http" : "tcp", true);
	return false;
}

static void
sniff(struct conn *c)
{
	bool more = true;

	if (c->early_len)
		more = looked_at(c);
	while (more) {
		ssize_t n = classify_read(c);

		if (n == -EAGAIN)
			return;
		if (n < 0 || (n == 0 && !c->early_len)) {
			conn_free(c, n < 0); /* it never asked for anything */
			return;
		}
		more = looked_at(c);
	}
}

/* ---- the way ------------------------------------------------------------- */

static void
sniff_tick(struct conn *c)
{
	struct classify *k = c->engine;
	bool silent = !c->early_len && k->state == CLASSIFY_SNIFF;
	uint32_t limit = silent && !looks_into(c) ? SILENCE_TICKS
						  : shim_head_ticks(c->shim);

	if (++k->ticks < limit)
		return;
	if (silent)
		ask_unseen(c, true);
	else
		classify_found(c, SHIM_WORD(TOO_SLOW), NULL);
}

static void
on_tick(struct conn *c)
{
	struct classify *k = c->engine;

	if (k->state == CLASSIFY_SNIFF || k->state == CLASSIFY_TLS)
		sniff_tick(c);
	else if (k->state >= CLASSIFY_TELL)
		classify_tell_tick(c);
}

static void
on_routed(struct route_call *rc, unsigned int needs)
{
	struct classify *k =
		(void *)((char *)rc - offsetof(struct classify, route));
	struct conn *c = k->conn;

	c->needs = needs;
	if (needs & NET_NEVER || !(needs & (NET_NEEDS_DATA | NET_NEEDS_HTTP))) {
		ask_unseen(c, false);
		return;
	}
	k->state = CLASSIFY_SNIFF;
	k->ticks = 0;
	(void)socks_says(c, SOCKS_OK); /* else the client says nothing */
	if (conn_watch(c, false, sniff) < 0)
		conn_free(c, true);
	else
		sniff(c);
}

int
classify_start(struct conn *c)
{
	struct classify *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	if (c->engine_free)
		c->engine_free(c);
	k->conn = c;
	k->route.done = on_routed;
	c->engine = k;
	c->engine_free = classify_free;
	conn_on_tick(c, on_tick);
	if (c->fn[0])
		c->fn[0] = wait_only;
	if (internal_is(c)) {
		(void)socks_says(c, SOCKS_OK);
		internal_start(c);
		return 0;
	}
	link_route(c->shim->link, c->host.text, c->port, &k->route);
	return 0;
}
