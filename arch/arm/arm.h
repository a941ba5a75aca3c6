/* SPDX-License-Identifier: MIT
 * arm.h - what the NEON files share: filling the table by families, and the fixed reduction tree.
 */
#ifndef SF_ARM_H
#define SF_ARM_H

#include <arm_neon.h>
#include <string.h>

#include "kernels.h"

#define SF_INLINE static inline __attribute__((always_inline))

void sf_fill_matmul_neon(struct sf_kernels *k);
void sf_fill_quant_neon(struct sf_kernels *k);
void sf_fill_vector_neon(struct sf_kernels *k);
void sf_fill_attention_neon(struct sf_kernels *k);

/* Sum of 16 lanes in four registers: j + (j+8), then +4, +2, +1. */
SF_INLINE float sf_tree16(const float32x4_t a[4]) {
    float32x4_t s = vaddq_f32(vaddq_f32(a[0], a[2]), vaddq_f32(a[1], a[3]));
    float32x2_t t = vadd_f32(vget_low_f32(s), vget_high_f32(s));
    return vget_lane_f32(t, 0) + vget_lane_f32(t, 1);
}

/* The first n < 4 numbers at p, then +0; and n lanes back to p. */
SF_INLINE float32x4_t sf_load_some(const float *p, size_t n) {
    float v[4] = {0};
    memcpy(v, p, n * sizeof *p);
    return vld1q_f32(v);
}
SF_INLINE void sf_store_some(float *p, float32x4_t x, size_t n) {
    float v[4];
    vst1q_f32(v, x);
    memcpy(p, v, n * sizeof *p);
}

#endif
