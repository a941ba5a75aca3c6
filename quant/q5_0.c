/* SPDX-License-Identifier: MIT
 * q5_0.c - Q5_0: 32 weights of 5 bits with one scale.
 *
 *     byte   0..1   2..5    6..21
 *            d      h[4]    q[16]               w[i] = d * (n[i] - 16)      d binary16
 *     q[j]:  bits 0..3 = low 4 bits of n[j]   bits 4..7 = low 4 bits of n[j + 16]
 *     h:     bit i (byte i / 8) = bit 4 of n[i]
 */
#include <string.h>

#include "blocks.h"
#include "fit.h"

struct block {
    uint8_t d[2];
    uint8_t h[4];
    uint8_t q[16];
};
_Static_assert(sizeof(struct block) == 22, "Q5_0: bytes of a block");

void sf_decode_Q5_0(float *out, const void *blocks, size_t n) {
    const struct block *b = blocks;
    for (; n; n--, b++, out += 32) {
        float d = sf_half_at(b->d);
        for (int i = 0; i < 32; i++) {
            int low = b->q[i % 16] >> i / 16 * 4 & 15, top = b->h[i / 8] >> i % 8 & 1;
            out[i] = d * (float)((low | top << 4) - 16);
        }
    }
}

void sf_encode_Q5_0(void *blocks, const float *in, size_t n) {
    struct block *b = blocks;
    for (; n; n--, b++, in += 32) {
        float x[32], q[32], d;
        int e = sf_fit_normalise(x, in, 32);
        sf_u16_put(b->d, sf_fit_half(sf_fit_scale(x, sf_fit_even, 32, -16, 15), e, &d));
        sf_fit_integers(q, x, 32, d, 0, -16, 15);
        memset(b->h, 0, sizeof b->h);
        for (int i = 0; i < 32; i++) b->h[i / 8] |= (uint8_t)((((int)q[i] + 16) >> 4) << i % 8);
        for (int i = 0; i < 16; i++)
            b->q[i] = (uint8_t)((((int)q[i] + 16) & 15) | (((int)q[i + 16] + 16) & 15) << 4);
    }
}

bool sf_finite_Q5_0(const void *blocks, size_t n) {
    return sf_halves_finite(blocks, n, sizeof(struct block), 1, 0, 0);
}
