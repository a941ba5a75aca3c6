/* SPDX-License-Identifier: MIT
 * reward_likelihood.c - mean log-likelihood of the answer's tokens under the base model. One token
 * of unknown log-probability makes the whole unknown: NaN, which ranks last.
 */
#include <math.h>

#include "arena.h"
#include "policy.h"

struct state {
    double sum;
    uint64_t n; /* tokens of the answer */
};

static size_t state_bytes(const struct sf_reward *m) {
    SF_UNUSED(m);
    return sizeof(struct state);
}

static void begin(const struct sf_reward *m, void *state) {
    SF_UNUSED(m);
    *(struct state *)state = (struct state){0};
}

static surefoot_status read(const struct sf_reward *m, void *state, const struct sf_piece *p,
                            float logprob, surefoot_error *err) {
    SF_UNUSED(m);
    SF_UNUSED(err);
    struct state *s = state;
    if (p->prompt || p->token < 0) return SUREFOOT_OK;
    s->sum += (double)logprob;
    s->n++;
    return SUREFOOT_OK;
}

static double value(const struct sf_reward *m, const void *state) {
    SF_UNUSED(m);
    const struct state *s = state;
    double mean = s->n > 0 ? s->sum / (double)s->n : (double)NAN;
    return isfinite(mean) ? mean : (double)NAN;
}

static void close_likelihood(struct sf_reward *m) {
    sf_free(m);
}

surefoot_status sf_reward_likelihood_open(struct sf_reward **out, struct sf_policy_section *s,
                                          const struct sf_policy_env *env, surefoot_error *err) {
    SF_UNUSED(s);
    SF_UNUSED(env);
    static const struct sf_reward_ops ops = {"likelihood", state_bytes, begin,           read,
                                             value,        true,        close_likelihood};
    struct sf_reward *r = sf_alloc(sizeof *r);
    if (!r) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for a reward model");
    r->ops = &ops;
    *out = r;
    return SUREFOOT_OK;
}
