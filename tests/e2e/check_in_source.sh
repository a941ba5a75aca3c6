#!/bin/bash
# SPDX-License-Identifier: MIT
# check_in_source.sh ROOT - `cmake .` in the source folder is refused with a sentence, and what it
# leaves there keeps no later build from configuring.
set -euo pipefail
root=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# A copy of what configuring reads; the sources are linked.
cp "$root"/CMakeLists.txt "$root"/CMakePresets.json "$dir"
for name in src arch quant guard models packaging tests toolchains; do ln -s "$root/$name" "$dir/$name"; done
cd "$dir"
if cmake . >log 2>&1; then
    echo "an in-source build was accepted"
    exit 1
fi
grep -q 'In-source builds are refused' log || { cat log; exit 1; }
cmake --preset release -DSUREFOOT_TESTS=OFF >log 2>&1 || { cat log; exit 1; }
cmake -S . -B elsewhere -DSUREFOOT_TESTS=OFF >log 2>&1 || { cat log; exit 1; }
[ ! -e Makefile ] && [ ! -e build.ninja ] || { echo "the refused build left a build file"; exit 1; }
echo "refused, and later builds configure"
