#!/bin/bash
# guest.sh: what the machine of `make check-vm` does, as root, by its unit.
#
# Everything written goes through a port of its own to the host, so that
# kernel messages on the serial console cannot garble it; the last line is the
# end mark with the status, which run.sh waits for.
set -uo pipefail

port=/dev/virtio-ports/agentbox
tree=/srv/agentbox
home=/home/tester/agentbox
export LC_ALL=C.UTF-8 TERM=dumb ABX_USER=tester
# $tree/vm-job says what to do: which of the functions below that are named
# after jobs, with which command, and how many seconds from the start of the
# machine on there are.
limit=600 job=suite command=
failed=0 escape='default dev alone'
export KILL9_ROUNDS=200

# As a user means as after a login: runuser goes through PAM, so the user has
# a session scope and a running systemd manager of its own, and what that
# manager may delegate is what the distribution lets it.
as_tester()
{
	runuser -l tester -c "cd $home && export LC_ALL=C.UTF-8 \
		STRICT=${STRICT:-} EMULATED=${EMULATED:-} \
		KILL9_ROUNDS=$KILL9_ROUNDS && $1"
}

facts()
{
	local slice=/sys/fs/cgroup/user.slice/user-1000.slice

	echo "# Linux $(uname -r); $(systemctl --version | head -n 1)"
	echo "# security modules: $(cat /sys/kernel/security/lsm)"
	echo "# cgroup controllers: $(cat /sys/fs/cgroup/cgroup.controllers)"
	echo "# delegated to a user: $(as_tester \
		"cat $slice/user@1000.service/cgroup.controllers")"
}

# A user needs the tree where it may write, as after its own build.
prepare()
{
	mount -t securityfs securityfs /sys/kernel/security 2> /dev/null
	ln -sfn ../profiles $tree/build/profiles
	rm -rf $home
	cp -a $tree $home
	chown -R -h tester: $home
	cd $tree || return
}

shell()
{
	bash -c "$command"
}

user()
{
	as_tester "$command"
}

# limited WHO SCRIPT [ARGUMENT...]: as root or the user, within what is left.
limited()
{
	local who=$1 left=$((limit - SECONDS))

	shift
	if [ $left -le 0 ]; then
		echo "not ok - $1: no time was left"
		return 1
	fi
	[ $left -lt 300 ] || left=300
	case $who in
	root) timeout -k 5 $left bash "$@" ;;
	user) as_tester "exec timeout -k 5 $left bash $*" ;;
	esac
}

# one WHO SCRIPT [ARGUMENT...]: its output and its sum, all at once, since the
# other half may have something to say at the same time.
one()
{
	local out=/run/vmtest.$1 t=$SECONDS status=0 last p=0 f=0 s=0

	limited "$@" > "$out" 2>&1 < /dev/null || status=$?
	last=$(grep -Ex '[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?' \
		"$out" | tail -n 1)
	[ -z "$last" ] || read -r p _ f _ s _ <<< "${last//,/ }"
	if [ $status != 0 ] && [ "$f" = 0 ]; then
		echo "not ok - $2 ended with status $status" >> "$out"
		f=1
	fi
	[ "$f" = 0 ] || failed=1
	# "# --- WHO SCRIPT" and three numbers: run.sh adds these up.
	echo "# --- $1 $2 $p passed, $f failed, ${s:-0} skipped" \
		"($((SECONDS - t)) s)" >> "$out"
	flock /run/vmtest.lock cat "$out"
}

# Scripts in which no kernel has a say mark themselves: where an instruction
# costs ten times as much, the host's run of them is enough.
left_out()
{
	[ "${EMULATED:-}" ] && grep -q '^# emulated: no' "$1"
}

half()
{
	local script

	for script in tests/vm/[0-9]*.sh; do
		one "$1" "$script"
	done
	# shellcheck disable=SC2086 # several words
	one "$1" tests/escape/run.sh $escape
	for script in tests/system/[0-9]*.sh; do
		! left_out "$script" || continue
		one "$1" "$script"
	done
	return $failed
}

# Both at once: there are two processors, and the tests mostly wait.
suite()
{
	local root user status=0

	# The host runs all of it; here an instruction costs ten times as much.
	if [ "${EMULATED:-}" ]; then
		escape='default alone'
		KILL9_ROUNDS=30
	fi
	half root & root=$!
	half user & user=$!
	wait $root || status=1
	wait $user || status=1
	return $status
}

main()
{
	udevadm wait --timeout=30 $port || return
	{
		prepare
		# shellcheck source=/dev/null
		. $tree/vm-job
		SECONDS=$(cut -d . -f 1 /proc/uptime)
		[ "$job" != suite ] || facts
		$job
		echo "agentbox-vm: end $?"
	} 2>&1 < /dev/null | cat > $port
}

main
