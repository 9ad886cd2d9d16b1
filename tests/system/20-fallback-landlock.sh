#!/bin/bash
# Landlock missing, switched off, or pretending: a refusal that says so, unless
# the profile can do without.
. "$(dirname "$0")/lib.sh"

[ -x "$TESTBIN/nosys" ] || skip_all "$TESTBIN/nosys is not built"
mkdir "$TMP/ws"
box=("$AGENTBOX" run --workspace "$TMP/ws")
nosys=(limited "$TESTBIN/nosys")

cat >"$TMP/optional.json" <<'END'
{
	"version": 1,
	"name": "optional",
	"role": "execute",
	"requires": {
		"optional": ["landlock", "memory", "swap", "pids", "cpu", "io",
			"freeze"]
	},
	"process": { "syscalls": ["base"], "loopback": true },
	"files": {
		"exec": ["@system"],
		"read": ["@etc"],
		"workspace": { "access": "write", "exec": true }
	}
}
END

check_out "with Landlock the box runs" '^inside$' limited "${box[@]}" -- \
	echo inside

for how in ENOSYS EOPNOTSUPP; do
	call=landlock_create_ruleset:$how
	check_err "$how: refused" 125 'Landlock' \
		"${nosys[@]}" "$call" -- "${box[@]}" -- touch "$TMP/ws/$how"
	check_err "$how: the cure names the boot parameter" 125 'cure: .*lsm=' \
		"${nosys[@]}" "$call" -- "${box[@]}" -- true
	check_eq "$how: nothing of the command ran" \
		"$(ls "$TMP/ws")" ""
	check_out "$how: optional: the box runs" '^inside$' \
		"${nosys[@]}" "$call" -- "${box[@]}" \
		--profile "$TMP/optional.json" -- echo inside
	check_err "$how: optional: the table says absent" 0 \
		'^landlock +absent' "${nosys[@]}" "$call" -- "${box[@]}" \
		--show-enforced --profile "$TMP/optional.json" -- true
done

# The worst case: the kernel says yes and does nothing.
check_err "a domain that does not hold is noticed" 125 'anary|Landlock' \
	"${nosys[@]}" landlock_restrict_self:OK -- "${box[@]}" -- \
	touch "$TMP/ws/pretended"
check_eq "pretended: nothing of the command ran" "$(ls "$TMP/ws")" ""

check_err "with Landlock the optional layer is held" 0 '^landlock +held' \
	limited "${box[@]}" --show-enforced --profile "$TMP/optional.json" -- \
	true
finish
