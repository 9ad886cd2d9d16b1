/*
 * The keeper of secrets. What always holds: a value is in one place, in pages
 * that no core dump and no forked child has; it is there from its first use to
 * the end of its lease and is overwritten then; after secret_revoke() nobody is
 * given it, not even who waits already.
 */
#include "net/secrets-internal.h"
#include "policy/pattern.h"

#include <event2/event.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

/* A command that failed is not tried again sooner. */
#define AGAIN_US 1000000u
#define PAGES (3u * 4096)

_Static_assert(SECRET_ROOM <= PAGES, "a secret fits its pages");

struct slot {
	struct secrets *s;
	const struct credential *c;
	char *placeholder;
	char *value; /* SECRET_ROOM bytes; mapped at the first use */
	size_t len;  /* 0: none at hand */
	uint64_t until_us;
	bool revoked;
	struct event *lease;
	struct secret_command *command; /* under way */
	struct secret_call *waiting;
	struct err failed; /* of the command, until again_us */
	uint64_t again_us;
};

struct secrets {
	struct event_base *base;
	const char *const *env;
	struct slot *slot;
	size_t n;
};

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

static void
wipe(struct slot *t)
{
	if (t->value)
		explicit_bzero(t->value, SECRET_ROOM);
	t->len = 0;
	if (t->lease)
		event_del(t->lease);
}

/* Locked where the limit allows it; a secret that is swapped is in the hands of
 * who holds the disk, which the limit alone cannot make an error. */
static int
map(struct slot *t)
{
	void *p;

	if (t->value)
		return 0;
	p = mmap(NULL, PAGES, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	if (madvise(p, PAGES, MADV_DONTDUMP) < 0 ||
	    madvise(p, PAGES, MADV_WIPEONFORK) < 0) {
		int r = -errno;

		munmap(p, PAGES);
		return r;
	}
	mlock(p, PAGES);
	t->value = p;
	return 0;
}

static void
on_lease(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	wipe(arg);
}

/* Tells all that wait now. They stay in the list until it is their turn, so
 * that one can cancel another; who comes meanwhile is behind them. */
static void
tell(struct slot *t, int status, const struct err *e)
{
	struct secret_call *c;
	size_t n = 0;

	for (c = t->waiting; c; c = c->next)
		n++;
	while (n-- && (c = t->waiting)) {
		t->waiting = c->next;
		c->next = NULL;
		/* one of them may have revoked it */
		if (status == 0 && !t->len)
			secret_get(t->s, (size_t)(t - t->s->slot), c);
		else
			c->done(c, status, status < 0 ? NULL : t->value,
				status < 0 ? 0 : t->len, e);
	}
}

static int
keep(struct slot *t, size_t n, struct err *e)
{
	uint64_t us = t->c->lease_us;
	struct timeval tv = { .tv_sec = (time_t)(us / 1000000u),
			      .tv_usec = (suseconds_t)(us % 1000000u) };
	ssize_t len = secret_check(t->c, t->value, n, e);

	if (len < 0)
		return (int)len;
	if (!t->lease)
		t->lease = evtimer_new(t->s->base, on_lease, t);
	if (!t->lease || evtimer_add(t->lease, &tv) < 0)
		return err_sys(e, -ENOMEM, "credential \"%s\"", t->c->name);
	t->len = (size_t)len;
	t->until_us = now_us() + us;
	return 0;
}

/* What was read is kept and told, or forgotten. */
static void
settle(struct slot *t, ssize_t n, struct err *e)
{
	int r = n < 0 ? (int)n : keep(t, (size_t)n, e);

	if (r < 0)
		wipe(t);
	tell(t, r, e);
	if (!t->c->lease_us)
		wipe(t);
}

static void
on_command(void *arg, ssize_t status, const struct err *said)
{
	struct slot *t = arg;
	struct err e = *said;

	t->command = NULL;
	if (status >= 0 && secret_check(t->c, t->value, (size_t)status, &e) < 0)
		status = e.code;
	if (status < 0) {
		t->failed = e;
		t->again_us = now_us() + AGAIN_US;
	}
	settle(t, status, &e);
}

static void
fetch(struct slot *t)
{
	struct err e = ERR_INIT;
	int r = map(t);

	if (r < 0) {
		err_sys(&e, r, "credential \"%s\"", t->c->name);
		settle(t, r, &e);
		return;
	}
	if (t->c->source != SECRET_COMMAND) {
		settle(t, secret_read(t->c, t->s->env, t->value, &e), &e);
		return;
	}
	if (now_us() < t->again_us) {
		e = t->failed;
		settle(t, e.code, &e);
		return;
	}
	wipe(t);
	r = secret_command_start(t->s->base, t->c, t->s->env, t->value,
				 on_command, t, &t->command, &e);
	if (r < 0)
		settle(t, r, &e);
}

static int
revoked(const struct slot *t, struct err *e)
{
	return err_set(e, -EACCES, "credential \"%s\": it was revoked",
		       t->c->name);
}

void
secret_get(struct secrets *s, size_t i, struct secret_call *c)
{
	struct slot *t = &s->slot[i];
	struct secret_call **at = &t->waiting;
	struct err e = ERR_INIT;

	c->next = NULL;
	if (t->revoked) {
		c->done(c, revoked(t, &e), NULL, 0, &e);
		return;
	}
	if (t->len && now_us() < t->until_us) {
		c->done(c, 0, t->value, t->len, &e);
		return;
	}
	while (*at)
		at = &(*at)->next;
	*at = c;
	if (!t->command)
		fetch(t);
}

void
secret_cancel(struct secrets *s, struct secret_call *c)
{
	for (size_t i = 0; i < s->n; i++) {
		struct secret_call **at = &s->slot[i].waiting;

		while (*at && *at != c)
			at = &(*at)->next;
		if (*at) {
			*at = c->next;
			c->next = NULL;
			return;
		}
	}
}

void
secret_revoke(struct secrets *s, size_t i)
{
	struct slot *t = &s->slot[i];
	struct err e = ERR_INIT;

	t->revoked = true;
	secret_command_stop(t->command);
	t->command = NULL;
	wipe(t);
	tell(t, revoked(t, &e), &e);
}

bool
secret_revoked(const struct secrets *s, size_t i)
{
	return s->slot[i].revoked;
}

static int
make_placeholder(const struct credential *c, char **ret)
{
	const char *hole = strstr(c->placeholder, "{}");
	uint8_t random[16];
	char hex[33];

	if (!hole)
		return -EINVAL;
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(hex + 2 * i, 3, "%02x", random[i]);
	*ret = str_printf("%.*s%s%s", (int)(hole - c->placeholder),
			  c->placeholder, hex, hole + 2);
	return *ret ? 0 : -ENOMEM;
}

int
secrets_new(struct event_base *base, const struct net_config *c,
	    const char *const *env, struct secrets **ret, struct err *e)
{
	struct secrets *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return err_sys(e, -ENOMEM, "credentials");
	s->base = base;
	s->env = env;
	s->slot = calloc(MAX(c->n_credentials, 1u), sizeof(*s->slot));
	if (!s->slot)
		r = -ENOMEM;
	for (size_t i = 0; r >= 0 && i < c->n_credentials; i++) {
		s->slot[i].s = s;
		s->slot[i].c = &c->credential[i];
		s->n++;
		r = make_placeholder(&c->credential[i],
				     &s->slot[i].placeholder);
	}
	if (r < 0) {
		secrets_free(s);
		return err_sys(e, r, "credentials");
	}
	*ret = s;
	return 0;
}

void
secrets_free(struct secrets *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n; i++) {
		struct slot *t = &s->slot[i];

		secret_command_stop(t->command);
		wipe(t);
		if (t->lease)
			event_free(t->lease);
		if (t->value)
			munmap(t->value, PAGES);
		free(t->placeholder);
	}
	free(s->slot);
	free(s);
}

size_t
secrets_count(const struct secrets *s)
{
	return s->n;
}

const struct credential *
secrets_credential(const struct secrets *s, size_t i)
{
	return s->slot[i].c;
}

int
secrets_find(const struct secrets *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->slot[i].c->name, name) == 0)
			return (int)i;
	return -ENOENT;
}

const char *
secrets_placeholder(const struct secrets *s, size_t i)
{
	return s->slot[i].placeholder;
}

/* Where it may go */

static bool
host_fits(const struct credential_use *u, const char *host)
{
	for (size_t i = 0; i < u->hosts.n; i++)
		if (host_match(u->hosts.v[i], host, strlen(host)))
			return true;
	return false;
}

static bool
path_fits(const struct credential_use *u, const char *path)
{
	if (!u->paths.n)
		return true;
	if (!path || !path_is_plain(path, strlen(path)))
		return false;
	for (size_t i = 0; i < u->paths.n; i++)
		if (glob_match(u->paths.v[i], path, strlen(path)) == IS_TRUE)
			return true;
	return false;
}

static bool
scheme_fits(const struct credential_use *u, const char *scheme)
{
	static const char *const safe[] = { "https", "wss", NULL };
	static const char *const plain[] = { "http", "ws", NULL };

	return str_in(scheme, safe) || (u->plain && str_in(scheme, plain));
}

int
credential_fits(const struct credential *c, const char *host, uint16_t port,
		const char *scheme, const char *method, const char *path)
{
	for (size_t i = 0; i < c->n_uses; i++) {
		const struct credential_use *u = &c->use[i];

		if (u->port == port && scheme_fits(u, scheme) &&
		    host_fits(u, host) &&
		    (!u->methods.n || strv_has(&u->methods, method)) &&
		    path_fits(u, path))
			return (int)i;
	}
	return -ENOENT;
}
