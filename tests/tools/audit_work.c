/* What always holds: a line says only what was acknowledged before it. */
#include "tests/tools/audit_work.h"

#include "audit/client.h"

#include <poll.h>
#include <string.h>
#include <time.h>

enum state { IDLE, ASKED, OWES, TOLD };

struct worker;
struct job {
	struct worker *w;
	enum state state;
	uint64_t n, seq, sent_ns;
};

struct worker {
	const struct audit_work *o;
	struct audit_work_count *c;
	struct client *client;
	uint64_t begun;
	bool gone, refused;
	struct fields intent, outcome;
	struct job job[AUDIT_WORK_WINDOW_MAX];
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
pause_us(long us)
{
	const struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&t, NULL);
}

static void
note(const struct worker *w, char what, long long a, uint64_t b)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%c %lld %llu\n", what, a,
			 (unsigned long long)b);

	if (w->o->acked_fd >= 0 && write(w->o->acked_fd, line, (size_t)n) != n)
		abort(); /* a note that is missing makes the test worthless */
}

/* ---- answers ------------------------------------------------------------- */

static void
measure(struct worker *w, const struct job *j)
{
	uint64_t now;

	if (!w->o->from_us)
		return;
	now = now_ns();
	if (now / 1000 < w->o->from_us || now / 1000 >= w->o->until_us)
		return;
	w->c->measured++;
	if (w->c->n_latency < w->o->latency_max)
		w->o->latency_ns[w->c->n_latency++] = now - j->sent_ns;
}

static void
on_intent(void *arg, uint64_t seq, int status)
{
	struct job *j = arg;
	struct worker *w = j->w;

	j->state = IDLE;
	if (status == -EPIPE) {
		w->c->unknown++;
		note(w, 'u', 0, j->n);
		return;
	}
	if (status < 0) {
		w->refused = true;
		w->c->refused++;
		w->c->refusal = status;
		note(w, 'r', status, j->n);
		return;
	}
	measure(w, j);
	w->c->intents++;
	note(w, 'i', (long long)seq, j->n);
	j->seq = seq;
	if (w->o->outcomes && !w->o->told)
		j->state = OWES;
}

static void
on_outcome(void *arg, uint64_t seq, int status)
{
	struct job *j = arg;
	struct worker *w = j->w;

	j->state = IDLE;
	if (status == 0) {
		w->c->outcomes++;
		note(w, 'o', (long long)seq, j->seq);
	} else if (status == -EALREADY || status == -ENOENT) {
		note(w, 's', status, j->seq);
	} else {
		w->refused = status != -EPIPE;
		j->state = OWES;
	}
}

/* ---- sending ------------------------------------------------------------- */

static int
send_intent(struct worker *w, struct job *j, struct err *e)
{
	char target[128];
	int64_t r;

	j->n = w->begun++;
	/* what is only told is measured: then it is all the same */
	if (!w->o->told || !j->n) {
		snprintf(target, sizeof(target), "%s/%llu", w->o->run,
			 (unsigned long long)j->n);
		fields_text(&w->intent, FIELD_TARGET, target);
	}
	j->sent_ns = w->o->from_us ? now_ns() : 0;
	j->state = ASKED;
	r = client_send(w->client, RECORD_INTENT, 0, &w->intent,
			w->o->durable ? WIRE_DURABLE : 0, on_intent, j, e);
	if (r < 0)
		j->state = IDLE;
	return r < 0 ? (int)r : 0;
}

static int
send_outcome(struct worker *w, struct job *j, struct err *e)
{
	int64_t r;

	j->state = TOLD;
	r = client_send(w->client, RECORD_OUTCOME, j->seq, &w->outcome, 0,
			on_outcome, j, e);
	if (r < 0)
		j->state = OWES;
	return r < 0 ? (int)r : 0;
}

static bool
goes_on(const struct worker *w)
{
	const struct audit_work *o = w->o;

	return (!o->actions || w->begun < o->actions) &&
	       (!o->until_us || now_ns() / 1000 < o->until_us) &&
	       (!o->while_file || access(o->while_file, F_OK) == 0);
}

/* 1: there is nothing left to wait for. */
static int
step(struct worker *w, struct err *e)
{
	bool idle = true;
	int r = 0;

	for (unsigned int i = 0; i < w->o->window && r == 0; i++) {
		struct job *j = &w->job[i];

		if (j->state == IDLE && goes_on(w))
			r = send_intent(w, j, e);
		else if (j->state == OWES)
			r = send_outcome(w, j, e);
		idle = idle && j->state == IDLE;
	}
	return r < 0 ? r : idle;
}

static int
come_back(struct worker *w, struct err *e)
{
	uint64_t end = now_ns() / 1000 + w->o->patience_us;
	int r;

	while ((r = client_reconnect(w->client, e)) < 0) {
		if (now_ns() / 1000 >= end)
			return r;
		pause_us(5000);
	}
	w->c->returns++;
	return 0;
}

static int
turn(struct worker *w, struct err *e)
{
	struct pollfd p;
	int r = step(w, e);

	if (r == 0) {
		p = (struct pollfd){ .fd = client_fd(w->client),
				     .events = POLLIN };
		poll(&p, 1, 100);
		r = client_process(w->client, e);
	}
	if (r < 0 && w->o->stay)
		r = come_back(w, e);
	if (w->refused)
		pause_us(2000);
	w->refused = false;
	return r;
}

/* ---- begin --------------------------------------------------------------- */

static void
make_fields(struct worker *w)
{
	_cleanup_free_ char *text = calloc(1, w->o->bytes + 1);

	fields_init(&w->intent);
	fields_text(&w->intent, FIELD_WHAT, "tools.call");
	fields_text(&w->intent, FIELD_SURFACE, "tools");
	fields_text(&w->intent, FIELD_CLASS, "act");
	fields_text(&w->intent, FIELD_EFFECT, "allow");
	if (!w->o->told)
		fields_uint(&w->intent, FIELD_GOES_AHEAD, 1);
	if (text && w->o->bytes) {
		memset(text, 'x', w->o->bytes);
		fields_text_n(&w->intent, FIELD_DETAIL, text, w->o->bytes,
			      RECORD_FIELDS_MAX / 2);
	}
	fields_init(&w->outcome);
	fields_text(&w->outcome, FIELD_STATUS, "ok");
	fields_uint(&w->outcome, FIELD_LATENCY_US, 1234);
}

static int
begin(struct worker *w, struct err *e)
{
	struct client_options co = { .writer = w->o->writer,
				     .start = w->o->writer != NULL };
	uint64_t end = now_ns() / 1000 + w->o->patience_us;
	struct fields f;
	int r;

	while ((r = client_new(&co, &w->client, e)) < 0) {
		if (!w->o->stay || now_ns() / 1000 >= end)
			return r;
		pause_us(5000);
	}
	fields_init(&f);
	fields_text(&f, FIELD_AGENT, w->o->agent);
	fields_text(&f, FIELD_RUN, w->o->run);
	r = client_open(w->client, &f, e);
	return r < 0 && w->o->stay ? come_back(w, e) : r;
}

int
audit_work(const struct audit_work *o, struct audit_work_count *ret,
	   struct err *e)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	*ret = (struct audit_work_count){ 0 };
	if (!w || !o->window || o->window > AUDIT_WORK_WINDOW_MAX) {
		free(w);
		return err_set(e, -EINVAL, "a window of %u", o->window);
	}
	w->o = o;
	w->c = ret;
	for (size_t i = 0; i < AUDIT_WORK_WINDOW_MAX; i++)
		w->job[i].w = w;
	make_fields(w);
	r = begin(w, e);
	while (r == 0)
		r = turn(w, e);
	client_free(w->client);
	free(w);
	return r < 0 ? r : 0;
}
