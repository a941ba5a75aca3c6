/* SPDX-License-Identifier: MIT
 * blocks.h - what the files of quant/ share: the functions every type must define, and how a block
 * is read. Blocks are byte arrays (no alignment, little-endian); halves go through integers.
 */
#ifndef SF_BLOCKS_H
#define SF_BLOCKS_H

#include "types.h"

/* Contracts: struct sf_qtype in types.h. */
#define SF_QTYPE(id, name, gguf, block, bytes, act, n_half, h0, h1)                                \
    void sf_decode_##id(float *out, const void *blocks, size_t n);                                 \
    void sf_encode_##id(void *blocks, const float *in, size_t n);                                  \
    bool sf_finite_##id(const void *blocks, size_t n);
#include "types.def"
#undef SF_QTYPE

static inline uint16_t sf_u16_at(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline void sf_u16_put(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}
static inline float sf_half_at(const uint8_t *p) {
    return sf_f16_to_f32(sf_u16_at(p));
}

/* Scale and minimum (6 bits each) of the 32 weights i in a super-block of Q4_K and Q5_K, i = 0..7.
 * s holds 12 bytes: four scales, four minima (low 6 bits of each), then the low nibbles of the last
 * four scales with, above them, those of the last four minima; their upper two bits are the top
 * bits of the first eight bytes. */
static inline void sf_k_scale_min(const uint8_t s[12], int i, int *scale, int *min) {
    if (i < 4) {
        *scale = s[i] & 63;
        *min = s[i + 4] & 63;
    } else {
        *scale = (s[i + 4] & 15) | (s[i - 4] >> 6) << 4;
        *min = s[i + 4] >> 4 | (s[i] >> 6) << 4;
    }
}

static inline void sf_k_scale_min_put(uint8_t s[12], const int scale[8], const int min[8]) {
    for (int i = 0; i < 4; i++) {
        s[i] = (uint8_t)(scale[i] | (scale[i + 4] >> 4) << 6);
        s[i + 4] = (uint8_t)(min[i] | (min[i + 4] >> 4) << 6);
        s[i + 8] = (uint8_t)((scale[i + 4] & 15) | (min[i + 4] & 15) << 4);
    }
}

/* True if the n_half binary16 fields at half[] of each block are finite. */
bool sf_halves_finite(const void *blocks, size_t n, size_t bytes, int n_half, size_t half0,
                      size_t half1);

#endif
