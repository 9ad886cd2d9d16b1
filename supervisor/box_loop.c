/*
 * The supervisor while the command runs: control requests, signals to forward,
 * the clock, the watches, the terminal, and the end of pid 1. One libevent
 * loop; nothing in it blocks.
 */
#include "supervisor/box-internal.h"

#include "lib/trim.h"
#include "sandbox/init.h"
#include "sandbox/sys.h"
#include "supervisor/client.h"
#include "supervisor/net.h"
#include "supervisor/scribe.h"

#include <event2/event.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define SLICE_NS 100000	       /* the shortest that there is, kernel/sched */
#define READY_MS 30	       /* a box that lives longer may be stopped soon */
#define SETTLE_MS 300	       /* one that lives so long may live for long */
#define GRACE_S 2	       /* between the polite signal and the kill */
#define FREEZE_WAIT_US 5000000 /* the kernel may take its time under load */

static void
step_life(struct box *b, enum life_event ev)
{
	int r = life_next(b->state, ev);

	if (r >= 0)
		b->state = (enum life_state)r;
}

/*
 * Short turns on the processor, and soon: the scheduler lets who asks for a
 * shorter slice go first (Linux 6.12; before, this does nothing), without any
 * privilege. A box full of busy processes does not keep its supervisor waiting
 * that way. Not while there are children to come, who would inherit it.
 */
static void
be_prompt(void)
{
	struct sched_attr a = { .size = sizeof(a) };

	if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) < 0 ||
	    a.sched_policy != SCHED_NORMAL)
		return;
	a.sched_runtime = SLICE_NS;
	(void)syscall(SYS_sched_setattr, 0, &a, 0);
}

int
box_freeze(struct box *b, bool on, struct err *e)
{
	enum life_event ev = on ? LIFE_FREEZE : LIFE_THAW;
	int r;

	if (life_next(b->state, ev) < 0)
		return err_set(e, -EBUSY, "the box is %s", life_name(b->state));
	if (b->cg && cgroup_can_freeze(b->cg))
		r = cgroup_freeze(b->cg, on, FREEZE_WAIT_US);
	else
		r = sys_pidfd_send_signal(b->launch.pidfd,
					  on ? INIT_SIG_FREEZE : INIT_SIG_THAW);
	if (!on) /* cgroup_freeze() may have gone through another policy */
		be_prompt();
	if (r < 0)
		return err_sys(e, r, "cannot %s the box",
			       on ? "freeze" : "thaw");
	step_life(b, ev);
	box_net_freeze(b, on);
	return 0;
}

int
box_stop(struct box *b, enum box_end why, struct err *e)
{
	int r, r2;

	/* else the shim would see its clients end, as if they were done, and
	 * tell servers so; as it is they see a reset */
	box_net_freeze(b, true);
	r = b->cg ? cgroup_kill(b->cg) : 0;
	r2 = sys_pidfd_send_signal(b->launch.pidfd, SIGKILL);
	if (b->end == END_COMMAND)
		b->end = why;
	step_life(b, LIFE_STOP);
	if (r2 < 0 && r2 != -ESRCH)
		return err_sys(e, r < 0 ? r : r2, "cannot kill the box");
	return 0;
}

/* Control */

static json_t *
on_describe(void *arg)
{
	return box_describe(arg, false);
}

static json_t *
on_inspect(void *arg)
{
	return box_describe(arg, true);
}

/* Freeze and kill must not wait for the log's file, so these are written down
 * in the same turn of the loop, but after the answer. */
static void
write_note(struct box *b)
{
	const struct box_note *n = &b->note;

	if (!b->noted)
		return;
	b->noted = false;
	if (n->result >= 0)
		eventlog_add(b->log, n->kind, "by uid %u%s%s", n->by.uid,
			     *n->why ? ": " : "", n->why);
	box_act_done(b, n);
}

static void
on_note(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	write_note(arg);
}

static void
note(struct box *b, enum event_kind kind, const char *verb, int result,
     const struct control_peer *by, const char *why)
{
	write_note(b);
	b->noted = true;
	b->note.kind = kind;
	b->note.verb = verb;
	b->note.result = result;
	b->note.by = *by;
	snprintf(b->note.why, sizeof(b->note.why), "%s", why);
	event_active(b->ev_note, EV_TIMEOUT, 1);
}

static int
thaw(struct box *b, const struct control_peer *by, const char *why,
     json_t **ret, struct err *e)
{
	int r = box_freeze(b, false, e);

	if (r < 0)
		return r;
	eventlog_add(b->log, EVENT_THAWED, "by uid %u%s%s", by->uid,
		     *why ? ": " : "", why);
	*ret = json_pack("{ss}", "state", "running");
	return *ret ? 0 : err_sys(e, -ENOMEM, "thaw");
}

static int
on_freeze(void *arg, bool on, const struct control_peer *by, const char *why,
	  struct err *e)
{
	struct box *b = arg;
	json_t *j = NULL;
	int r;

	if (on) {
		r = box_freeze(b, true, e);
		note(b, EVENT_FROZEN, "freeze", r, by, why);
		return r;
	}
	r = box_act_later(b, "thaw", thaw, by, why, &j, e);
	json_decref(j);
	return r;
}

static int
on_kill(void *arg, int sig, const struct control_peer *by, const char *why,
	struct err *e)
{
	struct box *b = arg;
	struct box_note n = { .verb = "signal", .by = *by, .signal = sig };
	int r;

	if (sig == INIT_SIG_FREEZE || sig == INIT_SIG_THAW)
		return err_set(e, -EINVAL, "signal %d is agentbox's own", sig);
	if (!sig) {
		r = box_stop(b, END_KILLED, e);
		note(b, EVENT_KILLED, "kill", r, by, why);
		return r;
	}
	eventlog_add(b->log, EVENT_SIGNAL, "signal %d by uid %u%s%s", sig,
		     by->uid, *why ? ": " : "", why);
	r = sys_pidfd_send_signal(b->launch.pidfd, sig);
	n.result = r;
	snprintf(n.why, sizeof(n.why), "%s", why);
	box_act_done(b, &n);
	return r < 0 ? err_sys(e, r, "cannot send signal %d", sig) : 0;
}

/* It takes away, so it does not wait for its record. */
static int
on_revoke(void *arg, const char *credential, const struct control_peer *by,
	  struct err *e)
{
	struct box *b = arg;
	int r = net_revoke(b->net.net, credential);

	note(b, EVENT_REVOKED, "revoke", r, by, credential);
	if (r >= 0)
		return 0;
	err_set(e, r, "this box has no credential \"%s\"", credential);
	return err_cure(e, "agentbox inspect %s lists them, below network",
			b->entry.name);
}

static const struct control_ops control_ops = {
	.describe = on_describe,
	.inspect = on_inspect,
	.freeze = on_freeze,
	.kill = on_kill,
	.reload = box_reload,
	.act = box_decide,
	.revoke = on_revoke,
	.gone = box_decide_gone,
};

/* Events */

/* Pid 1 reported the command's end, or was killed. What it leaves behind goes
 * down meanwhile; box_release() waits for it. */
static void
on_exit_of_init(evutil_socket_t fd, short what, void *arg)
{
	struct box *b = arg;

	(void)fd;
	(void)what;
	event_base_loopbreak(b->base);
}

/* libevent calls this outside of signal context. */
static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct box *b = arg;

	(void)what;
	if (sig == SIGHUP && b->hangup_reloads)
		box_reload_on_signal(b);
	else
		(void)sys_pidfd_send_signal(b->launch.pidfd, (int)sig);
}

static void
on_grace_over(evutil_socket_t fd, short what, void *arg)
{
	struct err e = ERR_INIT;

	(void)fd;
	(void)what;
	(void)box_stop(arg, END_TIMEOUT, &e);
}

void
box_time_over(struct box *b, const char *why)
{
	const struct timeval grace = { .tv_sec = GRACE_S };
	struct err e = ERR_INIT;

	if (b->ev_kill) /* said already */
		return;
	b->end = END_TIMEOUT;
	eventlog_add(b->log, EVENT_TIMEOUT, "%s", why);
	box_audit_anomaly(b, "box.timeout", why);
	b->ev_kill = evtimer_new(b->base, on_grace_over, b);
	if (b->state == LIFE_FROZEN || !b->ev_kill ||
	    sys_pidfd_send_signal(b->launch.pidfd, SIGTERM) < 0 ||
	    event_add(b->ev_kill, &grace) < 0)
		(void)box_stop(b, END_TIMEOUT, &e);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	box_time_over(arg, "the time is over");
}

static void
on_limit(void *arg, uint64_t used, uint64_t limit, const char *text)
{
	struct box *b = arg;
	struct err e = ERR_INIT;

	(void)used;
	(void)limit;
	eventlog_add(b->log, EVENT_LIMIT, "%s", text);
	snprintf(b->limit_text, sizeof(b->limit_text), "%s", text);
	(void)box_stop(b, END_LIMIT, &e);
	box_audit_anomaly(b, "box.limit", text);
}

/*
 * A control request that changes nothing, to ourselves, and the motions of a
 * freeze: the first real one does not wait for a dozen page faults then. A
 * queue that is full is work enough.
 */
static void
rehearse(struct box *b)
{
	int fd = runtime_connect_now(b->rt, b->entry.id);

	if (b->cg)
		cgroup_rehearse(b->cg);
	if (fd < 0)
		return;
	(void)client_ask(fd, CONTROL_PING, 0, NULL);
	close(fd);
}

/* What a quick start left for later: first what makes us quick, then what makes
 * us small. */
static void
on_settled(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval rest = { .tv_usec =
					      (SETTLE_MS - READY_MS) * 1000 };
	struct box *b = arg;

	(void)fd;
	(void)what;
	if (!b->settling) {
		b->settling = true;
		be_prompt();
		event_add(b->ev_settled, &rest);
	} else {
		malloc_trim(0);
		trim_stack();
		trim_code();
	}
	rehearse(b);
}

/* Setting up */

static int
add_event(struct box *b, struct event **ret, int fd, short what,
	  event_callback_fn fn, const struct timeval *tv)
{
	*ret = event_new(b->base, fd, what, fn, b);
	return *ret && event_add(*ret, tv) == 0 ? 0 : -ENOMEM;
}

static int
add_signals(struct box *b)
{
	static const int forwarded[] = { SIGTERM, SIGINT,  SIGHUP, SIGQUIT,
					 SIGUSR1, SIGUSR2, SIGCONT };
	int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC), r = 0;

	b->hangup_reloads = tty < 0;
	close_ptr(&tty);
	for (size_t i = 0; i < ARRAY_SIZE(forwarded) && r >= 0; i++) {
		/* The terminal code handles SIGCONT when there is one. */
		if (forwarded[i] == SIGCONT && b->tty)
			continue;
		r = add_event(b, &b->ev_signal[i], forwarded[i],
			      EV_SIGNAL | EV_PERSIST, on_signal, NULL);
	}
	return r;
}

static int
add_timeout(struct box *b)
{
	uint64_t us = box_time_us(b);
	const struct timeval tv = { .tv_sec = (time_t)(us / 1000000),
				    .tv_usec = (suseconds_t)(us % 1000000) };

	return us ? add_event(b, &b->ev_timeout, -1, 0, on_timeout, &tv) : 0;
}

static int
add_watches(struct box *b, struct err *e)
{
	const struct profile *p = b->profile;
	_cleanup_close_ int dir = -EBADF;
	int r = 0;

	if (b->workspace && p->files.workspace == ACCESS_WRITE &&
	    p->files.workspace_max) {
		dir = open(b->workspace,
			   O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (dir < 0)
			return err_sys(e, -errno, "%s", b->workspace);
		r = watch_disk(b->base, &dir, 1, b->launch.pid,
			       p->files.workspace_max, on_limit, b,
			       &b->watch[0], e);
		if (r >= 0)
			watch_since(b->watch[0], b->started_us);
	}
	if (r >= 0 && b->table.row[LAYER_MEMORY].state == LAYER_DEGRADED)
		r = watch_memory(b->base, b->launch.pid,
				 p->process.cgroup.memory, on_limit, b,
				 &b->watch[1], e);
	return r;
}

static int
add_control(struct box *b, struct err *e)
{
	int r = eventlog_new(runtime_dirfd(b->rt), b->entry.id, b->entry.name,
			     &b->log);

	if (r < 0)
		return err_sys(e, r, "event log");
	eventlog_add(b->log, EVENT_CONFINED, "profile %s, backend %s",
		     b->profile->name, cgroup_backend_name(b->host.backend));
	if (b->o->observe)
		eventlog_add(b->log, EVENT_OBSERVING,
			     "what the rules refuse is recorded, not refused");
	for (int l = 0; l < LAYER_MAX; l++)
		if (b->table.row[l].state == LAYER_DEGRADED ||
		    b->table.row[l].state == LAYER_ABSENT)
			eventlog_add(b->log, EVENT_DEGRADED, "%s: %s",
				     layer_name((enum layer)l),
				     b->table.row[l].enforced);
	eventlog_add(b->log, EVENT_STARTED, "%s", b->o->args[0]);
	return control_new(b->base, b->entry.listen_fd, &control_ops, b, b->log,
			   &b->control, e);
}

int
box_need_base(struct box *b, struct err *e)
{
	struct event_config *cfg = b->base ? NULL : event_config_new();

	if (cfg) {
		/* One thread, and no environment variable steers us. */
		event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK |
						   EVENT_BASE_FLAG_IGNORE_ENV);
		b->base = event_base_new_with_config(cfg);
		event_config_free(cfg);
	}
	return b->base ? 0 : err_sys(e, -ENOMEM, "event loop");
}

static int
set_up(struct box *b, struct err *e)
{
	const struct timeval settle = { .tv_usec = READY_MS * 1000 };
	int r = box_need_base(b, e);

	if (r < 0)
		return r;
	if (b->tty) {
		r = tty_start(b->tty, b->base, e);
		if (r < 0)
			return r;
	}
	r = stdio_start(b->stdio, b->base, b->profile->process.fsize, e);
	if (r >= 0)
		r = add_control(b, e);
	if (r >= 0 && b->audit.scribe)
		r = scribe_watch(b->audit.scribe, b->base, e);
	if (r < 0)
		return r;
	b->ev_note = event_new(b->base, -1, 0, on_note, b);
	if (!b->ev_note)
		return err_sys(e, -ENOMEM, "event loop");
	r = add_event(b, &b->ev_settled, -1, 0, on_settled, &settle);
	if (r >= 0)
		r = add_event(b, &b->ev_exit, b->launch.init, EV_READ,
			      on_exit_of_init, NULL);
	if (r >= 0)
		r = add_signals(b);
	if (r >= 0)
		r = add_timeout(b);
	if (r < 0)
		return err_sys(e, r, "event loop");
	r = add_watches(b, e);
	return r < 0 ? r : box_watch_idle(b, e);
}

static void
tear_down(struct box *b)
{
	struct event *const events[] = { b->ev_exit, b->ev_timeout,
					 b->ev_kill, b->ev_settled,
					 b->ev_note, b->ev_idle };

	for (int i = 0; i < BOX_WATCHES_MAX; i++)
		watch_free(b->watch[i]);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (events[i])
			event_free(events[i]);
	for (int i = 0; i < BOX_SIGNALS_MAX; i++)
		if (b->ev_signal[i])
			event_free(b->ev_signal[i]);
	if (b->audit.scribe)
		(void)scribe_watch(b->audit.scribe, NULL, NULL);
	control_free(TAKE_PTR(b->control));
	tty_free(b->tty);
	b->tty = NULL;
	stdio_free(TAKE_PTR(b->stdio));
	eventlog_free(b->log);
	b->log = NULL;
	box_net_close(b);
	if (b->base)
		event_base_free(TAKE_PTR(b->base));
}

/* For the log: how it ended. */
static void
log_end(struct box *b, int failed, const struct err *e)
{
	if (failed < 0)
		eventlog_add(b->log, EVENT_EXITED, "%s", e->text);
	else if (b->have_status && WIFEXITED(b->wait_status))
		eventlog_add(b->log, EVENT_EXITED, "status %d",
			     WEXITSTATUS(b->wait_status));
	else
		eventlog_add(b->log, EVENT_EXITED, "killed by signal %d",
			     b->have_status ? WTERMSIG(b->wait_status)
					    : SIGKILL);
}

static int
finish(struct box *b, struct err *e)
{
	int failed = launch_status(&b->launch, &b->wait_status, e), r;

	b->have_status = failed > 0;
	box_net_end(b);
	write_note(b);
	step_life(b, LIFE_GONE);
	log_end(b, failed, e);
	if (b->tty)
		tty_drain(b->tty, 200);
	/* Pid 1 closed its channel before the kernel ended the others. Who
	 * asked for the end hears of it when all are dead, and only then do we
	 * have all that they wrote. */
	if (b->end != END_COMMAND || b->stdio)
		launch_end(&b->launch);
	r = stdio_drain(b->stdio, failed < 0 ? NULL : e);
	control_finish(b->control);
	return failed < 0 ? failed : r;
}

int
box_loop(struct box *b, struct err *e)
{
	int r = set_up(b, e);

	if (r >= 0 && event_base_dispatch(b->base) < 0)
		r = err_set(e, -EIO, "the event loop failed");
	if (r >= 0)
		r = finish(b, e);
	tear_down(b);
	return r;
}
