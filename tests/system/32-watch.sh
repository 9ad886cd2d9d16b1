#!/bin/bash
# What no kernel file limits: a workspace that grows too much stops its box.
. "$(dirname "$0")/lib.sh"

export AGENTBOX_RUNTIME_DIR=$TMP/rt
mkdir "$TMP/ws"
cd "$TMP/ws" || exit 1

profile()
{
	cat >"$TMP/small.json" <<-END
		{
			"version": 1,
			"name": "small",
			"role": "execute",
			"requires": {
				"optional": ["memory", "swap", "pids", "cpu",
					     "io", "freeze"]
			},
			"process": { "syscalls": ["base"] },
			"files": {
				"exec": ["@system"],
				"workspace": $1
			}
		}
	END
}

profile '{ "access": "write", "max_growth": "32M" }'
if ! capture run_box --profile "$TMP/small.json" -- true; then
	not_ok "the profile of this test loads"
	show
	finish
fi

head -c 40M /dev/zero >before
check "what lay there before does not count" \
	run_box --profile "$TMP/small.json" -- \
	sh -c 'chmod 600 before; head -c 16M /dev/zero >new; sleep 3'
rm -f new
check_err "growth above the limit stops the box" 137 'limit' \
	run_box --profile "$TMP/small.json" --name big -- \
	sh -c 'head -c 64M /dev/zero >new; sleep 30'
check_out "and is in its event log" '  limit +the workspace grew by .*, the limit is 32.0M' \
	limited "$AGENTBOX" logs big
rm -f new
check_err "files that are deleted and open count" 137 'limit' \
	run_box --profile "$TMP/small.json" -- \
	sh -c 'exec 3>new; rm new; head -c 64M /dev/zero >&3; sleep 30'
# shellcheck disable=SC2016
deep='i=0; while [ $i -lt 200 ]; do mkdir d; cd d; i=$((i + 1)); done
	head -c 64M /dev/zero >new; sleep 30'
check_err "files in a deep tree count" 137 'limit' \
	run_box --profile "$TMP/small.json" -- \
	sh -c "$deep"
finish
