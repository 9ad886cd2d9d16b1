#pragma once
/*
 * Attributes and ownership helpers used by every module. Descriptors start at
 * -EBADF, destructors accept "nothing", ownership moves only by TAKE_FD and
 * TAKE_PTR.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define _cleanup_(fn) __attribute__((cleanup(fn)))
#define _printf_(f, a) __attribute__((format(printf, f, a)))
#define _nonnull_ __attribute__((nonnull))
#define _must_check_ __attribute__((warn_unused_result))
#define _noreturn_ __attribute__((noreturn))
#define _unused_ __attribute__((unused))

static inline void
free_ptr(void *p)
{
	free(*(void **)p);
}

static inline void
close_ptr(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void
fclose_ptr(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline int
take_fd(int *fd)
{
	int v = *fd;

	*fd = -EBADF;
	return v;
}

#define _cleanup_free_ _cleanup_(free_ptr)
#define _cleanup_close_ _cleanup_(close_ptr)
#define _cleanup_fclose_ _cleanup_(fclose_ptr)
#define TAKE_FD(fd) take_fd(&(fd))
#define TAKE_PTR(p)                                                            \
	({                                                                     \
		typeof(p) *_pp = &(p);                                         \
		typeof(p) _v = *_pp;                                           \
		*_pp = NULL;                                                   \
		_v;                                                            \
	})
