#!/bin/bash
# make bench: what a box costs, beside other sandboxes, in one run. As root and
# as a user (who sees fewer rows). BENCH_N is the number of rounds; BENCH_ONLY
# names parts: launch phases memory control command calls decide query audit
# net; SRT names the command of sandbox-runtime, which comes from npm.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
src=$(cd "$here/../.." && pwd)
: "${AGENTBOX:=$src/build/bin/agentbox}"
: "${TESTBIN:=$src/build/release/tests}"
export AGENTBOX TESTBIN LC_ALL=C.UTF-8

tmp=$(mktemp -d "${TMPDIR:-/tmp}/abx-bench-XXXXXX")
# an audit log of its own, where the benchmark's files are
export AGENTBOX_STATE_DIR=$tmp/state
holder=
on_exit()
{
	[ -z "$holder" ] || kill "$holder" 2>/dev/null || :
	rm -rf --one-file-system "$tmp" 2>/dev/null ||
		{ sleep 0.2; rm -rf --one-file-system "$tmp"; }
}
trap on_exit EXIT
trap 'exit 130' HUP INT TERM

mkdir "$tmp/ws"
cp "$TESTBIN"/bench_calls "$TESTBIN"/bench_control "$tmp/ws/"
"$TESTBIN/bench_filter" "$tmp/filter"

# A runtime of OCI bundles wants cgroup2 at its usual place, which a host with
# both versions does not have: it gets a mount namespace of its own for that.
if [ "$(id -u)" = 0 ] && command -v crun > /dev/null; then
	mkfifo "$tmp/ready"
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m sh -c 'mount -t cgroup2 none /sys/fs/cgroup && echo yes > "$1"
		exec sleep 3600' sh "$tmp/ready" &
	holder=$!
	read -r -t 10 _ <> "$tmp/ready" || { kill "$holder"; holder=; }
fi
PYTHONDONTWRITEBYTECODE=1 python3 "$here/bench.py" "$tmp" ${holder:+"/proc/$holder/ns/mnt"}
