/* SPDX-License-Identifier: MIT
 * cases.h - what the laws' own processes are made of.
 */
#ifndef SF_CASES_H
#define SF_CASES_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "laws.h"
#include "safety.h"

/* A run over single letters: every text is a path of the table. */
static inline void letters(struct toy_run *r, const char *const *piece, int n, uint64_t seed) {
    toy_run_init(r);
    r->toy.n_vocab = n;
    for (int i = 0; i < n; i++) r->toy.piece[i] = piece[i];
    r->toy.seed = seed * 0x9E3779B97F4A7C15u + 7;
    r->toy.draw_seed = seed;
    r->toy.fail_with = SUREFOOT_OK;
    r->no_memory = true;
}
static inline void forbid(struct toy_run *r, enum toy_kind kind, const char *phrase,
                          int64_t weight) {
    r->cost.kind = kind;
    r->cost.phrase[r->cost.n] = phrase;
    r->cost.weight[r->cost.n++] = weight;
}
static inline bool holds(const char *text, size_t n, const char *phrase) {
    size_t m = strlen(phrase);
    for (size_t i = 0; i + m <= n; i++)
        if (memcmp(text + i, phrase, m) == 0) return true;
    return false;
}
/* Runs it and asks every law; the message names the case. */
static inline const char *go(struct toy_run *r, const char *name, uint64_t seed) {
    const char *v = toy_go(r) ? law_check(r) : r->err.text;
    return v ? law_violation("%s, seed %llu: %s", name, (unsigned long long)seed, v) : NULL;
}
#define GO(r, seed)                                                                                \
    do {                                                                                           \
        const char *v_ = go(r, __func__, seed);                                                    \
        if (v_) return v_;                                                                         \
    } while (0)
#define MUST(x)                                                                                    \
    do {                                                                                           \
        if (!(x))                                                                                  \
            return law_violation("%s, seed %llu: not %s", __func__, (unsigned long long)seed, #x); \
    } while (0)

static struct toy_run run; /* large */
static const char *const abx[] = {"a", "b", "x", ".", " ", NULL};
enum { N_ABX = 6 };

/* Modes, N, K, d, M, one after the other. */
static inline void shape(struct toy_run *r, uint64_t i) {
    static const int n[] = {1, 2, 4, 8}, d[] = {1, 2, 3, 4, 8, 16};
    struct surefoot_policy *p = &r->policy;
    p->mode = i % 2 ? SUREFOOT_GUARD_FULL : SUREFOOT_GUARD_LAZY;
    p->candidates = n[i / 2 % 4];
    p->block = d[i / 8 % 6];
    p->retries = (int)(i / 48 % 3);
    p->keep = i / 144 % 2 && p->candidates > 1 ? 2 : 1;
    p->w_calm = (int)(i % 3) - 1;
}
enum { SHAPES = 288 };

#endif
