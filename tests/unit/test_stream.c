/* links: lib shim */
/*
 * Plain streams: ends, halves, errors, and the difference between an end and a
 * reset. (Those in TLS are test_tls's.)
 */
#include "lib/macro.h"
#include "shim/stream.h"
#include "tests/tap.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* Both ends of a TCP connection, nonblocking. */
static void
tcp_pair(int fd[2])
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(sa);

	ASSERT_GE(l, 0);
	ASSERT_OK(bind(l, (struct sockaddr *)&sa, sizeof(sa)));
	ASSERT_OK(listen(l, 1));
	ASSERT_OK(getsockname(l, (struct sockaddr *)&sa, &len));
	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT_OK(connect(fd[0], (struct sockaddr *)&sa, sizeof(sa)));
	fd[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	ASSERT_GE(fd[1], 0);
	close(l);
}

static void
unix_pair(int fd[2])
{
	ASSERT_OK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd));
}

TEST(bytes_and_ends)
{
	struct stream s = STREAM_NONE;
	char buf[16];
	int fd[2];

	unix_pair(fd);
	s.fd = fd[0];
	/* the socket itself may block: the stream does not */
	ASSERT_EQ(stream_read(&s, buf, sizeof(buf)), -EAGAIN);
	ASSERT_FALSE(s.broken);
	ASSERT_EQ(write(fd[1], "abc", 3), 3);
	ASSERT_EQ(stream_read(&s, buf, sizeof(buf)), 3);
	ASSERT_EQ(stream_write(&s, "defg", 4), 4);
	ASSERT_EQ(read(fd[1], buf, sizeof(buf)), 4);
	close(fd[1]);
	ASSERT_EQ(stream_read(&s, buf, sizeof(buf)), 0);
	ASSERT_TRUE(s.eof);
	ASSERT_EQ(stream_read(&s, buf, sizeof(buf)), 0);
	stream_close(&s, false);
	ASSERT_EQ(s.fd, -EBADF);
}

TEST(each_half_ends_by_itself)
{
	struct stream s = STREAM_NONE;
	char buf[16];
	int fd[2];

	tcp_pair(fd);
	s.fd = fd[0];
	ASSERT_OK(stream_shutdown(&s));
	ASSERT_OK(stream_shutdown(&s));
	ASSERT_EQ(read(fd[1], buf, sizeof(buf)), 0);
	ASSERT_EQ(stream_write(&s, "x", 1), -EPIPE);
	ASSERT_FALSE(s.broken);
	ASSERT_EQ(write(fd[1], "more", 4), 4);
	ASSERT_EQ(stream_read(&s, buf, sizeof(buf)), 4);
	stream_close(&s, false);
	close(fd[1]);
}

TEST(a_full_socket)
{
	static char buf[1 << 20];
	struct stream s = STREAM_NONE;
	ssize_t n;
	int fd[2];

	unix_pair(fd);
	s.fd = fd[0];
	n = stream_write(&s, buf, sizeof(buf));
	ASSERT_GE(n, 1);
	ASSERT_LE(n, (ssize_t)sizeof(buf) - 1);
	ASSERT_EQ(stream_write(&s, buf, sizeof(buf)), -EAGAIN);
	ASSERT_FALSE(s.broken);
	stream_close(&s, true);
	close(fd[1]);
}

/* The default of SIGPIPE would end this test. */
TEST(a_peer_that_is_gone)
{
	struct stream s = STREAM_NONE;
	char buf[4];
	int fd[2];

	unix_pair(fd);
	s.fd = fd[0];
	close(fd[1]);
	ASSERT_EQ(stream_write(&s, "x", 1), -EPIPE);
	ASSERT_TRUE(s.broken);
	ASSERT_EQ(stream_write(&s, "x", 1), -EPIPE);
	ASSERT_EQ(stream_read(&s, buf, sizeof(buf)), -EPIPE);
	ASSERT_EQ(stream_shutdown(&s), -EPIPE);
	stream_close(&s, false);
}

/* Born with a linger of 0, as the shim's sockets are. */
static int
read_after_close(bool reset)
{
	struct linger l = { .l_onoff = 1 };
	struct stream s = STREAM_NONE;
	char buf[4];
	ssize_t n;
	int fd[2];

	tcp_pair(fd);
	ASSERT_OK(setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	s.fd = fd[0];
	stream_close(&s, reset);
	n = read(fd[1], buf, sizeof(buf));
	n = n < 0 ? -errno : n;
	close(fd[1]);
	return (int)n;
}

TEST(an_end_is_no_reset)
{
	ASSERT_EQ(read_after_close(false), 0);
	ASSERT_EQ(read_after_close(true), -ECONNRESET);
}

TEST(a_reset_is_no_end)
{
	struct stream s = STREAM_NONE, peer = STREAM_NONE;
	char buf[4];
	int fd[2];

	tcp_pair(fd);
	s.fd = fd[0];
	peer.fd = fd[1];
	stream_close(&peer, true);
	ASSERT_EQ(stream_read(&s, buf, sizeof(buf)), -ECONNRESET);
	ASSERT_TRUE(s.broken);
	ASSERT_FALSE(s.eof);
	stream_close(&s, false);
}

TEST(closing_nothing)
{
	struct stream s = STREAM_NONE;

	stream_close(&s, true);
	stream_close(&s, false);
	ASSERT_EQ(s.fd, -EBADF);
}
