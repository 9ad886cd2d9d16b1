#!/bin/bash
# The documents say what the programs do: every key of the schema, option,
# layer and never-inside path is in a man page; every file and probe that
# docs/*.md name is there; links lead somewhere.
. "$(dirname "$0")/../system/lib.sh"
need python3
cd "$SRC" || exit 1

check "man pages, README and docs agree with the sources" \
	python3 tests/build/documents.py "$AGENTBOX"
if command -v mandoc >/dev/null; then
	check "mandoc accepts the man pages" \
		mandoc -T lint -W warning docs/man/*.[1-9]
else
	skip "mandoc" "mandoc is not installed"
fi

# the profile in the README and the one in the man page are accepted
mkdir "$TMP/ws"
python3 - "$TMP" <<'END'
import re, sys
for name, path in (("readme", "README.md"),
                   ("man", "docs/man/agentbox-profile.5")):
    text = open(path).read()
    m = re.search(r"^// What a reviewer.*?^}$", text, re.M | re.S)
    open(f"{sys.argv[1]}/{name}.json", "w").write(m.group(0) if m else "")
END
check_err "the mistake in the README's profile is found where it says" 125 \
	'readme.json:11: /files/read/1: "~/.ssh" holds SSH keys' \
	run_box --profile "$TMP/readme.json" --workspace "$TMP/ws" -- true
optional='{"optional": ["memory", "swap", "pids", "cpu", "freeze"]}'
sed -e 's/, "~\/\.ssh"//' -e "s/\"process\"/\"requires\": $optional, &/" \
	"$TMP/readme.json" >"$TMP/mended.json"
check "without it the profile works" \
	run_box --profile "$TMP/mended.json" --workspace "$TMP/ws" -- ls
sed "s/{\"landlock\": 3}/$optional/" "$TMP/man.json" >"$TMP/man2.json"
check "so does the one in agentbox-profile(5)" \
	run_box --profile "$TMP/man2.json" --workspace "$TMP/ws" -- ls
finish
