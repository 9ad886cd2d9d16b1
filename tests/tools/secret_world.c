/*
 * What the tests of secrets share. What always holds: no text about a failure
 * has anything of the value.
 */
#include "tests/tools/secret_world.h"

#include "tests/tap.h"

#include <event2/event.h>
#include <string.h>

static void
done(struct secret_call *c, int status, const char *value, size_t len,
     const struct err *e)
{
	struct secret_test *k = (struct secret_test *)(void *)c;

	k->told++;
	k->status = status;
	k->len = len;
	k->at = value;
	k->e = *e;
	if (value)
		memcpy(k->value, value, len);
	if (k->cancels)
		secret_cancel(k->s, &k->cancels->c);
}

void
secret_world_begin(struct secret_world *w, const char *credentials,
		   const char *const *env)
{
	_cleanup_free_ char *text =
		str_printf("{ \"credentials\": { %s } }", credentials);
	struct err e = ERR_INIT;

	w->base = event_base_new();
	ASSERT_NOT_NULL(w->base);
	ASSERT_NOT_NULL(text);
	net_config_default(&w->c);
	if (net_config_parse(&w->c, "test", text, strlen(text), true, &e) < 0)
		FAIL("%s", e.text);
	ASSERT_OK(secrets_new(w->base, &w->c, env, &w->s, &e));
}

void
secret_world_end(struct secret_world *w)
{
	secrets_free(w->s);
	net_config_done(&w->c);
	event_base_free(w->base);
}

void
secret_begin(struct secret_world *w, struct secret_test *k, size_t i)
{
	memset(k, 0, sizeof(*k));
	k->c.done = done;
	k->s = w->s;
	secret_get(w->s, i, &k->c);
}

void
secret_wait(struct secret_world *w, const struct secret_test *k)
{
	while (!k->told)
		if (event_base_loop(w->base, EVLOOP_ONCE) < 0)
			FAIL("the loop ended");
}

int
secret_value(struct secret_world *w, struct secret_test *k)
{
	secret_begin(w, k, 0);
	secret_wait(w, k);
	ASSERT_EQ(k->told, 1);
	if (k->status < 0) {
		ASSERT_EQ(k->e.code, k->status);
		ASSERT_STRSTR(k->e.text, "credential \"k\"");
		ASSERT_NULL(strstr(k->e.text, "hunter2"));
		ASSERT_NULL(strstr(k->e.cure, "hunter2"));
		ASSERT_NULL(k->at);
	}
	return k->status;
}

const char *
secret_place(char buf[PATH_MAX], const char *name)
{
	snprintf(buf, PATH_MAX, "%s/%s", tap_tmpdir(), name);
	return buf;
}
