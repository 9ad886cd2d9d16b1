#!/bin/bash
# Without a terminal, standard input, output and error are the caller's own
# pipes and files: not a byte more or less, no buffering, ends when they end.
# shellcheck disable=SC2016 # the shell in the box expands
. "$(dirname "$0")/lib.sh"

# every byte value, many times, in odd amounts
head -c 3000001 /dev/urandom >"$TMP/data"
sum=$(sha256sum <"$TMP/data")

check_eq "binary data through, pipe to pipe" \
	"$(head -c -0 "$TMP/data" | dev cat | sha256sum)" "$sum"
check_eq "file to file" "$(dev cat <"$TMP/data" >"$TMP/o";
	sha256sum <"$TMP/o")" "$sum"
check_eq "stdin is read inside, sum said inside" \
	"$(dev sha256sum <"$TMP/data")" "$sum"
check_eq "output and error stay apart" \
	"$(dev sh -c 'echo out; echo err >&2' 2>"$TMP/e"; cat "$TMP/e")" \
	"$(printf 'out\nerr')"
check_eq "a box says nothing of its own" \
	"$(dev true 2>&1 </dev/null | wc -c)" 0
check_eq "nothing is read that the command does not read" \
	"$(printf 'a\nb\n' | { dev true; cat; })" "$(printf 'a\nb')"
check_eq "a command takes one line, the next box the next" \
	"$(printf 'a\nb\n' | { dev bash -c 'read -r x; echo "1 $x"'
	dev bash -c 'read -r x; echo "2 $x"'; })" "$(printf '1 a\n2 b')"
check_eq "a closed stdin is an end of file" "$(dev wc -c <&-)" 0
check_eq "three boxes in a row" \
	"$(seq 1000 | dev sort -r | dev head -n 3 | dev tail -n 1)" 997

# SIGPIPE as anywhere: a writer into a closed pipe ends
dev yes 2>/dev/null </dev/null | head -n 1 >/dev/null
check_eq "SIGPIPE ends the writer" "${PIPESTATUS[0]}" 141

# an answer for each line while the input stays open
coproc BOX { dev bash -c 'while read -r x; do echo "got $x"; done'; }
answers=
for i in 1 2 3; do
	echo "$i" >&"${BOX[1]}"
	read -r -t 10 line <&"${BOX[0]}" && answers="$answers $line"
done
pid=$BOX_PID
eval "exec ${BOX[1]}>&-"
wait "$pid"
check_eq "a conversation, line by line" "$answers" " got 1 got 2 got 3"
check_eq "and the end of it" "$?" 0

printf '#!/bin/sh\nexec cat\n' >"$WS/filter"
chmod +x "$WS/filter"
check_eq "a script of the workspace as a filter" \
	"$(echo x | dev ./filter)" x
check_eq "appending" "$(dev sh -c 'echo 1' >>"$TMP/a"
	dev sh -c 'echo 2' >>"$TMP/a"; paste -sd' ' "$TMP/a")" "1 2"
check_eq "a here document" "$(dev cat <<<'here')" here
check_eq "a socket as stdin and stdout" "$(python3 -c '
import socket, subprocess, sys
a, b = socket.socketpair()
p = subprocess.Popen(sys.argv[1:], stdin=b, stdout=b)
b.close(); a.send(b"over a socket\n"); a.shutdown(socket.SHUT_WR)
print(a.makefile().read().strip(), p.wait())' "$AGENTBOX" run --profile dev \
	--workspace "$WS" -- cat 2>&1)" "over a socket 0"
finish
