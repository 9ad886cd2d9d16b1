/*
 * What servers gave to be resumed with. What always holds: a session is offered
 * only to the host that was verified when it was made, once, and not after an
 * hour; there are at most TLS_SESSIONS_MAX, one for a host.
 */
#include "lib/macro.h"
#include "shim/tls-internal.h"

#include <string.h>

struct session {
	char host[HOSTNAME_MAX + 1];
	SSL_SESSION *x; /* NULL: unused */
	uint64_t turn;
};

struct sessions {
	struct session v[TLS_SESSIONS_MAX];
	uint64_t turn;
};

struct sessions *
sessions_new(void)
{
	return calloc(1, sizeof(struct sessions));
}

void
sessions_free(struct sessions *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < TLS_SESSIONS_MAX; i++)
		SSL_SESSION_free(s->v[i].x);
	free(s);
}

/* The host's place, or an unused one, or the oldest. */
static struct session *
place(struct sessions *s, const char *host)
{
	struct session *best = &s->v[0];

	for (size_t i = 0; i < TLS_SESSIONS_MAX; i++) {
		struct session *at = &s->v[i];

		if (at->x && !strcmp(at->host, host))
			return at;
		if (best->x && (!at->x || at->turn < best->turn))
			best = at;
	}
	return best;
}

void
sessions_put(struct sessions *s, const char *host, SSL_SESSION *x)
{
	struct session *at = place(s, host);

	SSL_SESSION_free(at->x);
	at->x = x;
	at->turn = ++s->turn;
	snprintf(at->host, sizeof(at->host), "%s", host);
}

SSL_SESSION *
sessions_take(struct sessions *s, const char *host)
{
	struct session *at = place(s, host);

	if (!at->x || strcmp(at->host, host))
		return NULL;
	if (SSL_SESSION_get_time(at->x) + (long)TLS_SESSION_SECONDS <
	    time(NULL)) {
		SSL_SESSION_free(TAKE_PTR(at->x));
		return NULL;
	}
	return TAKE_PTR(at->x);
}
