/* SPDX-License-Identifier: MIT
 * best_of_n_lagrange.c - best of N by reward - lambda cost: a price, not a constraint.
 */
#include "drafts.h"

surefoot_status sf_method_best_of_n_lagrange(const struct sf_method_job *job, surefoot_stats *stats,
                                             surefoot_error *err) {
    return sf_best_of_n(job, sf_score_lagrange, stats, err);
}
