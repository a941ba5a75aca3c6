/* SPDX-License-Identifier: MIT
 * args.c - the reward at every token, in the manner of ARGS (arXiv 2402.01694): of up to N distinct
 * tokens drawn at a place the one with the largest log P + w r(prefix, token) is taken. Cost plays
 * no part, as in the paper that the guard is compared with.
 */
#include <math.h>

#include "drafts.h"

#define WEIGHT 1.5 /* w, as published */

/* log P + w r of one token; p stays as it is. */
static double worth(struct sf_drafts *d, const struct sf_draft *p, int32_t id) {
    const struct sf_generator *gen = d->job->run->gen;
    float logprob = gen->logprob(gen->self, p->seq, id);
    struct sf_point at = p->tip;
    struct sf_why why;
    uint64_t cut;
    size_t n;
    bool ends;
    gen->piece(gen->self, id, &n, &ends);
    sf_state_copy(&d->reader, &d->work, &p->state);
    if (!ends && !p->blind) sf_read_token(&d->reader, &at, &d->work, id, logprob, &why, &cut);
    double r = sf_reader_value(&d->reader, &at, &d->work);
    return (double)logprob + WEIGHT * (isnan(r) ? 0 : r);
}

static surefoot_status choose(struct sf_drafts *d, const struct sf_draft *p, int32_t *out,
                              surefoot_error *err) {
    int32_t seen[SF_GUARD_MAX_CANDIDATES];
    double best = -(double)INFINITY;
    for (int i = 0; i < d->job->policy->candidates; i++) {
        bool twice = false;
        SF_TRY(sf_draft_draw(d, p, i, 0, 0, &seen[i], err));
        for (int j = 0; j < i; j++) twice |= seen[j] == seen[i];
        if (i == 0) *out = seen[0];
        if (twice) continue;
        double w = worth(d, p, seen[i]);
        if (w > best) {
            best = w;
            *out = seen[i];
        }
    }
    return SUREFOOT_OK;
}

surefoot_status sf_method_args(const struct sf_method_job *job, surefoot_stats *stats,
                               surefoot_error *err) {
    struct sf_drafts *d = job->drafts;
    struct sf_draft *p = d->draft;
    int32_t id = 0;
    SF_TRY(sf_drafts_begin(d, job, stats, err));
    surefoot_status st = sf_draft_branch(d, 0, -1, err);
    while (st == SUREFOOT_OK && p->life == SF_PATH_LIVE && !d->lost) {
        st = choose(d, p, &id, err);
        if (st == SUREFOOT_OK) st = sf_draft_take(d, p, id, err);
        if (st != SUREFOOT_OK || p->life != SF_PATH_LIVE) break;
        sf_drafts_deliver(d, p, p->n);
        st = sf_drafts_step(d, err);
    }
    if (st == SUREFOOT_OK) sf_drafts_deliver_all(d, p);
    return sf_drafts_end(d, st, err);
}
