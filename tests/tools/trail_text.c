/* See trail_text.h. */
#include "tests/tools/trail_text.h"
#include "tests/tap.h"

#include <fcntl.h>
#include <string.h>

#define TEXT_MAX 65536

static char text[TEXT_MAX];

struct trail *
trail_of(const char *dir, int *ret_fd)
{
	struct err e = ERR_INIT;
	struct trail *t;

	*ret_fd = ASSERT_OK(open(dir, O_DIRECTORY | O_CLOEXEC));
	ASSERT_OK(trail_open_at(*ret_fd, NULL, NULL, &t, &e));
	return t;
}

static struct render
begin(void)
{
	memset(text, 0, sizeof(text));
	return (struct render){ .f = fmemopen(text, sizeof(text), "w"),
				.utc = true };
}

static json_t *
facts(struct trail *t, const struct why_options *o, uint64_t seq)
{
	struct err e = ERR_INIT;
	json_t *j = NULL;

	ASSERT_OK(why_facts(t, o, seq, &j, &e));
	return j;
}

const char *
why_text(struct trail *t, const struct why_options *o, uint64_t seq)
{
	json_t *j = facts(t, o, seq);
	struct render rd = begin();

	if (j)
		why_print(&rd, j);
	json_decref(j);
	fclose(rd.f);
	return text;
}

const char *
why_json(struct trail *t, const struct why_options *o, uint64_t seq)
{
	json_t *j = facts(t, o, seq);
	struct render rd = begin();

	if (j)
		json_dumpf(j, rd.f, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(j);
	fclose(rd.f);
	return text;
}

struct showing {
	struct render rd;
	bool json;
};

static int
show(void *arg, const json_t *event, struct err *e)
{
	struct showing *s = arg;

	(void)e;
	if (!s->json) {
		trace_print(&s->rd, event);
		return 0;
	}
	json_dumpf(event, s->rd.f, JSON_COMPACT | JSON_ENSURE_ASCII);
	putc('\n', s->rd.f);
	return 0;
}

const char *
trace_text(struct trail *t, const char *run, uint64_t limit, bool json)
{
	const struct trace_options o = { .limit = limit };
	struct showing s = { .rd = begin(), .json = json };
	struct err e = ERR_INIT;
	struct runs runs;
	struct filter f;

	filter_init(&f);
	ASSERT_OK(filter_add(&f, FILTER_RUN, run, &e));
	ASSERT_OK(runs_find(t, &f, &runs, &e));
	ASSERT_EQ(runs.n, 1);
	ASSERT_OK(trace_run(t, &runs.v[0], &o, show, &s, &e));
	runs_done(&runs);
	fclose(s.rd.f);
	return text;
}
