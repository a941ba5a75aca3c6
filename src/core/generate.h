/* SPDX-License-Identifier: MIT
 * generate.h - prompts to ids, ids into the cache, and the unguarded loop.
 */
#ifndef SF_GENERATE_H
#define SF_GENERATE_H

#include "session.h"

/* Ids of a prompt (text, messages or ready ids) into ids (cap); *n_out as sf_encode. *n_free: tokens
 * that are not part of the answer's turn (what a chat template writes into it is).
 * E_UNSUPPORTED: the model has no chat template that runs. */
surefoot_status sf_prompt_encode(const surefoot_model *m, const surefoot_prompt *p, int32_t *ids,
                                 size_t cap, size_t *n_out, size_t *n_free, surefoot_error *err);

/* Makes sequence 0 hold exactly ids (n >= 1), reusing the longest common prefix of what it held;
 * its last logits are there afterwards. *reused: tokens found in the cache. */
surefoot_status sf_prompt_feed(surefoot_session *s, const int32_t *ids, size_t n, size_t *reused,
                               surefoot_error *err);

/* True when what follows sequence 0 begins a text (only BOS was read) and the vocabulary marks that
 * with a space of its own: one leading space of the first token is then no text. */
bool sf_drops_space(const surefoot_session *s);

/* What both loops need: options checked, sampler ready. */
struct sf_request {
    const surefoot_sampling *sampling;
    surefoot_emit_fn emit;
    void *user;
};
/* The unguarded loop: one token after another from sequence 0 until the text ends. */
surefoot_status sf_generate_plain(surefoot_session *s, const struct sf_request *r,
                                  surefoot_stats *stats, surefoot_error *err);

#endif
