#!/bin/bash
# Runs the tests of a tree that was built (`make check` does both).
#
#	tests/run.sh [SECTION...]
#
# Sections: unit unit-asan fuzz-replay build system compat net escape vm lint; all
# of them by default. As root, each section but the last two runs twice: as
# root, and as an ordinary user that is made for the purpose and removed
# afterwards, on a copy that this user can read. Otherwise only the second.
#
# Every program prints "N passed, N failed[, N skipped]" last; the last line
# here is the sum, and above it is each failed test again. Full output is in
# build/logs. STRICT=1: a skip is a failure.
set -u
export LC_ALL=C.UTF-8
cd "$(dirname "$0")/.." || exit 1

ROOT=$PWD
BUILD=${BUILD:-build}
LOGS=$ROOT/$BUILD/logs
ALL="unit unit-asan fuzz-replay build system compat net escape vm lint"
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

passed=0 failed=0 skipped=0
failures=() # "who section program: what", for the end
ABX_USER=
other= # process of the half that runs beside this one
copies=
state= # folder of audit logs, so that no test writes into the caller's
user_dir=$ROOT # where each half runs
root_dir=$ROOT

section_programs()
{
	local f

	case $1 in
	unit) ls "$BUILD"/release/tests/test_* ;;
	unit-asan) ls "$BUILD"/asan/tests/test_* ;;
	fuzz-replay)
		for f in "$BUILD"/asan/tests/replay_fuzz_*; do
			[ ! -x "$f" ] || echo "$f tests/fuzz/corpus/${f##*replay_fuzz_}"
		done ;;
	build) ls tests/build/[0-9]*.sh ;;
	system) ls tests/system/[0-9]*.sh ;;
	compat) ls tests/compat/[0-9]*.sh ;;
	net) ls tests/net/[0-9]*.sh ;;
	escape) ls tests/escape/run.sh ;;
	vm) ls tests/vm/run.sh ;;
	lint) ls tests/lint.sh ;;
	*) echo "run.sh: no section \"$1\"; there are: $ALL" >&2; exit 2 ;;
	esac 2>/dev/null | grep -v '\.err$'
}

# Seconds that one program of the section may take, many times what it takes
# where nothing else runs.
section_limit()
{
	case $1 in
	vm) echo 1600 ;;
	*) echo 900 ;;
	esac
}

# on_user COMMAND...: as the throwaway user, with nothing of ours in the
# environment.
on_user()
{
	(
		cd "$user_dir" || exit 1
		exec setpriv --reuid "$ABX_USER" --regid "$ABX_USER" \
			--clear-groups env -i PATH="$PATH" HOME="$user_home" \
			USER="$ABX_USER" LOGNAME="$ABX_USER" LC_ALL=C.UTF-8 \
			TERM="${TERM:-dumb}" STRICT="${STRICT:-}" \
			ASAN_OPTIONS="$ASAN_OPTIONS" \
			UBSAN_OPTIONS="$UBSAN_OPTIONS" TMPDIR=/tmp \
			AGENTBOX_STATE_DIR="$state/user" "$@"
	)
}

remove_user()
{
	local p

	[ ! "$other" ] || kill "$other" 2>/dev/null
	# shellcheck disable=SC2086 # a list
	[ ! "$copies" ] || rm -rf --one-file-system $copies
	copies=
	[ ! "$state" ] || rm -rf --one-file-system "$state" 2>/dev/null ||
		{ sleep 0.2; rm -rf --one-file-system "$state"; }
	state=
	[ "$ABX_USER" ] || return 0
	# by pid, and only of the user that is ours alone
	for p in $(ps -o pid= -u "$ABX_USER"); do
		kill -9 "$p" 2>/dev/null
	done
	wait_gone
	rm -rf --one-file-system "/tmp/agentbox-$(id -u "$ABX_USER")"
	userdel -r "$ABX_USER" 2>/dev/null || userdel -f "$ABX_USER"
	ABX_USER=
}

wait_gone()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ "$(ps -o pid= -u "$ABX_USER")" ] || return 0
		sleep 0.1
	done
}

# Copies what is run, at the same relative places, for others to read; the
# folder in $copy.
make_copy()
{
	local d

	copy=$(mktemp -d "${TMPDIR:-/tmp}/abx-check-XXXXXX") || return 1
	copies="$copies $copy"
	for d in VERSION README.md audit lib docs profiles tests "$BUILD"/bin "$BUILD"/*/bin \
		"$BUILD"/release/tests "$BUILD"/asan/tests; do
		[ ! -e "$d" ] || cp -a --parents "$d" "$copy" || return 1
	done
	chmod -R u+rwX,go+rX,go-w "$copy"
}

# The user works on a copy of his own. Where he cannot even look into this
# tree (below /root, say), root works on a copy too, since some of its tests
# start programs as that user.
make_user()
{
	command -v useradd >/dev/null && command -v setpriv >/dev/null ||
		return 1
	ABX_USER=abxcheck$$
	useradd -m -s /bin/bash "$ABX_USER" || { ABX_USER=; return 1; }
	user_home=$(getent passwd "$ABX_USER" | cut -d: -f6)
	make_copy || return 1
	chown -R -h "$ABX_USER:" "$copy"
	user_dir=$copy
	if ! on_user test -r "$ROOT/tests/run.sh"; then
		make_copy || return 1
		root_dir=$copy
	fi
}

# note_failures WHAT LOG RESULT: each line that says "not ok" (in the machine,
# that its script failed as well), and the result
# where those lines do not explain it.
note_failures()
{
	local line found=

	while IFS= read -r line; do
		failures+=("$1: $line")
		found=1
	done < <(grep -aE '^(not ok|# --- .* [1-9][0-9]* failed)' "$2")
	case $found,$3 in
	,* | *exit\ status*) failures+=("$1: $3") ;;
	esac
}

show_failures()
{
	local most=40 n=${#failures[@]}

	[ "$n" -gt 0 ] || return 0
	echo "failed:"
	[ "$n" -le "$most" ] || most=$((most - 1))
	printf '  %s\n' "${failures[@]:0:most}" | cut -c -240
	[ "$n" -le "$most" ] || echo "  and $((n - most)) more; see $LOGS"
}

# one WHO SECTION COMMAND...: runs it, adds up, prints one line, more if
# something failed.
one()
{
	local who=$1 section=$2 name log last status=0 t=$SECONDS p f s
	local run=() dir=$root_dir

	shift 2
	name=$(basename "$1")
	name=${name%.sh}
	[ "$name" != run ] || name=$section
	log=$LOGS/$who-$section-$name.log
	[ "$who" != user ] || [ ! "$ABX_USER" ] || run=(on_user)
	case $section in
	vm | lint | build) dir=$ROOT ;;
	esac
	(cd "$dir" && "${run[@]}" timeout -k 10 "$(section_limit "$section")" \
		"$@") >"$log" 2>&1 </dev/null || status=$?
	last=$(grep -Ex '[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?' "$log" |
		tail -n 1)
	if [ "$last" ]; then
		read -r p _ f _ s _ <<<"$last"
		s=${s:-0}
		[ "$status" = 0 ] || [ "$f" -gt 0 ] || {
			f=1
			last="$last, but exit status $status"
		}
	else
		p=0 f=1 s=0
		last="no result; exit status $status"
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	printf '%-5s %-11s %-24s %s (%d s)\n' "$who" "$section" "$name" "$last" \
		$((SECONDS - t))
	grep -E '# SKIP ' "$log" | sed 's/^/      /'
	[ "$f" = 0 ] || note_failures "$who $section $name" "$log" "$last"
	[ "$f" = 0 ] || tail -n 60 "$log" | grep -Ev '^ok |# SKIP ' |
		sed 's/^/      | /'
}

run_section()
{
	local who=$1 section=$2 line

	while IFS= read -r line; do
		# shellcheck disable=SC2086 # "program argument"
		one "$who" "$section" $line
	done < <(section_programs "$section")
}

# Who computes only is in nobody's way: both halves of such a section run at
# once. What the first of them says comes first, and in one piece.
both_at_once()
{
	case $1,$users in
	unit*,*\ * | fuzz-replay,*\ *) [ "$(nproc)" -gt 1 ] ;;
	*) return 1 ;;
	esac
}

# half WHO SECTION FILE: what it says, and what it adds to the sums.
half()
{
	passed=0 failed=0 skipped=0 failures=()
	run_section "$1" "$2" >"$3"
	declare -p passed failed skipped failures >"$3.sum"
}

start_other_half()
{
	(half "${users##* }" "$1" "$LOGS/other") &
	other=$!
}

end_other_half()
{
	local p=$passed f=$failed s=$skipped all=("${failures[@]}")

	wait "$other"
	other=
	cat "$LOGS/other"
	passed=0 failed=1 skipped=0 failures=("$1: the other half was lost")
	# shellcheck source=/dev/null
	[ ! -s "$LOGS/other.sum" ] ||
		eval "$(sed 's/^declare -[-a]* //' "$LOGS/other.sum")"
	rm -f "$LOGS/other" "$LOGS/other.sum"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	failures=("${all[@]}" "${failures[@]}")
}

trap remove_user EXIT
trap 'exit 130' INT TERM HUP
rm -rf "$LOGS"
mkdir -p "$LOGS" || exit 1
sections=${*:-$ALL}
for s in $sections; do
	section_programs "$s" >/dev/null || [ $? = 1 ] || exit 2
done

state=$(mktemp -d "${TMPDIR:-/tmp}/abx-state-XXXXXX") || exit 1
chmod 755 "$state"
export AGENTBOX_STATE_DIR=$state/root
users=user
if [ "$(id -u)" = 0 ]; then
	users="root user"
	make_user || {
		remove_user
		users=root
		failures+=("no ordinary user: useradd and setpriv are needed")
		echo "${failures[0]}"
		failed=$((failed + 1))
	}
	export ABX_USER
	[ ! "$ABX_USER" ] || install -d -m 700 -o "$ABX_USER" -g "$ABX_USER" "$state/user"
else
	echo "not root: only the half that an ordinary user can run"
fi

for s in $sections; do
	case $s in
	vm | lint | build)
		run_section "${users%% *}" "$s" ;;
	*)
		if both_at_once "$s"; then
			start_other_half "$s"
			run_section "${users%% *}" "$s"
			end_other_half "$s"
			continue
		fi
		for who in $users; do
			run_section "$who" "$s"
		done ;;
	esac
done
remove_user
show_failures
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
