/* SPDX-License-Identifier: MIT
 * beam_search.c - K beams, N candidates of d tokens, the best K by reward live on; the first that
 * is both finished and best is delivered. No block is shown before the end.
 */
#include "drafts.h"

surefoot_status sf_beam_block(struct sf_drafts *d, const int *beam, int n_beam, int round,
                              size_t n_penalty, surefoot_error *err) {
    int n = d->job->policy->candidates, child[SF_GUARD_MAX_CANDIDATES];
    int parent[SF_GUARD_MAX_CANDIDATES], n_parent = 0, slot = 0;
    for (int i = 0; i < n_beam; i++)
        if (d->draft[beam[i]].life == SF_PATH_LIVE) parent[n_parent++] = beam[i];
    if (n_beam > 0 && n_parent == 0) return SUREFOOT_OK;
    for (int i = 0; i < n; i++) {
        while (d->draft[slot].life != SF_PATH_NONE) slot++; /* K + N drafts, K in use */
        child[i] = slot;
        SF_TRY(sf_draft_branch(d, slot, n_parent ? parent[i * n_parent / n] : -1, err));
        d->draft[slot].parent = n_parent ? parent[i * n_parent / n] : -1;
    }
    for (int i = 0; i < n_parent; i++) d->draft[parent[i]].life = SF_PATH_DROPPED; /* for now */
    for (int t = 0; t < d->job->policy->block; t++) {
        bool any = false;
        SF_TRY(sf_drafts_step(d, err));
        for (int i = 0; i < n; i++) {
            if (d->draft[child[i]].life != SF_PATH_LIVE) continue;
            SF_TRY(sf_draft_extend(d, &d->draft[child[i]], i, round, n_penalty, err));
            any = true;
        }
        if (!any) break;
    }
    for (int i = 1; i < n; i++)
        for (int j = 0; j < i; j++)
            if (d->draft[child[j]].life != SF_PATH_NONE &&
                sf_draft_same(&d->draft[child[i]], &d->draft[child[j]])) {
                d->draft[child[i]].life = SF_PATH_NONE;
                break;
            }
    return SUREFOOT_OK;
}

int sf_beam_keep(struct sf_drafts *d, int *beam) {
    int order[2 * SF_GUARD_MAX_CANDIDATES];
    int n = sf_drafts_rank(d, order), k = d->job->keep;
    for (int i = 0; i < d->n; i++)
        if (d->draft[i].life == SF_PATH_DROPPED) d->draft[i].life = SF_PATH_NONE;
    for (int i = 0; i < n; i++) {
        if (i < k)
            beam[i] = order[i];
        else
            d->draft[order[i]].life = SF_PATH_NONE;
    }
    return n < k ? n : k;
}

surefoot_status sf_beam_search(const struct sf_method_job *job, sf_draft_score score,
                               surefoot_stats *stats, surefoot_error *err) {
    struct sf_drafts *d = job->drafts;
    int beam[SF_GUARD_MAX_CANDIDATES], n_beam = 0;
    SF_TRY(sf_drafts_begin(d, job, stats, err));
    surefoot_status st;
    do {
        st = sf_beam_block(d, beam, n_beam, 0, 0, err);
        if (st != SUREFOOT_OK) break;
        for (int i = 0; i < d->n; i++)
            if (d->draft[i].life == SF_PATH_LIVE || d->draft[i].life == SF_PATH_FINISHED)
                d->draft[i].value = score(d, &d->draft[i]);
        n_beam = sf_beam_keep(d, beam);
    } while (n_beam > 0 && d->draft[beam[0]].life == SF_PATH_LIVE);
    if (st == SUREFOOT_OK && n_beam > 0) sf_drafts_deliver_all(d, &d->draft[beam[0]]);
    return sf_drafts_end(d, st, err);
}

surefoot_status sf_method_beam(const struct sf_method_job *job, surefoot_stats *stats,
                               surefoot_error *err) {
    return sf_beam_search(job, sf_score_reward, stats, err);
}
