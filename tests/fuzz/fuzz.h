/* SPDX-License-Identifier: MIT
 * fuzz.h - what a fuzz target defines, and how it complains.
 */
#ifndef SF_FUZZ_H
#define SF_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Must return 0. data has exactly size bytes (one more is caught by ASan); it may be NULL if size
 * is 0. Keep no state from call to call. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A law that must hold for every input, in every build. */
#define FUZZ_CHECK(x)                                                                              \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #x);                 \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
