/* SPDX-License-Identifier: MIT
 * attention_ref.c - scores of one page, online softmax of one tile, mix of one page, KV writes.
 */
#include <math.h>
#include <string.h>

#include <sleef.h>

#include "ref.h"

/* KV elements by kind: read widens exactly, write narrows by rule 14. i: the element; g: the scale of
 * its group, n: elements of the page before the scales (Q8_0). */
static float read_f32(const void *p, size_t i, size_t g, size_t n) {
    SF_UNUSED(g);
    SF_UNUSED(n);
    return ((const float *)p)[i];
}
static void write_f32(void *p, size_t i, float v) {
    ((float *)p)[i] = v;
}
static float read_f16(const void *p, size_t i, size_t g, size_t n) {
    SF_UNUSED(g);
    SF_UNUSED(n);
    return sf_f16_to_f32(((const uint16_t *)p)[i]);
}
static void write_f16(void *p, size_t i, float v) {
    ((uint16_t *)p)[i] = sf_f32_to_f16(v);
}
static float read_q8_0(const void *p, size_t i, size_t g, size_t n) {
    const int8_t *q = p;
    return (float)q[i] * sf_f16_to_f32(((const uint16_t *)(const void *)(q + n))[g]);
}

SF_INLINE void score(float *s, size_t lds, const float *q, size_t ldq, size_t nq,
                     const void *k_page, size_t head_dim, float scale,
                     float (*read)(const void *, size_t, size_t, size_t)) {
    for (size_t h = 0; h < nq; h++)
        for (size_t p = 0; p < SF_KV_PAGE; p++) {
            float lane[16] = {0};
            for (size_t d = 0; d < head_dim; d++)
                lane[d % 16] +=
                    q[h * ldq + d] * read(k_page, d * SF_KV_PAGE + p,
                                          d / SF_KV_GROUP * SF_KV_PAGE + p, SF_KV_PAGE * head_dim);
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
                   float (*read)(const void *, size_t, size_t, size_t)) {
    const size_t groups = sf_kv_groups(head_dim);
    for (size_t h = 0; h < nq; h++)
        for (size_t d = 0; d < head_dim; d++) {
            float a = acc[h * lda + d];
            if (corr) a *= corr[h];
            for (size_t i = 0; i < n; i++)
                a += p[h * ldp + i] * read(v_page, i * head_dim + d, i * groups + d / SF_KV_GROUP,
                                           SF_KV_PAGE * head_dim);
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
    }
#define SF_WRITES(kind)                                                                            \
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
SF_ATTENTION(q8_0)
SF_WRITES(f16)
SF_WRITES(f32)

/* n <= 32 values to q[0], q[step], ..; returns the group's scale. */
static uint16_t put_group(int8_t *q, size_t step, const float *x, size_t n) {
    float amax = 0.0f;
    bool bad = false;
    for (size_t i = 0; i < n; i++) {
        float a = fabsf(x[i]);
        bad |= !isfinite(a);
        amax = a > amax ? a : amax;
    }
    float most = bad ? 0.0f : amax / 127.0f;
    const uint16_t d = bad || most >= 65520.0f ? 0x7E00 : sf_f32_to_f16(most);
    const float scale = sf_f16_to_f32(d);
    const bool zero = d == 0 || d == 0x7E00;
    const float id = zero ? 0.0f : 1.0f / scale;
    for (size_t i = 0; i < n; i++) {
        float v = zero ? 0.0f : x[i] * id;
        v = v > 127.0f ? 127.0f : v < -127.0f ? -127.0f : v;
        q[i * step] = (int8_t)lrintf(v);
    }
    return d;
}
static void sf_kv_put_k_q8_0_ref(void *k_page, size_t pos, const float *k, size_t head_dim) {
    int8_t *q = k_page;
    uint16_t *scale = (uint16_t *)(void *)(q + SF_KV_PAGE * head_dim);
    for (size_t d = 0; d < head_dim; d += SF_KV_GROUP)
        scale[d / SF_KV_GROUP * SF_KV_PAGE + pos] = put_group(
            q + d * SF_KV_PAGE + pos, SF_KV_PAGE, k + d, sf_min(SF_KV_GROUP, head_dim - d));
}
static void sf_kv_put_v_q8_0_ref(void *v_page, size_t pos, const float *v, size_t head_dim) {
    int8_t *q = v_page;
    uint16_t *scale =
        (uint16_t *)(void *)(q + SF_KV_PAGE * head_dim) + pos * sf_kv_groups(head_dim);
    for (size_t d = 0; d < head_dim; d += SF_KV_GROUP)
        scale[d / SF_KV_GROUP] =
            put_group(q + pos * head_dim + d, 1, v + d, sf_min(SF_KV_GROUP, head_dim - d));
}

void sf_fill_attention_ref(struct sf_kernels *k) {
    k->attn_score[SF_KV_F16] = sf_attn_score_f16_ref;
    k->attn_score[SF_KV_F32] = sf_attn_score_f32_ref;
    k->attn_score[SF_KV_Q8_0] = sf_attn_score_q8_0_ref;
    k->attn_softmax = sf_attn_softmax_ref;
    k->attn_mix[SF_KV_F16] = sf_attn_mix_f16_ref;
    k->attn_mix[SF_KV_F32] = sf_attn_mix_f32_ref;
    k->attn_mix[SF_KV_Q8_0] = sf_attn_mix_q8_0_ref;
    k->kv_put_k[SF_KV_F16] = sf_kv_put_k_f16_ref;
    k->kv_put_k[SF_KV_F32] = sf_kv_put_k_f32_ref;
    k->kv_put_k[SF_KV_Q8_0] = sf_kv_put_k_q8_0_ref;
    k->kv_put_v[SF_KV_F16] = sf_kv_put_v_f16_ref;
    k->kv_put_v[SF_KV_F32] = sf_kv_put_v_f32_ref;
    k->kv_put_v[SF_KV_Q8_0] = sf_kv_put_v_q8_0_ref;
}
