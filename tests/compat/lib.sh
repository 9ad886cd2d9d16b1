# shellcheck shell=bash disable=SC2016
# For the compat tests: real tools at work in boxes of the `dev` profile.
#
#	. "$(dirname "$0")/lib.sh"
#	need_inside git
#	inside "git says its version" 'git version [0-9]' 'git --version'
#	finish
#
# $WS is the workspace of all boxes of a script, a fresh folder.
. "$(dirname "${BASH_SOURCE[0]}")/../system/lib.sh"

WS=$TMP/ws
mkdir "$WS"

# dev COMMAND...: in a box with the dev profile.
dev()
{
	run_box --profile dev --workspace "$WS" -- "$@"
}

# need_inside PROGRAM...: ends the script where a box does not find one; the
# host's PATH may lead elsewhere. A box that does not start is a failure.
need_inside()
{
	local p

	capture dev true || {
		not_ok "a box with the dev profile starts"
		show
		finish
	}
	for p; do
		dev sh -c 'command -v "$0"' "$p" >/dev/null 2>&1 </dev/null ||
			skip_all "$p is not installed"
	done
}

# inside NAME REGEX SCRIPT: a bash script in a box; status 0 and a line of its
# output that matches.
inside()
{
	check_out "$1" "$2" dev bash -euo pipefail -c "$3"
}

# put FILE: standard input becomes WS/FILE.
put()
{
	cat >"$WS/$1"
}
