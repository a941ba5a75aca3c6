#!/bin/bash
# SPDX-License-Identifier: MIT
# check_symbols.sh NM LIBDIR - what the libraries show to a linker: every global of libsurefoot.a
# starts sf_ or surefoot_, libsurefoot.so exports surefoot_ names only, and the two agree on those.
set -euo pipefail
nm=$1 dir=$2 rc=0

archive=$("$nm" --defined-only -g "$dir/libsurefoot.a" | awk 'NF == 3 && $2 ~ /[A-Zu]/ {print $3}' | sort -u)
shared=$("$nm" --defined-only -gD "$dir/libsurefoot.so" | awk 'NF == 3 {print $3}' | sort -u)
# Sanitizers and coverage put their own names beside ours.
ours() { grep -vE '^(__asan|__odr_asan|__tsan|__ubsan|__sanc|__sancov|__start_|__stop_|asan\.|tsan\.)' || true; }

stray=$(ours <<<"$archive" | grep -vE '^(sf_|surefoot_)' || true)
[ -z "$stray" ] || { printf 'libsurefoot.a defines names without our prefix:\n%s\n' "$stray"; rc=1; }
stray=$(ours <<<"$shared" | grep -vE '^surefoot_' || true)
[ -z "$stray" ] || { printf 'libsurefoot.so exports names that are not public:\n%s\n' "$stray"; rc=1; }
public=$(grep '^surefoot_' <<<"$archive" || true)
[ -n "$public" ] || { echo "no public names found: is $dir right?"; rc=1; }
lost=$(comm -23 <(sort <<<"$public") <(sort <<<"$shared"))
[ -z "$lost" ] || { printf 'in libsurefoot.a but not exported by libsurefoot.so:\n%s\n' "$lost"; rc=1; }
echo "$(wc -l <<<"$archive") globals in the archive, $(wc -l <<<"$shared") exported"
exit $rc
