/* links: net lib */
/*
 * What the shim needs of a supervisor, and no more: listeners on loopback, a
 * table of what is allowed and where it really is, and a line on stdout for
 * everything that the shim says. For tests and measurements of the shim alone.
 *
 *	fake_supervisor SHIM OPTION...
 *	port=N proxy=N dns=N		a listener on 127.0.0.1 (any)
 *	allow=HOST:PORT[,KEY[=VALUE]]...	data http pass lease=BYTES
 *					more=N (leases after the first)
 *					to=PORT (of 127.0.0.1)
 *	limit=KEY=N			connections bytes_out bytes_in rate_out
 *					rate_in idle_us lifetime_us head_us
 *	names=FILE			what the shim keeps names in
 *	uid=N ca=KEYFILE,CERTFILE,ROOTS
 *
 * Commands on stdin, one letter a line: e (epoch), s (stay), q (end).
 */
#include "lib/fd.h"
#include "lib/str.h"
#include "net/batch.h"
#include "net/hostname.h"
#include "net/wire.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define ALLOWED_MAX 64

struct allowed {
	char host[HOSTNAME_MAX + 1];
	uint16_t port, to;
	unsigned int needs;
	bool leased;
	uint64_t lease, more;
};

struct fake {
	int chan;
	int fds[NET_FDS_MAX];
	uint8_t kinds[NET_FDS_MAX];
	size_t n_fds;
	struct allowed allowed[ALLOWED_MAX];
	size_t n_allowed;
	struct net_limits limits;
	const char *shim, *names, *ca, *uid;
	uint64_t last;
	/* of each action, so that leases are known */
	struct allowed *of[1 << 16];
	uint8_t in[NET_PACKET_MAX], out[NET_PACKET_MAX];
};

static _noreturn_ void
die(const char *what)
{
	fprintf(stderr, "fake_supervisor: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
must(bool ok, const char *what)
{
	if (!ok)
		die(what);
}

/* ---- the command line ---------------------------------------------------- */

static uint64_t
number(const char *s)
{
	uint64_t n;

	if (str_to_u64(s, &n) < 0) {
		errno = EINVAL;
		die(s);
	}
	return n;
}

static void
listens(struct fake *f, const char *port, int type, enum net_listener kind)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)number(port)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	must(fd >= 0, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	must(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0, port);
	must(type != SOCK_STREAM || listen(fd, 4096) == 0, "listen");
	f->kinds[f->n_fds] = (uint8_t)kind;
	f->fds[f->n_fds++] = fd;
}

static void
allow_key(struct allowed *a, const char *key)
{
	if (strcmp(key, "data") == 0)
		a->needs |= NET_NEEDS_DATA;
	else if (strcmp(key, "http") == 0)
		a->needs |= NET_NEEDS_DATA | NET_NEEDS_HTTP;
	else if (strcmp(key, "pass") == 0)
		a->needs |= NET_NEEDS_PASS;
	else if (str_starts(key, "to="))
		a->to = (uint16_t)number(key + 3);
	else if (str_starts(key, "more="))
		a->more = number(key + 5);
	else if (str_starts(key, "lease="))
		a->leased = true, a->lease = number(key + 6);
	else
		must(false, key);
}

static void
allows(struct fake *f, char *text)
{
	struct allowed *a = &f->allowed[f->n_allowed++];
	char *key = strchrnul(text, ','), *next;
	struct hostname h;

	errno = EINVAL;
	must(f->n_allowed <= ALLOWED_MAX &&
		     hostname_parse_port(text, (size_t)(key - text), &h,
					 &a->port, NULL) == 0,
	     text);
	memcpy(a->host, h.text, sizeof(a->host));
	a->to = a->port;
	if (!*key)
		return;
	for (key++; (next = strsep(&key, ","));)
		allow_key(a, next);
}

static void
limits(struct fake *f, const char *text)
{
	static const struct {
		const char *name;
		size_t at;
	} keys[] = {
#define KEY(k) { #k "=", offsetof(struct net_limits, k) }
		KEY(connections), KEY(bytes_out), KEY(bytes_in),
		KEY(rate_out),	  KEY(rate_in),	  KEY(idle_us),
		KEY(lifetime_us), KEY(head_us),
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (str_starts(text, keys[i].name)) {
			uint64_t n = number(text + strlen(keys[i].name));

			memcpy((char *)&f->limits + keys[i].at, &n, sizeof(n));
			return;
		}
	must(false, text);
}

static void
option(struct fake *f, char *s)
{
	errno = EINVAL;
	if (str_starts(s, "port="))
		listens(f, s + 5, SOCK_STREAM, NET_LISTEN_PORT);
	else if (str_starts(s, "any="))
		listens(f, s + 4, SOCK_STREAM, NET_LISTEN_ANY);
	else if (str_starts(s, "proxy="))
		listens(f, s + 6, SOCK_STREAM, NET_LISTEN_PROXY);
	else if (str_starts(s, "allow="))
		allows(f, s + 6);
	else if (str_starts(s, "limit="))
		limits(f, s + 6);
	else if (str_starts(s, "names="))
		f->names = s + 6;
	else if (str_starts(s, "ca="))
		f->ca = s + 3;
	else if (str_starts(s, "uid="))
		f->uid = s + 4;
	else if (str_starts(s, "dns=")) {
		listens(f, s + 4, SOCK_DGRAM, NET_LISTEN_DNS_UDP);
		listens(f, s + 4, SOCK_STREAM, NET_LISTEN_DNS_TCP);
	} else
		must(false, s);
}

/* ---- the shim ------------------------------------------------------------ */

static pid_t
start(struct fake *f)
{
	int pair[2];
	pid_t pid;

	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0,
	     "socketpair");
	f->chan = pair[0];
	pid = fork();
	must(pid >= 0, "fork");
	if (pid)
		return close(pair[1]), pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	must(pair[1] == 3 ? fcntl(3, F_SETFD, 0) == 0 : dup2(pair[1], 3) == 3,
	     "descriptor 3");
	if (f->uid)
		execl(f->shim, "agentbox-shim", "--uid", f->uid, "a-box", NULL);
	else
		execl(f->shim, "agentbox-shim", "a-box", NULL);
	die(f->shim);
}

static void
keep_names(struct fake *f)
{
	int fd = open(f->names, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	must(fd >= 0 && ftruncate(fd, NET_NAMES_SIZE) == 0, f->names);
	f->kinds[f->n_fds] = NET_LISTEN_NAMES;
	f->fds[f->n_fds++] = fd;
}

/* KEY,CERT,ROOTS: files. */
static void
put_ca(struct fake *f, struct net_writer *w)
{
	char *list = strdup(f->ca), *at = list;
	enum net_field fields[] = { NET_F_CA_KEY, NET_F_CA_CERT, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		char *file = strsep(&at, ","), *data = NULL;
		ssize_t n;

		must(file, "ca");
		n = fd_read_file(AT_FDCWD, file, 1u << 20, &data);
		must(n >= 0, file);
		if (fields[i]) {
			net_put(w, fields[i], data, (size_t)n);
		} else {
			f->kinds[f->n_fds] = NET_LISTEN_UPSTREAM_CA;
			f->fds[f->n_fds++] =
				fd_sealed("roots", data, (size_t)n);
		}
		free(data);
	}
	free(list);
}

static void
send_it(struct fake *f, struct net_writer *w, const int *fds, size_t n)
{
	struct pollfd p = { .fd = f->chan, .events = POLLOUT };
	ssize_t len = net_end(w);
	int r;

	must(len > 0, "net_end");
	do {
		r = net_send(f->chan, f->out, (size_t)len, fds, n);
	} while (r == -EAGAIN && poll(&p, 1, -1) >= 0);
}

static void
setup(struct fake *f)
{
	struct net_writer w, all;
	static uint8_t ca[NET_PACKET_MAX];

	if (f->names)
		keep_names(f);
	net_begin(&all, ca, NET_SETUP, 0, 0);
	if (f->ca)
		put_ca(f, &all); /* counts its descriptor */
	net_begin(&w, f->out, NET_SETUP, 0, 0);
	net_put_text(&w, NET_F_BOX, "a-box");
	net_put(&w, NET_F_LISTENERS, f->kinds, f->n_fds);
	if (f->ca) {
		f->n_fds--;
		put_ca(f, &w);
	}
	net_put(&w, NET_F_LIMITS, &f->limits, sizeof(f->limits));
	send_it(f, &w, f->fds, f->n_fds);
}

/* ---- answers ------------------------------------------------------------- */

static struct allowed *
find(struct fake *f, const struct net_message *m, bool port)
{
	const struct net_bytes *h = &m->bytes[NET_F_HOST];

	for (size_t i = 0; i < f->n_allowed; i++) {
		struct allowed *a = &f->allowed[i];

		if (strlen(a->host) == h->len &&
		    memcmp(a->host, h->data, h->len) == 0 &&
		    (!port || a->port == m->number[NET_F_PORT]))
			return a;
	}
	return NULL;
}

static int
dial(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	must(fd >= 0, "socket");
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -EBADF;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void
answer(struct fake *f, const struct net_message *m)
{
	struct allowed *a = find(f, m, true);
	int fd = a ? dial(a->to) : -EBADF;
	struct net_writer w;

	net_begin(&w, f->out, NET_ANSWER, 0, m->id);
	if (fd >= 0) {
		net_put_u64(&w, NET_F_CONN, ++f->last);
		net_put_u64(&w, NET_F_VERDICT, NET_YES);
		net_put_u64(&w, NET_F_ACTION, f->last);
		if (a->leased)
			net_put_u64(&w, NET_F_LEASE, a->lease);
		f->of[f->last & 0xffff] = a;
	} else {
		net_put_u64(&w, NET_F_VERDICT, a ? NET_FAILED : NET_NO);
		net_put_text(&w, NET_F_BODY, "{\"error\":\"blocked\"}");
		net_put_u64(&w, NET_F_STATUS_CODE, a ? 502 : 403);
	}
	send_it(f, &w, &fd, fd >= 0);
	if (fd >= 0)
		close(fd);
}

static void
more(struct fake *f, const struct net_message *m)
{
	struct allowed *a = f->of[m->number[NET_F_ACTION] & 0xffff];
	struct net_writer w;

	net_begin(&w, f->out, NET_ANSWER, 0, m->id);
	net_put_u64(&w, NET_F_VERDICT, a && a->more ? NET_YES : NET_NO);
	if (a && a->more) {
		a->more--;
		net_put_u64(&w, NET_F_LEASE, m->number[NET_F_SIZE]);
	}
	send_it(f, &w, NULL, 0);
}

static void
one_number(struct fake *f, enum net_op op, uint32_t id, enum net_field field,
	   uint64_t v)
{
	struct net_writer w;

	net_begin(&w, f->out, op, 0, id);
	net_put_u64(&w, field, v);
	send_it(f, &w, NULL, 0);
}

static void
plain(struct fake *f, enum net_op op, uint32_t id)
{
	struct net_writer w;

	net_begin(&w, f->out, op, 0, id);
	if (op == NET_TOLD)
		net_put_text(&w, NET_F_BODY, "{\"error\":\"found\"}");
	send_it(f, &w, NULL, 0);
}

static void
react(struct fake *f, const struct net_message *m)
{
	const struct allowed *a;

	switch (m->op) {
	case NET_ROUTE:
		a = find(f, m, true);
		one_number(f, NET_ROUTED, m->id, NET_F_NEEDS,
			   a ? a->needs : NET_NEVER);
		break;
	case NET_NAME:
		one_number(f, NET_NAMED, m->id, NET_F_VERDICT,
			   find(f, m, false) ? NET_YES : NET_NO);
		break;
	case NET_ASK:
		answer(f, m);
		break;
	case NET_MORE:
		more(f, m);
		break;
	case NET_FOUND:
		if (m->id)
			plain(f, NET_TOLD, m->id);
		break;
	default:
		break;
	}
}

static bool
is_number(unsigned int f)
{
	static const int kinds[NET_FIELD_MAX] = {
#define NET_FIELD(id, n, kind, text) [n] = NET_##kind + 1,
		NET_FIELDS(NET_FIELD)
#undef NET_FIELD
	};

	return kinds[f] == NET_U64 + 1;
}

/* OP FIELD=VALUE ... */
static void
show(const struct net_message *m)
{
	fputs(net_op_name(m->op), stdout);
	if (m->flags)
		printf(" flags=%u", m->flags);
	for (unsigned int i = 0; i < NET_FIELD_MAX; i++) {
		if (!m->has[i])
			continue;
		if (is_number(i))
			printf(" %s=%llu", net_field_name((uint16_t)i),
			       (unsigned long long)m->number[i]);
		else if (i == NET_F_ORIGINAL)
			printf(" %s=%zu", net_field_name((uint16_t)i),
			       m->bytes[i].len);
		else
			printf(" %s=%.*s", net_field_name((uint16_t)i),
			       (int)m->bytes[i].len,
			       (const char *)m->bytes[i].data);
	}
	putchar('\n');
	fflush(stdout);
}

/* ---- the loop ------------------------------------------------------------ */

static bool
from_shim(struct fake *f, bool quiet)
{
	size_t n_fds = 0, at = 0, part;
	ssize_t n = net_recv(f->chan, f->in, sizeof(f->in), NULL, 0, &n_fds);
	struct net_message m;
	const uint8_t *p;

	if (n == -EAGAIN)
		return true;
	if (n <= 0)
		return false;
	errno = EPROTO;
	while (net_batch_next(f->in, (size_t)n, &at, &p, &part) > 0) {
		must(net_decode(p, part, true, &m) == 0, "from the shim");
		if (!quiet)
			show(&m);
		react(f, &m);
	}
	return true;
}

static bool
from_stdin(struct fake *f)
{
	char c;

	if (read(0, &c, 1) != 1)
		return false;
	if (c == 'e')
		plain(f, NET_EPOCH, 0);
	else if (c == 's')
		plain(f, NET_STAY, 0);
	else if (c == 'q')
		plain(f, NET_END, 0);
	return true;
}

static void
loop(struct fake *f)
{
	bool quiet = getenv("QUIET");
	struct pollfd p[2] = { { .fd = f->chan, .events = POLLIN },
			       { .fd = 0, .events = POLLIN } };

	for (;;) {
		if (poll(p, 2, -1) < 0)
			continue;
		if (p[0].revents && !from_shim(f, quiet))
			return;
		if (p[1].revents && !from_stdin(f))
			return;
	}
}

int
main(int argc, char **argv)
{
	static struct fake f;
	int status = 0;
	pid_t pid;

	must(argc > 1, "SHIM OPTION...");
	signal(SIGPIPE, SIG_IGN);
	f.shim = argv[1];
	for (int i = 2; i < argc; i++)
		option(&f, argv[i]);
	pid = start(&f);
	setup(&f);
	printf("PID %d\n", pid);
	fflush(stdout);
	loop(&f);
	close(f.chan);
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("SIGNAL %d\n", WTERMSIG(status));
	else
		printf("EXIT %d\n", WEXITSTATUS(status));
	return 0;
}
