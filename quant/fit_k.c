/* SPDX-License-Identifier: MIT
 * fit_k.c - super-blocks: parts are fitted one by one, their scales rounded to integers over a common
 * one, and then, in turn, the integers of each part and the common scale are improved until nothing
 * changes for the better. See fit_k.h.
 */
#include "fit_k.h"

#include <math.h>

#include "fit.h"
#include "types.h"

struct state {
    const float *x, *w; /* 256 each, x normalised                     */
    int e, parts;       /* x is in units of 2^e                       */
    float s[16], m[16]; /* what each part would have by itself        */
    float d, dmin;      /* the halves, in units of 2^e                */
    float error;        /* of the whole super-block                   */
};

/* Integers for d and dmin of every part: the nearest ones to what it would have, or neighbours. The
 * error counts; round > 0 searches about what is there. */
static float choose_parts(struct sf_fit_k *k, struct state *t, int round) {
    float total = 0, inv = sf_fit_inverse(t->d), inv_min = sf_fit_inverse(t->dmin);
    for (int p = 0; p < t->parts; p++) {
        const float *x = t->x + p * k->part, *w = t->w + p * k->part;
        float slo = (float)k->slo, shi = (float)k->shi, best = INFINITY;
        int s0 = round ? k->scale[p] : (int)sf_fit_round(t->s[p] * inv, slo, shi);
        int m0 = round ? k->min[p] : (int)sf_fit_round(t->m[p] * inv_min, 0, shi);
        int m_reach = k->lo ? 0 : 1;
        for (int s = s0 - 1; s <= s0 + 1; s++)
            for (int m = m0 - m_reach; m <= m0 + m_reach; m++) {
                if (s < k->slo || s > k->shi || m < 0 || m > k->shi) continue;
                float e = sf_fit_error(x, w, k->part, t->d * (float)s, -t->dmin * (float)m,
                                       (float)k->lo, (float)k->hi);
                if (e < best) {
                    best = e;
                    k->scale[p] = s;
                    k->min[p] = m;
                }
            }
        total += best;
    }
    return total;
}

/* d and dmin that are best for the integers there are, in least squares. */
static void solve(const struct sf_fit_k *k, const struct state *t, float *d, float *dmin) {
    float aa = 0, ab = 0, bb = 0, xa = 0, xb = 0; /* x ~ d a - dmin b */
    for (int p = 0; p < t->parts; p++) {
        float q[32], s = (float)k->scale[p], b = (float)k->min[p];
        float qq = 0, sq = 0, sw = 0, xq = 0, sx = 0;
        const float *x = t->x + p * k->part, *w = t->w + p * k->part;
        sf_fit_integers(q, x, k->part, t->d * s, -t->dmin * b, (float)k->lo, (float)k->hi);
        for (int i = 0; i < k->part; i++) {
            float u = w[i];
            qq += u * q[i] * q[i];
            sq += u * q[i];
            sw += u;
            xq += u * x[i] * q[i];
            sx += u * x[i];
        }
        aa += s * s * qq;
        ab += s * b * sq;
        bb += b * b * sw;
        xa += s * xq;
        xb += b * sx;
    }
    float det = aa * bb - ab * ab;
    *d = t->d;
    *dmin = t->dmin;
    if (bb > 0 && det > 0) {
        *d = (xa * bb - xb * ab) / det;
        *dmin = (xa * ab - xb * aa) / det;
    } else if (aa > 0) {
        *d = xa / aa;
    }
}

/* From one d and dmin: choose and solve in turn. The result replaces what *best holds if better. */
static void improve(struct sf_fit_k *best, float *best_error, struct state *t, float d,
                    float dmin) {
    struct sf_fit_k k = *best;
    for (int round = 0; round < 5; round++) {
        k.d = sf_fit_half(d, t->e, &t->d);
        k.dmin = sf_fit_half(dmin, t->e, &t->dmin);
        float e = choose_parts(&k, t, round);
        if (round && !(e < t->error)) break;
        t->error = e;
        if (e < *best_error) {
            *best_error = e;
            *best = k;
        }
        solve(&k, t, &d, &dmin);
        if (!k.lo && dmin < 0) dmin = 0;
    }
}

void sf_fit_k(struct sf_fit_k *k, const float *x, const float *w) {
    float y[256], top = 0, top_min = 0, error = INFINITY, back, back_min;
    struct state t = {.x = y, .w = w, .parts = 256 / k->part};
    t.e = sf_fit_normalise(y, x, 256);
    for (int p = 0; p < t.parts; p++) {
        const float *yp = y + p * k->part, *wp = w + p * k->part;
        if (k->lo) {
            t.s[p] = sf_fit_scale(yp, wp, k->part, k->lo, k->hi);
            t.m[p] = 0;
        } else {
            sf_fit_affine(yp, wp, k->part, k->hi, true, &t.s[p], &t.m[p]);
            t.m[p] = -t.m[p];
        }
        if (fabsf(t.s[p]) > fabsf(top)) top = t.s[p];
        top_min = fmaxf(top_min, t.m[p]);
    }
    k->d = k->dmin = 0;
    for (int p = 0; p < 16; p++) k->scale[p] = k->min[p] = 0;
    /* The largest scale becomes the largest integer, or, where integers are few, a little less. */
    float largest = (float)(k->slo ? k->slo : k->shi);
    for (int i = 0; i < (k->shi < 32 ? 4 : 1); i++) {
        float shrink = 1 - (float)i * 0.07f;
        improve(k, &error, &t, top / (largest * shrink), top_min / ((float)k->shi * shrink));
    }
    back = ldexpf(sf_f16_to_f32(k->d), -t.e);
    back_min = ldexpf(sf_f16_to_f32(k->dmin), -t.e);
    for (int p = 0; p < t.parts; p++)
        sf_fit_integers(k->q + p * k->part, y + p * k->part, k->part, back * (float)k->scale[p],
                        -back_min * (float)k->min[p], (float)k->lo, (float)k->hi);
}
