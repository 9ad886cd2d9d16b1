/* links: lib sandbox supervisor */
/* The control socket against good, bad, slow and many clients. */
#include "lib/fd.h"
#include "supervisor/client.h"
#include "supervisor/control.h"
#include "supervisor/eventlog.h"
#include "supervisor/report.h"
#include "supervisor/runtime.h"
#include "tests/tap.h"
#include "tests/tools/fake_control.h"

#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

TEST(requests_are_answered)
{
	struct server s = fake_start("alpha");
	struct layer_table t;
	struct err e = ERR_INIT;
	json_t *j = NULL;
	int fd = fake_connect(&s);

	ASSERT_OK(client_call(fd, CONTROL_PING, &j, &e));
	json_decref(j);
	ASSERT_OK(client_call(fd, CONTROL_INSPECT, &j, &e));
	ASSERT_OK(report_layers_parse(json_object_get(j, "layers"), &t));
	ASSERT_EQ(t.row[LAYER_PID].state, LAYER_HELD);
	ASSERT_STREQ(t.row[LAYER_PID].enforced, "own \\xff");
	json_decref(j);
	ASSERT_OK(client_ask(fd, CONTROL_FREEZE, 0, "because"));
	ASSERT_OK(client_receive(fd, &j, &e));
	ASSERT_STREQ(json_string_value(json_object_get(j, "state")), "frozen");
	json_decref(j);
	ASSERT_OK(client_ask(fd, CONTROL_FREEZE, 0, "refuse"));
	ASSERT_ERR(client_receive(fd, &j, &e), -EBUSY);
	ASSERT_STREQ(e.text, "not now \\xff");
	ASSERT_STREQ(e.cure, "later");
	ASSERT_ERR(client_ask(fd, CONTROL_FREEZE, 0,
			      (char[600]){ [0 ... 598] = 'x' }),
		   -E2BIG);
	close(fd);
	fake_stop(&s);
}

TEST(a_reload_answers_with_what_is_in_force)
{
	struct server s = fake_start("alpha");
	struct err e = ERR_INIT;
	json_t *j = NULL;
	int fd = fake_connect(&s);

	ASSERT_OK(client_ask(fd, CONTROL_RELOAD, 0, "new rules"));
	ASSERT_OK(client_receive(fd, &j, &e));
	ASSERT_EQ(json_integer_value(json_object_get(j, "epoch")), 1);
	ASSERT_STREQ(json_string_value(json_object_get(j, "why")), "new rules");
	json_decref(j);
	ASSERT_OK(client_ask(fd, CONTROL_RELOAD, 0, "refuse"));
	ASSERT_ERR(client_receive(fd, &j, &e), -EINVAL);
	ASSERT_STREQ(e.text, "epoch 1 stays");
	ASSERT_OK(client_call(fd, CONTROL_RELOAD, &j, &e));
	ASSERT_EQ(json_integer_value(json_object_get(j, "epoch")), 2);
	json_decref(j);
	close(fd);
	fake_stop(&s);
}

TEST(a_credential_is_revoked)
{
	struct server s = fake_start("alpha");
	struct err e = ERR_INIT;
	json_t *j = NULL;
	int fd = fake_connect(&s);

	ASSERT_OK(client_ask(fd, CONTROL_REVOKE, 0, "key"));
	ASSERT_OK(client_receive(fd, &j, &e));
	ASSERT_STREQ(json_string_value(json_object_get(j, "state")), "revoked");
	json_decref(j);
	ASSERT_OK(client_ask(fd, CONTROL_REVOKE, 0, "other"));
	ASSERT_ERR(client_receive(fd, &j, &e), -ENOENT);
	ASSERT_STREQ(e.text, "no credential other");
	close(fd);
	fake_stop(&s);
}

static json_t *
act(int fd, const char *body)
{
	struct err e = ERR_INIT;
	json_t *j = NULL;

	ASSERT_OK(client_ask_body(fd, CONTROL_DECIDE, body, strlen(body)));
	ASSERT_OK(client_receive(fd, &j, &e));
	return j;
}

static int
number(json_t *j, const char *key)
{
	int n = (int)json_integer_value(json_object_get(j, key));

	json_decref(j);
	return n;
}

TEST(a_long_request_is_taken_whole)
{
	struct server s = fake_start("alpha");
	_cleanup_free_ char *body = calloc(1, CONTROL_BODY_MAX + 2);
	int fd = fake_connect(&s);

	memset(body, 'x', CONTROL_BODY_MAX);
	ASSERT_EQ(number(act(fd, body), "len"), CONTROL_BODY_MAX);
	ASSERT_ERR(
		client_ask_body(fd, CONTROL_DECIDE, body, CONTROL_BODY_MAX + 1),
		-E2BIG);
	close(fd);
	fake_stop(&s);
}

TEST(an_answer_may_come_later)
{
	struct server s = fake_start("alpha");
	int fd = fake_connect(&s), other = fake_connect(&s);
	struct err e = ERR_INIT;
	json_t *j = NULL;

	ASSERT_OK(client_ask_body(fd, CONTROL_DECIDE, "later", 5));
	ASSERT_EQ(number(act(other, "now"), "len"), 3);
	json_decref(act(other, "answer"));
	ASSERT_OK(client_receive(fd, &j, &e));
	ASSERT_STREQ(json_string_value(json_object_get(j, "it")), "is late");
	json_decref(j);
	/* once; and the connection goes on */
	json_decref(act(other, "answer"));
	ASSERT_EQ(number(act(fd, "now"), "len"), 3);
	ASSERT_OK(client_ask_body(fd, CONTROL_OUTCOME, "x", 1));
	ASSERT_ERR(client_receive(fd, &j, &e), -ENOENT);
	close(fd);
	close(other);
	fake_stop(&s);
}

TEST(who_leaves_before_the_answer_is_told_of)
{
	struct server s = fake_start("alpha");
	int fd = fake_connect(&s), other = fake_connect(&s);

	ASSERT_OK(client_ask_body(fd, CONTROL_DECIDE, "later", 5));
	ASSERT_EQ(number(act(other, "now"), "gone"), 0);
	close(fd);
	while (number(act(other, "now"), "gone") == 0)
		usleep(1000);
	json_decref(act(other, "answer"));
	close(other);
	fake_stop(&s);
}

TEST(those_who_wait_for_decisions_do_not_keep_a_freeze_out)
{
	struct server s = fake_start("alpha");
	int fds[CONTROL_CLIENTS_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = fake_connect(&s);
		ASSERT_OK(client_ask_body(fds[i], CONTROL_DECIDE, "never", 5));
	}
	fake_check_well(&s);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	fake_stop(&s);
}

TEST(kill_is_answered_when_the_box_is_dead)
{
	struct server s = fake_start("alpha");
	json_t *j = NULL;
	int fd = fake_connect(&s), other = fake_connect(&s), status;

	ASSERT_OK(client_ask(fd, CONTROL_KILL, 15, NULL));
	ASSERT_OK(client_receive(fd, &j, NULL));
	ASSERT_STREQ(json_string_value(json_object_get(j, "state")),
		     "signalled");
	json_decref(j);
	ASSERT_OK(client_ask(fd, CONTROL_KILL, 0, NULL));
	ASSERT_OK(client_receive(fd, &j, NULL));
	ASSERT_TRUE(*fake_died);
	ASSERT_STREQ(json_string_value(json_object_get(j, "state")), "dead");
	json_decref(j);
	/* one that had nothing outstanding just loses the connection */
	ASSERT_ERR(client_receive(other, &j, NULL), -ECONNRESET);
	ASSERT_EQ(waitpid(s.pid, &status, 0), s.pid);
	ASSERT_EQ(status, 0);
	close(fd);
	close(other);
	runtime_close(s.rt);
}

TEST(events_are_streamed_to_the_end)
{
	static char buf[CONTROL_REPLY_MAX + 1];
	struct server s = fake_start("alpha");
	int fd = fake_connect(&s), actor = fake_connect(&s);
	bool dead = false, frozen = false;
	json_t *j = NULL;
	ssize_t n;

	ASSERT_OK(client_ask(fd, CONTROL_EVENTS, 1, NULL));
	ASSERT_OK(client_ask(actor, CONTROL_FREEZE, 0, "w\"hy"));
	ASSERT_OK(client_receive(actor, &j, NULL));
	json_decref(j);
	ASSERT_OK(client_ask(actor, CONTROL_KILL, 0, NULL));
	while ((n = client_stream(fd, buf, sizeof(buf))) > 0) {
		frozen |= strstr(buf, "w\\\"hy") != NULL;
		dead |= strstr(buf, "\"exited\"") != NULL;
	}
	ASSERT_EQ(n, 0);
	ASSERT_TRUE(frozen);
	ASSERT_TRUE(dead);
	close(fd);
	close(actor);
	fake_stop(&s);
}

TEST(bad_requests_end_their_client_only)
{
	static char junk[128 * 1024];
	struct server s = fake_start("alpha");
	struct control_reply h;

	memset(junk, 0x41, sizeof(junk));
	for (size_t len = 1; len <= sizeof(junk); len *= 2) {
		char reply[512];
		int fd = fake_connect(&s);
		ssize_t n;

		if (send(fd, junk, len, MSG_NOSIGNAL) < 0) {
			close(fd);
			continue;
		}
		n = recv(fd, reply, sizeof(reply), 0);
		ASSERT_GE(n, (ssize_t)sizeof(h));
		memcpy(&h, reply, sizeof(h));
		ASSERT_TRUE(h.status < 0);
		ASSERT_LE(recv(fd, reply, sizeof(reply), 0), 0);
		close(fd);
	}
	fake_check_well(&s);
	fake_stop(&s);
}

TEST(descriptors_that_are_sent_are_not_kept)
{
	struct server s = fake_start("alpha");
	int fd = fake_connect(&s), p[2];
	struct control_request rq = { CONTROL_MAGIC, 1, CONTROL_PING, 0, 0 };
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(int))];
	} c = { .h = { .cmsg_len = CMSG_LEN(sizeof(int)),
		       .cmsg_level = SOL_SOCKET,
		       .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { &rq, sizeof(rq) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = c.buf,
			      .msg_controllen = sizeof(c.buf) };
	json_t *j = NULL;
	struct pollfd pfd;

	ASSERT_EQ(pipe2(p, O_CLOEXEC), 0);
	memcpy(CMSG_DATA(&c.h), &p[1], sizeof(int));
	ASSERT_EQ(sendmsg(fd, &msg, 0), sizeof(rq));
	close(p[1]);
	ASSERT_OK(client_receive(fd, &j, NULL));
	json_decref(j);
	/* nobody holds the writing end */
	pfd = (struct pollfd){ .fd = p[0], .events = POLLIN };
	ASSERT_EQ(poll(&pfd, 1, 15000), 1);
	ASSERT_TRUE(pfd.revents & POLLHUP);
	close(p[0]);
	close(fd);
	fake_stop(&s);
}

TEST(many_idle_clients_do_not_lock_anybody_out)
{
	struct server s = fake_start("alpha");
	int fds[40];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = fake_connect(&s);
		if (i % 8 == 7)
			usleep(5000);
	}
	fake_check_well(&s);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	fake_check_well(&s);
	fake_stop(&s);
}

TEST(followers_have_half_of_the_places)
{
	struct server s = fake_start("alpha");
	int fds[CONTROL_CLIENTS_MAX / 2 + 1];
	char buf[4096];
	ssize_t n;

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = fake_connect(&s);
		ASSERT_OK(client_ask(fds[i], CONTROL_EVENTS, 1, NULL));
		/* it has its place before the next one asks */
		n = client_stream(fds[i], buf, sizeof(buf));
		if (i + 1 < ARRAY_SIZE(fds))
			ASSERT_TRUE(n > 0);
	}
	ASSERT_EQ(n, -EBUSY);
	fake_check_well(&s);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	fake_stop(&s);
}

TEST(a_client_that_does_not_read_is_dropped)
{
	struct server s = fake_start("alpha");
	int fd = fake_connect(&s);

	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 20000; i++)
		if (client_ask(fd, CONTROL_INSPECT, 0, NULL) == -EPIPE)
			break;
	fake_check_well(&s);
	close(fd);
	fake_stop(&s);
}

TEST_LIMIT(an_idle_client_is_dropped_after_its_time, 30)
{
	struct server s = fake_start("alpha");
	int fd = fake_connect(&s);
	char c;

	ASSERT_EQ(recv(fd, &c, 1, 0), 0);
	close(fd);
	fake_stop(&s);
}

/* What a box without privilege looks like to its supervisor. */
TEST(a_peer_in_another_user_namespace_is_refused)
{
	struct server s = fake_start("alpha");
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		json_t *j = NULL;
		int fd;

		if (unshare(CLONE_NEWUSER) < 0)
			_exit(77);
		fd = runtime_connect(s.rt, s.box.id);
		_exit(fd >= 0 && client_call(fd, CONTROL_PING, &j, NULL) == 0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP("no user namespaces");
	ASSERT_EQ(status, 0);
	fake_check_well(&s);
	fake_stop(&s);
}

TEST(another_user_is_refused)
{
	struct server s = fake_start("alpha");
	int status;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("needs root to become another user");
	pid = fork();
	if (pid == 0) {
		json_t *j = NULL;
		char file[40];
		int fd;

		/* open every door but the kernel's word on who asks */
		snprintf(file, sizeof(file), "%s.sock", s.box.id);
		if (chmod(tap_tmpdir(), 0777) < 0 ||
		    chmod(runtime_path(s.rt), 0777) < 0 ||
		    fchmodat(runtime_dirfd(s.rt), file, 0777, 0) < 0 ||
		    setresuid(54321, 54321, 54321) < 0)
			_exit(3);
		fd = runtime_connect(s.rt, s.box.id);
		if (fd < 0)
			_exit(4);
		_exit(client_call(fd, CONTROL_PING, &j, NULL) == 0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_EQ(status, 0);
	fake_stop(&s);
}

/* ---- choosing ---------------------------------------------------------- */

static int
choose(struct server *s, const char *name, bool all, const char *label,
       struct client_set *set, struct err *e)
{
	char *names[] = { (char *)(uintptr_t)name };
	const struct client_select sel = {
		.names = names, .n = name != NULL, .all = all, .label = label
	};

	return client_find(s->rt, &sel, set, e);
}

TEST(boxes_are_chosen_by_name_id_prefix_label_and_all)
{
	struct server a = fake_start("alpha"), b = fake_start("beta");
	struct client_set set = { 0 };
	struct err e = ERR_INIT;
	char prefix[RUNTIME_ID_LEN + 1];

	ASSERT_OK(choose(&a, "alpha", false, NULL, &set, &e));
	ASSERT_EQ(set.n, 1);
	ASSERT_STREQ(set.v[0].id, a.box.id);
	client_set_done(&set);
	ASSERT_OK(choose(&a, b.box.id, false, NULL, &set, &e));
	ASSERT_STREQ(set.v[0].id, b.box.id);
	client_set_done(&set);
	snprintf(prefix, sizeof(prefix), "%.8s", b.box.id);
	ASSERT_OK(choose(&a, prefix, false, NULL, &set, &e));
	ASSERT_STREQ(set.v[0].id, b.box.id);
	client_set_done(&set);
	ASSERT_OK(choose(&a, NULL, true, NULL, &set, &e));
	ASSERT_EQ(set.n, 2);
	client_set_done(&set);
	ASSERT_OK(choose(&a, NULL, false, "team=a", &set, &e));
	ASSERT_EQ(set.n, 2);
	client_set_done(&set);
	ASSERT_OK(choose(&a, NULL, false, "team=b", &set, &e));
	ASSERT_EQ(set.n, 0);
	client_set_done(&set);
	ASSERT_ERR(choose(&a, "foo", false, NULL, &set, &e), -ENOENT);
	ASSERT_STRSTR(e.text, "no box named \"foo\"; running:");
	ASSERT_STRSTR(e.text, "alpha");
	ASSERT_STRSTR(e.text, "beta");
	ASSERT_ERR(choose(&a, "", false, NULL, &set, &e), -ENOENT);
	fake_stop(&a);
	/* dead: neither by name nor with --all */
	ASSERT_ERR(choose(&b, "alpha", false, NULL, &set, &e), -ENOENT);
	ASSERT_OK(choose(&b, NULL, true, NULL, &set, &e));
	ASSERT_EQ(set.n, 1);
	client_set_done(&set);
	fake_stop(&b);
}
