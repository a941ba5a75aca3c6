/* SPDX-License-Identifier: MIT
 * beam.h - fixed-size records of the search: paths (candidates and beams), their order, and the
 * tally of what failed. No allocation: every array has its compile-time size (budget.h).
 */
#ifndef SF_BEAM_H
#define SF_BEAM_H

#include "reader.h"

enum sf_life {
    SF_PATH_NONE,     /* not in use                                                   */
    SF_PATH_LIVE,     /* can go on                                                    */
    SF_PATH_FINISHED, /* its text has ended, and the end was charged                  */
    SF_PATH_DOUBTED,  /* z >= 0, but failed by the critic: only if nothing else is left */
    SF_PATH_DROPPED   /* z < 0, a failure, or too long a lag: nothing of it is shown  */
};

struct sf_tok { /* one token of a path */
    int32_t id;
    float logprob;     /* NAN: not asked for                          */
    uint64_t text;     /* bytes of text after it                      */
    int64_t spent_end; /* spent if the text ended after it (sf_point) */
};

/* A continuation of the trunk (the delivered and kept tokens). Token indices count from the first
 * token of the answer. */
struct sf_path {
    enum sf_life life;
    int seq;            /* generator sequence, -1: none                                       */
    int parent;         /* beam it branched from                                              */
    uint32_t root;      /* index of tok[0]; what is before belongs to the trunk               */
    uint32_t start;     /* index at which this decision branched                              */
    uint32_t n;         /* tokens of the answer in all; below root: cut inside the trunk      */
    uint32_t evaluated; /* of them, read by the generator: n, or n - 1 (the last one is due)  */
    struct sf_tok tok[SF_GUARD_MAX_TOKENS];
    struct sf_point tip;
    struct sf_state state;
    double value;       /* for ranking; NaN ranks last                                        */
    float f1;           /* the critic's, where it was asked                                   */
    /* finished */
    surefoot_finish finish;
    int32_t part_id;    /* -1, or the token of which only part_bytes are text (stop string)   */
    size_t part_bytes;
    bool torn;          /* the text ends in half a character, shown as U+FFFD                 */
};

/* Everything but the sequence, which the caller forks. States are copied by the reader's sizes. */
void sf_path_copy(const struct sf_reader *r, struct sf_path *to, const struct sf_path *from);
/* Same tokens since the branch, from the same parent. */
bool sf_path_same(const struct sf_path *a, const struct sf_path *b);
/* Indices of the living and finished among n paths, best first: value descending, NaN last, then
 * index ascending. Returns how many. */
int sf_path_rank(const struct sf_path *p, int n, int *order);

/* Failed candidates of one decision: F, g(v) for every token v, g(j, v) for every place j and token v
 * (j is an index of the answer, so that it means the same from whatever token a round starts). */
#define SF_GUARD_MAX_TALLY                                                                         \
    ((SF_GUARD_MAX_RETRIES + 1) * SF_GUARD_MAX_CANDIDATES * (SF_GUARD_MAX_BLOCK + 1))
struct sf_tally {
    int failed; /* F */
    int n;
    int32_t token[SF_GUARD_MAX_TALLY];
    int32_t g[SF_GUARD_MAX_TALLY];    /* candidates whose fatal span holds the token */
    int32_t last[SF_GUARD_MAX_TALLY]; /* the last of them, so that each counts once   */
    int n_doubt;
    uint32_t doubt_at[SF_GUARD_MAX_TALLY]; /* j */
    int32_t doubt_token[SF_GUARD_MAX_TALLY], doubt_g[SF_GUARD_MAX_TALLY]; /* v, g(j, v) */
    /* One round's penalties: fixed at its start, while its failures are counted. */
    int n_fixed, f_fixed;
    int32_t g_fixed[SF_GUARD_MAX_TALLY];
    double beta;
    bool ready;  /* penalty is that of place at */
    uint32_t at;
    int n_penalty;
    struct sf_penalty penalty[SF_GUARD_MAX_TALLY + SF_GUARD_MAX_CANDIDATES];
};
void sf_tally_clear(struct sf_tally *t);
/* p was dropped: why. Tokens are those after p->start; tokens that end the text are exempt.
 * before: bytes of text at p->start. */
void sf_tally_add(struct sf_tally *t, const struct sf_path *p, const struct sf_why *why,
                  uint64_t before, const struct sf_generator *gen);
/* p was failed by the critic, with z >= 0: each of its tokens after p->start counts at its place. */
void sf_tally_doubt(struct sf_tally *t, const struct sf_path *p);
/* A round begins: what failed so far is what it is kept away from. */
void sf_tally_penalties(struct sf_tally *t, double beta);
/* beta min(1, (g(v) + g(j, v)) / F) for every v, in t->penalty. */
void sf_tally_at(struct sf_tally *t, uint32_t j);

#endif
