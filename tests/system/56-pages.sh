#!/bin/bash
# docs/tutorial-profile.md: every command does what the page shows. So do the
# examples of docs/labels.md and the README.
# emulated: no (texts)
. "$(dirname "$0")/lib.sh"
need python3
LIMIT=120

bin=$(dirname "$(readlink -f "$AGENTBOX")")
for page in docs/tutorial-profile.md docs/labels.md README.md; do
	mkdir -p "$TMP/home/$page"
	while IFS='	' read -r verdict name detail; do
		case $verdict in
		end) [ "$name" = 0 ] || not_ok "$page: could not be run" "status $name" ;;
		ok) ok "$page: $name" ;;
		*) not_ok "$page: $name" "$(printf '%b' "$detail")" ;;
		esac
	done < <(HOME=$TMP/home/$page PATH=$bin:$PATH limited python3 \
		"$SRC/tests/system/pages.py" "$SRC/$page" "$TMP/home/$page"
		printf 'end\t%s\n' "$?")
done
finish
