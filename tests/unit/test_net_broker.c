/* links: lib policy sandbox profiles audit net supervisor */
/*
 * The supervisor's side of the network: the test is the shim, on the channel
 * that a real process was given. Names, connections, secrets and the writer are
 * stand-ins that do what a test says.
 */
#include "supervisor/net.h"

#include "lib/fd.h"
#include "profiles/authority.h"
#include "supervisor/gate.h"
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

static const char *
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
static const struct sent *
record(enum record_type type, size_t back)
{
	for (size_t i = writer->n; i--;)
		if (writer->sent[i].type == type && back-- == 0)
			return &writer->sent[i];
	FAIL("no such record of type %d", type);
}

static size_t
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
	uint8_t packet[NET_PACKET_MAX];
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

static int
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

static void
on_finding(void *arg, const char *what, const char *detail)
{
	struct box *b = arg;

	ASSERT_LE(b->n_found, ARRAY_SIZE(b->found) - 1);
	snprintf(b->found[b->n_found++], sizeof(b->found[0]), "%s: %.180s",
		 what, detail);
}

static int
on_resolving(void *arg, const char *name)
{
	struct box *b = arg;

	ASSERT_TRUE(*name);
	b->n_resolving++;
	return b->resolving;
}

static const char *
tool(const char *name)
{
	static char path[PATH_MAX]; /* NOLINT: one process for each test */
	char self[PATH_MAX] = "";

	ASSERT_GE(readlink("/proc/self/exe", self, sizeof(self) - 1), 1);
	snprintf(path, sizeof(path), "%.3000s/%s", dirname(self), name);
	return path;
}

static int
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
static void
arrive(struct box *b)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%.100s.in", b->path);
	b->client =
		ASSERT_OK(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	ASSERT_OK(connect(b->client, (struct sockaddr *)&a, sizeof(a)));
}

/* Somebody takes it. */
static void
depart(struct box *b)
{
	int fd = ASSERT_OK(accept(b->listener, NULL, NULL));

	close(fd);
	close(b->client);
	b->client = -1;
}

static void
turn(struct box *b)
{
	const struct timeval tv = { .tv_usec = 2000 };

	event_base_loopexit(b->base, &tv);
	event_base_dispatch(b->base);
}

/* Until a shim has handed its channel over. */
static void
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
	ssize_t len;
	size_t n = 0;

	while ((len = net_recv(b->chan, b->packet, sizeof(b->packet), fds,
			       NET_FDS_MAX, &n)) == -EAGAIN)
		turn(b);
	ASSERT_GE(len, 1);
	ASSERT_OK(net_decode(b->packet, (size_t)len, false, &b->m));
	b->fd = n ? fds[0] : -1;
	for (size_t i = 1; i < n; i++)
		close(fds[i]);
	return b->m.op;
}

static void
say(struct box *b, struct net_writer *w)
{
	ssize_t len = net_end(w);

	ASSERT_GE(len, 1);
	ASSERT_OK(net_send(b->chan, w->buf, (size_t)len, NULL, 0));
}

static uint8_t out[NET_PACKET_MAX];

static void
say_bare(struct box *b, enum net_op op, uint32_t id)
{
	struct net_writer w;

	net_begin(&w, out, op, 0, id);
	say(b, &w);
}

/* Nobody says anything, and the shim lives. */
static void
quiet(struct box *b)
{
	size_t n;

	for (int i = 0; i < 3; i++)
		turn(b);
	ASSERT_ERR(net_recv(b->chan, b->packet, sizeof(b->packet), NULL, 0, &n),
		   -EAGAIN);
}

static const char *
said(const struct box *b, enum net_field f)
{
	static char buf[4][4096]; /* NOLINT: looked at by the test at once */
	static unsigned int at;	  /* NOLINT */
	char *s = buf[at++ % 4];

	snprintf(s, sizeof(buf[0]), "%.*s", (int)b->m.bytes[f].len,
		 b->m.bytes[f].data ? (const char *)b->m.bytes[f].data : "");
	return s;
}

static void
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
static void
box_new(struct box *b, const char *json)
{
	box_begin(b, json);
	arrive(b);
	meet(b);
	ASSERT_EQ(hear(b), NET_SETUP);
	close(b->fd);
	say_bare(b, NET_READY, 0);
}

static void
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

static void
put_pairs(struct net_writer *w, enum net_field f, const char *const *v)
{
	if (!v[0])
		return;
	net_pairs_begin(w, f);
	for (; v[0]; v += 2)
		net_pairs_add(w, v[0], strlen(v[0]), v[1], strlen(v[1]));
	net_pairs_end(w);
}

static void
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
static void
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

static void
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

static void
gone(struct box *b, uint64_t conn)
{
	struct net_writer w;

	net_begin(&w, out, NET_GONE, 0, 0);
	net_put_u64(&w, NET_F_CONN, conn);
	say(b, &w);
	turn(b);
}

static json_int_t
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

/* ---- life ---------------------------------------------------------------- */

TEST(a_shim_starts_with_the_first_connection)
{
	struct net_limits l;
	struct box b;

	box_begin(&b, profile);
	turn(&b);
	ASSERT_EQ(described(&b, "starts"), 0);
	arrive(&b);
	meet(&b);
	ASSERT_EQ(hear(&b), NET_SETUP);
	ASSERT_STREQ(said(&b, NET_F_BOX), b.path);
	ASSERT_EQ(b.m.bytes[NET_F_LISTENERS].len, 2);
	ASSERT_EQ(b.m.bytes[NET_F_LISTENERS].data[0], NET_LISTEN_ANY);
	ASSERT_EQ(b.m.bytes[NET_F_LISTENERS].data[1], NET_LISTEN_NAMES);
	ASSERT_FALSE(b.m.has[NET_F_CA_KEY]);
	memcpy(&l, b.m.bytes[NET_F_LIMITS].data, sizeof(l));
	ASSERT_EQ(l.connections, 0);
	close(b.fd);
	ASSERT_EQ(described(&b, "starts"), 1);
	box_done(&b);
}

TEST(it_ends_when_there_is_nothing_and_starts_again)
{
	struct box b;

	box_new(&b, profile);
	/* what came meanwhile is not left lying */
	say_bare(&b, NET_IDLE, 0);
	ASSERT_EQ(hear(&b), NET_STAY);
	depart(&b);
	say_bare(&b, NET_IDLE, 0);
	ASSERT_EQ(hear(&b), NET_END);
	close(b.shim);
	close(b.chan);
	while (described(&b, "starts") == 1) {
		turn(&b);
		if (b.client < 0)
			arrive(&b);
	}
	meet(&b);
	ASSERT_EQ(hear(&b), NET_SETUP);
	close(b.fd);
	ASSERT_EQ(b.n_found, 0);
	box_done(&b);
}

TEST(one_that_dies_is_replaced_and_what_it_had_is_told)
{
	uint64_t stream, request;
	struct box b;

	box_new(&b, profile);
	stream = yes(&b, &tcp);
	request = yes(&b, &get);
	ASSERT_EQ(count_of(RECORD_OUTCOME), 1);
	close(b.shim); /* ends with status 0, unasked */
	close(b.chan);
	meet(&b);
	ASSERT_EQ(b.n_found, 1);
	ASSERT_STREQ(b.found[0], "network.shim-died: exit status 0");
	ASSERT_EQ(count_of(RECORD_OUTCOME), 2);
	ASSERT_EQ(record(RECORD_OUTCOME, 0)->ref, request);
	ASSERT_STREQ(text(record(RECORD_OUTCOME, 0), FIELD_STATUS), "unknown");
	ASSERT_EQ(record(RECORD_LIFECYCLE, 0)->ref, stream);
	ASSERT_STREQ(text(record(RECORD_LIFECYCLE, 0), FIELD_STATUS),
		     "unknown");
	ASSERT_EQ(described(&b, "connections"), 0);
	ASSERT_EQ(gate_open(b.gate), 0);
	box_done(&b);
}

TEST(the_end_of_the_box)
{
	struct box b;

	box_new(&b, profile);
	(void)yes(&b, &get);
	fake.slow = true;
	ask(&b, &tcp);
	turn(&b);
	net_free(TAKE_PTR(b.net));
	ASSERT_EQ(scribe_flush(b.scribe, 5000000), 0);
	ASSERT_STREQ(text(record(RECORD_OUTCOME, 0), FIELD_STATUS), "killed");
	ASSERT_EQ(gate_open(b.gate), 0);
	ASSERT_NULL(fake.resolving);
	box_done(&b);
}

TEST(frozen_nothing_is_answered)
{
	size_t n;
	struct box b;

	box_new(&b, profile);
	(void)yes(&b, &tcp);
	n = writer->n;
	net_freeze(b.net, true);
	ask(&b, &tcp);
	quiet(&b);
	ASSERT_EQ(writer->n, n);
	net_freeze(b.net, false);
	ASSERT_EQ(hear(&b), NET_ANSWER);
	close(b.fd);
	box_done(&b);
}

/* ---- decisions ----------------------------------------------------------- */

TEST(what_nothing_grants_is_not_resolved)
{
	const struct q q = { .host = "evil.example",
			     .scheme = "https",
			     .method = "POST",
			     .path = "/steal" };
	struct box b;

	box_new(&b, profile);
	answered(&b, &q, NET_NO);
	ASSERT_EQ(fake.n_asked, 0);
	ASSERT_EQ(b.m.number[NET_F_STATUS_CODE], 403);
	ASSERT_STRSTR(said(&b, NET_F_BODY), "\"error\":\"blocked\"");
	ASSERT_STRSTR(said(&b, NET_F_BODY), "\"host\":\"evil.example\"");
	ASSERT_STRSTR(said(&b, NET_F_BODY), "\"path\":\"/steal\"");
	ASSERT_STRSTR(said(&b, NET_F_BODY), "\"reason\":\"no-rule\"");
	ASSERT_STRSTR(said(&b, NET_F_BODY), "\"why\":\"agentbox why 101\"");
	ASSERT_STREQ(text(record(RECORD_INTENT, 0), FIELD_EFFECT), "deny");
	ASSERT_STREQ(text(record(RECORD_INTENT, 0), FIELD_TARGET),
		     "evil.example:443");
	box_done(&b);
}

TEST(reasons_of_rules)
{
	static const struct q bad = { .host = "bad.example" },
			      wait = { .host = "ask.example" },
			      other = { .host = "api.example",
					.scheme = "https",
					.method = "POST",
					.path = "/admin" };
	struct box b;

	box_new(&b, profile);
	answered(&b, &bad, NET_NO);
	ASSERT_STRSTR(said(&b, NET_F_BODY), "\"rule\":\"no\"");
	ASSERT_STRSTR(said(&b, NET_F_BODY), "\"because\":\"it leaks\"");
	ASSERT_STRSTR(said(&b, NET_F_BODY), "\"reason\":\"rule\"");
	answered(&b, &wait, NET_NO);
	ASSERT_STRSTR(said(&b, NET_F_BODY), "\"reason\":\"approval-needed\"");
	ASSERT_STRSTR(said(&b, NET_F_BODY), "\"effect\":\"ask\"");
	answered(&b, &other, NET_NO);
	ASSERT_STRSTR(said(&b, NET_F_BODY), "/path is to be");
	ASSERT_STRSTR(said(&b, NET_F_BODY), "/v1/**");
	ASSERT_EQ(gate_open(b.gate), 0);
	box_done(&b);
}

TEST(a_stream)
{
	uint64_t action, conn;
	struct box b;

	box_new(&b, profile);
	answered(&b, &tcp, NET_YES);
	ASSERT_EQ(b.n_resolving, 1);
	ASSERT_STREQ(fake.asked[0], "a.example");
	ASSERT_EQ(fake.n_dialled, 1);
	ASSERT_EQ(fake.port[0], 443);
	action = b.m.number[NET_F_ACTION];
	conn = b.m.number[NET_F_CONN];
	/* it is the connection that was made */
	ASSERT_EQ(write(fake.peer, "x", 1), 1);
	ASSERT_EQ(read(b.fd, out, 2), 1);
	close(b.fd);
	ASSERT_FALSE(b.m.has[NET_F_LEASE]);
	ASSERT_STRSTR(text(record(RECORD_INTENT, 0), FIELD_INPUTS),
		      "\"address\":\"93.184.216.34\"");
	ASSERT_EQ(record(RECORD_OUTCOME, 0)->ref, action);
	ASSERT_STREQ(text(record(RECORD_OUTCOME, 0), FIELD_STATUS), "ok");
	ASSERT_EQ(described(&b, "connections"), 1);
	done(&b, action, "ok");
	ASSERT_STREQ(text(record(RECORD_LIFECYCLE, 0), FIELD_WHAT),
		     "network.closed");
	ASSERT_EQ(record(RECORD_LIFECYCLE, 0)->ref, action);
	ASSERT_EQ(record_get_uint(&record(RECORD_LIFECYCLE, 0)->r,
				  FIELD_BYTES_IN),
		  10);
	gone(&b, conn);
	ASSERT_EQ(described(&b, "connections"), 0);
	ASSERT_EQ(described(&b, "bytes_sent"), 20);
	ASSERT_EQ(b.n_found, 0);
	box_done(&b);
}

TEST(requests_on_one_connection)
{
	struct q again = get;
	uint64_t action;
	struct box b;

	box_new(&b, profile);
	action = yes(&b, &get);
	ASSERT_EQ(count_of(RECORD_OUTCOME), 0);
	ASSERT_EQ(gate_open(b.gate), 1);
	again.conn = b.m.number[NET_F_CONN];
	done(&b, action, "ok");
	ASSERT_EQ(count_of(RECORD_OUTCOME), 1);
	ASSERT_EQ(gate_open(b.gate), 0);
	action = yes(&b, &again);
	ASSERT_EQ(b.m.number[NET_F_CONN], again.conn);
	ASSERT_EQ(fake.n_dials, 1);
	ASSERT_STRSTR(text(record(RECORD_INTENT, 0), FIELD_INPUTS),
		      "\"address\":\"93.184.216.34\"");
	again.method = "DELETE";
	answered(&b, &again, NET_NO);
	ASSERT_EQ(b.n_found, 0);
	box_done(&b);
}

TEST(twice_is_a_list)
{
	static const struct q q = { .host = "api.example",
				    .scheme = "https",
				    .method = "GET",
				    .path = "/v1/x",
				    .query = { "q", "1", "q", "2" },
				    .header = { "accept", "a", "accept", "b",
						"x", "y" } };
	struct box b;

	box_new(&b, profile);
	(void)yes(&b, &q);
	ASSERT_STRSTR(text(record(RECORD_INTENT, 0), FIELD_INPUTS),
		      "\"q\":[\"1\",\"2\"]");
	ASSERT_STRSTR(text(record(RECORD_INTENT, 0), FIELD_INPUTS),
		      "\"accept\":[\"a\",\"b\"]");
	box_done(&b);
}

TEST(no_record_no_connection)
{
	struct box b;

	box_new(&b, profile);
	writer->refuse = -ENOSPC;
	answered(&b, &tcp, NET_NO);
	ASSERT_STRSTR(said(&b, NET_F_BODY), "\"reason\":\"no-record\"");
	ASSERT_EQ(fake.n_dials, 0);
	writer->refuse = 0;
	b.resolving = -EPIPE; /* that it is resolved cannot be recorded */
	answered(&b, &tcp, NET_NO);
	ASSERT_EQ(fake.n_asked, 1);
	box_done(&b);
}

TEST(what_cannot_be_done)
{
	static const struct {
		int resolve, dial;
		size_t n;
		const char *reason, *status;
		int code;
	} row[] = {
		{ -ENOENT, 0, 0, "no-such-name", NULL, 502 },
		{ -ENODATA, 0, 0, "no-address", NULL, 502 },
		{ 0, 0, 0, "no-address", NULL, 502 },
		{ -ETIMEDOUT, 0, 0, "name-timeout", NULL, 504 },
		{ -EIO, 0, 0, "name-failed", NULL, 502 },
		{ 0, -ECONNREFUSED, 1, "connection-refused", "error", 502 },
		{ 0, -ETIMEDOUT, 1, "connect-timeout", "timeout", 504 },
		{ 0, -ENETUNREACH, 1, "unreachable", "error", 502 },
		{ 0, -EMFILE, 1, "connect-failed", "error", 502 },
	};
	struct box b;

	box_new(&b, profile);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		char want[64];

		fake.resolve_status = row[i].resolve;
		fake.dial_status = row[i].dial;
		fake.n_address = row[i].n;
		answered(&b, &tcp, NET_FAILED);
		snprintf(want, sizeof(want), "\"reason\":\"%s\"",
			 row[i].reason);
		ASSERT_STRSTR(said(&b, NET_F_BODY), want);
		ASSERT_STRSTR(said(&b, NET_F_BODY), "\"error\":\"failed\"");
		ASSERT_EQ(b.m.number[NET_F_STATUS_CODE], row[i].code);
		if (row[i].status) {
			ASSERT_STREQ(
				text(record(RECORD_OUTCOME, 0), FIELD_STATUS),
				row[i].status);
			ASSERT_STREQ(
				text(record(RECORD_OUTCOME, 0), FIELD_ERROR),
				row[i].reason);
		} else {
			ASSERT_STREQ(
				text(record(RECORD_INTENT, 0), FIELD_REASON),
				row[i].reason);
		}
		ASSERT_EQ(gate_open(b.gate), 0);
	}
	ASSERT_EQ(b.n_found, 0);
	box_done(&b);
}

/* ---- addresses ----------------------------------------------------------- */

TEST(addresses_behind_names)
{
	static const struct {
		const char *host, *address[3];
		const char *dialled; /* NULL: none */
		size_t n;
	} row[] = {
		{ "a.example", { "127.0.0.1" }, NULL, 0 },
		{ "a.example", { "10.0.0.1" }, NULL, 0 },
		{ "a.example", { "169.254.169.254" }, NULL, 0 },
		{ "a.example", { "::ffff:127.0.0.1" }, NULL, 0 },
		{ "a.example", { "64:ff9b::7f00:1" }, NULL, 0 },
		{ "a.example", { "::1" }, NULL, 0 },
		{ "a.example", { "fe80::1" }, NULL, 0 },
		{ "a.example", { "0.0.0.0" }, NULL, 0 },
		{ "a.example", { "224.0.0.1" }, NULL, 0 },
		{ "a.example", { "127.0.0.1", "8.8.8.8" }, "8.8.8.8", 1 },
		{ "a.example", { "8.8.8.8", "1.1.1.1" }, "8.8.8.8", 2 },
		/* a rule names that net */
		{ "net.example", { "192.168.1.1" }, "192.168.1.1", 1 },
		{ "net.example", { "10.0.0.1" }, NULL, 0 },
		{ "net.example", { "8.8.8.8" }, NULL, 0 },
		{ "net.example",
		  { "8.8.8.8", "192.168.1.1" },
		  "192.168.1.1",
		  1 },
	};
	struct box b;

	box_new(&b, profile);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		const struct q q = { .host = row[i].host };
		size_t dials = fake.n_dials;

		for (fake.n_address = 0; row[i].address[fake.n_address];
		     fake.n_address++)
			fake.address[fake.n_address] =
				row[i].address[fake.n_address];
		answered(&b, &q, row[i].dialled ? NET_YES : NET_NO);
		ASSERT_EQ(fake.n_dials, dials + (row[i].dialled != NULL));
		if (!row[i].dialled)
			continue;
		close(b.fd);
		ASSERT_EQ(fake.n_dialled, row[i].n);
		ASSERT_MEMEQ(fake.dialled[0].addr,
			     fake_address(row[i].dialled).addr, 16);
	}
	box_done(&b);
}

TEST(a_name_that_leads_inside_is_told)
{
	struct box b;

	box_new(&b, profile);
	fake.address[0] = "10.1.2.3";
	answered(&b, &tcp, NET_NO);
	ASSERT_STRSTR(said(&b, NET_F_BODY), "address-not-granted");
	ASSERT_STREQ(text(record(RECORD_INTENT, 0), FIELD_REASON),
		     "address-not-granted");
	ASSERT_STRSTR(text(record(RECORD_INTENT, 0), FIELD_DETAIL),
		      "a.example is at 10.1.2.3 (");
	box_done(&b);
}

TEST(addresses_that_were_dialled)
{
	static const struct q granted = { .host = "10.0.0.9" },
			      other = { .host = "10.0.0.8" };
	struct box b;

	box_new(&b, profile);
	(void)yes(&b, &granted);
	ASSERT_MEMEQ(fake.dialled[0].addr, fake_address("10.0.0.9").addr, 4);
	answered(&b, &other, NET_NO);
	ASSERT_EQ(fake.n_asked, 0);
	box_done(&b);
}

TEST(the_hosts_map)
{
	static const char json[] =
		"{\"hosts\": {\"map.example\": \"127.0.0.1:4873\"}}";
	static const struct q q = { .host = "map.example" };
	struct err e = ERR_INIT;
	struct box b;

	box_new(&b, profile);
	ASSERT_OK(
		net_config_parse(&b.config, "n", json, strlen(json), true, &e));
	(void)yes(&b, &q);
	ASSERT_EQ(fake.n_asked, 0);
	ASSERT_EQ(fake.port[0], 4873);
	ASSERT_STRSTR(text(record(RECORD_INTENT, 0), FIELD_INPUTS),
		      "\"address\":\"127.0.0.1\"");
	net_config_done(&b.config);
	box_done(&b);
}

/* ---- names, findings, routes --------------------------------------------- */

static void
name(struct box *b, const char *host, enum net_verdict v)
{
	struct net_writer w;

	net_begin(&w, out, NET_NAME, 0, ++b->id);
	net_put_text(&w, NET_F_HOST, host);
	say(b, &w);
	ASSERT_EQ(hear(b), NET_NAMED);
	ASSERT_EQ(b->m.id, b->id);
	ASSERT_EQ(b->m.number[NET_F_VERDICT], v);
}

TEST(names)
{
	struct box b;

	box_new(&b, profile);
	name(&b, "a.example", NET_YES);
	name(&b, "api.example", NET_YES);
	ASSERT_EQ(count_of(RECORD_INTENT), 0);
	name(&b, "evil.example", NET_NO);
	name(&b, "evil.example", NET_NO); /* AAAA */
	ASSERT_EQ(count_of(RECORD_INTENT), 1);
	ASSERT_STREQ(text(record(RECORD_INTENT, 0), FIELD_TARGET),
		     "evil.example");
	ASSERT_STRSTR(text(record(RECORD_INTENT, 0), FIELD_INPUTS),
		      "\"scheme\":\"dns\"");
	name(&b, "bad.example", NET_NO);
	ASSERT_EQ(count_of(RECORD_INTENT), 2);
	ASSERT_EQ(fake.n_asked, 0);
	/* another policy may say something else */
	net_policy_changed(b.net);
	ASSERT_EQ(hear(&b), NET_EPOCH);
	name(&b, "evil.example", NET_NO);
	ASSERT_EQ(count_of(RECORD_INTENT), 3);
	box_done(&b);
}

TEST(what_the_shim_refused)
{
	struct net_writer w;
	struct box b;

	box_new(&b, profile);
	net_begin(&w, out, NET_FOUND, 0, 7);
	net_put_text(&w, NET_F_HOST, "a.example");
	net_put_u64(&w, NET_F_PORT, 443);
	net_put_text(&w, NET_F_DETAIL, "b.example");
	net_put_text(&w, NET_F_REASON, "sni-mismatch");
	say(&b, &w);
	ASSERT_EQ(hear(&b), NET_TOLD);
	ASSERT_EQ(b.m.id, 7);
	ASSERT_STRSTR(said(&b, NET_F_BODY), "\"reason\":\"sni-mismatch\"");
	ASSERT_STREQ(text(record(RECORD_INTENT, 0), FIELD_REASON),
		     "sni-mismatch");
	ASSERT_STREQ(text(record(RECORD_INTENT, 0), FIELD_DETAIL), "b.example");
	/* without a host, and nobody waits */
	net_begin(&w, out, NET_FOUND, 0, 0);
	net_put_text(&w, NET_F_REASON, "socks-version");
	say(&b, &w);
	say(&b, &w);
	ASSERT_EQ(hear(&b), NET_TOLD);
	ASSERT_EQ(hear(&b), NET_TOLD);
	ASSERT_EQ(b.n_found, 0);
	box_done(&b);
}

static unsigned int
route(struct box *b, const char *host, uint16_t port)
{
	struct net_writer w;

	net_begin(&w, out, NET_ROUTE, 0, ++b->id);
	net_put_text(&w, NET_F_HOST, host);
	net_put_u64(&w, NET_F_PORT, port);
	say(b, &w);
	ASSERT_EQ(hear(b), NET_ROUTED);
	ASSERT_EQ(b->m.id, b->id);
	return (unsigned int)b->m.number[NET_F_NEEDS];
}

TEST(routes)
{
	struct box b;

	box_new(&b, profile);
	ASSERT_EQ(route(&b, "a.example", 22), 0);
	ASSERT_EQ(route(&b, "api.example", 443),
		  NET_NEEDS_HTTP | NET_NEEDS_DATA);
	ASSERT_EQ(route(&b, "evil.example", 443), NET_NEVER);
	ASSERT_EQ(route(&b, "bad.example", 443), NET_NEVER);
	box_done(&b);
}

/* ---- leases, redactions -------------------------------------------------- */

TEST(leases)
{
	static const struct q q = { .host = "sized.example" };
	struct net_writer w;
	uint64_t action;
	struct box b;

	box_new(&b, profile);
	action = yes(&b, &q);
	ASSERT_EQ(b.m.number[NET_F_LEASE], 1 << 20);
	for (int i = 0; i < 2; i++) { /* 2 MiB in all */
		net_begin(&w, out, NET_MORE, 0, ++b.id);
		net_put_u64(&w, NET_F_SIZE, 1 << 20);
		net_put_u64(&w, NET_F_ACTION, action);
		say(&b, &w);
		ASSERT_EQ(hear(&b), NET_ANSWER);
		ASSERT_EQ(b.m.number[NET_F_VERDICT], i ? NET_NO : NET_YES);
		ASSERT_EQ(b.m.has[NET_F_LEASE], !i);
	}
	ASSERT_STRSTR(said(&b, NET_F_BODY), "budget-exhausted");
	ASSERT_EQ(gate_open(b.gate), 0);
	done(&b, action, "denied");
	ASSERT_EQ(b.n_found, 0);
	box_done(&b);
}

/* The action ends while more is being decided on. */
TEST(more_of_what_has_ended)
{
	static const struct q q = { .host = "sized.example" };
	struct net_writer w;
	uint64_t action;
	struct box b;

	box_new(&b, profile);
	action = yes(&b, &q);
	writer->hangs = true;
	net_begin(&w, out, NET_MORE, 0, ++b.id);
	net_put_u64(&w, NET_F_ACTION, action);
	say(&b, &w);
	done(&b, action, "ok");
	writer->hangs = false;
	ASSERT_OK(eventfd_write(writer->fd, 1));
	quiet(&b);
	ASSERT_EQ(gate_open(b.gate), 0);
	ASSERT_EQ(b.n_found, 0);
	box_done(&b);
}

static const char *
pair_in(const struct box *b, enum net_field f, const char *name)
{
	static char buf[1024]; /* NOLINT: looked at by the test at once */
	struct net_bytes k, v;
	size_t at = 0;

	while (net_pair(&b->m.bytes[f], &at, &k, &v)) {
		if (k.len != strlen(name) || memcmp(k.data, name, k.len) != 0)
			continue;
		snprintf(buf, sizeof(buf), "%.*s", (int)v.len,
			 (const char *)v.data);
		return buf;
	}
	return NULL;
}

TEST(redactions)
{
	static const struct q q = { .host = "cut.example",
				    .scheme = "https",
				    .method = "GET",
				    .path = "/",
				    .query = { "token", "t" },
				    .header = { "cookie", "c", "x", "y" } };
	static const struct q plain = { .host = "cut.example",
					.scheme = "https",
					.method = "GET",
					.path = "/" };
	struct box b;

	box_new(&b, profile);
	(void)yes(&b, &q);
	ASSERT_STREQ(pair_in(&b, NET_F_SET_HEADERS, "cookie"), "");
	ASSERT_STREQ(pair_in(&b, NET_F_REMOVE_QUERY, "token"), "");
	(void)yes(&b, &plain);
	ASSERT_FALSE(b.m.has[NET_F_SET_HEADERS]);
	box_done(&b);
}

/* ---- credentials --------------------------------------------------------- */

static char word_key[] = "key", word_auth[] = "authorization",
	    word_bearer[] = "Bearer {}", word_host[] = "api.example",
	    word_x[] = "other", word_user[] = "me", word_q[] = "k";
static char *one_host[] = { word_host };

static void
box_lends(struct box *b)
{
	struct err e = ERR_INIT;
	struct net_listeners l = { .n = 1 };

	box_begin(b, profile);
	net_free(b->net);
	b->use[0] = (struct credential_use){ .hosts = { one_host, 1 },
					     .port = 443,
					     .header = word_auth,
					     .value = word_bearer };
	b->use[1] = b->use[0];
	b->use[1].always = true;
	b->credential[0] = (struct credential){ .name = word_key,
						.use = &b->use[0],
						.n_uses = 1 };
	b->credential[1] = (struct credential){ .name = word_x,
						.use = &b->use[1],
						.n_uses = 0 };
	b->config.credential = b->credential;
	b->config.n_credentials = 2;
	ASSERT_OK(secrets_new(b->base, &b->config, NULL, &b->o.secrets, &e));
	l.fd[0] = fcntl(b->listener, F_DUPFD_CLOEXEC, 0);
	b->o.shim = tool("hand_shim");
	ASSERT_OK(net_new(&b->o, &l, &b->net, &e));
	arrive(b);
	meet(b);
	ASSERT_EQ(hear(b), NET_SETUP);
	close(b->fd);
	say_bare(b, NET_READY, 0);
}

static const struct q with_key = { .host = "api.example",
				   .scheme = "https",
				   .method = "GET",
				   .path = "/v1/x",
				   .header = { "authorization",
					       "Bearer sk-fake-0" },
				   .seen = NET_SEEN_HEADER };

static bool
anywhere(const char *needle)
{
	for (size_t i = 0; i < writer->n; i++)
		if (memmem(writer->sent[i].r.fields,
			   writer->sent[i].r.fields_len, needle,
			   strlen(needle)))
			return true;
	return false;
}

TEST(a_secret_is_lent)
{
	struct box b;

	box_lends(&b);
	ASSERT_STREQ(pair_in(&b, NET_F_PLACEHOLDERS, "key"), "sk-fake-0");
	(void)yes(&b, &with_key);
	ASSERT_STREQ(pair_in(&b, NET_F_SET_HEADERS, "authorization"),
		     "Bearer " FAKE_SECRET);
	ASSERT_EQ(count_of(RECORD_INTENT), 2);
	ASSERT_STREQ(text(record(RECORD_INTENT, 0), FIELD_SURFACE),
		     "credentials");
	ASSERT_STREQ(text(record(RECORD_INTENT, 0), FIELD_TARGET),
		     "key for api.example");
	ASSERT_EQ(gate_open(b.gate), 1); /* the request itself */
	ASSERT_FALSE(anywhere(FAKE_SECRET));
	/* where it may be used, requests are looked at */
	ASSERT_EQ(route(&b, "api.example", 443),
		  NET_NEEDS_HTTP | NET_NEEDS_DATA);
	box_done(&b);
}

TEST(forms_of_a_secret)
{
	struct q q = with_key;
	struct box b;

	box_lends(&b);
	b.use[0].basic = true;
	b.use[0].value = word_user;
	q.seen = NET_SEEN_BASIC;
	(void)yes(&b, &q);
	/* me:the-real-secret */
	ASSERT_STREQ(pair_in(&b, NET_F_SET_HEADERS, "authorization"),
		     "Basic bWU6dGhlLXJlYWwtc2VjcmV0");
	b.use[0] = (struct credential_use){ .hosts = { one_host, 1 },
					    .port = 443,
					    .query = word_q };
	q.seen = NET_SEEN_QUERY;
	q.header[0] = NULL;
	q.query[0] = "k";
	q.query[1] = "sk-fake-0";
	(void)yes(&b, &q);
	ASSERT_STREQ(pair_in(&b, NET_F_VALUES, "0"), FAKE_SECRET);
	ASSERT_FALSE(b.m.has[NET_F_SET_HEADERS]);
	b.use[0].query = NULL; /* wherever the placeholder is */
	q = with_key;
	(void)yes(&b, &q);
	ASSERT_STREQ(pair_in(&b, NET_F_VALUES, "0"), FAKE_SECRET);
	box_done(&b);
}

TEST(a_secret_that_is_set_unasked)
{
	struct box b;

	box_lends(&b);
	b.use[0].always = true;
	(void)yes(&b, &get);
	ASSERT_STREQ(pair_in(&b, NET_F_SET_HEADERS, "authorization"),
		     "Bearer " FAKE_SECRET);
	/* of what the policy does not lend nothing is set */
	b.credential[0].name = word_x;
	(void)yes(&b, &get);
	ASSERT_FALSE(b.m.has[NET_F_SET_HEADERS]);
	box_done(&b);
}

TEST(a_placeholder_elsewhere)
{
	static const struct {
		const char *host, *method, *header;
		unsigned int seen;
	} row[] = {
		{ "cut.example", "GET", "authorization", NET_SEEN_HEADER },
		{ "api.example", "GET", "x-other", NET_SEEN_HEADER },
		{ "api.example", "GET", "authorization", NET_SEEN_PATH },
		{ "api.example", "GET", "authorization", NET_SEEN_BODY },
		{ "api.example", "GET", "authorization", NET_SEEN_BASIC },
		{ "api.example", "GET", "authorization", NET_SEEN_QUERY },
		{ "evil.example", "POST", "authorization", NET_SEEN_HEADER },
	};
	struct box b;

	box_lends(&b);
	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		struct q q = with_key;

		q.host = row[i].host;
		q.method = row[i].method;
		q.header[0] = row[i].header;
		q.seen = row[i].seen;
		answered(&b, &q, NET_NO);
		ASSERT_STRSTR(said(&b, NET_F_BODY), "placeholder-elsewhere");
		ASSERT_STREQ(text(record(RECORD_INTENT, 0), FIELD_REASON),
			     "placeholder-elsewhere");
		ASSERT_EQ(b.n_found, i + 1);
		ASSERT_STRSTR(b.found[i], "network.placeholder: key");
	}
	ASSERT_EQ(fake.n_gets, 0);
	ASSERT_EQ(fake.n_asked, 0);
	box_done(&b);
}

TEST(secrets_that_are_not_lent)
{
	struct box b;

	box_lends(&b);
	ASSERT_ERR(net_revoke(b.net, "nope"), -ENOENT);
	b.credential[0].name = word_x; /* which no rule grants */
	answered(&b, &with_key, NET_NO);
	ASSERT_STRSTR(said(&b, NET_F_BODY), "credential-denied");
	ASSERT_STREQ(text(record(RECORD_OUTCOME, 0), FIELD_STATUS), "denied");
	b.credential[0].name = word_key;
	fake.secret_status = -EIO;
	answered(&b, &with_key, NET_FAILED);
	ASSERT_STRSTR(said(&b, NET_F_BODY), "credential-unavailable");
	ASSERT_EQ(b.n_found, 1);
	fake.secret_status = 0;
	(void)yes(&b, &with_key);
	ASSERT_OK(net_revoke(b.net, "key"));
	answered(&b, &with_key, NET_NO);
	ASSERT_STRSTR(said(&b, NET_F_BODY), "credential-revoked");
	ASSERT_EQ(gate_open(b.gate), 1);
	ASSERT_EQ(fake.n_dials, 1);
	box_done(&b);
}

/* ---- who goes away ------------------------------------------------------- */

static void
cancel(struct box *b)
{
	say_bare(b, NET_CANCEL, b->id);
	turn(b);
	writer->hangs = false;
	ASSERT_OK(eventfd_write(writer->fd, 1));
	quiet(b);
	ASSERT_EQ(gate_open(b->gate), 0);
	ASSERT_EQ(b->n_found, 0);
}

TEST(nobody_waits_for_the_answer)
{
	struct box b;

	box_new(&b, profile);
	fake.slow = true;
	ask(&b, &tcp); /* being resolved */
	turn(&b);
	ASSERT_NOT_NULL(fake.resolving);
	cancel(&b);
	ASSERT_NULL(fake.resolving);
	fake.slow = false;
	writer->hangs = true;
	ask(&b, &tcp); /* being recorded */
	turn(&b);
	ASSERT_EQ(count_of(RECORD_INTENT), 1);
	cancel(&b);
	ASSERT_STREQ(text(record(RECORD_OUTCOME, 0), FIELD_STATUS), "denied");
	ask(&b, &tcp); /* being dialled */
	while (!fake.resolving)
		turn(&b);
	ASSERT_EQ(hear(&b), NET_ANSWER);
	close(b.fd);
	say_bare(&b, NET_CANCEL, b.id); /* too late, which is no offence */
	fake.slow = true;
	ask(&b, &(struct q){ .host = "10.0.0.9" });
	fake.dialling = NULL;
	while (!fake.dialling)
		turn(&b);
	cancel(&b);
	ASSERT_NULL(fake.dialling);
	ASSERT_STREQ(text(record(RECORD_OUTCOME, 0), FIELD_STATUS), "denied");
	box_done(&b);
}

/* ---- what no shim does --------------------------------------------------- */

typedef void offence(struct box *b);

static void
is_ended(const char *what, offence *fn, bool ready)
{
	struct box b;
	char buf[64];
	ssize_t r = -EAGAIN;
	size_t n;

	if (ready) {
		box_new(&b, profile);
		turn(&b);
	} else {
		box_begin(&b, profile);
		arrive(&b);
		meet(&b);
		ASSERT_EQ(hear(&b), NET_SETUP);
		close(b.fd);
	}
	fn(&b);
	/* its process is killed, whoever else holds the channel */
	while (r == -EAGAIN) {
		turn(&b);
		r = net_recv(b.shim, buf, sizeof(buf), NULL, 0, &n);
	}
	if (r != 0 || b.n_found != 1)
		FAIL("%s: %zu findings", what, b.n_found);
	ASSERT_STRSTR(b.found[0], "network.shim-p");
	box_done(&b);
}

static void
ask_early(struct box *b)
{
	ask(b, &tcp);
}

static void
ready_twice(struct box *b)
{
	say_bare(b, NET_READY, 0);
}

static void
host_not_canonical(struct box *b)
{
	ask(b, &(struct q){ .host = "A.example" });
}

static void
host_dotted(struct box *b)
{
	ask(b, &(struct q){ .host = "a.example." });
}

static void
host_decimal(struct box *b)
{
	ask(b, &(struct q){ .host = "2130706433" });
}

static void
scheme_unknown(struct box *b)
{
	ask(b, &(struct q){ .host = "a.example", .scheme = "dns" });
}

static void
method_on_stream(struct box *b)
{
	ask(b, &(struct q){ .host = "a.example",
			    .scheme = "tls",
			    .method = "GET",
			    .path = "/" });
}

static void
request_without_path(struct box *b)
{
	ask(b, &(struct q){ .host = "a.example",
			    .scheme = "https",
			    .method = "GET" });
}

static void
path_relative(struct box *b)
{
	ask(b, &(struct q){ .host = "a.example",
			    .scheme = "https",
			    .method = "GET",
			    .path = "x" });
}

static void
both_fd_and_conn(struct box *b)
{
	ask(b, &(struct q){
		       .host = "a.example", .conn = 1, .flags = NET_WANT_FD });
}

static void
neither(struct box *b)
{
	ask(b, &(struct q){ .host = "a.example", .flags = NET_FIRST_DATA });
}

static void
conn_unknown(struct box *b)
{
	ask(b, &(struct q){ .host = "a.example", .conn = 77 });
}

static void
conn_of_another_host(struct box *b)
{
	struct q q = get;

	(void)yes(b, &tcp);
	q.conn = b->m.number[NET_F_CONN];
	ask(b, &q);
}

static void
conn_of_another_port(struct box *b)
{
	struct q q = tcp;

	(void)yes(b, &tcp);
	q.conn = b->m.number[NET_F_CONN];
	q.port = 22;
	ask(b, &q);
}

static void
same_number_twice(struct box *b)
{
	fake.slow = true;
	ask(b, &tcp);
	b->id--;
	ask(b, &tcp);
}

static void
done_unknown(struct box *b)
{
	(void)yes(b, &tcp);
	done(b, b->m.number[NET_F_ACTION] + 1, "ok");
}

static void
done_twice(struct box *b)
{
	uint64_t action = yes(b, &get);

	done(b, action, "ok");
	done(b, action, "ok");
}

static void
done_with_a_word_of_its_own(struct box *b)
{
	done(b, yes(b, &tcp), "fine");
}

static void
done_unknown_status(struct box *b)
{
	done(b, yes(b, &tcp), "unknown"); /* which is the supervisor's */
}

static void
gone_unknown(struct box *b)
{
	gone(b, 5);
}

static void
more_without_lease(struct box *b)
{
	struct net_writer w;
	uint64_t action = yes(b, &tcp);

	net_begin(&w, out, NET_MORE, 0, ++b->id);
	net_put_u64(&w, NET_F_ACTION, action);
	say(b, &w);
}

static void
found_unknown_word(struct box *b)
{
	struct net_writer w;

	net_begin(&w, out, NET_FOUND, 0, 1);
	net_put_text(&w, NET_F_REASON, "because");
	say(b, &w);
}

static void
seen_without_credentials(struct box *b)
{
	ask(b, &with_key);
}

static void
a_descriptor(struct box *b)
{
	struct net_writer w;

	net_begin(&w, out, NET_IDLE, 0, 1);
	ASSERT_OK(net_send(b->chan, out, (size_t)net_end(&w), &b->listener, 1));
}

static void
garbage(struct box *b)
{
	ASSERT_OK(net_send(b->chan, "garbage", 7, NULL, 0));
}

static void
the_supervisors_op(struct box *b)
{
	say_bare(b, NET_END, 0);
}

static void
name_with_port(struct box *b)
{
	struct net_writer w;

	net_begin(&w, out, NET_NAME, 0, 1);
	net_put_text(&w, NET_F_HOST, "a.example");
	net_put_u64(&w, NET_F_PORT, 1);
	say(b, &w);
}

static void
route_not_canonical(struct box *b)
{
	struct net_writer w;

	net_begin(&w, out, NET_ROUTE, 0, 1);
	net_put_text(&w, NET_F_HOST, "0x7f.1");
	net_put_u64(&w, NET_F_PORT, 1);
	say(b, &w);
}

TEST_LIMIT(what_no_shim_does_ends_it, 60)
{
	static const struct {
		const char *what;
		offence *fn;
		bool early;
	} row[] = {
#define ROW(fn) { #fn, fn, false }
		{ "early", ask_early, true },
		ROW(ready_twice),
		ROW(host_not_canonical),
		ROW(host_dotted),
		ROW(host_decimal),
		ROW(scheme_unknown),
		ROW(method_on_stream),
		ROW(request_without_path),
		ROW(path_relative),
		ROW(both_fd_and_conn),
		ROW(neither),
		ROW(conn_unknown),
		ROW(conn_of_another_host),
		ROW(conn_of_another_port),
		ROW(same_number_twice),
		ROW(done_unknown),
		ROW(done_twice),
		ROW(done_with_a_word_of_its_own),
		ROW(done_unknown_status),
		ROW(gone_unknown),
		ROW(more_without_lease),
		ROW(found_unknown_word),
		ROW(seen_without_credentials),
		ROW(a_descriptor),
		ROW(garbage),
		ROW(the_supervisors_op),
		ROW(name_with_port),
		ROW(route_not_canonical),
#undef ROW
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			is_ended(row[i].what, row[i].fn, !row[i].early);
			_exit(0);
		}
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		if (status)
			FAIL("%s: %d", row[i].what, status);
	}
}

/* ---- many ---------------------------------------------------------------- */

#define MANY 900

TEST(many_at_once_are_all_answered)
{
	struct box b;

	box_new(&b, profile);
	for (int i = 0; i < MANY; i++) {
		ask(&b, &get);
		if (i % 32 == 31)
			turn(&b);
	}
	for (int i = 0; i < MANY; i++) {
		ASSERT_EQ(hear(&b), NET_ANSWER);
		if (b.m.number[NET_F_VERDICT] != NET_YES)
			FAIL("%d: %s", i, said(&b, NET_F_BODY));
		close(b.fd);
	}
	ASSERT_EQ(count_of(RECORD_INTENT), MANY);
	ASSERT_LE(gate_open(b.gate), 257);
	/* the oldest have their outcome, and their end is told beside it */
	ASSERT_STREQ(text(record(RECORD_OUTCOME, 0), FIELD_ERROR), "long");
	done(&b, 101, "ok");
	ASSERT_EQ(record(RECORD_LIFECYCLE, 0)->ref, 101);
	ASSERT_EQ(b.n_found, 0);
	box_done(&b);
}

TEST(limits_of_the_run)
{
	struct err e = ERR_INIT;
	struct net_listeners l = { .n = 1 };
	struct box b;

	box_begin(&b, profile);
	net_free(b.net);
	b.o.limits = (struct net_limits){ .connections = 2, .bytes_in = 15 };
	b.o.shim = tool("hand_shim");
	l.fd[0] = fcntl(b.listener, F_DUPFD_CLOEXEC, 0);
	ASSERT_OK(net_new(&b.o, &l, &b.net, &e));
	arrive(&b);
	meet(&b);
	ASSERT_EQ(hear(&b), NET_SETUP);
	close(b.fd);
	say_bare(&b, NET_READY, 0);
	(void)yes(&b, &tcp);
	done(&b, yes(&b, &tcp), "ok");
	answered(&b, &tcp, NET_NO);
	ASSERT_STRSTR(said(&b, NET_F_BODY), "too-many-connections");
	gone(&b, 1);
	done(&b, yes(&b, &tcp), "ok"); /* 20 bytes in all */
	gone(&b, 2);
	answered(&b, &tcp, NET_NO);
	ASSERT_STRSTR(said(&b, NET_F_BODY), "run-used-up");
	box_done(&b);
}
