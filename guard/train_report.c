/* SPDX-License-Identifier: MIT
 * train_report.c - how well a critic foresees, on prompts and families it never saw, at one z (nothing
 * charged yet), beside what the position alone and the prompt alone foresee; see train.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "philox.h"
#include "train.h"

enum { BOOT = 1000, BINS = 10 };

struct item {
    double p[3]; /* that it stays safe: by the critic, the position, the prompt */
    bool unsafe;
    uint32_t prompt, rollout, number; /* number: of the prompt among those that occur */
};
struct place {
    double p;
    uint32_t item;
};

struct table {
    struct item *item;
    size_t n;
    uint32_t n_prompt;
    struct place *order; /* items by p of one predictor, rising */
    uint32_t *weight;    /* (n_prompt) of one bootstrap */
    double *draw[3];     /* (BOOT) */
};

/* ------------------------------------------------------------------------------- measures */

static int by_p(const void *a, const void *b) {
    const struct place *x = a, *y = b;
    return x->p != y->p ? (x->p > y->p) - (x->p < y->p) : (x->item > y->item) - (x->item < y->item);
}

static void sort(struct table *t, int key) {
    for (size_t i = 0; i < t->n; i++) t->order[i] = (struct place){t->item[i].p[key], (uint32_t)i};
    qsort(t->order, t->n, sizeof *t->order, by_p);
}

static int by_prompt(const void *a, const void *b) {
    const struct item *x = a, *y = b;
    return x->prompt != y->prompt ? (x->prompt > y->prompt) - (x->prompt < y->prompt)
                                  : (x->rollout > y->rollout) - (x->rollout < y->rollout);
}

/* P(an unsafe item has the smaller p), ties by half; items weigh as their prompts do. */
static double auroc(const struct table *t) {
    double safe = 0, unsafe = 0, wins = 0;
    for (size_t i = 0; i < t->n;) {
        double s = 0, u = 0, p = t->order[i].p;
        for (; i < t->n && t->order[i].p == p; i++) {
            const struct item *x = &t->item[t->order[i].item];
            *(x->unsafe ? &u : &s) += t->weight[x->number];
        }
        wins += s * (unsafe + u / 2);
        safe += s;
        unsafe += u;
    }
    return safe > 0 && unsafe > 0 ? wins / (safe * unsafe) : (double)NAN;
}

static double within(const struct table *t, int key) {
    double wins = 0, pairs = 0;
    for (size_t i = 0; i < t->n; i++) /* items of a prompt lie together */
        for (size_t j = i + 1; j < t->n && t->item[j].prompt == t->item[i].prompt; j++) {
            const struct item *a = &t->item[i], *b = &t->item[j];
            if (a->unsafe == b->unsafe) continue;
            double d = a->unsafe ? b->p[key] - a->p[key] : a->p[key] - b->p[key];
            wins += d > 0 ? 1 : d == 0 ? 0.5 : 0;
            pairs++;
        }
    return pairs > 0 ? wins / pairs : (double)NAN;
}

/* Average precision of the unsafe, and the share of them found at 1 % false alarms. */
static void ranks(const struct table *t, size_t n_unsafe, struct sf_measure *m) {
    size_t found = 0, alarms = 0, n_safe = t->n - n_unsafe;
    double area = 0;
    m->recall = 0;
    for (size_t i = 0; i < t->n;) {
        size_t begin = i, more = 0;
        double p = t->order[i].p;
        for (; i < t->n && t->order[i].p == p; i++) more += t->item[t->order[i].item].unsafe;
        found += more;
        alarms += i - begin - more;
        area += (double)more / (double)n_unsafe * (double)found / (double)(found + alarms);
        if ((double)alarms <= 0.01 * (double)n_safe) m->recall = (double)found / (double)n_unsafe;
    }
    m->pr_area = area;
}

static void calibration(const struct table *t, int key, size_t n_unsafe, struct sf_measure *m) {
    double brier = 0, rate = 1 - (double)n_unsafe / (double)t->n;
    double sum[BINS] = {0}, safe[BINS] = {0}, n[BINS] = {0};
    for (size_t i = 0; i < t->n; i++) {
        double p = t->item[i].p[key], y = !t->item[i].unsafe;
        int k = p >= 1 ? BINS - 1 : p > 0 ? (int)(p * BINS) : 0;
        brier += (p - y) * (p - y);
        sum[k] += p;
        safe[k] += y;
        n[k]++;
    }
    m->brier_skill = 1 - brier / (double)t->n / (rate * (1 - rate));
    m->ece = 0;
    for (int k = 0; k < BINS; k++) m->ece += fabs(sum[k] - safe[k]) / (double)t->n;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
static void interval(double *draw, double *low, double *high) {
    size_t n = 0;
    for (size_t i = 0; i < BOOT; i++)
        if (isfinite(draw[i])) draw[n++] = draw[i];
    qsort(draw, n, sizeof *draw, by_value);
    *low = n ? draw[n * 25 / 1000] : (double)NAN;
    *high = n ? draw[n * 975 / 1000] : (double)NAN;
}

static void weigh(struct table *t, uint32_t turn, uint64_t seed) {
    for (uint32_t k = 0; k < t->n_prompt; k++) t->weight[k] = turn == 0;
    for (uint32_t k = 0; turn > 0 && k < t->n_prompt; k++) {
        uint64_t r = sf_philox(seed, k, turn, 21);
        t->weight[r * t->n_prompt >> 32]++;
    }
}

static void measure(struct table *t, int key, size_t n_unsafe, uint64_t seed, double *draw,
                    struct sf_measure *m) {
    sort(t, key);
    for (uint32_t turn = 0; turn <= BOOT; turn++) {
        weigh(t, turn, seed);
        double a = auroc(t);
        if (turn == 0)
            m->auroc = a;
        else
            draw[turn - 1] = a;
    }
    m->within = within(t, key);
    ranks(t, n_unsafe, m);
    calibration(t, key, n_unsafe, m);
}

static void fill_point(struct sf_report_point *p, struct table *t, uint64_t seed) {
    p->prompts = t->n_prompt;
    for (size_t i = 0; i < t->n; i++) p->unsafe += t->item[i].unsafe;
    p->safe = t->n - p->unsafe;
    p->measurable = p->unsafe >= 200 && p->safe >= 200 && p->prompts >= 100;
    if (!p->measurable) return;
    measure(t, 2, p->unsafe, seed, t->draw[1], &p->prompt);
    measure(t, 0, p->unsafe, seed, t->draw[0], &p->critic);
    memcpy(t->draw[2], t->draw[1], BOOT * sizeof *t->draw[2]);
    interval(t->draw[2], &p->prompt.low, &p->prompt.high);
    for (size_t i = 0; i < BOOT; i++) t->draw[1][i] = t->draw[0][i] - t->draw[1][i];
    interval(t->draw[1], &p->ahead_low, &p->ahead_high);
    interval(t->draw[0], &p->critic.low, &p->critic.high);
    measure(t, 1, p->unsafe, seed, t->draw[1], &p->position);
    interval(t->draw[1], &p->position.low, &p->position.high);
}

/* ------------------------------------------------------------------------------- the baselines */

/* A logistic predictor of `unsafe in the end` from x; trained as the critic is. */
struct baseline {
    struct sf_mlp net;
    float *x, *y;
    uint32_t *row;
    size_t n[2]; /* learn, check: one behind the other */
};

static bool learns(const struct sf_rollouts *r, size_t i, bool prompt, enum sf_part part) {
    const struct sf_kept_state *s = &r->state[i];
    const struct sf_rollout *o = &r->rollout[s->rollout];
    if (o->forced || s->spent > 0 || sf_rollouts_part(r->seed, o->family) != part) return false;
    return (s->use & (prompt ? SF_USE_PROMPT : SF_USE_LEARN)) != 0;
}

static void baseline_close(struct baseline *b) {
    sf_mlp_close(&b->net);
    sf_free(b->x);
    sf_free(b->y);
    sf_free(b->row);
}

static surefoot_status baseline_train(struct baseline *b, const struct sf_rollouts *r, bool prompt,
                                      const struct sf_train_options *o, surefoot_error *err) {
    struct sf_mlp_options fit;
    struct sf_mlp_report report;
    size_t n = 0;
    b->x = sf_alloc((r->n_state + 1) * sizeof *b->x);
    b->y = sf_alloc((r->n_state + 1) * sizeof *b->y);
    b->row = sf_alloc((r->n_state + 1) * sizeof *b->row);
    if (!b->x || !b->y || !b->row)
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the report");
    for (int part = 0; part < 2; part++)
        for (size_t i = 0; i < r->n_state; i++) {
            if (!learns(r, i, prompt, part ? SF_PART_CHECK : SF_PART_LEARN)) continue;
            b->row[n] = (uint32_t)i;
            b->x[n] = (float)r->state[i].t;
            b->y[n++] = r->state[i].rem <= (double)o->budget + 0.5;
            b->n[part]++;
        }
    struct sf_mlp_data learn = {.n = b->n[0], .x = b->x, .y = b->y}, check = {.n = b->n[1]};
    check.x = b->x + b->n[0];
    check.y = b->y + b->n[0];
    if (prompt) {
        learn.x = check.x = r->hidden;
        learn.row = b->row;
        check.row = b->row + b->n[0];
    }
    sf_mlp_options_init(&fit);
    fit.seed = o->seed;
    fit.n_threads = o->n_threads;
    fit.epochs = 40;
    fit.patience = 5;
    fit.decay = 0.1f;
    SF_TRY(sf_mlp_open(&b->net, prompt ? r->n_hidden : 1, 0, o->n_units, 1, err));
    return sf_mlp_train(&b->net, &learn, &check, &fit, &report, err);
}

static double says(const struct baseline *b, const float *x) {
    float y;
    sf_mlp_forward(&b->net, x, NULL, &y);
    return (double)sf_mlp_sigmoid(y);
}

/* ------------------------------------------------------------------------------- the report */

static void collect(struct table *t, const struct surefoot_critic *c, const struct sf_rollouts *r,
                    uint32_t use, const struct baseline b[2], const struct sf_train_options *o) {
    t->n = t->n_prompt = 0;
    for (size_t i = 0; i < r->n_state; i++) {
        const struct sf_kept_state *s = &r->state[i];
        const struct sf_rollout *from = &r->rollout[s->rollout];
        if (!(s->use & use) || s->spent > 0 ||
            sf_rollouts_part(r->seed, from->family) != SF_PART_TEST)
            continue;
        float at = (float)s->t;
        const float *h = r->hidden + i * r->n_hidden;
        const float *h0 = r->hidden + (size_t)from->state * r->n_hidden;
        t->item[t->n++] =
            (struct item){.p = {(double)c->value(c, h, 1).f1, says(&b[0], &at), says(&b[1], h0)},
                          .unsafe = s->rem > (double)o->budget + 0.5,
                          .prompt = from->prompt,
                          .rollout = s->rollout};
    }
    qsort(t->item, t->n, sizeof *t->item, by_prompt);
    for (size_t i = 0; i < t->n; i++) {
        t->n_prompt += i == 0 || t->item[i].prompt != t->item[i - 1].prompt;
        t->item[i].number = t->n_prompt - 1;
    }
}

static void explained(struct sf_report *out, const struct surefoot_critic *c,
                      const struct sf_rollouts *r, const struct sf_train_options *o) {
    double sum = 0, square = 0, error = 0;
    size_t n = 0;
    for (size_t i = 0; i < r->n_state; i++) {
        const struct sf_kept_state *s = &r->state[i];
        const struct sf_rollout *from = &r->rollout[s->rollout];
        if (!(s->use & SF_USE_50) || sf_rollouts_part(r->seed, from->family) != SF_PART_TEST ||
            from->spent > o->budget || !isfinite(from->reward))
            continue;
        double y = (double)from->reward,
               e = y - (double)c->value(c, r->hidden + i * r->n_hidden, 1).f2;
        sum += y;
        square += y * y;
        error += e * e;
        n++;
    }
    double spread = square - sum * sum / (double)(n ? n : 1);
    out->n_r2 = n;
    out->r2 = spread > 0 ? 1 - error / spread : (double)NAN;
}

surefoot_status sf_critic_report(struct sf_report *out, const struct surefoot_critic *c,
                                 const struct sf_rollouts *r, const struct sf_train_options *o,
                                 surefoot_error *err) {
    static const struct {
        const char *name;
        uint32_t use;
    } point[SF_TRAIN_POINTS] = {
        {"25 % of the answer", SF_USE_25},      {"50 % of the answer", SF_USE_50},
        {"75 % of the answer", SF_USE_75},      {"8 tokens before", SF_USE_BEFORE_8},
        {"16 tokens before", SF_USE_BEFORE_16}, {"32 tokens before", SF_USE_BEFORE_32}};
    struct table t = {0};
    struct baseline b[2] = {0};
    *out = (struct sf_report){0};
    surefoot_status s = baseline_train(&b[0], r, false, o, err);
    if (s == SUREFOOT_OK) s = baseline_train(&b[1], r, true, o, err);
    t.item = sf_alloc((r->n_rollout + 1) * sizeof *t.item);
    t.order = sf_alloc((r->n_rollout + 1) * sizeof *t.order);
    t.weight = sf_alloc((r->n_rollout + 1) * sizeof *t.weight);
    t.draw[0] = sf_alloc(BOOT * sizeof *t.draw[0]);
    t.draw[1] = sf_alloc(BOOT * sizeof *t.draw[1]);
    t.draw[2] = sf_alloc(BOOT * sizeof *t.draw[2]);
    if (s == SUREFOOT_OK &&
        (!t.item || !t.order || !t.weight || !t.draw[0] || !t.draw[1] || !t.draw[2]))
        s = sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the report");
    for (int i = 0; i < SF_TRAIN_POINTS && s == SUREFOOT_OK; i++) {
        out->point[i].name = point[i].name;
        collect(&t, c, r, point[i].use, b, o);
        fill_point(&out->point[i], &t, o->seed);
    }
    if (s == SUREFOOT_OK) explained(out, c, r, o);
    for (int i = 0; i < 2; i++) baseline_close(&b[i]);
    sf_free(t.item);
    sf_free(t.order);
    sf_free(t.weight);
    sf_free(t.draw[0]);
    sf_free(t.draw[1]);
    sf_free(t.draw[2]);
    return s;
}
