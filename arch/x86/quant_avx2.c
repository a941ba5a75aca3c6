/* SPDX-License-Identifier: MIT
 * quant_avx2.c - activations to int8 with a float scale per 32 or per 256 and integer sums per 16.
 */
#include <float.h>

#include "avx2.h"

/* Greatest magnitude of n values as bits: as unsigned numbers they order like magnitudes, infinity
 * and NaN on top. */
SF_INLINE uint32_t top_bits(const float *x, size_t n) {
    __m256i top = _mm256_setzero_si256();
    for (size_t i = 0; i < n; i += 8) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(x + i));
        top = _mm256_max_epu32(top, _mm256_and_si256(v, _mm256_set1_epi32(0x7FFFFFFF)));
    }
    __m128i t = _mm_max_epu32(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
    t = _mm_max_epu32(t, _mm_shuffle_epi32(t, _MM_SHUFFLE(1, 0, 3, 2)));
    t = _mm_max_epu32(t, _mm_shuffle_epi32(t, _MM_SHUFFLE(2, 3, 0, 1)));
    return (uint32_t)_mm_cvtsi128_si32(t);
}

SF_INLINE int add_lanes(__m128i v) {
    v = _mm_add_epi32(v, _mm_shuffle_epi32(v, _MM_SHUFFLE(1, 0, 3, 2)));
    v = _mm_add_epi32(v, _mm_shuffle_epi32(v, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm_cvtsi128_si32(v);
}

SF_INLINE float quant_block(int8_t *q, int16_t *sum, const float *x, size_t n) {
    const uint32_t top = top_bits(x, n), nan = 0x7FC00000u;
    float amax, d = 0.0f, id = 0.0f;
    memcpy(&amax, &top, sizeof amax);
    if (top >= 0x7F800000u) {
        memcpy(&d, &nan, sizeof d);
    } else if (top != 0 && 127.0f / amax <= FLT_MAX) {
        d = amax / 127.0f;
        id = 127.0f / amax;
    }
    if (id == 0.0f) {
        memset(q, 0, n);
        memset(sum, 0, n / 16 * sizeof *sum);
        return d;
    }
    for (size_t i = 0; i < n; i += 16) {
        const __m256 s = _mm256_set1_ps(id);
        __m256i a = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + i), s));
        __m256i b = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + i + 8), s));
        __m256i c = _mm256_add_epi32(a, b);
        sum[i / 16] = (int16_t)add_lanes(
            _mm_add_epi32(_mm256_castsi256_si128(c), _mm256_extracti128_si256(c, 1)));
        __m256i w = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), _MM_SHUFFLE(3, 1, 2, 0));
        __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(w), _mm256_extracti128_si256(w, 1));
        _mm_storeu_si128((__m128i *)(void *)(q + i), bytes);
    }
    return d;
}

static void sf_quant_q8_32_avx2(int8_t *q, float *d, int16_t *sum, const float *x, size_t k) {
    for (size_t i = 0; i < k; i += 32) d[i / 32] = quant_block(q + i, sum + i / 16, x + i, 32);
}

static void sf_quant_q8_256_avx2(int8_t *q, float *d, int16_t *sum, const float *x, size_t k) {
    for (size_t i = 0; i < k; i += 256) d[i / 256] = quant_block(q + i, sum + i / 16, x + i, 256);
}

void sf_fill_quant_avx2(struct sf_kernels *k) {
    k->quant[SF_ACT_Q8_32] = sf_quant_q8_32_avx2;
    k->quant[SF_ACT_Q8_256] = sf_quant_q8_256_avx2;
}
