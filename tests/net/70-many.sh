#!/bin/bash
# Ten thousand connections of one box, and two hundred boxes with traffic at
# once: everything is served, memory stays within what ARCHITECTURE.md says, and
# no descriptor is left.
. "$(dirname "$0")/lib.sh"
LIMIT=200
N=${MANY_CONNECTIONS:-10000}
BOXES=${MANY_BOXES:-200}
servers
server python3 "$SRC/tests/net/many.py" serve "$NET/many-port"
wait_for 10 test -e "$NET/many-port" || { not_ok "the echo server listens"; finish; }
map many.test "$(cat "$NET/many-port")"
write_config
cp "$SRC/tests/net/many.py" "$WS/"

# of PID: descriptors; memory of its own in KiB
descriptors()
{
	find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l
}

memory()
{
	awk '/^Pss:/ { print $2; exit }' "/proc/$1/smaps_rollup"
}

# shim and supervisor of the box that runs
shim_of()
{
	pgrep -P "$1" -x agentbox-shim | head -n 1
}

# The shim has both ends of each; root's takes a higher limit if it may.
most()
{
	local hard=$1

	is_root && prlimit --pid $BASHPID --nofile=262144:262144 2>/dev/null && hard=262144
	[ "$hard" = unlimited ] && hard=1048576
	echo $(((hard - 300) / 2))
}
M=$(most "$(ulimit -Hn)")
[ "$N" -le "$M" ] || {
	echo "# the limit of open files here is $(ulimit -Hn): $M connections, not $N"
	N=$M
}
if [ "$N" -lt 1000 ]; then
	skip "thousands of connections of one box" "the limit of open files here is $(ulimit -Hn)"
else
	NETWORK='"limits": { "connections": '$((N + 100))' },'
	allow '"many.test:7"'
	mkfifo "$TMP/go"
	"$AGENTBOX" run --profile "$PROFILE" --workspace "$WS" -- \
		python3 many.py hold many.test 7 "$N" <"$TMP/go" >"$TMP/said" 2>"$TMP/errors" &
	box=$!
	exec 7>"$TMP/go"
	if wait_for 150 grep -q "held $N" "$TMP/said"; then
		ok "$N connections of one box, each with an answer"
	else
		not_ok "$N connections of one box" "$(tail -n 3 "$TMP/said" "$TMP/errors")"
	fi
	shim=$(shim_of "$box")
	[ "$shim" ] || not_ok "the shim is found"
	kib=$(memory "$shim")
	check "the shim has both ends of each: $(descriptors "$shim") descriptors" \
		test "$(descriptors "$shim")" -ge $((2 * N))
	check "the supervisor keeps none of them: $(descriptors "$box")" \
		test "$(descriptors "$box")" -lt 100
	check "the shim's memory: $kib KiB, at most 2 KiB a connection and 4 MiB" \
		test "$kib" -le $((2 * N + 4096))
	kib=$(memory "$box")
	check "the supervisor's: $kib KiB, at most half a KiB a connection and 8 MiB" \
		test "$kib" -le $((N / 2 + 8192))
	exec 7>&-
	wait_for 100 grep -q "done $N" "$TMP/said"
	wait "$box"
	check "each still works after that, and the box ends well" grep -q "done $N" "$TMP/said"
	check "nothing of it is left" bash -c "! kill -0 $shim 2>/dev/null"
fi

# ---- many boxes
allow '{"host": "web.test", "method": "GET", "path": "/hello"}' '"raw.test:7"'
NETWORK=
pids=()
for ((i = 0; i < BOXES; i++)); do
	"$AGENTBOX" run --profile "$PROFILE" --workspace "$WS" -- bash -c '
		for _ in 1 2 3; do curl -sS --max-time 100 https://web.test/hello || exit 1; done
		exec 3<>/dev/tcp/raw.test/7' >"$TMP/box.$i" 2>&1 </dev/null &
	pids+=($!)
done
bad=0
for p in "${pids[@]}"; do
	wait "$p" || bad=$((bad + 1))
done
check "$BOXES boxes with traffic at once: $bad failed" test "$bad" = 0
[ "$bad" = 0 ] || grep -hv '^hello' "$TMP"/box.* | sort | uniq -c | sort -rn | head -n 5 | sed 's/^/# /'
check "each got its answers" test "$(cat "$TMP"/box.* | grep -c '^hello from https$')" = $((3 * BOXES))
check "no shim is left" bash -c "! pgrep -u $(id -u) -x agentbox-shim"
check_out "and every action has its outcome" '' \
	limited "$AGENTBOX" audit verify
finish
