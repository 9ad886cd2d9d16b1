/* links: net lib */
/* The channel between supervisor and shim: what passes, what each mistake
 * leads to, and descriptors. */
#include "net/batch.h"
#include "net/wire.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

static uint8_t packet[NET_PACKET_MAX];

static int
decode(const void *data, size_t len, bool from_shim, struct net_message *ret)
{
	/* at an odd address, with nothing behind it that may be read */
	static uint8_t *p;
	int r;

	free(p);
	p = malloc(len + 1);
	ASSERT_NOT_NULL(p);
	memcpy(p + 1, data, len);
	r = net_decode(p + 1, len, from_shim, ret);
	return r;
}

static void
put_pairs(struct net_writer *w, enum net_field f, size_t n)
{
	net_pairs_begin(w, f);
	for (size_t i = 0; i < n; i++)
		net_pairs_add(w, "name", 4, "some value", i % 11);
	net_pairs_end(w);
}

static size_t
an_ask(void)
{
	struct net_writer w;
	uint16_t seen[2] = { 3, NET_SEEN_HEADER };

	net_begin(&w, packet, NET_ASK, NET_WANT_FD, 77);
	net_put_text(&w, NET_F_HOST, "a.example");
	net_put_u64(&w, NET_F_PORT, 443);
	net_put(&w, NET_F_ORIGINAL, "\xc6\x12\0\1", 4);
	net_put_u64(&w, NET_F_VIA, NET_VIA_CAPTURE);
	net_put_text(&w, NET_F_SCHEME, "https");
	net_put_text(&w, NET_F_SNI, NULL);
	put_pairs(&w, NET_F_QUERY, 2);
	put_pairs(&w, NET_F_HEADERS, NET_PAIRS_MAX);
	net_put(&w, NET_F_SEEN, seen, sizeof(seen));
	return (size_t)ASSERT_OK(net_end(&w));
}

TEST(a_question)
{
	struct net_message m;
	struct net_bytes name, value;
	size_t len = an_ask(), at = 0;

	ASSERT_OK(decode(packet, len, true, &m));
	ASSERT_EQ(m.op, NET_ASK);
	ASSERT_EQ(m.flags, NET_WANT_FD);
	ASSERT_EQ(m.id, 77);
	ASSERT_EQ(m.number[NET_F_PORT], 443);
	ASSERT_EQ(m.bytes[NET_F_HOST].len, strlen("a.example"));
	ASSERT_MEMEQ(m.bytes[NET_F_HOST].data, "a.example", 9);
	ASSERT_FALSE(m.has[NET_F_SNI]);
	ASSERT_NULL(m.bytes[NET_F_SNI].data);
	ASSERT_TRUE(m.has[NET_F_VIA]);
	ASSERT_TRUE(net_pair(&m.bytes[NET_F_QUERY], &at, &name, &value));
	ASSERT_EQ(name.len, 4);
	ASSERT_EQ(value.len, 0);
	ASSERT_TRUE(net_pair(&m.bytes[NET_F_QUERY], &at, &name, &value));
	ASSERT_MEMEQ(value.data, "s", 1);
	ASSERT_FALSE(net_pair(&m.bytes[NET_F_QUERY], &at, &name, &value));
	at = 0;
	ASSERT_FALSE(net_pair(&m.bytes[NET_F_VALUES], &at, &name, &value));
}

/* Cut anywhere, it says less or is refused; it never says something else. */
TEST(cut)
{
	size_t len = an_ask();
	struct net_message m;

	for (size_t n = 0; n < len; n++) {
		int r = decode(packet, n, true, &m);

		ASSERT_TRUE(r == 0 || r == -EPROTO);
		if (r == 0)
			ASSERT_FALSE(m.has[NET_F_SEEN]);
	}
	ASSERT_ERR(decode(packet, 11, true, &m), -EPROTO);
}

TEST(directions)
{
	static const struct {
		enum net_op op;
		bool shims;
	} ops[] = {
		{ NET_SETUP, false }, { NET_READY, true },
		{ NET_ROUTE, true },  { NET_ROUTED, false },
		{ NET_NAME, true },   { NET_NAMED, false },
		{ NET_ASK, true },    { NET_ANSWER, false },
		{ NET_CANCEL, true }, { NET_MORE, true },
		{ NET_DONE, true },   { NET_GONE, true },
		{ NET_FOUND, true },  { NET_TOLD, false },
		{ NET_EPOCH, false }, { NET_IDLE, true },
		{ NET_STAY, false },  { NET_END, false },
	};
	struct net_message m;
	struct net_writer w;

	ASSERT_EQ(ARRAY_SIZE(ops), NET_OP_MAX - 1);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		net_begin(&w, packet, ops[i].op, 0, 1);
		ASSERT_EQ(net_end(&w), 12);
		ASSERT_ERR(decode(packet, 12, !ops[i].shims, &m), -EPROTO);
		ASSERT_OK(decode(packet, 12, ops[i].shims, &m));
		/* flags are ASK's */
		net_begin(&w, packet, ops[i].op, NET_FIRST_DATA, 1);
		ASSERT_EQ(decode(packet, 12, ops[i].shims, &m),
			  ops[i].op == NET_ASK ? 0 : -EPROTO);
	}
	net_begin(&w, packet, NET_ASK, 4, 1);
	ASSERT_ERR(decode(packet, 12, true, &m), -EPROTO);
	net_begin(&w, packet, NET_OP_MAX, 0, 1);
	ASSERT_ERR(decode(packet, 12, true, &m), -EPROTO);
	net_begin(&w, packet, 0, 0, 1);
	ASSERT_ERR(decode(packet, 12, true, &m), -EPROTO);
	net_begin(&w, packet, NET_READY, 0, 1);
	packet[0] ^= 1;
	ASSERT_ERR(decode(packet, 12, true, &m), -EPROTO);
}

struct raw {
	uint16_t number, zero;
	uint32_t len;
	uint8_t bytes[48];
};

/* A packet of one field or two, put together by hand. */
static int
by_hand(const struct raw *v, size_t n)
{
	struct net_message m;
	struct net_writer w;
	size_t len = 12;

	net_begin(&w, packet, NET_ASK, 0, 1);
	for (size_t i = 0; i < n; i++) {
		memcpy(packet + len, &v[i], 8);
		memcpy(packet + len + 8, v[i].bytes,
		       MIN(v[i].len, sizeof(v[i].bytes)));
		len += 8 + MIN(v[i].len, sizeof(v[i].bytes));
	}
	return decode(packet, len, true, &m);
}

TEST(fields)
{
	static const struct {
		struct raw f;
		int want;
	} row[] = {
		{ { NET_F_HOST, 0, 1, "a" }, 0 },
		{ { NET_F_HOST, 0, 0, "" }, -EPROTO },
		{ { NET_F_HOST, 0, 2, "a" }, -EPROTO }, /* a NUL */
		{ { NET_F_HOST, 1, 1, "a" }, -EPROTO },
		{ { NET_F_HOST, 0, UINT32_MAX, "a" }, -EPROTO },
		{ { 0, 0, 1, "a" }, -EPROTO },
		{ { 14, 0, 1, "a" }, -EPROTO },
		{ { NET_FIELD_MAX, 0, 1, "a" }, -EPROTO },
		{ { UINT16_MAX, 0, 1, "a" }, -EPROTO },
		{ { NET_F_PORT, 0, 8, "\x01" }, 0 },
		{ { NET_F_PORT, 0, 8, "\xff\xff" }, 0 },
		{ { NET_F_PORT, 0, 8, "" }, -EPROTO },
		{ { NET_F_PORT, 0, 8, "\0\0\1" }, -EPROTO },
		{ { NET_F_PORT, 0, 7, "\x01" }, -EPROTO },
		{ { NET_F_PORT, 0, 9, "\x01" }, -EPROTO },
		{ { NET_F_ORIGINAL, 0, 4, "" }, 0 },
		{ { NET_F_ORIGINAL, 0, 16, "" }, 0 },
		{ { NET_F_ORIGINAL, 0, 5, "" }, -EPROTO },
		{ { NET_F_VIA, 0, 8, "\3" }, 0 },
		{ { NET_F_VIA, 0, 8, "\4" }, -EPROTO },
		{ { NET_F_PATH, 0, 0, "" }, 0 },
		{ { NET_F_QUERY, 0, 0, "" }, 0 },
		{ { NET_F_QUERY, 0, 8, "" }, 0 },
		{ { NET_F_QUERY, 0, 4, "" }, -EPROTO },
		{ { NET_F_QUERY, 0, 9, "" }, -EPROTO },
		{ { NET_F_QUERY, 0, 9, "\1\0\0\0a" }, 0 },
		{ { NET_F_QUERY, 0, 9, "\1\0\0\0" }, -EPROTO },
		{ { NET_F_QUERY, 0, 9, "\2\0\0\0a" }, -EPROTO },
		{ { NET_F_QUERY, 0, 8, "\xff\xff\xff\xff" }, -EPROTO },
		{ { NET_F_QUERY, 0, 8, "\0\0\0\0\xff\xff\xff\xff" }, -EPROTO },
		{ { NET_F_SEEN, 0, 4, "" }, 0 },
		{ { NET_F_SEEN, 0, 6, "" }, -EPROTO },
		{ { NET_F_VERDICT, 0, 8, "\2" }, 0 },
		{ { NET_F_VERDICT, 0, 8, "\3" }, -EPROTO },
		{ { NET_F_NEEDS, 0, 8, "\x0f" }, 0 },
		{ { NET_F_NEEDS, 0, 8, "\x10" }, -EPROTO },
		{ { NET_F_RESPONSE, 0, 8, "\xc8" }, 0 },
		{ { NET_F_RESPONSE, 0, 8, "\x63" }, -EPROTO },
		{ { NET_F_STATUS_CODE, 0, 8, "\0\1\1" }, -EPROTO },
		{ { NET_F_LISTENERS, 0, 2, "\0\6" }, 0 },
		{ { NET_F_LISTENERS, 0, 2, { 0, NET_LISTEN_MAX } }, -EPROTO },
		{ { NET_F_LISTENERS, 0, NET_FDS_MAX + 1, "" }, -EPROTO },
		{ { NET_F_LIMITS, 0, 8, "" }, -EPROTO },
	};

	for (size_t i = 0; i < ARRAY_SIZE(row); i++) {
		int r = by_hand(&row[i].f, 1);

		if (r != row[i].want)
			FAIL("row %zu (%s): %d, not %d", i,
			     net_field_name(row[i].f.number), r, row[i].want);
	}
}

TEST(order)
{
	const struct raw host = { NET_F_HOST, 0, 1, "a" };
	const struct raw path = { NET_F_PATH, 0, 1, "/" };
	const struct raw good[] = { host, path }, twice[] = { host, host },
			 back[] = { path, host };

	ASSERT_OK(by_hand(good, 2));
	ASSERT_ERR(by_hand(twice, 2), -EPROTO);
	ASSERT_ERR(by_hand(back, 2), -EPROTO);
}

TEST(too_much)
{
	static uint8_t big[NET_PACKET_MAX + 1];
	struct net_message m;
	struct net_writer w;

	net_begin(&w, packet, NET_ASK, 0, 1);
	put_pairs(&w, NET_F_QUERY, NET_PAIRS_MAX + 1);
	ASSERT_ERR(net_end(&w), -EINVAL);
	net_begin(&w, packet, NET_FOUND, 0, 1);
	memset(big, 'x', sizeof(big));
	net_put(&w, NET_F_DETAIL, big, NET_PACKET_MAX - 12 - 8);
	ASSERT_EQ(net_end(&w), NET_PACKET_MAX);
	ASSERT_OK(decode(packet, NET_PACKET_MAX, true, &m));
	net_put_text(&w, NET_F_REASON, "x");
	ASSERT_ERR(net_end(&w), -EMSGSIZE);
	net_begin(&w, packet, NET_FOUND, 0, 1);
	net_put(&w, NET_F_DETAIL, big, NET_PACKET_MAX + 1);
	ASSERT_ERR(net_end(&w), -EMSGSIZE);
	memcpy(big, packet, 12);
	ASSERT_ERR(decode(big, NET_PACKET_MAX + 1, true, &m), -EPROTO);
	net_begin(&w, packet, NET_ASK, 0, 1);
	net_pairs_begin(&w, NET_F_QUERY);
	net_pairs_add(&w, big, NET_PACKET_MAX, "", 0);
	net_pairs_end(&w);
	ASSERT_ERR(net_end(&w), -EMSGSIZE);
}

/* What a writer of packets does wrong is seen at its end. */
TEST(misuse)
{
	struct net_writer w;

	net_begin(&w, packet, NET_ASK, 0, 1);
	net_put_text(&w, NET_F_PATH, "/");
	net_put_text(&w, NET_F_HOST, "a");
	ASSERT_ERR(net_end(&w), -EINVAL);
	net_begin(&w, packet, NET_ASK, 0, 1);
	net_put(&w, NET_F_PATH, "a\0b", 3);
	ASSERT_ERR(net_end(&w), -EINVAL);
	net_begin(&w, packet, NET_ASK, 0, 1);
	net_put_u64(&w, NET_F_PATH, 1);
	ASSERT_ERR(net_end(&w), -EINVAL);
	net_begin(&w, packet, NET_ASK, 0, 1);
	net_put(&w, NET_F_PORT, "12345678", 8);
	ASSERT_ERR(net_end(&w), -EINVAL);
	net_begin(&w, packet, NET_ASK, 0, 1);
	net_put_u64(&w, 14, 1);
	ASSERT_ERR(net_end(&w), -EINVAL);
	net_begin(&w, packet, NET_ASK, 0, 1);
	net_pairs_begin(&w, NET_F_HOST);
	ASSERT_ERR(net_end(&w), -EINVAL);
	net_begin(&w, packet, NET_ASK, 0, 1);
	net_pairs_begin(&w, NET_F_QUERY);
	net_put_text(&w, NET_F_STATUS, "ok");
	ASSERT_ERR(net_end(&w), -EINVAL);
	net_begin(&w, packet, NET_ASK, 0, 1);
	net_pairs_begin(&w, NET_F_QUERY);
	net_pairs_add(&w, "a\0", 2, "", 0);
	net_pairs_end(&w);
	ASSERT_ERR(net_end(&w), -EINVAL);
	net_begin(&w, packet, NET_ASK, 0, 1);
	net_pairs_add(&w, "a", 1, "", 0);
	ASSERT_ERR(net_end(&w), -EINVAL);
	net_begin(&w, packet, NET_ASK, 0, 1);
	net_pairs_end(&w);
	ASSERT_ERR(net_end(&w), -EINVAL);
}

static void
pair_of(int s[2])
{
	ASSERT_OK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s));
}

TEST(descriptors)
{
	int s[2], fds[NET_FDS_MAX], many[NET_FDS_MAX];
	char buf[64];
	size_t n;

	pair_of(s);
	ASSERT_ERR(net_recv(s[1], buf, sizeof(buf), fds, 4, &n), -EAGAIN);
	for (size_t i = 0; i < NET_FDS_MAX; i++)
		many[i] = s[0];
	ASSERT_OK(net_send(s[0], "abc", 3, many, NET_FDS_MAX));
	ASSERT_EQ(net_recv(s[1], buf, sizeof(buf), fds, NET_FDS_MAX, &n), 3);
	ASSERT_EQ(n, NET_FDS_MAX);
	for (size_t i = 0; i < n; i++) {
		ASSERT_EQ(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		close(fds[i]);
	}
	/* more than are wanted: none is kept (the harness counts them) */
	ASSERT_OK(net_send(s[0], "abc", 3, many, 3));
	ASSERT_ERR(net_recv(s[1], buf, sizeof(buf), fds, 2, &n), -EBADMSG);
	ASSERT_OK(net_send(s[0], "abc", 3, many, 3));
	ASSERT_ERR(net_recv(s[1], buf, sizeof(buf), NULL, 0, &n), -EBADMSG);
	/* longer than expected */
	ASSERT_OK(net_send(s[0], "abc", 3, many, 1));
	ASSERT_ERR(net_recv(s[1], buf, 2, fds, 2, &n), -EBADMSG);
	ASSERT_ERR(net_send(s[0], "a", 1, many, NET_FDS_MAX + 1), -EINVAL);
	close(s[0]);
	ASSERT_EQ(net_recv(s[1], buf, sizeof(buf), fds, 2, &n), 0);
	ASSERT_ERR(net_send(s[1], "a", 1, NULL, 0), -EPIPE);
	close(s[1]);
}

TEST(the_largest_goes_through)
{
	static uint8_t in[NET_PACKET_MAX];
	int s[2], fds[1];
	size_t n, sent = 0;
	ssize_t r;

	pair_of(s);
	memset(packet, 'x', sizeof(packet));
	while (net_send(s[0], packet, sizeof(packet), NULL, 0) == 0)
		sent++;
	ASSERT_GE(sent, 1);
	ASSERT_ERR(net_send(s[0], packet, sizeof(packet), NULL, 0), -EAGAIN);
	r = net_recv(s[1], in, sizeof(in), fds, 1, &n);
	ASSERT_EQ(r, NET_PACKET_MAX);
	ASSERT_MEMEQ(in, packet, sizeof(in));
	close(s[0]);
	close(s[1]);
}

/* ---- many packets in one message ----------------------------------------- */

static void
made(struct net_batch *b, uint32_t id, int fd)
{
	struct net_writer w;

	net_begin(&w, net_batch_at(b), NET_CANCEL, 0, id);
	ASSERT_FALSE(net_batch_add(b, (size_t)net_end(&w), fd, fd < 0));
}

/* The packets of the next message have these numbers. */
static void
comes(int chan, size_t n_fds, uint32_t first, uint32_t last)
{
	static uint8_t in[NET_PACKET_MAX];
	size_t at = 0, part, n = 0;
	int fd = -1;
	ssize_t len = net_recv(chan, in, sizeof(in), &fd, 1, &n);
	struct net_message m;
	const uint8_t *p;

	ASSERT_GE(len, 1);
	ASSERT_EQ(n, n_fds);
	for (uint32_t id = first; id <= last; id++) {
		ASSERT_EQ(net_batch_next(in, (size_t)len, &at, &p, &part), 1);
		ASSERT_OK(net_decode(p, part, true, &m));
		ASSERT_EQ(m.id, id);
	}
	ASSERT_EQ(net_batch_next(in, (size_t)len, &at, &p, &part), 0);
	if (n)
		close(fd);
}

TEST(what_is_made_together_leaves_together)
{
	struct net_batch b;
	int s[2], fd;

	ASSERT_OK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	fd = ASSERT_OK(dup(s[0]));
	ASSERT_OK(net_batch_init(&b));
	made(&b, 1, -EBADF);
	made(&b, 2, -EBADF);
	made(&b, 3, fd); /* alone, since it brings something */
	made(&b, 4, -EBADF);
	ASSERT_OK(net_batch_send(&b, s[0]));
	ASSERT_EQ(b.n, 0);
	ASSERT_EQ(fcntl(fd, F_GETFD), -1);
	comes(s[1], 0, 1, 2);
	comes(s[1], 1, 3, 3);
	comes(s[1], 0, 4, 4);
	close(s[1]);
	made(&b, 5, -EBADF);
	ASSERT_ERR(net_batch_send(&b, s[0]), -EPIPE);
	net_batch_done(&b);
	close(s[0]);
}

TEST(a_message_that_is_cut)
{
	uint8_t p[64] = { 0 };
	const uint8_t *at_packet;
	uint32_t word = NET_MANY;
	size_t at = 0, part;

	ASSERT_ERR(net_batch_next(p, 0, &at, &at_packet, &part), -EPROTO);
	memcpy(p, &word, sizeof(word));
	ASSERT_ERR(net_batch_next(p, 4, &at, &at_packet, &part), -EPROTO);
	for (word = 0; word <= 60; word += 57) { /* none; more than is there */
		memcpy(p + 4, &word, sizeof(word));
		at = 0;
		ASSERT_ERR(net_batch_next(p, 64, &at, &at_packet, &part),
			   -EPROTO);
	}
	word = 56;
	memcpy(p + 4, &word, sizeof(word));
	at = 0;
	ASSERT_EQ(net_batch_next(p, 64, &at, &at_packet, &part), 1);
	ASSERT_EQ(part, 56);
	ASSERT_EQ(net_batch_next(p, 64, &at, &at_packet, &part), 0);
}
