#!/bin/bash
# install puts everything below DESTDIR, the installed program runs from there,
# and uninstall leaves nothing behind.
. "$(dirname "$0")/../system/lib.sh"
need make gcc

dest=$TMP/dest
LIMIT=300
check "make install" limited make -s -C "$SRC" install DESTDIR="$dest" PREFIX=/usr
for f in /usr/bin/agentbox /usr/libexec/agentbox/agentbox-stage \
	/usr/libexec/agentbox/agentbox-guard \
	/usr/libexec/agentbox/agentbox-scope \
	/usr/libexec/agentbox/agentbox-try \
	/usr/share/agentbox/profiles/default.json \
	/usr/share/agentbox/profiles/groups/no-trio.json \
	/usr/share/man/man1/agentbox.1 \
	/usr/share/man/man1/agentbox-profile.1 \
	/usr/share/man/man5/agentbox-profile.5 \
	/usr/share/bash-completion/completions/agentbox; do
	check "there is $f" test -f "$dest$f"
done
check_out "the installed program runs" "^agentbox $(cat "$SRC/VERSION")" \
	"$dest/usr/bin/agentbox" version
check_eq "nothing setuid" "$(find "$dest" -perm /6000)" ""
check_eq "no headers or sources" "$(find "$dest" -name '*.[ch]')" ""
check "make uninstall" limited make -s -C "$SRC" uninstall DESTDIR="$dest" PREFIX=/usr
check_eq "no file is left" "$(find "$dest" ! -type d)" ""
finish
