/* SPDX-License-Identifier: MIT
 * beam_state.c - beam search with the augmented safety state.
 */
#include "drafts.h"

surefoot_status sf_method_beam_state(const struct sf_method_job *job, surefoot_stats *stats,
                                     surefoot_error *err) {
    return sf_beam_search(job, sf_score_state, stats, err);
}
