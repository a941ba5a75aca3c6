/* SPDX-License-Identifier: MIT
 * generator_lm.c - sf_generator over a session: the language model as the guard sees it.
 */
#include <math.h>
#include <time.h>

#include "session.h"

static surefoot_status step(void *self, const struct sf_gen_row *rows, int n, surefoot_error *err) {
    return sf_session_step(self, rows, n, err);
}

static struct sf_str text(const void *self, int32_t token) {
    return sf_token_bytes(self, token);
}

static surefoot_status sample(void *self, int seq, const struct sf_draw *draw, int32_t *token,
                              surefoot_error *err) {
    surefoot_session *s = self;
    const float *logits = sf_session_logits(s, (uint32_t)seq);
    if (!logits) return sf_fail(err, SUREFOOT_E_FAILED, 0, "sequence %d has no logits", seq);
    s->sampler.text = text;
    s->sampler.text_self = s->m->tokenizer;
    /* Rows of the output matrix beyond the tokenizer's vocabulary have no text: never drawn. */
    return sf_sample(&s->sampler, &s->m->kernels, s->sample_scratch, logits,
                     (uint32_t)sf_tokenizer_n_vocab(s->m->tokenizer),
                     s->history + (size_t)seq * s->n_ctx, s->kv.seq[seq].len, draw, token, err);
}

static float logprob(void *self, int seq, int32_t token) {
    surefoot_session *s = self;
    const float *logits = sf_session_logits(s, (uint32_t)seq);
    if (!logits) return NAN;
    return sf_logprob(&s->m->kernels, s->sample_scratch, logits, s->m->config.n_vocab, token);
}

static const float *hidden(void *self, int seq) {
    const surefoot_session *s = self;
    return s->slot[seq] < 0 ? NULL : s->hidden + (size_t)s->slot[seq] * s->m->config.dim;
}

static surefoot_status fork(void *self, int dst, int src, surefoot_error *err) {
    SF_UNUSED(err);
    sf_session_fork(self, (uint32_t)dst, (uint32_t)src);
    return SUREFOOT_OK;
}

static void truncate_seq(void *self, int seq, uint32_t n) {
    sf_session_truncate(self, (uint32_t)seq, n);
}

static void drop(void *self, int seq) {
    sf_session_truncate(self, (uint32_t)seq, 0);
}

static uint32_t length(void *self, int seq) {
    return ((surefoot_session *)self)->kv.seq[seq].len;
}

static const char *piece(void *self, int32_t token, size_t *n, bool *ends) {
    const struct sf_tokenizer *t = ((surefoot_session *)self)->m->tokenizer;
    struct sf_str s = sf_token_bytes(t, token);
    *n = s.n;
    *ends = (sf_tokenizer_attr(t, token) & SF_TOK_EOG) != 0;
    return s.p;
}

static surefoot_status encode(void *self, const char *text, size_t n, int32_t *ids, size_t cap,
                              size_t *n_out, surefoot_error *err) {
    return sf_encode(((surefoot_session *)self)->m->tokenizer, text, n, SF_ENCODE_NO_PREFIX, ids,
                     cap, n_out, err);
}

static int aborted(void *self) {
    return atomic_load_explicit(&((surefoot_session *)self)->abort_asked, memory_order_relaxed);
}

static double now(void *self) {
    SF_UNUSED(self);
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void sf_generator_lm(struct sf_generator *g, surefoot_session *s) {
    *g = (struct sf_generator){.self = s,
                               .max_seq = (int)s->n_seq,
                               .max_rows = (int)s->max_step,
                               .n_ctx = s->n_ctx,
                               .n_vocab = s->m->config.n_vocab,
                               .n_hidden = s->m->config.dim,
                               .step = step,
                               .sample = sample,
                               .logprob = logprob,
                               .hidden = hidden,
                               .fork = fork,
                               .truncate = truncate_seq,
                               .drop = drop,
                               .length = length,
                               .piece = piece,
                               .encode = encode,
                               .aborted = aborted,
                               .now = now};
}
