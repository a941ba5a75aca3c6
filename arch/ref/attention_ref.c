/* SPDX-License-Identifier: MIT
 * attention_ref.c - scores of one page, online softmax of one tile, mix of one page, KV writes.
 */
#include <math.h>
#include <string.h>

#include <sleef.h>

#include "ref.h"

/* KV elements by kind: read widens exactly, write narrows by rule 14. */
static float read_f32(const void *p, size_t i) {
    return ((const float *)p)[i];
}
static void write_f32(void *p, size_t i, float v) {
    ((float *)p)[i] = v;
}
static float read_f16(const void *p, size_t i) {
    return sf_f16_to_f32(((const uint16_t *)p)[i]);
}
static void write_f16(void *p, size_t i, float v) {
    ((uint16_t *)p)[i] = sf_f32_to_f16(v);
}

SF_INLINE void score(float *s, size_t lds, const float *q, size_t ldq, size_t nq,
                     const void *k_page, size_t head_dim, float scale,
                     float (*read)(const void *, size_t)) {
    for (size_t h = 0; h < nq; h++)
        for (size_t p = 0; p < SF_KV_PAGE; p++) {
            float lane[16] = {0};
            for (size_t d = 0; d < head_dim; d++)
                lane[d % 16] += q[h * ldq + d] * read(k_page, d * SF_KV_PAGE + p);
            s[h * lds + p] = sf_tree16(lane) * scale;
        }
}

static float sf_attn_softmax_ref(float *s, size_t n, float *m, float *l) {
    float top = *m, corr = 0.0f, lane[16] = {0};
    for (size_t i = 0; i < n; i++) top = s[i] > top ? s[i] : top;
    top += 0.0f; /* a maximum of -0 becomes +0, so that its sign does not depend on the order */
    if (*m != -INFINITY) corr = Sleef_cinz_expf1_u10purec(*m - top);
    for (size_t i = 0; i < n; i++) {
        s[i] = Sleef_cinz_expf1_u10purec(s[i] - top);
        lane[i % 16] += s[i];
    }
    *l = *l * corr + sf_tree16(lane);
    *m = top;
    return corr;
}

SF_INLINE void mix(float *acc, size_t lda, const float *corr, const float *p, size_t ldp, size_t nq,
                   const void *v_page, size_t n, size_t head_dim,
                   float (*read)(const void *, size_t)) {
    for (size_t h = 0; h < nq; h++)
        for (size_t d = 0; d < head_dim; d++) {
            float a = acc[h * lda + d];
            if (corr) a *= corr[h];
            for (size_t i = 0; i < n; i++) a += p[h * ldp + i] * read(v_page, i * head_dim + d);
            acc[h * lda + d] = a;
        }
}

#define SF_ATTENTION(kind)                                                                         \
    static void sf_attn_score_##kind##_ref(float *s, size_t lds, const float *q, size_t ldq,       \
                                           size_t nq, const void *k_page, size_t head_dim,         \
                                           float scale) {                                          \
        score(s, lds, q, ldq, nq, k_page, head_dim, scale, read_##kind);                           \
    }                                                                                              \
    static void sf_attn_mix_##kind##_ref(float *acc, size_t lda, const float *corr,                \
                                         const float *p, size_t ldp, size_t nq,                    \
                                         const void *v_page, size_t n, size_t head_dim) {          \
        mix(acc, lda, corr, p, ldp, nq, v_page, n, head_dim, read_##kind);                         \
    }                                                                                              \
    static void sf_kv_put_k_##kind##_ref(void *k_page, size_t pos, const float *k,                 \
                                         size_t head_dim) {                                        \
        for (size_t d = 0; d < head_dim; d++) write_##kind(k_page, d *SF_KV_PAGE + pos, k[d]);     \
    }                                                                                              \
    static void sf_kv_put_v_##kind##_ref(void *v_page, size_t pos, const float *v,                 \
                                         size_t head_dim) {                                        \
        for (size_t d = 0; d < head_dim; d++) write_##kind(v_page, pos *head_dim + d, v[d]);       \
    }
SF_ATTENTION(f16)
SF_ATTENTION(f32)

void sf_fill_attention_ref(struct sf_kernels *k) {
    k->attn_score[SF_KV_F16] = sf_attn_score_f16_ref;
    k->attn_score[SF_KV_F32] = sf_attn_score_f32_ref;
    k->attn_softmax = sf_attn_softmax_ref;
    k->attn_mix[SF_KV_F16] = sf_attn_mix_f16_ref;
    k->attn_mix[SF_KV_F32] = sf_attn_mix_f32_ref;
    k->kv_put_k[SF_KV_F16] = sf_kv_put_k_f16_ref;
    k->kv_put_k[SF_KV_F32] = sf_kv_put_k_f32_ref;
    k->kv_put_v[SF_KV_F16] = sf_kv_put_v_f16_ref;
    k->kv_put_v[SF_KV_F32] = sf_kv_put_v_f32_ref;
}
