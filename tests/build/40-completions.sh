#!/bin/bash
# The completions know every command and every long option that the programs
# accept, and the shells accept the completions.
. "$(dirname "$0")/../system/lib.sh"

dir=$SRC/packaging/completions
check "bash reads it" bash -n "$dir/agentbox.bash"
for s in zsh:_agentbox fish:agentbox.fish; do
	if command -v "${s%%:*}" >/dev/null; then
		check "${s%%:*} reads it" "${s%%:*}" -n "$dir/${s#*:}"
	else
		# not one of the packages that make check installs
		echo "# ${s%%:*} is not installed: ${s#*:} was not parsed"
	fi
done

commands=$("$AGENTBOX" help | sed -n 's/^  \([a-z]*\) .*/\1/p')
check "help lists commands" test "$commands"
for c in $commands; do
	for f in agentbox.bash _agentbox agentbox.fish; do
		check "$f knows $c" grep -qw "$c" "$dir/$f"
	done
	for o in $("$AGENTBOX" help "$c" | grep -oE -- '--[a-z][a-z-]+' | sort -u); do
		for f in agentbox.bash _agentbox; do
			check "$f knows $o" grep -q -- "$o\b" "$dir/$f"
		done
		check "fish knows $o" grep -q -- "-l ${o#--}\b" "$dir/agentbox.fish"
	done
done

# the functions themselves, without a terminal
COMP_WORDS=(agentbox fr) COMP_CWORD=1
# shellcheck source=../../packaging/completions/agentbox.bash
. "$dir/agentbox.bash"
_agentbox
check_eq "fr<TAB> is freeze" "${COMPREPLY[*]}" freeze
COMP_WORDS=(agentbox run --show) COMP_CWORD=2
_agentbox
check_eq "run --show<TAB>" "${COMPREPLY[*]}" --show-enforced
COMP_WORDS=(agentbox kill -s US) COMP_CWORD=3
_agentbox
check_eq "kill -s US<TAB>" "${COMPREPLY[*]}" "USR1 USR2"
finish
