/* links: lib sandbox supervisor */
/* The runtime folder: names, ids, stale entries, host uids. */
#include "supervisor/runtime.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *
fresh_dir(void)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/rt", tap_tmpdir());
	setenv("AGENTBOX_RUNTIME_DIR", path, 1);
	unsetenv("AGENTBOX_UID_BASE");
	return path;
}

static struct runtime *
fresh(void)
{
	struct runtime *rt = NULL;

	fresh_dir();
	ASSERT_OK(runtime_open(true, &rt, NULL));
	return rt;
}

/* A box whose supervisor died: its socket refuses, its name is still there. */
static void
leave_stale(struct runtime *rt, const char *name, struct runtime_box *box)
{
	struct runtime_box b = RUNTIME_BOX_INIT;

	ASSERT_OK(runtime_register(rt, name, "x", &b, NULL));
	close(b.listen_fd);
	*box = b;
}

TEST(open_makes_a_private_folder)
{
	struct runtime *rt = NULL;
	const char *path = fresh_dir();
	struct stat st;

	ASSERT_ERR(runtime_open(false, &rt, NULL), -ENOENT);
	ASSERT_OK(runtime_open(true, &rt, NULL));
	ASSERT_STREQ(runtime_path(rt), path);
	ASSERT_EQ(stat(path, &st), 0);
	ASSERT_EQ(st.st_mode & 07777, 0700);
	runtime_close(rt);
}

TEST(open_refuses_a_folder_that_others_may_enter)
{
	struct runtime *rt = NULL;
	struct err e = ERR_INIT;
	const char *path = fresh_dir();

	ASSERT_EQ(mkdir(path, 0700), 0);
	ASSERT_EQ(chmod(path, 0750), 0);
	ASSERT_ERR(runtime_open(true, &rt, &e), -EPERM);
	ASSERT_STRSTR(e.text, "not safe");
	ASSERT_STRSTR(e.cure, "0700");
}

TEST(open_refuses_a_folder_of_somebody_else)
{
	struct runtime *rt = NULL;
	const char *path = fresh_dir();

	if (geteuid() != 0)
		SKIP("needs root");
	ASSERT_EQ(mkdir(path, 0700), 0);
	ASSERT_EQ(chown(path, 12345, 12345), 0);
	ASSERT_ERR(runtime_open(true, &rt, NULL), -EPERM);
}

TEST(open_refuses_a_symbolic_link)
{
	struct runtime *rt = NULL;
	const char *path = fresh_dir();
	char real[300];

	snprintf(real, sizeof(real), "%s.real", path);
	ASSERT_EQ(mkdir(real, 0700), 0);
	ASSERT_EQ(symlink(real, path), 0);
	ASSERT_ERR(runtime_open(true, &rt, NULL), -ENOTDIR);
}

TEST(open_as_a_user_takes_xdg_only_if_it_is_private)
{
	const char *dir = tap_tmpdir();
	struct runtime *rt = NULL;
	char xdg[300];
	pid_t pid;
	int status;

	if (geteuid() != 0)
		SKIP("needs root to become another user");
	snprintf(xdg, sizeof(xdg), "%s/xdg", dir);
	ASSERT_EQ(chmod(dir, 0755), 0);
	ASSERT_EQ(mkdir(xdg, 0700), 0);
	ASSERT_EQ(chown(xdg, 54321, 54321), 0);
	unsetenv("AGENTBOX_RUNTIME_DIR");
	setenv("XDG_RUNTIME_DIR", xdg, 1);
	pid = fork();
	if (pid == 0) {
		int ok;

		if (setresuid(54321, 54321, 54321) < 0)
			_exit(2);
		ok = runtime_open(true, &rt, NULL) == 0 &&
		     strncmp(runtime_path(rt), xdg, strlen(xdg)) == 0;
		runtime_close(rt);
		/* open to others: must not be used any more */
		ok = ok && chmod(xdg, 0755) == 0 &&
		     runtime_open(false, &rt, NULL) == -ENOENT;
		_exit(ok ? 0 : 1);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_EQ(status, 0);
}

TEST(register_makes_id_socket_and_name)
{
	struct runtime_box box = RUNTIME_BOX_INIT;
	struct runtime *rt = fresh();
	char id[RUNTIME_ID_LEN + 1];
	int fd;

	ASSERT_OK(runtime_register(rt, "alpha", "x", &box, NULL));
	ASSERT_TRUE(runtime_is_id(box.id));
	ASSERT_STREQ(box.name, "alpha");
	ASSERT_TRUE(fcntl(box.listen_fd, F_GETFD) & FD_CLOEXEC);
	ASSERT_OK(runtime_lookup(rt, "alpha", id));
	ASSERT_STREQ(id, box.id);
	fd = ASSERT_OK(runtime_connect(rt, id));
	close(fd);
	ASSERT_TRUE(runtime_alive(rt, id));
	runtime_unregister(rt, &box);
	ASSERT_ERR(runtime_lookup(rt, "alpha", id), -ENOENT);
	ASSERT_ERR(runtime_connect(rt, id), -ENOENT);
	ASSERT_EQ(box.listen_fd, -EBADF);
	ASSERT_STREQ(box.name, "alpha"); /* for the last word */
	runtime_unregister(rt, &box);	 /* nothing is left: no harm */
	runtime_close(rt);
}

TEST(register_makes_up_names)
{
	struct runtime_box a = RUNTIME_BOX_INIT, b = RUNTIME_BOX_INIT;
	struct runtime *rt = fresh();
	char prefix[100];

	memset(prefix, 'p', sizeof(prefix));
	prefix[99] = '\0';
	ASSERT_OK(runtime_register(rt, NULL, "default", &a, NULL));
	ASSERT_OK(runtime_register(rt, NULL, prefix, &b, NULL));
	ASSERT_EQ(strncmp(a.name, "default-", 8), 0);
	ASSERT_EQ(strspn(a.name + 8, "0123456789abcdef"), 4);
	ASSERT_LE(strlen(b.name), RUNTIME_NAME_MAX);
	ASSERT_NE(strcmp(a.id, b.id), 0);
	runtime_unregister(rt, &a);
	runtime_unregister(rt, &b);
	runtime_close(rt);
}

TEST(register_refuses_a_live_name_and_what_is_no_name)
{
	static const char *const bad[] = { "",	      ".x",	     "-x",
					   "a/b",     "a b",	     "@",
					   "\x1b[2J", "0123456789ab" };
	struct runtime_box a = RUNTIME_BOX_INIT, b = RUNTIME_BOX_INIT;
	struct runtime *rt = fresh();
	struct err e = ERR_INIT;
	size_t n;
	char(*ids)[RUNTIME_ID_LEN + 1];

	ASSERT_OK(runtime_register(rt, "alpha", "x", &a, NULL));
	ASSERT_ERR(runtime_register(rt, "alpha", "x", &b, &e), -EEXIST);
	ASSERT_STRSTR(e.text, "alpha");
	ASSERT_STRSTR(e.cure, "kill alpha");
	ASSERT_EQ(b.id[0], '\0');
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ASSERT_ERR(runtime_register(rt, bad[i], "x", &b, NULL),
			   -EINVAL);
	/* the refused ones left nothing */
	ASSERT_OK(runtime_list(rt, &ids, &n));
	ASSERT_EQ(n, 1);
	free(ids);
	runtime_unregister(rt, &a);
	runtime_close(rt);
}

TEST(a_dead_supervisors_name_is_taken_over)
{
	struct runtime_box dead = RUNTIME_BOX_INIT, box = RUNTIME_BOX_INIT;
	struct runtime *rt = fresh();
	char id[RUNTIME_ID_LEN + 1];

	leave_stale(rt, "alpha", &dead);
	ASSERT_FALSE(runtime_alive(rt, dead.id));
	ASSERT_ERR(runtime_connect(rt, dead.id), -ECONNREFUSED);
	ASSERT_OK(runtime_register(rt, "alpha", "x", &box, NULL));
	ASSERT_OK(runtime_lookup(rt, "alpha", id));
	ASSERT_STREQ(id, box.id);
	runtime_unregister(rt, &box);
	runtime_close(rt);
}

TEST(of_many_who_want_one_stale_name_exactly_one_gets_it)
{
	struct runtime_box dead = RUNTIME_BOX_INIT, box = RUNTIME_BOX_INIT;
	struct runtime *rt = fresh();
	int go[2], done[2], told[2], won = 0, status;
	char c = 0;

	leave_stale(rt, "alpha", &dead);
	ASSERT_EQ(pipe2(go, O_CLOEXEC), 0);
	ASSERT_EQ(pipe2(done, O_CLOEXEC), 0);
	ASSERT_EQ(pipe2(told, O_CLOEXEC), 0);
	for (int i = 0; i < 12; i++) {
		if (fork() == 0) {
			struct runtime *own = NULL;
			int r;

			close(go[1]);
			close(done[1]);
			(void)!read(go[0], &c, 1);
			r = runtime_open(false, &own, NULL);
			if (r == 0)
				r = runtime_register(own, "alpha", "x", &box,
						     NULL);
			(void)!write(told[1], &c, 1);
			if (r < 0)
				_exit(r == -EEXIST ? 0 : 2);
			(void)!read(done[0], &c, 1); /* keep it alive */
			_exit(1);
		}
	}
	close(go[0]);
	close(done[0]);
	close(go[1]);
	close(told[1]);
	/* all have tried before the first may end */
	for (int i = 0; i < 12; i++)
		ASSERT_EQ(read(told[0], &c, 1), 1);
	close(told[0]);
	close(done[1]);
	for (int i = 0; i < 12; i++) {
		ASSERT_TRUE(wait(&status) > 0);
		ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		won += WEXITSTATUS(status);
	}
	ASSERT_EQ(won, 1);
	runtime_close(rt);
}

static void
make_file(struct runtime *rt, const char *name)
{
	int fd = openat(runtime_dirfd(rt), name, O_WRONLY | O_CREAT | O_CLOEXEC,
			0600);

	ASSERT_GE(fd, 0);
	close(fd);
}

TEST(sweep_removes_the_dead_and_keeps_the_living)
{
	struct runtime_box dead = RUNTIME_BOX_INIT, box = RUNTIME_BOX_INIT;
	struct runtime *rt = fresh();
	char id[RUNTIME_ID_LEN + 1], file[32];
	size_t n;
	char(*ids)[RUNTIME_ID_LEN + 1];

	leave_stale(rt, "alpha", &dead);
	ASSERT_OK(runtime_register(rt, "beta", "x", &box, NULL));
	/* a fresh socket may be between bind and listen: it stays */
	ASSERT_EQ(runtime_sweep(rt), 1);
	ASSERT_ERR(runtime_lookup(rt, "alpha", id), -ENOENT);
	ASSERT_OK(runtime_lookup(rt, "beta", id));
	ASSERT_OK(runtime_list(rt, &ids, &n));
	ASSERT_EQ(n, 2);
	free(ids);
	snprintf(file, sizeof(file), "%s.sock", dead.id);
	ASSERT_EQ(unlinkat(runtime_dirfd(rt), file, 0), 0);
	ASSERT_EQ(runtime_sweep(rt), 0);
	/* certificates of a box whose supervisor was killed as it began */
	snprintf(file, sizeof(file), "%s.ca", dead.id);
	make_file(rt, file);
	snprintf(file, sizeof(file), "%s.ca", box.id);
	make_file(rt, file);
	ASSERT_EQ(runtime_sweep(rt), 1);
	ASSERT_OK(faccessat(runtime_dirfd(rt), file, F_OK, 0));
	ASSERT_OK(unlinkat(runtime_dirfd(rt), file, 0));
	runtime_unregister(rt, &box);
	runtime_close(rt);
}

TEST(sweep_bounds_the_number_of_logs)
{
	struct runtime *rt = fresh();
	char file[32];
	int left = 0;

	for (int i = 0; i < 300; i++) {
		int fd;

		snprintf(file, sizeof(file), "%012x.log", i);
		fd = ASSERT_OK(openat(runtime_dirfd(rt), file,
				      O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		close(fd);
	}
	ASSERT_EQ(runtime_sweep(rt), 300 - 256);
	for (int i = 0; i < 300; i++) {
		snprintf(file, sizeof(file), "%012x.log", i);
		left += faccessat(runtime_dirfd(rt), file, F_OK, 0) == 0;
	}
	ASSERT_EQ(left, 256);
	runtime_close(rt);
}

TEST(a_full_backlog_is_alive)
{
	struct runtime_box box = RUNTIME_BOX_INIT;
	struct runtime *rt = fresh();
	int fds[64];
	int n = 0;

	ASSERT_OK(runtime_register(rt, "alpha", "x", &box, NULL));
	while (n < 64) {
		char path[64];
		/* non-blocking, so that a full backlog says so */
		int fd = socket(AF_UNIX,
				SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
				0);
		struct {
			sa_family_t family;
			char path[108];
		} sa = { .family = AF_UNIX };

		snprintf(path, sizeof(path), "/proc/self/fd/%d/%s.sock",
			 runtime_dirfd(rt), box.id);
		memcpy(sa.path, path, strlen(path));
		fds[n++] = fd;
		if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
			break;
	}
	ASSERT_EQ(errno, EAGAIN);
	ASSERT_TRUE(runtime_alive(rt, box.id));
	while (n > 0)
		close(fds[--n]);
	runtime_unregister(rt, &box);
	runtime_close(rt);
}

TEST(long_folder_names_work)
{
	struct runtime_box box = RUNTIME_BOX_INIT;
	struct runtime *rt = NULL;
	char path[256];
	int fd;

	memset(path, 0, sizeof(path));
	snprintf(path, sizeof(path), "%s/", tap_tmpdir());
	memset(path + strlen(path), 'd', 150);
	setenv("AGENTBOX_RUNTIME_DIR", path, 1);
	ASSERT_OK(runtime_open(true, &rt, NULL));
	ASSERT_OK(runtime_register(rt, "alpha", "x", &box, NULL));
	fd = ASSERT_OK(runtime_connect(rt, box.id));
	close(fd);
	runtime_unregister(rt, &box);
	runtime_close(rt);
}

TEST(slots_differ_and_go_with_their_descriptor)
{
	struct runtime *rt = fresh();
	uid_t a = 0, b = 0, c = 0;
	int fa = ASSERT_OK(runtime_slot(rt, "00ff00000000", &a, NULL));
	int fb = ASSERT_OK(runtime_slot(rt, "00ff11111111", &b, NULL));
	int fc, copy;

	ASSERT_EQ(a, RUNTIME_UID_BASE + 0xff);
	ASSERT_EQ(b, RUNTIME_UID_BASE + 0x100);
	copy = ASSERT_OK(fcntl(fa, F_DUPFD_CLOEXEC, 3));
	close(fa);
	/* the copy still holds it */
	fc = ASSERT_OK(runtime_slot(rt, "00ff22222222", &c, NULL));
	ASSERT_EQ(c, RUNTIME_UID_BASE + 0x101);
	close(fc);
	close(copy);
	fc = ASSERT_OK(runtime_slot(rt, "00ff22222222", &c, NULL));
	ASSERT_EQ(c, a);
	close(fb);
	close(fc);
	runtime_close(rt);
}

TEST(slots_wrap_around)
{
	struct runtime *rt = fresh();
	uid_t a = 0, b = 0;
	int fa = ASSERT_OK(runtime_slot(rt, "ffff00000000", &a, NULL));
	int fb = ASSERT_OK(runtime_slot(rt, "ffff00000000", &b, NULL));

	ASSERT_EQ(a, RUNTIME_UID_BASE + 65535);
	ASSERT_EQ(b, RUNTIME_UID_BASE);
	close(fa);
	close(fb);
	runtime_close(rt);
}

TEST(the_base_of_the_slots_is_checked)
{
	static const char *const bad[] = { "x",	    "0",	  "1000",
					   "65535", "2147483647", "4294967295",
					   "-1" };
	struct runtime *rt = fresh();
	struct err e = ERR_INIT;
	uid_t uid = 0;
	int fd;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("AGENTBOX_UID_BASE", bad[i], 1);
		ASSERT_ERR(runtime_slot(rt, "000000000000", &uid, &e), -EINVAL);
	}
	setenv("AGENTBOX_UID_BASE", "2000000000", 1);
	fd = ASSERT_OK(runtime_slot(rt, "000000000000", &uid, &e));
	ASSERT_EQ(uid, 2000000000);
	close(fd);
	runtime_close(rt);
}
