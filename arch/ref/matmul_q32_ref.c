/* SPDX-License-Identifier: MIT
 * matmul_q32_ref.c - weight types with blocks of 32, times int8 activations with a scale per 32.
 *
 * Blocks in order, one accumulator per output: acc += (dw*da) * (float)isum, and for types with a
 * minimum then acc += (m*da) * (float)qsum. Block layouts: quant/<type>.c.
 */
#include "ref.h"

/* One block of a weight row: w[0..31] in order, scale d, minimum m (0 for types without). */
struct block {
    int w[32];
    float d, m;
};
typedef void (*unpack_fn)(struct block *b, const uint8_t *p);

static void unpack_q8_0(struct block *b, const uint8_t *p) {
    b->d = sf_f16_to_f32(sf_load16(p));
    for (int i = 0; i < 32; i++) b->w[i] = (int8_t)p[2 + i];
}

/* Low nibbles are weights 0..15, high nibbles 16..31. */
static void nibbles(int *w, const uint8_t *p) {
    for (int i = 0; i < 16; i++) {
        w[i] = p[i] & 15;
        w[i + 16] = p[i] >> 4;
    }
}

static void unpack_q4_0(struct block *b, const uint8_t *p) {
    b->d = sf_f16_to_f32(sf_load16(p));
    nibbles(b->w, p + 2);
    for (int i = 0; i < 32; i++) b->w[i] -= 8;
}

static void unpack_q4_1(struct block *b, const uint8_t *p) {
    b->d = sf_f16_to_f32(sf_load16(p));
    b->m = sf_f16_to_f32(sf_load16(p + 2));
    nibbles(b->w, p + 4);
}

/* Bit i of the 32-bit field is the fifth bit of weight i. */
static void fifth_bits(int *w, const uint8_t *p) {
    uint32_t bits = sf_load32(p);
    for (int i = 0; i < 32; i++) w[i] += (int)(bits >> i & 1) * 16;
}

static void unpack_q5_0(struct block *b, const uint8_t *p) {
    b->d = sf_f16_to_f32(sf_load16(p));
    nibbles(b->w, p + 6);
    fifth_bits(b->w, p + 2);
    for (int i = 0; i < 32; i++) b->w[i] -= 16;
}

static void unpack_q5_1(struct block *b, const uint8_t *p) {
    b->d = sf_f16_to_f32(sf_load16(p));
    b->m = sf_f16_to_f32(sf_load16(p + 2));
    nibbles(b->w, p + 8);
    fifth_bits(b->w, p + 4);
}

static void unpack_iq4_nl(struct block *b, const uint8_t *p) {
    b->d = sf_f16_to_f32(sf_load16(p));
    nibbles(b->w, p + 2);
    for (int i = 0; i < 32; i++) b->w[i] = sf_iq4_nl_values[b->w[i]];
}

/* y itself accumulates: a block is unpacked once for all tokens, and each output still adds its
 * blocks in order. |isum| <= 32*128*127 fits int32. */
SF_INLINE void rows(float *y, size_t ldy, const void *w, const struct sf_acts *x, size_t n,
                    size_t r0, size_t r1, size_t k, size_t bytes, bool with_min, unpack_fn unpack) {
    size_t blocks = k / 32;
    for (size_t r = r0; r < r1; r++) {
        const uint8_t *row = (const uint8_t *)w + r * blocks * bytes;
        for (size_t t = 0; t < n; t++) y[t * ldy + r] = 0.0f;
        for (size_t i = 0; i < blocks; i++) {
            struct block b = {.m = 0.0f};
            unpack(&b, row + i * bytes);
            for (size_t t = 0; t < n; t++) {
                const int8_t *q = x->q + t * k + i * 32;
                const int16_t *sum = x->sum + (t * k + i * 32) / 16;
                float da = x->d[t * blocks + i], *acc = &y[t * ldy + r];
                int isum = 0;
                for (int j = 0; j < 32; j++) isum += b.w[j] * q[j];
                *acc += (b.d * da) * (float)isum;
                if (with_min) *acc += (b.m * da) * (float)(sum[0] + sum[1]);
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
SF_MATMUL(q8_0, 34, false)
SF_MATMUL(q4_0, 18, false)
SF_MATMUL(q4_1, 20, true)
SF_MATMUL(q5_0, 22, false)
SF_MATMUL(q5_1, 24, true)
SF_MATMUL(iq4_nl, 18, false)

void sf_fill_matmul_q32_ref(struct sf_kernels *k) {
    k->mm[SF_T_Q8_0] = (struct sf_matmul){1, sf_gemm_q8_0_q8_ref, sf_gemm_q8_0_q8_ref};
    k->mm[SF_T_Q4_0] = (struct sf_matmul){1, sf_gemm_q4_0_q8_ref, sf_gemm_q4_0_q8_ref};
    k->mm[SF_T_Q4_1] = (struct sf_matmul){1, sf_gemm_q4_1_q8_ref, sf_gemm_q4_1_q8_ref};
    k->mm[SF_T_Q5_0] = (struct sf_matmul){1, sf_gemm_q5_0_q8_ref, sf_gemm_q5_0_q8_ref};
    k->mm[SF_T_Q5_1] = (struct sf_matmul){1, sf_gemm_q5_1_q8_ref, sf_gemm_q5_1_q8_ref};
    k->mm[SF_T_IQ4_NL] = (struct sf_matmul){1, sf_gemm_iq4_nl_q8_ref, sf_gemm_iq4_nl_q8_ref};
}
