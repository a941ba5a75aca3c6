/* SPDX-License-Identifier: MIT
 * reward_ngram.c - `kind = ngram` as a reward: the mean, over the words of the answer, of the
 * classifier's probability of its label, times a weight that may be negative.
 */
#include <math.h>

#include "arena.h"
#include "ngram.h"
#include "policy.h"

struct ngram_reward {
    struct sf_reward base;
    struct sf_ngram *model;
    double weight;
};
struct state {
    struct sf_ngram_state reader;
    double sum; /* of p, in the order of the words */
    uint64_t n; /* words of the answer */
};

static size_t state_bytes(const struct sf_reward *m) {
    SF_UNUSED(m);
    return sizeof(struct state);
}

static void begin(const struct sf_reward *m, void *state) {
    SF_UNUSED(m);
    struct state *s = state;
    sf_ngram_begin(&s->reader);
    s->sum = 0;
    s->n = 0;
}

static void on_word(void *user, const struct sf_ngram_word *w) {
    struct state *s = user;
    s->sum += (double)w->p;
    s->n++;
}

static void nothing(void *user, const struct sf_ngram_word *w) {
    SF_UNUSED(user);
    SF_UNUSED(w);
}

static surefoot_status read(const struct sf_reward *m, void *state, const struct sf_piece *p,
                            float logprob, surefoot_error *err) {
    SF_UNUSED(logprob);
    SF_UNUSED(err);
    struct state *s = state;
    sf_ngram_read(((const struct ngram_reward *)m)->model, &s->reader, p->bytes, p->n, p->boundary,
                  p->prompt ? nothing : on_word, s);
    return SUREFOOT_OK;
}

static double value(const struct sf_reward *m, const void *state) {
    const struct ngram_reward *r = (const struct ngram_reward *)m;
    struct state end = *(const struct state *)state;
    sf_ngram_end(r->model, &end.reader, on_word, &end);
    return end.n > 0 ? r->weight * (end.sum / (double)end.n) : (double)NAN;
}

static void close_ngram(struct sf_reward *m) {
    sf_ngram_free(((struct ngram_reward *)m)->model);
    sf_free(m);
}

surefoot_status sf_reward_weight(double *out, struct sf_policy_section *s, surefoot_error *err) {
    int line;
    const char *v = sf_policy_value(s, "weight", &line);
    *out = 1;
    if (v && !sf_number_double(out, v))
        return sf_policy_fail(err, line, "weight = %.40s: a decimal number is needed", v);
    return SUREFOOT_OK;
}

surefoot_status sf_reward_ngram_open(struct sf_reward **out, struct sf_policy_section *s,
                                     const struct sf_policy_env *env, surefoot_error *err) {
    static const struct sf_reward_ops ops = {"ngram", state_bytes, begin,      read,
                                             value,   false,       close_ngram};
    struct ngram_reward *m = sf_alloc(sizeof *m);
    if (!m) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for a reward model");
    m->base.ops = &ops;
    surefoot_status status = sf_ngram_open(&m->model, s, env, err);
    if (status == SUREFOOT_OK) status = sf_reward_weight(&m->weight, s, err);
    if (status != SUREFOOT_OK) {
        close_ngram(&m->base);
        return status;
    }
    *out = &m->base;
    return SUREFOOT_OK;
}
