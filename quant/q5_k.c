/* SPDX-License-Identifier: MIT
 * q5_k.c - Q5_K: 256 weights of 5 bits; each 32 have a scale and a minimum of 6 bits.
 *
 *     byte   0..1   2..3   4..15   16..47   48..175
 *            d      dmin   s[12]   h[32]    q[128]    w[i] = d * sc[i/32] * n[i] - dmin * mn[i/32]
 *     s:     see sf_k_scale_min
 *     q:     low 4 bits of n, placed as in Q4_K
 *     h:     bit i / 32 of byte i % 32 = bit 4 of n[i]
 */
#include <string.h>

#include "blocks.h"
#include "fit.h"
#include "fit_k.h"

struct block {
    uint8_t d[2], dmin[2];
    uint8_t s[12];
    uint8_t h[32];
    uint8_t q[128];
};
_Static_assert(sizeof(struct block) == 176, "Q5_K: bytes of a block");

void sf_decode_Q5_K(float *out, const void *blocks, size_t n) {
    const struct block *b = blocks;
    for (; n; n--, b++, out += 256) {
        float d = sf_half_at(b->d), dmin = sf_half_at(b->dmin);
        for (int i = 0; i < 256; i++) {
            int scale, min, low = b->q[i / 64 * 32 + i % 32] >> i % 64 / 32 * 4 & 15;
            int top = b->h[i % 32] >> i / 32 & 1;
            sf_k_scale_min(b->s, i / 32, &scale, &min);
            out[i] = d * (float)scale * (float)(low | top << 4) - dmin * (float)min;
        }
    }
}

void sf_encode_Q5_K(void *blocks, const float *in, size_t n) {
    struct block *b = blocks;
    for (; n; n--, b++, in += 256) {
        struct sf_fit_k k = {.part = 32, .hi = 31, .shi = 63};
        sf_fit_k(&k, in, sf_fit_even);
        sf_u16_put(b->d, k.d);
        sf_u16_put(b->dmin, k.dmin);
        sf_k_scale_min_put(b->s, k.scale, k.min);
        memset(b->h, 0, sizeof b->h);
        for (int i = 0; i < 256; i++) b->h[i % 32] |= (uint8_t)(((int)k.q[i] >> 4) << i / 32);
        for (int i = 0; i < 128; i++) {
            const float *q = k.q + i / 32 * 64 + i % 32;
            b->q[i] = (uint8_t)(((int)q[0] & 15) | ((int)q[32] & 15) << 4);
        }
    }
}

bool sf_finite_Q5_K(const void *blocks, size_t n) {
    return sf_halves_finite(blocks, n, sizeof(struct block), 2, 0, 2);
}
