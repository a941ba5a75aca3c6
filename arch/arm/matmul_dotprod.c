/* SPDX-License-Identifier: MIT
 * matmul_dotprod.c - the quantised packed matmuls with SDOT (ARMv8.2 dot product): four products
 * and their sum per lane and instruction, exact in int32; activations by lane, no broadcasts.
 */
#include "unpack_arm.h"

SF_INLINE int32x4_t sf_dot(enum sf_type t, const int8x16_t w[], const int8_t *q, int words,
                           int start) {
    SF_UNUSED(t);
    int32x4_t s = vdupq_n_s32(start);
    int8x16_t a = vld1q_s8(q);
    s = vdotq_laneq_s32(s, w[0], a, 0);
    s = vdotq_laneq_s32(s, w[1], a, 1);
    s = vdotq_laneq_s32(s, w[2], a, 2);
    s = vdotq_laneq_s32(s, w[3], a, 3);
    if (words == 8) {
        a = vld1q_s8(q + 16);
        s = vdotq_laneq_s32(s, w[4], a, 0);
        s = vdotq_laneq_s32(s, w[5], a, 1);
        s = vdotq_laneq_s32(s, w[6], a, 2);
        s = vdotq_laneq_s32(s, w[7], a, 3);
    }
    return s;
}

#define SF_SIXTEENFOLD 1
#include "matmul_arm.h"

SF_MATMUL_ARM(Q8_0, q8_0r16_q8_dotprod)
SF_MATMUL_ARM(Q4_0, q4_0r16_q8_dotprod)
SF_MATMUL_ARM(Q4_1, q4_1r16_q8_dotprod)
SF_MATMUL_ARM(Q5_0, q5_0r16_q8_dotprod)
SF_MATMUL_ARM(Q5_1, q5_1r16_q8_dotprod)
SF_MATMUL_ARM(IQ4_NL, iq4_nlr16_q8_dotprod)
SF_MATMUL_ARM(Q2_K, q2_kr16_q8_dotprod)
SF_MATMUL_ARM(Q3_K, q3_kr16_q8_dotprod)
SF_MATMUL_ARM(Q4_K, q4_kr16_q8_dotprod)
SF_MATMUL_ARM(Q5_K, q5_kr16_q8_dotprod)
SF_MATMUL_ARM(Q6_K, q6_kr16_q8_dotprod)

void sf_kernels_dotprod(struct sf_kernels *k) {
    SF_MATMUL_SET(Q8_0, q8_0r16_q8_dotprod);
    SF_MATMUL_SET(Q4_0, q4_0r16_q8_dotprod);
    SF_MATMUL_SET(Q4_1, q4_1r16_q8_dotprod);
    SF_MATMUL_SET(Q5_0, q5_0r16_q8_dotprod);
    SF_MATMUL_SET(Q5_1, q5_1r16_q8_dotprod);
    SF_MATMUL_SET(IQ4_NL, iq4_nlr16_q8_dotprod);
    SF_MATMUL_SET(Q2_K, q2_kr16_q8_dotprod);
    SF_MATMUL_SET(Q3_K, q3_kr16_q8_dotprod);
    SF_MATMUL_SET(Q4_K, q4_kr16_q8_dotprod);
    SF_MATMUL_SET(Q5_K, q5_kr16_q8_dotprod);
    SF_MATMUL_SET(Q6_K, q6_kr16_q8_dotprod);
}
