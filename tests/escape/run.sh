#!/bin/bash
# The escape suite: every probe inside boxes of agentbox (a profile like
# `default`, one like `dev`, one with a terminal), whether what ignores signals
# can be stopped, a race for the workspace; the same probes under bubblewrap in
# a typical configuration; and, first, the probes with nothing around them,
# which shows that each can succeed. README.md here lists the probes.
#
#	tests/escape/run.sh [PART...]   as whoever calls: root or a user
#
# Parts, all by default: self (the probes unconfined), default, dev, alone (what
# needs a run of its own), bwrap.
# Counted: each probe of each run under agentbox; failed is what escaped.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"

ESCAPE=$TESTBIN/escape
HOST=$TESTBIN/escape-host
PROFILES=$SRC/tests/fixtures/profiles
LIMIT=300
who=user
! is_root || who=root

for f in "$ESCAPE" "$HOST" "$AGENTBOX"; do
	[ -x "$f" ] || { not_ok "$f" "not built; run make and make tests"; finish; }
done

# The writer of their audit log is one of the things that they must not reach.
check "a box starts, and with it a writer" run_box -- true

# count FILE TITLE: adds up the PROBE lines of a run under agentbox.
count()
{
	local n

	n=$(grep -c '^PROBE [^:]*: BLOCKED' "$1")
	passed=$((passed + n))
	echo "# $2: $n blocked"
	while IFS= read -r line; do
		not_ok "$2: ${line#PROBE }"
	done < <(grep -E '^(PROBE [^:]*: ESCAPED|FAIL)' "$1")
	[ "$n" -gt 0 ] || grep -q '^FAIL' "$1" ||
		not_ok "$2" "no probe ran" "$(tail -n 5 "$1")"
}

# complete FILE TITLE: no probe is missing, but those that must be asked for.
complete()
{
	local missing

	missing=$(comm -23 \
		<(cut -d' ' -f2 "$TMP/list" | sort) \
		<(sed -n 's/^PROBE \([^:]*\):.*/\1/p' "$1" | sort -u) |
		grep -Ev '^(fd-stdin-dir|stay-deaf|stay-moving|exhaust-workspace)$')
	if [ -z "$missing" ]; then
		ok "$2: every probe spoke"
	else
		not_ok "$2: every probe spoke" "missing: $missing"
	fi
}

# suite NAME ESCAPE-HOST-ARGUMENT... : into $TMP/NAME.
suite()
{
	local name=$1

	shift
	limited "$HOST" "$@" >"$TMP/$name" 2>"$TMP/$name.err" </dev/null
	sed 's/^/# /' "$TMP/$name.err" | tail -n 20
}

in_box()
{
	local name=$1 profile=$2

	shift 2
	suite "$name" "$@" "$ESCAPE" "$AGENTBOX" run --profile \
		"$PROFILES/$profile.json" --workspace @WS@ -- @ESCAPE@
}

# ---- the probes themselves -------------------------------------------------
# As root in namespaces of its own, since some of it would change the host.
self_test()
{
	local net="ip link set lo up; ip addr add 198.51.100.1/24 dev lo;
		ip route add default dev lo; ip -6 route add default dev lo;"

	if is_root && ! command -v unshare >/dev/null; then
		skip "self-test" "unshare is not installed"
		return
	fi
	command -v ip >/dev/null || net=
	if is_root; then
		limited unshare --mount --pid --ipc --uts --net --fork \
			--mount-proc --kill-child sh -c \
			"{ $net :; } 2>/dev/null; exec \"\$@\"" sh "$HOST" \
			--selftest "$ESCAPE" @ESCAPE@
	else
		limited "$HOST" --selftest "$ESCAPE" @ESCAPE@
	fi >"$TMP/self" 2>&1 </dev/null
	complete "$TMP/self" "self-test"
	local good bad other

	good=$(grep -c '^SELF .*: ok' "$TMP/self")
	other=$(grep -cE '^SELF .*: (closed|absent)' "$TMP/self")
	bad=$(sed -n 's/^SELF \(.*\): bad$/\1/p' "$TMP/self")
	echo "# unconfined as $who: $good probes succeed, $other cannot here"
	if [ -z "$bad" ] && [ "$good" -ge 80 ] && ! grep -q ^FAIL "$TMP/self"; then
		ok "self-test: every probe that can succeed unconfined does"
	else
		not_ok "self-test" "$(tail -n 3 "$TMP/self")" \
			"$(for b in $bad; do grep "^PROBE $b:" "$TMP/self"; done)"
	fi
}

# ---- stopping what will not stop -------------------------------------------
# Each prints lines such as "PROBE stay-deaf(kill): BLOCKED ...".
box_name=escape-$$

# start_stubborn HOW PROBE TIMEOUT: the shell writes its pid, then becomes the
# supervisor.
start_stubborn()
{
	rm -f "$TMP/pid"
	"$HOST" --only="$2" "$ESCAPE" sh -c "echo \$\$ >'$TMP/pid.new';
		mv '$TMP/pid.new' '$TMP/pid'; exec \"\$@\"" sh \
		"$AGENTBOX" run --profile "$PROFILES/escape.json" \
		--name "$box_name" --workspace @WS@ --timeout "$3" -- @ESCAPE@ \
		>"$TMP/stay.$1" 2>/dev/null </dev/null &
	stubborn=$!
}

stop_stubborn()
{
	case $1 in
	timeout) ;;
	kill)
		wait_for 60 "$AGENTBOX" inspect "$box_name"
		sleep 0.5
		limited "$AGENTBOX" kill "$box_name" >/dev/null 2>&1 ;;
	kill-9)
		wait_for 60 "$AGENTBOX" inspect "$box_name"
		sleep 0.5
		kill -9 "$(cat "$TMP/pid")" ;;
	esac
}

stubborn()
{
	local how probe limit

	for probe in stay-deaf stay-moving; do
		for how in timeout kill kill-9; do
			limit=60s
			[ "$how" != timeout ] || limit=2s
			start_stubborn "$how" "$probe" "$limit"
			stop_stubborn "$how"
			wait "$stubborn"
			sed -n -e "s/^PROBE \(stay[^:]*\):/PROBE \1($how):/p" \
				-e "s/^PROBE \(host[^:]*\):/PROBE \1($probe, $how):/p" \
				"$TMP/stay.$how"
		done
	done >"$TMP/stay"
	cat "$TMP/stay"
	count "$TMP/stay" "stopping"
}

# ---- the race for the workspace --------------------------------------------
# Somebody who may write the parent (an agent before this one) swaps the folder
# with a symlink to a place outside. The box may refuse, get the folder, or get
# the link's target under the target's own name (then it was a link when the
# path was read, as when a person types one); never the target under the name
# of the folder.
race()
{
	local dir got i wins=0 lost=0

	dir=$(mktemp -d /var/tmp/abx-escape-XXXXXX) || return
	at_exit rm -rf --one-file-system "$dir"
	chmod 755 "$dir"
	mkdir -p "$dir/w/inner" "$dir/out"
	echo race-secret >"$dir/out/secret"
	ln -s "$dir/out" "$dir/w/link"
	spawn "$ESCAPE" --swap "$dir/w/inner" "$dir/w/link"
	for ((i = 0; i < 40; i++)); do
		got=$(limited "$AGENTBOX" run --profile "$PROFILES/escape.json" \
			--workspace "$dir/w/inner" -- /bin/sh -c \
			'pwd -P; cat secret' 2>/dev/null </dev/null)
		case $got in
		"$dir/w/inner"*race-secret*) lost=$((lost + 1)) ;;
		*) wins=$((wins + 1)) ;;
		esac
	done
	kill "$spawned"
	if [ "$lost" = 0 ]; then
		echo "PROBE race-workspace: BLOCKED $wins launches"
	else
		echo "PROBE race-workspace: ESCAPED $lost of 40 launches"
	fi >"$TMP/race"
	cat "$TMP/race"
	count "$TMP/race" "race"
}

# ---- bubblewrap ------------------------------------------------------------
bwrap_args()
{
	local l

	printf '%s\n' bwrap --ro-bind /usr /usr --ro-bind /etc /etc \
		--proc /proc --dev /dev --tmpfs /tmp --bind @WS@ @WS@ \
		--chdir @WS@ --unshare-all --die-with-parent --new-session \
		--cap-drop ALL
	for l in bin sbin lib lib32 lib64; do
		if [ -L "/$l" ]; then
			printf '%s\n' --symlink "usr/$l" "/$l"
		elif [ -d "/$l" ]; then
			printf '%s\n' --ro-bind "/$l" "/$l"
		fi
	done
}

in_bwrap()
{
	local args

	mapfile -t args < <(bwrap_args)
	suite bwrap "$ESCAPE" "${args[@]}" @ESCAPE@
	if ! grep -q '^PROBE' "$TMP/bwrap"; then
		skip "bubblewrap" "it does not start here: $(tail -n 1 \
			"$TMP/bwrap.err")"
		: >"$TMP/bwrap"
		return
	fi
	suite bwrap-tty --terminal --only=tty-s "$ESCAPE" "${args[@]}" @ESCAPE@
}

# ---- what is printed -------------------------------------------------------
table()
{
	echo
	echo "probe | agentbox default | agentbox dev | bwrap"
	echo "----- | ---------------- | ------------ | -----"
	awk '
	/^PROBE / {
		name = $2
		sub(/:$/, "", name)
		if (!(name in seen)) { seen[name] = 1; order[++n] = name }
		what = $3
		$1 = $2 = $3 = ""
		sub(/^ +/, "")
		cell[name, FILENAME] = what
		detail[name, FILENAME] = $0
		if (what == "ESCAPED") escaped[FILENAME]++
	}
	END {
		for (i = 1; i <= n; i++) {
			name = order[i]
			printf "%-24s | %s %s", name, cell[name, ARGV[1]],
				detail[name, ARGV[1]]
			for (f = 2; f < ARGC; f++)
				printf " | %s", (name, ARGV[f]) in cell ? \
					cell[name, ARGV[f]] : "-"
			print ""
		}
		printf "%-24s |", "escaped"
		for (f = 1; f < ARGC; f++)
			printf " %d%s", escaped[ARGV[f]], f + 1 < ARGC ? " |" : ""
		print ""
	}' "$TMP/default" "$TMP/dev" "$TMP/bwrap"
	echo
}

# The list in README.md is the programs' own.
check_list()
{
	{ "$ESCAPE" --list; "$HOST" --list; } >"$TMP/list"
	if grep '^| [a-z]' "$SRC/tests/escape/README.md" |
		grep -v '^| probe ' | cmp -s - "$TMP/list"; then
		ok "README.md lists every probe"
	else
		not_ok "README.md lists every probe" \
			"escape --list and escape-host --list say otherwise"
	fi
}

# ---- the parts -------------------------------------------------------------
part_default()
{
	in_box default escape
	echo "# agentbox, a profile like default, as $who"
	grep '^PROBE' "$TMP/default"
}

part_dev()
{
	in_box dev escape-dev
}

# What needs a run of its own.
part_alone()
{
	in_box tty escape --terminal --only=tty-s
	in_box workspace escape --only=exhaust-workspace
	in_box stdin escape --only=fd-stdin-dir --stdin=/
	if grep -q '^FAIL.*status 125 before' "$TMP/stdin"; then
		echo "PROBE fd-stdin-dir: BLOCKED agentbox refuses to start" \
			>"$TMP/stdin"
	fi
	count "$TMP/tty" "with a terminal"
	count "$TMP/workspace" "workspace growth"
	count "$TMP/stdin" "stdin a directory"
	stubborn
	race
}

part_bwrap()
{
	if command -v bwrap >/dev/null; then
		in_bwrap
	else
		skip "bubblewrap" "bwrap is not installed"
	fi
}

part_self()
{
	self_test
}

: >"$TMP/default"
: >"$TMP/dev"
: >"$TMP/bwrap"
check_list
[ $# -gt 0 ] || set -- self default dev alone bwrap
for part; do
	case $part in
	self | default | dev | alone | bwrap) "part_$part" ;;
	*) not_ok "there is no part \"$part\"" ;;
	esac
done
table
for part in default dev; do
	[ -s "$TMP/$part" ] || continue
	complete "$TMP/$part" "$part"
	count "$TMP/$part" "$part"
done
[ ! -s "$TMP/bwrap" ] ||
	echo "# bubblewrap: $(grep -c ': ESCAPED' "$TMP/bwrap") of" \
		"$(grep -c '^PROBE' "$TMP/bwrap") escaped;" \
		"with a terminal: $(grep -c ': ESCAPED' "$TMP/bwrap-tty")"
finish
