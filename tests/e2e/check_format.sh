#!/bin/bash
# SPDX-License-Identifier: MIT
# check_format.sh ROOT - .c files are as clang-format leaves them (headers keep aligned comments).
set -euo pipefail
cd "$1"
command -v clang-format >/dev/null || { echo "skipped: no clang-format"; exit 77; }
version=$(clang-format --version | sed 's/.*version \([0-9]*\).*/\1/')
[ "$version" = 14 ] || { echo "skipped: clang-format 14 decides, this is $version"; exit 77; }
find . -path ./build -prune -o -name '*.c' -print0 | xargs -0 -r clang-format --dry-run -Werror
