/*
 * agentbox-shim: reads what the programs of one box send into the network, and
 * does with it what the supervisor decides. Started by the supervisor when the
 * first byte arrives, with its channel as descriptor 3 and nothing else.
 *
 *	agentbox-shim [--uid UID] BOX	serves the box; as root, becomes UID
 *	agentbox-shim --new-ca BOX	writes a key and its certificate to 3
 *
 * What always holds: the process has given up all that it does not need before
 * it reads a byte of an agent; it ends with its channel.
 */
#include "lib/fd.h"
#include "lib/str.h"
#include "lib/trim.h"
#include "shim/confine.h"
#include "shim/dns_serve.h"
#include "shim/limits.h"
#include "shim/names.h"
#include "shim/shim-internal.h"
#include "shim/tls.h"

#include <event2/event.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#define CHANNEL 3
#define CA_DAYS 30
#define LOOK_S 15 /* how often is looked whether there is nothing to do */
#define UPSTREAM_MAX (16u << 20)

struct process {
	struct shim shim;
	struct listeners listeners;
	int upstream, names; /* descriptors of SETUP, or -EBADF */
	const void *roots;   /* upstream, mapped */
	size_t roots_len;
	struct event *ev_look;
	unsigned int idle_looks;
	uid_t uid;
	bool become;
};

/* ---- SETUP --------------------------------------------------------------- */

static int
take_descriptors(struct process *p, const struct net_bytes *kinds, int *fds,
		 size_t n, struct err *e)
{
	struct listeners *l = &p->listeners;

	if (kinds->len != n)
		return err_set(e, EPROTO, "SETUP: %zu descriptors, %zu kinds",
			       n, kinds->len);
	for (size_t i = 0; i < n; i++) {
		uint8_t kind = kinds->data[i];
		int fd = TAKE_FD(fds[i]);

		if (kind == NET_LISTEN_UPSTREAM_CA) {
			p->upstream = fd;
		} else if (kind == NET_LISTEN_NAMES) {
			p->names = fd;
		} else {
			l->kind[l->n] = kind;
			l->fd[l->n++] = fd;
		}
	}
	return 0;
}

static int
take_placeholders(struct shim *s, const struct net_bytes *pairs)
{
	struct net_bytes name, text;
	size_t at = 0, n = 0;

	s->placeholder = calloc(NET_PAIRS_MAX, sizeof(*s->placeholder));
	if (!s->placeholder)
		return -ENOMEM;
	while (net_pair(pairs, &at, &name, &text)) {
		struct placeholder *h = &s->placeholder[n++];

		h->name = strndup((const char *)name.data, name.len);
		h->text = strndup((const char *)text.data, text.len);
		h->len = text.len;
		if (!h->name || !h->text)
			return -ENOMEM;
	}
	s->n_placeholders = n;
	return 0;
}

static int
take_tls(struct process *p, const struct net_message *m, struct err *e)
{
	const struct net_bytes *key = &m->bytes[NET_F_CA_KEY];
	const struct net_bytes *cert = &m->bytes[NET_F_CA_CERT];
	int r = 0;

	if (!m->has[NET_F_CA_KEY])
		return 0;
	if (p->upstream >= 0)
		r = fd_map_sealed(p->upstream, UPSTREAM_MAX, &p->roots,
				  &p->roots_len);
	if (r < 0)
		return err_sys(e, r, "what servers are verified with");
	return tls_context_new(key->data, key->len, cert->data, cert->len,
			       p->roots, p->roots_len, &p->shim.tls, e);
}

static int
take_setup(struct process *p, const struct net_message *m, struct err *e)
{
	struct shim *s = &p->shim;
	const struct net_bytes *box = &m->bytes[NET_F_BOX];
	int r = 0;

	if (m->op != NET_SETUP || !box->len)
		return err_set(e, EPROTO, "the first message is not SETUP");
	s->box = strndup((const char *)box->data, box->len);
	if (!s->box)
		return err_sys(e, -ENOMEM, "SETUP");
	if (m->has[NET_F_LIMITS])
		memcpy(&s->limits, m->bytes[NET_F_LIMITS].data,
		       sizeof(s->limits));
	s->bytes_out = m->number[NET_F_USED_OUT];
	s->bytes_in = m->number[NET_F_USED_IN];
	if (m->has[NET_F_PLACEHOLDERS])
		r = take_placeholders(s, &m->bytes[NET_F_PLACEHOLDERS]);
	return r < 0 ? err_sys(e, r, "SETUP") : 0;
}

static int
read_setup(struct process *p, uint8_t *buf, struct err *e)
{
	struct pollfd pfd = { .fd = CHANNEL, .events = POLLIN };
	int fds[NET_FDS_MAX];
	struct net_message m;
	size_t n_fds = 0;
	ssize_t n;
	int r;

	while (poll(&pfd, 1, -1) < 0 && errno == EINTR)
		;
	n = net_recv(CHANNEL, buf, NET_PACKET_MAX, fds, ARRAY_SIZE(fds),
		     &n_fds);
	if (n <= 0 || net_decode(buf, (size_t)n, false, &m) < 0)
		return err_set(e, EPROTO,
			       "descriptor 3 is no channel of a "
			       "supervisor");
	r = take_setup(p, &m, e);
	if (r == 0)
		r = take_descriptors(p, &m.bytes[NET_F_LISTENERS], fds, n_fds,
				     e);
	if (r == 0) /* which needs one of them */
		r = take_tls(p, &m, e);
	return r;
}

/* The key of the CA does not stay in the buffer. */
static int
set_up(struct process *p, struct err *e)
{
	uint8_t *buf = malloc(NET_PACKET_MAX);
	int r;

	if (!buf)
		return err_sys(e, -ENOMEM, "SETUP");
	r = read_setup(p, buf, e);
	explicit_bzero(buf, NET_PACKET_MAX);
	free(buf);
	return r;
}

/* ---- what the supervisor says, and nothing to do ------------------------- */

static void
on_end(void *arg)
{
	struct process *p = arg;

	event_base_loopbreak(p->shim.base);
}

static void
on_stay(void *arg)
{
	struct process *p = arg;

	p->idle_looks = 0;
	accept_pause(&p->shim, false);
}

/* Nothing is open: first memory is given back, later the process offers to
 * end. */
static void
on_look(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
	struct process *p = arg;

	if (p->shim.n_conns) {
		p->idle_looks = 0;
		return;
	}
	p->idle_looks++;
	if (p->idle_looks == 1) {
		malloc_trim(0);
		trim_code();
	} else if (p->idle_looks == SHIM_LINGER_S / LOOK_S) {
		accept_pause(&p->shim, true);
		link_idle(p->shim.link);
	}
}

/* ---- life ---------------------------------------------------------------- */

static int
make_loop(struct process *p, struct err *e)
{
	static const struct timeval look = { LOOK_S, 0 };
	struct event_config *config = event_config_new();

	if (!config)
		return err_sys(e, -ENOMEM, "the loop");
	/* nothing of the environment, and the one way that can watch edges */
	event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV |
					      EVENT_BASE_FLAG_NOLOCK);
	event_config_require_features(config,
				      EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
	p->shim.base = event_base_new_with_config(config);
	event_config_free(config);
	if (!p->shim.base)
		return err_sys(e, -ENOSYS, "a loop that watches edges (epoll)");
	p->ev_look = event_new(p->shim.base, -1, EV_PERSIST, on_look, p);
	if (!p->ev_look || event_add(p->ev_look, &look) < 0)
		return err_sys(e, -ENOMEM, "the loop");
	return 0;
}

static int
make_parts(struct process *p, struct err *e)
{
	const struct link_owner owner = { on_end, on_stay, p };
	struct shim *s = &p->shim;
	int r = make_loop(p, e);

	if (r < 0)
		return r;
	r = names_new(p->names, &s->names);
	if (r == 0)
		r = conns_new(s);
	if (r == 0)
		r = relays_new(s);
	if (r == 0)
		r = limits_new(s);
	if (r == 0)
		r = dns_serve_new(s);
	if (r < 0)
		return err_sys(e, r, "memory for the shim");
	r = link_new(s, CHANNEL, &owner, &s->link, e);
	return r < 0 ? r : accept_new(s, &p->listeners, e);
}

static void
free_parts(struct process *p)
{
	struct shim *s = &p->shim;

	accept_free(s);
	dns_serve_free(s);
	conns_free(s);
	link_free(s->link);
	relays_free(s);
	limits_free(s);
	names_free(s->names);
	tls_context_free(s->tls);
	free(s->last);
	shim_free_event(&p->ev_look);
	if (s->base)
		event_base_free(s->base);
}

static int
serve(struct process *p, struct err *e)
{
	const struct confine_options o = { .become = p->become, .uid = p->uid };
	int r;

	shim_raise_descriptors();
	r = set_up(p, e);
	if (r == 0)
		r = make_parts(p, e);
	if (r == 0)
		r = shim_confine(&o, e);
	if (r < 0)
		return r;
	link_ready(p->shim.link);
	if (event_base_dispatch(p->shim.base) < 0)
		return err_set(e, EIO, "the loop ended");
	free_parts(p);
	return 0;
}

/* ---- start --------------------------------------------------------------- */

/* u32 length and bytes, twice. */
static int
put_blob(int fd, const void *data, size_t len)
{
	uint32_t n = (uint32_t)len;
	int r = fd_write_all(fd, &n, sizeof(n));

	return r < 0 ? r : fd_write_all(fd, data, len);
}

static int
new_ca(const char *box, struct err *e)
{
	void *key = NULL, *cert = NULL;
	size_t key_len = 0, cert_len = 0;
	int r = tls_new_ca(box, CA_DAYS, &key, &key_len, &cert, &cert_len, e);

	if (r < 0)
		return r;
	r = put_blob(CHANNEL, key, key_len);
	if (r == 0)
		r = put_blob(CHANNEL, cert, cert_len);
	explicit_bzero(key, key_len);
	free(key);
	free(cert);
	return r < 0 ? err_sys(e, r, "descriptor 3") : 0;
}

static int
usage(void)
{
	fputs("agentbox-shim is started by agentbox; see agentbox(1)\n",
	      stderr);
	return 2;
}

static int
said(const struct err *e)
{
	fprintf(stderr, "agentbox-shim: %s%s%s\n", e->text,
		*e->cure ? "; " : "", e->cure);
	return 1;
}

int
main(int argc, char **argv)
{
	static struct process p = { .upstream = -EBADF, .names = -EBADF };
	struct err e = ERR_INIT;
	uint64_t uid;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("agentbox-shim " AGENTBOX_VERSION);
		return 0;
	}
	if (argc < 2 || fcntl(CHANNEL, F_GETFD) < 0)
		return usage();
	fd_close_range(CHANNEL + 1, ~0u, 0);
	signal(SIGPIPE, SIG_IGN);
	tzset(); /* reads a file, which cannot be read later */
	if (argc == 3 && strcmp(argv[1], "--new-ca") == 0)
		return new_ca(argv[2], &e) < 0 ? said(&e) : 0;
	if (argc == 4 && strcmp(argv[1], "--uid") == 0) {
		if (str_to_u64(argv[2], &uid) < 0 || uid > INT32_MAX)
			return usage();
		p.uid = (uid_t)uid;
		p.become = true;
	} else if (argc != 2) {
		return usage();
	}
	return serve(&p, &e) < 0 ? said(&e) : 0;
}
