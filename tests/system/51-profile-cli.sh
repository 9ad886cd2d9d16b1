#!/bin/bash
# The commands for authors of profiles: what they print, what they refuse, and
# that --json is JSON of the promised form.
# emulated: no (texts)
. "$(dirname "$0")/lib.sh"
need python3

export XDG_CONFIG_HOME=$TMP/config
mine=$XDG_CONFIG_HOME/agentbox/profiles
mkdir -p "$mine" "$TMP/p"
cd "$TMP/p" || exit 1

profile()
{
	limited "$AGENTBOX" profile "$@"
}

# json EXPRESSION COMMAND...: the output as j must make the expression true.
json()
{
	local expr=$1 got=0

	shift
	"$@" >"$TMP/json" 2>"$err" </dev/null || got=$?
	python3 -c 'import json, sys
j = json.load(open(sys.argv[1]))
sys.exit(0 if eval("(" + sys.argv[2] + ")") else "got: " + json.dumps(j)[:2000])' \
		"$TMP/json" "$expr"
}

cat >good.json <<'END'
{
	"version": 1,
	"name": "good",
	"role": "execute",
	"purpose": "a profile of this test",
	"requires": { "optional": ["memory", "swap", "pids", "cpu", "io", "freeze"] },
	"process": { "syscalls": ["base"] },
	"files": {
		"exec": ["@system"],
		"workspace": { "access": "write" }
	},
	"network": {
		"allow": [
			{
				"id": "api",
				"host": "api.example.com",
				"port": 443,
				"because": "the service that it works for"
			},
			"files.example.com"
		],
		"deny": [
			{ "id": "admin", "host": "api.example.com", "path": "/admin/**",
			  "because": "only people do that" }
		]
	},
	"tools": {
		"allow": [
			{ "id": "pay.small", "server": "crm", "tool": "update", "class": "write",
			  "when": [{ "at": "/args/amount", "op": "le", "value": 100 }] }
		]
	},
	"expect": [
		{ "name": "the service", "on": "network",
		  "request": { "host": "api.example.com", "port": 443, "method": "GET",
			       "path": "/v1", "scheme": "https" },
		  "verdict": "allow", "rule": "api" },
		{ "name": "not its back door", "on": "network",
		  "request": { "host": "api.example.com", "port": 443, "method": "GET",
			       "path": "/admin/users", "scheme": "https" },
		  "verdict": "deny", "rule": "admin" },
		{ "name": "the workspace", "on": "files",
		  "request": { "path": "./src/main.c", "access": "write" },
		  "verdict": "allow" },
		{ "name": "no keys", "on": "files",
		  "request": { "path": "~/.ssh/id_rsa", "access": "read" },
		  "verdict": "deny" }
	]
}
END
sed -e 's/"good"/"bad"/' -e 's/"verdict": "deny", "rule": "admin"/"verdict": "allow"/' \
	good.json >wrong.json
sed 's/"host": "api.example.com",$/"hosts": "api.example.com",/' good.json >broken.json
sed -e 's/"good"/"wider"/' -e 's/"files.example.com"/"files.example.com", "more.example.com"/' \
	-e 's/"id": "api"/"id": "api", "max_uses": 3/' good.json >wider.json

sed -e 's/"good"/"low"/' -e 's/"role": "execute",/"role": "execute", "ceiling": "write",/' \
	good.json >low.json

# help
check_out "profile --help" 'agentbox profile explain' profile --help
check_err "no command" 125 'usage: agentbox profile' profile
check_err "a wrong command" 125 'did you mean "check"' profile chekc
for c in list show check test explain diff init; do
	check_out "$c --help" "^Usage: agentbox profile $c" profile "$c" --help
	check_err "$c with a wrong option" 125 "profile $c --help" profile "$c" --nonsense
done
for c in show test explain diff init; do
	check_err "$c without arguments" 125 "profile $c --help" profile "$c"
done

# list
cp good.json "$mine/good.json"
cp broken.json "$mine/broken.json"
sed 's/"good"/"dev"/' good.json >"$mine/dev.json"
check_out "list names the shipped ones" '^default +execute +enforce +shipped ' profile list
check_out "list names the user's" '^good +execute +enforce +user +a profile' profile list
check_out "list shows what is broken" '^broken .*unknown key "hosts"' profile list
check_out "list marks what is shadowed" '^dev .* shipped +\(shadowed\)' profile list
check "list --json" json \
	'{"good", "default"} <= {p["name"] for p in j} and
	 [p for p in j if p["name"] == "good"][0]["from"] == "user" and
	 [p["shadowed"] for p in j if p["name"] == "dev"] == [False, True] and
	 "hosts" in [p for p in j if p["name"] == "broken"][0]["error"]' \
	profile list --json

# show
check_out "show prints the file" '"purpose": "a profile of this test"' profile show good
check "show --json" json 'j["profile"]["name"] == "good" and j["path"].endswith("/good.json")' \
	profile show good --json
check_out "show --resolved: sections" 'process.syscalls +\["base"\]' profile show good --resolved
check_out "show --resolved: rules" '^  deny +network +admin' profile show good --resolved
check_out "show --resolved: the author's words" 'because: only people do that' \
	profile show good --resolved
check_out "show --resolved: the place" 'good.json:[0-9]+' profile show good --resolved
check "show --resolved --json" json \
	'len(j["policy_hash"]) == 64 and
	 [r for l in j["levels"] for r in l["rules"] if r["id"] == "admin"][0]["because"]
		== "only people do that" and
	 j["sections"]["process"]["syscalls"] == ["base"]' \
	profile show good --resolved --json
check_err "show of nothing" 125 'nosuch' profile show nosuch
check_err "show of what is broken" 125 'broken.json:[0-9]+: .*hosts' profile show ./broken.json

# check
check_out "check of a good one" '^1 checked: 0 errors' profile check ./good.json
check_status "check of a broken one" 1 profile check ./broken.json
check_eq "names file, line, severity" \
	"$(profile check ./broken.json | grep -c 'broken.json:[0-9]*: error: .*hosts')" 1
check_status "check of all" 1 profile check
rm "$mine/broken.json"
check "check of all, when all are good" profile check
check_status "check --json" 1 profile check --json ./broken.json
check "check --json is JSON" json \
	'j[0]["severity"] == "error" and j[0]["line"] > 0 and "hosts" in j[0]["text"] and
	 j[0]["file"].endswith("broken.json")' \
	profile check --json ./broken.json
cat >wide.json <<'END'
{
	"version": 1, "name": "wide", "role": "execute",
	"requires": { "optional": ["memory", "swap", "pids", "cpu", "io", "freeze"] },
	"process": { "syscalls": ["base"] },
	"files": { "exec": ["@system"] },
	"network": { "allow": ["*:*"] }
}
END
check_out "a warning alone is no failure" 'wide.json:[0-9]+: warning: ' profile check ./wide.json
check_status "but with --strict" 1 profile check --strict ./wide.json

# a kernel on which what the profile asks for does not exist
sed 's/"requires": {/"requires": { "kernel": "99.0",/' good.json >future.json
check_out "check knows this kernel" 'future.json:[0-9]+: error: .*99.0' \
	limited bash -c '"$1" profile check ./future.json; [ $? = 1 ]' _ "$AGENTBOX"

# test
check_out "test passes" '^ok - not its back door: deny admin$' profile test ./good.json
check_out "test counts" '^4 passed, 0 failed, 0 skipped$' profile test ./good.json
check_status "test fails" 1 profile test ./wrong.json
check_eq "and says which" "$(profile test ./wrong.json | grep -c '^not ok - not its back door: deny admin')" 1
check_eq "and what decided" "$(profile test ./wrong.json | grep -c '^# actual: deny .*admin.*wrong.json:[0-9]')" 1
check_out "test --case" '^1 passed, 0 failed, 0 skipped$' \
	profile test ./wrong.json --case "the service"
check_err "test --case of nothing" 125 'no case is named' profile test ./good.json --case x
check "test --json" json \
	'j["passed"] == 3 and j["failed"] == 1 and
	 [c["rule"] for c in j["cases"] if not c["ok"]] == ["admin"]' \
	profile test ./wrong.json --json
check_err "test of what is broken" 125 'broken.json:[0-9]+' profile test ./broken.json

# explain
cat >request.json <<'END'
{ "surface": "network", "host": "api.example.com", "port": 443, "method": "GET",
  "path": "/admin/x", "scheme": "https" }
END
check_out "explain: verdict" '^verdict +deny \(' profile explain ./good.json request.json
check_out "explain: rule and place" '^rule +deny admin .*good.json:[0-9]+' \
	profile explain ./good.json request.json
check_out "explain: because" '^because +only people do that' profile explain ./good.json request.json
check_out "explain: what else matched" '^matches +allow api ' profile explain ./good.json request.json
check_out "explain: from stdin" '^verdict +deny' \
	limited bash -c '"$1" profile explain ./good.json - <request.json' _ "$AGENTBOX"
check_out "explain --on" '^verdict +allow' profile explain ./good.json --on network \
	host=api.example.com port=443 method=GET path=/v1 scheme=https
check_out "explain: the failed condition" '^failed +/args/amount: expected .*100.* actual 500' \
	profile explain ./good.json --on tools server=crm tool=update class=write args.amount=500
check_out "explain: the rule that came nearest" '^nearest +allow pay.small .*good.json:[0-9]+' \
	profile explain ./good.json --on tools server=crm tool=update class=write args.amount=500
check_out "explain: what is unknown" '^unknown +/args/amount: ' \
	profile explain ./good.json --on tools server=crm tool=update class=write
check_out "explain: nothing grants it" '^verdict +deny \(no_rule\)' \
	profile explain ./good.json --on network host=other.example.com port=443
check_out "explain: the grant for the same host" '^nearest +allow network.allow:files.example.com ' \
	profile explain ./good.json --on network host=files.example.com port=22
check_out "explain: and what differs" '^failed +/port: expected .*443.* actual 22' \
	profile explain ./good.json --on network host=files.example.com port=22
check "explain: a grant for another host is not near" \
	bash -c '! "$1" profile explain ./good.json --on network \
		host=other.example.com port=443 | grep ^nearest' _ "$AGENTBOX"
check_out "explain: a request that says no labels is one of a new run" \
	'^assumed +run.labels .*: private$' \
	profile explain claude-code --on network host=x.example port=443
check "explain: one that does is taken at its word" \
	bash -c '! "$1" profile explain claude-code --on network \
		host=x.example port=443 "run.labels=[]" | grep ^assumed' _ "$AGENTBOX"
check_out "explain: why no rule decides" '^because +no rule grants it' \
	profile explain ./good.json --on network host=other.example.com port=443
check_out "explain: a class above the role" '^because +its class is above "write"' \
	profile explain ./low.json --on network host=api.example.com port=443 method=POST scheme=https path=/v1
check "explain --json" json 'j["effect"] == "deny" and j["rule"] == "admin" and j["line"] > 0' \
	profile explain --json ./good.json request.json
check_err "explain: a wrong surface" 125 'nonsense' profile explain ./good.json --on nonsense host=x
check_err "explain: a wrong attribute" 125 'hots' profile explain ./good.json --on network hots=x
check_err "explain: not a pair" 125 'KEY=VALUE' profile explain ./good.json --on network host
echo '{' >half.json
check_err "explain: not JSON" 125 'half.json:[0-9]' profile explain ./good.json half.json
check_err "explain: no such file" 125 'nosuch.json' profile explain ./good.json nosuch.json

# diff
check "diff of the same" profile diff ./good.json ./good.json
sed -e 's/"files.example.com"/{ "host": "files.example.com", "port": 443 }/' \
	-e 's/a profile of this test/the same, said otherwise/' good.json >same.json
check_status "diff finds more" 1 profile diff ./good.json ./wider.json
check_eq "+ for what B grants more" \
	"$(profile diff ./good.json ./wider.json | grep -c '^+ network .*more.example.com')" 1
check_eq "- the other way round" \
	"$(profile diff ./wider.json ./good.json | grep -c '^- network .*more.example.com')" 1
check "diff --json" json \
	'[l["surface"] for l in j if "more.example.com" in l["text"]] == ["network"]' \
	profile diff ./good.json ./wider.json --json
check_err "diff with a broken one" 125 'broken.json' profile diff ./good.json ./broken.json

# init
check_out "init writes into the user's folder" "^$mine/fresh.json$" profile init fresh
check_err "init does not overwrite" 125 'exists' profile init fresh
for r in retrieve reason execute approve monitor; do
	check "init --role $r" profile init "a-$r" --role "$r"
	check "which passes check --strict" profile check --strict "a-$r"
	check_out "and test" '^[1-9][0-9]* passed, 0 failed' profile test "a-$r"
done
check "init --from" profile init narrow --from good --output ./narrow.json
check "which passes check" profile check ./narrow.json
check_out "and test" '^[1-9][0-9]* passed, 0 failed' profile test ./narrow.json
check_out "init to standard output" '"name": "out"' profile init out -o -
check "init --json" json 'j["path"] == "x.json"' profile init x --json -o x.json
check_err "init of no name" 125 'not a name' profile init a/b
check_err "init of no role" 125 'not a role' profile init abc --role king
check_err "init from nothing" 125 'nosuch' profile init abc --from nosuch
check_status "which leaves nothing" 1 test -e "$mine/abc.json"
check "a fresh profile runs" run_box -p fresh -- true
finish
