/* links: lib policy sandbox profiles audit net supervisor */
/*
 * The supervisor's side of the network: shims come and go, actions are decided
 * on, addresses judged; nothing is owed at the end.
 */
#include "tests/unit/net_box.h"

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
	ASSERT_STRSTR(said(&b, NET_F_BODY), "/path: expected matches");
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
