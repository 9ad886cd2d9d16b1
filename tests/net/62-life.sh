#!/bin/bash
# What becomes of connections when something happens to their box: frozen,
# killed, ended, decided on anew, a secret revoked, a limit met, its shim killed;
# and clients and servers that are slow on purpose.
. "$(dirname "$0")/lib.sh"
need pgrep
W=${WAIT:-60}
servers
cp "$SRC/tests/net/life.py" "$WS/"
server python3 "$WS/life.py" serve "$NET"
wait_for "$W" test -e "$NET/life-port" || { not_ok "the server listens"; finish; }
touch "$NET/life-events"
for n in life other-life; do
	map "$n.test" "$(cat "$NET/life-port")"
done
(umask 077 && echo the-secret >"$TMP/key")
CREDENTIALS='"key": { "source": { "file": "'$TMP/key'" }, "env": "KEY",
	"use": [{ "host": "api.test", "header": "authorization" }] }'
write_config

LIFE='"life.test:7"' OTHER='"other-life.test:7"'
# of the record, the number of the newest
newest()
{
	limited "$AGENTBOX" audit query --limit 1 --json 2>/dev/null |
		sed -E 's/.*"seq": ?([0-9]+).*/\1/' | grep . || echo 0
}

number=0
# start COMMAND...: in a box that goes on, in $box; its supervisor in $spawned
start()
{
	box=life-$$-$((++number))
	rm -f "$WS"/*.state "$WS"/*.count "$WS/n"
	first=$(newest)
	spawn "$AGENTBOX" run --name "$box" --profile "$PROFILE" --workspace "$WS" -- "$@" \
		>"$TMP/box.out" 2>&1
}

# agents WORD:NAME[:HOST]...: streams of a box; returns when all are open
agents()
{
	local a n

	start python3 life.py agent "$@"
	for a; do
		n=${a#*:}
		wait_for "$W" test -e "$WS/${n%%:*}.state" ||
			not_ok "$a opens a stream" "$(cat "$TMP/box.out")"
	done
}

over()
{
	limited "$AGENTBOX" kill "$box" >/dev/null 2>&1
	wait_for "$W" gone "$spawned"
	wait "$spawned" 2>/dev/null
}

shim_of()
{
	pgrep -P "$spawned" -x agentbox-shim
}
no_shim()
{
	! shim_of
}
count()
{
	cat "$WS/$1.count" 2>/dev/null || echo 0
}
more_than()
{
	[ "$(count "$1")" -gt "$2" ]
}
state()
{
	grep -Eq "$2" "$WS/$1.state"
}
event()
{
	grep -Eq "^($1)" "$NET/life-events"
}
inspected()
{
	limited "$AGENTBOX" inspect --json "$box" | python3 -c \
		'import json, sys; print(json.load(sys.stdin)["network"][sys.argv[1]])' "$1"
}
records()
{
	limited "$AGENTBOX" audit query --limit 0 --json --seq "$first.."
}
recorded()
{
	records | grep -Eq "$1"
}

# ---- no shim for nothing

allow "$LIFE"
start sleep 1000
wait_for "$W" capture limited "$AGENTBOX" inspect "$box"
check_eq "a box that dials nothing has no shim" "$(inspected starts) $(shim_of)" "0 "
over

# ---- freezing

NETWORK='"limits": { "idle": "1s" },'
allow "$LIFE" "$OTHER"
agents echo:a pour:b
wait_for "$W" more_than a 3
check "freeze" limited "$AGENTBOX" freeze "$box"
still()
{
	before="$(cat "$NET/life-sent") $(count a) $(inspected bytes_received)"
	sleep 0.5
	[ "$before" = "$(cat "$NET/life-sent") $(count a) $(inspected bytes_received)" ]
}
check "no byte moves" wait_for "$W" still
sent=$(cat "$NET/life-sent")
sleep 2.5
check_eq "nothing timed out, nothing moved" \
	"$(cat "$NET/life-sent") $(cat "$WS/a.state") $(cat "$WS/b.state")" "$sent open open"
was=$(count a)
check "thaw" limited "$AGENTBOX" thaw "$box"
check "the stream goes on" wait_for "$W" more_than a "$((was + 3))"
check "and what was poured, too" wait_for "$W" bash -c "[ \$(cat '$NET/life-sent') -gt $sent ]"

# ---- killing

: >"$NET/life-events"
check "kill" limited "$AGENTBOX" kill "$box"
check "the server sees a reset" wait_for "$W" event 'reset a'
check "not an end" bash -c "! grep -q '^eof' '$NET/life-events'"
check "each of them" wait_for "$W" event 'reset b'
over
NETWORK=

agents echo:a
check "frozen, then killed" limited "$AGENTBOX" freeze "$box"
: >"$NET/life-events"
over
check "that is a reset as well" wait_for "$W" event 'reset a'
check "nothing is open in the record" bash -c \
	"! '$AGENTBOX' audit query --limit 0 --json --seq '$first..' | grep -q '\"status\":\"open\"'"

: >"$NET/life-events"
start bash -c 'python3 life.py agent echo:z & until [ -s z.count ]; do sleep 0.02; done'
check "a box whose command ends takes its connections along" wait_for "$W" event '(eof|reset) z'
wait_for "$W" gone "$spawned"
check "and its shim" no_shim

# ---- another policy

allow "$LIFE" "$OTHER" '{"host": "plain.test", "port": 80, "method": "GET"}'
agents echo:a echo:b:other-life.test
: >"$NET/life-events"
allow "$OTHER"
check "reload" limited "$AGENTBOX" reload "$box"
check "a stream that is not granted any more is reset" wait_for "$W" state a '^reset'
check "for the server too" wait_for "$W" event 'reset a'
check "the record says why" wait_for "$W" recorded 'policy-changed'
was=$(count b)
check "one that is goes on" wait_for "$W" more_than b "$((was + 3))"
over
cat >"$WS/next.py" <<'END'
import http.client, os, time
c = http.client.HTTPConnection("plain.test")
def get():
    c.request("GET", "/hello")
    r = c.getresponse()
    return "%d %s" % (r.status, r.read().decode()[:200])
print(get(), flush=True)
open("next.state", "w").close()
while not os.path.exists("next.go"):
    time.sleep(0.02)
print(get(), flush=True)
END
rm -f "$WS/next.go"
allow '{"host": "plain.test", "port": 80, "method": "GET"}'
start python3 next.py
wait_for "$W" test -e "$WS/next.state"
allow '{"host": "plain.test", "port": 80, "method": "POST"}'
check "reload between two requests" limited "$AGENTBOX" reload "$box"
touch "$WS/next.go"
check "the next on the same connection is decided anew" wait_for "$W" grep -q '^403 .*blocked' "$TMP/box.out"
check "the first was not" grep -q '^200 hello' "$TMP/box.out"
wait_for "$W" gone "$spawned"

# ---- a revoked secret

MORE='"credentials": { "allow": ["key"] },'
allow '"api.test"'
cat >"$WS/revoked.py" <<'END'
import http.client, os, ssl, time
c = http.client.HTTPSConnection("api.test")
def get():
    c.request("GET", "/headers", headers={"authorization": os.environ["KEY"]})
    r = c.getresponse()
    return "%d %s" % (r.status, r.read().decode().replace("\n", " "))
print(get(), flush=True)
open("revoked.state", "w").close()
while not os.path.exists("revoked.go"):
    time.sleep(0.02)
print(get(), flush=True)
END
rm -f "$WS/revoked.go"
start python3 revoked.py
wait_for "$W" test -e "$WS/revoked.state"
check "revoke" limited "$AGENTBOX" revoke "$box" key
check_eq "inspect says so" "$(inspected credentials)" "[{'name': 'key', 'revoked': True}]"
check_status "one that there is not" 1 limited "$AGENTBOX" revoke "$box" no-such
touch "$WS/revoked.go"
check "the next use fails, on the same connection" wait_for "$W" grep -q '^403 .*credential-revoked' "$TMP/box.out"
check "the first did not" grep -q '^200 .*the-secret' "$TMP/box.out"
wait_for "$W" gone "$spawned"
MORE=

# ---- limits of the profile

NETWORK='"limits": { "connections": 2 },'
allow "$LIFE"
inside "a third connection waits until another ends" '^waited then went on$' '
	python3 - <<END
import socket
def one():
    s = socket.create_connection(("life.test", 7)); s.sendall(b"echo n\nhi"); return s
a, b, c = one(), one(), one()
assert a.recv(9) == b"hi" and b.recv(9) == b"hi"
c.settimeout(0.5)
try:
    print(c.recv(9))
except socket.timeout:
    a.close()
    c.settimeout(60)
    if c.recv(9) == b"hi": print("waited then went on")
END'

NETWORK='"limits": { "sent": "1M" },'
allow "$LIFE"
: >"$NET/life-events"
start python3 life.py agent sink:s
check "who has sent all that he may is cut off" wait_for "$W" state s '^reset'
check "the server got no more than that" wait_for "$W" event '(eof|reset) s ([0-9]{1,6}|10[0-4][0-9]{4})$'
check "the record says why" wait_for "$W" recorded 'limit-sent'
wait_for "$W" gone "$spawned"
NETWORK='"limits": { "received": "1M" },'
allow "$LIFE" '{"host": "plain.test", "port": 80}'
inside "who has received all that he may, too" '^[0-9]+ cut$' \
	'curl -sS http://plain.test/big/3000000 >got || n=$(wc -c <got); [ "$n" -le 1048576 ]; echo "$n cut"
	! curl -sSf -m 20 http://plain.test/hello'
NETWORK='"limits": { "rate_sent": "1M" },'
allow '{"host": "plain.test", "port": 80}'
inside "a rate slows down and loses nothing" '^4000000 [2-9][0-9]*$' \
	'head -c 4000000 /dev/zero >f; a=$(date +%s%N)
	n=$(curl -sS --data-binary @f http://plain.test/echo | wc -c); b=$(date +%s%N)
	echo "$n $(((b - a) / 1000000000))"'
NETWORK='"limits": { "idle": "1s" },'
allow "$LIFE"
start python3 life.py agent quiet:q echo:a
check "who is idle is ended" wait_for "$W" event '(eof|reset) q'
check "the record says why" wait_for "$W" recorded '"idle"'
check_eq "who is not goes on" "$(cat "$WS/a.state")" open
over
NETWORK='"limits": { "lifetime": "2s" },'
allow "$LIFE"
: >"$NET/life-events"
start python3 life.py agent echo:a
check "a life has an end" wait_for "$W" state a '^reset|^eof'
check "the record says why" wait_for "$W" recorded '"lifetime"'
wait_for "$W" gone "$spawned"

# ---- slow ones

NETWORK='"limits": { "idle": "2s", "head": "1s" },'
allow "{\"host\": \"life.test\", \"port\": 7, \"method\": \"GET\"}" '{"host": "plain.test", "port": 80, "method": "GET"}'
inside "a client that sends its head byte by byte is ended" '^(408|closed)' '
	python3 - <<END
import socket, time
s = socket.create_connection(("plain.test", 80)); s.settimeout(0.2)
try:
    for c in b"GET /hello HTTP/1.1\r\nX-Slow: " + b"x" * 1000:
        s.sendall(bytes([c]))
        try:
            got = s.recv(99)
            print(got.split()[1].decode() if got else "closed"); break
        except socket.timeout:
            pass
except OSError:
    print("closed")
END'
for how in never half late; do
	inside "a server that is slow: $how" '^over' \
		"curl -s -m 50 -o /dev/null http://life.test:7/$how || [ \$? != 28 ]; echo over"
done
NETWORK='"limits": { "lifetime": "3s" },'
allow "{\"host\": \"life.test\", \"port\": 7, \"method\": \"GET\"}"
inside "one that drips, for as long as a connection may last" '^over' \
	"curl -s -m 50 -o /dev/null http://life.test:7/drip || [ \$? != 28 ]; echo over"
NETWORK=

# ---- rules that count

allow '{"host": "plain.test", "port": 80, "path": "/hello", "max_uses": 3, "id": "thrice"}' \
	'{"host": "plain.test", "port": 80, "path": "/ok", "rate": "2/h", "id": "rated"}' \
	'{"host": "plain.test", "port": 80, "path": "/echo", "budget": {"at": "/size", "max": 1000}, "id": "sized"}'
inside "so many times" '^200 200 200 403 uses-exhausted$' \
	'for i in 1 2 3 4; do curl -s -o body -w "%{http_code} " http://plain.test/hello; done
	grep -o "uses-exhausted" body'
inside "so many in a time" '^200 200 429 rate-limited$' \
	'for i in 1 2 3; do curl -s -o body -w "%{http_code} " http://plain.test/ok; done
	grep -o "rate-limited" body'
inside "so many bytes" '^200 200 403 budget-exhausted$' \
	'for i in 600 400 1; do
		curl -s -o body -w "%{http_code} " --data-binary "$(head -c $i /dev/zero | tr "\0" x)" http://plain.test/echo
	done; grep -o "budget-exhausted" body'
inside "also of a body whose length is said nowhere" '^403 budget-exhausted$' \
	'head -c 5000 /dev/zero | curl -s -T - -X POST -o body -w "%{http_code} " http://plain.test/echo
	grep -o "budget-exhausted" body'

# ---- a shim that is killed

allow "$LIFE"
agents echo:a
old=$(shim_of)
: >"$NET/life-events"
kill -9 "$old"
check "a killed shim: its streams are reset" wait_for "$W" state a '^reset|^eof'
check "for the server too" wait_for "$W" event 'reset a'
check "the record does not know how they ended" wait_for "$W" recorded '"unknown"'
check "and has the death" wait_for "$W" recorded 'network.shim-died'
over
cat >"$WS/once.py" <<'END'
import socket
s = socket.create_connection(("life.test", 7))
s.sendall(b"echo once\nhi")
if s.recv(9) != b"hi":
    raise SystemExit(1)
END
start bash -c 'n=0; while :; do ! python3 once.py || echo $((++n)) >n; done'
wait_for "$W" test -s "$WS/n"
old=$(shim_of)
kill -9 "$old"
was=$(cat "$WS/n")
check "the box goes on with another one" wait_for "$W" bash -c "[ \$(cat '$WS/n') -gt $((was + 1)) ]"
check "which is another" test "$(shim_of)" -a "$(shim_of)" != "$old"
over

# ---- many at once

allow '{"host": "plain.test", "port": 80, "method": "GET"}'
inside "200 connections with requests at once: none is denied" '^1000 \[\]$' \
	'python3 life.py fetch plain.test 200 5'
finish
