/* SPDX-License-Identifier: MIT
 * mlp_train.c - Adam (Kingma and Ba, arXiv 1412.6980, with the decoupled decay of arXiv 1711.05101)
 * for a small network; see mlp.h.
 *
 * A batch is cut into chunks of 16 examples. Each chunk sums its own gradient in the order of its
 * examples, whichever thread does it, and the chunks are added in their order: the result does not
 * depend on how many threads there are.
 */
#include <math.h>
#include <sleef.h>
#include <string.h>

#include "mlp.h"
#include "philox.h"
#include "threads.h"

enum { CHUNK = 16 };

void sf_mlp_options_init(struct sf_mlp_options *o) {
    *o = (struct sf_mlp_options){
        .epochs = 60, .patience = 8, .batch = 128, .rate = 1e-3f, .decay = 1e-2f};
    for (int i = 0; i < SF_MLP_MAX_OUT; i++) o->share[i] = 1;
}

struct trainer {
    struct sf_mlp *m; /* in units of standardised inputs and targets while it is trained */
    const struct sf_mlp_data *train, *check;
    const struct sf_mlp_options *o;
    struct sf_arena arena;
    float *mean, *scale; /* (n_x) of x: (x - mean) * scale                    */
    float y_mean[SF_MLP_MAX_OUT], y_scale[SF_MLP_MAX_OUT];
    int n_chunks, n_threads;
    float *grad;           /* (n_chunks, n_params)                              */
    double *loss;          /* (n_chunks, 2) sum and weight                      */
    float *x;              /* (n_threads, n_x) one example's row, standardised  */
    float *first, *second; /* (n_params) Adam's moments                         */
    float *best;           /* (n_params)                                        */
    uint32_t *order;       /* (train n)                                         */
    uint64_t steps;
    /* one epoch */
    double train_loss, train_weight;
    /* one check: parts of CHECKED examples each */
    double *part; /* (n_parts, 2) */
    size_t n_parts;
};
enum { CHECKED = 256 };

/* ------------------------------------------------------------------------------- one example */

static double loss_of(enum sf_mlp_loss kind, float y, float target, float *slope) {
    if (kind == SF_MLP_SQUARED) {
        *slope = y - target;
        return 0.5 * (double)*slope * (double)*slope;
    }
    double a = fabs((double)y), up = y > 0 ? (double)y : 0;
    *slope = sf_mlp_sigmoid(y) - target;
    return up - (double)y * (double)target +
           Sleef_cinz_logd1_u10purec(1.0 + Sleef_cinz_expd1_u10purec(-a));
}

static const float *row_of(const struct trainer *t, const struct sf_mlp_data *d, size_t i,
                           float *x) {
    const float *from = d->x + (size_t)(d->row ? d->row[i] : i) * t->m->n_x;
    for (uint32_t k = 0; k < t->m->n_x; k++) x[k] = (from[k] - t->mean[k]) * t->scale[k];
    return x;
}

struct pass { /* what the way back needs of the way there */
    float r[SF_MLP_MAX_HIDDEN], y[SF_MLP_MAX_OUT], slope[SF_MLP_MAX_OUT];
};

/* Loss of example i; adds the weight of its targets to *weight. */
static double there(const struct trainer *t, const struct sf_mlp_data *d, size_t i, const float *x,
                    struct pass *p, double *weight) {
    const struct sf_mlp *m = t->m;
    const float *more = d->more ? d->more + i * m->n_more : NULL;
    double loss = 0;
    for (uint32_t j = 0; j < m->n_hidden; j++) {
        p->r[j] = sf_mlp_unit(m, j, x, more);
        if (p->r[j] < 0) p->r[j] = 0;
    }
    if (m->n_hidden == 0) sf_mlp_forward(m, x, more, p->y);
    for (uint32_t o = 0; o < m->n_out; o++) {
        if (m->n_hidden) {
            p->y[o] = m->c[o];
            for (uint32_t j = 0; j < m->n_hidden; j++)
                p->y[o] += m->v[(size_t)o * m->n_hidden + j] * p->r[j];
        }
        float w = (d->weight ? d->weight[i * m->n_out + o] : 1) * t->o->share[o];
        p->slope[o] = 0;
        if (!(w > 0)) continue;
        float target = (d->y[i * m->n_out + o] - t->y_mean[o]) * t->y_scale[o];
        loss += (double)w * loss_of(t->o->loss[o], p->y[o], target, &p->slope[o]);
        p->slope[o] *= w;
        *weight += (double)w;
    }
    return loss;
}

/* Adds the gradient of the loss to g, which is laid out as the weights are. */
static void back(const struct trainer *t, const struct sf_mlp_data *d, size_t i, const float *x,
                 const struct pass *p, float *g) {
    const struct sf_mlp *m = t->m;
    const float *more = d->more ? d->more + i * m->n_more : NULL;
    float *gm = g + (m->m - m->w), *gb = g + (m->b - m->w), *gv = g + (m->v - m->w),
          *gc = g + (m->c - m->w);
    for (uint32_t j = 0; j < m->rows; j++) {
        float s = 0;
        if (m->n_hidden) {
            if (!(p->r[j] > 0)) continue;
            for (uint32_t o = 0; o < m->n_out; o++)
                s += p->slope[o] * m->v[(size_t)o * m->n_hidden + j];
        } else {
            s = p->slope[j];
        }
        float *gw = g + (size_t)j * m->n_x;
        for (uint32_t k = 0; k < m->n_x; k++) gw[k] += s * x[k];
        for (uint32_t k = 0; k < m->n_more; k++) gm[(size_t)j * m->n_more + k] += s * more[k];
        gb[j] += s;
    }
    for (uint32_t o = 0; m->n_hidden && o < m->n_out; o++) {
        for (uint32_t j = 0; j < m->n_hidden; j++)
            gv[(size_t)o * m->n_hidden + j] += p->slope[o] * p->r[j];
        gc[o] += p->slope[o];
    }
}

/* ------------------------------------------------------------------------------- monotone outputs */

/* Unit j of the hidden layer pulls up (even) or down (odd): its weights on `more` have that sign,
 * and so have those of monotone outputs on it. */
static float sign_of(uint32_t j) {
    return j % 2 ? -1.0f : 1.0f;
}

static bool any_monotone(const struct trainer *t) {
    bool any = false;
    for (uint32_t o = 0; o < t->m->n_out; o++) any |= t->o->monotone[o];
    return any;
}

static void hold(float *w, float sign) {
    if (*w * sign < 0) *w = 0;
}

static void project(const struct trainer *t, size_t begin, size_t end) {
    const struct sf_mlp *m = t->m;
    if (!any_monotone(t)) return;
    size_t at_m = (size_t)(m->m - m->w), at_b = (size_t)(m->b - m->w), at_v = (size_t)(m->v - m->w),
           at_c = (size_t)(m->c - m->w);
    for (size_t i = sf_max(begin, at_m); i < sf_min(end, at_b); i++) {
        uint32_t j = (uint32_t)((i - at_m) / m->n_more);
        if (m->n_hidden)
            hold(m->w + i, sign_of(j));
        else if (t->o->monotone[j])
            hold(m->w + i, 1);
    }
    for (size_t i = sf_max(begin, at_v); m->n_hidden && i < sf_min(end, at_c); i++)
        if (t->o->monotone[(i - at_v) / m->n_hidden])
            hold(m->w + i, sign_of((uint32_t)((i - at_v) % m->n_hidden)));
}

/* ------------------------------------------------------------------------------- epochs */

static void adam(struct trainer *t, size_t begin, size_t end, double weight) {
    const struct sf_mlp *m = t->m;
    const float b1 = 0.9f, b2 = 0.999f;
    double c1 = 1, c2 = 1;
    for (uint64_t i = 0; i < t->steps && i < 20000; i++) c1 *= 0.9, c2 *= 0.999;
    float rate = t->o->rate / (float)(1 - c1), root = sqrtf((float)(1 - c2));
    float scale = weight > 0 ? (float)(1 / weight) : 0;
    size_t at_m = (size_t)(m->m - m->w), at_v = (size_t)(m->v - m->w), at_c = (size_t)(m->c - m->w);
    for (size_t i = begin; i < end; i++) {
        float g = 0;
        for (int c = 0; c < t->n_chunks; c++) g += t->grad[(size_t)c * m->n_params + i];
        g *= scale;
        t->first[i] += (1 - b1) * (g - t->first[i]);
        t->second[i] += (1 - b2) * (g * g - t->second[i]);
        bool decays = i < at_m || (i >= at_v && i < at_c);
        if (decays) m->w[i] -= t->o->rate * t->o->decay * m->w[i];
        m->w[i] -= rate * t->first[i] / (sqrtf(t->second[i]) / root + 1e-8f);
    }
}

static void epoch(void *arg, struct sf_member *me) {
    struct trainer *t = arg;
    const size_t n = t->train->n, batch = (size_t)t->n_chunks * CHUNK, P = t->m->n_params;
    float *x = t->x + (size_t)me->id * t->m->n_x;
    for (size_t at = 0; at < n; at += batch) {
        size_t begin, end;
        while (sf_take(me, (size_t)t->n_chunks, 1, &begin, &end)) {
            for (size_t c = begin; c < end; c++) {
                float *g = t->grad + c * P;
                double *l = t->loss + 2 * c;
                memset(g, 0, P * sizeof *g);
                l[0] = l[1] = 0;
                for (size_t i = at + c * CHUNK; i < sf_min(n, at + (c + 1) * CHUNK); i++) {
                    struct pass p;
                    uint32_t e = t->order[i];
                    row_of(t, t->train, e, x);
                    l[0] += there(t, t->train, e, x, &p, &l[1]);
                    back(t, t->train, e, x, &p, g);
                }
            }
        }
        sf_barrier(me);
        double weight = 0, loss = 0;
        for (int c = 0; c < t->n_chunks; c++) loss += t->loss[2 * c], weight += t->loss[2 * c + 1];
        sf_share(me, P, 16, &begin, &end);
        if (me->id == 0) {
            t->train_loss += loss;
            t->train_weight += weight;
            t->steps++;
        }
        sf_barrier(me);
        adam(t, begin, end, weight);
        project(t, begin, end);
        sf_barrier(me);
    }
}

static void check(void *arg, struct sf_member *me) {
    struct trainer *t = arg;
    float *x = t->x + (size_t)me->id * t->m->n_x;
    size_t begin, end;
    while (sf_take(me, t->n_parts, 1, &begin, &end))
        for (size_t c = begin; c < end; c++) {
            double *l = t->part + 2 * c;
            l[0] = l[1] = 0;
            for (size_t i = c * CHECKED; i < sf_min(t->check->n, (c + 1) * CHECKED); i++) {
                struct pass p;
                row_of(t, t->check, i, x);
                l[0] += there(t, t->check, i, x, &p, &l[1]);
            }
        }
}

static void shuffle(struct trainer *t, uint32_t turn) {
    for (size_t i = t->train->n; i > 1; i--) {
        uint32_t r = sf_philox(t->o->seed, (uint32_t)i, 1, turn), k;
        k = (uint32_t)(((uint64_t)r * i) >> 32);
        uint32_t swap = t->order[i - 1];
        t->order[i - 1] = t->order[k];
        t->order[k] = swap;
    }
}

/* ------------------------------------------------------------------------------- before and after */

static void standardise(struct trainer *t) {
    const struct sf_mlp_data *d = t->train;
    const uint32_t n_x = t->m->n_x;
    for (uint32_t k = 0; k < n_x; k++) {
        double sum = 0, square = 0;
        for (size_t i = 0; i < d->n; i++)
            sum += (double)d->x[(size_t)(d->row ? d->row[i] : i) * n_x + k];
        double mean = sum / (double)d->n;
        for (size_t i = 0; i < d->n; i++) {
            double e = (double)d->x[(size_t)(d->row ? d->row[i] : i) * n_x + k] - mean;
            square += e * e;
        }
        double spread = sqrt(square / (double)d->n);
        t->mean[k] = (float)mean;
        t->scale[k] = spread > 1e-12 ? (float)(1 / spread) : 0; /* a constant tells nothing */
    }
    for (uint32_t o = 0; o < t->m->n_out; o++) {
        double sum = 0, square = 0, weight = 0;
        t->y_mean[o] = 0;
        t->y_scale[o] = 1;
        if (t->o->loss[o] != SF_MLP_SQUARED) continue;
        for (int pass = 0; pass < 2; pass++)
            for (size_t i = 0; i < d->n; i++) {
                double w = d->weight ? (double)d->weight[i * t->m->n_out + o] : 1,
                       y = (double)d->y[i * t->m->n_out + o];
                if (!(w > 0)) continue;
                if (pass == 0) sum += w * y, weight += w;
                if (pass == 1) square += w * (y - sum / weight) * (y - sum / weight);
            }
        if (!(weight > 0)) continue;
        t->y_mean[o] = (float)(sum / weight);
        double spread = sqrt(square / weight);
        t->y_scale[o] = spread > 1e-9 ? (float)(1 / spread) : 1;
    }
}

static void begin_weights(struct trainer *t) {
    struct sf_mlp *m = t->m;
    float spread = sqrtf(6.0f / (float)(m->n_hidden ? m->n_x : 100 * m->n_x));
    for (size_t i = 0; i < m->n_params; i++) {
        float u = 2 * (float)sf_philox_unit(t->o->seed, (uint32_t)i, 0, 0) - 1;
        bool bias = m->w + i >= m->b && (m->w + i < m->v || m->w + i >= m->c);
        m->w[i] = bias ? 0 : spread * u;
        if (m->w + i >= m->v && m->w + i < m->c) m->w[i] = u * sqrtf(1.0f / (float)m->n_hidden);
        if (m->w + i >= m->m && m->w + i < m->b) m->w[i] = u;
    }
    if (!any_monotone(t) || !m->n_hidden) return;
    for (uint32_t j = 0; j < m->n_hidden; j++) {
        for (uint32_t k = 0; k < m->n_more; k++) {
            float *w = m->m + (size_t)j * m->n_more + k;
            *w = sign_of(j) * fabsf(*w);
        }
        for (uint32_t o = 0; o < m->n_out; o++) {
            float *v = m->v + (size_t)o * m->n_hidden + j;
            if (t->o->monotone[o]) *v = sign_of(j) * fabsf(*v);
        }
    }
}

/* From standardised inputs and targets to those that come: (x - mean) scale, y / scale + mean. */
static void fold(struct trainer *t) {
    struct sf_mlp *m = t->m;
    for (uint32_t j = 0; j < m->rows; j++) {
        double shift = 0;
        for (uint32_t k = 0; k < m->n_x; k++) {
            float *w = m->w + (size_t)j * m->n_x + k;
            *w *= t->scale[k];
            shift += (double)*w * (double)t->mean[k];
        }
        m->b[j] = (float)((double)m->b[j] - shift);
    }
    for (uint32_t o = 0; o < m->n_out; o++) {
        float up = 1 / t->y_scale[o], *last = m->n_hidden ? m->c + o : m->b + o;
        float *from = m->n_hidden ? m->v + (size_t)o * m->n_hidden : m->w + (size_t)o * m->n_x;
        for (uint32_t k = 0; k < (m->n_hidden ? m->n_hidden : m->n_x); k++) from[k] *= up;
        for (uint32_t k = 0; !m->n_hidden && k < m->n_more; k++) m->m[o * m->n_more + k] *= up;
        *last = *last * up + t->y_mean[o];
    }
}

static void plan(struct trainer *t) {
    struct sf_arena *a = &t->arena;
    size_t P = t->m->n_params, f = sizeof(float);
    t->mean = sf_arena_take(a, t->m->n_x, f);
    t->scale = sf_arena_take(a, t->m->n_x, f);
    t->grad = sf_arena_take(a, (size_t)t->n_chunks * P, f);
    t->loss = sf_arena_take(a, (size_t)t->n_chunks * 2, sizeof *t->loss);
    t->x = sf_arena_take(a, (size_t)t->n_threads * t->m->n_x, f);
    t->first = sf_arena_take(a, P, f);
    t->second = sf_arena_take(a, P, f);
    t->best = sf_arena_take(a, P, f);
    t->order = sf_arena_take(a, t->train->n, sizeof *t->order);
    t->part = sf_arena_take(a, t->n_parts * 2, sizeof *t->part);
}

static double mean_of(double sum, double weight) {
    return weight > 0 ? sum / weight : 0;
}

/* All epochs; the best weights end up in m, still in standardised units. */
static surefoot_status run(struct trainer *t, struct sf_mlp_report *report, surefoot_error *err) {
    const struct sf_mlp_options *o = t->o;
    size_t bytes = t->m->n_params * sizeof *t->best;
    double best = (double)INFINITY;
    for (size_t i = 0; i < t->train->n; i++) t->order[i] = (uint32_t)i;
    for (int e = 1; e <= o->epochs && e - report->best <= o->patience; e++) {
        shuffle(t, (uint32_t)e);
        t->train_loss = t->train_weight = 0;
        sf_team_run(t->n_threads, epoch, t);
        sf_team_run(t->n_threads, check, t);
        double loss = 0, weight = 0;
        for (size_t i = 0; i < t->n_parts; i++)
            loss += t->part[2 * i], weight += t->part[2 * i + 1];
        loss = mean_of(loss, weight);
        report->epochs = e;
        report->train_loss = mean_of(t->train_loss, t->train_weight);
        if (loss < best) {
            best = report->check_loss = loss;
            report->best = e;
            memcpy(t->best, t->m->w, bytes);
        }
        if (o->progress && o->progress(o->user, e, report->train_loss, loss))
            return sf_fail(err, SUREFOOT_E_ABORTED, 0, "stopped on request");
    }
    if (report->best == 0)
        return sf_fail(err, SUREFOOT_E_FAILED, 0,
                       "training: no epoch had a finite loss (are inputs and targets finite?)");
    memcpy(t->m->w, t->best, bytes);
    return SUREFOOT_OK;
}

surefoot_status sf_mlp_train(struct sf_mlp *m, const struct sf_mlp_data *train,
                             const struct sf_mlp_data *test, const struct sf_mlp_options *o,
                             struct sf_mlp_report *report, surefoot_error *err) {
    *report = (struct sf_mlp_report){0};
    if (train->n < 1 || test->n < 1 || train->n > UINT32_MAX)
        return sf_fail(err, SUREFOOT_E_FAILED, 0,
                       "training: %zu examples to learn from and %zu to check with", train->n,
                       test->n);
    if (o->batch < CHUNK || o->batch % CHUNK || o->batch > 1 << 16 || o->epochs < 1)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "training: batch is a multiple of %d", CHUNK);
    struct trainer t = {.m = m, .train = train, .check = test, .o = o};
    t.n_chunks = o->batch / CHUNK;
    t.n_threads = o->n_threads > 0 ? o->n_threads : sf_default_threads();
    if (t.n_threads > t.n_chunks) t.n_threads = t.n_chunks;
    if (t.n_threads > SF_MAX_THREADS) t.n_threads = SF_MAX_THREADS;
    t.n_parts = (test->n + CHECKED - 1) / CHECKED;
    plan(&t);
    SF_TRY(sf_arena_reserve(&t.arena, err));
    plan(&t);
    standardise(&t);
    begin_weights(&t);
    surefoot_status s = run(&t, report, err);
    if (s == SUREFOOT_OK) fold(&t);
    sf_arena_free(&t.arena);
    return s;
}
