/* SPDX-License-Identifier: MIT
 * ops.c - the steps of the forward pass, each split over the team by whole outputs; see ops.h.
 */
#include "ops.h"

#include <math.h>
#include <string.h>

#include "sleef_det.h"

/* Where x is quantised to. */
static const struct sf_quantised *quantised(const struct sf_scratch *t, const float *x,
                                            enum sf_act form) {
    return x == t->g ? &t->gx[form] : &t->qx[form];
}

/* A weight's activations: the floats, or the quantised rows that sf_quantise left. */
static struct sf_acts acts_of(const struct sf_pass *p, enum sf_type type, const float *x, size_t n,
                              size_t k) {
    enum sf_act form = sf_qtypes[type].act;
    const struct sf_scratch *t = &p->s->s;
    struct sf_acts a = {.form = form, .n = n, .k = k};
    if (form == SF_ACT_F32) {
        a.f = x;
    } else {
        const struct sf_quantised *made = quantised(t, x, form);
        a.q = made->q;
        a.d = made->d;
        a.sum = made->sum;
    }
    return a;
}

/* Rows of one expert. */
static struct sf_tensor expert(const struct sf_tensor *w, size_t n, size_t e) {
    struct sf_tensor out = *w;
    size_t bytes = 0;
    out.rows = w->rows / n;
    if (w->packed)
        sf_pack_size(&bytes, w->type, out.rows, w->cols); /* of all of them: fitted at open */
    else
        bytes = out.rows * (w->cols / sf_qtypes[w->type].block * sf_qtypes[w->type].bytes);
    out.data = (const unsigned char *)w->data + e * bytes;
    return out;
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
        const float scale = p->c->embed_scale;
        for (size_t i = 0; scale != 1 && i < w->cols; i++) x[t * w->cols + i] *= scale;
    }
}

static void angles(const struct sf_pass *p, float *cs, const double *freq, size_t t) {
    const size_t pairs = p->c->n_rot / 2;
    float *c = cs + t * p->c->n_rot, *s = c + pairs;
    for (size_t i = 0; i < pairs; i++) { /* in double, rounded once */
        double si, co;
        sf_det_sincos((double)p->b->pos[t] * freq[i], &si, &co);
        c[i] = (float)(co * p->c->rope_mscale);
        s[i] = (float)(si * p->c->rope_mscale);
    }
}

void sf_rope_angles(const struct sf_pass *p) {
    const struct sf_scratch *t = &p->s->s;
    size_t begin, end;
    sf_share(p->me, p->b->n, 1, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        angles(p, t->cs, p->s->rope_freq, i);
        if (t->cs_local) angles(p, t->cs_local, p->s->m->rope_freq_local, i);
    }
}

uint32_t sf_forms(const struct sf_tensor *a, const struct sf_tensor *b, const struct sf_tensor *c) {
    uint32_t mask = 1u << sf_qtypes[a->type].act;
    if (b) mask |= 1u << sf_qtypes[b->type].act;
    if (c) mask |= 1u << sf_qtypes[c->type].act;
    return mask;
}

/* Values per block of a form. */
static const size_t form_block[SF_ACT_COUNT] = {1, 32, 256};

/* Quantises values [begin, end) of token t's row of k, whole blocks. */
static void quantise_part(const struct sf_pass *p, const float *x, size_t t, size_t k, size_t begin,
                          size_t end, uint32_t mask) {
    if (begin == end) return;
    for (int form = SF_ACT_Q8_32; form < SF_ACT_COUNT; form++) {
        if (!(mask & 1u << form)) continue;
        const size_t s = form_block[form], at = t * k + begin;
        SF_ASSERT(begin % s == 0 && end % s == 0);
        const struct sf_quantised *made = quantised(&p->s->s, x, (enum sf_act)form);
        p->k->quant[form](made->q + at, made->d + at / s, made->sum + at / 16, x + at, end - begin);
    }
}

void sf_quantise(const struct sf_pass *p, const float *x, size_t n, size_t k, uint32_t mask) {
    size_t begin, end;
    if (n == 1) { /* blocks are independent */
        sf_share(p->me, k, mask & 1u << SF_ACT_Q8_256 ? 256 : 32, &begin, &end);
        quantise_part(p, x, 0, k, begin, end, mask);
        return;
    }
    sf_share(p->me, n, 1, &begin, &end);
    for (size_t t = begin; t < end; t++) quantise_part(p, x, t, k, 0, k, mask);
}

void sf_norm(const struct sf_pass *p, float *y, const float *x, const float *w,
             const uint32_t *rows, size_t n, uint32_t mask) {
    size_t begin, end, dim = p->c->dim;
    sf_share(p->me, n, 1, &begin, &end);
    for (size_t t = begin; t < end; t++) {
        const float *from = x + (rows ? rows[t] : t) * dim;
        if (w)
            p->k->rmsnorm(y + t * dim, from, w, dim, p->c->eps);
        else
            memcpy(y + t * dim, from, dim * sizeof *y);
        quantise_part(p, y, t, dim, 0, dim, mask);
    }
}

void sf_row_norm(const struct sf_pass *p, float *x, const float *w, size_t dim) {
    size_t begin, end;
    sf_share(p->me, p->b->n, 1, &begin, &end);
    for (size_t t = begin; t < end; t++) p->k->rmsnorm(x + t * dim, x + t * dim, w, dim, p->c->eps);
}

/* x += residual_scale * o, n values; o is scratch. */
static void add_residual(const struct sf_pass *p, float *x, float *o, size_t n) {
    const float scale = p->c->residual_scale;
    for (size_t i = 0; scale != 1 && i < n; i++) o[i] *= scale;
    p->k->add(x, o, n);
}

void sf_norm_add(const struct sf_pass *p, float *x, float *o, const float *w) {
    size_t begin, end, dim = p->c->dim;
    sf_share(p->me, p->b->n, 1, &begin, &end);
    for (size_t t = begin; t < end; t++) {
        p->k->rmsnorm(o + t * dim, o + t * dim, w, dim, p->c->eps);
        add_residual(p, x + t * dim, o + t * dim, dim);
    }
}

/* Rows that a member takes at a time, a multiple of SF_PACK_ROWS: enough for the streams of a product
 * with one token; with many, enough for what a kernel does once per call. */
static size_t rows_step(const struct sf_pass *p, size_t rows, size_t n) {
    size_t step = 64; /* a power of two */
    while (n > 16 && step < 256 && 2 * step * 8 * (size_t)p->me->n <= rows) step *= 2;
    return step;
}

static void product_rows(const struct sf_pass *p, const struct sf_product *m, const float *x,
                         size_t n, size_t r0, size_t r1) {
    const struct sf_tensor *w = m->w;
    const struct sf_matmul *mm = &p->k->mm[w->type];
    struct sf_acts a = acts_of(p, w->type, x, n, w->cols);
    (n == 1 ? mm->gemv : mm->gemm)(m->y, w->rows, w->data, &a, n, r0, r1, w->cols);
    if (m->bias)
        for (size_t t = 0; t < n; t++) p->k->add(m->y + t * w->rows + r0, m->bias + r0, r1 - r0);
    for (size_t t = 0; m->logits && t < n; t++) {
        float *y = m->y + t * w->rows + r0;
        if (p->c->logit_div != 1) p->k->div(y, p->c->logit_div, r1 - r0);
        if (p->c->logit_cap > 0) p->k->softcap(y, p->c->logit_cap, r1 - r0);
    }
}

void sf_linear(const struct sf_pass *p, const struct sf_product *product, int count, const float *x,
               size_t n) {
    /* The products' rows one after the other, each from a whole step on. */
    size_t all = 0, begin, end, step;
    for (int i = 0; i < count; i++) all += product[i].w->rows;
    step = rows_step(p, all, n);
    all = 0;
    for (int i = 0; i < count; i++) all += sf_round_up(product[i].w->rows, step);
    while (sf_take(p->me, all, step, &begin, &end)) {
        size_t first = 0;
        for (int i = 0; i < count; i++) {
            const size_t rows = product[i].w->rows, r0 = begin > first ? begin - first : 0;
            const size_t r1 = end > first ? sf_min(end - first, rows) : 0;
            if (r0 < r1) product_rows(p, &product[i], x, n, r0, r1);
            first += sf_round_up(rows, step);
        }
    }
}

void sf_linear_add(const struct sf_pass *p, float *x, float *o, const struct sf_tensor *w,
                   const float *a) {
    const struct sf_product m = {.y = o, .w = w};
    size_t r0, r1, step = rows_step(p, w->rows, p->b->n);
    while (sf_take(p->me, w->rows, step, &r0, &r1)) {
        product_rows(p, &m, a, p->b->n, r0, r1);
        for (size_t t = 0; t < p->b->n; t++)
            add_residual(p, x + t * w->rows + r0, o + t * w->rows + r0, r1 - r0);
    }
}

/* g = act(g) * u, n values from value at of row on, a row of ff values; and quantised. */
static void gate(const struct sf_pass *p, float *g, const float *u, size_t row, size_t ff,
                 size_t r0, size_t r1, uint32_t mask) {
    (p->c->gelu ? p->k->gelu_mul : p->k->silu_mul)(g + row * ff + r0, u + row * ff + r0, r1 - r0);
    quantise_part(p, g, row, ff, r0, r1, mask);
}

void sf_swiglu(const struct sf_pass *p, float *g, float *u, const struct sf_layer *w,
               const float *x, uint32_t mask) {
    const struct sf_product gates = {.y = g, .w = &w->gate}, ups = {.y = u, .w = &w->up};
    const size_t ff = w->gate.rows;
    size_t r0, r1, step = rows_step(p, ff, p->b->n);
    if (mask & 1u << SF_ACT_Q8_256) step = 256;
    while (sf_take(p->me, ff, step, &r0, &r1)) {
        product_rows(p, &gates, x, p->b->n, r0, r1);
        product_rows(p, &ups, x, p->b->n, r0, r1);
        for (size_t t = 0; t < p->b->n; t++) gate(p, g, u, t, ff, r0, r1, mask);
    }
}

/* ---------------------------------------------------------------- mixture of experts */

static void choose(const struct sf_pass *p, const float *r, uint32_t *chosen, float *weight) {
    const struct sf_config *c = p->c;
    bool taken[SF_MAX_EXPERTS] = {false};
    double sum = 0;
    for (uint32_t j = 0; j < c->n_used; j++) {
        uint32_t best = SF_MAX_EXPERTS;
        for (uint32_t e = 0; e < c->n_experts; e++)
            if (!taken[e] && (best == SF_MAX_EXPERTS || r[e] > r[best])) best = e;
        taken[best] = true;
        chosen[j] = best;
    }
    const float top = r[chosen[0]];
    for (uint32_t j = 0; j < c->n_used; j++) p->k->exp_sub(weight + j, r + chosen[j], top, 1);
    for (uint32_t e = 0; !c->expert_norm && e < c->n_experts; e++) { /* of all */
        float x;
        p->k->exp_sub(&x, r + e, top, 1);
        sum += (double)x;
    }
    for (uint32_t j = 0; c->expert_norm && j < c->n_used; j++) sum += (double)weight[j];
    for (uint32_t j = 0; j < c->n_used; j++) weight[j] = (float)((double)weight[j] / sum);
}

void sf_route(const struct sf_pass *p, const float *r) {
    const struct sf_scratch *t = &p->s->s;
    const size_t used = p->c->n_used;
    size_t begin, end;
    sf_share(p->me, p->b->n, 1, &begin, &end);
    for (size_t i = begin; i < end; i++)
        choose(p, r + i * p->c->n_experts, t->chosen + i * used, t->chosen_weight + i * used);
}

/* Pairs (token, expert) by expert, then by token: first[e] .. first[e + 1] of pair. This member's. */
struct groups {
    uint32_t *first, *pair;
};
static struct groups by_expert(const struct sf_pass *p) {
    const struct sf_scratch *t = &p->s->s;
    const size_t E = p->c->n_experts, id = (size_t)p->me->id, n = p->b->n * p->c->n_used;
    struct groups g = {t->first + id * (E + 1), t->pair + id * p->s->max_batch * p->c->n_used};
    memset(g.first, 0, (E + 1) * sizeof *g.first);
    for (size_t i = 0; i < n; i++) g.first[t->chosen[i] + 1]++;
    for (size_t e = 0; e < E; e++) g.first[e + 1] += g.first[e];
    for (size_t i = 0; i < n; i++) g.pair[g.first[t->chosen[i]]++] = (uint32_t)i;
    for (size_t e = E; e > 0; e--) g.first[e] = g.first[e - 1];
    g.first[0] = 0;
    return g;
}

/* y[row] = W x[from], rows r0 .. r1 of an expert's W. */
static void expert_rows(const struct sf_pass *p, float *y, const struct sf_tensor *w,
                        const float *x, size_t row, size_t from, size_t r0, size_t r1) {
    const size_t k = w->cols;
    struct sf_acts a = acts_of(p, w->type, x, 1, k);
    if (a.form == SF_ACT_F32) {
        a.f += from * k;
    } else {
        a.q += from * k;
        a.d += from * (k / form_block[a.form]);
        a.sum += from * (k / 16);
    }
    p->k->mm[w->type].gemv(y + row * w->rows, w->rows, w->data, &a, 1, r0, r1, k);
}

/* The rows of all experts that have tokens, one expert after the other, as they come free. fn gets
 * parts of at most step rows, so that they stay in the cache for all the expert's tokens. */
typedef void (*rows_fn)(const struct sf_pass *p, void *arg, size_t e, const uint32_t *pair,
                        size_t n, size_t r0, size_t r1);
static void each_expert(const struct sf_pass *p, size_t rows, size_t step, rows_fn fn, void *arg) {
    const struct groups g = by_expert(p);
    const size_t each = sf_round_up(rows, step);
    size_t active = 0, begin, end;
    for (size_t e = 0; e < p->c->n_experts; e++) active += g.first[e + 1] > g.first[e];
    while (sf_take(p->me, active * each, step, &begin, &end)) {
        size_t at = 0; /* row where this expert begins */
        for (size_t e = 0; e < p->c->n_experts && at < end; e++) {
            const size_t n = g.first[e + 1] - g.first[e];
            if (n == 0) continue;
            size_t r0 = begin > at ? begin - at : 0;
            const size_t r1 = sf_min(end - at, rows);
            for (; r0 < r1; r0 += step)
                fn(p, arg, e, g.pair + g.first[e], n, r0, sf_min(r0 + step, r1));
            at += each;
        }
    }
}

struct expert_args {
    float *y, *u;
    const struct sf_layer *w;
    const float *x;
    uint32_t mask;
};

static void swiglu_rows(const struct sf_pass *p, void *arg, size_t e, const uint32_t *pair,
                        size_t n, size_t r0, size_t r1) {
    const struct expert_args *a = arg;
    const struct sf_tensor gates = expert(&a->w->gate, p->c->n_experts, e);
    const struct sf_tensor ups = expert(&a->w->up, p->c->n_experts, e);
    for (size_t i = 0; i < n; i++) {
        const size_t token = pair[i] / p->c->n_used;
        expert_rows(p, a->y, &gates, a->x, pair[i], token, r0, r1);
        expert_rows(p, a->u, &ups, a->x, pair[i], token, r0, r1);
        gate(p, a->y, a->u, pair[i], p->c->ff_dim, r0, r1, a->mask);
    }
}

void sf_experts_swiglu(const struct sf_pass *p, float *g, float *u, const struct sf_layer *w,
                       const float *x, uint32_t mask) {
    struct expert_args a = {g, u, w, x, mask};
    each_expert(p, p->c->ff_dim, mask & 1u << SF_ACT_Q8_256 ? 256 : 64, swiglu_rows, &a);
}

static void down_rows(const struct sf_pass *p, void *arg, size_t e, const uint32_t *pair, size_t n,
                      size_t r0, size_t r1) {
    const struct expert_args *a = arg;
    const struct sf_tensor down = expert(&a->w->down, p->c->n_experts, e);
    for (size_t i = 0; i < n; i++) expert_rows(p, a->y, &down, a->x, pair[i], pair[i], r0, r1);
}

void sf_experts_down(const struct sf_pass *p, float *e, const struct sf_layer *w, const float *g) {
    struct expert_args a = {.y = e, .w = w, .x = g};
    each_expert(p, p->c->dim, 64, down_rows, &a);
}

void sf_experts_add(const struct sf_pass *p, float *x, float *o, const float *e) {
    const size_t dim = p->c->dim, used = p->c->n_used;
    size_t begin, end;
    sf_share(p->me, p->b->n, 1, &begin, &end);
    for (size_t t = begin; t < end; t++) {
        float *sum = o + t * dim;
        for (size_t j = 0; j < used; j++) {
            const float weight = p->s->s.chosen_weight[t * used + j];
            const float *said = e + (t * used + j) * dim;
            for (size_t i = 0; i < dim; i++)
                sum[i] = j ? sum[i] + weight * said[i] : weight * said[i];
        }
        add_residual(p, x + t * dim, sum, dim);
    }
}

/* ---------------------------------------------------------------- q, k and v */

/* q or k heads of one token: norm per head where there is one, then rotation (cs NULL: none). */
static void turn(const struct sf_pass *p, float *x, size_t n_heads, const float *norm,
                 const float *cs) {
    size_t hd = p->c->head_dim;
    if (norm)
        for (size_t h = 0; h < n_heads; h++)
            p->k->rmsnorm(x + h * hd, x + h * hd, norm, hd, p->c->eps);
    if (!cs) return;
    (p->c->rope_neox ? p->k->rope_neox : p->k->rope_norm)(x, cs, p->c->n_rot / 2, hd, n_heads);
}

static void rope_and_put_one(const struct sf_pass *p, uint32_t layer, const struct sf_layer *w,
                             size_t row, uint32_t head) {
    const struct sf_config *c = p->c;
    const struct sf_cache *kv = &p->s->kv;
    const struct sf_scratch *t = &p->s->s;
    const size_t hd = c->head_dim, group = c->n_heads / c->n_kv_heads;
    const float *cs = (w->local && t->cs_local ? t->cs_local : t->cs) + row * c->n_rot;
    if (!w->rotates) cs = NULL;
    const uint32_t pos = p->b->pos[row];
    const uint32_t page = kv->seq[p->b->seq[row]].page[pos / SF_KV_PAGE];
    float *k = t->k + (row * c->n_kv_heads + head) * hd;
    const float *v = t->v + (row * c->n_kv_heads + head) * hd;
    turn(p, t->q + (row * c->n_heads + head * group) * hd, group, w->q_norm, cs);
    turn(p, k, 1, w->k_norm, cs);
    p->k->kv_put_k[kv->type_k](sf_kv_k(kv, layer, page, head), pos % SF_KV_PAGE, k, hd);
    p->k->kv_put_v[kv->type_v](sf_kv_v(kv, layer, page, head), pos % SF_KV_PAGE, v, hd);
}

void sf_rope_and_put(const struct sf_pass *p, uint32_t layer, const struct sf_layer *w) {
    size_t begin, end, heads = p->c->n_kv_heads;
    sf_share(p->me, p->b->n * heads, 1, &begin, &end);
    for (size_t i = begin; i < end; i++)
        rope_and_put_one(p, layer, w, i / heads, (uint32_t)(i % heads));
}

/* ---------------------------------------------------------------- attention */

struct block { /* tokens row .. row + n of the batch, one KV head */
    const struct sf_pass *p;
    uint32_t layer, head;
    size_t row, n, group, window; /* window 0: all positions */
    float *q, *acc, *score;       /* (n, group, head_dim) twice, (n, group, SF_TILE) */
    float *m, *l, *corr;          /* (n, group)                                      */
};

static size_t n_pos(const struct block *b, size_t i) {
    return (size_t)b->p->b->pos[b->row + i] + 1;
}

/* The first position that token i sees. */
static size_t from(const struct block *b, size_t i) {
    const size_t n = n_pos(b, i);
    return b->window && n > b->window ? n - b->window : 0;
}

static uint32_t page_of(const struct block *b, size_t i, size_t pos) {
    return b->p->s->kv.seq[b->p->b->seq[b->row + i]].page[pos / SF_KV_PAGE];
}

/* Positions of the page from pos on that token i sees: 0..SF_KV_PAGE. */
static size_t seen(const struct block *b, size_t i, size_t pos) {
    size_t n = n_pos(b, i);
    return n > pos ? sf_min(n - pos, SF_KV_PAGE) : 0;
}

/* Tokens from i on that share the page at pos (with same: and see as much of it). */
static size_t run(const struct block *b, size_t i, size_t pos, bool same) {
    size_t j = i + 1, see = seen(b, i, pos);
    while (j < b->n && (same ? seen(b, j, pos) == see : seen(b, j, pos) > 0) &&
           page_of(b, j, pos) == page_of(b, i, pos))
        j++;
    return j - i;
}

static void scores(const struct block *b, size_t tile, size_t top) {
    const struct sf_cache *kv = &b->p->s->kv;
    const size_t hd = b->p->c->head_dim, end = sf_min(tile + SF_TILE, top);
    const float scale = b->p->c->attn_scale;
    for (size_t pos = tile; pos < end; pos += SF_KV_PAGE)
        for (size_t i = 0, n; i < b->n; i += n) {
            n = 1;
            if (!seen(b, i, pos)) continue;
            n = run(b, i, pos, false);
            b->p->k->attn_score[kv->type_k](
                b->score + i * b->group * SF_TILE + (pos - tile), SF_TILE, b->q + i * b->group * hd,
                hd, n * b->group, sf_kv_k(kv, b->layer, page_of(b, i, pos), b->head), hd, scale);
        }
}

static void mixes(const struct block *b, size_t tile, size_t top) {
    const struct sf_cache *kv = &b->p->s->kv;
    const size_t hd = b->p->c->head_dim, end = sf_min(tile + SF_TILE, top);
    for (size_t pos = tile; pos < end; pos += SF_KV_PAGE)
        for (size_t i = 0, n; i < b->n; i += n) {
            n = 1;
            if (!seen(b, i, pos)) continue;
            n = run(b, i, pos, true);
            b->p->k->attn_mix[kv->type_v](
                b->acc + i * b->group * hd, hd, pos == tile ? b->corr + i * b->group : NULL,
                b->score + i * b->group * SF_TILE + (pos - tile), SF_TILE, n * b->group,
                sf_kv_v(kv, b->layer, page_of(b, i, pos), b->head), seen(b, i, pos), hd);
        }
}

/* Scores of one head of token i in a tile become weights, +0 where the token does not see; returns the
 * correction of what was summed before. A tile that lies before the token's window changes nothing:
 * its sums are +0 still. */
static float weigh(const struct block *b, size_t i, size_t h, size_t tile) {
    const struct sf_kernels *k = b->p->k;
    const size_t n = sf_min(n_pos(b, i) - tile, SF_TILE), start = from(b, i);
    const size_t off = start > tile ? sf_min(start - tile, n) : 0;
    float *s = b->score + h * SF_TILE;
    memset(s, 0, off * sizeof *s);
    if (off == n) return 1;
    if (b->p->c->attn_cap > 0) k->softcap(s + off, b->p->c->attn_cap, n - off);
    return k->attn_softmax(s + off, n - off, &b->m[h], &b->l[h]);
}

/* Each token over its positions 0..pos (its window of them) in tiles of SF_TILE from 0, tiles in order,
 * so the result does not depend on how the batch or the pages were cut, nor on who is in the block. */
static void attend_block(const struct block *b, float *a, const float *q) {
    const struct sf_kernels *k = b->p->k;
    const struct sf_config *c = b->p->c;
    const size_t hd = c->head_dim, each = b->group * hd;
    size_t top = 0, first = SIZE_MAX;
    for (size_t i = 0; i < b->n; i++) {
        memcpy(b->q + i * each, q + ((b->row + i) * c->n_heads + b->head * b->group) * hd,
               each * sizeof *q);
        top = sf_max(top, n_pos(b, i));
        first = sf_min(first, from(b, i));
    }
    memset(b->acc, 0, b->n * each * sizeof *b->acc);
    for (size_t h = 0; h < b->n * b->group; h++) b->m[h] = -INFINITY, b->l[h] = 0;
    for (size_t tile = first / SF_TILE * SF_TILE; tile < top; tile += SF_TILE) {
        scores(b, tile, top);
        for (size_t h = 0; h < b->n * b->group; h++)
            if (n_pos(b, h / b->group) > tile) b->corr[h] = weigh(b, h / b->group, h, tile);
        mixes(b, tile, top);
    }
    for (size_t h = 0; h < b->n * b->group; h++) k->div(b->acc + h * hd, b->l[h], hd);
    for (size_t i = 0; i < b->n; i++)
        memcpy(a + ((b->row + i) * c->n_heads + b->head * b->group) * hd, b->acc + i * each,
               each * sizeof *a);
}

bool sf_attend_quantises(const struct sf_pass *p, uint32_t mask) {
    size_t each = (size_t)p->c->n_heads / p->c->n_kv_heads * p->c->head_dim;
    return each % (mask & 1u << SF_ACT_Q8_256 ? 256 : mask & 1u << SF_ACT_Q8_32 ? 32 : 1) == 0;
}

void sf_attend(const struct sf_pass *p, float *a, const float *q, uint32_t layer,
               const struct sf_layer *rope, uint32_t mask) {
    const struct sf_config *c = p->c;
    const struct sf_scratch *t = &p->s->s;
    const size_t hd = c->head_dim, group = c->n_heads / c->n_kv_heads, rows = p->b->n;
    const size_t id = (size_t)p->me->id, each = group * hd;
    struct block b = {.p = p, .layer = layer, .group = group};
    b.window = p->s->m->layer[layer].local ? c->window : 0;
    b.q = t->attn_q + id * t->n_attn * hd;
    b.acc = t->attn_acc + id * t->n_attn * hd;
    b.score = t->score + id * t->n_attn * SF_TILE;
    b.m = t->state + id * t->n_attn * 3;
    b.l = b.m + t->n_attn;
    b.corr = b.l + t->n_attn;
    size_t size = sf_min(t->n_attn / group, rows); /* tokens in a block; fewer for more members */
    while (size > 1 && (rows + size - 1) / size * c->n_kv_heads < 2 * (size_t)p->me->n)
        size = (size + 1) / 2;
    const size_t blocks = (rows + size - 1) / size;
    size_t begin, end;
    if (!sf_attend_quantises(p, mask)) mask = 0;
    while (sf_take(p->me, blocks * c->n_kv_heads, 1, &begin, &end))
        for (size_t unit = begin; unit < end; unit++) {
            /* Later tokens have more positions: they go first. */
            b.row = (blocks - 1 - unit / c->n_kv_heads) * size;
            b.n = sf_min(size, rows - b.row);
            b.head = (uint32_t)(unit % c->n_kv_heads);
            for (size_t i = 0; rope && i < b.n; i++)
                rope_and_put_one(p, layer, rope, b.row + i, b.head);
            attend_block(&b, a, q);
            for (size_t i = 0; i < b.n; i++)
                quantise_part(p, a, b.row + i, c->n_heads * hd, b.head * each, (b.head + 1) * each,
                              mask);
        }
}
