/* SPDX-License-Identifier: MIT
 * guard.h - the guard: sf_guard_decide is the paper's loop. Source: InferenceGuard, arXiv
 * 2502.01208, section 5.2; the deviations that make the guarantee hold are in docs/guard.md.
 */
#ifndef SF_GUARD_H
#define SF_GUARD_H

#include "generator.h"
#include "policy.h"

/* Sequences a generator must offer for policy p: the timeline, N candidates, K beams and spares. */
int sf_guard_sequences(const struct surefoot_policy *p);
/* Tokens past the delivered text that a sequence of the search may hold (sizes private KV pages). */
int sf_guard_draft_tokens(const struct surefoot_policy *p);

struct sf_guard; /* one object of compile-time size plus cost states, sized at open */
surefoot_status sf_guard_open(struct sf_guard **out, const struct surefoot_policy *p,
                              surefoot_error *err);
void sf_guard_close(struct sf_guard *g);
size_t sf_guard_bytes(const struct surefoot_policy *p);

/* One answer. */
struct sf_guard_run {
    const struct sf_generator *gen;
    /* The evaluated prompt. Tokens [0, n_free) are read for state and are free; the rest (what a
     * caller or template put into the answer's turn) is answer text already there: charged, not
     * emitted again. A token whose piece is empty (control) is a role boundary. */
    const int32_t *prompt;
    size_t n_prompt, n_free;
    bool drop_space; /* the answer begins the text of an SPM vocabulary: a space that its first token
                      * starts with is the tokenizer's own and no text */
    const char *const *stop; /* stop strings */
    size_t n_stop;
    uint32_t n_predict;
    bool logprobs;
    surefoot_emit_fn emit;   /* the only way text leaves */
    void *user;
};
/* Generates until finished. gen's sequence 0 holds the evaluated prompt on entry, and prompt plus
 * exactly the delivered tokens on return (its last logits undefined). Allocates nothing.
 * stats is filled in every case. OK also for fallbacks and cuts (see stats->finish). */
surefoot_status sf_guard_generate(struct sf_guard *g, const struct sf_guard_run *run,
                                  surefoot_stats *stats, surefoot_error *err);

#endif
