#!/bin/bash
# A supervisor killed with SIGKILL, in each state of its box, leaves no process,
# cgroup, mount, namespace, guard or socket behind. KILL9_ROUNDS changes how
# often (200).
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
need python3

mkdir -p "$TMP/ws" "$TMP/rt"
chmod 700 "$TMP/rt"
export AGENTBOX_RUNTIME_DIR="$TMP/rt"
if python3 "$(dirname "$0")/kill9.py" "$AGENTBOX" "$TMP/ws" "$TMP/rt" \
	"${KILL9_ROUNDS:-200}" >"$out" 2>&1; then
	while read -r line; do
		ok "$line"
	done <"$out"
else
	not_ok "kill -9 of the supervisor leaves nothing" "$(tail -20 "$out")"
fi
finish
