/* SPDX-License-Identifier: MIT
 * foresight.c - the critic's part of a decision: what it is asked, what its answer may do. It orders
 * candidates, it starts a search early, and it fails candidates, but never the last that has z >= 0.
 * Every comparison is written so that NaN is a doubt.
 */
#include <math.h>
#include <string.h>

#include "mutant.h"
#include "search.h"

/* z_t / d0 in [0, 1]: gamma^-t (d0 - spent) / d0. */
static float share_left(const struct sf_guard *g, const struct sf_safety *s) {
    double budget = (double)g->policy->budget;
    if (SF_MUTANT(65, g->policy->budget <= 0, true)) return 1;
    double z = (budget - (double)s->spent) / budget * ((double)SF_POWER_ONE / (double)s->power);
    return z < 0 ? 0 : z > 1 ? 1 : (float)z;
}

struct sf_value sf_look(struct sf_guard *g, const struct sf_path *p) {
    const struct surefoot_critic *c = g->critic;
    const float *hidden = c->n_hidden ? g->gen->hidden(g->gen->self, p->seq) : NULL;
    if (c->n_hidden && !hidden) return (struct sf_value){NAN, NAN};
    return c->value(c, hidden, share_left(g, &p->tip.safety));
}

void sf_score(struct sf_guard *g) {
    bool ask = g->critic && sf_living(g) > 0 && !sf_out_of_time(g, sf_living(g));
    if (ask && !sf_evaluate(g)) return; /* halted, or all of them dropped */
    for (int i = 0; i < g->n; i++) {
        struct sf_path *p = sf_candidate(g, i);
        if (p->life != SF_PATH_LIVE) continue;
        if (!ask) {
            p->value = sf_reader_value(&g->reader, &p->tip, &p->state);
            continue;
        }
        struct sf_value v = sf_look(g, p);
        p->f1 = v.f1;
        p->value = SF_MUTANT(66, (double)v.f2, sf_reader_value(&g->reader, &p->tip, &p->state));
        if (SF_MUTANT(67, (double)v.f1 > g->policy->threshold, !isnan(v.f1))) continue;
        p->life = SF_PATH_DOUBTED;
        g->stats->doubted++;
        sf_tally_doubt(&g->tally, p);
    }
}

/* a is the better one to fall back on: the larger f1, no number ranks last. */
static bool surer(float a, float b) {
    if (isnan(a)) return false;
    return isnan(b) || SF_MUTANT(68, a > b, a < b);
}

void sf_reserve_best(struct sf_guard *g, bool revoked) {
    struct sf_path *best = NULL, *r = &g->reserve;
    for (int i = 0; i < g->n; i++) {
        struct sf_path *p = sf_candidate(g, i);
        if (p->life == SF_PATH_DOUBTED && (!best || surer(p->f1, best->f1))) best = p;
    }
    if (!best || (r->life != SF_PATH_NONE && !surer(best->f1, r->f1))) return;
    r->life = SF_PATH_NONE;
    if (g->gen->fork(g->gen->self, r->seq, best->seq, NULL) != SUREFOOT_OK) return;
    sf_path_copy(&g->reader, r, best);
    g->reserve_revoked = revoked;
}

bool sf_keep_reserve(struct sf_guard *g) {
    struct sf_path *r = &g->reserve, *t = &g->trunk;
    if (SF_MUTANT(69, r->life == SF_PATH_NONE, true)) return false;
    r->life = SF_PATH_NONE;
    for (int i = 0; i < g->k + g->n; i++) g->pool[i].life = SF_PATH_NONE;
    g->n_beams = g->n_blocks = 0;
    /* The trunk's kept tokens are still there, though a later round may have revoked them. */
    if (!g->reserve_revoked) g->reader.shown = 0;
    t->life = SF_PATH_LIVE;
    t->n = t->start = r->root;
    if (g->gen->fork(g->gen->self, SF_SEQ_TRUNK, r->seq, NULL) != SUREFOOT_OK) return false;
    t->evaluated = r->evaluated;
    g->ready = true;
    if (!sf_trunk_take(g, r, r->n)) return false;
    g->kept = r->n;
    g->stats->kept_doubted++;
    return true;
}
