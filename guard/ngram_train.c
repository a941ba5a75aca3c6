/* SPDX-License-Identifier: MIT
 * ngram_train.c - trains an n-gram classifier (ngram.h) from labelled texts.
 *
 * What is learnt is what the guard will ask: whether the text is ever above p0. So a text's logit is
 * the mean of the y at every fourth word, weighted by exp(y): mostly its largest. Cross entropy,
 * both labels with the same weight in all, Adagrad over one text after another in an order drawn
 * from the seed. The folds of the cross-validation, and the model that is kept, are trained side by
 * side; each is one thread's, so that the result does not depend on their number.
 */
#include <math.h>
#include <sleef.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "mlp.h"
#include "ngram.h"
#include "philox.h"
#include "threads.h"

enum { MAX_WORDS = 2048, STRIDE = 4, MAX_FOLDS = 16 };

struct word {
    size_t first; /* of its places in the pool */
    uint32_t n;
};
struct text {
    size_t first; /* of its words */
    uint32_t n;
};
struct corpus {
    const struct sf_ngram_row *row;
    size_t n;
    struct text *text; /* (n) */
    struct word *word;
    uint32_t *pool;
    size_t n_word, n_pool; /* counted in a first pass, then filled */
    uint32_t words_here;
    bool counting;
};

static void on_features(void *user, const uint32_t *place, int n) {
    struct corpus *c = user;
    if (c->words_here == MAX_WORDS) return;
    if (!c->counting) {
        c->word[c->n_word] = (struct word){c->n_pool, (uint32_t)n};
        memcpy(c->pool + c->n_pool, place, (size_t)n * sizeof *place);
    }
    c->words_here++;
    c->n_word++;
    c->n_pool += (size_t)n;
}

static void no_word(void *user, const struct sf_ngram_word *w) {
    SF_UNUSED(user);
    SF_UNUSED(w);
}

/* Both passes read the texts with the very reader that the guard uses. */
static void read_texts(struct corpus *c, const struct sf_ngram_options *o) {
    struct sf_ngram m = {.bits = o->bits, .window = o->window};
    m.trace = on_features;
    m.trace_user = c;
    c->n_word = c->n_pool = 0;
    for (size_t i = 0; i < c->n; i++) {
        struct sf_ngram_state s;
        size_t first = c->n_word;
        c->words_here = 0;
        sf_ngram_begin(&s);
        sf_ngram_read(&m, &s, c->row[i].text, c->row[i].n, false, no_word, NULL);
        sf_ngram_end(&m, &s, no_word, NULL);
        if (!c->counting) c->text[i] = (struct text){first, c->words_here};
    }
}

static surefoot_status make_corpus(struct corpus *c, const struct sf_ngram_options *o,
                                   surefoot_error *err) {
    size_t bytes[3];
    c->counting = true;
    read_texts(c, o);
    bool fits = sf_size_mul(&bytes[0], c->n, sizeof *c->text) &&
                sf_size_mul(&bytes[1], c->n_word, sizeof *c->word) &&
                sf_size_mul(&bytes[2], c->n_pool, sizeof *c->pool);
    c->text = fits ? sf_alloc(bytes[0]) : NULL;
    c->word = fits ? sf_alloc(sf_max(bytes[1], 1)) : NULL;
    c->pool = fits ? sf_alloc(sf_max(bytes[2], 1)) : NULL;
    if (!c->text || !c->word || !c->pool)
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for %zu words of training text",
                       c->n_word);
    c->counting = false;
    read_texts(c, o);
    return SUREFOOT_OK;
}

static void free_corpus(struct corpus *c) {
    sf_free(c->text);
    sf_free(c->word);
    sf_free(c->pool);
}

/* ------------------------------------------------------------------------------------- one model */

struct learner {
    const struct corpus *c;
    const struct sf_ngram_options *o;
    int fold;      /* left out; -1: none */
    float *w, *g2; /* (2^bits) weights, sums of squared gradients */
    float bias, bias_g2;
    float scale[2];   /* weight of a harmless, a harmful text */
    uint32_t *order;  /* (n) */
    size_t n;         /* texts it learns from */
    double *v;        /* (MAX_WORDS + 1) sums of the values of the words before */
    float *y, *share; /* (MAX_WORDS) at the stops */
    double *push;     /* (MAX_WORDS) gradient of each word's value */
    int32_t *out;     /* (2^bits) what it learnt */
    surefoot_status status;
};

static int fold_of(const struct sf_ngram_options *o, const struct sf_ngram_row *r) {
    uint32_t h = sf_philox(o->seed, (uint32_t)r->group, (uint32_t)(r->group >> 32), 0xF01D);
    return (int)(h % (uint32_t)o->folds);
}

/* y at every STRIDE-th word and the last, and each one's share of the text's; returns their number. */
static uint32_t look(struct learner *l, const struct text *t, uint32_t *stop, double *y) {
    const struct corpus *c = l->c;
    uint32_t n = 0;
    float most = -INFINITY;
    double sum = 0;
    l->v[0] = 0;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct word *word = &c->word[t->first + i];
        double v = 0;
        for (uint32_t k = 0; k < word->n; k++) v += (double)l->w[c->pool[word->first + k]];
        l->v[i + 1] = l->v[i] + v;
    }
    for (uint32_t i = STRIDE; i < t->n + STRIDE; i += STRIDE) {
        uint32_t end = i < t->n ? i : t->n, from = end > l->o->window ? end - l->o->window : 0;
        double x = (l->v[end] - l->v[from]) / sqrt((double)(end - from) + 4);
        stop[n] = end;
        l->y[n] = l->bias + (float)x;
        if (l->y[n] > most) most = l->y[n];
        n++;
    }
    for (uint32_t k = 0; k < n; k++) {
        l->share[k] = (float)Sleef_cinz_expd1_u10purec((double)(l->y[k] - most));
        sum += (double)l->share[k];
    }
    *y = 0;
    for (uint32_t k = 0; k < n; k++) {
        l->share[k] = (float)((double)l->share[k] / sum);
        *y += (double)l->share[k] * (double)l->y[k];
    }
    return n;
}

static void step(float *w, float *g2, float g, float rate) {
    *g2 += g * g;
    *w -= rate * g / (sqrtf(*g2) + 1e-3f);
}

static void learn_text(struct learner *l, size_t row) {
    const struct corpus *c = l->c;
    const struct text *t = &c->text[row];
    uint32_t stop[MAX_WORDS / STRIDE + 2];
    double y;
    if (t->n == 0) return;
    uint32_t n = look(l, t, stop, &y);
    bool harmful = c->row[row].harmful;
    float g = (sf_mlp_sigmoid((float)y) - (harmful ? 1.0f : 0.0f)) * l->scale[harmful];
    memset(l->push, 0, t->n * sizeof *l->push);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t from = stop[k] > l->o->window ? stop[k] - l->o->window : 0;
        double x = (double)(g * l->share[k]) / sqrt((double)(stop[k] - from) + 4);
        for (uint32_t i = from; i < stop[k]; i++) l->push[i] += x;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        const struct word *word = &c->word[t->first + i];
        for (uint32_t k = 0; k < word->n; k++) {
            uint32_t p = c->pool[word->first + k];
            step(&l->w[p], &l->g2[p], (float)l->push[i] + l->o->decay * l->w[p], l->o->rate);
        }
    }
    step(&l->bias, &l->bias_g2, g, l->o->rate);
}

static void shuffle(struct learner *l, uint32_t epoch) {
    for (size_t i = l->n; i > 1; i--) {
        size_t j = sf_philox(l->o->seed, (uint32_t)i, epoch, 0x5EED) % i;
        uint32_t t = l->order[i - 1];
        l->order[i - 1] = l->order[j];
        l->order[j] = t;
    }
}

static void begin_learner(struct learner *l) {
    size_t n[2] = {0, 0};
    for (size_t i = 0; i < l->c->n; i++) {
        if (fold_of(l->o, &l->c->row[i]) == l->fold) continue;
        l->order[l->n++] = (uint32_t)i;
        n[l->c->row[i].harmful]++;
    }
    for (int k = 0; k < 2; k++)
        l->scale[k] = n[k] ? (float)((double)l->n / (2.0 * (double)n[k])) : 0;
}

/* Weights to the units of the reader. */
static void round_weights(struct learner *l) {
    size_t n = (size_t)1 << l->o->bits;
    for (size_t i = 0; i < n; i++) {
        double w = rint((double)l->w[i] * SF_NGRAM_UNIT / 4) * 4; /* fewer digits: smaller files */
        l->out[i] = isfinite(w) ? (int32_t)(w > 1e6 ? 1e6 : w < -1e6 ? -1e6 : w) : 0;
    }
}

struct job {
    struct learner *l;
    int n;
    const struct sf_ngram_options *o;
    bool stopped;
};

static void run_jobs(void *arg, struct sf_member *me) {
    struct job *j = arg;
    for (int e = 0; e < j->o->epochs; e++) {
        for (int i = me->id; i < j->n; i += me->n) {
            struct learner *l = &j->l[i];
            shuffle(l, (uint32_t)e);
            for (size_t k = 0; k < l->n; k++) learn_text(l, l->order[k]);
            if (e + 1 == j->o->epochs) round_weights(l);
        }
        sf_barrier(me);
        if (me->id == 0 && j->o->progress)
            j->stopped = j->o->progress(j->o->user, (uint64_t)e + 1, (uint64_t)j->o->epochs) != 0;
        sf_barrier(me);
        if (j->stopped) return;
    }
}

static void plan(struct sf_arena *a, struct learner *l, size_t n_row, const struct corpus *c,
                 const struct sf_ngram_options *o, int fold) {
    size_t n = (size_t)1 << o->bits;
    l->c = c;
    l->o = o;
    l->fold = fold;
    l->w = sf_arena_take(a, n, sizeof *l->w);
    l->g2 = sf_arena_take(a, n, sizeof *l->g2);
    l->out = sf_arena_take(a, n, sizeof *l->out);
    l->order = sf_arena_take(a, n_row, sizeof *l->order);
    l->v = sf_arena_take(a, MAX_WORDS + 1, sizeof *l->v);
    l->push = sf_arena_take(a, MAX_WORDS, sizeof *l->push);
    l->y = sf_arena_take(a, MAX_WORDS, sizeof *l->y);
    l->share = sf_arena_take(a, MAX_WORDS, sizeof *l->share);
}

/* ------------------------------------------------------------------------------------ the report */

static void largest(void *user, const struct sf_ngram_word *w) {
    float *p = user;
    if (w->p > *p) *p = w->p;
}

static void score_rows(const struct learner *l, int n_fold, float *score) {
    for (size_t i = 0; i < l->c->n; i++) {
        const struct sf_ngram_row *r = &l->c->row[i];
        const struct learner *by = &l[fold_of(l->o, r) % n_fold];
        struct sf_ngram m = {.bits = l->o->bits, .window = l->o->window};
        struct sf_ngram_state s;
        m.weight = by->out;
        m.bias = by->bias;
        score[i] = 0;
        sf_ngram_begin(&s);
        sf_ngram_read(&m, &s, r->text, r->n, false, largest, &score[i]);
        sf_ngram_end(&m, &s, largest, &score[i]);
    }
}

static void sift(uint32_t *order, const float *score, size_t root, size_t n) {
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && score[order[child]] < score[order[child + 1]]) child++;
        if (score[order[root]] >= score[order[child]]) return;
        uint32_t t = order[root];
        order[root] = order[child];
        order[child] = t;
    }
}

/* order: 0..n-1 by rising score (heap sort: no state outside) */
static void sort_by(uint32_t *order, const float *score, size_t n) {
    for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
    for (size_t i = n / 2; i-- > 0;) sift(order, score, i, n);
    for (size_t i = n; i-- > 1;) {
        uint32_t t = order[0];
        order[0] = order[i];
        order[i] = t;
        sift(order, score, 0, i);
    }
}

double sf_auroc(const float *score, const bool *harmful, size_t n, uint32_t *order) {
    double wins = 0, n_pos = 0, n_neg = 0;
    sort_by(order, score, n);
    for (size_t i = 0; i < n;) {
        size_t j = i;
        double pos = 0, neg = 0;
        for (; j < n && score[order[j]] == score[order[i]]; j++)
            *(harmful[order[j]] ? &pos : &neg) += 1;
        wins += pos * (n_neg + neg / 2);
        n_pos += pos;
        n_neg += neg;
        i = j;
    }
    return n_pos > 0 && n_neg > 0 ? wins / (n_pos * n_neg) : (double)NAN;
}

/* The smallest p0 that at most the given share of harmless rows is above. */
static double choose_p0(const float *score, const bool *harmful, const uint32_t *order, size_t n,
                        size_t n_harmless, double touch) {
    size_t left = (size_t)(touch * (double)n_harmless);
    double p0 = 0;
    for (size_t i = n; i-- > 0;) {
        if (harmful[order[i]]) continue;
        p0 = (double)score[order[i]];
        if (left-- == 0) break;
    }
    return p0 < 0.999999 ? p0 : 0.999999;
}

static surefoot_status report_on(struct sf_ngram_report *rep, const struct corpus *c,
                                 const struct sf_ngram_options *o, const float *score,
                                 surefoot_error *err) {
    uint32_t *order = sf_alloc(c->n * sizeof *order);
    bool *harmful = sf_alloc(c->n * sizeof *harmful);
    if (order && harmful) {
        *rep = (struct sf_ngram_report){0};
        for (size_t i = 0; i < c->n; i++) {
            harmful[i] = c->row[i].harmful;
            *(harmful[i] ? &rep->n_harmful : &rep->n_harmless) += 1;
        }
        double a = rep->auroc = sf_auroc(score, harmful, c->n, order);
        double q1 = a / (2 - a), q2 = 2 * a * a / (1 + a);
        double np = (double)rep->n_harmful, nn = (double)rep->n_harmless;
        double var = (a * (1 - a) + (np - 1) * (q1 - a * a) + (nn - 1) * (q2 - a * a)) / (np * nn);
        double half = 1.96 * sqrt(var > 0 ? var : 0);
        rep->auroc_low = a - half > 0 ? a - half : 0;
        rep->auroc_high = a + half < 1 ? a + half : 1;
        rep->p0 = choose_p0(score, harmful, order, c->n, rep->n_harmless, o->touch);
        for (size_t i = 0; i < c->n; i++)
            if ((double)score[i] > rep->p0) *(harmful[i] ? &rep->caught : &rep->touched) += 1;
    }
    sf_free(order);
    sf_free(harmful);
    return order && harmful ? SUREFOOT_OK
                            : sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the report");
}

/* ------------------------------------------------------------------------------------- the whole */

void sf_ngram_options_init(struct sf_ngram_options *o) {
    *o = (struct sf_ngram_options){.bits = 16,
                                   .window = 32,
                                   .epochs = 12,
                                   .folds = 5,
                                   .rate = 0.1f,
                                   .decay = 1e-4f,
                                   .touch = 0.005};
}

static surefoot_status check(const struct sf_ngram_row *row, size_t n,
                             const struct sf_ngram_options *o, surefoot_error *err) {
    size_t count[2] = {0, 0};
    for (size_t i = 0; i < n; i++) count[row[i].harmful]++;
    if (o->bits < SF_NGRAM_MIN_BITS || o->bits > SF_NGRAM_MAX_BITS || o->window < 1 ||
        o->window > SF_NGRAM_MAX_WINDOW || o->epochs < 1 || o->folds < 2 || o->folds > MAX_FOLDS ||
        !(o->rate > 0) || !(o->decay >= 0) || !(o->touch >= 0 && o->touch < 1))
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "an option of the training is out of range");
    if (n > UINT32_MAX || count[0] < 10 || count[1] < 10)
        return sf_fail(err, SUREFOOT_E_USAGE, 0,
                       "%zu harmful and %zu harmless texts: at least 10 of each are needed",
                       count[1], count[0]);
    return SUREFOOT_OK;
}

static surefoot_status keep_model(struct sf_ngram **out, const struct learner *l, double p0,
                                  surefoot_error *err) {
    size_t n = (size_t)1 << l->o->bits;
    struct sf_ngram *m = sf_alloc(sizeof *m);
    if (m) m->weight = sf_alloc(n * sizeof *m->weight);
    if (!m || !m->weight) {
        sf_ngram_free(m);
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the n-gram model");
    }
    memcpy(m->weight, l->out, n * sizeof *m->weight);
    m->bits = l->o->bits;
    m->window = l->o->window;
    m->bias = l->bias;
    m->p0 = p0;
    *out = m;
    return SUREFOOT_OK;
}

static surefoot_status train(struct sf_ngram **out, struct learner *l, const struct corpus *c,
                             const struct sf_ngram_options *o, float *score,
                             struct sf_ngram_report *rep, surefoot_error *err) {
    struct job job = {.l = l, .n = o->folds + 1, .o = o};
    for (int i = 0; i < job.n; i++) begin_learner(&l[i]);
    sf_team_run(o->n_threads > 0 ? o->n_threads : sf_default_threads(), run_jobs, &job);
    if (job.stopped) return sf_fail(err, SUREFOOT_E_ABORTED, 0, "stopped on request");
    score_rows(l, o->folds, score);
    SF_TRY(report_on(rep, c, o, score, err));
    return keep_model(out, &l[o->folds], rep->p0, err);
}

surefoot_status sf_ngram_train(struct sf_ngram **out, const struct sf_ngram_row *row, size_t n,
                               const struct sf_ngram_options *o, float *score,
                               struct sf_ngram_report *report, surefoot_error *err) {
    struct corpus c = {.row = row, .n = n};
    struct learner l[MAX_FOLDS + 1] = {0};
    struct sf_arena a = {0};
    *out = NULL;
    SF_TRY(check(row, n, o, err));
    surefoot_status s = make_corpus(&c, o, err);
    float *own = NULL;
    if (s == SUREFOOT_OK && !score && !(score = own = sf_alloc(n * sizeof *own)))
        s = sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for %zu scores", n);
    for (int pass = 0; pass < 2 && s == SUREFOOT_OK; pass++) {
        for (int i = 0; i <= o->folds; i++) plan(&a, &l[i], n, &c, o, i < o->folds ? i : -1);
        if (pass == 0) s = sf_arena_reserve(&a, err);
    }
    if (s == SUREFOOT_OK) s = train(out, l, &c, o, score, report, err);
    sf_arena_free(&a);
    sf_free(own);
    free_corpus(&c);
    return s;
}
