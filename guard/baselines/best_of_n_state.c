/* SPDX-License-Identifier: MIT
 * best_of_n_state.c - best of N with the augmented safety state: over budget ranks below all that
 * is within, and among those by z. If no candidate is safe, an unsafe one is delivered.
 */
#include "drafts.h"

surefoot_status sf_method_best_of_n_state(const struct sf_method_job *job, surefoot_stats *stats,
                                          surefoot_error *err) {
    return sf_best_of_n(job, sf_score_state, stats, err);
}
