#pragma once
/*
 * A writer that takes, refuses, hangs or dies as a test wants: it stands in for
 * audit/client.c. Definitions, for one file of a test program.
 */
#include "audit/client.h"
#include "policy/sha256.h"
#include "tests/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SENT_MAX 2048
#define BLOBS_MAX 16

struct sent {
	enum record_type type;
	uint64_t ref, seq; /* seq 0: not answered */
	unsigned int flags;
	client_done *done;
	void *arg;
	bool answered;
	struct record r; /* its fields */
	uint8_t *bytes;
};

struct client {
	int fd;
	bool dead, hangs, no_return, blob_fails;
	int refuse; /* negative errno */
	uint64_t next;
	size_t n;
	struct sent sent[SENT_MAX];
	size_t n_blobs;
	struct {
		uint8_t digest[32];
		size_t len;
		uint8_t bytes[4096];
	} blob[BLOBS_MAX];
	struct wire_hello hello;
};

static struct client
	*writer; /* NOLINT: one for each test, which is a process */

int
client_new(const struct client_options *o, struct client **ret, struct err *e)
{
	(void)o;
	(void)e;
	writer = calloc(1, sizeof(*writer));
	ASSERT_NOT_NULL(writer);
	writer->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	*ret = writer;
	return 0;
}

void
client_free(struct client *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->sent[i].bytes);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

int
client_hello(struct client *c, uint64_t timeout_us,
	     const struct wire_hello **ret, struct err *e)
{
	(void)timeout_us;
	(void)e;
	*ret = &c->hello;
	return 0;
}

int
client_open(struct client *c, const struct fields *f, struct err *e)
{
	(void)c;
	(void)f;
	(void)e;
	return 0;
}

int64_t
client_send(struct client *c, enum record_type type, uint64_t ref,
	    const struct fields *f, unsigned int flags, client_done *done,
	    void *arg, struct err *e)
{
	struct sent *s = &c->sent[c->n];
	enum field_id missing;

	(void)e;
	if (c->dead)
		return -EPIPE;
	ASSERT_LE(c->n, SENT_MAX - 1);
	ASSERT_FALSE(f->full);
	ASSERT_OK(record_fields_check(f->bytes, f->len, FROM_CLIENT));
	ASSERT_OK(record_required(type, f->bytes, f->len, &missing));
	*s = (struct sent){ .type = type,
			    .ref = ref,
			    .flags = flags,
			    .done = done,
			    .arg = arg };
	s->bytes = malloc(f->len + 1);
	memcpy(s->bytes, f->bytes, f->len);
	s->r.fields = s->bytes;
	s->r.fields_len = f->len;
	c->n++;
	ASSERT_OK(eventfd_write(c->fd, 1));
	return (int64_t)c->n;
}

void
client_gather(struct client *c, bool on)
{
	(void)c;
	(void)on;
}

int
client_push(struct client *c, struct err *e)
{
	(void)c;
	(void)e;
	return 0;
}

int
client_blob(struct client *c, const uint8_t digest[32], const void *data,
	    size_t len, uint64_t timeout_us, struct err *e)
{
	(void)timeout_us;
	if (c->blob_fails) { /* as the real one does when it sees the end */
		close(c->fd);
		c->fd = -1;
		c->dead = true;
		return err_set(e, -EPIPE, "the writer is gone");
	}
	ASSERT_LE(c->n_blobs, BLOBS_MAX - 1);
	ASSERT_LE(len, sizeof(c->blob[0].bytes));
	memcpy(c->blob[c->n_blobs].digest, digest, 32);
	memcpy(c->blob[c->n_blobs].bytes, data, len);
	c->blob[c->n_blobs++].len = len;
	return 0;
}

int
client_blob_ask(struct client *c, const uint8_t digest[32], client_done *done,
		void *arg, struct err *e)
{
	int status = -ENOENT;

	(void)e;
	for (size_t i = 0; i < c->n_blobs; i++)
		if (!memcmp(c->blob[i].digest, digest, 32))
			status = 0;
	done(arg, 0, status);
	return 0;
}

int
client_fd(const struct client *c)
{
	return c->fd;
}

static void
answer(struct client *c, size_t i, int status)
{
	struct sent *s = &c->sent[i];

	s->answered = true;
	s->seq = status < 0 ? 0 : 100 + ++c->next;
	s->done(s->arg, s->seq, status);
}

int
client_process(struct client *c, struct err *e)
{
	eventfd_t v;

	(void)e;
	(void)eventfd_read(c->fd, &v);
	if (c->dead)
		return -EPIPE;
	for (size_t i = 0; i < c->n && !c->hangs; i++)
		if (!c->sent[i].answered)
			answer(c, i, c->refuse);
	return 0;
}

int
client_reconnect(struct client *c, struct err *e)
{
	for (size_t i = 0; i < c->n; i++)
		if (!c->sent[i].answered)
			answer(c, i, -EPIPE);
	if (c->no_return)
		return err_set(e, -ECONNREFUSED, "no");
	if (c->fd < 0)
		c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->dead = c->blob_fails = false;
	return 0;
}

void
client_no_start(struct client *c)
{
	(void)c;
}

int
client_launch(struct client *c, struct err *e)
{
	(void)c;
	return err_set(e, -ENOENT, "no writer");
}

const char *
client_status_text(int status)
{
	return strerror(-status);
}

void
client_digest(const uint8_t key[32], const void *p, size_t n, uint8_t ret[32])
{
	(void)key;
	sha256(p, n, ret);
}
