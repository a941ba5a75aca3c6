/* SPDX-License-Identifier: MIT
 * mlp.h - a small network: logistic (or linear) regression, or one hidden layer of rectified units.
 * Used by the critic and by `probe` costs; it knows nothing of either.
 *
 *     r_j = max(0, w_j . x + b_j + m_j . more)     j < n_hidden
 *     y_o = v_o . r + c_o                          o < n_out
 * and without a hidden layer y_o = w_o . x + b_o + m_o . more. A logistic output is the y of its
 * probability: sf_mlp_sigmoid(y).
 *
 * Arithmetic: f32, products and sums rounded one by one, sums over x in 16 lanes (lane k has the
 * elements k, k+16, ...), then lanes k+(k+8), +4, +2, +1; what follows is added in the order written
 * above. So a forward pass has the same bits on every CPU, and an output whose weights allow it is
 * non-decreasing in `more` to the last bit. Training is seeded; its result does not depend on the
 * number of threads.
 */
#ifndef SF_MLP_H
#define SF_MLP_H

#include "arena.h"
#include "gguf.h"

#define SF_MLP_MAX_X (1u << 16)
#define SF_MLP_MAX_MORE 8
#define SF_MLP_MAX_HIDDEN 256
#define SF_MLP_MAX_OUT 4

struct sf_mlp {
    uint32_t n_x, n_more; /* inputs: a row of n_x floats, and n_more that stand apart from it */
    uint32_t n_hidden;    /* 0: no hidden layer                                               */
    uint32_t n_out;
    uint32_t rows;        /* of the first layer: n_hidden, or n_out                           */
    float *w;             /* (rows, n_x)                                                      */
    float *m;             /* (rows, n_more)                                                   */
    float *b;             /* (rows)                                                           */
    float *v;             /* (n_out, n_hidden)                                                */
    float *c;             /* (n_out)                                                          */
    size_t n_params;      /* w, m, b, v, c lie one behind the other                           */
    struct sf_arena arena;
};

/* All weights 0. E_USAGE: a size of 0 (but n_more, n_hidden) or above its bound. On failure *m is
 * empty; closing it is fine. */
surefoot_status sf_mlp_open(struct sf_mlp *m, uint32_t n_x, uint32_t n_more, uint32_t n_hidden,
                            uint32_t n_out, surefoot_error *err);
void sf_mlp_close(struct sf_mlp *m);
/* out: n_out floats. Anything that is not finite in x or more makes outputs that are not, or 0: the
 * caller decides what that means. Takes no memory. */
void sf_mlp_forward(const struct sf_mlp *m, const float *x, const float *more, float *out);
/* w_j . x + b_j + m_j . more: row j of the first layer, before anything is cut off. */
float sf_mlp_unit(const struct sf_mlp *m, uint32_t j, const float *x, const float *more);
/* 1 / (1 + exp(-y)), non-decreasing over all floats; NaN stays NaN. */
float sf_mlp_sigmoid(float y);
/* True when output o cannot fall while an element of `more` rises. */
bool sf_mlp_monotone(const struct sf_mlp *m, uint32_t o);

/* In a GGUF file: tensors PREFIX.w, .m, .b, .v, .c (F32). First declare, then (after
 * sf_gguf_writer_begin) write, in the same order among other tensors. */
void sf_mlp_put(const struct sf_mlp *m, struct sf_gguf_writer *w, const char *prefix);
surefoot_status sf_mlp_write(const struct sf_mlp *m, struct sf_gguf_writer *w, surefoot_error *err);
/* Opens m with the shapes and weights of the file. E_FILE: a missing tensor, shapes that do not fit
 * together, a weight that is not finite. */
surefoot_status sf_mlp_read(struct sf_mlp *m, const struct sf_gguf *g, const char *prefix,
                            surefoot_error *err);

/* ---- training */
enum sf_mlp_loss {
    SF_MLP_LOGISTIC, /* target 0..1: cross entropy                             */
    SF_MLP_SQUARED   /* any target: squared error, in units of its own spread  */
};
struct sf_mlp_data {
    size_t n;             /* examples                                                      */
    const float *x;       /* rows of n_x floats                                            */
    const uint32_t *row;  /* (n) which row of x an example has; NULL: its own number       */
    const float *more;    /* (n, n_more); NULL where n_more is 0                           */
    const float *y;       /* (n, n_out) targets                                            */
    const float *weight;  /* (n, n_out), >= 0, 0: no target there; NULL: all 1             */
};
struct sf_mlp_options {
    enum sf_mlp_loss loss[SF_MLP_MAX_OUT];
    float share[SF_MLP_MAX_OUT];   /* weight of each output in the loss; default 1         */
    bool monotone[SF_MLP_MAX_OUT]; /* never falls while an element of `more` rises         */
    uint64_t seed;
    int n_threads;                 /* 0: sf_default_threads()                              */
    int epochs, patience;          /* most epochs; stop after so many without a better check */
    int batch;                     /* examples of one step, a multiple of 16               */
    float rate, decay;             /* Adam's step; decay of w, v per step and rate         */
    /* After every epoch; nonzero: stop, E_ABORTED. May be NULL. */
    int (*progress)(void *user, int epoch, double train_loss, double check_loss);
    void *user;
};
struct sf_mlp_report {
    int epochs, best; /* run, and the one whose weights are kept (from 1) */
    double train_loss, check_loss;
};
/* seed 0, 60 epochs, patience 8, batch 128, rate 1e-3, decay 1e-2, logistic. */
void sf_mlp_options_init(struct sf_mlp_options *o);
/* Trains m (opened; its weights are replaced) by Adam on `train`, keeps the weights that are best on
 * `check`. Inputs are standardised on the way and that is folded into the weights at the end, so
 * that sf_mlp_forward takes rows as they come. E_FAILED: no example, or nothing finite came of it. */
surefoot_status sf_mlp_train(struct sf_mlp *m, const struct sf_mlp_data *train,
                             const struct sf_mlp_data *check, const struct sf_mlp_options *o,
                             struct sf_mlp_report *report, surefoot_error *err);

#endif
