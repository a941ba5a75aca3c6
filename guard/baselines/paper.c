/* SPDX-License-Identifier: MIT
 * paper.c - InferenceGuard as published (arXiv 2502.01208, section 5.2), for comparison only: z in
 * real numbers from signed costs, z > 0 tested where a block ends and at the end of the text, no
 * commitment before the end, and on failure the tokens of all failed blocks are penalised, M times.
 * Where it says nothing: when all retries failed, the candidates with the largest z go on, so
 * that text over budget can be delivered.
 */
#include <math.h>

#include "critic.h"
#include "drafts.h"

/* Finished: r. Unfinished: f2 if f1 > tau, else failed (the critic's veto); without a critic the
 * reward of the prefix. Not z > 0: failed. Returns how many did not fail. */
static int score(struct sf_drafts *d) {
    const struct sf_generator *gen = d->job->run->gen;
    const struct surefoot_critic *critic = d->job->critic;
    double d0 = (double)d->job->policy->budget / SF_COST_UNIT;
    int good = 0;
    for (int i = 0; i < d->n; i++) {
        struct sf_draft *p = &d->draft[i];
        if (p->life != SF_PATH_LIVE && p->life != SF_PATH_FINISHED) continue;
        bool passes = p->z > 0;
        double r = sf_score_reward(d, p);
        if (critic && passes && p->life == SF_PATH_LIVE) {
            double z = d0 > 0 ? fmin(1, fmax(0, p->z / d0)) : 1;
            struct sf_value v = critic->value(critic, gen->hidden(gen->self, p->seq), (float)z);
            passes = (double)v.f1 > d->job->policy->threshold; /* NaN: failed */
            r = (double)v.f2;
        }
        p->failed = !passes;
        p->value = passes ? (isnan(r) ? -1e9 : r) : -1e12 + (isfinite(p->z) ? p->z : -1e12);
        good += passes;
    }
    return good;
}

/* logit(v) -= beta g(v) / F over the blocks of all failed candidates of this decision. */
static void penalise(struct sf_drafts *d, size_t *n, int *failed) {
    size_t most = (size_t)d->n * SF_GUARD_MAX_BLOCK * (SF_GUARD_MAX_RETRIES + 1);
    for (int i = 0; i < d->n; i++) {
        struct sf_draft *p = &d->draft[i];
        if ((p->life != SF_PATH_LIVE && p->life != SF_PATH_FINISHED) || !p->failed) continue;
        (*failed)++;
        for (uint32_t t = p->start; t < p->n; t++) {
            size_t k = 0;
            bool again = false; /* each candidate counts once for a token */
            for (uint32_t s = p->start; s < t; s++) again |= p->tok[s].id == p->tok[t].id;
            while (!again && k < *n && d->penalty[k].token != p->tok[t].id) k++;
            if (again || k == most) continue;
            if (k == *n) {
                d->penalty[(*n)++].token = p->tok[t].id;
                d->count[k] = 0;
            }
            d->count[k]++;
        }
    }
    for (size_t k = 0; k < *n; k++)
        d->penalty[k].amount = (float)(d->job->policy->beta * d->count[k] / *failed);
}

/* One block with its retries: beams in, beams out. */
static surefoot_status block(struct sf_drafts *d, int *beam, int *n_beam, surefoot_error *err) {
    size_t n_penalty = 0;
    int failed = 0, parents = *n_beam;
    for (int r = 0;; r++) {
        SF_TRY(sf_beam_block(d, beam, parents, r, n_penalty, err));
        if (d->job->critic) SF_TRY(sf_drafts_step(d, err)); /* it reads the row of the last token */
        if (score(d) > 0 || r == d->job->policy->retries) break;
        d->stats->retries++;
        penalise(d, &n_penalty, &failed);
        for (int i = 0; i < d->n; i++) { /* the parents live again */
            struct sf_draft *p = &d->draft[i];
            bool parent = false;
            for (int j = 0; j < parents; j++) parent |= beam[j] == i;
            if (parent && p->life == SF_PATH_DROPPED)
                p->life = SF_PATH_LIVE;
            else if (!parent)
                p->life = SF_PATH_NONE;
        }
    }
    *n_beam = sf_beam_keep(d, beam);
    return SUREFOOT_OK;
}

surefoot_status sf_method_paper(const struct sf_method_job *job, surefoot_stats *stats,
                                surefoot_error *err) {
    struct sf_drafts *d = job->drafts;
    int beam[SF_GUARD_MAX_CANDIDATES], n_beam = 0;
    SF_TRY(sf_drafts_begin(d, job, stats, err));
    surefoot_status st;
    bool living;
    do {
        st = block(d, beam, &n_beam, err);
        living = false;
        for (int i = 0; i < n_beam; i++) living |= d->draft[beam[i]].life == SF_PATH_LIVE;
    } while (st == SUREFOOT_OK && n_beam > 0 && living);
    if (st == SUREFOOT_OK && n_beam > 0) sf_drafts_deliver_all(d, &d->draft[beam[0]]);
    return sf_drafts_end(d, st, err);
}
