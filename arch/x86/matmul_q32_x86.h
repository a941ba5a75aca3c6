/* SPDX-License-Identifier: MIT
 * matmul_q32_x86.h - weight types with blocks of 32, times int8 activations with a scale per 32: what
 * the 256-bit levels share. Included after a level has said how far its bytes lie above the weights
 * and how it adds up a block:
 *
 *     int sf_q32_above(enum sf_type t)
 *     void sf_q32_dot(t, nt, isum, p, q, k)      isum[i] += 32 bytes at p times activations q + i * k
 */
#ifndef SF_MATMUL_Q32_X86_H
#define SF_MATMUL_Q32_X86_H

#include "matmul_avx2.h"

/* nt tokens from token t0 on, one group of `rows` rows; y: their first output. */
SF_INLINE void sf_q32_tile(enum sf_type t, const int nt, float *y, size_t ldy, size_t rows,
                    const uint8_t *g, const struct sf_acts *x, size_t t0, size_t k) {
    const size_t n_half = sf_x86_types[t].n_half, step = SF_PACK_ROWS * sf_x86_types[t].bytes;
    const size_t blocks = k / 32;
    const int8_t *q = x->q + t0 * k;
    const int16_t *sum = x->sum + t0 * (k / 16);
    const float *da = x->d + t0 * blocks;
    sf_rows acc[SF_TOKENS];
    for (int i = 0; i < nt; i++) acc[i].r[0] = acc[i].r[1] = _mm256_setzero_ps();
    for (size_t b = 0; b < blocks; b++, g += step) {
        sf_pair isum[SF_TOKENS];
        int qsum[SF_TOKENS];
#pragma GCC unroll 4
        for (int i = 0; i < nt; i++) {
            const int16_t *s = sum + (size_t)i * (k / 16) + 2 * b;
            qsum[i] = s[0] + s[1];
            isum[i] = sf_set(_mm256_set1_epi32(-sf_q32_above(t) * qsum[i]));
        }
        sf_q32_dot(t, nt, isum, g + 32 * n_half, q + 32 * b, k);
        const sf_rows d = sf_row_halves(g);
        const sf_rows m = n_half == 2 ? sf_row_halves(g + 32) : d;
#pragma GCC unroll 4
        for (int i = 0; i < nt; i++) {
            const float a = da[(size_t)i * blocks + b];
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                acc[i].r[h] = _mm256_add_ps(acc[i].r[h], sf_term(d.r[h], a, isum[i].r[h]));
                if (n_half == 2)
                    acc[i].r[h] =
                        _mm256_add_ps(acc[i].r[h], sf_term(m.r[h], a, _mm256_set1_epi32(qsum[i])));
            }
        }
    }
    for (int i = 0; i < nt; i++) sf_store_rows(y + (size_t)i * ldy, rows, acc[i]);
}

SF_MATMUL_AVX2(Q8_0, q8_0r16_q8, sf_q32_tile)
SF_MATMUL_AVX2(Q4_0, q4_0r16_q8, sf_q32_tile)
SF_MATMUL_AVX2(Q4_1, q4_1r16_q8, sf_q32_tile)
SF_MATMUL_AVX2(Q5_0, q5_0r16_q8, sf_q32_tile)
SF_MATMUL_AVX2(Q5_1, q5_1r16_q8, sf_q32_tile)
SF_MATMUL_AVX2(IQ4_NL, iq4_nlr16_q8, sf_q32_tile)

SF_INLINE void sf_q32_fill(struct sf_kernels *k) {
    SF_MATMUL_SET(Q8_0, q8_0r16_q8);
    SF_MATMUL_SET(Q4_0, q4_0r16_q8);
    SF_MATMUL_SET(Q4_1, q4_1r16_q8);
    SF_MATMUL_SET(Q5_0, q5_0r16_q8);
    SF_MATMUL_SET(Q5_1, q5_1r16_q8);
    SF_MATMUL_SET(IQ4_NL, iq4_nlr16_q8);
}

#endif
