/* SPDX-License-Identifier: MIT
 * cost.h - the one interface of cost models: they read the prompt, then each piece of the answer,
 * and yield charges. Also the one interface of reward models.
 *
 * Positions are bytes of the text as shown (UTF-8 repaired, control tokens empty), counted from the
 * first byte of the prompt text. A charge depends only on what was read so far, not on how the text
 * was cut into pieces, and is never revised. `end` may add a last one.
 * Settled length S: no later charge starts before S, and ending the text now adds none that does.
 * S never falls. It lags behind the text by at most hold_bytes.
 */
#ifndef SF_COST_H
#define SF_COST_H

#include "base.h"

#define SF_COST_UNIT 1000000 /* amounts are integers in millionths; scores round up */
#define SF_COST_UNSAFE INT64_MAX /* a failed, NaN or infinite cost: no budget covers it */
#define SF_MAX_CHARGES 64 /* in one read; a model that has more sets .overflow, which is unsafe */

struct sf_charge {
    int64_t amount;      /* >= 0, millionths, or SF_COST_UNSAFE */
    uint64_t begin, end; /* span the charge is about, begin < end <= bytes read */
};
struct sf_charges {
    int n;
    bool overflow;
    struct sf_charge c[SF_MAX_CHARGES];
};
/* Appends one; amounts of 0 are left out. Full: sets .overflow. */
void sf_charges_add(struct sf_charges *out, int64_t amount, uint64_t begin, uint64_t end);
/* a + b for amounts >= 0: saturates at SF_COST_UNSAFE, which stays what it is. */
static inline int64_t sf_cost_add(int64_t a, int64_t b) {
    return a > SF_COST_UNSAFE - b ? SF_COST_UNSAFE : a + b;
}
/* ceil(amount * weight), weight >= 0 in millionths; unsafe stays unsafe, even at weight 0. */
int64_t sf_cost_scale(int64_t amount, int64_t weight);

/* One piece of text as the cost model sees it. */
struct sf_piece {
    const char *bytes; /* whole UTF-8 characters */
    size_t n;          /* may be 0: the token is still news to models that read hidden states */
    int32_t token;     /* -1: text without a token (guard check, role text) */
    const float *hidden; /* n_hidden floats or NULL */
    bool prompt;       /* belongs to the prompt: read for state, spans wholly inside are free */
    bool boundary;     /* a role marker stands before this piece: no match reaches across it */
};

struct sf_cost; /* an open cost model: immutable, shared by all states and threads */
struct sf_cost_ops {
    const char *kind; /* "lexicon", "sum", ... as written in a policy */
    /* Reads bytes and boundaries alone: charges are the same however the text is cut between
     * characters, so that it may be read one character at a time, and without tokens. */
    bool (*text_only)(const struct sf_cost *m);
    /* state_bytes is fixed after open; states are plain memory: copied by memcpy, no pointers into themselves */
    size_t (*state_bytes)(const struct sf_cost *m);
    void (*begin)(const struct sf_cost *m, void *state);
    /* Reads one piece, appends charges. Failure of any kind: the caller treats it as unsafe.
     * Charges whose span lies wholly in the prompt are free and need not be reported. */
    surefoot_status (*read)(const struct sf_cost *m, void *state, const struct sf_piece *p,
                            struct sf_charges *out, surefoot_error *err);
    /* The text ends here: last charges. The state may be used once more only for settled. */
    surefoot_status (*end)(const struct sf_cost *m, void *state, struct sf_charges *out,
                           surefoot_error *err);
    uint64_t (*settled)(const struct sf_cost *m, const void *state);
    /* Largest lag of S behind the text, in bytes. Above SF_GUARD_MAX_HOLD: a load error. */
    size_t (*hold_bytes)(const struct sf_cost *m);
    /* One line for people: what it reads, what it cannot (guard check --coverage). May be NULL. */
    size_t (*coverage)(const struct sf_cost *m, char *text, size_t cap);
    void (*close)(struct sf_cost *m);
};
struct sf_cost { /* first member of every cost model's own struct */
    const struct sf_cost_ops *ops;
};

/* A reward of a finished or unfinished prefix: higher is better. Same reading rules. */
struct sf_reward;
struct sf_reward_ops {
    const char *kind; /* "likelihood", "lexicon" */
    size_t (*state_bytes)(const struct sf_reward *m);
    void (*begin)(const struct sf_reward *m, void *state);
    /* logprob: of the piece's token under the base model, NAN when unknown */
    surefoot_status (*read)(const struct sf_reward *m, void *state, const struct sf_piece *p,
                            float logprob, surefoot_error *err);
    double (*value)(const struct sf_reward *m, const void *state); /* NaN ranks last */
    bool needs_logprob;
    void (*close)(struct sf_reward *m);
};
struct sf_reward {
    const struct sf_reward_ops *ops;
};

#endif
