/* Runs. What always holds: each is there once, however often its supervisor
 * came back or a new file said again who speaks. */
#include "query/runs.h"

#include "query/render.h"

#include <string.h>

static void
row_done(struct run_row *r)
{
	free(r->run);
	free(r->box);
	free(r->name);
	free(r->agent);
	free(r->owner);
}

void
runs_done(struct runs *r)
{
	for (size_t i = 0; i < r->n; i++)
		row_done(&r->v[i]);
	free(r->v);
	*r = (struct runs){ NULL, 0 };
}

static char *
text_of(const struct record *r, enum field_id id)
{
	char buf[RECORD_TEXT_MAX + 1];

	return strdup(render_get(r, id, buf, sizeof(buf)));
}

struct finding {
	struct runs *runs;
	size_t room;
};

static int
add(void *arg, const struct record *r, const struct record *who, struct err *e)
{
	struct finding *g = arg;
	struct run_row *row;

	(void)who;
	if (g->runs->n == g->room) {
		size_t room = g->room ? 2 * g->room : 64;
		void *p = reallocarray(g->runs->v, room, sizeof(*row));

		if (!p)
			return err_sys(e, ENOMEM, "runs");
		g->runs->v = p;
		g->room = room;
	}
	row = &g->runs->v[g->runs->n++];
	*row = (struct run_row){
		.run = text_of(r, FIELD_RUN),
		.box = text_of(r, FIELD_INSTANCE),
		.name = text_of(r, FIELD_NAME),
		.agent = text_of(r, FIELD_AGENT),
		.owner = text_of(r, FIELD_OWNER),
		.first = r->seq,
		.time_us = r->time_us,
		.cut = r->ref != 0,
	};
	if (row->run && row->box && row->name && row->agent && row->owner)
		return 0;
	return err_sys(e, ENOMEM, "runs");
}

static int
by_run(const void *a, const void *b)
{
	const struct run_row *x = a, *y = b;
	int d = strcmp(x->run, y->run);

	return d ? d : x->first < y->first ? -1 : 1;
}

static int
by_first(const void *a, const void *b)
{
	const struct run_row *x = a, *y = b;

	return x->first < y->first ? -1 : 1;
}

static void
unique(struct runs *r)
{
	size_t kept = 0;

	qsort(r->v, r->n, sizeof(*r->v), by_run);
	for (size_t i = 0; i < r->n; i++) {
		if (kept && strcmp(r->v[kept - 1].run, r->v[i].run) == 0)
			row_done(&r->v[i]);
		else
			r->v[kept++] = r->v[i];
	}
	r->n = kept;
	qsort(r->v, r->n, sizeof(*r->v), by_first);
}

int
runs_find(struct trail *t, const struct filter *f, struct runs *ret,
	  struct err *e)
{
	struct runs runs = { NULL, 0 };
	struct finding g = { .runs = &runs };
	struct filter mine = *f;
	int64_t n;

	mine.types = 0;
	mine.limit = 0;
	filter_type(&mine, RECORD_CHANNEL);
	n = trail_find(t, &mine, add, &g, e);
	if (n < 0) {
		runs_done(&runs);
		return (int)n;
	}
	if (runs.n)
		unique(&runs);
	*ret = runs;
	return 0;
}
