/*
 * The system calls of the shim, and no others; anything else ends it, since
 * whoever got it to call something else has broken it. What is not obvious:
 *
 * - A socket that the shim was given is in the host's network. connect() is
 *   not allowed, and so are not its other forms: an address for sendto(), and
 *   MSG_FASTOPEN of sendto() and sendmsg(), which dial on a socket whose peer
 *   is gone (tcp(7)).
 * - fcntl() could have signals sent to any process of the same user (F_SETOWN,
 *   F_SETSIG): only the size of pipes, and flags to look at.
 * - setsockopt() and getsockopt() are cut to what is used.
 * - Descriptors can be made by accepting, by pipe2() and by what comes over
 *   the channel.
 */
#include "lib/macro.h"
#include "shim/confine.h"

#include "sandbox/jail.h"

#include <netinet/in.h> /* before linux/, which has the same names */
#include <netinet/tcp.h>

#include <fcntl.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <seccomp.h>
#include <sys/socket.h>

static const int allowed[] = {
	/* streams */
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(splice),
	SCMP_SYS(accept4),
	SCMP_SYS(getsockname),
	SCMP_SYS(shutdown),
	SCMP_SYS(close),
	SCMP_SYS(pipe2),
	/* the loop */
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),
	/* memory, time, ends */
	SCMP_SYS(munmap),
	SCMP_SYS(madvise),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(getpid), /* OpenSSL asks whether it was forked */
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

static int
add_sending(scmp_filter_ctx ctx)
{
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 2,
				 SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0),
				 SCMP_A4(SCMP_CMP_EQ, 0));

	return r < 0 ? r
		     : seccomp_rule_add(
			       ctx, SCMP_ACT_ALLOW, SCMP_SYS(sendmsg), 1,
			       SCMP_A2(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0));
}

static int
add_options(scmp_filter_ctx ctx)
{
	static const struct {
		int call, level, option;
	} options[] = {
		{ SCMP_SYS(setsockopt), SOL_SOCKET, SO_LINGER },
		{ SCMP_SYS(setsockopt), IPPROTO_TCP, TCP_NODELAY },
		{ SCMP_SYS(getsockopt), SOL_IP, SO_ORIGINAL_DST },
		{ SCMP_SYS(getsockopt), SOL_IPV6, IP6T_SO_ORIGINAL_DST },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(options); i++)
		r = seccomp_rule_add(
			ctx, SCMP_ACT_ALLOW, options[i].call, 2,
			SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)options[i].level),
			SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)options[i].option));
	return r;
}

static int
add_control(scmp_filter_ctx ctx)
{
	static const int commands[] = { F_SETPIPE_SZ, F_GETFL, F_GETFD };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(commands); i++)
		r = seccomp_rule_add(
			ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
			SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)commands[i]));
	return r;
}

static int
add_more(void *ctx)
{
	int r = add_sending(ctx);

	if (r == 0)
		r = add_options(ctx);
	return r < 0 ? r : add_control(ctx);
}

int
shim_seccomp(struct err *e)
{
	return jail_filter(allowed, ARRAY_SIZE(allowed), add_more, e);
}
