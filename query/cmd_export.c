/* agentbox audit export: records for other programs, and with proofs for third
 * parties. */
#include "lib/str.h"
#include "query/cmd.h"
#include "query/export.h"
#include "query/prover.h"
#include "query/render.h"

#include <getopt.h>
#include <string.h>

static const char usage[] =
	"Usage: agentbox audit export [FILTERS] [--format F] [--proof]\n"
	"\n"
	"Writes all records that match to stdout, oldest first.\n"
	"\n"
	"      --format F  jsonl (the default), csv, ocsf (schema.ocsf.io), "
	"otel\n"
	"                  (OTLP/JSON, one request a line)\n"
	"      --proof     records as they are, each with the proof that it is "
	"in\n"
	"                  the log, for `agentbox-verify --proof`\n"
	"      --no-index  read all files and do not use the index\n"
	"  -h, --help      this text\n"
	"\n"
	"Exit status: 0; 125 when it cannot be done.\n";

static void
export_jsonl(FILE *f, const struct record *r, const struct record *who)
{
	render_json(f, r, who);
	putc_unlocked('\n', f);
}

static const struct format {
	const char *name;
	void (*head)(FILE *f);
	void (*record)(FILE *f, const struct record *r,
		       const struct record *who);
} formats[] = {
	{ "jsonl", NULL, export_jsonl },
	{ "csv", export_csv_head, export_csv },
	{ "ocsf", NULL, export_ocsf },
	{ "otel", NULL, export_otel },
};

struct export
{
	const struct format *format; /* NULL: the first */
	bool want_proof;
	struct prover *prover;
};

static int
take_format(struct export *x, const char *value, struct err *e)
{
	const char *names[ARRAY_SIZE(formats) + 1] = { NULL };
	const char *near;
	char safe[64];

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		names[i] = formats[i].name;
		if (!strcmp(value, names[i]))
			x->format = &formats[i];
	}
	if (x->format)
		return 0;
	near = str_suggest(value, names);
	err_set(e, EINVAL, "--format: there is no \"%s\"",
		str_escape(value, safe, sizeof(safe)));
	return err_cure(
		e, near ? "did you mean \"%s\"?" : "jsonl, csv, ocsf or otel%s",
		near ? near : "");
}

static int
take(void *arg, int option, const char *value, struct err *e)
{
	struct export *x = arg;

	if (option == 'F')
		return take_format(x, value, e);
	x->want_proof = true;
	return 0;
}

static int
give(void *arg, const struct record *r, const struct record *who, struct err *e)
{
	struct export *x = arg;
	int k = 0;

	if (x->prover)
		k = prover_write(x->prover, stdout, r, e);
	else
		x->format->record(stdout, r, who);
	if (k >= 0 && ferror(stdout))
		return err_sys(e, errno, "cannot write the records");
	return k;
}

/* With proofs only what a checkpoint covers: says what is left out, but for the
 * checkpoint itself, which the next one covers. */
static int
cut_to_proven(struct cmd *c, struct trail *t, uint64_t size, struct err *e)
{
	uint64_t last;
	int k = trail_last(t, &last, e);

	if (k < 0)
		return k;
	if (c->f.seq_first > size) {
		err_set(e, ERANGE, "no checkpoint covers these records yet");
		return err_cure(e, "`agentbox audit checkpoint` makes one");
	}
	if (MIN(c->f.seq_last, last) > size + 1)
		fprintf(stderr,
			"agentbox: note: records after %llu have no proof "
			"before the next checkpoint\n",
			(unsigned long long)size);
	c->f.seq_last = MIN(c->f.seq_last, size);
	return 0;
}

static int
begin(struct export *x, struct cmd *c, struct trail *t, struct err *e)
{
	int k = 0;

	if (x->want_proof) {
		k = prover_new(trail_audit(t), &x->prover, e);
		if (k >= 0)
			k = cut_to_proven(c, t, prover_size(x->prover), e);
	} else if (x->format->head) {
		x->format->head(stdout);
	}
	return k;
}

int
cmd_export(int argc, char **argv)
{
	static const struct option own[] = {
		{ "format", required_argument, NULL, 'F' },
		{ "proof", no_argument, NULL, 'P' },
		{ 0 }
	};
	struct export x = { 0 };
	struct cmd c = { .usage = usage, .own = own, .take = take, .arg = &x };
	struct err e = ERR_INIT;
	struct trail *t;
	int64_t n;
	int r;

	filter_init(&c.f);
	r = cmd_options(&c, argc, argv);
	if (r <= 0 || cmd_no_operands(&c, argc, argv) < 0)
		return r ? QUERY_FAILED : QUERY_OK;
	if (x.want_proof && x.format) {
		err_set(&e, EINVAL, "--proof has a form of its own");
		return cmd_complain(&e);
	}
	if (!x.format)
		x.format = &formats[0];
	if (cmd_open(&c, &t, &e) < 0)
		return cmd_complain(&e);
	n = begin(&x, &c, t, &e);
	if (n >= 0)
		n = trail_find(t, &c.f, give, &x, &e);
	if (n < 0)
		cmd_complain(&e);
	prover_free(x.prover);
	return cmd_done(t, n < 0 ? QUERY_FAILED : QUERY_OK);
}
