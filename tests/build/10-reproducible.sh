#!/bin/bash
# Two trees at different paths give the same programs, byte for byte; and
# nothing of the path is in them.
. "$(dirname "$0")/../system/lib.sh"
need make gcc

trees=("$TMP/one" "$TMP/another-and-longer/two")
for t in "${trees[@]}"; do
	mkdir -p "$t"
	(cd "$SRC" && tar -cf - --exclude=./build --exclude=./.git .) |
		tar -xf - -C "$t"
	LIMIT=300 check "builds in ${t##*/}" limited make -s -C "$t" \
		-j"$(nproc)" all
done

sums()
{
	(cd "$1/build/bin" && sha256sum -- *)
}
check_eq "the same sums" "$(sums "${trees[0]}")" "$(sums "${trees[1]}")"
for f in "${trees[1]}"/build/bin/*; do
	if grep -q "another-and-longer" "$f"; then
		not_ok "no path in ${f##*/}"
	else
		ok "no path in ${f##*/}"
	fi
done
finish
