#!/bin/bash
# What a box dials arrives at the broker, with the address and port that were
# dialled, and goes nowhere else; a box that may dial nothing is built as ever.
# In place of agentbox-shim stands a program that tells each client how it
# arrived (tests/tools/fake_shim.c).
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
need python3
[ -x "$TESTBIN/fake_shim" ] || skip_all "$TESTBIN/fake_shim is not built"
[ -x "$TESTBIN/nosys" ] || skip_all "$TESTBIN/nosys is not built"

export AGENTBOX_RUNTIME_DIR=$TMP/rt
export AGENTBOX_NETWORK_CONFIG=$TMP/network.json
echo '{}' >"$TMP/network.json"

# The programs as they are, but the shim.
mkdir -p "$TMP/tree/build/bin" "$TMP/ws"
cp "${AGENTBOX%/*}"/agentbox* "$TMP/tree/build/bin"
cp "$TESTBIN/fake_shim" "$TMP/tree/build/bin/agentbox-shim"
cp -r "$SRC/profiles" "$TMP/tree/profiles"
AGENTBOX=$TMP/tree/build/bin/agentbox
cd "$TMP/ws" || exit 1

# profile NAME NETWORK [OPTIONAL]
profile()
{
	local more=

	[ -z "${3:-}" ] || more=", \"$3\""
	cat >"$TMP/$1.json" <<-END
		{
			"version": 1, "name": "$1", "role": "execute",
			"requires": { "optional": ["memory", "swap", "pids",
				"cpu", "io", "freeze"$more] },
			"process": { "syscalls": ["dev"], "loopback": true },
			"files": { "exec": ["@system"], "read": ["@etc"],
				"workspace": { "access": "write" } },
			"network": { "allow": [$2] }
		}
	END
}
profile some '"a.example", {"host": "b.example", "port": [22, 8443]}'
profile any '"a.example:*"'
profile http '{"host": "a.example", "method": "GET", "path": "/v1/**"},
	"c.example"'
sed 's/"some"/"none"/; /"network"/d; s/"write" } },/"write" } }/' \
	"$TMP/some.json" >"$TMP/none.json"

cat >try.py <<'END'
# try.py VERB [ARG...]...: one line for each
import errno, os, socket, sys

def name(e):
    return errno.errorcode.get(e.errno, repr(e)) if e.errno else repr(e)

def family(addr):
    return socket.AF_INET6 if ":" in addr else socket.AF_INET

def tcp(addr, port):
    s = socket.create_connection((addr, int(port)), timeout=20)
    return s.recv(100).decode().strip()

# the refusal of a datagram comes with the next call
def udp(addr, port):
    s = socket.socket(family(addr), socket.SOCK_DGRAM)
    s.settimeout(20)
    s.connect((addr, int(port)))
    s.send(b"x")
    return s.recv(100).decode()

def serve(addr, port):
    a = socket.socket(family(addr))
    a.bind((addr, int(port)))
    a.listen()
    b = socket.create_connection((addr, int(port)), timeout=20)
    c, _ = a.accept()
    c.send(b"own")
    return b.recv(10).decode()

def bind(addr, port, option=0):
    s = socket.socket(family(addr))
    if int(option):
        s.setsockopt(socket.SOL_SOCKET, int(option), 1)
    s.bind((addr, int(port)))
    s.listen()
    return "bound"

def sock(f, t, p):
    socket.socket(int(f), int(t), int(p))
    return "made"

# rtnetlink: take the route away that leads to the broker; nfnetlink: ask
def netlink(proto, message):
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, int(proto))
    s.settimeout(20)
    s.send(bytes.fromhex(message))
    e = int.from_bytes(s.recv(4096)[16:20], "little", signed=True)
    return errno.errorcode.get(-e, str(e))

def option(level, opt, addr, port):
    s = socket.socket(family(addr))
    s.setsockopt(int(level), int(opt), 1)
    return "set"

def read(path):
    return open(path).read()

def write(path):
    open(path, "r+").write("x")
    return "written"

def variable(key):
    return os.environ.get(key, "unset")

args, verbs = sys.argv[1:], []
while args:
    n = args.index("--") if "--" in args else len(args)
    verbs.append(args[:n])
    args = args[n + 1:]
for v in verbs:
    try:
        print(globals()[v[0]](*v[1:]))
    except OSError as e:
        print(name(e))
END

# box PROFILE VERB...
box()
{
	run_box -p "$TMP/$1.json" -- python3 try.py "${@:2}"
}

# expect NAME WANTED PROFILE VERB...: lines, joined by commas
expect()
{
	capture box "${@:3}"
	check_eq "$1" "$(paste -sd, "$out")" "$2"
	[ ! -s "$err" ] || show
}

expect "TCP to ports that rules name" \
	"port 192.0.2.7 22,port 8.8.8.8 443,port 2001:db8::7 443" some \
	tcp 192.0.2.7 22 -- tcp 8.8.8.8 443 -- tcp 2001:db8::7 443
expect "TCP to any other port" \
	"any 192.0.2.7 1,any 10.0.0.1 8080,any 169.254.169.254 80,any 192.0.2.7 8443,any 2001:db8::7 65535,any 192.0.2.7 1023" \
	some tcp 192.0.2.7 1 -- tcp 10.0.0.1 8080 -- tcp 169.254.169.254 80 -- \
	tcp 192.0.2.7 8443 -- tcp 2001:db8::7 65535 -- tcp 192.0.2.7 1023
expect "the listener of all, dialled as itself, is loopback" \
	"any 127.0.0.1 1023,any ::1 1023" some tcp 127.0.0.1 1023 -- \
	tcp ::1 1023
expect "the proxy, and DNS over TCP at any name server" \
	"proxy 127.0.0.53 3128,dns 127.0.0.53 53,dns 9.9.9.9 53,dns 2620:fe::fe 53" \
	some tcp 127.0.0.53 3128 -- tcp 127.0.0.53 53 -- tcp 9.9.9.9 53 -- \
	tcp 2620:fe::fe 53
expect "DNS over UDP at any name server" "dns,dns,dns" some \
	udp 127.0.0.53 53 -- udp 9.9.9.9 53 -- udp 2620:fe::fe 53
expect "servers of the box on loopback are its own" "own,own,own,own" some \
	serve 127.0.0.1 8080 -- serve ::1 8080 -- serve 127.7.7.7 8443 -- \
	serve 127.0.0.1 9000
expect "loopback without a server is refused, not captured" \
	"ECONNREFUSED,ECONNREFUSED" some tcp 127.0.0.1 8080 -- tcp ::1 4443
expect "at a port with a listener the broker sees loopback as what it is" \
	"port 127.0.0.1 443,port ::1 443" some tcp 127.0.0.1 443 -- tcp ::1 443
expect "UDP is refused at once, QUIC too" \
	"ECONNREFUSED,ECONNREFUSED,ECONNREFUSED" some \
	udp 192.0.2.7 443 -- udp 8.8.8.8 123 -- udp 2001:db8::7 443
# 2 AF_INET, 10 AF_INET6, 17 AF_PACKET; 1 ICMP, 58 ICMPv6
capture box some sock 2 2 1 -- sock 2 3 1 -- sock 2 3 6 -- sock 10 2 58 -- \
	sock 10 3 58 -- sock 17 3 3 -- sock 17 2 768
check_eq "no ping, no raw socket, no packet socket" \
	"$(grep -cE '^(EACCES|EPERM|EAFNOSUPPORT|ENOSYS)$' "$out")" 7

# Getting at the capture from inside.
expect "a port of the broker is not to be had" \
	"EACCES,EACCES,EACCES,EADDRINUSE,EADDRINUSE,EADDRINUSE" some \
	bind 0.0.0.0 443 -- bind 0.0.0.0 1023 -- bind 127.0.0.53 53 -- \
	bind 127.0.0.53 3128 -- bind 127.0.0.53 3128 2 -- \
	bind 127.0.0.53 3128 15
# kept for two minutes, redirected connections could fill the kernel's memory
if [ -e /proc/sys/net/netfilter ] && ! grep -q " /proc/sys ro," /proc/mounts; then
	expect "ended connections are forgotten" "1,,1," some \
		read /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait -- \
		read /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close
fi
# RTM_DELROUTE local default dev lo; NFT_MSG_DELTABLE in a batch
capture box some \
	netlink 0 2400000019000500010000000000000002000000ff00fe02000000000800040001000000 -- \
	netlink 12 14000000100001000100000000000000 -- sock 16 3 12
check_eq "routes and rules are not the box's to change" \
	"$(grep -cE '^(EACCES|EPERM|EAFNOSUPPORT|ENOSYS)$' "$out")" 3
# SOL_IP IP_TRANSPARENT; SOL_SOCKET SO_MARK; SOL_SOCKET SO_RCVBUFFORCE
expect "no option that goes around it" "EPERM,EPERM,EPERM" some \
	option 0 19 127.0.0.1 1 -- option 1 36 127.0.0.1 1 -- \
	option 1 33 127.0.0.1 1
check_status "no other network namespace" 1 run_box -p "$TMP/some.json" -- \
	unshare -rn true
expect "what was tried, changed nothing" "any 192.0.2.7 9999" some \
	tcp 192.0.2.7 9999

expect "what programs find" \
	"http://127.0.0.53:3128,socks5h://127.0.0.53:3128,unset,unset,unset,nameserver 127.0.0.53,options timeout:30 attempts:2," \
	some variable AGENTBOX_HTTP_PROXY -- variable AGENTBOX_SOCKS_PROXY -- \
	variable http_proxy -- variable ALL_PROXY -- variable SSL_CERT_FILE -- \
	read /etc/resolv.conf
capture box some read /etc/nsswitch.conf
check_eq "names come from files, then DNS" "$(grep ^hosts "$out")" \
	"hosts: files dns"

# What it trusts where the broker looks into TLS.
pem='-----BEGIN CERTIFICATE-----'
for path in /run/agentbox/ca.pem /etc/ssl/certs/ca-certificates.crt; do
	[ -e "$path" ] || [ "$path" = /run/agentbox/ca.pem ] || continue
	capture box http read "$path" -- variable AGENTBOX_BOX
	check_eq "$path begins with the box's own" "$(head -n 1 "$out")" "$pem"
	check_eq "$path: what the shim made" \
		"$(sed -n 2p "$out" | base64 -d 2>/dev/null | cut -d' ' -f1-2)" \
		"certificate of"
	capture box http write "$path"
	check_eq "$path cannot be written" \
		"$(grep -cE '^(EACCES|EROFS)$' "$out")" 1
done
expect "programs are told of it" \
	"/run/agentbox/ca.pem,/run/agentbox/ca.pem,/run/agentbox/ca.pem" http \
	variable SSL_CERT_FILE -- variable NODE_EXTRA_CA_CERTS -- \
	variable GIT_SSL_CAINFO
check_eq "and no file of it is left on the host" \
	"$(find "$TMP/rt" -name '*.ca')" ""

# The table of layers.
check_err "the layer is held" 0 \
	'^broker +held .*nf_tables redirect \+ ports 22,443' \
	run_box -p "$TMP/some.json" --show-enforced -- true

# Without nf_tables.
pre=(limited "$TESTBIN/nosys" socket-nfnetlink:EPERM --)
no_nft()
{
	"${pre[@]}" "$AGENTBOX" run -p "$TMP/$1.json" -- python3 try.py "${@:2}"
}
capture no_nft some tcp 192.0.2.7 22 -- tcp 192.0.2.7 443 -- \
	tcp 2001:db8::7 8443 -- tcp 192.0.2.7 25 -- udp 9.9.9.9 53
check_eq "without nf_tables named ports arrive, the others are refused" \
	"$(paste -sd, "$out")" \
	"port 192.0.2.7 22,port 192.0.2.7 443,port 2001:db8::7 8443,ECONNREFUSED,dns"
check_err "the table says so" 0 \
	'^broker +degraded .*ports 22,443,8443 only: .*nfnetlink' \
	"${pre[@]}" "$AGENTBOX" run -p "$TMP/some.json" --show-enforced -- true
check_err "a box that may dial any port is refused" 125 \
	'layer broker was asked for and is not held' \
	no_nft any tcp 192.0.2.7 443
profile any '"a.example:*"' broker
check_err "but where its profile goes without" 0 '^broker +(degraded|absent)' \
	"${pre[@]}" "$AGENTBOX" run -p "$TMP/any.json" --show-enforced -- true

# A box that may dial nothing.
expect "no grant, no network" \
	"ENETUNREACH,ENETUNREACH,ENETUNREACH,unset,# No name server: this box has no network.," \
	none tcp 192.0.2.7 443 -- udp 9.9.9.9 53 -- tcp 2001:db8::7 443 -- \
	variable AGENTBOX_HTTP_PROXY -- read /etc/resolv.conf
expect "and loopback all its own" "own,ECONNREFUSED" none \
	serve 127.0.0.1 3128 -- tcp 127.0.0.53 53
run_box -p "$TMP/none.json" --show-enforced -- true 2>"$out"
check_eq "and no layer for it" "$(grep -c '^broker' "$out")" 0

# A reload cannot make one.
spawn run_box -p "$TMP/none.json" --name still -- sleep 60
wait_for 20 "$AGENTBOX" inspect still
sed 's/"some"/"none"/' "$TMP/some.json" >"$TMP/none.json"
check_err "a reload does not give a network to a box without one" 1 \
	'started without one' "$AGENTBOX" reload still
"$AGENTBOX" kill still >/dev/null 2>&1

none_left()
{
	! pgrep -f "^$TMP/tree/build/bin/agentbox-shim" >/dev/null &&
		! pgrep -f "^agentbox-shim .*$TMP" >/dev/null
}
check "no shim is left" wait_for 20 none_left
finish
