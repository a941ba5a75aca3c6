/* SPDX-License-Identifier: MIT
 * q4_1.c - Q4_1: 32 weights of 4 bits with a scale and an offset.
 *
 *     byte   0..1   2..3   4..19
 *            d      m      q[16]                w[i] = d * n[i] + m      d, m binary16
 *     q[j]:  bits 0..3 = n[j]   bits 4..7 = n[j + 16]
 */
#include "blocks.h"

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

bool sf_finite_Q4_1(const void *blocks, size_t n) {
    return sf_halves_finite(blocks, n, sizeof(struct block), 2, 0, 2);
}
