/*
 * The shim's own host. What always holds: nothing of it leaves the box, nothing
 * is decided, and it only repeats what the supervisor wrote for this agent.
 */
#include "shim/internal.h"

#include "lib/macro.h"
#include "shim/classify-internal.h"

#include <string.h>

#define LINE "GET /why/last HTTP/1."

static const char nothing[] = "{\"error\":\"nothing was refused so far\"}\n";
static const char no_such[] =
	"{\"error\":\"no such thing here; there is: GET /why/last\"}\n";

void
internal_remember(struct shim *s, const void *body, size_t len)
{
	char *copy = len && len <= SHIM_LAST_MAX ? malloc(len) : NULL;

	if (!copy)
		return;
	memcpy(copy, body, len);
	free(s->last);
	s->last = copy;
	s->last_len = len;
}

bool
internal_is(const struct conn *c)
{
	return c->host.kind == HOSTNAME_NAME &&
	       strcmp(c->host.text, SHIM_INTERNAL) == 0;
}

int
internal_answer(const struct conn *c, const char **ret_body, size_t *ret_len)
{
	const struct shim *s = c->shim;

	if (!memchr(c->early, '\n', c->early_len) && !c->client.eof &&
	    c->early_len < SHIM_URL_MAX)
		return -EAGAIN;
	if (c->early_len < strlen(LINE) ||
	    memcmp(c->early, LINE, strlen(LINE)) != 0) {
		*ret_body = no_such;
		*ret_len = strlen(no_such);
		return 404;
	}
	*ret_body = s->last ? s->last : nothing;
	*ret_len = s->last ? s->last_len : strlen(nothing);
	return 200;
}

void
internal_start(struct conn *c)
{
	static const struct answer own = { .fd = -EBADF, .body = "" };

	classify_refused(c, &own);
}
