#!/bin/bash
# Rules that do not hold together, and a host policy that cannot be read, are a
# reason not to start, before anything of the command runs.
# emulated: no (texts)
. "$(dirname "$0")/lib.sh"

mkdir -p "$TMP/ws"
cd "$TMP/ws" || exit 1

# with_rules FILE RULES
with_rules()
{
	cat >"$1" <<END
{
	"version": 1, "name": "rules", "role": "execute",
	"requires": {"optional": ["memory", "swap", "pids", "cpu", "io", "freeze"]},
	"files": {"exec": ["@system"], "workspace": {"access": "write"}},
	"rules": [$2]
}
END
}

with_rules "$TMP/good.json" '{"id": "a", "on": "tools", "match": {"server": "s"}, "effect": "allow", "step": "one"},
	{"id": "b", "on": "tools", "match": {"server": "t"}, "when": [{"op": "seen", "value": "one"}], "effect": "allow"}'
with_rules "$TMP/step.json" '{"id": "b", "on": "tools", "match": {"server": "t"}, "when": [{"op": "seen", "value": "one"}], "effect": "allow"}'
with_rules "$TMP/label.json" '{"id": "b", "on": "tools", "when": [{"at": "/run/labels", "op": "disjoint", "value": ["nobody"]}], "effect": "allow"}'

check "rules that hold together start" limited "$AGENTBOX" run -p "$TMP/good.json" -- touch ran
check "and the command ran" test -e ran
rm -f ran
check_err "a step that nothing does" 125 'step.json:[0-9]+: /rules/0/when/0/value: ' \
	limited "$AGENTBOX" run -p "$TMP/step.json" -- touch ran
check_err "a label that nobody defined" 125 'label.json:[0-9]+: /rules/0/' \
	limited "$AGENTBOX" run -p "$TMP/label.json" -- touch ran
check "and no command ran" test ! -e ran

# The host policy lies in /etc: in a mount namespace of our own, over which a
# layer of our own is laid.
# in_own_etc POLICY COMMAND...
in_own_etc()
{
	local policy=$1

	shift
	rm -rf "$TMP/layer"
	mkdir -p "$TMP/layer/up/agentbox" "$TMP/layer/work"
	printf '%s\n' "$policy" >"$TMP/layer/up/agentbox/policy.json"
	limited unshare -m sh -c '
		mount -t tmpfs tmpfs "$1" && mkdir "$1/up" "$1/work" &&
		cp -r "$2/up/agentbox" "$1/up/" &&
		mount -t overlay overlay \
			-o "lowerdir=/etc,upperdir=$1/up,workdir=$1/work" /etc &&
		shift 2 && exec "$@"' _ "$TMP/layer/work" "$TMP/layer" "$@"
}

if is_root && unshare -m true 2>/dev/null; then
	broken='{"version": 1,'
	good='{"version": 1, "name": "host", "rules": [{"id": "never.pay", "on": "any", "match": {"class": "pay"}, "effect": "prohibit", "because": "nobody pays here"}]}'
	check_err "a host policy that is no JSON" 125 '/etc/agentbox/policy.json:[0-9]+: not JSON' \
		in_own_etc "$broken" "$AGENTBOX" run -- touch ran
	check "and no command ran then" test ! -e ran
	check "a good one starts" in_own_etc "$good" "$AGENTBOX" run -- touch ran
	check_out "and it decides" '^rule +prohibit never.pay ' \
		in_own_etc "$good" "$AGENTBOX" profile explain "$TMP/good.json" \
		--on tools server=s tool=t class=pay
else
	skip "a host policy" "needs root, to lay another /etc over that of the host"
fi
finish
