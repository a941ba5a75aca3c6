/* SPDX-License-Identifier: MIT
 * vector_ref.c - norm, rotary embedding, SwiGLU, and the element-wise slots.
 */
#include <math.h>

#include <sleef.h>

#include "ref.h"

static void sf_rmsnorm_f32_ref(float *y, const float *x, const float *w, size_t n, float eps) {
    float lane[16] = {0};
    for (size_t i = 0; i < n; i++) lane[i % 16] += x[i] * x[i];
    float s = sf_tree16(lane) / (float)n + eps, r = 1.0f / sqrtf(s);
    for (size_t i = 0; i < n; i++) y[i] = (x[i] * r) * w[i];
}

/* Turns the pair (a, b) by the angle with cosine c and sine s. */
static inline void turn(float *a, float *b, float c, float s) {
    float u = *a, v = *b;
    *a = u * c - v * s;
    *b = u * s + v * c;
}

static void sf_rope_norm_f32_ref(float *x, const float *cs, size_t n_pairs, size_t head_dim,
                                 size_t n_heads) {
    for (size_t h = 0; h < n_heads; h++)
        for (size_t i = 0; i < n_pairs; i++) {
            float *a = x + h * head_dim + 2 * i;
            turn(a, a + 1, cs[i], cs[n_pairs + i]);
        }
}

static void sf_rope_neox_f32_ref(float *x, const float *cs, size_t n_pairs, size_t head_dim,
                                 size_t n_heads) {
    for (size_t h = 0; h < n_heads; h++)
        for (size_t i = 0; i < n_pairs; i++) {
            float *a = x + h * head_dim + i;
            turn(a, a + n_pairs, cs[i], cs[n_pairs + i]);
        }
}

static void sf_silu_mul_f32_ref(float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i++) g[i] = (g[i] / (1.0f + Sleef_cinz_expf1_u10purec(-g[i]))) * u[i];
}

static void sf_gelu_mul_f32_ref(float *g, const float *u, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float x = g[i], t = 0.79788456f * (x + 0.044715f * (x * x * x));
        g[i] = (0.5f * x * (1.0f + Sleef_cinz_tanhf1_u10purec(t))) * u[i];
    }
}

static void sf_softcap_f32_ref(float *x, float cap, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = cap * Sleef_cinz_tanhf1_u10purec(x[i] / cap);
}

static void sf_add_f32_ref(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

static void sf_div_f32_ref(float *y, float a, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] /= a;
}

static void sf_exp_sub_f32_ref(float *y, const float *x, float m, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = Sleef_cinz_expf1_u10purec(x[i] - m);
}

void sf_fill_vector_ref(struct sf_kernels *k) {
    k->rmsnorm = sf_rmsnorm_f32_ref;
    k->rope_norm = sf_rope_norm_f32_ref;
    k->rope_neox = sf_rope_neox_f32_ref;
    k->silu_mul = sf_silu_mul_f32_ref;
    k->gelu_mul = sf_gelu_mul_f32_ref;
    k->softcap = sf_softcap_f32_ref;
    k->add = sf_add_f32_ref;
    k->div = sf_div_f32_ref;
    k->exp_sub = sf_exp_sub_f32_ref;
}
