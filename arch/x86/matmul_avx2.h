/* SPDX-License-Identifier: MIT
 * matmul_avx2.h - the packed matmuls of AVX2: 16 rows times 1 to 4 tokens, weights unpacked once for
 * all of them. A lane owns a row and takes the blocks in order (kernels.h has the arithmetic).
 *
 *     words of a group:  | word 0: row 0, row 1, .. row 15 | word 1: row 0, .. | ..   64 bytes each
 *                          `- rows 0-7: one register --' `- rows 8-15: another
 *
 * A pair of registers holds one word (4 weights) of all 16 rows. vpmaddubsw multiplies its unsigned
 * bytes with 4 activations, the same for every row, and adds neighbours into int16; how many words
 * may be added there before vpmaddwd widens them is the range argument of sf_depth.
 */
#ifndef SF_MATMUL_AVX2_H
#define SF_MATMUL_AVX2_H

#include "avx2.h"

#ifndef SF_LEVEL /* in the names of kernels; AVX-VNNI builds on this file too */
#define SF_LEVEL avx2
#endif

enum { SF_TOKENS = 4, SF_WORD = 4 * SF_PACK_ROWS };

/* What a tile needs to know of a type, constant after inlining. */
static const struct {
    uint16_t block, bytes;
    uint8_t n_half;
} sf_x86_types[SF_T_COUNT] = {
#define SF_QTYPE(id, name, gguf, block, bytes, act, n_half, h0, h1)                                \
    [SF_T_##id] = {block, bytes, n_half},
#include "types.def"
#undef SF_QTYPE
};

/* How far an unpacked byte lies above its weight. Repaired once per dot by -offset * (sum of the
 * activations), which is exact. */
SF_INLINE int sf_offset(enum sf_type t) {
    return t == SF_T_Q4_0 ? 8 : t == SF_T_Q5_0 ? 16 : t == SF_T_Q3_K ? 4 : t == SF_T_Q6_K ? 32 : 0;
}
/* Weights that stay signed: |w| times (activation with the sign of w). |w| may be 128, as an
 * unsigned byte; the activation is never -128, so turning its sign is safe. Not the other way
 * round: the weight must be the source of the sign, the activation its receiver. */
SF_INLINE bool sf_signed(enum sf_type t) {
    return t == SF_T_Q8_0 || t == SF_T_IQ4_NL;
}
/* Words (two products each per int16) that fit before widening, |activation| <= 127:
 *     1 x 2 x 128 x 127 = 32512   Q8_0 (a file may hold -128), IQ4_NL
 *     2 x 2 x  63 x 127 = 32004   Q6_K
 *     4 x 2 x  31 x 127 = 31496   Q5_0, Q5_1, Q5_K
 *     8 x 2 x  15 x 127 = 30480   Q4_0, Q4_1, Q4_K                 (all below 32768)
 * Q2_K and Q3_K: 4, because a sub-block has 16 weights. */
SF_INLINE int sf_depth(enum sf_type t) {
    switch (t) {
    case SF_T_Q8_0:
    case SF_T_IQ4_NL:
        return 1;
    case SF_T_Q6_K:
        return 2;
    case SF_T_Q4_0:
    case SF_T_Q4_1:
    case SF_T_Q4_K:
        return 8;
    default:
        return 4;
    }
}

/* ---------------------------------------------------------------- a word of 16 rows */

typedef struct {
    __m256i r[2]; /* rows 0-7, rows 8-15 */
} sf_pair;

SF_INLINE sf_pair sf_set(__m256i v) {
    return (sf_pair){{v, v}};
}
SF_INLINE sf_pair sf_word(const uint8_t *p, size_t i) {
    const __m256i *v = (const __m256i *)(p + i * SF_WORD);
    return (sf_pair){{_mm256_loadu_si256(v), _mm256_loadu_si256(v + 1)}};
}
SF_INLINE sf_pair sf_and(sf_pair a, int byte) {
    __m256i m = _mm256_set1_epi8((char)byte);
    return (sf_pair){{_mm256_and_si256(a.r[0], m), _mm256_and_si256(a.r[1], m)}};
}
SF_INLINE sf_pair sf_or(sf_pair a, sf_pair b) {
    return (sf_pair){{_mm256_or_si256(a.r[0], b.r[0]), _mm256_or_si256(a.r[1], b.r[1])}};
}
SF_INLINE sf_pair sf_add(sf_pair a, sf_pair b) {
    return (sf_pair){{_mm256_add_epi32(a.r[0], b.r[0]), _mm256_add_epi32(a.r[1], b.r[1])}};
}
/* Left by n, right by -n (bits cross bytes: mask afterwards). */
SF_INLINE sf_pair sf_shift(sf_pair a, int n) {
    if (n > 0) return (sf_pair){{_mm256_slli_epi32(a.r[0], n), _mm256_slli_epi32(a.r[1], n)}};
    return (sf_pair){{_mm256_srli_epi32(a.r[0], -n), _mm256_srli_epi32(a.r[1], -n)}};
}
/* Right by a count known only at run time. */
SF_INLINE sf_pair sf_right(sf_pair a, int n) {
    __m128i c = _mm_cvtsi32_si128(n);
    return (sf_pair){{_mm256_srl_epi32(a.r[0], c), _mm256_srl_epi32(a.r[1], c)}};
}
SF_INLINE sf_pair sf_lookup(__m256i table, sf_pair index) {
    return (sf_pair){
        {_mm256_shuffle_epi8(table, index.r[0]), _mm256_shuffle_epi8(table, index.r[1])}};
}
/* In each row's word: bytes lo and hi as two int16, sign extended or (faster) not. */
SF_INLINE sf_pair sf_bytes16(sf_pair a, int lo, int hi, bool is_signed) {
    const int base = is_signed ? lo << 8 | hi << 24 | 0x00800080 : lo | hi << 16 | (int)0x80008000;
    const __m256i pick = _mm256_add_epi32(
        _mm256_set1_epi32(base), _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0C0C0C0C, 0,
                                                   0x04040404, 0x08080808, 0x0C0C0C0C));
    sf_pair b = {{_mm256_shuffle_epi8(a.r[0], pick), _mm256_shuffle_epi8(a.r[1], pick)}};
    if (!is_signed) return b;
    return (sf_pair){{_mm256_srai_epi16(b.r[0], 8), _mm256_srai_epi16(b.r[1], 8)}};
}
/* 4 bytes of memory in every lane. */
SF_INLINE __m256i sf_four(const void *p) {
    int v;
    memcpy(&v, p, sizeof v);
    return _mm256_set1_epi32(v);
}
/* sum + (pairwise int16 products of a with s) */
SF_INLINE sf_pair sf_madd(sf_pair sum, sf_pair a, sf_pair s) {
    return sf_add(sum, (sf_pair){{_mm256_madd_epi16(a.r[0], s.r[0]),
                                  _mm256_madd_epi16(a.r[1], s.r[1])}});
}

/* ---------------------------------------------------------------- unpacking */

/* Bit 4 w + i of a row's 32 becomes bit 4 of byte i: the fifth bits of Q5_0 and Q5_1. */
SF_INLINE sf_pair sf_fifth(sf_pair bits, int w) {
    const int b = w / 2;
    const __m256i spread =
        _mm256_add_epi32(_mm256_set1_epi32(b * 0x01010101),
                         _mm256_setr_epi32(0, 0x04040404, 0x08080808, 0x0C0C0C0C, 0, 0x04040404,
                                           0x08080808, 0x0C0C0C0C));
    const __m256i one = _mm256_set1_epi32(w % 2 ? (int)0x80402010 : 0x08040201);
    sf_pair o;
    for (int h = 0; h < 2; h++) {
        __m256i all = _mm256_shuffle_epi8(bits.r[h], spread);
        o.r[h] = _mm256_cmpeq_epi8(_mm256_and_si256(all, one), one);
    }
    return sf_and(o, 16);
}

/* Word w (0 to 7) of part `part` (32 weights) of half c: weights 128 c + 32 part + 4 w and the next
 * three, plus sf_offset, as bytes. Blocks of 32: c = part = 0. part and w are constants, c is not. */
SF_INLINE sf_pair sf_weights(enum sf_type t, const uint8_t *p, int c, int part, int w) {
    const size_t i = (size_t)w, half = (size_t)c;
    sf_pair low, high;
    switch (t) {
    case SF_T_Q8_0:
        return sf_word(p, i);
    case SF_T_Q4_0: /* low nibbles are weights 0 - 15, high ones 16 - 31 */
    case SF_T_Q4_1:
        return sf_and(sf_shift(sf_word(p, i % 4), w < 4 ? 0 : -4), 15);
    case SF_T_IQ4_NL:
        low = sf_and(sf_shift(sf_word(p, i % 4), w < 4 ? 0 : -4), 15);
        return sf_lookup(_mm256_broadcastsi128_si256(
                             _mm_loadu_si128((const __m128i *)(const void *)sf_iq4_nl_values)),
                         low);
    case SF_T_Q5_0:
    case SF_T_Q5_1:
        low = sf_and(sf_shift(sf_word(p, 1 + i % 4), w < 4 ? 0 : -4), 15);
        return sf_or(low, sf_fifth(sf_word(p, 0), w));
    case SF_T_Q2_K: /* 2 bits: 32 bytes hold 4 parts, one per bit pair */
        return sf_and(sf_shift(sf_word(p, 4 + 8 * half + i), -2 * part), 3);
    case SF_T_Q3_K: /* the same, and bit 4 c + part of 32 mask bytes is bit 2 */
        low = sf_and(sf_shift(sf_word(p, 8 + 8 * half + i), -2 * part), 3);
        high = sf_and(sf_shift(sf_right(sf_word(p, i), 4 * c), 2 - part), 4);
        return sf_or(low, high);
    case SF_T_Q4_K: /* 32 bytes hold an even part (low nibbles) and the next */
        low = sf_word(p, 3 + 16 * half + 8 * (size_t)(part / 2) + i);
        return sf_and(sf_shift(low, part % 2 ? -4 : 0), 15);
    case SF_T_Q5_K: /* the same, and bit 4 c + part of 32 mask bytes is bit 4 */
        low = sf_word(p, 11 + 16 * half + 8 * (size_t)(part / 2) + i);
        low = sf_and(sf_shift(low, part % 2 ? -4 : 0), 15);
        high = sf_and(sf_shift(sf_right(sf_word(p, 3 + i), 4 * c), 4 - part), 16);
        return sf_or(low, high);
    case SF_T_Q6_K: /* 64 bytes: parts 0, 1 low nibbles, 2, 3 high; 32 bytes: 2 bits of each */
        low = sf_word(p, 16 * half + 8 * (size_t)(part % 2) + i);
        low = sf_and(sf_shift(low, part < 2 ? 0 : -4), 15);
        high = sf_and(sf_shift(sf_word(p, 32 + 8 * half + i), 4 - 2 * part), 48);
        return sf_or(low, high);
    default:
        return sf_set(_mm256_setzero_si256());
    }
}

/* ---------------------------------------------------------------- 32 weights, nt tokens */

/* isum[i] += scale * dot of 32 weights with 32 activations at q + i * k. scale: int16 pairs, one
 * for the first 16 weights, one for the rest. */
SF_INLINE void sf_dot32(enum sf_type t, const int nt, sf_pair isum[SF_TOKENS], const uint8_t *p,
                        int c, int part, const sf_pair scale[2], const int8_t *q, size_t k) {
    const int depth = sf_depth(t);
#pragma GCC unroll 8
    for (int w0 = 0; w0 < 8; w0 += depth) {
        sf_pair a[SF_TOKENS];
#pragma GCC unroll 8
        for (int w = w0; w < w0 + depth; w++) {
            sf_pair u = sf_weights(t, p, c, part, w), v = u;
            if (sf_signed(t))
                for (int h = 0; h < 2; h++) u.r[h] = _mm256_abs_epi8(v.r[h]);
#pragma GCC unroll 4
            for (int i = 0; i < nt; i++) {
                __m256i x = sf_four(q + (size_t)i * k + 4 * w);
#pragma GCC unroll 2
                for (int h = 0; h < 2; h++) {
                    __m256i y = sf_signed(t) ? _mm256_sign_epi8(x, v.r[h]) : x;
                    __m256i product = _mm256_maddubs_epi16(u.r[h], y);
                    a[i].r[h] = w == w0 ? product : _mm256_add_epi16(a[i].r[h], product);
                }
            }
        }
#pragma GCC unroll 4
        for (int i = 0; i < nt; i++) isum[i] = sf_madd(isum[i], a[i], scale[w0 / 4]);
    }
}

/* ---------------------------------------------------------------- sums in float */

typedef struct {
    __m256 r[2];
} sf_rows;

SF_INLINE sf_rows sf_row_halves(const uint8_t *p) {
    return (sf_rows){{sf_halves(p), sf_halves(p + 16)}};
}
/* (d * da) * (float)s: two roundings besides the conversion's, never fused. */
SF_INLINE __m256 sf_term(__m256 d, float da, __m256i s) {
    return _mm256_mul_ps(_mm256_mul_ps(d, _mm256_set1_ps(da)), _mm256_cvtepi32_ps(s));
}

/* Results of a group; the tensor's last rows may be fewer than 16. */
SF_INLINE void sf_store_rows(float *y, size_t rows, sf_rows acc) {
    sf_store_some(y, acc.r[0], rows);
    if (rows > 8) sf_store_some(y + 8, acc.r[1], rows - 8);
}

/* Rows [r0, r1) of n tokens: groups outside, so that a group's weights stay in the cache while the
 * tokens pass by, four at a time. tile(nt, y, rows, group, first token) does one. */
#define SF_MUL_ROWS(tile, t, y, ldy, w, x, n, r0, r1, k)                                           \
    do {                                                                                           \
        const size_t bytes_ = (k) / sf_x86_types[t].block * SF_PACK_ROWS * sf_x86_types[t].bytes;  \
        for (size_t r_ = (r0); r_ < (r1); r_ += SF_PACK_ROWS) {                                    \
            const uint8_t *g_ = (const uint8_t *)(w) + r_ / SF_PACK_ROWS * bytes_;                 \
            const size_t rows_ = (r1)-r_;                                                          \
            float *y_ = (y) + r_;                                                                  \
            size_t i_ = 0;                                                                         \
            for (; (n)-i_ >= 4; i_ += 4) tile(t, 4, y_ + i_ * (ldy), ldy, rows_, g_, x, i_, k);    \
            y_ += i_ * (ldy);                                                                      \
            if ((n)-i_ == 3) tile(t, 3, y_, ldy, rows_, g_, x, i_, k);                             \
            if ((n)-i_ == 2) tile(t, 2, y_, ldy, rows_, g_, x, i_, k);                             \
            if ((n)-i_ == 1) tile(t, 1, y_, ldy, rows_, g_, x, i_, k);                             \
        }                                                                                          \
    } while (0)

#define SF_KERNEL(op, name) SF_CAT(sf_##op##_##name##_, SF_LEVEL)
/* gemv and gemm of one type; grammar of the names: arch/README.md. */
#define SF_MATMUL_AVX2(id, name, tile)                                                             \
    static void SF_KERNEL(gemv, name)(float *y, size_t ldy, const void *w,                         \
                                      const struct sf_acts *x, size_t n, size_t r0, size_t r1,     \
                                      size_t k) {                                                  \
        SF_UNUSED(n);                                                                              \
        SF_MUL_ROWS(tile, SF_T_##id, y, ldy, w, x, 1, r0, r1, k);                                  \
    }                                                                                              \
    static void SF_KERNEL(gemm, name)(float *y, size_t ldy, const void *w,                         \
                                      const struct sf_acts *x, size_t n, size_t r0, size_t r1,     \
                                      size_t k) {                                                  \
        SF_MUL_ROWS(tile, SF_T_##id, y, ldy, w, x, n, r0, r1, k);                                  \
    }
#define SF_MATMUL_SET(id, name)                                                                    \
    k->mm[SF_T_##id] = (struct sf_matmul) {                                                        \
        .rows = SF_PACK_ROWS, .gemv = SF_KERNEL(gemv, name), .gemm = SF_KERNEL(gemm, name)         \
    }

#endif
