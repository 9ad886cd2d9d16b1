/*
 * A process of the caller's user that holds the token wherever a process can:
 * environment, memory, an open file, its current folder. It counts SIGURG.
 */
#include "tests/escape/host.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static int report_fd = -EBADF;

static void
on_signal(_unused_ int sig)
{
	if (write(report_fd, "u", 1) < 0)
		return;
}

int
victim_main(const char *token, int signal_fd, int addr_fd)
{
	struct sigaction a = { .sa_handler = on_signal,
			       .sa_flags = SA_RESTART };
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned long addr = (unsigned long)page;

	if (page == MAP_FAILED || chdir("..") < 0 || chdir("outside") < 0)
		return 1;
	snprintf(page, 4096, "%s", token);
	report_fd = signal_fd;
	prctl(PR_SET_NAME, "abx-victim");
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	sigaction(SIGURG, &a, NULL);
	if (open("secret", O_RDONLY) < 0 ||
	    write(addr_fd, &addr, sizeof(addr)) != sizeof(addr))
		return 1;
	close(addr_fd);
	for (;;)
		pause();
}

static _noreturn_ void
victim_exec(const struct host *h, int addr_fd)
{
	char env[64], sig[16], addr[16];
	char *envp[] = { env, NULL };
	/* execve() takes writable strings and leaves them alone */
	char *argv[] = { (char[]){ "abx-victim" },
			 (char[]){ "--victim" },
			 (char[]){ "-" },
			 sig,
			 addr,
			 NULL };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(env, sizeof(env), "ABX_VICTIM=%s", h->token);
	snprintf(sig, sizeof(sig), "%d", h->signal_pipe[1]);
	snprintf(addr, sizeof(addr), "%d", addr_fd);
	fcntl(h->signal_pipe[1], F_SETFD, 0);
	fcntl(addr_fd, F_SETFD, 0);
	if (chdir(h->outside) == 0)
		execve(h->victim_exe, argv, envp);
	_exit(127);
}

int
victim_start(struct host *h, pid_t *ret_pid, unsigned long *ret_addr)
{
	unsigned long addr = 0;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		victim_exec(h, fds[1]);
	close(fds[1]);
	if (pid < 0 || read(fds[0], &addr, sizeof(addr)) != sizeof(addr)) {
		close(fds[0]);
		fprintf(stderr, "escape-host: no victim\n");
		return -EIO;
	}
	close(fds[0]);
	*ret_pid = pid;
	if (ret_addr)
		*ret_addr = addr;
	return 0;
}
