/* SPDX-License-Identifier: MIT
 * ref.h - what the files of ref/ share: how they fill the table, byte access, the 16-lane sum.
 *
 * ref/ is the specification: plain C, one rounding per operation, orders as kernels.h states them.
 * Every faster kernel is compared with it by memcmp.
 */
#ifndef SF_REF_H
#define SF_REF_H

#include "kernels.h"

/* One body for several types: the accessor passed in must melt away. */
#define SF_INLINE static inline __attribute__((always_inline))

void sf_fill_matmul_float_ref(struct sf_kernels *k); /* F32, F16, BF16                      */
void sf_fill_matmul_q32_ref(struct sf_kernels *k);   /* types with blocks of 32             */
void sf_fill_matmul_q256_ref(struct sf_kernels *k);  /* types with super-blocks of 256      */
void sf_fill_quant_ref(struct sf_kernels *k);        /* activations to int8                 */
void sf_fill_attention_ref(struct sf_kernels *k);    /* score, softmax, mix, KV writes      */
void sf_fill_vector_ref(struct sf_kernels *k);       /* norm, rope, SwiGLU, add, div, exp   */

/* Little-endian loads at any alignment. */
static inline uint16_t sf_load16(const uint8_t *p) {
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t sf_load32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Rule 10: sixteen lanes are summed as a tree j+(j+8), +4, +2, +1. Destroys lane. */
static inline float sf_tree16(float lane[16]) {
    for (int half = 8; half >= 1; half /= 2)
        for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

#endif
