/* SPDX-License-Identifier: MIT
 * kernels.h - THE table: every slot, its contract, and how it is filled. Nothing else in the
 * project knows that CPUs differ.
 *
 * A kernel does one strip: no threads, no allocation, no dispatch inside. Pointers may have any
 * alignment unless stated. All levels give the same bits for finite data (arch/README.md holds the
 * rules); results for non-finite data are unspecified but defined behaviour.
 */
#ifndef SF_KERNELS_H
#define SF_KERNELS_H

#include "pack.h"
#include "types.h"

/* Activations of n rows (tokens) of k values, in the form a weight type asks for. Row t starts at
 * f + t*k, q + t*k, d + t*(k/32 or k/256), sum + t*(k/16). Written by the quant slots below.
 *   Q8_32 : per 32:  amax = max|x|; d = amax/127; id = 127/amax; q = rne(x*id), |q| <= 127.
 *   Q8_256: per 256: the same.          sum[i] = q[16 i] + ... + q[16 i + 15]  (both forms)
 * amax == 0, or so small that 127/amax is not finite: d = 0, q = 0.  amax not finite: d = NaN, q = 0,
 * so that the result becomes non-finite and is refused where logits are looked at. */
struct sf_acts {
    enum sf_act form;
    size_t n, k;
    const float *f;     /* (n, k)      F32 form only            */
    const int8_t *q;    /* (n, k)      SF_ALIGN aligned rows when k % 64 == 0 */
    const float *d;     /* (n, k/32) or (n, k/256)              */
    const int16_t *sum; /* (n, k/16)                            */
};

/* y[t*ldy + r] = sum over k of W[r][k] * x[t][k] for t < n and rows r0 <= r < r1 (y indexed from
 * row 0). w is the whole tensor in this slot's layout; r0 is a multiple of `rows`, r1 too unless
 * it is the last row. The result for a (token, row) does not depend on n, r0, r1. Arithmetic:
 *   F32/F16/BF16: acc = +0; for k in order: acc += w*x            (product and sum rounded apart)
 *   32-blocks   : acc = +0; per block: acc += (dw*da)*(float)isum  [Q4_1/Q5_1: then acc += (m*da)*(float)qsum]
 *   256-blocks  : acc = +0; per block: acc += (dw*da)*(float)isum  [Q2_K/Q4_K/Q5_K: then acc -= (dmin*da)*(float)msum]
 * isum: exact integer dot with the integer sub-scales inside; msum: sum of min_i * (q sums). */
typedef void (*sf_matmul_fn)(float *y, size_t ldy, const void *w, const struct sf_acts *x, size_t n,
                             size_t r0, size_t r1, size_t k);

struct sf_matmul { /* layout and compute travel together: replaced together or not at all          */
    int rows;            /* 1: the file's own layout, mapped as it is; 16: pack.h                   */
    sf_matmul_fn gemv;   /* n == 1                                                                  */
    sf_matmul_fn gemm;   /* n >= 1; equal to n calls of gemv, bit for bit                           */
};

enum sf_kv { SF_KV_F16, SF_KV_F32, SF_KV_Q8_0, SF_KV_COUNT };

/* A KV page holds SF_KV_PAGE positions of one layer and one KV head.
 *   K: (head_dim, SF_KV_PAGE)  transposed, so that a SIMD lane owns a position
 *   V: (SF_KV_PAGE, head_dim)
 * Elements are binary16 or float by kind; Q8_0: int8, and behind the 16 head_dim of them a binary16
 * scale for each 32 dimensions (the last group may be shorter) of a position:
 *   K: (groups, SF_KV_PAGE)   V: (SF_KV_PAGE, groups)     element = (float)int8 * (float)scale, exact
 * Positions not yet written hold zeros or older finite values. */
#define SF_KV_PAGE 16
#define SF_KV_GROUP 32
static inline size_t sf_kv_groups(size_t head_dim) {
    return (head_dim + SF_KV_GROUP - 1) / SF_KV_GROUP;
}
/* Bytes of a page of one head. */
static inline size_t sf_kv_page_bytes(enum sf_kv kind, size_t head_dim) {
    if (kind == SF_KV_Q8_0) return SF_KV_PAGE * (head_dim + 2 * sf_kv_groups(head_dim));
    return SF_KV_PAGE * head_dim * (kind == SF_KV_F32 ? 4 : 2);
}
/* Softmax is taken in tiles of SF_TILE positions from 0, tiles in order (online maximum). */
#define SF_TILE 64

struct sf_kernels {
    const char *isa; /* printed name of the highest overlay in use, "generic" if none */
    struct sf_matmul mm[SF_T_COUNT];

    /* x (k) -> q (k), d, sum as in struct sf_acts; k a multiple of the block; [SF_ACT_F32] is NULL */
    void (*quant[SF_ACT_COUNT])(int8_t *q, float *d, int16_t *sum, const float *x, size_t k);

    /* s = sum16(x*x)/(float)n + eps; r = 1/sqrtf(s); y = (x*r)*w.  y may be x.  sum16: lane j of 16
     * sums elements j, j+16, ... in order from +0, then lanes j+(j+8), +4, +2, +1. */
    void (*rmsnorm)(float *y, const float *x, const float *w, size_t n, float eps);

    /* Rotates n_heads heads of head_dim floats in place; the first 2*n_pairs of each head turn.
     * cs: (n_pairs) cosines then (n_pairs) sines. norm: pairs (2i, 2i+1); neox: (i, i+n_pairs).
     * a' = a*c - b*s; b' = a*s + b*c (each product rounded). */
    void (*rope_norm)(float *x, const float *cs, size_t n_pairs, size_t head_dim, size_t n_heads);
    void (*rope_neox)(float *x, const float *cs, size_t n_pairs, size_t head_dim, size_t n_heads);

    /* One page, nq query heads that share its KV head. s[h*lds + p] = sum16(q[h][d]*K[d][p]) * scale
     * for all 16 positions p (callers ignore those not yet written). q: row h at q + h*ldq. */
    void (*attn_score[SF_KV_COUNT])(float *s, size_t lds, const float *q, size_t ldq, size_t nq,
                                    const void *k_page, size_t head_dim, float scale);
    /* One tile of one head, online softmax: n (1..64) scores in s become weights exp(s - m').
     * m' = max(*m, max s); returns corr = exp(*m - m') (0 when *m is -INFINITY);
     * *l = *l * corr + sum16(weights); *m = m', +0 where it would be -0.  exp is SLEEF cinz. */
    float (*attn_softmax)(float *s, size_t n, float *m, float *l);
    /* acc[h][d] = acc[h][d]*corr[h]  (skip the multiply when corr == NULL), then += p[h][i] * V[i][d]
     * for i = 0..n-1 in order. acc: row h at acc + h*lda; p: row h at p + h*ldp. n <= 16. */
    void (*attn_mix[SF_KV_COUNT])(float *acc, size_t lda, const float *corr, const float *p,
                                  size_t ldp, size_t nq, const void *v_page, size_t n,
                                  size_t head_dim);
    /* Writes one position: k (head_dim) into column pos of the K page, v into row pos of the V page.
     * Q8_0, per group: amax = max|x|; d = amax/127 as binary16; q = rne(x * (1/d)) held to +-127;
     * d = 0: q = 0.  d not finite: d = NaN, q = 0 (the result is refused where logits are looked at). */
    void (*kv_put_k[SF_KV_COUNT])(void *k_page, size_t pos, const float *k, size_t head_dim);
    void (*kv_put_v[SF_KV_COUNT])(void *v_page, size_t pos, const float *v, size_t head_dim);

    /* g = (g / (1 + exp(-g))) * u */
    void (*silu_mul)(float *g, const float *u, size_t n);
    /* g = ((0.5 g) * (1 + tanh(0.79788456f * (g + 0.044715f * ((g g) g))))) * u, SLEEF cinz tanh */
    void (*gelu_mul)(float *g, const float *u, size_t n);
    /* x = cap * tanh(x / cap), cap > 0 */
    void (*softcap)(float *x, float cap, size_t n);
    /* y += x */
    void (*add)(float *y, const float *x, size_t n);
    /* y = y * a (attention: acc * (1/l) is a division: y / a) */
    void (*div)(float *y, float a, size_t n);
    /* y[i] = exp(x[i] - m), SLEEF cinz: sampler and log-likelihood. y may be x. */
    void (*exp_sub)(float *y, const float *x, float m, size_t n);
};

/* All slots from ref/, then each overlay whose needs are in flags, in the order of isa.def, up to
 * and including level `last` (NULL: all). E_USAGE: no such level; E_UNSUPPORTED: this CPU lacks it
 * or it belongs to another architecture. */
surefoot_status sf_kernels_init(struct sf_kernels *k, unsigned flags, const char *last,
                                surefoot_error *err);
/* Level names: 0 "generic", then lines of isa.def compiled in; NULL past the end. */
const char *sf_isa_name(int i);
/* Flags that level i needs (0 for generic). */
unsigned sf_isa_needs(int i);

/* Filled by ref/ (everything) and by each overlay (what it has). */
void sf_kernels_ref(struct sf_kernels *k);
#define SF_ISA(id, arch, needs) void sf_kernels_##id(struct sf_kernels *k);
#include "isa.def"
#undef SF_ISA

#endif
