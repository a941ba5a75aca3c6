/* SPDX-License-Identifier: MIT
 * base_model.c - the base model's own sample, token by token: the unguarded text of the same seed.
 */
#include "drafts.h"

surefoot_status sf_method_base(const struct sf_method_job *job, surefoot_stats *stats,
                               surefoot_error *err) {
    struct sf_drafts *d = job->drafts;
    struct sf_draft *p = d->draft;
    SF_TRY(sf_drafts_begin(d, job, stats, err));
    d->ranked = false;
    surefoot_status st = sf_draft_branch(d, 0, -1, err);
    while (st == SUREFOOT_OK && p->life == SF_PATH_LIVE && !d->lost) {
        st = sf_draft_extend(d, p, 0, 0, 0, err);
        if (st != SUREFOOT_OK || p->life != SF_PATH_LIVE) break;
        sf_drafts_deliver(d, p, p->n);
        st = sf_drafts_step(d, err);
    }
    if (st == SUREFOOT_OK) sf_drafts_deliver_all(d, p);
    return sf_drafts_end(d, st, err);
}
