/* SPDX-License-Identifier: MIT
 * toy.h - a tabular process in place of a language model, scripted cost models, and an independent
 * reading of delivered text. The generator is strict: breaking a rule of generator.h is recorded.
 */
#ifndef SF_TOY_H
#define SF_TOY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "critic.h"
#include "guard.h"

enum {
    TOY_VOCAB = 16,
    TOY_SEQ = 20,
    TOY_CTX = 160,
    TOY_TEXT = 4096,
    TOY_EMITS = 512,
    TOY_HIDDEN = 4
};

/* ---- the process: P(next | last tokens) is a hash; tokens are short byte strings */
struct toy {
    /* script */
    uint64_t seed;      /* of the table                                             */
    uint64_t draw_seed; /* of the random numbers                                    */
    int n_vocab;
    const char *piece[TOY_VOCAB]; /* NULL: ends the text; "": control                    */
    int memory;                   /* tokens the table looks back                              */
    float temperature;            /* 0: the largest                                           */
    float sharp;                  /* scale of the logits                                      */
    bool enumerate;               /* candidate i takes digit t of i in base n_vocab - 1       */
    uint32_t n_ctx;
    /* faults, counted down to 0; -1 never */
    int fail_step, fail_sample, fail_fork, abort_at;
    surefoot_status fail_with;
    bool fail_forever;
    int nan_token; /* after this token no logits are finite; -1 never          */
    double tick;   /* seconds a step takes                                     */
    /* state */
    struct {
        int32_t token[TOY_CTX];
        uint32_t n;
        bool logits;
    } seq[TOY_SEQ];
    uint64_t rows, steps, samples, forks, polls;
    uint64_t retry_draws; /* draws with r > 0                                         */
    uint64_t twins;       /* rows of a step whose sequences hold the same tokens      */
    double clock;
    char broken[160];               /* first rule that was broken                               */
    uint32_t longest;               /* longest sequence ever                                    */
    float row[TOY_SEQ][TOY_HIDDEN]; /* hidden rows handed out */
};
void toy_init(struct toy *t);
struct sf_generator toy_generator(struct toy *t);
/* Sequence 0 holds the prompt, evaluated. */
void toy_prompt(struct toy *t, const int32_t *ids, size_t n);
void toy_break(struct toy *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- cost: phrases over bytes */
enum toy_kind {
    TOY_PHRASE, /* a phrase anywhere; charged when complete; S = earliest live match              */
    TOY_WORD, /* a phrase as a word; charged by the byte after it, or by the end; S = word start */
    TOY_SEGMENT /* a text up to '.' that holds two x: charged as a whole, at '.' or at the end      */
};
struct toy_cost {
    struct sf_cost base;
    enum toy_kind kind;
    int n;
    const char *phrase[4];
    int64_t weight[4];
    size_t hold; /* as declared */
    /* misbehaviour: which, and at which call it starts (-1 never); calls are counted in *calls */
    enum {
        TOY_FAILS = 1,
        TOY_S_FALLS,
        TOY_S_AHEAD,
        TOY_LATE_CHARGE,
        TOY_BAD_SPAN,
        TOY_OVERFLOW,
        TOY_NEGATIVE,
        TOY_FORGETS,
        TOY_INFINITE,
        TOY_STUCK
    } lie;
    int lie_at;
    int *calls;
};
void toy_cost_init(struct toy_cost *c, enum toy_kind kind);
/* A phrase cost's state, and how it reads: for a reader that is independent of the guard's. */
struct phrase_state { /* plain memory */
    uint64_t n;       /* bytes read                                  */
    uint64_t settled;
    uint64_t floor; /* no match starts before it: a role boundary  */
    char tail[64];  /* last bytes, tail[i % 64] is byte i          */
};
void toy_cost_byte(const struct toy_cost *c, struct phrase_state *s, char b, struct sf_charges *out);
void toy_cost_settle(const struct toy_cost *c, struct phrase_state *s);

/* Independent reading: what a finished text costs. Charges whose span starts at or after `before`
 * are left out (SIZE_MAX: none). The first n_free bytes are the prompt's. */
int64_t toy_price(const struct toy_cost *c, const char *text, size_t n, size_t n_free,
                  size_t before);

/* ---- reward: number of a byte in the text */
struct toy_reward {
    struct sf_reward base;
    char byte;
    bool nan, fails;
};
void toy_reward_init(struct toy_reward *r, char byte);

/* ---- critics: a hidden row is the last token, the one before, how many there are, and a hash of all */
enum toy_critic_kind {
    TOY_NO_CRITIC,
    TOY_NOISE,    /* hashes                                        */
    TOY_NAN,      /* never a number                                */
    TOY_CONSTANT, /* f1 and f2 of it                               */
    TOY_SWINGS,   /* 0, 1, NaN, infinities and sizes beyond [0, 1] */
    TOY_TOKENS,   /* a table over the last token                   */
    TOY_SEES_Z    /* f1 = z                                        */
};
struct toy_critic {
    struct surefoot_critic base;
    enum toy_critic_kind kind;
    float f1, f2, token_f1[TOY_VOCAB], token_f2[TOY_VOCAB];
    struct toy *toy; /* where a z outside [0, 1] is reported */
    uint64_t *asked;
};
void toy_critic_init(struct toy_critic *c, enum toy_critic_kind kind);

/* ---- one run and everything that was seen of it */
struct toy_run {
    struct toy toy;
    struct toy_cost cost;
    struct sf_cost *real; /* in place of the toy's cost model, if not NULL */
    struct toy_reward reward;
    bool with_reward;
    struct toy_critic critic;
    uint64_t asked; /* times the critic was asked */
    struct surefoot_policy policy;
    int calls;   /* of the cost model */
    int answers; /* by the same guard, one after the other */
    bool others; /* all but the last are drawn from other seeds */
    int32_t prompt[8];
    size_t n_prompt, n_free;
    const char *stop[4];
    size_t n_stop;
    uint32_t n_predict;
    int lose_client; /* emit call that returns nonzero, -1 never */
    int abort_byte;  /* Ctrl-C once so many bytes are there, -1 never */
    bool no_memory;  /* allocations fail once the guard is open */
    /* seen */
    surefoot_status status;
    surefoot_error err;
    surefoot_stats stats;
    char text[TOY_TEXT];
    size_t n_text;
    size_t mark[TOY_EMITS]; /* bytes after each emit */
    int n_mark;
    bool unsettled[TOY_EMITS]; /* at that time S, or a partial stop string, lay before it */
    int64_t known[TOY_EMITS];  /* what text that starts before it was charged then (K = 1) */
    uint64_t drawn[TOY_EMITS]; /* draws until then: the last delivery may be a finished text */
    int32_t id[TOY_CTX * 4];
    size_t n_id;
    int failed_allocs;
};
void toy_run_init(struct toy_run *r);
/* Opens a guard, generates `answers` answers (the last is what is seen), closes. False: the guard
 * could not be opened (r->err). */
bool toy_go(struct toy_run *r);
/* The unguarded text of the same process and seed. */
size_t toy_plain(const struct toy_run *r, char *text, surefoot_finish *finish);
/* Bytes of the prompt as text; *n_free: of its free part. */
size_t toy_prompt_text(const struct toy_run *r, char *text, size_t *n_free);

#endif
