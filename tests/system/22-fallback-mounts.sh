#!/bin/bash
# The new mount calls missing: a refusal that names the version that has them.
. "$(dirname "$0")/lib.sh"

[ -x "$TESTBIN/nosys" ] || skip_all "$TESTBIN/nosys is not built"
mkdir "$TMP/ws"
box=("$AGENTBOX" run --workspace "$TMP/ws")

for call in mount_setattr open_tree move_mount fsopen; do
	pre=(limited "$TESTBIN/nosys" "$call" --)
	check_err "$call missing: refused, Linux 5.12 is named" 125 \
		'needs Linux 5\.12' "${pre[@]}" "${box[@]}" -- \
		touch "$TMP/ws/ran"
	check_eq "$call missing: nothing of the command ran" \
		"$(ls "$TMP/ws")" ""
	check_status "$call missing: doctor says so too" 1 \
		"${pre[@]}" "$AGENTBOX" doctor
done

check_err "pivot_root refused: the step is named" 125 'pivot' \
	limited "$TESTBIN/nosys" pivot_root:EPERM -- "${box[@]}" -- true
check_err "seccomp missing: refused" 125 'filter|seccomp' \
	limited "$TESTBIN/nosys" seccomp -- "${box[@]}" -- true
check_err "close_range missing: refused" 125 'descriptors|close_range' \
	limited "$TESTBIN/nosys" close_range -- "${box[@]}" -- true
finish
