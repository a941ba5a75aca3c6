/* SPDX-License-Identifier: MIT
 * convert_tensors.c - the tensors of a Hugging Face folder under their GGUF names, in the wanted type, a
 * few rows at a time: what was read is given back to the system, so that memory stays small.
 *
 * Rows of q and k of families with adjacent-pair RoPE change places: the folder has the halves of a
 * head (i, i + hd/2) side by side as (2i, 2i + 1) in GGUF. Gemma's norms are stored as 1 + w.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "convert.h"

enum { PLAIN, PERMUTE_Q, PERMUTE_K, PLUS_ONE, VECTOR, MATRIX_F32 }; /* what happens on the way */
enum { STEP = 1 << 20 }; /* bytes of floats made at a time */

char *sf_cv_path(const struct sf_cv *c, const char *file) {
    size_t n = strlen(c->dir) + strlen(file) + 2;
    char *p = malloc(n);
    if (p) snprintf(p, n, "%s/%s", c->dir, file);
    return p;
}

const struct sf_st_tensor *sf_cv_find(const struct sf_cv *c, const char *name,
                                      struct sf_cv_shard **shard) {
    for (size_t i = 0; i < c->n_shard; i++) {
        const struct sf_st_tensor *t = sf_safetensors_find(&c->shard[i].table, name);
        if (!t) continue;
        if (shard) *shard = &c->shard[i];
        return t;
    }
    return NULL;
}

/* n values of t from value `first` on, as floats. */
static void load(float *out, const struct sf_cv_shard *s, const struct sf_st_tensor *t,
                 size_t first, size_t n) {
    static const enum sf_type same[] = {SF_T_F32, SF_T_F16, SF_T_BF16};
    const size_t each = t->type == SF_ST_F32 ? 4 : 2;
    sf_qtypes[same[t->type]].decode(out, s->map.data + t->offset + first * each, n);
}

/* Row of the folder that becomes row r. */
static size_t source_row(const struct sf_cv *c, int way, size_t r) {
    if (way != PERMUTE_Q && way != PERMUTE_K) return r;
    const size_t hd = c->head_dim, head = r / hd, i = r % hd;
    return head * hd + i / 2 + (i % 2) * (hd / 2);
}

static surefoot_status rows_out(struct sf_cv *c, const char *name, struct sf_cv_shard *s,
                                const struct sf_st_tensor *t, enum sf_type type, int way,
                                size_t rows, size_t cols) {
    const struct sf_qtype *q = &sf_qtypes[type];
    const size_t step = sf_max(STEP / 4 / cols, 1), row_bytes = cols / q->block * q->bytes;
    const size_t each = t->type == SF_ST_F32 ? 4 : 2;
    float *x = malloc(step * cols * sizeof *x);
    unsigned char *y = malloc(step * row_bytes);
    surefoot_status st = SUREFOOT_OK;
    if (!x || !y) st = sf_fail(c->err, SUREFOOT_E_MEMORY, 0, "no memory for rows of %zu", cols);
    for (size_t r = 0; r < rows && st == SUREFOOT_OK; r += step) {
        const size_t n = sf_min(step, rows - r);
        for (size_t i = 0; i < n; i++)
            load(x + i * cols, s, t, source_row(c, way, r + i) * cols, cols);
        for (size_t i = 0; i < n * cols; i++) {
            if (way == PLUS_ONE) x[i] += 1.0f;
            if (isfinite(x[i])) continue;
            st = sf_fail(c->err, SUREFOOT_E_FILE, t->offset,
                         "tensor '%s' holds a value that is not finite", name);
            break;
        }
        if (st != SUREFOOT_OK) break;
        q->encode(y, x, n * cols / q->block);
        st = sf_gguf_writer_data(c->out, y, n * row_bytes, c->err);
        /* permuted rows stay within a head: its pages go once it is behind us */
        sf_map_release(&s->map, t->offset + r * cols * each, n * cols * each);
        c->done += n * cols * each;
        if (sf_cli_progress(c->cli, "convert", c->done, c->total))
            st = sf_fail(c->err, SUREFOOT_E_ABORTED, 0, "stopped on request");
    }
    free(x);
    free(y);
    return st;
}

/* The source of one tensor or plane: its shape as (rows, cols), a vector as one row. */
static surefoot_status source(struct sf_cv *c, const char *name, const struct sf_st_tensor **t,
                              struct sf_cv_shard **s, size_t *rows, size_t *cols) {
    *t = sf_cv_find(c, name, s);
    if (!*t) return sf_fail(c->err, SUREFOOT_E_FILE, 0, "tensor '%s' is missing", name);
    (*s)->used[*t - (*s)->table.tensor] = 1;
    if ((*t)->type == SF_ST_OTHER)
        return sf_fail(c->err, SUREFOOT_E_UNSUPPORTED, (*t)->offset,
                       "tensor '%s' is of dtype %s: F32, F16 and BF16 can be converted", name,
                       (*t)->dtype);
    *rows = (*t)->n_dims == 2 ? (size_t)(*t)->dim[0] : 1;
    *cols = (size_t)(*t)->dim[(*t)->n_dims == 2 ? 1 : 0];
    if ((*t)->n_dims < 1 || (*t)->n_dims > 2 || *rows == 0 || *cols == 0)
        return sf_fail(c->err, SUREFOOT_E_FILE, (*t)->offset,
                       "tensor '%s' has %u dimensions or none of its values", name, (*t)->n_dims);
    return SUREFOOT_OK;
}

static surefoot_status one(struct sf_cv *c, bool write, const char *to, const char *from, int way) {
    const struct sf_st_tensor *t;
    struct sf_cv_shard *s = NULL;
    size_t rows, cols;
    SF_TRY(source(c, from, &t, &s, &rows, &cols));
    const bool vector = t->n_dims == 1;
    enum sf_type type = vector || way == MATRIX_F32 ? SF_T_F32 : c->type;
    if (cols % sf_qtypes[type].block) type = SF_T_F16;
    if (way == PERMUTE_Q || way == PERMUTE_K) {
        const size_t heads = way == PERMUTE_Q ? c->heads : c->kv_heads;
        if (vector) rows = cols, cols = 1; /* a bias: a value for each row */
        if (rows != heads * c->head_dim)
            return sf_fail(c->err, SUREFOOT_E_FILE, t->offset, "tensor '%s' has %zu rows, not %zu",
                           from, rows, heads * c->head_dim);
    }
    if (write) return rows_out(c, from, s, t, type, way, rows, cols);
    const uint64_t dim[2] = {vector ? rows * cols : cols, rows};
    c->total += t->bytes;
    size_t bytes = rows * (cols / sf_qtypes[type].block) * sf_qtypes[type].bytes;
    sf_gguf_put_tensor(c->out, to, sf_qtypes[type].gguf_id, vector ? 1 : 2, dim, bytes);
    return SUREFOOT_OK;
}

/* One tensor of three dimensions from the experts' own: from is a format with the expert's number. */
static surefoot_status planes(struct sf_cv *c, bool write, const char *to, const char *layer,
                              const char *middle, const char *end) {
    const struct sf_st_tensor *t;
    struct sf_cv_shard *s = NULL;
    size_t rows = 0, cols = 0, r, k, bytes;
    enum sf_type type = c->type;
    for (uint32_t e = 0; e < c->experts; e++) {
        char from[160];
        snprintf(from, sizeof from, "%s%s.%u.%s.weight", layer, middle, e, end);
        SF_TRY(source(c, from, &t, &s, &r, &k));
        if (t->n_dims != 2 || (e && (r != rows || k != cols)))
            return sf_fail(c->err, SUREFOOT_E_FILE, t->offset,
                           "tensor '%s' is %zu x %zu, not %zu x %zu", from, r, k, rows, cols);
        rows = r;
        cols = k;
        if (cols % sf_qtypes[type].block) type = SF_T_F16;
        c->total += write ? 0 : t->bytes;
        if (write) SF_TRY(rows_out(c, from, s, t, type, PLAIN, rows, cols));
    }
    if (write) return SUREFOOT_OK;
    const uint64_t dim[3] = {cols, rows, c->experts};
    if (!sf_size_mul(&bytes, rows * c->experts,
                     cols / sf_qtypes[type].block * sf_qtypes[type].bytes))
        return sf_fail(c->err, SUREFOOT_E_MEMORY, 0, "tensor '%s' is too large", to);
    sf_gguf_put_tensor(c->out, to, sf_qtypes[type].gguf_id, 3, dim, bytes);
    return SUREFOOT_OK;
}

/* name.weight (and .bias where there is one) of the layer. */
static surefoot_status layer_one(struct sf_cv *c, bool write, uint32_t l, const char *to,
                                 const char *from, bool required, int way) {
    static const char *const parts[] = {"weight", "bias"};
    for (int i = 0; i < 2; i++) {
        char a[96], b[160];
        snprintf(a, sizeof a, "blk.%u.%s.%s", l, to, parts[i]);
        snprintf(b, sizeof b, "%slayers.%u.%s.%s", c->prefix, l, from, parts[i]);
        if ((i == 0 && required) || sf_cv_find(c, b, NULL)) SF_TRY(one(c, write, a, b, way));
    }
    return SUREFOOT_OK;
}

static surefoot_status attention(struct sf_cv *c, bool write, uint32_t l) {
    const int norm = c->gemma ? PLUS_ONE : PLAIN;
    const bool phi = strcmp(c->family, "phi3") == 0, olmo2 = strcmp(c->family, "olmo2") == 0;
    SF_TRY(layer_one(c, write, l, "attn_norm", "input_layernorm", !olmo2, norm));
    if (phi) {
        SF_TRY(layer_one(c, write, l, "attn_qkv", "self_attn.qkv_proj", true, PLAIN));
    } else {
        SF_TRY(layer_one(c, write, l, "attn_q", "self_attn.q_proj", true,
                         c->permute ? PERMUTE_Q : PLAIN));
        SF_TRY(layer_one(c, write, l, "attn_k", "self_attn.k_proj", true,
                         c->permute ? PERMUTE_K : PLAIN));
        SF_TRY(layer_one(c, write, l, "attn_v", "self_attn.v_proj", true, PLAIN));
    }
    SF_TRY(layer_one(c, write, l, "attn_q_norm", "self_attn.q_norm", false, norm));
    SF_TRY(layer_one(c, write, l, "attn_k_norm", "self_attn.k_norm", false, norm));
    return layer_one(c, write, l, "attn_output", "self_attn.o_proj", true, PLAIN);
}

static surefoot_status feed_forward(struct sf_cv *c, bool write, uint32_t l) {
    const int norm = c->gemma ? PLUS_ONE : PLAIN;
    const bool four = strcmp(c->family, "gemma2") == 0 || strcmp(c->family, "gemma3") == 0;
    const bool post = four || strcmp(c->family, "olmo2") == 0;
    SF_TRY(layer_one(c, write, l, post ? "post_attention_norm" : "ffn_norm",
                     "post_attention_layernorm", true, norm));
    if (four) SF_TRY(layer_one(c, write, l, "ffn_norm", "pre_feedforward_layernorm", true, norm));
    if (post)
        SF_TRY(layer_one(c, write, l, "post_ffw_norm", "post_feedforward_layernorm", true, norm));
    if (c->experts) {
        char layer[96], to[96], test[128];
        snprintf(layer, sizeof layer, "%slayers.%u.", c->prefix, l);
        snprintf(test, sizeof test, "%sblock_sparse_moe.gate.weight", layer);
        const bool mixtral = sf_cv_find(c, test, NULL);
        static const char *const ours[] = {"gate", "up", "down"};
        static const char *const names[2][3] = {{"gate_proj", "up_proj", "down_proj"},
                                                {"w1", "w3", "w2"}};
        SF_TRY(layer_one(c, write, l, "ffn_gate_inp",
                         mixtral ? "block_sparse_moe.gate" : "mlp.gate", true, MATRIX_F32));
        for (int i = 0; i < 3; i++) {
            snprintf(to, sizeof to, "blk.%u.ffn_%s_exps.weight", l, ours[i]);
            SF_TRY(planes(c, write, to, layer, mixtral ? "block_sparse_moe.experts" : "mlp.experts",
                          names[mixtral][i]));
        }
        return SUREFOOT_OK;
    }
    if (strcmp(c->family, "phi3") == 0) {
        SF_TRY(layer_one(c, write, l, "ffn_up", "mlp.gate_up_proj", true, PLAIN));
    } else {
        SF_TRY(layer_one(c, write, l, "ffn_gate", "mlp.gate_proj", true, PLAIN));
        SF_TRY(layer_one(c, write, l, "ffn_up", "mlp.up_proj", true, PLAIN));
    }
    return layer_one(c, write, l, "ffn_down", "mlp.down_proj", true, PLAIN);
}

/* Numbers that config.json holds: rope factors. */
static surefoot_status made(struct sf_cv *c, bool write, const char *to, const float *v, size_t n) {
    const uint64_t dim[1] = {n};
    if (write) return sf_gguf_writer_data(c->out, v, n * sizeof *v, c->err);
    sf_gguf_put_tensor(c->out, to, sf_qtypes[SF_T_F32].gguf_id, 1, dim, n * sizeof *v);
    return SUREFOOT_OK;
}

/* Llama 3.1: long waves are slowed by factor, short ones not, those between in between. */
static surefoot_status llama3_factors(struct sf_cv *c, json_t *s, double base, float *v) {
    double factor = 8, low = 1, high = 4, original = 8192;
    SF_TRY(sf_cv_real(c, s, "factor", true, &factor));
    SF_TRY(sf_cv_real(c, s, "low_freq_factor", false, &low));
    SF_TRY(sf_cv_real(c, s, "high_freq_factor", false, &high));
    SF_TRY(sf_cv_real(c, s, "original_max_position_embeddings", false, &original));
    if (!(factor > 0) || !(high > low) || !(low > 0) || !(original > 0))
        return sf_fail(c->err, SUREFOOT_E_FILE, 0, "config.json: rope_scaling makes no sense");
    for (uint32_t i = 0; i < c->head_dim / 2; i++) {
        const double wave = 2 * acos(-1.0) * pow(base, 2.0 * i / c->head_dim);
        double smooth = (original / wave - low) / (high - low);
        smooth = smooth < 0 ? 0 : smooth > 1 ? 1 : smooth;
        v[i] = (float)(1 / ((1 - smooth) / factor + smooth));
    }
    return SUREFOOT_OK;
}

static surefoot_status rope(struct sf_cv *c, bool write) {
    json_t *s = json_object_get(c->text, "rope_scaling");
    if (!json_is_object(s)) s = json_object_get(c->text, "rope_parameters");
    const char *kind = json_string_value(json_object_get(s, "rope_type"));
    if (!kind) kind = json_string_value(json_object_get(s, "type"));
    float v[512]; /* head_dim is at most 1024 */
    if (kind && strcmp(kind, "llama3") == 0) {
        double base = 10000;
        SF_TRY(sf_cv_real(c, s, "rope_theta", false, &base));
        SF_TRY(sf_cv_real(c, c->text, "rope_theta", false, &base));
        SF_TRY(llama3_factors(c, s, base, v));
        return made(c, write, "rope_freqs.weight", v, c->head_dim / 2);
    }
    if (strcmp(c->family, "phi3") != 0 || !kind) return SUREFOOT_OK;
    static const char *const names[][2] = {{"long_factor", "rope_factors_long.weight"},
                                           {"short_factor", "rope_factors_short.weight"}};
    for (int i = 0; i < 2; i++) {
        json_t *a = json_object_get(s, names[i][0]);
        const size_t n = json_array_size(a);
        if (n == 0 || n > c->head_dim / 2)
            return sf_fail(c->err, SUREFOOT_E_FILE, 0, "config.json: %s has %zu numbers",
                           names[i][0], n);
        for (size_t j = 0; j < n; j++) v[j] = (float)json_number_value(json_array_get(a, j));
        SF_TRY(made(c, write, names[i][1], v, n));
    }
    return SUREFOOT_OK;
}

/* Heads that score: a sequence (Beaver's cost and reward models, sequence classifiers), or each token
 * (Qwen3Guard-Stream). Small, so F32. */
static surefoot_status heads(struct sf_cv *c, bool write) {
    static const char *const rows[][2] = {
        {"score_head.weight", "score.weight"},
        {"score_head.bias", "score.bias"},
        {"score.weight", "score.weight"},
        {"normalizer.mean", "score.mean"},
        {"normalizer.var", "score.var"},
        {"risk_level_category_pre.weight", "guard.pre.weight"},
        {"risk_level_category_layernorm.weight", "guard.norm.weight"},
        {"risk_level_head.weight", "guard.risk.weight"},
        {"risk_level_head.bias", "guard.risk.bias"},
        {"category_head.weight", "guard.category.weight"},
        {"category_head.bias", "guard.category.bias"},
        {"query_risk_level_category_pre.weight", "guard.query_pre.weight"},
        {"query_risk_level_category_layernorm.weight", "guard.query_norm.weight"},
        {"query_risk_level_head.weight", "guard.query_risk.weight"},
        {"query_risk_level_head.bias", "guard.query_risk.bias"},
        {"query_category_head.weight", "guard.query_category.weight"},
        {"query_category_head.bias", "guard.query_category.bias"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sf_cv_shard *s;
        const struct sf_st_tensor *t = sf_cv_find(c, rows[i][0], &s);
        if (t && t->n_dims > 0) SF_TRY(one(c, write, rows[i][1], rows[i][0], MATRIX_F32));
        if (t && t->n_dims == 0) s->used[t - s->table.tensor] = 1; /* a lone number: a counter */
    }
    return SUREFOOT_OK;
}

surefoot_status sf_cv_tensors(struct sf_cv *c, bool write) {
    char name[96];
    static const char *const prefixes[] = {"model.", "language_model.model.",
                                           "model.language_model."};
    for (int i = 0; i < 3 && !c->prefix; i++) {
        snprintf(name, sizeof name, "%sembed_tokens.weight", prefixes[i]);
        if (sf_cv_find(c, name, NULL)) c->prefix = prefixes[i];
    }
    if (!c->prefix)
        return sf_fail(c->err, SUREFOOT_E_FILE, 0, "tensor 'model.embed_tokens.weight' is missing");
    snprintf(name, sizeof name, "%sembed_tokens.weight", c->prefix);
    SF_TRY(one(c, write, "token_embd.weight", name, PLAIN));
    snprintf(name, sizeof name, "%snorm.weight", c->prefix);
    SF_TRY(one(c, write, "output_norm.weight", name, c->gemma ? PLUS_ONE : PLAIN));
    for (int i = 0; i < 2; i++) {
        struct sf_cv_shard *s;
        const char *head = i ? "language_model.lm_head.weight" : "lm_head.weight";
        const struct sf_st_tensor *t = sf_cv_find(c, head, &s);
        if (t && c->tied) s->used[t - s->table.tensor] = 1; /* the same numbers once more */
        if (t && !c->tied) SF_TRY(one(c, write, "output.weight", head, PLAIN));
    }
    SF_TRY(rope(c, write));
    for (uint32_t l = 0; l < c->layers; l++) {
        SF_TRY(attention(c, write, l));
        SF_TRY(feed_forward(c, write, l));
    }
    return heads(c, write);
}

surefoot_status sf_cv_all_used(struct sf_cv *c) {
    for (size_t i = 0; i < c->n_shard; i++)
        for (size_t j = 0; j < c->shard[i].table.n; j++) {
            const struct sf_st_tensor *t = &c->shard[i].table.tensor[j];
            static const char *const aside[] = {"vision_tower.", "model.vision_tower.",
                                                "multi_modal_projector.",
                                                "model.multi_modal_projector."};
            bool skip = c->shard[i].used[j];
            for (size_t k = 0; k < sizeof aside / sizeof aside[0]; k++) /* the pictures' part */
                skip |= t->n_name > strlen(aside[k]) &&
                        memcmp(t->name, aside[k], strlen(aside[k])) == 0;
            static const char inv[] = "rotary_emb.inv_freq"; /* follows from config.json */
            skip |= t->n_name >= sizeof inv - 1 &&
                    memcmp(t->name + t->n_name - (sizeof inv - 1), inv, sizeof inv - 1) == 0;
            if (!skip)
                return sf_fail(c->err, SUREFOOT_E_UNSUPPORTED, t->offset,
                               "tensor '%.*s' is not part of family %s as it is known here",
                               (int)sf_min(t->n_name, 80), t->name, c->family);
        }
    return SUREFOOT_OK;
}
