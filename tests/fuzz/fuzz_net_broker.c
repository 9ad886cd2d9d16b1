/* links: lib policy sandbox profiles audit net supervisor */
/*
 * A shim that says whatever it likes: u16 length, packet, and so on; a length
 * of 0 lets one thing that is slow come to its end. Whatever it says, each
 * action that went ahead gets one outcome, no descriptor or secret leaves
 * without an action, and nothing is left when it ends.
 */
#include "net/batch.h"
#include "supervisor/net-internal.h"
#include "tests/fuzz/fuzz.h"

#include "policy/policy_build.h"

#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#define SECRET "the-real-secret"
#define TEXT(s) ((char *)(uintptr_t)(s))

/* ---- stand-ins for names, connections, secrets --------------------------- */

enum slow { SLOW_NONE, SLOW_RESOLVE, SLOW_DIAL, SLOW_SECRET };

#define SLOW_MAX NET_ASKS_MAX

static struct {
	struct {
		enum slow what;
		void *call;
	} waits[SLOW_MAX];
	size_t n;
	bool slow;
	unsigned int turn;
	bool revoked;
} fake; /* NOLINT: of one run of the target */

static void
wait_for(enum slow what, void *call)
{
	if (fake.n == SLOW_MAX)
		abort();
	fake.waits[fake.n].what = what;
	fake.waits[fake.n++].call = call;
}

static void
cancel(enum slow what, const void *call)
{
	for (size_t i = 0; i < fake.n; i++) {
		if (fake.waits[i].what != what || fake.waits[i].call != call)
			continue;
		fake.waits[i] = fake.waits[--fake.n];
		return;
	}
	abort(); /* it was not under way */
}

static void
end_resolve(struct resolve_call *c)
{
	static const struct resolved v[] = {
		{ { 93, 184, 216, 34 }, 4 },
		{ { 127, 0, 0, 1 }, 4 },
	};
	static const int status[] = { 0, -ENOENT, 0, -ETIMEDOUT };
	int r = status[fake.turn++ % 4];

	c->done(c, r, v, r ? 0 : 2);
}

static void
end_dial(struct dial_call *c)
{
	if (fake.turn++ % 3 == 2)
		c->done(c, -ECONNREFUSED, -EBADF, 0);
	else
		c->done(c, 0, open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
}

static void
end_secret(struct secret_call *c)
{
	const struct err e = { .code = -EIO };

	if (fake.revoked)
		c->done(c, -EACCES, NULL, 0, &e);
	else if (fake.turn++ % 3 == 2)
		c->done(c, -EIO, NULL, 0, &e);
	else
		c->done(c, 0, SECRET, strlen(SECRET), NULL);
}

static void
go_on(void)
{
	enum slow what;
	void *call;

	if (!fake.n)
		return;
	what = fake.waits[--fake.n].what;
	call = fake.waits[fake.n].call;
	if (what == SLOW_RESOLVE)
		end_resolve(call);
	else if (what == SLOW_DIAL)
		end_dial(call);
	else
		end_secret(call);
}

int
resolver_new(struct event_base *base, const struct net_config *c,
	     struct resolver **ret, struct err *e)
{
	(void)base;
	(void)c;
	(void)e;
	*ret = malloc(1);
	return 0;
}

void
resolver_free(struct resolver *r)
{
	free(r);
}

void
resolve_begin(struct resolver *r, const char *name, struct resolve_call *c)
{
	(void)r;
	if (strstr(name, "evil"))
		abort(); /* nothing grants it */
	if (fake.slow)
		wait_for(SLOW_RESOLVE, c);
	else
		end_resolve(c);
}

void
resolve_cancel(struct resolver *r, struct resolve_call *c)
{
	(void)r;
	cancel(SLOW_RESOLVE, c);
}

int
dialler_new(struct event_base *base, uint64_t timeout_us, struct dialler **ret)
{
	(void)base;
	(void)timeout_us;
	*ret = malloc(1);
	return 0;
}

void
dialler_free(struct dialler *d)
{
	free(d);
}

void
dial_begin(struct dialler *d, const struct resolved *addrs,
	   const uint16_t *ports, size_t n, struct dial_call *c)
{
	(void)d;
	for (size_t i = 0; i < n; i++)
		if (!ports[i] || (addrs[i].len == 4 && addrs[i].addr[0] == 127))
			abort(); /* nobody named it */
	if (fake.slow)
		wait_for(SLOW_DIAL, c);
	else
		end_dial(c);
}

void
dial_cancel(struct dialler *d, struct dial_call *c)
{
	(void)d;
	cancel(SLOW_DIAL, c);
}

struct secrets {
	struct credential c;
	struct credential_use u;
	char *host[1];
};

void
secrets_free(struct secrets *s)
{
	free(s);
}

size_t
secrets_count(const struct secrets *s)
{
	(void)s;
	return 1;
}

const struct credential *
secrets_credential(const struct secrets *s, size_t i)
{
	(void)i;
	return &s->c;
}

int
secrets_find(const struct secrets *s, const char *name)
{
	(void)s;
	(void)name;
	return 0;
}

const char *
secrets_placeholder(const struct secrets *s, size_t i)
{
	(void)s;
	(void)i;
	return "sk-fake";
}

void
secret_get(struct secrets *s, size_t i, struct secret_call *c)
{
	(void)s;
	(void)i;
	if (fake.slow)
		wait_for(SLOW_SECRET, c);
	else
		end_secret(c);
}

void
secret_cancel(struct secrets *s, struct secret_call *c)
{
	(void)s;
	cancel(SLOW_SECRET, c);
}

void
secret_revoke(struct secrets *s, size_t i)
{
	(void)s;
	(void)i;
	fake.revoked = true;
}

bool
secret_revoked(const struct secrets *s, size_t i)
{
	(void)s;
	(void)i;
	return fake.revoked;
}

int
credential_fits(const struct credential *c, const char *host, uint16_t port,
		const char *scheme, const char *method, const char *path)
{
	(void)c;
	(void)method;
	(void)path;
	return !strcmp(host, "api.example") && port == 443 &&
			       !strcmp(scheme, "https")
		       ? 0
		       : -ENOENT;
}

/* ---- a box --------------------------------------------------------------- */

struct box {
	struct policy_store *policies;
	struct gate *gate;
	struct net_config config;
	struct secrets *secrets;
	struct net *net;
	int chan;
};

static struct policy *
make_policy(void)
{
	char name[] = "f", a[] = "a", b[] = "b", c[] = "c", d[] = "d";
	struct level level = { .name = name,
			       .kind = LEVEL_PROFILE,
			       .ceiling = CLASS_SPAWN };
	struct rule_value v[] = {
		{ .type = RULE_STRING, .s = TEXT("a.example") },
		{ .type = RULE_STRING, .s = TEXT("api.example") },
		{ .type = RULE_STRING, .s = TEXT("GET") },
		{ .type = RULE_STRING, .s = TEXT("sized.example") },
	};
	struct rule_cond cond[] = {
		{ .op = OP_HOST, .pointer = TEXT("/host"), .v = &v[0], .n = 1 },
		{ .op = OP_HOST, .pointer = TEXT("/host"), .v = &v[1], .n = 1 },
		{ .op = OP_EQ, .pointer = TEXT("/method"), .v = &v[2], .n = 1 },
		{ .op = OP_HOST, .pointer = TEXT("/host"), .v = &v[3], .n = 1 },
	};
	struct rule rule[] = {
		{ .id = a,
		  .effect = EFFECT_ALLOW,
		  .on = ON(NETWORK),
		  .match = &cond[0],
		  .n_match = 1 },
		{ .id = b,
		  .effect = EFFECT_ALLOW,
		  .on = ON(NETWORK),
		  .match = &cond[1],
		  .n_match = 2 },
		{ .id = c,
		  .effect = EFFECT_LIMIT,
		  .on = ON(NETWORK),
		  .match = &cond[3],
		  .n_match = 1,
		  .budget = { TEXT("/size"), 3 << 20, 3600000000 } },
		{ .id = d, .effect = EFFECT_ALLOW, .on = ON(CREDENTIALS) },
	};
	const struct policy_spec s = { .name = name,
				       .level = &level,
				       .n_levels = 1,
				       .rule = rule,
				       .n_rules = ARRAY_SIZE(rule) };
	struct policy *p = NULL;
	struct err e = ERR_INIT;

	if (policy_make(&s, &p, NULL, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		abort();
	}
	return p;
}

static int
need_gate(void *arg, struct gate **ret, struct err *e)
{
	struct box *b = arg;
	const struct gate_options o = { .policies = b->policies,
					.id = "0123456789ab",
					.agent = "f" };

	if (!b->gate && gate_new(&o, &b->gate, e) < 0)
		return e->code;
	*ret = b->gate;
	return 0;
}

static void
on_finding(void *arg, const char *what, const char *detail)
{
	(void)arg;
	if (strstr(what, "outcome") || strstr(detail, SECRET))
		abort(); /* one each, and no secret in texts */
}

static int
on_resolving(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return 0;
}

static void
nothing(_unused_ evutil_socket_t fd, _unused_ short what, _unused_ void *arg)
{
}

static struct secrets *
make_secrets(void)
{
	struct secrets *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->host[0] = TEXT("api.example");
	s->u = (struct credential_use){ .hosts = { s->host, 1 },
					.port = 443,
					.header = TEXT("authorization"),
					.value = TEXT("Bearer {}") };
	s->c = (struct credential){ .name = TEXT("key"),
				    .use = &s->u,
				    .n_uses = 1 };
	return s;
}

/* As after READY, without a process. */
static void
begin_serving(struct box *b)
{
	struct net_shim *s = &b->net->shim;
	struct event_base *base = b->net->o.base;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	s->chan = pair[0];
	b->chan = pair[1];
	s->pidfd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	s->pid = INT_MAX; /* nobody's */
	s->ev_read = event_new(base, s->chan, EV_READ, nothing, NULL);
	s->ev_write = event_new(base, s->chan, EV_WRITE, nothing, NULL);
	s->ev_exit = event_new(base, -1, 0, nothing, NULL);
	b->net->state = NET_SERVING;
}

static void
begin(struct box *b, struct event_base *base)
{
	struct net_options o = { .base = base,
				 .gate = need_gate,
				 .finding = on_finding,
				 .resolving = on_resolving,
				 .arg = b,
				 .shim = "/dev/null",
				 .box = "box" };
	struct net_listeners l = { .n = 0 };
	struct err e = ERR_INIT;

	memset(b, 0, sizeof(*b));
	net_config_default(&b->config);
	if (policy_store_new(make_policy(), &b->policies) < 0)
		abort();
	o.policies = b->policies;
	o.config = &b->config;
	o.secrets = make_secrets();
	if (net_new(&o, &l, &b->net, &e) < 0)
		abort();
	begin_serving(b);
}

/* A descriptor or a secret only with an action. */
static void
check_answer(const uint8_t *p, size_t len, size_t n_fds)
{
	struct net_message m;
	bool yes;

	if (net_decode(p, len, false, &m) < 0)
		abort();
	yes = m.op == NET_ANSWER && m.number[NET_F_VERDICT] == NET_YES &&
	      (m.has[NET_F_ACTION] || m.has[NET_F_LEASE]);
	if (!yes && (n_fds || memmem(p, len, SECRET, strlen(SECRET))))
		abort();
}

/* What was answered. */
static void
hear(const struct box *b)
{
	static uint8_t packet[NET_PACKET_MAX];
	int fd = -EBADF;
	size_t n;
	ssize_t len;

	while ((len = net_recv(b->chan, packet, sizeof(packet), &fd, 1, &n)) >
	       0) {
		const uint8_t *p;
		size_t at = 0, part;
		int r;

		while ((r = net_batch_next(packet, (size_t)len, &at, &p,
					   &part)) > 0)
			check_answer(p, part, n);
		if (r < 0)
			abort();
		if (n)
			close(fd);
	}
}

static void
say(struct box *b, const uint8_t *data, size_t len)
{
	struct net *n = b->net;
	struct net_message m;

	if (n->n_asks >= NET_ASKS_MAX || n->held >= NET_HELD_MAX)
		return;
	memcpy(n->in, data, len);
	if (net_decode(n->in, len, true, &m) < 0 || net_message(n, &m, len) < 0)
		net_shim_broke(n, "fuzz", "");
	hear(b);
}

static void
end(struct box *b)
{
	net_free(b->net);
	if (b->gate && gate_open(b->gate))
		abort(); /* something has no outcome */
	if (fake.n)
		abort(); /* somebody still waits */
	gate_free(b->gate);
	policy_store_free(b->policies);
	close(b->chan);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct event_base *base = event_base_new();
	struct box b;

	memset(&fake, 0, sizeof(fake));
	begin(&b, base);
	fake.slow = size && (data[0] & 1);
	for (size_t at = 1; at + 2 <= size && !b.net->shim.broken;) {
		size_t len = data[at] | (size_t)data[at + 1] << 8;

		at += 2;
		len = MIN(len, size - at);
		if (len)
			say(&b, data + at, len);
		else
			go_on();
		at += len;
		hear(&b);
		event_base_loop(base, EVLOOP_NONBLOCK);
		hear(&b);
	}
	end(&b);
	event_base_free(base);
	return 0;
}
