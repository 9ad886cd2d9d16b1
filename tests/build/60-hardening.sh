#!/bin/bash
# The programs that were built with musl have what the compiler gives to the
# others: a random address, read-only relocations, no memory that can be written
# and executed, the stack protector.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
need readelf

bin=$(cd "$(dirname "$AGENTBOX")" && pwd)
for p in agentbox agentbox-stage agentbox-guard; do
	readelf -hlsW "$bin/$p" >"$out"
	check_eq "$p: a random address" "$(grep -c 'Type: *DYN' "$out")" 1
	check_eq "$p: relocations are read-only" \
		"$(grep -c ' GNU_RELRO ' "$out")" 1
	check_eq "$p: nothing is written and executed" \
		"$(grep -cE '^ +(LOAD|GNU_STACK) .* RWE ' "$out")" 0
done
check_eq "agentbox-stage: the stack protector" \
	"$(readelf -sW "$bin/agentbox-stage" | grep -c ' __stack_chk_fail$')" 1
finish
