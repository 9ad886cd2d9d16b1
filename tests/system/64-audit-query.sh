#!/bin/bash
# Questions to the audit log: filters, forms, following, verifying, exporting
# with proofs, keys; a log that was changed; a state folder that cannot be
# written; several at once.
# emulated: no (questions to files)
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
need python3

export AGENTBOX_RUNTIME_DIR=$TMP/rt XDG_CACHE_HOME=$TMP/cache
verify=${AGENTBOX%/*}/agentbox-verify
mkdir "$TMP/ws"
cd "$TMP/ws" || exit 1
optional='{"optional": ["memory", "swap", "pids", "cpu", "io", "freeze"]}'
for p in alpha beta; do
	cat >"$TMP/$p.json" <<-END
		{ "version": 1, "name": "$p", "role": "execute",
		  "owner": "ann@example.com", "purpose": "a test",
		  "requires": $optional,
		  "process": { "syscalls": ["base"] },
		  "files": { "exec": ["@system"],
			"workspace": { "access": "write" } } }
	END
done

audit()
{
	limited "$AGENTBOX" audit "$@"
}

# json EXPRESSION COMMAND...: each line is JSON and the expression, with the
# list of them as r, is true.
json()
{
	local what=$1

	shift
	"$@" | python3 -c '
import json, sys
r = [json.loads(line) for line in sys.stdin]
ok = eval("(" + sys.argv[1] + ")")
if not ok:
    print(len(r), r[:5])
sys.exit(0 if ok else 1)' "$what"
}

check_err "there is no log yet" 125 'cure: it begins with the first' \
	audit query
check_status "and asking made none" 1 test -e "$AGENTBOX_STATE_DIR/audit"

check "a run" run_box --profile "$TMP/alpha.json" -- true
check_status "another" 3 run_box --profile "$TMP/beta.json" -- sh -c 'exit 3'

# ---- query ------------------------------------------------------------------
check_out "a line has who, what, to what, with what result" \
	'alpha/[0-9a-f]+  intent  box\.start .* allow' audit query
check "JSON" json 'all("hash" in x for x in r) and
	[x["seq"] for x in r] == list(range(1, len(r) + 1))' \
	audit query --json
check "--agent" json 'len(r) > 4 and all(x["agent"] == "beta" for x in r)' \
	audit query --json --agent beta
check "--agent twice is either" json \
	'{x["agent"] for x in r} == {"alpha", "beta"}' \
	audit query --json --agent beta --agent alpha
run=$(audit query --json --agent beta --type channel --limit 1 |
	python3 -c 'import json, sys; print(json.load(sys.stdin)["run"])')
check "--run" json 'len(r) > 4 and all(x["agent"] == "beta" for x in r)' \
	audit query --json --run "$run"
check "--what and --effect" json 'len(r) == 2 and
	all(x["type"] == "intent" and x["effect"] == "allow" for x in r)' \
	audit query --json --what box.start --effect allow
check "--status, --type and --agent" json \
	'len(r) == 1 and r[0]["exit_status"] == 3' \
	audit query --json --type outcome --agent beta
check "--owner" json 'len(r) > 8' audit query --json --owner ann@example.com
check "--seq" json '[x["seq"] for x in r] == [2, 3, 4]' \
	audit query --json --seq 2..4
check "--limit gives the newest" json \
	'len(r) == 2 and r[0]["type"] != "log.segment"' \
	audit query --json --limit 2
check "--since, --until" json 'len(r) > 8' \
	audit query --json --since 10m --until 0
check "before there was anything" json 'len(r) == 0' \
	audit query --json --until 2020-01-01
check_out "--count" '^2$' audit query --count --type intent
check_out "the same without the index" '^2$' \
	audit query --count --type intent --no-index
check_err "an effect that there is not" 125 'did you mean "deny"' \
	audit query --effect denny
check_err "a time that is none" 125 'cannot read "soon"' \
	audit query --since soon
check_err "an option that there is not" 125 'audit query --help' \
	audit query --no-such
check_err "a word too many" 125 'what is "x"' audit query x
check_err "a command that there is not" 125 'did you mean "query"' \
	audit qery
check_status "no colour where no terminal is" 1 \
	bash -c '"$AGENTBOX" audit query | grep -q "$(printf "\033")"'
audit query >/dev/full 2>"$err"
check_eq "an answer that cannot be written is a failure" $? 125

# ---- tail -------------------------------------------------------------------
check "tail shows the newest" json \
	'len(r) == 3 and r[2]["seq"] == max(x["seq"] for x in r)' \
	audit tail -n 3 --json
spawn "$AGENTBOX" audit tail -f -n 0 --json --type outcome >"$TMP/tail"
check "a run while it is followed" \
	run_box --profile "$TMP/alpha.json" -- true
check "tail -f shows it" wait_for 60 grep -q '"agent":"alpha"' "$TMP/tail"
kill "$spawned"
check_eq "and only what matches" "$(wc -l <"$TMP/tail")" 1

# ---- verify, checkpoint, rotate, export -------------------------------------
check "checkpoint" audit checkpoint
check_out "verify" WHOLE audit verify
check "verify in JSON" json 'len(r) == 1' audit verify --json
cp "$AGENTBOX_STATE_DIR/audit/head" "$TMP/note"
cp "$AGENTBOX_STATE_DIR/audit/public.key" "$TMP/public.key"
check "rotate" audit rotate
check "a run in the next file" run_box --profile "$TMP/beta.json" -- true
check "checkpoint of it" audit checkpoint
check_out "files" '^files +2,' audit stats
check "stats in JSON" json 'r[0]["files"] == 2 and
	r[0]["types"]["intent"] == 4 and r[0]["uncovered"] == 0 and
	{a["agent"] for a in r[0]["agents"]} == {"alpha", "beta"} and
	r[0]["retention_days"] == 184' audit stats --json
check "export" json 'len(r) > 20' audit export
check "export for OCSF" json 'len(r) == 4 and
	all(x["class_uid"] == 1007 and x["action_id"] == 1 for x in r)' \
	audit export --format ocsf --type intent
check "export for OpenTelemetry" json 'len(r) == 4 and
	all(x["resourceLogs"] for x in r)' \
	audit export --format otel --type intent
check_out "export as a table" '^[0-9]+,.*,intent,,"alpha"' \
	audit export --format csv
check_err "a form that there is not" 125 'did you mean "ocsf"' \
	audit export --format ocs
audit export --proof --type intent >"$TMP/proof" 2>"$err"
check_eq "each with its proof" "$(grep -c '^index ' "$TMP/proof")" 4
check_out "which a third party checks" '^PROVED' \
	"$verify" --public-key "$TMP/public.key" --proof "$TMP/proof"
# a letter of the first frame's bytes
python3 - "$TMP/proof" >"$TMP/forged" <<'END'
import sys
lines = open(sys.argv[1]).read().split("\n")
x = lines[1]
lines[1] = x[:150] + ("A" if x[150] != "A" else "B") + x[151:]
sys.stdout.write("\n".join(lines))
END
check_status "and a changed one not" 1 \
	"$verify" --public-key "$TMP/public.key" --proof "$TMP/forged"

# ---- keys -------------------------------------------------------------------
check_out "keys" '^agentbox-audit/' audit keys
check "the first MAC key is taken" audit keys --take "$TMP/mac"
check_eq "closed to others" "$(stat -c %a "$TMP/mac")" 600
check_status "once" 1 audit keys --take "$TMP/mac2"
check_out "with it verify checks MACs, with a note the past" WHOLE \
	audit verify --mac-key "$TMP/mac" --note "$TMP/note" \
	--public-key "$TMP/public.key"
printf '%064d\n' 0 >"$TMP/wrong"
check_status "another key is found out" 1 audit verify --mac-key "$TMP/wrong"

# ---- index ------------------------------------------------------------------
check_out "index" 'up to record [0-9]+' audit index --rebuild
rm -f "$AGENTBOX_STATE_DIR"/audit-index.sqlite*
check_out "it may be removed" '^4$' audit query --count --type intent
echo junk >"$AGENTBOX_STATE_DIR/audit-index.sqlite"
check_out "or be junk" '^4$' audit query --count --type intent
rm -f "$AGENTBOX_STATE_DIR"/audit-index.sqlite*
several()
{
	local i pids=() bad=0

	for i in 1 2 3 4 5 6; do
		audit query --count --type intent >"$TMP/n$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || bad=1
	done
	[ "$bad" = 0 ] && [ "$(cat "$TMP"/n? | sort -u)" = 4 ]
}
check "several at once, without an index at first" several
if ! is_root; then # root writes everywhere
	rm -f "$AGENTBOX_STATE_DIR"/audit-index.sqlite*
	chmod 500 "$AGENTBOX_STATE_DIR"
	check_out "where the folder cannot be written" '^4$' \
		audit query --count --type intent
	check "the index is in the cache" \
		test -e "$TMP/cache/agentbox/audit-index.sqlite"
	chmod 700 "$AGENTBOX_STATE_DIR"
fi

# ---- schema -----------------------------------------------------------------
audit export >"$TMP/all.json"
audit schema >"$TMP/schema.json"
python3 - "$TMP/schema.json" "$TMP/all.json" >"$out" 2>&1 <<'END'
import json, sys
kinds = {"integer": int, "string": str, "object": dict}
schema = {s["title"]: s for s in json.load(open(sys.argv[1]))["oneOf"]}
seen = set()
for line in open(sys.argv[2]):
    r = json.loads(line)
    s = schema[r["type"]]
    seen.add(r["type"])
    for name in s["required"]:
        assert name in r, (name, r)
    for name, value in r.items():
        kind = s["properties"][name].get("type")
        kind = [kind] if isinstance(kind, str) else kind
        assert not kind or isinstance(
            value, tuple(kinds[k] for k in kind)), (name, value)
assert len(seen) >= 8, seen
END
check_eq "records are as the schema says" "$? $(cat "$out")" "0 "
check_err "a type that there is not" 125 'did you mean "intent"' \
	audit schema intnt

# ---- a log that was changed -------------------------------------------------
cp -a "$AGENTBOX_STATE_DIR" "$TMP/changed"
python3 - "$TMP/changed/audit/log/00000000000000000001.seg" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    data = f.read()
    at = data.index(b"box.start")
    f.seek(at)
    f.write(b"box.stort")
END
export AGENTBOX_STATE_DIR=$TMP/changed
check_status "verify says no" 1 audit verify
check_out "and names the place" 'NOT WHOLE: .*000001\.seg: offset .*record [0-9]+' \
	bash -c '"$AGENTBOX" audit verify; true'
check_out "questions are answered all the same" 'box\.stort' audit query
check "a new log beside it" audit anew
check "which is whole" run_box --profile "$TMP/alpha.json" -- true
check_out "and says so" WHOLE audit verify
check_out "the index is of it" '^1$' audit query --count --type intent
check "the old one is kept" compgen -G "$TMP/changed/audit.damaged-*"
finish
