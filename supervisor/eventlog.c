/*
 * The event log of one box. What always holds: the buffer holds whole lines,
 * at most EVENTLOG_MAX bytes; once the file exists it holds the same lines.
 * A file that cannot be written is given up silently: it is a convenience for
 * people, not the audit record.
 */
#include "supervisor/eventlog.h"

#include "lib/fd.h"
#include "lib/macro.h"
#include "lib/str.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define FIRST_SIZE 1024u

struct eventlog {
	int dirfd, fd;
	char id[16], name[72];
	char *buf;
	size_t len, cap, file_len;
	void (*line)(void *arg, const char *text, size_t len);
	void *arg;
};

static const struct {
	const char *name;
	bool notable;
} events[EVENT_MAX] = {
#define EVENT(id, text, notable) [EVENT_##id] = { text, notable },
	EVENTS(EVENT)
#undef EVENT
};

const char *
event_name(enum event_kind k)
{
	return (unsigned int)k < EVENT_MAX ? events[k].name : "unknown";
}

int
eventlog_new(int dirfd, const char *id, const char *name, struct eventlog **ret)
{
	struct eventlog *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->dirfd = dirfd;
	l->fd = -EBADF;
	snprintf(l->id, sizeof(l->id), "%s", id);
	snprintf(l->name, sizeof(l->name), "%s", name);
	*ret = l;
	return 0;
}

void
eventlog_free(struct eventlog *l)
{
	if (!l)
		return;
	close_ptr(&l->fd);
	free(l->buf);
	free(l);
}

/* Makes room by dropping whole lines: at least a quarter of what is kept, so
 * that the file is rewritten seldom. True if something was dropped. */
static bool
drop_oldest(struct eventlog *l, size_t need)
{
	size_t cut = MAX(EVENTLOG_MAX / 4, need);
	const char *end;

	if (l->len + need <= EVENTLOG_MAX)
		return false;
	if (cut >= l->len) {
		l->len = 0;
		return true;
	}
	end = memchr(l->buf + cut, '\n', l->len - cut);
	cut = end ? (size_t)(end - l->buf) + 1 : l->len;
	memmove(l->buf, l->buf + cut, l->len - cut);
	l->len -= cut;
	return true;
}

static int
reserve(struct eventlog *l, size_t need)
{
	size_t cap = l->cap ? l->cap : FIRST_SIZE;
	char *p;

	while (cap < l->len + need)
		cap *= 2;
	if (cap == l->cap)
		return 0;
	p = realloc(l->buf, cap);
	if (!p)
		return -ENOMEM;
	l->buf = p;
	l->cap = cap;
	return 0;
}

static void
file_open(struct eventlog *l)
{
	char file[32];

	snprintf(file, sizeof(file), "%s.log", l->id);
	l->fd = openat(l->dirfd, file,
		       O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC |
			       O_NOFOLLOW,
		       0600);
}

static void
file_write(struct eventlog *l, size_t line_len, bool notable, bool dropped)
{
	size_t from = l->len - line_len;

	if (l->fd < 0) {
		if (!notable)
			return;
		file_open(l);
		from = 0;
	} else if (dropped) {
		if (ftruncate(l->fd, 0) < 0)
			return;
		from = 0;
	}
	if (l->fd >= 0)
		(void)fd_write_all(l->fd, l->buf + from, l->len - from);
}

/* Escapes what str_escape() left (it took care of control bytes and of broken
 * UTF-8) for a JSON string. Truncates at whole escapes. */
static void
json_text(const char *s, char *buf, size_t size)
{
	size_t n = 0;

	for (; *s && n + 3 < size; s++) {
		if (*s == '"' || *s == '\\')
			buf[n++] = '\\';
		buf[n++] = *s;
	}
	buf[n] = '\0';
}

/* The date of a day since 1970-01-01, in years that begin in March, so that the
 * odd day comes last. gmtime(3) would read the host's time zone first, at the
 * cost of seven system calls in each launch. */
static void
date_of(long day, long *ret_year, long *ret_month, long *ret_mday)
{
	long z = day + 719468; /* 0000-03-01 */
	long era = z / 146097, of_era = z % 146097;
	long year =
		(of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) /
		365;
	long of_year = of_era - (365 * year + year / 4 - year / 100);
	long month = (5 * of_year + 2) / 153;

	*ret_mday = of_year - (153 * month + 2) / 5 + 1;
	*ret_month = month < 10 ? month + 3 : month - 9;
	*ret_year = year + era * 400 + (*ret_month <= 2);
}

static void
time_text(char *buf, size_t size)
{
	struct timespec ts;
	long y, m, d, s;

	clock_gettime(CLOCK_REALTIME, &ts);
	date_of(ts.tv_sec / 86400, &y, &m, &d);
	s = ts.tv_sec % 86400;
	snprintf(buf, size, "%04ld-%02ld-%02ldT%02ld:%02ld:%02ld.%06ldZ", y, m,
		 d, s / 3600, s / 60 % 60, s % 60, ts.tv_nsec / 1000);
}

void
eventlog_add(struct eventlog *l, enum event_kind kind, const char *fmt, ...)
{
	char detail[EVENTLOG_LINE_MAX / 4], plain[EVENTLOG_LINE_MAX / 4];
	char text[EVENTLOG_LINE_MAX / 2 + 8], when[72];
	bool dropped;
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	json_text(str_escape(detail, plain, sizeof(plain)), text, sizeof(text));
	time_text(when, sizeof(when));
	dropped = drop_oldest(l, EVENTLOG_LINE_MAX);
	if (reserve(l, EVENTLOG_LINE_MAX) < 0)
		return;
	len = (size_t)snprintf(l->buf + l->len, EVENTLOG_LINE_MAX,
			       "{\"time\":\"%s\",\"box\":\"%s\","
			       "\"event\":\"%s\",\"detail\":\"%s\"}\n",
			       when, l->name, event_name(kind), text);
	l->len += len;
	file_write(l, len, events[kind].notable, dropped);
	if (l->line)
		l->line(l->arg, l->buf + l->len - len, len);
}

const char *
eventlog_text(const struct eventlog *l, size_t *ret_len)
{
	*ret_len = l->len;
	return l->buf;
}

void
eventlog_listen(struct eventlog *l,
		void (*line)(void *arg, const char *text, size_t len),
		void *arg)
{
	l->line = line;
	l->arg = arg;
}
