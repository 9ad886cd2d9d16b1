#!/bin/bash
# doctor: tells the truth about whether `run` would start, is quick, and leaves
# nothing behind.
. "$(dirname "$0")/lib.sh"

mkdir "$TMP/ws"
cd "$TMP/ws" || exit 1
doctor=(limited "$AGENTBOX" doctor)

# What a run of doctor could leave: groups, mounts, processes, files.
traces()
{
	find /sys/fs/cgroup -maxdepth 6 -name '*doctor-*' 2>/dev/null
	grep -c . /proc/self/mountinfo
	ls -A "$TMP/ws"
}

before=$(traces)
start=$(date +%s%N)
capture "${doctor[@]}"
status=$?
took=$((($(date +%s%N) - start) / 1000000))
check_eq "nothing is left behind" "$(traces)" "$before"
most=1000
[ ! "${EMULATED:-}" ] || most=10000 # no hardware behind it
check_eq "it takes less than a second (${took} ms)" $((took < most)) 1

if is_root; then who=root; else who='this user'; fi
for layer in user own-uid pid mount net ipc uts cgroupns time files \
	capabilities securebits no-new-privs landlock seccomp rlimits oom \
	memory swap pids cpu io freeze descriptors disk broker; do
	check_eq "text: a row for $layer" \
		"$(grep -Ec "^$layer +(yes|no) +(yes|no|weaker|unused) " "$out")" 1
done
check_eq "text: no colour without a terminal" \
	"$(tr -cd '\033' <"$out" | wc -c)" 0
check_eq "text: the last line is the verdict" \
	"$(tail -n 1 "$out" | grep -Ec \
		"^agentbox can run here as $who: (yes|no)")" 1

for tool in agentbox-audit 'audit log'; do
	check_eq "text: a row for $tool" \
		"$(grep -Ec "^$tool +yes +yes " "$out")" 1
done

# The verdict is the truth, here and under filters that take something away.
agrees()
{
	local name=$1 d=0 r=0

	shift
	capture limited "$@" "$AGENTBOX" doctor || d=$?
	capture limited "$@" "$AGENTBOX" run --workspace "$TMP/ws" -- true || r=$?
	case $d-$r in
	0-0 | 1-125) ok "doctor and run agree: $name ($d, $r)" ;;
	*) not_ok "doctor and run agree: $name" "doctor says $d, run says $r"
		show ;;
	esac
}

agrees "as it is" env
agrees "a record that cannot be made" env AGENTBOX_STATE_DIR=/etc/passwd/here
agrees "a record that is nowhere" env AGENTBOX_STATE_DIR=here
mkdir -m 755 "$TMP/open" "$TMP/open/audit"
agrees "a record that others can read" env AGENTBOX_STATE_DIR="$TMP/open"
mkdir -m 700 "$TMP/settings"
echo '{"sinc": "1s"}' > "$TMP/settings/audit.json"
agrees "wrong settings" env AGENTBOX_STATE_DIR="$TMP/settings"
check_eq "a doctor makes no record" "$(AGENTBOX_STATE_DIR=$TMP/none/x \
	"$AGENTBOX" doctor > "$out"; grep -c 'first run makes it in' "$out"
	ls "$TMP/none" 2> /dev/null)" 1
if [ -x "$TESTBIN/nosys" ]; then
	for calls in clone3 openat2 clone3,clone-ns:EPERM close_range \
		fsopen landlock_create_ruleset landlock_restrict_self:EPERM \
		landlock_restrict_self:OK memfd_create mount_setattr \
		move_mount open_tree pidfd_open pivot_root:EPERM seccomp \
		unshare:EPERM; do
		agrees "$calls" "$TESTBIN/nosys" "$calls" --
	done
else
	skip "doctor and run agree" "$TESTBIN/nosys is not built"
fi

# What container runtimes do to /proc: the kernel then refuses a fresh one.
masked()
{
	# shellcheck disable=SC2016 # the inner shell expands
	if is_root; then
		unshare --mount --propagation private sh -c '
			mount -t tmpfs none /proc/irq || exit 99
			exec "$@"' _ "$@"
	else
		env AGENTBOX_STATE_DIR="$(mktemp -d "$TMP/state.XXXXXX")" \
			unshare --user --map-root-user --mount sh -c '
			mount -t tmpfs none /proc/irq || exit 99
			exec unshare --user --map-user="$0" --map-group="$0" \
				"$@"' "$(id -u)" "$@"
	fi
}
masked_doctor()
{
	masked "$AGENTBOX" doctor || true
}
if masked true 2>/dev/null; then
	masked "$AGENTBOX" doctor >"$out" 2>"$err"
	check_eq "a masked /proc: doctor says no" $? 1
	check_out "a masked /proc: doctor says why" \
		'^files +yes +no .*/proc is partly hidden' masked_doctor
	check_status "a masked /proc: run refuses" 125 \
		masked "$AGENTBOX" run --workspace "$TMP/ws" -- true
else
	skip "a masked /proc" "namespaces of the test's own (unshare)"
fi

if command -v python3 >/dev/null; then
	want=$([ "$status" = 0 ] && echo True || echo False)
	"${doctor[@]}" --json >"$TMP/json" 2>/dev/null </dev/null
	check_out "json: parses, 26 layers, verdict as the status" \
		"^26 $want\$" python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
print(len(d["layers"]), d["can_run"])' "$TMP/json"
else
	skip "json" "python3 is not installed"
fi

check_err "an unknown option is wrong usage" 125 'usage: agentbox doctor' \
	"${doctor[@]}" --no-such-option
check_err "an argument is wrong usage" 125 'unexpected argument "x"' \
	"${doctor[@]}" x
check_out "help" '^usage: agentbox doctor' "${doctor[@]}" --help
check_status "a profile that does not exist: run would refuse" 1 \
	"${doctor[@]}" --profile no-such-profile
full()
{
	"${doctor[@]}" >/dev/full
}
check_status "output that cannot be written" 125 full
finish
