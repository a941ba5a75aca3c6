/* SPDX-License-Identifier: MIT
 * matmul_q256_avxvnni.c - K types: super-blocks of 256 with integer sub-scales and minima, times
 * int8 activations with a scale per 256. One conversion to float per super-block.
 */
#include "matmul_avxvnni.h"

#include "matmul_q256_avx2.h"

/* In each row's word: one byte as an int32. */
SF_INLINE sf_pair byte32(sf_pair a, int at, bool is_signed) {
    const int base = is_signed ? at << 24 | 0x00808080 : at | (int)0x80808000;
    const __m256i pick = _mm256_add_epi32(_mm256_set1_epi32(base),
                                          _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0C0C0C0C,
                                                            0, 0x04040404, 0x08080808, 0x0C0C0C0C));
    sf_pair b = {{_mm256_shuffle_epi8(a.r[0], pick), _mm256_shuffle_epi8(a.r[1], pick)}};
    if (!is_signed) return b;
    return (sf_pair){{_mm256_srai_epi32(b.r[0], 24), _mm256_srai_epi32(b.r[1], 24)}};
}

/* isum[i] += the 32 weights of a part times the activations at q + i * k; sum: those of 16. */
SF_INLINE void part32(enum sf_type t, const int nt, sf_pair isum[SF_TOKENS], const uint8_t *p,
                      int c, int part, const struct sf_subs *subs, const int8_t *q,
                      const int16_t *sum, size_t k) {
    const int each = sf_wide(t) ? 8 : 4; /* words under one scale */
#pragma GCC unroll 2
    for (int w = 0; w < 8; w += each) {
        const int at = 8 * c + 2 * part + w / 4; /* sub-block of 16 */
        sf_pair dot[SF_TOKENS];
#pragma GCC unroll 4
        for (int i = 0; i < nt; i++)
            dot[i] =
                sf_set(_mm256_set1_epi32(-sf_offset(t) * sum[(size_t)i * (k / 16) + (size_t)at]));
        sf_dot_vnni(t, nt, dot, p, c, part, w, each, q, k);
        const sf_pair s = sf_wide(t) ? byte32(subs->s[c], part, false)
                                     : byte32(subs->s[2 * c + part / 2], 2 * part % 4 + w / 4,
                                              sf_signed_scales(t));
#pragma GCC unroll 4
        for (int i = 0; i < nt; i++)
            for (int h = 0; h < 2; h++)
                isum[i].r[h] =
                    _mm256_add_epi32(isum[i].r[h], _mm256_mullo_epi32(dot[i].r[h], s.r[h]));
    }
}

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
        sf_pair isum[SF_TOKENS];
        struct sf_subs subs;
        sf_unpack_subs(t, &subs, p);
        for (int i = 0; i < nt; i++) isum[i] = sf_set(_mm256_setzero_si256());
        for (int c = 0; c < 2; c++) {
#pragma GCC unroll 4
            for (int part = 0; part < 4; part++)
                part32(t, nt, isum, p, c, part, &subs, q + 256 * b + 128 * (size_t)c + 32 * part,
                       sum + 16 * b, k);
        }
        const sf_rows d = sf_row_halves(g);
        const sf_rows m = n_half == 2 ? sf_row_halves(g + 32) : d;
#pragma GCC unroll 4
        for (int i = 0; i < nt; i++) {
            const float a = da[(size_t)i * blocks + b];
            sf_pair msum = isum[i];
            if (n_half == 2) msum = sf_dot_sums(t, subs.m, sum + (size_t)i * (k / 16) + 16 * b);
#pragma GCC unroll 2
            for (int h = 0; h < 2; h++) {
                acc[i].r[h] = _mm256_add_ps(acc[i].r[h], sf_term(d.r[h], a, isum[i].r[h]));
                if (n_half == 2)
                    acc[i].r[h] = _mm256_sub_ps(acc[i].r[h], sf_term(m.r[h], a, msum.r[h]));
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

void sf_fill_matmul_q256_avxvnni(struct sf_kernels *k) {
    SF_MATMUL_SET(Q2_K, q2_kr16_q8);
    SF_MATMUL_SET(Q3_K, q3_kr16_q8);
    SF_MATMUL_SET(Q4_K, q4_kr16_q8);
    SF_MATMUL_SET(Q5_K, q5_kr16_q8);
    SF_MATMUL_SET(Q6_K, q6_kr16_q8);
}
