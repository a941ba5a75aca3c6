/* SPDX-License-Identifier: MIT
 * q8_0.c - Q8_0: 32 weights of 8 bits with one scale.
 *
 *     byte   0..1   2..33
 *            d      q[32]                       w[i] = d * q[i]      d binary16, q int8
 */
#include <float.h>
#include <math.h>

#include "blocks.h"

struct block {
    uint8_t d[2];
    int8_t q[32];
};
_Static_assert(sizeof(struct block) == 34, "Q8_0: bytes of a block");

void sf_decode_Q8_0(float *out, const void *blocks, size_t n) {
    const struct block *b = blocks;
    for (; n; n--, b++, out += 32) {
        float d = sf_half_at(b->d);
        for (int i = 0; i < 32; i++) out[i] = d * (float)b->q[i];
    }
}

/* d = amax / 127; q = x / d, halves away from zero. The division uses d before it is rounded to
 * binary16, as the published encoder does, so that files made elsewhere have the same bytes. */
void sf_encode_Q8_0(void *blocks, const float *in, size_t n) {
    struct block *b = blocks;
    for (; n; n--, b++, in += 32) {
        float amax = 0;
        for (int i = 0; i < 32; i++) amax = fmaxf(amax, fabsf(in[i]));
        float d = amax / 127, inv = 1 / d;
        if (!(inv <= FLT_MAX)) inv = 0; /* all zero, or too small to divide by */
        sf_u16_put(b->d, sf_f32_to_f16(d));
        for (int i = 0; i < 32; i++) b->q[i] = (int8_t)roundf(in[i] * inv);
    }
}

bool sf_finite_Q8_0(const void *blocks, size_t n) {
    return sf_halves_finite(blocks, n, sizeof(struct block), 1, 0, 0);
}
