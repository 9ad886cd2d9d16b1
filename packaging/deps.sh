#!/bin/sh
# Installs the Debian or Ubuntu packages that the named groups need and that
# are missing; says nothing when none is. On other systems it prints the list.
#
#	packaging/deps.sh [--list] GROUP...	build try check lint fuzz bench vm
#
# Status 2: something is missing and was not installed.
set -eu

# "a|b": either will do.
packages()
{
	case $1 in
	build) echo gcc libc6-dev make libseccomp-dev \
		libjansson-dev libnl-3-dev libevent-dev libsystemd-dev \
		libpcre2-dev libmd-dev musl-dev libssl-dev libsqlite3-dev \
		libc-ares-dev ;;
	try) echo git procps python3 curl openssl ca-certificates ;;
	check) echo git procps util-linux passwd bsdutils python3 python3-venv nodejs \
		libcap-dev perl sqlite3 tmux gdb strace bubblewrap xz-utils \
		openssl ca-certificates curl wget iproute2 openssh-client dropbear-bin redis-tools postgresql ;;
	lint) echo clang-format clang-tidy cppcheck shellcheck mandoc python3 ;;
	fuzz) echo clang 'libclang-rt-dev|libclang-common-14-dev' ;;
	bench) echo bubblewrap crun firejail libcap-dev procps openssl curl \
		'nginx-light|nginx' haproxy tinyproxy wrk ;;
	vm) case $(uname -m) in
		x86_64) echo qemu-system-x86 ;;
		*) echo qemu-system-arm ;;
		esac
		echo mmdebstrap e2fsprogs ;;
	*)
		echo "deps.sh: no group \"$1\"" >&2
		exit 2 ;;
	esac
}

installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The first alternative unless one is there already.
lacking()
{
	rest=$1
	while [ "$rest" ]; do
		one=${rest%%|*}
		! installed "$one" || return 0
		case $rest in
		*\|*) rest=${rest#*|} ;;
		*) rest= ;;
		esac
	done
	echo "$1"
}

# Of alternatives, the first that the package lists know.
known()
{
	for one in $(echo "$1" | tr '|' ' '); do
		if apt-cache show "$one" >/dev/null 2>&1; then
			echo "$one"
			return
		fi
	done
	echo "${1%%|*}"
}

list=
[ "${1:-}" != --list ] || { list=1; shift; }
want=
for group; do
	want="$want $(packages "$group")" || exit 2
done
want=$(for p in $want; do echo "$p"; done | sort -u)
if [ "$list" ]; then
	echo "$want"
	exit 0
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	[ "${SKIP_DEPS:-}" != 1 ] || exit 0
	echo "deps.sh: this is not Debian or Ubuntu; what these packages hold is needed:" >&2
	echo "$want" | sed 's/^/    /' >&2
	echo "then run make again with SKIP_DEPS=1" >&2
	exit 2
fi

missing=
for p in $want; do
	m=$(lacking "$p")
	missing="$missing${m:+ $m}"
done
[ "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
	sudo=
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
	sudo=sudo
else
	echo "deps.sh: packages are missing; as root run:" >&2
	echo "    apt-get install$(for p in $missing; do printf ' %s' "${p%%|*}"; done)" >&2
	exit 2
fi

echo "installing:$missing"
$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 update ||
	echo "deps.sh: apt-get update failed, trying with the lists that are there" >&2
names=
for p in $missing; do
	names="$names $(known "$p")"
done
# Some of them are servers, which tests and benchmarks start for themselves:
# installing them here starts none, now or at the next boot.
quiet=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/agentbox-tests.conf
if [ -e $quiet ]; then
	quiet=
else
	printf '#!/bin/sh\nexit 101\n' | $sudo tee $quiet >/dev/null
	$sudo chmod 755 $quiet
fi
case $names in
*postgresql*)
	$sudo mkdir -p "${cluster%/*}"
	echo 'create_main_cluster = false' | $sudo tee $cluster >/dev/null ;;
*) cluster= ;;
esac
tidy()
{
	# shellcheck disable=SC2086 # one or none of each
	$sudo rm -f $quiet $cluster
	command -v systemctl >/dev/null || return 0
	for p in $missing; do
		case $p in
		nginx-light*) $sudo systemctl -q disable nginx ;;
		haproxy | tinyproxy | postgresql) $sudo systemctl -q disable "$p" ;;
		esac >/dev/null 2>&1 || :
	done
}
trap tidy EXIT
# shellcheck disable=SC2086 # a list of words
if ! $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
	-o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 \
	install --no-install-recommends $names >/dev/null; then
	echo "deps.sh: could not install:$names" >&2
	exit 2
fi
