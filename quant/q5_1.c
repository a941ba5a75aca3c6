/* SPDX-License-Identifier: MIT
 * q5_1.c - Q5_1: 32 weights of 5 bits with a scale and an offset.
 *
 *     byte   0..1   2..3   4..7    8..23
 *            d      m      h[4]    q[16]        w[i] = d * n[i] + m      d, m binary16
 *     q[j]:  bits 0..3 = low 4 bits of n[j]   bits 4..7 = low 4 bits of n[j + 16]
 *     h:     bit i (byte i / 8) = bit 4 of n[i]
 */
#include <string.h>

#include "blocks.h"
#include "fit.h"

struct block {
    uint8_t d[2], m[2];
    uint8_t h[4];
    uint8_t q[16];
};
_Static_assert(sizeof(struct block) == 24, "Q5_1: bytes of a block");

void sf_decode_Q5_1(float *out, const void *blocks, size_t n) {
    const struct block *b = blocks;
    for (; n; n--, b++, out += 32) {
        float d = sf_half_at(b->d), m = sf_half_at(b->m);
        for (int i = 0; i < 32; i++) {
            int low = b->q[i % 16] >> i / 16 * 4 & 15, top = b->h[i / 8] >> i % 8 & 1;
            out[i] = d * (float)(low | top << 4) + m;
        }
    }
}

void sf_encode_Q5_1(void *blocks, const float *in, size_t n) {
    struct block *b = blocks;
    for (; n; n--, b++, in += 32) {
        float x[32], q[32], d, m;
        int e = sf_fit_normalise(x, in, 32);
        sf_fit_affine(x, sf_fit_even, 32, 31, false, &d, &m);
        sf_u16_put(b->d, sf_fit_half(d, e, &d));
        sf_u16_put(b->m, sf_fit_half(m, e, &m));
        sf_fit_integers(q, x, 32, d, m, 0, 31);
        memset(b->h, 0, sizeof b->h);
        for (int i = 0; i < 32; i++) b->h[i / 8] |= (uint8_t)(((int)q[i] >> 4) << i % 8);
        for (int i = 0; i < 16; i++)
            b->q[i] = (uint8_t)(((int)q[i] & 15) | ((int)q[i + 16] & 15) << 4);
    }
}

bool sf_finite_Q5_1(const void *blocks, size_t n) {
    return sf_halves_finite(blocks, n, sizeof(struct block), 2, 0, 2);
}
