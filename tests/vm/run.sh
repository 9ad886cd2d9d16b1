#!/bin/bash
# run.sh: `make check-vm`. Boots the distribution's stock kernel with a real
# systemd in a virtual machine and runs the built tree's tests there.
#
#   run.sh                 the system, limit and escape tests, root and user
#   run.sh --shell CMD     CMD alone, as root in the copy of the tree
#   run.sh --user CMD      the same in a login session of an ordinary user
#   run.sh --image         only make the image, if it is not there yet
#
# The host's own kernel cannot stand in for it: this one has pure cgroup v2
# with every controller, scopes delegated by systemd, AppArmor and Landlock of
# an older ABI. Without KVM the machine is emulated, an order of magnitude
# slower: tests that run here must not measure time.
#
# VM_DIR    where the image is kept (build/vm)
# VM_LIMIT  seconds for everything, the image too (1500)
# VM_ACCEL  kvm or tcg, instead of finding out
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
root=$(cd "$here/../.." && pwd)
dir=${VM_DIR:-$root/build/vm}
limit=${VM_LIMIT:-1500}
tmp=
qemu_pid=
qemu=(qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot)

cleanup()
{
	if [ -n "$qemu_pid" ]; then
		kill -KILL "$qemu_pid" || :
		wait "$qemu_pid" || :
	fi 2> /dev/null
	[ -z "$tmp" ] || rm -rf "$tmp"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# The tests of this folder are one skip when the machine cannot be had.
skip()
{
	echo "ok 1 - check-vm # SKIP $1"
	if [ "${STRICT:-0}" = 1 ]; then
		echo "0 passed, 1 failed, 0 skipped"
		exit 1
	fi
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
}

require()
{
	local tool

	case $(uname -m) in
	x86_64) ;;
	*) skip "no machine is described for $(uname -m)" ;;
	esac
	for tool in qemu-system-x86_64 mmdebstrap mke2fs; do
		PATH=$PATH:/usr/sbin:/sbin command -v $tool > /dev/null ||
			skip "$tool is not installed"
	done
}

# Named after what it was made from, so a change of the recipe makes a new one
# and a stale one is never used.
image_find()
{
	local key log

	# shellcheck source=/dev/null
	key=$( (. /etc/os-release && echo "$ID $VERSION_CODENAME" &&
		cat "$here/image.sh") | sha256sum | cut -c 1-16)
	image=$dir/$key
	mkdir -p "$dir"
	# One machine at a time; waiting for another one's end is not our time.
	exec 9> "$dir/lock"
	flock 9
	SECONDS=0
	[ ! -e "$image/complete" ] || return 0

	echo "# making the image of the machine (about a minute)"
	log=$dir/image.log
	rm -rf "$dir"/????????????????
	if ! PATH=$PATH:/usr/sbin:/sbin timeout "$limit" \
		"$here/image.sh" "$image" > "$log" 2>&1; then
		tail -n 20 "$log" | sed 's/^/# /'
		skip "the image cannot be made (see $log)"
	fi
	touch "$image/complete"
}

# /dev/kvm that opens is no promise: nested in another machine, guests have
# been seen that never execute their first instruction. So let the kernel
# start, with nothing to mount, and see whether it can say its name.
accel_find()
{
	accel=${VM_ACCEL:-tcg}
	if [ -z "${VM_ACCEL:-}" ] && [ -w /dev/kvm ]; then
		{ timeout -k 1 4 "${qemu[@]}" -kernel "$image/vmlinuz" \
			-accel kvm -cpu max -m 256 -serial "file:$tmp/kvm" \
			-append 'console=ttyS0 panic=-1'; } > "$tmp/kvm.err" 2>&1 || :
		! grep -qs 'Linux version' "$tmp/kvm" || accel=kvm
	fi
	[ "$accel" != tcg ] || accel=tcg,thread=multi
}

# The tree as it runs in place: binaries, data, and the tests that are scripts
# with the programs they need; and what is to be done with it. The suite's time
# ends before ours, so that what it found is told.
payload()
{
	local paths=() path emulated=

	for path in VERSION build/bin build/release/bin build/release/tests \
		profiles tests packaging docs README.md; do
		[ ! -e "$root/$path" ] || paths+=("$path")
	done
	[ "$accel" = kvm ] || emulated=1
	cat > "$tmp/vm-job" <<-EOF
	job=$(printf %q "$1") command=$(printf %q "${2:-}")
	limit=$((limit - SECONDS - 20))
	export STRICT=${STRICT:-} EMULATED=$emulated
	EOF
	tar -C "$root" --owner=0 --group=0 --numeric-owner \
		--exclude='build/release/tests/test_*' \
		--exclude='build/release/tests/*fuzz_*' \
		--exclude=tests/fuzz/corpus \
		-cf "$tmp/payload" "${paths[@]}" -C "$tmp" vm-job
}

boot()
{
	mkfifo "$tmp/out"
	"${qemu[@]}" -accel "$accel" -cpu max -smp 2 -m 2048 \
		-kernel "$image/vmlinuz" -initrd "$image/initrd" \
		-append 'root=/dev/vda rw console=ttyS0 quiet panic=-1 fsck.mode=skip' \
		-drive "file=$image/disk.img,format=raw,if=virtio,snapshot=on" \
		-drive "file=$tmp/payload,format=raw,if=virtio,readonly=on" \
		-device virtio-rng-pci -device virtio-serial \
		-chardev "file,id=out,path=$tmp/out" \
		-device virtserialport,chardev=out,name=agentbox \
		-serial "file:$dir/console.log" 9>&- &
	qemu_pid=$!
}

# Prints what the machine says, keeps it in $tmp/log, and leaves its status in
# $status, or "late" when the time is over, or "lost" for a machine that died on
# its own.
follow()
{
	local part line=

	status=lost
	exec 8<> "$tmp/out"
	while :; do
		# When the time is over, part holds what there was of a line.
		if IFS= read -r -t 1 -u 8 part; then
			line+=$part
			case $line in
			*'agentbox-vm: end '[0-9]*)
				printf %s "${line%agentbox-vm: end *}"
				status=${line##* }
				return
				;;
			esac
			printf '%s\n' "$line"
			printf '%s\n' "$line" >> "$tmp/log"
			line=
			continue
		fi
		line+=$part
		if [ "$SECONDS" -ge "$limit" ]; then
			status=late
			return
		elif ! kill -0 "$qemu_pid" 2> /dev/null; then
			return
		fi
	done
}

# run JOB [COMMAND]: the jobs are functions of guest.sh.
run()
{
	accel_find
	payload "$@"
	echo "# $accel; $SECONDS s until the start"
	boot
	follow
	case $status in
	late)
		echo "# the machine did not end in $limit s"
		status=124
		;;
	lost)
		echo "# the machine stopped by itself; its console:"
		tail -n 60 "$dir/console.log" | sed 's/^/# /'
		status=125
		;;
	esac
	[ "$1" != suite ] || echo "# $SECONDS s in all"
	return "$status"
}

# The sum is made here, from what each script said, so that a machine that dies
# half way neither hides what failed before nor passes.
suite()
{
	local code=0 sum p f s

	if [ ! -x "$root/build/bin/agentbox" ]; then
		echo "run.sh: nothing is built here: make tests" >&2
		exit 125
	fi
	: > "$tmp/log"
	run suite || code=$?
	# shellcheck disable=SC2016 # awk's fields
	sum='/^# --- .* passed, / { p += $5; f += $7; s += $9 }
		END { print p + 0, f + 0, s + 0 }'
	read -r p f s < <(awk "$sum" "$tmp/log")
	if [ "$((p + f))" = 0 ] || { [ $code != 0 ] && [ "$f" = 0 ]; }; then
		echo "not ok - the machine did not finish: status $code"
		f=$((f + 1))
	fi
	echo "$p passed, $f failed, $s skipped"
	[ "$f" = 0 ] && [ $code = 0 ]
}

main()
{
	case ${1:-} in
	'' | --image | --shell | --user) ;;
	*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 125 ;;
	esac
	require
	tmp=$(mktemp -d "${TMPDIR:-/tmp}/abx-vm.XXXXXX")
	image_find
	case ${1:-} in
	--image) ;;
	--shell) run shell "$2" ;;
	--user) run user "$2" ;;
	*) suite ;;
	esac
}

main "$@"
