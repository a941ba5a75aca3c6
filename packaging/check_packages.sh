#!/bin/bash
# SPDX-License-Identifier: MIT
# check_packages.sh ROOT PACKAGE.deb [TARBALL] - tries the packages in a Debian root made by debootstrap
# (run as root; ROOT is changed): install, run, upgrade, remove, purge, and nothing may be left behind
# that was not there before. A package for 64-bit ARM is run through qemu. The tarball is run
# in ROOT before anything is installed; for ARM only its C library is.
set -euo pipefail
root=$1 deb=$2 tarball=${3:-}
[ "$(id -u)" = 0 ] || { echo "check_packages.sh: chroot needs root" >&2; exit 2; }
in_root() { chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
apt() { in_root apt-get -qq -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 || { cat "$log"; exit 1; }; }
log=$(mktemp) work=$(mktemp -d)
trap 'rm -rf "$log" "$work"' EXIT
arch=$(dpkg-deb -f "$deb" Architecture) emulator=
version=$(dpkg-deb -f "$deb" Version)

apt update
apt autoremove --purge
if [ "$arch" != "$(in_root dpkg --print-architecture)" ]; then
    in_root dpkg --add-architecture "$arch"
    apt update
    apt install --no-install-recommends qemu-user "libc6:$arch"
    emulator=qemu-aarch64
fi
works() { # PROGRAM WHERE
    # shellcheck disable=SC2086
    in_root $emulator "$1" --version >"$log" || { cat "$log"; echo "FAILED  $2: --version"; exit 1; }
    grep -qx "surefoot $version" "$log" || { cat "$log"; echo "FAILED  $2: not version $version"; exit 1; }
    # shellcheck disable=SC2086
    in_root $emulator "$1" guard check --guard "$3" -p 'Open a window and wipe the sink.' >"$log" ||
        { cat "$log"; echo "FAILED  $2: guard check"; exit 1; }
    echo "ok      $2"
}
files() { in_root find / -xdev \( -path /proc -o -path /sys -o -path /var/lib/dpkg -o -path /var/lib/apt \
    -o -path /var/cache -o -path /var/log -o -path /tmp \) -prune -o -print | sort; }

if [ -n "$tarball" ]; then
    tar -xzf "$tarball" -C "$root/opt"
    dir=/opt/$(basename "$tarball" .tar.gz)
    works "$dir/bin/surefoot" "tarball, with nothing installed" "$dir/share/surefoot/household.ini"
    rm -rf "${root:?}$dir"
fi

cp "$deb" "$root/tmp/one.deb"
files >"$work/before"
apt install --no-install-recommends /tmp/one.deb
works /usr/bin/surefoot "installed package" /usr/share/surefoot/household.ini
in_root bash -c 'test -r /usr/share/man/man1/surefoot.1.gz && . /usr/share/bash-completion/completions/surefoot' ||
    { [ -n "$(in_root sh -c 'cat /etc/dpkg/dpkg.cfg.d/* 2>/dev/null' | grep path-exclude)" ] || exit 1; }
dpkg-deb -R "$deb" "$work/next"
version=$version+1
sed -i "s/^Version: .*/Version: $version/" "$work/next/DEBIAN/control"
dpkg-deb --root-owner-group -b "$work/next" "$root/tmp/two.deb" >/dev/null
apt install --no-install-recommends /tmp/two.deb
[ "$(in_root dpkg-query -W -f '${Version}' surefoot:"$arch")" = "$version" ] || { echo "FAILED  upgrade"; exit 1; }
echo "ok      upgrade"
apt remove surefoot:"$arch"
apt purge surefoot:"$arch"
apt autoremove --purge # what it depended on
files >"$work/after"
rm -f "$root/tmp/one.deb" "$root/tmp/two.deb"
diff "$work/before" "$work/after" || { echo "FAILED  the files above differ after purge"; exit 1; }
echo "ok      remove and purge leave nothing behind"
