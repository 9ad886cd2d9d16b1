/* agentbox decide: the way for brokers that stand outside a box. */
#include "supervisor/cmd_decide.h"

#include "lib/fd.h"
#include "lib/str.h"
#include "supervisor/client.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>

#define DENIED 1

static const char usage[] =
	"Usage: agentbox decide BOX [REQUEST.json|-]\n"
	"       agentbox decide BOX --outcome ACTION STATUS [OPTIONS]\n"
	"\n"
	"The first form asks whether an action of a running box may happen, "
	"records the\n"
	"decision, and prints it as one line of JSON: \"action\", \"allowed\", "
	"\"decision\".\n"
	"REQUEST.json is the input document of agentbox-profile(5); - is "
	"standard input,\n"
	"which is read when it is not named. Who acts and what labels the run "
	"has is known\n"
	"from the box; \"run\" in the document is not believed.\n"
	"\n"
	"The second form says what became of an action that was allowed. "
	"STATUS is ok,\n"
	"error, denied, timeout, killed or unknown. Each action has one "
	"outcome.\n"
	"\n"
	"  -o, --outcome ACTION  the number of the action\n"
	"  -e, --error KIND      the kind of error\n"
	"  -d, --detail TEXT     more, for people\n"
	"  -l, --label LABEL     the run has this label from now on (may be "
	"repeated)\n"
	"      --bytes-in N      bytes that came back to the agent\n"
	"      --bytes-out N     bytes that it sent\n"
	"  -h, --help            this text\n"
	"\n"
	"Exit status: 0 allowed, or the outcome is taken; 1 denied; 125 no "
	"decision:\n"
	"do not act.\n";

enum { OPT_BYTES_IN = 256, OPT_BYTES_OUT };

static const struct option options[] = {
	{ "outcome", required_argument, NULL, 'o' },
	{ "error", required_argument, NULL, 'e' },
	{ "detail", required_argument, NULL, 'd' },
	{ "label", required_argument, NULL, 'l' },
	{ "bytes-in", required_argument, NULL, OPT_BYTES_IN },
	{ "bytes-out", required_argument, NULL, OPT_BYTES_OUT },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct decide_args {
	json_t *outcome; /* NULL: a decision is asked for */
	bool more;	 /* an option of the second form was given */
};

static int
add(struct decide_args *a, const char *key, json_t *value, struct err *e)
{
	if (value && json_object_set_new(a->outcome, key, value) == 0)
		return 0;
	return err_set(e, -EINVAL, "--%s: not UTF-8", key);
}

static int
add_number(struct decide_args *a, const char *key, const char *s, struct err *e)
{
	uint64_t n;

	if (str_to_u64(s, &n) < 0 || n > INT64_MAX) {
		char shown[64];

		str_escape(s, shown, sizeof(shown));
		return err_set(e, -EINVAL, "%s: \"%s\" is no number", key,
			       shown);
	}
	return add(a, key, json_integer((json_int_t)n), e);
}

static int
add_label(struct decide_args *a, const char *s, struct err *e)
{
	json_t *list = json_object_get(a->outcome, "labels"), *v;

	if (!list) {
		list = json_array();
		json_object_set_new(a->outcome, "labels", list);
	}
	v = json_string(s);
	return v && json_array_append_new(list, v) == 0
		       ? 0
		       : err_set(e, -EINVAL, "--label: not UTF-8");
}

static int
take_option(struct decide_args *a, int c, struct err *e)
{
	a->more = a->more || c != 'o';
	switch (c) {
	case 'o':
		return add_number(a, "action", optarg, e);
	case 'e':
		return add(a, "error", json_string(optarg), e);
	case 'd':
		return add(a, "detail", json_string(optarg), e);
	case 'l':
		return add_label(a, optarg, e);
	case OPT_BYTES_IN:
		return add_number(a, "bytes_in", optarg, e);
	default:
		return add_number(a, "bytes_out", optarg, e);
	}
}

/* The body of the request, to be freed. */
static int
read_request(const char *path, char **ret, size_t *ret_len, struct err *e)
{
	ssize_t n =
		strcmp(path, "-")
			? fd_read_file(AT_FDCWD, path, CONTROL_BODY_MAX, ret)
			: fd_read_all(STDIN_FILENO, CONTROL_BODY_MAX, ret);

	if (n == -EFBIG)
		return err_set(e, -EFBIG, "%s: a request has at most %u bytes",
			       path, CONTROL_BODY_MAX);
	if (n < 0)
		return err_sys(e, (int)n, "%s", path);
	if (n == 0) {
		free(*ret);
		*ret = NULL;
		return err_set(e, -EINVAL, "%s: there is no request", path);
	}
	*ret_len = (size_t)n;
	return 0;
}

/* One line of JSON; the exit status. */
static int
tell(const json_t *j)
{
	json_dumpf(j, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	printf("\n");
	return json_is_true(json_object_get(j, "allowed")) ? CLIENT_DONE
							   : DENIED;
}

static int
call(char *const *box, enum control_op op, const char *body, size_t len,
     struct err *e)
{
	const struct client_select sel = { .names = box, .n = 1 };
	struct client_set set = { 0 };
	struct runtime *rt = NULL;
	json_t *j = NULL;
	int status = CLIENT_FAILED, r = client_runtime(*box, &rt, e);

	if (r >= 0)
		r = client_find(rt, &sel, &set, e);
	if (r >= 0) {
		r = client_ask_body(set.v[0].fd, op, body, len);
		if (r < 0)
			err_sys(e, r, "cannot ask the supervisor");
		else
			r = client_receive(set.v[0].fd, &j, e);
	}
	if (r >= 0)
		status = op == CONTROL_DECIDE ? tell(j) : CLIENT_DONE;
	json_decref(j);
	client_set_done(&set);
	runtime_close(rt);
	return status;
}

static int
run_decide(char **argv, int n, struct err *e)
{
	_cleanup_free_ char *body = NULL;
	size_t len = 0;

	if (read_request(n > 1 ? argv[1] : "-", &body, &len, e) < 0)
		return CLIENT_FAILED;
	return call(argv, CONTROL_DECIDE, body, len, e);
}

static int
run_outcome(struct decide_args *a, char **argv, struct err *e)
{
	_cleanup_free_ char *body = NULL;

	if (add(a, "status", json_string(argv[1]), e) < 0)
		return CLIENT_FAILED;
	body = json_dumps(a->outcome, JSON_COMPACT);
	if (!body) {
		err_sys(e, -ENOMEM, "outcome");
		return CLIENT_FAILED;
	}
	return call(argv, CONTROL_OUTCOME, body, strlen(body), e);
}

static int
run(struct decide_args *a, int n, char **argv, struct err *e)
{
	bool outcome = json_object_get(a->outcome, "action");

	if (outcome && n == 2)
		return run_outcome(a, argv, e);
	if (!outcome && !a->more && (n == 1 || n == 2))
		return run_decide(argv, n, e);
	err_set(e, -EINVAL, "%s",
		outcome	  ? "an outcome has a box and a status"
		: a->more ? "these options go with --outcome ACTION"
			  : "name a box");
	err_cure(e, "agentbox decide --help");
	return CLIENT_FAILED;
}

int
cmd_decide(int argc, char **argv)
{
	struct decide_args a = { .outcome = json_object() };
	struct err e = ERR_INIT;
	int c, r = 0, status = CLIENT_FAILED;

	while (r >= 0 && (c = getopt_long(argc, argv, "o:e:d:l:h", options,
					  NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			json_decref(a.outcome);
			return CLIENT_DONE;
		}
		if (c == '?') {
			json_decref(a.outcome);
			return client_usage("decide");
		}
		r = take_option(&a, c, &e);
	}
	if (r >= 0)
		status = run(&a, argc - optind, argv + optind, &e);
	if (e.code)
		client_complain(&e);
	json_decref(a.outcome);
	return status;
}
