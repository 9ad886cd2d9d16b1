/*
 * Choosing boxes and talking to them. A box that is named costs one readlink
 * and one connect; only a prefix, --all and --label look at the others.
 */
#include "supervisor/client.h"

#include "lib/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define ANSWER_S 30 /* a busy box takes a while to die */

/* ---- one box ----------------------------------------------------------- */

static int
send_request(int fd, enum control_op op, uint32_t arg, const char *text,
	     size_t len)
{
	struct control_request rq = {
		.magic = CONTROL_MAGIC,
		.version = CONTROL_VERSION,
		.op = (uint16_t)op,
		.arg = arg,
		.len = (uint32_t)len,
	};
	struct iovec iov[2] = {
		{ .iov_base = &rq, .iov_len = sizeof(rq) },
		{ .iov_base = (void *)(uintptr_t)text, .iov_len = len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = len ? 2 : 1 };

	return sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int
client_ask(int fd, enum control_op op, uint32_t arg, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	return len > CONTROL_WHY_MAX ? -E2BIG
				     : send_request(fd, op, arg, text, len);
}

int
client_ask_body(int fd, enum control_op op, const char *body, size_t len)
{
	return len > CONTROL_BODY_MAX ? -E2BIG
				      : send_request(fd, op, 0, body, len);
}

/* One message: its header and its body, which ends with a NUL. */
static int
receive(int fd, struct control_reply *h, char *body, size_t size)
{
	struct iovec iov[2] = {
		{ .iov_base = h, .iov_len = sizeof(*h) },
		{ .iov_base = body, .iov_len = size - 1 },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (n == 0)
		return -ECONNRESET;
	if ((size_t)n < sizeof(*h) || (msg.msg_flags & MSG_TRUNC) ||
	    h->magic != CONTROL_MAGIC || h->len != (size_t)n - sizeof(*h))
		return -EPROTO;
	body[h->len] = '\0';
	return 0;
}

static int
refused(const struct control_reply *h, const json_t *j, struct err *e)
{
	const char *text = json_string_value(json_object_get(j, "error"));
	const char *cure = json_string_value(json_object_get(j, "cure"));

	err_set(e, h->status, "%s", text ? text : "the box refused");
	if (cure && cure[0])
		err_cure(e, "%s", cure);
	return h->status;
}

int
client_receive(int fd, json_t **ret, struct err *e)
{
	_cleanup_free_ char *body = malloc(CONTROL_REPLY_MAX + 1);
	struct control_reply h;
	json_t *j;
	int r;

	if (!body)
		return err_sys(e, ENOMEM, "control reply");
	r = receive(fd, &h, body, CONTROL_REPLY_MAX + 1);
	if (r == -ETIMEDOUT)
		return err_set(e, r, "the supervisor does not answer");
	if (r < 0)
		return err_sys(e, r, "no answer from the supervisor");
	j = json_loads(body, 0, NULL);
	if (h.status < 0 || !j) {
		r = h.status < 0 ? refused(&h, j, e)
				 : err_set(e, EPROTO,
					   "the supervisor's "
					   "answer is no JSON");
		json_decref(j);
		return r;
	}
	*ret = j;
	return 0;
}

int
client_call(int fd, enum control_op op, json_t **ret, struct err *e)
{
	int r = client_ask(fd, op, 0, NULL);

	if (r < 0)
		return err_sys(e, r, "cannot ask the supervisor");
	return client_receive(fd, ret, e);
}

ssize_t
client_stream(int fd, char *buf, size_t size)
{
	struct control_reply h;
	int r = receive(fd, &h, buf, size);

	if (r < 0)
		return r;
	if (h.status < 0)
		return h.status;
	return h.more ? (ssize_t)h.len : 0;
}

int
client_runtime(const char *box, struct runtime **ret, struct err *e)
{
	char shown[RUNTIME_NAME_MAX + 1];
	int r = runtime_open(false, ret, e);

	if (r != -ENOENT)
		return r;
	if (!box)
		return 0;
	str_escape(box, shown, sizeof(shown));
	return err_set(e, ENOENT, "no box named \"%s\"; none is running",
		       shown);
}

int
client_usage(const char *command)
{
	fprintf(stderr, "Try: agentbox %s --help\n", command);
	return CLIENT_FAILED;
}

void
client_complain(const struct err *e)
{
	fprintf(stderr, "agentbox: %s\n", e->text);
	if (e->cure[0])
		fprintf(stderr, "  %s\n", e->cure);
}

/* ---- choosing ---------------------------------------------------------- */

static int
set_add(struct client_set *set, const char *id, int fd)
{
	const struct timeval tv = { .tv_sec = ANSWER_S };
	struct client_box *v;

	v = reallocarray(set->v, set->n + 1, sizeof(*v));
	if (!v) {
		close(fd);
		return -ENOMEM;
	}
	set->v = v;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	memcpy(v[set->n].id, id, sizeof(v->id));
	v[set->n++].fd = fd;
	return 0;
}

void
client_set_done(struct client_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		close(set->v[i].fd);
	free(set->v);
	*set = (struct client_set){ 0 };
}

/* The names of what runs, for the message. */
static void
running(struct runtime *rt, char *buf, size_t size)
{
	char id[RUNTIME_ID_LEN + 1];
	size_t n = 0;
	struct dirent *de;
	DIR *d = fdopendir(openat(runtime_dirfd(rt), ".",
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	buf[0] = '\0';
	while (d && n + RUNTIME_NAME_MAX + 8 < size && (de = readdir(d)))
		if (de->d_name[0] == '@' &&
		    runtime_lookup(rt, de->d_name + 1, id) == 0 &&
		    runtime_alive(rt, id))
			n += (size_t)snprintf(buf + n, size - n, "%s%s",
					      n ? ", " : "", de->d_name + 1);
	if (d)
		closedir(d);
}

static int
not_found(struct runtime *rt, const char *name, struct err *e)
{
	char list[512], shown[RUNTIME_NAME_MAX + 1];

	running(rt, list, sizeof(list));
	str_escape(name, shown, sizeof(shown));
	if (list[0])
		return err_set(e, ENOENT, "no box named \"%s\"; running: %s",
			       shown, list);
	return err_set(e, ENOENT, "no box named \"%s\"; none is running",
		       shown);
}

/* The only id that begins with s: connected, -ENOENT, or -EMLINK (several). */
static int
connect_prefix(struct runtime *rt, const char *s,
	       char ret_id[RUNTIME_ID_LEN + 1])
{
	_cleanup_free_ char(*ids)[RUNTIME_ID_LEN + 1] = NULL;
	int fd, found = -ENOENT;
	size_t n = 0;

	if (strspn(s, "0123456789abcdef") != strlen(s) || !s[0])
		return -ENOENT;
	if (runtime_list(rt, &ids, &n) < 0)
		return -ENOENT;
	for (size_t i = 0; i < n; i++) {
		if (!str_starts(ids[i], s))
			continue;
		fd = runtime_connect(rt, ids[i]);
		if (fd < 0)
			continue;
		if (found >= 0) {
			close(fd);
			close(found);
			return -EMLINK;
		}
		found = fd;
		memcpy(ret_id, ids[i], sizeof(ids[i]));
	}
	return found;
}

/* A name goes before an id, an id before a prefix. */
static int
add_named(struct runtime *rt, const char *name, struct client_set *set,
	  struct err *e)
{
	char id[RUNTIME_ID_LEN + 1];
	int fd = -ENOENT;

	if (runtime_lookup(rt, name, id) == 0)
		fd = runtime_connect(rt, id);
	if (fd == -ENOENT || fd == -ECONNREFUSED)
		fd = connect_prefix(rt, name, id);
	if (fd == -EMLINK)
		return err_set(e, EINVAL,
			       "\"%s\" is the beginning of several ids", name);
	if (fd == -ENOENT || fd == -ECONNREFUSED)
		return not_found(rt, name, e);
	if (fd < 0)
		return err_sys(e, fd, "cannot reach the box \"%s\"", name);
	for (size_t i = 0; i < set->n; i++) {
		if (strcmp(set->v[i].id, id) == 0) { /* named twice */
			close(fd);
			return 0;
		}
	}
	return set_add(set, id, fd);
}

static bool
has_label(int fd, const char *label)
{
	const char *eq = strchr(label, '='), *value;
	char key[RUNTIME_NAME_MAX + 1];
	json_t *j = NULL;
	bool has;

	if (!eq || (size_t)(eq - label) >= sizeof(key) ||
	    client_call(fd, CONTROL_DESCRIBE, &j, NULL) < 0)
		return false;
	snprintf(key, sizeof(key), "%.*s", (int)(eq - label), label);
	value = json_string_value(
		json_object_get(json_object_get(j, "labels"), key));
	has = value && strcmp(value, eq + 1) == 0;
	json_decref(j);
	return has;
}

/* One descriptor per box. */
static void
raise_files(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static int
add_all(struct runtime *rt, const char *label, struct client_set *set,
	struct err *e)
{
	_cleanup_free_ char(*ids)[RUNTIME_ID_LEN + 1] = NULL;
	size_t n = 0;
	int fd, r = runtime_list(rt, &ids, &n);

	if (r < 0)
		return err_sys(e, r, "cannot read %s", runtime_path(rt));
	raise_files();
	for (size_t i = 0; i < n; i++) {
		fd = runtime_connect(rt, ids[i]);
		if (fd == -ENOENT || fd == -ECONNREFUSED) /* stale */
			continue;
		if (fd < 0)
			return err_sys(e, fd, "cannot reach the box %s",
				       ids[i]);
		if (label && !has_label(fd, label)) {
			close(fd);
			continue;
		}
		r = set_add(set, ids[i], fd);
		if (r < 0)
			return err_sys(e, r, "too many boxes");
	}
	return 0;
}

int
client_find(struct runtime *rt, const struct client_select *sel,
	    struct client_set *ret, struct err *e)
{
	struct client_set set = { 0 };
	int r = 0;

	if (sel->all || sel->label)
		r = add_all(rt, sel->label, &set, e);
	for (size_t i = 0; r >= 0 && i < sel->n; i++)
		r = add_named(rt, sel->names[i], &set, e);
	if (r < 0) {
		client_set_done(&set);
		return r;
	}
	*ret = set;
	return 0;
}
