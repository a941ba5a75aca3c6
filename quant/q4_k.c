/* SPDX-License-Identifier: MIT
 * q4_k.c - Q4_K: 256 weights of 4 bits; each 32 have a scale and a minimum of 6 bits.
 *
 *     byte   0..1   2..3   4..15   16..143
 *            d      dmin   s[12]   q[128]       w[i] = d * sc[i/32] * n[i] - dmin * mn[i/32]
 *     s:     see sf_k_scale_min
 *     q:     each 64 weights have 32 bytes; byte l of them holds weight l in its low nibble and
 *            weight l + 32 in its high one
 */
#include "blocks.h"
#include "fit.h"
#include "fit_k.h"

struct block {
    uint8_t d[2], dmin[2];
    uint8_t s[12];
    uint8_t q[128];
};
_Static_assert(sizeof(struct block) == 144, "Q4_K: bytes of a block");

void sf_decode_Q4_K(float *out, const void *blocks, size_t n) {
    const struct block *b = blocks;
    for (; n; n--, b++, out += 256) {
        float d = sf_half_at(b->d), dmin = sf_half_at(b->dmin);
        for (int i = 0; i < 256; i++) {
            int scale, min, w = b->q[i / 64 * 32 + i % 32] >> i % 64 / 32 * 4 & 15;
            sf_k_scale_min(b->s, i / 32, &scale, &min);
            out[i] = d * (float)scale * (float)w - dmin * (float)min;
        }
    }
}

void sf_encode_Q4_K(void *blocks, const float *in, size_t n) {
    struct block *b = blocks;
    for (; n; n--, b++, in += 256) {
        struct sf_fit_k k = {.part = 32, .hi = 15, .shi = 63};
        sf_fit_k(&k, in, sf_fit_even);
        sf_u16_put(b->d, k.d);
        sf_u16_put(b->dmin, k.dmin);
        sf_k_scale_min_put(b->s, k.scale, k.min);
        for (int i = 0; i < 128; i++) {
            const float *q = k.q + i / 32 * 64 + i % 32;
            b->q[i] = (uint8_t)((int)q[0] | (int)q[32] << 4);
        }
    }
}

bool sf_finite_Q4_K(const void *blocks, size_t n) {
    return sf_halves_finite(blocks, n, sizeof(struct block), 2, 0, 2);
}
