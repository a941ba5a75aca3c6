/* SPDX-License-Identifier: MIT
 * q6_k.c - Q6_K: 256 weights of 6 bits; each 16 have a scale of 8 bits.
 *
 *     byte   0..127   128..191   192..207   208..209
 *            q[128]   h[64]      s[16]      d           w[i] = d * s[i/16] * (n[i] - 32)
 *     q:     low 4 bits of n. Each half of 128 weights has 64 bytes; byte l of them holds weight l
 *            in its low nibble and weight l + 64 in its high one
 *     h:     top 2 bits of n. Each half has 32 bytes; byte l of them holds those of the weights l,
 *            l + 32, l + 64 and l + 96, from bit 0 upwards
 */
#include <string.h>

#include "blocks.h"
#include "fit.h"
#include "fit_k.h"

struct block {
    uint8_t q[128];
    uint8_t h[64];
    int8_t s[16];
    uint8_t d[2];
};
_Static_assert(sizeof(struct block) == 210, "Q6_K: bytes of a block");

void sf_decode_Q6_K(float *out, const void *blocks, size_t n) {
    const struct block *b = blocks;
    for (; n; n--, b++, out += 256) {
        float d = sf_half_at(b->d);
        for (int i = 0; i < 256; i++) {
            int low = b->q[i / 128 * 64 + i % 64] >> i % 128 / 64 * 4 & 15;
            int top = b->h[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
            out[i] = d * (float)b->s[i / 16] * (float)((low | top << 4) - 32);
        }
    }
}

void sf_encode_Q6_K(void *blocks, const float *in, size_t n) {
    struct block *b = blocks;
    for (; n; n--, b++, in += 256) {
        struct sf_fit_k k = {.part = 16, .lo = -32, .hi = 31, .slo = -128, .shi = 127};
        sf_fit_k(&k, in, sf_fit_even);
        sf_u16_put(b->d, k.d);
        memset(b->h, 0, sizeof b->h);
        for (int i = 0; i < 16; i++) b->s[i] = (int8_t)k.scale[i];
        for (int i = 0; i < 256; i++) {
            int q = (int)k.q[i] + 32;
            b->h[i / 128 * 32 + i % 32] |= (uint8_t)((q >> 4) << i % 128 / 32 * 2);
        }
        for (int i = 0; i < 128; i++) {
            const float *q = k.q + i / 64 * 128 + i % 64;
            b->q[i] = (uint8_t)((((int)q[0] + 32) & 15) | (((int)q[64] + 32) & 15) << 4);
        }
    }
}

bool sf_finite_Q6_K(const void *blocks, size_t n) {
    return sf_halves_finite(blocks, n, sizeof(struct block), 1, 208, 0);
}
