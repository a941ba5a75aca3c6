/* SPDX-License-Identifier: MIT
 * philox.h - Philox4x32-10 (Salmon et al., SC 2011): a counter-based generator. There is no state:
 * the number at (seed, t, i, r) is the same whoever asks, in whatever order.
 */
#ifndef SF_PHILOX_H
#define SF_PHILOX_H

#include <stdint.h>

/* First word of the block with key = seed and counter = (t, i, r, lane); lane: which of several
 * independent numbers at one (t, i, r). */
static inline uint32_t sf_philox_lane(uint64_t seed, uint32_t t, uint32_t i, uint32_t r,
                                      uint32_t lane) {
    uint32_t c0 = t, c1 = i, c2 = r, c3 = lane;
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return c0;
}

/* t: token index in the answer; i: candidate; r: retry round. (t, 0, 0) is the unguarded stream. */
static inline uint32_t sf_philox(uint64_t seed, uint32_t t, uint32_t i, uint32_t r) {
    return sf_philox_lane(seed, t, i, r, 0);
}

/* Uniform in [0, 1) with 24 bits, exact in float and double. */
static inline double sf_philox_unit(uint64_t seed, uint32_t t, uint32_t i, uint32_t r) {
    return (double)(sf_philox(seed, t, i, r) >> 8) * (1.0 / 16777216.0);
}

#endif
