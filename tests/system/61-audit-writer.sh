#!/bin/bash
# The writer of the audit log: how it starts, who it listens to, what it may do,
# how it ends.
. "$(dirname "$0")/lib.sh"
need python3

audit=$(dirname "$AGENTBOX")/agentbox-audit
verify=$(dirname "$AGENTBOX")/agentbox-verify
client=$SRC/tests/system/auditwriter.py
state=$TMP/state
mkdir "$state"
chmod 700 "$state"
writer_uid=1879113728

# start [OPTION...]: in the foreground; pid in $writer, what it said in ready
start()
{
	: >"$TMP/ready"
	spawn "$audit" --foreground --state "$state" --ready-fd 3 "$@" 3>"$TMP/ready" 2>"$TMP/said"
	writer=$spawned
	wait_for 60 test -s "$TMP/ready"
}

ask()
{
	timeout 60 python3 "$client" "$state/audit/socket" "$@"
}

stop()
{
	kill -TERM "$writer"
	wait "$writer"
}

whole()
{
	"$verify" "$state/audit"
}

of_writer() # FIELD: of /proc/PID/status
{
	awk -v f="$1:" '$1 == f { print $2 }' "/proc/$writer/status"
}

# ---- words -----------------------------------------------------------------
check_out "--version" '^agentbox-audit [0-9]' "$audit" --version
check_out "--help" '^agentbox-audit ' "$audit" --help
check_err "an option that is not known" 1 'see agentbox-audit --help' "$audit" --nope
check_err "a ready descriptor that is not open" 1 'no open descriptor' "$audit" --ready-fd 9
check_err "a state folder by a relative path" 1 'absolute path' "$audit" --foreground --state x

# ---- a start, a client, an end ---------------------------------------------
start
check_eq "it says that it is ready" "$(cat "$TMP/ready")" ok
check_eq "its socket is its own" "$(stat -c %a "$state/audit/socket")" 600
check_eq "its folder is closed" "$(stat -c %a "$state/audit")" 700
check_out "an action is recorded" '^outcome [0-9]+$' ask open intent outcome
check_out "its state as JSON" '"channels": 0' ask status
check_out "a checkpoint" '^checkpoint 0$' ask checkpoint
check_out "a second one leaves the first alone" 'another one is there' \
	sh -c "'$audit' --state '$state' --ready-fd 3 3>&1"

check_eq "no capabilities" "$(of_writer CapEff)$(of_writer CapBnd | tr -d 0)" 0000000000000000
check_eq "no new privileges" "$(of_writer NoNewPrivs)" 1
check_eq "a seccomp filter" "$(of_writer Seccomp)" 2
is_root && check_eq "the writer's own uid" "$(of_writer Uid)" "$writer_uid"
is_root && check_eq "no groups" "$(of_writer Groups)" ""
is_root && check_eq "its files are its own" \
	"$(stat -c %u "$state"/audit/{log,sign.key,head} | sort -u)" "$writer_uid"
check "what confines it is in the log" \
	grep -aq 'no-new-privileges.*seccomp' "$state"/audit/log/*.seg

# who can see the folder is not all: the user namespace must be the same
if unshare -U --map-current-user true 2>/dev/null; then
	check_out "a client in another user namespace is refused" '^refused' \
		sh -c "unshare -U --map-current-user python3 '$client' '$state/audit/socket' open; true"
else
	skip "a client in another user namespace" "no user namespaces"
fi

kill -HUP "$writer"
check_out "SIGHUP changes nothing" '^intent [0-9]+$' ask open intent
check "SIGTERM ends it well" stop
check "what it leaves is whole" whole
check "its socket is gone" test ! -e "$state/audit/socket"

# ---- kill -9 ---------------------------------------------------------------
start
check_out "the same log goes on" '^outcome [0-9]+$' ask open intent outcome
kill -KILL "$writer"
wait "$writer" 2>/dev/null
check "its socket is left" test -S "$state/audit/socket"
start
check_eq "another takes its place" "$(cat "$TMP/ready")" ok
check_out "and says what it found" '^rotate 0$' ask rotate
check "SIGINT ends it as well" sh -c "kill -INT $writer"
wait "$writer"
check "the log is whole" whole
check "with a restart in it" sh -c "'$verify' --json '$state/audit' | grep -q '\"restarts\": *1'"

# ---- alone -----------------------------------------------------------------
check "without --foreground it returns when it serves" "$audit" --state "$state"
writer=$(ask status >"$TMP/status" && pgrep -n -f "agentbox-audit --state $state\$")
check_eq "in a session of its own" "$(ps -o sid= -p "$writer" | tr -d ' ')" "$writer"
if is_root; then
	check_eq "with nothing of its starter's open" "$(readlink "/proc/$writer/fd/0")" /dev/null
	check_eq "in an empty root" "$(find "/proc/$writer/root/" -mindepth 1 | wc -l)" 0
fi
rm -rf "$state/audit"
check "its folder gone, it ends" wait_for 60 gone "$writer"

# ---- damage ----------------------------------------------------------------
start
ask open intent outcome >/dev/null
stop
python3 - "$state"/audit/log/*.seg <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(300)
    b = f.read(1)[0]
    f.seek(300)
    f.write(bytes([b ^ 1]))
END
check_err "a changed log is not continued" 1 'agentbox audit anew' "$audit" --state "$state"
start
check_out "who waits is told in a line" 'agentbox audit anew' cat "$TMP/ready"
wait "$writer" 2>/dev/null
start --anew
check_eq "a new one begins" "$(cat "$TMP/ready")" ok
check_out "in which one can write" '^intent [0-9]+$' ask open intent
check_err "not while one serves" 1 'a writer serves this log' \
	"$audit" --state "$state" --anew
stop
check "it is whole" whole
check "the old one is kept" sh -c "ls '$state'/audit.damaged-*/log/*.seg"

# ---- systemd ---------------------------------------------------------------
cat >"$TMP/activate.py" <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(sys.argv[1])
s.listen()
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
END
spawn python3 "$TMP/activate.py" "$TMP/listen" "$audit" --foreground --state "$state"
wait_for 60 test -S "$TMP/listen"
check_out "it serves the socket that it is given" '^intent [0-9]+$' \
	timeout 60 python3 "$client" "$TMP/listen" open intent
kill -TERM "$spawned"
wait "$spawned"
check "and leaves it where it is" test -S "$TMP/listen"
check_err "another descriptor is no socket" 1 'is no listening' \
	bash -c "exec env LISTEN_FDS=1 LISTEN_PID=\$\$ '$audit' --foreground --state '$state' 3</dev/null"

# ---- settings ---------------------------------------------------------------
conf=$state/audit.json # of this folder alone
echo '{ "version": 1, "idel": "1s" }' >"$conf"
check_err "settings that are wrong end the start" 1 'audit.json.*idel' "$audit" --state "$state"
cat >"$conf" <<-END
	{
		"version": 1,
		"sinks": [
			{ "type": "file", "path": "$TMP/notes" },
			{ "type": "command", "argv": ["/bin/sh", "-c", "cat > $TMP/last"] },
			{ "type": "command", "argv": ["/bin/false"] }
		]
	}
END
start
check_out "with sinks" '^checkpoint 0$' ask open intent checkpoint
check "a file gets the checkpoint" wait_for 60 grep -q '^agentbox-audit/' "$TMP/notes"
check "a command gets it" wait_for 60 grep -q '^agentbox-audit/' "$TMP/last"
check "one that fails is an anomaly in the log" wait_for 60 \
	grep -aq '/bin/false: Input/output error' "$state"/audit/log/*.seg
stop
check "the last checkpoint leaves the host, too" wait_for 60 cmp -s "$TMP/last" "$state/audit/head"
check "the log is whole still" whole

echo '{ "version": 1, "idle": "3s" }' >"$conf"
start
check_out "while somebody is there" '^hold' \
	sh -c "sleep 4 | python3 '$client' '$state/audit/socket' open hold"
check "alone for long enough, it ends" wait_for 60 gone "$writer"
finish
