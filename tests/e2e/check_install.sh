#!/bin/bash
# SPDX-License-Identifier: MIT
# check_install.sh BUILD CONSUMER CC CXX - installs BUILD under a DESTDIR, moves the tree elsewhere,
# and builds and runs CONSUMER against it: by pkg-config and by find_package, shared and static, as
# C and as C++.
set -euo pipefail
build=$1 consumer=$2 cc=$3 cxx=$4
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

DESTDIR=$dir/stage cmake --install "$build" --prefix /opt/sure >"$dir/log" || { cat "$dir/log"; exit 1; }
mv "$dir/stage/opt/sure" "$dir/moved"
lib=$(dirname "$(find "$dir/moved" -name libsurefoot.a)")
export PKG_CONFIG_PATH=$lib/pkgconfig LD_LIBRARY_PATH=$lib
cp "$consumer" "$dir/consumer.c"
cp "$consumer" "$dir/consumer.cpp"
cd "$dir"
if grep -rIl -e "$build" -e /opt/sure moved; then
    echo "the files above name the build folder or the prefix"
    exit 1
fi
readelf -d "$lib/libsurefoot.so" | grep 'SONAME.*libsurefoot\.so\.[0-9]' >/dev/null || { echo "no versioned SONAME"; exit 1; }
if readelf -d "$lib/libsurefoot.so" | grep -E 'RPATH|RUNPATH'; then
    echo "the installed library carries a search path"
    exit 1
fi

run() { # NAME PROGRAM
    printf '%-28s ' "$1"
    "$2" || { echo "failed"; exit 1; }
}
flags=(-Wall -Wextra -Wpedantic -Werror)
both=("$cc -std=c11 ${flags[*]} consumer.c" "$cxx -std=c++17 ${flags[*]} consumer.cpp")
command -v "$cxx" >/dev/null || { echo "no C++ compiler '$cxx': C only"; unset 'both[1]'; }
for compile in "${both[@]}"; do
    # shellcheck disable=SC2046
    $compile -o one $(pkg-config --cflags --libs surefoot)
    run "pkg-config ${compile##*.}" ./one
    ldd ./one | grep "$lib/libsurefoot.so" >/dev/null || { echo "not linked with the installed library"; exit 1; }
    $compile -o two $(pkg-config --cflags surefoot) "$lib/libsurefoot.a" \
        $(pkg-config --static --libs surefoot | sed 's/-lsurefoot\b//g')
    run "pkg-config ${compile##*.}, static" ./two
    if ldd ./two | grep libsurefoot; then echo "the static program needs the shared library"; exit 1; fi
done

cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.16)
project(consumer LANGUAGES C)
find_package(Surefoot 0.1 REQUIRED)
add_executable(three consumer.c)
target_link_libraries(three Surefoot::surefoot)
add_executable(four consumer.c)
target_link_libraries(four Surefoot::surefoot_static)
if(CXX)
  enable_language(CXX)
  add_executable(five consumer.cpp)
  target_link_libraries(five Surefoot::surefoot)
  add_executable(six consumer.cpp)
  target_link_libraries(six Surefoot::surefoot_static)
endif()
END
cxx_here=$(command -v "$cxx" || true)
cmake -B b -DCMAKE_PREFIX_PATH="$dir/moved" -DCMAKE_C_COMPILER="$cc" -DCXX="$cxx_here" \
    ${cxx_here:+-DCMAKE_CXX_COMPILER="$cxx_here"} >log 2>&1 && cmake --build b >>log 2>&1 || { cat log; exit 1; }
for name in three four ${cxx_here:+five six}; do run "find_package, $name" "b/$name"; done
