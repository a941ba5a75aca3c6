/* SPDX-License-Identifier: MIT
 * matmul_q256_avx2.c - K types: super-blocks of 256 with integer sub-scales and minima, times int8
 * activations with a scale per 256. One conversion to float per super-block.
 */
#include "matmul_avx2.h"

/* Integer scales and minima of a super-block, a byte per row and sub-block: byte i % 4 of s[i / 4]
 * is sub-block i (16 of 16 weights, or 8 of 32 for Q4_K and Q5_K). All lie in -128 .. 127. */
struct subs {
    sf_pair s[4], m[4];
};

SF_INLINE bool wide(enum sf_type t) { /* sub-blocks of 32 */
    return t == SF_T_Q4_K || t == SF_T_Q5_K;
}
SF_INLINE bool signed_scales(enum sf_type t) {
    return t == SF_T_Q3_K || t == SF_T_Q6_K;
}

SF_INLINE void unpack_subs(enum sf_type t, struct subs *o, const uint8_t *p) {
    if (t == SF_T_Q2_K) { /* scale in the low nibble, minimum in the high one */
        for (int i = 0; i < 4; i++) {
            sf_pair a = sf_word(p, (size_t)i);
            o->s[i] = sf_and(a, 15);
            o->m[i] = sf_and(sf_shift(a, -4), 15);
        }
    } else if (t ==
               SF_T_Q3_K) { /* 16 x 6 bits: nibbles of bytes 0 - 7, bit pairs of bytes 8 - 11 */
        const sf_pair a = sf_word(p, 24), b = sf_word(p, 25), c = sf_word(p, 26);
        o->s[0] = sf_or(sf_and(a, 15), sf_and(sf_shift(c, 4), 48));
        o->s[1] = sf_or(sf_and(b, 15), sf_and(sf_shift(c, 2), 48));
        o->s[2] = sf_or(sf_and(sf_shift(a, -4), 15), sf_and(c, 48));
        o->s[3] = sf_or(sf_and(sf_shift(b, -4), 15), sf_and(sf_shift(c, -2), 48));
        for (int i = 0; i < 4; i++) /* 0 .. 63 means -32 .. 31 */
            for (int h = 0; h < 2; h++)
                o->s[i].r[h] = _mm256_sub_epi8(o->s[i].r[h], _mm256_set1_epi8(32));
    } else if (t == SF_T_Q6_K) {
        for (int i = 0; i < 4; i++) o->s[i] = sf_word(p, 48 + (size_t)i);
    } else { /* 8 + 8 of 6 bits; the upper four take their two high bits from below */
        const sf_pair a = sf_word(p, 0), b = sf_word(p, 1), c = sf_word(p, 2);
        o->s[0] = sf_and(a, 63);
        o->m[0] = sf_and(b, 63);
        o->s[1] = sf_or(sf_and(c, 15), sf_and(sf_shift(a, -2), 48));
        o->m[1] = sf_or(sf_and(sf_shift(c, -4), 15), sf_and(sf_shift(b, -2), 48));
    }
}

/* Sum over the 16 sums of activations, each times its sub-block's byte (of minima or scales). */
SF_INLINE sf_pair dot_sums(enum sf_type t, const sf_pair v[4], const int16_t *sum) {
    sf_pair total = sf_set(_mm256_setzero_si256());
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) { /* sums 2 i and 2 i + 1 */
        sf_pair two = wide(t) ? sf_bytes16(v[i / 4], i % 4, i % 4, false)
                              : sf_bytes16(v[i / 2], 2 * i % 4, 2 * i % 4 + 1, signed_scales(t));
        total = sf_madd(total, two, sf_set(sf_four(sum + 2 * i)));
    }
    return total;
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
        sf_pair isum[SF_TOKENS], msum[SF_TOKENS];
        struct subs subs;
        unpack_subs(t, &subs, p);
#pragma GCC unroll 4
        for (int i = 0; i < nt; i++) {
            const int16_t *s = sum + (size_t)i * (k / 16) + 16 * b;
            isum[i] = sf_set(_mm256_setzero_si256());
            if (n_half == 2) msum[i] = dot_sums(t, subs.m, s);
            if (sf_offset(t)) { /* a power of two: 4 or 32 */
                isum[i] = sf_shift(dot_sums(t, subs.s, s), sf_offset(t) == 4 ? 2 : 5);
                for (int h = 0; h < 2; h++)
                    isum[i].r[h] = _mm256_sub_epi32(_mm256_setzero_si256(), isum[i].r[h]);
            }
        }
        for (int c = 0; c < 2; c++) {
#pragma GCC unroll 4
            for (int part = 0; part < 4; part++) {
                sf_pair scale[2];
                if (wide(t)) {
                    scale[0] = scale[1] = sf_bytes16(subs.s[c], part, part, false);
                } else {
                    const sf_pair s = subs.s[2 * c + part / 2];
                    const int at = 2 * part % 4;
                    scale[0] = sf_bytes16(s, at, at, signed_scales(t));
                    scale[1] = sf_bytes16(s, at + 1, at + 1, signed_scales(t));
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
