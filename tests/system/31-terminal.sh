#!/bin/bash
# The box's own terminal, through script(1): what a person at a terminal gets.
. "$(dirname "$0")/lib.sh"
need script stty

export AGENTBOX_RUNTIME_DIR=$TMP/rt
mkdir "$TMP/ws"
cd "$TMP/ws" || exit 1

# at_tty COMMAND-LINE: runs it on a fresh terminal of 33 rows, 101 columns.
# Input comes from stdin. Output on stdout, carriage returns removed.
at_tty()
{
	limited script -qefc "stty rows 33 cols 101; $1" /dev/null |
		tr -d '\r'
	return "${PIPESTATUS[0]}"
}

# a standard input on which nothing ever comes, not even its end
mkfifo "$TMP/quiet"
exec 9<>"$TMP/quiet"

# tty_out NAME REGEX COMMAND-LINE
tty_out()
{
	if at_tty "$3" <&9 >"$out" 2>"$err" && grep -Eq -- "$2" "$out"
	then
		ok "$1"
	else
		not_ok "$1" "wanted: $2"
		show
	fi
}

run="'$AGENTBOX' run --"
tty_out "stdin, stdout, stderr are a terminal" '^all three$' \
	"$run sh -c 'test -t 0 && test -t 1 && test -t 2 && echo all three'"
tty_out "ttyname finds it inside" '^/dev/pts/[0-9]+$' "$run tty"
tty_out "it has the size of the outer one" '^33 101$' "$run stty size"
tty_out "job control works" '^\[1\]\+ +(Running|Stopped).*sleep' \
	"$run bash -c 'set -m; sleep 5 & jobs; kill %1; wait'"
tty_out "it is the controlling terminal" '^through it$' \
	"$run sh -c 'echo through it >/dev/tty'"
tty_out "the exit status passes" '^status 7$' \
	"$run sh -c 'exit 7'; echo status \$?"
tty_out "much output arrives whole" '^20000$' \
	"$run seq 1 20000 | tail -n 1"
tty_out "the last line of a pty is not lost" '^last$' \
	"$run sh -c 'seq 1 2000 >/dev/stderr; echo last'"

# raw while it runs, restored however it ends
modes='stty -a | grep -o "[-]*icanon\|[-]*echo\>" | paste -sd" "'
for end in 'true' 'false' 'kill -9 $$' 'exit 3'; do
	tty_out "restored after: $end" '^icanon echo$' \
		"$run sh -c '$end'; $modes"
done
# In the foreground, since a shell takes input and SIGINT away from others; it is
# ended when it has made the terminal raw.
cat >"$TMP/foreground" <<'END'
echo $$ >pid
exec "$AGENTBOX" run --name t -- sleep 100
END
cat >"$TMP/when-raw" <<'END'
until [ -s pid ] && stty -a </dev/tty | grep -q -- -icanon &&
	"$AGENTBOX" inspect t; do
	sleep 0.05
done >/dev/null 2>&1
"$@"
END
# shellcheck disable=SC2016 # for the shell there
end_self='kill -$0 $(cat pid)'
for sig in TERM HUP INT QUIT; do
	rm -f pid
	tty_out "restored after SIG$sig to the supervisor" '^icanon echo$' \
		"sh '$TMP/when-raw' sh -c '$end_self' $sig &
		sh '$TMP/foreground'; wait; $modes"
done
rm -f pid
tty_out "restored after agentbox kill" '^icanon echo$' \
	"sh '$TMP/when-raw' '$AGENTBOX' kill t & sh '$TMP/foreground'; wait; $modes"
tty_out "restored after a timeout" '^icanon echo$' \
	"'$AGENTBOX' run --timeout 1s -- sleep 30; $modes"

# typed keys; the box's end of file and interrupt are its own
# typed KEYS COMMAND-LINE: presses them when it has said that it is ready.
typed()
{
	exec 8<>"$TMP/keys" # for both directions, since that does not wait
	spawn limited script -qefc "stty rows 33 cols 101; $2" /dev/null \
		<"$TMP/keys" >"$TMP/seen"
	wait_for 50 grep -q ready "$TMP/seen"
	printf '%s' "$1" >&8
	wait "$spawned"
	exec 8>&-
	tr -d '\r' <"$TMP/seen" >"$TMP/seen.new"
	mv "$TMP/seen.new" "$TMP/seen"
}
mkfifo "$TMP/keys"
typed $'hello\r' "$run sh -c 'echo ready; read x; echo got \$x'"
check "a line is read" grep -q '^got hello$' "$TMP/seen"
typed $'\004' "$run sh -c 'echo ready; cat; echo end of file'; true"
check "control-D is an end of file" grep -q 'end of file' "$TMP/seen"
typed $'\003' "$run sh -c 'trap \"echo interrupted; exit 5\" INT;
	echo ready; sleep 100 & wait'; echo status \$?"
check "control-C interrupts inside" grep -q '^status 5$' "$TMP/seen"

# with one end elsewhere, the rest passes untouched
printf 'a\nb\n' >"$TMP/in"
tty_out "stdin from a file" '^2$' "$run wc -l <'$TMP/in'"
at_tty "$run sh -c 'printf one; test -t 1 || printf two' >'$TMP/o'" \
	<&9 >/dev/null 2>&1
check_eq "stdout to a file: bytes untouched" "$(cat "$TMP/o")" onetwo
finish
