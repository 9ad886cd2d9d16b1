#!/bin/bash
# Names that lie: a name server of the test's own answers with whatever an
# attacker who owns a zone could say. Addresses of nobody's kind are refused
# whatever the name, by the reason that the record has, and nothing is asked
# outside that no rule grants. The test has a network namespace of its own, with
# another one beyond it that is "the Internet".
if [ "${1:-}" != --inside ]; then
	# shellcheck source=tests/net/lib.sh
	. "$(dirname "$0")/lib.sh"
	need_root
	need ip unshare nsenter python3 curl
	[ -x "$TESTBIN/serve_dns" ] || skip_all "$TESTBIN/serve_dns is not built"
	unshare -n ip link add x0 type veth peer name x1 2>/dev/null ||
		skip_all "no pair of interfaces (veth) can be made here"
	finished=1
	rm -rf "$TMP"
	exec unshare -n "$0" --inside
fi
. "$(dirname "$0")/lib.sh"
need_programs
OUTSIDE="8.8.0.2/24 8.8.0.3/24 10.9.0.2/24 2a00:1450::2/64"

cat >"$TMP/web.py" <<'END'
"""web.py NAME LOG PORT: says who it is, and where it was reached; dual stack"""
import http.server, socket, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        at = self.connection.getsockname()[0].replace("::ffff:", "")
        with open(sys.argv[2], "a") as f:
            f.write("%s %s\n" % (sys.argv[1], at))
        data = b"%s %s\n" % (sys.argv[1].encode(), at.encode())
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *a):
        pass

class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True

Server(("::", int(sys.argv[3])), Handler).serve_forever()
END

ip link set lo up
unshare -n sleep infinity &
beyond=$!
children+=("$beyond")
at_exit kill -9 "$beyond"
wait_for 30 bash -c "[ \$(readlink /proc/$beyond/ns/net) != \$(readlink /proc/$$/ns/net) ]"
there()
{
	nsenter -n -t "$beyond" "$@"
}
network()
{
	local a

	ip link add v0 type veth peer name v1 netns "$beyond" &&
		ip addr add 8.8.0.1/24 dev v0 && ip addr add 10.9.0.1/24 dev v0 &&
		ip -6 addr add 2a00:1450::1/64 dev v0 nodad && ip link set v0 up &&
		there ip link set lo up && there ip link set v1 up || return 1
	for a in $OUTSIDE; do
		case $a in
		*:*) there ip -6 addr add "$a" dev v1 nodad ;;
		*) there ip addr add "$a" dev v1 ;;
		esac || return 1
	done
}
network || { not_ok "a network beyond"; finish; }
server python3 "$TMP/web.py" host "$NET/log" 80
server nsenter -n -t "$beyond" python3 "$TMP/web.py" beyond "$NET/log" 80
check "somebody is beyond" wait_for 60 curl -sf -m 2 http://8.8.0.2/
check "and on this host" wait_for 60 curl -sf -m 2 http://127.0.0.1/

# What the name server says.
LIES="loopback=127.0.0.1 loopback-far=127.8.9.1 any=0.0.0.0 net-0=0.1.2.3 private=10.9.0.2
	private-172=172.16.0.1 private-192=192.168.1.1 shared=100.64.0.1 link=169.254.1.1
	metadata=169.254.169.254 alibaba=100.100.100.200 multicast=224.0.0.1
	broadcast=255.255.255.255 class-e=240.0.0.1 docs=192.0.2.1 bench=198.18.0.1
	own=8.8.0.1 own-v6=2a00:1450::1 loopback-v6=::1 any-v6=:: mapped=::ffff:127.0.0.1
	mapped-private=::ffff:10.9.0.2 compatible=::127.0.0.1 nat64=64:ff9b::7f00:1
	nat64-private=64:ff9b::a09:2 nat64-meta=64:ff9b::a9fe:a9fe sixtofour=2002:7f00:1::
	teredo=2001:0:7f00:1:0:0:80ff:fffe link-v6=fe80::1 unique=fd00::1
	metadata-v6=fd00:ec2::254 site=fec0::1 multicast-v6=ff02::1 synthetic=fd61:6762:6f78::c612:1"
for l in $LIES; do
	echo "${l%%=*}.lies.test ${l#*=}"
done >"$NET/names"
cat >>"$NET/names" <<'END'
good.test 8.8.0.2
six.test 2a00:1450::2
both.test 8.8.0.2 2a00:1450::2
a.wild.test 8.8.0.2
deep.a.wild.test 8.8.0.2
wild.test 8.8.0.2
denied.wild.test 8.8.0.2
pinned.test ttl=1 8.8.0.2 | 127.0.0.1
zero.test ttl=0 8.8.0.2 | 10.9.0.2
back.test ttl=1 127.0.0.1 | 8.8.0.2
alias.test cname=inside.corp.test 10.9.0.2
alias-good.test cname=cdn.elsewhere.test 8.8.0.2
alias-loop.test cname=alias-loop.test
alias-local.test cname=localhost 127.0.0.1
mixed.test 127.0.0.1 10.9.0.2 169.254.169.254 8.8.0.2
mixed-v6.test 8.8.0.2 ::1 fd00::1
mixed-bad.test 127.0.0.1 10.0.0.1 ::1
many.test many=2000
many-good.test many=40 8.8.0.2
gone.test nx
broken.test servfail
garbage.test garbage
silent.test silent
empty.test ttl=60
named.test 10.9.0.2
named-v6.test fd00::1
pinned-name.test 10.9.0.2
named-both.test 10.9.0.2 127.0.0.1
mapped-host.test 8.8.0.3
closed.test 8.8.0.2
END
server "$TESTBIN/serve_dns" "$NET"
wait_for 60 test -s "$NET/port" || { not_ok "the name server listens"; finish; }
cat >"$AGENTBOX_NETWORK_CONFIG" <<END
{
	"hosts": { "mapped-host.test": "127.0.0.1:80" },
	"dns": { "servers": "$(cat "$NET/port")", "timeout": "700ms" }
}
END
chmod 600 "$AGENTBOX_NETWORK_CONFIG"

NAMES=$(grep -vE '\.lies\.|wild|^named|^pinned-name' "$NET/names" | sed 's/ .*//; s/.*/"&"/' | paste -sd,)
allow "{\"host\": [$NAMES, \"mapped-host.test\", \"unasked.test\"], \"port\": 80}" \
	'{"host": ["*.lies.test", "*.wild.test"], "port": 80}' \
	'{"host": "named.test", "port": 80, "address": "10.9.0.0/24"}' \
	'{"host": "named-v6.test", "port": 80, "address": "10.9.0.0/24"}' \
	'{"host": "named-both.test", "port": 80, "address": "10.9.0.2/32"}' \
	'{"host": "pinned-name.test", "port": 80}' \
	'"closed.test:81"'
python3 - "$PROFILE" <<'END'
import json, sys
p = json.load(open(sys.argv[1]))
p["network"]["deny"] = ["denied.wild.test"]
json.dump(p, open(sys.argv[1], "w"))
END

# reached NAME HOST WHO
reached()
{
	inside "$1" "^$3\$" "curl -sSf -m 20 http://$2/"
}

# said NAME HOST REASON [PORT]: what curl gets is no answer of a server, the
# agent hears that reason, and the record has it.
said()
{
	local before

	before=$(wc -l <"$NET/log")
	capture boxed bash -c "curl -s -m 20 http://$2:${4:-80}/ >body
		echo; curl -s http://agentbox.internal/why/last"
	if ! tail -n 1 "$out" | grep -q "\"reason\":\"$3\""; then
		not_ok "$1" "not \"$3\""
		show
	elif [ "$(wc -l <"$NET/log")" != "$before" ]; then
		not_ok "$1" "somebody was reached"
	elif ! limited "$AGENTBOX" audit query --limit 6 --json | grep -q "\"${3//-/[-_]}\""; then
		not_ok "$1" "the record does not have \"$3\""
	else
		ok "$1"
	fi
}

reached "a name" good.test "beyond 8.8.0.2"
reached "a name with an IPv6 address" six.test "beyond 2a00:1450::2"
reached "a name with both" both.test "beyond (8.8.0.2|2a00:1450::2)"
reached "a name behind another" alias-good.test "beyond 8.8.0.2"
reached "below a wildcard" a.wild.test "beyond 8.8.0.2"
reached "far below a wildcard" deep.a.wild.test "beyond 8.8.0.2"
reached "one good address among bad ones is dialled" mixed.test "beyond 8.8.0.2"
reached "in either family" mixed-v6.test "beyond 8.8.0.2"
reached "the host's own map outweighs the name server" mapped-host.test "host 127.0.0.1"
reached "a rule that names the private address" named.test "beyond 10.9.0.2"
reached "only the address that is named is dialled" named-both.test "beyond 10.9.0.2"

for l in $LIES; do
	said "${l#*=} (${l%%=*})" "${l%%=*}.lies.test" address-not-granted
done
said "a name behind another, private" alias.test address-not-granted
said "a name behind localhost" alias-local.test address-not-granted
said "none of them good" mixed-bad.test address-not-granted
said "thousands of private addresses" many.test address-not-granted
said "the same address without a rule that names it" pinned-name.test address-not-granted
said "a rule that names another address" named-v6.test address-not-granted
said "no such name" gone.test no-such-name
said "no address" empty.test no-address
said "the name server fails" broken.test name-failed
said "the name server does not answer" silent.test name-timeout
said "an answer that is none" garbage.test name-failed
said "a name behind itself" alias-loop.test no-address
said "nobody listens there" closed.test connection-refused 81

# What came first says nothing about what comes later, and the other way round.
inside "rebinding: the first answer is good, the second is this host" '^beyond 8.8.0.2 403|^beyond 8.8.0.2 000' \
	'a=$(curl -sS http://pinned.test/); for i in {1..60}; do
		b=$(curl -s -o why -w "%{http_code}" http://pinned.test/) || true
		[ "$b" = 200 ] || break; sleep 0.2; done; echo $a $b'
inside "no time to live is a second: then the next answer is judged too" '^beyond 8.8.0.2 (403|000)' \
	'a=$(curl -sS http://zero.test/); for i in {1..60}; do
		b=$(curl -s -o why -w "%{http_code}" http://zero.test/) || true
		[ "$b" = 200 ] || break; sleep 0.2; done; echo $a $b'
inside "a bad answer is not for ever" '^beyond 8.8.0.2' \
	'for i in {1..60}; do curl -sSf http://back.test/ && break; sleep 0.2; done'
check "the host was reached by its own map only" bash -c "[ \$(grep -c '^host' '$NET/log') = 2 ]"

# What is not granted is not asked.
said "a name that no rule grants" secret-data.evil.test no-rule
said "a name that a rule denies" denied.wild.test rule
said "the name itself is not below its wildcard" wild.test no-rule
said "a granted name at a port that is not" good.test no-rule 81
refused "names as a way out" 'for i in 1 2 3; do
	getent hosts secret$i.tunnel.test && exit 0; done; exit 1'
# not the number of names that may be asked, but a name as such
inside "a granted name has an address inside before anybody was asked" '^198\.1[89]\.' \
	'python3 -c "import socket; print(socket.gethostbyname(\"unasked.test\"))"'
# A grant of addresses lets no name out: any name might have one of them.
allow '"10.9.0.0/24:80"' '{"host": "good.test", "port": 80}'
reached "a private address that is granted as such" 10.9.0.2 "beyond 10.9.0.2"
reached "in another form" 0x0a.9.2 "beyond 10.9.0.2"
reached "a granted name beside it" good.test "beyond 8.8.0.2"
said "no name, for the sake of a granted address" secret.tunnel.test no-rule
said "not even one that has it" private.lies.test no-rule

check "nothing was asked outside for what is not granted" bash -c \
	"! grep -E 'evil|denied|tunnel|unasked|A wild.test|AAAA wild.test' '$NET/asked'"
check "nothing was asked for what the host's map has" bash -c "! grep mapped-host '$NET/asked'"
check "every question is for a granted name" bash -c \
	"! grep -vE '^A(AAA)? ([a-z0-9-]+\.lies|[a-z.]+\.wild|[a-z0-9-]+|localhost|inside.corp|cdn.elsewhere)(\.test)?$' '$NET/asked'"

finish
