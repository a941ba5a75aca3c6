#!/bin/bash
# SPDX-License-Identifier: MIT
# deps.sh SET... - installs the Debian packages a set needs and this machine lacks.
#   run    compile the library and the command        test   what `make test` needs besides
#   check  what .ci/run needs besides                 cross  the 64-bit ARM compiler and qemu
#   deb    what packaging needs besides
# Does nothing when all is there. As root it calls apt-get; else through sudo; where neither works
# it prints the one line to type and fails. What counts is the header, program or library itself
# (not the package), so a system without apt is told what to find under its own names.
set -euo pipefail

run='cc|gcc libc6-dev
cmd cmake|cmake
cmd ninja|ninja-build
cmd pkg-config|pkg-config
lib sleef|libsleef-dev
lib libzstd|libzstd-dev
lib libpcre2-8|libpcre2-dev
lib libutf8proc|libutf8proc-dev
lib inih|libinih-dev
lib jansson|libjansson-dev
lib libedit|libedit-dev'
test='lib cmocka|libcmocka-dev
cmd c++|g++
numpy|python3-numpy'
check='cmd make|make
cmd git|git
cmd nm|binutils
cmd clang|clang
cmd clang-format|clang-format
file /usr/lib/llvm-*/lib/libomp.so|libomp-dev
file /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.tsan-*.a|libclang-rt-dev'
deb='cmd dpkg-shlibdeps|dpkg-dev
cmd file|file'
cross='cmd aarch64-linux-gnu-gcc|gcc-aarch64-linux-gnu
file /usr/aarch64-linux-gnu/include/stdio.h|libc6-dev-arm64-cross
cmd qemu-aarch64|qemu-user
file /lib/ld-linux-aarch64.so.1|libc6:arm64
arm libgomp.so.1|libgomp1:arm64
arm libsleef.so|libsleef-dev:arm64
arm libzstd.so|libzstd-dev:arm64
arm libpcre2-8.so|libpcre2-dev:arm64
arm libutf8proc.so|libutf8proc-dev:arm64
arm libinih.so|libinih-dev:arm64
arm libjansson.so|libjansson-dev:arm64
arm libedit.so|libedit-dev:arm64
arm libcmocka.so|libcmocka-dev:arm64'

have() { # KIND [WHAT]
    case $1 in
    cc) echo '#include <stdio.h>
int main(void) { return 0; }' | cc -xc - -o /dev/null 2>/dev/null ;;
    cmd) command -v "$2" >/dev/null ;;
    lib) pkg-config --exists "$2" 2>/dev/null ;;
    file) compgen -G "$2" >/dev/null ;;
    arm) compgen -G "/usr/lib/aarch64-linux-gnu/$2" >/dev/null ;;
    numpy) python3 -c 'import numpy' 2>/dev/null || /usr/bin/python3 -c 'import numpy' 2>/dev/null ;;
    esac
}

missing() { # SET... : the packages behind what is not there
    local set kind what package
    for set in "$@"; do
        [ -n "${!set:-}" ] || { echo "deps.sh: no set '$set' (run, test, check, deb, cross)" >&2; return 2; }
        while IFS='|' read -r what package; do
            read -r kind what <<<"$what"
            have "$kind" "$what" || printf '%s ' "$package"
        done <<<"${!set}"
    done
}

[ $# -gt 0 ] || { sed -n '3,9s/^# //p' "$0"; exit 2; }
packages=$(missing "$@")
[ -n "$packages" ] || exit 0

install="apt-get update && apt-get install -y --no-install-recommends $packages"
case $packages in *:arm64*) [ "$(dpkg --print-architecture 2>/dev/null)" = arm64 ] ||
    install="dpkg --add-architecture arm64 && $install" ;; esac
if ! command -v apt-get >/dev/null; then
    echo "Missing here (Debian's names): $packages" >&2
    echo "This system has no apt-get: install them under its own names, then try again." >&2
    exit 1
elif [ "$(id -u)" = 0 ]; then
    as=
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    as=sudo
else
    echo "Packages are missing. Install them with this line, then try again:" >&2
    echo "  su -c '$install'" >&2
    exit 1
fi
echo "Installing: $packages" >&2
$as env DEBIAN_FRONTEND=noninteractive sh -c "$install" >&2
left=$(missing "$@")
[ -z "$left" ] || { echo "Still missing after installation: $left" >&2; exit 1; }
