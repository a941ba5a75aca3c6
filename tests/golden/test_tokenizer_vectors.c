/* SPDX-License-Identifier: MIT
 * test_tokenizer_vectors.c - real vocabularies against ids from other people's tokenizers:
 *     tokenizers/NAME.jsonl       one object a line: text, ids, nfc_changes
 *     tokenizers/peer-vectors/    one file of texts, one file of ids a vocabulary
 * Every text must encode to exactly these ids; the ids must give the text back, as a whole and fed
 * token by token through the streaming repair.
 */
#include <stdlib.h>

#include <jansson.h>
#include <utf8proc.h>
#include <zstd.h>

#include "harness.h"

#include "gguf.h"
#include "tokenizer.h"
#include "utf8.h"

struct vocab {
    void *data;
    struct sf_gguf gguf;
    struct sf_tokenizer *t;
};

static char *slurp(const char *relative, size_t *n) {
    char path[1024];
    if (!sf_shared(path, sizeof path, relative)) return NULL;
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    rewind(f);
    char *p = malloc(*n + 1);
    assert_non_null(p);
    assert_int_equal(fread(p, 1, *n, f), *n);
    p[*n] = 0;
    fclose(f);
    return p;
}

static bool vocab_open(struct vocab *v, const char *name) {
    char path[200];
    size_t n, size;
    snprintf(path, sizeof path, "tokenizers/vocab/%s.gguf.zst", name);
    char *packed = slurp(path, &n);
    if (!packed) return false;
    size = (size_t)ZSTD_getFrameContentSize(packed, n);
    assert_true(size < (size_t)1 << 30);
    v->data = malloc(size);
    assert_non_null(v->data);
    assert_int_equal(ZSTD_decompress(v->data, size, packed, n), size);
    free(packed);
    assert_ok(sf_gguf_parse(&v->gguf, v->data, size, err));
    assert_ok(sf_tokenizer_open(&v->t, &v->gguf, err));
    sf_gguf_close(&v->gguf); /* the tokenizer must not need it any more */
    memset(v->data, 0xA5, size);
    free(v->data);
    return true;
}

/* Bytes of the ids, special tokens by their spelling. */
static size_t spell(const struct sf_tokenizer *t, const int32_t *ids, size_t n, char *out) {
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        struct sf_str s = sf_tokenizer_attr(t, ids[i]) & SF_TOK_CONTROL
                              ? sf_token_spelling(t, ids[i])
                              : sf_token_bytes(t, ids[i]);
        memcpy(out + at, s.p, s.n);
        at += s.n;
    }
    return at;
}

static void one_text(const struct sf_tokenizer *t, const char *what, const char *text, size_t n,
                     unsigned flags, const int32_t *want, size_t n_want, const char *back) {
    size_t cap = 3 * n + 2, n_ids, n_text, control = 0;
    int32_t *ids = malloc(cap * sizeof *ids);
    surefoot_error e = {0};
    surefoot_status st = sf_encode(t, text, n, flags, ids, cap, &n_ids, &e);
    if (st != SUREFOOT_OK) fail_msg("%s: %s", what, e.text);
    bool same = n_ids == n_want;
    for (size_t i = 0; same && i < n_want; i++) same = ids[i] == want[i];
    if (!same) {
        print_error("%s: '%.200s'\n  want", what, text);
        for (size_t i = 0; i < n_want; i++) print_error(" %d", want[i]);
        print_error("\n  got ");
        for (size_t i = 0; i < n_ids; i++) print_error(" %d", ids[i]);
        fail_msg("\n%s: %zu ids, not those wanted", what, n_ids);
    }
    for (size_t i = 0; i < n_ids; i++)
        control += (sf_tokenizer_attr(t, ids[i]) & SF_TOK_CONTROL) != 0;
    size_t n_back = strlen(back);
    char *out = malloc(8 * n + 4096), *piecewise = malloc(8 * n + 4096);
    if (control) {
        n_text = spell(t, ids, n_ids, out);
    } else {
        assert_ok(sf_decode(t, ids, n_ids, out, 8 * n + 4096, &n_text, err));
    }
    if (n_text != n_back || memcmp(out, back, n_back) != 0)
        fail_msg("%s: '%s' comes back as '%.*s'", what, text, (int)n_text, out);
    /* the same, a token at a time */
    struct sf_utf8 u = {.n = 0};
    size_t at = 0;
    bool first = sf_tokenizer_space_prefix(t);
    for (size_t i = 0; i < n_ids && !control; i++) {
        struct sf_str s = sf_token_bytes(t, ids[i]);
        size_t drop = first && s.n && s.p[0] == ' ';
        first = first && s.n == 0;
        at += sf_utf8_feed(&u, s.p + drop, s.n - drop, piecewise + at);
        uint32_t cp;
        for (size_t k = 0; k < at;) { /* whole characters after every token */
            int len = sf_utf8_decode((unsigned char *)piecewise + k, at - k, &cp);
            assert_true(len > 0);
            k += (size_t)len;
        }
    }
    if (!control) {
        assert_int_equal(u.n, 0);
        assert_int_equal(at, n_back);
        assert_memory_equal(piecewise, back, n_back);
    }
    free(ids);
    free(out);
    free(piecewise);
}

/* ------------------------------------------------------------------------------------ jsonl */

/* SentencePiece writes spaces as U+2581 and so cannot tell the two apart. */
static void spaces(char *s) {
    for (char *p; (p = strstr(s, "\xE2\x96\x81"));) {
        *p = ' ';
        memmove(p + 1, p + 3, strlen(p + 3) + 1);
    }
}

static void jsonl(const char *name, const char *vocab, unsigned flags, bool nfc, bool spm) {
    struct vocab v;
    char path[200], what[200];
    size_t n, rows = 0;
    snprintf(path, sizeof path, "tokenizers/%s.jsonl", name);
    char *lines = slurp(path, &n);
    if (!lines || !vocab_open(&v, vocab)) {
        free(lines);
        skip();
        return;
    }
    for (char *line = lines, *end; *line; line = end + 1) {
        end = line + strcspn(line, "\n");
        json_t *o = json_loadb(line, (size_t)(end - line), JSON_ALLOW_NUL, NULL);
        assert_non_null(o);
        json_t *text = json_object_get(o, "text"), *want = json_object_get(o, "ids");
        size_t n_want = json_array_size(want), len = json_string_length(text);
        int32_t *ids = malloc((n_want + 1) * sizeof *ids);
        for (size_t i = 0; i < n_want; i++)
            ids[i] = (int32_t)json_integer_value(json_array_get(want, i));
        snprintf(what, sizeof what, "%s %lld", name,
                 (long long)json_integer_value(json_object_get(o, "i")));
        assert_int_equal(len, strlen(json_string_value(text)));
        char *back = nfc ? (char *)utf8proc_NFC((const unsigned char *)json_string_value(text))
                         : strdup(json_string_value(text));
        if (spm) spaces(back);
        if (nfc)
            assert_int_equal(strcmp(back, json_string_value(text)) != 0,
                             json_is_true(json_object_get(o, "nfc_changes")));
        one_text(v.t, what, json_string_value(text), len, flags, ids, n_want, back);
        free(back);
        free(ids);
        json_decref(o);
        rows++;
        if (!*end) break;
    }
    assert_true(rows > 100);
    free(lines);
    sf_tokenizer_close(v.t);
}

#define JSONL(name, vocab, flags, nfc, spm)                                                        \
    static void jsonl_##name(void **state) {                                                       \
        SF_UNUSED(state);                                                                          \
        jsonl(#name, vocab, flags, nfc, spm);                                                      \
    }
JSONL(llama2, "ggml-vocab-llama-spm", 0, false, true)
JSONL(gemma3, "gemma3-vocab", SF_ENCODE_SPECIAL, false, true)
JSONL(llama3, "llama3-vocab", SF_ENCODE_SPECIAL, false, false)
JSONL(qwen3, "qwen3-vocab", SF_ENCODE_SPECIAL, true, false)
JSONL(gpt2, "ggml-vocab-gpt-2", 0, false, false)
JSONL(deepseek_v3, "deepseek-v3-vocab", SF_ENCODE_SPECIAL, false, false)

/* ------------------------------------------------------------------------------- peer vectors */

static void peer(const char *out, const char *vocab) {
    static const char between[] = "\n__ggml_vocab_test__\n";
    struct vocab v;
    char path[200], what[200];
    size_t n, rows = 0;
    char *texts = slurp("tokenizers/peer-vectors/ggml-vocab.inp", &n);
    snprintf(path, sizeof path, "tokenizers/peer-vectors/ggml-vocab-%s.out", out);
    char *lines = slurp(path, &n), *line = lines, *text = texts;
    if (!texts || !lines || !vocab_open(&v, vocab)) {
        free(texts);
        free(lines);
        skip();
        return;
    }
    while (text) {
        char *next = strstr(text, between);
        if (next) *next = 0;
        int32_t ids[4096];
        size_t n_ids = 0;
        for (; *line && *line != '\n'; line += strspn(line, " "))
            ids[n_ids++] = (int32_t)strtol(line, &line, 10);
        if (*line) line++;
        snprintf(what, sizeof what, "%s line %zu", out, ++rows);
        /* the last text has no separator behind it: it is empty */
        one_text(v.t, what, text, strlen(text), SF_ENCODE_SPECIAL, ids, n_ids, text);
        text = next ? next + sizeof between - 1 : NULL;
    }
    assert_int_equal(rows, 47);
    free(texts);
    free(lines);
    sf_tokenizer_close(v.t);
}

#define PEER(name, out, vocab)                                                                     \
    static void peer_##name(void **state) {                                                        \
        SF_UNUSED(state);                                                                          \
        peer(out, vocab);                                                                          \
    }
PEER(llama_spm, "llama-spm", "ggml-vocab-llama-spm")
PEER(phi_3, "phi-3", "ggml-vocab-phi-3")
PEER(llama_bpe, "llama-bpe", "llama3-vocab")
PEER(qwen2, "qwen2", "qwen3-vocab")
PEER(gpt_2, "gpt-2", "ggml-vocab-gpt-2")
PEER(starcoder, "starcoder", "ggml-vocab-starcoder")
PEER(refact, "refact", "ggml-vocab-refact")
PEER(mpt, "mpt", "ggml-vocab-mpt")
PEER(falcon, "falcon", "ggml-vocab-falcon")
PEER(deepseek_llm, "deepseek-llm", "ggml-vocab-deepseek-llm")
PEER(deepseek_coder, "deepseek-coder", "ggml-vocab-deepseek-coder")

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jsonl_llama2),        cmocka_unit_test(jsonl_gemma3),
        cmocka_unit_test(jsonl_llama3),        cmocka_unit_test(jsonl_qwen3),
        cmocka_unit_test(jsonl_gpt2),          cmocka_unit_test(jsonl_deepseek_v3),
        cmocka_unit_test(peer_llama_spm),      cmocka_unit_test(peer_phi_3),
        cmocka_unit_test(peer_llama_bpe),      cmocka_unit_test(peer_qwen2),
        cmocka_unit_test(peer_gpt_2),          cmocka_unit_test(peer_starcoder),
        cmocka_unit_test(peer_refact),         cmocka_unit_test(peer_mpt),
        cmocka_unit_test(peer_falcon),         cmocka_unit_test(peer_deepseek_llm),
        cmocka_unit_test(peer_deepseek_coder),
    };
    char path[1024];
    if (!sf_shared(path, sizeof path, "tokenizers")) return SF_SKIP;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
