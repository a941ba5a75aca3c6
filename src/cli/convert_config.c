/* SPDX-License-Identifier: MIT
 * convert_config.c - config.json of a Hugging Face folder as GGUF keys.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "convert.h"

static const struct {
    const char *architecture, *family;
    bool permute; /* q and k rows go from halves to adjacent pairs */
} known[] = {
    {"LlamaForCausalLM", "llama", true},
    {"LlamaForSequenceClassification", "llama", true},
    {"LlamaModelForScore", "llama", true},
    {"LlamaForScore", "llama", true},
    {"MistralForCausalLM", "llama", true},
    {"MistralForSequenceClassification", "llama", true},
    {"MixtralForCausalLM", "llama", true},
    {"Qwen2ForCausalLM", "qwen2", false},
    {"Qwen2ForSequenceClassification", "qwen2", false},
    {"Qwen3ForCausalLM", "qwen3", false},
    {"Qwen3ForSequenceClassification", "qwen3", false},
    {"Qwen3ForGuardModel", "qwen3", false},
    {"Qwen3MoeForCausalLM", "qwen3moe", false},
    {"GemmaForCausalLM", "gemma", false},
    {"Gemma2ForCausalLM", "gemma2", false},
    {"Gemma2ForSequenceClassification", "gemma2", false},
    {"Gemma3ForCausalLM", "gemma3", false},
    {"Gemma3ForConditionalGeneration", "gemma3", false},
    {"Phi3ForCausalLM", "phi3", false},
    {"GraniteForCausalLM", "granite", true},
    {"SmolLM3ForCausalLM", "smollm3", true},
    {"Olmo2ForCausalLM", "olmo2", false},
    {"OlmoeForCausalLM", "olmoe", false},
};

surefoot_status sf_cv_real(struct sf_cv *c, json_t *from, const char *key, bool required,
                           double *out) {
    json_t *v = json_object_get(from, key);
    if (!v || json_is_null(v)) {
        if (!required) return SUREFOOT_OK;
        return sf_fail(c->err, SUREFOOT_E_FILE, 0, "config.json: '%s' is missing", key);
    }
    if (!json_is_number(v) || !isfinite(json_number_value(v)))
        return sf_fail(c->err, SUREFOOT_E_FILE, 0, "config.json: '%s' is no number", key);
    *out = json_number_value(v);
    return SUREFOOT_OK;
}

surefoot_status sf_cv_u32(struct sf_cv *c, const char *key, bool required, uint32_t *out) {
    double v = (double)*out;
    SF_TRY(sf_cv_real(c, c->text, key, required, &v));
    if (v < 0 || v > (double)UINT32_MAX || v != floor(v))
        return sf_fail(c->err, SUREFOOT_E_FILE, 0, "config.json: '%s' is %g, no size", key, v);
    *out = (uint32_t)v;
    return SUREFOOT_OK;
}

static const char *key_of(const struct sf_cv *c, const char *suffix) {
    static char key[96]; /* one at a time; the command has one thread here */
    snprintf(key, sizeof key, "%s.%s", c->family, suffix);
    return key;
}
static void put_u32(struct sf_cv *c, const char *suffix, uint32_t v) {
    sf_gguf_put_u32(c->out, key_of(c, suffix), v);
}
static void put_f32(struct sf_cv *c, const char *suffix, double v) {
    sf_gguf_put_f32(c->out, key_of(c, suffix), (float)v);
}
static void put_text(struct sf_cv *c, const char *key, const char *s) {
    sf_gguf_put_str(c->out, key, (struct sf_str){s, strlen(s)});
}

static surefoot_status find_family(struct sf_cv *c) {
    const char *name =
        json_string_value(json_array_get(json_object_get(c->config, "architectures"), 0));
    if (!name)
        return sf_fail(c->err, SUREFOOT_E_FILE, 0,
                       "config.json: no 'architectures': no model's folder?");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].architecture) == 0) {
            c->family = known[i].family;
            c->permute = known[i].permute;
        }
    if (!c->family) {
        char clean[3 * 64 + 1];
        clean[sf_cli_clean(name, strnlen(name, 64), clean)] = 0;
        return sf_fail(c->err, SUREFOOT_E_UNSUPPORTED, 0,
                       "config.json: architecture '%s' is not supported", clean);
    }
    c->gemma = strncmp(c->family, "gemma", 5) == 0;
    json_t *text = json_object_get(c->config, "text_config");
    c->text = json_is_object(text) ? text : c->config;
    return SUREFOOT_OK;
}

static surefoot_status sizes(struct sf_cv *c) {
    uint32_t ff = 0, context = 0, moe_ff = 0, used = 0;
    double eps = 0;
    if (strcmp(c->family, "gemma3") == 0 && c->text != c->config) { /* what its files leave out */
        context = 131072;
        c->heads = 8, c->kv_heads = 4, c->head_dim = 256, eps = 1e-6;
    }
    SF_TRY(sf_cv_u32(c, "num_hidden_layers", true, &c->layers));
    SF_TRY(sf_cv_u32(c, "hidden_size", true, &c->dim));
    SF_TRY(sf_cv_u32(c, "intermediate_size", true, &ff));
    SF_TRY(sf_cv_u32(c, "max_position_embeddings", context == 0, &context));
    SF_TRY(sf_cv_u32(c, "num_attention_heads", c->heads == 0, &c->heads));
    if (c->kv_heads == 0) c->kv_heads = c->heads;
    SF_TRY(sf_cv_u32(c, "num_key_value_heads", false, &c->kv_heads));
    SF_TRY(sf_cv_real(c, c->text, "rms_norm_eps", eps == 0, &eps));
    if (c->layers == 0 || c->layers > 4096 || c->dim == 0 || c->dim > 1u << 20 || c->heads == 0 ||
        c->heads > 4096 || c->kv_heads == 0 || c->kv_heads > 4096)
        return sf_fail(c->err, SUREFOOT_E_FILE, 0,
                       "config.json: %u layers of width %u, %u heads, %u KV heads: no such model",
                       c->layers, c->dim, c->heads, c->kv_heads);
    bool told = c->head_dim > 0 || !json_is_null(json_object_get(c->text, "head_dim"));
    told = told && (c->head_dim > 0 || json_object_get(c->text, "head_dim"));
    if (c->head_dim == 0) c->head_dim = c->dim / c->heads;
    SF_TRY(sf_cv_u32(c, "head_dim", false, &c->head_dim));
    if (c->head_dim < 2 || c->head_dim > 1024 || c->head_dim % 2)
        return sf_fail(c->err, SUREFOOT_E_FILE, 0, "config.json: heads of %u values", c->head_dim);
    put_u32(c, "block_count", c->layers);
    put_u32(c, "context_length", context);
    put_u32(c, "embedding_length", c->dim);
    put_u32(c, "feed_forward_length", ff);
    put_u32(c, "attention.head_count", c->heads);
    put_u32(c, "attention.head_count_kv", c->kv_heads);
    put_f32(c, "attention.layer_norm_rms_epsilon", eps);
    if (told || c->head_dim * c->heads != c->dim) {
        put_u32(c, "attention.key_length", c->head_dim);
        put_u32(c, "attention.value_length", c->head_dim);
    }
    SF_TRY(sf_cv_u32(c, "num_local_experts", false, &c->experts));
    SF_TRY(sf_cv_u32(c, "num_experts", false, &c->experts));
    if (c->experts == 0) return SUREFOOT_OK;
    if (c->experts > 1024)
        return sf_fail(c->err, SUREFOOT_E_FILE, 0, "config.json: %u experts", c->experts);
    SF_TRY(sf_cv_u32(c, "num_experts_per_tok", true, &used));
    SF_TRY(sf_cv_u32(c, "moe_intermediate_size", false, &moe_ff));
    put_u32(c, "expert_count", c->experts);
    put_u32(c, "expert_used_count", used);
    if (moe_ff) put_u32(c, "expert_feed_forward_length", moe_ff);
    json_t *norm = json_object_get(c->text, "norm_topk_prob");
    if (json_is_boolean(norm))
        sf_gguf_put_bool(c->out, key_of(c, "expert_weights_norm"), json_is_true(norm));
    return SUREFOOT_OK;
}

static surefoot_status rope(struct sf_cv *c) {
    double base = strcmp(c->family, "gemma3") == 0 ? 1e6 : 10000, part = 1, v = 0;
    json_t *scaling = json_object_get(c->text, "rope_scaling");
    json_t *both = json_object_get(c->text, "rope_parameters"); /* newer files: all in one */
    if (json_is_object(json_object_get(both, "full_attention")))
        both = json_object_get(both, "full_attention");
    if (json_is_object(both)) {
        scaling = both;
        SF_TRY(sf_cv_real(c, both, "rope_theta", false, &base));
        SF_TRY(sf_cv_real(c, both, "partial_rotary_factor", false, &part));
    }
    SF_TRY(sf_cv_real(c, c->text, "rope_theta", false, &base));
    SF_TRY(sf_cv_real(c, c->text, "partial_rotary_factor", false, &part));
    put_f32(c, "rope.freq_base", base);
    double rot = (double)c->head_dim * part;
    if (!(rot >= 2) || rot > (double)c->head_dim)
        return sf_fail(c->err, SUREFOOT_E_FILE, 0, "config.json: partial_rotary_factor %g", part);
    put_u32(c, "rope.dimension_count", (uint32_t)rot / 2 * 2);
    if (!json_is_object(scaling)) return SUREFOOT_OK;
    const char *kind = json_string_value(json_object_get(scaling, "rope_type"));
    if (!kind) kind = json_string_value(json_object_get(scaling, "type"));
    if (!kind || strcmp(kind, "default") == 0 || strcmp(kind, "llama3") == 0) return SUREFOOT_OK;
    if (strcmp(kind, "linear") == 0) {
        SF_TRY(sf_cv_real(c, scaling, "factor", true, &v));
        put_text(c, key_of(c, "rope.scaling.type"), "linear");
        put_f32(c, "rope.scaling.factor", v);
        return SUREFOOT_OK;
    }
    if (strcmp(c->family, "phi3") != 0 ||
        (strcmp(kind, "longrope") != 0 && strcmp(kind, "su") != 0))
        return sf_fail(c->err, SUREFOOT_E_UNSUPPORTED, 0,
                       "config.json: rope scaling '%.20s' is not supported", kind);
    uint32_t context = 0, original = 0;
    SF_TRY(sf_cv_u32(c, "max_position_embeddings", true, &context));
    SF_TRY(sf_cv_u32(c, "original_max_position_embeddings", true, &original));
    if (original < 2)
        return sf_fail(c->err, SUREFOOT_E_FILE, 0,
                       "config.json: original_max_position_embeddings is %u", original);
    const double more = (double)context / (double)original;
    put_u32(c, "rope.scaling.original_context_length", original);
    put_f32(c, "rope.scaling.attn_factor", more <= 1 ? 1 : sqrt(1 + log(more) / log(original)));
    return SUREFOOT_OK;
}

static surefoot_status windows(struct sf_cv *c) {
    uint32_t window = 0, pattern = 0;
    json_t *use = json_object_get(c->text, "use_sliding_window");
    if (strncmp(c->family, "qwen", 4) == 0 && !json_is_true(use)) return SUREFOOT_OK;
    SF_TRY(sf_cv_u32(c, "sliding_window", false, &window));
    if (window == 0) return SUREFOOT_OK;
    if (strncmp(c->family, "qwen", 4) == 0)
        return sf_fail(c->err, SUREFOOT_E_UNSUPPORTED, 0,
                       "config.json: a sliding window in %s is not supported", c->family);
    put_u32(c, "attention.sliding_window", window);
    SF_TRY(sf_cv_u32(c, "sliding_window_pattern", false, &pattern));
    if (pattern && c->gemma) put_u32(c, "attention.sliding_window_pattern", pattern);
    return SUREFOOT_OK;
}

static surefoot_status scales(struct sf_cv *c) {
    static const struct {
        const char *from, *to;
    } rows[] = {{"attn_logit_softcapping", "attn_logit_softcapping"},
                {"final_logit_softcapping", "final_logit_softcapping"},
                {"embedding_multiplier", "embedding_scale"},
                {"residual_multiplier", "residual_scale"},
                {"attention_multiplier", "attention.scale"},
                {"logits_scaling", "logit_scale"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double v = 0;
        SF_TRY(sf_cv_real(c, c->text, rows[i].from, false, &v));
        if (v != 0) put_f32(c, rows[i].to, v);
    }
    double query = 0;
    SF_TRY(sf_cv_real(c, c->text, "query_pre_attn_scalar", false, &query));
    if (c->gemma && query > 0) put_f32(c, "attention.scale", 1 / sqrt(query));
    return SUREFOOT_OK;
}

/* {"0": "Safe", "1": "Unsafe"} -> an array of strings. */
static void labels(struct sf_cv *c, const char *from, const char *to) {
    json_t *map = json_object_get(c->config, from);
    struct sf_str s[64];
    size_t n = json_object_size(map), at = 0;
    for (; at < n && at < 64; at++) {
        char index[24];
        snprintf(index, sizeof index, "%zu", at);
        const char *text = json_string_value(json_object_get(map, index));
        if (!text) break;
        s[at] = (struct sf_str){text, strlen(text)};
    }
    if (n && at == n) sf_gguf_put_strings(c->out, to, s, n);
}

surefoot_status sf_cv_config(struct sf_cv *c) {
    SF_TRY(find_family(c));
    put_text(c, "general.architecture", c->family);
    size_t end = strlen(c->dir);
    while (end > 1 && c->dir[end - 1] == '/') end--;
    size_t from = end;
    while (from > 0 && c->dir[from - 1] != '/') from--;
    sf_gguf_put_str(c->out, "general.name", (struct sf_str){c->dir + from, end - from});
    static const uint32_t file_type[] = {
        [SF_T_F32] = 0, [SF_T_F16] = 1, [SF_T_BF16] = 32, [SF_T_Q8_0] = 7};
    sf_gguf_put_u32(c->out, "general.file_type", file_type[c->type]);
    sf_gguf_put_u32(c->out, "general.quantization_version", 2);
    SF_TRY(sizes(c));
    SF_TRY(rope(c));
    SF_TRY(windows(c));
    SF_TRY(scales(c));
    json_t *tied = json_object_get(c->text, "tie_word_embeddings");
    if (!tied) tied = json_object_get(c->config, "tie_word_embeddings");
    c->tied = json_is_boolean(tied) ? json_is_true(tied) : c->gemma;
    const char *score = json_string_value(json_object_get(c->config, "score_type"));
    if (score) put_text(c, "surefoot.score.type", score);
    labels(c, "response_risk_level_map", "surefoot.guard.risk_labels");
    labels(c, "response_category_map", "surefoot.guard.category_labels");
    labels(c, "query_risk_level_map", "surefoot.guard.query_risk_labels");
    labels(c, "query_category_map", "surefoot.guard.query_category_labels");
    return SUREFOOT_OK;
}
