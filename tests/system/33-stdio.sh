#!/bin/bash
# Files as stdin, stdout and stderr: the same bytes in the same order as without
# a box, and nothing but bytes. For a user they are copied through pipes; as
# root the box has a uid of its own and gets them as they are.
# shellcheck disable=SC2016 # the shells inside expand what they are given
. "$(dirname "$0")/lib.sh"

need python3
export AGENTBOX_RUNTIME_DIR=$TMP/rt
mkdir "$TMP/ws" "$TMP/f"
cd "$TMP/ws" || exit 1

F=$TMP/f
export F
MB=50
head -c ${MB}M /dev/urandom >"$F/big"

# ---- data ------------------------------------------------------------------
same()
{
	run_box -- cat <"$F/big" >"$F/copy" && cmp "$F/big" "$F/copy"
}
check "$MB MB of binary data through < and >" same

lines()
{
	run_box -- sh -c 'seq 1 20000; seq 20001 40000 >&2' >"$F/o" 2>"$F/e"
	seq 1 20000 | cmp - "$F/o" && seq 20001 40000 | cmp - "$F/e"
}
check "stdout and stderr in two files" lines

append()
{
	echo first >"$F/log"
	run_box -- echo second >>"$F/log"
	echo third >>"$F/log"
	check_eq "append mode" "$(tr '\n' ' ' <"$F/log")" "first second third "
}
append

offset()
{
	{ echo one; run_box -- echo two; echo three; } >"$F/log"
	check_eq "a file that is shared with what comes before and after" \
		"$(tr '\n' ' ' <"$F/log")" "one two three "
}
offset

both()
{
	run_box -- sh -c 'i=0; while [ $i -lt 500 ]; do
		echo o$i; echo e$i >&2; i=$((i + 1)); done' >"$F/both" 2>&1
	for i in $(seq 0 499); do echo "o$i"; echo "e$i"; done |
		cmp - "$F/both"
}
check "2>&1 keeps the order" both
append_both()
{
	echo start >"$F/both"
	run_box -- sh -c 'echo a; echo b >&2; echo c' >>"$F/both" 2>&1
	check_eq "2>&1 in append mode" "$(tr '\n' ' ' <"$F/both")" "start a b c "
}
append_both

separate()
{
	run_box -- sh -c 'printf aaaa; printf bb >&2' >"$F/twice" 2>"$F/twice"
	check_eq "two descriptors of one file write over each other" \
		"$(cat "$F/twice")" "bbaa"
}
separate

# ---- input that is not read ------------------------------------------------
loop()
{
	seq 1 4 >"$F/lines"
	while read -r line; do
		run_box -- true
		echo "$line"
	done <"$F/lines"
}
check_eq "input that nobody reads stays for the next command" \
	"$(loop | tr '\n' ' ')" "1 2 3 4 "
early()
{
	{ run_box -- head -c 10 >/dev/null; cat; } <"$F/big" >"$F/rest"
	# head(1) may have read a block
	local n
	n=$(stat -c %s "$F/rest")
	tail -c "$n" "$F/big" | cmp - "$F/rest" &&
		[ "$n" -gt $(((MB - 1) * 1024 * 1024)) ]
}
check "what a reader leaves stays, too" early
check "a reader that closes early ends well" \
	bash -c 'limited "$AGENTBOX" run -- sh -c "exec 0<&-; sleep 0.2" <"$F/big"'
check_out "stdin that is empty ends at once" '^0$' \
	bash -c ': >"$F/empty"; limited "$AGENTBOX" run -- wc -c <"$F/empty"'

# ---- status ----------------------------------------------------------------
check_status "the command's status" 3 \
	bash -c 'limited "$AGENTBOX" run -- sh -c "exit 3" <"$F/lines" >"$F/o"'
check_status "a signal" 143 bash -c \
	'limited "$AGENTBOX" run -- sh -c '\''kill $$'\'' <"$F/lines" >"$F/o"'
# The time must be over after all is written: more of it where that was not so.
timed_out()
{
	local got s

	for s in 1 4 16 50; do
		got=0
		run_box --timeout "$s" -- sh -c 'seq 1 30000; echo done >&2
			sleep 100' <"$F/big" >"$F/o" 2>"$F/e" || got=$?
		! grep -q ^done "$F/e" || break
	done
	check_eq "timeout: the status" "$got" 124
	check_eq "timeout: all that was written is there" \
		"$(seq 1 30000 | cksum)" "$(cksum <"$F/o")"
}
timed_out
killed()
{
	local got=0

	run_box --name "stdio-$$" -- sh -c 'seq 1 30000; echo ready >&2
		sleep 100' <"$F/big" >"$F/o" 2>"$F/e" &
	wait_for 60 grep -q ready "$F/e"
	limited "$AGENTBOX" kill "stdio-$$" >/dev/null 2>&1
	wait $! || got=$?
	check_eq "kill: the status" "$got" 137
	check_eq "kill: all that was written is there" \
		"$(seq 1 30000 | cksum)" "$(cksum <"$F/o")"
}
killed
background()
{
	run_box -- sh -c '{ sleep 0.3; echo late; } & echo early' >"$F/o"
	check_eq "what the command leaves behind writes no more" \
		"$(cat "$F/o")" early
}
background

# ---- a file that cannot be written -----------------------------------------
profile()
{
	cat >"$TMP/small.json" <<-END
		{
			"version": 1, "name": "small", "role": "execute",
			"requires": { "optional": ["memory", "swap", "pids",
				"cpu", "io", "freeze"] },
			"process": { "syscalls": ["base"],
				"limits": { "fsize": "1M" } },
			"files": { "exec": ["@system"],
				"workspace": { "access": "write" } }
		}
	END
}
profile
full()
{
	local got=0

	(ulimit -f 64 && run_box -- sh -c 'yes | head -c 8M' \
		>"$F/o" 2>"$F/e") || got=$?
	check_eq "a file that takes no more: status 125" "$got" 125
	if grep -q 'cannot copy stdout: File too large' "$F/e"; then
		ok "and it is said"
	else
		not_ok "and it is said" "$(cat "$F/e")"
	fi
}
limited_file()
{
	local got=0

	run_box --profile "$TMP/small.json" -- sh -c 'yes | head -c 8M' \
		>"$F/o" 2>"$F/e" || got=$?
	check_eq "the limit of files holds for stdout" \
		"$(stat -c %s "$F/o")" $((1024 * 1024))
}
limited_file
is_root || full

# ---- nothing but bytes -----------------------------------------------------
cat >"$TMP/ws/change.py" <<'END'
import os, sys
done = []
def attempt(name, fn, *args):
    try:
        fn(*args)
        done.append(name)
    except OSError:
        pass
for fd in 0, 1, 2:
    for at in fd, "/proc/self/fd/%d" % fd:
        attempt("chmod", os.chmod, at, 0o777)
        attempt("utime", os.utime, at, (1, 1))
        attempt("setxattr", os.setxattr, at, "user.agent", b"was here")
attempt("reopen", os.open, "/proc/self/fd/0", os.O_WRONLY | os.O_TRUNC)
END
describe()
{
	stat -c '%n %a %Y %s' "$F"/[abc]
	python3 -c 'import os, sys
for f in sys.argv[1:]:
    print(os.listxattr(f))' "$F"/[abc]
}
untouched()
{
	for f in a b c; do
		echo text >"$F/$f"
		chmod 640 "$F/$f"
		touch -d 2020-02-02 "$F/$f"
	done
	describe >"$F/before"
	run_box -- python3 change.py <"$F/a" >>"$F/b" 2>>"$F/c"
	describe | diff "$F/before" -
}
check "mode, times and attributes of all three stay" untouched
finish
