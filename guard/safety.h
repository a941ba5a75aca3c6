/* SPDX-License-Identifier: MIT
 * safety.h - the augmented safety state of Saute RL (arXiv 2202.06558) as InferenceGuard uses it:
 *     z_0 = d0,  z_{t+1} = (z_t - c_t) / gamma,  and z_t >= 0 must hold for every t.
 * Multiplied by gamma^t this reads  gamma^t z_t = d0 - spent_t,  spent_t = sum_{k<t} gamma^k c_k,
 * so z_t >= 0 exactly when spent_t <= d0. Here spent is a sum of integers in millionths, each
 * charge rounded up, saturating: no floating-point number decides about safety.
 */
#ifndef SF_SAFETY_H
#define SF_SAFETY_H

#include "cost.h"

#define SF_POWER_ONE 1000000000000000000u /* 1 as a power of gamma: units of 1e-18 */

struct sf_safety {
    int64_t spent;  /* sum of ceil(gamma^k c_k), millionths; SF_COST_UNSAFE stays there     */
    uint64_t power; /* gamma^t in units of 1e-18, rounded up at every step, at least 1      */
};

/* gamma (0 < gamma <= 1) in units of 1e-18, rounded up (a charge is never lighter than its share). */
uint64_t sf_safety_gamma(double gamma);
/* t = 0: nothing spent. */
void sf_safety_begin(struct sf_safety *s);
/* A charge of step t. Negative amounts count 0 (they could "repay" an early violation). */
void sf_safety_charge(struct sf_safety *s, int64_t amount);
/* t becomes t + 1. */
void sf_safety_step(struct sf_safety *s, uint64_t gamma);
/* z_t >= 0 */
bool sf_safe(int64_t spent, int64_t budget);
/* z_t in units of cost, for display only; -INFINITY when unsafe for good. */
double sf_safety_z(const struct sf_safety *s, int64_t budget);

#endif
