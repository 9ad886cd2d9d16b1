#!/bin/bash
# The shim alone: streams, names, SOCKS and limits, with a supervisor of the
# test's own (tests/tools/fake_supervisor.c).
# emulated: no (sockets of loopback and no kernel feature)
. "$(dirname "$0")/lib.sh"
need python3

shim=$(dirname "$AGENTBOX")/agentbox-shim
export TMP
run()
{
	timeout 60 python3 "$SRC/tests/system/shim.py" "$shim" \
		"$TESTBIN/fake_supervisor" "$@"
}

cases=$(run --list)
check "there are cases" test "$cases"
for c in $cases; do
	check "${c//_/ }" run "$c"
done
finish
