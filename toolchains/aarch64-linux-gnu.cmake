# SPDX-License-Identifier: MIT
# Cross-build for 64-bit ARM from Debian with multiarch packages (NAME:arm64).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
# No -cpu here: an explicit one beats QEMU_CPU, which the tests set per run. No -L either: the
# archive's libc6:arm64 is used; the cross compiler's own libc hangs in pthread_create under qemu.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
set(ENV{PKG_CONFIG_LIBDIR} "/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig")
