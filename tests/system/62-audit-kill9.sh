#!/bin/bash
# The writer of the audit log and its clients are killed with SIGKILL at random
# points under load: every record that was acknowledged is there, and what is
# not known is said. AUDIT_KILL_ROUNDS changes how often (300).
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
need python3

bin=$(dirname "$AGENTBOX")
rounds=${AUDIT_KILL_ROUNDS:-300}
[ ! "${EMULATED:-}" ] || rounds=$((rounds / 10))
export AGENTBOX_STATE_DIR=$TMP/state
mkdir -m 700 "$AGENTBOX_STATE_DIR"
# as many as can be looked at afterwards; small files, so that some are full;
# no end for want of clients, so that each end is a kill
cat >"$AGENTBOX_STATE_DIR/audit.json" <<'END'
{
	"version": 1,
	"quota": { "records_per_second": 2000 },
	"segment": { "size": "4M" },
	"idle": "5m"
}
END

if python3 "$(dirname "$0")/audit_kill9.py" "$TESTBIN/audit_load" \
	"$bin/agentbox-audit" "$bin/agentbox-verify" "$AGENTBOX_STATE_DIR" \
	"$rounds" >"$out" 2>"$err"; then
	while read -r line; do
		ok "$line"
	done <"$out"
else
	not_ok "kill -9 under load" "$(tail -20 "$out")" "$(tail -20 "$err")"
fi
finish
