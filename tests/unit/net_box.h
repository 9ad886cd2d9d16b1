#pragma once
/*
 * A box's network as the supervisor has it, with stand-ins for all that is
 * outside: the test is the shim, on the channel that a real process was given,
 * and the writer, the names and the servers. Definitions, for one file of a
 * test program.
 */
#include "lib/fd.h"
#include "net/batch.h"
#include "profiles/authority.h"
#include "supervisor/gate.h"
#include "supervisor/net.h"
#include "supervisor/scribe.h"
#include "tests/unit/fake_net.h"
#include "tests/unit/fake_writer.h"
#include <event2/event.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <sys/un.h>
#include <sys/wait.h>

/* ---- records ------------------------------------------------------------- */

static _unused_ const char *
text(const struct sent *s, enum field_id id)
{
	static char buf[8][4096]; /* NOLINT: looked at by the test at once */
	static unsigned int at;	  /* NOLINT */
	char *b = buf[at++ % 8];
	struct field f;

	b[0] = '\0';
	if (record_get(&s->r, id, &f))
		snprintf(b, sizeof(buf[0]), "%.*s", (int)f.len,
			 (const char *)f.bytes);
	return b;
}

/* The i-th from the end. */
static _unused_ const struct sent *
record(enum record_type type, size_t back)
{
	for (size_t i = writer->n; i--;)
		if (writer->sent[i].type == type && back-- == 0)
			return &writer->sent[i];
	FAIL("no such record of type %d", type);
}

static _unused_ size_t
count_of(enum record_type type)
{
	size_t n = 0;

	for (size_t i = 0; i < writer->n; i++)
		n += writer->sent[i].type == type;
	return n;
}

/* ---- a box --------------------------------------------------------------- */

static const char profile[] =
	"{\"version\": 1, \"name\": \"t\", \"role\": \"execute\","
	" \"rules\": ["
	"  {\"id\": \"a\", \"on\": \"network\", \"effect\": \"allow\","
	"   \"because\": \"we need it\", \"match\": {\"host\":"
	"   [\"a.example\", \"10.0.0.9\", \"map.example\"]}},"
	"  {\"id\": \"get\", \"on\": \"network\", \"effect\": \"allow\","
	"   \"match\": {\"host\": \"api.example\", \"method\": \"GET\"}},"
	"  {\"id\": \"post\", \"on\": \"network\", \"effect\": \"allow\","
	"   \"match\": {\"host\": \"api.example\", \"method\": \"POST\","
	"   \"path\": \"/v1/**\"}},"
	"  {\"id\": \"sized\", \"on\": \"network\", \"effect\": \"allow\","
	"   \"match\": {\"host\": \"sized.example\"}, \"budget\":"
	"   {\"at\": \"/size\", \"max\": 2097152, \"window\": \"1h\"}},"
	"  {\"id\": \"asks\", \"on\": \"network\", \"effect\": \"ask\","
	"   \"match\": {\"host\": \"ask.example\"}},"
	"  {\"id\": \"net\", \"on\": \"network\", \"effect\": \"allow\","
	"   \"match\": {\"host\": \"net.example\","
	"   \"address\": \"192.168.0.0/16\"}},"
	"  {\"id\": \"no\", \"on\": \"network\", \"effect\": \"deny\","
	"   \"because\": \"it leaks\", \"match\": {\"host\":"
	"   \"bad.example\"}},"
	"  {\"id\": \"cut\", \"on\": \"network\", \"effect\": \"redact\","
	"   \"match\": {\"host\": \"cut.example\"},"
	"   \"redact\": [\"/headers/cookie\", \"/query/token\"]},"
	"  {\"id\": \"lend\", \"on\": \"credentials\", \"effect\": \"allow\","
	"   \"match\": {\"name\": \"key\"}}]}";

struct found {
	char what[64], detail[256];
};

struct box {
	struct event_base *base;
	struct policy_store *policies;
	struct scribe *scribe;
	struct gate *gate;
	struct net_config config;
	struct credential credential[2];
	struct credential_use use[2];
	struct net_options o;
	struct net *net;
	int listener, client;  /* what the agent dials */
	int shims, shim, chan; /* shims connect there; the one there is */
	char path[108];
	char found[64][256];
	size_t n_found, n_resolving;
	int resolving;
	uint32_t id;
	/* the last packet */
	uint8_t packet[NET_PACKET_MAX]; /* what came */
	size_t len, at;			/* how far it is looked at */
	struct net_message m;
	int fd;
};

static struct policy *
make_policy(const char *json)
{
	const struct authority_env env = { .sets_dir = "profiles/sets" };
	struct err e = ERR_INIT;
	struct profile *p = NULL;
	struct policy *pol = NULL;

	if (profile_parse("t.json", json, strlen(json), &p, &e) < 0 ||
	    profile_policy(p, &env, &pol, &e) < 0)
		FAIL("%s", e.text);
	profile_free(p);
	return pol;
}

static _unused_ int
need_gate(void *arg, struct gate **ret, struct err *e)
{
	struct box *b = arg;
	const struct gate_options o = { .policies = b->policies,
					.scribe = b->scribe,
					.id = "0123456789ab",
					.agent = "t",
					.role = "execute" };

	if (!b->gate && gate_new(&o, &b->gate, e) < 0)
		return e->code;
	*ret = b->gate;
	return 0;
}

static _unused_ void
on_finding(void *arg, const char *what, const char *detail)
{
	struct box *b = arg;

	ASSERT_LE(b->n_found, ARRAY_SIZE(b->found) - 1);
	snprintf(b->found[b->n_found++], sizeof(b->found[0]), "%s: %.180s",
		 what, detail);
}

static _unused_ int
on_resolving(void *arg, const char *name)
{
	struct box *b = arg;

	ASSERT_TRUE(*name);
	b->n_resolving++;
	return b->resolving;
}

static _unused_ const char *
tool(const char *name)
{
	static char path[PATH_MAX]; /* NOLINT: one process for each test */
	char self[PATH_MAX] = "";

	ASSERT_GE(readlink("/proc/self/exe", self, sizeof(self) - 1), 1);
	snprintf(path, sizeof(path), "%.3000s/%s", dirname(self), name);
	return path;
}

static _unused_ int
listen_unix(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = ASSERT_OK(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	ASSERT_OK(bind(s, (struct sockaddr *)&a, sizeof(a)));
	ASSERT_OK(listen(s, 8));
	return s;
}

/* The agent dials: a connection waits in the listener. */
static _unused_ void
arrive(struct box *b)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%.100s.in", b->path);
	b->client =
		ASSERT_OK(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	ASSERT_OK(connect(b->client, (struct sockaddr *)&a, sizeof(a)));
}

/* Somebody takes it. */
static _unused_ void
depart(struct box *b)
{
	int fd = ASSERT_OK(accept(b->listener, NULL, NULL));

	close(fd);
	close(b->client);
	b->client = -1;
}

static _unused_ void
turn(struct box *b)
{
	const struct timeval tv = { .tv_usec = 2000 };

	event_base_loopexit(b->base, &tv);
	event_base_dispatch(b->base);
}

/* Until a shim has handed its channel over. */
static _unused_ void
meet(struct box *b)
{
	struct pollfd p = { .fd = b->shims, .events = POLLIN };
	size_t n;
	char x;

	while (poll(&p, 1, 0) == 0)
		turn(b);
	b->shim = ASSERT_OK(accept4(b->shims, NULL, NULL, SOCK_CLOEXEC));
	p.fd = b->shim;
	ASSERT_EQ(poll(&p, 1, -1), 1);
	ASSERT_EQ(net_recv(b->shim, &x, 1, &b->chan, 1, &n), 1);
	ASSERT_EQ(n, 1);
}

/* The next packet of the supervisor's. */
static uint16_t
hear(struct box *b)
{
	int fds[NET_FDS_MAX];
	const uint8_t *p;
	ssize_t len;
	size_t n = 0, part;

	if (b->at == b->len) {
		while ((len = net_recv(b->chan, b->packet, sizeof(b->packet),
				       fds, NET_FDS_MAX, &n)) == -EAGAIN)
			turn(b);
		ASSERT_GE(len, 1);
		b->len = (size_t)len;
		b->at = 0;
	}
	ASSERT_EQ(net_batch_next(b->packet, b->len, &b->at, &p, &part), 1);
	ASSERT_OK(net_decode(p, part, false, &b->m));
	b->fd = n ? fds[0] : -1;
	for (size_t i = 1; i < n; i++)
		close(fds[i]);
	return b->m.op;
}

static _unused_ void
say(struct box *b, struct net_writer *w)
{
	ssize_t len = net_end(w);

	ASSERT_GE(len, 1);
	ASSERT_OK(net_send(b->chan, w->buf, (size_t)len, NULL, 0));
}

static uint8_t out[NET_PACKET_MAX];

static _unused_ void
say_bare(struct box *b, enum net_op op, uint32_t id)
{
	struct net_writer w;

	net_begin(&w, out, op, 0, id);
	say(b, &w);
}

/* Nobody says anything, and the shim lives. */
static _unused_ void
quiet(struct box *b)
{
	size_t n;

	for (int i = 0; i < 3; i++)
		turn(b);
	ASSERT_EQ(b->at, b->len);
	ASSERT_ERR(net_recv(b->chan, b->packet, sizeof(b->packet), NULL, 0, &n),
		   -EAGAIN);
}

static _unused_ const char *
said(const struct box *b, enum net_field f)
{
	static char buf[4][4096]; /* NOLINT: looked at by the test at once */
	static unsigned int at;	  /* NOLINT */
	char *s = buf[at++ % 4];

	snprintf(s, sizeof(buf[0]), "%.*s", (int)b->m.bytes[f].len,
		 b->m.bytes[f].data ? (const char *)b->m.bytes[f].data : "");
	return s;
}

static _unused_ void
box_begin(struct box *b, const char *json)
{
	struct net_listeners l = { .n = 1 };
	char path[128];
	struct err e = ERR_INIT;

	memset(b, 0, sizeof(*b));
	fake.address[0] = "93.184.216.34";
	fake.n_address = 1;
	b->client = b->shim = b->chan = -1;
	ASSERT_EQ(chdir(tap_srcdir()), 0);
	b->base = event_base_new();
	net_config_default(&b->config);
	ASSERT_OK(policy_store_new(make_policy(json), &b->policies));
	ASSERT_OK(scribe_new("writer", &b->scribe, &e));
	ASSERT_OK(scribe_watch(b->scribe, b->base, &e));
	snprintf(b->path, sizeof(b->path), "%s/%d", tap_tmpdir(), getpid());
	b->shims = listen_unix(b->path);
	snprintf(path, sizeof(path), "%s.in", b->path);
	b->listener = listen_unix(path);
	l.fd[0] = fcntl(b->listener, F_DUPFD_CLOEXEC, 0);
	l.kind[0] = NET_LISTEN_ANY;
	b->o.base = b->base;
	b->o.policies = b->policies;
	b->o.gate = need_gate;
	b->o.finding = on_finding;
	b->o.resolving = on_resolving;
	b->o.arg = b;
	b->o.shim = tool("hand_shim");
	b->o.box = b->path;
	b->o.config = &b->config;
	ASSERT_OK(net_new(&b->o, &l, &b->net, &e));
	ASSERT_EQ(l.n, 0);
}

/* With a shim that serves. */
static _unused_ void
box_new(struct box *b, const char *json)
{
	box_begin(b, json);
	arrive(b);
	meet(b);
	ASSERT_EQ(hear(b), NET_SETUP);
	close(b->fd);
	say_bare(b, NET_READY, 0);
}

static _unused_ void
box_done(struct box *b)
{
	net_free(b->net);
	scribe_watch(b->scribe, NULL, NULL);
	scribe_free(b->scribe);
	gate_free(b->gate);
	policy_store_free(b->policies);
	event_base_free(b->base);
	close(b->listener);
	close(b->shims);
	if (b->client >= 0)
		close(b->client);
	if (b->shim >= 0)
		close(b->shim);
	if (b->chan >= 0)
		close(b->chan);
}

/* ---- questions ----------------------------------------------------------- */

struct q {
	const char *host, *scheme, *sni, *method, *path;
	uint16_t port;
	uint64_t conn;
	const char *query[4], *header[6]; /* name, value, ... */
	unsigned int seen;		  /* of credential 0 */
	int64_t size;
	uint16_t flags;
};

static _unused_ void
put_pairs(struct net_writer *w, enum net_field f, const char *const *v)
{
	if (!v[0])
		return;
	net_pairs_begin(w, f);
	for (; v[0]; v += 2)
		net_pairs_add(w, v[0], strlen(v[0]), v[1], strlen(v[1]));
	net_pairs_end(w);
}

static _unused_ void
ask(struct box *b, const struct q *q)
{
	struct net_writer w;

	net_begin(&w, out, NET_ASK,
		  q->flags  ? q->flags
		  : q->conn ? 0
			    : NET_WANT_FD,
		  ++b->id);
	net_put_text(&w, NET_F_HOST, q->host);
	net_put_u64(&w, NET_F_PORT, q->port ? q->port : 443);
	net_put_u64(&w, NET_F_VIA, NET_VIA_CAPTURE);
	net_put_text(&w, NET_F_SCHEME, q->scheme ? q->scheme : "tcp");
	net_put_text(&w, NET_F_SNI, q->sni);
	net_put_text(&w, NET_F_METHOD, q->method);
	net_put_text(&w, NET_F_PATH, q->path);
	put_pairs(&w, NET_F_QUERY, q->query);
	put_pairs(&w, NET_F_HEADERS, q->header);
	if (q->size)
		net_put_u64(&w, NET_F_SIZE, (uint64_t)q->size);
	if (q->seen) {
		const uint16_t v[2] = { 0, (uint16_t)q->seen };

		net_put(&w, NET_F_SEEN, v, sizeof(v));
	}
	if (q->conn)
		net_put_u64(&w, NET_F_CONN, q->conn);
	say(b, &w);
}

/* Asks, and waits for the answer; it is to be that verdict. */
static _unused_ void
answered(struct box *b, const struct q *q, enum net_verdict v)
{
	ask(b, q);
	ASSERT_EQ(hear(b), NET_ANSWER);
	ASSERT_EQ(b->m.id, b->id);
	if (b->m.number[NET_F_VERDICT] != v)
		FAIL("verdict %d: %s", (int)b->m.number[NET_F_VERDICT],
		     said(b, NET_F_BODY));
	ASSERT_EQ(b->fd >= 0, v == NET_YES && !q->conn);
	ASSERT_EQ(b->m.has[NET_F_ACTION], v == NET_YES);
	if (v != NET_YES) {
		ASSERT_FALSE(b->m.has[NET_F_CONN]);
		ASSERT_FALSE(b->m.has[NET_F_VALUES]);
		ASSERT_FALSE(b->m.has[NET_F_SET_HEADERS]);
	}
}

/* The same; the descriptor is not looked at. */
static uint64_t
yes(struct box *b, const struct q *q)
{
	answered(b, q, NET_YES);
	if (b->fd >= 0)
		close(b->fd);
	return b->m.number[NET_F_ACTION];
}

static _unused_ void
done(struct box *b, uint64_t action, const char *status)
{
	struct net_writer w;

	net_begin(&w, out, NET_DONE, 0, 0);
	net_put_u64(&w, NET_F_ACTION, action);
	net_put_text(&w, NET_F_STATUS, status);
	net_put_u64(&w, NET_F_BYTES_IN, 10);
	net_put_u64(&w, NET_F_BYTES_OUT, 20);
	say(b, &w);
	turn(b);
}

static _unused_ void
gone(struct box *b, uint64_t conn)
{
	struct net_writer w;

	net_begin(&w, out, NET_GONE, 0, 0);
	net_put_u64(&w, NET_F_CONN, conn);
	say(b, &w);
	turn(b);
}

static _unused_ json_int_t
described(const struct box *b, const char *what)
{
	json_t *j = net_describe(b->net);
	json_int_t v = json_integer_value(json_object_get(j, what));

	json_decref(j);
	return v;
}

static const struct q tcp = { .host = "a.example" };
static const struct q get = { .host = "api.example",
			      .scheme = "https",
			      .method = "GET",
			      .path = "/v1/x" };
