#!/bin/bash
# Observing must be asked for twice, and is seen everywhere; the session's
# bounds hold.
# emulated: no (decisions)
. "$(dirname "$0")/lib.sh"
need python3

export AGENTBOX_RUNTIME_DIR=$TMP/rt
mkdir "$TMP/ws"
cd "$TMP/ws" || exit 1

# profile NAME TEXT: with TEXT among its keys
profile()
{
	cat >"$TMP/$1.json" <<-END
		{
			"version": 1,
			"name": "$1",
			"role": "execute",
			"requires": {
				"optional": ["memory", "swap", "pids", "cpu", "io", "freeze"]
			},
			"process": { "syscalls": ["base"] },
			"files": { "exec": ["@system"], "workspace": { "access": "write" } },
			$2
		}
	END
}

profile look '"mode": "observe", "network": { "allow": ["api.example.com"] }'
profile rule '"network": { "allow": ["api.example.com"],
	"deny": [{ "id": "d", "host": "*.example.com", "mode": "observe" }] }'
profile plain '"network": { "allow": ["api.example.com"] }'

check_err "a profile that observes needs --observe" 125 'only observes' \
	run_box -p "$TMP/look.json" -- true
check_err "so does one with a rule that observes" 125 'only observes' \
	run_box -p "$TMP/rule.json" -- true
check_err "the cure is named" 125 'cure: .*--observe' run_box -p "$TMP/look.json" -- true
check_err "--observe for one that enforces" 125 'nothing in .* observes' \
	run_box --observe -p "$TMP/plain.json" -- true
check_err "it says so loudly" 0 'OBSERVES ONLY' run_box --observe -p "$TMP/look.json" -- true
check_err "in JSON too" 0 '"event":"observing"' \
	run_box --json --observe -p "$TMP/look.json" -- true

spawn "$AGENTBOX" run --observe -p "$TMP/look.json" -n o1 -- sleep 600
spawn "$AGENTBOX" run -p "$TMP/plain.json" -n e1 -- sleep 600
wait_for 60 "$AGENTBOX" inspect o1
wait_for 60 "$AGENTBOX" inspect e1
check_out "ps shows it" '^o1 .* observe +sleep' "$AGENTBOX" ps
check_out "ps shows the other" '^e1 .* enforce +sleep' "$AGENTBOX" ps
check_out "inspect shows it" '^mode +observe' "$AGENTBOX" inspect o1
check_out "logs show it" ' observing ' "$AGENTBOX" logs o1
"$AGENTBOX" inspect --json o1 >"$TMP/o1"
"$AGENTBOX" inspect --json e1 >"$TMP/e1"
check "inspect --json: hash, levels, rules, brokers" python3 - "$TMP/o1" "$TMP/e1" <<'END'
import json, sys
o, e = (json.load(open(f)) for f in sys.argv[1:])
assert o["mode"] == "observe" and e["mode"] == "enforce"
for j in (o, e):
    p = j["policy"]
    assert p["mode"] == j["mode"] and p["epoch"] == 1
    assert len(p["hash"]) == 64
    assert p["rules"]["network"] == 1 and p["rules"]["files"] > 1
    assert p["levels"][-1]["name"] == j["profile"]
    assert "refuse everything" in p["brokers"]
assert o["policy"]["hash"] != e["policy"]["hash"]
END
check "and both end" "$AGENTBOX" kill o1 e1

# session
profile ttl '"session": { "ttl": "1s" }'
check_err "session.ttl ends it" 124 'the time was over' run_box -p "$TMP/ttl.json" -- sleep 30
check_err "a longer timeout does not help" 124 'the time was over' \
	run_box -p "$TMP/ttl.json" -t 30 -- sleep 30
check_err "nor does none" 124 'the time was over' run_box -p "$TMP/ttl.json" -t 0 -- sleep 30
check_status "a shorter one counts" 124 run_box -p "$TMP/ttl.json" -t 200ms -- sleep 30
profile idle '"session": { "idle": "1s" }'
check_err "session.idle ends what does nothing" 124 'idle for 1s' \
	run_box -p "$TMP/idle.json" -n i1 -- sleep 30
check_out "and is in the log" 'timeout +idle for 1s' "$AGENTBOX" logs i1
# shellcheck disable=SC2016
check "but not what works" run_box -p "$TMP/idle.json" -- \
	sh -c 'end=$(($(date +%s) + 3)); while [ "$(date +%s)" -lt $end ]; do :; done'

# narrowing one run
cat >"$TMP/less.json" <<'END'
{ "version": 1, "name": "less",
  "network": { "deny": [{ "id": "no-api", "host": "api.example.com" }] } }
END
cat >"$TMP/more.json" <<'END'
{ "version": 1, "name": "more", "network": { "allow": ["other.example.com"] } }
END
check "--narrow takes away" run_box -p "$TMP/plain.json" --narrow "$TMP/less.json" -- true
check_err "--narrow cannot add" 125 'more.json:1: .*widens' \
	run_box -p "$TMP/plain.json" --narrow "$TMP/more.json" -- true
check_err "--narrow of nothing" 125 'nosuch' \
	run_box -p "$TMP/plain.json" --narrow "$TMP/nosuch.json" -- true
spawn "$AGENTBOX" run -p "$TMP/plain.json" --narrow "$TMP/less.json" -n n1 -- sleep 600
wait_for 60 "$AGENTBOX" inspect n1
check_out "inspect counts its rule" '"network":2' "$AGENTBOX" inspect n1
check "and it ends" "$AGENTBOX" kill n1
finish
