#!/bin/bash
# A real agent at work in its shipped profile: codex from npm, its model played
# by model.py under the model's own name. It holds a placeholder; the model gets
# the key. What its profile does not grant is refused, and it can ask why.
. "$(dirname "$0")/lib.sh"
need node npm git
LIMIT=120
mkdir "$TMP/npm"
timeout 180 npm install --prefix "$TMP/npm" --no-audit --no-fund --loglevel=error @openai/codex \
	>"$TMP/npm.log" 2>&1 || skip_all "@openai/codex cannot be installed from npm"
certificates || { not_ok "certificates for the servers"; finish; }
server python3 "$SRC/tests/net/model.py" "$NET"
wait_for 10 test -e "$NET/model-port" || { not_ok "the model listens"; finish; }
map api.openai.com "$(cat "$NET/model-port")"
secret=sk-the-real-key-$RANDOM$RANDOM
(umask 077 && echo "$secret" >"$TMP/key")
CREDENTIALS='"openai": {
	"source": { "file": "'$TMP/key'" }, "env": ["OPENAI_API_KEY", "CODEX_API_KEY"],
	"placeholder": "sk-agentbox-{}",
	"use": [{ "host": ["api.openai.com"], "path": ["/v1/**"], "header": "authorization", "value": "Bearer {}" }]
}'
write_config
mv "$TMP/npm" "$WS/tools"
git -C "$WS" init -q

cat >"$NET/model-command" <<'END'
echo made >made.txt
env | grep -o 'sk-[a-z]*' | sort -u
curl -sS https://evil.example/ || curl -sS http://agentbox.internal/why/last
curl -sS https://api.openai.com/v1/files
END
codex()
{
	limited "$AGENTBOX" run --profile codex --workspace "$WS" -- \
		tools/node_modules/.bin/codex exec --skip-git-repo-check \
		--dangerously-bypass-approvals-and-sandbox -m gpt-5 "make a file"
}
check_out "codex completes its task" 'The command said' codex
cat "$out" "$err" >"$TMP/said"
check "the file is there" grep -qx made "$WS/made.txt"
check "the model got the key" grep -q "^Bearer $secret POST /v1/responses" "$NET/model-log"
check "and nothing else got it" bash -c "! grep -rq $secret '$WS' '$TMP/said' '$AGENTBOX_STATE_DIR' && ! grep -v '^Bearer $secret ' '$NET/model-log'"
check_out "the agent saw a placeholder" 'sk-agentbox' cat "$TMP/said"
check_out "it was told why another host is refused" 'evil\.example' cat "$TMP/said"
check_out "and why a path of its own model's host is" 'v1/files' cat "$TMP/said"
check_out "and its operator sees the same" 'network.GET.*api\.openai\.com:443.*deny' \
	limited "$AGENTBOX" audit query --effect deny
finish
