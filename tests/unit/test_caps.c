/* links: sandbox lib */
/* libcap agrees that nothing is left when caps.c says so. */
#include "sandbox/caps.h"
#include "tests/tap.h"

#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* In a child, since there is no way back: 0, or what is not so. */
static int
drop_and_ask(void)
{
	struct err e = ERR_INIT;
	cap_t now, none = cap_init();

	if (caps_drop_bounding(&e) < 0 || caps_lock_securebits(&e) < 0)
		return 1;
	for (cap_value_t c = 0; c < cap_max_bits(); c++)
		if (cap_get_bound(c) != 0)
			return 2;
	if (prctl(PR_GET_SECUREBITS) != (int)caps_securebits())
		return 3;
	if (caps_drop_all(&e) < 0)
		return 4;
	now = cap_get_proc();
	if (!now || !none || cap_compare(now, none) != 0)
		return 5;
	for (cap_value_t c = 0; c < cap_max_bits(); c++)
		if (cap_get_ambient(c) > 0)
			return 6;
	return 0;
}

TEST(nothing_is_left)
{
	int status;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("needs root: a user has nothing to drop");
	pid = fork();
	if (pid == 0)
		_exit(drop_and_ask());
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_EQ(status, 0);
}

/* Who may not, hears of it. */
TEST(without_the_right_it_fails)
{
	struct err e = ERR_INIT;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(caps_drop_all(&e) < 0 || caps_drop_bounding(&e) >= 0);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_EQ(status, 0);
}
