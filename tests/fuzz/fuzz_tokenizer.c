/* SPDX-License-Identifier: MIT
 * fuzz_tokenizer.c - the first byte chooses:
 *     0, 1   the rest is a GGUF file (bytes chosen to be a tokenizer's), opened as a tokenizer
 *     2      the second chooses a small vocabulary, the rest is a text for it
 *     3      the rest is a chat template
 * Laws: what opens, encodes and decodes; ids are in range; without SF_ENCODE_SPECIAL no control
 * token comes out; the bytes of the ids are those of the text, where the vocabulary covers bytes
 * and nothing is normalised; room that is too small is not overrun.
 */
#include "fuzz.h"

#include "chat.h"
#include "make_vocab.h"
#include "tokenizer.h"
#include "utf8.h"

static void encode(const struct sf_tokenizer *t, const char *text, size_t n, unsigned flags,
                   bool exact) {
    size_t cap = 3 * n + 2, m, back;
    int32_t *ids = malloc(cap * sizeof *ids);
    FUZZ_CHECK(ids != NULL);
    surefoot_error err = {0};
    surefoot_status st = sf_encode(t, text, n, flags, ids, cap, &m, &err);
    FUZZ_CHECK(st == SUREFOOT_OK || st == SUREFOOT_E_FAILED);
    FUZZ_CHECK(st == SUREFOOT_OK || !exact);
    if (st == SUREFOOT_OK) {
        size_t room = m * sf_tokenizer_max_bytes(t) + 1, len = 0;
        FUZZ_CHECK(m <= cap);
        char *out = malloc(SF_UTF8_OUT(room)), *raw = malloc(room);
        FUZZ_CHECK(out && raw);
        for (size_t i = 0; i < m; i++) {
            FUZZ_CHECK(ids[i] >= 0 && ids[i] < sf_tokenizer_n_vocab(t));
            bool control = sf_tokenizer_attr(t, ids[i]) & SF_TOK_CONTROL;
            FUZZ_CHECK(!control || (flags & SF_ENCODE_SPECIAL) ||
                       ((flags & SF_ENCODE_BOS) && i == 0 && ids[0] == sf_tokenizer_bos(t)));
            struct sf_str s = sf_token_bytes(t, ids[i]);
            FUZZ_CHECK(s.n <= sf_tokenizer_max_bytes(t));
            memcpy(raw + len, s.p, s.n);
            len += s.n;
        }
        if (exact) FUZZ_CHECK(len == n && memcmp(raw, text, n) == 0);
        FUZZ_CHECK(sf_decode(t, ids, m, out, SF_UTF8_OUT(room), &back, NULL) == SUREFOOT_OK);
        uint32_t cp;
        for (size_t i = 0; i < back;) {
            int k = sf_utf8_decode((const unsigned char *)out + i, back - i, &cp);
            FUZZ_CHECK(k > 0);
            i += (size_t)k;
        }
        size_t half = m / 2, again;
        int32_t *few = malloc(half * sizeof *few + 1);
        FUZZ_CHECK(few != NULL);
        st = sf_encode(t, text, n, flags, few, half, &again, NULL);
        FUZZ_CHECK(again == m && (st == SUREFOOT_E_USAGE || half == m));
        FUZZ_CHECK(memcmp(few, ids, half * sizeof *few) == 0);
        free(few);
        free(out);
        free(raw);
    }
    free(ids);
}

static void any_file(const uint8_t *data, size_t size) {
    static const char text[] = "<s>The <|im_start|>12 caf\xC3\xA9 e\xCC\x81  \n\n\xFF\0'll</s>";
    struct sf_gguf g;
    struct sf_tokenizer *t;
    surefoot_error err = {0};
    if (sf_gguf_parse(&g, data, size, &err) != SUREFOOT_OK) return;
    surefoot_status st = sf_tokenizer_open(&t, &g, &err);
    sf_gguf_close(&g);
    FUZZ_CHECK((st == SUREFOOT_OK) == (t != NULL));
    FUZZ_CHECK(st == SUREFOOT_OK || (err.code == st && err.text[0] != 0));
    if (!t) return;
    for (unsigned flags = 0; flags < 8; flags++) encode(t, text, sizeof text - 1, flags, false);
    for (int32_t id = 0; id < sf_tokenizer_n_vocab(t) && id < 50;
         id++) { /* each token's own text */
        struct sf_str s = sf_token_bytes(t, id);
        if (s.n < 1000) encode(t, s.p, s.n, SF_ENCODE_SPECIAL, false);
        s = sf_token_spelling(t, id);
        if (s.n < 1000) encode(t, s.p, s.n, 0, false);
        FUZZ_CHECK(s.n == 0 || sf_tokenizer_find(t, s.p, s.n) <= id);
        FUZZ_CHECK(s.n == 0 || sf_tokenizer_find(t, s.p, s.n) >= 0);
    }
    sf_tokenizer_close(t);
}

static struct sf_tokenizer *small(const char *model, const char *pre) {
    static const char *const piece[] = {
        "th",       "he", "the",  "\xE2\x96\x81", "\xE2\x96\x81\xE2\x96\x81",
        "a",        "aa", "aaaa", "in",           "er",
        "\xC3\xA9", "12", "\n"};
    static const char *const merge[] = {"t h",          "th e",
                                        "\xC4\xA0 the", "\xC4\xA0 \xC4\xA0",
                                        "a a",          "aa aa",
                                        "1 2",          "\xC3\x83 \xC2\xA9",
                                        "h e",          "\xC4\x8A \xC4\x8A"};
    struct mv m = {0};
    struct mv_vocab v = {0};
    struct sf_gguf g;
    struct sf_tokenizer *t;
    if (strcmp(model, "llama") == 0) {
        mv_byte_tokens(&v);
        for (size_t i = 0; i < SF_COUNT(piece); i++) mv_token(&v, piece[i], -(float)i, 1);
    } else {
        mv_byte_alphabet(&v);
        for (size_t i = 0; i < SF_COUNT(merge); i++) {
            char s[16];
            const char *blank = strchr(merge[i], ' ');
            snprintf(s, sizeof s, "%.*s%s", (int)(blank - merge[i]), merge[i], blank + 1);
            mv_token(&v, s, 0, 1);
            mv_merge(&v, merge[i]);
        }
    }
    mv_token(&v, "<s>", 0, 3);
    mv_token(&v, "<|x|>", 0, 4);
    mv_token(&v, "<tag>", 0, 4);
    mv_begin(&m);
    mv_vocab_keys(&m, &v, model);
    if (pre) mv_str(&m, "tokenizer.ggml.pre", pre);
    mv_bool(&m, "tokenizer.ggml.add_space_prefix", 0);
    FUZZ_CHECK(sf_gguf_parse(&g, m.p, m.n, NULL) == SUREFOOT_OK);
    FUZZ_CHECK(sf_tokenizer_open(&t, &g, NULL) == SUREFOOT_OK);
    sf_gguf_close(&g);
    mv_vocab_free(&v);
    mv_free(&m);
    return t;
}

static void any_text(const uint8_t *data, size_t size) {
    static const char *const pre[] = {"llama-bpe", "qwen2",        "gpt-2",          "smollm",
                                      "falcon",    "deepseek-llm", "deepseek-coder", "deepseek-v3",
                                      "tekken",    "gpt-4o"};
    /* U+2581 is a space to SentencePiece: then the text is not exactly the same */
    bool bar = false;
    for (size_t i = 0; i + 2 < size; i++) bar = bar || memcmp(data + i, "\xE2\x96\x81", 3) == 0;
    size_t which = data[0] % (SF_COUNT(pre) + 1);
    bool spm = which == SF_COUNT(pre);
    struct sf_tokenizer *t = small(spm ? "llama" : "gpt2", spm ? NULL : pre[which]);
    bool exact = spm ? !bar : strcmp(pre[which], "qwen2") != 0;
    encode(t, (const char *)data + 1, size - 1, 0, exact);
    encode(t, (const char *)data + 1, size - 1, SF_ENCODE_SPECIAL | SF_ENCODE_BOS, false);
    sf_tokenizer_close(t);
}

static void any_template(const char *p, size_t n) {
    char *out = malloc(SF_CHAT_CANON(n));
    FUZZ_CHECK(out != NULL);
    FUZZ_CHECK(sf_chat_canon(p, n, out) <= SF_CHAT_CANON(n));
    free(out);
    enum sf_chat c = sf_chat_recognise(p, n);
    FUZZ_CHECK(c < SF_CHAT_COUNT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    if (data[0] % 4 == 3)
        any_template((const char *)data + 1, size - 1);
    else if (data[0] % 4 == 2 && size > 1)
        any_text(data + 1, size - 1 > 4000 ? 4000 : size - 1);
    else if (data[0] % 4 != 2)
        any_file(data + 1, size - 1);
    return 0;
}
