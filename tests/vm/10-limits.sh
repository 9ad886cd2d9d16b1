#!/bin/bash
# Every limit bites, through the controllers of a pure cgroup v2 host: in a
# group that root makes, in a scope that systemd delegates to a user. What the
# processes meet counts, not only what the files say.
. "$(dirname "$0")/../system/lib.sh"
need python3
ws=$TMP/ws
mkdir "$ws"

# profile NAME LIMITS: $TMP/NAME.json
profile()
{
	cat > "$TMP/$1.json" <<-EOF
	{
		"version": 1, "name": "$1", "role": "execute",
		"process": { "limits": { $2 } },
		"files": {
			"exec": ["@system"], "read": ["@etc"],
			"workspace": { "access": "write" }
		}
	}
	EOF
}

# box NAME COMMAND...: in the box of that name and profile.
box()
{
	run_box --profile "$TMP/$1.json" --workspace "$ws" --name "$1" \
		-- "${@:2}"
}

# start NAME: a box that waits, its pid 1 in $pid, its group in $group.
start()
{
	spawn "$AGENTBOX" run --profile "$TMP/$1.json" --workspace "$ws" \
		--name "$1" -- sleep 300
	wait_for 30 "$AGENTBOX" inspect "$1" || return
	pid=$("$AGENTBOX" inspect --json "$1" |
		grep -Eo '"pid": *[0-9]+' | grep -Eo '[0-9]+')
	group=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
}

held()
{
	local layer

	for layer; do
		check_held "$layer"
	done
}

# check_held LAYER: in the table that is in $err.
check_held()
{
	if grep -Eq "^$1 +held " "$err"; then
		ok "$1 is held"
	else
		not_ok "$1 is held" "$(cat "$err")"
	fi
}

value()
{
	check_eq "$1 is $2" "$(cat "$group/$1")" "$2"
}

empty()
{
	[ ! -e "$group" ]
}

# ---- what is written, and what is left of it afterwards
profile plain '"memory": "128M", "swap": "0", "pids": 40, "cpu": "20%"'
check "a box with limits runs" run_box --show-enforced \
	--profile "$TMP/plain.json" --workspace "$ws" -- true
held memory swap pids cpu freeze

if start plain; then
	value memory.max 134217728
	value memory.oom.group 1
	value pids.max 40
	value cpu.max '20000 100000'
	if is_root; then
		check_eq "root's groups lie together" "${group%/*}" \
			/sys/fs/cgroup/agentbox
	else
		case $group in
		*/user@*.service/*/agentbox-*.scope/*)
			ok "the box is in a scope of the user's manager" ;;
		*) not_ok "the box is in a scope of the user's manager" "$group" ;;
		esac
	fi
	check "freeze" "$AGENTBOX" freeze plain
	check "the kernel says frozen" grep -qx 'frozen 1' "$group/cgroup.events"
	check "thaw" "$AGENTBOX" thaw plain
	check "the kernel says thawed" grep -qx 'frozen 0' "$group/cgroup.events"
	check "kill" "$AGENTBOX" kill plain
	check "the supervisor ends" wait_for 10 gone "$spawned"
	check "the group is gone" wait_for 10 empty
else
	not_ok "a box that waits starts" "$("$AGENTBOX" ps 2>&1)"
fi

if start plain; then
	kill -KILL "$spawned"
	check "the box of a killed supervisor dies" wait_for 10 gone "$pid"
	check "and its group goes" wait_for 10 empty
else
	not_ok "a second box of that name starts" "$("$AGENTBOX" ps 2>&1)"
fi

# ---- memory: the whole box dies, and the host does not swap for it
check_status "128M are not exceeded" 137 box plain \
	python3 -c 'b = bytearray(300 << 20); print(len(b))'
check "less is fine" box plain python3 -c 'b = bytearray(64 << 20)'
check_status "files in memory count" 137 box plain python3 -c '
import os
for i in range(300):
	open("/tmp/%d" % i, "wb").write(bytes(1 << 20))'

# ---- processes
check_out "40 processes are not exceeded" '^errno 11 after (2|3)[0-9]$' \
	box plain python3 -c '
import os, time
n = 0
try:
	while n < 100:
		if os.fork() == 0:
			time.sleep(60)
		n += 1
except OSError as e:
	print("errno", e.errno, "after", n)'

# ---- cpu: of two seconds a fifth, and what the kernel grants at once
check "a fifth of a cpu is not exceeded" box plain python3 -c '
import time
end = time.monotonic() + 4
while time.monotonic() < end:
	pass
used = time.process_time()
print(used)
assert 0.2 < used < 1.4, used'

# ---- io: root has the controller; a user only where it was delegated
profile slow '"io": { "bandwidth": "1M" }'
write='
import os, time
t = time.monotonic()
f = os.open("'$ws'/data", os.O_WRONLY | os.O_CREAT)
for i in range(4):
	os.write(f, bytes(1 << 20))
	os.fsync(f)
print(time.monotonic() - t)
assert time.monotonic() - t > 2'
if is_root; then
	check "a box with an io limit runs" run_box --show-enforced \
		--profile "$TMP/slow.json" --workspace "$ws" -- true
	held io
	check "4M take more than 2 s at 1M a second" box slow \
		python3 -c "$write"
else
	check_err "without the io controller an io limit is a refusal" 125 \
		'io' box slow true
fi
finish
