/* SPDX-License-Identifier: MIT
 * iq4_nl.c - IQ4_NL: 32 weights of 4 bits that index 16 unevenly spaced values, with one scale.
 *
 *     byte   0..1   2..17
 *            d      q[16]                       w[i] = d * values[n[i]]      d binary16
 *     q[j]:  bits 0..3 = n[j]   bits 4..7 = n[j + 16]
 */
#include <math.h>

#include "blocks.h"
#include "fit.h"

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

/* The value nearest to v (the lower one half-way): the lowest, and every step that v is beyond the
 * middle of. No branches, so that it becomes vector code. */
static float nearest(float v) {
    float out = -127;
    for (int j = 0; j < 15; j++) {
        float a = sf_iq4_nl_values[j], b = sf_iq4_nl_values[j + 1];
        out += v > 0.5f * (a + b) ? b - a : 0;
    }
    return out;
}

/* The best d for the values that inv gives; *gain: by how much it lowers the sum of squares. */
static float solve(const float x[32], float inv, float *gain) {
    float xv[SF_FIT_LANES] = {0}, vv[SF_FIT_LANES] = {0}, a = 0, b = 0;
    for (int i = 0; i < 32; i += SF_FIT_LANES)
        for (int j = 0; j < SF_FIT_LANES; j++) {
            float v = nearest(x[i + j] * inv);
            xv[j] += v * x[i + j];
            vv[j] += v * v;
        }
    for (int j = 0; j < SF_FIT_LANES; j++) {
        a += xv[j];
        b += vv[j];
    }
    float d = b > 0 ? a / b : 0;
    *gain = a * d;
    return d;
}

/* The largest weight lands between 95 and 155, on either side. */
static float search(const float x[32]) {
    float amax = 0, most = 0, best = 0;
    for (int i = 0; i < 32; i++) amax = fmaxf(amax, fabsf(x[i]));
    if (!(amax > 0)) return 0;
    for (int side = -1; side <= 1; side += 2)
        for (int k = 0; k <= 12; k++) {
            float gain, d = solve(x, (float)side * (95.0f + 5.0f * (float)k) / amax, &gain);
            if (gain > most) {
                most = gain;
                best = d;
            }
        }
    for (int round = 0; round < 4; round++) {
        float gain, d = solve(x, sf_fit_inverse(best), &gain);
        if (!(gain > most)) break;
        most = gain;
        best = d;
    }
    return best;
}

void sf_encode_IQ4_NL(void *blocks, const float *in, size_t n) {
    struct block *b = blocks;
    for (; n; n--, b++, in += 32) {
        float x[32], d;
        int index[32], e = sf_fit_normalise(x, in, 32);
        sf_u16_put(b->d, sf_fit_half(search(x), e, &d));
        float inv = sf_fit_inverse(d);
        for (int i = 0; i < 32; i++) {
            float v = nearest(x[i] * inv);
            for (index[i] = 0; (float)sf_iq4_nl_values[index[i]] < v;) index[i]++;
        }
        for (int i = 0; i < 16; i++) b->q[i] = (uint8_t)(index[i] | index[i + 16] << 4);
    }
}

bool sf_finite_IQ4_NL(const void *blocks, size_t n) {
    return sf_halves_finite(blocks, n, sizeof(struct block), 1, 0, 0);
}
