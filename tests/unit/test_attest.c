/* links: sandbox lib */
/*
 * Reading back: a process that is not confined at all must not pass for one
 * that is. The test attests itself.
 */
#include "sandbox/attest.h"
#include "tests/tap.h"
#include "tests/tools/sample_plan.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct self {
	struct plan plan;
	struct launch_params lp;
	struct launch box;
	struct cgroup_limits limits;
	struct attest_params ap;
	struct layer_table t;
	struct err e;
};

static void
prepare(struct self *s, uint32_t layers, uint32_t optional)
{
	memset(s, 0, sizeof(*s));
	sample_plan(&s->plan);
	s->plan.layers = layers;
	s->plan.optional = optional;
	s->lp.plan = &s->plan;
	s->lp.host_uid = 4242;
	s->lp.host_gid = 4242;
	s->box = (struct launch)LAUNCH_INIT;
	s->box.pid = s->box.agent_pid = getpid();
	s->ap = (struct attest_params){ .plan = &s->plan,
					.launch = &s->lp,
					.box = &s->box,
					.limits = &s->limits,
					.cgroup_why = "none here" };
}

static int
attest(struct self *s)
{
	attest_world(&s->ap, &s->t);
	return attest_process(&s->ap, &s->t, &s->e);
}

TEST(nothing_of_ours_is_held)
{
	static const enum layer rows[] = {
		LAYER_USER, LAYER_OWNUID,  LAYER_PID,	 LAYER_MOUNT,
		LAYER_NET,  LAYER_IPC,	   LAYER_UTS,	 LAYER_CGROUPNS,
		LAYER_TIME, LAYER_FILES,   LAYER_NNP,	 LAYER_LANDLOCK,
		LAYER_SWAP, LAYER_SECCOMP, LAYER_MEMORY, LAYER_SECUREBITS,
		LAYER_PIDS, LAYER_CPU,	   LAYER_FREEZE, LAYER_FDS,
	};
	struct self s;

	prepare(&s, LAYER_BIT(LAYER_MAX) - 1, 0);
	ASSERT_ERR(attest(&s), -EPERM);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (s.t.row[rows[i]].state != LAYER_ABSENT)
			FAIL("%s is %s: %s", layer_name(rows[i]),
			     layer_state_name(s.t.row[rows[i]].state),
			     s.t.row[rows[i]].enforced);
	ASSERT_STRSTR(s.e.text, "is not held");
	ASSERT_STRSTR(s.e.cure, "doctor");
}

/* Each layer alone is a reason to refuse, unless it is optional. */
TEST(each_layer_alone)
{
	static const enum layer rows[] = { LAYER_USER,	  LAYER_PID,
					   LAYER_MOUNT,	  LAYER_NET,
					   LAYER_NNP,	  LAYER_FILES,
					   LAYER_MEMORY,  LAYER_SECCOMP,
					   LAYER_LANDLOCK };
	struct self s;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		prepare(&s, LAYER_BIT(rows[i]), 0);
		ASSERT_ERR(attest(&s), -EPERM);
		ASSERT_STRSTR(s.e.text, layer_name(rows[i]));
		prepare(&s, LAYER_BIT(rows[i]), LAYER_BIT(rows[i]));
		ASSERT_OK(attest(&s));
		ASSERT_EQ(s.t.row[rows[i]].state, LAYER_ABSENT);
	}
}

TEST(what_was_not_asked_for_is_off)
{
	struct self s;

	prepare(&s, 0, 0);
	ASSERT_OK(attest(&s));
	for (int l = 0; l < LAYER_MAX; l++)
		ASSERT_EQ(s.t.row[l].state, LAYER_OFF);
}

TEST(a_process_that_is_gone_is_an_error)
{
	struct self s;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	prepare(&s, LAYER_BIT(LAYER_NNP), LAYER_BIT(LAYER_NNP));
	s.box.pid = s.box.agent_pid = pid;
	ASSERT_TRUE(attest(&s) < 0);
}
