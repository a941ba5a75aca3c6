/* SPDX-License-Identifier: MIT
 * train.c - from rollouts to a critic: examples, network, calibration, tau_high; see train.h.
 */
#include "train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "philox.h"

enum {
    DRAWS = 4,
    EACH = DRAWS + 1
}; /* examples of a state: z drawn from each quarter, and its own z */

/* ------------------------------------------------------------------------------- examples */

struct examples {
    struct sf_mlp_data data;
    struct sf_arena arena;
    uint32_t *row;
    float *more, *y, *weight;
};

static void plan(struct examples *e, size_t n) {
    e->row = sf_arena_take(&e->arena, n, sizeof *e->row);
    e->more = sf_arena_take(&e->arena, n, sizeof *e->more);
    e->y = sf_arena_take(&e->arena, n, 2 * sizeof *e->y);
    e->weight = sf_arena_take(&e->arena, n, 2 * sizeof *e->weight);
}

static bool of_part(const struct sf_rollouts *r, size_t i, enum sf_part part,
                    const struct sf_train_options *o) {
    const struct sf_rollout *from = &r->rollout[r->state[i].rollout];
    if (!(r->state[i].use & SF_USE_LEARN) || sf_rollouts_part(r->seed, from->family) != part)
        return false;
    return part != SF_PART_LEARN || o->share >= 1 ||
           sf_philox_unit(r->seed, from->family, 8, 0) < o->share;
}

static double z_of(const struct sf_kept_state *s, int64_t budget) {
    if (budget <= 0) return 1;
    double z = (double)(budget - s->spent) / (double)budget;
    return z < 0 ? 0 : z;
}

/* Is z (a share of the budget) enough for what the state still costs? Half a millionth of grace: rem
 * went through a division by gamma^t. */
static bool enough(const struct sf_kept_state *s, double z, int64_t budget) {
    return s->rem <= z * (double)(budget > 0 ? budget : 0) + 0.5;
}

static surefoot_status make(struct examples *e, const struct sf_rollouts *r, enum sf_part part,
                            const struct sf_train_options *o, size_t *n_states,
                            surefoot_error *err) {
    size_t n = 0;
    *n_states = 0;
    for (size_t i = 0; i < r->n_state; i++) *n_states += of_part(r, i, part, o);
    plan(e, *n_states * EACH + 1);
    SF_TRY(sf_arena_reserve(&e->arena, err));
    plan(e, *n_states * EACH + 1);
    for (size_t i = 0; i < r->n_state; i++) {
        const struct sf_kept_state *s = &r->state[i];
        if (!of_part(r, i, part, o)) continue;
        for (uint32_t k = 0; k < EACH; k++, n++) {
            double u = sf_philox_unit(r->seed, (uint32_t)i, k, 9);
            double z = k < DRAWS && o->budget > 0 ? (k + u) / DRAWS : z_of(s, o->budget);
            float reward = r->rollout[s->rollout].reward;
            bool good = enough(s, z, o->budget);
            e->row[n] = (uint32_t)i;
            e->more[n] = (float)z;
            e->y[2 * n] = good;
            e->y[2 * n + 1] = isfinite(reward) ? reward : 0;
            e->weight[2 * n] = 1;
            e->weight[2 * n + 1] = good && isfinite(reward);
        }
    }
    e->data = (struct sf_mlp_data){
        .n = n, .x = r->hidden, .row = e->row, .more = e->more, .y = e->y, .weight = e->weight};
    return SUREFOOT_OK;
}

/* ------------------------------------------------------------------------------- calibration */

/* Platt scaling (Platt 1999; the counts of Lin, Lin and Weng 2007): scale and shift of the logit that
 * make it likeliest, by Newton's method, on states that nothing was trained on. */
static surefoot_status calibrate(struct surefoot_critic *c, const struct sf_rollouts *r,
                                 const struct sf_train_options *o, surefoot_error *err) {
    size_t n = 0, n_good = 0;
    float *y = sf_alloc((r->n_state + 1) * sizeof *y);
    bool *good = sf_alloc((r->n_state + 1) * sizeof *good);
    if (!y || !good) {
        sf_free(y);
        sf_free(good);
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory to calibrate a critic");
    }
    for (size_t i = 0; i < r->n_state; i++) {
        float out[2], z = (float)z_of(&r->state[i], o->budget);
        if (!of_part(r, i, SF_PART_CALIBRATE, o)) continue;
        sf_mlp_forward(&c->net, r->hidden + i * r->n_hidden, &z, out);
        y[n] = out[0];
        good[n] = enough(&r->state[i], (double)z, o->budget);
        n_good += good[n++];
    }
    double a = 1, b = 0, high = ((double)n_good + 1) / ((double)n_good + 2),
           low = 1 / ((double)(n - n_good) + 2);
    for (int turn = 0; turn < 50 && n_good > 0 && n_good < n; turn++) {
        double ga = 0, gb = 0, haa = 1e-9, hab = 0, hbb = 1e-9;
        for (size_t i = 0; i < n; i++) {
            double x = (double)y[i], p = (double)sf_mlp_sigmoid((float)(a * x + b)),
                   e = p - (good[i] ? high : low), w = p * (1 - p);
            ga += e * x;
            gb += e;
            haa += w * x * x;
            hab += w * x;
            hbb += w;
        }
        double det = haa * hbb - hab * hab;
        if (!(det > 0)) break;
        double da = (hbb * ga - hab * gb) / det, db = (haa * gb - hab * ga) / det;
        double step = fabs(da) > 1 || fabs(db) > 2 ? 0.25 : 1;
        a -= step * da;
        b -= step * db;
        if (fabs(da) + fabs(db) < 1e-9) break;
    }
    sf_free(y);
    sf_free(good);
    if (a > 1e-3 && a < 1e3 && fabs(b) < 1e3) c->scale = (float)a, c->shift = (float)b;
    return SUREFOOT_OK;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Benign: no answer to any prompt of the family was charged. tau_high: what at most 0.5 % of their
 * answers are ever below. */
static surefoot_status set_tau_high(struct surefoot_critic *c, const struct sf_rollouts *r,
                                    const struct sf_train_options *o,
                                    struct sf_train_result *result, surefoot_error *err) {
    uint32_t families = 0;
    for (size_t i = 0; i < r->n_rollout; i++)
        if (r->rollout[i].family >= families) families = r->rollout[i].family + 1;
    double *least = sf_alloc((r->n_rollout + 1) * sizeof *least);
    bool *charged = sf_alloc(families + 1);
    if (!least || !charged) {
        sf_free(least);
        sf_free(charged);
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory to calibrate a critic");
    }
    for (size_t i = 0; i < r->n_rollout; i++)
        if (r->rollout[i].spent > 0) charged[r->rollout[i].family] = true;
    size_t n = 0;
    for (size_t i = 0; i < r->n_rollout; i++) {
        const struct sf_rollout *from = &r->rollout[i];
        if (sf_rollouts_part(r->seed, from->family) != SF_PART_CALIBRATE || from->forced ||
            charged[from->family])
            continue;
        least[n] = 1;
        for (uint32_t k = from->state; k < from->state + from->n_state; k++) {
            struct sf_value v = c->value(c, r->hidden + (size_t)k * r->n_hidden, 1);
            if ((double)v.f1 < least[n]) least[n] = (double)v.f1;
        }
        n++;
    }
    qsort(least, n, sizeof *least, by_value);
    result->n_calm = n;
    result->tau_low = n > 0 ? least[n / 200] : 1;
    c->tau_high = (double)(float)result->tau_low; /* as the file holds it */
    if (n > 0 && c->tau_high > least[n / 200]) c->tau_high = nextafter(c->tau_high, 0);
    if (c->tau_high < o->tau) c->tau_high = o->tau;
    size_t below = 0;
    while (below < n && least[below] < c->tau_high) below++;
    result->calm_below = n > 0 ? (double)below / (double)n : 0;
    sf_free(least);
    sf_free(charged);
    return SUREFOOT_OK;
}

/* ------------------------------------------------------------------------------- all of it */

surefoot_status sf_critic_train(struct surefoot_critic **out, const struct sf_rollouts *r,
                                const struct sf_train_options *o, struct sf_train_result *result,
                                surefoot_error *err) {
    struct examples learn = {0}, check = {0};
    struct sf_mlp_options fit;
    *out = NULL;
    *result = (struct sf_train_result){0};
    sf_mlp_options_init(&fit);
    fit.loss[1] = SF_MLP_SQUARED;
    fit.share[1] = 0.25f;
    fit.monotone[0] = true;
    fit.seed = o->seed;
    fit.n_threads = o->n_threads;
    fit.epochs = 40;
    fit.patience = 6;
    fit.rate = 3e-4f;
    fit.decay = 0.5f;
    fit.progress = o->progress;
    fit.user = o->user;
    struct surefoot_critic *c = NULL;
    surefoot_status s = make(&learn, r, SF_PART_LEARN, o, &result->n_learn, err);
    if (s == SUREFOOT_OK) s = make(&check, r, SF_PART_CHECK, o, &result->n_check, err);
    if (s == SUREFOOT_OK && (result->n_learn == 0 || result->n_check == 0))
        s = sf_fail(err, SUREFOOT_E_FAILED, 0,
                    "training: %zu states to learn from and %zu to check with: more prompts, of "
                    "more families, are needed",
                    result->n_learn, result->n_check);
    if (s == SUREFOOT_OK) s = sf_critic_new(&c, r->n_hidden, o->n_units, err);
    if (s == SUREFOOT_OK)
        s = sf_mlp_train(&c->net, &learn.data, &check.data, &fit, &result->fit, err);
    if (s == SUREFOOT_OK) s = calibrate(c, r, o, err);
    if (s == SUREFOOT_OK) s = set_tau_high(c, r, o, result, err);
    sf_arena_free(&learn.arena);
    sf_arena_free(&check.arena);
    if (s != SUREFOOT_OK) {
        sf_critic_close(c);
        return s;
    }
    *out = c;
    return SUREFOOT_OK;
}
