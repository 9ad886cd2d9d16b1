/* What a control connection may ask for, and blobs, which a channel may too. */
#include "audit/server-internal.h"

#include "lib/fd.h"

#include <string.h>
#include <sys/mman.h>

static void
hello(struct server *s, struct conn *c, uint64_t cookie)
{
	struct wire_hello h = {
		.magic = WIRE_MAGIC,
		.op = WIRE_HELLO,
		.version = 1,
		.cookie = cookie,
		.durable = s->o.config->durable,
		.open_actions = s->o.config->open_actions,
	};

	memcpy(h.log, store_log_id(s->o.store), sizeof(h.log));
	memcpy(h.public_key, store_public_key(s->o.store),
	       sizeof(h.public_key));
	memcpy(h.digest_key, store_digest_key(s->o.store),
	       sizeof(h.digest_key));
	conn_send(s, c, &h, sizeof(h), NULL, 0);
	explicit_bzero(&h, sizeof(h));
}

static void
status(struct server *s, struct conn *c, uint64_t cookie)
{
	const struct wire_text h = {
		.magic = WIRE_MAGIC,
		.op = WIRE_STATUS,
		.cookie = cookie,
	};
	_cleanup_free_ char *json = server_status(s);

	if (json)
		conn_send(s, c, &h, sizeof(h), json, strlen(json));
	else
		round_answer(s, c, cookie, -ENOMEM, 0);
}

static void
checkpoint(struct server *s, struct conn *c, uint64_t cookie)
{
	char note[NOTE_MAX] = "";
	int r;

	round_commit(s);
	r = store_checkpoint(s->o.store, &s->now, note);
	if (r == 0)
		server_note(s, note);
	round_answer(s, c, cookie, r, 0);
}

static void
rotate(struct server *s, struct conn *c, uint64_t cookie)
{
	int r;

	round_commit(s);
	r = store_rotate(s->o.store, &s->now);
	if (r == 0)
		channel_announce(s);
	round_answer(s, c, cookie, r, 0);
}

/* Its bytes count as the agent's. */
static int
charge(struct server *s, const struct conn *c, size_t len)
{
	bool first;

	if (!c->channel)
		return 0;
	return quota_charge(s->quota, c->channel->agent, QUOTA_TOLD, len,
			    s->now.wall_us, &first);
}

static int
blob(struct server *s, const struct conn *c, const struct wire_message *m,
     int fd)
{
	const void *data;
	size_t len;
	int r;

	r = store_blob_has(s->o.store, m->digest);
	if (r != 0 || fd < 0)
		return r < 0 ? r : r ? 0 : -ENOENT;
	r = fd_map_sealed(fd, SERVER_BLOB_MAX, &data, &len);
	if (r < 0)
		return r;
	r = charge(s, c, len);
	if (r == 0)
		r = store_blob_put(s->o.store, m->digest, data, len);
	if (len)
		munmap((void *)(uintptr_t)data, len);
	return r;
}

void
control_message(struct server *s, struct conn *c, const struct wire_message *m,
		int fd)
{
	_cleanup_close_ int own = fd;
	uint64_t cookie = m->head.cookie;

	if (m->head.op == WIRE_BLOB) {
		round_answer(s, c, cookie, blob(s, c, m, fd), 0);
		return;
	}
	if (c->channel || (fd >= 0 && m->head.op != WIRE_OPEN)) {
		round_answer(s, c, cookie, -EPERM, 0);
		return;
	}
	switch ((enum wire_op)m->head.op) {
	case WIRE_HELLO:
		hello(s, c, cookie);
		break;
	case WIRE_OPEN:
		channel_open(s, c, m, TAKE_FD(own));
		break;
	case WIRE_STATUS:
		status(s, c, cookie);
		break;
	case WIRE_CHECKPOINT:
		checkpoint(s, c, cookie);
		break;
	case WIRE_ROTATE:
		rotate(s, c, cookie);
		break;
	default:
		round_answer(s, c, cookie, -ENOSYS, 0);
	}
}
