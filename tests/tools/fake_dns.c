/*
 * A name server that says whatever a test wants. It lives on the loop of the
 * resolver under test, so nothing here may block.
 */
#include "tests/tools/fake_dns.h"

#include "lib/macro.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>

struct conn {
	struct fake_dns *d;
	struct event *ev;
	uint8_t b[1024];
	size_t n;
	struct conn *next;
};

struct fake_dns {
	struct event_base *base;
	fake_dns_fn *fn;
	void *arg;
	int udp, tcp;
	struct event *udp_ev, *tcp_ev;
	struct conn *conns;
	char server[32];
	unsigned int asked;
};

static void
put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static size_t
put_name(uint8_t *p, const char *name)
{
	size_t n = 0;

	while (*name) {
		size_t label = strcspn(name, ".");

		p[n++] = (uint8_t)label;
		memcpy(p + n, name, label);
		n += label;
		name += label + (name[label] == '.');
	}
	p[n++] = 0;
	return n;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Header and question; the rest is cut off. */
static bool
read_question(struct fake_dns_msg *m, const uint8_t *q, size_t len)
{
	size_t at = 12, n = 0;

	while (at < len && q[at]) {
		size_t label = q[at++];

		if (label > 63 || at + label >= len || n + label > 250)
			return false;
		for (size_t i = 0; i < label; i++)
			m->name[n++] = lower((char)q[at + i]);
		m->name[n++] = '.';
		at += label;
	}
	if (at + 5 > len)
		return false;
	m->name[n ? n - 1 : 0] = '\0';
	m->type = (uint16_t)(q[at + 1] << 8 | q[at + 2]);
	m->n = at + 5;
	memcpy(m->b, q, m->n);
	put16(m->b + 2, 0x8180);
	put16(m->b + 4, 1);
	memset(m->b + 6, 0, 6);
	return true;
}

void
fake_dns_add(struct fake_dns_msg *m, const char *owner, uint16_t type,
	     uint32_t ttl, const void *data, size_t n)
{
	uint8_t *p = m->b + m->n;

	if (m->n + n + 270 > sizeof(m->b))
		return;
	p += put_name(p, owner ? owner : m->name);
	put16(p, type);
	put16(p + 2, 1);
	put16(p + 4, ttl >> 16);
	put16(p + 6, ttl & 0xffff);
	put16(p + 8, (unsigned int)n);
	memcpy(p + 10, data, n);
	m->n = (size_t)(p + 10 + n - m->b);
	put16(m->b + 6, (unsigned int)(m->b[6] << 8 | m->b[7]) + 1);
}

void
fake_dns_addr(struct fake_dns_msg *m, const char *owner, uint32_t ttl,
	      const char *text)
{
	bool v6 = strchr(text, ':');
	uint8_t a[16];

	if (m->type == (v6 ? FAKE_DNS_AAAA : FAKE_DNS_A) &&
	    inet_pton(v6 ? AF_INET6 : AF_INET, text, a) == 1)
		fake_dns_add(m, owner, m->type, ttl, a, v6 ? 16 : 4);
}

void
fake_dns_cname(struct fake_dns_msg *m, const char *owner, uint32_t ttl,
	       const char *target)
{
	uint8_t name[256];

	fake_dns_add(m, owner, 5, ttl, name, put_name(name, target));
}

void
fake_dns_rcode(struct fake_dns_msg *m, unsigned int code)
{
	m->b[3] = (uint8_t)((m->b[3] & 0xf0) | code);
}

void
fake_dns_send(struct fake_dns_msg *m)
{
	if (!m->tcp)
		sendto(m->d->udp, m->b, m->n, 0, m->to,
		       sizeof(struct sockaddr_in));
}

static void
on_udp(evutil_socket_t fd, short what, void *arg)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	uint8_t q[1500];
	struct fake_dns *d = arg;
	ssize_t n =
		recvfrom(fd, q, sizeof(q), 0, (struct sockaddr *)&from, &size);
	struct fake_dns_msg *m = n < 0 ? NULL : calloc(1, sizeof(*m));

	(void)what;
	if (!m)
		return;
	m->d = d;
	m->to = &from;
	if (read_question(m, q, (size_t)n)) {
		d->asked++;
		if (d->fn(d->arg, m))
			fake_dns_send(m);
	}
	free(m);
}

static void
drop(struct conn *c)
{
	struct conn **at = &c->d->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	close(event_get_fd(c->ev));
	event_free(c->ev);
	free(c);
}

static void
answer_tcp(struct conn *c, size_t len)
{
	struct fake_dns_msg *m = calloc(1, sizeof(*m));
	uint8_t head[2];

	if (!m)
		return;
	m->d = c->d;
	m->tcp = true;
	if (read_question(m, c->b + 2, len)) {
		c->d->asked++;
		if (c->d->fn(c->d->arg, m)) {
			put16(head, (unsigned int)m->n);
			send(event_get_fd(c->ev), head, 2, MSG_NOSIGNAL);
			send(event_get_fd(c->ev), m->b, m->n, MSG_NOSIGNAL);
		}
	}
	free(m);
}

static void
on_conn(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	ssize_t n = recv(fd, c->b + c->n, sizeof(c->b) - c->n, 0);

	(void)what;
	if (n <= 0) {
		drop(c);
		return;
	}
	c->n += (size_t)n;
	while (c->n >= 2) {
		size_t len = (size_t)(c->b[0] << 8 | c->b[1]);

		if (c->n < len + 2)
			return;
		answer_tcp(c, len);
		c->n -= len + 2;
		memmove(c->b, c->b + len + 2, c->n);
	}
}

static void
on_tcp(evutil_socket_t fd, short what, void *arg)
{
	struct fake_dns *d = arg;
	struct conn *c = calloc(1, sizeof(*c));
	int s = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	(void)what;
	if (!c || s < 0) {
		free(c);
		return;
	}
	c->d = d;
	c->ev = event_new(d->base, s, EV_READ | EV_PERSIST, on_conn, c);
	event_add(c->ev, NULL);
	c->next = d->conns;
	d->conns = c;
}

/* Both sockets on one port. */
static int
listen_on(struct fake_dns *d)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t size = sizeof(in);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	d->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	d->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (d->tcp < 0 || d->udp < 0 ||
	    bind(d->tcp, (struct sockaddr *)&in, size) < 0 ||
	    getsockname(d->tcp, (struct sockaddr *)&in, &size) < 0 ||
	    listen(d->tcp, 16) < 0 ||
	    bind(d->udp, (struct sockaddr *)&in, size) < 0)
		return -errno;
	snprintf(d->server, sizeof(d->server), "127.0.0.1:%u",
		 ntohs(in.sin_port));
	return 0;
}

int
fake_dns_new(struct event_base *base, fake_dns_fn *fn, void *arg,
	     struct fake_dns **ret)
{
	struct fake_dns *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->base = base;
	d->fn = fn;
	d->arg = arg;
	r = listen_on(d);
	if (r < 0)
		return r;
	d->udp_ev = event_new(base, d->udp, EV_READ | EV_PERSIST, on_udp, d);
	d->tcp_ev = event_new(base, d->tcp, EV_READ | EV_PERSIST, on_tcp, d);
	event_add(d->udp_ev, NULL);
	event_add(d->tcp_ev, NULL);
	*ret = d;
	return 0;
}

void
fake_dns_free(struct fake_dns *d)
{
	while (d->conns)
		drop(d->conns);
	event_free(d->udp_ev);
	event_free(d->tcp_ev);
	close(d->udp);
	close(d->tcp);
	free(d);
}

const char *
fake_dns_server(const struct fake_dns *d)
{
	return d->server;
}

unsigned int
fake_dns_asked(const struct fake_dns *d)
{
	return d->asked;
}
