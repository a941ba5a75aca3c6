/* SPDX-License-Identifier: MIT
 * attention_avx2.c - scores of one page, online softmax of one tile, mix of one page, KV writes.
 */
#include <math.h>

#include <sleef.h>

#include "avx2.h"

/* Eight int8 as floats. */
SF_INLINE __m256 bytes8(const void *q) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)q)));
}
/* Keys: dimension d at positions at .. at + 7, widened exactly. */
SF_INLINE __m256 read_k(enum sf_kv kind, const void *page, size_t d, size_t at, size_t head_dim) {
    const size_t i = d * SF_KV_PAGE + at;
    if (kind == SF_KV_F32) return _mm256_loadu_ps((const float *)page + i);
    if (kind == SF_KV_F16) return sf_halves((const uint16_t *)page + i);
    const int8_t *q = page;
    const uint16_t *scale = (const uint16_t *)(const void *)(q + SF_KV_PAGE * head_dim);
    return _mm256_mul_ps(bytes8(q + i), sf_halves(scale + d / SF_KV_GROUP * SF_KV_PAGE + at));
}
/* Values: n (<= 8) dimensions from d (a multiple of 8) on of position p, then zeros. */
SF_INLINE __m256 read_v(enum sf_kv kind, const void *page, size_t p, size_t d, size_t n,
                        size_t head_dim) {
    const size_t i = p * head_dim + d;
    if (kind == SF_KV_F32) return sf_load_some((const float *)page + i, n);
    if (kind == SF_KV_F16) {
        uint16_t h[8] = {0};
        if (n >= 8) return sf_halves((const uint16_t *)page + i);
        memcpy(h, (const uint16_t *)page + i, n * sizeof *h);
        return sf_halves(h);
    }
    const int8_t *q = page;
    const uint16_t *scale =
        (const uint16_t *)(const void *)(q + SF_KV_PAGE * head_dim) + p * sf_kv_groups(head_dim);
    const __m256 s = _mm256_set1_ps(_cvtsh_ss(scale[d / SF_KV_GROUP]));
    if (n >= 8) return _mm256_mul_ps(bytes8(q + i), s);
    int8_t b[8] = {0};
    memcpy(b, q + i, n);
    return _mm256_mul_ps(bytes8(b), s);
}

/* ---------------------------------------------------------------- scores */

/* K is (head_dim, 16): a lane owns a position, so the 16-lane sum of rule 10 runs down the page.
 * Lane j of that rule is a register here, t(j) = sum over d = j, j+16, ..; the tree is walked depth
 * first so that five registers hold it. nh query heads read the page together. */
struct rows {
    const float *q;
    const void *page;
    size_t ldq, head_dim, at; /* at: 0 or 8, the first of 8 positions */
};

SF_INLINE void lane(enum sf_kv kind, int nh, __m256 t[2], const struct rows *r, size_t j) {
    for (int h = 0; h < nh; h++) t[h] = _mm256_setzero_ps();
    for (size_t d = j; d < r->head_dim; d += 16) {
        const __m256 k = read_k(kind, r->page, d, r->at, r->head_dim);
        for (int h = 0; h < nh; h++)
            t[h] =
                _mm256_add_ps(t[h], _mm256_mul_ps(_mm256_set1_ps(r->q[(size_t)h * r->ldq + d]), k));
    }
}
/* t(j) + t(j+8), then with step 4, 2, 1. */
#define SF_TREE(name, below, step)                                                                 \
    SF_INLINE void name(enum sf_kv kind, int nh, __m256 t[2], const struct rows *r, size_t j) {    \
        __m256 u[2];                                                                               \
        below(kind, nh, t, r, j);                                                                  \
        below(kind, nh, u, r, j + (step));                                                         \
        for (int h = 0; h < nh; h++) t[h] = _mm256_add_ps(t[h], u[h]);                             \
    }
SF_TREE(tree8, lane, 8)
SF_TREE(tree4, tree8, 4)
SF_TREE(tree2, tree4, 2)
SF_TREE(tree1, tree2, 1)

SF_INLINE void score(enum sf_kv kind, float *s, size_t lds, const float *q, size_t ldq, size_t nq,
                     const void *k_page, size_t head_dim, float scale) {
    const __m256 sc = _mm256_set1_ps(scale);
    for (size_t h = 0; h < nq; h += 2)
        for (size_t at = 0; at < SF_KV_PAGE; at += 8) {
            const struct rows r = {q + h * ldq, k_page, ldq, head_dim, at};
            __m256 t[2];
            if (h + 1 < nq) {
                tree1(kind, 2, t, &r, 0);
                _mm256_storeu_ps(s + (h + 1) * lds + at, _mm256_mul_ps(t[1], sc));
            } else {
                tree1(kind, 1, t, &r, 0);
            }
            _mm256_storeu_ps(s + h * lds + at, _mm256_mul_ps(t[0], sc));
        }
}

static void sf_attn_score_f16_avx2(float *s, size_t lds, const float *q, size_t ldq, size_t nq,
                                   const void *k_page, size_t head_dim, float scale) {
    score(SF_KV_F16, s, lds, q, ldq, nq, k_page, head_dim, scale);
}
static void sf_attn_score_f32_avx2(float *s, size_t lds, const float *q, size_t ldq, size_t nq,
                                   const void *k_page, size_t head_dim, float scale) {
    score(SF_KV_F32, s, lds, q, ldq, nq, k_page, head_dim, scale);
}

static void sf_attn_score_q8_0_avx2(float *s, size_t lds, const float *q, size_t ldq, size_t nq,
                                    const void *k_page, size_t head_dim, float scale) {
    score(SF_KV_Q8_0, s, lds, q, ldq, nq, k_page, head_dim, scale);
}

/* ---------------------------------------------------------------- softmax */

static float sf_attn_softmax_f32_avx2(float *s, size_t n, float *m, float *l) {
    float top = *m, corr = 0.0f;
    size_t i = 0;
    if (n >= 8) {
        __m256 t = _mm256_loadu_ps(s);
        for (i = 8; i + 8 <= n; i += 8) t = _mm256_max_ps(_mm256_loadu_ps(s + i), t);
        float lane[8];
        _mm256_storeu_ps(lane, t);
        for (int j = 0; j < 8; j++) top = lane[j] > top ? lane[j] : top;
    }
    for (; i < n; i++) top = s[i] > top ? s[i] : top;
    top += 0.0f; /* a maximum of -0 becomes +0, so that its sign does not depend on the order */
    if (*m != -INFINITY) corr = Sleef_cinz_expf1_u10purec(*m - top);
    const __m256 tt = _mm256_set1_ps(top);
    __m256 sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (i = 0; i < n; i += 8) {
        __m256 e = Sleef_cinz_expf8_u10avx(_mm256_sub_ps(sf_load_some(s + i, n - i), tt));
        sf_store_some(s + i, e, n - i);
        if (n - i < 8) e = _mm256_and_ps(e, _mm256_castsi256_ps(sf_first(n - i)));
        sum[i / 8 % 2] = _mm256_add_ps(sum[i / 8 % 2], e);
    }
    *l = *l * corr + sf_tree16(sum[0], sum[1]);
    *m = top;
    return corr;
}

/* ---------------------------------------------------------------- mix */

/* nh heads, nv registers of 8 columns from column d on; the last register holds `last` of them. */
SF_INLINE void mix_tile(enum sf_kv kind, int nh, int nv, float *acc, size_t lda, const float *corr,
                        const float *p, size_t ldp, const void *v_page, size_t n, size_t head_dim,
                        size_t d, size_t last) {
    __m256 a[4][2];
#pragma GCC unroll 4
    for (int h = 0; h < nh; h++)
#pragma GCC unroll 2
        for (int v = 0; v < nv; v++) {
            const float *at = acc + (size_t)h * lda + d + 8 * (size_t)v;
            a[h][v] = sf_load_some(at, v + 1 < nv ? 8 : last);
            if (corr) a[h][v] = _mm256_mul_ps(a[h][v], _mm256_set1_ps(corr[h]));
        }
    for (size_t i = 0; i < n; i++) {
        __m256 row[2];
#pragma GCC unroll 2
        for (int v = 0; v < nv; v++)
            row[v] = read_v(kind, v_page, i, d + 8 * (size_t)v, v + 1 < nv ? 8 : last, head_dim);
#pragma GCC unroll 4
        for (int h = 0; h < nh; h++) {
            const __m256 w = _mm256_set1_ps(p[(size_t)h * ldp + i]);
#pragma GCC unroll 2
            for (int v = 0; v < nv; v++) a[h][v] = _mm256_add_ps(a[h][v], _mm256_mul_ps(w, row[v]));
        }
    }
#pragma GCC unroll 4
    for (int h = 0; h < nh; h++)
#pragma GCC unroll 2
        for (int v = 0; v < nv; v++)
            sf_store_some(acc + (size_t)h * lda + d + 8 * (size_t)v, a[h][v],
                          v + 1 < nv ? 8 : last);
}

SF_INLINE void mix_heads(enum sf_kv kind, int nh, float *acc, size_t lda, const float *corr,
                         const float *p, size_t ldp, const void *v_page, size_t n,
                         size_t head_dim) {
    size_t d = 0;
    for (; d + 16 <= head_dim; d += 16)
        mix_tile(kind, nh, 2, acc, lda, corr, p, ldp, v_page, n, head_dim, d, 8);
    for (; d < head_dim; d += 8)
        mix_tile(kind, nh, 1, acc, lda, corr, p, ldp, v_page, n, head_dim, d, head_dim - d);
}

SF_INLINE void mix(enum sf_kv kind, float *acc, size_t lda, const float *corr, const float *p,
                   size_t ldp, size_t nq, const void *v_page, size_t n, size_t head_dim) {
    size_t h = 0;
    for (; h + 4 <= nq; h += 4)
        mix_heads(kind, 4, acc + h * lda, lda, corr ? corr + h : NULL, p + h * ldp, ldp, v_page, n,
                  head_dim);
    for (; h < nq; h++)
        mix_heads(kind, 1, acc + h * lda, lda, corr ? corr + h : NULL, p + h * ldp, ldp, v_page, n,
                  head_dim);
}

static void sf_attn_mix_f16_avx2(float *acc, size_t lda, const float *corr, const float *p,
                                 size_t ldp, size_t nq, const void *v_page, size_t n,
                                 size_t head_dim) {
    mix(SF_KV_F16, acc, lda, corr, p, ldp, nq, v_page, n, head_dim);
}
static void sf_attn_mix_f32_avx2(float *acc, size_t lda, const float *corr, const float *p,
                                 size_t ldp, size_t nq, const void *v_page, size_t n,
                                 size_t head_dim) {
    mix(SF_KV_F32, acc, lda, corr, p, ldp, nq, v_page, n, head_dim);
}

static void sf_attn_mix_q8_0_avx2(float *acc, size_t lda, const float *corr, const float *p,
                                  size_t ldp, size_t nq, const void *v_page, size_t n,
                                  size_t head_dim) {
    mix(SF_KV_Q8_0, acc, lda, corr, p, ldp, nq, v_page, n, head_dim);
}

/* ---------------------------------------------------------------- KV writes (Q8_0: plain C) */

/* Rule 14: nearest even, subnormals kept, overflow saturates (the instruction alone would give
 * infinity). min and max return their second operand for NaN, which so stays NaN. */
SF_INLINE __m128i narrow(__m256 x) {
    const __m256 most = _mm256_set1_ps(65504.0f), least = _mm256_set1_ps(-65504.0f);
    x = _mm256_max_ps(least, _mm256_min_ps(most, x));
    return _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static void sf_kv_put_k_f16_avx2(void *k_page, size_t pos, const float *k, size_t head_dim) {
    uint16_t *column = (uint16_t *)k_page + pos, h[8];
    for (size_t d = 0; d < head_dim; d += 8) {
        const size_t n = sf_min(8, head_dim - d);
        _mm_storeu_si128((__m128i *)(void *)h, narrow(sf_load_some(k + d, n)));
        for (size_t i = 0; i < n; i++) column[(d + i) * SF_KV_PAGE] = h[i];
    }
}

static void sf_kv_put_v_f16_avx2(void *v_page, size_t pos, const float *v, size_t head_dim) {
    uint16_t *row = (uint16_t *)v_page + pos * head_dim, h[8];
    for (size_t d = 0; d < head_dim; d += 8) {
        const size_t n = sf_min(8, head_dim - d);
        _mm_storeu_si128((__m128i *)(void *)h, narrow(sf_load_some(v + d, n)));
        memcpy(row + d, h, n * sizeof *h);
    }
}

static void sf_kv_put_k_f32_avx2(void *k_page, size_t pos, const float *k, size_t head_dim) {
    float *column = (float *)k_page + pos;
    for (size_t d = 0; d < head_dim; d++) column[d * SF_KV_PAGE] = k[d];
}

static void sf_kv_put_v_f32_avx2(void *v_page, size_t pos, const float *v, size_t head_dim) {
    memcpy((float *)v_page + pos * head_dim, v, head_dim * sizeof *v);
}

void sf_fill_attention_avx2(struct sf_kernels *k) {
    k->attn_score[SF_KV_F16] = sf_attn_score_f16_avx2;
    k->attn_score[SF_KV_F32] = sf_attn_score_f32_avx2;
    k->attn_score[SF_KV_Q8_0] = sf_attn_score_q8_0_avx2;
    k->attn_softmax = sf_attn_softmax_f32_avx2;
    k->attn_mix[SF_KV_F16] = sf_attn_mix_f16_avx2;
    k->attn_mix[SF_KV_F32] = sf_attn_mix_f32_avx2;
    k->attn_mix[SF_KV_Q8_0] = sf_attn_mix_q8_0_avx2;
    k->kv_put_k[SF_KV_F16] = sf_kv_put_k_f16_avx2;
    k->kv_put_k[SF_KV_F32] = sf_kv_put_k_f32_avx2;
    k->kv_put_v[SF_KV_F16] = sf_kv_put_v_f16_avx2;
    k->kv_put_v[SF_KV_F32] = sf_kv_put_v_f32_avx2;
}
