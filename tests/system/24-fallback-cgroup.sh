#!/bin/bash
# No cgroup to be had: limits that the profile makes optional are reported as
# absent, freeze and kill go by other means, and a profile that insists on a
# limit is refused.
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
# asked either.
hidden()
{
	if is_root; then
		unshare --mount --propagation private sh -c '
			umount -l -R /sys/fs/cgroup 2>/dev/null ||
				mount -t tmpfs -o ro none /sys/fs/cgroup ||
				exit 99
			exec "$@"' _ "$@"
	else
		env -u DBUS_SESSION_BUS_ADDRESS -u XDG_RUNTIME_DIR \
			unshare --user --map-root-user --mount sh -c '
			mount -t tmpfs -o ro none /sys/fs/cgroup || exit 99
			exec unshare --user --map-user="$0" --map-group="$0" \
				"$@"' "$(id -u)" "$@"
	fi
}

if ! hidden true 2>/dev/null; then
	skip_all "namespaces of the test's own (unshare)"
fi
check_out "cgroups are hidden" '^none$' hidden bash -c \
	'[ -e /sys/fs/cgroup/cgroup.procs ] || [ -e /sys/fs/cgroup/unified ] ||
	 echo none'

check_out "default: the box runs" '^inside$' limited hidden "${box[@]}" -- \
	echo inside
for layer in memory pids; do
	check_err "default: $layer is absent" 0 "^$layer +absent" \
		limited hidden "${box[@]}" --show-enforced -- true
done
check_err "default: freeze is degraded" 0 '^freeze +degraded' \
	limited hidden "${box[@]}" --show-enforced -- true
check_err "a profile that insists on memory is refused" 125 'memory' \
	limited hidden "${box[@]}" --profile "$TMP/insists.json" -- \
	touch "$TMP/ws/ran"
check_eq "nothing of the refused command ran" "$(ls "$TMP/ws")" ""
check_out "doctor says that the default profile runs" '"can_run": true' \
	limited hidden "$AGENTBOX" doctor --json
check_status "doctor says that the insisting one does not" 1 \
	limited hidden "$AGENTBOX" doctor --profile "$TMP/insists.json"

# Freeze and kill by other means. A counter in the workspace shows whether the
# box runs; a second process shows that all of them are meant.
export AGENTBOX_RUNTIME_DIR=$TMP/run
mkdir -m 700 "$TMP/run"
cat >"$TMP/ws/count.sh" <<'END'
(while :; do echo x >>b; sleep 0.02; done) &
while :; do echo x >>a; sleep 0.02; done
END
spawn hidden "${box[@]}" --name counter -- sh count.sh </dev/null \
	>/dev/null 2>"$TMP/spawn.err"
size()
{
	cat "$TMP/ws/a" "$TMP/ws/b" 2>/dev/null | wc -c
}
grown()
{
	[ "$(size)" -gt "$1" ]
}
if ! wait_for 10 grown 8; then
	not_ok "the counter runs" "$(cat "$TMP/spawn.err")"
	finish
fi
check "freeze" limited hidden "$AGENTBOX" freeze counter
before=$(size)
sleep 0.5
check_eq "frozen: neither process goes on" "$(size)" "$before"
check "thaw" limited hidden "$AGENTBOX" thaw counter
check "thawed: it goes on" wait_for 5 grown "$before"
check "kill" limited hidden "$AGENTBOX" kill counter
wait "$spawned"
check_eq "killed: the status says so" $? 137
before=$(size)
sleep 0.3
check_eq "killed: nothing goes on" "$(size)" "$before"
finish
