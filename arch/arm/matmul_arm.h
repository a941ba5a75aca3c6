/* SPDX-License-Identifier: MIT
 * matmul_arm.h - the tiles of the packed matmuls: 16 rows times a few tokens, weights unpacked once
 * for all of them. Included by matmul_neon.c and matmul_dotprod.c after they define
 *
 *     int32x4_t sf_dot(enum sf_type t, const int8x16_t w[], const int8_t *q, int words, int start)
 *
 * start + the dot products of `words` (4 or 8) registers of a quad with 4 * words activations, and
 * SF_SIXTEENFOLD: 1 where such a register may hold any bytes from -128 to 127.
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

/* acc += (dw * da) * sum: three roundings, never fused. */
SF_INLINE float32x4_t sf_scale_add(float32x4_t acc, float32x4_t dw, float da, float32x4_t sum) {
    return vaddq_f32(acc, vmulq_f32(vmulq_n_f32(dw, da), sum));
}

/* Two quads at p and p + 16. Loads of the same word side by side become one instruction. */
SF_INLINE void sf_unpack_two(enum sf_type t, int8x16_t w0[8], int8x16_t w1[8], const uint8_t *p) {
    if (t == SF_T_Q4_0 || t == SF_T_Q4_1 || t == SF_T_Q8_0) {
        const size_t n = t == SF_T_Q8_0 ? 8 : 4;
#pragma GCC unroll 8
        for (size_t j = 0; j < n; j++) {
            uint8x16_t u = sf_word(p, j), v = sf_word(p + 16, j);
            w0[j] = vreinterpretq_s8_u8(n == 8 ? u : sf_nibble(u, false));
            w1[j] = vreinterpretq_s8_u8(n == 8 ? v : sf_nibble(v, false));
            if (n == 4) {
                w0[j + 4] = vreinterpretq_s8_u8(sf_nibble(u, true));
                w1[j + 4] = vreinterpretq_s8_u8(sf_nibble(v, true));
            }
        }
    } else {
        sf_unpack(t, w0, p, 0);
        sf_unpack(t, w1, p + 16, 0);
    }
}

/* One token, one group g of `rows` rows; y: its first output. The offset of unpacked bytes is taken
 * back through the sums of the activations, which the four quads of rows share. */
SF_INLINE void sf_row_32(enum sf_type t, float *y, size_t rows, const uint8_t *g,
                         const struct sf_acts *x, size_t t0, size_t k) {
    const size_t n_half = sf_arm_types[t].n_half, bytes = sf_arm_types[t].bytes;
    const size_t blocks = k / 32;
    float32x4_t acc[SF_QUADS];
    for (int q = 0; q < SF_QUADS; q++) acc[q] = vdupq_n_f32(0);
    for (size_t b = 0; b < blocks; b++, g += SF_PACK_ROWS * bytes) {
        const int8_t *a = x->q + t0 * k + 32 * b;
        const int16_t *sums = x->sum + (t0 * k + 32 * b) / 16;
        const float da = x->d[t0 * blocks + b];
        const int sum = sums[0] + sums[1];
#pragma GCC unroll 2
        for (int q = 0; q < SF_QUADS; q += 2) { /* two quads: their words lie side by side */
            int8x16_t w0[8], w1[8];
            /* Loads of the next pair stay behind this one, or there are not registers enough. */
            __asm__ volatile("" ::: "memory");
            sf_unpack_two(t, w0, w1, g + 32 * n_half + 16 * q);
            const int start = -sf_arm_offset(t) * sum;
            float16x8_t d = vreinterpretq_f16_u8(vld1q_u8(g + 8 * q));
            float32x4_t i0 = vcvtq_f32_s32(sf_dot(t, w0, a, 8, start));
            float32x4_t i1 = vcvtq_f32_s32(sf_dot(t, w1, a, 8, start));
            acc[q] = sf_scale_add(acc[q], vcvt_f32_f16(vget_low_f16(d)), da, i0);
            acc[q + 1] = sf_scale_add(acc[q + 1], vcvt_high_f32_f16(d), da, i1);
            if (n_half == 2) {
                float16x8_t m = vreinterpretq_f16_u8(vld1q_u8(g + 32 + 8 * q));
                float32x4_t s = vdupq_n_f32((float)sum);
                acc[q] = sf_scale_add(acc[q], vcvt_f32_f16(vget_low_f16(m)), da, s);
                acc[q + 1] = sf_scale_add(acc[q + 1], vcvt_high_f32_f16(m), da, s);
            }
        }
    }
    sf_store_rows(y, rows, acc);
}

/* Block b of a quad to signed bytes, for several tokens: here a subtraction from each weight is
 * shared, and cheaper than sums. Q4_0 with SDOT: the bytes are 16 x weight, which one instruction
 * less makes and the conversion takes back, exactly (16 * 8 * 127 * 32 < 2^24). */
SF_INLINE void sf_unpack_signed(enum sf_type t, int8x16_t w[8], const uint8_t *p) {
    if (t == SF_T_Q4_0 && SF_SIXTEENFOLD) {
        for (size_t j = 0; j < 4; j++) {
            uint8x16_t v = veorq_u8(sf_word(p, j), vdupq_n_u8(0x88));
            w[j] = vreinterpretq_s8_u8(vshlq_n_u8(v, 4));
            w[j + 4] = vreinterpretq_s8_u8(sf_and(v, 0xf0));
        }
        return;
    }
    sf_unpack(t, w, p, 0);
    if (sf_arm_offset(t))
        for (int j = 0; j < 8; j++) w[j] = vsubq_s8(w[j], vdupq_n_s8((int8_t)sf_arm_offset(t)));
}

/* Tokens t0 .. t0 + nt - 1 (nt <= 8) of x, one group. A quad of rows at a time, so that the sums of
 * all tokens stay in registers; a panel of blocks at a time, so that both operands stay in L1. */
enum { SF_PANEL = 8, SF_MOST_TOKENS = 8 };
SF_INLINE void sf_tile_32(enum sf_type t, const int nt, float *y, size_t ldy, size_t rows,
                          const uint8_t *g, const struct sf_acts *x, size_t t0, size_t k) {
    const size_t n_half = sf_arm_types[t].n_half, bytes = SF_PACK_ROWS * sf_arm_types[t].bytes;
    const size_t blocks = k / 32;
    float32x4_t all[SF_MOST_TOKENS][SF_QUADS];
    for (int i = 0; i < nt; i++)
        for (int q = 0; q < SF_QUADS; q++) all[i][q] = vdupq_n_f32(0);
    for (size_t b0 = 0; b0 < blocks; b0 += SF_PANEL) {
        const size_t b1 = b0 + SF_PANEL < blocks ? b0 + SF_PANEL : blocks;
        float scale[SF_PANEL][SF_MOST_TOKENS], sum[SF_PANEL][SF_MOST_TOKENS]; /* side by side */
        for (size_t b = b0; b < b1; b++)
#pragma GCC unroll 8
            for (int i = 0; i < nt; i++) {
                size_t at = (t0 + (size_t)i) * blocks + b;
                scale[b - b0][i] = x->d[at];
                if (n_half == 2) sum[b - b0][i] = (float)(x->sum[2 * at] + x->sum[2 * at + 1]);
            }
        for (int q = 0; q < SF_QUADS; q++) {
            float32x4_t acc[SF_MOST_TOKENS];
            const int8_t *a[SF_MOST_TOKENS];
#pragma GCC unroll 8
            for (int i = 0; i < nt; i++) {
                acc[i] = all[i][q];
                a[i] = x->q + (t0 + (size_t)i) * k + 32 * b0;
            }
            for (size_t b = b0; b < b1; b++) {
                const uint8_t *p = g + b * bytes;
                int8x16_t w[8];
                sf_unpack_signed(t, w, p + 32 * n_half + 16 * q);
                float32x4_t d = sf_halves(p + 8 * q);
                float32x4_t m = n_half == 2 ? sf_halves(p + 32 + 8 * q) : d;
#pragma GCC unroll 8
                for (int i = 0; i < nt; i++) {
                    const float da = scale[b - b0][i];
                    int32x4_t isum = sf_dot(t, w, a[i], 8, 0);
                    a[i] += 32;
                    float32x4_t f = t == SF_T_Q4_0 && SF_SIXTEENFOLD ? vcvtq_n_f32_s32(isum, 4)
                                                                     : vcvtq_f32_s32(isum);
                    acc[i] = sf_scale_add(acc[i], d, da, f);
                    if (n_half == 2)
                        acc[i] = sf_scale_add(acc[i], m, da, vdupq_n_f32(sum[b - b0][i]));
                }
            }
#pragma GCC unroll 8
            for (int i = 0; i < nt; i++) all[i][q] = acc[i];
        }
    }
    for (int i = 0; i < nt; i++) sf_store_rows(y + (size_t)i * ldy, rows, all[i]);
}

/* Sum over the sub-blocks of (byte of m) * (sum of the activations), per row of the quad. Bytes are
 * unsigned (minima) or signed (scales); a row's four lie in one 32-bit lane, so four products
 * of a row make one register, and three pairwise additions end them all. */
SF_INLINE int32x4_t sf_dot_subs(const uint32x4_t m[4], bool is_signed, bool wide,
                                const int16_t *sums) {
    int16x8_t u[2] = {vld1q_s16(sums), vld1q_s16(sums + 8)};
    if (wide) u[0] = vpaddq_s16(u[0], u[1]); /* at most 2 * 16 * 127 */
    int32x4_t row[4];
    for (int q = 0; q < 4; q++) row[q] = vdupq_n_s32(0);
    const int n = wide ? 2 : 4;
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) {
        int16x4_t four = j % 2 ? vget_high_s16(u[j / 2]) : vget_low_s16(u[j / 2]);
        int16x8_t s = vcombine_s16(four, four);
        uint8x16_t v = vreinterpretq_u8_u32(m[j]);
        int16x8_t low = is_signed ? vmovl_s8(vreinterpret_s8_u8(vget_low_u8(v)))
                                  : vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(v)));
        int16x8_t high = is_signed ? vmovl_high_s8(vreinterpretq_s8_u8(v))
                                   : vreinterpretq_s16_u16(vmovl_high_u8(v));
        row[0] = vmlal_s16(row[0], vget_low_s16(low), four);
        row[1] = vmlal_high_s16(row[1], low, s);
        row[2] = vmlal_s16(row[2], vget_low_s16(high), four);
        row[3] = vmlal_high_s16(row[3], high, s);
    }
    return vpaddq_s32(vpaddq_s32(row[0], row[1]), vpaddq_s32(row[2], row[3]));
}

/* nt (<= 4) tokens of 256-blocks: integer sub-scales and minima inside the block, one conversion
 * each. Weights are bytes with an offset: (sum of s_i) * offset * sums is taken back in one go. */
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
            for (int i = 0; i < nt; i++) {
                const int16_t *sums = x->sum + ((t0 + (size_t)i) * k + 256 * b) / 16;
                isum[i] = vdupq_n_s32(0);
                if (n_half == 2)
                    msum[i] = sf_dot_subs(subs.m, false, wide, sums);
                else
                    isum[i] = vmulq_n_s32(sf_dot_subs(subs.s, true, wide, sums),
                                          -sf_arm_offset(t));
            }
#pragma GCC unroll 8
            for (size_t c = 0; c < 8; c++) {
                int8x16_t w[8];
                sf_unpack(t, w, p, c);
                int32x4_t s0 = sf_sub(subs.s, wide ? c : 2 * c);
                int32x4_t s1 = wide ? s0 : sf_sub(subs.s, 2 * c + 1);
#pragma GCC unroll 4
                for (int i = 0; i < nt; i++) {
                    const int8_t *a = x->q + (t0 + (size_t)i) * k + 256 * b + 32 * c;
                    if (wide) {
                        isum[i] = vmlaq_s32(isum[i], s0, sf_dot(t, w, a, 8, 0));
                    } else {
                        isum[i] = vmlaq_s32(isum[i], s0, sf_dot(t, w, a, 4, 0));
                        isum[i] = vmlaq_s32(isum[i], s1, sf_dot(t, w + 4, a + 16, 4, 0));
                    }
                }
            }
            float32x4_t d = sf_halves(g + 8 * q);
#pragma GCC unroll 4
            for (int i = 0; i < nt; i++) {
                float da = x->d[(t0 + (size_t)i) * blocks + b];
                acc[i][q] = sf_scale_add(acc[i][q], d, da, vcvtq_f32_s32(isum[i]));
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
    else if (sf_arm_types[t].block == 32 && nt == 1)
        sf_row_32(t, y, rows, g, x, t0, k);
    else if (sf_arm_types[t].block == 32)
        sf_tile_32(t, nt, y, ldy, rows, g, x, t0, k);
    else
        sf_tile_256(t, nt, y, ldy, rows, g, x, t0, k);
}

/* Rows [r0, r1), n tokens: eight at a time (blocks of 32) and four while there are, two, one. */
SF_INLINE void sf_mul_rows(enum sf_type t, bool one, float *y, size_t ldy, const void *w,
                           const struct sf_acts *x, size_t n, size_t r0, size_t r1, size_t k) {
    const size_t bytes = k / sf_arm_types[t].block * SF_PACK_ROWS * sf_arm_types[t].bytes;
    for (size_t r = r0; r < r1; r += SF_PACK_ROWS) {
        const uint8_t *g = (const uint8_t *)w + r / SF_PACK_ROWS * bytes;
        size_t i = 0;
        if (sf_arm_types[t].block == 32)
            for (; !one && n - i >= 8; i += 8)
                sf_tile(t, 8, y + i * ldy + r, ldy, r1 - r, g, x, i, k);
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
