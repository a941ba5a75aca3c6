/* SPDX-License-Identifier: MIT
 * ck_mutants.c - wrong kernels that the tool must catch. Each makes one mistake a real kernel could
 * make; the checks of its slot are run on it, and passing is the failure.
 */
#include <math.h>
#include <signal.h>
#include <stdlib.h>

#include "checkkern.h"

static struct sf_kernels ref; /* what mutants fall back on; set once by ck_selftest */

/* ------------------------------------------------------------------ products */

#define ARGS                                                                                       \
    float *y, size_t ldy, const void *w, const struct sf_acts *x, size_t n, size_t r0, size_t r1,  \
        size_t k

static void *copy_of(const void *p, size_t bytes) {
    void *q = malloc(bytes ? bytes : 1);
    if (!q) abort();
    return memcpy(q, p, bytes);
}

/* The last block of every row counts nothing. */
static void last_block_dropped(ARGS) {
    struct sf_acts z = *x;
    float *d = copy_of(x->d, n * (k / 32) * sizeof *d);
    for (size_t t = 0; t < n; t++) d[(t + 1) * (k / 32) - 1] = 0;
    z.d = d;
    ref.mm[SF_T_Q8_0].gemm(y, ldy, w, &z, n, r0, r1, k);
    free(d);
}

static void nibbles_swapped(ARGS) {
    size_t blocks = r1 * (k / 32);
    uint8_t *v = copy_of(w, blocks * 18);
    for (size_t b = 0; b < blocks; b++)
        for (size_t i = 2; i < 18; i++)
            v[b * 18 + i] = (uint8_t)(v[b * 18 + i] << 4 | v[b * 18 + i] >> 4);
    ref.mm[SF_T_Q4_0].gemm(y, ldy, v, x, n, r0, r1, k);
    free(v);
}

static void one_row_too_many(ARGS) {
    ref.mm[SF_T_Q4_0].gemm(y, ldy, w, x, n, r0, r1, k);
    y[(n - 1) * ldy + r1] = 0;
}

static void off_by_one_row(ARGS) {
    ref.mm[SF_T_Q4_0].gemm(y, ldy, w, x, n, r0, r1, k);
    for (size_t t = 0; t < n; t++)
        for (size_t r = r1 - 1; r > r0; r--) y[t * ldy + r] = y[t * ldy + r - 1];
}

/* Q8_0 by hand, with a choice of how two int8 are multiplied and how a block is added. */
typedef int (*times_fn)(int w, int q);
static void by_hand(ARGS, times_fn times, bool fused) {
    for (size_t r = r0; r < r1; r++)
        for (size_t t = 0; t < n; t++) {
            float acc = 0;
            for (size_t b = 0; b < k / 32; b++) {
                const uint8_t *p = (const uint8_t *)w + (r * (k / 32) + b) * 34;
                float d = sf_f16_to_f32((uint16_t)(p[0] | p[1] << 8)) * x->d[t * (k / 32) + b];
                int isum = 0;
                for (size_t i = 0; i < 32; i += 2) {
                    const int8_t *q = x->q + t * k + b * 32 + i;
                    isum += times((int8_t)p[2 + i], q[0]) + times((int8_t)p[3 + i], q[1]);
                }
                acc = fused ? fmaf(d, (float)isum, acc) : acc + d * (float)isum;
            }
            y[t * ldy + r] = acc;
        }
}
static int plain(int w, int q) {
    return w * q;
}
/* abs of the activation, its sign on the weight: -(-128) wraps in int8. */
static int sign_on_weight(int w, int q) {
    int moved = q < 0 ? (int8_t)-w : q == 0 ? 0 : w;
    return abs(q) * moved;
}
static int weight_clamped(int w, int q) {
    return (w < -127 ? -127 : w) * q;
}
static void sign_trick_reversed(ARGS) {
    by_hand(y, ldy, w, x, n, r0, r1, k, sign_on_weight, false);
}
static void minus_128_lost(ARGS) {
    by_hand(y, ldy, w, x, n, r0, r1, k, weight_clamped, false);
}
static void product_fused(ARGS) {
    by_hand(y, ldy, w, x, n, r0, r1, k, plain, true);
}

/* Two products added in int16 with saturation, weights moved to 0..255: beyond the range rule. */
static void int16_saturates(ARGS) {
    for (size_t r = r0; r < r1; r++)
        for (size_t t = 0; t < n; t++) {
            float acc = 0;
            for (size_t b = 0; b < k / 32; b++) {
                const uint8_t *p = (const uint8_t *)w + (r * (k / 32) + b) * 34;
                float d = sf_f16_to_f32((uint16_t)(p[0] | p[1] << 8)) * x->d[t * (k / 32) + b];
                int isum = 0, qsum = 0;
                for (size_t i = 0; i < 32; i += 2) {
                    const int8_t *q = x->q + t * k + b * 32 + i;
                    int s = ((int8_t)p[2 + i] + 128) * q[0] + ((int8_t)p[3 + i] + 128) * q[1];
                    isum += s > 32767 ? 32767 : s < -32768 ? -32768 : s;
                    qsum += q[0] + q[1];
                }
                acc += d * (float)(isum - 128 * qsum);
            }
            y[t * ldy + r] = acc;
        }
}

/* Reads a block past the end of the weights. */
static void reads_too_far(ARGS) {
    size_t rows = r1 * (k / 32) * 18;
    volatile uint8_t sink = 0;
    for (size_t i = 0; i < 64; i++) sink = (uint8_t)(sink + ((const uint8_t *)w)[rows + i]);
    ref.mm[SF_T_Q4_0].gemm(y, ldy, w, x, n, r0, r1, k);
}

static void stray_instruction(ARGS) {
    ref.mm[SF_T_Q4_0].gemm(y, ldy, w, x, n, r0, r1, k);
    raise(SIGILL);
}

/* Minimum before the product, and K-quants with scales folded into floats per sub-block. */
static void minimum_first(ARGS) {
    for (size_t r = r0; r < r1; r++)
        for (size_t t = 0; t < n; t++) {
            float acc = 0;
            for (size_t b = 0; b < k / 32; b++) {
                const uint8_t *p = (const uint8_t *)w + (r * (k / 32) + b) * 20;
                const int8_t *q = x->q + t * k + b * 32;
                float da = x->d[t * (k / 32) + b], d = sf_f16_to_f32((uint16_t)(p[0] | p[1] << 8));
                float m = sf_f16_to_f32((uint16_t)(p[2] | p[3] << 8));
                int isum = 0, qsum = 0;
                for (size_t i = 0; i < 16; i++) {
                    isum += (p[4 + i] & 15) * q[i] + (p[4 + i] >> 4) * q[i + 16];
                    qsum += q[i] + q[i + 16];
                }
                acc += (m * da) * (float)qsum;
                acc += (d * da) * (float)isum;
            }
            y[t * ldy + r] = acc;
        }
}

static void batch_differs(ARGS) { /* right for one token, another order of sums for more */
    const float *f = x->f;
    for (size_t r = r0; r < r1; r++)
        for (size_t t = 0; t < n; t++) {
            float a = 0, b = 0;
            for (size_t i = 0; i < k; i++) {
                uint32_t u;
                float v;
                memcpy(&u, (const uint8_t *)w + 4 * (r * k + i), 4);
                memcpy(&v, &u, 4);
                *(n > 1 && i % 2 ? &b : &a) += v * f[t * k + i];
            }
            y[t * ldy + r] = a + b;
        }
}

static void gemv_scaled(ARGS) { /* only gemv is wrong */
    ref.mm[SF_T_Q6_K].gemv(y, ldy, w, x, n, r0, r1, k);
    y[r0] *= 1.0000001f;
}

static void table_off(ARGS) { /* one entry of the IQ4_NL table, as a sign mistake would make it */
    size_t blocks = r1 * (k / 32);
    uint8_t *v = copy_of(w, blocks * 18);
    for (size_t b = 0; b < blocks; b++)
        for (size_t i = 2; i < 18; i++)
            if ((v[b * 18 + i] & 15) == 0) v[b * 18 + i] |= 1;
    ref.mm[SF_T_IQ4_NL].gemm(y, ldy, v, x, n, r0, r1, k);
    free(v);
}

static void scale_unsigned(ARGS) { /* Q6_K sub-scales are signed bytes */
    size_t blocks = r1 * (k / 256);
    uint8_t *v = copy_of(w, blocks * 210);
    for (size_t b = 0; b < blocks; b++)
        for (size_t i = 192; i < 208; i++) v[b * 210 + i] &= 0x7F;
    ref.mm[SF_T_Q6_K].gemm(y, ldy, v, x, n, r0, r1, k);
    free(v);
}

/* ------------------------------------------------------------------ the other slots */

static void quant_half_away(int8_t *q, float *d, int16_t *sum, const float *x, size_t k) {
    ref.quant[SF_ACT_Q8_32](q, d, sum, x, k);
    for (size_t i = 0; i < k; i += 32) {
        float amax = 0;
        for (size_t j = 0; j < 32; j++) amax = fmaxf(amax, fabsf(x[i + j]));
        if (!(amax > 0 && 127 / amax < INFINITY)) continue;
        sum[i / 16] = sum[i / 16 + 1] = 0;
        for (size_t j = 0; j < 32; j++) {
            q[i + j] = (int8_t)lroundf(x[i + j] * (127 / amax));
            sum[(i + j) / 16] = (int16_t)(sum[(i + j) / 16] + q[i + j]);
        }
    }
}
static void quant_by_division(int8_t *q, float *d, int16_t *sum, const float *x, size_t k) {
    ref.quant[SF_ACT_Q8_256](q, d, sum, x, k);
    for (size_t i = 0; i < k; i++)
        if (d[i / 256] > 1e-30f && d[i / 256] < 1e30f) q[i] = (int8_t)lrintf(x[i] / d[i / 256]);
}
static void quant_sum_late(int8_t *q, float *d, int16_t *sum, const float *x, size_t k) {
    ref.quant[SF_ACT_Q8_32](q, d, sum, x, k);
    sum[k / 16 - 1] = 0;
}
static void norm_in_order(float *y, const float *x, const float *w, size_t n, float eps) {
    float s = 0;
    for (size_t i = 0; i < n; i++) s += x[i] * x[i];
    float r = 1.0f / sqrtf(s / (float)n + eps);
    for (size_t i = 0; i < n; i++) y[i] = (x[i] * r) * w[i];
}
static void norm_weight_first(float *y, const float *x, const float *w, size_t n, float eps) {
    float one[4096] = {0}, z[4096];
    for (size_t i = 0; i < n; i++) one[i] = 1;
    ref.rmsnorm(z, x, one, n, eps);
    float lane = 0;
    for (size_t i = 0; i < n && lane == 0; i++) lane = x[i] != 0 ? z[i] / x[i] : 0;
    for (size_t i = 0; i < n; i++) y[i] = x[i] * (lane * w[i]);
}
static void rope_backwards(float *x, const float *cs, size_t pairs, size_t head, size_t heads) {
    float c[512];
    for (size_t i = 0; i < 2 * pairs; i++) c[i] = i < pairs ? cs[i] : -cs[i];
    ref.rope_norm(x, c, pairs, head, heads);
}
static void rope_pairs_only(float *x, const float *cs, size_t pairs, size_t head, size_t heads) {
    ref.rope_norm(x, cs, pairs, head, heads); /* neighbours instead of halves */
}
static void score_in_order(float *s, size_t lds, const float *q, size_t ldq, size_t nq,
                           const void *page, size_t head, float scale) {
    const float *kf = page;
    for (size_t h = 0; h < nq; h++)
        for (size_t p = 0; p < SF_KV_PAGE; p++) {
            float a = 0;
            for (size_t d = 0; d < head; d++) a += q[h * ldq + d] * kf[d * SF_KV_PAGE + p];
            s[h * lds + p] = a * scale;
        }
}
static void score_one_head(float *s, size_t lds, const float *q, size_t ldq, size_t nq,
                           const void *page, size_t head, float scale) {
    ref.attn_score[SF_KV_F16](s, lds, q, ldq, nq > 1 ? nq - 1 : 1, page, head, scale);
}
static float softmax_no_rescale(float *s, size_t n, float *m, float *l) {
    float before = *l, corr = ref.attn_softmax(s, n, m, l);
    if (before > 0 && corr > 0) *l = *l - before * corr + before;
    return corr;
}
static float softmax_libm(float *s, size_t n, float *m, float *l) {
    float x[SF_TILE], corr;
    memcpy(x, s, n * sizeof *x);
    corr = ref.attn_softmax(s, n, m, l);
    for (size_t i = 0; i < n; i++) s[i] = expf(x[i] - *m);
    return corr;
}
static void mix_skips_last(float *acc, size_t lda, const float *corr, const float *p, size_t ldp,
                           size_t nq, const void *page, size_t n, size_t head) {
    ref.attn_mix[SF_KV_F32](acc, lda, corr, p, ldp, nq, page, n ? n - 1 : 0, head);
}
static void mix_ignores_corr(float *acc, size_t lda, const float *corr, const float *p, size_t ldp,
                             size_t nq, const void *page, size_t n, size_t head) {
    SF_UNUSED(corr);
    ref.attn_mix[SF_KV_F16](acc, lda, NULL, p, ldp, nq, page, n, head);
}
static void put_overflows(void *page, size_t pos, const float *k, size_t head) {
    ref.kv_put_k[SF_KV_F16](page, pos, k, head);
    for (size_t d = 0; d < head; d++)
        if (fabsf(k[d]) >= 65520) ((uint16_t *)page)[d * SF_KV_PAGE + pos] = 0x7C00;
}
static void put_truncates(void *page, size_t pos, const float *v, size_t head) {
    ref.kv_put_v[SF_KV_F16](page, pos, v, head);
    for (size_t d = 0; d < head; d++) {
        uint16_t *h = (uint16_t *)page + pos * head + d;
        if (fabsf(sf_f16_to_f32(*h)) > fabsf(v[d])) *h = (uint16_t)(*h - 1);
    }
}
static void put_next_column(void *page, size_t pos, const float *k, size_t head) {
    ref.kv_put_k[SF_KV_F32](page, (pos + 1) % SF_KV_PAGE, k, head);
}
static void score_first_scales(float *s, size_t lds, const float *q, size_t ldq, size_t nq,
                               const void *page, size_t head, float scale) {
    uint8_t copy[SF_KV_PAGE * 512]; /* every group with the scales of the first */
    size_t bytes = sf_kv_page_bytes(SF_KV_Q8_0, head), row = SF_KV_PAGE * sizeof(uint16_t);
    memcpy(copy, page, bytes);
    for (size_t at = SF_KV_PAGE * head; at + row <= bytes; at += row)
        memcpy(copy + at, copy + SF_KV_PAGE * head, row);
    ref.attn_score[SF_KV_Q8_0](s, lds, q, ldq, nq, copy, head, scale);
}
static void mix_unsigned(float *acc, size_t lda, const float *corr, const float *p, size_t ldp,
                         size_t nq, const void *page, size_t n, size_t head) {
    uint8_t copy[SF_KV_PAGE * 512];
    memcpy(copy, page, sf_kv_page_bytes(SF_KV_Q8_0, head));
    for (size_t i = 0; i < SF_KV_PAGE * head; i++) copy[i] &= 0x7F;
    ref.attn_mix[SF_KV_Q8_0](acc, lda, corr, p, ldp, nq, copy, n, head);
}
static void put_toward_zero(void *page, size_t pos, const float *k, size_t head) {
    ref.kv_put_k[SF_KV_Q8_0](page, pos, k, head);
    const int8_t *q = page;
    const uint16_t *scale = (const uint16_t *)(const void *)(q + SF_KV_PAGE * head);
    for (size_t d = 0; d < head; d++) {
        float s = sf_f16_to_f32(scale[d / SF_KV_GROUP * SF_KV_PAGE + pos]);
        if (s > 0)
            ((int8_t *)page)[d * SF_KV_PAGE + pos] =
                (int8_t)fmaxf(-127, fminf(127, k[d] * (1.0f / s)));
    }
}
static void put_scale_down(void *page, size_t pos, const float *v, size_t head) {
    ref.kv_put_v[SF_KV_Q8_0](page, pos, v, head);
    uint16_t *scale = (uint16_t *)(void *)((int8_t *)page + SF_KV_PAGE * head);
    if (scale[pos * sf_kv_groups(head)] & 1) scale[pos * sf_kv_groups(head)]--;
}
static void silu_by_reciprocal(float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float e = -g[i], one = 0;
        ref.exp_sub(&e, &e, one, 1);
        g[i] = (g[i] * (1.0f / (1.0f + e))) * u[i];
    }
}
static void gelu_exact(float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i++) g[i] = 0.5f * g[i] * (1.0f + erff(g[i] * 0.70710678f)) * u[i];
}
static void softcap_libm(float *x, float cap, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = cap * tanhf(x[i] / cap);
}
static void add_one_more(float *y, const float *x, size_t n) {
    ref.add(y, x, n);
    y[n] = 0;
}
static void div_by_reciprocal(float *y, float a, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] *= 1.0f / a;
}
static void exp_flushes(float *y, const float *x, float m, size_t n) {
    ref.exp_sub(y, x, m, n);
    for (size_t i = 0; i < n; i++)
        if (fpclassify(y[i]) == FP_SUBNORMAL) y[i] = 0;
}

/* ------------------------------------------------------------------ running them */

#define MM(type, fn) k.mm[SF_T_##type].gemv = k.mm[SF_T_##type].gemm = (fn)
#define MUTANTS                                                                                    \
    M("gemm", "q8_0", last_block_dropped, MM(Q8_0, last_block_dropped))                            \
    M("gemm", "q4_0", nibbles_swapped, MM(Q4_0, nibbles_swapped))                                  \
    M("gemm", "q4_0", one_row_too_many, MM(Q4_0, one_row_too_many))                                \
    M("gemm", "q4_0", off_by_one_row, MM(Q4_0, off_by_one_row))                                    \
    M("gemm", "q8_0", sign_trick_reversed, MM(Q8_0, sign_trick_reversed))                          \
    M("gemm", "q8_0", minus_128_lost, MM(Q8_0, minus_128_lost))                                    \
    M("gemm", "q8_0", product_fused, MM(Q8_0, product_fused))                                      \
    M("gemm", "q8_0", int16_saturates, MM(Q8_0, int16_saturates))                                  \
    M("gemm", "q4_0", reads_too_far, MM(Q4_0, reads_too_far))                                      \
    M("gemm", "q4_0", stray_instruction, MM(Q4_0, stray_instruction))                              \
    M("gemm", "q4_1", minimum_first, MM(Q4_1, minimum_first))                                      \
    M("gemm", "f32", batch_differs, MM(F32, batch_differs))                                        \
    M("gemm", "q6_k", gemv_scaled, k.mm[SF_T_Q6_K].gemv = gemv_scaled)                             \
    M("gemm", "iq4_nl", table_off, MM(IQ4_NL, table_off))                                          \
    M("gemm", "q6_k", scale_unsigned, MM(Q6_K, scale_unsigned))                                    \
    M("quant", "q8_32", quant_half_away, k.quant[SF_ACT_Q8_32] = quant_half_away)                  \
    M("quant", "q8_256", quant_by_division, k.quant[SF_ACT_Q8_256] = quant_by_division)            \
    M("quant", "q8_32", quant_sum_late, k.quant[SF_ACT_Q8_32] = quant_sum_late)                    \
    M("rmsnorm", "f32", norm_in_order, k.rmsnorm = norm_in_order)                                  \
    M("rmsnorm", "f32", norm_weight_first, k.rmsnorm = norm_weight_first)                          \
    M("rope_norm", "f32", rope_backwards, k.rope_norm = rope_backwards)                            \
    M("rope_neox", "f32", rope_pairs_only, k.rope_neox = rope_pairs_only)                          \
    M("attn_score", "f32", score_in_order, k.attn_score[SF_KV_F32] = score_in_order)               \
    M("attn_score", "f16", score_one_head, k.attn_score[SF_KV_F16] = score_one_head)               \
    M("attn_softmax", "f32", softmax_no_rescale, k.attn_softmax = softmax_no_rescale)              \
    M("attn_softmax", "f32", softmax_libm, k.attn_softmax = softmax_libm)                          \
    M("attn_mix", "f32", mix_skips_last, k.attn_mix[SF_KV_F32] = mix_skips_last)                   \
    M("attn_mix", "f16", mix_ignores_corr, k.attn_mix[SF_KV_F16] = mix_ignores_corr)               \
    M("kv_put_k", "f16", put_overflows, k.kv_put_k[SF_KV_F16] = put_overflows)                     \
    M("kv_put_v", "f16", put_truncates, k.kv_put_v[SF_KV_F16] = put_truncates)                     \
    M("attn_score", "q8_0", score_first_scales, k.attn_score[SF_KV_Q8_0] = score_first_scales)     \
    M("attn_mix", "q8_0", mix_unsigned, k.attn_mix[SF_KV_Q8_0] = mix_unsigned)                     \
    M("kv_put_k", "q8_0", put_toward_zero, k.kv_put_k[SF_KV_Q8_0] = put_toward_zero)               \
    M("kv_put_v", "q8_0", put_scale_down, k.kv_put_v[SF_KV_Q8_0] = put_scale_down)                 \
    M("kv_put_k", "f32", put_next_column, k.kv_put_k[SF_KV_F32] = put_next_column)                 \
    M("silu_mul", "f32", silu_by_reciprocal, k.silu_mul = silu_by_reciprocal)                      \
    M("gelu_mul", "f32", gelu_exact, k.gelu_mul = gelu_exact)                                      \
    M("softcap", "f32", softcap_libm, k.softcap = softcap_libm)                                    \
    M("add", "f32", add_one_more, k.add = add_one_more)                                            \
    M("div", "f32", div_by_reciprocal, k.div = div_by_reciprocal)                                  \
    M("exp_sub", "f32", exp_flushes, k.exp_sub = exp_flushes)

/* Runs the checks of slot (op, what) on k; returns the number of failures found. */
static size_t hunt(const struct sf_kernels *k, const char *op, const char *what, const char *name,
                   uint64_t seed, bool verbose) {
    struct ck_slot slots[CK_MAX_SLOTS];
    int n = ck_slots(slots);
    for (int i = 0; i < n; i++) {
        if (strcmp(slots[i].op, op) != 0 || strcmp(slots[i].what, what) != 0) continue;
        struct ck c = {.ref = &ref, .got = k, .suffix = "mutant", .seed = seed, .rng = seed};
        c.quick = true;
        c.quiet = !verbose;
        snprintf(c.name, sizeof c.name, "%s", name);
        slots[i].check(&c, slots[i].arg);
        if (c.fails == 0) ck_judge_spread(&c);
        return c.fails;
    }
    return 0;
}

int ck_selftest(uint64_t seed, bool verbose) {
    int survived = 0, total = 0;
    sf_kernels_ref(&ref);
    ref.isa = "generic";
#define M(op, what, name, set)                                                                     \
    {                                                                                              \
        struct sf_kernels k = ref;                                                                 \
        set;                                                                                       \
        size_t fails = hunt(&k, op, what, #name, seed, verbose);                                   \
        total++;                                                                                   \
        survived += fails == 0;                                                                    \
        printf("%s %s_%s %s (%zu failures)\n", fails ? "caught  " : "SURVIVED", op, what, #name,   \
               fails);                                                                             \
    }
    MUTANTS
#undef M
    /* And the other way round: the reference itself passes every check, spread included. */
    struct ck_slot slots[CK_MAX_SLOTS];
    int n = ck_slots(slots);
    for (int i = 0; i < n; i++) {
        size_t fails = hunt(&ref, slots[i].op, slots[i].what, slots[i].what, seed, true);
        if (fails == 0) continue;
        printf("the reference fails its own check: %s_%s\n", slots[i].op, slots[i].what);
        survived++;
    }
    printf("%d mutants, seed %llu: %d wrong\n", total, (unsigned long long)seed, survived);
    return survived ? 1 : 0;
}
