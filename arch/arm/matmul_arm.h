/* SPDX-License-Identifier: MIT
 * matmul_arm.h - the tiles of the packed matmuls: 16 rows times a few tokens, weights unpacked once
 * for all of them. Included by matmul_neon.c and matmul_dotprod.c after they define
 *
 *     int32x4_t sf_dot(enum sf_type t, const int8x16_t w[], const int8_t *q, int words, int start)
 *
 * start + the dot products of `words` (4 or 8) registers of a quad with 4 * words activations.
 * A lane owns a row and takes the blocks in order; float operations as written in kernels.h.
 */
#ifndef SF_MATMUL_ARM_H
#define SF_MATMUL_ARM_H

#include "unpack_arm.h"

/* Halves of 4 rows, widened exactly. */
SF_INLINE float32x4_t sf_halves(const uint8_t *p) {
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
}

SF_INLINE void sf_store_rows(float *y, size_t rows, const float32x4_t acc[SF_QUADS]) {
    if (rows >= SF_PACK_ROWS) {
        for (int q = 0; q < SF_QUADS; q++) vst1q_f32(y + 4 * q, acc[q]);
    } else { /* the tensor's last rows: the packed group is whole, the result is not */
        float all[SF_PACK_ROWS];
        for (int q = 0; q < SF_QUADS; q++) vst1q_f32(all + 4 * q, acc[q]);
        memcpy(y, all, rows * sizeof *y);
    }
}

/* acc += (dw * da) * (float)isum: three roundings and the conversion, never fused. */
SF_INLINE float32x4_t sf_scale_add(float32x4_t acc, float32x4_t dw, float da, int32x4_t isum) {
    return vaddq_f32(acc, vmulq_f32(vmulq_n_f32(dw, da), vcvtq_f32_s32(isum)));
}

/* Tokens t0 .. t0 + nt - 1 of x, one group g of `rows` rows; y: its first output. */
SF_INLINE void sf_tile_32(enum sf_type t, const int nt, float *y, size_t ldy, size_t rows,
                          const uint8_t *g, const struct sf_acts *x, size_t t0, size_t k) {
    const size_t n_half = sf_arm_types[t].n_half, bytes = sf_arm_types[t].bytes;
    const size_t blocks = k / 32;
    float32x4_t acc[4][SF_QUADS];
#pragma GCC unroll 4
    for (int i = 0; i < nt; i++)
        for (int q = 0; q < SF_QUADS; q++) acc[i][q] = vdupq_n_f32(0);
    for (size_t b = 0; b < blocks; b++, g += SF_PACK_ROWS * bytes) {
        float da[4];
        int sum[4];
#pragma GCC unroll 4
        for (int i = 0; i < nt; i++) {
            size_t at = (t0 + (size_t)i) * blocks + b;
            da[i] = x->d[at];
            sum[i] = x->sum[2 * at] + x->sum[2 * at + 1];
        }
#pragma GCC unroll 4
        for (int q = 0; q < SF_QUADS; q++) {
            int8x16_t w[8];
            sf_unpack(t, w, g + 32 * n_half + 16 * q, 0);
            float32x4_t d = sf_halves(g + 8 * q);
            float32x4_t m = n_half == 2 ? sf_halves(g + 32 + 8 * q) : d;
#pragma GCC unroll 4
            for (int i = 0; i < nt; i++) {
                const int8_t *a = x->q + (t0 + (size_t)i) * k + 32 * b;
                int32x4_t isum = sf_dot(t, w, a, 8, -sf_arm_offset(t) * sum[i]);
                acc[i][q] = sf_scale_add(acc[i][q], d, da[i], isum);
                if (n_half == 2)
                    acc[i][q] = sf_scale_add(acc[i][q], m, da[i], vdupq_n_s32(sum[i]));
            }
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < nt; i++) sf_store_rows(y + (size_t)i * ldy, rows, acc[i]);
}

/* The same for 256-blocks: integer sub-scales and minima inside the block, one conversion each. */
SF_INLINE void sf_tile_256(enum sf_type t, const int nt, float *y, size_t ldy, size_t rows,
                           const uint8_t *g, const struct sf_acts *x, size_t t0, size_t k) {
    const size_t n_half = sf_arm_types[t].n_half, bytes = sf_arm_types[t].bytes;
    const size_t blocks = k / 256;
    const bool wide = t == SF_T_Q4_K || t == SF_T_Q5_K; /* sub-blocks of 32, else of 16 */
    float32x4_t acc[4][SF_QUADS];
    for (int i = 0; i < nt; i++)
        for (int q = 0; q < SF_QUADS; q++) acc[i][q] = vdupq_n_f32(0);
    for (size_t b = 0; b < blocks; b++, g += SF_PACK_ROWS * bytes) {
        for (size_t q = 0; q < SF_QUADS; q++) {
            const uint8_t *p = g + 32 * n_half + 16 * q;
            int32x4_t isum[4], msum[4];
            struct sf_subs subs;
            sf_unpack_subs(t, &subs, p);
#pragma GCC unroll 4
            for (int i = 0; i < nt; i++) isum[i] = msum[i] = vdupq_n_s32(0);
            for (size_t c = 0; c < 8; c++) {
                int8x16_t w[8];
                sf_unpack(t, w, p, c);
                int32x4_t s0 = sf_sub(subs.s, wide ? c : 2 * c);
                int32x4_t s1 = wide ? s0 : sf_sub(subs.s, 2 * c + 1);
                int32x4_t m0 = sf_sub(subs.m, wide ? c : 2 * c);
                int32x4_t m1 = wide ? m0 : sf_sub(subs.m, 2 * c + 1);
#pragma GCC unroll 4
                for (int i = 0; i < nt; i++) {
                    size_t at = (t0 + (size_t)i) * k + 256 * b + 32 * c;
                    const int8_t *a = x->q + at;
                    int l = x->sum[at / 16], h = x->sum[at / 16 + 1];
                    if (wide) {
                        isum[i] = vmlaq_s32(isum[i], s0, sf_dot(t, w, a, 8, 0));
                        msum[i] = vmlaq_n_s32(msum[i], m0, l + h);
                    } else {
                        int o = -sf_arm_offset(t);
                        isum[i] = vmlaq_s32(isum[i], s0, sf_dot(t, w, a, 4, o * l));
                        isum[i] = vmlaq_s32(isum[i], s1, sf_dot(t, w + 4, a + 16, 4, o * h));
                        if (n_half == 2) {
                            msum[i] = vmlaq_n_s32(msum[i], m0, l);
                            msum[i] = vmlaq_n_s32(msum[i], m1, h);
                        }
                    }
                }
            }
            float32x4_t d = sf_halves(g + 8 * q);
#pragma GCC unroll 4
            for (int i = 0; i < nt; i++) {
                float da = x->d[(t0 + (size_t)i) * blocks + b];
                acc[i][q] = sf_scale_add(acc[i][q], d, da, isum[i]);
                if (n_half == 2) {
                    float32x4_t m = vmulq_n_f32(sf_halves(g + 32 + 8 * q), da);
                    acc[i][q] = vsubq_f32(acc[i][q], vmulq_f32(m, vcvtq_f32_s32(msum[i])));
                }
            }
        }
    }
    for (int i = 0; i < nt; i++) sf_store_rows(y + (size_t)i * ldy, rows, acc[i]);
}

/* Plain numbers: element by element, product and sum rounded apart. */
SF_INLINE void sf_tile_plain(enum sf_type t, const int nt, float *y, size_t ldy, size_t rows,
                             const uint8_t *g, const struct sf_acts *x, size_t t0, size_t k) {
    const size_t bytes = sf_arm_types[t].bytes;
    float32x4_t acc[4][SF_QUADS];
#pragma GCC unroll 4
    for (int i = 0; i < nt; i++)
        for (int q = 0; q < SF_QUADS; q++) acc[i][q] = vdupq_n_f32(0);
    for (size_t e = 0; e < k; e++, g += SF_PACK_ROWS * bytes) {
#pragma GCC unroll 4
        for (size_t q = 0; q < SF_QUADS; q++) {
            const uint8_t *p = g + 4 * bytes * q;
            float32x4_t w;
            if (t == SF_T_F32)
                w = vreinterpretq_f32_u8(vld1q_u8(p));
            else if (t == SF_T_F16)
                w = sf_halves(p);
            else
                w = vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16));
#pragma GCC unroll 4
            for (int i = 0; i < nt; i++)
                acc[i][q] = vaddq_f32(acc[i][q], vmulq_n_f32(w, x->f[(t0 + (size_t)i) * k + e]));
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < nt; i++) sf_store_rows(y + (size_t)i * ldy, rows, acc[i]);
}

SF_INLINE void sf_tile(enum sf_type t, const int nt, float *y, size_t ldy, size_t rows,
                       const uint8_t *g, const struct sf_acts *x, size_t t0, size_t k) {
    if (sf_arm_types[t].block == 1)
        sf_tile_plain(t, nt, y, ldy, rows, g, x, t0, k);
    else if (sf_arm_types[t].block == 32)
        sf_tile_32(t, nt, y, ldy, rows, g, x, t0, k);
    else
        sf_tile_256(t, nt, y, ldy, rows, g, x, t0, k);
}

/* Rows [r0, r1), n tokens: four at a time while there are, then two, then one. */
SF_INLINE void sf_mul_rows(enum sf_type t, bool one, float *y, size_t ldy, const void *w,
                           const struct sf_acts *x, size_t n, size_t r0, size_t r1, size_t k) {
    const size_t bytes = k / sf_arm_types[t].block * SF_PACK_ROWS * sf_arm_types[t].bytes;
    for (size_t r = r0; r < r1; r += SF_PACK_ROWS) {
        const uint8_t *g = (const uint8_t *)w + r / SF_PACK_ROWS * bytes;
        size_t i = 0;
        for (; !one && n - i >= 4; i += 4)
            sf_tile(t, 4, y + i * ldy + r, ldy, r1 - r, g, x, i, k);
        if (!one && n - i >= 2) {
            sf_tile(t, 2, y + i * ldy + r, ldy, r1 - r, g, x, i, k);
            i += 2;
        }
        if (i < n) sf_tile(t, 1, y + i * ldy + r, ldy, r1 - r, g, x, i, k);
    }
}

/* gemv and gemm of one type at one level; grammar of the names: arch/README.md. */
#define SF_MATMUL_ARM(id, name)                                                                    \
    static void sf_gemv_##name(float *y, size_t ldy, const void *w, const struct sf_acts *x,       \
                               size_t n, size_t r0, size_t r1, size_t k) {                         \
        SF_UNUSED(n);                                                                              \
        sf_mul_rows(SF_T_##id, true, y, ldy, w, x, 1, r0, r1, k);                                  \
    }                                                                                              \
    static void sf_gemm_##name(float *y, size_t ldy, const void *w, const struct sf_acts *x,       \
                               size_t n, size_t r0, size_t r1, size_t k) {                         \
        sf_mul_rows(SF_T_##id, false, y, ldy, w, x, n, r0, r1, k);                                 \
    }
#define SF_MATMUL_SET(id, name)                                                                    \
    k->mm[SF_T_##id] = (struct sf_matmul) {                                                        \
        .rows = SF_PACK_ROWS, .gemv = sf_gemv_##name, .gemm = sf_gemm_##name                       \
    }

#endif
