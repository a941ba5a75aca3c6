/* SPDX-License-Identifier: MIT
 * family.c - the list of families, and the hyperparameters common to all of them.
 */
#include "family.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct sf_family *const families[] = {
#define SF_FAMILY(id) &sf_family_##id,
#include "families.def"
#undef SF_FAMILY
};

const struct sf_family *sf_family_find(struct sf_str name) {
    for (size_t i = 0; i < SF_COUNT(families); i++)
        if (strlen(families[i]->name) == name.n && memcmp(families[i]->name, name.p, name.n) == 0)
            return families[i];
    return NULL;
}

const char *sf_family_list(void) {
    return
#define SF_FAMILY(id) #id " "
#include "families.def"
#undef SF_FAMILY
        ;
}

/* Bounds on what a file may claim. Far above any real model, low enough that products of two or
 * three stay inside 64 bits. */
enum { MAX_LAYERS = 4096, MAX_DIM = 1 << 20, MAX_HEADS = 4096, MAX_HEAD_DIM = 1024 };
/* Multipliers and caps: beyond any real one, and no product of floats leaves float's range. */
static const double MIN_SCALE = 1e-6, MAX_SCALE = 1e6;

/* <family>.<key>, bounded to [min, max]; *out keeps its default when absent and not required. */
static surefoot_status get(const struct sf_gguf *g, const struct sf_family *f, const char *key,
                           bool required, uint32_t min, uint32_t max, uint32_t *out,
                           surefoot_error *err) {
    char name[96];
    snprintf(name, sizeof name, "%s.%s", f->name, key);
    uint64_t v = *out;
    bool found = false;
    const struct sf_gguf_kv *kv = sf_gguf_find(g, name);
    if (kv && kv->type == SF_GGUF_ARRAY) {
        /* Per-layer values: fine if they are all the same. */
        if (kv->elem_type == SF_GGUF_STRING || kv->elem_type == SF_GGUF_ARRAY || kv->n == 0)
            return sf_fail(err, SUREFOOT_E_FILE, kv->offset, "'%s' is no number", name);
        for (uint64_t i = 0; i < kv->n; i++) {
            int64_t e = sf_gguf_elem_i64(g, kv, i);
            if (i > 0 && e != (int64_t)v)
                return sf_fail(err, SUREFOOT_E_UNSUPPORTED, kv->offset,
                               "'%s' differs between layers, which is not supported", name);
            v = (uint64_t)e;
        }
        found = true;
    } else {
        SF_TRY(sf_gguf_get_u64(g, name, UINT64_MAX, &v, &found, err));
    }
    if (!found && required)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "'%s' is missing from the file's metadata", name);
    if (found && (v < min || v > max))
        return sf_fail(err, SUREFOOT_E_FILE, kv->offset, "'%s' is %llu, outside %u..%u", name,
                       (unsigned long long)v, min, max);
    *out = (uint32_t)v;
    return SUREFOOT_OK;
}

static surefoot_status get_real(const struct sf_gguf *g, const struct sf_family *f, const char *key,
                                bool required, double min, double max, double *out,
                                surefoot_error *err) {
    char name[96];
    snprintf(name, sizeof name, "%s.%s", f->name, key);
    bool found = false;
    SF_TRY(sf_gguf_get_f64(g, name, out, &found, err));
    if (!found && required)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "'%s' is missing from the file's metadata", name);
    if (found && !(*out >= min && *out <= max))
        return sf_fail(err, SUREFOOT_E_FILE, 0, "'%s' is %g, outside %g..%g", name, *out, min, max);
    return SUREFOOT_OK;
}

static surefoot_status read_rope(struct sf_config *c, const struct sf_family *f,
                                 const struct sf_gguf *g, surefoot_error *err) {
    char name[96];
    struct sf_str scaling = {0};
    bool found = false;
    double factor = 1;
    c->rope_base = 10000;
    SF_TRY(get_real(g, f, "rope.freq_base", false, 1, 1e12, &c->rope_base, err));
    snprintf(name, sizeof name, "%s.rope.scaling.type", f->name);
    SF_TRY(sf_gguf_get_str(g, name, &scaling, &found, err));
    const bool longrope = (f->required | f->optional) & SF_FAM_LONGROPE;
    if (found && longrope && scaling.n == 8 && memcmp(scaling.p, "longrope", 8) == 0) found = false;
    if (found && scaling.n == 0) found = false;
    SF_TRY(get_real(g, f, "rope.scaling.factor", false, 0, 1e6, &factor, err));
    SF_TRY(get_real(g, f, "rope.scale_linear", false, 0, 1e6, &factor, err));
    bool linear = !found || (scaling.n == 6 && memcmp(scaling.p, "linear", 6) == 0);
    bool none = found && scaling.n == 4 && memcmp(scaling.p, "none", 4) == 0;
    if (!linear && !none)
        return sf_fail(err, SUREFOOT_E_UNSUPPORTED, 0, "rope scaling '%.*s' is not supported",
                       (int)sf_min(scaling.n, 32), scaling.p);
    c->rope_scale = linear && factor > 0 ? 1.0 / factor : 1.0;
    c->rope_neox = f->rope_neox;
    c->rope_mscale = 1;
    c->n_ctx_orig = c->n_ctx_train;
    c->rope_base_local = f->rope_base_local;
    if (f->rope_base_local > 0)
        SF_TRY(get_real(g, f, "rope.freq_base_swa", false, 1, 1e12, &c->rope_base_local, err));
    if (!longrope) return SUREFOOT_OK;
    SF_TRY(get_real(g, f, "rope.scaling.attn_factor", false, MIN_SCALE, MAX_SCALE, &c->rope_mscale,
                    err));
    return get(g, f, "rope.scaling.original_context_length", false, 1, UINT32_MAX, &c->n_ctx_orig,
               err);
}

/* The pattern of local layers where the file gives it: a number, or true and false for each layer,
 * which must come down to "one in every so many is global". */
static surefoot_status read_pattern(struct sf_config *c, const struct sf_family *f,
                                    const struct sf_gguf *g, surefoot_error *err) {
    char name[96];
    snprintf(name, sizeof name, "%s.attention.sliding_window_pattern", f->name);
    const struct sf_gguf_kv *kv = sf_gguf_find(g, name);
    c->window_every = f->window_every;
    if (!kv || c->window == 0) return SUREFOOT_OK;
    if (kv->type != SF_GGUF_ARRAY)
        return get(g, f, "attention.sliding_window_pattern", false, 1, MAX_LAYERS, &c->window_every,
                   err);
    if (kv->elem_type != SF_GGUF_BOOL || kv->n < c->n_layers)
        return sf_fail(err, SUREFOOT_E_FILE, kv->offset, "'%s' is no list of %u bools", name,
                       c->n_layers);
    const unsigned char *local = g->data + kv->offset;
    uint32_t every = 0;
    for (uint32_t l = 0; l < c->n_layers && every == 0; l++)
        if (!local[l]) every = l + 1;
    c->window_every = every;
    for (uint32_t l = 0; l < c->n_layers; l++)
        if ((local[l] != 0) != sf_layer_local(c, l))
            return sf_fail(err, SUREFOOT_E_UNSUPPORTED, kv->offset,
                           "'%s' follows no regular pattern (layer %u), which is not supported",
                           name, l);
    return SUREFOOT_OK;
}

static surefoot_status read_attention(struct sf_config *c, const struct sf_family *f,
                                      const struct sf_gguf *g, surefoot_error *err) {
    const uint32_t least = f->window ? 1 : 0; /* a family of local layers has a window */
    c->window = f->window;
    SF_TRY(get(g, f, "attention.sliding_window", false, least, UINT32_MAX, &c->window, err));
    SF_TRY(read_pattern(c, f, g, err));
    double scale = 0, cap = (double)f->attn_cap;
    SF_TRY(get_real(g, f, "attention.scale", false, 0, MAX_SCALE, &scale, err));
    c->attn_scale = scale > 0 ? (float)scale : 1.0f / sqrtf((float)c->head_dim);
    SF_TRY(get_real(g, f, "attn_logit_softcapping", false, 0, MAX_SCALE, &cap, err));
    c->attn_cap = cap < MIN_SCALE ? 0 : (float)cap;
    return SUREFOOT_OK;
}

static surefoot_status read_scales(struct sf_config *c, const struct sf_family *f,
                                   const struct sf_gguf *g, surefoot_error *err) {
    double embed = f->embed_sqrt ? (double)sqrtf((float)c->dim) : 1, residual = 1, div = 1;
    double cap = (double)f->logit_cap;
    SF_TRY(get_real(g, f, "embedding_scale", false, MIN_SCALE, MAX_SCALE, &embed, err));
    SF_TRY(get_real(g, f, "residual_scale", false, MIN_SCALE, MAX_SCALE, &residual, err));
    SF_TRY(get_real(g, f, "logit_scale", false, MIN_SCALE, MAX_SCALE, &div, err));
    SF_TRY(get_real(g, f, "final_logit_softcapping", false, 0, MAX_SCALE, &cap, err));
    c->embed_scale = (float)embed;
    c->residual_scale = (float)residual;
    c->logit_div = (float)div;
    c->logit_cap = cap < MIN_SCALE ? 0 : (float)cap;
    return SUREFOOT_OK;
}

/* A mixture of experts; ff_dim becomes the width of one expert. */
static surefoot_status read_experts(struct sf_config *c, const struct sf_family *f,
                                    const struct sf_gguf *g, surefoot_error *err) {
    static const char *const lacking[] = {"expert_shared_count", "leading_dense_block_count",
                                          "expert_group_count"};
    const bool must = f->required & SF_FAM_EXPERTS, may = must || f->optional & SF_FAM_EXPERTS;
    uint32_t gating = 1, other;
    SF_TRY(get(g, f, "expert_count", must, must ? 1 : 0, SF_MAX_EXPERTS, &c->n_experts, err));
    if (c->n_experts == 0) return SUREFOOT_OK;
    if (!may)
        return sf_fail(err, SUREFOOT_E_UNSUPPORTED, 0,
                       "mixture of experts (%s.expert_count = %u) is not supported", f->name,
                       c->n_experts);
    SF_TRY(get(g, f, "expert_used_count", true, 1, c->n_experts, &c->n_used, err));
    SF_TRY(get(g, f, "expert_feed_forward_length", false, 1, MAX_DIM, &c->ff_dim, err));
    SF_TRY(get(g, f, "expert_gating_func", false, 0, 255, &gating, err));
    if (gating > 1)
        return sf_fail(err, SUREFOOT_E_UNSUPPORTED, 0,
                       "%s.expert_gating_func = %u is not supported: experts are chosen by softmax",
                       f->name, gating);
    for (size_t i = 0; i < SF_COUNT(lacking); i++) {
        other = 0;
        SF_TRY(get(g, f, lacking[i], false, 0, UINT32_MAX, &other, err));
        if (other > (i == 2 ? 1 : 0))
            return sf_fail(err, SUREFOOT_E_UNSUPPORTED, 0, "%s.%s = %u is not supported", f->name,
                           lacking[i], other);
    }
    if (c->ff_dim % 16 != 0 || c->dim % 16 != 0)
        return sf_fail(err, SUREFOOT_E_UNSUPPORTED, 0,
                       "experts of %u x %u are not supported: both must be multiples of 16",
                       c->ff_dim, c->dim);
    char name[96];
    snprintf(name, sizeof name, "%s.expert_weights_norm", f->name);
    c->expert_norm = f->expert_norm;
    return sf_gguf_get_bool(g, name, &c->expert_norm, NULL, err);
}

surefoot_status sf_config_read(struct sf_config *c, const struct sf_family *f,
                               const struct sf_gguf *g, surefoot_error *err) {
    *c = (struct sf_config){0};
    double eps = 0;
    uint32_t value_length;
    SF_TRY(get(g, f, "block_count", true, 1, MAX_LAYERS, &c->n_layers, err));
    SF_TRY(get(g, f, "context_length", true, 1, UINT32_MAX, &c->n_ctx_train, err));
    SF_TRY(get(g, f, "embedding_length", true, 1, MAX_DIM, &c->dim, err));
    SF_TRY(get(g, f, "feed_forward_length", true, 1, MAX_DIM, &c->ff_dim, err));
    SF_TRY(get(g, f, "attention.head_count", true, 1, MAX_HEADS, &c->n_heads, err));
    c->n_kv_heads = c->n_heads;
    SF_TRY(get(g, f, "attention.head_count_kv", false, 1, MAX_HEADS, &c->n_kv_heads, err));
    if (c->n_heads % c->n_kv_heads != 0)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "%u heads do not divide over %u KV heads",
                       c->n_heads, c->n_kv_heads);
    c->head_dim = c->dim / c->n_heads;
    SF_TRY(get(g, f, "attention.key_length", false, 2, MAX_HEAD_DIM, &c->head_dim, err));
    value_length = c->head_dim;
    SF_TRY(get(g, f, "attention.value_length", false, 2, MAX_HEAD_DIM, &value_length, err));
    if (c->head_dim < 2 || c->head_dim > MAX_HEAD_DIM)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "a head of %u values is outside 2..%d", c->head_dim,
                       MAX_HEAD_DIM);
    if (value_length != c->head_dim)
        return sf_fail(err, SUREFOOT_E_UNSUPPORTED, 0,
                       "keys of %u and values of %u are not supported: they must be equal",
                       c->head_dim, value_length);
    c->n_rot = c->head_dim;
    SF_TRY(get(g, f, "rope.dimension_count", false, 2, c->head_dim, &c->n_rot, err));
    if (c->n_rot % 2 != 0)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "%u rotated values: the number must be even",
                       c->n_rot);
    SF_TRY(get_real(g, f, "attention.layer_norm_rms_epsilon", true, 0, 1, &eps, err));
    c->eps = (float)eps;
    SF_TRY(read_rope(c, f, g, err));
    SF_TRY(read_attention(c, f, g, err));
    SF_TRY(read_scales(c, f, g, err));
    SF_TRY(read_experts(c, f, g, err));
    c->gelu = f->gelu;
    c->nope_every = f->nope_every;
    return f->check ? f->check(g, c, err) : SUREFOOT_OK;
}
