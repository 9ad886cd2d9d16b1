#!/bin/bash
# ps, inspect, freeze, thaw, kill, logs on running boxes: selectors, statuses,
# messages, and that what is reported is what the processes do.
. "$(dirname "$0")/lib.sh"

# a runtime folder of our own, so that --all means our boxes only
export AGENTBOX_RUNTIME_DIR=$TMP/rt
mkdir "$TMP/ws"
cd "$TMP/ws" || exit 1

abx()
{
	limited "$AGENTBOX" "$@"
}

# box NAME [OPTION...]: counts in the file NAME ten times a second, if it gets
# its turn.
box()
{
	# shellcheck disable=SC2016
	spawn "$AGENTBOX" run --name "$@" -- sh -c \
		'trap "echo term >>$0.sig" TERM
		i=0; while :; do i=$((i + 1)); echo $i >"$0"; sleep 0.1; done' \
		"$1" >/dev/null 2>&1 </dev/null
	pid_of[$1]=$spawned
	wait_for 60 test -s "$1" || not_ok "box $1 starts"
}

counts()
{
	wait_for 60 differs "$1" "$(cat "$1")"
}

differs()
{
	[ "$(cat "$1")" != "$2" ]
}

stands()
{
	local before

	before=$(cat "$1")
	sleep 0.5
	! differs "$1" "$before"
}

# field BOX KEY: of its line in ps --json.
field()
{
	abx ps --json | tr -d '\n' | sed 's/}, *{ *"id"/}\n{"id"/g' |
		grep "\"name\": \"$1\"" |
		sed -n "s/.*\"$2\": \"\([^\"]*\)\".*/\1/p"
}

declare -A pid_of
check_out "ps without any box: only the heading" '^NAME +ID +STATE' abx ps
check_eq "and nothing else" "$(abx ps | wc -l)" 1
check_out "ps --json without any box" '^\[\]$' abx ps --json
check_err "freeze of nothing" 125 'no box named "foo"; none is running' \
	abx freeze foo
check_err "freeze --all of nothing is done" 0 'no box matches' abx freeze --all

box alpha --label team=a
box beta --label team=a --label tier=2
box gamma --label team=b
id=$(field alpha id)

check_eq "an id is twelve hexadecimal digits" \
	"$(printf %s "$id" | grep -Ec '^[0-9a-f]{12}$')" 1
check_out "ps shows name, state, profile, command" \
	'^alpha +[0-9a-f]{12} +running +[0-9]+s +default +enforce +sh -c' abx ps
check_eq "ps is ordered by age" "$(abx ps | awk 'NR > 1 { print $1 }' |
	paste -sd' ')" "alpha beta gamma"
check_eq "ps --label" "$(abx ps --label team=a | awk 'NR > 1 { print $1 }' |
	paste -sd' ')" "alpha beta"
check_err "a live name is taken" 125 'already running' \
	run_box --name alpha -- true
check_err "an unknown name lists what runs" 125 \
	'no box named "foo"; running: .*beta' abx freeze foo
check_err "no selector" 125 'name boxes, or --all' abx freeze
check_err "two selectors" 125 'name boxes, or --all' abx freeze --all alpha
check_err "an unknown option" 125 'freeze --help' abx freeze --wrong

for c in ps inspect freeze thaw kill logs; do
	check_out "$c --help" "^Usage: agentbox" abx "$c" --help
done

check_out "inspect: requested against enforced" \
	'^seccomp +held +[^ ].+  [^ ]' abx inspect alpha
check_out "inspect --json: layers" '"layer": "landlock"' \
	abx inspect --json "$id"
check_out "inspect by the beginning of an id" "^name +alpha$" \
	abx inspect "${id:0:8}"

check "freeze by name" abx freeze alpha --why 'to have a look'
check "alpha stands still" stands alpha
check "beta runs on" counts beta
check_eq "ps says frozen" "$(field alpha state)" frozen
check "freeze of a frozen box" abx freeze alpha
check "thaw by id" abx thaw "$id"
check "alpha runs again" counts alpha
check_out "freeze by label, as JSON" '"state": "frozen"' \
	abx freeze --label team=a --json
check "both stand still" eval 'stands alpha && stands beta'
check "gamma does not" counts gamma
check "thaw --all" abx thaw --all
check "both run again" eval 'counts alpha && counts beta'

check "a signal goes to the command" abx kill -s TERM alpha
check "which handles it" wait_for 60 grep -q term alpha.sig
check "and lives" counts alpha
check "signals by number and by SIG name" \
	eval 'abx kill -s 15 alpha && abx kill -s SIGTERM alpha'
check_err "no such signal" 125 '"NOPE" is no signal' abx kill -s NOPE alpha

check_out "logs: reason" 'frozen +by uid [0-9]+: to have a look$' abx logs alpha
check_out "logs --json" '"event":"thawed"' abx logs --json alpha
spawn abx logs -f beta >"$TMP/followed" 2>&1 </dev/null
follower=$spawned
wait_for 60 grep -q started "$TMP/followed"

check "freeze before the kill" abx freeze beta
check "kill of a frozen box" abx kill beta
check_eq "the moment kill returns, nobody is there" \
	"$(field beta state)" ""
check "its supervisor ends" wait_for 60 gone "${pid_of[beta]}"
wait "${pid_of[beta]}"
check_eq "with status 128+9" $? 137
check "logs -f ends with the box" wait_for 60 gone "$follower"
check "and saw the end" grep -q '  killed ' "$TMP/followed"
check_out "logs of a dead box, by name" '  exited ' abx logs beta
check_err "a dead box cannot be frozen" 125 'no box named "beta"' \
	abx freeze beta

# kill -9 of a supervisor: what is left in the folder harms nobody
kill -9 "${pid_of[gamma]}"
wait_for 60 gone "${pid_of[gamma]}"
check "ps after kill -9" abx ps
check_eq "does not show it" "$(field gamma state)" ""
check "its name can be used again at once" \
	run_box --name gamma -- true

check "kill --all" abx kill --all
check_eq "nothing runs" "$(abx ps --json)" "[]"
wait_for 60 gone "${pid_of[alpha]}"
check_eq "no socket and no name is left of those that ended" \
	"$(find "$AGENTBOX_RUNTIME_DIR" -name '@*' -o -name "$id.sock")" ""

# a folder that others may enter is refused, by run and by the others
mkdir -m 755 "$TMP/open"
AGENTBOX_RUNTIME_DIR=$TMP/open check_err "an unsafe folder" 125 'not safe' \
	run_box -- true
AGENTBOX_RUNTIME_DIR=$TMP/open check_err "an unsafe folder, ps" 125 'not safe' \
	abx ps
finish
