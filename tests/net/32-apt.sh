#!/bin/bash
# apt from a mirror, over http and over intercepted https.
. "$(dirname "$0")/lib.sh"
need apt-get dpkg-deb
servers
mkdir -p "$NET/deb/DEBIAN" "$NET/deb/usr/share/abx-test" "$NET/files/pool"
cat >"$NET/deb/DEBIAN/control" <<'END'
Package: abx-test
Version: 1.0
Architecture: all
Maintainer: Test <test@web.test>
Description: a package of the test's own
END
echo "from the package" >"$NET/deb/usr/share/abx-test/text"
dpkg-deb --root-owner-group -b "$NET/deb" "$NET/files/pool/abx-test_1.0_all.deb" >/dev/null ||
	not_ok "a package to install"
list=$NET/files/dists/test/main/binary-$(dpkg --print-architecture)/Packages
mkdir -p "${list%/*}"
printf 'Suite: test\nCodename: test\nComponents: main\nArchitectures: %s\nDate: %s\n' \
	"$(dpkg --print-architecture)" "$(date -Ru)" >"$NET/files/dists/test/Release"
deb=$NET/files/pool/abx-test_1.0_all.deb
{
	cat "$NET/deb/DEBIAN/control"
	echo "Filename: pool/abx-test_1.0_all.deb"
	echo "Size: $(stat -c %s "$deb")"
	echo "SHA256: $(sha256sum "$deb" | cut -d' ' -f1)"
	echo
} >"$list"

# apt with folders of its own
apt=$(tr -s '\n\t' ' ' <<'END'
apt-get -qq -o Dir::Etc::sourcelist=/tmp/list -o Dir::Etc::sourceparts=- -o Dir::State=/tmp/state
	-o Dir::Cache=/tmp/cache -o Dir::State::status=/tmp/status -o Acquire::Retries=0
	-o APT::Sandbox::User= -o Dir::Etc::parts=/dev/null -o Dir::Etc::main=/dev/null
END
)
start='mkdir -p /tmp/state/lists/partial /tmp/cache/archives/partial; touch /tmp/status; cd /tmp;'
allow '{"host": "plain.test", "port": 80, "method": "GET", "path": "/files/**"}' \
	'{"host": "web.test", "method": "GET", "path": "/files/**"}'
for url in http://plain.test https://web.test; do
	inside "apt-get update and download from $url" '^from the package$' "$start
		echo 'deb [trusted=yes] $url/files test main' >list
		$apt update >&2; $apt download abx-test >&2
		dpkg-deb --fsys-tarfile abx-test_1.0_all.deb | tar -xO ./usr/share/abx-test/text"
done
refused "a mirror that is not allowed" "$start
	echo 'deb [trusted=yes] https://other.test/files test main' >list
	$apt -o APT::Update::Error-Mode=any update"
finish
