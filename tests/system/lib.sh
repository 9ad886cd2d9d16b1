# shellcheck shell=bash
# For the shell tests: counting in TAP, temporary folders, time limits, other
# users. A test script is
#
#	#!/bin/bash
#	# What it shows.
#	. "$(dirname "$0")/lib.sh"
#	need git
#	check "true says 0" run_box -- true
#	check_status "false says 1" 1 run_box -- false
#	finish
#
# The last line of output is "N passed, N failed[, N skipped]". A script that
# ends without finish counts as one failure. STRICT=1 makes skips failures.
# AGENTBOX names the binary under test; by default the one in build/bin.

set -u
export LC_ALL=C.UTF-8

SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
: "${AGENTBOX:=$SRC/build/bin/agentbox}"
: "${TESTBIN:=$SRC/build/release/tests}" # compiled helpers: nosys, escape, ...
: "${LIMIT:=60}"			 # seconds for one command
export AGENTBOX TESTBIN

passed=0 failed=0 skipped=0 finished=
children=()

TMP=$(mktemp -d "${TMPDIR:-/tmp}/abx-sys-XXXXXX")
chmod 755 "$TMP"
out=$TMP/.out # standard output of the last command of a check
err=$TMP/.err # its standard error

# The audit log of what runs here: a writer of its own, which ends when its
# folder is gone.
export AGENTBOX_STATE_DIR=$TMP/state

cleanup_hooks=()
# at_exit COMMAND...: runs it when the script ends, last one first.
at_exit()
{
	cleanup_hooks+=("$(printf '%q ' "$@")")
}

on_exit()
{
	local i

	for ((i = ${#cleanup_hooks[@]} - 1; i >= 0; i--)); do
		eval "${cleanup_hooks[i]}"
	done
	for i in "${children[@]}"; do
		kill -9 -- "-$i" 2>/dev/null
	done
	# a writer may be at work in there until it sees that its folder goes
	for i in 1 2 3 4 5; do
		rm -rf --one-file-system "$TMP" 2>/dev/null && break
		sleep 0.1
	done
	[ "$finished" ] && return
	echo "not ok - the script ended early"
	echo "$passed passed, $((failed + 1)) failed, $skipped skipped"
	exit 1
}
trap on_exit EXIT
trap 'exit 129' HUP INT TERM

ok()
{
	passed=$((passed + 1))
	echo "ok - $1"
}

# not_ok NAME [DETAIL...]
not_ok()
{
	failed=$((failed + 1))
	echo "not ok - $1"
	shift
	[ $# = 0 ] || printf '%s\n' "$@" | sed 's/^/# /'
}

# skip NAME REASON: the reason names what is missing.
skip()
{
	if [ "${STRICT:-}" = 1 ]; then
		not_ok "$1" "STRICT: skipped: $2"
	else
		skipped=$((skipped + 1))
		echo "ok - $1 # SKIP $2"
	fi
}

finish()
{
	finished=1
	# A script that checked nothing has not passed.
	[ $((passed + failed + skipped)) -gt 0 ] || not_ok "nothing was checked"
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
	exit
}

# skip_all REASON: ends the script.
skip_all()
{
	skip "$(basename "$0" .sh)" "$1"
	finish
}

# need PROGRAM...: ends the script where one is missing.
need()
{
	local p

	for p; do
		command -v "$p" >/dev/null || skip_all "$p is not installed"
	done
}

need_root()
{
	[ "$(id -u)" = 0 ] || skip_all "needs root"
}

is_root()
{
	[ "$(id -u)" = 0 ]
}

# limited COMMAND...: at most LIMIT seconds, then SIGTERM, then SIGKILL.
limited()
{
	timeout --foreground -k 5 "$LIMIT" "$@"
}
export -f limited # for bash -c
export LIMIT

# run_box [OPTION...] -- COMMAND: agentbox run with a time limit.
run_box()
{
	limited "$AGENTBOX" run "$@"
}

# capture COMMAND...: into $out and $err; gives the status.
capture()
{
	"$@" >"$out" 2>"$err" </dev/null
}

show()
{
	[ ! -s "$out" ] || tail -n 15 "$out" | sed 's/^/# out: /'
	[ ! -s "$err" ] || tail -n 15 "$err" | sed 's/^/# err: /'
}

# check NAME COMMAND...: status 0.
check()
{
	check_status "$1" 0 "${@:2}"
}

# check_status NAME STATUS COMMAND...
check_status()
{
	local name=$1 want=$2 got=0

	shift 2
	capture "$@" || got=$?
	if [ "$got" = "$want" ]; then
		ok "$name"
	else
		not_ok "$name" "status $got, want $want: $*"
		show
	fi
}

# check_out NAME REGEX COMMAND...: status 0 and a line of stdout that matches.
check_out()
{
	local name=$1 regex=$2 got=0

	shift 2
	capture "$@" || got=$?
	if [ "$got" = 0 ] && grep -Eq -- "$regex" "$out"; then
		ok "$name"
	else
		not_ok "$name" "status $got, wanted output: $regex"
		show
	fi
}

# check_err NAME STATUS REGEX COMMAND...: that status, a line of stderr.
check_err()
{
	local name=$1 want=$2 regex=$3 got=0

	shift 3
	capture "$@" || got=$?
	if [ "$got" = "$want" ] && grep -Eq -- "$regex" "$err"; then
		ok "$name"
	else
		not_ok "$name" "status $got, want $want and on stderr: $regex"
		show
	fi
}

# check_eq NAME GOT WANT
check_eq()
{
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "got: $2" "want: $3"
	fi
}

# spawn COMMAND...: in the background, in a process group of its own, which is
# killed at the end at the latest; pid in $spawned.
spawn()
{
	set -m
	"$@" &
	spawned=$!
	set +m
	children+=("$spawned")
}

# wait_for SECONDS COMMAND...: until it succeeds. The seconds are a deadline for
# a host that is much slower than this one, 60 say, and no guess.
wait_for()
{
	local end=$((SECONDS + $1))

	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.02
	done
}

gone()
{
	! kill -0 "$1" 2>/dev/null
}

# as_user COMMAND...: as an ordinary user. Root uses the throwaway user that
# tests/run.sh made; without one, give up with a skip.
as_user()
{
	if ! is_root; then
		"$@"
		return
	fi
	[ -d "$TMP/state-user" ] || install -d -m 700 -o "$ABX_USER" \
		-g "$ABX_USER" "$TMP/state-user"
	setpriv --reuid "$ABX_USER" --regid "$ABX_USER" --clear-groups \
		env -u XDG_RUNTIME_DIR AGENTBOX_STATE_DIR="$TMP/state-user" HOME="$(getent passwd "$ABX_USER" |
			cut -d: -f6)" USER="$ABX_USER" LOGNAME="$ABX_USER" "$@"
}

need_user()
{
	is_root || return 0
	[ "${ABX_USER:-}" ] || skip_all "no ordinary user: set ABX_USER"
	command -v setpriv >/dev/null || skip_all "setpriv is not installed"
}
