/* SPDX-License-Identifier: MIT
 * answer_then_check.c - writes the whole answer, checks it, and shows it or the fallback text.
 */
#include "drafts.h"

surefoot_status sf_method_check(const struct sf_method_job *job, surefoot_stats *stats,
                                surefoot_error *err) {
    struct sf_drafts *d = job->drafts;
    struct sf_draft *p = d->draft;
    SF_TRY(sf_drafts_begin(d, job, stats, err));
    d->ranked = false;
    surefoot_status st = sf_draft_branch(d, 0, -1, err);
    while (st == SUREFOOT_OK && p->life == SF_PATH_LIVE) {
        st = sf_draft_extend(d, p, 0, 0, 0, err);
        if (st == SUREFOOT_OK && p->life == SF_PATH_LIVE) st = sf_drafts_step(d, err);
    }
    if (st == SUREFOOT_OK) {
        if (sf_draft_safe(d, p))
            sf_drafts_deliver_all(d, p);
        else
            sf_drafts_fall_back(d);
    }
    return sf_drafts_end(d, st, err);
}
