#!/bin/bash
# A running box takes new rules, all or none; what the kernel holds stays.
. "$(dirname "$0")/lib.sh"
need python3

export AGENTBOX_RUNTIME_DIR=$TMP/rt
mkdir "$TMP/ws"
cd "$TMP/ws" || exit 1
p=$TMP/p.json

# profile HOST MEMORY MODE
profile()
{
	cat >"$p.new" <<-END
		{
			"version": 1,
			"name": "p",
			"role": "execute",
			"mode": "${3:-enforce}",
			"requires": {
				"optional": ["memory", "swap", "pids", "cpu", "io", "freeze"]
			},
			"process": {
				"syscalls": ["base"],
				"limits": { "memory": "${2:-1G}" }
			},
			"files": { "exec": ["@system"], "workspace": { "access": "write" } },
			"network": { "allow": ["$1"] }
		}
	END
	mv "$p.new" "$p"
}


# policy KEY: of the box
policy()
{
	"$AGENTBOX" inspect --json b | python3 -c \
		'import json, sys; print(json.load(sys.stdin)["policy"].get(sys.argv[1]))' "$1"
}

profile one.example.com
spawn setsid "$AGENTBOX" run -p "$p" -n b -- sleep 600 2>"$TMP/said"
if ! wait_for 60 "$AGENTBOX" inspect b; then
	not_ok "the box starts" "$(cat "$TMP/said")"
	finish
fi
first=$(policy hash)
check_eq "it begins with epoch 1" "$(policy epoch)" 1

profile two.example.com
check_eq "a changed file alone changes nothing" "$(policy hash)" "$first"
check_out "reload" '^[0-9a-f]+: epoch 2, policy [0-9a-f]{16}$' limited "$AGENTBOX" reload b
check_eq "the epoch" "$(policy epoch)" 2
second=$(policy hash)
check "another policy" test "$first" != "$second"
check_out "logs" ' reloaded +by uid [0-9]+: epoch 2, policy '"$second" "$AGENTBOX" logs b
check_out "reload of the same" 'epoch 3, .*as before' limited "$AGENTBOX" reload -w again b
check_out "why is in the log" 'by uid [0-9]+: again: epoch 3' "$AGENTBOX" logs b
profile one.example.com
check "back" limited "$AGENTBOX" reload b
check_eq "is the first policy" "$(policy hash)" "$first"

# failures
echo '{' >"$p"
check_err "a file that does not parse is refused" 1 'epoch 4 stays: .*p.json:' \
	limited "$AGENTBOX" reload b
check_eq "the old policy stays" "$(policy hash) $(policy epoch)" "$first 4"
check_out "inspect says so" 'p.json:' policy failed_reload
check_out "logs say so" ' reload-failed +by uid [0-9]+: epoch 4 stays' "$AGENTBOX" logs b
profile one.example.com 2G
check_err "what the kernel holds cannot change" 1 \
	'p.json:[0-9]+: /process/limits/memory: cannot change' limited "$AGENTBOX" reload b
profile one.example.com 1G observe
check_err "nor can it begin to observe" 1 'only observes' limited "$AGENTBOX" reload b
profile '*.com'
check_err "nor take a rule that is none" 1 'p.json:[0-9]+: .*top-level' limited "$AGENTBOX" reload b
rm "$p"
check_err "nor a file that is gone" 1 'epoch 4 stays' limited "$AGENTBOX" reload b
check_eq "still the old policy" "$(policy hash) $(policy epoch)" "$first 4"
check_out "the box runs" '"state": "running"' limited "$AGENTBOX" inspect --json b

# observing can be ended by a reload, and begun again where it was asked for
profile one.example.com 1G observe
cp "$p" "$TMP/o.json"
spawn setsid "$AGENTBOX" run --observe -p "$TMP/o.json" -n o -- sleep 600 2>/dev/null
wait_for 60 "$AGENTBOX" inspect o
profile one.example.com
cp "$p" "$TMP/o.json"
check "a reload ends observing" limited "$AGENTBOX" reload o
check_out "ps shows it" '^o .* enforce ' "$AGENTBOX" ps
profile one.example.com 1G observe
cp "$p" "$TMP/o.json"
check "and may begin it again" limited "$AGENTBOX" reload o
check_out "ps shows that too" '^o .* observe ' "$AGENTBOX" ps
limited "$AGENTBOX" kill o

# all of them, and as JSON
profile two.example.com
limited "$AGENTBOX" reload --all --json >"$TMP/json"
check "reload --json" python3 -c '
import json, sys
j = json.load(open(sys.argv[1]))
assert len(j) == 1 and j[0]["ok"] and j[0]["epoch"] == 5 and j[0]["state"] == "reloaded"
assert j[0]["policy_hash"] == sys.argv[2]' "$TMP/json" "$second"
check_eq "no failure is left" "$(policy failed_reload)" None
check_err "reload of nothing" 125 'nosuch' limited "$AGENTBOX" reload nosuch
check_err "reload without a box" 125 'name boxes' limited "$AGENTBOX" reload

# SIGHUP where there is no terminal
super=$("$AGENTBOX" inspect --json b | python3 -c 'import json, sys; print(json.load(sys.stdin)["supervisor"])')
profile one.example.com
kill -HUP "$super"
is_epoch() { [ "$(policy epoch)" = "$1" ]; }
check "SIGHUP reloads" wait_for 60 is_epoch 6
check_eq "the file of now" "$(policy hash)" "$first"
echo '{' >"$p"
kill -HUP "$super"
check "SIGHUP with a bad file is said" wait_for 60 grep -q 'epoch 6 stays' "$TMP/said"
check_out "and the box runs" '"state": "running"' limited "$AGENTBOX" inspect --json b
profile two.example.com
limited "$AGENTBOX" freeze b
check_out "frozen: reload" 'epoch 7' limited "$AGENTBOX" reload b
check_out "and it stays frozen" '"state": "frozen"' limited "$AGENTBOX" inspect --json b
check "it ends" limited "$AGENTBOX" kill b

# an agent is not asked what it may do
profile one.example.com
cp "$p" "$TMP/ws/own.json"
ln -s "$TMP/ws/own.json" "$TMP/link.json"
for f in "$TMP/ws/own.json" "$TMP/link.json"; do
	spawn setsid "$AGENTBOX" run -p "$f" -n w -- sleep 600 2>/dev/null
	wait_for 60 "$AGENTBOX" inspect w
	check_err "a profile that the box can write is not read again" 1 \
		'where the box can write' limited "$AGENTBOX" reload w
	limited "$AGENTBOX" kill w
done
spawn setsid "$AGENTBOX" run -p "$p" -n f -- sleep 600 2>/dev/null
wait_for 60 "$AGENTBOX" inspect f
rm "$p"
mkfifo "$p"
check_err "nor what is no file" 1 'is no file any more' limited "$AGENTBOX" reload f
check "and the box can still be ended" limited "$AGENTBOX" kill f
finish
