/* SPDX-License-Identifier: MIT
 * test_tokenizer_files.c - vocabularies as files may hold them: keys missing, of another kind or
 * length, ids out of range, spellings that would break a careless table; and memory that runs out.
 */
#include <stdlib.h>

#include "arena.h"
#include "small_vocab.h"

static void open_fails(const struct mv *m, surefoot_status want, const char *part) {
    struct sf_gguf g;
    struct sf_tokenizer *t = (struct sf_tokenizer *)1;
    assert_ok(sf_gguf_parse(&g, m->p, m->n, err));
    expect_fail(sf_tokenizer_open(&t, &g, err), want, part);
    assert_null(t);
    assert_int_equal(sf_tokenizer_open(&t, &g, NULL), want); /* no error wanted */
    sf_gguf_close(&g);
}

static void missing_keys(void **state) {
    SF_UNUSED(state);
    struct mv m = {0};
    struct mv_vocab v = {0};
    spm(&v);
    mv_begin(&m);
    mv_str(&m, "general.architecture", "llama");
    open_fails(&m, SUREFOOT_E_UNSUPPORTED, "no tokenizer.ggml.model");
    mv_str(&m, "tokenizer.ggml.model", "llama");
    open_fails(&m, SUREFOOT_E_FILE, "no vocabulary");
    mv_array(&m, "tokenizer.ggml.tokens", SF_GGUF_STRING, v.n);
    mv_put(&m, v.text.p, v.text.n);
    open_fails(&m, SUREFOOT_E_FILE, "scores");
    mv_begin(&m);
    mv_str(&m, "tokenizer.ggml.model", "bert");
    open_fails(&m, SUREFOOT_E_UNSUPPORTED, "'bert' is not supported; there are llama");
    mv_begin(&m);
    mv_str(&m, "tokenizer.ggml.model", "gpt2");
    mv_str(&m, "tokenizer.ggml.pre", "klingon");
    open_fails(&m, SUREFOOT_E_UNSUPPORTED, "'klingon' is not supported; there are llama-bpe");
    mv_begin(&m);
    mv_str(&m, "tokenizer.ggml.model", "gpt2");
    mv_array(&m, "tokenizer.ggml.tokens", SF_GGUF_STRING, v.n);
    mv_put(&m, v.text.p, v.text.n);
    open_fails(&m, SUREFOOT_E_FILE, "merges: missing");
    mv_begin(&m);
    mv_str(&m, "tokenizer.ggml.model", "llama");
    mv_array(&m, "tokenizer.ggml.tokens", SF_GGUF_STRING, 0);
    open_fails(&m, SUREFOOT_E_FILE, "no vocabulary");
    mv_begin(&m);
    mv_str(&m, "tokenizer.ggml.model", "llama");
    mv_array(&m, "tokenizer.ggml.tokens", SF_GGUF_I32, 1);
    mv_u32(&m, 5);
    open_fails(&m, SUREFOOT_E_FILE, "tokenizer.ggml.tokens");
    mv_vocab_free(&v);
    mv_free(&m);
}

static void wrong_values(void **state) {
    SF_UNUSED(state);
    struct mv m = {0};
    static const struct {
        const char *key;
        int what;
        const char *part;
    } rows[] = {
        {"tokenizer.ggml.bos_token_id", 1, "tokenizer.ggml.bos_token_id: id"},
        {"tokenizer.ggml.eos_token_id", 1, "tokenizer.ggml.eos_token_id: id"},
        {"tokenizer.ggml.eot_token_id", 1, "tokenizer.ggml.eot_token_id: id"},
        {"tokenizer.ggml.unknown_token_id", 1, "tokenizer.ggml.unknown_token_id: id"},
        {"tokenizer.ggml.bos_token_id", 2, "tokenizer.ggml.bos_token_id"},
        {"tokenizer.ggml.add_bos_token", 2, "tokenizer.ggml.add_bos_token"},
        {"tokenizer.ggml.add_space_prefix", 2, "tokenizer.ggml.add_space_prefix"},
    };
    struct mv_vocab v = {0};
    spm(&v);
    for (size_t i = 0; i < SF_COUNT(rows); i++) {
        mv_begin(&m);
        mv_vocab_keys(&m, &v, "llama");
        if (rows[i].what == 1) mv_id(&m, rows[i].key, (uint32_t)v.n); /* one past the last */
        if (rows[i].what == 2) mv_str(&m, rows[i].key, "yes");
        open_fails(&m, SUREFOOT_E_FILE, rows[i].part);
    }
    /* -1, unsigned or signed, is "none" */
    mv_begin(&m);
    mv_vocab_keys(&m, &v, "llama");
    mv_id(&m, "tokenizer.ggml.bos_token_id", UINT32_MAX);
    mv_key(&m, "tokenizer.ggml.eos_token_id", SF_GGUF_I32);
    mv_u32(&m, UINT32_MAX);
    struct sf_tokenizer *t = open_ok(&m);
    assert_int_equal(sf_tokenizer_bos(t), -1);
    assert_int_equal(sf_tokenizer_eos(t), -1);
    assert_false(sf_tokenizer_add_bos(t)); /* none to add */
    sf_tokenizer_close(t);
    mv_vocab_free(&v);
    mv_free(&m);
}

/* Arrays of another length, of another kind; token types and scores that mean nothing. */
static void wrong_arrays(void **state) {
    SF_UNUSED(state);
    struct mv m = {0};
    struct mv_vocab v = {0};
    uint32_t nan = 0x7FC00000, inf = 0x7F800000, type = 7;
    spm(&v);
    v.n--;
    mv_begin(&m);
    mv_vocab_keys(&m, &v, "llama");
    struct sf_gguf g;
    assert_int_not_equal(sf_gguf_parse(&g, m.p, m.n, NULL),
                         SUREFOOT_OK); /* one string is left over */
    v.n++;
    for (int k = 0; k < 4; k++) {
        mv_begin(&m);
        mv_str(&m, "tokenizer.ggml.model", "llama");
        mv_array(&m, "tokenizer.ggml.tokens", SF_GGUF_STRING, v.n);
        mv_put(&m, v.text.p, v.text.n);
        mv_array(&m, "tokenizer.ggml.scores", SF_GGUF_F32, k == 0 ? v.n - 1 : v.n);
        mv_put(&m, v.score.p, v.score.n - (k == 0 ? 4 : 0));
        if (k == 1) mv_array(&m, "tokenizer.ggml.token_type", SF_GGUF_I32, 1), mv_u32(&m, 1);
        if (k == 2) mv_array(&m, "tokenizer.ggml.token_type", SF_GGUF_STRING, 0);
        if (k == 3) mv_id(&m, "tokenizer.ggml.token_type", 1);
        open_fails(&m, SUREFOOT_E_FILE,
                   k == 0 ? "tokenizer.ggml.scores" : "tokenizer.ggml.token_type");
    }
    mv_begin(&m);
    memcpy(v.score.p + 4 * 300, &nan, 4);
    mv_vocab_keys(&m, &v, "llama");
    open_fails(&m, SUREFOOT_E_FILE, "token 300 is not a number");
    mv_begin(&m);
    memcpy(v.score.p + 4 * 300, &inf, 4);
    mv_vocab_keys(&m, &v, "llama");
    sf_tokenizer_close(open_ok(&m));
    mv_begin(&m);
    memcpy(v.type.p + 4 * 10, &type, 4);
    mv_vocab_keys(&m, &v, "llama");
    open_fails(&m, SUREFOOT_E_FILE, "token 10 has type 7");
    mv_begin(&m);
    type = 6;
    memcpy(v.type.p + 4 * 10, &type, 4);
    memcpy(v.type.p + 4 * 300, &type, 4); /* a piece */
    mv_vocab_keys(&m, &v, "llama");
    open_fails(&m, SUREFOOT_E_FILE, "token 300 is of type byte");
    mv_vocab_free(&v);
    bpe(&v);
    static const char *const merge[] = {"ab", "", " ", " a", "a ", "  "};
    for (size_t i = 0; i < SF_COUNT(merge); i++) {
        struct mv_vocab w = {0};
        bpe(&w);
        mv_merge(&w, merge[i]);
        mv_begin(&m);
        mv_vocab_keys(&m, &w, "gpt2");
        open_fails(&m, SUREFOOT_E_FILE, "merge 18 is not two parts");
        mv_vocab_free(&w);
    }
    mv_vocab_free(&v);
    mv_free(&m);
}

/* Without token types, special tokens are known by their spelling. */
static void no_types(void **state) {
    SF_UNUSED(state);
    struct mv m = {0};
    struct mv_vocab v = {0};
    spm(&v);
    mv_begin(&m);
    mv_str(&m, "tokenizer.ggml.model", "llama");
    mv_array(&m, "tokenizer.ggml.tokens", SF_GGUF_STRING, v.n);
    mv_put(&m, v.text.p, v.text.n);
    mv_array(&m, "tokenizer.ggml.scores", SF_GGUF_F32, v.n);
    mv_put(&m, v.score.p, v.score.n);
    struct sf_tokenizer *t = open_ok(&m);
    assert_int_equal(sf_tokenizer_attr(t, EOS), SF_TOK_CONTROL | SF_TOK_EOG);
    assert_int_equal(sf_tokenizer_attr(t, BYTES), SF_TOK_BYTE);
    assert_string_equal(pieces(t, "x</s>", SF_ENCODE_NO_PREFIX),
                        "<0x78>|<0x3C>|<0x2F>|<0x73>|<0x3E>");
    assert_string_equal(pieces(t, "</s>", SF_ENCODE_SPECIAL), "</s>");
    sf_tokenizer_close(t);
    mv_vocab_free(&v);
    mv_free(&m);
}

/* Which tokens end a text. */
static void ends(void **state) {
    SF_UNUSED(state);
    static const char *const name[] = {"<|im_end|>", "<|endoftext|>", "<|end|>", "<|im_start|>",
                                       "<|return|>", "<|call|>",      "stop"};
    for (int harmony = 0; harmony < 2; harmony++) {
        struct mv m = {0};
        struct mv_vocab v = {0};
        mv_byte_alphabet(&v);
        for (size_t i = 0; i < SF_COUNT(name); i++)
            if (harmony || (i != 4 && i != 5)) mv_token(&v, name[i], 0, i == 0 ? 4 : 3);
        mv_merge(&v, "a b");
        mv_begin(&m);
        mv_vocab_keys(&m, &v, "gpt2");
        mv_id(&m, "tokenizer.ggml.eom_token_id", (uint32_t)v.n - 1);
        struct sf_tokenizer *t = open_ok(&m);
        for (size_t i = 0; i < SF_COUNT(name); i++) {
            int32_t id = sf_tokenizer_find(t, name[i], strlen(name[i]));
            if (id < 0) continue;
            bool end = i != 3 && !(harmony && i == 2);
            assert_int_equal((sf_tokenizer_attr(t, id) & SF_TOK_EOG) != 0, end);
            assert_true(sf_tokenizer_attr(t, id) &
                        SF_TOK_CONTROL); /* the first was declared text */
        }
        sf_tokenizer_close(t);
        mv_vocab_free(&v);
        mv_free(&m);
    }
}

/* Spellings that would break a careless table. */
static void odd_spellings(void **state) {
    SF_UNUSED(state);
    struct mv m = {0};
    struct mv_vocab v = {0};
    size_t big = 100000;
    char *s = malloc(2 * big);
    memset(s, 'a', 2 * big);
    mv_byte_alphabet(&v);
    mv_token(&v, "", 0, 1);
    mv_token_n(&v, "\0", 1, 0, 1);
    mv_token_n(&v, "\xFF\xFE", 2, 0, 1);
    mv_token_n(&v, "a\0b", 3, 0, 4);
    mv_token_n(&v, s, big, 0, 1);
    mv_token_n(&v, s, big - 1, 0, 4);
    for (int i = 0; i < 5000; i++) mv_token(&v, "same", 0, i % 2 ? 3 : 4);
    mv_merge(&v, "a a");
    s[big] = ' '; /* a merge longer than any token */
    mv_bytes(&v.merge, s, 2 * big);
    v.n_merge++;
    mv_begin(&m);
    mv_vocab_keys(&m, &v, "gpt2");
    struct sf_tokenizer *t = open_ok(&m);
    assert_int_equal(sf_tokenizer_max_bytes(t), big);
    assert_int_equal(sf_tokenizer_find(t, "same", 4), 262);
    assert_string_equal(pieces(t, "xsame", 0), "x|same");
    int32_t id[4];
    size_t n;
    assert_ok(sf_encode(t, "a\0b", 3, 0, id, 4, &n, err));
    assert_int_equal(n, 1);
    assert_ok(sf_encode(t, s, big - 1, 0, id, 4, &n, err));
    assert_int_equal(n, 1);
    assert_memory_equal(sf_token_bytes(t, 258).p, "\xFF\xFE", 2); /* not UTF-8: as it is */
    sf_tokenizer_close(t);
    free(s);
    mv_vocab_free(&v);
    mv_free(&m);
}

/* ------------------------------------------------------------------------------------ no memory */

static size_t fail_at, allocations;
static bool fail_one(size_t bytes) {
    SF_UNUSED(bytes);
    return allocations++ == fail_at;
}

static void no_memory(void **state) {
    SF_UNUSED(state);
    struct mv m = {0};
    struct mv_vocab v = {0};
    struct sf_gguf g;
    bpe(&v);
    mv_begin(&m);
    mv_vocab_keys(&m, &v, "gpt2");
    mv_str(&m, "tokenizer.ggml.pre", "qwen2");
    assert_ok(sf_gguf_parse(&g, m.p, m.n, err));
    struct sf_tokenizer *t = NULL;
    for (fail_at = 0; !t; fail_at++) {
        surefoot_error e = {0};
        allocations = 0;
        sf_alloc_hook(fail_one);
        surefoot_status st = sf_tokenizer_open(&t, &g, &e);
        sf_alloc_hook(NULL);
        if (st != SUREFOOT_OK) {
            assert_int_equal(st, SUREFOOT_E_MEMORY);
            assert_null(t);
        }
    }
    assert_true(fail_at > 4);
    sf_gguf_close(&g);
    struct sf_tokenizer *spm = spm_open(1);
    char text[400] = "e\xCC\x81 hello <tag> ";
    while (strlen(text) < 300) strcat(text, "\xCC\x96\xCC\x8D"); /* a long run of marks as well */
    for (int k = 0; k < 2; k++) {
        bool done = false;
        for (fail_at = 0; !done; fail_at++) {
            int32_t ids[1300];
            size_t n;
            allocations = 0;
            sf_alloc_hook(fail_one);
            surefoot_status st = sf_encode(k ? spm : t, text, strlen(text), 0, ids, 1300, &n, NULL);
            sf_alloc_hook(NULL);
            done = st == SUREFOOT_OK && allocations <= fail_at;
            if (!done) assert_int_equal(st, SUREFOOT_E_MEMORY);
        }
        assert_true(fail_at > 2);
    }
    sf_tokenizer_close(t);
    sf_tokenizer_close(spm);
    mv_vocab_free(&v);
    mv_free(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_keys), cmocka_unit_test(wrong_values),
        cmocka_unit_test(wrong_arrays), cmocka_unit_test(no_types),
        cmocka_unit_test(ends),         cmocka_unit_test(odd_spellings),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
