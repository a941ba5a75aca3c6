/* SPDX-License-Identifier: MIT
 * sampler_dry.h - DRY ("don't repeat yourself", P. E. Weidmann, 2024): a token is penalised by how
 * long a repetition of what the text already said it would lengthen.
 */
#ifndef SF_SAMPLER_DRY_H
#define SF_SAMPLER_DRY_H

#include "gguf.h"

enum {
    SF_DRY_MAX = 4096,      /* a longer repetition counts as one of this length */
    SF_DRY_BREAKERS = 16,   /* most sequence breakers                           */
    SF_DRY_BREAKER_LEN = 64 /* most bytes of one                                */
};

struct sf_dry {
    const char *const *breaker; /* (n_breaker) texts that no repetition reaches across */
    size_t n_breaker;
    /* Bytes of a token; NULL: tokens have no text, nothing breaks. */
    struct sf_str (*text)(const void *self, int32_t token);
    const void *self;
    uint32_t *z; /* (SF_DRY_MAX) scratch */
};

/* len (n_vocab): for each token the length of the longest run of tokens at the end of w (n) that
 * stands earlier in w with this token behind it; 0: there is none. No run holds the end of a breaker;
 * a token that holds a whole breaker has 0. Returns the largest. Time linear in n + n_vocab. */
uint32_t sf_dry_lengths(const struct sf_dry *d, const int32_t *w, size_t n, uint32_t *len,
                        uint32_t n_vocab);
/* multiplier * base^(n - allowed), at most 1e9 so that nothing is forbidden; 0 below allowed. */
float sf_dry_penalty(float multiplier, float base, uint32_t allowed, uint32_t n);

#endif
