/* SPDX-License-Identifier: MIT
 * test_families.c - what the families read from a file's keys, and what they refuse.
 */
#include "harness.h"

#include <math.h>

#include "family.h"
#include "make_vocab.h"

enum { NONE, U, F, S, B }; /* absent; u32, f32, string, bool */
struct key {
    const char *name;
    int kind;
    double v;
    const char *s;
};

/* The keys of a plain model of the family, with extra ones or others in their place. */
static surefoot_status config(struct sf_config *c, const char *family, const struct key *more,
                              size_t n, surefoot_error *why) {
    const struct key plain[] = {
        {"block_count", U, 12, 0},
        {"context_length", U, 4096, 0},
        {"embedding_length", U, 256, 0},
        {"feed_forward_length", U, 512, 0},
        {"attention.head_count", U, 4, 0},
        {"attention.head_count_kv", U, 2, 0},
        {"attention.layer_norm_rms_epsilon", F, 1e-6, 0},
        {"expert_count", strstr(family, "moe") ? U : NONE, 8, 0},
        {"expert_used_count", strstr(family, "moe") ? U : NONE, 2, 0},
    };
    struct mv m = {0};
    mv_begin(&m);
    for (size_t i = 0; i < SF_COUNT(plain) + n; i++) {
        const struct key *k = i < SF_COUNT(plain) ? &plain[i] : &more[i - SF_COUNT(plain)];
        bool replaced = k->kind == NONE;
        for (size_t j = 0; i < SF_COUNT(plain) && j < n; j++)
            if (strcmp(more[j].name, k->name) == 0) replaced = true;
        if (replaced) continue;
        char name[96];
        snprintf(name, sizeof name, "%s.%s", family, k->name);
        float f = (float)k->v;
        if (k->kind == U) mv_id(&m, name, (uint32_t)k->v);
        if (k->kind == F) mv_key(&m, name, SF_GGUF_F32), mv_put(&m, &f, 4);
        if (k->kind == S) mv_str(&m, name, k->s);
        if (k->kind == B) mv_bool(&m, name, (unsigned char)k->v);
    }
    struct sf_gguf g;
    assert_ok(sf_gguf_parse(&g, m.p, m.n, err));
    const struct sf_family *f = sf_family_find((struct sf_str){family, strlen(family)});
    assert_non_null(f);
    surefoot_status s = sf_config_read(c, f, &g, why);
    sf_gguf_close(&g);
    mv_free(&m);
    return s;
}

static void plain(void **state) {
    SF_UNUSED(state);
    static const char *const all[] = {"llama",  "qwen2", "qwen3",   "qwen3moe", "gemma", "gemma2",
                                      "gemma3", "phi3",  "granite", "smollm3",  "olmo2", "olmoe"};
    for (size_t i = 0; i < SF_COUNT(all); i++) {
        struct sf_config c;
        assert_ok(config(&c, all[i], NULL, 0, err));
        const bool gemma = strncmp(all[i], "gemma", 5) == 0;
        assert_int_equal(c.gelu, gemma);
        assert_true(c.embed_scale == (gemma ? 16.0f : 1.0f));
        assert_true(c.attn_scale == 0.125f); /* 1 / sqrt(64) */
        assert_true(c.residual_scale == 1 && c.logit_div == 1);
        assert_int_equal(c.n_experts, strstr(all[i], "moe") ? 8 : 0);
        uint32_t locals = 0, still = 0;
        for (uint32_t l = 0; l < c.n_layers; l++) {
            locals += sf_layer_local(&c, l);
            still += !sf_layer_rotates(&c, l);
        }
        assert_int_equal(locals, strcmp(all[i], "gemma2") == 0   ? 6
                                 : strcmp(all[i], "gemma3") == 0 ? 10
                                                                 : 0);
        assert_int_equal(still, strcmp(all[i], "smollm3") == 0 ? 3 : 0);
    }
}

static void values(void **state) {
    SF_UNUSED(state);
    struct sf_config c;
    const struct key granite[] = {{"attention.scale", F, 0.015625, 0},
                                  {"embedding_scale", F, 12, 0},
                                  {"residual_scale", F, 0.22, 0},
                                  {"logit_scale", F, 8, 0}};
    assert_ok(config(&c, "granite", granite, SF_COUNT(granite), err));
    assert_true(c.attn_scale == 0.015625f && c.embed_scale == 12 && c.residual_scale == 0.22f &&
                c.logit_div == 8);
    assert_ok(config(&c, "gemma2", NULL, 0, err)); /* what files leave out */
    assert_true(c.attn_cap == 50 && c.logit_cap == 30 && c.window == 4096);
    assert_true(sf_layer_local(&c, 0) && !sf_layer_local(&c, 1));
    const struct key big[] = {{"block_count", U, 46, 0}, {"attention.key_length", U, 128, 0}};
    assert_ok(config(&c, "gemma2", big, 2, err));
    assert_true(c.attn_scale == 0.125f); /* the 27B model: of dim / heads = 64, not of 128 */
    const struct key g3[] = {{"rope.scaling.type", S, 0, "linear"},
                             {"rope.scaling.factor", F, 8, 0},
                             {"rope.freq_base", F, 1e6, 0}};
    assert_ok(config(&c, "gemma3", g3, 3, err));
    assert_true(c.rope_scale == 0.125 && c.rope_base_local == 10000 && c.rope_base == 1e6);
    assert_true(sf_layer_local(&c, 4) && !sf_layer_local(&c, 5));
    const struct key pattern[] = {{"attention.sliding_window", U, 9, 0},
                                  {"attention.sliding_window_pattern", U, 3, 0}};
    assert_ok(config(&c, "llama", pattern, 1, err));
    assert_true(c.window == 9 && sf_layer_local(&c, 2)); /* Mistral: all layers */
    assert_ok(config(&c, "llama", pattern, 2, err));
    assert_true(sf_layer_local(&c, 1) && !sf_layer_local(&c, 2));
    const struct key none[] = {{"attention.sliding_window", U, 0, 0}};
    assert_ok(config(&c, "phi3", none, 1, err));
    assert_false(sf_layer_local(&c, 0));
    const struct key longrope[] = {{"rope.scaling.type", S, 0, "longrope"},
                                   {"rope.scaling.attn_factor", F, 1.5, 0},
                                   {"rope.scaling.original_context_length", U, 512, 0},
                                   {"rope.dimension_count", U, 48, 0}};
    assert_ok(config(&c, "phi3", longrope, 4, err));
    assert_true(c.rope_mscale == 1.5 && c.n_ctx_orig == 512 && c.n_rot == 48);
    const struct key experts[] = {{"expert_feed_forward_length", U, 96, 0},
                                  {"expert_weights_norm", B, 0, 0}};
    assert_ok(config(&c, "qwen3moe", experts, 2, err));
    assert_true(c.ff_dim == 96 && c.n_used == 2 && !c.expert_norm);
}

/* Keys that make no sense: an error that names them. */
static void refused(void **state) {
    SF_UNUSED(state);
    static const struct {
        const char *family;
        struct key key;
        surefoot_status want;
        const char *part;
    } rows[] = {
        {"qwen3moe", {"expert_count", U, 0, 0}, SUREFOOT_E_FILE, "expert_count"},
        {"qwen3moe", {"expert_count", NONE, 0, 0}, SUREFOOT_E_FILE, "expert_count"},
        {"qwen3moe", {"expert_count", U, 4e9, 0}, SUREFOOT_E_FILE, "expert_count"},
        {"qwen3moe", {"expert_used_count", U, 0, 0}, SUREFOOT_E_FILE, "expert_used_count"},
        {"qwen3moe", {"expert_used_count", U, 9, 0}, SUREFOOT_E_FILE, "expert_used_count"},
        {"qwen3moe", {"expert_used_count", NONE, 0, 0}, SUREFOOT_E_FILE, "expert_used_count"},
        {"qwen3moe", {"expert_feed_forward_length", U, 100, 0}, SUREFOOT_E_UNSUPPORTED, "16"},
        {"qwen3moe", {"expert_gating_func", U, 2, 0}, SUREFOOT_E_UNSUPPORTED, "gating"},
        {"olmoe", {"expert_shared_count", U, 1, 0}, SUREFOOT_E_UNSUPPORTED, "shared"},
        {"olmoe", {"expert_weights_norm", U, 1, 0}, SUREFOOT_E_FILE, "weights_norm"},
        {"gemma", {"expert_count", U, 8, 0}, SUREFOOT_E_UNSUPPORTED, "expert"},
        {"gemma2", {"attention.sliding_window", U, 0, 0}, SUREFOOT_E_FILE, "sliding_window"},
        {"gemma3", {"attention.sliding_window", U, 0, 0}, SUREFOOT_E_FILE, "sliding_window"},
        {"gemma3", {"attention.sliding_window_pattern", U, 0, 0}, SUREFOOT_E_FILE, "pattern"},
        {"gemma3", {"attention.sliding_window", F, 4, 0}, SUREFOOT_E_FILE, "sliding_window"},
        {"gemma2", {"attn_logit_softcapping", F, (double)NAN, 0}, SUREFOOT_E_FILE, "softcapping"},
        {"gemma2", {"attn_logit_softcapping", F, -1, 0}, SUREFOOT_E_FILE, "softcapping"},
        {"gemma2",
         {"final_logit_softcapping", F, (double)INFINITY, 0},
         SUREFOOT_E_FILE,
         "softcapping"},
        {"granite", {"logit_scale", F, 0, 0}, SUREFOOT_E_FILE, "logit_scale"},
        {"granite", {"residual_scale", F, (double)NAN, 0}, SUREFOOT_E_FILE, "residual_scale"},
        {"granite", {"embedding_scale", F, 1e30, 0}, SUREFOOT_E_FILE, "embedding_scale"},
        {"granite", {"attention.scale", F, -1, 0}, SUREFOOT_E_FILE, "attention.scale"},
        {"llama", {"attention.head_count", U, 0, 0}, SUREFOOT_E_FILE, "head_count"},
        {"llama", {"attention.head_count_kv", U, 3, 0}, SUREFOOT_E_FILE, "divide"},
        {"llama", {"attention.head_count", U, 512, 0}, SUREFOOT_E_FILE, "head"},
        {"llama", {"rope.dimension_count", U, 33, 0}, SUREFOOT_E_FILE, "even"},
        {"llama", {"rope.dimension_count", U, 66, 0}, SUREFOOT_E_FILE, "dimension_count"},
        {"llama", {"rope.scaling.type", S, 0, "yarn"}, SUREFOOT_E_UNSUPPORTED, "yarn"},
        {"llama", {"rope.scaling.type", S, 0, "longrope"}, SUREFOOT_E_UNSUPPORTED, "longrope"},
        {"phi3", {"rope.scaling.attn_factor", F, (double)NAN, 0}, SUREFOOT_E_FILE, "attn_factor"},
        {"phi3", {"rope.scaling.original_context_length", U, 0, 0}, SUREFOOT_E_FILE, "original"},
    };
    for (size_t i = 0; i < SF_COUNT(rows); i++) {
        struct sf_config c;
        surefoot_error err = {0};
        surefoot_status s = config(&c, rows[i].family, &rows[i].key, 1, &err);
        if (s != rows[i].want || !strstr(err.text, rows[i].part))
            fail_msg("%s.%s: status %d, '%s'", rows[i].family, rows[i].key.name, (int)s, err.text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(plain), cmocka_unit_test(values),
                                       cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
