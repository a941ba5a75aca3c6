/* SPDX-License-Identifier: MIT
 * avx2.h - what the AVX2 files share: filling the table by families, the fixed reduction tree,
 * vectors that are cut short.
 */
#ifndef SF_AVX2_H
#define SF_AVX2_H

#include <immintrin.h>
#include <string.h>

#include "kernels.h"

#define SF_INLINE static inline __attribute__((always_inline))

void sf_fill_matmul_float_avx2(struct sf_kernels *k);
void sf_fill_matmul_q32_avx2(struct sf_kernels *k);
void sf_fill_matmul_q256_avx2(struct sf_kernels *k);
void sf_fill_quant_avx2(struct sf_kernels *k);
void sf_fill_attention_avx2(struct sf_kernels *k);
void sf_fill_vector_avx2(struct sf_kernels *k);

/* Sum of 16 lanes in two registers: j + (j+8), then +4, +2, +1. */
SF_INLINE float sf_tree16(__m256 lo, __m256 hi) {
    __m256 s = _mm256_add_ps(lo, hi);
    __m128 t = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    t = _mm_add_ps(t, _mm_movehl_ps(t, t));
    return _mm_cvtss_f32(_mm_add_ss(t, _mm_movehdup_ps(t)));
}

/* All ones in the first n (0 to 8) lanes. */
SF_INLINE __m256i sf_first(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
/* The first n numbers at p, then +0; nothing past them is touched. n >= 8: eight. By way of a small
 * buffer: masked moves would do, but emulators read past the mask. */
SF_INLINE __m256 sf_load_some(const float *p, size_t n) {
    if (n >= 8) return _mm256_loadu_ps(p);
    float v[8] = {0};
    memcpy(v, p, n * sizeof *p);
    return _mm256_loadu_ps(v);
}
SF_INLINE void sf_store_some(float *p, __m256 x, size_t n) {
    if (n >= 8) {
        _mm256_storeu_ps(p, x);
        return;
    }
    float v[8];
    _mm256_storeu_ps(v, x);
    memcpy(p, v, n * sizeof *p);
}

/* Eight halves, widened exactly. */
SF_INLINE __m256 sf_halves(const void *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

#endif
