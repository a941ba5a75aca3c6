/* SPDX-License-Identifier: MIT
 * matmul_neon.c - every packed matmul for base ARMv8: 8-bit multiplies into int16, as many as fit
 * (sf_arm_depth), then pairwise into int32.
 */
#include "unpack_arm.h"

SF_INLINE int8x16_t sf_broadcast4(const int8_t *q) {
    int32_t four;
    memcpy(&four, q, sizeof four);
    return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

/* low: products of rows 0 and 1 of the quad, high: of rows 2 and 3; a lane sums one of the four
 * positions of a word, at most sf_arm_depth(t) products, before it is widened. */
SF_INLINE int32x4_t sf_dot(enum sf_type t, const int8x16_t w[], const int8_t *q, int words,
                           int start) {
    const int most = sf_arm_depth(t), depth = most < words ? most : words;
    int32x4_t low = vdupq_n_s32(0), high = vdupq_n_s32(0);
#pragma GCC unroll 8
    for (int j = 0; j < words; j += depth) {
        int8x16_t a = sf_broadcast4(q + 4 * j);
        int16x8_t l = vmull_s8(vget_low_s8(w[j]), vget_low_s8(a));
        int16x8_t h = vmull_high_s8(w[j], a);
#pragma GCC unroll 8
        for (int i = 1; i < depth; i++) {
            a = sf_broadcast4(q + 4 * (j + i));
            l = vmlal_s8(l, vget_low_s8(w[j + i]), vget_low_s8(a));
            h = vmlal_high_s8(h, w[j + i], a);
        }
        low = vpadalq_s16(low, l);
        high = vpadalq_s16(high, h);
    }
    return vaddq_s32(vpaddq_s32(low, high), vdupq_n_s32(start));
}

#define SF_SIXTEENFOLD 0 /* sf_arm_depth counts on smaller ones */
#include "matmul_arm.h"

SF_MATMUL_ARM(F32, f32r16_f32_neon)
SF_MATMUL_ARM(F16, f16r16_f32_neon)
SF_MATMUL_ARM(BF16, bf16r16_f32_neon)
SF_MATMUL_ARM(Q8_0, q8_0r16_q8_neon)
SF_MATMUL_ARM(Q4_0, q4_0r16_q8_neon)
SF_MATMUL_ARM(Q4_1, q4_1r16_q8_neon)
SF_MATMUL_ARM(Q5_0, q5_0r16_q8_neon)
SF_MATMUL_ARM(Q5_1, q5_1r16_q8_neon)
SF_MATMUL_ARM(IQ4_NL, iq4_nlr16_q8_neon)
SF_MATMUL_ARM(Q2_K, q2_kr16_q8_neon)
SF_MATMUL_ARM(Q3_K, q3_kr16_q8_neon)
SF_MATMUL_ARM(Q4_K, q4_kr16_q8_neon)
SF_MATMUL_ARM(Q5_K, q5_kr16_q8_neon)
SF_MATMUL_ARM(Q6_K, q6_kr16_q8_neon)

void sf_fill_matmul_neon(struct sf_kernels *k) {
    SF_MATMUL_SET(F32, f32r16_f32_neon);
    SF_MATMUL_SET(F16, f16r16_f32_neon);
    SF_MATMUL_SET(BF16, bf16r16_f32_neon);
    SF_MATMUL_SET(Q8_0, q8_0r16_q8_neon);
    SF_MATMUL_SET(Q4_0, q4_0r16_q8_neon);
    SF_MATMUL_SET(Q4_1, q4_1r16_q8_neon);
    SF_MATMUL_SET(Q5_0, q5_0r16_q8_neon);
    SF_MATMUL_SET(Q5_1, q5_1r16_q8_neon);
    SF_MATMUL_SET(IQ4_NL, iq4_nlr16_q8_neon);
    SF_MATMUL_SET(Q2_K, q2_kr16_q8_neon);
    SF_MATMUL_SET(Q3_K, q3_kr16_q8_neon);
    SF_MATMUL_SET(Q4_K, q4_kr16_q8_neon);
    SF_MATMUL_SET(Q5_K, q5_kr16_q8_neon);
    SF_MATMUL_SET(Q6_K, q6_kr16_q8_neon);
}
