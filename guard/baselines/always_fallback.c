/* SPDX-License-Identifier: MIT
 * always_fallback.c - the fallback text, whatever was asked: safe, and worth nothing.
 */
#include "drafts.h"

surefoot_status sf_method_fallback(const struct sf_method_job *job, surefoot_stats *stats,
                                   surefoot_error *err) {
    SF_TRY(sf_drafts_begin(job->drafts, job, stats, err));
    sf_drafts_fall_back(job->drafts);
    return sf_drafts_end(job->drafts, SUREFOOT_OK, err);
}
