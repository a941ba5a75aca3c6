/* SPDX-License-Identifier: MIT
 * vector_avx512vnni.c - norm, SwiGLU, and the element-wise slots: a register is the 16 lanes of the
 * fixed sums. Rotary embedding stays with AVX2.
 */
#include <math.h>

#include <sleef.h>

#include "avx512.h"

static void sf_rmsnorm_f32_avx512vnni(float *y, const float *x, const float *w, size_t n,
                                      float eps) {
    __m512 sum = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += 16) { /* the tail is padded with +0 */
        const __m512 v = _mm512_maskz_loadu_ps(sf_first(n - i), x + i);
        sum = _mm512_add_ps(sum, _mm512_mul_ps(v, v));
    }
    const float s = sf_tree16(sum) / (float)n + eps, r = 1.0f / sqrtf(s);
    const __m512 rr = _mm512_set1_ps(r);
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = sf_first(n - i);
        const __m512 v = _mm512_mul_ps(_mm512_maskz_loadu_ps(m, x + i), rr);
        _mm512_mask_storeu_ps(y + i, m, _mm512_mul_ps(v, _mm512_maskz_loadu_ps(m, w + i)));
    }
}

static void sf_silu_mul_f32_avx512vnni(float *g, const float *u, size_t n) {
    const __m512 one = _mm512_set1_ps(1.0f), sign = _mm512_set1_ps(-0.0f);
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = sf_first(n - i);
        __m512 v = _mm512_maskz_loadu_ps(m, g + i);
        const __m512 e = Sleef_cinz_expf16_u10avx512fnofma(_mm512_xor_ps(v, sign));
        v = _mm512_mul_ps(_mm512_div_ps(v, _mm512_add_ps(one, e)), _mm512_maskz_loadu_ps(m, u + i));
        _mm512_mask_storeu_ps(g + i, m, v);
    }
}

static void sf_gelu_mul_f32_avx512vnni(float *g, const float *u, size_t n) {
    const __m512 one = _mm512_set1_ps(1.0f), half = _mm512_set1_ps(0.5f);
    const __m512 root = _mm512_set1_ps(0.79788456f), cube = _mm512_set1_ps(0.044715f);
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = sf_first(n - i);
        const __m512 v = _mm512_maskz_loadu_ps(m, g + i);
        __m512 t = _mm512_mul_ps(cube, _mm512_mul_ps(_mm512_mul_ps(v, v), v));
        t = Sleef_cinz_tanhf16_u10avx512fnofma(_mm512_mul_ps(root, _mm512_add_ps(v, t)));
        t = _mm512_mul_ps(_mm512_mul_ps(half, v), _mm512_add_ps(one, t));
        _mm512_mask_storeu_ps(g + i, m, _mm512_mul_ps(t, _mm512_maskz_loadu_ps(m, u + i)));
    }
}

static void sf_softcap_f32_avx512vnni(float *x, float cap, size_t n) {
    const __m512 c = _mm512_set1_ps(cap);
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = sf_first(n - i);
        const __m512 v = _mm512_div_ps(_mm512_maskz_loadu_ps(m, x + i), c);
        _mm512_mask_storeu_ps(x + i, m, _mm512_mul_ps(c, Sleef_cinz_tanhf16_u10avx512fnofma(v)));
    }
}

static void sf_add_f32_avx512vnni(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = sf_first(n - i);
        _mm512_mask_storeu_ps(
            y + i, m,
            _mm512_add_ps(_mm512_maskz_loadu_ps(m, y + i), _mm512_maskz_loadu_ps(m, x + i)));
    }
}

static void sf_div_f32_avx512vnni(float *y, float a, size_t n) {
    const __m512 d = _mm512_set1_ps(a);
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = sf_first(n - i);
        _mm512_mask_storeu_ps(y + i, m, _mm512_div_ps(_mm512_maskz_loadu_ps(m, y + i), d));
    }
}

static void sf_exp_sub_f32_avx512vnni(float *y, const float *x, float top, size_t n) {
    const __m512 t = _mm512_set1_ps(top);
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 m = sf_first(n - i);
        const __m512 v = _mm512_sub_ps(_mm512_maskz_loadu_ps(m, x + i), t);
        _mm512_mask_storeu_ps(y + i, m, Sleef_cinz_expf16_u10avx512fnofma(v));
    }
}

void sf_fill_vector_avx512vnni(struct sf_kernels *k) {
    k->rmsnorm = sf_rmsnorm_f32_avx512vnni;
    k->silu_mul = sf_silu_mul_f32_avx512vnni;
    k->gelu_mul = sf_gelu_mul_f32_avx512vnni;
    k->softcap = sf_softcap_f32_avx512vnni;
    k->add = sf_add_f32_avx512vnni;
    k->div = sf_div_f32_avx512vnni;
    k->exp_sub = sf_exp_sub_f32_avx512vnni;
}
