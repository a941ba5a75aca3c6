/* SPDX-License-Identifier: MIT
 * vector_neon.c - norm, rotary embedding, SwiGLU, and the element-wise slots. Products and sums by
 * vmul and vadd, never by the fused or "mla" intrinsics.
 */
#include <math.h>

#include <sleef.h>

#include "arm.h"

static void sf_rmsnorm_f32_neon(float *y, const float *x, const float *w, size_t n, float eps) {
    float32x4_t lane[4];
    size_t i = 0;
    for (int j = 0; j < 4; j++) lane[j] = vdupq_n_f32(0);
    for (; i + 16 <= n; i += 16)
        for (size_t j = 0; j < 4; j++) {
            float32x4_t v = vld1q_f32(x + i + 4 * j);
            lane[j] = vaddq_f32(lane[j], vmulq_f32(v, v));
        }
    for (size_t j = 0; i < n; i += 4, j++) { /* the last, short row of lanes */
        float32x4_t v = n - i >= 4 ? vld1q_f32(x + i) : sf_load_some(x + i, n - i);
        lane[j] = vaddq_f32(lane[j], vmulq_f32(v, v));
    }
    float s = sf_tree16(lane) / (float)n + eps, r = 1.0f / sqrtf(s);
    for (i = 0; i + 4 <= n; i += 4)
        vst1q_f32(y + i, vmulq_f32(vmulq_n_f32(vld1q_f32(x + i), r), vld1q_f32(w + i)));
    for (; i < n; i++) y[i] = (x[i] * r) * w[i];
}

/* a' = a*c - b*s, b' = a*s + b*c */
SF_INLINE void sf_turn(float32x4_t *a, float32x4_t *b, float32x4_t c, float32x4_t s) {
    float32x4_t u = *a, v = *b;
    *a = vsubq_f32(vmulq_f32(u, c), vmulq_f32(v, s));
    *b = vaddq_f32(vmulq_f32(u, s), vmulq_f32(v, c));
}
SF_INLINE void sf_turn1(float *a, float *b, float c, float s) {
    float u = *a, v = *b;
    *a = u * c - v * s;
    *b = u * s + v * c;
}

static void sf_rope_norm_f32_neon(float *x, const float *cs, size_t n_pairs, size_t head_dim,
                                  size_t n_heads) {
    for (size_t h = 0; h < n_heads; h++, x += head_dim) {
        size_t i = 0;
        for (; i + 4 <= n_pairs; i += 4) {
            float32x4x2_t p = vld2q_f32(x + 2 * i);
            sf_turn(&p.val[0], &p.val[1], vld1q_f32(cs + i), vld1q_f32(cs + n_pairs + i));
            vst2q_f32(x + 2 * i, p);
        }
        for (; i < n_pairs; i++) sf_turn1(x + 2 * i, x + 2 * i + 1, cs[i], cs[n_pairs + i]);
    }
}

static void sf_rope_neox_f32_neon(float *x, const float *cs, size_t n_pairs, size_t head_dim,
                                  size_t n_heads) {
    for (size_t h = 0; h < n_heads; h++, x += head_dim) {
        float *y = x + n_pairs;
        size_t i = 0;
        for (; i + 4 <= n_pairs; i += 4) {
            float32x4_t a = vld1q_f32(x + i), b = vld1q_f32(y + i);
            sf_turn(&a, &b, vld1q_f32(cs + i), vld1q_f32(cs + n_pairs + i));
            vst1q_f32(x + i, a);
            vst1q_f32(y + i, b);
        }
        for (; i < n_pairs; i++) sf_turn1(x + i, y + i, cs[i], cs[n_pairs + i]);
    }
}

SF_INLINE float32x4_t sf_silu(float32x4_t g, float32x4_t u) {
    float32x4_t e = Sleef_cinz_expf4_u10advsimdnofma(vnegq_f32(g));
    return vmulq_f32(vdivq_f32(g, vaddq_f32(vdupq_n_f32(1.0f), e)), u);
}

static void sf_silu_mul_f32_neon(float *g, const float *u, size_t n) {
    size_t i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(g + i, sf_silu(vld1q_f32(g + i), vld1q_f32(u + i)));
    if (i < n)
        sf_store_some(g + i, sf_silu(sf_load_some(g + i, n - i), sf_load_some(u + i, n - i)),
                      n - i);
}

SF_INLINE float32x4_t sf_gelu(float32x4_t g, float32x4_t u) {
    float32x4_t t = vmulq_f32(vdupq_n_f32(0.044715f), vmulq_f32(vmulq_f32(g, g), g));
    t = Sleef_cinz_tanhf4_u10advsimdnofma(vmulq_f32(vdupq_n_f32(0.79788456f), vaddq_f32(g, t)));
    t = vmulq_f32(vmulq_f32(vdupq_n_f32(0.5f), g), vaddq_f32(vdupq_n_f32(1.0f), t));
    return vmulq_f32(t, u);
}

static void sf_gelu_mul_f32_neon(float *g, const float *u, size_t n) {
    size_t i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(g + i, sf_gelu(vld1q_f32(g + i), vld1q_f32(u + i)));
    if (i < n)
        sf_store_some(g + i, sf_gelu(sf_load_some(g + i, n - i), sf_load_some(u + i, n - i)),
                      n - i);
}

static void sf_softcap_f32_neon(float *x, float cap, size_t n) {
    const float32x4_t c = vdupq_n_f32(cap);
    for (size_t i = 0; i < n; i += 4) {
        const size_t left = n - i;
        const float32x4_t v = left < 4 ? sf_load_some(x + i, left) : vld1q_f32(x + i);
        const float32x4_t y = vmulq_f32(c, Sleef_cinz_tanhf4_u10advsimdnofma(vdivq_f32(v, c)));
        if (left < 4)
            sf_store_some(x + i, y, left);
        else
            vst1q_f32(x + i, y);
    }
}

static void sf_add_f32_neon(float *y, const float *x, size_t n) {
    size_t i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(y + i, vaddq_f32(vld1q_f32(y + i), vld1q_f32(x + i)));
    for (; i < n; i++) y[i] += x[i];
}

static void sf_div_f32_neon(float *y, float a, size_t n) {
    size_t i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(y + i, vdivq_f32(vld1q_f32(y + i), vdupq_n_f32(a)));
    for (; i < n; i++) y[i] /= a;
}

static void sf_exp_sub_f32_neon(float *y, const float *x, float m, size_t n) {
    const float32x4_t by = vdupq_n_f32(m);
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(y + i, Sleef_cinz_expf4_u10advsimdnofma(vsubq_f32(vld1q_f32(x + i), by)));
    if (i < n)
        sf_store_some(y + i,
                      Sleef_cinz_expf4_u10advsimdnofma(vsubq_f32(sf_load_some(x + i, n - i), by)),
                      n - i);
}

void sf_fill_vector_neon(struct sf_kernels *k) {
    k->rmsnorm = sf_rmsnorm_f32_neon;
    k->rope_norm = sf_rope_norm_f32_neon;
    k->rope_neox = sf_rope_neox_f32_neon;
    k->silu_mul = sf_silu_mul_f32_neon;
    k->gelu_mul = sf_gelu_mul_f32_neon;
    k->softcap = sf_softcap_f32_neon;
    k->add = sf_add_f32_neon;
    k->div = sf_div_f32_neon;
    k->exp_sub = sf_exp_sub_f32_neon;
}
