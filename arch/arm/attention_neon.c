/* SPDX-License-Identifier: MIT
 * attention_neon.c - scores of one page, online softmax of one tile, mix of one page, KV writes.
 * A key or value read from the page serves up to four query heads.
 */
#include <math.h>

#include <sleef.h>

#include "arm.h"

SF_INLINE float32x4_t sf_widen(uint16x4_t h) {
    return vcvt_f32_f16(vreinterpret_f16_u16(h));
}
/* Four int8 as floats. */
SF_INLINE float32x4_t sf_bytes(const int8_t *q) {
    int32_t four;
    memcpy(&four, q, sizeof four);
    const int8x8_t b = vreinterpret_s8_s32(vdup_n_s32(four));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(b))));
}
SF_INLINE const uint16_t *sf_scales(const void *page, size_t head_dim) {
    return (const uint16_t *)(const void *)((const int8_t *)page + SF_KV_PAGE * head_dim);
}
/* Keys: dimension d at four positions from p on; FCVTL widens exactly, subnormals included. */
SF_INLINE float32x4_t sf_read_k(enum sf_kv kind, const void *page, size_t d, size_t p,
                                size_t head_dim) {
    const size_t i = d * SF_KV_PAGE + p;
    if (kind == SF_KV_F32) return vld1q_f32((const float *)page + i);
    if (kind == SF_KV_F16) return sf_widen(vld1_u16((const uint16_t *)page + i));
    const uint16_t *scale = sf_scales(page, head_dim) + d / SF_KV_GROUP * SF_KV_PAGE + p;
    return vmulq_f32(sf_bytes((const int8_t *)page + i), sf_widen(vld1_u16(scale)));
}
/* Values: four dimensions from d on of position p. Four never cross a group: d is a multiple of 4. */
SF_INLINE float32x4_t sf_read_v(enum sf_kv kind, const void *page, size_t p, size_t d,
                                size_t head_dim) {
    const size_t i = p * head_dim + d;
    if (kind == SF_KV_F32) return vld1q_f32((const float *)page + i);
    if (kind == SF_KV_F16) return sf_widen(vld1_u16((const uint16_t *)page + i));
    const uint16_t *scale = sf_scales(page, head_dim) + p * sf_kv_groups(head_dim);
    return vmulq_f32(sf_bytes((const int8_t *)page + i),
                     sf_widen(vdup_n_u16(scale[d / SF_KV_GROUP])));
}
SF_INLINE float sf_read_v1(enum sf_kv kind, const void *page, size_t p, size_t d, size_t head_dim) {
    const size_t i = p * head_dim + d;
    if (kind == SF_KV_F32) return ((const float *)page)[i];
    if (kind == SF_KV_F16)
        return vgetq_lane_f32(sf_widen(vdup_n_u16(((const uint16_t *)page)[i])), 0);
    const uint16_t *scale = sf_scales(page, head_dim) + p * sf_kv_groups(head_dim);
    return (float)((const int8_t *)page)[i] *
           vgetq_lane_f32(sf_widen(vdup_n_u16(scale[d / SF_KV_GROUP])), 0);
}
/* Rule 14: FCVTN rounds to nearest even and keeps subnormals; what would overflow is held at
 * 65504 beforehand (FMIN and FMAX hand a NaN on). */
SF_INLINE uint16x4_t sf_narrow(float32x4_t v) {
    v = vmaxq_f32(vminq_f32(v, vdupq_n_f32(65504.0f)), vdupq_n_f32(-65504.0f));
    return vreinterpret_u16_f16(vcvt_f16_f32(v));
}

/* nh heads. Lane j of sum16 adds dimensions j, j+16, ..; the 16 lanes are taken in such an order
 * that the tree j+(j+8), +4, +2, +1 closes as soon as it can: a stack of five levels, merged like
 * the carries of a binary counter. A register holds 4 positions. */
SF_INLINE void sf_score(enum sf_kv kind, const int nh, float *s, size_t lds, const float *q,
                        size_t ldq, const void *page, size_t head_dim, float scale) {
    static const uint8_t order[16] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};
    float32x4_t level[5][4][4]; /* (level, head, quad of positions) */
    for (unsigned i = 0; i < 16; i++) {
        float32x4_t acc[4][4];
#pragma GCC unroll 4
        for (int h = 0; h < nh; h++)
            for (int p = 0; p < 4; p++) acc[h][p] = vdupq_n_f32(0);
        for (size_t d = order[i]; d < head_dim; d += 16)
#pragma GCC unroll 4
            for (size_t p = 0; p < 4; p++) {
                float32x4_t key = sf_read_k(kind, page, d, 4 * p, head_dim);
#pragma GCC unroll 4
                for (int h = 0; h < nh; h++)
                    acc[h][p] = vaddq_f32(acc[h][p], vmulq_n_f32(key, q[(size_t)h * ldq + d]));
            }
        int at = 0;
        for (unsigned carry = i; carry & 1; carry >>= 1, at++)
            for (int h = 0; h < nh; h++)
                for (int p = 0; p < 4; p++) acc[h][p] = vaddq_f32(level[at][h][p], acc[h][p]);
        for (int h = 0; h < nh; h++)
            for (int p = 0; p < 4; p++) level[at][h][p] = acc[h][p];
    }
    for (int h = 0; h < nh; h++)
        for (size_t p = 0; p < 4; p++)
            vst1q_f32(s + (size_t)h * lds + 4 * p, vmulq_n_f32(level[4][h][p], scale));
}

SF_INLINE void sf_score_heads(enum sf_kv kind, float *s, size_t lds, const float *q, size_t ldq,
                              size_t nq, const void *page, size_t head_dim, float scale) {
    size_t h = 0;
    for (; nq - h >= 4; h += 4)
        sf_score(kind, 4, s + h * lds, lds, q + h * ldq, ldq, page, head_dim, scale);
    if (nq - h >= 2) {
        sf_score(kind, 2, s + h * lds, lds, q + h * ldq, ldq, page, head_dim, scale);
        h += 2;
    }
    if (h < nq) sf_score(kind, 1, s + h * lds, lds, q + h * ldq, ldq, page, head_dim, scale);
}

static float sf_attn_softmax_neon(float *s, size_t n, float *m, float *l) {
    float32x4_t most = vdupq_n_f32(*m), lane[4];
    for (int j = 0; j < 4; j++) lane[j] = vdupq_n_f32(0);
    size_t i = 0;
    for (; i + 4 <= n; i += 4) most = vmaxq_f32(most, vld1q_f32(s + i));
    float top = vmaxvq_f32(most);
    for (; i < n; i++) top = s[i] > top ? s[i] : top;
    top += 0.0f; /* a maximum of -0 becomes +0, so that its sign does not depend on the order */
    float corr = 0.0f;
    if (*m != -INFINITY)
        corr = vgetq_lane_f32(Sleef_cinz_expf4_u10advsimdnofma(vdupq_n_f32(*m - top)), 0);
    for (i = 0; i < n; i += 4) {
        size_t have = n - i, j = i / 4 % 4;
        float32x4_t v = have >= 4 ? vld1q_f32(s + i) : sf_load_some(s + i, have);
        v = Sleef_cinz_expf4_u10advsimdnofma(vsubq_f32(v, vdupq_n_f32(top)));
        if (have >= 4) {
            vst1q_f32(s + i, v);
        } else { /* lanes past the end count as +0 */
            sf_store_some(s + i, v, have);
            v = sf_load_some(s + i, have);
        }
        lane[j] = vaddq_f32(lane[j], v);
    }
    *l = *l * corr + sf_tree16(lane);
    *m = top;
    return corr;
}

/* nh heads, dimensions d .. d + 4 nv - 1; positions in order. */
SF_INLINE void sf_mix(enum sf_kv kind, const int nh, const int nv, float *acc, size_t lda,
                      const float *corr, const float *p, size_t ldp, const void *page, size_t n,
                      size_t head_dim, size_t d) {
    float32x4_t a[4][4];
#pragma GCC unroll 4
    for (int h = 0; h < nh; h++)
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) {
            a[h][j] = vld1q_f32(acc + (size_t)h * lda + d + 4 * (size_t)j);
            if (corr) a[h][j] = vmulq_n_f32(a[h][j], corr[h]);
        }
    for (size_t i = 0; i < n; i++)
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) {
            float32x4_t v = sf_read_v(kind, page, i, d + 4 * (size_t)j, head_dim);
#pragma GCC unroll 4
            for (int h = 0; h < nh; h++)
                a[h][j] = vaddq_f32(a[h][j], vmulq_n_f32(v, p[(size_t)h * ldp + i]));
        }
#pragma GCC unroll 4
    for (int h = 0; h < nh; h++)
#pragma GCC unroll 4
        for (int j = 0; j < nv; j++) vst1q_f32(acc + (size_t)h * lda + d + 4 * (size_t)j, a[h][j]);
}

SF_INLINE void sf_mix_dims(enum sf_kv kind, const int nh, float *acc, size_t lda, const float *corr,
                           const float *p, size_t ldp, const void *page, size_t n,
                           size_t head_dim) {
    size_t d = 0;
    for (; d + 16 <= head_dim; d += 16)
        sf_mix(kind, nh, 4, acc, lda, corr, p, ldp, page, n, head_dim, d);
    for (; d + 4 <= head_dim; d += 4)
        sf_mix(kind, nh, 1, acc, lda, corr, p, ldp, page, n, head_dim, d);
    for (; d < head_dim; d++)
        for (size_t h = 0; h < (size_t)nh; h++) {
            float a = acc[h * lda + d];
            if (corr) a *= corr[h];
            for (size_t i = 0; i < n; i++)
                a += p[h * ldp + i] * sf_read_v1(kind, page, i, d, head_dim);
            acc[h * lda + d] = a;
        }
}

SF_INLINE void sf_mix_heads(enum sf_kv kind, float *acc, size_t lda, const float *corr,
                            const float *p, size_t ldp, size_t nq, const void *page, size_t n,
                            size_t head_dim) {
    size_t h = 0;
    for (; nq - h >= 4; h += 4)
        sf_mix_dims(kind, 4, acc + h * lda, lda, corr ? corr + h : NULL, p + h * ldp, ldp, page, n,
                    head_dim);
    if (nq - h >= 2) {
        sf_mix_dims(kind, 2, acc + h * lda, lda, corr ? corr + h : NULL, p + h * ldp, ldp, page, n,
                    head_dim);
        h += 2;
    }
    if (h < nq)
        sf_mix_dims(kind, 1, acc + h * lda, lda, corr ? corr + h : NULL, p + h * ldp, ldp, page, n,
                    head_dim);
}

/* x (n) to page elements at, at + step, at + 2 step, .. */
SF_INLINE void sf_kv_put(bool half, void *page, size_t at, size_t step, const float *x, size_t n) {
    for (size_t d = 0; d < n; d += 4) {
        size_t have = sf_min(n - d, 4);
        float v[4];
        uint16_t u[4];
        float32x4_t four = have == 4 ? vld1q_f32(x + d) : sf_load_some(x + d, have);
        if (half)
            vst1_u16(u, sf_narrow(four));
        else
            vst1q_f32(v, four);
        for (size_t i = 0; i < have; i++)
            if (half)
                ((uint16_t *)page)[at + (d + i) * step] = u[i];
            else
                ((float *)page)[at + (d + i) * step] = v[i];
    }
}

#define SF_ATTENTION(kind, KIND)                                                                   \
    static void sf_attn_score_##kind##_neon(float *s, size_t lds, const float *q, size_t ldq,      \
                                            size_t nq, const void *k_page, size_t head_dim,        \
                                            float scale) {                                         \
        sf_score_heads(KIND, s, lds, q, ldq, nq, k_page, head_dim, scale);                         \
    }                                                                                              \
    static void sf_attn_mix_##kind##_neon(float *acc, size_t lda, const float *corr,               \
                                          const float *p, size_t ldp, size_t nq,                   \
                                          const void *v_page, size_t n, size_t head_dim) {         \
        sf_mix_heads(KIND, acc, lda, corr, p, ldp, nq, v_page, n, head_dim);                       \
    }
#define SF_WRITES(kind, half)                                                                      \
    static void sf_kv_put_k_##kind##_neon(void *k_page, size_t pos, const float *k,                \
                                          size_t head_dim) {                                       \
        sf_kv_put(half, k_page, pos, SF_KV_PAGE, k, head_dim);                                     \
    }                                                                                              \
    static void sf_kv_put_v_##kind##_neon(void *v_page, size_t pos, const float *v,                \
                                          size_t head_dim) {                                       \
        sf_kv_put(half, v_page, pos *head_dim, 1, v, head_dim);                                    \
    }
SF_ATTENTION(f16, SF_KV_F16)
SF_ATTENTION(f32, SF_KV_F32)
SF_ATTENTION(q8_0, SF_KV_Q8_0)
SF_WRITES(f16, true)
SF_WRITES(f32, false) /* Q8_0: plain C */

void sf_fill_attention_neon(struct sf_kernels *k) {
    k->attn_score[SF_KV_F16] = sf_attn_score_f16_neon;
    k->attn_score[SF_KV_F32] = sf_attn_score_f32_neon;
    k->attn_score[SF_KV_Q8_0] = sf_attn_score_q8_0_neon;
    k->attn_softmax = sf_attn_softmax_neon;
    k->attn_mix[SF_KV_F16] = sf_attn_mix_f16_neon;
    k->attn_mix[SF_KV_F32] = sf_attn_mix_f32_neon;
    k->attn_mix[SF_KV_Q8_0] = sf_attn_mix_q8_0_neon;
    k->kv_put_k[SF_KV_F16] = sf_kv_put_k_f16_neon;
    k->kv_put_k[SF_KV_F32] = sf_kv_put_k_f32_neon;
    k->kv_put_v[SF_KV_F16] = sf_kv_put_v_f16_neon;
    k->kv_put_v[SF_KV_F32] = sf_kv_put_v_f32_neon;
}
