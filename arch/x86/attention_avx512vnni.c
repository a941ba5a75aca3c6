/* SPDX-License-Identifier: MIT
 * attention_avx512vnni.c - scores of one page, online softmax of one tile, mix of one page. A page
 * has 16 positions, so a register of scores is a page. KV writes stay with AVX2.
 */
#include <math.h>

#include <sleef.h>

#include "avx512.h"

/* Keys: dimension d at all 16 positions, widened exactly. */
SF_INLINE __m512 read_k(enum sf_kv kind, const void *page, size_t d, size_t head_dim) {
    const size_t i = d * SF_KV_PAGE;
    if (kind == SF_KV_F32) return _mm512_loadu_ps((const float *)page + i);
    if (kind == SF_KV_F16) return sf_halves((const uint16_t *)page + i);
    const int8_t *q = page;
    const uint16_t *scale = (const uint16_t *)(const void *)(q + SF_KV_PAGE * head_dim);
    const __m512i v = _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)(q + i)));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(v), sf_halves(scale + d / SF_KV_GROUP * SF_KV_PAGE));
}
/* Values: n (<= 16) dimensions from d (a multiple of 16) on of position p, then zeros. */
SF_INLINE __m512 read_v(enum sf_kv kind, const void *page, size_t p, size_t d, size_t n,
                        size_t head_dim) {
    const size_t i = p * head_dim + d;
    if (kind == SF_KV_F32) return _mm512_maskz_loadu_ps(sf_first(n), (const float *)page + i);
    if (kind == SF_KV_F16) {
        const uint16_t *h = (const uint16_t *)page + i;
        return n >= 16 ? sf_halves(h) : _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(sf_first(n), h));
    }
    const int8_t *q = page;
    const uint16_t *scale =
        (const uint16_t *)(const void *)(q + SF_KV_PAGE * head_dim) + p * sf_kv_groups(head_dim);
    const __m512i v = _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(sf_first(n), q + i));
    const __m512 s = _mm512_set1_ps(_cvtsh_ss(scale[d / SF_KV_GROUP]));
    return _mm512_mul_ps(_mm512_cvtepi32_ps(v), s);
}

/* ---------------------------------------------------------------- scores */

/* K is (head_dim, 16): a lane owns a position, so the 16-lane sum of rule 10 runs down the page.
 * Lane j of that rule is a register here, t(j) = sum over d = j, j+16, ..; the tree is walked depth
 * first, so that nh query heads need 5 nh registers and read the page together. */
enum { HEADS = 4 };
struct rows {
    const float *q;
    const void *page;
    size_t ldq, head_dim;
};

SF_INLINE void lane(enum sf_kv kind, int nh, __m512 t[HEADS], const struct rows *r, size_t j) {
#pragma GCC unroll 4
    for (int h = 0; h < nh; h++) t[h] = _mm512_setzero_ps();
    for (size_t d = j; d < r->head_dim; d += 16) {
        const __m512 k = read_k(kind, r->page, d, r->head_dim);
#pragma GCC unroll 4
        for (int h = 0; h < nh; h++)
            t[h] =
                _mm512_add_ps(t[h], _mm512_mul_ps(_mm512_set1_ps(r->q[(size_t)h * r->ldq + d]), k));
    }
}
/* t(j) + t(j+8), then with step 4, 2, 1. */
#define SF_TREE(name, below, step)                                                                 \
    SF_INLINE void name(enum sf_kv kind, int nh, __m512 t[HEADS], const struct rows *r,            \
                        size_t j) {                                                                \
        __m512 u[HEADS];                                                                           \
        below(kind, nh, t, r, j);                                                                  \
        below(kind, nh, u, r, j + (step));                                                         \
        for (int h = 0; h < nh; h++) t[h] = _mm512_add_ps(t[h], u[h]);                             \
    }
SF_TREE(tree8, lane, 8)
SF_TREE(tree4, tree8, 4)
SF_TREE(tree2, tree4, 2)
SF_TREE(tree1, tree2, 1)

SF_INLINE void score_heads(enum sf_kv kind, int nh, float *s, size_t lds, const struct rows *r,
                           float scale) {
    __m512 t[HEADS];
    tree1(kind, nh, t, r, 0);
    for (int h = 0; h < nh; h++)
        _mm512_storeu_ps(s + (size_t)h * lds, _mm512_mul_ps(t[h], _mm512_set1_ps(scale)));
}

SF_INLINE void score(enum sf_kv kind, float *s, size_t lds, const float *q, size_t ldq, size_t nq,
                     const void *k_page, size_t head_dim, float scale) {
    struct rows r = {q, k_page, ldq, head_dim};
    for (; nq >= HEADS; nq -= HEADS, r.q += HEADS * ldq, s += HEADS * lds)
        score_heads(kind, HEADS, s, lds, &r, scale);
    for (; nq > 0; nq--, r.q += ldq, s += lds) score_heads(kind, 1, s, lds, &r, scale);
}

static void sf_attn_score_f16_avx512vnni(float *s, size_t lds, const float *q, size_t ldq,
                                         size_t nq, const void *k_page, size_t head_dim,
                                         float scale) {
    score(SF_KV_F16, s, lds, q, ldq, nq, k_page, head_dim, scale);
}
static void sf_attn_score_f32_avx512vnni(float *s, size_t lds, const float *q, size_t ldq,
                                         size_t nq, const void *k_page, size_t head_dim,
                                         float scale) {
    score(SF_KV_F32, s, lds, q, ldq, nq, k_page, head_dim, scale);
}

static void sf_attn_score_q8_0_avx512vnni(float *s, size_t lds, const float *q, size_t ldq,
                                          size_t nq, const void *k_page, size_t head_dim,
                                          float scale) {
    score(SF_KV_Q8_0, s, lds, q, ldq, nq, k_page, head_dim, scale);
}

/* ---------------------------------------------------------------- softmax */

static float sf_attn_softmax_f32_avx512vnni(float *s, size_t n, float *m, float *l) {
    float top = *m, corr = 0.0f;
    __m512 most = _mm512_set1_ps(-INFINITY);
    for (size_t i = 0; i < n; i += 16)
        most = _mm512_max_ps(most, _mm512_mask_loadu_ps(most, sf_first(n - i), s + i));
    const float high = _mm512_reduce_max_ps(most);
    top = high > top ? high : top;
    top += 0.0f; /* a maximum of -0 becomes +0, so that its sign does not depend on the order */
    if (*m != -INFINITY) corr = Sleef_cinz_expf1_u10purec(*m - top);
    const __m512 tt = _mm512_set1_ps(top);
    __m512 sum = _mm512_setzero_ps();
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 here = sf_first(n - i);
        __m512 e = _mm512_sub_ps(_mm512_maskz_loadu_ps(here, s + i), tt);
        e = Sleef_cinz_expf16_u10avx512fnofma(e);
        _mm512_mask_storeu_ps(s + i, here, e);
        sum = _mm512_mask_add_ps(sum, here, sum, e);
    }
    *l = *l * corr + sf_tree16(sum);
    *m = top;
    return corr;
}

/* ---------------------------------------------------------------- mix */

/* nh heads, nv registers of 16 columns from column d on; the last register holds `last` of them. */
SF_INLINE void mix_tile(enum sf_kv kind, int nh, int nv, float *acc, size_t lda, const float *corr,
                        const float *p, size_t ldp, const void *v_page, size_t n, size_t head_dim,
                        size_t d, size_t last) {
    __m512 a[HEADS][4];
#pragma GCC unroll 4
    for (int h = 0; h < nh; h++)
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++) {
            a[h][v] = _mm512_maskz_loadu_ps(sf_first(v + 1 < nv ? 16 : last),
                                            acc + (size_t)h * lda + d + 16 * (size_t)v);
            if (corr) a[h][v] = _mm512_mul_ps(a[h][v], _mm512_set1_ps(corr[h]));
        }
    for (size_t i = 0; i < n; i++) {
        __m512 row[4];
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            row[v] = read_v(kind, v_page, i, d + 16 * (size_t)v, v + 1 < nv ? 16 : last, head_dim);
#pragma GCC unroll 4
        for (int h = 0; h < nh; h++) {
            const __m512 w = _mm512_set1_ps(p[(size_t)h * ldp + i]);
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++) a[h][v] = _mm512_add_ps(a[h][v], _mm512_mul_ps(w, row[v]));
        }
    }
#pragma GCC unroll 4
    for (int h = 0; h < nh; h++)
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            _mm512_mask_storeu_ps(acc + (size_t)h * lda + d + 16 * (size_t)v,
                                  sf_first(v + 1 < nv ? 16 : last), a[h][v]);
}

SF_INLINE void mix_heads(enum sf_kv kind, int nh, float *acc, size_t lda, const float *corr,
                         const float *p, size_t ldp, const void *v_page, size_t n,
                         size_t head_dim) {
    size_t d = 0;
    for (; d + 64 <= head_dim; d += 64)
        mix_tile(kind, nh, 4, acc, lda, corr, p, ldp, v_page, n, head_dim, d, 16);
    for (; d < head_dim; d += 16)
        mix_tile(kind, nh, 1, acc, lda, corr, p, ldp, v_page, n, head_dim, d,
                 sf_min(head_dim - d, 16));
}

SF_INLINE void mix(enum sf_kv kind, float *acc, size_t lda, const float *corr, const float *p,
                   size_t ldp, size_t nq, const void *v_page, size_t n, size_t head_dim) {
    size_t h = 0;
    for (; h + HEADS <= nq; h += HEADS)
        mix_heads(kind, HEADS, acc + h * lda, lda, corr ? corr + h : NULL, p + h * ldp, ldp, v_page,
                  n, head_dim);
    for (; h < nq; h++)
        mix_heads(kind, 1, acc + h * lda, lda, corr ? corr + h : NULL, p + h * ldp, ldp, v_page, n,
                  head_dim);
}

static void sf_attn_mix_f16_avx512vnni(float *acc, size_t lda, const float *corr, const float *p,
                                       size_t ldp, size_t nq, const void *v_page, size_t n,
                                       size_t head_dim) {
    mix(SF_KV_F16, acc, lda, corr, p, ldp, nq, v_page, n, head_dim);
}
static void sf_attn_mix_f32_avx512vnni(float *acc, size_t lda, const float *corr, const float *p,
                                       size_t ldp, size_t nq, const void *v_page, size_t n,
                                       size_t head_dim) {
    mix(SF_KV_F32, acc, lda, corr, p, ldp, nq, v_page, n, head_dim);
}
static void sf_attn_mix_q8_0_avx512vnni(float *acc, size_t lda, const float *corr, const float *p,
                                        size_t ldp, size_t nq, const void *v_page, size_t n,
                                        size_t head_dim) {
    mix(SF_KV_Q8_0, acc, lda, corr, p, ldp, nq, v_page, n, head_dim);
}

void sf_fill_attention_avx512vnni(struct sf_kernels *k) {
    k->attn_score[SF_KV_F16] = sf_attn_score_f16_avx512vnni;
    k->attn_score[SF_KV_F32] = sf_attn_score_f32_avx512vnni;
    k->attn_score[SF_KV_Q8_0] = sf_attn_score_q8_0_avx512vnni;
    k->attn_softmax = sf_attn_softmax_f32_avx512vnni;
    k->attn_mix[SF_KV_F16] = sf_attn_mix_f16_avx512vnni;
    k->attn_mix[SF_KV_F32] = sf_attn_mix_f32_avx512vnni;
    k->attn_mix[SF_KV_Q8_0] = sf_attn_mix_q8_0_avx512vnni;
}
