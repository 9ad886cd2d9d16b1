#!/bin/bash
# What `make try` shows once agentbox is built: an example agent works in a box
# with the `dev` profile, over a clone of this project's own history, and tries
# to get out; another one reads a web server that it may read. Needs git and gcc,
# and for the second part python3, curl and openssl; no root; leaves nothing
# behind.
#
# Status 0: the work was done and nothing that should be refused came through.
# shellcheck disable=SC2016 # inner shells expand
set -u
export LC_ALL=C.UTF-8
cd "$(dirname "$0")/.." || exit 1

SRC=$PWD
AGENTBOX=${AGENTBOX:-$SRC/build/bin/agentbox}
TMP=$(mktemp -d "${TMPDIR:-/tmp}/abx-try-XXXXXX") || exit 1
export AGENTBOX_STATE_DIR=$TMP/state # the audit log of the tour
WORK=$TMP/work REPO=$TMP/work/repo WEB=$TMP/web
name=try-$$
witness=
bad=0

clean_up()
{
	exec 8>&- # the witness ends with its standard input
	[ ! "$witness" ] || wait "$witness" 2>/dev/null
	[ ! "${stubborn:-}" ] || kill -9 "$stubborn" 2>/dev/null
	[ ! "${handbook:-}" ] || kill "$handbook" 2>/dev/null
	# a writer may be at work in there until it sees that its folder goes
	rm -rf --one-file-system "$TMP" 2>/dev/null ||
		{ sleep 0.2; rm -rf --one-file-system "$TMP"; }
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

title()
{
	printf '\n== %s\n' "$*"
}

wrong()
{
	bad=$((bad + 1))
	echo "   WRONG: $*"
}

# right WHAT COMMAND...
right()
{
	local what=$1

	shift
	if "$@" >/dev/null 2>&1; then
		echo "   $what"
	else
		wrong "not so: $what"
	fi
}

# A home of our own, with something to steal; it also keeps git from reading
# the caller's settings.
make_home()
{
	export HOME=$TMP/home
	unset XDG_CONFIG_HOME XDG_CACHE_HOME
	mkdir -p "$HOME/.ssh"
	echo "-- not a real key: $RANDOM --" >"$HOME/.ssh/id_test"
	chmod 700 "$HOME" "$HOME/.ssh"
	export TRY_API_KEY=not-a-real-key
	git config --global safe.directory '*'
	git config --global user.name "Whoever built this"
	git config --global user.email builder@example.org
	git config --global advice.detachedHead false
}

# A clone of the history; from a tarball, a repository with one commit.
make_repo()
{
	mkdir -p "$WORK"
	if [ -e "$SRC/.git" ]; then
		git clone -q "$SRC" "$REPO" || return 1
	else
		mkdir "$REPO"
		tar -C "$SRC" --exclude=./build -cf - . | tar -C "$REPO" -xf - &&
			git -C "$REPO" init -q &&
			git -C "$REPO" add -A &&
			git -C "$REPO" commit -qm "the tarball" || return 1
	fi
	before=$(git -C "$REPO" rev-parse HEAD)
	cp -r tests/fixtures/agent "$WORK/agent"
	echo "   $REPO: $(git -C "$REPO" rev-list --count HEAD) commits, the last:" \
		"$(git -C "$REPO" log -1 --format=%s)"
}

start_witness()
{
	gcc -o "$TMP/witness" tests/fixtures/agent/witness.c &&
		gcc -o "$TMP/attack" tests/fixtures/agent/attack.c || return 1
	mkfifo "$TMP/in"
	"$TMP/witness" "$name" <"$TMP/in" >"$TMP/seen" &
	witness=$!
	exec 8>"$TMP/in"
	for _ in $(seq 100); do
		[ -s "$TMP/seen" ] && break
		sleep 0.05
	done
	targets=("$HOME/.ssh/id_test" "$witness" "$(head -n 1 "$TMP/seen")" "$name")
	echo "   pid $witness; TCP port ${targets[2]}; abstract socket $name;" \
		"a secret in ${targets[0]}"
	echo "   The agent's attack program, run without a box:"
	"$TMP/attack" --control "${targets[@]}" | sed 's/^/     /'
	[ "${PIPESTATUS[0]}" = 0 ] || wrong "the control did not reach them"
	for _ in $(seq 100); do # its port, and the control's two connections
		touches=$(wc -l <"$TMP/seen")
		[ "$touches" -ge 3 ] && break
		sleep 0.05
	done
}

work()
{
	echo "   \$ agentbox run --profile dev --workspace $WORK --show-enforced" \
		"-- agent/agent.sh repo ..."
	"$AGENTBOX" run --profile dev --workspace "$WORK" --name "$name" \
		--timeout 100s --show-enforced -- bash agent/agent.sh repo \
		"${targets[@]}" >"$TMP/out" 2>"$TMP/err" </dev/null
	status=$?
	echo
	sed 's/^/     /' "$TMP/err"
	echo
	sed 's/^/     /' "$TMP/out"
}

judge()
{
	did=$(grep -c '^did ' "$TMP/out")
	failed=$(grep -c '^FAILED ' "$TMP/out")
	refused=$(grep -c '^tried .*: refused, ' "$TMP/out")
	got_in=$(grep -c '^tried .*: GOT IN' "$TMP/out")
	[ "$did.$failed" = 6.0 ] || wrong "the agent did $did of 6 things"
	[ "$refused" -ge 50 ] || wrong "only $refused attempts were refused"
	[ "$got_in" = 0 ] || wrong "$got_in attempts came through"
	[ "$status" = 0 ] || wrong "exit status $status"
	right "the box is gone; agentbox run gave the agent's exit status, 0" \
		bash -c '! "$0" ps | grep -q "^$1 "' "$AGENTBOX" "$name"
	right "the commit is in the repository: $(git -C "$REPO" log -1 \
		--format='%h %an: %s')" test "$(git -C "$REPO" rev-parse HEAD^)" = "$before"
	right "its files belong to $(id -un)" \
		test "$(stat -c %u "$REPO/lib/str.c" "$REPO/build" | sort -u)" = "$(id -u)"
	right "nobody touched the witness" \
		test "$(wc -l <"$TMP/seen")" = "$touches"
	right "the secret is nowhere in what the agent said or left" \
		bash -c '! grep -rqsF -f "$0" "${@}"' "$HOME/.ssh/id_test" \
		"$TMP/out" "$REPO" "$WORK"
}

# A web server on this machine, under a name that only network.json knows, with
# a certificate that only network.json trusts.
start_handbook()
{
	local i

	mkdir -p "$WEB" "$TMP/reader"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$WEB/key.pem" -out "$WEB/cert.pem" -days 2 \
		-subj /CN=handbook.example -addext subjectAltName=DNS:handbook.example \
		>/dev/null 2>&1 || return 1
	python3 tests/fixtures/agent/handbook.py "$WEB" >/dev/null 2>&1 8>&- &
	handbook=$!
	for ((i = 0; i < 200; i++)); do
		[ -s "$WEB/port" ] && return 0
		sleep 0.05
	done
	return 1
}

write_network()
{
	key=not-a-real-key-$RANDOM$RANDOM
	(umask 077 && echo "$key" >"$WEB/secret")
	export AGENTBOX_NETWORK_CONFIG=$WEB/network.json
	cat >"$AGENTBOX_NETWORK_CONFIG" <<END
{
	"hosts": {"handbook.example": "127.0.0.1:$(cat "$WEB/port")"},
	"ca": "$WEB/cert.pem",
	"credentials": {
		"handbook": {
			"source": {"file": "$WEB/secret"}, "env": "HANDBOOK_KEY",
			"use": [{"host": "handbook.example", "header": "authorization", "value": "Bearer {}"}]
		}
	}
}
END
	cat >"$WEB/reader.json" <<'END'
{
	"version": 1, "name": "reader", "role": "execute",
	"requires": {"optional": ["memory", "swap", "pids", "freeze"]},
	"files": {"exec": ["@system", "@opt"], "read": ["@etc", "@etc-more"], "workspace": {"access": "write"}},
	"network": {"allow": [{
		"id": "pages", "host": "handbook.example", "method": "GET", "path": "/pages/*",
		"because": "the handbook that it answers from"
	}]},
	"credentials": {"allow": [{"name": "handbook", "use": "network", "host": "handbook.example"}]}
}
END
	chmod 600 "$WEB"/*.json
}

# said WHAT REGEX: the agent said so.
said()
{
	right "$1" grep -qE "$2" "$TMP/net"
}

run_reader()
{
	echo "   \$ agentbox run --profile reader.json -- bash reader.sh"
	grep '"id"' "$WEB/reader.json" | sed 's/^\s*/     /'
	cp tests/fixtures/agent/reader.sh "$TMP/reader"
	"$AGENTBOX" run --profile "$WEB/reader.json" --workspace "$TMP/reader" \
		--timeout 100s -- bash reader.sh >"$TMP/net" 2>&1 </dev/null
	grep -v ^env "$TMP/net" | cut -c 1-150 | sed 's/^/     /'
	"$AGENTBOX" why last >"$TMP/why" 2>&1
}

network()
{
	local p lacking=

	for p in python3 curl openssl; do
		command -v "$p" >/dev/null || lacking="$lacking $p"
	done
	if [ "$lacking" ]; then
		echo "   left out: it needs$lacking"
		return
	fi
	start_handbook || { wrong "no web server"; return; }
	write_network
	run_reader
	said "it reads the page that it may, over TLS, with no proxy set" \
		'^page: page one'
	said "another host does not exist" '^elsewhere: .*[Cc]ould not resolve'
	said "a cloud's metadata service is refused" '^metadata: .*"reason":"no-rule"'
	said "another method gets status 403" '^post: status 403'
	said "so does another path, with the reason" \
		'^private: .*"reason":"no-rule".* status 403'
	said "its key is a placeholder" \
		'^env HANDBOOK_KEY=agentbox-handbook-[0-9a-f]{32}$'
	right "the server got the real one, and one request in all" \
		test "$(cat "$WEB/asked")" = "GET /pages/1 Bearer $key"
	right "which is nowhere in what the agent said, in its files, or the record" \
		bash -c '! grep -rqsF "$0" "$@"' "$key" "$TMP/net" "$TMP/reader" \
		"$AGENTBOX_STATE_DIR"
	grep -E '^(denied|because|nearest)' "$TMP/why" | sed 's/^/     /'
	right "agentbox why last says which rule came nearest" \
		grep -qE '^nearest.*rule pages' "$TMP/why"
}

# A box that ignores every signal and forks, stopped all the same.
stop()
{
	"$AGENTBOX" run --name "$name-2" --profile dev --workspace "$WORK" -- \
		bash -c 'trap "" TERM INT HUP QUIT; echo $$ >up
		while :; do sleep "$0" & sleep 0.01; done' "1000.$$" \
		>"$TMP/stubborn" 2>&1 </dev/null &
	stubborn=$!
	for _ in $(seq 200); do
		[ -s "$WORK/up" ] && break
		sleep 0.05
	done
	sleep 0.5
	"$AGENTBOX" ps | grep -e ^NAME -e "^$name-2 " | cut -c 1-76 | sed 's/^/     /'
	right "agentbox freeze: it stands still" "$AGENTBOX" freeze "$name-2"
	right "agentbox kill: it is dead" "$AGENTBOX" kill "$name-2"
	wait "$stubborn"
	right "agentbox run gave status $? (128 + SIGKILL)" test $? = 137
	stubborn=
	right "nothing is left: no box, no process, no cgroup" \
		bash -c '! "$0" ps | grep -q "^$1" && ! pgrep -f "^sleep 1000.$2" &&
		! find /sys/fs/cgroup -maxdepth 6 -type d -name "*$1*" | grep -q .' \
		"$AGENTBOX" "$name" $$
}

# All of it again, from the record alone; and a copy in which one byte is
# another.
record()
{
	local copy=$TMP/copy seg

	"$AGENTBOX" trace "$name-2" | cut -c 1-76 | sed 's/^/     /'
	right "agentbox audit verify: the record is whole" \
		"$AGENTBOX" audit verify
	cp -r "$AGENTBOX_STATE_DIR/audit" "$copy"
	seg=$(find "$copy/log" -name '*.seg' | sort | head -n 1)
	printf 'X' | dd of="$seg" bs=1 seek=700 conv=notrunc status=none
	"$(dirname "$AGENTBOX")/agentbox-verify" "$copy" >"$TMP/verify" 2>/dev/null
	right "agentbox-verify on a copy with one byte changed: status $?, a place" \
		grep -q 'record [0-9]' "$TMP/verify"
}

SECONDS=0
make_home
title "$("$AGENTBOX" version) as $(id -un) (uid $(id -u)), Linux $(uname -r)"
title "A repository for the agent: this project's own"
make_repo || { wrong "no repository"; exit 1; }
title "A witness outside of the box, with what an agent should not reach"
start_witness || { wrong "no witness"; exit 1; }
title "The agent at work"
work
title "Afterwards, outside"
judge
title "The network: an agent that may read one web server"
network
title "Stopping an agent that will not stop"
stop
title "What the record says of it"
record
title "Verdict"
if [ "$bad" = 0 ]; then
	echo "   The agent did all $did things that it was asked to do; all $refused"
	echo "   attempts to get out were refused. ($SECONDS s)"
	exit 0
fi
echo "   $bad things are not as they should be; see WRONG above. ($SECONDS s)"
exit 1
