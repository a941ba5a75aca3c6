/* SPDX-License-Identifier: MIT
 * search.h - the guard's one object and the steps that sf_guard_decide (guard.c) is made of.
 *
 *     delivered | kept, held back | drafts          token indices of the answer
 *     0 ... base|base ... kept    |kept ... n
 *     |--------------- trunk ---------------|
 * The trunk holds the tokens from base on, with a point and the models' states after each of them,
 * so that the search can return to any. Candidates and beams are paths that continue it.
 */
#ifndef SF_SEARCH_H
#define SF_SEARCH_H

#include "arena.h"
#include "beam.h"
#include "critic.h"
#include "guard.h"

#define SF_GUARD_SEPARATOR "\n\n" /* between delivered text and the fallback text */
#define SF_GUARD_FALLBACK (SF_POLICY_MAX_FALLBACK + sizeof SF_GUARD_SEPARATOR) /* its bytes */

/* Generator sequences; then beams, candidates. */
enum { SF_SEQ_TRUNK, SF_SEQ_PROMPT, SF_SEQ_RESERVE, SF_SEQ_FIRST };

enum sf_halt { /* why the search cannot go on (section 2.7, and the ledger) */
    SF_HALT_NONE,
    SF_HALT_ABORTED,
    SF_HALT_CLIENT,
    SF_HALT_DEADLINE,
    SF_HALT_CONTEXT,
    SF_HALT_LEDGER
};

struct sf_pace { /* wall time, read only when a deadline is set or for statistics */
    double limit;         /* seconds between two deliveries, 0: none            */
    double last;          /* time of the last delivery                          */
    bool started;         /* something was delivered                            */
    double step[SF_GUARD_MAX_CANDIDATES + 1]; /* seconds of a step of n rows, 0: not measured */
};

struct sf_guard {
    const struct surefoot_policy *policy;
    struct sf_reader reader;
    struct sf_arena arena; /* the models' states */
    struct sf_safety carry; /* safety state at the delivered byte: where a next answer of the same
                             * conversation starts (scope = conversation)                      */
    const struct surefoot_critic *critic; /* NULL: none */
    int n, k, d, retries, lag; /* N, K, d, M, lag as the policy has them; lazy: K = 1, lag = 0 */
    bool lazy;
    struct { /* [0]: the fallback text; [1]: with the separator, after delivered text */
        char text[SF_GUARD_FALLBACK];
        size_t n, n_id; /* n_id 0: shown as text without token ids */
        int32_t id[SF_GUARD_FALLBACK];
    } fallback[2];

    /* one answer */
    const struct sf_guard_run *run;
    const struct sf_generator *gen;
    surefoot_stats *stats;
    uint32_t prompt_tokens; /* P */
    uint32_t n_max;         /* most tokens of the answer */
    surefoot_finish at_max; /* LENGTH or CONTEXT         */
    uint32_t base, kept;    /* delivered tokens; delivered and kept ones */
    int32_t last_id;        /* token base - 1 */
    struct sf_path trunk;
    float f1;               /* of the trunk's tip, as the critic saw it last          */
    bool ready;             /* sequence 0 has logits behind the trunk's last evaluated token */
    int n_slots;            /* ring: slot i % n_slots is after i tokens, for i in base .. n + 1 */
    struct sf_point point[SF_GUARD_MAX_TOKENS];
    struct sf_state slot[SF_GUARD_MAX_TOKENS];
    struct sf_path pool[2 * SF_GUARD_MAX_CANDIDATES]; /* K beams, then N candidates */
    struct sf_state work;   /* for an end that may turn out unsafe */
    int n_beams;            /* beams in pool, best first; 0: the trunk is the only one */
    int n_blocks;           /* blocks the beams are ahead of the trunk */
    uint32_t block[SF_GUARD_MAX_LAG + 1]; /* tokens of each */
    struct sf_path *winner; /* the path that ends the text */
    /* one decision */
    int now_n;              /* N and d of this decision: the policy's, or less for the deadline */
    uint32_t now_d;
    struct sf_tally tally;
    struct sf_path reserve; /* of all that the critic alone failed the one with the largest f1 */
    bool reserve_revoked;   /* it starts from the delivered token, the kept ones were revoked  */
    enum sf_halt halt;
    struct sf_pace pace;
    /* delivery */
    char out[SF_GUARD_MAX_TEXT + SF_UTF8_OUT(SF_GUARD_MAX_PIECE) + 4];
    surefoot_token out_tok[SF_GUARD_MAX_TOKENS > SF_GUARD_FALLBACK ? SF_GUARD_MAX_TOKENS
                                                                   : SF_GUARD_FALLBACK];
};

/* ---- the trunk */
struct sf_point *sf_trunk_point(struct sf_guard *g, uint32_t i);
struct sf_state *sf_trunk_state(struct sf_guard *g, uint32_t i);
/* Token i (base <= i < p->n) of a path, be it the trunk's part of it or its own. */
const struct sf_tok *sf_path_tok(const struct sf_guard *g, const struct sf_path *p, uint32_t i);
/* The trunk, and sequence 0, hold the first n tokens again. False: the generator failed. */
bool sf_trunk_rewind(struct sf_guard *g, uint32_t n);
/* The trunk takes over p's tokens up to n, reading them again. False: the models did not repeat
 * what they said of them. */
bool sf_trunk_take(struct sf_guard *g, const struct sf_path *p, uint32_t n);

/* ---- steps of a decision, in their order; false where something failed or halted the search */
/* F = 0, no penalties; N and d are the policy's, or what the deadline leaves time for. */
void sf_decision_begin(struct sf_guard *g);
/* Section 5: candidate 0, which is the trunk itself, is looked at by the critic where there is one,
 * then the oldest drafts are kept until at most w remain, and it draws one token more. */
enum sf_ahead {
    SF_AHEAD_ON,      /* it goes on, or has finished                     */
    SF_AHEAD_DROPPED, /* z < 0, or a failure                             */
    SF_AHEAD_DOUBTED  /* z >= 0, but f1 <= tau at its last token         */
};
enum sf_ahead sf_run_ahead(struct sf_guard *g);
/* Opens the candidates of a round: all of them are living and evaluated. ahead (round 0 only): what
 * became of the trunk's drafts: ON: all candidates start from the frontier; DOUBTED: the drafts go on
 * as candidate 0; DROPPED: there is no candidate 0.
 * revoke: from the last delivered token instead of the frontier. */
bool sf_expand(struct sf_guard *g, enum sf_ahead ahead, bool revoke);
int sf_living(const struct sf_guard *g);
/* Evaluates the last tokens of the living candidates as one batch. */
bool sf_evaluate(struct sf_guard *g);
/* Candidate i of round r draws a token, is charged, and is dropped or finished if that is due. */
void sf_extend(struct sf_guard *g, struct sf_path *p, int i, int r);
void sf_drop_duplicates(struct sf_guard *g);
/* After a revoke: what made the delivered text settled was taken back with the tokens behind it.
 * Drops candidates that have not settled it again (a deadline may have ended them early). */
void sf_drop_unsettled(struct sf_guard *g);
/* The value of each candidate: reward of the finished text; of an unfinished one f2 if f1 > tau, else
 * it is doubted; without a critic (or time to ask it) the reward of the prefix. */
void sf_score(struct sf_guard *g);
/* Keeps the best (g->winner if that ends the text). collapse: whatever K is, as for K = 1. */
bool sf_keep(struct sf_guard *g, bool collapse);
/* Of the round's doubted candidates the one with the largest f1 becomes the reserve, if it has more
 * than the reserve. False: it could not be copied (a fault is noted). */
void sf_reserve_best(struct sf_guard *g, bool revoked);
/* Section 2.6: nothing else is left, the reserve is kept. False: there is none. */
bool sf_keep_reserve(struct sf_guard *g);
/* What the critic (which must be there) says of p, whose last token is evaluated. */
struct sf_value sf_look(struct sf_guard *g, const struct sf_path *p);
/* No time is left for a step of that many rows. */
bool sf_out_of_time(const struct sf_guard *g, int rows);

struct sf_path *sf_candidate(struct sf_guard *g, int i);
/* B (D + (2 + lag) d): rows this answer may have used by now (G4, without the prompt's). */
uint64_t sf_ledger_bound(const struct sf_guard *g);

/* ---- delivery (deliver.c), the only place where text leaves */
/* Delivers of the kept tokens what nothing can touch any more. False: the client is lost. */
bool sf_deliver(struct sf_guard *g);
/* Delivers the rest of g->winner, whose end has been charged. */
void sf_deliver_all(struct sf_guard *g);
/* Section 2.6: everything undelivered is dropped; the fallback text takes its place, if it costs
 * nothing there. */
void sf_fall_back(struct sf_guard *g);
/* Encodes the fallback texts (gen may be NULL) and checks that they cost nothing alone. */
surefoot_status sf_fallback_init(struct sf_guard *g, const struct sf_generator *gen,
                                 surefoot_error *err);

#endif
