/* SPDX-License-Identifier: MIT
 * session.c - opens a timeline in one allocation, feeds it, keeps each sequence's last logits.
 */
#include "session.h"

#include <string.h>

#include "threads.h"

/* ---------------------------------------------------------------- sizes */

struct sizes { /* checked values of the options */
    uint32_t n_ctx, max_batch, n_seq, max_step, n_pages;
    int n_threads;
    enum sf_kv type_k, type_v;
};

_Static_assert((int)SF_KV_F16 == SUREFOOT_KV_F16 && (int)SF_KV_F32 == SUREFOOT_KV_F32 &&
                   (int)SF_KV_Q8_0 == SUREFOOT_KV_Q8_0,
               "the same numbers inside and outside");

static surefoot_status check(struct sizes *z, const surefoot_model *m,
                             const surefoot_session_options *o, const struct sf_search_size *search,
                             surefoot_error *err) {
    if (!m || !o || o->size != sizeof *o)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "session: no model, or options not initialised");
    if (o->n_batch < 1 || o->n_batch > 8192 || o->n_seq < 1 || o->n_seq > 256)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "session: n_batch is 1..8192, n_seq is 1..256");
    if (o->n_threads < 0 || o->n_threads > SF_MAX_THREADS)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "session: n_threads is 0..%d", SF_MAX_THREADS);
    if ((unsigned)o->type_k > SUREFOOT_KV_Q8_0 || (unsigned)o->type_v > SUREFOOT_KV_Q8_0)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "session: unknown KV cache type");
    z->n_ctx = o->n_ctx ? o->n_ctx : (uint32_t)sf_min(m->config.n_ctx_train, 4096);
    if (z->n_ctx > 1u << 24)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "a context of %u tokens: at most %u", z->n_ctx,
                       1u << 24);
    z->n_threads = o->n_threads ? o->n_threads : sf_default_threads();
    z->type_k = (enum sf_kv)o->type_k;
    z->type_v = (enum sf_kv)o->type_v;
    static const struct sf_search_size none = {0};
    if (!search) search = &none;
    z->n_seq = (uint32_t)sf_max(o->n_seq, search->n_seq);
    z->max_step = z->n_seq;
    z->max_batch = (uint32_t)sf_max(o->n_batch, z->max_step);
    /* The user's timeline in full; each plain sequence in full; each sequence of the search only
     * what it does not share: its drafts, a partly filled page at each end. */
    uint64_t whole = (uint64_t)(z->n_ctx / SF_KV_PAGE + 1) * o->n_seq;
    uint64_t priv = (uint64_t)search->n_seq * (search->draft / SF_KV_PAGE + 2);
    if (whole + priv > UINT32_MAX)
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "a KV cache of %llu pages is too large",
                       (unsigned long long)(whole + priv));
    z->n_pages = (uint32_t)(whole + priv);
    return SUREFOOT_OK;
}

static void plan_quantised(struct sf_quantised *x, struct sf_arena *a, size_t B, size_t widest) {
    x->q = sf_arena_take(a, B * widest, 1);
    x->d = sf_arena_take(a, B * (widest / 32), sizeof *x->d);
    x->sum = sf_arena_take(a, B * (widest / 16), sizeof *x->sum);
}

static void plan_scratch(surefoot_session *s, const struct sizes *z) {
    const struct sf_config *c = &s->m->config;
    struct sf_arena *a = &s->arena;
    struct sf_scratch *t = &s->s;
    size_t B = z->max_batch, f = sizeof(float), threads = (size_t)z->n_threads;
    size_t q_dim = (size_t)c->n_heads * c->head_dim, kv_dim = (size_t)c->n_kv_heads * c->head_dim;
    size_t widest = sf_round_up(sf_max(c->dim, q_dim), 256), ff = sf_round_up(c->ff_dim, 256);
    size_t group = c->n_heads / c->n_kv_heads;
    t->x = sf_arena_take(a, B * c->dim, f);
    t->h = sf_arena_take(a, B * c->dim, f);
    t->o = sf_arena_take(a, B * c->dim, f);
    t->hidden = sf_arena_take(a, B * c->dim, f);
    t->q = sf_arena_take(a, B * q_dim, f);
    t->a = sf_arena_take(a, B * q_dim, f);
    t->k = sf_arena_take(a, B * kv_dim, f);
    t->v = sf_arena_take(a, B * kv_dim, f);
    const size_t P = B * sf_max(c->n_used, 1); /* rows of the feed-forward */
    t->g = sf_arena_take(a, P * c->ff_dim, f);
    t->u = sf_arena_take(a, P * c->ff_dim, f);
    t->cs = sf_arena_take(a, B * c->n_rot, f);
    if (c->rope_base_local > 0) t->cs_local = sf_arena_take(a, B * c->n_rot, f);
    if (c->n_experts) {
        t->r = sf_arena_take(a, B * c->n_experts, f);
        t->e = sf_arena_take(a, P * c->dim, f);
        t->chosen_weight = sf_arena_take(a, P, f);
        t->chosen = sf_arena_take(a, P, sizeof *t->chosen);
        t->first = sf_arena_take(a, threads * (c->n_experts + 1), sizeof *t->first);
        t->pair = sf_arena_take(a, threads * P, sizeof *t->pair);
    }
    for (int form = SF_ACT_Q8_32; form < SF_ACT_COUNT; form++) {
        if (!(s->m->acts & 1u << form)) continue;
        plan_quantised(&t->qx[form], a, B, widest);
        plan_quantised(&t->gx[form], a, P, ff);
    }
    const struct sf_qtype *e = &sf_qtypes[s->m->tok_embd.type];
    t->row_bytes = sf_round_up((size_t)c->dim / e->block * e->bytes, SF_ALIGN);
    t->row = sf_arena_take(a, threads, t->row_bytes);
    t->n_attn = sf_max(group, 32 / group * group); /* their sums and scores stay in L1 */
    t->score = sf_arena_take(a, threads * t->n_attn * SF_TILE, f);
    t->state = sf_arena_take(a, threads * t->n_attn * 3, f);
    t->attn_q = sf_arena_take(a, threads * t->n_attn * c->head_dim, f);
    t->attn_acc = sf_arena_take(a, threads * t->n_attn * c->head_dim, f);
}

static void plan(surefoot_session *s, const struct sizes *z) {
    const struct sf_config *c = &s->m->config;
    struct sf_arena *a = &s->arena;
    s->n_ctx = z->n_ctx;
    s->max_batch = z->max_batch;
    s->n_seq = z->n_seq;
    s->max_step = z->max_step;
    s->n_threads = z->n_threads;
    s->rope_freq =
        s->m->rope_freq_long && z->n_ctx > c->n_ctx_orig ? s->m->rope_freq_long : s->m->rope_freq;
    struct sf_kv_shape shape = {.n_layers = c->n_layers,
                                .n_heads = c->n_kv_heads,
                                .head_dim = c->head_dim,
                                .n_ctx = z->n_ctx,
                                .n_seq = z->n_seq,
                                .n_pages = z->n_pages,
                                .type_k = z->type_k,
                                .type_v = z->type_v};
    sf_kv_plan(&s->kv, a, &shape);
    plan_scratch(s, z);
    s->history = sf_arena_take(a, (size_t)z->n_seq * z->n_ctx, sizeof *s->history);
    s->prompt = sf_arena_take(a, z->n_ctx, sizeof *s->prompt);
    /* A sequence holds at most one slot, a step fills at most max_step fresh ones. */
    s->n_slot = z->n_seq + z->max_step;
    s->logits = sf_arena_take(a, (size_t)s->n_slot * c->n_vocab, sizeof *s->logits);
    s->hidden = sf_arena_take(a, (size_t)s->n_slot * c->dim, sizeof *s->hidden);
    s->slot_refs = sf_arena_take(a, s->n_slot, sizeof *s->slot_refs);
    s->slot = sf_arena_take(a, z->n_seq, sizeof *s->slot);
    s->batch_token = sf_arena_take(a, z->max_batch, sizeof *s->batch_token);
    s->batch_seq = sf_arena_take(a, z->max_batch, sizeof *s->batch_seq);
    s->batch_pos = sf_arena_take(a, z->max_batch, sizeof *s->batch_pos);
    s->batch_out = sf_arena_take(a, z->max_batch, sizeof *s->batch_out);
    s->sample_scratch = sf_arena_take(a, sf_sampler_scratch(c->n_vocab), 1);
}

surefoot_status sf_session_plan_bytes(size_t *out, const surefoot_model *m,
                                      const surefoot_session_options *o,
                                      const struct sf_search_size *search, surefoot_error *err) {
    struct sizes z;
    *out = 0;
    SF_TRY(check(&z, m, o, search, err));
    surefoot_session s = {.m = m};
    plan(&s, &z);
    if (s.arena.failed)
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "a context of %u tokens is too large", z.n_ctx);
    *out = s.arena.used;
    return SUREFOOT_OK;
}

surefoot_status sf_session_open(surefoot_session **out, const surefoot_model *m,
                                const surefoot_session_options *o,
                                const struct sf_search_size *search, surefoot_error *err) {
    *out = NULL;
    struct sizes z;
    SF_TRY(check(&z, m, o, search, err));
    surefoot_session *s = sf_alloc(sizeof *s);
    if (!s) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for a session handle");
    s->m = m;
    plan(s, &z);
    surefoot_status st = sf_arena_reserve(&s->arena, err);
    if (st != SUREFOOT_OK) {
        sf_session_close(s);
        return st;
    }
    plan(s, &z);
    for (uint32_t i = 0; i < s->n_seq; i++) s->slot[i] = -1;
    s->progress = o->progress;
    s->progress_user = o->user;
    *out = s;
    return SUREFOOT_OK;
}

void sf_session_close(surefoot_session *s) {
    if (!s) return;
    sf_arena_free(&s->arena);
    sf_free(s);
}

/* ---------------------------------------------------------------- slots of logits */

static void slot_release(surefoot_session *s, uint32_t seq) {
    if (s->slot[seq] >= 0) s->slot_refs[s->slot[seq]]--;
    s->slot[seq] = -1;
}

/* n free slots in a row; moves occupied ones together when the free ones are scattered. */
static uint32_t slots_take(surefoot_session *s, uint32_t n) {
    uint32_t run = 0;
    for (uint32_t i = 0; i < s->n_slot; i++) {
        run = s->slot_refs[i] ? 0 : run + 1;
        if (run == n) return i + 1 - n;
    }
    size_t vocab = s->m->config.n_vocab, dim = s->m->config.dim;
    uint32_t to = 0;
    for (uint32_t i = 0; i < s->n_slot; i++) {
        if (!s->slot_refs[i]) continue;
        if (i != to) {
            memcpy(s->logits + to * vocab, s->logits + i * vocab, vocab * sizeof *s->logits);
            memcpy(s->hidden + to * dim, s->hidden + i * dim, dim * sizeof *s->hidden);
            s->slot_refs[to] = s->slot_refs[i];
            s->slot_refs[i] = 0;
            for (uint32_t q = 0; q < s->n_seq; q++)
                if (s->slot[q] == (int32_t)i) s->slot[q] = (int32_t)to;
        }
        to++;
    }
    SF_ASSERT(to + n <= s->n_slot);
    return to;
}

const float *sf_session_logits(const surefoot_session *s, uint32_t seq) {
    int32_t slot = s->slot[seq];
    return slot < 0 ? NULL : s->logits + (size_t)slot * s->m->config.n_vocab;
}

/* ---------------------------------------------------------------- feeding */

void sf_session_truncate(surefoot_session *s, uint32_t seq, uint32_t len) {
    if (len < s->kv.seq[seq].len) slot_release(s, seq);
    sf_kv_truncate(&s->kv, seq, len);
}

static surefoot_status no_room(const surefoot_session *s, surefoot_error *err) {
    return sf_fail(err, SUREFOOT_E_CONTEXT, s->n_ctx, "the context of %u tokens is full (-c)",
                   s->n_ctx);
}

static surefoot_status check_token(const surefoot_session *s, int32_t id, surefoot_error *err) {
    if (id >= 0 && (uint32_t)id < s->m->config.n_vocab) return SUREFOOT_OK;
    return sf_fail(err, SUREFOOT_E_USAGE, 0, "token id %d is outside the vocabulary of %u", id,
                   s->m->config.n_vocab);
}

surefoot_status sf_session_append(surefoot_session *s, uint32_t seq, const int32_t *ids, size_t n,
                                  float *logits, bool all, surefoot_error *err) {
    uint32_t len = s->kv.seq[seq].len;
    SF_ASSERT(n > 0 && n <= s->max_batch);
    if (n > s->n_ctx - len || !sf_kv_reserve(&s->kv, seq, (uint32_t)n)) return no_room(s, err);
    for (size_t i = 0; i < n; i++) {
        SF_TRY(check_token(s, ids[i], err));
        s->batch_seq[i] = seq;
        s->batch_pos[i] = len + (uint32_t)i;
        s->batch_out[i] = (uint32_t)i;
    }
    struct sf_batch b = {.n = n,
                         .token = ids,
                         .seq = s->batch_seq,
                         .pos = s->batch_pos,
                         .out = all ? s->batch_out : s->batch_out + n - 1,
                         .n_out = all ? n : 1,
                         .logits = logits};
    SF_TRY(sf_forward(s, &b, err));
    memcpy(s->history + (size_t)seq * s->n_ctx + len, ids, n * sizeof *ids);
    sf_kv_advance(&s->kv, seq, (uint32_t)n);
    slot_release(s, seq);
    return SUREFOOT_OK;
}

surefoot_status sf_session_prefill(surefoot_session *s, uint32_t seq, const int32_t *ids, size_t n,
                                   size_t rows, surefoot_error *err) {
    rows = rows ? sf_min(rows, s->max_batch) : s->max_batch;
    for (size_t i = 0; i < n; i += rows) {
        size_t part = sf_min(rows, n - i);
        bool last = i + part == n;
        uint32_t slot = last ? slots_take(s, 1) : 0;
        float *logits = last ? s->logits + (size_t)slot * s->m->config.n_vocab : NULL;
        SF_TRY(sf_session_append(s, seq, ids + i, part, logits, false, err));
        if (s->progress && s->progress(s->progress_user, "prefill", i + part, n) != 0)
            return sf_fail(err, SUREFOOT_E_ABORTED, 0, "stopped on request");
        if (!last) continue;
        size_t dim = s->m->config.dim;
        memcpy(s->hidden + slot * dim, s->s.hidden, dim * sizeof *s->hidden);
        s->slot[seq] = (int32_t)slot;
        s->slot_refs[slot] = 1;
    }
    return SUREFOOT_OK;
}

surefoot_status sf_session_eval_all(surefoot_session *s, const int32_t *ids, size_t n, size_t first,
                                    surefoot_logits_fn fn, void *user, surefoot_error *err) {
    size_t vocab = s->m->config.n_vocab, dim = s->m->config.dim;
    SF_TRY(sf_session_append(s, 0, ids, n, NULL, true, err)); /* s->s.hidden (n, dim) */
    for (size_t i = 0; i < n; i += s->max_step) {
        size_t part = sf_min(s->max_step, n - i);
        slot_release(s, 0);
        uint32_t slot = slots_take(s, (uint32_t)part);
        float *logits = s->logits + slot * vocab;
        sf_output(s, logits, s->s.hidden + i * dim, part);
        for (size_t j = 0; j < part; j++)
            if (fn(user, first + i + j, ids[i + j], logits + j * vocab, vocab))
                return sf_fail(err, SUREFOOT_E_ABORTED, 0, "stopped on request");
        if (i + part < n) continue;
        slot += (uint32_t)part - 1;
        memcpy(s->hidden + slot * dim, s->s.hidden + (n - 1) * dim, dim * sizeof *s->hidden);
        s->slot[0] = (int32_t)slot;
        s->slot_refs[slot] = 1;
    }
    return SUREFOOT_OK;
}

/* ---------------------------------------------------------------- as a generator */

surefoot_status sf_session_step(surefoot_session *s, const struct sf_gen_row *rows, int n,
                                surefoot_error *err) {
    const size_t vocab = s->m->config.n_vocab, dim = s->m->config.dim;
    if (n < 1 || (uint32_t)n > s->max_step)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "a step of %d rows: 1..%u", n, s->max_step);
    for (int i = 0; i < n; i++) {
        uint32_t seq = (uint32_t)rows[i].seq, len = s->kv.seq[seq].len;
        SF_TRY(check_token(s, rows[i].token, err));
        if (len >= s->n_ctx || !sf_kv_reserve(&s->kv, seq, 1)) return no_room(s, err);
        s->batch_token[i] = rows[i].token;
        s->batch_seq[i] = seq;
        s->batch_pos[i] = len;
        s->batch_out[i] = (uint32_t)i;
    }
    /* The rows' old logits are not needed any more only after success: take fresh slots first. */
    uint32_t slot = slots_take(s, (uint32_t)n);
    struct sf_batch b = {.n = (size_t)n,
                         .token = s->batch_token,
                         .seq = s->batch_seq,
                         .pos = s->batch_pos,
                         .out = s->batch_out,
                         .n_out = (size_t)n,
                         .logits = s->logits + slot * vocab};
    SF_TRY(sf_forward(s, &b, err));
    memcpy(s->hidden + slot * dim, s->s.hidden, (size_t)n * dim * sizeof *s->hidden);
    for (int i = 0; i < n; i++) {
        uint32_t seq = s->batch_seq[i];
        s->history[(size_t)seq * s->n_ctx + s->batch_pos[i]] = s->batch_token[i];
        sf_kv_advance(&s->kv, seq, 1);
        slot_release(s, seq);
        s->slot[seq] = (int32_t)slot + i;
        s->slot_refs[slot + (uint32_t)i] = 1;
    }
    return SUREFOOT_OK;
}

void sf_session_fork(surefoot_session *s, uint32_t dst, uint32_t src) {
    if (dst == src) return;
    sf_kv_fork(&s->kv, dst, src);
    memcpy(s->history + (size_t)dst * s->n_ctx, s->history + (size_t)src * s->n_ctx,
           s->kv.seq[src].len * sizeof *s->history);
    slot_release(s, dst);
    s->slot[dst] = s->slot[src];
    if (s->slot[dst] >= 0) s->slot_refs[s->slot[dst]]++;
}
