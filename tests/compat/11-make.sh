#!/bin/bash
# A compiler and make: build a library and a program of several files in
# parallel, run it, rebuild only what changed.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need_inside gcc make

put Makefile <<'END'
CFLAGS := -O2 -Wall -Wextra -Werror
parts := $(patsubst %.c,%.o,$(wildcard part*.c))
prog: main.o libparts.a
	$(CC) -o $@ main.o -L. -lparts -lpthread -lm
libparts.a: $(parts)
	ar rcs $@ $^
shared: shared.so
	gcc -o shared main.o $(parts) -lpthread -lm
%.so: $(parts)
	gcc -shared -o $@ $^
clean:
	rm -f *.o *.a *.so prog
END
for i in 1 2 3 4 5 6 7 8; do
	put "part$i.c" <<END
int part$i(void);
int part$i(void) { return $i; }
END
done
put main.c <<'END'
#include <math.h>
#include <pthread.h>
#include <stdio.h>
int part1(void); int part2(void); int part3(void); int part4(void);
int part5(void); int part6(void); int part7(void); int part8(void);
static void *add(void *p) { *(int *)p += part1() + part2() + part3() + part4()
	+ part5() + part6() + part7() + part8(); return NULL; }
int main(void) {
	int n[4] = { 0 }, sum = 0; pthread_t t[4];
	for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, add, &n[i]);
	for (int i = 0; i < 4; i++) { pthread_join(t[i], NULL); sum += n[i]; }
	printf("sum %d root %.0f\n", sum, sqrt(sum)); return 0; }
END

inside "make -j4 builds" 'ar rcs' 'make -j4'
inside "the program runs" '^sum 144 root 12$' './prog'
inside "nothing to do the second time" 'up to date' 'make'
inside "only what changed is built again" '^2$' \
	'touch part3.c; make | grep -c -e part3.o -e "rcs"'
inside "jobs are shared with a make below" '^sum 144 root 12$' \
	'make clean >&2; printf "all:\n\t+\$(MAKE) -f Makefile prog\n" >top.mk
	make -j3 -f top.mk >&2; ./prog'
inside "a shared library" '^sum 144 root 12$' 'make shared >&2; ./shared'
inside "programs run in /tmp and in HOME" '^two$' \
	'cp prog /tmp/p; cp prog ~/p; /tmp/p >/dev/null; ~/p >/dev/null
	echo two'
inside "link time optimisation, preprocessor, assembler" '^sum 144 root 12$' \
	'gcc -O2 -flto=2 -save-temps -o lto main.c part*.c -lpthread -lm
	./lto'
check_status "the status of a failed build" 2 dev make no-such-target
if dev sh -c 'command -v g++' >/dev/null 2>&1 </dev/null; then
	put x.cc <<'END'
#include <iostream>
#include <stdexcept>
#include <thread>
#include <vector>
int main() {
	std::vector<std::thread> v; int n[8] = {};
	for (int i = 0; i < 8; i++) v.emplace_back([&n, i] { n[i] = i; });
	for (auto &t : v) t.join();
	int s = 0; for (int i : n) s += i;
	try { throw std::runtime_error("thrown"); }
	catch (std::exception &e) { std::cout << e.what() << s << std::endl; }
}
END
	inside "C++ with threads and exceptions" '^thrown28$' \
		'g++ -O1 -o x x.cc -lpthread; ./x'
else
	skip "C++" "g++ is not installed"
fi
if dev sh -c 'command -v cmake' >/dev/null 2>&1 </dev/null; then
	mkdir "$WS/cm"
	put cm/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.13)
project(cm C)
find_package(Threads REQUIRED)
enable_testing()
add_executable(cm main.c)
target_link_libraries(cm Threads::Threads)
add_test(NAME runs COMMAND cm)
END
	put cm/main.c <<<'int main(void) { return 0; }'
	inside "cmake: configure, build, test" '100% tests passed' \
		'cmake -S cm -B cm/b >&2; cmake --build cm/b -j2 >&2
		cd cm/b; ctest'
else
	skip "cmake" "cmake is not installed"
fi
finish
