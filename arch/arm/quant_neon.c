/* SPDX-License-Identifier: MIT
 * quant_neon.c - activations to int8 with a float scale per 32 or per 256 and integer sums per 16.
 */
#include <float.h>

#include "arm.h"

/* Sixteen values to q and their sum. FCVTNS rounds to nearest even; |x * id| rounds to at most 127
 * (kernels.h), so no narrowing below can saturate. */
SF_INLINE int16_t sf_quant16(int8_t *q, const float *x, float id) {
    int32x4_t v[4];
    for (int i = 0; i < 4; i++) v[i] = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 4 * i), id));
    int16x8_t a = vcombine_s16(vmovn_s32(v[0]), vmovn_s32(v[1]));
    int16x8_t b = vcombine_s16(vmovn_s32(v[2]), vmovn_s32(v[3]));
    vst1q_s8(q, vcombine_s8(vmovn_s16(a), vmovn_s16(b)));
    return vaddvq_s16(vaddq_s16(a, b)); /* |sum| <= 16 * 127 */
}

/* Magnitudes are compared as bit patterns: infinities and NaN come out on top. */
SF_INLINE float sf_quant_block(int8_t *q, int16_t *sum, const float *x, size_t n) {
    const uint32x4_t magnitude = vdupq_n_u32(0x7FFFFFFFu);
    uint32x4_t most = vdupq_n_u32(0);
    for (size_t i = 0; i < n; i += 4)
        most = vmaxq_u32(most, vandq_u32(vreinterpretq_u32_f32(vld1q_f32(x + i)), magnitude));
    uint32_t top = vmaxvq_u32(most);
    float amax, d = 0.0f, id = 0.0f;
    memcpy(&amax, &top, sizeof amax);
    if (top >= 0x7F800000u) { /* infinity or NaN: the result shall show it */
        const uint32_t nan = 0x7FC00000u;
        memcpy(&d, &nan, sizeof d);
    } else if (top != 0 && 127.0f / amax <= FLT_MAX) {
        d = amax / 127.0f;
        id = 127.0f / amax;
    }
    if (id == 0.0f) {
        memset(q, 0, n);
        memset(sum, 0, n / 16 * sizeof *sum);
    } else {
        for (size_t i = 0; i < n; i += 16) sum[i / 16] = sf_quant16(q + i, x + i, id);
    }
    return d;
}

static void sf_quant_q8_32_neon(int8_t *q, float *d, int16_t *sum, const float *x, size_t k) {
    for (size_t i = 0; i < k; i += 32) d[i / 32] = sf_quant_block(q + i, sum + i / 16, x + i, 32);
}

static void sf_quant_q8_256_neon(int8_t *q, float *d, int16_t *sum, const float *x, size_t k) {
    for (size_t i = 0; i < k; i += 256)
        d[i / 256] = sf_quant_block(q + i, sum + i / 16, x + i, 256);
}

void sf_fill_quant_neon(struct sf_kernels *k) {
    k->quant[SF_ACT_Q8_32] = sf_quant_q8_32_neon;
    k->quant[SF_ACT_Q8_256] = sf_quant_q8_256_neon;
}
