/* SPDX-License-Identifier: MIT
 * forward.c - the transformer. One function for prefill, decode and beams: a batch is n tokens with
 * their sequences and positions. Read it with arch/kernels.h beside it.
 *
 * One parallel region per pass; between two lines with sf_barrier every member works on its own
 * share of the same step, so results do not depend on how many members there are.
 */
#include "ops.h"

/* hidden (n, dim), the rows `rows` of x (NULL: hidden is there already) and logits (n, vocab) =
 * W hidden (logits NULL: none). */
static void output(const struct sf_pass *p, float *logits, float *hidden, const float *x,
                   const uint32_t *rows, size_t n) {
    const struct sf_tensor *w = &p->s->m->output;
    const uint32_t forms = logits ? sf_forms(w, NULL, NULL) : 0;
    if (x)
        sf_norm(p, hidden, x, p->s->m->out_norm, rows, n, forms);
    else
        sf_quantise(p, hidden, n, p->c->dim, forms);
    if (!logits) return; /* the latent that the critic reads is enough */
    sf_barrier(p->me);
    sf_linear(p, &(struct sf_product){.y = logits, .w = w, .logits = true}, 1, hidden, n);
}

/* x += W a, or the norm of it where the family has one there. */
static void residual(const struct sf_pass *p, float *x, const struct sf_tensor *w,
                     const float *post_norm, const float *a) {
    float *o = p->s->s.o;
    if (post_norm) {
        sf_linear(p, &(struct sf_product){.y = o, .w = w}, 1, a, p->b->n);
        sf_barrier(p->me);
        sf_norm_add(p, x, o, post_norm);
    } else {
        sf_linear_add(p, x, o, w, a);
    }
}

/* x += the sum of the feed-forwards of the experts that the router chose for each token. */
static void experts(const struct sf_pass *p, float *x, const struct sf_layer *w) {
    const struct sf_scratch *t = &p->s->s;
    sf_linear(p, &(struct sf_product){.y = t->r, .w = &w->router}, 1, t->h, p->b->n);
    sf_barrier(p->me); /* r      (n, experts)                             */
    sf_route(p, t->r);
    sf_barrier(p->me); /* chosen (n, used)                                */
    sf_experts_swiglu(p, t->g, t->u, w, t->h, sf_forms(&w->down, NULL, NULL));
    sf_barrier(p->me); /* g      (n, used, ff)                            */
    sf_experts_down(p, t->e, w, t->g);
    sf_barrier(p->me); /* e      (n, used, dim)                           */
    sf_experts_add(p, x, t->o, t->e);
}

/* n = tokens in this batch; shapes on the right. A decoded token meets the others 7 times a layer:
 * what one member may do alone after its own part (norm and quantise a token, turn and attend a
 * head, quantise what it has just computed) is done there. */
static void forward(void *arg, struct sf_member *me) {
    surefoot_session *s = ((struct sf_pass *)arg)->s;
    struct sf_pass pass = *(struct sf_pass *)arg, *p = &pass;
    const surefoot_model *m = s->m;
    const struct sf_batch *b = p->b;
    struct sf_scratch *t = &s->s;
    const size_t n = b->n, q_dim = (size_t)p->c->n_heads * p->c->head_dim;
    p->me = me;

    sf_embed(p, t->x, &m->tok_embd); /* x      (n, dim)    */
    sf_rope_angles(p);               /* cs     (n, n_rot)  */
    for (uint32_t l = 0; l < m->config.n_layers; l++) {
        const struct sf_layer *w = &m->layer[l];
        const struct sf_product qkv[] = {{t->q, &w->wq, w->bq, false},
                                         {t->k, &w->wk, w->bk, false},
                                         {t->v, &w->wv, w->bv, false}};
        const struct sf_tensor *router = w->router.data ? &w->router : NULL;
        const uint32_t forms = sf_forms(&w->wo, NULL, NULL);
        if (me->id == 0) s->stop = atomic_load_explicit(&s->abort_asked, memory_order_relaxed);

        sf_norm(p, t->h, t->x, w->attn_norm, NULL, n, sf_forms(&w->wq, &w->wk, &w->wv));
        sf_barrier(me);      /* h      (n, dim), floats and quantised           */
        if (s->stop) return; /* the same answer for every member: written before the barrier */
        sf_linear(p, qkv, 3, t->h, n);
        sf_barrier(me); /* q      (n, q_dim)   k, v   (n, kv_dim)          */
        if (w->q_row_norm) {
            sf_row_norm(p, t->q, w->q_row_norm, q_dim);
            sf_row_norm(p, t->k, w->k_row_norm, w->wk.rows);
            sf_barrier(me);
        }
        if (!p->apart) {              /* a token attends to others of this batch         */
            sf_rope_and_put(p, l, w); /* rotate by position                   */
            sf_barrier(me);
        }
        sf_attend(p, t->a, t->q, l, p->apart ? w : NULL, forms);
        sf_barrier(me); /* a      (n, q_dim)                               */
        if (!sf_attend_quantises(p, forms)) {
            sf_quantise(p, t->a, n, q_dim, forms);
            sf_barrier(me);
        }
        residual(p, t->x, &w->wo, w->attn_post_norm, t->a);
        sf_barrier(me); /* x      (n, dim)     residual                    */

        sf_norm(p, t->h, t->x, w->ffn_norm, NULL, n, sf_forms(&w->gate, &w->up, router));
        sf_barrier(me); /* h      (n, dim)                                 */
        if (router) {
            experts(p, t->x, w);
        } else {
            sf_swiglu(p, t->g, t->u, w, t->h, sf_forms(&w->down, NULL, NULL));
            sf_barrier(me); /* g      (n, ff)      act(gate h) * (up h)        */
            residual(p, t->x, &w->down, w->ffn_post_norm, t->g);
        }
        sf_barrier(me); /* x      (n, dim)     residual                    */
    }
    output(p, b->logits, t->hidden, t->x, b->out, b->n_out); /* (n_out, dim), (n_out, vocab) */
}

struct output_args {
    struct sf_pass pass;
    float *logits;
    float *hidden;
    size_t n;
};

static void output_body(void *arg, struct sf_member *me) {
    const struct output_args *o = arg;
    struct sf_pass p = o->pass;
    p.me = me;
    output(&p, o->logits, o->hidden, NULL, NULL, o->n);
}

void sf_output(surefoot_session *s, float *logits, float *hidden, size_t n) {
    struct output_args o = {{.s = s, .k = &s->m->kernels, .c = &s->m->config}, logits, hidden, n};
    sf_team_run(s->n_threads, output_body, &o);
}

/* No two rows of one sequence. Only looked for where it pays: decoding and beams. */
static bool apart(const struct sf_batch *b) {
    if (b->n > 64) return false;
    for (size_t i = 1; i < b->n; i++)
        for (size_t j = 0; j < i; j++)
            if (b->seq[i] == b->seq[j]) return false;
    return true;
}

surefoot_status sf_forward(surefoot_session *s, const struct sf_batch *b, surefoot_error *err) {
    SF_ASSERT(b->n > 0 && b->n <= s->max_batch);
    struct sf_pass p = {.s = s, .b = b, .k = &s->m->kernels, .c = &s->m->config, .apart = apart(b)};
    s->stop = 0;
    sf_team_run(s->n_threads, forward, &p);
    if (s->stop) return sf_fail(err, SUREFOOT_E_ABORTED, 0, "stopped on request");
    return SUREFOOT_OK;
}
