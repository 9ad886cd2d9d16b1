#!/bin/bash
# A run is told and explained from its records alone, and decided again.
# emulated: no (questions to files)
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
need python3

export AGENTBOX_RUNTIME_DIR=$TMP/rt
mkdir "$TMP/ws"
cd "$TMP/ws" || exit 1
p=$TMP/p.json

# profile WHY: the reason that its rule gives
profile()
{
	cat >"$p.new" <<-END
		{
			"version": 1,
			"name": "p",
			"role": "execute",
			"requires": {
				"optional": ["memory", "swap", "pids", "cpu", "io", "freeze"]
			},
			"process": { "syscalls": ["base"] },
			"files": { "exec": ["@system"], "workspace": { "access": "write" } },
			"network": {
				"allow": [{
					"id": "site", "host": "example.org",
					"rate": "2/1m"
				}],
				"deny": [{
					"id": "no-posts", "method": "POST",
					"because": "$1"
				}]
			}
		}
	END
	mv "$p.new" "$p"
}

# get HOST [METHOD [HEADERS]]: a decision on it; its number
get()
{
	printf '{"surface":"network","host":"%s","port":443,"method":"%s","headers":%s}' \
		"$1" "${2:-GET}" "${3:-{\}}" |
		limited "$AGENTBOX" decide b |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["action"])'
}

profile 'uploads go through a person'
spawn setsid "$AGENTBOX" run -p "$p" -n b -- /bin/sh -c 'sleep 600' 2>"$TMP/said"
if ! wait_for 60 "$AGENTBOX" inspect b; then
	not_ok "the box starts" "$(cat "$TMP/said")"
	finish
fi

first=$(get example.org)
check "an allowed action has its outcome" limited "$AGENTBOX" decide b -o "$first" ok
second=$(get example.org)
check "another" limited "$AGENTBOX" decide b -o "$second" ok
third=$(get example.org)
post=$(get example.org POST)
# secrets where names stand
printf '{"surface":"tools","server":"s","tool":"ghp_hunter2hunter2hunter2"}' |
	limited "$AGENTBOX" decide b >"$TMP/tool"
printf '{"surface":"memory","op":"get","key":"/token=hunter2","namespace":"n"}' |
	limited "$AGENTBOX" decide b >"$TMP/memory"
nobody=$(get other.org GET '{"authorization":"Bearer hunter2hunter2"}')

check_out "why: allowed" '^outcome   ok, it was done' limited "$AGENTBOX" why "$first"
check_out "why: the rate" '^because   it came too often' limited "$AGENTBOX" why "$third"
check_out "why: when it is granted again" '^change    wait: it is granted again in' \
	limited "$AGENTBOX" why "$third"
check_out "why: a rule and its reason" 'uploads go through a person' limited "$AGENTBOX" why "$post"
check_out "why: where it stands" 'no-posts .*p.json:[0-9]' limited "$AGENTBOX" why "$post"
check_out "why: no rule" '^because   no rule grants it' limited "$AGENTBOX" why "$nobody"
check_out "why last" "^record    $nobody," limited "$AGENTBOX" why last
check_out "why: a secret is withheld" 'withheld \(21 bytes\)' limited "$AGENTBOX" why "$nobody"
check_status "no secret is in the log" 1 grep -qar hunter2 "$AGENTBOX_STATE_DIR/audit/log"
check_out "not as a name either" '"target":"s/\(withheld\)"' \
	limited "$AGENTBOX" audit query --surface tools --json

run=$("$AGENTBOX" why "$post" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["run"])')
check_out "why as the agent" '^rule      no-posts' \
	limited "$AGENTBOX" why "$post" --as-agent --run "$run"
cp "$out" "$TMP/told"
check_status "and names no file" 1 grep p.json "$TMP/told"
check_err "why as another agent" 1 'no such record' \
	limited "$AGENTBOX" why "$post" --as-agent --run other
check_err "why as nobody" 125 'as which run' limited "$AGENTBOX" why "$post" --as-agent
check_err "why of nothing" 1 'no such record' limited "$AGENTBOX" why 99999999
check_err "why of a word" 125 'is no number' limited "$AGENTBOX" why first

profile 'as before'
check "reload" limited "$AGENTBOX" reload b
again=$(get example.org)
check "counters began anew: it is allowed" limited "$AGENTBOX" decide b -o "$again" ok
check "kill" limited "$AGENTBOX" kill b --why 'enough of it'
wait_for 60 gone "$spawned" || not_ok "the box ends"

check_out "trace: who" "^run $run, agent p, box b" limited "$AGENTBOX" trace b
check_out "trace: start" 'start     \["/bin/sh","-c","sleep 600"\]' limited "$AGENTBOX" trace "$run"
check_out "trace: what holds" 'confined  [1-9][0-9]* layers hold' limited "$AGENTBOX" trace last
check_out "trace: a policy, twice" 'policy    p, epoch 2' limited "$AGENTBOX" trace last
check_out "trace: allowed" "allow     network.GET example.org.*, rule site, ok.*#$first\$" \
	limited "$AGENTBOX" trace last
check_out "trace: denied" "deny      network.POST .*rule no-posts.*#$post\$" \
	limited "$AGENTBOX" trace last
check_out "trace: operators" 'operator  admin.kill, by uid [0-9]+: "enough of it"' \
	limited "$AGENTBOX" trace last
check_out "trace: the end" 'end       killed, operator' limited "$AGENTBOX" trace last
check_out "trace: all of it" '8 decisions: 3 allowed, 5 denied, 0 asked' limited "$AGENTBOX" trace last
check_err "trace of nothing" 1 'no such run' limited "$AGENTBOX" trace nothing
"$AGENTBOX" trace last --json >"$TMP/json"
check "trace --json: each event an object" python3 -c '
import json, sys
kinds = [json.loads(line)["kind"] for line in open(sys.argv[1])]
assert kinds[0] == "run" and kinds[-1] == "summary", kinds
assert kinds.count("decision") == 8, kinds' "$TMP/json"

end=$("$AGENTBOX" audit query --status killed --json | tail -n 1 |
	python3 -c 'import json, sys; print(json.load(sys.stdin)["seq"])')
check_out "why did it end" 'an operator stopped it' limited "$AGENTBOX" why "$end"
check_out "and by whom" 'enough of it' limited "$AGENTBOX" why "$end"

# a start that was none
check_status "a command that is not there" 127 run_box -p "$p" -n none -- /nonexistent
end=$("$AGENTBOX" audit query --type outcome --json | tail -n 1 |
	python3 -c 'import json, sys; print(json.load(sys.stdin)["seq"])')
check_out "why it did not start" '^outcome   error, the command could not be executed' \
	limited "$AGENTBOX" why "$end"
check_out "and what was wrong" '/nonexistent: No such file' limited "$AGENTBOX" why "$end"

check_out "all is decided the same again" \
	'^8 decisions of 2 runs, under 3 epochs of policies: all the same again' \
	limited "$AGENTBOX" audit replay
check_out "replay --json" '"decisions":8,"same":8,"different":0' \
	limited "$AGENTBOX" audit replay --json --run "$run"
rm "$AGENTBOX_STATE_DIR"/audit/blobs/*
check_status "without the policies it is not" 1 limited "$AGENTBOX" audit replay
finish
