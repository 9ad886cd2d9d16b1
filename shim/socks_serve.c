/*
 * A connection that speaks SOCKS, until its destination is known. What always
 * holds: it holds one message at most; what the client sends behind its request
 * belongs to the stream and is looked at like any other's first bytes.
 */
#include "lib/macro.h"
#include "shim/names.h"
#include "shim/reasons.h"
#include "shim/shim-internal.h"
#include "shim/socks.h"

#include <string.h>

struct socks_conn {
	struct socks socks;
	uint8_t buf[1024]; /* SOCKS_MESSAGE_MAX, and what comes behind */
	size_t len;
};
_Static_assert(sizeof(((struct socks_conn *)0)->buf) > SOCKS_MESSAGE_MAX,
	       "a whole message fits");

static void
socks_free(struct conn *c)
{
	free(TAKE_PTR(c->engine));
	c->engine_free = NULL;
	conn_on_tick(c, NULL);
}

static void
refused(struct conn *c, const struct socks *s)
{
	char detail[HOSTNAME_MAX + 64] = "";

	if (s->why)
		snprintf(detail, sizeof(detail), "%s", s->why);
	link_found(c->shim->link, s->reason, s->host.text, s->port, detail,
		   NULL);
	/* an orderly end, so that the reply arrives */
	conn_free(c, false);
}

/* The address of a name stands for the name. */
static bool
resolved(struct conn *c, const struct socks *s)
{
	size_t len = s->host.kind == HOSTNAME_IPV4 ? 4 : 16;

	c->host = s->host;
	c->port = s->port;
	c->via = NET_VIA_SOCKS;
	if (s->host.kind == HOSTNAME_NAME)
		return true;
	memcpy(c->original, s->host.addr, len);
	c->original_len = len;
	return names_host(c->shim->names, s->host.addr, len, &c->host) == 0;
}

/* What is left belongs to the stream. */
static int
keep_rest(struct conn *c, const struct socks_conn *sc)
{
	if (!sc->len)
		return 0;
	c->early = malloc(SHIM_HELLO_MAX);
	if (!c->early)
		return -ENOMEM;
	memcpy(c->early, sc->buf, sc->len);
	c->early_len = sc->len;
	return 0;
}

static void
ready(struct conn *c)
{
	struct socks_conn *sc = c->engine;
	uint8_t reply[10];

	if (!resolved(c, &sc->socks)) {
		sc->socks.reason = SHIM_WORD(UNKNOWN_NAME);
		(void)stream_write(&c->client, reply,
				   socks_put_reply(SOCKS_UNREACHABLE, reply));
		refused(c, &sc->socks);
		return;
	}
	if (keep_rest(c, sc) < 0 || classify_start(c) < 0)
		conn_free(c, true);
}

/* One message. 1: there was one; 0: more bytes are needed; -EPROTO. */
static int
next(struct conn *c, struct socks_conn *sc)
{
	struct socks *s = &sc->socks;
	ssize_t n = socks_next(s, sc->buf, sc->len), w;

	if (s->reply_len) { /* a few bytes; who does not read them is gone */
		w = stream_write(&c->client, s->reply, s->reply_len);
		if (w != (ssize_t)s->reply_len && n >= 0)
			return -EPIPE;
	}
	if (n <= 0)
		return (int)n;
	sc->len -= (size_t)n;
	memmove(sc->buf, sc->buf + n, sc->len);
	return 1;
}

static void
on_bytes(struct conn *c)
{
	struct socks_conn *sc = c->engine;

	for (;;) {
		ssize_t n = stream_read(&c->client, sc->buf + sc->len,
					sizeof(sc->buf) - sc->len);
		int r;

		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			conn_free(c, true);
			return;
		}
		sc->len += (size_t)n;
		do
			r = next(c, sc);
		while (r > 0 && sc->socks.state != SOCKS_READY);
		if (r == -EPROTO)
			refused(c, &sc->socks);
		else if (r < 0)
			conn_free(c, true);
		else if (sc->socks.state == SOCKS_READY)
			ready(c);
		else
			continue;
		return;
	}
}

static void
on_tick(struct conn *c)
{
	if (c->age_ticks < shim_head_ticks(c->shim))
		return;
	link_found(c->shim->link, SHIM_WORD(TOO_SLOW), NULL, 0, "SOCKS", NULL);
	conn_free(c, true);
}

int
socks_start(struct conn *c)
{
	struct socks_conn *sc = calloc(1, sizeof(*sc));

	if (!sc)
		return -ENOMEM;
	c->engine = sc;
	c->engine_free = socks_free;
	conn_on_tick(c, on_tick);
	if (conn_watch(c, false, on_bytes) < 0)
		return -ENOMEM;
	on_bytes(c);
	return 0;
}
