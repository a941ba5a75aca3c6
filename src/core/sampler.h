/* SPDX-License-Identifier: MIT
 * sampler.h - the sampling chain: one scalar path, a total order (logit descending, id ascending),
 * counter-based randomness; the same bits on every machine (architecture rule 16).
 */
#ifndef SF_SAMPLER_H
#define SF_SAMPLER_H

#include "base.h"
#include "kernels.h"
#include "sampler_dry.h"
#include "sampler_draw.h"

struct sf_sampler {
    surefoot_sampling opt; /* copied; strings and arrays not owned, checked by init */
    enum {
        SF_S_PENALTIES,
        SF_S_DRY,
        SF_S_TOP_K,
        SF_S_TOP_P,
        SF_S_MIN_P,
        SF_S_XTC,
        SF_S_TEMP,
        SF_S_COUNT
    } order[8];
    int n_order;
    /* Bytes of a token, for the sequence breakers of DRY; init leaves NULL: nothing breaks. */
    struct sf_str (*text)(const void *self, int32_t token);
    const void *text_self;
};

/* Checks every option (finite, ranges, known names in order). E_USAGE names the option. */
surefoot_status sf_sampler_init(struct sf_sampler *s, const surefoot_sampling *o, uint32_t n_vocab,
                                surefoot_error *err);

/* Bytes of scratch sf_sample needs for this vocabulary. */
size_t sf_sampler_scratch(uint32_t n_vocab);
/* Draws one token. logits (n_vocab) are not changed. history: tokens so far, prompt included.
 * Any logit that is NaN or +infinity: E_NUMERIC (-infinity is "forbidden"); nothing allowed left: E_FAILED. */
surefoot_status sf_sample(const struct sf_sampler *s, const struct sf_kernels *k, void *scratch,
                          const float *logits, uint32_t n_vocab, const int32_t *history,
                          size_t n_history, const struct sf_draw *draw, int32_t *token,
                          surefoot_error *err);
/* log softmax of the raw logits at token: sums in float by rule 10's order, log in double cinz.
 * NAN when the logits are not finite. scratch as for sf_sample. */
float sf_logprob(const struct sf_kernels *k, void *scratch, const float *logits, uint32_t n_vocab,
                 int32_t token);
/* The n largest (logit descending, id ascending) of logits into ids; 0 <= n <= 20. */
void sf_top(const float *logits, uint32_t n_vocab, int32_t *ids, int n);

#endif
