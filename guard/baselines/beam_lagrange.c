/* SPDX-License-Identifier: MIT
 * beam_lagrange.c - beam search by reward - lambda cost.
 */
#include "drafts.h"

surefoot_status sf_method_beam_lagrange(const struct sf_method_job *job, surefoot_stats *stats,
                                        surefoot_error *err) {
    return sf_beam_search(job, sf_score_lagrange, stats, err);
}
