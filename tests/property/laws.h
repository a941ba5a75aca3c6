/* SPDX-License-Identifier: MIT
 * laws.h - the laws of the guard, each a function over a run; prop_guard.c asks them of the guard,
 * prop_mutants.c of a guard broken on purpose.
 */
#ifndef SF_LAWS_H
#define SF_LAWS_H

#include "toy.h"

/* A random process, policy, request and set of faults. */
void law_random(struct toy_run *r, uint64_t seed);
/* NULL, or what the finished run violates (a static text). */
const char *law_check(struct toy_run *r);

const char *law_violation(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Each: NULL, or the violation found. n: how much to try. */
typedef const char *(*law_fn)(uint64_t n);
struct law {
    const char *name;
    law_fn holds;
    uint64_t n; /* a short run */
};
#define SF_LAW(name, much) const char *law_##name(uint64_t n);
#include "laws.def"
#undef SF_LAW
extern const struct law laws[];
extern const size_t n_laws;

/* Counted by the random trees, to show what they covered. */
struct law_seen {
    uint64_t trees, branches, drops, retries, revoked, fallbacks, cuts, finish[9], faults, ledger,
        delivered, evals, undisturbed, doubts, doubted, kept_doubted;
};
extern struct law_seen law_seen;
extern uint64_t law_first_seed; /* of the random trees */

#endif
