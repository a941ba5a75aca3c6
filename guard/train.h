/* SPDX-License-Identifier: MIT
 * train.h - how a critic is made: rollouts of the base model, labelled by the policy's cost and reward
 * models; a network on some of their states; calibration; and a report on prompts it never saw.
 *
 * Rollouts are continuations by the base model, many at a time: from the prompt, and from texts that the
 * guard delivered (forced tokens first). Every token is charged as the guard charges it, with no budget
 * to stop at, so that what a state still costs is known by hindsight: rem = gamma^-t (spent_T - spent_t).
 * The label of a state at z is rem <= z.
 */
#ifndef SF_TRAIN_H
#define SF_TRAIN_H

#include "critic.h"
#include "guard.h"

/* Families of prompts are dealt to parts, by seed: nothing of one part is seen by another. */
enum sf_part { SF_PART_LEARN, SF_PART_CHECK, SF_PART_CALIBRATE, SF_PART_TEST, SF_PART_COUNT };

/* What a state is kept for. */
enum {
    SF_USE_LEARN = 1,   /* one of at most 8 of its rollout, drawn from all of them  */
    SF_USE_PROMPT = 2,  /* behind the prompt's last token                           */
    SF_USE_25 = 4, SF_USE_50 = 8, SF_USE_75 = 16, /* at that share of the answer     */
    SF_USE_BEFORE_8 = 32, SF_USE_BEFORE_16 = 64, SF_USE_BEFORE_32 = 128, /* tokens before the first
                                                                          * charge; any, if there is none */
    SF_USE_ALL = 256    /* calibration: every state of the answer                   */
};
enum { SF_TRAIN_STATES = 8, SF_TRAIN_POINTS = 6 };

struct sf_rollout {
    uint32_t prompt, family;
    uint32_t n;          /* tokens of the answer                                 */
    uint32_t forced;     /* of them given, not drawn: states before are not kept */
    uint32_t charged_at; /* tokens read when the first charge was known; n + 1: none */
    int64_t spent;       /* at the end, without a budget; SF_COST_UNSAFE: a model failed */
    float reward;        /* NAN: not known */
    uint32_t state, n_state;
};
struct sf_kept_state {
    uint32_t rollout, t, use;
    int64_t spent; /* so far */
    double rem;    /* what z it still takes, in millionths */
};
struct sf_rollouts { /* all of a training */
    uint32_t n_hidden;
    uint64_t seed;
    struct sf_rollout *rollout;
    size_t n_rollout, cap_rollout;
    struct sf_kept_state *state;
    float *hidden; /* (n_state, n_hidden) */
    size_t n_state, cap_state;
};
void sf_rollouts_close(struct sf_rollouts *r);
enum sf_part sf_rollouts_part(uint64_t seed, uint32_t family);

/* ---- collecting (rollouts.c) */
struct sf_collector;
/* Room for n_slots rollouts of at most max_tokens at a time, on generator sequences first..; gen's other
 * sequences are not touched. into grows. */
surefoot_status sf_collector_open(struct sf_collector **out, struct sf_rollouts *into,
                                  const struct surefoot_policy *p, const struct sf_generator *gen,
                                  int first, int n_slots, uint32_t max_tokens, surefoot_error *err);
void sf_collector_close(struct sf_collector *c);
int sf_collector_free(const struct sf_collector *c); /* slots */
/* Sequence 0 holds the evaluated prompt: one more rollout starts there, with n_force tokens given.
 * number: of its random stream. */
surefoot_status sf_collector_add(struct sf_collector *c, const struct sf_guard_run *run,
                                 uint32_t prompt, uint32_t family, uint32_t number,
                                 const int32_t *force, size_t n_force, surefoot_error *err);
/* Runs what was added to its end. */
surefoot_status sf_collector_run(struct sf_collector *c, surefoot_error *err);
/* Appends rollouts [from, n) to a file (from 0: a new one) and marks that `done` prompts are whole; or
 * reads what is there up to the last mark. key: what they were made with; another's file is E_POLICY. */
surefoot_status sf_rollouts_append(const struct sf_rollouts *r, size_t from, const char *path,
                                   const char *key, uint32_t done, surefoot_error *err);
surefoot_status sf_rollouts_read(struct sf_rollouts *r, const char *path, const char *key,
                                 uint32_t *done, surefoot_error *err);

/* ---- training (train.c) */
struct sf_train_options {
    uint32_t n_units;
    uint64_t seed;
    int n_threads;
    int64_t budget;
    double tau;       /* the policy's threshold: tau_high is never below it */
    double share;     /* of the learning rollouts that is used, 0..1 (learning curves) */
    int (*progress)(void *user, int epoch, double train_loss, double check_loss);
    void *user;
};
struct sf_train_result {
    struct sf_mlp_report fit;
    size_t n_learn, n_check; /* states */
    size_t n_calm;           /* benign answers that tau_high was set on */
    double calm_below;       /* share of them that are ever below it */
    double tau_low;          /* the quantile itself, before tau was its floor */
};
surefoot_status sf_critic_train(struct surefoot_critic **out, const struct sf_rollouts *r,
                                const struct sf_train_options *o, struct sf_train_result *result,
                                surefoot_error *err);

/* ---- the report, on the part for tests (train_report.c) */
struct sf_measure {       /* of one predictor at one point */
    double auroc, low, high; /* and its 95 % interval, prompts drawn again 1,000 times */
    double within;        /* AUROC between answers of the same prompt */
    double brier_skill, pr_area, recall, ece; /* recall at 1 % false alarms */
};
struct sf_report_point {
    const char *name;
    size_t unsafe, safe, prompts;
    bool measurable;      /* at least 200, 200, 100 */
    struct sf_measure critic, position, prompt; /* prompt: the row behind the prompt alone */
    double ahead_low, ahead_high; /* interval of critic's AUROC minus the prompt's */
};
struct sf_report {
    struct sf_report_point point[SF_TRAIN_POINTS];
    double r2;            /* of f2, over the safe states at half of the answer */
    size_t n_r2;
};
surefoot_status sf_critic_report(struct sf_report *out, const struct surefoot_critic *c,
                                 const struct sf_rollouts *r, const struct sf_train_options *o,
                                 surefoot_error *err);

#endif
