/* SPDX-License-Identifier: MIT
 * fit_k.h - the encoders of the K types: 256 weights whose parts of 16 or 32 have small integer scales
 * (and minima) over one or two binary16 numbers.
 */
#ifndef SF_FIT_K_H
#define SF_FIT_K_H

#include "base.h"

struct sf_fit_k {
    /* the format */
    int part;     /* weights in a part: 16 or 32                                        */
    int lo, hi;   /* range of a weight's integer; lo 0: the type has minima             */
    int slo, shi; /* range of a part's scale, and 0 .. shi of its minimum               */
    /* the result: w[i] = d * scale[i / part] * q[i] - dmin * min[i / part] */
    uint16_t d, dmin; /* binary16 */
    int scale[16], min[16];
    float q[256]; /* whole numbers, lo .. hi */
};

/* Fills the result for 256 finite weights x; w: how much each error counts. */
void sf_fit_k(struct sf_fit_k *k, const float *x, const float *w);

#endif
