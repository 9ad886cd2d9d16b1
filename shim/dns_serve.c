/*
 * The name server of the box. What always holds: no question leaves the host;
 * a name that may be dialled has an address that stands for it, every other one
 * does not exist; each answer comes from the address that was asked; the number
 * of questions that wait is bounded, and who asks more is not answered.
 */
#include "shim/dns_serve.h"

#include "lib/macro.h"
#include "shim/dns.h"
#include "shim/names.h"
#include "shim/reasons.h"
#include "shim/shim-internal.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#define TURN 64 /* questions in one turn */
#define TCP_IDLE_TICKS 10u
#define CONTROL_MAX                                                            \
	(CMSG_SPACE(sizeof(struct in6_pktinfo)) +                              \
	 CMSG_SPACE(sizeof(struct in_pktinfo)))

/* Who asked over UDP, and where. */
struct asker {
	int fd;
	struct sockaddr_storage peer;
	socklen_t peer_len;
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_MAX];
	size_t control_len;
};

/* A question that waits for the supervisor. */
struct waiting {
	struct name_call call;
	struct shim *shim;
	struct waiting *next, **link;
	struct dns_question q;
	struct conn *conn; /* TCP; else: */
	struct asker asker;
};

struct dns {
	struct waiting *all;
	size_t n;
};

/* A connection over TCP: one question at a time (RFC 7766). */
struct dns_conn {
	uint8_t in[2 + SHIM_DNS_TCP_MAX];
	size_t len;
	uint8_t out[2 + DNS_UDP_MAX];
	size_t out_at, out_len;
	struct waiting *waits;
};

static void tcp_answered(struct conn *c, const struct dns_question *q,
			 const struct dns_answer *a);

/* ---- answers ------------------------------------------------------------- */

static void
udp_send(const struct asker *to, const struct dns_question *q,
	 const struct dns_answer *a)
{
	uint8_t buf[DNS_UDP_MAX];
	size_t max = q->edns ? MIN(MAX(q->edns_size, DNS_UDP_MIN), DNS_UDP_MAX)
			     : DNS_UDP_MIN;
	struct iovec iov = { buf, dns_answer(q, a, buf, max) };
	struct sockaddr_storage peer = to->peer;
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_MAX];
	struct msghdr m = { .msg_name = &peer,
			    .msg_namelen = to->peer_len,
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = to->control_len };

	memcpy(control, to->control, to->control_len);
	/* lost like any datagram where it cannot be sent */
	(void)sendmsg(to->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
reply(const struct asker *to, struct conn *c, const struct dns_question *q,
      const struct dns_answer *a)
{
	if (c)
		tcp_answered(c, q, a);
	else
		udp_send(to, q, a);
}

/* The name may be dialled: what stands for it. Other types have no data, so
 * that a client goes on with what it has. */
static struct dns_answer
allowed_answer(struct shim *s, const struct dns_question *q)
{
	struct dns_answer a = { .rcode = DNS_OK };
	int r;

	if (q->type != DNS_A && q->type != DNS_AAAA)
		return a;
	r = names_address(s->names, q->host.text, q->type == DNS_AAAA, a.addr);
	if (r == -ENOSPC)
		link_found(s->link, SHIM_WORD(DNS_FULL), q->host.text, 0, NULL,
			   NULL);
	if (r < 0)
		a.rcode = DNS_SERVFAIL;
	else
		a.type = q->type;
	return a;
}

/* RFC 6761, 6.3: the box's own loopback, asked for by nobody else. */
static bool
is_localhost(const char *name)
{
	static const char self[] = "localhost";
	size_t n = strlen(name), m = sizeof(self) - 1;

	return n >= m && strcmp(name + n - m, self) == 0 &&
	       (n == m || name[n - m - 1] == '.');
}

static struct dns_answer
localhost_answer(const struct dns_question *q)
{
	struct dns_answer a = { .rcode = DNS_OK };

	if (q->type == DNS_A) {
		a.type = DNS_A;
		memcpy(a.addr, (const uint8_t[]){ 127, 0, 0, 1 }, 4);
	} else if (q->type == DNS_AAAA) {
		a.type = DNS_AAAA;
		a.addr[15] = 1;
	}
	return a;
}

/* The name of an address that we gave. */
static bool
reverse_answer(struct shim *s, const struct dns_question *q,
	       struct hostname *name, struct dns_answer *ret)
{
	uint8_t addr[16];
	size_t len;

	if (!dns_reverse(q->host.text, addr, &len) || !names_is_ours(addr, len))
		return false;
	*ret = (struct dns_answer){ .rcode = DNS_NXDOMAIN };
	if (names_host(s->names, addr, len, name) < 0)
		return true;
	ret->rcode = DNS_OK;
	if (q->type == DNS_PTR) {
		ret->type = DNS_PTR;
		ret->name = name->text;
	}
	return true;
}

/* ---- questions ----------------------------------------------------------- */

static void
waiting_free(struct waiting *w)
{
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	w->shim->dns->n--;
	free(w);
}

static void
on_name(struct name_call *call, bool allowed)
{
	struct waiting *w =
		(void *)((char *)call - offsetof(struct waiting, call));
	struct dns_answer a = { .rcode = DNS_NXDOMAIN };
	struct dns_question q = w->q;
	struct asker asker = w->asker;
	struct conn *c = w->conn;

	if (allowed)
		a = allowed_answer(w->shim, &w->q);
	if (c)
		((struct dns_conn *)c->engine)->waits = NULL;
	waiting_free(w);
	reply(&asker, c, &q, &a);
}

static int
wait_for_name(struct shim *s, const struct asker *from, struct conn *c,
	      const struct dns_question *q)
{
	struct dns *d = s->dns;
	struct waiting *w = NULL;

	if (d->n < SHIM_DNS_ASKED)
		w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->call.done = on_name;
	w->shim = s;
	w->q = *q;
	w->conn = c;
	if (from)
		w->asker = *from;
	if (c)
		((struct dns_conn *)c->engine)->waits = w;
	w->next = d->all;
	w->link = &d->all;
	if (w->next)
		w->next->link = &w->next;
	d->all = w;
	d->n++;
	link_name(s->link, q->host.text, &w->call);
	return 0;
}

/* Answers it, now or later. from: UDP; c: TCP. */
static void
ask(struct shim *s, const struct asker *from, struct conn *c, int r,
    const struct dns_question *q)
{
	struct dns_answer a = { .rcode = (enum dns_rcode)r };
	struct hostname name;

	if (r) {
		reply(from, c, q, &a);
		return;
	}
	if (!q->valid) {
		a.rcode = DNS_NXDOMAIN;
		link_found(s->link, SHIM_WORD(DNS_NAME), NULL, 0, q->text,
			   NULL);
	} else if (is_localhost(q->host.text)) {
		a = localhost_answer(q);
	} else if (strcmp(q->host.text, SHIM_INTERNAL) == 0) {
		a = allowed_answer(s, q);
	} else if (!reverse_answer(s, q, &name, &a)) {
		if (wait_for_name(s, from, c, q) == 0)
			return;
		a.rcode = DNS_SERVFAIL;
	}
	reply(from, c, q, &a);
}

/* ---- UDP ----------------------------------------------------------------- */

static void
put_cmsg(struct asker *a, int level, int type, const void *data, size_t len)
{
	struct msghdr m = { .msg_control = a->control,
			    .msg_controllen = sizeof(a->control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	memset(a->control, 0, sizeof(a->control));
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	a->control_len = CMSG_SPACE(len);
}

/* The address that was asked is the one that answers. */
static void
take_address(struct asker *a, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo p;

			memcpy(&p, CMSG_DATA(c), sizeof(p));
			p.ipi6_ifindex = 0;
			put_cmsg(a, IPPROTO_IPV6, IPV6_PKTINFO, &p, sizeof(p));
			return;
		}
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo p;

			memcpy(&p, CMSG_DATA(c), sizeof(p));
			p.ipi_spec_dst = p.ipi_addr; /* ip(7) */
			p.ipi_ifindex = 0;
			put_cmsg(a, IPPROTO_IP, IP_PKTINFO, &p, sizeof(p));
			return;
		}
	}
}

/* -EAGAIN: nothing there. */
static int
udp_one(struct shim *s, int fd)
{
	uint8_t data[SHIM_DNS_TCP_MAX];
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_MAX];
	struct asker from = { .fd = fd };
	struct iovec iov = { data, sizeof(data) };
	struct msghdr m = { .msg_name = &from.peer,
			    .msg_namelen = sizeof(from.peer),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
	struct dns_question q;
	int r;

	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : 0;
	if (m.msg_flags & MSG_TRUNC)
		return 0;
	from.peer_len = m.msg_namelen;
	take_address(&from, &m);
	r = dns_parse(data, (size_t)n, &q);
	if (r >= 0)
		ask(s, &from, NULL, r, &q);
	return 0;
}

void
dns_serve_udp(struct shim *s, int fd)
{
	for (int i = 0; i < TURN && udp_one(s, fd) == 0; i++)
		;
}

int
dns_serve_prepare(int fd)
{
	static const int one = 1;
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return -errno;
	/* of a dual-stack socket both: IPv4 comes mapped, with IPv6's form */
	if (ss.ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one)) <
		    0)
		return -errno;
	if (ss.ss_family == AF_INET &&
	    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)) < 0)
		return -errno;
	return 0;
}

/* ---- TCP ----------------------------------------------------------------- */

static void
tcp_free(struct conn *c)
{
	struct dns_conn *d = TAKE_PTR(c->engine);

	if (d->waits) {
		link_name_cancel(c->shim->link, &d->waits->call);
		waiting_free(d->waits);
	}
	free(d);
}

/* 0: all of it went; -EAGAIN. */
static int
tcp_flush(struct conn *c, struct dns_conn *d)
{
	while (d->out_at < d->out_len) {
		ssize_t n = stream_write(&c->client, d->out + d->out_at,
					 d->out_len - d->out_at);

		if (n < 0)
			return (int)n;
		d->out_at += (size_t)n;
	}
	d->out_at = d->out_len = 0;
	return 0;
}

/* Takes a whole question out of the buffer. False: there is none. */
static bool
tcp_next(struct conn *c, struct dns_conn *d)
{
	size_t len = d->len >= 2 ? (size_t)(d->in[0] << 8 | d->in[1]) : 0;
	struct dns_question q;
	int r;

	if (d->len < 2 || d->len - 2 < len)
		return false;
	r = dns_parse(d->in + 2, len, &q);
	d->len -= 2 + len;
	memmove(d->in, d->in + 2 + len, d->len);
	c->idle_ticks = 0;
	if (r >= 0)
		ask(c->shim, NULL, c, r, &q);
	return true;
}

/* Reads a question, or part of one. 1: there was something; 0: nothing now;
 * negative: it ends. */
static int
tcp_read(struct conn *c, struct dns_conn *d)
{
	ssize_t n =
		stream_read(&c->client, d->in + d->len, sizeof(d->in) - d->len);

	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return -EPIPE;
	d->len += (size_t)n;
	/* longer than any question that is answered */
	return d->len >= 2 && (d->in[0] << 8 | d->in[1]) > (int)SHIM_DNS_TCP_MAX
		       ? -EMSGSIZE
		       : 1;
}

static void
tcp_run(struct conn *c)
{
	struct dns_conn *d = c->engine;
	int r = 1;

	while (r > 0 && !d->waits) {
		r = tcp_flush(c, d);
		if (r == -EAGAIN)
			return;
		if (r == 0)
			r = tcp_next(c, d) ? 1 : tcp_read(c, d);
	}
	if (r < 0)
		conn_free(c, r != -EPIPE);
}

static void
tcp_answered(struct conn *c, const struct dns_question *q,
	     const struct dns_answer *a)
{
	struct dns_conn *d = c->engine;

	d->out_len = 2 + dns_answer(q, a, d->out + 2, DNS_UDP_MAX);
	d->out[0] = (uint8_t)((d->out_len - 2) >> 8);
	d->out[1] = (uint8_t)(d->out_len - 2);
	conn_again(c);
}

static void
tcp_tick(struct conn *c)
{
	if (c->idle_ticks >= TCP_IDLE_TICKS)
		conn_free(c, true);
}

void
dns_serve_tcp(struct conn *c)
{
	struct dns_conn *d = calloc(1, sizeof(*d));

	c->engine = d;
	if (d)
		c->engine_free = tcp_free;
	conn_on_tick(c, tcp_tick);
	if (!d || conn_watch(c, false, tcp_run) < 0)
		conn_free(c, true);
	else
		tcp_run(c);
}

int
dns_serve_new(struct shim *s)
{
	s->dns = calloc(1, sizeof(*s->dns));
	return s->dns ? 0 : -ENOMEM;
}

void
dns_serve_free(struct shim *s)
{
	struct dns *d = s->dns;

	if (!d)
		return;
	while (d->all) {
		link_name_cancel(s->link, &d->all->call);
		if (d->all->conn)
			((struct dns_conn *)d->all->conn->engine)->waits = NULL;
		waiting_free(d->all);
	}
	free(TAKE_PTR(s->dns));
}
