/* SPDX-License-Identifier: MIT
 * small_vocab.h - two small vocabularies whose right answers can be worked out by hand, SPM and
 * byte-level BPE, for the tests of the tokenizer.
 */
#ifndef SF_SMALL_VOCAB_H
#define SF_SMALL_VOCAB_H

#include "harness.h"

#include "make_vocab.h"
#include "tokenizer.h"

#define S "\xE2\x96\x81" /* U+2581 */

#define expect_fail(expr, want, part)                                                              \
    do {                                                                                           \
        surefoot_error e_ = {0}, *err = &e_;                                                       \
        surefoot_status s_ = (expr);                                                               \
        if (s_ != (want)) fail_msg("status %d (%s), not %d", (int)s_, e_.text, (int)(want));       \
        assert_int_equal(e_.code, want);                                                           \
        if (!strstr(e_.text, part)) fail_msg("'%s' lacks '%s'", e_.text, part);                    \
    } while (0)

static inline struct sf_tokenizer *open_ok(const struct mv *m) {
    struct sf_gguf g;
    struct sf_tokenizer *t;
    assert_ok(sf_gguf_parse(&g, m->p, m->n, err));
    assert_ok(sf_tokenizer_open(&t, &g, err));
    sf_gguf_close(&g);
    return t;
}

enum { UNK, BOS, EOS, BYTES, PIECES = BYTES + 256 }; /* SPM */

/* Scores fall from the first piece on; user-defined and other special ones come last. */
static inline void spm(struct mv_vocab *v) {
    static const char *const piece[] = {
        S S, S "t", "he", S "a", "in", "er", "nd", S "the", "hello", "ll", "hell", "o", S, "a",
        "b", "c", "d", "e", "h", "i", "l", "n", "r", "t", "w", ".", "\n", "\xC3\xA9", "lo", "el",
        "aa", "aaaa", "abab", "ab", "ba", "\xE4\xB8\xAD\xE6\x96\x87", "\xE4\xB8\xAD"};
    mv_token(v, "<unk>", 0, 2);
    mv_token(v, "<s>", 0, 3);
    mv_token(v, "</s>", 0, 3);
    mv_byte_tokens(v);
    for (size_t i = 0; i < SF_COUNT(piece); i++) mv_token(v, piece[i], -(float)i, 1);
    mv_token(v, "<tag>", 0, 4);
    mv_token(v, "<|end|>", 0, 3);
    mv_token(v, "<tag", 0, 4);
    mv_token(v, "<|mark|>", 0, 4);
    mv_token(v, "\n\n", 0, 4);
    mv_token(v, "", 0, 4);
    mv_token(v, "hello", 9, 1); /* again: the first one counts */
}

/* The alphabet is 0..255. */
static inline void bpe(struct mv_vocab *v) {
    static const char *const merge[] = {"t h",          "th e",
                                        "\xC4\xA0 the", "h e",
                                        "l l",          "he ll",
                                        "hell o",       "\xC4\xA0 \xC4\xA0",
                                        "a b",          "ab ab",
                                        "i n",          "1 2",
                                        "12 3",         "\xC3\x83 \xC2\xA9"};
    mv_byte_alphabet(v);
    for (size_t i = 0; i < SF_COUNT(merge); i++) {
        char s[32];
        const char *blank = strchr(merge[i], ' ');
        snprintf(s, sizeof s, "%.*s%s", (int)(blank - merge[i]), merge[i], blank + 1);
        mv_token(v, s, 0, 1);
        mv_merge(v, merge[i]);
    }
    mv_token(v, "<|begin_of_text|>", 0, 3);
    mv_token(v, "<|eot_id|>", 0, 3);
    mv_token(v, "<tool>", 0, 4);
    mv_token(v, "<|user|>", 0, 4);
    mv_token(v, "zzz", 0, 1);    /* a whole word that no merge reaches */
    mv_token(v, "xy", 0, 3);     /* a control token that a merge would reach */
    mv_merge(v, "q q");          /* the whole is no token: can never be applied */
    mv_merge(v, "zz z");         /* a part is none */
    mv_merge(v, "a b");          /* again */
    mv_merge(v, "x y");
}

static inline struct sf_tokenizer *spm_open(int prefix) {
    struct mv m = {0};
    struct mv_vocab v = {0};
    spm(&v);
    mv_begin(&m);
    mv_vocab_keys(&m, &v, "llama");
    if (prefix >= 0) mv_bool(&m, "tokenizer.ggml.add_space_prefix", (unsigned char)prefix);
    struct sf_tokenizer *t = open_ok(&m);
    mv_vocab_free(&v);
    mv_free(&m);
    return t;
}

static inline struct sf_tokenizer *bpe_open(const char *pre) {
    struct mv m = {0};
    struct mv_vocab v = {0};
    bpe(&v);
    mv_begin(&m);
    mv_vocab_keys(&m, &v, "gpt2");
    if (pre) mv_str(&m, "tokenizer.ggml.pre", pre);
    mv_id(&m, "tokenizer.ggml.bos_token_id", 256 + 14);
    struct sf_tokenizer *t = open_ok(&m);
    mv_vocab_free(&v);
    mv_free(&m);
    return t;
}

/* Tokens of a text spelled out, with a bar between. */
static inline const char *pieces_n(const struct sf_tokenizer *t, const char *text, size_t n,
                            unsigned flags) {
    static char out[4096];
    int32_t ids[512];
    size_t m, at = 0;
    out[0] = 0;
    assert_ok(sf_encode(t, text, n, flags, ids, SF_COUNT(ids), &m, err));
    for (size_t i = 0; i < m; i++) {
        struct sf_str s = sf_token_spelling(t, ids[i]);
        at += (size_t)sprintf(out + at, i ? "|%.*s" : "%.*s", (int)s.n, s.p);
    }
    return out;
}

static inline const char *pieces(const struct sf_tokenizer *t, const char *text, unsigned flags) {
    return pieces_n(t, text, strlen(text), flags);
}

#endif
