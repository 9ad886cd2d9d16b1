#!/bin/bash
# image.sh DIR: makes DIR/disk.img, DIR/vmlinuz and DIR/initrd, the machine of
# `make check-vm`.
#
# Everything comes from the package sources of this host, so the machine has
# the distribution's own kernel and systemd, as its users have them. The
# result depends on this file and the distribution and on nothing else: run.sh
# keeps it under a name made from both. Only what a test needs is installed,
# since under plain emulation each service costs a second of the boot.
#
# As root mmdebstrap works in a plain chroot, as a user in a user namespace.
# There the files have their right owners only inside, so the file system is
# written in a hook, which runs there, into a descriptor that was opened here.
set -euo pipefail

# shellcheck source=/dev/null
. /etc/os-release
arch=$(dpkg --print-architecture)
case $ID in
debian) kernel=linux-image-$arch ;;
ubuntu) kernel=linux-image-virtual ;;
*) echo "image.sh: no recipe for $ID" >&2; exit 2 ;;
esac

packages=$kernel,initramfs-tools,kmod,udev,e2fsprogs
packages+=,systemd,systemd-sysv,libpam-systemd,dbus,dbus-user-session
packages+=,util-linux,procps,bash,apparmor,python3,curl,openssl,ca-certificates

# Drivers and documents that no test touches are three quarters of the bytes,
# and of the time to unpack, index and write them. dpkg lets the last match win.
filters=()
for path in /usr/share/{doc,man,locale,info} \
	/lib/modules/\*/kernel/{arch/x86/kvm,drivers,fs,net,sound}; do
	filters+=(--dpkgopt="path-exclude=$path/*")
done
for path in drivers/{virtio,char,block}/\* net/{ipv4,ipv6,netfilter,unix}/\* \
	drivers/net/{dummy,tun,veth,net_failover,virtio_net}\* net/core/\* \
	fs/{ext4,jbd2,overlayfs,fuse,autofs}/\* fs/{mbcache,binfmt_misc}\*; do
	filters+=(--dpkgopt="path-include=/lib/modules/*/kernel/$path")
done

setup_hook()
{
	mkdir -p "$1/etc/initramfs-tools/conf.d"
	printf 'MODULES=list\nCOMPRESS=gzip\n' \
		> "$1/etc/initramfs-tools/conf.d/agentbox"
	printf '%s\n' virtio_pci virtio_blk virtio_console ext4 \
		> "$1/etc/initramfs-tools/modules"
}

# The machine has one purpose: a unit that unpacks the second disk, which is a
# bare tar file, runs guest.sh out of it, and turns the machine off.
customize_hook()
{
	echo agentbox-vm > "$1/etc/hostname"
	printf '127.0.0.1 localhost agentbox-vm\n' > "$1/etc/hosts"
	printf '/dev/vda / ext4 defaults,noatime 0 0\n' > "$1/etc/fstab"
	chroot "$1" useradd -m -s /bin/bash -u 1000 tester
	mkdir -p "$1/srv/agentbox"
	cat > "$1/etc/systemd/system/agentbox-vmtest.service" <<-'EOF'
	[Unit]
	Description=agentbox test run
	After=multi-user.target
	SuccessAction=poweroff-force
	FailureAction=poweroff-force

	[Service]
	Type=oneshot
	TimeoutStartSec=infinity
	Environment=HOME=/root
	ExecStartPre=/bin/tar -x -f /dev/vdb -C /srv/agentbox --no-same-owner
	ExecStart=/srv/agentbox/tests/vm/guest.sh
	StandardOutput=journal+console

	[Install]
	WantedBy=graphical.target
	EOF
	chroot "$1" systemctl -q enable agentbox-vmtest.service
	chroot "$1" systemctl -q set-default graphical.target
	chroot "$1" systemctl -q mask getty.target serial-getty@ttyS0.service \
		apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer \
		e2scrub_reap.service dpkg-db-backup.timer fstrim.timer \
		systemd-timesyncd.service
	rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*
}

# Of the chroot's mounts (proc, sys, dev) nothing belongs into the image, hence
# the bind of its root alone.
image_hook()
{
	# shellcheck disable=SC2016
	unshare --mount sh -ec 'mount --bind "$1" /mnt
		cat /mnt/vmlinuz > /proc/self/fd/3/vmlinuz
		cat /mnt/initrd.img > /proc/self/fd/3/initrd
		mke2fs -q -F -t ext4 -E lazy_itable_init=1 -d /mnt \
			/proc/self/fd/3/disk.img 1500M' sh "$1"
}

case ${1:-} in
--hook)
	"$2_hook" "$3"
	exit
	;;
esac

mkdir -p "$1"
dir=$(cd "$1" && pwd)
self=$(readlink -f "$0")
mode=root
[ "$(id -u)" = 0 ] || mode=unshare

umask 022
# In the user namespace we are not who owns these files. And one descriptor is
# all there is to give: apt passes on those that mmdebstrap opens after it by
# number to a shell that takes one digit.
for file in disk.img vmlinuz initrd; do
	: > "$dir/$file"
	chmod 666 "$dir/$file"
done
chmod 711 "$dir"
mmdebstrap --mode=$mode --variant=minbase --format=null \
	--include="$packages" "${filters[@]}" \
	--setup-hook="bash $self --hook setup \"\$1\"" \
	--customize-hook="bash $self --hook customize \"\$1\"" \
	--customize-hook="bash $self --hook image \"\$1\"" \
	"$VERSION_CODENAME" /dev/null 3< "$dir"
chmod 644 "$dir"/{disk.img,vmlinuz,initrd}
