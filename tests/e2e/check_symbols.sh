#!/bin/bash
# SPDX-License-Identifier: MIT
# check_symbols.sh NM LIBDIR HEADER - what the libraries show to a linker: every global of
# libsurefoot.a starts sf_ or surefoot_, libsurefoot.so exports surefoot_ names only, and these are
# exactly the functions that HEADER declares.
set -euo pipefail
nm=$1 dir=$2 header=$3 rc=0

archive=$("$nm" --defined-only -g "$dir/libsurefoot.a" | awk 'NF == 3 && $2 ~ /[A-Zu]/ {print $3}' | sort -u)
shared=$("$nm" --defined-only -gD "$dir/libsurefoot.so" | awk 'NF == 3 {print $3}' | sort -u)
# Sanitizers and coverage put their own names beside ours.
ours() { grep -vE '^(__asan|__odr_asan|__tsan|__ubsan|__sanc|__sancov|__start_|__stop_|asan\.|tsan\.)' || true; }

stray=$(ours <<<"$archive" | grep -vE '^(sf_|surefoot_)' || true)
[ -z "$stray" ] || { printf 'libsurefoot.a defines names without our prefix:\n%s\n' "$stray"; rc=1; }
stray=$(ours <<<"$shared" | grep -vE '^surefoot_' || true)
[ -z "$stray" ] || { printf 'libsurefoot.so exports names that are not public:\n%s\n' "$stray"; rc=1; }
declared=$(sed -n '/SUREFOOT_API/,/;/p' "$header" | grep -oE '\bsurefoot_[a-z_0-9]+\(' | tr -d '(' | sort -u)
[ "$(wc -l <<<"$declared")" -gt 5 ] || { echo "few functions found in $header: is it the header?"; rc=1; }
exported=$(ours <<<"$shared")
differ=$(comm -3 <(sort <<<"$declared") <(sort <<<"$exported"))
[ -z "$differ" ] || { printf 'declared but not exported, or (indented) exported but not declared:\n%s\n' "$differ"; rc=1; }
echo "$(wc -l <<<"$archive") globals in the archive, $(wc -l <<<"$shared") exported"
exit $rc
