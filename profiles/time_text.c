/*
 * Points in time as text, RFC 3339 without fractions. Done by hand since the
 * C library's functions depend on locale and time zone. What always holds: a
 * day that the calendar does not have is refused.
 */
#include "profiles/request_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY_S 86400

/* Days since 1970-01-01 in the proleptic Gregorian calendar; the year begins
 * in March, so that the leap day is its last. */
static int64_t
days_from_civil(int64_t y, int64_t m, int64_t d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int
days_in_month(int y, int m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30,
				    31, 31, 30, 31, 30, 31 };
	bool leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);

	return m == 2 && leap ? 29 : days[m - 1];
}

/* n digits at *s, and past them; -1 for anything else. */
static int
digits(const char **s, int n)
{
	int v = 0;

	for (; n; n--, (*s)++) {
		if (**s < '0' || **s > '9')
			return -1;
		v = v * 10 + (**s - '0');
	}
	return v;
}

static bool
accept(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

/* "Z", "+01:00": minutes that the clock is ahead of UTC. */
static bool
read_zone(const char *s, int *ret)
{
	int h, m, sign = *s == '-' ? -1 : 1;

	if (!strcmp(s, "Z")) {
		*ret = 0;
		return true;
	}
	if (*s != '+' && *s != '-')
		return false;
	s++;
	h = digits(&s, 2);
	if (h < 0 || h > 23 || !accept(&s, ':'))
		return false;
	m = digits(&s, 2);
	if (m < 0 || m > 59 || *s)
		return false;
	*ret = sign * (60 * h + m);
	return true;
}

int
time_from_text(const char *s, int64_t *ret_us)
{
	int y, mo, d, h, mi, sec, zone;
	int64_t t;

	if ((y = digits(&s, 4)) < 0 || !accept(&s, '-') ||
	    (mo = digits(&s, 2)) < 1 || mo > 12 || !accept(&s, '-') ||
	    (d = digits(&s, 2)) < 1 || d > days_in_month(y, mo))
		return -EINVAL;
	if (!accept(&s, 'T') || (h = digits(&s, 2)) < 0 || h > 23 ||
	    !accept(&s, ':') || (mi = digits(&s, 2)) < 0 || mi > 59 ||
	    !accept(&s, ':') || (sec = digits(&s, 2)) < 0 || sec > 59 ||
	    !read_zone(s, &zone))
		return -EINVAL;
	t = days_from_civil(y, mo, d) * DAY_S + h * 3600 + mi * 60 + sec -
	    zone * 60;
	if (t <= 0)
		return -ERANGE;
	*ret_us = t * 1000000;
	return 0;
}

const char *
time_to_text(int64_t us, char *buf, size_t size)
{
	int64_t s = us / 1000000, days = s / DAY_S, rest = s % DAY_S;
	int64_t era, doe, yoe, doy, mp, y, m;

	days += 719468;
	era = days / 146097;
	doe = days % 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	m = mp < 10 ? mp + 3 : mp - 9;
	y = yoe + era * 400 + (m <= 2);
	snprintf(buf, size,
		 "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64
		 ":%02" PRId64 ":%02" PRId64 "Z",
		 y, m, doy - (153 * mp + 2) / 5 + 1, rest / 3600,
		 rest / 60 % 60, rest % 60);
	return buf;
}
