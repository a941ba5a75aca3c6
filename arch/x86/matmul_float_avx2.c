/* SPDX-License-Identifier: MIT
 * matmul_float_avx2.c - F32, F16 and BF16 weights: widened exactly, element by element, product and
 * sum rounded apart.
 */
#include "matmul_avx2.h"

/* Element of 8 rows. */
SF_INLINE __m256 widen(enum sf_type t, const uint8_t *p) {
    if (t == SF_T_F32) return _mm256_loadu_ps((const float *)(const void *)p);
    if (t == SF_T_F16) return sf_halves(p);
    __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
}

/* nt tokens from token t0 on, one group of `rows` rows; y: their first output. */
SF_INLINE void tile(enum sf_type t, const int nt, float *y, size_t ldy, size_t rows,
                    const uint8_t *g, const struct sf_acts *x, size_t t0, size_t k) {
    const size_t bytes = sf_x86_types[t].bytes;
    const float *f = x->f + t0 * k;
    sf_rows acc[SF_TOKENS];
    for (int i = 0; i < nt; i++) acc[i].r[0] = acc[i].r[1] = _mm256_setzero_ps();
    for (size_t e = 0; e < k; e++, g += SF_PACK_ROWS * bytes) {
        const sf_rows w = {{widen(t, g), widen(t, g + 8 * bytes)}};
#pragma GCC unroll 4
        for (int i = 0; i < nt; i++) {
            const __m256 a = _mm256_set1_ps(f[(size_t)i * k + e]);
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++)
                acc[i].r[h] = _mm256_add_ps(acc[i].r[h], _mm256_mul_ps(w.r[h], a));
        }
    }
    for (int i = 0; i < nt; i++) sf_store_rows(y + (size_t)i * ldy, rows, acc[i]);
}

SF_MATMUL_AVX2(F32, f32r16_f32, tile)
SF_MATMUL_AVX2(F16, f16r16_f32, tile)
SF_MATMUL_AVX2(BF16, bf16r16_f32, tile)

void sf_fill_matmul_float_avx2(struct sf_kernels *k) {
    SF_MATMUL_SET(F32, f32r16_f32);
    SF_MATMUL_SET(F16, f16r16_f32);
    SF_MATMUL_SET(BF16, bf16r16_f32);
}
