/* SPDX-License-Identifier: MIT
 * matmul_float_ref.c - F32, F16, BF16 weights: widened exactly, one accumulator, k in order.
 */
#include <string.h>

#include "ref.h"

static float widen_f32(const uint8_t *w) {
    uint32_t bits = sf_load32(w);
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}
static float widen_f16(const uint8_t *w) {
    return sf_f16_to_f32(sf_load16(w));
}
static float widen_bf16(const uint8_t *w) {
    return sf_bf16_to_f32(sf_load16(w));
}

/* w: rows of k numbers of `size` bytes. */
SF_INLINE void rows(float *y, size_t ldy, const void *w, const struct sf_acts *x, size_t n,
                    size_t r0, size_t r1, size_t k, size_t size, float (*widen)(const uint8_t *)) {
    for (size_t r = r0; r < r1; r++) {
        const uint8_t *row = (const uint8_t *)w + r * k * size;
        for (size_t t = 0; t < n; t++) {
            float acc = 0.0f;
            for (size_t i = 0; i < k; i++) acc += widen(row + i * size) * x->f[t * k + i];
            y[t * ldy + r] = acc;
        }
    }
}

#define SF_MATMUL(type, size)                                                                      \
    static void sf_gemm_##type##_f32_ref(float *y, size_t ldy, const void *w,                      \
                                         const struct sf_acts *x, size_t n, size_t r0, size_t r1,  \
                                         size_t k) {                                               \
        rows(y, ldy, w, x, n, r0, r1, k, size, widen_##type);                                      \
    }
SF_MATMUL(f32, 4)
SF_MATMUL(f16, 2)
SF_MATMUL(bf16, 2)

void sf_fill_matmul_float_ref(struct sf_kernels *k) {
    k->mm[SF_T_F32] = (struct sf_matmul){1, sf_gemm_f32_f32_ref, sf_gemm_f32_f32_ref};
    k->mm[SF_T_F16] = (struct sf_matmul){1, sf_gemm_f16_f32_ref, sf_gemm_f16_f32_ref};
    k->mm[SF_T_BF16] = (struct sf_matmul){1, sf_gemm_bf16_f32_ref, sf_gemm_bf16_f32_ref};
}
