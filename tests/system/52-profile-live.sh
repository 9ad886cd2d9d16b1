#!/bin/bash
# profile test --live: every shipped profile does what its cases say; where a
# box does something else than the rules, that is found.
. "$(dirname "$0")/lib.sh"
need python3

export AGENTBOX_RUNTIME_DIR=$TMP/rt
mkdir "$TMP/live"
export TMPDIR=$TMP/live # others may have such workspaces, too
LIMIT=120
cd "$TMP" || exit 1

profile()
{
	limited "$AGENTBOX" profile "$@"
}

for p in "$SRC"/profiles/*.json; do
	name=$(basename "$p" .json)
	check_out "$name" '^[1-9][0-9]* passed, 0 failed' profile test --live "$p"
	profile test --live --json "$p" >"$TMP/json" 2>/dev/null
	check "$name: some of it was done for real" python3 -c '
import json, sys
j = json.load(open(sys.argv[1]))
sys.exit(not [c for c in j["cases"] if c["live"] and not c["skipped"]])' "$TMP/json"
done

cat >t.json <<'END'
{
	"version": 1,
	"name": "t",
	"role": "execute",
	"requires": { "optional": ["memory", "swap", "pids", "cpu", "io", "freeze"] },
	"process": { "syscalls": ["SET"], "syscalls_deny": ["mlockall"] },
	"files": {
		"exec": ["@system"],
		"read": ["@etc"],
		"deny": ["/etc/ssl"],
		"workspace": { "access": "write", "exec": EXEC }
	},
	"expect": [
		{ "name": "read the workspace", "on": "files",
		  "request": { "path": "./a/b.c", "access": "read" }, "verdict": "allow" },
		{ "name": "write the workspace", "on": "files",
		  "request": { "path": "./a/c.c", "access": "write" }, "verdict": "allow" },
		{ "name": "execute the workspace", "on": "files",
		  "request": { "path": "./a/d", "access": "exec" }, "verdict": "WSEXEC" },
		{ "name": "write scratch", "on": "files",
		  "request": { "path": "/tmp/x/y", "access": "write" }, "verdict": "allow" },
		{ "name": "delete scratch", "on": "files",
		  "request": { "path": "/tmp/x/z", "access": "delete" }, "verdict": "allow" },
		{ "name": "write the system", "on": "files",
		  "request": { "path": "/usr/bin/sh", "access": "write" }, "verdict": "deny" },
		{ "name": "run the system", "on": "process",
		  "request": { "path": "/usr/bin/env" }, "verdict": "allow" },
		{ "name": "run the configuration", "on": "files",
		  "request": { "path": "/etc/hosts", "access": "exec" }, "verdict": "deny" },
		{ "name": "host secrets", "on": "files",
		  "request": { "path": "/etc/shadow", "access": "read" }, "verdict": "deny" },
		{ "name": "getpid", "on": "process",
		  "request": { "syscall": "getpid" }, "verdict": "allow" },
		{ "name": "prctl, in part", "on": "process",
		  "request": { "syscall": "prctl" }, "verdict": "allow" },
		{ "name": "exit_group ends whoever tries", "on": "process",
		  "request": { "syscall": "exit_group" }, "verdict": "allow" },
		{ "name": "pause lasts", "on": "process",
		  "request": { "syscall": "pause" }, "verdict": "allow" },
		{ "name": "mount", "on": "process",
		  "request": { "syscall": "mount" }, "verdict": "deny" },
		{ "name": "clone3", "on": "process",
		  "request": { "syscall": "clone3" }, "verdict": "deny" },
		{ "name": "mlockall was taken out", "on": "process",
		  "request": { "syscall": "mlockall" }, "verdict": "deny" },
		{ "name": "not now", "on": "process", "live": false,
		  "request": { "syscall": "mount" }, "verdict": "deny" },
		{ "name": "the network", "on": "network",
		  "request": { "host": "example.com", "port": 443 }, "verdict": "deny" }
	]
}
END
sed -e 's/SET/base/' -e 's/WSEXEC/deny/' -e 's/EXEC/false/' t.json >base.json
sed -e 's/SET/dev/' -e 's/WSEXEC/allow/' -e 's/EXEC/true/' t.json >dev.json
# no process can be made here: a box for each attempt that ends agentbox-try
sed -e 's/SET/minimal/' -e 's/WSEXEC/deny/' -e 's/EXEC/false/' t.json >minimal.json
for p in base dev minimal; do
	check_out "$p: rules and box agree" '^34 passed, 0 failed, 2 skipped$' \
		profile test --live "./$p.json"
done
check_out "nothing is sent" 'SKIP network: a test sends nothing to anybody' \
	profile test --live ./base.json
check_out "live: false is kept out" 'live: not now: .*SKIP the case says' \
	profile test --live ./base.json
check_out "--live --case" '^2 passed, 0 failed, 0 skipped$' \
	profile test --live --case mount ./base.json

# a host that has not what the profile allows
sed -e 's/"@etc"/"@etc", "\/nosuch"/' -e 's/\/etc\/shadow", "access": "read" }, "verdict": "deny"/\/nosuch\/x", "access": "read" }, "verdict": "allow"/' \
	base.json >nosuch.json
check_out "what this host has not is skipped" \
	'live: host secrets: allow # SKIP this host does not have it' \
	profile test --live ./nosuch.json

# the one thing that this box has and no profile names: agentbox-try itself
cat >lie.json <<'END'
{
	"version": 1, "name": "lie", "role": "execute",
	"requires": { "optional": ["memory", "swap", "pids", "cpu", "io", "freeze"] },
	"process": { "syscalls": ["base"] },
	"files": { "exec": ["@system"], "workspace": { "access": "write" } },
	"expect": [
		{ "name": "nothing of agentbox", "on": "files",
		  "request": { "path": "/run/agentbox/helper", "access": "read" },
		  "verdict": "deny" }
	]
}
END
check_out "the rules alone are content" '^1 passed, 0 failed' profile test ./lie.json
check_status "the box is not" 1 profile test --live ./lie.json
check_eq "and it says how" \
	"$(profile test --live ./lie.json | grep -c '^# the rules refuse it, but in the box it works')" 1

sed 's/"role"/"requires_": 1, "role"/' lie.json >broken.json
check_err "a profile that does not load" 125 'broken.json' profile test --live ./broken.json
check_eq "no workspace is left" "$(ls -d "$TMPDIR"/abx-live-* 2>/dev/null)" ""
check_eq "no box is left" "$(limited "$AGENTBOX" ps --json)" "[]"
finish
