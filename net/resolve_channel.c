/*
 * c-ares on libevent's loop. What always holds: a name is asked for as it is
 * (no search list, no aliases of the environment); answers count only from a
 * server that was asked, and no more than RESOLVE_ADDRS_MAX of their addresses.
 */
#include "net/resolve-internal.h"

#include <ares.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define TRIES 2
/* DNS flag day 2020: fits into one packet everywhere */
#define EDNS_SIZE 1232

struct watch {
	struct channel *ch;
	struct event *ev;
	int fd;
	struct watch *next;
};

struct channel {
	struct event_base *base;
	struct event *timer;
	struct watch *watches;
	ares_channel ares;
	bool own_servers;
	struct stat conf;
};

struct asked {
	channel_answer *answer;
	void *arg;
};

static void
set_timer(struct channel *ch)
{
	struct timeval tv, *next = ares_timeout(ch->ares, NULL, &tv);

	if (next)
		event_add(ch->timer, next);
	else
		event_del(ch->timer);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct channel *ch = arg;

	(void)fd;
	(void)what;
	ares_process_fd(ch->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	set_timer(ch);
}

static void
on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct channel *ch = ((struct watch *)arg)->ch;

	ares_process_fd(ch->ares, what & EV_READ ? fd : ARES_SOCKET_BAD,
			what & EV_WRITE ? fd : ARES_SOCKET_BAD);
	set_timer(ch);
}

static struct watch **
find_watch(struct channel *ch, int fd)
{
	struct watch **w = &ch->watches;

	while (*w && (*w)->fd != fd)
		w = &(*w)->next;
	return w;
}

static void
drop_watch(struct watch **at)
{
	struct watch *w = *at;

	*at = w->next;
	if (w->ev)
		event_free(w->ev);
	free(w);
}

/* c-ares opened, closed, or waits for something else. A socket that cannot be
 * watched is silent, and its question times out. */
static void
on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct channel *ch = arg;
	struct watch **at = find_watch(ch, fd), *w;
	short what = (short)((readable ? EV_READ : 0) |
			     (writable ? EV_WRITE : 0) | EV_PERSIST);

	if (*at)
		drop_watch(at);
	if (!readable && !writable)
		return;
	w = calloc(1, sizeof(*w));
	if (!w)
		return;
	*w = (struct watch){ .ch = ch, .fd = fd, .next = ch->watches };
	w->ev = event_new(ch->base, fd, what, on_socket, w);
	ch->watches = w;
	if (!w->ev || event_add(w->ev, NULL) < 0)
		drop_watch(&ch->watches);
}

/* Servers as c-ares reads them: "1.2.3.4:53", "[::1]:53", with commas. */
static int
set_servers(struct channel *ch, const struct strv *dns)
{
	char csv[NET_DNS_MAX * 64] = "";
	size_t n = 0;

	if (!dns->n)
		return 0;
	for (size_t i = 0; i < dns->n && n < sizeof(csv); i++) {
		const char *s = dns->v[i];
		bool bare = strchr(s, ':') != strrchr(s, ':') && s[0] != '[';

		n += (size_t)snprintf(csv + n, sizeof(csv) - n,
				      bare ? "%s[%s]" : "%s%s", i ? "," : "",
				      s);
	}
	if (n >= sizeof(csv))
		return -E2BIG;
	ch->own_servers = true;
	return ares_set_servers_ports_csv(ch->ares, csv) == ARES_SUCCESS
		       ? 0
		       : -EINVAL;
}

static void
look_at_conf(struct stat *st)
{
	if (stat(RESOLV_CONF, st) < 0)
		memset(st, 0, sizeof(*st));
}

/* Two rounds, the second one twice as long as the first, end within three
 * quarters of the time: where one family is never answered, the other one's
 * addresses are still of use. */
static int
init(struct channel *ch, uint64_t timeout_us, size_t servers)
{
	char lookups[] = "fb"; /* /etc/hosts, then DNS */
	struct ares_options o = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
			 ARES_FLAG_EDNS,
		.timeout = (int)MAX(timeout_us / 4000 / servers, 25u),
		.tries = TRIES,
		.lookups = lookups,
		.ednspsz = EDNS_SIZE,
		.sock_state_cb = on_state,
		.sock_state_cb_data = ch,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
		   ARES_OPT_LOOKUPS | ARES_OPT_EDNSPSZ | ARES_OPT_DOMAINS |
		   ARES_OPT_SOCK_STATE_CB;

	if (ares_init_options(&ch->ares, &o, mask) == ARES_SUCCESS)
		return 0;
	ch->ares = NULL;
	return -EIO;
}

static size_t
count_servers(struct channel *ch)
{
	struct ares_addr_port_node *list = NULL, *s;
	size_t n = 0;

	if (ares_get_servers_ports(ch->ares, &list) != ARES_SUCCESS)
		return 1;
	for (s = list; s; s = s->next)
		n++;
	ares_free_data(list);
	return MAX(n, 1u);
}

static int
start(struct channel *ch, const struct net_config *c)
{
	size_t servers;
	int r;

	look_at_conf(&ch->conf);
	ch->timer = evtimer_new(ch->base, on_timer, ch);
	if (!ch->timer)
		return -ENOMEM;
	r = init(ch, c->dns_timeout_us, MAX(c->dns.n, 1u));
	if (r < 0 || c->dns.n)
		return r < 0 ? r : set_servers(ch, &c->dns);
	servers = count_servers(ch);
	if (servers == 1)
		return 0;
	/* the time of each is known now */
	ares_destroy(ch->ares);
	return init(ch, c->dns_timeout_us, servers);
}

int
channel_new(struct event_base *base, const struct net_config *c,
	    struct channel **ret)
{
	struct channel *ch = calloc(1, sizeof(*ch));
	int r;

	if (!ch)
		return -ENOMEM;
	ch->base = base;
	r = start(ch, c);
	if (r < 0)
		channel_free(ch);
	else
		*ret = ch;
	return r;
}

void
channel_free(struct channel *ch)
{
	if (!ch)
		return;
	if (ch->ares)
		ares_destroy(ch->ares);
	while (ch->watches)
		drop_watch(&ch->watches);
	if (ch->timer)
		event_free(ch->timer);
	free(ch);
}

bool
channel_is_stale(const struct channel *ch)
{
	struct stat now;

	if (ch->own_servers)
		return false;
	look_at_conf(&now);
	return now.st_ino != ch->conf.st_ino || now.st_dev != ch->conf.st_dev ||
	       now.st_size != ch->conf.st_size ||
	       now.st_mtim.tv_sec != ch->conf.st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != ch->conf.st_mtim.tv_nsec;
}

static int
from_ares(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENOTFOUND:
	case ARES_ENONAME:
		return -ENOENT;
	case ARES_ENODATA:
		return -ENODATA;
	case ARES_ETIMEOUT:
		return -ETIMEDOUT;
	case ARES_EBADNAME:
		return -EINVAL;
	case ARES_ENOMEM:
		return -ENOMEM;
	case ARES_EDESTRUCTION:
	case ARES_ECANCELLED:
		return -ECANCELED;
	default:
		return -EIO;
	}
}

static bool
take_address(const struct ares_addrinfo_node *n, struct resolved *ret)
{
	const struct sockaddr_in *in4 = (const void *)n->ai_addr;
	const struct sockaddr_in6 *in6 = (const void *)n->ai_addr;

	*ret = (struct resolved){ .len = 0 };
	if (n->ai_family == AF_INET) {
		ret->len = 4;
		memcpy(ret->addr, &in4->sin_addr, 4);
	} else if (n->ai_family == AF_INET6) {
		ret->len = 16;
		memcpy(ret->addr, &in6->sin6_addr, 16);
	}
	return ret->len != 0;
}

/* The first ones of each family, so that none crowds out the other. */
static size_t
take_addresses(const struct ares_addrinfo *ai, struct resolved *v,
	       uint32_t *ret_ttl)
{
	size_t n = 0, of[2] = { 0, 0 };
	uint32_t ttl = UINT32_MAX;

	for (const struct ares_addrinfo_node *a = ai->nodes; a;
	     a = a->ai_next) {
		size_t *family = &of[a->ai_family == AF_INET6];

		if (*family == RESOLVE_ADDRS_MAX / 2 || !take_address(a, &v[n]))
			continue;
		ttl = MIN(ttl, (uint32_t)MAX(a->ai_ttl, 0));
		++*family;
		n++;
	}
	for (const struct ares_addrinfo_cname *c = ai->cnames; c; c = c->next)
		ttl = MIN(ttl, (uint32_t)MAX(c->ttl, 0));
	*ret_ttl = ttl;
	return n;
}

static void
on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *ai)
{
	struct resolved v[RESOLVE_ADDRS_MAX];
	struct asked *a = arg;
	uint32_t ttl = 0;
	size_t n = 0;
	int r = from_ares(status);

	(void)timeouts;
	if (r == 0 && ai)
		n = take_addresses(ai, v, &ttl);
	resolve_order(v, n);
	if (ai)
		ares_freeaddrinfo(ai);
	if (r == 0 && !n)
		r = -ENODATA;
	a->answer(a->arg, r, v, n, ttl);
	free(a);
}

void
channel_ask(struct channel *ch, const char *name, channel_answer *answer,
	    void *arg)
{
	static const struct ares_addrinfo_hints hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = ARES_AI_NOSORT, /* resolve_order() */
	};
	struct asked *a = malloc(sizeof(*a));

	if (!a) {
		answer(arg, -ENOMEM, NULL, 0, 0);
		return;
	}
	*a = (struct asked){ .answer = answer, .arg = arg };
	ares_getaddrinfo(ch->ares, name, NULL, &hints, on_answer, a);
	set_timer(ch);
}
