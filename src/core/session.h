/* SPDX-License-Identifier: MIT
 * session.h - one timeline: KV cache, scratch of the forward pass, token history, logits of each
 * sequence. Sequence 0 is the user's; the others belong to the search or to benchmarks.
 */
#ifndef SF_SESSION_H
#define SF_SESSION_H

#include <stdatomic.h>

#include "generator.h"
#include "kv.h"
#include "model.h"
#include "sampler.h"

/* n rows for one forward pass. Rows of one sequence are consecutive positions in rising order. */
struct sf_batch {
    size_t n;             /* at most max_batch                                     */
    const int32_t *token; /* (n)                                                   */
    const uint32_t *seq;  /* (n) sequence                                          */
    const uint32_t *pos;  /* (n) position in it                                    */
    const uint32_t *out;  /* (n_out) rows whose hidden state is wanted, rising     */
    size_t n_out;
    float *logits;        /* (n_out, n_vocab), or NULL: no output matmul           */
};

struct sf_quantised { /* activations in one form; W: the widest row they are made for */
    int8_t *q;        /* (B, W)      */
    float *d;         /* (B, W / 32) */
    int16_t *sum;     /* (B, W / 16) */
};

/* Buffers of the forward pass; B = max_batch rows. */
struct sf_scratch {
    float *x;      /* (B, dim)        residual stream                      */
    float *h;      /* (B, dim)        after a norm                         */
    float *q;      /* (B, q_dim)                                           */
    float *k, *v;  /* (B, kv_dim)                                          */
    float *a;      /* (B, q_dim)      attention output                     */
    float *g, *u;  /* (B, ff)         gate and up                          */
    float *cs;     /* (B, n_rot)      cosines then sines of each row       */
    float *cs_local; /* (B, n_rot)    the same of local layers; NULL: cs   */
    /* A mixture of experts; P = B * n_used pairs (token, one of its experts), token by token. Then g
     * and u are (P, ff). */
    float *r;      /* (B, n_experts)  router                               */
    float *e;      /* (P, dim)        what each chosen expert says         */
    float *chosen_weight;      /* (P)                                      */
    uint32_t *chosen;          /* (P) expert                               */
    uint32_t *first, *pair;    /* (threads, n_experts + 1) (threads, P) pairs ordered by expert */
    float *hidden; /* (B, dim)        after the final norm, rows of out    */
    float *o;      /* (B, dim)        what a block adds to the residual    */
    struct sf_quantised qx[SF_ACT_COUNT]; /* of h or a, one set per form               */
    struct sf_quantised gx[SF_ACT_COUNT]; /* of g: made while others still read qx     */
    unsigned char *row; /* (threads, row_bytes) an embedding row in file layout */
    size_t row_bytes;
    /* Attention of n_attn query rows (tokens x query heads of one KV head) at a time. */
    size_t n_attn;
    float *score;       /* (threads, n_attn, SF_TILE) attention weights of a tile     */
    float *state;       /* (threads, 3, n_attn) running maximum, sum, correction      */
    float *attn_q;      /* (threads, n_attn, head_dim) their queries, side by side    */
    float *attn_acc;    /* (threads, n_attn, head_dim) their sums                     */
};

struct surefoot_session {
    const surefoot_model *m;
    struct sf_cache kv;
    struct sf_scratch s;
    uint32_t n_ctx, max_batch, n_seq; /* n_seq: all sequences              */
    int n_threads;
    const double *rope_freq;          /* (n_rot/2) the model's, for a context of n_ctx */
    int32_t *history;                 /* (n_seq, n_ctx) tokens             */
    int32_t *prompt;                  /* (n_ctx) ids of the prompt being read */
    /* Logits and hidden rows, handed to sequences by number and shared by forks. */
    float *logits;                    /* (n_slot, n_vocab) */
    float *hidden;                    /* (n_slot, dim)     */
    uint32_t *slot_refs;              /* (n_slot)          */
    int32_t *slot;                    /* (n_seq) slot of the last logits, -1: none */
    uint32_t n_slot, max_step;        /* max_step: rows one generator step may have */
    int32_t *batch_token;             /* (max_batch) */
    uint32_t *batch_seq, *batch_pos, *batch_out;
    void *sample_scratch;
    struct sf_sampler sampler;        /* of the generation in progress     */
    atomic_int abort_asked;
    int stop;                         /* abort_asked as seen by member 0, inside a pass */
    surefoot_progress_fn progress;    /* of a prompt; may be NULL          */
    void *progress_user;
    struct sf_arena arena;
};

struct sf_search_size { /* room for a guard's search, which core knows nothing else of */
    uint32_t n_seq;     /* sequences, the timeline included                  */
    uint32_t draft;     /* tokens past the delivered text that one may hold  */
};
/* Opens with room for search (NULL: none); o->policy is not looked at here. One allocation. */
surefoot_status sf_session_open(surefoot_session **out, const surefoot_model *m,
                                const surefoot_session_options *o,
                                const struct sf_search_size *search, surefoot_error *err);
void sf_session_close(surefoot_session *s);
/* Bytes sf_session_open takes (options are checked). */
surefoot_status sf_session_plan_bytes(size_t *out, const surefoot_model *m,
                                      const surefoot_session_options *o,
                                      const struct sf_search_size *search, surefoot_error *err);

/* The transformer: one function for prefill, decode and beams. Positions must be reserved in the
 * cache. Fills s->s.hidden (n_out, dim) and b->logits. E_ABORTED: the cache is as before. */
surefoot_status sf_forward(surefoot_session *s, const struct sf_batch *b, surefoot_error *err);

/* logits (n, vocab) of n hidden rows (n <= max_batch): the output matmul alone. */
void sf_output(surefoot_session *s, float *logits, float *hidden, size_t n);

/* Appends n tokens to seq in passes of at most rows; only the last token's logits are kept (slot). */
surefoot_status sf_session_prefill(surefoot_session *s, uint32_t seq, const int32_t *ids, size_t n,
                                   size_t rows, surefoot_error *err);
/* Appends n tokens (n <= max_batch) to seq in one pass. logits: room for one row (the last token's)
 * or, with all, for n rows; may be NULL. The sequence's slot is given up. */
surefoot_status sf_session_append(surefoot_session *s, uint32_t seq, const int32_t *ids, size_t n,
                                  float *logits, bool all, surefoot_error *err);
/* Appends n tokens (n <= max_batch) to sequence 0 in one pass and hands every row's logits to fn;
 * the last row stays as the sequence's logits. first: position that fn counts from. */
surefoot_status sf_session_eval_all(surefoot_session *s, const int32_t *ids, size_t n, size_t first,
                                    surefoot_logits_fn fn, void *user, surefoot_error *err);
/* One token for each of n sequences, as one batch; each gets its logits and hidden row. */
surefoot_status sf_session_step(surefoot_session *s, const struct sf_gen_row *rows, int n,
                                surefoot_error *err);
void sf_session_fork(surefoot_session *s, uint32_t dst, uint32_t src);
/* Logits of seq's last token, or NULL. */
const float *sf_session_logits(const surefoot_session *s, uint32_t seq);
void sf_session_truncate(surefoot_session *s, uint32_t seq, uint32_t len);

/* A generator over s's sequences [0, n_seq), for the guard and for plain generation. */
void sf_generator_lm(struct sf_generator *g, surefoot_session *s);

#endif
