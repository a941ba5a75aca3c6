/* SPDX-License-Identifier: MIT
 * matmul_q32_avx512vnni.c - weight types with blocks of 32, times int8 activations with a scale per
 * 32.
 *
 * The weight is vpdpbusd's unsigned operand: it lies `offset` above its value, and the dot starts at
 * -offset * (sum of the activations), so that it ends at the exact one. |dot| <= 32 * 255 * 127.
 */
#include "matmul_avx512vnni.h"

enum { AREA = SF_CHUNK, BLOCKS = AREA / 32 };

/* Of a tile of nt tokens: block b of token i at q[8 * (b * nt + i)], d and start at
 * [i * (BLOCKS / nt) + b]. */
struct tile_acts {
    _Alignas(64) int32_t q[8 * BLOCKS]; /* 4 activations each */
    float d[BLOCKS];
    int32_t start[BLOCKS]; /* of the dot; types with a minimum: the block's sum, as a float */
};

SF_INLINE int offset(enum sf_type t) {
    switch (t) {
    case SF_T_Q4_0:
        return 8;
    case SF_T_Q5_0:
        return 16;
    case SF_T_Q8_0:
    case SF_T_IQ4_NL:
        return 128;
    default:
        return 0;
    }
}

static void fill(void *acts, enum sf_type t, const struct sf_acts *x, size_t t0, size_t n,
                 size_t nt, size_t c, size_t cols) {
    struct tile_acts *a = acts;
    const size_t blocks = cols / 32, per = BLOCKS / nt;
    const __m512i times = _mm512_set1_epi16((short)(offset(t) ? -offset(t) : 1));
    for (size_t i = 0; i < nt; i++) {
        float *d = a->d + i * per;
        int32_t *start = a->start + i * per;
        if (i >= n) {
            for (size_t b = 0; b < blocks; b++) memset(a->q + 8 * (b * nt + i), 0, 32);
            memset(d, 0, blocks * sizeof *d);
            memset(start, 0, blocks * sizeof *start);
            continue;
        }
        const int8_t *q = x->q + (t0 + i) * x->k + c;
        const int16_t *sum = x->sum + ((t0 + i) * x->k + c) / 16;
        for (size_t b = 0; b < blocks; b++) memcpy(a->q + 8 * (b * nt + i), q + 32 * b, 32);
        memcpy(d, x->d + ((t0 + i) * x->k + c) / 32, blocks * sizeof *d);
        for (size_t b = 0; b < blocks; b += 16) {
            const __mmask16 some = sf_first(blocks - b);
            __m512i s = _mm512_maskz_loadu_epi32(some, sum + 2 * b);
            s = _mm512_madd_epi16(s, times);
            if (!offset(t)) s = _mm512_castps_si512(_mm512_cvtepi32_ps(s));
            _mm512_mask_storeu_epi32(start + b, some, s);
        }
    }
}

/* Bit 4 w + i of a row's 32 becomes bit 4 of byte i: the fifth bits of Q5_0 and Q5_1. */
SF_INLINE __m512i fifth(__m512i low, __m512i bits, int w) {
    const __m512i row =
        _mm512_broadcast_i32x4(_mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0C0C0C0C));
    const __m512i spread = _mm512_add_epi32(row, _mm512_set1_epi32(w / 2 * 0x01010101));
    const __m512i one = _mm512_set1_epi32(w % 2 ? (int)0x80402010 : 0x08040201);
    const __mmask64 set = _mm512_test_epi8_mask(_mm512_shuffle_epi8(bits, spread), one);
    return _mm512_mask_add_epi8(low, set, low, _mm512_set1_epi8(16));
}

/* Word v of a block at p, offset above its values. */
SF_INLINE __m512i weights(enum sf_type t, const uint8_t *p, int v) {
    const size_t i = (size_t)v;
    if (t == SF_T_Q8_0) return _mm512_xor_si512(sf_word(p, i), _mm512_set1_epi8(-128));
    const bool five = t == SF_T_Q5_0 || t == SF_T_Q5_1;
    __m512i w = sf_word(p, i % 4 + five); /* low nibbles are weights 0 - 15, high ones 16 - 31 */
    w = v < 4 ? sf_low(w) : sf_high(w);
    if (five) w = fifth(w, sf_word(p, 0), v);
    if (t == SF_T_IQ4_NL) {
        const __m128i values = _mm_loadu_si128((const __m128i *)(const void *)sf_iq4_nl_values);
        const __m128i above = _mm_xor_si128(values, _mm_set1_epi8(-128));
        w = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(above), w);
    }
    return w;
}

/* nt tokens, ng groups from `group` on. */
SF_INLINE void tile(enum sf_type t, const int nt, const int ng, const struct sf_strip *s,
                    size_t group) {
    const size_t n_half = sf_x86_types[t].n_half, bytes = SF_PACK_ROWS * sf_x86_types[t].bytes;
    const struct tile_acts *a = s->acts;
    const size_t per = BLOCKS / (size_t)nt;
    const uint8_t *g = s->g + group * s->step;
    const int share = sf_share(nt, ng);
    __m512 sums[2 * SF_TOKENS], *acc = sums;
    if (share > 1) SF_HIDE(acc);
    SF_UNROLL(32)
    for (int i = 0; i < nt * ng; i++)
        acc[i] = sf_begin(s, (size_t)(i % nt), group + (size_t)(i / nt));
    for (size_t b = 0; b < s->blocks; b++, g += bytes) {
        const int32_t *q = a->q + 8 * b * (size_t)nt;
        SF_UNROLL(4)
        for (int j0 = 0; j0 < ng; j0 += share) {
            __m512i w[2][8];
            __m512 d[2], m[2];
            SF_UNROLL(2)
            for (int j = 0; j < share; j++) {
                const uint8_t *p = g + (size_t)(j0 + j) * s->step;
                sf_ahead(p, bytes);
                SF_UNROLL(8)
                for (int v = 0; v < 8; v++) w[j][v] = weights(t, p + 32 * n_half, v);
                d[j] = sf_halves(p);
                m[j] = n_half == 2 ? sf_halves(p + 32) : d[j];
            }
            SF_UNROLL(4)
            for (int i0 = 0; i0 < nt; i0 += SF_ABREAST) {
                const int n = sf_abreast(nt - i0);
                __m512i dot[2][SF_ABREAST];
                SF_UNROLL(4)
                for (int i = 0; i < n; i++)
                    dot[0][i] = dot[1][i] =
                        offset(t) ? _mm512_set1_epi32(a->start[(size_t)(i0 + i) * per + b])
                                  : _mm512_setzero_si512();
                SF_UNROLL(8)
                for (int v = 0; v < 8; v++) SF_UNROLL(4)
                for (int i = 0; i < n; i++) {
                    const __m512i x = _mm512_set1_epi32(q[8 * (i0 + i) + v]);
                    SF_UNROLL(2)
                    for (int j = 0; j < share; j++)
                        dot[j][i] = _mm512_dpbusd_epi32(dot[j][i], w[j][v], x);
                }
                SF_UNROLL(4)
                for (int i = 0; i < n; i++) {
                    const size_t at = (size_t)(i0 + i) * per + b;
                    float all;
                    memcpy(&all, a->start + at, sizeof all);
                    SF_UNROLL(2)
                    for (int j = 0; j < share; j++) {
                        __m512 *to = &acc[(j0 + j) * nt + i0 + i], sum = *to;
                        sum = _mm512_add_ps(sum, sf_term(d[j], a->d[at], dot[j][i]));
                        if (n_half == 2) {
                            const __m512 ma = _mm512_mul_ps(m[j], _mm512_set1_ps(a->d[at]));
                            sum = _mm512_add_ps(sum, _mm512_mul_ps(ma, _mm512_set1_ps(all)));
                        }
                        *to = sum;
                    }
                }
            }
        }
    }
    SF_UNROLL(32)
    for (int i = 0; i < nt * ng; i++) sf_end(s, (size_t)(i % nt), group + (size_t)(i / nt), acc[i]);
}

SF_MATMUL_AVX512(Q8_0, q8_0r16_q8, tile, 2, struct tile_acts, AREA, fill)
SF_MATMUL_AVX512(Q4_0, q4_0r16_q8, tile, 2, struct tile_acts, AREA, fill)
SF_MATMUL_AVX512(Q4_1, q4_1r16_q8, tile, 2, struct tile_acts, AREA, fill)
SF_MATMUL_AVX512(Q5_0, q5_0r16_q8, tile, 2, struct tile_acts, AREA, fill)
SF_MATMUL_AVX512(Q5_1, q5_1r16_q8, tile, 2, struct tile_acts, AREA, fill)
SF_MATMUL_AVX512(IQ4_NL, iq4_nlr16_q8, tile, 2, struct tile_acts, AREA, fill)

void sf_fill_matmul_q32_avx512vnni(struct sf_kernels *k) {
    SF_MATMUL_SET(Q8_0, q8_0r16_q8);
    SF_MATMUL_SET(Q4_0, q4_0r16_q8);
    SF_MATMUL_SET(Q4_1, q4_1r16_q8);
    SF_MATMUL_SET(Q5_0, q5_0r16_q8);
    SF_MATMUL_SET(Q5_1, q5_1r16_q8);
    SF_MATMUL_SET(IQ4_NL, iq4_nlr16_q8);
}
