#!/bin/bash
# SPDX-License-Identifier: MIT
# bundle.sh BUILD ARCH OUTDIR - one archive with everything but the C library: unpack it anywhere on
# a 64-bit Linux with glibc 2.34 or newer (Raspberry Pi OS 12 and later) and run bin/surefoot.
# BUILD was configured with -DCMAKE_INSTALL_RPATH='$ORIGIN/../lib'. Libraries are those the build
# linked with, from this machine's ARCH packages; their licences go along.
set -euo pipefail
build=$1 arch=$2 out=$3
case $arch in
arm64) triplet=aarch64-linux-gnu ;;
amd64) triplet=x86_64-linux-gnu ;;
*) echo "bundle.sh: ARCH is arm64 or amd64, not '$arch'" >&2; exit 2 ;;
esac
version=$(sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' "$build/CMakeCache.txt")
name=surefoot-$version-linux-$arch
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cmake --install "$build" --prefix "$dir/$name" --strip >/dev/null
mkdir -p "$dir/$name/lib" "$dir/$name/licenses"

needed() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }
take() { # FILE: what it needs, and what that needs
    local lib path package
    for lib in $(needed "$1"); do
        case $lib in libc.so.* | libm.so.* | libpthread.so.* | libdl.so.* | ld-linux*) continue ;; esac
        [ ! -e "$dir/$name/lib/$lib" ] || continue
        for path in "/usr/lib/$triplet/$lib" "/lib/$triplet/$lib" ""; do [ ! -e "$path" ] || break; done
        [ -n "$path" ] || { echo "bundle.sh: $lib for $arch is not on this machine" >&2; exit 1; }
        cp -L "$path" "$dir/$name/lib/$lib"
        path=$(realpath "$path") # on merged systems dpkg may know it without /usr
        package=$({ dpkg -S "$path" || dpkg -S "${path#/usr}" || true; } 2>/dev/null | sed -n '1s/:.*//p')
        if [ -n "$package" ] && [ -r "/usr/share/doc/$package/copyright" ]; then
            cp -L "/usr/share/doc/$package/copyright" "$dir/$name/licenses/$package"
        else
            echo "bundle.sh: no licence text found for $lib" >&2
            exit 1
        fi
        take "$dir/$name/lib/$lib"
    done
}
take "$dir/$name/bin/surefoot"
mkdir -p "$out"
# Owner, order and times are fixed, so that the same build gives the same archive.
tar -C "$dir" --owner=0 --group=0 --numeric-owner --sort=name --mtime='@0' -cf "$dir/$name.tar" "$name"
gzip -9n "$dir/$name.tar"
mv "$dir/$name.tar.gz" "$out/$name.tar.gz"
echo "$out/$name.tar.gz"
