/* SPDX-License-Identifier: MIT
 * vector_avx2.c - norm, rotary embedding, SwiGLU, and the element-wise slots.
 */
#include <math.h>

#include <sleef.h>

#include "avx2.h"

static void sf_rmsnorm_f32_avx2(float *y, const float *x, const float *w, size_t n, float eps) {
    __m256 lo = _mm256_setzero_ps(), hi = lo;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(x + i + 8);
        lo = _mm256_add_ps(lo, _mm256_mul_ps(a, a));
        hi = _mm256_add_ps(hi, _mm256_mul_ps(b, b));
    }
    if (i < n) { /* the tail, padded with +0 */
        __m256 a = sf_load_some(x + i, n - i);
        lo = _mm256_add_ps(lo, _mm256_mul_ps(a, a));
        if (i + 8 < n) {
            a = sf_load_some(x + i + 8, n - i - 8);
            hi = _mm256_add_ps(hi, _mm256_mul_ps(a, a));
        }
    }
    const float s = sf_tree16(lo, hi) / (float)n + eps, r = 1.0f / sqrtf(s);
    const __m256 rr = _mm256_set1_ps(r);
    for (i = 0; i + 8 <= n; i += 8)
        _mm256_storeu_ps(y + i, _mm256_mul_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i), rr),
                                              _mm256_loadu_ps(w + i)));
    for (; i < n; i++) y[i] = (x[i] * r) * w[i];
}

static void sf_rope_norm_f32_avx2(float *x, const float *cs, size_t n_pairs, size_t head_dim,
                                  size_t n_heads) {
    const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    for (size_t h = 0; h < n_heads; h++, x += head_dim) {
        size_t i = 0;
        for (; i + 4 <= n_pairs; i += 4) { /* a0 b0 a1 b1 ..: even lanes a c - b s, odd b c + a s */
            __m256 c =
                _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(cs + i)), twice);
            __m256 s = _mm256_permutevar8x32_ps(
                _mm256_castps128_ps256(_mm_loadu_ps(cs + n_pairs + i)), twice);
            __m256 v = _mm256_loadu_ps(x + 2 * i), swapped = _mm256_permute_ps(v, 0xB1);
            v = _mm256_addsub_ps(_mm256_mul_ps(v, c), _mm256_mul_ps(swapped, s));
            _mm256_storeu_ps(x + 2 * i, v);
        }
        for (; i < n_pairs; i++) {
            const float a = x[2 * i], b = x[2 * i + 1], c = cs[i], s = cs[n_pairs + i];
            x[2 * i] = a * c - b * s;
            x[2 * i + 1] = a * s + b * c;
        }
    }
}

static void sf_rope_neox_f32_avx2(float *x, const float *cs, size_t n_pairs, size_t head_dim,
                                  size_t n_heads) {
    for (size_t h = 0; h < n_heads; h++, x += head_dim) {
        size_t i = 0;
        for (; i + 8 <= n_pairs; i += 8) {
            const __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(x + n_pairs + i);
            const __m256 c = _mm256_loadu_ps(cs + i), s = _mm256_loadu_ps(cs + n_pairs + i);
            _mm256_storeu_ps(x + i, _mm256_sub_ps(_mm256_mul_ps(a, c), _mm256_mul_ps(b, s)));
            _mm256_storeu_ps(x + n_pairs + i,
                             _mm256_add_ps(_mm256_mul_ps(a, s), _mm256_mul_ps(b, c)));
        }
        for (; i < n_pairs; i++) {
            const float a = x[i], b = x[n_pairs + i], c = cs[i], s = cs[n_pairs + i];
            x[i] = a * c - b * s;
            x[n_pairs + i] = a * s + b * c;
        }
    }
}

static void sf_silu_mul_f32_avx2(float *g, const float *u, size_t n) {
    const __m256 one = _mm256_set1_ps(1.0f), sign = _mm256_set1_ps(-0.0f);
    for (size_t i = 0; i < n; i += 8) {
        __m256 v = sf_load_some(g + i, n - i);
        __m256 e = _mm256_add_ps(one, Sleef_cinz_expf8_u10avx(_mm256_xor_ps(v, sign)));
        v = _mm256_mul_ps(_mm256_div_ps(v, e), sf_load_some(u + i, n - i));
        sf_store_some(g + i, v, n - i);
    }
}

static void sf_gelu_mul_f32_avx2(float *g, const float *u, size_t n) {
    const __m256 one = _mm256_set1_ps(1.0f), half = _mm256_set1_ps(0.5f);
    const __m256 root = _mm256_set1_ps(0.79788456f), cube = _mm256_set1_ps(0.044715f);
    for (size_t i = 0; i < n; i += 8) {
        const __m256 v = sf_load_some(g + i, n - i);
        __m256 t = _mm256_mul_ps(cube, _mm256_mul_ps(_mm256_mul_ps(v, v), v));
        t = Sleef_cinz_tanhf8_u10avx(_mm256_mul_ps(root, _mm256_add_ps(v, t)));
        t = _mm256_mul_ps(_mm256_mul_ps(half, v), _mm256_add_ps(one, t));
        sf_store_some(g + i, _mm256_mul_ps(t, sf_load_some(u + i, n - i)), n - i);
    }
}

static void sf_softcap_f32_avx2(float *x, float cap, size_t n) {
    const __m256 c = _mm256_set1_ps(cap);
    for (size_t i = 0; i < n; i += 8) {
        const __m256 v = _mm256_div_ps(sf_load_some(x + i, n - i), c);
        sf_store_some(x + i, _mm256_mul_ps(c, Sleef_cinz_tanhf8_u10avx(v)), n - i);
    }
}

static void sf_add_f32_avx2(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i += 8)
        sf_store_some(y + i, _mm256_add_ps(sf_load_some(y + i, n - i), sf_load_some(x + i, n - i)),
                      n - i);
}

static void sf_div_f32_avx2(float *y, float a, size_t n) {
    const __m256 d = _mm256_set1_ps(a);
    for (size_t i = 0; i < n; i += 8)
        sf_store_some(y + i, _mm256_div_ps(sf_load_some(y + i, n - i), d), n - i);
}

static void sf_exp_sub_f32_avx2(float *y, const float *x, float m, size_t n) {
    const __m256 mm = _mm256_set1_ps(m);
    for (size_t i = 0; i < n; i += 8) {
        __m256 v = _mm256_sub_ps(sf_load_some(x + i, n - i), mm);
        sf_store_some(y + i, Sleef_cinz_expf8_u10avx(v), n - i);
    }
}

void sf_fill_vector_avx2(struct sf_kernels *k) {
    k->rmsnorm = sf_rmsnorm_f32_avx2;
    k->rope_norm = sf_rope_norm_f32_avx2;
    k->rope_neox = sf_rope_neox_f32_avx2;
    k->silu_mul = sf_silu_mul_f32_avx2;
    k->gelu_mul = sf_gelu_mul_f32_avx2;
    k->softcap = sf_softcap_f32_avx2;
    k->add = sf_add_f32_avx2;
    k->div = sf_div_f32_avx2;
    k->exp_sub = sf_exp_sub_f32_avx2;
}
