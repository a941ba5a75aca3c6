/* SPDX-License-Identifier: MIT
 * quant_ref.c - activations to int8 with a float scale per 32 or per 256 and integer sums per 16.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "ref.h"

/* One block of n values. |x * id| <= 127 up to a rounding that nearest-even takes back, so the
 * conversion to an integer is always in range: a block with a value that is not finite never
 * reaches it. Magnitudes are compared as bit patterns: they order like the numbers, and infinities
 * and NaN come out on top. */
static float quant_block(int8_t *q, int16_t *sum, const float *x, size_t n) {
    uint32_t top = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= 0x7FFFFFFFu;
        if (bits > top) top = bits;
    }
    float amax, d = 0.0f, id = 0.0f;
    memcpy(&amax, &top, sizeof amax);
    if (top >= 0x7F800000u) { /* infinity or NaN: the result shall show it */
        const uint32_t nan = 0x7FC00000u;
        memcpy(&d, &nan, sizeof d);
    } else if (top != 0 && 127.0f / amax <= FLT_MAX) {
        d = amax / 127.0f;
        id = 127.0f / amax;
    }
    memset(sum, 0, n / 16 * sizeof *sum);
    if (id == 0.0f) {
        memset(q, 0, n);
        return d;
    }
    for (size_t i = 0; i < n; i++) {
        q[i] = (int8_t)lrintf(x[i] * id);
        sum[i / 16] = (int16_t)(sum[i / 16] + q[i]);
    }
    return d;
}

static void sf_quant_q8_32_ref(int8_t *q, float *d, int16_t *sum, const float *x, size_t k) {
    for (size_t i = 0; i < k; i += 32) d[i / 32] = quant_block(q + i, sum + i / 16, x + i, 32);
}

static void sf_quant_q8_256_ref(int8_t *q, float *d, int16_t *sum, const float *x, size_t k) {
    for (size_t i = 0; i < k; i += 256) d[i / 256] = quant_block(q + i, sum + i / 16, x + i, 256);
}

void sf_fill_quant_ref(struct sf_kernels *k) {
    k->quant[SF_ACT_Q8_32] = sf_quant_q8_32_ref;
    k->quant[SF_ACT_Q8_256] = sf_quant_q8_256_ref;
}
