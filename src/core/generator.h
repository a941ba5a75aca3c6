/* SPDX-License-Identifier: MIT
 * generator.h - what a guard may ask of a language model, and of a second model that scores text.
 * Implemented over a session in core, and by scripted processes in tests: the guard never sees a
 * transformer.
 *
 * Sequences are small integers 0..max_seq-1. Sequence 0 holds the prompt when a guard starts; its
 * last token has been evaluated, so it can be sampled from. All sequences share KV pages copy-on-
 * write. A sequence that was stepped or forked has "last logits"; truncating to an earlier length
 * forgets them until it is stepped again.
 */
#ifndef SF_GENERATOR_H
#define SF_GENERATOR_H

#include "base.h"
#include "sampler_draw.h"

struct sf_gen_row { /* appends token to seq and evaluates it */
    int seq;
    int32_t token;
};

struct sf_generator {
    void *self;
    int max_seq;       /* sequences there is room for                                             */
    int max_rows;      /* rows one step may have                                                  */
    uint32_t n_ctx;    /* most tokens in a sequence                                               */
    uint32_t n_vocab;
    uint32_t n_hidden; /* floats of a hidden row (the model's final norm output)                  */

    /* Evaluates n rows (n <= max_rows, each seq at most once) as one batch. Weights are read once.
     * E_CONTEXT, E_ABORTED, E_NUMERIC... leave every sequence as it was before the call. */
    surefoot_status (*step)(void *self, const struct sf_gen_row *rows, int n, surefoot_error *err);
    /* Draws the next token of seq from its last logits (all options of the user's chain, plus the
     * draw's). Does not append it. Several draws from one state are fine. */
    surefoot_status (*sample)(void *self, int seq, const struct sf_draw *draw, int32_t *token,
                              surefoot_error *err);
    /* log P(token) under the base model at seq's last logits (no sampling options); NAN if not finite. */
    float (*logprob)(void *self, int seq, int32_t token);
    /* Hidden row behind the last logits of seq: n_hidden floats, valid until the next step. */
    const float *(*hidden)(void *self, int seq);
    /* dst becomes a copy of src (last logits and hidden included); dst's old content is dropped. */
    surefoot_status (*fork)(void *self, int dst, int src, surefoot_error *err);
    /* Keeps the first n_tokens of seq. */
    void (*truncate)(void *self, int seq, uint32_t n_tokens);
    /* Frees everything seq holds. */
    void (*drop)(void *self, int seq);
    uint32_t (*length)(void *self, int seq);
    /* Raw bytes a token adds to the text (may be part of a UTF-8 character; empty for control
     * tokens); *ends is set when the token ends the text. The pointer lives as long as the model. */
    const char *(*piece)(void *self, int32_t token, size_t *n, bool *ends);
    /* Token ids of a text put in place of an answer's rest (separator + fallback); *n at most cap. */
    surefoot_status (*encode)(void *self, const char *text, size_t n, int32_t *ids, size_t cap,
                              size_t *n_out, surefoot_error *err);
    /* 1: the user asked to stop. Read between steps. */
    int (*aborted)(void *self);
    /* Seconds on a steady clock; used only for deadlines and statistics. */
    double (*now)(void *self);
};

/* A second model that scores text; implemented in core, faked in tests. Reserved
 * for cost models of kind `model`. State forks with a beam by index, like sequences above. */
struct sf_scorer {
    void *self;
    int max_seq;
    surefoot_status (*read)(void *self, int seq, const char *bytes, size_t n, surefoot_error *err);
    surefoot_status (*score)(void *self, int seq, float *out, size_t n_out, surefoot_error *err);
    surefoot_status (*fork)(void *self, int dst, int src, surefoot_error *err);
    void (*drop)(void *self, int seq);
};

#endif
