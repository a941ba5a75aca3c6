/* SPDX-License-Identifier: MIT
 * matmul_q256_avx2.h - sub-scales and minima of the K types, for AVX2 and AVX-VNNI.
 */
#ifndef SF_MATMUL_Q256_AVX2_H
#define SF_MATMUL_Q256_AVX2_H

#include "matmul_avx2.h"

/* Integer scales and minima of a super-block, a byte per row and sub-block: byte i % 4 of s[i / 4]
 * is sub-block i (16 of 16 weights, or 8 of 32 for Q4_K and Q5_K). All lie in -128 .. 127. */
struct sf_subs {
    sf_pair s[4], m[4];
};

SF_INLINE bool sf_wide(enum sf_type t) { /* sub-blocks of 32 */
    return t == SF_T_Q4_K || t == SF_T_Q5_K;
}
SF_INLINE bool sf_signed_scales(enum sf_type t) {
    return t == SF_T_Q3_K || t == SF_T_Q6_K;
}

SF_INLINE void sf_unpack_subs(enum sf_type t, struct sf_subs *o, const uint8_t *p) {
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
SF_INLINE sf_pair sf_dot_sums(enum sf_type t, const sf_pair v[4], const int16_t *sum) {
    sf_pair total = sf_set(_mm256_setzero_si256());
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) { /* sums 2 i and 2 i + 1 */
        sf_pair two = sf_wide(t)
                          ? sf_bytes16(v[i / 4], i % 4, i % 4, false)
                          : sf_bytes16(v[i / 2], 2 * i % 4, 2 * i % 4 + 1, sf_signed_scales(t));
        total = sf_madd(total, two, sf_set(sf_four(sum + 2 * i)));
    }
    return total;
}

#endif
