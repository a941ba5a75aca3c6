/* SPDX-License-Identifier: MIT
 * q4_0.c - Q4_0: 32 weights of 4 bits with one scale.
 *
 *     byte   0..1   2..17
 *            d      q[16]                       w[i] = d * (n[i] - 8)      d binary16
 *     q[j]:  bits 0..3 = n[j]   bits 4..7 = n[j + 16]
 */
#include <float.h>
#include <math.h>

#include "blocks.h"

struct block {
    uint8_t d[2];
    uint8_t q[16];
};
_Static_assert(sizeof(struct block) == 18, "Q4_0: bytes of a block");

void sf_decode_Q4_0(float *out, const void *blocks, size_t n) {
    const struct block *b = blocks;
    for (; n; n--, b++, out += 32) {
        float d = sf_half_at(b->d);
        for (int i = 0; i < 32; i++) out[i] = d * (float)((b->q[i % 16] >> i / 16 * 4 & 15) - 8);
    }
}

/* The first value of largest magnitude becomes -8: d = value / -8. Others are x / d + 8, halves up,
 * at most 15. As in the published encoder the division uses d before it is rounded to binary16.
 * (Builds of it that contract x * inv + 8.5 into one rounding differ in one weight of ten million.) */
void sf_encode_Q4_0(void *blocks, const float *in, size_t n) {
    struct block *b = blocks;
    for (; n; n--, b++, in += 32) {
        float far = 0;
        for (int i = 0; i < 32; i++)
            if (fabsf(in[i]) > fabsf(far)) far = in[i];
        float d = far / -8, inv = 1 / d;
        if (!(fabsf(inv) <= FLT_MAX)) inv = 0; /* all zero, or too small to divide by */
        sf_u16_put(b->d, sf_f32_to_f16(d));
        for (int i = 0; i < 16; i++) {
            int lo = (int)(in[i] * inv + 8.5f), hi = (int)(in[i + 16] * inv + 8.5f);
            b->q[i] = (uint8_t)((lo < 15 ? lo : 15) | (hi < 15 ? hi : 15) << 4);
        }
    }
}

bool sf_finite_Q4_0(const void *blocks, size_t n) {
    return sf_halves_finite(blocks, n, sizeof(struct block), 1, 0, 0);
}
