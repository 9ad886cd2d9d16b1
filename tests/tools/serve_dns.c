/* links: net lib */
/*
 * A name server on loopback for tests in shell (tests/tools/fake_dns.h).
 *
 *	serve_dns DIR
 *
 * DIR/names says what is answered, DIR/port where (127.0.0.1:PORT, when it
 * listens), DIR/asked what was asked, a line "A name" or "AAAA name" each.
 * A line of names is a name and what its questions of one type get, in turn,
 * the last one for good:
 *
 *	name WORD... | WORD... | ...
 *
 * WORD: an address; ttl=N for what follows; cname=NAME, whose addresses follow;
 * nx; servfail; silent; many=N, that many addresses; garbage.
 */
#include "lib/macro.h"
#include "tests/tools/fake_dns.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 128

struct entry {
	char text[512];
	char *name;
	char *turn[8];
	size_t n;
	size_t asked[2]; /* A, AAAA */
};

struct server {
	struct entry entry[LINES_MAX];
	size_t n;
	FILE *asked;
};

static FILE *
open_in(const char *dir, const char *name, const char *mode)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return fopen(path, mode);
}

static bool
read_entry(struct entry *e)
{
	char *rest = e->text;

	e->text[strcspn(e->text, "\n")] = '\0';
	e->name = strsep(&rest, " ");
	while (rest && e->n < ARRAY_SIZE(e->turn))
		e->turn[e->n++] = strsep(&rest, "|");
	return *e->name && e->n;
}

static int
read_names(struct server *s, const char *dir)
{
	FILE *f = open_in(dir, "names", "re");

	if (!f)
		return -1;
	while (s->n < LINES_MAX &&
	       fgets(s->entry[s->n].text, sizeof(s->entry[0].text), f))
		s->n += read_entry(&s->entry[s->n]);
	fclose(f);
	return 0;
}

/* What a word says, where an address goes, and how long it is true. */
struct said {
	char owner[256];
	uint32_t ttl;
	bool silent;
};

static void
many(struct fake_dns_msg *m, const struct said *s, unsigned long n)
{
	char text[32];

	for (unsigned long i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "10.%lu.%lu.1", i / 250, i % 250);
		fake_dns_addr(m, s->owner, s->ttl, text);
	}
}

static void
say(struct fake_dns_msg *m, struct said *s, const char *word)
{
	if (!strncmp(word, "ttl=", 4)) {
		s->ttl = (uint32_t)strtoul(word + 4, NULL, 10);
	} else if (!strncmp(word, "many=", 5)) {
		many(m, s, strtoul(word + 5, NULL, 10));
	} else if (!strncmp(word, "cname=", 6)) {
		fake_dns_cname(m, s->owner, s->ttl, word + 6);
		snprintf(s->owner, sizeof(s->owner), "%s", word + 6);
	} else if (!strcmp(word, "nx")) {
		fake_dns_rcode(m, 3);
	} else if (!strcmp(word, "servfail")) {
		fake_dns_rcode(m, 2);
	} else if (!strcmp(word, "silent")) {
		s->silent = true;
	} else if (!strcmp(word, "garbage")) {
		memset(m->b + 6, 0xff, 6);
	} else {
		fake_dns_addr(m, s->owner, s->ttl, word);
	}
}

static bool
answer(void *arg, struct fake_dns_msg *m)
{
	struct server *s = arg;
	struct said said = { .ttl = 60 };
	struct entry *e = s->entry;
	char words[512], *rest = words, *word;
	size_t *at;

	if (!m->tcp)
		fprintf(s->asked, "%s %s\n",
			m->type == FAKE_DNS_A ? "A" : "AAAA", m->name);
	while (e < s->entry + s->n && strcmp(e->name, m->name) != 0)
		e++;
	if (e == s->entry + s->n) {
		fake_dns_rcode(m, 3);
		return true;
	}
	at = &e->asked[m->type == FAKE_DNS_AAAA];
	snprintf(words, sizeof(words), "%s", e->turn[*at]);
	*at += *at + 1 < e->n;
	snprintf(said.owner, sizeof(said.owner), "%s", m->name);
	while ((word = strsep(&rest, " ")))
		if (*word)
			say(m, &said, word);
	return !said.silent;
}

int
main(int argc, char **argv)
{
	static struct server s;
	struct event_base *base = event_base_new();
	struct fake_dns *d;
	FILE *port;

	if (argc != 2 || !base || read_names(&s, argv[1]) < 0)
		return 2;
	s.asked = open_in(argv[1], "asked", "we");
	if (!s.asked || setvbuf(s.asked, NULL, _IOLBF, 0) != 0 ||
	    fake_dns_new(base, answer, &s, &d) < 0)
		return 1;
	port = open_in(argv[1], "port", "we");
	if (!port)
		return 1;
	fprintf(port, "%s\n", fake_dns_server(d));
	fclose(port);
	return event_base_dispatch(base) < 0;
}
