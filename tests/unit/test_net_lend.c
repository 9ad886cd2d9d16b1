/* links: lib policy sandbox profiles audit net supervisor */
/* What the shim is told and lent: names, routes, leases, credentials, and what
 * rules take out of requests. */
#include "tests/unit/net_box.h"

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
