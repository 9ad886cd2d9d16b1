/* links: lib shim */
/*
 * TLS works in a process that may open no file, dial nothing and ask nobody:
 * everything that OpenSSL wants from the system is there before, or comes by
 * the calls that the shim keeps. And what a connection in TLS weighs.
 */
#include "lib/fd.h"
#include "lib/macro.h"
#include "lib/str.h"
#include "shim/tls-internal.h"
#include "tests/tap.h"
#include "tests/tools/tls_peer.h"

#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct setting {
	struct tls_context *t;
	struct cert root, leaf;
	char *pem;
};

static void
setting_init(struct setting *x)
{
	x->root = cert_make(&(struct cert_want){ .ca = true });
	x->leaf = cert_make(
		&(struct cert_want){ .san = "DNS:a.example", .by = &x->root });
	x->pem = cert_pem(&x->root);
	x->t = peer_context(x->pem);
}

static void
setting_done(struct setting *x)
{
	tls_context_free(x->t);
	cert_done(&x->root);
	cert_done(&x->leaf);
	free(x->pem);
}

/* Both sides in TLS with each other, as the shim would be in the middle. */
static int
join(struct setting *x, struct stream *a, struct stream *b, bool verify)
{
	struct err e = ERR_INIT;
	int fd[2], ra = -EAGAIN, rb = -EAGAIN;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) < 0)
		return -errno;
	*a = (struct stream){ .fd = fd[0] };
	*b = (struct stream){ .fd = fd[1] };
	if (tls_accept(x->t, a, "a.example", NULL, 0, &e) < 0 ||
	    tls_connect(x->t, b, "a.example", &e) < 0)
		return e.code;
	/* our CA is not among the roots: refused, unless not looked at */
	if (!verify)
		SSL_set_verify(b->tls->ssl, SSL_VERIFY_NONE, NULL);
	for (int i = 0; i < 10 && (ra == -EAGAIN || rb == -EAGAIN); i++) {
		if (rb == -EAGAIN)
			rb = tls_handshake(b, &e);
		if (ra == -EAGAIN)
			ra = tls_handshake(a, &e);
	}
	return rb < 0 ? rb : ra;
}

static const char *
confine(void)
{
	static const int calls[] = {
		SCMP_SYS(read),	       SCMP_SYS(write),
		SCMP_SYS(recvfrom),    SCMP_SYS(sendto),
		SCMP_SYS(close),       SCMP_SYS(shutdown),
		SCMP_SYS(setsockopt),  SCMP_SYS(getrandom),
		SCMP_SYS(brk),	       SCMP_SYS(mmap),
		SCMP_SYS(munmap),      SCMP_SYS(mremap),
		SCMP_SYS(madvise),     SCMP_SYS(futex),
		SCMP_SYS(exit_group),  SCMP_SYS(clock_gettime),
#ifdef __SANITIZE_ADDRESS__
		SCMP_SYS(sigaltstack),
#endif
		SCMP_SYS(getpid),     /* have we forked? (RAND_bytes(3)) */
		SCMP_SYS(socketpair), /* this test's */
	};
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);

	for (size_t i = 0; f && i < ARRAY_SIZE(calls); i++)
		if (seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0) < 0)
			return "a rule";
	return !f || seccomp_load(f) < 0 ? "the filter" : NULL;
}

static int
in_confinement(struct setting *x)
{
	struct stream a, b;
	char buf[8];

	if (confine())
		return 2;
	if (join(x, &a, &b, true) != -EKEYREJECTED)
		return 3;
	stream_close(&a, false);
	stream_close(&b, false);
	if (join(x, &a, &b, false) < 0)
		return 4;
	if (stream_write(&a, "hello", 5) != 5 ||
	    stream_read(&b, buf, sizeof(buf)) != 5 ||
	    memcmp(buf, "hello", 5) != 0)
		return 5;
	stream_close(&a, false);
	stream_close(&b, false);
	return 0;
}

static void
child_ends_well(int (*fn)(struct setting *), struct setting *x)
{
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (pid == 0)
		_exit(fn(x));
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		FAIL("ended by signal %d", WTERMSIG(status));
	ASSERT_EQ(WEXITSTATUS(status), 0);
}

/* Nothing of this process has asked for the time or a key before. */
static int
all_in_confinement(_unused_ struct setting *x)
{
	struct err e = ERR_INIT;
	struct tls_context *t;
	void *key, *ca;
	size_t key_len, ca_len;

	if (tls_start(&e) < 0 || confine())
		return 2;
	if (tls_new_ca("b", 1, &key, &key_len, &ca, &ca_len, &e) < 0)
		return 3;
	if (tls_context_new(key, key_len, ca, ca_len, "", 0, &t, &e) < 0)
		return 4;
	return leaves_get(t->leaves, "a.example") ? 0 : 5;
}

TEST(nothing_is_opened_after_the_start)
{
	child_ends_well(all_in_confinement, NULL);
}

TEST(nothing_is_opened)
{
	struct setting x;

	setting_init(&x);
	child_ends_well(in_confinement, &x);
	setting_done(&x);
}

/* A configuration could load code; the environment names it. */
TEST(no_configuration_is_read)
{
	struct err e = ERR_INIT;
	char path[600];
	void *key, *ca;
	size_t key_len, ca_len;

	snprintf(path, sizeof(path), "%s/openssl.cnf", tap_tmpdir());
	/* whoever opens it waits for a writer, until the test's time is up */
	ASSERT_OK(mkfifo(path, 0600));
	ASSERT_OK(setenv("OPENSSL_CONF", path, 1));
	ASSERT_OK(tls_new_ca("b", 1, &key, &key_len, &ca, &ca_len, &e));
	free(key);
	free(ca);
}

/* Resident bytes of this process. */
static size_t
resident(void)
{
	char buf[128], *end;
	uint64_t pages;

	ASSERT_GE(fd_read_small(AT_FDCWD, "/proc/self/statm", buf, sizeof(buf)),
		  3);
	end = strchr(strchr(buf, ' ') + 1, ' ');
	*end = '\0';
	ASSERT_OK(str_to_u64(strchr(buf, ' ') + 1, &pages));
	return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* The bound of docs/ARCHITECTURE.md for both sides of one connection. */
#define PAIR_MAX (96u * 1024)
#define PAIRS 200

TEST(what_an_idle_connection_weighs)
{
	static struct stream a[PAIRS], b[PAIRS];
	struct setting x;
	size_t before, each;
	char buf[8];

#ifdef __SANITIZE_ADDRESS__
	SKIP("the address sanitizer weighs more than what is weighed");
#endif
	setting_init(&x);
	ASSERT_OK(join(&x, &a[0], &b[0], false));
	before = resident();
	for (int i = 1; i < PAIRS; i++) {
		ASSERT_OK(join(&x, &a[i], &b[i], false));
		ASSERT_EQ(stream_write(&a[i], "hello", 5), 5);
		ASSERT_EQ(stream_read(&b[i], buf, sizeof(buf)), 5);
	}
	each = (resident() - before) / (PAIRS - 1);
	tap_note("%zu KiB for both sides", each / 1024);
	ASSERT_LE(each, PAIR_MAX);
	for (int i = 0; i < PAIRS; i++) {
		stream_close(&a[i], true);
		stream_close(&b[i], true);
	}
	setting_done(&x);
}
