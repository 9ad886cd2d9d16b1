#!/bin/sh
# Installs or removes everything that is not a program. One list for both
# directions, so that uninstall cannot forget what install brought.
#
#	packaging/data.sh install|uninstall DESTDIR DATADIR MANDIR SYSCONFDIR
set -eu
verb=$1 dest=$2 data=$3 man=$4 etc=$5

# source<TAB>target
list()
{
	find profiles -type f ! -name '*.[ch]' ! -name '.*' | sort |
		while IFS= read -r f; do
			printf '%s\t%s\n' "$f" "$data/agentbox/$f"
		done
	for f in docs/man/*.[1-9]; do
		[ ! -e "$f" ] || printf '%s\t%s\n' "$f" "$man/man${f##*.}/${f##*/}"
	done
	printf '%s\t%s\n' \
		packaging/completions/agentbox.bash "$data/bash-completion/completions/agentbox" \
		packaging/completions/_agentbox "$data/zsh/site-functions/_agentbox" \
		packaging/completions/agentbox.fish "$data/fish/vendor_completions.d/agentbox.fish"
	[ ! -e packaging/apparmor/agentbox ] ||
		printf '%s\t%s\n' packaging/apparmor/agentbox "$etc/apparmor.d/agentbox"
}

cd "$(dirname "$0")/.."
list | while IFS='	' read -r from to; do
	case $verb in
	install) install -D -m 644 "$from" "$dest$to" ;;
	uninstall) rm -f "$dest$to" ;;
	*) exit 2 ;;
	esac
done
[ "$verb" = install ] || rm -rf "$dest$data/agentbox"
