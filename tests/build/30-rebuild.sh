#!/bin/bash
# The build knows what depends on what: nothing is done twice, a changed header
# or flag rebuilds what it touches, configurations do not mix, and a call up
# the layers does not link.
. "$(dirname "$0")/../system/lib.sh"
need make gcc

t=$TMP/tree
mkdir "$t"
(cd "$SRC" && tar -cf - --exclude=./build --exclude=./.git .) |
	tar -xf - -C "$t"
LIMIT=300
build()
{
	limited make -C "$t" -j"$(nproc)" "$@"
}
lib=build/release/liblib.a

check "the first build" build $lib
check_eq "compiled lib/fd.c" "$(grep -c 'CC  *lib/fd.c' "$out")" 1
check "the second build" build $lib
check_eq "did nothing" "$(grep -cE 'CC|AR|LD' "$out")" 0
touch "$t/lib/fd.h"
check "after touching a header" build $lib
check_eq "compiled what includes it" "$(grep -c 'CC  *lib/fd.c' "$out")" 1
check_eq "and nothing else" "$(grep -c 'CC  *lib/str.c' "$out")" 0
check "after a change of flags" build $lib CFLAGS=-DX=1
check_eq "compiled everything" "$(grep -c 'CC  *lib/str.c' "$out")" 1
check "debug beside it" build CONFIG=debug build/debug/liblib.a
check "release again" build $lib CFLAGS=-DX=1
check_eq "was not touched by debug" "$(grep -cE 'CC|AR|LD' "$out")" 0
check_status "an unknown CONFIG is refused" 2 build CONFIG=fast
for target in all try check check-vm lint asan fuzz check-fuzz bench install \
	uninstall dist help; do
	check_out "help: $target" "^$target +[a-zA-Z]" make -s -C "$t" help
done

# lib must not be able to call sandbox
cat >"$t/tests/unit/test_upward.c" <<'END'
/* links: lib */
#include "sandbox/layers.h"
#include "tests/tap.h"
TEST(up)
{
	ASSERT_STREQ(layer_name(LAYER_USER), "user");
}
END
check_err "an upward call does not link" 2 'undefined reference to .layer_name' \
	build CFLAGS=-DX=1 build/release/tests/test_upward
finish
