/*
 * Memory, strings and printf(3), as far as agentbox-stage and agentbox-guard
 * use them. The formats are %s %c %d %u %x %o and %% with l, ll, z, width,
 * precision, "-" and "0"; anything else ends the program, so that it is found
 * by the first test. See lib/mini/start.c; tests/unit/test_mini.c holds this
 * to what libc does.
 */
#include "lib/macro.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifndef MINI /* the names, unless a test has others */
#define MINI(name) name
#endif

/* ---- memory; the Makefile keeps gcc from seeing these functions in them */

void *
MINI(memcpy)(void *to, const void *from, size_t n)
{
	char *t = to;
	const char *f = from;

	while (n--)
		*t++ = *f++;
	return to;
}

void *
MINI(memmove)(void *to, const void *from, size_t n)
{
	char *t = to;
	const char *f = from;

	if (t <= f)
		return MINI(memcpy)(to, from, n);
	while (n--)
		t[n] = f[n];
	return to;
}

void *
MINI(memset)(void *to, int c, size_t n)
{
	char *t = to;

	while (n--)
		*t++ = (char)c;
	return to;
}

int
MINI(memcmp)(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

/* ---- strings */

size_t
MINI(strnlen)(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

size_t
MINI(strlen)(const char *s)
{
	return MINI(strnlen)(s, SIZE_MAX);
}

int
MINI(strncmp)(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (unsigned char)*a - (unsigned char)*b;
	return 0;
}

int
MINI(strcmp)(const char *a, const char *b)
{
	return MINI(strncmp)(a, b, SIZE_MAX);
}

char *
MINI(strchr)(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)(uintptr_t)s;
		if (!*s)
			return NULL;
	}
}

char *
MINI(strrchr)(const char *s, int c)
{
	const char *found = NULL;

	do
		if (*s == (char)c)
			found = s;
	while (*s++);
	return (char *)(uintptr_t)found;
}

size_t
MINI(strcspn)(const char *s, const char *reject)
{
	size_t n = 0;

	while (s[n] && !MINI(strchr)(reject, s[n]))
		n++;
	return n;
}

size_t
MINI(strspn)(const char *s, const char *accept)
{
	size_t n = 0;

	while (s[n] && MINI(strchr)(accept, s[n]))
		n++;
	return n;
}

/* ---- printf */

struct out {
	char *buf;
	size_t size, n; /* n: as if there were no end */
};

struct spec {
	bool left, zero;
	size_t width, precision; /* SIZE_MAX: none given */
	int longs;
};

static void
put(struct out *o, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++, o->n++)
		if (o->n + 1 < o->size)
			o->buf[o->n] = s[i];
}

static void
pad(struct out *o, char c, size_t used, size_t width)
{
	for (; used < width; used++)
		put(o, &c, 1);
}

static void
put_field(struct out *o, const struct spec *sp, const char *s, size_t n)
{
	if (!sp->left)
		pad(o, ' ', n, sp->width);
	put(o, s, n);
	if (sp->left)
		pad(o, ' ', n, sp->width);
}

static void
put_number(struct out *o, const struct spec *sp, uint64_t v, unsigned int base,
	   bool negative)
{
	char buf[72], *end = buf + sizeof(buf), *at = end;
	size_t least = sp->precision == SIZE_MAX ? 1 : MIN(sp->precision, 64u);

	for (; v; v /= base)
		*--at = "0123456789abcdef"[v % base];
	while ((size_t)(end - at) < least)
		*--at = '0';
	if (sp->zero && !sp->left && sp->precision == SIZE_MAX)
		while ((size_t)(end - at) + negative < MIN(sp->width, 64u))
			*--at = '0';
	if (negative)
		*--at = '-';
	put_field(o, sp, at, (size_t)(end - at));
}

static size_t
take_count(const char **f, va_list *ap)
{
	size_t n = 0;

	if (**f == '*') {
		int given = va_arg(*ap, int);

		++*f;
		return given < 0 ? SIZE_MAX : (size_t)given;
	}
	for (; **f >= '0' && **f <= '9'; ++*f)
		n = n * 10 + (size_t)(**f - '0');
	return n;
}

static struct spec
take_spec(const char **f, va_list *ap)
{
	struct spec sp = { .precision = SIZE_MAX };

	for (; **f == '-' || **f == '0'; ++*f)
		*(**f == '-' ? &sp.left : &sp.zero) = true;
	sp.width = take_count(f, ap);
	if (**f == '.') {
		++*f;
		sp.precision = take_count(f, ap);
	}
	for (; **f == 'l' || **f == 'z'; ++*f)
		sp.longs++;
	return sp;
}

static void
put_unsigned(struct out *o, const struct spec *sp, char type, va_list *ap)
{
	uint64_t v = sp->longs ? va_arg(*ap, unsigned long)
			       : va_arg(*ap, unsigned int);

	put_number(o, sp, v, type == 'u' ? 10 : type == 'x' ? 16 : 8, false);
}

static void
put_signed(struct out *o, const struct spec *sp, va_list *ap)
{
	int64_t v = sp->longs ? va_arg(*ap, long) : va_arg(*ap, int);

	put_number(o, sp, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, v < 0);
}

static void
put_one(struct out *o, const struct spec *sp, char type, va_list *ap)
{
	const char *s;
	char c;

	switch (type) {
	case 's':
		s = va_arg(*ap, const char *);
		s = s ? s : "(null)";
		put_field(o, sp, s, MINI(strnlen)(s, sp->precision));
		break;
	case 'c':
		c = (char)va_arg(*ap, int);
		put_field(o, sp, &c, 1);
		break;
	case 'd':
		put_signed(o, sp, ap);
		break;
	case 'u':
	case 'x':
	case 'o':
		put_unsigned(o, sp, type, ap);
		break;
	case '%':
		put(o, "%", 1);
		break;
	default:
		__builtin_trap();
	}
}

int
MINI(vsnprintf)(char *buf, size_t size, const char *f, va_list args)
{
	struct out o = { buf, size, 0 };
	va_list ap;

	va_copy(ap, args);
	while (*f) {
		size_t n = MINI(strcspn)(f, "%");

		put(&o, f, n);
		f += n;
		if (*f++ != '%')
			break;

		struct spec sp = take_spec(&f, &ap);

		put_one(&o, &sp, *f++, &ap);
	}
	va_end(ap);
	if (size)
		buf[MIN(o.n, size - 1)] = '\0';
	return (int)o.n;
}

int
MINI(snprintf)(char *buf, size_t size, const char *f, ...)
{
	va_list ap;
	int n;

	va_start(ap, f);
	n = MINI(vsnprintf)(buf, size, f, ap);
	va_end(ap);
	return n;
}

/* ---- errors */

/* What the calls of the stage and the guard can say, in the words of libc. */
static const struct {
	int code;
	const char *text;
} errors[] = {
	{ 0, "Success" },
	{ E2BIG, "Argument list too long" },
	{ EACCES, "Permission denied" },
	{ EAGAIN, "Resource temporarily unavailable" },
	{ EBADE, "Invalid exchange" },
	{ EBADF, "Bad file descriptor" },
	{ EBADMSG, "Bad message" },
	{ EBUSY, "Device or resource busy" },
	{ ECHILD, "No child processes" },
	{ ECONNREFUSED, "Connection refused" },
	{ ECONNRESET, "Connection reset by peer" },
	{ EEXIST, "File exists" },
	{ EFAULT, "Bad address" },
	{ EFBIG, "File too large" },
	{ EINTR, "Interrupted system call" },
	{ EINVAL, "Invalid argument" },
	{ EIO, "Input/output error" },
	{ EISDIR, "Is a directory" },
	{ ELIBBAD, "Accessing a corrupted shared library" },
	{ ELOOP, "Too many levels of symbolic links" },
	{ EMEDIUMTYPE, "Wrong medium type" },
	{ EMFILE, "Too many open files" },
	{ EMLINK, "Too many links" },
	{ EMSGSIZE, "Message too long" },
	{ ENAMETOOLONG, "File name too long" },
	{ ENFILE, "Too many open files in system" },
	{ ENODEV, "No such device" },
	{ ENOENT, "No such file or directory" },
	{ ENOEXEC, "Exec format error" },
	{ ENOMEM, "Cannot allocate memory" },
	{ ENOSPC, "No space left on device" },
	{ ENOSYS, "Function not implemented" },
	{ ENOTCONN, "Transport endpoint is not connected" },
	{ ENOTDIR, "Not a directory" },
	{ ENOTEMPTY, "Directory not empty" },
	{ ENOTSUP, "Operation not supported" },
	{ ENOTTY, "Inappropriate ioctl for device" },
	{ ENXIO, "No such device or address" },
	{ EOVERFLOW, "Value too large for defined data type" },
	{ EPERM, "Operation not permitted" },
	{ EPIPE, "Broken pipe" },
	{ EPROTO, "Protocol error" },
	{ EROFS, "Read-only file system" },
	{ ESRCH, "No such process" },
	{ ESTALE, "Stale file handle" },
	{ ETIMEDOUT, "Connection timed out" },
	{ ETXTBSY, "Text file busy" },
	{ EUSERS, "Too many users" },
	{ EXDEV, "Invalid cross-device link" },
};

char *
MINI(strerror)(int code)
{
	static char other[32];

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].code == code)
			return (char *)(uintptr_t)errors[i].text;
	MINI(snprintf)(other, sizeof(other), "Unknown error %d", code);
	return other;
}
