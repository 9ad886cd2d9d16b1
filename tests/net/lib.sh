# shellcheck shell=bash disable=SC2016,SC2034
# For the network tests: servers on loopback with names that only the hosts map
# knows, and boxes that may reach some of them. No proxy variable is set.
#
#	. "$(dirname "$0")/lib.sh"
#	servers
#	allow '"web.test"' '{"host": "plain.test", "port": 80}'
#	inside "curl says hello" '^hello from https$' 'curl -sS https://web.test/hello'
#	refused "not elsewhere" 'curl -sS https://other.test/hello'
#	finish
#
# web.test, api.test, git.test, npm.test: TLS on port 443. plain.test: HTTP on
# port 80. other.test: TLS that no test allows. raw.test, banner.test: port 7.
. "$(dirname "${BASH_SOURCE[0]}")/../system/lib.sh"

need_programs()
{
	need python3 openssl curl
}

WS=$TMP/ws
NET=$TMP/net # what origin.py serves and writes
mkdir -p "$WS" "$NET/files" "$NET/git"
touch "$NET/log"
ORIGIN=$SRC/tests/net/origin.py
HOSTS= # members of the hosts map
CREDENTIALS= # members of "credentials"
export AGENTBOX_NETWORK_CONFIG=$TMP/network.json
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY

# A CA of the test's own, and one certificate for all names.
certificates()
{
	local names=

	for n in web api git npm other model; do
		names=$names,DNS:$n.test
	done
	names=${names#,},DNS:api.openai.com,DNS:localhost
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$NET/ca.key" -out "$NET/ca.pem" -days 2 -subj '/CN=test CA' \
		-addext basicConstraints=critical,CA:TRUE \
		-addext keyUsage=critical,keyCertSign >/dev/null 2>&1 &&
		openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
			-keyout "$NET/key.pem" -out "$NET/leaf.csr" \
			-subj '/CN=web.test' >/dev/null 2>&1 &&
		printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\n' "$names" >"$NET/ext" &&
		openssl x509 -req -in "$NET/leaf.csr" -CA "$NET/ca.pem" \
			-CAkey "$NET/ca.key" -CAcreateserial -days 2 \
			-extfile "$NET/ext" -out "$NET/leaf.pem" >/dev/null 2>&1 &&
		cat "$NET/leaf.pem" "$NET/ca.pem" >"$NET/cert.pem"
}

# map NAME PORT: into the hosts map.
map()
{
	HOSTS="$HOSTS${HOSTS:+, }\"$1\": \"127.0.0.1:$2\""
}

write_config()
{
	cat >"$AGENTBOX_NETWORK_CONFIG" <<END
{
	"hosts": { $HOSTS },
	"ca": ["$NET/ca.pem"],
	"credentials": { $CREDENTIALS }
}
END
	chmod 600 "$AGENTBOX_NETWORK_CONFIG"
}

# server COMMAND...: in the background until the script ends.
server()
{
	setsid "$@" >"$NET/server.$RANDOM.log" 2>&1 </dev/null &
	children+=("$!")
	disown
}

servers()
{
	need_programs
	certificates || { not_ok "certificates for the servers"; finish; }
	server python3 "$ORIGIN" "$NET"
	wait_for 10 test -e "$NET/ports" || { not_ok "the servers listen"; finish; }
	# shellcheck disable=SC1091 # written by the servers
	. "$NET/ports"
	# shellcheck disable=SC2154 # from there
	{
		for n in web api git npm; do
			map "$n.test" "$https"
		done
		map plain.test "$http"
		map other.test "$other"
		map raw.test "$raw"
		map banner.test "$banner"
	}
	write_config
}

# wait_for SECONDS COMMAND...
wait_for()
{
	local i

	for ((i = 0; i < $1 * 20; i++)); do
		"${@:2}" 2>/dev/null && return 0
		sleep 0.05
	done
	return 1
}

PROFILE=$TMP/net.json
# allow GRANT...: the profile of the boxes from here on. MORE: further members
# of the profile, each with a comma at its end; NETWORK: of its network.
allow()
{
	local IFS=, grants

	grants="$*"
	cat >"$PROFILE" <<END
{
	"version": 1, "name": "net-test", "role": "execute", ${MORE:-}
	"purpose": "what the network tests may reach",
	"requires": { "optional": ["memory", "swap", "pids", "cpu", "io", "freeze"] },
	"process": { "syscalls": ["dev"], "loopback": true, "limits": { "nofile": 65536 } },
	"files": {
		"exec": ["@system", "@opt"], "read": ["@etc", "@etc-more"],
		"workspace": { "access": "write", "exec": true }, "tmp": "1G"
	},
	"network": { ${NETWORK:-} "allow": [ $grants ] }
}
END
}

boxed()
{
	run_box --profile "$PROFILE" --workspace "$WS" -- "$@"
}

# inside NAME REGEX SCRIPT: a bash script in a box; status 0 and a line of its
# output that matches.
inside()
{
	check_out "$1" "$2" boxed bash -euo pipefail -c "$3"
}

# refused NAME SCRIPT [WHAT]: fails, at once, and nothing of it arrived: WHAT, a
# pattern of origin's log, by default every line that is new.
refused()
{
	local before got=0

	before=$(wc -l <"$NET/log")
	LIMIT=20 capture boxed bash -c "$2" || got=$?
	if [ "$got" = 0 ] || [ "$got" = 124 ] || [ "$got" = 125 ] || [ "$got" = 137 ]; then
		not_ok "$1" "status $got"
		show
	elif tail -n "+$((before + 1))" "$NET/log" 2>/dev/null | grep -E "${3:-.}"; then
		not_ok "$1" "it arrived"
		show
	else
		ok "$1"
	fi
}

# why_last NAME REGEX: the last decision, as `agentbox why last` tells it.
why_last()
{
	check_out "$1" "$2" limited "$AGENTBOX" why last
}
