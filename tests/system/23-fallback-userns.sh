#!/bin/bash
# User namespaces closed, by a filter and by the kernel's own switch: a refusal
# with a cure, and doctor names the switch.
. "$(dirname "$0")/lib.sh"

[ -x "$TESTBIN/nosys" ] || skip_all "$TESTBIN/nosys is not built"
need unshare
mkdir "$TMP/ws"
box=("$AGENTBOX" run --workspace "$TMP/ws")

pre=(limited "$TESTBIN/nosys" "clone3,clone-ns:EPERM" --)
check_err "a filter refuses namespaces: refused" 125 'namespaces' \
	"${pre[@]}" "${box[@]}" -- touch "$TMP/ws/ran"
check_err "a filter refuses namespaces: there is a cure" 125 'cure: ' \
	"${pre[@]}" "${box[@]}" -- true
check_status "a filter refuses namespaces: doctor fails" 1 \
	"${pre[@]}" "$AGENTBOX" doctor
filtered_doctor()
{
	"${pre[@]}" "$AGENTBOX" doctor || true
}
check_out "a filter refuses namespaces: doctor names the filter" \
	'seccomp filter' filtered_doctor

# The switch is one of the namespace in which it is written, so an outer user
# namespace of the test's own takes it, never the host. A writer of the audit log
# talks to nobody of another one, so there is a log for it, too.
closed()
{
	limited env AGENTBOX_STATE_DIR="$TMP/closed" unshare --user --map-current-user --keep-caps sh -c '
		echo 0 >/proc/sys/user/max_user_namespaces || exit 99
		exec "$@"' _ "$@"
}
if ! closed true 2>/dev/null; then
	skip "user.max_user_namespaces is 0" \
		"a user namespace of the test's own (unshare --user)"
	finish
fi
check_err "user.max_user_namespaces is 0: refused" 125 'namespaces' \
	closed "${box[@]}" -- touch "$TMP/ws/ran"
check_err "user.max_user_namespaces is 0: the cure names it" 125 \
	'cure: .*user\.max_user_namespaces' closed "${box[@]}" -- true
check_status "user.max_user_namespaces is 0: doctor fails" 1 \
	closed "$AGENTBOX" doctor
closed_doctor()
{
	closed "$AGENTBOX" doctor || true
}
check_out "user.max_user_namespaces is 0: doctor has the exact command" \
	'cure: sudo sysctl -w user\.max_user_namespaces=' closed_doctor
check_eq "nothing of the command ran" "$(ls "$TMP/ws")" ""
finish
