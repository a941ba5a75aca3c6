/* SPDX-License-Identifier: MIT
 * base.h - what every file may use: alignment, checked sizes, min and max.
 * Sizes are size_t and never wrap: every product or sum that depends on input goes through
 * sf_size_mul / sf_size_add, which answer false instead of wrapping.
 */
#ifndef SF_BASE_H
#define SF_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "surefoot.h"

#define SF_ALIGN 64 /* bytes: a cache line, and the widest vector we load */
#define SF_UNUSED(x) ((void)(x))
#define SF_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SF_CAT_(a, b) a##b
#define SF_CAT(a, b) SF_CAT_(a, b)

/* Two words: SF_ASSERT is an invariant of ours (debug builds only), SF_REQUIRE a caller's duty,
 * checked in every build at the API and turned into SUREFOOT_E_USAGE there. Neither is for input. */
#ifdef SF_DEBUG
#include <assert.h>
#define SF_ASSERT(x) assert(x)
#else
#define SF_ASSERT(x) ((void)0)
#endif

#define SF_TRY(expr)                                                                               \
    do {                                                                                           \
        surefoot_status sf_try_ = (expr);                                                          \
        if (sf_try_ != SUREFOOT_OK) return sf_try_;                                                \
    } while (0)

static inline size_t sf_min(size_t a, size_t b) {
    return a < b ? a : b;
}
static inline size_t sf_max(size_t a, size_t b) {
    return a > b ? a : b;
}
static inline bool sf_size_mul(size_t *out, size_t a, size_t b) {
    return !__builtin_mul_overflow(a, b, out);
}
static inline bool sf_size_add(size_t *out, size_t a, size_t b) {
    return !__builtin_add_overflow(a, b, out);
}
/* n rounded up to a multiple of step (a power of two); n must be far from SIZE_MAX. */
static inline size_t sf_round_up(size_t n, size_t step) {
    return (n + step - 1) & ~(step - 1);
}

/* Fills *err (NULL is fine) and returns code, so that a failing function ends in one line:
 *     return sf_fail(err, SUREFOOT_E_FILE, offset, "tensor '%s': ...", name);
 * where: byte offset in a file, line number, or another position named by the text; 0 if none. */
surefoot_status sf_fail(surefoot_error *err, surefoot_status code, uint64_t where, const char *fmt,
                        ...) __attribute__((format(printf, 4, 5)));

#endif
