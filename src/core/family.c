/* SPDX-License-Identifier: MIT
 * family.c - the list of families, and the hyperparameters common to all of them.
 */
#include "family.h"

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
    SF_TRY(get_real(g, f, "rope.scaling.factor", false, 0, 1e6, &factor, err));
    SF_TRY(get_real(g, f, "rope.scale_linear", false, 0, 1e6, &factor, err));
    bool linear = !found || (scaling.n == 6 && memcmp(scaling.p, "linear", 6) == 0);
    bool none = found && scaling.n == 4 && memcmp(scaling.p, "none", 4) == 0;
    if (!linear && !none)
        return sf_fail(err, SUREFOOT_E_UNSUPPORTED, 0, "rope scaling '%.*s' is not supported",
                       (int)sf_min(scaling.n, 32), scaling.p);
    c->rope_scale = linear && factor > 0 ? 1.0 / factor : 1.0;
    c->rope_neox = f->rope_neox;
    return SUREFOOT_OK;
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
    SF_TRY(get(g, f, "attention.sliding_window", false, 0, UINT32_MAX, &c->window, err));
    SF_TRY(get_real(g, f, "attention.layer_norm_rms_epsilon", true, 0, 1, &eps, err));
    c->eps = (float)eps;
    SF_TRY(read_rope(c, f, g, err));
    return f->check ? f->check(g, c, err) : SUREFOOT_OK;
}
