/* Packets between supervisor and stage, and the names of the steps. */
#include "sandbox/stage.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

static const struct {
	const char *name, *text;
} steps[STEP_MAX] = {
#define STEP(id, n, t) [STEP_##id] = { n, t },
	STEPS(STEP)
#undef STEP
};

const char *
step_name(enum step s)
{
	return s < STEP_MAX ? steps[s].name : "?";
}

const char *
step_text(enum step s)
{
	return s < STEP_MAX ? steps[s].text : "?";
}

int
stage_send(int chan, const struct stage_msg *m, const int *fds, size_t n)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * STAGE_FDS_MAX)];
	} ctl;
	struct iovec iov = { (void *)(uintptr_t)m, sizeof(*m) };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t r;

	if (n > STAGE_FDS_MAX)
		return -E2BIG;
	if (n) {
		struct cmsghdr *c = &ctl.align;

		h.msg_control = ctl.buf;
		h.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		memset(ctl.buf, 0, h.msg_controllen);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
	}
	do
		r = sendmsg(chan, &h, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static void
take_rights(const struct cmsghdr *c, int *fds, size_t max, size_t *n)
{
	size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < count; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
		if (*n < max)
			fds[(*n)++] = fd;
		else
			close(fd);
	}
}

static int
check_msg(struct stage_msg *m, ssize_t len, int flags)
{
	if (len != (ssize_t)sizeof(*m) || flags & (MSG_TRUNC | MSG_CTRUNC) ||
	    m->type < STAGE_READY || m->type >= STAGE_MSG_MAX ||
	    m->step >= STEP_MAX)
		return -EBADMSG;
	m->text[sizeof(m->text) - 1] = '\0';
	return 1;
}

int
stage_recv(int chan, struct stage_msg *ret, int *fds, size_t max, size_t *ret_n,
	   pid_t *ret_pid)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * STAGE_FDS_MAX) +
			 CMSG_SPACE(sizeof(struct ucred))];
	} ctl;
	struct stage_msg m;
	struct iovec iov = { &m, sizeof(m) };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = ctl.buf,
			    .msg_controllen = sizeof(ctl.buf) };
	bool reset = false;
	size_t n = 0;
	pid_t pid = 0;
	ssize_t len;
	int r;

	/* A peer that ended without reading all of ours: the kernel says so
	 * once, and only then hands out what the peer had sent. */
	do
		len = recvmsg(chan, &h, MSG_CMSG_CLOEXEC);
	while (len < 0 && (errno == EINTR ||
			   (errno == ECONNRESET && !reset && (reset = true))));
	if (len <= 0)
		return len < 0 && errno != ECONNRESET ? -errno : 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS)
			take_rights(c, fds, max, &n);
		if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred u;

			memcpy(&u, CMSG_DATA(c), sizeof(u));
			pid = u.pid;
		}
	}
	r = check_msg(&m, len, h.msg_flags);
	if (r < 0) {
		while (n)
			close(fds[--n]);
		return r;
	}
	*ret = m;
	if (ret_n)
		*ret_n = n;
	if (ret_pid)
		*ret_pid = pid;
	return 1;
}
