/* SPDX-License-Identifier: MIT
 * best_of_n.c - N whole answers as one batch; the one with the largest reward is delivered.
 */
#include "drafts.h"

surefoot_status sf_best_of_n(const struct sf_method_job *job, sf_draft_score score,
                             surefoot_stats *stats, surefoot_error *err) {
    struct sf_drafts *d = job->drafts;
    int n = job->policy->candidates, best = -1;
    SF_TRY(sf_drafts_begin(d, job, stats, err));
    surefoot_status st = SUREFOOT_OK;
    for (int i = 0; i < n && st == SUREFOOT_OK; i++) st = sf_draft_branch(d, i, -1, err);
    for (bool more = true; more && st == SUREFOOT_OK;) {
        more = false;
        st = sf_drafts_step(d, err);
        for (int i = 0; i < n && st == SUREFOOT_OK; i++) {
            if (d->draft[i].life != SF_PATH_LIVE) continue;
            st = sf_draft_extend(d, &d->draft[i], i, 0, 0, err);
            more = true;
        }
    }
    if (st == SUREFOOT_OK) {
        int order[2 * SF_GUARD_MAX_CANDIDATES];
        for (int i = 0; i < n; i++) d->draft[i].value = score(d, &d->draft[i]);
        if (sf_drafts_rank(d, order) > 0) best = order[0];
    }
    if (best >= 0) sf_drafts_deliver_all(d, &d->draft[best]);
    return sf_drafts_end(d, st, err);
}

surefoot_status sf_method_best_of_n(const struct sf_method_job *job, surefoot_stats *stats,
                                    surefoot_error *err) {
    return sf_best_of_n(job, sf_score_reward, stats, err);
}
