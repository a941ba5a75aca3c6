/* SPDX-License-Identifier: MIT
 * method.h - the one interface of the methods that `guard eval` compares: the guard itself and what
 * others do instead (docs/guard.md). They draw through the same generator, read with the same
 * reader, rank with the same reward model and use the same counter-based random numbers, so that a
 * difference between two rows of the table is one of method.
 *
 * One file per method, one line in methods.def. A method promises nothing about safety unless its
 * title says so: what it delivered is read again by eval.c.
 */
#ifndef SF_METHOD_H
#define SF_METHOD_H

#include "guard.h"

struct sf_drafts; /* drafts.h */
struct sf_method;

/* One answer asked of a method. */
struct sf_method_job {
    const struct sf_method *method;       /* the one that is asked                             */
    const struct sf_guard_run *run;       /* as for sf_guard_generate, emit included           */
    const struct surefoot_policy *policy; /* models, d0, gamma, N, d, M, beta, branch_temp     */
    int keep;                             /* K of the beam methods; divides N                  */
    double lambda;                        /* of the Lagrangian: reward - lambda cost           */
    struct sf_drafts *drafts;             /* room for N + K candidates                         */
    struct sf_guard *guard;               /* open on policy, for the methods that are a guard  */
    const struct surefoot_critic *critic; /* of the paper's method; NULL: none                 */
};
/* Fills stats as sf_guard_generate does: finish, n_delivered, evals, drafts, retries, fallbacks,
 * cuts, times. gen's sequence 0 holds the evaluated prompt on entry; what it and the others hold
 * afterwards is undefined. An error: the model or the generator failed, and the text stops there. */
typedef surefoot_status (*sf_method_fn)(const struct sf_method_job *job, surefoot_stats *stats,
                                        surefoot_error *err);

enum sf_method_use {
    SF_USES_ONE,   /* one candidate                               */
    SF_USES_N,     /* N candidates of the whole answer            */
    SF_USES_BEAMS, /* K beams and N candidates of blocks          */
    SF_USES_LAZY,  /* a guard, mode lazy                          */
    SF_USES_FULL   /* a guard, mode full                          */
};
struct sf_method {
    const char *name;
    sf_method_fn answer;
    enum sf_method_use use;
    char track; /* 'E': ours; 'P': parity with the paper, G1 and G2 are not claimed */
    const char *title;
};
#define SF_METHOD(name, fn, use, track, title)                                                     \
    surefoot_status fn(const struct sf_method_job *job, surefoot_stats *stats, surefoot_error *err);
#include "methods.def"
#undef SF_METHOD
/* All methods in the order of methods.def; NULL past the end. */
const struct sf_method *sf_method_at(size_t i);
const struct sf_method *sf_method_find(const char *name);

#endif
