/*
 * What freeze, thaw, kill and reload have in common. All requests are sent
 * before the first answer is awaited, so that many boxes stop at the same time
 * and not one after the other. A box that ends by itself meanwhile is dead,
 * which is what kill wanted, and out of reach, which --all and --label do not
 * mind.
 */
#include "supervisor/cmd_act.h"

#include "lib/str.h"

#include <getopt.h>
#include <string.h>
#include <time.h>

struct result {
	int code; /* 0 or negative errno */
	struct err e;
	json_t *answer;
};

bool
act_option(struct act *a, int c, const char *value)
{
	switch (c) {
	case 'a':
		a->sel.all = true;
		return true;
	case 'l':
		a->sel.label = value;
		return true;
	case 'w':
		a->why = value;
		return true;
	case 'j':
		a->json = true;
		return true;
	default:
		return false;
	}
}

static bool
is_gone(int r)
{
	return r == -ECONNRESET || r == -EPIPE;
}

static void
settle(const struct act *a, struct runtime *rt, const char *id,
       struct result *res)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	if (!is_gone(res->code))
		return;
	/* the connection ended, for whatever reason: is the box dead? */
	for (int i = 0; i < 100 && runtime_alive(rt, id); i++)
		nanosleep(&pause, NULL);
	if (runtime_alive(rt, id))
		return;
	if ((a->op == CONTROL_KILL && a->arg == 0) || a->sel.all ||
	    a->sel.label)
		res->code = 0;
	else
		err_set(&res->e, res->code, "the box has ended");
}

static void
print_json(const struct act *a, const struct client_set *set,
	   const struct result *v)
{
	json_t *list = json_array(), *o;

	for (size_t i = 0; i < set->n; i++) {
		if (v[i].code == 0)
			o = json_pack("{s:s, s:b, s:s}", "id", set->v[i].id,
				      "ok", 1, "state", a->done);
		else
			o = json_pack("{s:s, s:b, s:s, s:s}", "id",
				      set->v[i].id, "ok", 0, "error",
				      v[i].e.text, "cure", v[i].e.cure);
		if (v[i].code == 0 && a->tell)
			json_object_update_missing(o, v[i].answer);
		json_array_append_new(list, o);
	}
	json_dumpf(list, stdout, JSON_INDENT(2));
	printf("\n");
	json_decref(list);
}

static int
report(const struct act *a, const struct client_set *set,
       const struct result *v)
{
	int status = CLIENT_DONE;

	for (size_t i = 0; i < set->n; i++) {
		if (v[i].code == 0) {
			if (!a->json && a->tell)
				a->tell(set->v[i].id, v[i].answer);
			continue;
		}
		status = CLIENT_SOME_FAILED;
		if (!a->json)
			fprintf(stderr, "agentbox: %s: %s\n", set->v[i].id,
				v[i].e.text);
		if (!a->json && v[i].e.cure[0])
			fprintf(stderr, "  %s\n", v[i].e.cure);
	}
	if (a->json)
		print_json(a, set, v);
	return status;
}

static int
act(const struct act *a, struct runtime *rt, const struct client_set *set)
{
	_cleanup_free_ struct result *v = calloc(set->n + 1, sizeof(*v));
	int status;

	if (!v)
		return CLIENT_FAILED;
	for (size_t i = 0; i < set->n; i++)
		v[i].code = client_ask(set->v[i].fd, a->op, a->arg, a->why);
	for (size_t i = 0; i < set->n; i++) {
		if (v[i].code == 0)
			v[i].code = client_receive(set->v[i].fd, &v[i].answer,
						   &v[i].e);
		else
			err_sys(&v[i].e, v[i].code,
				"cannot ask the supervisor");
		settle(a, rt, set->v[i].id, &v[i]);
	}
	status = report(a, set, v);
	for (size_t i = 0; i < set->n; i++)
		json_decref(v[i].answer);
	return status;
}

static int
usage_check(const struct act *a, const char *command, int n)
{
	struct err e = ERR_INIT;

	if ((n > 0) + a->sel.all + (a->sel.label != NULL) != 1) {
		err_set(&e, EINVAL, "%s: name boxes, or --all, or --label K=V",
			command);
		client_complain(&e);
		return -EINVAL;
	}
	if (a->why && strlen(a->why) > CONTROL_WHY_MAX) {
		err_set(&e, EINVAL, "%s: --why has more than %u bytes", command,
			CONTROL_WHY_MAX);
		client_complain(&e);
		return -EINVAL;
	}
	return 0;
}

int
act_run(struct act *a, const char *command, int argc, char **argv)
{
	struct client_set set = { 0 };
	struct runtime *rt = NULL;
	struct err e = ERR_INIT;
	int r;

	a->sel.names = argv + optind;
	a->sel.n = (size_t)(argc - optind);
	if (usage_check(a, command, argc - optind) < 0)
		return CLIENT_FAILED;
	r = client_runtime(a->sel.n ? argv[optind] : NULL, &rt, &e);
	if (r == 0 && rt)
		r = client_find(rt, &a->sel, &set, &e);
	if (r < 0) {
		client_complain(&e);
		runtime_close(rt);
		return CLIENT_FAILED;
	}
	if (set.n == 0 && !a->json)
		fprintf(stderr, "agentbox: no box matches\n");
	r = act(a, rt, &set);
	client_set_done(&set);
	runtime_close(rt);
	return r;
}

int
act_main(struct act *a, const char *usage, int argc, char **argv)
{
	static const struct option options[] = { ACT_OPTIONS };
	int c;

	while ((c = getopt_long(argc, argv, ACT_SHORT, options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return CLIENT_DONE;
		}
		if (!act_option(a, c, optarg))
			return client_usage(argv[0]);
	}
	return act_run(a, argv[0], argc, argv);
}
