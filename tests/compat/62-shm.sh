#!/bin/bash
# Shared memory, semaphores and queues: POSIX ones in /dev/shm, System V, memfd;
# large mappings; and that /dev/shm is the box's own. POSIX message queues are the
# exception: Landlock closes their file system.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need_inside python3 gcc

put t.c <<'END'
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>
#define NEED(e) do { if (!(e)) { perror(#e); exit(1); } } while (0)
int main(void)
{
	int fd = shm_open("/box", O_CREAT | O_RDWR, 0600);
	NEED(fd >= 0 && ftruncate(fd, 1 << 20) == 0);
	char *m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	NEED(m != MAP_FAILED);
	sem_t *s = sem_open("/box", O_CREAT, 0600, 0);
	NEED(s != SEM_FAILED);
	if (fork() == 0) { strcpy(m, "posix"); sem_post(s); _exit(0); }
	NEED(sem_wait(s) == 0);
	wait(NULL);
	puts(m);
	NEED(sem_unlink("/box") == 0 && shm_unlink("/box") == 0);
	int q = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	struct { long t; char b[8]; } msg = { 1, "sysv" };
	NEED(q >= 0 && msgsnd(q, &msg, 8, 0) == 0);
	memset(msg.b, 0, 8);
	NEED(msgrcv(q, &msg, 8, 0, 0) == 8);
	puts(msg.b);
	msgctl(q, IPC_RMID, NULL);
	int id = shmget(IPC_PRIVATE, 1 << 20, IPC_CREAT | 0600);
	NEED(id >= 0 && shmat(id, NULL, 0) != (void *)-1);
	shmctl(id, IPC_RMID, NULL);
	int mf = memfd_create("m", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	NEED(mf >= 0 && write(mf, "x", 1) == 1);
	NEED(fcntl(mf, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) == 0);
	puts("memfd");
	/* they lie on a file system that no profile can grant */
	NEED(mq_open("/q", O_CREAT | O_RDWR, 0600, NULL) == (mqd_t)-1 &&
	     errno == EACCES);
	puts("mqueue refused");
	NEED(mmap(NULL, 1ul << 40, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
	     MAP_NORESERVE, -1, 0) != MAP_FAILED);
	puts("terabyte");
	return 0;
}
END
dev gcc -o t t.c -lrt -lpthread >/dev/null 2>"$err" </dev/null || show
for word in posix sysv memfd "mqueue refused" terabyte; do
	check_out "$word" "^$word\$" dev ./t
done
inside "100 MiB in /dev/shm" '^104857600$' \
	'head -c 100M /dev/zero >/dev/shm/big; stat -c %s /dev/shm/big'
inside "which the next box does not see" '^0$' 'ls -A /dev/shm | wc -l'
check_eq "nor the host" "$(ls /dev/shm/box /dev/shm/big 2>/dev/null)" ""
inside "mktemp, mode of /tmp" '^1777 1777$' \
	'mktemp -d >&2; stat -c %a /tmp /dev/shm | paste -sd" "'
finish
