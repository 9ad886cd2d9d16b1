/* The control socket of a box that is none, for tests of both its ends. */
#include "tests/tools/fake_control.h"

#include "supervisor/client.h"
#include "supervisor/eventlog.h"
#include "supervisor/report.h"
#include "tests/tap.h"

#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct fake {
	struct event_base *base;
	struct control *control;
	struct eventlog *log;
	struct event *later, *tick;
	bool frozen;
	int ticks, epoch, gone;
	struct control_ticket asked; /* of the last request left open */
};

static json_t *
fake_describe(void *arg)
{
	struct fake *f = arg;

	return json_pack("{s:s, s:b, s:i, s:{s:s}}", "name", "alpha", "frozen",
			 f->frozen, "ticks", f->ticks, "labels", "team", "a");
}

static json_t *
fake_inspect(void *arg)
{
	struct layer_table t = { 0 };

	(void)arg;
	t.row[LAYER_PID].state = LAYER_HELD;
	snprintf(t.row[LAYER_PID].enforced, LAYER_TEXT_MAX, "own \xff");
	return json_pack("{s:s, s:o}", "name", "alpha", "layers",
			 report_layers_json(&t));
}

static int
fake_freeze(void *arg, bool on, const struct control_peer *by, const char *why,
	    struct err *e)
{
	struct fake *f = arg;

	if (strcmp(why, "refuse") == 0) {
		err_set(e, EBUSY, "not now \xff");
		err_cure(e, "later");
		return -EBUSY;
	}
	f->frozen = on;
	eventlog_add(f->log, on ? EVENT_FROZEN : EVENT_THAWED, "uid %u: %s",
		     by->uid, why);
	return 0;
}

static int
fake_revoke(void *arg, const char *credential, const struct control_peer *by,
	    struct err *e)
{
	struct fake *f = arg;

	if (strcmp(credential, "key") != 0)
		return err_set(e, -ENOENT, "no credential %s", credential);
	eventlog_add(f->log, EVENT_REVOKED, "uid %u: %s", by->uid, credential);
	return 0;
}

/* In memory that the test and the server share. */
bool *fake_died;

static void
on_dead(int fd, short what, void *arg)
{
	struct fake *f = arg;

	(void)fd;
	(void)what;
	eventlog_add(f->log, EVENT_EXITED, "dead");
	*fake_died = true;
	control_finish(f->control);
	event_base_loopbreak(f->base);
}

static int
fake_kill(void *arg, int sig, const struct control_peer *by, const char *why,
	  struct err *e)
{
	const struct timeval tv = { .tv_usec = 50000 };
	struct fake *f = arg;

	(void)by;
	(void)why;
	(void)e;
	if (!sig)
		event_add(f->later, &tv);
	return 0;
}

static int
fake_reload(void *arg, const struct control_peer *by, const char *why,
	    json_t **ret, struct err *e)
{
	struct fake *f = arg;

	(void)by;
	if (strcmp(why, "refuse") == 0)
		return err_set(e, EINVAL, "epoch %d stays", f->epoch);
	*ret = json_pack("{s:i, s:s}", "epoch", ++f->epoch, "why", why);
	return 0;
}

/* "now" is answered at once, "later" by the next "answer", "never" never. */
static int
fake_act(void *arg, enum control_op op, const char *body, size_t len,
	 const struct control_peer *by, json_t **ret, struct err *e)
{
	struct fake *f = arg;

	if (op == CONTROL_OUTCOME)
		return err_set(e, ENOENT, "no action");
	if (len == 5 && !memcmp(body, "later", 5)) {
		f->asked = by->ticket;
		return CONTROL_LATER;
	}
	if (len == 5 && !memcmp(body, "never", 5))
		return CONTROL_LATER;
	if (len == 6 && !memcmp(body, "answer", 6))
		(void)control_answer(f->control, &f->asked, 0,
				     json_pack("{s:s}", "it", "is late"), NULL);
	*ret = json_pack("{s:I, s:i}", "len", (json_int_t)len, "gone", f->gone);
	return 0;
}

static void
fake_gone(void *arg, const struct control_ticket *t)
{
	struct fake *f = arg;

	(void)t;
	f->gone++;
}

static void
on_tick(int fd, short what, void *arg)
{
	struct fake *f = arg;

	(void)fd;
	(void)what;
	f->ticks++;
	if (f->ticks % 10 == 0)
		eventlog_add(f->log, EVENT_SIGNAL, "tick %d", f->ticks);
}

static const struct control_ops fake_ops = {
	fake_describe, fake_inspect, fake_freeze, fake_kill,
	fake_reload,   fake_act,     fake_revoke, fake_gone,
};

/* The loop of a box, in a process of its own; ends with its parent. */
static void
serve(struct runtime *rt, struct runtime_box *box)
{
	const struct timeval ms = { .tv_usec = 1000 };
	struct fake f = { .base = event_base_new() };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (eventlog_new(runtime_dirfd(rt), box->id, box->name, &f.log) < 0 ||
	    control_new(f.base, box->listen_fd, &fake_ops, &f, f.log,
			&f.control, NULL) < 0)
		_exit(1);
	f.later = event_new(f.base, -1, 0, on_dead, &f);
	f.tick = event_new(f.base, -1, EV_PERSIST, on_tick, &f);
	event_add(f.tick, &ms);
	event_base_dispatch(f.base);
	control_free(f.control);
	runtime_unregister(rt, box);
	eventlog_free(f.log);
	event_free(f.later);
	event_free(f.tick);
	event_base_free(f.base);
	runtime_close(rt);
	_exit(0);
}

struct server
fake_start(const char *name)
{
	struct server s = { .box = RUNTIME_BOX_INIT };
	char path[256];

	snprintf(path, sizeof(path), "%s/rt", tap_tmpdir());
	setenv("AGENTBOX_RUNTIME_DIR", path, 1);
	ASSERT_OK(runtime_open(true, &s.rt, NULL));
	ASSERT_OK(runtime_register(s.rt, name, "x", &s.box, NULL));
	fake_died = mmap(NULL, sizeof(*fake_died), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(fake_died != MAP_FAILED);
	s.pid = fork();
	if (s.pid == 0)
		serve(s.rt, &s.box);
	close(s.box.listen_fd);
	s.box.listen_fd = -EBADF;
	return s;
}

void
fake_stop(struct server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	runtime_close(s->rt);
}

int
fake_connect(struct server *s)
{
	const struct timeval tv = { .tv_sec = 15 };
	int fd = ASSERT_OK(runtime_connect(s->rt, s->box.id));

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return fd;
}

int
fake_ticks(int fd)
{
	json_t *j = NULL;
	int n;

	ASSERT_OK(client_call(fd, CONTROL_DESCRIBE, &j, NULL));
	n = (int)json_integer_value(json_object_get(j, "ticks"));
	json_decref(j);
	return n;
}

/* The box answers and its loop turns. */
void
fake_check_well(struct server *s)
{
	int fd = fake_connect(s), before = fake_ticks(fd), after = before;

	for (int i = 0; i < 500 && after < before + 5; i++) {
		usleep(20000);
		after = fake_ticks(fd);
	}
	ASSERT_GE(after, before + 5);
	close(fd);
}
