#!/bin/bash
# Every shipped profile: loads without a finding and decides its cases as its
# author says (that the kernel holds them in a real box is 52's). The list of
# profiles is the folder.
# emulated: no (texts and decisions; 52 is about what the kernel holds)
. "$(dirname "$0")/lib.sh"
need python3
LIMIT=120

names=()
for f in "$SRC"/profiles/*.json; do
	names+=("$(basename "$f" .json)")
done
check "there are profiles" test "${#names[@]}" -ge 13
for role in retrieve reason execute approve monitor; do
	check_out "role $role has a profile of its own" "\"role\": \"$role\"" \
		limited "$AGENTBOX" profile show "$role"
done

# cases NAME: how many there are, denials, and on the surface that the kernel
# holds
cases()
{
	limited "$AGENTBOX" profile show --json "$1" | python3 -c '
import json, sys
cases = json.load(sys.stdin)["profile"].get("expect", [])
denied = [c for c in cases if c["verdict"] == "deny"]
held = [c for c in cases if c["on"] in ("files", "process")]
good = len(cases) >= 6 and 0 < len(denied) < len(cases) and len(held) >= 2
print("enough" if good else "%d cases, %d denials, %d on files and processes"
      % (len(cases), len(denied), len(held)))'
}

mkdir "$TMP/ws"
cd "$TMP/ws" || exit 1
for p in "${names[@]}"; do
	if [ "$p" = retrieve ]; then # reading the whole web is meant
		check_out "$p: check warns of one grant, and of nothing else" \
			'^1 checked: 0 errors, 1 warnings' \
			limited "$AGENTBOX" profile check "$p"
		check_out "$p: it is the one that is meant" \
			'warning: .*"web.read" grants every host' \
			limited "$AGENTBOX" profile check "$p"
	else
		check "$p: check --strict finds nothing" \
			limited "$AGENTBOX" profile check --strict "$p"
	fi
	check_eq "$p has cases of both kinds" "$(cases "$p")" enough
	check "$p: test" limited "$AGENTBOX" profile test "$p"
	check "$p is in the list" grep -q "^$p " <(limited "$AGENTBOX" profile list)
done

# the trio is closed wherever something outside is granted
mkdir "$TMP/trio"
n=0
for p in "${names[@]}"; do
	for path in /repos/o/r/issues /o/r.git/git-receive-pack /upload; do
		for host in github.com api.github.com replicate.npmjs.org pastebin.com; do
			n=$((n + 1))
			limited "$AGENTBOX" profile explain --json "$p" - <<-END >"$TMP/trio/$n"
			{"surface": "network", "host": "$host", "address": "140.82.121.4",
			 "port": 443, "scheme": "https", "method": "POST", "path": "$path",
			 "run": {"labels": ["private", "untrusted"]}}
			END
			echo "$p $host $path" >"$TMP/trio/$n.what"
		done
	done
done
check_eq "with both labels no profile sends outside unasked" \
	"$(python3 - "$TMP/trio" "$n" <<-'END'
	import json, sys
	folder, n = sys.argv[1:]
	for i in range(1, int(n) + 1):
	    effect = json.load(open(f"{folder}/{i}"))["effect"]
	    if effect not in ("ask", "deny", "prohibit"):
	        print(effect, open(f"{folder}/{i}.what").read())
	print(n, "asked")
	END
	)" "$n asked"

# a user's own group comes before the shipped one, and a profile that breaks is
# found by every command
conf=$TMP/config/agentbox/profiles
mkdir -p "$conf/groups"
sed 's|"\*.npmjs.org"|"npm.example.org"|' "$SRC/profiles/groups/npm.json" \
	>"$conf/groups/npm.json"
XDG_CONFIG_HOME=$TMP/config check_status "a case notices that a group changed" 1 \
	limited "$AGENTBOX" profile test dev
sed 's|"method"|"methd"|' "$SRC/profiles/groups/npm.json" >"$conf/groups/npm.json"
XDG_CONFIG_HOME=$TMP/config check_err "a broken group names its place" 125 \
	'groups/npm.json:[0-9]+: /network/allow/0/methd: unknown key "methd"; did you mean "method"' \
	limited "$AGENTBOX" profile test dev
finish
