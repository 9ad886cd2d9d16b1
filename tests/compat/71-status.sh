#!/bin/bash
# Exit statuses: all the command's own, signals, and those of agentbox itself.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"
need_inside perl python3

bad=
for i in $(seq 0 255); do
	got=0
	dev sh -c "exit $i" </dev/null >/dev/null 2>&1 || got=$?
	[ "$got" = "$i" ] || bad="$bad $i:$got"
done
check_eq "statuses 0 to 255" "$bad" ""

bad=
for i in 1 2 3 6 8 9 10 11 12 13 14 15 24 25 31 34 64; do
	got=0
	dev perl -e '$SIG{$_} = "DEFAULT" for keys %SIG;
		kill shift, $$; sleep 5' "$i" </dev/null \
		>/dev/null 2>&1 || got=$?
	[ "$got" = $((128 + i)) ] || bad="$bad $i:$got"
done
check_eq "128 + the signal that killed it" "$bad" ""
check_status "a crash" 139 dev python3 -c 'import ctypes; ctypes.string_at(0)'
check_status "a child that dies does not matter" 5 \
	dev sh -c 'sh -c "kill -9 \$\$" & sh -c "kill -9 \$\$"; exit 5'
check_status "orphans do not keep the box" 0 \
	dev sh -c 'setsid sleep 1000 & exit 0'

check_err "timeout: 124" 124 'time was over' \
	run_box --timeout 1s --workspace "$WS" -- sleep 30
check_err "agentbox itself: 125" 125 'no profile|No such file' \
	run_box --profile no-such-profile -- true
check_err "a folder is no program: 126" 126 'Permission denied|directory' \
	dev ./
printf 'text\n' >"$WS/plain"
check_err "a file without the x bit: 126" 126 'Permission denied' dev ./plain
printf '\177ELFnonsense' >"$WS/broken"
chmod +x "$WS/broken"
check_err "a broken program: 126" 126 'Exec format' dev ./broken
check_err "not found: 127" 127 'no-such-program' dev no-such-program
printf '#!/no/such/shell\n' >"$WS/shebang"
chmod +x "$WS/shebang"
check_err "an interpreter that is not there: 127" 127 'shebang' dev ./shebang
check_err "found by PATH, not in the workspace: 127" 127 'plain' dev plain
check_status "the caller's signal reaches the command" 143 \
	bash -c 'limited "$0" run --workspace "$1" -- sh -c "
	echo up >up; sleep 100" & p=$!
	until [ -s "$1/up" ]; do sleep 0.05; done
	kill -TERM $(pgrep -P $p); wait $p' "$AGENTBOX" "$WS"
finish
