/* SPDX-License-Identifier: MIT
 * reader.h - reads one token onto a path: bytes become text as shown, stop strings are looked for,
 * the cost model charges, the safety state moves on, and what may be shown becomes known. The only
 * place where a cost or reward model is called.
 */
#ifndef SF_READER_H
#define SF_READER_H

#include "generator.h"
#include "policy.h"
#include "safety.h"
#include "stop.h"
#include "utf8.h"

#define SF_GUARD_MAX_PIECE 1024 /* raw bytes of one token; more is unsafe (no real vocabulary has it) */
#define SF_GUARD_MAX_TEXT (SF_GUARD_MAX_HOLD + 8 * SF_GUARD_MAX_PIECE) /* bytes between two rests */

/* What is known after a token (or after the prompt). Positions are bytes as in cost.h. A point is
 * a rest when the text may end right there: whole characters, and ending costs no more than d0. */
struct sf_point {
    uint32_t t;              /* answer tokens read so far                                      */
    uint64_t text;           /* bytes of text, whole characters                                */
    uint64_t settled;        /* S                                                              */
    uint64_t open;           /* min(S, start of a partial stop string): no more may be shown   */
    struct sf_safety safety; /* spent_t and gamma^t                                            */
    int64_t net;             /* sum of the charges as they came, signed, undiscounted: for the
                              * comparison with the paper alone; it decides nothing           */
    int64_t late;            /* after a revoke: spent on what starts before the delivered byte */
    int64_t spent_end;       /* spent if the text ended here; SF_COST_UNSAFE inside a character */
    double loglik;           /* sum of the known log-probabilities, and how many               */
    uint32_t n_loglik;
    bool reward_failed;      /* the reward model failed on the way: the path ranks last        */
    bool marker;             /* a role marker stands before what comes next                    */
    struct sf_utf8 utf8;
    struct sf_stop_state stop;
};
/* The models' own states at a point: plain memory, copied with it. */
struct sf_state {
    void *cost, *reward;
};

enum sf_read {
    SF_READ_SAFE,
    SF_READ_STOP,  /* a stop string is complete: the text ends at *cut; the token was not charged */
    SF_READ_UNSAFE /* *why says for which text                                                    */
};
struct sf_why { /* what made a path unsafe */
    bool span;  /* false: no charge but a failure or too long a lag */
    uint64_t begin, end;
};

struct sf_reader {
    const struct surefoot_policy *policy;
    const struct sf_generator *gen;
    uint64_t gamma; /* units of 1e-18 */
    size_t cost_bytes, reward_bytes;
    struct sf_state probe; /* scratch: asks what ending here would cost */
    /* one answer */
    struct sf_stops stops;
    uint64_t shown; /* after a revoke: bytes delivered (else 0), and what ending there would have */
    int64_t price;  /* cost: charges that reach back before that byte may not come to more        */
    uint64_t free_bytes; /* a span that ends here or before is the prompt's own: free */
    bool drop_space;     /* the first token's leading space is no text                */
    surefoot_status fault; /* first failure of a model since the caller cleared it    */
    surefoot_error fault_text;
    struct sf_charges charges;
    char out[SF_UTF8_OUT(SF_GUARD_MAX_PIECE)];
};

void sf_state_copy(const struct sf_reader *r, struct sf_state *to, const struct sf_state *from);
/* Keeps the first failure, for the caller's error. */
void sf_reader_fault(struct sf_reader *r, surefoot_status code, const surefoot_error *e);

/* Reads the prompt from its ids: the first n_free tokens for state only, the rest (an answer's
 * forced opening) charged. An empty token is a role boundary. False: a model failed. */
bool sf_read_prompt(struct sf_reader *r, struct sf_point *p, struct sf_state *s,
                    const struct sf_safety *carry, const int32_t *ids, size_t n, size_t n_free);
/* Reads token id; p and s move on (p->text also when unsafe). logprob: NAN when unknown. */
enum sf_read sf_read_token(struct sf_reader *r, struct sf_point *p, struct sf_state *s, int32_t id,
                           float logprob, struct sf_why *why, uint64_t *cut);
/* Reads only the first n bytes of what token id shows (a text cut before a stop string). */
enum sf_read sf_read_part(struct sf_reader *r, struct sf_point *p, struct sf_state *s, int32_t id,
                          size_t n, struct sf_why *why);
/* The text ends: half a character becomes U+FFFD (unless cut), then the last charges. */
enum sf_read sf_read_end(struct sf_reader *r, struct sf_point *p, struct sf_state *s, bool cut,
                         struct sf_why *why);
/* Reads a token of the fallback text: as it is spelled, stop strings or not. */
enum sf_read sf_read_spelled(struct sf_reader *r, struct sf_point *p, struct sf_state *s,
                             int32_t id, struct sf_why *why);
/* Reads text in place of a token (a fallback without ids, the rest of a cut token). */
enum sf_read sf_read_text(struct sf_reader *r, struct sf_point *p, struct sf_state *s,
                          const char *text, size_t n, struct sf_why *why);
/* Text that token id adds after p, in r->out; p's character state moves on. */
size_t sf_reader_show(struct sf_reader *r, struct sf_point *p, int32_t id);
/* Value of the path for ranking: the reward model's, else the mean log-likelihood; NaN ranks last. */
double sf_reader_value(const struct sf_reader *r, const struct sf_point *p,
                       const struct sf_state *s);

#endif
