#!/bin/bash
# The disk of the audit log is full, read-only, or an agent has had its share:
# intents are refused and their clients told why, nothing that was acknowledged
# is lost, and when there is room again the log goes on by itself and says what
# it could not take.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
need python3 unshare mount

bin=$(dirname "$AGENTBOX")
here=$(cd "$(dirname "$0")" && pwd)
load=("$TESTBIN/audit_load" --writer "$bin/agentbox-audit")
disk=$TMP/disk

# Everything below needs a file system of its own.
if [ "${1:-}" != inside ]; then
	ns=(unshare -m)
	is_root || ns=(unshare -Urm)
	"${ns[@]}" mount -t tmpfs none /mnt 2>/dev/null ||
		skip_all "no mount namespace of one's own (unshare, tmpfs)"
	finished=1
	rm -rf "$TMP"
	exec "${ns[@]}" "$0" inside
fi

# new_disk SIZE [SETTINGS]: an empty one, with the log's folder on it.
new_disk()
{
	mkdir -p "$disk"
	mount -t tmpfs -o "size=$1,mode=755" none "$disk" || exit 1
	export AGENTBOX_STATE_DIR=$disk/state
	mkdir -m 700 "$AGENTBOX_STATE_DIR"
	[ $# = 1 ] || printf '%s\n' "$2" >"$AGENTBOX_STATE_DIR/audit.json"
	rm -f "$TMP"/acked-*
}

writer_pid()
{
	python3 - "$AGENTBOX_STATE_DIR/audit/socket" <<-'END'
		import socket, struct, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		s.connect(sys.argv[1])
		print(struct.unpack("iII", s.getsockopt(
		    socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])
	END
}

stop_writer()
{
	local pid

	pid=$(writer_pid) || return 1
	kill "$pid"
	wait_for 60 gone "$pid"
}

end_disk()
{
	umount "$disk" || umount -l "$disk"
}

whole()
{
	"$bin/agentbox-verify" -q -k "$AGENTBOX_STATE_DIR/audit/public.key" \
		"$AGENTBOX_STATE_DIR/audit"
}

# lines WHAT: how many of the clients' notes are such.
lines()
{
	cat "$TMP"/acked-* 2>/dev/null | grep -c "^$1 "
}

more_than()
{
	[ "$(lines "$2")" -gt "$1" ]
}

value()
{
	sed -n "s/^$1 //p" "$2"
}

compare()
{
	python3 "$here/../tools/audit_check.py" "$AGENTBOX_STATE_DIR" \
		"$TMP/acked" >"$TMP/compared"
}

# start_load [OPTION...]: two clients, until the file $TMP/go is removed.
start_load()
{
	: >"$TMP/go"
	spawn "${load[@]}" --channels 2 --stay --while "$TMP/go" --run run \
		--acked "$TMP/acked-run" "$@" >"$TMP/sums"
}

stop_load()
{
	rm -f "$TMP/go"
	wait "$spawned"
}

# The disk fills up under load and is emptied again.
full_disk()
{
	local name=$1 n gap

	shift
	new_disk 12M
	start_load "$@"
	check "$name: before, records are taken" wait_for 60 more_than 50 i
	# all that is left, to the last page
	dd if=/dev/zero of="$disk/filler" bs=64k >/dev/null 2>&1
	check "$name: intents are refused" wait_for 60 more_than 50 r
	check_eq "$name: the reason is that the disk is full" \
		"$(cat "$TMP"/acked-* | awk '$1 == "r" { print $2 }' | sort -u)" \
		-28
	check "$name: the log is whole meanwhile" whole
	n=$(lines i)
	rm "$disk/filler"
	check "$name: with room again, records are taken again" \
		wait_for 60 more_than $((n + 50)) i
	check "$name: the clients end as they should" stop_load
	check "$name: the writer ends as it should" stop_writer
	check "$name: the log is whole" whole
	check "$name: all that was acknowledged is there, all has an outcome" \
		compare
	gap=$(value gap_refused "$TMP/compared")
	n=$(value refused "$TMP/sums")
	check "$name: log.gap counts the $n that were refused" \
		test "${gap:-0}" -ge "${n:-1}"
	check "$name: log.gap says why" grep -q '^cause .*[Ss]pace' \
		"$TMP/compared"
	end_disk
}

full_disk "full disk, one by one" --durable
full_disk "full disk, pipelined" --window 32 --bytes 300

# The writer dies on the full disk and is started on it again.
new_disk 12M
start_load --durable
wait_for 60 more_than 50 i
dd if=/dev/zero of="$disk/filler" bs=64k >/dev/null 2>&1
wait_for 60 more_than 20 r
kill -9 "$(writer_pid)"
sleep 0.2
n=$(lines i)
rm "$disk/filler"
check "killed on a full disk: the log goes on when there is room" \
	wait_for 60 more_than $((n + 50)) i
check "killed on a full disk: the clients end as they should" stop_load
settled()
{
	"$bin/agentbox-verify" --json -k "$AGENTBOX_STATE_DIR/audit/public.key" \
		"$AGENTBOX_STATE_DIR/audit" |
		grep -Eq '"open_actions": ?0\b'
}
check "killed on a full disk: every action has an outcome" \
	wait_for 60 settled
stop_writer
check "killed on a full disk: the log is whole" whole
check "killed on a full disk: all that was acknowledged is there" compare
end_disk

# A file system that is read-only.
new_disk 12M
check "read-only: before, records are taken" "${load[@]}" --actions 20 \
	--run run --acked "$TMP/acked-run"
stop_writer
check "read-only: it is" mount -o remount,bind,ro "$disk"
check_err "read-only: no record, and the reason is told" 1 \
	'[Rr]ead-only file system' "${load[@]}" --actions 1 --run other
check "read-only: it was" mount -o remount,bind,rw "$disk"
check "read-only: afterwards, records are taken" "${load[@]}" --actions 20 \
	--run later --acked "$TMP/acked-later"
stop_writer
check "read-only: the log is whole" whole
check "read-only: all that was acknowledged is there" compare
end_disk

# An agent that has used up its day does not take that of another.
new_disk 12M '{ "version": 1, "quota": { "bytes_per_day": "64K" } }'
check "quota: an agent that wants too much comes to its end" \
	"${load[@]}" --actions 2000 --window 8 --run greedy \
	--acked "$TMP/acked-greedy"
check_eq "quota: it is told that its share is used up" \
	"$(value refusal "$out")" -122
check "quota: another one is served" "${load[@]}" --actions 20 --run modest \
	--acked "$TMP/acked-modest"
check_eq "quota: and nothing of that is refused" "$(value refused "$out")" 0
stop_writer
check "quota: the log is whole" whole
check "quota: all that was acknowledged is there, all has an outcome" compare
check_eq "quota: one anomaly says so" "$(value anomalies "$TMP/compared")" 1
end_disk

# The bound that the host has set for the log as a whole.
new_disk 24M '{ "version": 1, "max_size": "4M", "segment": { "size": "1M" } }'
check "max_size: the log comes to its end" "${load[@]}" --actions 8000 \
	--window 64 --bytes 1000 --run run --acked "$TMP/acked-run"
check_eq "max_size: it is told which bound that is" \
	"$(value refusal "$out")" -27
stop_writer
check "max_size: the log is whole" whole
check "max_size: all that was acknowledged is there, all has an outcome" compare
check "max_size: the log has kept to it" \
	test "$(du -sk "$AGENTBOX_STATE_DIR/audit/log" | cut -f1)" -le 4200
end_disk
finish
