/* SPDX-License-Identifier: MIT
 * avx512.h - what the AVX-512 files share: filling the table by families, the fixed reduction tree,
 * vectors that are cut short.
 */
#ifndef SF_AVX512_H
#define SF_AVX512_H

#include <immintrin.h>
#include <string.h>

#include "kernels.h"

/* Bodies for several types and sizes melt into one kernel each, arrays of vectors into registers.
 * Not in builds with sanitizers: with a check of every access those would be functions of
 * megabytes that take minutes to compile. There they are ordinary functions and loops. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer) ||             \
    __has_feature(thread_sanitizer)
#define SF_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SF_SANITIZED 1
#endif
#define SF_PRAGMA(text) _Pragma(#text)
#ifdef SF_SANITIZED
#define SF_INLINE    static __attribute__((noinline, unused))
#define SF_UNROLL(n) SF_PRAGMA(GCC unroll 1)
#else
#define SF_INLINE    static inline __attribute__((always_inline))
#define SF_UNROLL(n) SF_PRAGMA(GCC unroll n)
#endif

void sf_fill_matmul_float_avx512vnni(struct sf_kernels *k);
void sf_fill_matmul_q32_avx512vnni(struct sf_kernels *k);
void sf_fill_matmul_q256_avx512vnni(struct sf_kernels *k);
void sf_fill_quant_avx512vnni(struct sf_kernels *k);
void sf_fill_attention_avx512vnni(struct sf_kernels *k);
void sf_fill_vector_avx512vnni(struct sf_kernels *k);

/* Sum of 16 lanes: j + (j+8), then +4, +2, +1. */
SF_INLINE float sf_tree16(__m512 v) {
    __m256 s = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 t = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    t = _mm_add_ps(t, _mm_movehl_ps(t, t));
    return _mm_cvtss_f32(_mm_add_ss(t, _mm_movehdup_ps(t)));
}

/* The first n lanes; n >= 16: all. Masked loads and stores touch nothing past them. */
SF_INLINE __mmask16 sf_first(size_t n) {
    return (__mmask16)(n >= 16 ? 0xFFFFu : (1u << n) - 1);
}

/* Sixteen halves, widened exactly. */
SF_INLINE __m512 sf_halves(const void *p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

#endif
