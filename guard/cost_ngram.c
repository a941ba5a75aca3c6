/* SPDX-License-Identifier: MIT
 * cost_ngram.c - `kind = ngram`: every word costs max(0, p - p0) / (1 - p0), where p is what a
 * classifier trained from labelled text makes of the words up to there. It reads only text; the
 * charge is made where the word's end is proved, so that it does not depend on the cut. S is the
 * start of the word in progress.
 */
#include <stdio.h>

#include "arena.h"
#include "ngram.h"
#include "policy.h"

struct ngram_cost {
    struct sf_cost base;
    struct sf_ngram *model;
    double p0;
};
struct sink {
    const struct ngram_cost *m;
    struct sf_charges *out;
    bool mute; /* words of the prompt */
};

static const struct ngram_cost *ngram_of(const struct sf_cost *m) {
    return (const struct ngram_cost *)m;
}

static bool text_only(const struct sf_cost *m) {
    SF_UNUSED(m);
    return true;
}

static size_t state_bytes(const struct sf_cost *m) {
    SF_UNUSED(m);
    return sizeof(struct sf_ngram_state);
}

static void begin(const struct sf_cost *m, void *state) {
    SF_UNUSED(m);
    sf_ngram_begin(state);
}

static void on_word(void *user, const struct sf_ngram_word *w) {
    struct sink *s = user;
    int64_t amount = w->disguised ? SF_COST_UNSAFE : sf_excess(w->p, s->m->p0);
    if (!s->mute) sf_charges_add(s->out, amount, w->begin, w->end);
}

static surefoot_status read(const struct sf_cost *m, void *state, const struct sf_piece *p,
                            struct sf_charges *out, surefoot_error *err) {
    SF_UNUSED(err);
    struct sink sink = {ngram_of(m), out, p->prompt};
    sf_ngram_read(sink.m->model, state, p->bytes, p->n, p->boundary, on_word, &sink);
    return SUREFOOT_OK;
}

static surefoot_status end(const struct sf_cost *m, void *state, struct sf_charges *out,
                           surefoot_error *err) {
    SF_UNUSED(err);
    struct sink sink = {ngram_of(m), out, false};
    sf_ngram_end(sink.m->model, state, on_word, &sink);
    return SUREFOOT_OK;
}

static uint64_t settled(const struct sf_cost *m, const void *state) {
    SF_UNUSED(m);
    return sf_ngram_settled(state);
}

static size_t hold_bytes(const struct sf_cost *m) {
    SF_UNUSED(m);
    return SF_NGRAM_MAX_BYTES + 4;
}

static size_t coverage(const struct sf_cost *m, char *text, size_t cap) {
    const struct ngram_cost *x = ngram_of(m);
    int n =
        snprintf(text, cap,
                 "classifier of words and parts of words over the last %u words, charging "
                 "above p0 = %.6g%s%s: knows the language and the topics it was trained on and "
                 "what is spelled like them; not what the words mean together, other "
                 "languages, letters spelled apart, encoded text, ciphers",
                 x->model->window, x->p0, *x->model->about ? ", trained on " : "", x->model->about);
    return n > 0 ? (size_t)n : 0;
}

static void close_ngram(struct sf_cost *m) {
    sf_ngram_free(((struct ngram_cost *)m)->model);
    sf_free(m);
}

surefoot_status sf_cost_ngram_open(struct sf_cost **out, struct sf_policy_section *s,
                                   const struct sf_policy_env *env, surefoot_error *err) {
    static const struct sf_cost_ops ops = {.kind = "ngram",
                                           .text_only = text_only,
                                           .state_bytes = state_bytes,
                                           .begin = begin,
                                           .read = read,
                                           .end = end,
                                           .settled = settled,
                                           .hold_bytes = hold_bytes,
                                           .coverage = coverage,
                                           .close = close_ngram};
    struct ngram_cost *m = sf_alloc(sizeof *m);
    if (!m) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for a cost model");
    m->base.ops = &ops;
    surefoot_status status = sf_ngram_open(&m->model, s, env, err);
    if (status == SUREFOOT_OK) status = sf_policy_p0(&m->p0, s, m->model->p0, err);
    if (status != SUREFOOT_OK) {
        close_ngram(&m->base);
        return status;
    }
    *out = &m->base;
    return SUREFOOT_OK;
}
