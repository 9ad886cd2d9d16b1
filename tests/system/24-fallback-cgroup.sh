#!/bin/bash
# No cgroup to be had: limits that the profile makes optional are reported as
# degraded or absent, freeze and kill go by other means, and a profile that
# insists on a limit is refused.
. "$(dirname "$0")/lib.sh"

need unshare mount
mkdir "$TMP/ws"
box=("$AGENTBOX" run --workspace "$TMP/ws")

cat >"$TMP/insists.json" <<'END'
{
	"version": 1,
	"name": "insists",
	"role": "execute",
	"process": {
		"syscalls": ["base"],
		"limits": { "memory": "1G" }
	},
	"files": {
		"exec": ["@system"],
		"workspace": { "access": "write", "exec": true }
	}
}
END

# Runs a command where no cgroup file can be reached. As root in a mount
# namespace of its own; as a user in a user namespace too, and in a second one
# inside, so that the command is not root there. The user's systemd is not
# asked either. Each user namespace has an audit log of its own: a writer talks to
# nobody of another one.
hidden()
{
	# shellcheck disable=SC2016 # the inner shell expands
	if is_root; then
		limited unshare --mount --propagation private sh -c '
			umount -l -R /sys/fs/cgroup 2>/dev/null ||
				mount -t tmpfs -o ro none /sys/fs/cgroup ||
				exit 99
			exec "$@"' _ "$@"
	else
		env -u DBUS_SESSION_BUS_ADDRESS -u XDG_RUNTIME_DIR \
			AGENTBOX_STATE_DIR="$(mktemp -d "$TMP/state.XXXXXX")" \
			timeout --foreground -k 5 "$LIMIT" \
			unshare --user --map-root-user --mount sh -c '
			mount -t tmpfs -o ro none /sys/fs/cgroup || exit 99
			exec unshare --user --map-user="$0" --map-group="$0" \
				"$@"' "$(id -u)" "$@"
	fi
}

if ! hidden true 2>/dev/null; then
	skip_all "namespaces of the test's own (unshare)"
fi
check_status "cgroups are hidden" 1 hidden sh -c \
	'[ -e /sys/fs/cgroup/cgroup.procs ] || [ -e /sys/fs/cgroup/unified ]'

check_out "default: the box runs" '^inside$' hidden "${box[@]}" -- \
	echo inside
# What stands in for a limit, and what is simply not there.
for row in 'memory +degraded .*watched' 'pids +degraded .*RLIMIT_NPROC' \
	'swap +absent' 'freeze +degraded .*SIGSTOP'; do
	check_err "default: the table says ${row%% *} ${row#*+}" 0 "^$row" \
		hidden "${box[@]}" --show-enforced -- true
done
check_err "a profile that insists on memory is refused" 125 'memory' \
	hidden "${box[@]}" --profile "$TMP/insists.json" -- \
	touch "$TMP/ws/ran"
check_eq "nothing of the refused command ran" "$(ls "$TMP/ws")" ""
check_out "doctor says that the default profile runs" '"can_run": true' \
	hidden "$AGENTBOX" doctor --json
check_status "doctor says that the insisting one does not" 1 \
	hidden "$AGENTBOX" doctor --profile "$TMP/insists.json"

# Freeze and kill by other means. Two counters in the workspace show whether
# the processes of the box run. All of it inside one hidden place: commands from
# another user namespace would be another user's.
cat >"$TMP/ws/count.sh" <<'END'
(while :; do echo x >>b; sleep 0.02; done) &
while :; do echo x >>a; sleep 0.02; done
END
mkdir -m 700 "$TMP/run"
cat >"$TMP/part.sh" <<'END'
export AGENTBOX_RUNTIME_DIR=$1/run
cd "$1/ws" || exit 1
size() { cat a b 2>/dev/null | wc -c; }
# more SIZE: yes once there is more than that, no after a minute
more()
{
	for _ in $(seq 1200); do
		[ "$(size)" -le "$1" ] || { echo yes; return; }
		sleep 0.05
	done
	echo no
}
"$AGENTBOX" run --name counter --timeout 300s -- \
	sh count.sh </dev/null >/dev/null &
echo "started $(more 8)"
timeout 60 "$AGENTBOX" freeze counter >/dev/null
echo "freeze $?"
at=$(size)
sleep 0.5
echo "frozen $(($(size) - at))"
timeout 60 "$AGENTBOX" thaw counter >/dev/null
echo "thaw $?"
echo "thawed $(more "$at")"
timeout 60 "$AGENTBOX" kill counter >/dev/null
echo "kill $?"
wait $!
echo "status $?"
at=$(size)
sleep 0.3
echo "dead $(($(size) - at))"
END
capture hidden bash "$TMP/part.sh" "$TMP"
for want in 'started yes' 'freeze 0' 'frozen 0' 'thaw 0' 'thawed yes' \
	'kill 0' 'status 137' 'dead 0'; do
	if grep -qx "$want" "$out"; then
		ok "without cgroups: $want"
	else
		not_ok "without cgroups: $want"
		show
	fi
done
finish
