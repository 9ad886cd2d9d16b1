#!/bin/bash
# The life of a box in the audit log: who, under which policy, how it started,
# what operators did, how it ended; and a box that cannot be recorded does not
# start.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
need python3

export AGENTBOX_RUNTIME_DIR=$TMP/rt
here=$(cd "$(dirname "$0")" && pwd)
query=${AGENTBOX%/*}/agentbox-query
log=$TMP/log.json
mkdir "$TMP/ws"
cd "$TMP/ws" || exit 1

# A profile with a rule for brokers, and no cgroup that it cannot do without.
profile()
{
	cat >"$TMP/p.json.new" <<-END
		{
			"version": 1, "name": "p", "role": "execute",
			"owner": "ann@example.com", "purpose": "a test",
			"requires": { "optional":
				["memory", "swap", "pids", "cpu", "io", "freeze"] },
			"process": { "syscalls": ["base"] },
			"files": { "exec": ["@system"],
				"workspace": { "access": "write" } },
			"network": { "allow": ["$1"] },
			"freeze": [{"on": "deny", "surface": "network",
				"count": 2, "window": "1m"}]
		}
	END
	mv "$TMP/p.json.new" "$TMP/p.json"
}

read_log()
{
	"$query" audit query --limit 0 --json >"$log"
}

# in_log NAME KEY=VALUE...: a record of that kind is there, soon.
has_record()
{
	read_log && python3 "$here/audit_log.py" "$log" want "$@"
}
in_log()
{
	local name=$1

	shift
	if wait_for 60 has_record "$@"; then
		ok "$name"
	else
		not_ok "$name" "$*" "$(has_record "$@" 2>&1 | tail -n 15)"
	fi
}

# value KEY KEY=VALUE...: of the last such record; waits until there is one.
value()
{
	wait_for 60 has_record "${@:2}"
	read_log
	python3 "$here/audit_log.py" "$log" get "$@"
}

count()
{
	read_log
	python3 "$here/audit_log.py" "$log" count "$@"
}

# start NAME [OPTION...] -- COMMAND: in the background; waits until it answers.
start()
{
	local name=$1

	shift
	spawn setsid "$AGENTBOX" run -p "$TMP/p.json" -n "$name" "$@" \
		2>"$TMP/said.$name"
	wait_for 60 "$AGENTBOX" inspect "$name" && return
	not_ok "box $name starts" "$(cat "$TMP/said.$name")"
	finish
}

# ---- a short life ----------------------------------------------------------
profile one.example.com
check "a box" run_box -p "$TMP/p.json" -n short --label k=v -- \
	sh -c 'exit 0' sh --password hunter2 ghp_0123456789abcdefghijABCDEFGHIJ012345
in_log "who it is" type=channel name=short agent=p profile=p \
	owner=ann@example.com purpose="a test" role=execute 'run_labels={"k": "v"}' \
	profile_file="$TMP/p.json" "peer_uid=$(id -u)" box_uid='*' run='*' on_behalf_of='*'
in_log "its policy" type=policy what=policy.load policy=p policy_hash='*' policy_blob='*' \
	epoch=1 detail='~p: '
in_log "the start was intended" type=intent what=box.start surface=process \
	class=spawn effect=allow goes_ahead=1 target=short workspace="$TMP/ws" \
	"by_uid=$(id -u)" by_pid='*' command='~exit 0'
start=$(value seq what=box.start target=short)
check_eq "arguments that are secret are not in the log" "$(grep -c hunter2 "$log")" 0
check_eq "nor are those that look like it" "$(grep -c ghp_0123456789 "$log")" 0
in_log "what holds" type=lifecycle what=box.confined ref="$start" layers='~seccomp'
in_log "it started" type=lifecycle what=box.started ref="$start"
in_log "it ended" type=outcome ref="$start" status=ok exit_status=0 cpu_us='*' latency_us='*'
in_log "it left" type=channel.end
check_eq "in this order" "$(value seq type=policy)" \
	"$((start - 1))"
check_eq "and nothing between is missing" \
	"$(count type=outcome ref="$start")" 1

check_status "a command that fails" 7 run_box -p "$TMP/p.json" -n seven -- sh -c 'exit 7'
in_log "its status" type=outcome status=error error=exit-status exit_status=7
check_status "a command that is not there" 127 run_box -p "$TMP/p.json" -- /no/such
in_log "its error" type=outcome status=error error=exec detail='~/no/such'
check_status "a timeout" 124 run_box -p "$TMP/p.json" -t 300ms -- sleep 60
in_log "is a status" type=outcome status=timeout
in_log "and an anomaly" type=anomaly what=box.timeout

# ---- operators -------------------------------------------------------------
start b -- sleep 300
uid=$(id -u)
check "freeze" limited "$AGENTBOX" freeze -w 'odd writes' b
in_log "freeze is on the record" type=intent what=admin.freeze surface=admin target=b \
	effect=allow goes_ahead=1 by_uid="$uid" by_pid='*' why='odd writes'
in_log "and its outcome" type=outcome ref="$(value seq what=admin.freeze)" status=ok
check "thaw" limited "$AGENTBOX" thaw -w 'looked at it' b
in_log "thaw too" type=outcome ref="$(value seq what=admin.thaw why='looked at it')" status=ok
check "a signal" limited "$AGENTBOX" kill -s WINCH b
in_log "a signal too" type=outcome ref="$(value seq what=admin.signal)" status=ok detail="signal 28"

old=$(value policy_hash type=policy what=policy.load)
profile two.example.com
check "reload" limited "$AGENTBOX" reload b
in_log "the new policy, and the one before" type=policy what=policy.load epoch=2 \
	former_hash="$old" policy_blob='*'
in_log "reload has an outcome" type=outcome ref="$(value seq what=admin.reload)" status=ok
echo '{' >"$TMP/p.json"
check_status "a reload that fails" 1 limited "$AGENTBOX" reload b
in_log "is there too" type=policy what=policy.load-failed epoch=2 status=error detail='~p.json' '!policy_blob'
in_log "with its outcome" type=outcome ref="$(value seq what=admin.reload)" status=error
check_out "inspect says that it is recorded" '"recording": true' "$AGENTBOX" inspect --json b

# ---- decisions -------------------------------------------------------------
decide()
{
	limited "$AGENTBOX" decide "$@"
}

# shellcheck disable=SC2016 # for the inner shell
ask='printf "{\"surface\": \"network\", \"host\": \"%s\", \"port\": 443}" "$2" | "$0" decide "$1"'
check_out "an action is allowed" '"allowed":true' limited sh -c "$ask" "$AGENTBOX" b two.example.com
action=$(sed 's/.*"action":\([0-9]*\).*/\1/' "$out")
in_log "it is on the record" type=intent seq="$action" what=network.connect \
	target=two.example.com:443 effect=allow goes_ahead=1 epoch=2 \
	inputs='~two.example.com' decision='~"effect": "allow"' args_digest='*'
check "what became of it" decide b --outcome "$action" ok --bytes-in 12 --detail fine
in_log "is on the record" type=outcome ref="$action" status=ok bytes_in=12 detail=fine latency_us='*'
check_err "only once" 125 'no action .* is open' decide b --outcome "$action" ok
check_err "not of what was not asked" 125 'no action' decide b --outcome 1 ok
check_err "approvals cannot be said" 125 'approvers' sh -c \
	'printf "{\"surface\": \"network\", \"host\": \"x\", \"approvers\": [\"me\"]}" |
	"$0" decide b' "$AGENTBOX"
check_err "a request that is none" 125 'surface' sh -c 'echo "{}" | "$0" decide b' "$AGENTBOX"
check_status "an action is denied" 1 limited sh -c "$ask" "$AGENTBOX" b evil.example.com
in_log "that is on the record too" type=intent target=evil.example.com:443 effect=deny goes_ahead=0
check_status "another" 1 limited sh -c "$ask" "$AGENTBOX" b evil2.example.com
in_log "which a trigger was waiting for" type=anomaly what=freeze.trigger \
	ref="$(value seq target=evil2.example.com:443)" trigger='~2 denials'
check_out "so the box is frozen" '"state": "frozen"' "$AGENTBOX" inspect --json b
check_err "and nothing is decided for it" 125 'frozen' limited sh -c "$ask" "$AGENTBOX" b two.example.com
check "kill" limited "$AGENTBOX" kill -w enough b
in_log "kill is on the record" type=intent what=admin.kill why=enough by_uid="$uid"
in_log "with its outcome" type=outcome ref="$(value seq what=admin.kill)" status=ok
in_log "and that of the start" type=outcome ref="$(value seq what=box.start target=b)" status=killed error=operator

# ---- a supervisor that is killed -------------------------------------------
profile one.example.com
start c -- sleep 300
pid=$("$AGENTBOX" inspect --json c | python3 -c 'import json, sys; print(json.load(sys.stdin)["supervisor"])')
kill -9 "$pid"
in_log "kill -9 of the supervisor: nobody knows how it ended" type=outcome \
	ref="$(value seq what=box.start target=c)" status=unknown

# ---- a writer that is killed -----------------------------------------------
start d -- sleep 300
writer()
{
	python3 -c 'import socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
print(struct.unpack("=iii", s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])' \
		"$AGENTBOX_STATE_DIR/audit/socket"
}
first=$(writer)
kill -9 "$first"
check "stopping does not wait for it" limited "$AGENTBOX" freeze -w nobody d
in_log "the record follows" type=intent what=admin.freeze target=d why=nobody
check "another writer came" test "$(writer)" != "$first"
check "thaw" limited "$AGENTBOX" thaw d
check "kill" limited "$AGENTBOX" kill d
in_log "the end of that box" type=outcome ref="$(value seq what=box.start target=d)" status=killed
in_log "the restart is there" type=log.restart

# ---- nothing without a record ----------------------------------------------
mkdir "$TMP/none"
touch "$TMP/file"
export AGENTBOX_STATE_DIR=$TMP/file/state
check_err "a state folder that cannot be" 125 'file' run_box -p "$TMP/p.json" -- touch ran
check "the command did not run" test ! -e ran
if is_root && mount -t tmpfs -o size=512k none "$TMP/none" 2>/dev/null; then
	at_exit umount -l "$TMP/none"
	export AGENTBOX_STATE_DIR=$TMP/none/state
	check_err "a disk that is full" 125 'space|full' run_box -p "$TMP/p.json" -- touch ran
	check "the command did not run" test ! -e ran
	mount -o remount,size=64m "$TMP/none"
	check "with room it does" wait_for 60 run_box -p "$TMP/p.json" -- touch ran
else
	# whoever is no root has no small disk; a folder that is closed will do
	install -d -m 500 "$TMP/closed"
	export AGENTBOX_STATE_DIR=$TMP/closed/state
	is_root || check_err "a folder that is closed" 125 'closed|denied' \
		run_box -p "$TMP/p.json" -- touch ran
fi
finish
