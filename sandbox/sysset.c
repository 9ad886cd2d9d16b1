/*
 * Reads and understands the set files: which system calls a box may make, in
 * lines that a person can review.
 *
 * Reading is apart from understanding, because a start that finds its filter
 * in the cache reads the files (their text is the key) and nothing else: only
 * the include lines are looked at then. Everything is bounded: file size, line
 * length, number of files, depth of includes, number of rules. Each file is
 * read once, however often it is included, so a circle ends by itself.
 */
#include "sandbox/sysset.h"
#include "lib/fd.h"
#include "lib/str.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>

#define TOKENS_MAX (2 + 4 * SYSSET_CONDS_MAX)

struct line {
	const char *file;
	unsigned int number;
	char buf[SYSSET_LINE_MAX];
	char *token[TOKENS_MAX];
	size_t n;
};

struct parser {
	struct line line;
	uint32_t arch;
	const struct seccomp_spec *spec;
	struct sysset_rules *rules;
	bool optional; /* the line began with '?' */
	struct err *e;
};

static int
line_err(const struct line *l, struct err *e, const char *what,
	 const char *name, const char *hint)
{
	char safe[96];

	return err_set(e, -EINVAL, "%s.set:%u: %s%s%s%s%s", l->file, l->number,
		       what, name ? " \"" : "",
		       name ? str_escape(name, safe, sizeof(safe)) : "",
		       name ? "\"" : "", hint ? hint : "");
}

/* Cuts a line at '#' and at blanks. */
static int
line_split(struct line *l, const char *text, size_t len, struct err *e)
{
	bool in_word = false;

	l->n = 0;
	for (size_t i = 0; i < len && text[i] != '#'; i++) {
		char c = text[i];

		if (i + 1 >= sizeof(l->buf))
			return line_err(l, e, "line too long", NULL, NULL);
		if (c == ' ' || c == '\t') {
			l->buf[i] = '\0';
			in_word = false;
			continue;
		}
		if (c < '!' || c > '~')
			return line_err(l, e, "not plain text", NULL, NULL);
		if (!in_word && l->n == TOKENS_MAX)
			return line_err(l, e, "too many words", NULL, NULL);
		if (!in_word)
			l->token[l->n++] = &l->buf[i];
		in_word = true;
		l->buf[i] = c;
		l->buf[i + 1] = '\0';
	}
	return 0;
}

/* The next line of text, or NULL. Does not split it. */
static const char *
line_next(struct line *l, const char **pos, const char *end, size_t *ret_len)
{
	const char *start = *pos, *nl;

	if (start >= end)
		return NULL;
	nl = memchr(start, '\n', (size_t)(end - start));
	*ret_len = (size_t)((nl ? nl : end) - start);
	*pos = nl ? nl + 1 : end;
	l->number++;
	return start;
}

static bool
is_set_name(const char *name)
{
	return str_is_name(name) && strlen(name) <= SYSSET_NAME_MAX;
}

/* ---- reading ------------------------------------------------------------ */

static int read_set(int dirfd, const char *name, unsigned int depth,
		    struct sysset_files *files, struct err *e);

static int
read_includes(int dirfd, const struct sysset_file *f, unsigned int depth,
	      struct sysset_files *files, struct err *e)
{
	const char *pos = f->text, *end = f->text + f->len, *text;
	struct line l = { .file = f->name };
	size_t len;
	int r;

	while ((text = line_next(&l, &pos, end, &len))) {
		while (len && (*text == ' ' || *text == '\t'))
			text++, len--;
		if (len < 8 || memcmp(text, "include", 7) != 0)
			continue;
		r = line_split(&l, text, len, e);
		if (r < 0)
			return r;
		if (strcmp(l.token[0], "include") != 0)
			continue; /* the parser will say what it is */
		if (l.n != 2 || !is_set_name(l.token[1]))
			return line_err(&l, e, "include takes one set name",
					NULL, NULL);
		r = read_set(dirfd, l.token[1], depth + 1, files, e);
		if (r < 0)
			return err_wrap(e, "%s.set:%u", l.file, l.number);
	}
	return 0;
}

static int
read_set(int dirfd, const char *name, unsigned int depth,
	 struct sysset_files *files, struct err *e)
{
	char file[SYSSET_NAME_MAX + sizeof(".set")];
	struct sysset_file *f;
	ssize_t len;

	if (!is_set_name(name))
		return err_set(e, -EINVAL, "not a name of a system call set");
	for (size_t i = 0; i < files->n; i++) {
		if (strcmp(files->v[i].name, name) == 0)
			return 0;
	}
	if (depth >= SYSSET_DEPTH_MAX)
		return err_set(e, -ELOOP, "set \"%s\" is included too deep",
			       name);
	if (files->n == ARRAY_SIZE(files->v))
		return err_set(e, -E2BIG, "more than %zu system call sets",
			       files->n);
	f = &files->v[files->n];
	snprintf(f->name, sizeof(f->name), "%s", name);
	snprintf(file, sizeof(file), "%s.set", name);
	len = fd_read_file(dirfd, file, SYSSET_FILE_MAX, &f->text);
	if (len < 0)
		return err_sys(e, (int)len, "system call set \"%s\"", name);
	f->len = (size_t)len;
	files->n++;
	return read_includes(dirfd, f, depth, files, e);
}

int
sysset_read(const struct seccomp_spec *spec, struct sysset_files *ret,
	    struct err *e)
{
	struct sysset_files files = { .n = 0 };
	_cleanup_close_ int dirfd = -EBADF;
	int r = 0;

	if (!spec->n_sets || spec->n_sets > SECCOMP_SETS_MAX)
		return err_set(e, -EINVAL, "name 1 to %d system call sets",
			       SECCOMP_SETS_MAX);
	dirfd = open(spec->sets_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return err_sys(e, -errno, "folder of system call sets %s",
			       spec->sets_dir);
	for (size_t i = 0; i < spec->n_sets && r >= 0; i++)
		r = read_set(dirfd, spec->sets[i], 0, &files, e);
	if (r < 0) {
		sysset_files_done(&files);
		return r;
	}
	*ret = files;
	return 0;
}

void
sysset_files_done(struct sysset_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].text);
	f->n = 0;
}

/* ---- understanding ------------------------------------------------------ */

static int
parse_err(struct parser *p, const char *what, const char *name,
	  const char *hint)
{
	return line_err(&p->line, p->e, what, name, hint);
}

static bool
is_denied(const struct parser *p, const char *call)
{
	for (size_t i = 0; i < p->spec->n_deny; i++) {
		if (strcmp(p->spec->deny[i], call) == 0)
			return true;
	}
	return false;
}

static int
rules_add(struct sysset_rules *rs, const struct sysset_rule *rule)
{
	if (rs->n == SYSSET_RULES_MAX)
		return -E2BIG;
	if (rs->n == rs->room) {
		size_t room = rs->room ? 2 * rs->room : 256;
		void *v = reallocarray(rs->v, room, sizeof(*rs->v));

		if (!v)
			return -ENOMEM;
		rs->v = v;
		rs->room = room;
	}
	rs->v[rs->n++] = *rule;
	return 0;
}

/* Adds rule for the call of that name; nothing where it does not exist. */
static int
add_rule(struct parser *p, const char *call, struct sysset_rule *rule)
{
	char hint[128];
	int nr = sysset_call(p->arch, call), r;

	if (nr == -ESRCH && !p->optional)
		return parse_err(
			p, "unknown system call", call,
			sysset_call_suggest(p->arch, call, hint, sizeof(hint)));
	if (nr < 0 || is_denied(p, call))
		return 0;
	rule->nr = (unsigned int)nr;
	r = rules_add(p->rules, rule);
	return r < 0 ? err_sys(p->e, r, "%s.set:%u", p->line.file,
			       p->line.number)
		     : 0;
}

static int
parse_const(struct parser *p, const char *word, uint64_t *ret)
{
	char why[SYSSET_LINE_MAX];

	if (sysset_const(word, ret, why, sizeof(why)) < 0)
		return parse_err(p, why, NULL, NULL);
	return 0;
}

static int
rule_cond(struct parser *p, struct sysset_rule *rule, unsigned int arg,
	  uint64_t mask, uint64_t value)
{
	for (unsigned int i = 0; i < rule->n_conds; i++) {
		if (rule->cond[i].arg == arg)
			return parse_err(p, "argument checked twice", NULL,
					 NULL);
	}
	if (!mask)
		return parse_err(p, "mask 0 is always true", NULL, NULL);
	if (value & ~mask)
		return parse_err(p, "value outside of its mask is never true",
				 NULL, NULL);
	rule->cond[rule->n_conds++] = (struct sysset_cond){ arg, mask, value };
	return 0;
}

static int
parse_include(struct parser *p)
{
	(void)p; /* done by sysset_read() */
	return 0;
}

static int
parse_conds(struct parser *p, struct sysset_rule *rule)
{
	char **t = p->line.token;
	uint64_t mask, value;
	int r;

	for (size_t i = 2; i < p->line.n; i += 4) {
		if (i + 4 > p->line.n || strncmp(t[i], "arg", 3) != 0 ||
		    t[i][3] < '0' || t[i][3] > '5' || t[i][4])
			return parse_err(
				p,
				"conditions are written \"argN "
				"masked-eq MASK VALUE\", N from 0 to 5",
				NULL, NULL);
		if (strcmp(t[i + 1], "masked-eq") != 0)
			return parse_err(p, "unknown comparison", t[i + 1],
					 "; there is only \"masked-eq\"");
		r = parse_const(p, t[i + 2], &mask);
		if (r >= 0)
			r = parse_const(p, t[i + 3], &value);
		if (r >= 0)
			r = rule_cond(p, rule, (unsigned int)(t[i][3] - '0'),
				      mask, value);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
parse_call(struct parser *p)
{
	struct sysset_rule rule = { .nr = 0 };
	int r = parse_conds(p, &rule);

	return r < 0 ? r : add_rule(p, p->line.token[1], &rule);
}

static int
parse_pretend(struct parser *p)
{
	struct sysset_rule rule = { .err = SYSSET_PRETEND };
	int r = parse_conds(p, &rule);

	return r < 0 ? r : add_rule(p, p->line.token[1], &rule);
}

static int
parse_errno(struct parser *p)
{
	struct sysset_rule rule = { .nr = 0 };
	uint64_t value;
	int r;

	r = parse_const(p, p->line.token[2], &value);
	if (r < 0)
		return r;
	if (value > 4095 || !sysset_errno_ok((unsigned int)value))
		return parse_err(p, "not an errno that a filter may return:",
				 p->line.token[2], NULL);
	rule.err = (unsigned int)value;
	return add_rule(p, p->line.token[1], &rule);
}

/* The kernel cuts these arguments to 32 bits: so does the comparison. */
static int
parse_word(struct parser *p, const char *call, unsigned int arg)
{
	struct sysset_rule rule = { .nr = 0 };
	uint64_t value;
	int r;

	r = parse_const(p, p->line.token[1], &value);
	if (r >= 0)
		r = rule_cond(p, &rule, arg, UINT32_MAX, value);
	return r < 0 ? r : add_rule(p, call, &rule);
}

static int
parse_ioctl(struct parser *p)
{
	return parse_word(p, "ioctl", 1);
}

static int
parse_prctl(struct parser *p)
{
	return parse_word(p, "prctl", 0);
}

static int
parse_personality(struct parser *p)
{
	return parse_word(p, "personality", 0);
}

static int
parse_socket(struct parser *p)
{
	/* SOCK_TYPE_MASK, include/linux/net.h: the rest are flags */
	static const uint32_t mask[] = { UINT32_MAX, 0xf, UINT32_MAX };
	struct sysset_rule rule = { .nr = 0 };
	uint64_t value = 0;
	int r;

	for (unsigned int i = 0; i < ARRAY_SIZE(mask) && i + 1 < p->line.n;
	     i++) {
		r = parse_const(p, p->line.token[i + 1], &value);
		if (r >= 0)
			r = rule_cond(p, &rule, i, mask[i], value);
		if (r < 0)
			return r;
	}
	return add_rule(p, "socket", &rule);
}

static const struct {
	const char *word;
	int (*fn)(struct parser *p);
	size_t min, max; /* words with this one */
	const char *usage;
} commands[] = {
	{ "include", parse_include, 2, 2, "include SET" },
	{ "call", parse_call, 2, TOKENS_MAX, "call NAME [CONDITION]..." },
	{ "errno", parse_errno, 3, 3, "errno NAME ERRNO" },
	{ "pretend", parse_pretend, 6, TOKENS_MAX,
	  "pretend NAME CONDITION..." },
	{ "ioctl", parse_ioctl, 2, 2, "ioctl REQUEST" },
	{ "prctl", parse_prctl, 2, 2, "prctl OPTION" },
	{ "personality", parse_personality, 2, 2, "personality VALUE" },
	{ "socket", parse_socket, 2, 4, "socket FAMILY [TYPE [PROTOCOL]]" },
};

static int
parse_line(struct parser *p)
{
	const char *word = p->line.token[0];
	const char *known[ARRAY_SIZE(commands) + 1] = { NULL }, *near;
	char hint[64] = "";

	p->optional = word[0] == '?';
	if (p->optional)
		word++;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		known[i] = commands[i].word;
		if (strcmp(commands[i].word, word) != 0)
			continue;
		if (p->line.n < commands[i].min || p->line.n > commands[i].max)
			return parse_err(p, "this is written",
					 commands[i].usage, NULL);
		return commands[i].fn(p);
	}
	near = str_suggest(word, known);
	if (near)
		snprintf(hint, sizeof(hint), "; did you mean \"%s\"?", near);
	return parse_err(p, "unknown word", word, hint);
}

static int
parse_file(struct parser *p, const struct sysset_file *f)
{
	const char *pos = f->text, *end = f->text + f->len, *text;
	size_t len;
	int r;

	p->line.file = f->name;
	p->line.number = 0;
	while ((text = line_next(&p->line, &pos, end, &len))) {
		if (p->line.number == 1 && (len < 3 || text[0] != '#'))
			return parse_err(p,
					 "the first line must be a comment "
					 "that says what the set is for",
					 NULL, NULL);
		r = line_split(&p->line, text, len, p->e);
		if (r >= 0 && p->line.n)
			r = parse_line(p);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
check_deny(const struct seccomp_spec *spec, uint32_t arch, struct err *e)
{
	char hint[128], safe[96];

	for (size_t i = 0; i < spec->n_deny; i++) {
		if (sysset_call(arch, spec->deny[i]) != -ESRCH)
			continue;
		return err_set(e, -EINVAL, "unknown system call \"%s\"%s",
			       str_escape(spec->deny[i], safe, sizeof(safe)),
			       sysset_call_suggest(arch, spec->deny[i], hint,
						   sizeof(hint)));
	}
	return 0;
}

int
sysset_parse(const struct sysset_files *files, const struct seccomp_spec *spec,
	     uint32_t arch, struct sysset_rules *ret, struct err *e)
{
	struct sysset_rules rules = { NULL, 0, 0 };
	struct parser p = {
		.arch = arch, .spec = spec, .rules = &rules, .e = e
	};
	int r;

	r = check_deny(spec, arch, e);
	for (size_t i = 0; i < files->n && r >= 0; i++)
		r = parse_file(&p, &files->v[i]);
	if (r < 0) {
		sysset_rules_done(&rules);
		return r;
	}
	*ret = rules;
	return 0;
}

void
sysset_rules_done(struct sysset_rules *r)
{
	free(r->v);
	*r = (struct sysset_rules){ NULL, 0, 0 };
}
