/* SPDX-License-Identifier: MIT
 * ops.c - the steps of the forward pass, each split over the team by whole outputs; see ops.h.
 */
#include "ops.h"

#include <math.h>
#include <string.h>

#include "sleef_det.h"

/* A weight's activations: the floats, or the quantised rows that sf_quantise left. */
static struct sf_acts acts_of(const struct sf_pass *p, enum sf_type type, const float *x, size_t n,
                              size_t k) {
    enum sf_act form = sf_qtypes[type].act;
    const struct sf_scratch *t = &p->s->s;
    struct sf_acts a = {.form = form, .n = n, .k = k};
    if (form == SF_ACT_F32) {
        a.f = x;
    } else {
        a.q = t->qx[form].q;
        a.d = t->qx[form].d;
        a.sum = t->qx[form].sum;
    }
    return a;
}

void sf_embed(const struct sf_pass *p, float *x, const struct sf_tensor *w) {
    size_t begin, end;
    const struct sf_qtype *q = &sf_qtypes[w->type];
    size_t blocks = w->cols / q->block, row_bytes = blocks * q->bytes;
    sf_share(p->me, p->b->n, 1, &begin, &end);
    unsigned char *row = p->s->s.row + (size_t)p->me->id * p->s->s.row_bytes;
    for (size_t t = begin; t < end; t++) {
        size_t id = (size_t)p->b->token[t];
        const unsigned char *src = (const unsigned char *)w->data + id * row_bytes;
        if (w->packed) {
            sf_pack_get_row(row, w->data, w->type, w->cols, id);
            src = row;
        }
        q->decode(x + t * w->cols, src, blocks);
    }
}

void sf_rope_angles(const struct sf_pass *p, float *cs) {
    size_t begin, end, pairs = p->c->n_rot / 2;
    sf_share(p->me, p->b->n, 1, &begin, &end);
    for (size_t t = begin; t < end; t++) {
        float *c = cs + t * p->c->n_rot, *s = c + pairs;
        for (size_t i = 0; i < pairs; i++) { /* in double, rounded once */
            double si, co;
            sf_det_sincos((double)p->b->pos[t] * p->s->m->rope_freq[i], &si, &co);
            c[i] = (float)co;
            s[i] = (float)si;
        }
    }
}

void sf_norm(const struct sf_pass *p, float *y, const float *x, const float *w,
             const uint32_t *rows, size_t n) {
    size_t begin, end, dim = p->c->dim;
    sf_share(p->me, n, 1, &begin, &end);
    for (size_t t = begin; t < end; t++)
        p->k->rmsnorm(y + t * dim, x + (rows ? rows[t] : t) * dim, w, dim, p->c->eps);
}

uint32_t sf_forms(const struct sf_tensor *a, const struct sf_tensor *b, const struct sf_tensor *c) {
    uint32_t mask = 1u << sf_qtypes[a->type].act;
    if (b) mask |= 1u << sf_qtypes[b->type].act;
    if (c) mask |= 1u << sf_qtypes[c->type].act;
    return mask;
}

void sf_quantise(const struct sf_pass *p, const float *x, size_t n, size_t k, uint32_t mask) {
    static const size_t step[SF_ACT_COUNT] = {1, 32, 256};
    for (int form = SF_ACT_Q8_32; form < SF_ACT_COUNT; form++) {
        if (!(mask & 1u << form)) continue;
        size_t begin, end, s = step[form];
        int8_t *q = p->s->s.qx[form].q;
        float *d = p->s->s.qx[form].d;
        int16_t *sum = p->s->s.qx[form].sum;
        /* Blocks are independent: one token is shared out by blocks, several by whole rows. */
        if (n == 1) {
            sf_share(p->me, k, s, &begin, &end);
            if (end > begin)
                p->k->quant[form](q + begin, d + begin / s, sum + begin / 16, x + begin,
                                  end - begin);
        } else {
            sf_share(p->me, n, 1, &begin, &end);
            for (size_t t = begin; t < end; t++)
                p->k->quant[form](q + t * k, d + t * (k / s), sum + t * (k / 16), x + t * k, k);
        }
    }
}

void sf_linear(const struct sf_pass *p, float *y, const struct sf_tensor *w, const float *x,
               const float *bias, size_t n) {
    size_t r0, r1;
    sf_share(p->me, w->rows, SF_PACK_ROWS, &r0, &r1);
    if (r0 == r1) return;
    const struct sf_matmul *mm = &p->k->mm[w->type];
    struct sf_acts a = acts_of(p, w->type, x, n, w->cols);
    (n == 1 ? mm->gemv : mm->gemm)(y, w->rows, w->data, &a, n, r0, r1, w->cols);
    if (bias)
        for (size_t t = 0; t < n; t++) p->k->add(y + t * w->rows + r0, bias + r0, r1 - r0);
}

void sf_linear_add(const struct sf_pass *p, float *x, float *o, const struct sf_tensor *w,
                   const float *a) {
    size_t r0, r1;
    sf_share(p->me, w->rows, SF_PACK_ROWS, &r0, &r1);
    sf_linear(p, o, w, a, NULL, p->b->n);
    for (size_t t = 0; t < p->b->n; t++)
        p->k->add(x + t * w->rows + r0, o + t * w->rows + r0, r1 - r0);
}

void sf_swiglu(const struct sf_pass *p, float *g, const float *u, const struct sf_tensor *like) {
    size_t r0, r1;
    sf_share(p->me, like->rows, SF_PACK_ROWS, &r0, &r1);
    for (size_t t = 0; t < p->b->n; t++)
        p->k->silu_mul(g + t * like->rows + r0, u + t * like->rows + r0, r1 - r0);
}

/* q or k heads of one token: norm per head where there is one, then rotation. */
static void turn(const struct sf_pass *p, float *x, size_t n_heads, const float *norm,
                 const float *cs) {
    size_t hd = p->c->head_dim;
    if (norm)
        for (size_t h = 0; h < n_heads; h++)
            p->k->rmsnorm(x + h * hd, x + h * hd, norm, hd, p->c->eps);
    (p->c->rope_neox ? p->k->rope_neox : p->k->rope_norm)(x, cs, p->c->n_rot / 2, hd, n_heads);
}

void sf_rope_and_put(const struct sf_pass *p, uint32_t layer, const struct sf_layer *w) {
    const struct sf_config *c = p->c;
    const struct sf_cache *kv = &p->s->kv;
    const struct sf_scratch *t = &p->s->s;
    size_t hd = c->head_dim, group = c->n_heads / c->n_kv_heads, begin, end;
    sf_share(p->me, p->b->n * c->n_kv_heads, 1, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        size_t row = i / c->n_kv_heads, head = i % c->n_kv_heads;
        const float *cs = t->cs + row * c->n_rot;
        uint32_t pos = p->b->pos[row];
        uint32_t page = kv->seq[p->b->seq[row]].page[pos / SF_KV_PAGE];
        float *k = t->k + (row * c->n_kv_heads + head) * hd;
        const float *v = t->v + (row * c->n_kv_heads + head) * hd;
        turn(p, t->q + (row * c->n_heads + head * group) * hd, group, w->q_norm, cs);
        turn(p, k, 1, w->k_norm, cs);
        p->k->kv_put_k[kv->type_k](sf_kv_k(kv, layer, page, (uint32_t)head), pos % SF_KV_PAGE, k,
                                   hd);
        p->k->kv_put_v[kv->type_v](sf_kv_v(kv, layer, page, (uint32_t)head), pos % SF_KV_PAGE, v,
                                   hd);
    }
}

/* One token, one KV head: its group of query heads over positions 0..pos in tiles of SF_TILE from
 * 0, tiles in order, so the result does not depend on how the batch or the pages were cut. */
static void attend_head(const struct sf_pass *p, float *a, const float *q, uint32_t layer,
                        uint32_t head, const uint32_t *page, size_t n_pos) {
    const struct sf_kernels *k = p->k;
    const struct sf_cache *kv = &p->s->kv;
    size_t hd = p->c->head_dim, group = p->c->n_heads / p->c->n_kv_heads;
    float *score = p->s->s.score + (size_t)p->me->id * group * SF_TILE; /* (group, SF_TILE) */
    float *m = p->s->s.state + (size_t)p->me->id * group * 3, *l = m + group, *corr = l + group;
    float scale = 1.0f / sqrtf((float)hd);
    memset(a, 0, group * hd * sizeof *a);
    for (size_t h = 0; h < group; h++) m[h] = -INFINITY, l[h] = 0;
    for (size_t tile = 0; tile < n_pos; tile += SF_TILE) {
        size_t n = sf_min(n_pos - tile, SF_TILE);
        for (size_t i = 0; i < n; i += SF_KV_PAGE)
            k->attn_score[kv->type_k](score + i, SF_TILE, q, hd, group,
                                      sf_kv_k(kv, layer, page[(tile + i) / SF_KV_PAGE], head), hd,
                                      scale);
        for (size_t h = 0; h < group; h++)
            corr[h] = k->attn_softmax(score + h * SF_TILE, n, &m[h], &l[h]);
        for (size_t i = 0; i < n; i += SF_KV_PAGE)
            k->attn_mix[kv->type_v](a, hd, i == 0 ? corr : NULL, score + i, SF_TILE, group,
                                    sf_kv_v(kv, layer, page[(tile + i) / SF_KV_PAGE], head),
                                    sf_min(n - i, SF_KV_PAGE), hd);
    }
    for (size_t h = 0; h < group; h++) k->div(a + h * hd, l[h], hd);
}

void sf_attend(const struct sf_pass *p, float *a, const float *q, uint32_t layer) {
    const struct sf_config *c = p->c;
    size_t hd = c->head_dim, group = c->n_heads / c->n_kv_heads, units = p->b->n * c->n_kv_heads;
    /* Later tokens have more positions: deal units out in turn, not in runs. */
    for (size_t i = (size_t)p->me->id; i < units; i += (size_t)p->me->n) {
        size_t row = i / c->n_kv_heads, head = i % c->n_kv_heads;
        size_t at = (row * c->n_heads + head * group) * hd;
        attend_head(p, a + at, q + at, layer, (uint32_t)head, p->s->kv.seq[p->b->seq[row]].page,
                    (size_t)p->b->pos[row] + 1);
    }
}
