/* SPDX-License-Identifier: MIT
 * drafts.h - whole continuations of a prompt, for methods that do not keep the guard's rules: a
 * draft may go over budget and live on, what it costs is only recorded. Tokens are drawn, read,
 * charged and ended exactly as the guard does it (reader.h).
 */
#ifndef SF_DRAFTS_H
#define SF_DRAFTS_H

#include "arena.h"
#include "beam.h"
#include "method.h"

struct sf_draft {
    enum sf_life life; /* SF_PATH_NONE, LIVE, FINISHED; DROPPED: failed a test of its method */
    int seq;           /* generator sequence                                                  */
    int parent;        /* draft it branched from, -1: the prompt                              */
    uint32_t start;    /* tokens when it branched                                             */
    uint32_t n, evaluated;
    struct sf_tok *tok; /* (max_tokens)                                                       */
    struct sf_point tip;
    struct sf_state state;
    int64_t spent; /* sum of gamma^k c_k so far, with the end's charges when finished         */
    double z;      /* (z - c) / gamma after every token in real numbers, signed costs (parity) */
    double value;  /* for ranking; NaN ranks last                                             */
    bool failed;   /* a test of its method                                                    */
    bool blind;    /* the cost model failed or lagged too far: unsafe, and no more is read    */
    surefoot_finish finish;
    int32_t part_id; /* -1, or the token of which only part_bytes are text (stop string)      */
    size_t part_bytes;
    bool torn; /* ends in half a character                                                    */
};

struct sf_drafts {
    struct surefoot_policy open; /* the policy without a budget: nothing is refused            */
    struct sf_reader reader;
    struct sf_arena arena;
    int n;               /* drafts                                                             */
    uint32_t max_tokens; /* of one                                                             */
    struct sf_draft *draft;
    struct sf_gen_row *row;
    struct sf_penalty *penalty; /* for retries, and how often each token failed                */
    int32_t *count;
    struct sf_state root_state, work;
    /* one answer */
    const struct sf_method_job *job;
    surefoot_stats *stats;
    struct sf_point root;
    uint32_t n_max;
    surefoot_finish at_max;
    double began;
    struct sf_point shown; /* t tokens were delivered                                          */
    bool lost;             /* the client                                                       */
    bool ranked;           /* drafts are compared; false: their log-probabilities are not asked for */
};

/* Room for n drafts of max_tokens under policies with these models. E_MEMORY. */
surefoot_status sf_drafts_open(struct sf_drafts **out, const struct surefoot_policy *p, int n,
                               uint32_t max_tokens, surefoot_error *err);
void sf_drafts_close(struct sf_drafts *d);

/* Reads the prompt. Sequence 0 stays as it is until the end of the answer. */
surefoot_status sf_drafts_begin(struct sf_drafts *d, const struct sf_method_job *job,
                                surefoot_stats *stats, surefoot_error *err);
/* Draft i begins at the prompt, or goes on from another draft. */
surefoot_status sf_draft_branch(struct sf_drafts *d, int i, int parent, surefoot_error *err);
/* Evaluates the last tokens of all living drafts as one batch. */
surefoot_status sf_drafts_step(struct sf_drafts *d, surefoot_error *err);
/* Draws the next token as candidate i of round r (penalties only at r >= 1), and takes it. */
surefoot_status sf_draft_extend(struct sf_drafts *d, struct sf_draft *p, int i, int r,
                                size_t n_penalty, surefoot_error *err);
/* Draws only. */
surefoot_status sf_draft_draw(struct sf_drafts *d, const struct sf_draft *p, int i, int r,
                              size_t n_penalty, int32_t *id, surefoot_error *err);
/* Appends token id, reads and charges it, and finishes p where its text ends. */
surefoot_status sf_draft_take(struct sf_drafts *d, struct sf_draft *p, int32_t id,
                              surefoot_error *err);
/* Same tokens since the same branch. */
bool sf_draft_same(const struct sf_draft *a, const struct sf_draft *b);

/* Whether the policy's budget covers all that p was charged. */
bool sf_draft_safe(const struct sf_drafts *d, const struct sf_draft *p);
typedef double (*sf_draft_score)(const struct sf_drafts *d, const struct sf_draft *p);
/* The reward of what p holds; reward - lambda cost; reward where z >= 0, else far below and by z. */
double sf_score_reward(const struct sf_drafts *d, const struct sf_draft *p);
double sf_score_lagrange(const struct sf_drafts *d, const struct sf_draft *p);
double sf_score_state(const struct sf_drafts *d, const struct sf_draft *p);
/* Living and finished drafts, best value first (NaN last, then index). order: room for d->n. */
int sf_drafts_rank(const struct sf_drafts *d, int *order);

/* Delivers the tokens of p before `to` that were not delivered yet and that no stop string may take
 * back; after its end, all of it. */
void sf_drafts_deliver(struct sf_drafts *d, const struct sf_draft *p, uint32_t to);
void sf_drafts_deliver_all(struct sf_drafts *d, const struct sf_draft *p);
/* The policy's fallback text, in place of an answer. */
void sf_drafts_fall_back(struct sf_drafts *d);
/* Times, and sequences given back. Returns st, or what a model failed with. */
surefoot_status sf_drafts_end(struct sf_drafts *d, surefoot_status st, surefoot_error *err);

/* ---- loops that several methods share (best_of_n.c, beam.c) */
surefoot_status sf_best_of_n(const struct sf_method_job *job, sf_draft_score score,
                             surefoot_stats *stats, surefoot_error *err);
surefoot_status sf_beam_search(const struct sf_method_job *job, sf_draft_score score,
                               surefoot_stats *stats, surefoot_error *err);
/* One block: N candidates from the living ones of n_beam beams (0: the prompt), d tokens, one batch
 * per token; then duplicates are removed and beams that went on are no more. */
surefoot_status sf_beam_block(struct sf_drafts *d, const int *beam, int n_beam, int round,
                              size_t n_penalty, surefoot_error *err);
/* Keeps the best K of all by value; returns how many, best first, in beam. */
int sf_beam_keep(struct sf_drafts *d, int *beam);

#endif
