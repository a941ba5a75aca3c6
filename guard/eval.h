/* SPDX-License-Identifier: MIT
 * eval.h - methods by prompts: asks a method for an answer, and reads what it delivered again, with
 * the policy's cost and reward models but without anything the method said of itself.
 */
#ifndef SF_EVAL_H
#define SF_EVAL_H

#include "method.h"

/* One row of the table: a method and what it may use. */
struct sf_eval_setting {
    const struct sf_method *method;
    int candidates, block, keep, retries; /* N, d, K, M                */
    int64_t budget;                       /* d0, millionths            */
    double lambda;
};

struct sf_eval_rise { /* spent after token t of the answer (t = n_ids: after its end) */
    uint32_t t;
    int64_t spent;
};
struct sf_eval_answer { /* valid until the next sf_eval_ask */
    const char *text;
    size_t n_text;
    const int32_t *ids; /* the whole tokens of it */
    size_t n_ids;
    uint32_t discarded; /* tokens drawn and not delivered */
    surefoot_stats stats;
    /* by reading it again */
    const struct sf_eval_rise *rise; /* where spent grew */
    size_t n_rise;
    int64_t spent; /* SF_COST_UNSAFE: the cost model failed on it */
    bool safe;     /* spent <= d0 after every token and at the end, or nothing was delivered */
    double z;      /* at the end */
    double reward; /* NAN: not known */
};

struct sf_eval;
/* Sequences a generator needs for these settings, and tokens each may hold past the prompt. */
int sf_eval_sequences(const struct surefoot_policy *p, const struct sf_eval_setting *s, size_t n);
/* p's models and what the settings do not say; p and gen must outlive it. max_tokens: of an answer.
 * E_LIMIT names the bound of budget.h that a setting exceeds. */
surefoot_status sf_eval_open(struct sf_eval **out, const struct surefoot_policy *p,
                             const struct sf_generator *gen, const struct sf_eval_setting *s,
                             size_t n, uint32_t max_tokens, surefoot_error *err);
void sf_eval_close(struct sf_eval *e);
/* From the next answer on the guards, and the paper's method, ask this critic (NULL: none). */
void sf_eval_use_critic(struct sf_eval *e, const struct surefoot_critic *critic);

/* Answers by setting i. run: as for sf_guard_generate; its emit is not used. */
surefoot_status sf_eval_ask(struct sf_eval *e, size_t i, const struct sf_guard_run *run,
                            struct sf_eval_answer *a, surefoot_error *err);
/* Reads answer a again. logprob: of its tokens under the base model, NULL: not known. */
surefoot_status sf_eval_read(struct sf_eval *e, size_t i, const struct sf_guard_run *run,
                             const float *logprob, struct sf_eval_answer *a, surefoot_error *err);

#endif
