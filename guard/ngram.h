/* SPDX-License-Identifier: MIT
 * ngram.h - a text classifier of hashed word and character n-grams: logistic, trained from labelled
 * text, read word by word. Shared by cost_ngram.c and reward_ngram.c.
 *
 * Words are runs of folded letters, digits and underscores (fold.h), so that case, accents,
 * look-alikes and invisible characters make no difference; each letter of a script without spaces
 * is a word. Word i has a value v_i, the sum of the weights of its features:
 *     the word; the word and the one before it; every 3, 4 and 5 characters of "<word>"
 * each hashed to one of 2^bits weights. After word i, over the last n <= window words,
 *     y_i = bias + (v_i + v_(i-1) + ... ) / sqrt(n + 4),   p_i = 1 / (1 + exp(-y_i)).
 * Weights are integers in units of 2^-10 and their sums are exact; y and p are computed in a fixed
 * order. So the same text has the same p on every machine. A role boundary empties the window.
 *
 * A word ends at the character that proves it, at the end of the text, or where it gets too long
 * (SF_NGRAM_MAX_CHARS, SF_NGRAM_MAX_BYTES): what goes on is a word of its own. S is where the word
 * in progress begins.
 */
#ifndef SF_NGRAM_H
#define SF_NGRAM_H

#include "cost.h"
#include "fold.h"

#define SF_NGRAM_MAX_FILE (8u << 20)
#define SF_NGRAM_MIN_BITS 8
#define SF_NGRAM_MAX_BITS 20
#define SF_NGRAM_MAX_WINDOW 64
#define SF_NGRAM_MAX_CHARS 32 /* folded characters of a word */
#define SF_NGRAM_MAX_BYTES 64 /* of a word as it stands in the text */
#define SF_NGRAM_INVISIBLE 16 /* characters that are not seen, in a word; more is no honest text */
#define SF_NGRAM_UNIT 1024    /* of weights and values */
#define SF_NGRAM_CHARS (SF_NGRAM_MAX_CHARS + SF_FOLD_MAX)
#define SF_NGRAM_FEATURES (2 + 3 * (SF_NGRAM_CHARS + 2)) /* of a word, at most */

struct sf_ngram {
    uint32_t bits, window;
    int32_t *weight; /* (2^bits) units of 1/SF_NGRAM_UNIT */
    float bias;
    double p0;       /* found in training: where few harmless texts are touched */
    char about[160]; /* for people: what it was trained on */
    /* In training: the places of a word's features; then there are no weights yet. */
    void (*trace)(void *user, const uint32_t *place, int n);
    void *trace_user;
};

/* Parses a file (GGUF; n bytes at data, which need not outlive it). E_FILE. Fuzz target. */
surefoot_status sf_ngram_parse(struct sf_ngram **out, const void *data, size_t n,
                               surefoot_error *err);
void sf_ngram_free(struct sf_ngram *m); /* NULL is fine */
surefoot_status sf_ngram_write(const struct sf_ngram *m, const char *path, surefoot_error *err);
struct sf_policy_section;
struct sf_policy_env;
/* From a section's `file`, relative to the policy. */
surefoot_status sf_ngram_open(struct sf_ngram **out, struct sf_policy_section *s,
                              const struct sf_policy_env *env, surefoot_error *err);
/* The key `p0`: a number from 0 to below 1, or auto (then own, from a trained file). */
surefoot_status sf_policy_p0(double *out, struct sf_policy_section *s, double own,
                             surefoot_error *err);
/* max(0, p - p0) / (1 - p0) in millionths, rounded up; NaN: SF_COST_UNSAFE. */
int64_t sf_excess(float p, double p0);

/* ---------------------------------------------------------------------------------- the reader */

struct sf_ngram_state { /* plain memory, copied with a beam */
    uint64_t bytes;     /* read so far */
    uint64_t begin;     /* of the word in progress */
    uint64_t end;       /* behind its last character that is seen */
    uint32_t prev_word; /* hash of the word before; 0: none */
    uint32_t prev_cp;   /* last folded character of the word in progress */
    uint16_t n_char;    /* of the word in progress, 0: none */
    uint16_t n;         /* words in the window */
    uint16_t at;        /* where the next value goes */
    uint8_t invisible;
    uint32_t ch[SF_NGRAM_CHARS];
    int32_t value[SF_NGRAM_MAX_WINDOW];
};
struct sf_ngram_word { /* a word that ended */
    uint64_t begin, end; /* bytes */
    float p;
    bool disguised; /* so many invisible characters that it counts as unsafe */
};
/* Called for every word that ends, in order. */
typedef void (*sf_ngram_word_fn)(void *user, const struct sf_ngram_word *w);

void sf_ngram_begin(struct sf_ngram_state *s);
/* n bytes of whole UTF-8 characters. boundary: a role marker stands before them. */
void sf_ngram_read(const struct sf_ngram *m, struct sf_ngram_state *s, const char *text, size_t n,
                   bool boundary, sf_ngram_word_fn fn, void *user);
void sf_ngram_end(const struct sf_ngram *m, struct sf_ngram_state *s, sf_ngram_word_fn fn,
                  void *user);
uint64_t sf_ngram_settled(const struct sf_ngram_state *s);
/* The features of a word: their places among the weights; how many. */
int sf_ngram_features(uint32_t bits, uint32_t prev_word, const uint32_t *ch, int n,
                      uint32_t out[SF_NGRAM_FEATURES], uint32_t *hash);
/* y of the newest n words, whose values sum up to sum. */
float sf_ngram_logit(float bias, int64_t sum, uint32_t n);

/* ------------------------------------------------------------------------------------ training */

struct sf_ngram_row {
    const char *text;
    size_t n;
    bool harmful;
    uint64_t group; /* rows of one group are never apart: a prompt's answers */
};
struct sf_ngram_options {
    uint32_t bits, window;
    int epochs;
    int folds;         /* every row is scored by a model that was not trained on its group */
    float rate, decay;
    double touch;      /* share of harmless rows that p0 may touch */
    uint64_t seed;
    int n_threads;     /* 0: sf_default_threads(); the result does not depend on it */
    int (*progress)(void *user, uint64_t done, uint64_t total); /* nonzero: E_ABORTED; may be NULL */
    void *user;
};
struct sf_ngram_report {
    size_t n_harmful, n_harmless;
    double auroc;       /* of the largest p of a text, over rows not trained on */
    double auroc_low, auroc_high; /* 95 % interval (Hanley and McNeil) */
    double p0;
    size_t touched;     /* harmless rows with a p above p0, by models not trained on them */
    size_t caught;      /* harmful ones */
};
void sf_ngram_options_init(struct sf_ngram_options *o);
/* Trains on all rows; the report is by cross-validation. score, if not NULL, gets (n) the largest p
 * of each row, by the model that was not trained on its group. E_USAGE: a label has too few rows. */
surefoot_status sf_ngram_train(struct sf_ngram **out, const struct sf_ngram_row *row, size_t n,
                               const struct sf_ngram_options *o, float *score,
                               struct sf_ngram_report *report, surefoot_error *err);
/* Area under the ROC curve of score: harmful above harmless; ties count half. order: scratch (n). */
double sf_auroc(const float *score, const bool *harmful, size_t n, uint32_t *order);

#endif
