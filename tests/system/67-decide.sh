#!/bin/bash
# Effects equal outcomes: brokers that count for themselves, against the audit
# log, while the writer is killed now and then; and the log decides the same
# again. DECIDE_SEED repeats a run, DECIDE_REQUESTS makes it longer.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
need python3

export AGENTBOX_RUNTIME_DIR=$TMP/rt
query=${AGENTBOX%/*}/agentbox-query
verify=${AGENTBOX%/*}/agentbox-verify
LIMIT=240
seed=${DECIDE_SEED:-$RANDOM}
mkdir "$TMP/ws"

limited python3 "$(dirname "$0")/broker.py" "$AGENTBOX" "$TMP/ws" "$seed" 4 \
	"${DECIDE_REQUESTS:-800}" >"$TMP/said" 2>"$TMP/said.err" </dev/null
status=$?
while IFS= read -r line; do
	case $line in
	"ok - "*) ok "${line#ok - }" ;;
	"not ok - "*) not_ok "${line#not ok - }" "seed $seed" ;;
	*) echo "$line" ;;
	esac
done <"$TMP/said"
[ "$status" = 0 ] || not_ok "the broker's run" "seed $seed, status $status" \
	"$(tail -n 15 "$TMP/said.err")"

check_out "the log decides the same again" 'same' limited "$query" audit replay
check "and it is whole" limited "$verify" "$AGENTBOX_STATE_DIR/audit"
finish
