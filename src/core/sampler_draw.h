/* SPDX-License-Identifier: MIT
 * sampler_draw.h - one draw from the sampling chain, as the guard asks for it.
 */
#ifndef SF_SAMPLER_DRAW_H
#define SF_SAMPLER_DRAW_H

#include <stddef.h>
#include <stdint.h>

struct sf_penalty { /* subtracted from a token's logit */
    int32_t token;
    float amount;
};
/* What one draw adds to the sampling options. */
struct sf_draw {
    uint32_t t, i, r; /* counter of the random number; (t, 0, 0) is the unguarded stream            */
    float temp_floor; /* temperature is at least this (0: no floor)                                 */
    const struct sf_penalty *penalty; /* after mask, bias, repetition penalties; before temperature */
    size_t n_penalty;                 /* tokens are distinct                                        */
};

#endif
