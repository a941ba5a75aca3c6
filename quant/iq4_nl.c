/* SPDX-License-Identifier: MIT
 * iq4_nl.c - IQ4_NL: 32 weights of 4 bits that index 16 unevenly spaced values, with one scale.
 *
 *     byte   0..1   2..17
 *            d      q[16]                       w[i] = d * values[n[i]]      d binary16
 *     q[j]:  bits 0..3 = n[j]   bits 4..7 = n[j + 16]
 */
#include "blocks.h"

const int8_t sf_iq4_nl_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                     1,    13,   25,  38,  53,  69,  89,  113};

struct block {
    uint8_t d[2];
    uint8_t q[16];
};
_Static_assert(sizeof(struct block) == 18, "IQ4_NL: bytes of a block");

void sf_decode_IQ4_NL(float *out, const void *blocks, size_t n) {
    const struct block *b = blocks;
    for (; n; n--, b++, out += 32) {
        float d = sf_half_at(b->d);
        for (int i = 0; i < 32; i++)
            out[i] = d * (float)sf_iq4_nl_values[b->q[i % 16] >> i / 16 * 4 & 15];
    }
}

bool sf_finite_IQ4_NL(const void *blocks, size_t n) {
    return sf_halves_finite(blocks, n, sizeof(struct block), 1, 0, 0);
}
