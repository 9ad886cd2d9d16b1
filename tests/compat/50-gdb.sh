#!/bin/bash
# gdb on the box's own processes: start, breakpoints, attach, without address
# randomisation; and that pid 1 of the box cannot be traced.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need_inside gdb gcc

put t.c <<'END'
#include <stdio.h>
#include <unistd.h>
static int twice(int x)
{
	return 2 * x;
}
int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		for (;;)
			pause();
	printf("%d\n", twice(21));
	return 5;
}
END
dev gcc -g -O0 -o t t.c >/dev/null 2>&1 </dev/null
gdb='gdb -q -nx -batch -iex "set debuginfod enabled off"'

inside "breakpoint, backtrace, value" '^\$1 = 21$' \
	"$gdb -ex 'break twice' -ex run -ex bt -ex 'print x' ./t 2>&1"
inside "step to the end, status" 'exited with code 05' \
	"$gdb -ex 'break twice' -ex run -ex finish -ex continue ./t 2>&1"
inside "a variable is changed" '^84$' \
	"$gdb -ex 'break twice' -ex run -ex 'set var x=42' -ex continue ./t 2>&1"
inside "addresses are the same each time" '^1$' \
	"for i in 1 2 3; do $gdb -ex 'break twice' -ex run -ex 'info registers rip pc' ./t 2>&1 |
		grep -m1 '^\(rip\|pc\)'; done | sort -u | wc -l"
inside "attach to a running child" 'pause' \
	"./t wait & until grep -q '(t) S' /proc/\$!/stat; do sleep 0.05; done
	$gdb -p \$! -ex bt 2>&1; kill \$!"
inside "a watchpoint" 'watchpoint' \
	"$gdb -ex 'break main' -ex run -ex 'watch argc' ./t 2>&1"
inside "hardware threads: a program with threads" 'LWP' \
	"printf '#include <pthread.h>\nstatic void *f(void *p){return p;}
	int main(void){pthread_t t;pthread_create(&t,0,f,0);pthread_join(t,0);
	return 0;}' >th.c; gcc -g -o th th.c -lpthread
	$gdb -ex 'break f' -ex run -ex 'info threads' ./th 2>&1"
inside "pid 1 cannot be traced" 'ptrace: Operation not permitted' \
	"$gdb -p 1 2>&1 || true"
finish
