/* SPDX-License-Identifier: MIT
 * version.c - which library and which compiler this is.
 */
#include "base.h"

const char *surefoot_version(void) {
    return SUREFOOT_VERSION;
}

const char *surefoot_compiler(void) {
#if defined(__clang__)
    return "clang " __clang_version__;
#else
    return "gcc " __VERSION__;
#endif
}
