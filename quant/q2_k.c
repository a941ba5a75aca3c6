/* SPDX-License-Identifier: MIT
 * q2_k.c - Q2_K: 256 weights of 2 bits; each 16 have a scale and a minimum of 4 bits.
 *
 *     byte   0..15   16..79   80..81   82..83
 *            s[16]   q[64]    d        dmin     w[i] = d * sc[i/16] * n[i] - dmin * mn[i/16]
 *     s[j]:  bits 0..3 = sc[j]   bits 4..7 = mn[j]
 *     q:     each half of 128 weights has 32 bytes; byte l of them holds the weights l, l + 32,
 *            l + 64 and l + 96 of its half, two bits each from bit 0 upwards
 */
#include "blocks.h"
#include "fit.h"
#include "fit_k.h"

struct block {
    uint8_t s[16];
    uint8_t q[64];
    uint8_t d[2], dmin[2];
};
_Static_assert(sizeof(struct block) == 84, "Q2_K: bytes of a block");

void sf_decode_Q2_K(float *out, const void *blocks, size_t n) {
    const struct block *b = blocks;
    for (; n; n--, b++, out += 256) {
        float d = sf_half_at(b->d), dmin = sf_half_at(b->dmin);
        for (int i = 0; i < 256; i++) {
            int s = b->s[i / 16], w = b->q[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
            out[i] = d * (float)(s & 15) * (float)w - dmin * (float)(s >> 4);
        }
    }
}

void sf_encode_Q2_K(void *blocks, const float *in, size_t n) {
    struct block *b = blocks;
    for (; n; n--, b++, in += 256) {
        struct sf_fit_k k = {.part = 16, .hi = 3, .shi = 15};
        sf_fit_k(&k, in, sf_fit_even);
        sf_u16_put(b->d, k.d);
        sf_u16_put(b->dmin, k.dmin);
        for (int i = 0; i < 16; i++) b->s[i] = (uint8_t)(k.scale[i] | k.min[i] << 4);
        for (int i = 0; i < 64; i++) {
            const float *q = k.q + i / 32 * 128 + i % 32;
            b->q[i] = (uint8_t)((int)q[0] | (int)q[32] << 2 | (int)q[64] << 4 | (int)q[96] << 6);
        }
    }
}

bool sf_finite_Q2_K(const void *blocks, size_t n) {
    return sf_halves_finite(blocks, n, sizeof(struct block), 2, 80, 82);
}
