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

struct surefoot_critic; /* critic.h */
struct sf_guard; /* one object of compile-time size plus cost states, sized at open */
/* p must outlive the guard. gen (NULL: none) is only asked for the token ids of the fallback text;
 * without it that text is shown without ids. E_LIMIT names the constant of budget.h that p exceeds;
 * E_POLICY: also when the fallback text itself costs something. */
surefoot_status sf_guard_open(struct sf_guard **out, const struct surefoot_policy *p,
                              const struct sf_generator *gen, surefoot_error *err);
void sf_guard_close(struct sf_guard *g);
/* From the next answer on, candidates are valued and searches begun by this critic (NULL: none), which
 * must outlive the guard or its replacement. Takes no memory. */
void sf_guard_use_critic(struct sf_guard *g, const struct surefoot_critic *critic);
/* A new conversation: z starts anew (scope = answer does so for every answer anyway). */
void sf_guard_reset(struct sf_guard *g);
/* scope = conversation: what the answers before spent (millionths), in how many steps. */
void sf_guard_resume(struct sf_guard *g, int64_t spent, uint64_t steps);
/* Bytes of an open guard, an upper bound; and of the search object alone, a compile-time size. */
size_t sf_guard_bytes(const struct surefoot_policy *p);
size_t sf_guard_search_bytes(void);

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
/* Generates until finished. gen's sequence 0 holds the evaluated prompt on entry. On return it
 * holds the prompt and the delivered tokens as far as they were evaluated (the last one of a
 * finished text and those of a fallback never need to be), nothing else; its last logits are
 * undefined. Allocates nothing. stats is filled in every case.
 * OK also for fallbacks and cuts (see stats->finish), and for a lost client (emit returned nonzero).
 * E_ABORTED: asked to stop. E_NUMERIC, E_LIMIT (ledger) and what a model failed with: the guard fell
 * back or stopped because of it. In all cases what was delivered is within the guarantee. */
surefoot_status sf_guard_generate(struct sf_guard *g, const struct sf_guard_run *run,
                                  surefoot_stats *stats, surefoot_error *err);

#endif
