/* SPDX-License-Identifier: MIT
 * harness.h - cmocka and what tests share: a seeded generator, and a skip for missing artefacts.
 */
#ifndef SF_HARNESS_H
#define SF_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base.h"

/* Exit code that ctest counts as "skipped". */
#define SF_SKIP 77

static inline uint64_t sf_rand(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* Path of a real artefact, or NULL with a message when the folder is not there. */
static inline const char *sf_shared(char *buf, size_t cap, const char *relative) {
    snprintf(buf, cap, "%s/%s", SUREFOOT_SHARED, relative);
    if (access(buf, R_OK) == 0) return buf;
    printf("skipped: %s is not there\n", buf);
    return NULL;
}

#define assert_ok(expr)                                                                            \
    do {                                                                                           \
        surefoot_error e_ = {0};                                                                   \
        surefoot_error *err = &e_;                                                                 \
        surefoot_status s_ = (expr);                                                               \
        SF_UNUSED(err);                                                                            \
        if (s_ != SUREFOOT_OK) fail_msg("%s: status %d: %s", #expr, (int)s_, e_.text);             \
    } while (0)

#endif
