/* SPDX-License-Identifier: MIT
 * matmul_q256_avx512vnni.c - K types: super-blocks of 256 with integer sub-scales and minima, times
 * int8 activations with a scale per 256. One conversion to float per super-block.
 *
 * A sub-block's dot (4 products a lane by vpdpbusd) must be multiplied by the row's integer scale.
 * Where the dot fits in 16 bits, vpdpwssd does that and the addition in one: the dot's low half times
 * the scale, its high half (the sign) times zero. To make it fit, weights are taken about their
 * middle, by starting the dot at -middle * (sum of the activations):
 *     Q4_K: 32 x  8 x 127 = 32512      Q5_K: 16 x 16 x 127 = 32512      Q3_K: 16 x 4 x 127 = 8128
 * For Q3_K the middle is what the format means; for Q4_K and Q5_K middle * scale * (sums) is added
 * back, so isum is the exact one. Q6_K (16 x 32 x 127) does not fit: a full multiplication.
 * Q2_K: weight times scale is at most 45, so the scale goes into the byte before the dot.
 */
#include "matmul_avx512vnni.h"

enum { AREA = SF_CHUNK, BLOCKS = AREA / 256 };

/* Of a tile of nt tokens. 32 activations p of block b of token i at q[8 * ((8 * b + p) * nt + i)];
 * others at index o = i * (BLOCKS / nt) + b: d[o], start[16 * o + sub-block], and pairs[8 * o ..]:
 * the sums of two neighbouring sub-blocks as int16. */
struct tile_acts {
    _Alignas(64) int32_t q[64 * BLOCKS];
    int32_t start[16 * BLOCKS];
    int32_t pairs[8 * BLOCKS];
    float d[BLOCKS];
};

SF_INLINE bool wide(enum sf_type t) { /* scales for 32 weights, not 16 */
    return t == SF_T_Q4_K || t == SF_T_Q5_K;
}
SF_INLINE int middle(enum sf_type t) {
    switch (t) {
    case SF_T_Q3_K:
        return 4;
    case SF_T_Q4_K:
        return 8;
    case SF_T_Q5_K:
        return 16;
    case SF_T_Q6_K:
        return 32;
    default:
        return 0;
    }
}
/* Words of weights after which the dot is multiplied by its scale; 0: it went into the bytes. */
SF_INLINE int words(enum sf_type t) {
    return t == SF_T_Q2_K ? 0 : t == SF_T_Q4_K ? 8 : 4;
}

static void fill(void *acts, enum sf_type t, const struct sf_acts *x, size_t t0, size_t n,
                 size_t nt, size_t c, size_t cols) {
    struct tile_acts *a = acts;
    const size_t blocks = cols / 256, per = BLOCKS / nt;
    for (size_t i = 0; i < nt; i++) {
        const size_t o = i * per;
        if (i >= n) {
            for (size_t p = 0; p < 8 * blocks; p++) memset(a->q + 8 * (p * nt + i), 0, 32);
            memset(a->start + 16 * o, 0, 64 * blocks);
            memset(a->pairs + 8 * o, 0, 32 * blocks);
            memset(a->d + o, 0, blocks * sizeof *a->d);
            continue;
        }
        const size_t at = (t0 + i) * x->k + c;
        for (size_t p = 0; p < 8 * blocks; p++)
            memcpy(a->q + 8 * (p * nt + i), x->q + at + 32 * p, 32);
        memcpy(a->d + o, x->d + at / 256, blocks * sizeof *a->d);
        for (size_t b = 0; b < blocks; b++) {
            const int16_t *sum = x->sum + at / 16 + 16 * b;
            const __m256i s16 = _mm256_loadu_si256((const __m256i *)(const void *)sum);
            const __m256i s32 = _mm256_madd_epi16(s16, _mm256_set1_epi16(1));
            int32_t *start = a->start + 16 * (o + b), *pairs = a->pairs + 8 * (o + b);
            const __m512i from =
                words(t) == 8 ? _mm512_castsi256_si512(s32) : _mm512_cvtepi16_epi32(s16);
            _mm512_storeu_si512((void *)start,
                                _mm512_mullo_epi32(from, _mm512_set1_epi32(-middle(t))));
            if (wide(t))
                _mm_storeu_si128((__m128i *)(void *)pairs, _mm256_cvtepi32_epi16(s32));
            else
                _mm256_storeu_si256((__m256i *)(void *)pairs, s16);
        }
    }
}

/* Byte lo and byte hi of each row's word (4: zero) as two int16. */
SF_INLINE __m512i pick(__m512i v, int lo, int hi) {
    const __m512i row =
        _mm512_broadcast_i32x4(_mm_setr_epi32(0, 0x04040404, 0x08080808, 0x0C0C0C0C));
    const int base = (lo < 4 ? lo : 0x80) | (hi < 4 ? hi : 0x80) << 16 | (int)0x80008000;
    return _mm512_shuffle_epi8(v, _mm512_add_epi32(row, _mm512_set1_epi32(base)));
}

/* What a super-block's rows multiply their dots with. */
struct subs {
    __m512i scale[16]; /* of each sub-block: what the multiplication of its dot wants   */
    __m512i pair[4];   /* Q4_K, Q5_K: two scales times middle                           */
    __m512i min[8];    /* two minima                                                    */
};

SF_INLINE __m512i six(__m512i low, __m512i two) { /* nibbles, and two bits above them */
    return _mm512_or_si512(low, _mm512_and_si512(two, _mm512_set1_epi8(48)));
}

SF_INLINE void unpack_subs(enum sf_type t, struct subs *o, const uint8_t *p) {
    if (wide(t)) { /* 8 + 8 of 6 bits; the upper four take their two high bits from below */
        const __m512i a = sf_word(p, 0), b = sf_word(p, 1), c = sf_word(p, 2);
        const __m512i m6 = _mm512_set1_epi8(63);
        const __m512i s[2] = {_mm512_and_si512(a, m6), six(sf_low(c), _mm512_srli_epi16(a, 2))};
        const __m512i m[2] = {_mm512_and_si512(b, m6), six(sf_high(c), _mm512_srli_epi16(b, 2))};
        SF_UNROLL(4)
        for (int i = 0; i < 4; i++) {
            o->scale[2 * i] = pick(s[i / 2], 2 * i % 4, 4);
            o->scale[2 * i + 1] = pick(s[i / 2], 2 * i % 4 + 1, 4);
            const __m512i two = pick(s[i / 2], 2 * i % 4, 2 * i % 4 + 1);
            o->pair[i] = t == SF_T_Q4_K ? _mm512_slli_epi16(two, 3) : _mm512_slli_epi16(two, 4);
            o->min[i] = pick(m[i / 2], 2 * i % 4, 2 * i % 4 + 1);
        }
    } else if (t == SF_T_Q2_K) { /* scale in the low nibble, minimum in the high one */
        SF_UNROLL(8)
        for (int i = 0; i < 8; i++) {
            const __m512i v = sf_word(p, (size_t)i / 2), s = sf_low(v), m = sf_high(v);
            o->scale[2 * i] = pick(s, 2 * i % 4, 2 * i % 4);
            o->scale[2 * i + 1] = pick(s, 2 * i % 4 + 1, 2 * i % 4 + 1);
            o->min[i] = pick(m, 2 * i % 4, 2 * i % 4 + 1);
        }
    } else if (t == SF_T_Q3_K) { /* 16 x 6 bits: nibbles of bytes 0 - 7, bit pairs of 8 - 11 */
        const __m512i a = sf_word(p, 24), b = sf_word(p, 25), c = sf_word(p, 26);
        const __m512i s[4] = {six(sf_low(a), _mm512_slli_epi16(c, 4)),
                              six(sf_low(b), _mm512_slli_epi16(c, 2)), six(sf_high(a), c),
                              six(sf_high(b), _mm512_srli_epi16(c, 2))};
        SF_UNROLL(16)
        for (int i = 0; i < 16; i++) /* 0 .. 63 means -32 .. 31 */
            o->scale[i] = _mm512_sub_epi16(pick(s[i / 4], i % 4, 4), _mm512_set1_epi32(32));
    } else { /* Q6_K: int8 */
        SF_UNROLL(16)
        for (int i = 0; i < 16; i++) {
            const __m512i v = sf_word(p, 48 + (size_t)i / 4);
            const __m512i left = i % 4 == 0   ? _mm512_slli_epi32(v, 24)
                                 : i % 4 == 1 ? _mm512_slli_epi32(v, 16)
                                 : i % 4 == 2 ? _mm512_slli_epi32(v, 8)
                                              : v;
            o->scale[i] = _mm512_srai_epi32(left, 24);
        }
    }
}

/* Bits of v moved from bit `from` of each byte to bit `to`, the rest is noise. */
SF_INLINE __m512i move(__m512i v, int from, int to) {
    return _mm512_rorv_epi32(v, _mm512_set1_epi32((from - to) & 31));
}
/* low | (high & mask) */
SF_INLINE __m512i with_high(__m512i low, __m512i high, int mask) {
    return _mm512_ternarylogic_epi32(low, high, _mm512_set1_epi8((char)mask), 0xF8);
}

/* The 8 words of weights 32 part .. 32 part + 31, part = 0 .. 7, known at run time only. */
SF_INLINE void unpack(enum sf_type t, __m512i w[8], const uint8_t *p, int part,
                      const struct subs *subs) {
    const size_t half = (size_t)part / 4, two = (size_t)part / 2;
    const int at = part % 4;
    SF_UNROLL(8)
    for (size_t i = 0; i < 8; i++) {
        __m512i v;
        switch (t) {
        case SF_T_Q2_K: /* 2 bits: 32 bytes hold 4 parts, one per bit pair */
            v = _mm512_and_si512(move(sf_word(p, 4 + 8 * half + i), 2 * at, 0),
                                 _mm512_set1_epi8(3));
            w[i] = _mm512_mullo_epi16(v, subs->scale[2 * (size_t)part + i / 4]);
            break;
        case SF_T_Q3_K: /* the same, and bit `part` of 32 mask bytes is bit 2 */
            v = _mm512_and_si512(move(sf_word(p, 8 + 8 * half + i), 2 * at, 0),
                                 _mm512_set1_epi8(3));
            w[i] = with_high(v, move(sf_word(p, i), part, 2), 4);
            break;
        case SF_T_Q4_K: /* 32 bytes hold an even part (low nibbles) and the next */
            w[i] = sf_low(move(sf_word(p, 3 + 8 * two + i), part % 2 * 4, 0));
            break;
        case SF_T_Q5_K: /* the same, and bit `part` of 32 mask bytes is bit 4 */
            v = sf_low(move(sf_word(p, 11 + 8 * two + i), part % 2 * 4, 0));
            w[i] = with_high(v, move(sf_word(p, 3 + i), part, 4), 16);
            break;
        default: /* Q6_K. 64 bytes: parts 0, 1 low nibbles, 2, 3 high; 32 bytes: 2 bits of each */
            v = sf_low(move(sf_word(p, 16 * half + 8 * (size_t)(part % 2) + i), at / 2 * 4, 0));
            w[i] = with_high(v, move(sf_word(p, 32 + 8 * half + i), 2 * at, 4), 48);
        }
    }
}

/* isum[j * nt + i] += 32 weights of group j times those of token i, `share` groups, n tokens
 * (SF_ABREAST at most): q 8 words of activations a token, start + i * step what the dots of the
 * sub-blocks start from. */
SF_INLINE void dot32(enum sf_type t, const int share, const int n, __m512i *isum, const int nt,
                     __m512i w[2][8], const int32_t *q, const int32_t *start, size_t step, int part,
                     const struct subs *subs) {
    const int each = words(t) ? words(t) : 8;
    SF_UNROLL(2)
    for (int v0 = 0; v0 < 8; v0 += each) {
        const int sub = each == 8 ? part : 2 * part + v0 / 4;
        __m512i dot[2][SF_ABREAST];
        SF_UNROLL(4)
        for (int i = 0; i < n; i++) SF_UNROLL(2)
        for (int j = 0; j < share; j++)
            dot[j][i] = words(t) ? _mm512_set1_epi32(start[(size_t)i * step + (size_t)sub])
                                 : isum[j * nt + i];
        SF_UNROLL(8)
        for (int v = v0; v < v0 + each; v++) SF_UNROLL(4)
        for (int i = 0; i < n; i++) {
            const __m512i x = _mm512_set1_epi32(q[8 * i + v]);
            SF_UNROLL(2)
            for (int j = 0; j < share; j++) dot[j][i] = _mm512_dpbusd_epi32(dot[j][i], w[j][v], x);
        }
        SF_UNROLL(2)
        for (int j = 0; j < share; j++) {
            const __m512i scale = subs[j].scale[wide(t) ? part : sub];
            SF_UNROLL(4)
            for (int i = 0; i < n; i++) {
                __m512i *to = isum + j * nt + i;
                if (words(t) == 0)
                    *to = dot[j][i];
                else if (t == SF_T_Q6_K)
                    *to = _mm512_add_epi32(*to, _mm512_mullo_epi32(dot[j][i], scale));
                else
                    *to = _mm512_dpwssd_epi32(*to, dot[j][i], scale);
            }
        }
    }
}

SF_INLINE __m512i dot_pairs(__m512i sum, const __m512i *two, const int32_t *pairs, int n) {
    SF_UNROLL(8)
    for (int i = 0; i < n; i++) sum = _mm512_dpwssd_epi32(sum, two[i], _mm512_set1_epi32(pairs[i]));
    return sum;
}

/* nt tokens, ng groups from `group` on. */
SF_INLINE void tile(enum sf_type t, const int nt, const int ng, const struct sf_strip *s,
                    size_t group) {
    const size_t n_half = sf_x86_types[t].n_half, bytes = SF_PACK_ROWS * sf_x86_types[t].bytes;
    const struct tile_acts *a = s->acts;
    const size_t per = BLOCKS / (size_t)nt;
    const uint8_t *g = s->g + group * s->step;
    const __m512i zero = _mm512_setzero_si512();
    const int share = sf_share(nt, ng);
    __m512 sums[2 * SF_TOKENS], *acc = sums;
    __m512i integers[2 * SF_TOKENS], *isum = integers;
    SF_HIDE(acc);
    if (share > 1) SF_HIDE(isum);
    SF_UNROLL(32)
    for (int i = 0; i < nt * ng; i++)
        acc[i] = sf_begin(s, (size_t)(i % nt), group + (size_t)(i / nt));
    for (size_t b = 0; b < s->blocks; b++, g += bytes) {
        struct subs subs[4];
        SF_UNROLL(4)
        for (int j = 0; j < ng; j++) {
            unpack_subs(t, &subs[j], g + (size_t)j * s->step + 32 * n_half);
            SF_UNROLL(16)
            for (int i = 0; i < nt; i++)
                isum[j * nt + i] =
                    wide(t) ? dot_pairs(zero, subs[j].pair, a->pairs + 8 * ((size_t)i * per + b), 4)
                            : zero;
        }
        SF_UNROLL(1)
        for (int part = 0; part < 8; part++) {
            const int32_t *q = a->q + 8 * (8 * b + (size_t)part) * (size_t)nt;
            if (share > 1) SF_HIDE(isum); /* stored and loaded, not kept in the stack besides */
            SF_UNROLL(4)
            for (int j0 = 0; j0 < ng; j0 += share) {
                __m512i w[2][8];
                SF_UNROLL(2)
                for (int j = 0; j < share; j++) {
                    const uint8_t *p = g + (size_t)(j0 + j) * s->step;
                    sf_ahead(p + (size_t)part * (bytes / 8), bytes / 8);
                    unpack(t, w[j], p + 32 * n_half, part, &subs[j0 + j]);
                }
                SF_UNROLL(4)
                for (int i = 0; i < nt; i += SF_ABREAST)
                    dot32(t, share, sf_abreast(nt - i), isum + j0 * nt + i, nt, w, q + 8 * i,
                          a->start + 16 * ((size_t)i * per + b), 16 * per, part, &subs[j0]);
            }
        }
        SF_UNROLL(4)
        for (int j = 0; j < ng; j++) {
            const uint8_t *p = g + (size_t)j * s->step;
            const __m512 d = sf_halves(p), m = n_half == 2 ? sf_halves(p + 32) : d;
            SF_UNROLL(16)
            for (int i = 0; i < nt; i++) {
                const size_t o = (size_t)i * per + b;
                __m512 sum = acc[j * nt + i];
                sum = _mm512_add_ps(sum, sf_term(d, a->d[o], isum[j * nt + i]));
                if (n_half == 2) {
                    const __m512i msum =
                        dot_pairs(zero, subs[j].min, a->pairs + 8 * o, wide(t) ? 4 : 8);
                    sum = _mm512_sub_ps(sum, sf_term(m, a->d[o], msum));
                }
                acc[j * nt + i] = sum;
            }
        }
    }
    SF_UNROLL(32)
    for (int i = 0; i < nt * ng; i++) sf_end(s, (size_t)(i % nt), group + (size_t)(i / nt), acc[i]);
}

SF_MATMUL_AVX512(Q2_K, q2_kr16_q8, tile, 2, struct tile_acts, AREA, fill)
SF_MATMUL_AVX512(Q3_K, q3_kr16_q8, tile, 2, struct tile_acts, AREA, fill)
SF_MATMUL_AVX512(Q4_K, q4_kr16_q8, tile, 2, struct tile_acts, AREA, fill)
SF_MATMUL_AVX512(Q5_K, q5_kr16_q8, tile, 2, struct tile_acts, AREA, fill)
SF_MATMUL_AVX512(Q6_K, q6_kr16_q8, tile, 2, struct tile_acts, AREA, fill)

void sf_fill_matmul_q256_avx512vnni(struct sf_kernels *k) {
    SF_MATMUL_SET(Q2_K, q2_kr16_q8);
    SF_MATMUL_SET(Q3_K, q3_kr16_q8);
    SF_MATMUL_SET(Q4_K, q4_kr16_q8);
    SF_MATMUL_SET(Q5_K, q5_kr16_q8);
    SF_MATMUL_SET(Q6_K, q6_kr16_q8);
}
