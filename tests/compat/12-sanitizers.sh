#!/bin/bash
# Programs with sanitizers: they map huge ranges, read /proc/self/maps, and the
# leak checker traces its own parent.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need_inside gcc

put t.c <<'END'
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	char *p = malloc(8);
	volatile int big = 2147483647;
	if (argc < 2) { puts("clean"); free(p); return 0; }
	if (!strcmp(argv[1], "over")) p[8] = 1;
	if (!strcmp(argv[1], "leak")) p = NULL;
	if (!strcmp(argv[1], "ub")) { big += argc; free(p); }
	if (!strcmp(argv[1], "after")) { free(p); p[0] = 1; }
	return p == NULL ? 0 : big & 1 ? 0 : 1;
}
END
put race.c <<'END'
#include <pthread.h>
static int n;
static void *f(void *p) { for (int i = 0; i < 1000; i++) n++; return p; }
int main(void) { pthread_t a, b; pthread_create(&a, 0, f, 0);
	pthread_create(&b, 0, f, 0); pthread_join(a, 0); pthread_join(b, 0);
	return 0; }
END
if ! dev gcc -g -fsanitize=address,undefined -o t t.c >/dev/null \
	2>"$err" </dev/null; then
	skip_all "gcc has no sanitizers: $(tail -n 1 "$err")"
fi
inside "a clean program, leak check included" '^clean$' './t'
inside "heap overflow is found, with line numbers" 'overflow.*t\.c:|t\.c:10' \
	'./t over 2>&1 || true'
inside "use after free is found" 'heap-use-after-free' \
	'./t after 2>&1 || true'
inside "a leak is found" 'LeakSanitizer: detected memory leaks' \
	'./t leak 2>&1 || true'
inside "undefined behaviour is found" 'signed integer overflow' \
	'./t ub 2>&1 || true'
if dev gcc -g -fsanitize=thread -o race race.c -lpthread >/dev/null 2>&1 \
	</dev/null; then
	inside "ThreadSanitizer" 'data race' './race 2>&1 || true'
else
	skip "ThreadSanitizer" "gcc cannot link it here"
fi
finish
