/* SPDX-License-Identifier: MIT
 * matmul_avx512vnni.h - the packed matmuls of AVX-512: how work is cut, shared by all types.
 *
 *     words of a group:  | word 0: row 0, row 1, .. row 15 | word 1: row 0, .. |   one register each
 *
 * A register holds one word (4 weights) of 16 rows, a lane owns a row and takes the blocks in order
 * (kernels.h has the arithmetic). vpdpbusd multiplies its unsigned bytes with 4 activations that the
 * instruction itself broadcasts from memory. Up to 16 tokens keep their sums in registers, so that
 * each weight is read and unpacked once for all of them.
 *
 *     for each block of rows that fits the second-level cache     (up to 16 tokens: all rows)
 *         for each chunk of columns                                (sums wait in y between chunks)
 *             for each tile of up to 16 tokens
 *                 copy its activations side by side, next to what the dots start from
 *                 for each group of 16 rows: tile
 */
#ifndef SF_MATMUL_AVX512VNNI_H
#define SF_MATMUL_AVX512VNNI_H

#include "avx512.h"

enum {
    SF_TOKENS = 16,       /* tokens in a tile, at most                                     */
    SF_ABREAST = 4,       /* tokens whose dots advance word by word, side by side          */
    SF_CHUNK = 2048 * 16, /* tokens of a tile x columns: their activations fit L1 nearly   */
    SF_L2_BYTES = 640000, /* weights that may stay in the second-level cache, per thread   */
    SF_AHEAD = 2048,      /* bytes to prefetch ahead                                       */
};

/* A tile of tokens times all groups of some rows, one chunk of columns. */
struct sf_strip {
    float *y; /* token 0, first row */
    size_t ldy;
    const uint8_t *g; /* first group, first block of the chunk */
    size_t step;      /* bytes from group to group             */
    size_t rows;      /* not a multiple of 16: the last are cut short */
    size_t blocks;    /* in the chunk                          */
    size_t n;         /* tokens; the tile may hold more, with zeros */
    bool first;       /* first chunk: sums start at +0, else they are in y */
    const void *acts; /* of the tile                            */
};
typedef void (*sf_strip_fn)(const struct sf_strip *s);
/* Fills a family's activations for tokens t0 .. t0+n, padded to nt, columns c .. c+cols. */
typedef void (*sf_tile_acts_fn)(void *acts, enum sf_type t, const struct sf_acts *x, size_t t0,
                                size_t n, size_t nt, size_t c, size_t cols);

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

/* Tiles exist for some numbers of tokens; others take the next with zeros in the rest. */
enum { SF_SIZES = 8 };
SF_INLINE int sf_tile_size(size_t n, size_t *padded) {
    static const uint8_t sizes[SF_SIZES] = {1, 2, 3, 4, 6, 8, 12, 16};
    int i = 0;
    while (i < SF_SIZES - 1 && sizes[i] < n) i++;
    *padded = sizes[i];
    return i;
}

SF_INLINE void sf_drive(const sf_strip_fn strips[SF_SIZES], sf_tile_acts_fn fill, void *acts,
                        size_t area, enum sf_type t, float *y, size_t ldy, const void *w,
                        const struct sf_acts *x, size_t n, size_t r0, size_t r1, size_t k) {
    const size_t block = sf_x86_types[t].block, bytes = SF_PACK_ROWS * sf_x86_types[t].bytes;
    size_t nt, rows = r1 - r0;
    sf_tile_size(n, &nt);
    const size_t chunk = sf_min(k, area / nt / block * block);
    if (n > SF_TOKENS)
        rows = SF_PACK_ROWS * sf_max((size_t)1, SF_L2_BYTES / (chunk / block * bytes));
    for (size_t r = r0; r < r1; r += rows)
        for (size_t c = 0; c < k; c += chunk)
            for (size_t t0 = 0; t0 < n; t0 += SF_TOKENS) {
                const size_t cols = sf_min(chunk, k - c), here = sf_min(n - t0, (size_t)SF_TOKENS);
                const sf_strip_fn strip = strips[sf_tile_size(here, &nt)];
                fill(acts, t, x, t0, here, nt, c, cols);
                const uint8_t *g = (const uint8_t *)w + (r / SF_PACK_ROWS * k + c) / block * bytes;
                strip(&(struct sf_strip){y + t0 * ldy + r, ldy, g, k / block * bytes,
                                         sf_min(rows, r1 - r), cols / block, here, c == 0, acts});
            }
}

/* Sums of one token and one group at the start and at the end of a chunk. */
SF_INLINE __m512 sf_begin(const struct sf_strip *s, size_t token, size_t group) {
    if (s->first || token >= s->n) return _mm512_setzero_ps();
    const __mmask16 rows = sf_first(s->rows - group * SF_PACK_ROWS);
    return _mm512_maskz_loadu_ps(rows, s->y + token * s->ldy + group * SF_PACK_ROWS);
}
SF_INLINE void sf_end(const struct sf_strip *s, size_t token, size_t group, __m512 sum) {
    if (token >= s->n) return;
    const __mmask16 rows = sf_first(s->rows - group * SF_PACK_ROWS);
    _mm512_mask_storeu_ps(s->y + token * s->ldy + group * SF_PACK_ROWS, rows, sum);
}

/* (d * da) * (float)s: two roundings besides the conversion's, never fused. */
SF_INLINE __m512 sf_term(__m512 d, float da, __m512i s) {
    return _mm512_mul_ps(_mm512_mul_ps(d, _mm512_set1_ps(da)), _mm512_cvtepi32_ps(s));
}
SF_INLINE __m512i sf_word(const uint8_t *p, size_t i) {
    return _mm512_loadu_si512((const void *)(p + 64 * i));
}
SF_INLINE __m512i sf_low(__m512i v) {
    return _mm512_and_si512(v, _mm512_set1_epi8(15));
}
SF_INLINE __m512i sf_high(__m512i v) {
    return sf_low(_mm512_srli_epi16(v, 4));
}
/* One block of a group, some way ahead. Past the last group this touches nothing: a prefetch of an
 * address that is not mapped does nothing. */
SF_INLINE void sf_ahead(const uint8_t *p, size_t bytes) {
    SF_UNROLL(32)
    for (size_t i = 0; i < bytes; i += 64)
        _mm_prefetch((const char *)((uintptr_t)p + SF_AHEAD + i), _MM_HINT_T0);
}

SF_INLINE int sf_abreast(int n) {
    return n < SF_ABREAST ? n : SF_ABREAST;
}
/* Groups that share the loads of activations: broadcasts are what limits tiles of many tokens. */
SF_INLINE int sf_share(int nt, int ng) {
    return nt >= 8 && ng > 1 ? 2 : 1;
}
/* Sums of a tile lie in memory, where the compiler cannot see through to them: of 32 registers 16
 * are for weights and 8 for dots, and left alone it puts the dots into memory. */
#define SF_HIDE(pointer) __asm__("" : "+r"(pointer) : : "memory")

/* All groups of a strip, ng at a time (as many streams of memory), the rest one by one. */
#define SF_STRIP(tile, t, nt, ng, s)                                                               \
    do {                                                                                           \
        const size_t groups_ = ((s)->rows + SF_PACK_ROWS - 1) / SF_PACK_ROWS;                      \
        size_t i_ = 0;                                                                             \
        if ((ng) > 1)                                                                              \
            for (; i_ + (ng) <= groups_; i_ += (ng)) tile(t, nt, ng, s, i_);                       \
        for (; i_ < groups_; i_++) tile(t, nt, 1, s, i_);                                          \
    } while (0)
#define SF_STRIP_FN(id, name, tile, nt, ng)                                                        \
    static __attribute__((noinline)) void name##_##nt(const struct sf_strip *s) {                  \
        SF_STRIP(tile, SF_T_##id, nt, ng, s);                                                      \
    }
/* gemv and gemm of one type; grammar of the names: arch/README.md. Acts: type of a tile's
 * activations; area: its tokens x columns; wide: groups at once where tokens are many. */
#define SF_MATMUL_AVX512(id, name, tile, wide, Acts, area, fill)                                   \
    SF_STRIP_FN(id, name, tile, 1, 4)                                                              \
    SF_STRIP_FN(id, name, tile, 2, 2)                                                              \
    SF_STRIP_FN(id, name, tile, 3, 2)                                                              \
    SF_STRIP_FN(id, name, tile, 4, 2)                                                              \
    SF_STRIP_FN(id, name, tile, 6, 1)                                                              \
    SF_STRIP_FN(id, name, tile, 8, wide)                                                           \
    SF_STRIP_FN(id, name, tile, 12, wide)                                                          \
    SF_STRIP_FN(id, name, tile, 16, wide)                                                          \
    static void sf_gemm_##name##_avx512vnni(float *y, size_t ldy, const void *w,                   \
                                            const struct sf_acts *x, size_t n, size_t r0,          \
                                            size_t r1, size_t k) {                                 \
        static const sf_strip_fn strips[SF_SIZES] = {name##_1, name##_2, name##_3,  name##_4,      \
                                                     name##_6, name##_8, name##_12, name##_16};    \
        Acts acts;                                                                                 \
        sf_drive(strips, fill, &acts, area, SF_T_##id, y, ldy, w, x, n, r0, r1, k);                \
    }                                                                                              \
    static void sf_gemv_##name##_avx512vnni(float *y, size_t ldy, const void *w,                   \
                                            const struct sf_acts *x, size_t n, size_t r0,          \
                                            size_t r1, size_t k) {                                 \
        SF_UNUSED(n);                                                                              \
        sf_gemm_##name##_avx512vnni(y, ldy, w, x, 1, r0, r1, k);                                   \
    }
#define SF_MATMUL_SET(id, name)                                                                    \
    k->mm[SF_T_##id] = (struct sf_matmul) {                                                        \
        .rows = SF_PACK_ROWS, .gemv = sf_gemv_##name##_avx512vnni,                                 \
        .gemm = sf_gemm_##name##_avx512vnni                                                        \
    }

#endif
