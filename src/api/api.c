/* SPDX-License-Identifier: MIT
 * api.c - handles and argument checks; no mathematics.
 */
#include <string.h>
#include <time.h>

#include "cpu.h"
#include "generate.h"
#include "guard.h"
#include "threads.h"

/* ---------------------------------------------------------------- machine */

static unsigned flags_here(void) {
    struct sf_cpuid c;
    sf_cpuid_read(&c);
    return sf_cpu_flags(&c);
}

const char *surefoot_isa_name(int i) {
    return i < 0 ? NULL : sf_isa_name(i);
}

int surefoot_isa_usable(int i) {
    if (i < 0 || !sf_isa_name(i)) return -1;
    return (sf_isa_needs(i) & ~flags_here()) == 0;
}

const char *surefoot_isa_best(void) {
    const char *best = sf_isa_name(0);
    for (int i = 1; sf_isa_name(i); i++)
        if (surefoot_isa_usable(i) == 1) best = sf_isa_name(i);
    return best;
}

int surefoot_default_threads(void) {
    return sf_default_threads();
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---------------------------------------------------------------- model */

void surefoot_model_options_init(surefoot_model_options *o) {
    *o = (surefoot_model_options){.size = sizeof *o};
}

void surefoot_model_describe(const surefoot_model *m, surefoot_model_info *info) {
    size_t size = info->size;
    *info = (surefoot_model_info){.size = size,
                                  .family = m->family->name,
                                  .name = m->name,
                                  .file_type = m->file_type,
                                  .isa = m->kernels.isa,
                                  .n_params = m->n_params,
                                  .weight_bytes = m->weight_bytes,
                                  .decode_bytes = m->decode_bytes,
                                  .n_ctx_train = m->config.n_ctx_train,
                                  .n_vocab = m->config.n_vocab,
                                  .n_layers = m->config.n_layers,
                                  .n_embd = m->config.dim,
                                  .chat_template = m->chat_name,
                                  .has_chat_template = m->has_template,
                                  .chat_template_error =
                                      m->has_template && !m->chat ? m->chat_error.text : NULL,
                                  .bos = sf_tokenizer_bos(m->tokenizer),
                                  .eos = sf_tokenizer_eos(m->tokenizer),
                                  .add_bos = sf_tokenizer_add_bos(m->tokenizer)};
}

surefoot_status surefoot_tokenize(const surefoot_model *m, const char *text, size_t n,
                                  unsigned flags, int32_t *ids, size_t cap, size_t *n_out,
                                  surefoot_error *err) {
    if (!m || (!text && n) || (!ids && cap) || !n_out)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_tokenize: an argument is NULL");
    unsigned f = (flags & SUREFOOT_TOKENIZE_BOS ? SF_ENCODE_BOS : 0) |
                 (flags & SUREFOOT_TOKENIZE_SPECIAL ? SF_ENCODE_SPECIAL : 0);
    return sf_encode(m->tokenizer, text, n, f, ids, cap, n_out, err);
}

surefoot_status surefoot_detokenize(const surefoot_model *m, const int32_t *ids, size_t n,
                                    char *text, size_t cap, size_t *n_out, surefoot_error *err) {
    if (!m || (!ids && n) || (!text && cap) || !n_out)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_detokenize: an argument is NULL");
    return sf_decode(m->tokenizer, ids, n, text, cap, n_out, err);
}

/* ---------------------------------------------------------------- session */

void surefoot_session_options_init(surefoot_session_options *o) {
    *o = (surefoot_session_options){.size = sizeof *o, .n_batch = 256, .n_seq = 1};
}

/* Room for the policy's search; NULL when there is no policy. */
static const struct sf_search_size *search_of(const surefoot_session_options *o,
                                              struct sf_search_size *z) {
    if (!o || o->size != sizeof *o || !o->policy) return NULL;
    z->n_seq = (uint32_t)sf_guard_sequences(o->policy);
    z->draft = (uint32_t)sf_guard_draft_tokens(o->policy);
    return z;
}

surefoot_status surefoot_session_bytes(size_t *out, const surefoot_model *m,
                                       const surefoot_session_options *o, surefoot_error *err) {
    struct sf_search_size z;
    if (!out) return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_session_bytes: out is NULL");
    return sf_session_plan_bytes(out, m, o, search_of(o, &z), err);
}

surefoot_status surefoot_session_open(surefoot_session **out, const surefoot_model *m,
                                      const surefoot_session_options *o, surefoot_error *err) {
    struct sf_search_size z;
    if (!out) return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_session_open: out is NULL");
    return sf_session_open(out, m, o, search_of(o, &z), err);
}

void surefoot_session_close(surefoot_session *s) {
    sf_session_close(s);
}

void surefoot_session_abort(surefoot_session *s) {
    atomic_store_explicit(&s->abort_asked, 1, memory_order_relaxed);
}

uint32_t surefoot_session_n_ctx(const surefoot_session *s) {
    return s->n_ctx;
}

void surefoot_session_rewind(surefoot_session *s, size_t n) {
    if (n < s->kv.seq[0].len) sf_session_truncate(s, 0, (uint32_t)n);
}

/* n rows of logits for one pass, in pieces that fit the slots: the hidden rows are there already. */
surefoot_status surefoot_eval(surefoot_session *s, const int32_t *ids, size_t n,
                              size_t rows_per_pass, surefoot_logits_fn fn, void *user,
                              surefoot_error *err) {
    if (!s || (!ids && n)) return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_eval: NULL");
    atomic_store(&s->abort_asked, 0);
    size_t rows = rows_per_pass ? sf_min(rows_per_pass, s->max_batch) : s->max_batch;
    for (size_t i = 0; i < n; i += rows) {
        size_t part = sf_min(rows, n - i);
        if (!fn) {
            SF_TRY(sf_session_prefill(s, 0, ids + i, part, rows, err));
            continue;
        }
        SF_TRY(sf_session_eval_all(s, ids + i, part, i, fn, user, err));
    }
    return SUREFOOT_OK;
}

surefoot_status surefoot_workload(surefoot_session *s, uint32_t n_prompt, uint32_t n_gen,
                                  uint32_t n_seq, uint32_t depth, double *out,
                                  surefoot_error *err) {
    if (!s || !out || n_seq < 1 || n_seq > s->n_seq)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "workload: n_seq is 1..%u", s ? s->n_seq : 0);
    if ((uint64_t)n_prompt + n_gen + depth + 1 > s->n_ctx)
        return sf_fail(err, SUREFOOT_E_CONTEXT, 0, "workload: %llu tokens, the context holds %u",
                       (unsigned long long)n_prompt + n_gen + depth + 1, s->n_ctx);
    atomic_store(&s->abort_asked, 0);
    for (uint32_t q = 0; q < s->n_seq; q++) sf_session_truncate(s, q, 0);
    uint64_t rng = 1;
    int32_t *ids = s->history + (size_t)(s->n_seq - 1) * s->n_ctx; /* last sequence's, unused yet */
    for (uint32_t i = 0; i < depth + n_prompt + 1; i++) {
        rng = rng * 6364136223846793005u + 1442695040888963407u;
        ids[i] = (int32_t)((rng >> 33) % s->m->config.n_vocab);
    }
    if (depth > 0) SF_TRY(sf_session_prefill(s, 0, ids, depth, 0, err));
    double start = seconds();
    if (n_prompt > 0) SF_TRY(sf_session_prefill(s, 0, ids + depth, n_prompt, 0, err));
    if (n_gen > 0) {
        if (depth + n_prompt == 0) SF_TRY(sf_session_prefill(s, 0, ids, 1, 0, err));
        for (uint32_t q = 1; q < n_seq; q++) sf_session_fork(s, q, 0);
        start = n_prompt > 0 ? start : seconds();
        struct sf_gen_row rows[256];
        for (uint32_t t = 0; t < n_gen; t++) {
            for (uint32_t q = 0; q < n_seq; q++) {
                rng = rng * 6364136223846793005u + 1442695040888963407u;
                rows[q] =
                    (struct sf_gen_row){(int)q, (int32_t)((rng >> 33) % s->m->config.n_vocab)};
            }
            SF_TRY(sf_session_step(s, rows, (int)n_seq, err));
        }
    }
    *out = seconds() - start;
    for (uint32_t q = 0; q < s->n_seq; q++) sf_session_truncate(s, q, 0);
    return SUREFOOT_OK;
}

/* ---------------------------------------------------------------- generation */

struct surefoot_guard {
    surefoot_session *s;
    const surefoot_policy *p;
    struct sf_guard *g;
};

surefoot_status surefoot_guard_open(surefoot_guard **out, surefoot_session *s,
                                    const surefoot_policy *p, surefoot_error *err) {
    if (!out) return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_guard_open: out is NULL");
    *out = NULL;
    if (!s || !p) return sf_fail(err, SUREFOOT_E_USAGE, 0, "guard: no session or no policy");
    if ((uint32_t)sf_guard_sequences(p) > s->n_seq)
        return sf_fail(
            err, SUREFOOT_E_USAGE, 0,
            "guard: the session has %u sequences, this policy needs %d: open the session "
            "with the policy",
            s->n_seq, sf_guard_sequences(p));
    surefoot_guard *g = sf_alloc(sizeof *g);
    if (!g) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for a guard handle");
    g->s = s;
    g->p = p;
    struct sf_generator gen;
    sf_generator_lm(&gen, s);
    surefoot_status st = sf_guard_open(&g->g, p, &gen, err);
    if (st != SUREFOOT_OK) {
        surefoot_guard_close(g);
        return st;
    }
    *out = g;
    return SUREFOOT_OK;
}

void surefoot_guard_close(surefoot_guard *g) {
    if (!g) return;
    sf_guard_close(g->g);
    sf_free(g);
}

void surefoot_guard_resume(surefoot_guard *g, int64_t spent, uint64_t steps) {
    sf_guard_resume(g->g, spent, steps);
}

void surefoot_guard_use_critic(surefoot_guard *g, const surefoot_critic *c) {
    sf_guard_use_critic(g->g, c);
}

surefoot_status surefoot_prompt_ids(const surefoot_model *m, const surefoot_prompt *prompt,
                                    int32_t *ids, size_t cap, size_t *n_out, size_t *n_free,
                                    surefoot_error *err) {
    size_t free_tokens;
    if (!m || !prompt || (!ids && cap) || !n_out)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_prompt_ids: an argument is NULL");
    surefoot_status st = sf_prompt_encode(m, prompt, ids, cap, n_out, &free_tokens, err);
    if (n_free) *n_free = free_tokens;
    return st;
}

static surefoot_status guarded(surefoot_session *s, const surefoot_guard *g,
                               const struct sf_request *r, size_t n_prompt, size_t n_free,
                               surefoot_stats *stats, surefoot_error *err) {
    struct sf_generator gen;
    sf_generator_lm(&gen, s);
    struct sf_guard_run run = {.gen = &gen,
                               .prompt = s->history,
                               .n_prompt = n_prompt,
                               .n_free = n_free,
                               .drop_space = sf_drops_space(s),
                               .stop = r->sampling->stop,
                               .n_stop = r->sampling->n_stop,
                               .n_predict = r->sampling->n_predict,
                               .logprobs = r->sampling->logprobs != 0,
                               .emit = r->emit,
                               .user = r->user};
    return sf_guard_generate(g->g, &run, stats, err);
}

surefoot_status surefoot_generate(surefoot_session *s, surefoot_guard *guard,
                                  const surefoot_prompt *prompt, const surefoot_sampling *sampling,
                                  surefoot_emit_fn emit, void *user, surefoot_stats *stats,
                                  surefoot_error *err) {
    surefoot_stats own = {.size = sizeof own};
    if (!stats) stats = &own;
    if (!s || !prompt || !sampling || !emit || (guard && guard->s != s))
        return sf_fail(err, SUREFOOT_E_USAGE, 0,
                       "surefoot_generate: an argument is NULL, or the guard is another session's");
    *stats = (surefoot_stats){.size = stats->size};
    atomic_store(&s->abort_asked, 0);
    SF_TRY(sf_sampler_init(&s->sampler, sampling, s->m->config.n_vocab, err));
    if (guard && sampling->n_logprobs > 0 && !guard->p->allow_logprobs)
        return sf_fail(err, SUREFOOT_E_USAGE, 0,
                       "alternatives are not shown under a guard unless its policy says "
                       "allow_logprobs = yes");
    size_t n = 0, n_free, reused;
    surefoot_status st = sf_prompt_encode(s->m, prompt, s->prompt, s->n_ctx, &n, &n_free, err);
    if (st == SUREFOOT_E_USAGE && n > s->n_ctx) /* encoded in full, and there is no room for it */
        return sf_fail(
            err, SUREFOOT_E_CONTEXT, n,
            "the prompt has %zu tokens, the context holds %u: use -c %zu or a shorter one", n,
            s->n_ctx, n + 1);
    if (st != SUREFOOT_OK) return st;
    stats->n_prompt = (uint32_t)n;
    double start = seconds();
    SF_TRY(sf_prompt_feed(s, s->prompt, n, &reused, err));
    stats->n_reused = (uint32_t)reused;
    stats->prompt_seconds = seconds() - start;
    struct sf_request r = {.sampling = sampling, .emit = emit, .user = user};
    return guard ? guarded(s, guard, &r, n, n_free, stats, err)
                 : sf_generate_plain(s, &r, stats, err);
}
