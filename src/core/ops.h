/* SPDX-License-Identifier: MIT
 * ops.h - the steps of the forward pass. Every member of the team calls each of them with the same
 * arguments; each does its share of whole outputs. None contains a barrier: forward.c has them all,
 * so that one sees where members meet.
 */
#ifndef SF_OPS_H
#define SF_OPS_H

#include "session.h"
#include "threads.h"

struct sf_pass { /* one member's view of one forward pass */
    surefoot_session *s;
    const struct sf_batch *b;
    const struct sf_kernels *k;
    const struct sf_config *c;
    struct sf_member *me;
    bool apart; /* no two rows of b are of one sequence: a row's attention needs its own k and v only */
};

/* x[t] = row token[t] of W, as floats.  x (n, cols). By token. */
void sf_embed(const struct sf_pass *p, float *x, const struct sf_tensor *w);
/* Cosines then sines of position pos[t], of every layer and of local ones. By token. */
void sf_rope_angles(const struct sf_pass *p);
/* y[t] = rmsnorm(x[t]) * w for t < n (w NULL: x[t]), quantised into every form in mask. rows: NULL, or
 * which rows of x to take. By token, as sf_embed shares them. */
void sf_norm(const struct sf_pass *p, float *y, const float *x, const float *w, const uint32_t *rows,
             size_t n, uint32_t mask);
/* Quantises x (n, k) into every form in mask. By token, a single one by blocks. */
void sf_quantise(const struct sf_pass *p, const float *x, size_t n, size_t k, uint32_t mask);
/* Forms that matrices a, b, c (NULL allowed) need. */
uint32_t sf_forms(const struct sf_tensor *a, const struct sf_tensor *b, const struct sf_tensor *c);

/* The matmuls take rows of W as they come free (sf_take). x (n, cols) must have been quantised if W's
 * type asks. */
struct sf_product { /* y[t] = W x[t] (+ bias) */
    float *y;
    const struct sf_tensor *w;
    const float *bias; /* NULL: none */
    bool logits;       /* y is divided and capped as the configuration says */
};
/* count products (at most 3) of the same x (n, cols). */
void sf_linear(const struct sf_pass *p, const struct sf_product *product, int count, const float *x,
               size_t n);
/* x (n, dim) in place: rmsnorm over dim values, weights w. By token. */
void sf_row_norm(const struct sf_pass *p, float *x, const float *w, size_t dim);
/* x[t] += residual_scale * rmsnorm(o[t]) * w. By token. */
void sf_norm_add(const struct sf_pass *p, float *x, float *o, const float *w);
/* x[t] += residual_scale * W a[t]; o (n, rows) is scratch. */
void sf_linear_add(const struct sf_pass *p, float *x, float *o, const struct sf_tensor *w,
                   const float *a);
/* g[t] = act(gate x[t]) * (up x[t]), act SiLU or GELU, quantised into every form in mask; u is scratch. */
void sf_swiglu(const struct sf_pass *p, float *g, float *u, const struct sf_layer *w, const float *x,
               uint32_t mask);

/* A mixture of experts. Which n_used experts each token takes (the largest of r[t], of equal ones the
 * first) and with what weight (softmax). By token. */
void sf_route(const struct sf_pass *p, const float *r);
/* sf_swiglu of each token's experts: g, u (n * n_used, ff). An expert's rows are read once for all
 * its tokens; each product is one token's by itself, so that company does not change it. */
void sf_experts_swiglu(const struct sf_pass *p, float *g, float *u, const struct sf_layer *w,
                       const float *x, uint32_t mask);
/* e[pair] = down g[pair]. */
void sf_experts_down(const struct sf_pass *p, float *e, const struct sf_layer *w, const float *g);
/* o[t] = sum of weight * e over the token's experts, largest weight first; x[t] += residual_scale *
 * o[t]. By token. */
void sf_experts_add(const struct sf_pass *p, float *x, float *o, const float *e);

/* Per token and KV head: norm of q and k heads where the family has it, RoPE on both, k and v into
 * the cache. q (n, q_dim), k and v (n, kv_dim) in place. By (token, head). */
void sf_rope_and_put(const struct sf_pass *p, uint32_t layer, const struct sf_layer *w);
/* a[t] = softmax(cap(q K * attn_scale)) V over positions 0..pos[t], in a local layer over the last
 * window of them, for blocks of tokens and a KV head
 * at a time, so that pages that tokens share are read once. rope: also what sf_rope_and_put does,
 * for the block's own rows first (only with p->apart). mask: forms to quantise a into, where heads
 * end with blocks (sf_attend_quantises); else the caller does. */
void sf_attend(const struct sf_pass *p, float *a, const float *q, uint32_t layer,
               const struct sf_layer *rope, uint32_t mask);
bool sf_attend_quantises(const struct sf_pass *p, uint32_t mask);

#endif
