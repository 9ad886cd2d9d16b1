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
rounds=${KILL9_ROUNDS:-200}

# kill9 WHAT COMMAND...
kill9()
{
	local what=$1

	shift
	if "$@" >"$out" 2>&1; then
		while read -r line; do
			ok "$what$line"
		done <"$out"
	else
		not_ok "${what}kill -9 of the supervisor leaves nothing" \
			"$(tail -20 "$out")"
	fi
}

py=(python3 "$(dirname "$0")/kill9.py" "$AGENTBOX" "$TMP/ws" "$TMP/rt")
kill9 "" "${py[@]}" "$rounds"

# Where cgroup2 has no parent of ours because v1 is there too: once more with
# cgroup2 alone, as far as this host has it.
if [ "$(id -u)" = 0 ] && [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ] &&
	unshare -m mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null; then
	cat >"$TMP/v2.json" <<-'END'
		{
			"version": 1, "name": "v2", "role": "execute",
			"requires": { "optional":
				["memory", "swap", "pids", "cpu", "io"] },
			"process": { "syscalls": ["base"] },
			"files": { "exec": ["@system"], "read": ["@etc"],
				"workspace": { "access": "write", "exec": true } }
		}
	END
	# shellcheck disable=SC2016 # for the inner shell
	kill9 "cgroup2 alone, " unshare -m sh -c \
		'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"' sh \
		"${py[@]}" $(((rounds + 9) / 10)) "$TMP/v2.json"
fi
finish
