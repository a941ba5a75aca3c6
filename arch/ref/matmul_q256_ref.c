/* SPDX-License-Identifier: MIT
 * matmul_q256_ref.c - K types: super-blocks of 256 with integer sub-scales, times int8 activations
 * with a scale per 256.
 *
 * Super-blocks in order, one accumulator per output: acc += (dw*da) * (float)isum, and for types
 * with minima then acc -= (dmin*da) * (float)msum. isum and msum are exact in int32. Every type
 * here has (or is read as having) 16 sub-blocks of 16. Block layouts: quant/<type>.c.
 */
#include "ref.h"

/* One super-block of a weight row: weights in order; scale[s], min[s] belong to 16s..16s+15. */
struct block {
    int w[256];
    int scale[16], min[16];
    float d, dmin;
};
typedef void (*unpack_fn)(struct block *b, const uint8_t *p);

/* Weight i of 0..255 lies in half i/128; there 4 runs of 32 share 32 bytes, 2 bits each. */
static int two_bits(const uint8_t *qs, int i) {
    int half = i / 128, run = i % 128 / 32, at = i % 32;
    return qs[32 * half + at] >> 2 * run & 3;
}

static void unpack_q2_k(struct block *b, const uint8_t *p) {
    const uint8_t *scales = p, *qs = p + 16;
    b->d = sf_f16_to_f32(sf_load16(p + 80));
    b->dmin = sf_f16_to_f32(sf_load16(p + 82));
    for (int i = 0; i < 256; i++) b->w[i] = two_bits(qs, i);
    for (int s = 0; s < 16; s++) {
        b->scale[s] = scales[s] & 15;
        b->min[s] = scales[s] >> 4;
    }
}

static void unpack_q3_k(struct block *b, const uint8_t *p) {
    const uint8_t *hmask = p, *qs = p + 32, *scales = p + 96;
    b->d = sf_f16_to_f32(sf_load16(p + 108));
    for (int i = 0; i < 256; i++) { /* bit i/32 of hmask[i%32] clear: 4 less */
        int high = hmask[i % 32] >> i / 32 & 1;
        b->w[i] = two_bits(qs, i) - (high ? 0 : 4);
    }
    for (int s = 0; s < 16; s++) { /* 6 bits: 4 low ones in bytes 0..7, 2 high ones in 8..11 */
        int low = s < 8 ? scales[s] & 15 : scales[s - 8] >> 4;
        int high = scales[8 + s % 4] >> 2 * (s / 4) & 3;
        b->scale[s] = (low | high << 4) - 32;
    }
}

/* Q4_K and Q5_K: 8 scales and 8 minima of 6 bits in 12 bytes, each for 32 weights. */
static void scales_and_mins(struct block *b, const uint8_t *s) {
    for (int j = 0; j < 8; j++) {
        int scale, min;
        if (j < 4) {
            scale = s[j] & 63;
            min = s[j + 4] & 63;
        } else {
            scale = (s[j + 4] & 15) | s[j - 4] >> 6 << 4;
            min = s[j + 4] >> 4 | s[j] >> 6 << 4;
        }
        b->scale[2 * j] = b->scale[2 * j + 1] = scale;
        b->min[2 * j] = b->min[2 * j + 1] = min;
    }
}

/* Each 32 bytes hold 64 weights: the low nibbles first, then the high ones. */
static int nibble(const uint8_t *qs, int i) {
    int byte = qs[i / 64 * 32 + i % 32];
    return i % 64 < 32 ? byte & 15 : byte >> 4;
}

static void unpack_q4_k(struct block *b, const uint8_t *p) {
    b->d = sf_f16_to_f32(sf_load16(p));
    b->dmin = sf_f16_to_f32(sf_load16(p + 2));
    scales_and_mins(b, p + 4);
    for (int i = 0; i < 256; i++) b->w[i] = nibble(p + 16, i);
}

static void unpack_q5_k(struct block *b, const uint8_t *p) {
    const uint8_t *qh = p + 16, *qs = p + 48;
    b->d = sf_f16_to_f32(sf_load16(p));
    b->dmin = sf_f16_to_f32(sf_load16(p + 2));
    scales_and_mins(b, p + 4);
    for (int i = 0; i < 256; i++) b->w[i] = nibble(qs, i) + (qh[i % 32] >> i / 32 & 1) * 16;
}

static void unpack_q6_k(struct block *b, const uint8_t *p) {
    const uint8_t *ql = p, *qh = p + 128, *scales = p + 192;
    b->d = sf_f16_to_f32(sf_load16(p + 208));
    for (int i = 0; i < 256; i++) { /* per 128: 64 bytes of nibbles, 32 bytes of 2 high bits */
        int half = i / 128, run = i % 128 / 32, at = i % 32;
        int byte = ql[64 * half + run % 2 * 32 + at];
        int low = run < 2 ? byte & 15 : byte >> 4;
        int high = qh[32 * half + at] >> 2 * run & 3;
        b->w[i] = (low | high << 4) - 32;
    }
    for (int s = 0; s < 16; s++) b->scale[s] = (int8_t)scales[s];
}

/* y itself accumulates: a block is unpacked once for all tokens, and each output still adds its
 * blocks in order. Largest |isum|: Q6_K, 256 * 32*128*127 = 133 M, under 2^31. */
SF_INLINE void rows(float *y, size_t ldy, const void *w, const struct sf_acts *x, size_t n,
                    size_t r0, size_t r1, size_t k, size_t bytes, bool with_min, unpack_fn unpack) {
    size_t blocks = k / 256;
    for (size_t r = r0; r < r1; r++) {
        const uint8_t *row = (const uint8_t *)w + r * blocks * bytes;
        for (size_t t = 0; t < n; t++) y[t * ldy + r] = 0.0f;
        for (size_t i = 0; i < blocks; i++) {
            struct block b;
            unpack(&b, row + i * bytes);
            for (size_t t = 0; t < n; t++) {
                const int8_t *q = x->q + t * k + i * 256;
                const int16_t *sum = x->sum + (t * k + i * 256) / 16;
                float da = x->d[t * blocks + i], *acc = &y[t * ldy + r];
                int isum = 0, msum = 0;
                for (int s = 0; s < 16; s++) {
                    int dot = 0;
                    for (int j = 0; j < 16; j++) dot += b.w[16 * s + j] * q[16 * s + j];
                    isum += b.scale[s] * dot;
                    if (with_min) msum += b.min[s] * sum[s];
                }
                *acc += (b.d * da) * (float)isum;
                if (with_min) *acc -= (b.dmin * da) * (float)msum;
            }
        }
    }
}

#define SF_MATMUL(type, bytes, with_min)                                                           \
    static void sf_gemm_##type##_q8_ref(float *y, size_t ldy, const void *w,                       \
                                        const struct sf_acts *x, size_t n, size_t r0, size_t r1,   \
                                        size_t k) {                                                \
        rows(y, ldy, w, x, n, r0, r1, k, bytes, with_min, unpack_##type);                          \
    }
SF_MATMUL(q2_k, 84, true)
SF_MATMUL(q3_k, 110, false)
SF_MATMUL(q4_k, 144, true)
SF_MATMUL(q5_k, 176, true)
SF_MATMUL(q6_k, 210, false)

void sf_fill_matmul_q256_ref(struct sf_kernels *k) {
    k->mm[SF_T_Q2_K] = (struct sf_matmul){1, sf_gemm_q2_k_q8_ref, sf_gemm_q2_k_q8_ref};
    k->mm[SF_T_Q3_K] = (struct sf_matmul){1, sf_gemm_q3_k_q8_ref, sf_gemm_q3_k_q8_ref};
    k->mm[SF_T_Q4_K] = (struct sf_matmul){1, sf_gemm_q4_k_q8_ref, sf_gemm_q4_k_q8_ref};
    k->mm[SF_T_Q5_K] = (struct sf_matmul){1, sf_gemm_q5_k_q8_ref, sf_gemm_q5_k_q8_ref};
    k->mm[SF_T_Q6_K] = (struct sf_matmul){1, sf_gemm_q6_k_q8_ref, sf_gemm_q6_k_q8_ref};
}
