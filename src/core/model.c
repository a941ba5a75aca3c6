/* SPDX-License-Identifier: MIT
 * model.c - opens a model: finds every tensor the family names, checks its shape, refuses any it
 * does not know, and packs the matrices for the kernel level.
 *
 * The plan is walked twice: once measuring (the arena only counts), once placing. Packing then runs
 * over all threads in chunks, giving back the file's pages behind it.
 */
#include "model.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "session.h"
#include "cpu.h"
#include "packed.h"
#include "sleef_det.h"
#include "threads.h"

/* ---------------------------------------------------------------- the plan */

struct job { /* one matrix to check, and to pack when packed is not NULL */
    const struct sf_gguf_tensor *t;
    size_t offset, bytes; /* of its rows in the file: the tensor's, or a part of them */
    enum sf_type type;
    size_t rows, cols;
    void *packed;
    bool release; /* its file pages are not read again */
};
enum { MAX_PARTS = 3 }; /* matrices that one tensor may hold */

struct loader {
    surefoot_model *m;
    const struct sf_gguf *g;
    surefoot_error *err;
    bool placing;
    unsigned char *used; /* (n_tensor) 1: some weight of the plan is this tensor */
    struct job *job;
    size_t n_job;
    uint64_t decode_bytes; /* while measuring: of matrices that a token reads */
    uint64_t kept_bytes;   /* and of those that stay in the file: only looked up */
};

static surefoot_status bad_shape(struct loader *L, const struct sf_gguf_tensor *t, size_t rows,
                                 size_t cols, size_t planes) {
    char has[72], asked[72];
    bool flat = planes == 1 && t->dim[2] == 1;
    snprintf(has, sizeof has, flat ? "%llu x %llu" : "%llu x %llu x %llu",
             (unsigned long long)t->dim[0], (unsigned long long)t->dim[1],
             (unsigned long long)t->dim[2]);
    snprintf(asked, sizeof asked, flat ? "%zu x %zu" : "%zu x %zu x %zu", cols, rows, planes);
    return sf_fail(L->err, SUREFOOT_E_FILE, t->offset,
                   "tensor '%.*s' has shape %s, the metadata asks for %s", (int)t->name.n,
                   t->name.p, has, asked);
}

static surefoot_status find(struct loader *L, const char *name, bool required, size_t planes,
                            size_t rows, size_t cols, const struct sf_gguf_tensor **out,
                            enum sf_type *type) {
    const struct sf_gguf_tensor *t = sf_gguf_tensor_find(L->g, name);
    *out = t;
    if (!t) {
        if (!required) return SUREFOOT_OK;
        return sf_fail(L->err, SUREFOOT_E_FILE, 0, "tensor '%s' is missing", name);
    }
    *type = sf_type_by_gguf(t->type);
    if (*type == SF_T_COUNT) {
        const char *known = sf_gguf_type_name(t->type);
        return sf_fail(L->err, SUREFOOT_E_UNSUPPORTED, t->offset,
                       "tensor '%s' is of type %s (%u), which is not supported", name,
                       known ? known : "unknown", t->type);
    }
    if (t->dim[0] != cols || t->dim[1] != rows || t->dim[2] != planes || t->dim[3] != 1)
        return bad_shape(L, t, rows, cols, planes);
    L->used[t - L->g->tensor] = 1;
    return SUREFOOT_OK;
}

/* Rows [first, first + rows) of a tensor as a matrix (rows, cols) of its own. hot: multiplied with, so
 * packed where the level has a packed kernel; a token reads used of its planes equal parts. */
struct part {
    const struct sf_gguf_tensor *t;
    enum sf_type type;
    size_t first, rows, cols, used, planes;
    bool hot;
};
static surefoot_status place(struct loader *L, struct sf_tensor *w, const char *name,
                             const struct part *part) {
    const struct sf_gguf_tensor *t = part->t;
    const enum sf_type type = part->type;
    const size_t rows = part->rows, cols = part->cols;
    const size_t row_bytes = cols / sf_qtypes[type].block * sf_qtypes[type].bytes;
    const size_t offset = t->offset + part->first * row_bytes, all = rows * row_bytes;
    const bool hot = part->hot;
    struct sf_tensor out = {.data = L->g->data + offset, .type = type, .rows = rows, .cols = cols};
    void *packed = NULL;
    if (hot) {
        L->m->acts |= 1u << sf_qtypes[type].act;
        if (L->m->kernels.mm[type].rows == SF_PACK_ROWS) {
            size_t bytes;
            if (!sf_pack_size(&bytes, type, rows, cols))
                return sf_fail(L->err, SUREFOOT_E_MEMORY, 0, "tensor '%s' is too large", name);
            packed = sf_arena_take(&L->m->arena, bytes, 1);
            out.packed = true;
            out.data = packed;
        }
    }
    const uint64_t read = hot ? all / part->planes * part->used : 0;
    if (!L->placing) L->decode_bytes += read;
    if (!L->placing && !hot) L->kept_bytes += all;
    if (L->placing) {
        L->job[L->n_job++] = (struct job){
            t, offset, all, type, rows, cols, packed, packed || (!hot && !L->m->map.copy)};
        *w = out;
        L->m->n_params += (uint64_t)rows * cols;
        L->m->weight_bytes += all;
        L->m->decode_bytes += read;
    }
    return SUREFOOT_OK;
}

/* A tensor that is one matrix (rows, cols). */
static surefoot_status matrix(struct loader *L, struct sf_tensor *w, const char *name,
                              bool required, size_t rows, size_t cols, bool hot) {
    struct part p = {.rows = rows, .cols = cols, .used = 1, .planes = 1, .hot = hot};
    SF_TRY(find(L, name, required, 1, rows, cols, &p.t, &p.type));
    return p.t ? place(L, w, name, &p) : SUREFOOT_OK;
}

/* A tensor that is n matrices one below the other, rows[i] each. */
static surefoot_status stacked(struct loader *L, struct sf_tensor *const *w, const size_t *rows,
                               size_t n, size_t cols, const char *name) {
    struct part p = {.cols = cols, .used = 1, .planes = 1, .hot = true};
    size_t all = 0;
    for (size_t i = 0; i < n; i++) all += rows[i];
    SF_TRY(find(L, name, true, 1, all, cols, &p.t, &p.type));
    for (size_t i = 0; i < n; i++) {
        p.rows = rows[i];
        SF_TRY(place(L, w[i], name, &p));
        p.first += rows[i];
    }
    return SUREFOOT_OK;
}

/* The experts' matrices (rows, cols), one below the other. */
static surefoot_status experts(struct loader *L, struct sf_tensor *w, const char *name, size_t rows,
                               size_t cols) {
    const struct sf_config *c = &L->m->config;
    struct part p = {.rows = rows * c->n_experts,
                     .cols = cols,
                     .used = c->n_used,
                     .planes = c->n_experts,
                     .hot = true};
    SF_TRY(find(L, name, true, c->n_experts, rows, cols, &p.t, &p.type));
    return place(L, w, name, &p);
}

/* A vector (n) of any type, decoded to float. */
static surefoot_status vector(struct loader *L, const float **v, const char *name, bool required,
                              size_t n) {
    const struct sf_gguf_tensor *t;
    enum sf_type type;
    SF_TRY(find(L, name, required, 1, 1, n, &t, &type));
    if (!t) return SUREFOOT_OK;
    float *out = sf_arena_take(&L->m->arena, n, sizeof *out);
    if (L->placing) {
        const unsigned char *p = L->g->data + t->offset;
        size_t blocks = n / sf_qtypes[type].block;
        if (!sf_qtypes[type].finite(p, blocks))
            return sf_fail(L->err, SUREFOOT_E_FILE, t->offset,
                           "tensor '%s' holds a value that is not finite", name);
        sf_qtypes[type].decode(out, p, blocks);
        *v = out;
        L->m->n_params += n;
        L->m->weight_bytes += t->bytes;
        L->m->decode_bytes += t->bytes;
    }
    return SUREFOOT_OK;
}

#define NAME(suffix) (snprintf(name, sizeof name, "blk.%u." suffix, i), name)
static surefoot_status attention_plan(struct loader *L, struct sf_layer *l, unsigned i) {
    const struct sf_config *c = &L->m->config;
    const struct sf_family *f = L->m->family;
    size_t dim = c->dim, hd = c->head_dim, q_dim = hd * c->n_heads, kv_dim = hd * c->n_kv_heads;
    unsigned extras = f->required | f->optional;
    char name[64];
    if (!(extras & SF_FAM_NO_PRE_NORM))
        SF_TRY(vector(L, &l->attn_norm, NAME("attn_norm.weight"), true, dim));
    if (extras & SF_FAM_FUSED) {
        struct sf_tensor *const qkv[] = {&l->wq, &l->wk, &l->wv};
        SF_TRY(stacked(L, qkv, (const size_t[]){q_dim, kv_dim, kv_dim}, 3, dim,
                       NAME("attn_qkv.weight")));
    } else {
        SF_TRY(matrix(L, &l->wq, NAME("attn_q.weight"), true, q_dim, dim, true));
        SF_TRY(matrix(L, &l->wk, NAME("attn_k.weight"), true, kv_dim, dim, true));
        SF_TRY(matrix(L, &l->wv, NAME("attn_v.weight"), true, kv_dim, dim, true));
    }
    if (extras & SF_FAM_QKV_BIAS) {
        bool must = f->required & SF_FAM_QKV_BIAS;
        SF_TRY(vector(L, &l->bq, NAME("attn_q.bias"), must, q_dim));
        SF_TRY(vector(L, &l->bk, NAME("attn_k.bias"), must, kv_dim));
        SF_TRY(vector(L, &l->bv, NAME("attn_v.bias"), must, kv_dim));
    }
    if (extras & SF_FAM_QK_NORM) {
        bool must = f->required & SF_FAM_QK_NORM;
        SF_TRY(vector(L, &l->q_norm, NAME("attn_q_norm.weight"), must, hd));
        SF_TRY(vector(L, &l->k_norm, NAME("attn_k_norm.weight"), must, hd));
    }
    if (extras & SF_FAM_QK_NORM_ROW) {
        SF_TRY(vector(L, &l->q_row_norm, NAME("attn_q_norm.weight"), true, q_dim));
        SF_TRY(vector(L, &l->k_row_norm, NAME("attn_k_norm.weight"), true, kv_dim));
    }
    SF_TRY(matrix(L, &l->wo, NAME("attn_output.weight"), true, dim, q_dim, true));
    if (extras & SF_FAM_POST_NORM)
        SF_TRY(vector(L, &l->attn_post_norm, NAME("post_attention_norm.weight"), true, dim));
    return SUREFOOT_OK;
}

static surefoot_status ffn_plan(struct loader *L, struct sf_layer *l, unsigned i) {
    const struct sf_config *c = &L->m->config;
    size_t dim = c->dim, ff = c->ff_dim;
    unsigned extras = L->m->family->required | L->m->family->optional;
    char name[64];
    if (!(extras & SF_FAM_NO_PRE_NORM))
        SF_TRY(vector(L, &l->ffn_norm, NAME("ffn_norm.weight"), true, dim));
    if (c->n_experts) {
        SF_TRY(matrix(L, &l->router, NAME("ffn_gate_inp.weight"), true, c->n_experts, dim, true));
        SF_TRY(experts(L, &l->gate, NAME("ffn_gate_exps.weight"), ff, dim));
        SF_TRY(experts(L, &l->up, NAME("ffn_up_exps.weight"), ff, dim));
        SF_TRY(experts(L, &l->down, NAME("ffn_down_exps.weight"), dim, ff));
    } else if (extras & SF_FAM_FUSED) {
        struct sf_tensor *const both[] = {&l->gate, &l->up};
        SF_TRY(stacked(L, both, (const size_t[]){ff, ff}, 2, dim, NAME("ffn_up.weight")));
        SF_TRY(matrix(L, &l->down, NAME("ffn_down.weight"), true, dim, ff, true));
    } else {
        SF_TRY(matrix(L, &l->gate, NAME("ffn_gate.weight"), true, ff, dim, true));
        SF_TRY(matrix(L, &l->up, NAME("ffn_up.weight"), true, ff, dim, true));
        SF_TRY(matrix(L, &l->down, NAME("ffn_down.weight"), true, dim, ff, true));
    }
    if (extras & SF_FAM_POST_NORM)
        SF_TRY(vector(L, &l->ffn_post_norm, NAME("post_ffw_norm.weight"), true, dim));
    return SUREFOOT_OK;
}
#undef NAME

static surefoot_status layer_plan(struct loader *L, struct sf_layer *l, unsigned i) {
    l->local = sf_layer_local(&L->m->config, i);
    l->rotates = sf_layer_rotates(&L->m->config, i);
    SF_TRY(attention_plan(L, l, i));
    return ffn_plan(L, l, i);
}

/* *out (n_rot/2): angle per position of pair i, scale * base^(-2i/n_rot) / factor_i, in double (rule
 * 12). name: of the factors, NULL: none; without them in the file all are 1, or, with only_with,
 * *out stays NULL. */
static surefoot_status angles(struct loader *L, const double **out, const char *name,
                              bool only_with, double base, double scale) {
    const struct sf_config *c = &L->m->config;
    size_t pairs = c->n_rot / 2;
    const float *factor = NULL;
    if (name) SF_TRY(vector(L, &factor, name, false, pairs));
    if (only_with && !sf_gguf_tensor_find(L->g, name)) return SUREFOOT_OK;
    double *freq = sf_arena_take(&L->m->arena, pairs, sizeof *freq);
    if (!L->placing) return SUREFOOT_OK;
    for (size_t i = 0; i < pairs; i++) {
        freq[i] = scale * sf_det_pow(base, -2.0 * (double)i / (double)c->n_rot);
        if (factor && !(factor[i] > 0))
            return sf_fail(L->err, SUREFOOT_E_FILE, 0, "%s holds a factor %g", name,
                           (double)factor[i]);
        if (factor) freq[i] /= (double)factor[i];
    }
    *out = freq;
    return SUREFOOT_OK;
}

static surefoot_status rope_plan(struct loader *L) {
    surefoot_model *m = L->m;
    const struct sf_config *c = &m->config;
    const unsigned extras = m->family->required | m->family->optional;
    const bool longrope = extras & SF_FAM_LONGROPE;
    const char *factors = extras & SF_FAM_ROPE_FREQS ? "rope_freqs.weight"
                          : longrope                 ? "rope_factors_short.weight"
                                                     : NULL;
    if (longrope && !sf_gguf_tensor_find(L->g, "rope_factors_short.weight") !=
                        !sf_gguf_tensor_find(L->g, "rope_factors_long.weight"))
        return sf_fail(L->err, SUREFOOT_E_FILE, 0,
                       "of rope_factors_short.weight and rope_factors_long.weight one is missing");
    SF_TRY(angles(L, &m->rope_freq, factors, false, c->rope_base, c->rope_scale));
    if (longrope)
        SF_TRY(angles(L, &m->rope_freq_long, "rope_factors_long.weight", true, c->rope_base,
                      c->rope_scale));
    if (c->rope_base_local > 0)
        SF_TRY(angles(L, &m->rope_freq_local, NULL, false, c->rope_base_local, 1));
    return SUREFOOT_OK;
}

/* Tensors of a head that scores text: a cost model's affair, not the language model's. */
static bool is_head(struct sf_str name) {
    return (name.n > 6 && memcmp(name.p, "score.", 6) == 0) ||
           (name.n > 6 && memcmp(name.p, "guard.", 6) == 0);
}

static surefoot_status plan(struct loader *L) {
    surefoot_model *m = L->m;
    struct sf_config *c = &m->config;
    const struct sf_gguf_tensor *embd = sf_gguf_tensor_find(L->g, "token_embd.weight");
    if (!embd) return sf_fail(L->err, SUREFOOT_E_FILE, 0, "tensor 'token_embd.weight' is missing");
    if (embd->dim[1] > INT32_MAX)
        return sf_fail(L->err, SUREFOOT_E_FILE, embd->offset, "a vocabulary of %llu tokens",
                       (unsigned long long)embd->dim[1]);
    c->n_vocab = (uint32_t)embd->dim[1];
    if ((uint32_t)sf_tokenizer_n_vocab(m->tokenizer) > c->n_vocab)
        return sf_fail(L->err, SUREFOOT_E_FILE, embd->offset,
                       "the tokenizer has %d tokens, 'token_embd.weight' only %u rows",
                       sf_tokenizer_n_vocab(m->tokenizer), c->n_vocab);
    L->n_job = 0;
    memset(L->used, 0, L->g->n_tensor);
    bool tied = !sf_gguf_tensor_find(L->g, "output.weight");
    SF_TRY(matrix(L, &m->tok_embd, "token_embd.weight", true, c->n_vocab, c->dim, tied));
    if (tied)
        m->output = m->tok_embd;
    else
        SF_TRY(matrix(L, &m->output, "output.weight", true, c->n_vocab, c->dim, true));
    SF_TRY(vector(L, &m->out_norm, "output_norm.weight", true, c->dim));
    SF_TRY(rope_plan(L));
    m->layer = sf_arena_take(&m->arena, c->n_layers, sizeof *m->layer);
    for (unsigned i = 0; i < c->n_layers; i++) {
        struct sf_layer none = {0};
        SF_TRY(layer_plan(L, L->placing ? &m->layer[i] : &none, i));
    }
    for (size_t i = 0; i < L->g->n_tensor; i++)
        if (!L->used[i] && !is_head(L->g->tensor[i].name)) {
            const struct sf_gguf_tensor *t = &L->g->tensor[i];
            return sf_fail(L->err, SUREFOOT_E_UNSUPPORTED, t->offset,
                           "tensor '%.*s' is not part of family %s as it is known here",
                           (int)sf_min(t->name.n, 64), t->name.p, m->family->name);
        }
    return SUREFOOT_OK;
}

/* ---------------------------------------------------------------- checking and packing */

struct pack_run {
    struct loader *L;
    surefoot_progress_fn progress;
    void *user;
    uint64_t total;
    atomic_size_t next; /* chunk handed out next     */
    atomic_ullong done; /* bytes                     */
    atomic_size_t bad;  /* index + 1 of a bad tensor */
    atomic_bool stop;
};

enum { CHUNK_BYTES = 1 << 20 };

/* Rows per chunk of a job: about CHUNK_BYTES, whole groups. */
static size_t chunk_rows(const struct job *j) {
    size_t row_bytes = j->bytes / j->rows;
    size_t rows = CHUNK_BYTES / (row_bytes ? row_bytes : 1) & ~(size_t)(SF_PACK_ROWS - 1);
    return sf_max(rows, SF_PACK_ROWS);
}

static void pack_chunk(struct pack_run *r, size_t job, size_t row0, size_t row1) {
    const struct loader *L = r->L;
    const struct job *j = &L->job[job];
    const struct sf_qtype *q = &sf_qtypes[j->type];
    size_t row_bytes = j->cols / q->block * q->bytes;
    const unsigned char *src = L->g->data + j->offset;
    if (!q->finite(src + row0 * row_bytes, (row1 - row0) * (j->cols / q->block))) {
        atomic_store(&r->bad, job + 1);
        atomic_store(&r->stop, true);
        return;
    }
    if (j->packed)
        sf_pack_groups(j->packed, src, j->type, j->rows, j->cols, row0 / SF_PACK_ROWS,
                       (row1 + SF_PACK_ROWS - 1) / SF_PACK_ROWS);
    if (j->release)
        sf_map_release(&L->m->map, j->offset + row0 * row_bytes, (row1 - row0) * row_bytes);
    atomic_fetch_add(&r->done, (row1 - row0) * row_bytes);
}

static void pack_body(void *arg, struct sf_member *me) {
    struct pack_run *r = arg;
    size_t job = 0, first = 0; /* chunks before this job */
    for (;;) {
        size_t c = atomic_fetch_add(&r->next, 1);
        for (; job < r->L->n_job; job++) {
            size_t n = (r->L->job[job].rows + chunk_rows(&r->L->job[job]) - 1) /
                       chunk_rows(&r->L->job[job]);
            if (c < first + n) break;
            first += n;
        }
        if (job == r->L->n_job || atomic_load(&r->stop)) return;
        size_t step = chunk_rows(&r->L->job[job]), row0 = (c - first) * step;
        pack_chunk(r, job, row0, sf_min(row0 + step, r->L->job[job].rows));
        if (me->id == 0 && r->progress &&
            r->progress(r->user, "load", atomic_load(&r->done), r->total) != 0)
            atomic_store(&r->stop, true);
    }
}

static surefoot_status pack_all(struct loader *L, const surefoot_model_options *o) {
    struct pack_run r = {.L = L, .progress = o->progress, .user = o->user};
    for (size_t i = 0; i < L->n_job; i++) r.total += L->job[i].bytes;
    int n = o->n_threads > 0 ? o->n_threads : sf_default_threads();
    sf_team_run(n < SF_MAX_THREADS ? n : SF_MAX_THREADS, pack_body, &r);
    size_t bad = atomic_load(&r.bad);
    if (bad) {
        const struct sf_gguf_tensor *t = L->job[bad - 1].t;
        return sf_fail(
            L->err, SUREFOOT_E_FILE, t->offset,
            "tensor '%.*s' holds a scale or value that is not finite: the file is damaged",
            (int)sf_min(t->name.n, 64), t->name.p);
    }
    if (atomic_load(&r.stop))
        return sf_fail(L->err, SUREFOOT_E_ABORTED, 0, "loading was stopped on request");
    return SUREFOOT_OK;
}

/* ---------------------------------------------------------------- open and close */

static void copy_text(char *out, size_t cap, struct sf_str s) {
    size_t n = sf_min(s.n, cap - 1);
    memcpy(out, s.p, n);
    out[n] = 0;
    if (strlen(out) < n) out[strlen(out)] = 0;
}

static const char *file_type_name(uint64_t id) {
    static const struct {
        unsigned id;
        const char *name;
    } names[] = {
        {0, "all F32"},        {1, "F16"},
        {2, "Q4_0"},           {3, "Q4_1"},
        {7, "Q8_0"},           {8, "Q5_0"},
        {9, "Q5_1"},           {10, "Q2_K - Medium"},
        {11, "Q3_K - Small"},  {12, "Q3_K - Medium"},
        {13, "Q3_K - Large"},  {14, "Q4_K - Small"},
        {15, "Q4_K - Medium"}, {16, "Q5_K - Small"},
        {17, "Q5_K - Medium"}, {18, "Q6_K"},
        {25, "IQ4_NL"},        {32, "BF16"},
    };
    for (size_t i = 0; i < SF_COUNT(names); i++)
        if (names[i].id == id) return names[i].name;
    return NULL;
}

/* A template that cannot run does not keep the model from opening: raw text needs none. */
static surefoot_status read_template(surefoot_model *m, const struct sf_gguf *g, struct sf_str s,
                                     surefoot_error *err) {
    surefoot_status st = sf_chat_open_gguf(&m->chat, g, &m->chat_error);
    if (st == SUREFOOT_E_MEMORY) {
        if (err) *err = m->chat_error;
        return st;
    }
    enum sf_chat name = m->chat ? sf_chat_recognise(s.p, s.n) : SF_CHAT_NONE;
    m->chat_name = !m->chat ? NULL : name == SF_CHAT_NONE ? "custom" : sf_chat_name(name);
    return SUREFOOT_OK;
}

static surefoot_status read_meta(surefoot_model *m, const struct sf_gguf *g, surefoot_error *err) {
    struct sf_str s = {0};
    bool found;
    SF_TRY(sf_gguf_get_str(g, "general.architecture", &s, &found, err));
    if (!found)
        return sf_fail(err, SUREFOOT_E_FILE, 0,
                       "'general.architecture' is missing: this GGUF holds no language model");
    m->family = sf_family_find(s);
    if (!m->family)
        return sf_fail(err, SUREFOOT_E_UNSUPPORTED, 0,
                       "model family '%.*s' is not supported (supported: %s)", (int)sf_min(s.n, 40),
                       s.p, sf_family_list());
    SF_TRY(sf_config_read(&m->config, m->family, g, err));
    SF_TRY(sf_gguf_get_str(g, "general.name", &s, &found, err));
    if (found) copy_text(m->name, sizeof m->name, s);
    uint64_t ft = UINT64_MAX;
    SF_TRY(sf_gguf_get_u64(g, "general.file_type", UINT32_MAX, &ft, &found, err));
    const char *name = found ? file_type_name(ft) : NULL;
    snprintf(m->file_type, sizeof m->file_type, "%s", name ? name : "mixed");
    SF_TRY(sf_gguf_get_str(g, "tokenizer.chat_template", &s, &found, err));
    m->has_template = found;
    if (found) SF_TRY(read_template(m, g, s, err));
    return sf_tokenizer_open(&m->tokenizer, g, err);
}

/* Bytes of memory the weights take: the arena, and the file itself where matrices stay in it. A
 * file that was unpacked into memory stays there as far as it is still looked up. */
static size_t weight_need(const struct loader *L) {
    const surefoot_model *m = L->m;
    bool mapped = m->kernels.mm[SF_T_Q8_0].rows == 1;
    return m->arena.used + (mapped ? m->map.size : m->map.copy ? (size_t)L->kept_bytes : 0);
}

/* Compares what weights, KV cache and scratch at n_ctx need with what the system has. */
static surefoot_status fit(const struct loader *L, const surefoot_model_options *o,
                           surefoot_error *err) {
    const surefoot_model *m = L->m;
    uint64_t have = sf_memory_available();
    if (o->no_memory_check || have == 0) return SUREFOOT_OK;
    if (m->map.copy) have += m->map.size; /* in memory already, and given back as it is packed */
    surefoot_session_options so;
    surefoot_session_options_init(&so);
    so.n_ctx = o->n_ctx ? o->n_ctx : (uint32_t)sf_min(m->config.n_ctx_train, 4096);
    size_t session, weights = weight_need(L), need;
    SF_TRY(sf_session_plan_bytes(&session, m, &so, NULL, err));
    if (sf_size_add(&need, session, weights) && need <= have) return SUREFOOT_OK;
    unsigned long long mb = 1000000, asked = so.n_ctx, kv = session / mb;
    unsigned long long total = weights / mb + kv, short_by = total - have / mb;
    for (so.n_ctx /= 2; so.n_ctx >= 64; so.n_ctx /= 2) { /* the largest context that would fit */
        SF_TRY(sf_session_plan_bytes(&session, m, &so, NULL, err));
        if (sf_size_add(&need, session, weights) && need <= have) break;
    }
    char hint[64];
    if (so.n_ctx >= 64)
        snprintf(hint, sizeof hint, "-c %u would fit", so.n_ctx);
    else
        snprintf(hint, sizeof hint, "a file of at most %llu MB would fit",
                 have / mb > session / mb ? have / mb - session / mb : 0);
    return sf_fail(
        err, SUREFOOT_E_MEMORY, 0,
        "needs %llu MB (weights %zu, context of %llu tokens %llu), %llu MB more than the "
        "%llu MB available: %s",
        total, weights / (size_t)mb, asked, kv, short_by, (unsigned long long)have / mb, hint);
}

/* Reads the tables and walks the plan once, measuring; L's scratch is the caller's to free. */
static surefoot_status measure(struct loader *L) {
    const struct sf_gguf *g = L->g;
    SF_TRY(read_meta(L->m, g, L->err));
    L->used = sf_alloc(g->n_tensor + 1);
    L->job = sf_alloc((g->n_tensor + 1) * MAX_PARTS * sizeof *L->job);
    if (!L->used || !L->job)
        return sf_fail(L->err, SUREFOOT_E_MEMORY, 0, "no memory for %zu tensor entries",
                       g->n_tensor);
    return plan(L);
}

static void loader_free(struct loader *L) {
    sf_free(L->used);
    sf_free(L->job);
}

static surefoot_status open_tables(surefoot_model *m, const struct sf_gguf *g,
                                   const surefoot_model_options *o, surefoot_error *err) {
    struct loader L = {.m = m, .g = g, .err = err};
    surefoot_status s = measure(&L);
    if (s == SUREFOOT_OK) s = fit(&L, o, err);
    if (s == SUREFOOT_OK) s = sf_arena_reserve(&m->arena, err);
    L.placing = true;
    if (s == SUREFOOT_OK) s = plan(&L);
    if (s == SUREFOOT_OK) s = pack_all(&L, o);
    loader_free(&L);
    return s;
}

static surefoot_status kernels_here(struct sf_kernels *k, const char *isa, surefoot_error *err) {
    struct sf_cpuid id;
    sf_cpuid_read(&id);
    return sf_kernels_init(k, sf_cpu_flags(&id), isa, err);
}

surefoot_status sf_model_measure(struct sf_model_need *out, const struct sf_gguf *g, bool unpacked,
                                 const char *isa, const surefoot_session_options *o,
                                 surefoot_error *err) {
    *out = (struct sf_model_need){0};
    surefoot_session_options def = {.size = sizeof def, .n_batch = 256, .n_seq = 1};
    surefoot_model *m = sf_alloc(sizeof *m);
    if (!m) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for a model handle");
    struct loader L = {.m = m, .g = g, .err = err};
    surefoot_status s = kernels_here(&m->kernels, isa, err);
    m->map.size = g->size;
    m->map.copy = unpacked;
    if (s == SUREFOOT_OK) s = measure(&L);
    if (s == SUREFOOT_OK) s = sf_session_plan_bytes(&out->session, m, o ? o : &def, NULL, err);
    out->weights = weight_need(&L);
    out->decode = L.decode_bytes;
    loader_free(&L);
    m->map = (struct sf_map){0};
    surefoot_model_close(m);
    return s;
}

/* A packed file becomes what it holds, in memory. */
static surefoot_status unpack(surefoot_model *m, const surefoot_model_options *o,
                              surefoot_error *err) {
    struct sf_packed_options p = {.n_threads = o->n_threads,
                                  .most = o->no_memory_check ? 0 : sf_memory_available(),
                                  .progress = o->progress,
                                  .user = o->user,
                                  .what = "unpack"};
    return sf_packed_expand(&m->map, &p, err);
}

surefoot_status surefoot_model_open(surefoot_model **out, const char *path,
                                    const surefoot_model_options *o, surefoot_error *err) {
    if (!out) return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_model_open: out is NULL");
    *out = NULL;
    surefoot_model_options def;
    if (!o) surefoot_model_options_init(&def), o = &def;
    if ((!path && !o->file) || o->size != sizeof *o || o->n_threads < 0 ||
        o->n_threads > SF_MAX_THREADS)
        return sf_fail(err, SUREFOOT_E_USAGE, 0,
                       "surefoot_model_open: path is NULL, options were not initialised, or "
                       "n_threads is outside 0..%d",
                       SF_MAX_THREADS);
    surefoot_model *m = sf_alloc(sizeof *m);
    if (!m) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for a model handle");
    struct sf_gguf g = {0};
    surefoot_status s = kernels_here(&m->kernels, o->isa, err);
    if (s == SUREFOOT_OK && o->file)
        s = sf_map_memory(&m->map, o->file->data, o->file->n, err);
    else if (s == SUREFOOT_OK)
        s = sf_map_open(&m->map, path, err);
    if (s == SUREFOOT_OK && sf_packed_is(&m->map)) s = unpack(m, o, err);
    if (s == SUREFOOT_OK) s = sf_gguf_parse(&g, m->map.data, m->map.size, err);
    if (s == SUREFOOT_OK) s = sf_gguf_join(&g, &m->map, o->file ? NULL : path, err);
    /* Memory of our own is given back while the weights are packed: now or never. */
    if (s == SUREFOOT_OK && (m->map.copy || sf_gguf_find(&g, "split.count")))
        sf_gguf_fingerprint(&g, m->fingerprint);
    if (s == SUREFOOT_OK) s = open_tables(m, &g, o, err);
    sf_gguf_close(&g);
    if (s != SUREFOOT_OK) {
        surefoot_model_close(m);
        return s;
    }
    *out = m;
    return SUREFOOT_OK;
}

void surefoot_model_close(surefoot_model *m) {
    if (!m) return;
    sf_tokenizer_close(m->tokenizer);
    sf_chat_close(m->chat);
    sf_arena_free(&m->arena);
    sf_map_close(&m->map);
    sf_free(m);
}

const struct sf_tokenizer *sf_model_tokenizer(const surefoot_model *m) {
    return m->tokenizer;
}
