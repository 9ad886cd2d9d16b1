/*
 * The channel between supervisor and shim: reading and making its packets. The
 * supervisor reads what an agent may have taken over, so what passes here is
 * whole, known, in order and within its bounds; what an op needs is asked for
 * by its reader. Pure, but for net_send() and net_recv().
 */
#include "net/wire.h"

#include "net/hostname.h"

#include <string.h>
#include <sys/socket.h>

#define SCM_MAX 253 /* unix(7): the most that one message brings */

#define FIELD_HEAD 8u

struct head {
	uint32_t magic;
	uint16_t op, flags;
	uint32_t id;
};
struct field_head {
	uint16_t number, zero;
	uint32_t len;
};
_Static_assert(sizeof(struct field_head) == FIELD_HEAD, "no padding");

enum from { FROM_SHIM = 1, FROM_SUPERVISOR };

static const struct {
	enum from from;
	const char *name;
} op_table[NET_OP_MAX] = {
#define NET_OP(id, n, who, text) [n] = { FROM_##who, #id },
	NET_OPS(NET_OP)
#undef NET_OP
};

static const struct {
	enum net_field_kind kind;
	const char *name;
} field_table[NET_FIELD_MAX] = {
#define NET_FIELD(id, n, k, text) [n] = { NET_##k, #id },
	NET_FIELDS(NET_FIELD)
#undef NET_FIELD
};

const char *
net_op_name(uint16_t op)
{
	return op < NET_OP_MAX && op_table[op].name ? op_table[op].name : "?";
}

const char *
net_field_name(uint16_t f)
{
	return f < NET_FIELD_MAX && field_table[f].name ? field_table[f].name
							: "?";
}

/* Pairs */

static bool
take(const struct net_bytes *b, size_t *at, struct net_bytes *ret)
{
	uint32_t n;

	if (b->len - *at < sizeof(n))
		return false;
	memcpy(&n, b->data + *at, sizeof(n));
	if (b->len - *at - sizeof(n) < n)
		return false;
	*ret = (struct net_bytes){ b->data + *at + sizeof(n), n };
	*at += sizeof(n) + n;
	return true;
}

bool
net_pair(const struct net_bytes *pairs, size_t *at, struct net_bytes *ret_name,
	 struct net_bytes *ret_value)
{
	size_t to = *at;

	if (!pairs->data || to >= pairs->len)
		return false;
	if (!take(pairs, &to, ret_name) || !take(pairs, &to, ret_value))
		return false;
	*at = to;
	return true;
}

static bool
is_text(const struct net_bytes *b)
{
	return !b->len || !memchr(b->data, 0, b->len);
}

static bool
pairs_hold(const struct net_bytes *b)
{
	struct net_bytes name, value;
	size_t at = 0, n = 0;

	while (net_pair(b, &at, &name, &value)) {
		if (++n > NET_PAIRS_MAX || !is_text(&name) || !is_text(&value))
			return false;
	}
	return at == b->len;
}

/* Fields */

static bool
number_holds(enum net_field f, uint64_t v)
{
	switch (f) {
	case NET_F_PORT:
		return v >= 1 && v <= UINT16_MAX;
	case NET_F_VIA:
		return v <= NET_VIA_SOCKS;
	case NET_F_VERDICT:
		return v <= NET_FAILED;
	case NET_F_NEEDS:
		return v <= (NET_NEEDS_DATA | NET_NEEDS_HTTP | NET_NEEDS_PASS |
			     NET_NEVER);
	case NET_F_STATUS_CODE:
	case NET_F_RESPONSE:
		return v >= 100 && v <= 999;
	default:
		return true;
	}
}

static bool
listeners_hold(const struct net_bytes *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (b->data[i] >= NET_LISTEN_MAX)
			return false;
	return b->len <= NET_FDS_MAX;
}

static bool
bytes_hold(enum net_field f, const struct net_bytes *b)
{
	switch (f) {
	case NET_F_HOST:
		return b->len >= 1 && b->len <= HOSTNAME_MAX;
	case NET_F_ORIGINAL:
		return b->len == 4 || b->len == 16;
	case NET_F_SEEN:
		return b->len % 4 == 0 && b->len / 4 <= NET_PAIRS_MAX;
	case NET_F_LISTENERS:
		return listeners_hold(b);
	case NET_F_LIMITS:
		return b->len == sizeof(struct net_limits);
	default:
		return true;
	}
}

/* Is it a value of that field? Numbers: 8 bytes, *ret_number. */
static bool
field_holds(enum net_field f, const struct net_bytes *b, uint64_t *ret_number)
{
	switch (field_table[f].kind) {
	case NET_U64:
		if (b->len != sizeof(*ret_number))
			return false;
		memcpy(ret_number, b->data, sizeof(*ret_number));
		return number_holds(f, *ret_number);
	case NET_TEXT:
		return is_text(b) && bytes_hold(f, b);
	case NET_PAIRS:
		return pairs_hold(b);
	default:
		return bytes_hold(f, b);
	}
}

static bool
is_field(unsigned int number)
{
	return number < NET_FIELD_MAX && field_table[number].name;
}

static int
decode_fields(const uint8_t *p, size_t len, struct net_message *m)
{
	unsigned int last = 0;
	struct field_head h;

	for (size_t at = sizeof(struct head); at < len; at += h.len) {
		struct net_bytes b;

		if (len - at < sizeof(h))
			return -EPROTO;
		memcpy(&h, p + at, sizeof(h));
		at += sizeof(h);
		if (h.zero || h.number <= last || !is_field(h.number) ||
		    h.len > len - at)
			return -EPROTO;
		b = (struct net_bytes){ p + at, h.len };
		if (!field_holds(h.number, &b, &m->number[h.number]))
			return -EPROTO;
		m->has[h.number] = true;
		m->bytes[h.number] = b;
		last = h.number;
	}
	return 0;
}

static bool
flags_hold(const struct head *h)
{
	uint16_t may = h->op == NET_ASK ? NET_WANT_FD | NET_FIRST_DATA : 0;

	return !(h->flags & ~may);
}

int
net_decode(const void *data, size_t len, bool from_shim,
	   struct net_message *ret)
{
	struct head h;

	if (len < sizeof(h) || len > NET_PACKET_MAX)
		return -EPROTO;
	memcpy(&h, data, sizeof(h));
	if (h.magic != NET_MAGIC || h.op >= NET_OP_MAX ||
	    op_table[h.op].from != (from_shim ? FROM_SHIM : FROM_SUPERVISOR) ||
	    !flags_hold(&h))
		return -EPROTO;
	memset(ret, 0, sizeof(*ret));
	ret->op = h.op;
	ret->flags = h.flags;
	ret->id = h.id;
	return decode_fields(data, len, ret);
}

/* Making a packet */

static void
fail(struct net_writer *w, int error)
{
	if (!w->error)
		w->error = error;
}

static void
append(struct net_writer *w, const void *data, size_t len)
{
	if (w->error)
		return;
	if (len > NET_PACKET_MAX - w->len) {
		fail(w, -EMSGSIZE);
		return;
	}
	if (len)
		memcpy(w->buf + w->len, data, len);
	w->len += len;
}

void
net_begin(struct net_writer *w, uint8_t *buf, enum net_op op, uint16_t flags,
	  uint32_t id)
{
	const struct head h = { NET_MAGIC, (uint16_t)op, flags, id };

	*w = (struct net_writer){ .buf = buf };
	append(w, &h, sizeof(h));
}

static bool
opens(struct net_writer *w, enum net_field f)
{
	if (w->pairs_at || !is_field(f) || f <= w->last)
		fail(w, -EINVAL);
	w->last = (uint16_t)f;
	return !w->error;
}

static void
put_field(struct net_writer *w, enum net_field f, const void *data, size_t len)
{
	const struct field_head h = { (uint16_t)f, 0, (uint32_t)len };
	const struct net_bytes b = { data, len };
	uint64_t number;

	if (!opens(w, f))
		return;
	if (len > NET_PACKET_MAX) {
		fail(w, -EMSGSIZE);
		return;
	}
	if (!field_holds(f, &b, &number)) {
		fail(w, -EINVAL);
		return;
	}
	append(w, &h, sizeof(h));
	append(w, data, len);
}

void
net_put_u64(struct net_writer *w, enum net_field f, uint64_t v)
{
	if (is_field(f) && field_table[f].kind != NET_U64)
		fail(w, -EINVAL);
	put_field(w, f, &v, sizeof(v));
}

void
net_put(struct net_writer *w, enum net_field f, const void *data, size_t len)
{
	if (is_field(f) && field_table[f].kind == NET_U64)
		fail(w, -EINVAL);
	put_field(w, f, data, len);
}

void
net_put_text(struct net_writer *w, enum net_field f, const char *s)
{
	if (s)
		net_put(w, f, s, strlen(s));
}

void
net_pairs_begin(struct net_writer *w, enum net_field f)
{
	const struct field_head h = { .number = (uint16_t)f };

	if (!opens(w, f))
		return;
	if (field_table[f].kind != NET_PAIRS) {
		fail(w, -EINVAL);
		return;
	}
	w->pairs_at = w->len;
	append(w, &h, sizeof(h));
}

void
net_pairs_add(struct net_writer *w, const void *name, size_t n,
	      const void *value, size_t m)
{
	const uint32_t name_len = (uint32_t)n, value_len = (uint32_t)m;

	if (!w->pairs_at)
		fail(w, -EINVAL);
	if (n > NET_PACKET_MAX || m > NET_PACKET_MAX)
		fail(w, -EMSGSIZE);
	append(w, &name_len, sizeof(name_len));
	append(w, name, n);
	append(w, &value_len, sizeof(value_len));
	append(w, value, m);
}

void
net_pairs_end(struct net_writer *w)
{
	struct field_head h = { .number = w->last };
	struct net_bytes b;

	if (!w->pairs_at)
		fail(w, -EINVAL);
	if (w->error)
		return;
	b.data = w->buf + w->pairs_at + sizeof(h);
	b.len = w->len - w->pairs_at - sizeof(h);
	h.len = (uint32_t)b.len;
	memcpy(w->buf + w->pairs_at, &h, sizeof(h));
	w->pairs_at = 0;
	if (!pairs_hold(&b))
		fail(w, -EINVAL);
}

ssize_t
net_end(struct net_writer *w)
{
	if (w->pairs_at)
		fail(w, -EINVAL);
	return w->error ? w->error : (ssize_t)w->len;
}

/* Packets */

int
net_send(int chan, const void *data, size_t len, const int *fds, size_t n_fds)
{
	_Alignas(struct cmsghdr) char
		control[CMSG_SPACE(NET_FDS_MAX * sizeof(int))];
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
			     .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (n_fds > NET_FDS_MAX)
		return -EINVAL;
	if (n_fds) {
		struct cmsghdr *c;

		memset(control, 0, sizeof(control));
		m.msg_control = control;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	do
		n = sendmsg(chan, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

/* All descriptors that came: the first max into fds, the others closed.
 * Returns how many there were. */
static size_t
take_fds(struct msghdr *m, int *fds, size_t max)
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t k;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		k = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < k; i++, n++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (n < max)
				fds[n] = fd;
			else
				close(fd);
		}
	}
	return n;
}

static void
close_fds(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(TAKE_FD(fds[i]));
}

ssize_t
net_recv(int chan, void *buf, size_t size, int *fds, size_t max, size_t *ret_n)
{
	_Alignas(
		struct cmsghdr) char control[CMSG_SPACE(SCM_MAX * sizeof(int))];
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	size_t came;
	ssize_t n;

	do
		n = recvmsg(chan, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	came = take_fds(&m, fds, max);
	if (came > max || m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		close_fds(fds, MIN(came, max));
		return -EBADMSG;
	}
	*ret_n = came;
	return n;
}
