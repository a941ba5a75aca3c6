/* SPDX-License-Identifier: MIT
 * matmul_q256_avx2.c - K types: super-blocks of 256 with integer sub-scales and minima, times int8
 * activations with a scale per 256. One conversion to float per super-block.
 */
#include "matmul_q256_avx2.h"

/* nt tokens from token t0 on, one group of `rows` rows; y: their first output. */
SF_INLINE void tile(enum sf_type t, const int nt, float *y, size_t ldy, size_t rows,
                    const uint8_t *g, const struct sf_acts *x, size_t t0, size_t k) {
    const size_t n_half = sf_x86_types[t].n_half, step = SF_PACK_ROWS * sf_x86_types[t].bytes;
    const size_t blocks = k / 256;
    const int8_t *q = x->q + t0 * k;
    const int16_t *sum = x->sum + t0 * (k / 16);
    const float *da = x->d + t0 * blocks;
    sf_rows acc[SF_TOKENS];
    for (int i = 0; i < nt; i++) acc[i].r[0] = acc[i].r[1] = _mm256_setzero_ps();
    for (size_t b = 0; b < blocks; b++, g += step) {
        const uint8_t *p = g + 32 * n_half;
        sf_pair isum[SF_TOKENS], msum[SF_TOKENS];
        struct sf_subs subs;
        sf_unpack_subs(t, &subs, p);
#pragma GCC unroll 4
        for (int i = 0; i < nt; i++) {
            const int16_t *s = sum + (size_t)i * (k / 16) + 16 * b;
            isum[i] = sf_set(_mm256_setzero_si256());
            if (n_half == 2) msum[i] = sf_dot_sums(t, subs.m, s);
            if (sf_offset(t)) { /* a power of two: 4 or 32 */
                isum[i] = sf_shift(sf_dot_sums(t, subs.s, s), sf_offset(t) == 4 ? 2 : 5);
                for (int h = 0; h < 2; h++)
                    isum[i].r[h] = _mm256_sub_epi32(_mm256_setzero_si256(), isum[i].r[h]);
            }
        }
        for (int c = 0; c < 2; c++) {
#pragma GCC unroll 4
            for (int part = 0; part < 4; part++) {
                sf_pair scale[2];
                if (sf_wide(t)) {
                    scale[0] = scale[1] = sf_bytes16(subs.s[c], part, part, false);
                } else {
                    const sf_pair s = subs.s[2 * c + part / 2];
                    const int at = 2 * part % 4;
                    scale[0] = sf_bytes16(s, at, at, sf_signed_scales(t));
                    scale[1] = sf_bytes16(s, at + 1, at + 1, sf_signed_scales(t));
                }
                const int8_t *a = q + 256 * b + 128 * (size_t)c + 32 * (size_t)part;
                sf_dot32(t, nt, isum, p, c, part, scale, a, k);
            }
        }
        const sf_rows d = sf_row_halves(g);
        const sf_rows m = n_half == 2 ? sf_row_halves(g + 32) : d;
#pragma GCC unroll 4
        for (int i = 0; i < nt; i++) {
            const float a = da[(size_t)i * blocks + b];
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                acc[i].r[h] = _mm256_add_ps(acc[i].r[h], sf_term(d.r[h], a, isum[i].r[h]));
                if (n_half == 2)
                    acc[i].r[h] = _mm256_sub_ps(acc[i].r[h], sf_term(m.r[h], a, msum[i].r[h]));
            }
        }
    }
    for (int i = 0; i < nt; i++) sf_store_rows(y + (size_t)i * ldy, rows, acc[i]);
}

SF_MATMUL_AVX2(Q2_K, q2_kr16_q8, tile)
SF_MATMUL_AVX2(Q3_K, q3_kr16_q8, tile)
SF_MATMUL_AVX2(Q4_K, q4_kr16_q8, tile)
SF_MATMUL_AVX2(Q5_K, q5_kr16_q8, tile)
SF_MATMUL_AVX2(Q6_K, q6_kr16_q8, tile)

void sf_fill_matmul_q256_avx2(struct sf_kernels *k) {
    SF_MATMUL_SET(Q2_K, q2_kr16_q8);
    SF_MATMUL_SET(Q3_K, q3_kr16_q8);
    SF_MATMUL_SET(Q4_K, q4_kr16_q8);
    SF_MATMUL_SET(Q5_K, q5_kr16_q8);
    SF_MATMUL_SET(Q6_K, q6_kr16_q8);
}
