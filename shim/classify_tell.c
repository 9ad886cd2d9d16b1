/*
 * A stream that was refused: the agent is told why as far as what it speaks
 * allows. What always holds: it hears only what the supervisor wrote for it; a
 * client that says nothing for two seconds, or speaks neither HTTP nor TLS that
 * we can enter, sees a reset.
 */
#include "shim/classify-internal.h"

#include "lib/macro.h"
#include "shim/internal.h"
#include "shim/shim-internal.h"
#include "shim/tls.h"

#include <string.h>

#define TELL_TICKS (SHIM_TELL_MS / 1000u)

static void
say(struct conn *c)
{
	struct classify *k = c->engine;
	_cleanup_free_ char *body = TAKE_PTR(k->body);
	size_t len = k->body_len;
	int status_code = k->status_code;

	c->engine_free(c);
	if (http_refuse(c, status_code, body ? body : "", len) < 0)
		conn_free(c, true);
}

/* It is our own host that was dialled: nothing was refused. */
static void
say_internal(struct conn *c)
{
	const char *body;
	size_t len;
	int status = internal_answer(c, &body, &len);

	if (status == -EAGAIN)
		return;
	c->engine_free(c);
	if (http_refuse(c, status, body, len) < 0)
		conn_free(c, true);
}

static void
enter_tls(struct conn *c)
{
	struct classify *k = c->engine;
	struct hello h;
	int r = hello_parse(c->early, c->early_len, &h);

	if (r == 0 && !c->client.eof && c->early_len < SHIM_HELLO_MAX)
		return;
	if (r != 1 || !classify_sni_fits(&c->host, h.has_sni ? h.sni : NULL)) {
		conn_free(c, true);
		return;
	}
	k->state = CLASSIFY_TELL_TLS;
	if (classify_intercept(c) == 0)
		classify_tell(c);
}

/* What it has said so far. */
static void
look(struct conn *c)
{
	int http = classify_http(c->early, c->early_len);
	int tls = hello_looks_like(c->early, c->early_len);

	if (http == 1 && internal_is(c))
		say_internal(c);
	else if (http == 1)
		say(c);
	else if (tls == 1 && c->shim->tls)
		enter_tls(c);
	else if ((http == -EAGAIN || tls == -EAGAIN) && !c->client.eof)
		return;
	else
		conn_free(c, true);
}

static void
handshake(struct conn *c)
{
	struct err e = ERR_INIT;
	int r = tls_handshake(&c->client, &e);

	if (r == -EAGAIN)
		return;
	c->intercepted = r == 0;
	if (r < 0)
		conn_free(c, true); /* the refusal is on record already */
	else
		say(c);
}

void
classify_tell(struct conn *c)
{
	const struct classify *k = c->engine;
	ssize_t n;

	if (k->state == CLASSIFY_TELL_TLS) {
		handshake(c);
		return;
	}
	n = classify_read(c);
	if (n == -EAGAIN)
		return;
	if (n <= 0 && !c->early_len)
		conn_free(c, true);
	else
		look(c);
}

void
classify_tell_tick(struct conn *c)
{
	struct classify *k = c->engine;

	if (++k->ticks >= TELL_TICKS)
		conn_free(c, true);
}

void
classify_refused(struct conn *c, const struct answer *an)
{
	struct classify *k = c->engine;

	k->body = strndup(an->body, an->body_len);
	k->body_len = k->body ? an->body_len : 0;
	k->status_code = an->status_code;
	k->state = CLASSIFY_TELL;
	k->ticks = 0;
	if (conn_watch(c, false, classify_tell) < 0)
		conn_free(c, true);
	else if (c->early_len)
		look(c);
	else
		classify_tell(c);
}
