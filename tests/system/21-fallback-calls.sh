#!/bin/bash
# clone3 and openat2 missing: the box is the same as with them. And pid 1 that
# cannot confine itself: the box ends.
. "$(dirname "$0")/lib.sh"

[ -x "$TESTBIN/nosys" ] || skip_all "$TESTBIN/nosys is not built"
mkdir "$TMP/ws"
echo data >"$TMP/ws/file"
box=("$AGENTBOX" run --workspace "$TMP/ws")

# states [CALL]: layer and state of each row, without numbers that differ
states()
{
	local pre=()

	[ $# = 0 ] || pre=("$TESTBIN/nosys" "$1" --)
	limited "${pre[@]}" "${box[@]}" --show-enforced -- true 2>&1 \
		</dev/null | awk '{ print $1, $2 }'
}

want=$(states)
check_eq "the table has rows" "$(grep -c ' held$' <<<"$want" |
	awk '{ print ($1 >= 15) }')" 1

for call in clone3 openat2 clone3,openat2; do
	pre=(limited "$TESTBIN/nosys" "$call" --)
	check_out "$call: the box runs" '^data$' "${pre[@]}" "${box[@]}" -- \
		cat file
	check_status "$call: the status of the command" 7 "${pre[@]}" \
		"${box[@]}" -- sh -c 'exit 7'
	check_status "$call: not found" 127 "${pre[@]}" "${box[@]}" -- \
		no-such-command
	check_eq "$call: the same layers are held" "$(states "$call")" "$want"
	check_status "$call: the timeout still ends it" 124 "${pre[@]}" \
		"${box[@]}" --timeout 300ms -- sleep 30
done

# The walk that stands in for openat2 does not follow links either.
mkdir "$TMP/real" "$TMP/real/sub"
echo secret >"$TMP/real/sub/file"
ln -s real "$TMP/link"
for pre in "" "$TESTBIN/nosys openat2 --"; do
	# shellcheck disable=SC2086 # a command or nothing
	check_status "a workspace that exists is entered${pre:+ without openat2}" \
		0 limited $pre "$AGENTBOX" run --workspace "$TMP/real" -- \
		cat sub/file
	# shellcheck disable=SC2086
	check_eq "a linked workspace is the same place${pre:+ without openat2}" \
		"$(limited $pre "$AGENTBOX" run --workspace "$TMP/link/sub" -- \
			cat file 2>/dev/null </dev/null)" secret
done

# The command runs already when pid 1 gives up its rights; if it cannot, then
# there is no box, and who started it hears why.
pre=(limited "$TESTBIN/nosys" prctl-undumpable:EPERM --)
check_err "pid 1 that cannot confine itself ends the box" 125 \
	'PR_SET_DUMPABLE: Operation not permitted' "${pre[@]}" "${box[@]}" -- \
	sleep 30
finish
