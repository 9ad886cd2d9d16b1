/*
 * The heap of agentbox-stage, which asks for memory a few times and gives none
 * back: one fixed piece, cut from its beginning. And the checks that
 * _FORTIFY_SOURCE calls. See lib/mini/start.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALIGN 16u
/* A plan has at most 512 mounts, 512 rules, 4096 arguments and 1024 variables
 * (sandbox/plan.h): 80 KiB. What is not used is never memory. */
#define HEAP_SIZE (512u * 1024)

static char heap[HEAP_SIZE] __attribute__((aligned(ALIGN)));
static size_t used;

_Noreturn void mini_die(const char *text, size_t len);
void *__memcpy_chk(void *to, const void *from, size_t n, size_t room);
void *__memset_chk(void *to, int c, size_t n, size_t room);
ssize_t __read_chk(int fd, void *buf, size_t n, size_t room);
int __snprintf_chk(char *buf, size_t size, int flag, size_t room, const char *f,
		   ...) __attribute__((format(printf, 5, 6)));
int __vsnprintf_chk(char *buf, size_t size, int flag, size_t room,
		    const char *f, va_list ap)
	__attribute__((format(printf, 5, 0)));

void *
malloc(size_t n)
{
	size_t at = used;

	if (n > HEAP_SIZE - ALIGN - used) {
		errno = ENOMEM;
		return NULL;
	}
	used += (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	return &heap[at];
}

/* It was never used before, so it is zero. */
void *
calloc(size_t n, size_t size)
{
	size_t all;

	if (__builtin_mul_overflow(n, size, &all)) {
		errno = ENOMEM;
		return NULL;
	}
	return malloc(all);
}

void
free(void *p)
{
	(void)p;
}

char *
strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = malloc(n);

	return copy ? memcpy(copy, s, n) : NULL;
}

static void
check(size_t n, size_t room)
{
	static const char text[] = "agentbox: buffer overflow\n";

	if (n > room)
		mini_die(text, sizeof(text) - 1);
}

void *
__memcpy_chk(void *to, const void *from, size_t n, size_t room)
{
	check(n, room);
	return memcpy(to, from, n);
}

void *
__memset_chk(void *to, int c, size_t n, size_t room)
{
	check(n, room);
	return memset(to, c, n);
}

ssize_t
__read_chk(int fd, void *buf, size_t n, size_t room)
{
	check(n, room);
	return read(fd, buf, n);
}

int
__vsnprintf_chk(char *buf, size_t size, int flag, size_t room, const char *f,
		va_list ap)
{
	(void)flag;
	check(size, room);
	return vsnprintf(buf, size, f, ap);
}

int
__snprintf_chk(char *buf, size_t size, int flag, size_t room, const char *f,
	       ...)
{
	va_list ap;
	int n;

	va_start(ap, f);
	n = __vsnprintf_chk(buf, size, flag, room, f, ap);
	va_end(ap);
	return n;
}
