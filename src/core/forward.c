/* SPDX-License-Identifier: MIT
 * forward.c - the transformer. One function for prefill, decode and beams: a batch is n tokens with
 * their sequences and positions. Read it with arch/kernels.h beside it.
 *
 * One parallel region per pass; between two lines with sf_barrier every member works on its own
 * share of the same step, so results do not depend on how many members there are.
 */
#include "ops.h"

/* logits (n, vocab) = W hidden (n, dim) */
static void output(const struct sf_pass *p, float *logits, const float *hidden, size_t n) {
    const struct sf_tensor *w = &p->s->m->output;
    sf_quantise(p, hidden, n, p->c->dim, sf_forms(w, NULL, NULL));
    sf_barrier(p->me);
    sf_linear(p, logits, w, hidden, NULL, n);
}

/* n = tokens in this batch; shapes on the right. */
static void forward(void *arg, struct sf_member *me) {
    surefoot_session *s = ((struct sf_pass *)arg)->s;
    struct sf_pass pass = *(struct sf_pass *)arg, *p = &pass;
    const surefoot_model *m = s->m;
    const struct sf_batch *b = p->b;
    struct sf_scratch *t = &s->s;
    const size_t n = b->n, dim = m->config.dim, q_dim = (size_t)p->c->n_heads * p->c->head_dim;
    p->me = me;

    sf_embed(p, t->x, &m->tok_embd); /* x      (n, dim)    */
    sf_rope_angles(p, t->cs);        /* cs     (n, n_rot)  */
    sf_barrier(me);
    for (uint32_t l = 0; l < m->config.n_layers; l++) {
        const struct sf_layer *w = &m->layer[l];
        if (me->id == 0) s->stop = atomic_load_explicit(&s->abort_asked, memory_order_relaxed);

        sf_norm(p, t->h, t->x, w->attn_norm, NULL, n); /* h      (n, dim)    */
        sf_barrier(me);
        if (s->stop) return; /* the same answer for every member: written before the barrier */
        sf_quantise(p, t->h, n, dim, sf_forms(&w->wq, &w->wk, &w->wv));
        sf_barrier(me);
        sf_linear(p, t->q, &w->wq, t->h, w->bq, n); /* q      (n, q_dim)  */
        sf_linear(p, t->k, &w->wk, t->h, w->bk, n); /* k      (n, kv_dim) */
        sf_linear(p, t->v, &w->wv, t->h, w->bv, n); /* v      (n, kv_dim) */
        sf_barrier(me);
        sf_rope_and_put(p, l, w); /* rotate by position */
        sf_barrier(me);
        sf_attend(p, t->a, t->q, l); /* a      (n, q_dim)  */
        sf_barrier(me);
        sf_quantise(p, t->a, n, q_dim, sf_forms(&w->wo, NULL, NULL));
        sf_barrier(me);
        sf_linear_add(p, t->x, t->o, &w->wo, t->a); /* residual           */
        sf_barrier(me);

        sf_norm(p, t->h, t->x, w->ffn_norm, NULL, n); /* h      (n, dim)    */
        sf_barrier(me);
        sf_quantise(p, t->h, n, dim, sf_forms(&w->gate, &w->up, NULL));
        sf_barrier(me);
        sf_linear(p, t->g, &w->gate, t->h, NULL, n); /* g      (n, ff)     */
        sf_linear(p, t->u, &w->up, t->h, NULL, n);   /* u      (n, ff)     */
        sf_swiglu(p, t->g, t->u, &w->gate);          /* g = silu(g) * u    */
        sf_barrier(me);
        sf_quantise(p, t->g, n, m->config.ff_dim, sf_forms(&w->down, NULL, NULL));
        sf_barrier(me);
        sf_linear_add(p, t->x, t->o, &w->down, t->g); /* residual           */
        sf_barrier(me);
    }
    sf_norm(p, t->hidden, t->x, m->out_norm, b->out, b->n_out); /* hidden (n_out, dim) */
    if (!b->logits) return; /* the latent that the critic reads is enough  */
    sf_barrier(me);
    output(p, b->logits, t->hidden, b->n_out); /* logits (n_out, vocab) */
}

struct output_args {
    struct sf_pass pass;
    float *logits;
    const float *hidden;
    size_t n;
};

static void output_body(void *arg, struct sf_member *me) {
    const struct output_args *o = arg;
    struct sf_pass p = o->pass;
    p.me = me;
    output(&p, o->logits, o->hidden, o->n);
}

void sf_output(surefoot_session *s, float *logits, const float *hidden, size_t n) {
    struct output_args o = {{.s = s, .k = &s->m->kernels, .c = &s->m->config}, logits, hidden, n};
    sf_team_run(s->n_threads, output_body, &o);
}

surefoot_status sf_forward(surefoot_session *s, const struct sf_batch *b, surefoot_error *err) {
    SF_ASSERT(b->n > 0 && b->n <= s->max_batch);
    struct sf_pass p = {.s = s, .b = b, .k = &s->m->kernels, .c = &s->m->config};
    s->stop = 0;
    sf_team_run(s->n_threads, forward, &p);
    if (s->stop) return sf_fail(err, SUREFOOT_E_ABORTED, 0, "stopped on request");
    return SUREFOOT_OK;
}
