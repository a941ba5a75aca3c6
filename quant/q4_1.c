/* SPDX-License-Identifier: MIT
 * q4_1.c - Q4_1: 32 weights of 4 bits with a scale and an offset.
 *
 *     byte   0..1   2..3   4..19
 *            d      m      q[16]                w[i] = d * n[i] + m      d, m binary16
 *     q[j]:  bits 0..3 = n[j]   bits 4..7 = n[j + 16]
 */
#include "blocks.h"
#include "fit.h"

struct block {
    uint8_t d[2], m[2];
    uint8_t q[16];
};
_Static_assert(sizeof(struct block) == 20, "Q4_1: bytes of a block");

void sf_decode_Q4_1(float *out, const void *blocks, size_t n) {
    const struct block *b = blocks;
    for (; n; n--, b++, out += 32) {
        float d = sf_half_at(b->d), m = sf_half_at(b->m);
        for (int i = 0; i < 32; i++) out[i] = d * (float)(b->q[i % 16] >> i / 16 * 4 & 15) + m;
    }
}

void sf_encode_Q4_1(void *blocks, const float *in, size_t n) {
    struct block *b = blocks;
    for (; n; n--, b++, in += 32) {
        float x[32], q[32], d, m;
        int e = sf_fit_normalise(x, in, 32);
        sf_fit_affine(x, sf_fit_even, 32, 15, false, &d, &m);
        sf_u16_put(b->d, sf_fit_half(d, e, &d));
        sf_u16_put(b->m, sf_fit_half(m, e, &m));
        sf_fit_integers(q, x, 32, d, m, 0, 15);
        for (int i = 0; i < 16; i++) b->q[i] = (uint8_t)((int)q[i] | (int)q[i + 16] << 4);
    }
}

bool sf_finite_Q4_1(const void *blocks, size_t n) {
    return sf_halves_finite(blocks, n, sizeof(struct block), 2, 0, 2);
}
