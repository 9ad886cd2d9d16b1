#!/bin/bash
# The second box of a kind finds its policy compiled: it is on record as the same,
# decides the same, and what is wrong with the cache changes nothing of that.
# emulated: no (files)
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
need python3

# The cache of root is in one place; so root gets a mount of its own over it.
if is_root && [ -z "${OWN_CACHE:-}" ]; then
	unshare -m true 2>/dev/null ||
		skip_all "needs a mount namespace, to have a cache of its own"
	finished=1
	OWN_CACHE=1 unshare -m sh -c '
		mount -t tmpfs -o mode=755 tmpfs /var/cache && exec "$0"' "$0"
	exit
fi
cache=/var/cache/agentbox
if ! is_root; then
	export XDG_CACHE_HOME=$TMP/cache
	cache=$TMP/cache/agentbox
fi
export AGENTBOX_RUNTIME_DIR=$TMP/rt
query=${AGENTBOX%/*}/agentbox-query
mkdir "$TMP/ws"
cd "$TMP/ws" || exit 1

# An installation of our own, whose sets can be changed.
mkdir -p "$TMP/p/bin" "$TMP/p/libexec/agentbox" "$TMP/p/share/agentbox"
cp "${AGENTBOX%/*}"/agentbox* "$TMP/p/libexec/agentbox/"
mv "$TMP/p/libexec/agentbox/agentbox" "$TMP/p/bin/"
cp -r "$SRC/profiles" "$TMP/p/share/agentbox/"
chmod -R go+rX "$TMP/p"
sets=$TMP/p/share/agentbox/profiles/sets
AGENTBOX=$TMP/p/bin/agentbox

cat >"$TMP/p.json" <<'END'
{
	"version": 1, "name": "p", "role": "execute",
	"requires": {"optional": ["memory", "swap", "pids", "cpu", "io", "freeze"]},
	"files": {"exec": ["@system"], "workspace": {"access": "write"}},
	"tools": {"allow": ["server/known"]}
}
END
cat >"$TMP/yes.json" <<'END'
{"surface": "tools", "server": "server", "tool": "known", "class": "read"}
END
sed 's/known/other/' "$TMP/yes.json" >"$TMP/no.json"

entries()
{
	find "$cache" -name '*.policy' | wc -l
}

# The policies of all boxes so far, each once.
hashes()
{
	"$query" audit query --json --type policy |
		python3 -c 'import json, sys
print(" ".join(sorted({json.loads(x)["policy_hash"] for x in sys.stdin})))'
}

# start NAME: a box that nobody has asked anything yet.
start()
{
	spawn setsid "$AGENTBOX" run -p "$TMP/p.json" -n "$1" -- sleep 300 \
		2>"$TMP/said.$1"
	wait_for 20 sh -c '"$1" ps | grep -Eq "^$2 .*running"' _ "$AGENTBOX" "$1" &&
		return
	not_ok "box $1 starts" "$(cat "$TMP/said.$1")" "$("$AGENTBOX" ps)"
	finish
}

# decides NAME: what its profile says.
decides()
{
	check_out "$1: what is granted" '"allowed": ?true' \
		limited "$AGENTBOX" decide "$1" "$TMP/yes.json"
	check_status "$1: what is not" 1 \
		limited "$AGENTBOX" decide "$1" "$TMP/no.json"
}

# damage: in every policy of the cache, 100 bytes before its end.
damage()
{
	local f size

	for f in "$cache"/*.policy; do
		size=$(stat -c %s "$f")
		printf 'XXXXXXXX' | dd of="$f" bs=1 seek=$((size - 100)) \
			conv=notrunc status=none
	done
}

check "the first box" run_box -p "$TMP/p.json" -- true
check_eq "leaves its policy" "$(entries)" 1
check_eq "to nobody else" "$(stat -c '%a %u' "$cache" "$cache"/*.policy)" \
	"700 $(id -u)
600 $(id -u)"
first=$(stat -c '%i %Y' "$cache"/*.policy)
one=$(hashes)
check "the second box" run_box -p "$TMP/p.json" -- true
check_eq "leaves none" "$(entries)" 1
check_eq "nor another one" "$(stat -c '%i %Y' "$cache"/*.policy)" "$first"
check_eq "and is on record with the same" "$(hashes)" "$one"

start found
decides found
check_eq "that did not change it" "$(stat -c '%i %Y' "$cache"/*.policy)" "$first"
check_out "inspect names it" "${one:-none}" limited "$AGENTBOX" inspect --json found

start hurt
damage
decides hurt
check_eq "what was damaged is gone" "$(entries)" 0
check "the next box" run_box -p "$TMP/p.json" -- true
check_eq "leaves its policy again" "$(entries)" 1
check_eq "and it is the same" "$(hashes)" "$one"

start gone
rm "$cache"/*.policy
decides gone
check "a box after it" run_box -p "$TMP/p.json" -- true

# What is on record is not there any more, and cannot be made: nothing is
# allowed then.
start lost
damage
echo 'read /usr/share/doc' >>"$sets/system.paths"
check_err "a policy that is lost" 125 'damaged' \
	limited "$AGENTBOX" decide lost "$TMP/yes.json"
check_err "stays lost" 125 'damaged' \
	limited "$AGENTBOX" decide lost "$TMP/yes.json"
check_out "and inspect says so" '"error".*damaged' \
	sh -c '"$1" inspect --json lost | tr -d "\n"' _ "$AGENTBOX"
check "it can be stopped" limited "$AGENTBOX" kill lost

check "a box with the other set" run_box -p "$TMP/p.json" -- true
check_eq "has another policy" "$(hashes | wc -w)" 2

chmod 770 "$cache"
n=$(entries)
echo '// a word' >>"$TMP/p.json"
check "a folder that others may write to" run_box -p "$TMP/p.json" -- true
check_eq "is not used" "$(entries)" "$n"
chmod 700 "$cache"
ln -sfn /nowhere "$TMP/link"
rm -rf "${cache:?}"
ln -s "$TMP/link" "$cache"
check "a link in its place" run_box -p "$TMP/p.json" -- true
check "is left alone" test -L "$cache"
for name in found hurt gone; do
	"$AGENTBOX" kill "$name" >/dev/null 2>&1
done
check_out "the log is whole" '.' limited "${query%query}verify" "$AGENTBOX_STATE_DIR/audit"
finish
