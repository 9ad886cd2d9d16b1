/*
 * The names of the calls that sets allow, for who explains a profile. Which
 * arguments a call is allowed with is left out: a call that some of the lines
 * allow is named.
 */
#include "sandbox/sysset.h"

#include "lib/str.h"

#include <string.h>

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The word after s, of at most size - 1 bytes. */
static const char *
next_word(const char *s, const char *end, char *buf, size_t size)
{
	size_t n = 0;

	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	while (s < end && !strchr(" \t\r\n#", *s)) {
		if (n + 1 < size)
			buf[n++] = *s;
		s++;
	}
	buf[n] = '\0';
	return s;
}

/* "call NAME ..." names its call; ioctl, prctl, personality and socket lines
 * are the call of that name. */
static int
add_line(const char *s, const char *end, struct strv *ret)
{
	char word[SYSSET_NAME_MAX + 1], name[SYSSET_NAME_MAX + 1];
	const char *first = word;

	s = next_word(s, end, word, sizeof(word));
	if (*first == '?')
		first++;
	if (!strcmp(first, "call")) {
		next_word(s, end, name, sizeof(name));
		return *name ? strv_add(ret, name) : 0;
	}
	if (!strcmp(first, "ioctl") || !strcmp(first, "prctl") ||
	    !strcmp(first, "personality") || !strcmp(first, "socket"))
		return strv_add(ret, first);
	return 0;
}

static int
add_file(const struct sysset_file *f, struct strv *ret)
{
	const char *s = f->text, *end = f->text + f->len;
	int r = 0;

	while (s < end && r >= 0) {
		const char *nl = memchr(s, '\n', (size_t)(end - s));

		r = add_line(s, nl ? nl : end, ret);
		s = nl ? nl + 1 : end;
	}
	return r;
}

static bool
is_denied(const struct seccomp_spec *spec, const char *name)
{
	for (size_t i = 0; i < spec->n_deny; i++)
		if (!strcmp(spec->deny[i], name))
			return true;
	return false;
}

/* In order, each once, without those that are taken out. */
static void
tidy(const struct seccomp_spec *spec, struct strv *sv)
{
	size_t kept = 0;

	if (!sv->n)
		return;
	qsort(sv->v, sv->n, sizeof(*sv->v), by_text);
	for (size_t i = 0; i < sv->n; i++) {
		if ((kept && !strcmp(sv->v[kept - 1], sv->v[i])) ||
		    is_denied(spec, sv->v[i]))
			free(sv->v[i]);
		else
			sv->v[kept++] = sv->v[i];
	}
	sv->n = kept;
	sv->v[kept] = NULL;
}

int
seccomp_names(const struct seccomp_spec *spec, struct strv *ret, struct err *e)
{
	struct sysset_files files;
	struct strv names = { 0 };
	int r = sysset_read(spec, &files, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < files.n && r >= 0; i++)
		r = add_file(&files.v[i], &names);
	sysset_files_done(&files);
	if (r < 0) {
		strv_done(&names);
		return err_set(e, r, "out of memory");
	}
	tidy(spec, &names);
	*ret = names;
	return 0;
}

int
seccomp_sets_each(const struct seccomp_spec *spec,
		  int (*fn)(void *arg, const char *name, const char *text,
			    size_t len),
		  void *arg, struct err *e)
{
	struct sysset_files files;
	int r = sysset_read(spec, &files, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < files.n && r >= 0; i++)
		r = fn(arg, files.v[i].name, files.v[i].text, files.v[i].len);
	sysset_files_done(&files);
	return r;
}
