#!/bin/bash
# A shim that somebody took over, under the real supervisor: in its place stands
# a program that is confined as it is and says what no shim says, or tries what
# no shim does (tests/tools/bad_shim.c). The supervisor ends it, records it, and
# hands out nothing that was not decided on.
. "$(dirname "$0")/lib.sh"
[ -x "$TESTBIN/bad_shim" ] || skip_all "$TESTBIN/bad_shim is not built"
W=${WAIT:-60}
servers
(umask 077 && echo the-secret >"$TMP/key")
CREDENTIALS='"key": { "source": { "file": "'$TMP/key'" }, "env": "KEY",
	"use": [{ "host": "web.test", "header": "authorization" }] }'
write_config

# The programs as they are, but the shim.
TREE=$TMP/tree/build/bin
mkdir -p "$TREE"
cp "${AGENTBOX%/*}"/agentbox* "$TREE"
cp -r "$SRC/profiles" "$TMP/tree/profiles"
AGENTBOX=$TREE/agentbox
allow '"raw.test:7"' '{"host": "plain.test", "port": 80}'

# of the record, the number of the newest
newest()
{
	limited "$AGENTBOX" audit query --limit 1 --json 2>/dev/null |
		sed -E 's/.*"seq": ?([0-9]+).*/\1/' | grep . || echo 0
}

# with ATTACK REGEX: a box whose shim does that; what it got is in a file. Returns when REGEX is in
# the record; the box waits for over().
with()
{
	mv "$TREE/agentbox-shim.was" "$TREE/agentbox-shim" 2>/dev/null
	cp "$TREE/agentbox-shim" "$TREE/agentbox-shim.was"
	cp "$TESTBIN/bad_shim" "$TREE/agentbox-shim.new"
	mv "$TREE/agentbox-shim.new" "$TREE/agentbox-shim"
	echo "$1" >"$TREE/attack"
	rm -f "$TREE/got" "$WS/over"
	box=taken-$$-$RANDOM
	first=$(newest)
	spawn "$AGENTBOX" run --name "$box" --profile "$PROFILE" --workspace "$WS" -- \
		bash -c 'exec 3<>/dev/tcp/203.0.113.9/7; until [ -e over ]; do sleep 0.02; done' \
		>"$TMP/box.out" 2>&1
	wait_for "$W" recorded "$2" || show_box
}
got()
{
	tr -d '\0' <"$TREE/got"
}
got_some()
{
	[ "$(got | grep -c "$1")" -ge "$2" ]
}
show_box()
{
	echo "# got: $(got)"
	records | tail -n 5 | cut -c1-300 | sed 's/^/# /'
}
over()
{
	touch "$WS/over"
	wait_for "$W" gone "$spawned" || not_ok "the box ends"
	wait "$spawned" 2>/dev/null
}
records()
{
	limited "$AGENTBOX" audit query --limit 0 --json --seq "$first.."
}
recorded()
{
	records | grep -Eq "$1"
}

# ended NAME ATTACK WHAT [GOT]: the supervisor ends it, with that anomaly; all
# that it had is GOT
ended()
{
	with "$2" "$3"
	over
	if ! recorded "$3"; then
		not_ok "$1" "no $3 in the record"
		show_box
	elif ! grep -Eq "^${4:-}\$" <<<"$(got | grep -v ended | sort -u | paste -sd' ')"; then
		not_ok "$1" "it got: $(got)"
	else
		ok "$1"
	fi
}

with granted '"surface":"network".*"raw.test"'
wait_for "$W" got_some yes 1
over
check_eq "what is granted it gets, as the real one does" \
	"$(got | grep -v ended | sort | paste -sd' ')" "descriptor yes"

with not_granted 'raw.test'
wait_for "$W" got_some no 7
over
check_eq "what nothing grants it does not get" "$(got | grep -v ended | sort -u)" no
check "each of its questions is in the record" bash -c "
	[ \$('$AGENTBOX' audit query --limit 0 --json --effect deny --seq '$first..' |
		grep -cE 'other.test|evil.example|127.0.0.1|169.254|internal|localhost|raw.test') -ge 7 ]"

P='network.shim-protocol' M='network.shim-packet'
ended "ends of others' actions" forged_done "$P" 'descriptor yes'
ended "the same end twice" done_twice "$P" 'descriptor yes'
ended "an end in words that there are not" forged_status "$P" 'descriptor yes'
ended "a connection to one host for another" forged_conn "$P" 'descriptor yes'
ended "a host in a form that is not its own" other_text "$P"
ended "a host with a line of its own" two_lines "$P"
ended "bytes that are no packet" garbage "$M"
ended "a packet that was cut" cut_short "$M"
ended "an answer in place of a question" answers_itself "$M"
ended "what comes once, twice" ready_twice "$P"
ended "descriptors for the supervisor" hands_descriptors "$M|$P"
ended "a reason that nobody has" forged_reason "$P"
ended "more of what it does not have" many_more "$P" 'descriptor yes'
check "the action that was open has no known end" recorded '"unknown"'

# It may ask as much as it likes; memory of the supervisor stays bounded.
with flood evil.example
wait_for "$W" bash -c "'$AGENTBOX' inspect --json '$box' >/dev/null"
check "a flood of questions: the supervisor answers others" \
	limited "$AGENTBOX" inspect --json "$box"
check "and is no bigger for it" bash -c "
	[ \$(awk '/^VmRSS/ { print \$2 }' /proc/$spawned/status) -lt 65536 ]"
check "it can be ended" limited "$AGENTBOX" kill "$box"
wait_for "$W" gone "$spawned"
check "nothing of it was granted" eval "! got_some yes 1"

# Secrets: what is asked for in the name of an agent is decided as ever.
with wants_secret 'placeholder'
over
check "no secret for where it may not go" eval "! got_some 'yes\|descriptor' 1"
check "none is in the record" bash -c "! grep -rqa the-secret '$AGENTBOX_STATE_DIR'"

# What it is: each attempt ends it, and the box goes on.
for a in inet_socket connect_anew disconnect open_file open_proc open_victim exec_program \
	exec_descriptor fork_it signal_victim signal_pidfd trace_victim read_victim take_from_victim \
	mount_it new_namespace become_root new_filter run_memory keys; do
	with "$a" 'network.shim-died.*signal 31'
	over
	if recorded 'network.shim-died.*signal 31' && ! got_some worked 1 && got_some yes 1; then
		ok "$a: ended by the kernel"
	else
		not_ok "$a" "$(got)"
		show_box
	fi
done
check "no attempt reached a server that was not given" bash -c \
	"! grep -vE '^raw ' '$NET/log' | grep -q ."
finish
