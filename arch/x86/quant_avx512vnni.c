/* SPDX-License-Identifier: MIT
 * quant_avx512vnni.c - activations to int8 with a float scale per 32 or per 256 and integer sums per
 * 16: a register holds the 16 values of a sum.
 */
#include <float.h>

#include "avx512.h"

/* n is 32 or 256, known after inlining. Magnitudes are compared as bits: as unsigned numbers they
 * order like magnitudes, infinity and NaN on top. */
SF_INLINE float quant_block(int8_t *q, int16_t *sum, const float *x, size_t n) {
    __m512i most = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i += 16) {
        const __m512i v = _mm512_loadu_si512((const void *)(x + i));
        most = _mm512_max_epu32(most, _mm512_and_si512(v, _mm512_set1_epi32(0x7FFFFFFF)));
    }
    const uint32_t top = _mm512_reduce_max_epu32(most), nan = 0x7FC00000u;
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
    const __m512 s = _mm512_set1_ps(id);
    for (size_t i = 0; i < n; i += 16) {
        const __m512i v = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + i), s));
        const __m128i bytes = _mm512_cvtepi32_epi8(v);
        /* 4 bytes at a time into 4 sums, exact */
        __m128i t = _mm_dpbusd_epi32(_mm_setzero_si128(), _mm_set1_epi8(1), bytes);
        t = _mm_add_epi32(t, _mm_shuffle_epi32(t, _MM_SHUFFLE(1, 0, 3, 2)));
        t = _mm_add_epi32(t, _mm_shuffle_epi32(t, _MM_SHUFFLE(2, 3, 0, 1)));
        sum[i / 16] = (int16_t)_mm_cvtsi128_si32(t);
        _mm_storeu_si128((__m128i *)(void *)(q + i), bytes);
    }
    return d;
}

static void sf_quant_q8_32_avx512vnni(int8_t *q, float *d, int16_t *sum, const float *x, size_t k) {
    for (size_t i = 0; i < k; i += 32) d[i / 32] = quant_block(q + i, sum + i / 16, x + i, 32);
}

static void sf_quant_q8_256_avx512vnni(int8_t *q, float *d, int16_t *sum, const float *x,
                                       size_t k) {
    for (size_t i = 0; i < k; i += 256) d[i / 256] = quant_block(q + i, sum + i / 16, x + i, 256);
}

void sf_fill_quant_avx512vnni(struct sf_kernels *k) {
    k->quant[SF_ACT_Q8_32] = sf_quant_q8_32_avx512vnni;
    k->quant[SF_ACT_Q8_256] = sf_quant_q8_256_avx512vnni;
}
