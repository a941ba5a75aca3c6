/* SPDX-License-Identifier: MIT
 * q3_k.c - Q3_K: 256 weights of 3 bits; each 16 have a scale of 6 bits.
 *
 *     byte   0..31   32..95   96..107   108..109
 *            h[32]   q[64]    s[12]     d       w[i] = d * (sc[i/16] - 32) * (n[i] - 4)
 *     q:     low 2 bits of n, placed as in Q2_K
 *     h:     bit i / 32 of byte i % 32 = bit 2 of n[i]
 *     s:     sc[j] has its low 4 bits in byte j % 8 (low nibble for j < 8, else the high one) and
 *            its top 2 bits in byte 8 + j % 4, at bit j / 4 * 2
 */
#include <string.h>

#include "blocks.h"
#include "fit.h"
#include "fit_k.h"

struct block {
    uint8_t h[32];
    uint8_t q[64];
    uint8_t s[12];
    uint8_t d[2];
};
_Static_assert(sizeof(struct block) == 110, "Q3_K: bytes of a block");

void sf_decode_Q3_K(float *out, const void *blocks, size_t n) {
    const struct block *b = blocks;
    for (; n; n--, b++, out += 256) {
        float d = sf_half_at(b->d);
        for (int i = 0; i < 256; i++) {
            int j = i / 16;
            int s = (b->s[j % 8] >> j / 8 * 4 & 15) | (b->s[8 + j % 4] >> j / 4 * 2 & 3) << 4;
            int low = b->q[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
            int top = b->h[i % 32] >> i / 32 & 1;
            out[i] = d * (float)(s - 32) * (float)((low | top << 2) - 4);
        }
    }
}

void sf_encode_Q3_K(void *blocks, const float *in, size_t n) {
    struct block *b = blocks;
    for (; n; n--, b++, in += 256) {
        struct sf_fit_k k = {.part = 16, .lo = -4, .hi = 3, .slo = -32, .shi = 31};
        sf_fit_k(&k, in, sf_fit_even);
        sf_u16_put(b->d, k.d);
        memset(b->s, 0, sizeof b->s);
        memset(b->h, 0, sizeof b->h);
        for (int j = 0; j < 16; j++) {
            int s = k.scale[j] + 32;
            b->s[j % 8] |= (uint8_t)((s & 15) << j / 8 * 4);
            b->s[8 + j % 4] |= (uint8_t)((s >> 4) << j / 4 * 2);
        }
        for (int i = 0; i < 256; i++) b->h[i % 32] |= (uint8_t)((((int)k.q[i] + 4) >> 2) << i / 32);
        for (int i = 0; i < 64; i++) {
            const float *q = k.q + i / 32 * 128 + i % 32;
            int out = 0;
            for (int j = 0; j < 4; j++) out |= (((int)q[32 * j] + 4) & 3) << 2 * j;
            b->q[i] = (uint8_t)out;
        }
    }
}

bool sf_finite_Q3_K(const void *blocks, size_t n) {
    return sf_halves_finite(blocks, n, sizeof(struct block), 1, 108, 0);
}
