#!/bin/bash
# SPDX-License-Identifier: MIT
# check_header.sh HEADER CC CXX - the public header alone, as C11 and as C++17, pedantic.
set -euo pipefail
header=$1 cc=$2 cxx=$3
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
printf '#include "surefoot.h"\n#include "surefoot.h"\nint main(void) { return SUREFOOT_OK; }\n' >"$dir/alone.c"
cp "$dir/alone.c" "$dir/alone.cpp"
strict=(-Wall -Wextra -Wpedantic -Werror -I"$(dirname "$header")")
"$cc" -std=c11 "${strict[@]}" -Wstrict-prototypes -Wmissing-prototypes -c "$dir/alone.c" -o "$dir/c.o"
echo "C11 with $cc"
if command -v "$cxx" >/dev/null; then
    "$cxx" -std=c++17 "${strict[@]}" -c "$dir/alone.cpp" -o "$dir/cpp.o"
    echo "C++17 with $cxx"
else
    echo "skipped: no C++ compiler '$cxx'"
    exit 77
fi
