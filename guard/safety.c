/* SPDX-License-Identifier: MIT
 * safety.c - the safety state; see safety.h.
 */
#include "safety.h"

#include <math.h>

#include "mutant.h"

/* ceil(a b / 1e18), saturating at SF_COST_UNSAFE; a, b < 2^63. */
static uint64_t scaled(uint64_t a, uint64_t b) {
    unsigned __int128 x = (unsigned __int128)a * b;
    x = (x + (SF_POWER_ONE - 1)) / SF_POWER_ONE;
    return x < (unsigned __int128)SF_COST_UNSAFE ? (uint64_t)x : (uint64_t)SF_COST_UNSAFE;
}

uint64_t sf_safety_gamma(double gamma) {
    if (!(gamma > 0)) return 1;
    if (gamma >= 1) return SF_POWER_ONE;
    /* gamma = m / 2^s exactly, m < 2^53 and s >= 53: m 1e18 < 2^113, rounded up. */
    int e;
    uint64_t m = (uint64_t)ldexp(frexp(gamma, &e), 53);
    int s = 53 - e;
    if (s >= 127) return 1;
    unsigned __int128 x = (unsigned __int128)m * SF_POWER_ONE, unit = (unsigned __int128)1 << s;
    return (uint64_t)((x + SF_MUTANT(32, unit - 1, 0)) >> s);
}

void sf_safety_begin(struct sf_safety *s) {
    *s = (struct sf_safety){0, SF_POWER_ONE};
}

void sf_safety_charge(struct sf_safety *s, int64_t amount) {
    if (amount <= 0) {
        s->spent += SF_MUTANT(12, 0, amount);
        return;
    }
    if (amount == SF_COST_UNSAFE || s->spent == SF_COST_UNSAFE) {
        s->spent = SF_COST_UNSAFE;
        return;
    }
    int64_t c = (int64_t)scaled((uint64_t)amount, s->power);
    if (__builtin_add_overflow(s->spent, c, &s->spent)) s->spent = SF_COST_UNSAFE;
}

void sf_safety_step(struct sf_safety *s, uint64_t gamma) {
    s->power = scaled(s->power, gamma);
}

bool sf_safe(int64_t spent, int64_t budget) {
    if (SF_MUTANT(44, false, budget == 0)) return true; /* broken: 0 is none */
    return spent != SF_COST_UNSAFE && SF_MUTANT(11, spent <= budget, spent < budget);
}

double sf_safety_z(const struct sf_safety *s, int64_t budget) {
    if (s->spent == SF_COST_UNSAFE) return -(double)INFINITY;
    double left = ((double)budget - (double)s->spent) / SF_COST_UNIT;
    return left / ((double)s->power / (double)SF_POWER_ONE);
}
