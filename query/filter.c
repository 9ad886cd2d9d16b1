/*
 * What is asked for. What always holds: a word that can name nothing (an
 * effect, a type or a status that there is not) is an error and not an empty
 * answer; times and numbers are read whole or not at all.
 */
#include "query/filter.h"
#include "lib/str.h"

#include <getopt.h>
#include <string.h>

enum {
	OPT_KEY = FILTER_OPTION, /* and FILTER_KEY_MAX more */
	OPT_TYPE = FILTER_OPTION + FILTER_KEY_MAX,
	OPT_SINCE,
	OPT_UNTIL,
	OPT_SEQ,
	OPT_LIMIT,
};

static const struct {
	const char *name;
	uint16_t field;
	bool who;
} keys[FILTER_KEY_MAX] = {
#define KEY(id, name, field, who) { name, field, who },
	FILTER_KEYS(KEY)
#undef KEY
};

static const struct option rows[] = {
#define KEY(id, name, field, who)                                              \
	{ name, required_argument, NULL, OPT_KEY + FILTER_##id },
	FILTER_KEYS(KEY)
#undef KEY
		{ "type", required_argument, NULL, OPT_TYPE },
	{ "since", required_argument, NULL, OPT_SINCE },
	{ "until", required_argument, NULL, OPT_UNTIL },
	{ "seq", required_argument, NULL, OPT_SEQ },
	{ "limit", required_argument, NULL, OPT_LIMIT },
};
_Static_assert(ARRAY_SIZE(rows) <= FILTER_OPTIONS_MAX, "room for options");
_Static_assert(RECORD_TYPE_MAX <= 64, "a bit for each type");

const char filter_usage[] =
	"  --agent A --run R --box B --owner O   who: from the channel\n"
	"  --parent P --handoff H                what started it\n"
	"  --rule ID --effect E --surface S --what W --status S\n"
	"  --type T             intent, outcome, policy, ...: see `schema`\n"
	"  --since T, --until T 2026-11-25T13:00:00Z, or ago: 10m, 2h, 3d\n"
	"  --seq N[..[M]]       by number\n"
	"  --limit N            the newest N; 0: all\n"
	"Options that are repeated are alternatives.\n";

void
filter_init(struct filter *f)
{
	*f = (struct filter){ .until_us = UINT64_MAX, .seq_last = UINT64_MAX };
}

void
filter_options(const struct option *own, struct option *ret)
{
	memcpy(ret, rows, sizeof(rows));
	ret += ARRAY_SIZE(rows);
	while (own && own->name)
		*ret++ = *own++;
	*ret = (struct option){ 0 };
}

/* ---- words ---------------------------------------------------------------*/

static int
not_one_of(const char *key, const char *word, const char *const *list,
	   struct err *e)
{
	char safe[128];
	const char *near = str_suggest(word, list);

	err_set(e, EINVAL, "--%s: there is no %s \"%s\"", key, key,
		str_escape(word, safe, sizeof(safe)));
	if (near)
		err_cure(e, "did you mean \"%s\"?", near);
	return -EINVAL;
}

int
filter_add(struct filter *f, enum filter_key key, const char *word,
	   struct err *e)
{
	static const char *const effects[] = { "allow",	 "deny",  "ask",
					       "redact", "limit", "prohibit",
					       "none",	 NULL };
	static const char *const statuses[] = { "ok",	   "error",  "denied",
						"timeout", "killed", "unknown",
						NULL };
	const char *const *list = key == FILTER_EFFECT	 ? effects
				  : key == FILTER_STATUS ? statuses
							 : NULL;
	struct filter_words *w = &f->key[key];

	if (!word[0])
		return err_set(e, EINVAL, "--%s: the word is empty",
			       keys[key].name);
	if (list && !str_in(word, list))
		return not_one_of(keys[key].name, word, list, e);
	if (w->n == FILTER_WORDS_MAX)
		return err_set(e, E2BIG, "--%s: more than %d words",
			       keys[key].name, FILTER_WORDS_MAX);
	w->v[w->n++] = word;
	return 0;
}

void
filter_type(struct filter *f, enum record_type type)
{
	f->types |= UINT64_C(1) << type;
}

int
filter_type_name(struct filter *f, const char *word, struct err *e)
{
	const char *names[RECORD_TYPE_MAX + 1];
	int t = record_type_from_name(word);
	size_t n = 0;

	if (t >= 0) {
		filter_type(f, (enum record_type)t);
		return 0;
	}
	for (unsigned int i = 0; i < RECORD_TYPE_MAX; i++)
		if (record_type_name(i))
			names[n++] = record_type_name(i);
	names[n] = NULL;
	return not_one_of("type", word, names, e);
}

/* ---- times and numbers ---------------------------------------------------*/

/* n digits at *s. */
static bool
digits(const char **s, int n, unsigned int *ret)
{
	unsigned int v = 0;

	for (int i = 0; i < n; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		v = v * 10 + (unsigned int)(**s - '0');
	}
	*ret = v;
	return true;
}

static bool
sign(const char **s, char c)
{
	return *(*s)++ == c;
}

/* Days since 1970 of a date of the Gregorian calendar, year 1970 or later. */
static bool
days_of(unsigned int y, unsigned int m, unsigned int d, uint64_t *ret)
{
	static const uint8_t len[] = { 31, 28, 31, 30, 31, 30,
				       31, 31, 30, 31, 30, 31 };
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	uint64_t days;

	if (y < 1970 || m < 1 || m > 12 || d < 1 ||
	    d > len[m - 1] + (m == 2 && leap ? 1u : 0u))
		return false;
	days = (uint64_t)(y - 1970) * 365 + (y - 1969) / 4 - (y - 1901) / 100 +
	       (y - 1601) / 400;
	for (unsigned int i = 1; i < m; i++)
		days += len[i - 1] + (i == 2 && leap ? 1u : 0u);
	*ret = days + d - 1;
	return true;
}

/* Fraction of a second: microseconds, further digits are cut. */
static bool
fraction(const char **s, uint64_t *us)
{
	uint64_t unit = 100000;

	if (**s != '.')
		return true;
	(*s)++;
	if (**s < '0' || **s > '9')
		return false;
	for (; **s >= '0' && **s <= '9'; (*s)++, unit /= 10)
		*us += (uint64_t)(**s - '0') * unit;
	return true;
}

/* "Z" or "+02:00" up to the end: microseconds to the east in *ret. */
static bool
offset(const char *s, int64_t *ret)
{
	unsigned int h, m;
	char c = *s++;

	*ret = 0;
	if (c == 'Z' || c == 'z')
		return !*s;
	if ((c != '+' && c != '-') || !digits(&s, 2, &h) || !sign(&s, ':') ||
	    !digits(&s, 2, &m) || *s || h > 23 || m > 59)
		return false;
	*ret = (int64_t)(h * 60 + m) * 60000000 * (c == '-' ? -1 : 1);
	return true;
}

/* RFC 3339, section 5.6; a leap second counts as the next one. */
static bool
rfc3339(const char *s, uint64_t *ret)
{
	unsigned int y, mo, d, h = 0, mi = 0, sec = 0;
	uint64_t days, us = 0;
	int64_t east = 0;

	if (!digits(&s, 4, &y) || !sign(&s, '-') || !digits(&s, 2, &mo) ||
	    !sign(&s, '-') || !digits(&s, 2, &d) || !days_of(y, mo, d, &days))
		return false;
	if (*s) {
		char t = *s++;

		if ((t != 'T' && t != 't' && t != ' ') || !digits(&s, 2, &h) ||
		    !sign(&s, ':') || !digits(&s, 2, &mi) || !sign(&s, ':') ||
		    !digits(&s, 2, &sec) || !fraction(&s, &us) ||
		    !offset(s, &east) || h > 23 || mi > 59 || sec > 60)
			return false;
	}
	us += (((days * 24 + h) * 60 + mi) * 60 + sec) * 1000000;
	if (east > 0 && (uint64_t)east > us)
		return false;
	*ret = us - (uint64_t)east;
	return true;
}

int
filter_time(const char *s, uint64_t now_us, uint64_t *ret)
{
	uint64_t ago;

	if (rfc3339(s, ret))
		return 0;
	if (str_to_usec(s, &ago) < 0)
		return -EINVAL;
	*ret = ago < now_us ? now_us - ago : 0;
	return 0;
}

int
filter_range(const char *s, uint64_t *ret_first, uint64_t *ret_last)
{
	const char *dots = strstr(s, "..");
	uint64_t first = 0, last = UINT64_MAX;
	char head[24];

	if (!dots) {
		if (str_to_u64(s, &first) < 0)
			return -EINVAL;
		last = first;
	} else {
		size_t n = (size_t)(dots - s);

		if (n >= sizeof(head) || (!n && !dots[2]))
			return -EINVAL;
		memcpy(head, s, n);
		head[n] = '\0';
		if ((n && str_to_u64(head, &first) < 0) ||
		    (dots[2] && str_to_u64(dots + 2, &last) < 0))
			return -EINVAL;
	}
	if (first > last)
		return -EINVAL;
	*ret_first = first;
	*ret_last = last;
	return 0;
}

static int
bad_value(const char *option, const char *value, const char *cure,
	  struct err *e)
{
	char safe[128];

	err_set(e, EINVAL, "--%s: cannot read \"%s\"", option,
		str_escape(value, safe, sizeof(safe)));
	err_cure(e, "%s", cure);
	return -EINVAL;
}

#define TIME_CURE                                                              \
	"a date, a time with its offset (2026-11-25T13:00:00Z), or how long "  \
	"ago (10m, 2h, 3d)"

int
filter_take(struct filter *f, int option, const char *value, uint64_t now_us,
	    struct err *e)
{
	if (option >= OPT_KEY && option < OPT_TYPE)
		return filter_add(f, (enum filter_key)(option - OPT_KEY), value,
				  e);
	switch (option) {
	case OPT_TYPE:
		return filter_type_name(f, value, e);
	case OPT_SINCE:
		if (filter_time(value, now_us, &f->since_us) < 0)
			return bad_value("since", value, TIME_CURE, e);
		return 0;
	case OPT_UNTIL:
		if (filter_time(value, now_us, &f->until_us) < 0)
			return bad_value("until", value, TIME_CURE, e);
		return 0;
	case OPT_SEQ:
		if (filter_range(value, &f->seq_first, &f->seq_last) < 0)
			return bad_value("seq", value,
					 "a number, or two: 17..20, 17..", e);
		return 0;
	case OPT_LIMIT:
		if (str_to_u64(value, &f->limit) < 0)
			return bad_value("limit", value, "a number", e);
		return 0;
	}
	return err_set(e, EINVAL, "option %d is no filter", option);
}

/* ---- matching ------------------------------------------------------------*/

static bool
words_match(const struct filter_words *w, const struct record *r,
	    enum field_id id)
{
	struct field v;

	if (!w->n)
		return true;
	if (!r || !record_get(r, id, &v))
		return false;
	for (size_t i = 0; i < w->n; i++)
		if (strlen(w->v[i]) == v.len &&
		    memcmp(w->v[i], v.bytes, v.len) == 0)
			return true;
	return false;
}

bool
filter_match(const struct filter *f, const struct record *r,
	     const struct record *who)
{
	if (r->seq < f->seq_first || r->seq > f->seq_last ||
	    r->time_us < f->since_us || r->time_us > f->until_us ||
	    (f->ref && r->ref != f->ref))
		return false;
	if (f->types && (r->type >= 64 || !(f->types >> r->type & UINT64_C(1))))
		return false;
	for (size_t i = 0; i < FILTER_KEY_MAX; i++)
		if (!words_match(&f->key[i], keys[i].who ? who : r,
				 (enum field_id)keys[i].field))
			return false;
	return true;
}
