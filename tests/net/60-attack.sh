#!/bin/bash
# Hundreds of attempts to get out through the network, made from inside; each
# must look as the table in attack.py says, each refusal must be in the audit log
# under the number that the agent was told, and nothing may have arrived.
. "$(dirname "$0")/lib.sh"
LIMIT=280
servers
map pass.test "$https"
(umask 077 && echo the-real-key >"$TMP/key")
CREDENTIALS='"key": { "source": { "file": "'$TMP/key'" }, "env": ["TEST_KEY"], "placeholder": "ph-{}",
	"use": [{ "host": ["web.test"], "path": ["/ok/key"], "header": "authorization", "value": "Bearer {}" }] }'
write_config
cp "$SRC/tests/net/attack.py" "$WS/"
NETWORK='"limits": { "head": "2s" },'
MORE='"credentials": { "allow": [{ "name": "key", "use": "network", "host": "web.test" }] },'
allow '{"host": "web.test", "method": "GET", "path": ["/ok", "/ok/*"]}' \
	'{"host": "plain.test", "port": 80, "method": ["GET", "POST"], "path": ["/ok", "/ok/*", "/echo"]}' \
	'"raw.test:7"' '{"host": "pass.test", "tls": "pass"}'
for table in forms socks dns http connect tls datagrams thefts; do
	capture boxed python3 attack.py "$table" ||
		{ not_ok "$table: all attempts were made"; show; }
	while IFS=$'\t' read -r name verdict seen reason number; do
		if [ "$verdict" = ok ]; then
			ok "$name"
			[ "$number" = 0 ] || echo "$number $reason"
		else
			not_ok "$name" "saw: $seen" "reason: $reason"
		fi
	done <"$out" | tee "$TMP/lines" | grep -E '^(ok|not ok|#)'
	passed=$((passed + $(grep -c '^ok' "$TMP/lines")))
	failed=$((failed + $(grep -c '^not ok' "$TMP/lines")))
	grep -E '^[0-9]' "$TMP/lines" >>"$TMP/numbers"
done
capture limited "$AGENTBOX" audit query --effect deny --limit 0 --json
cp "$out" "$TMP/denied"
check "each refusal that was told is in the log" python3 -c '
import json, sys
have = {r["seq"]: r for r in map(json.loads, open(sys.argv[1]))}
lost = [l for l in open(sys.argv[2]) if int(l.split()[0]) not in have]
sys.exit("not in the log: %s" % lost if lost else 0)' "$TMP/denied" "$TMP/numbers"
check "nothing arrived that was not granted" bash -c \
	"! grep -vE '^https tls-failed|^https? (GET|POST) (/ok|/echo)[/?]?[^ ]* (-|web.test|pass.test)$' '$NET/log'"
check "no secret is in the log" bash -c "! grep -rqa the-real-key '$AGENTBOX_STATE_DIR'"
finish
