/* SPDX-License-Identifier: MIT
 * test_tokenizer.c - tokenizers over small vocabularies made here, whose right answers can be worked
 * out by hand or by a slow encoder below; texts of any bytes.
 */
#include <stdlib.h>

#include "harness.h"

#include "arena.h"
#include "small_vocab.h"
#include "utf8.h"

static void comes_back(const struct sf_tokenizer *t, const char *text, size_t n, unsigned flags) {
    size_t cap = 3 * n + 2, m, len = 0, at = 0;
    int32_t *ids = malloc((cap + 1) * sizeof *ids);
    assert_ok(sf_encode(t, text, n, flags, ids, cap, &m, err));
    char *raw = malloc(cap * sf_tokenizer_max_bytes(t) + 1);
    bool first = sf_tokenizer_space_prefix(t) && !(flags & SF_ENCODE_NO_PREFIX);
    for (size_t i = 0; i < m; i++) {
        struct sf_str s = sf_token_bytes(t, ids[i]);
        size_t drop = first && s.n && s.p[0] == ' ';
        first = first && s.n == 0;
        memcpy(raw + len, s.p + drop, s.n - drop);
        len += s.n - drop;
    }
    if (len != n || memcmp(raw, text, n) != 0)
        fail_msg("'%.*s' comes back as '%.*s'", (int)n, text, (int)len, raw);
    /* sf_decode is the same, repaired */
    struct sf_utf8 u = {.n = 0};
    char *want = malloc(SF_UTF8_OUT(n)), *got = malloc(SF_UTF8_OUT(n));
    at = sf_utf8_feed(&u, text, n, want);
    at += sf_utf8_end(&u, want + at);
    if (!(flags & SF_ENCODE_NO_PREFIX)) {
        assert_ok(sf_decode(t, ids, m, got, SF_UTF8_OUT(n), &len, err));
        assert_int_equal(len, at);
        assert_memory_equal(got, want, at);
    }
    free(ids);
    free(raw);
    free(want);
    free(got);
}

/* ------------------------------------------------------------------------------------------- SPM */

static void spm_pieces(void **state) {
    SF_UNUSED(state);
    struct sf_tokenizer *t = spm_open(-1); /* the default is a space in front */
    assert_true(sf_tokenizer_space_prefix(t));
    assert_string_equal(pieces(t, "", 0), "");
    assert_string_equal(pieces(t, "the", 0), S "the");      /* a space and t, then he, then both */
    assert_string_equal(pieces(t, "hello", 0), S "|hello"); /* he, ll, hell, hello */
    assert_string_equal(pieces(t, " hello", 0), S S "|hello");
    assert_string_equal(pieces(t, "aaa", 0), S "a|aa");
    assert_string_equal(pieces(t, "ababab", SF_ENCODE_NO_PREFIX), "abab|ab");
    assert_string_equal(pieces(t, "x", SF_ENCODE_NO_PREFIX), "<0x78>");
    assert_string_equal(pieces(t, "\xC3\xA9\xC3\xA8", SF_ENCODE_NO_PREFIX),
                        "\xC3\xA9|<0xC3>|<0xA8>");
    assert_string_equal(
        pieces(t, "\xE4\xB8\xAD\xE6\x96\x87", SF_ENCODE_NO_PREFIX),
        "\xE4\xB8\xAD\xE6\x96\x87" /* from one that is a token and one that is not */);
    assert_string_equal(pieces_n(t, "\0", 1, SF_ENCODE_NO_PREFIX), "<0x00>");
    assert_string_equal(pieces(t, "\xC3 \xFF", SF_ENCODE_NO_PREFIX), "<0xC3>|" S "|<0xFF>");
    sf_tokenizer_close(t);
    t = spm_open(0);
    assert_false(sf_tokenizer_space_prefix(t));
    assert_string_equal(pieces(t, "the", 0), "t|he");
    assert_string_equal(pieces(t, " the", 0), S "the");
    sf_tokenizer_close(t);
}

static void spm_special(void **state) {
    SF_UNUSED(state);
    struct sf_tokenizer *t = spm_open(-1);
    /* user-defined ones always, the longest first, and a space in front of what follows */
    assert_string_equal(pieces(t, "a<tag>b<tagc", 0), S "a|<tag>|" S "|b|<tag|" S "|c");
    assert_string_equal(pieces(t, "\n\n\n", 0), "\n\n|" S "|\n");
    assert_string_equal(pieces(t, "a<tag>b", SF_ENCODE_NO_PREFIX), "a|<tag>|" S "|b");
    /* markers and control tokens only when asked for */
    assert_string_equal(pieces(t, "</s><s>", SF_ENCODE_SPECIAL), "</s>|<s>");
    assert_string_equal(pieces(t, "<unk>", SF_ENCODE_SPECIAL), "<unk>");
    assert_string_equal(pieces(t, "<|mark|>", SF_ENCODE_SPECIAL), "<|mark|>");
    assert_string_equal(pieces(t, "<s>", SF_ENCODE_NO_PREFIX), "<0x3C>|<0x73>|<0x3E>");
    assert_non_null(strstr(pieces(t, "<|mark|>", 0), "|<0x7C>|"));
    assert_string_equal(pieces(t, "a", SF_ENCODE_BOS), "<s>|" S "a");
    assert_string_equal(pieces(t, "", SF_ENCODE_BOS), "<s>");
    /* nor by merging: there is a byte token spelled so, but it is no text */
    assert_null(strstr(pieces(t, "<0x41>", 0), "<0x41>"));
    assert_int_equal(sf_tokenizer_find(t, "hello", 5), PIECES + 8); /* the first of two */
    assert_int_equal(sf_tokenizer_find(t, "", 0), -1);
    assert_int_equal(sf_tokenizer_find(t, "nothing such", 12), -1);
    sf_tokenizer_close(t);
}

static void spm_questions(void **state) {
    SF_UNUSED(state);
    struct sf_tokenizer *t = spm_open(-1);
    assert_int_equal(sf_tokenizer_bos(t), BOS); /* by their usual names: the file has no ids */
    assert_int_equal(sf_tokenizer_eos(t), EOS);
    assert_true(sf_tokenizer_add_bos(t));
    assert_int_equal(sf_tokenizer_attr(t, BOS), SF_TOK_CONTROL | SF_TOK_EOG);
    assert_int_equal(sf_tokenizer_attr(t, EOS), SF_TOK_CONTROL | SF_TOK_EOG);
    int32_t end = sf_tokenizer_find(t, "<|end|>", 7), tag = sf_tokenizer_find(t, "<tag>", 5);
    assert_int_equal(sf_tokenizer_attr(t, end), SF_TOK_CONTROL | SF_TOK_EOG);
    assert_int_equal(sf_tokenizer_attr(t, tag), SF_TOK_USER);
    assert_int_equal(sf_tokenizer_attr(t, BYTES + 65), SF_TOK_BYTE);
    assert_int_equal(sf_tokenizer_attr(t, -1), 0);
    assert_int_equal(sf_tokenizer_attr(t, sf_tokenizer_n_vocab(t)), 0);
    assert_int_equal(sf_token_bytes(t, BOS).n, 0);
    assert_int_equal(sf_token_bytes(t, -5).n, 0);
    assert_int_equal(sf_token_bytes(t, 1 << 30).n, 0);
    assert_int_equal(sf_token_bytes(t, BYTES + 65).n, 1);
    assert_memory_equal(sf_token_bytes(t, BYTES + 65).p, "A", 1);
    assert_memory_equal(sf_token_bytes(t, UNK).p, "\xEF\xBF\xBD", 3);
    assert_int_equal(sf_token_bytes(t, PIECES).n, 2); /* two spaces */
    assert_int_equal(sf_tokenizer_max_bytes(t), 8);   /* <|mark|> is shown */
    /* a text's first space is dropped once, also behind BOS */
    int32_t ids[] = {BOS, PIECES + 1, PIECES + 1};
    char out[16];
    size_t n;
    assert_ok(sf_decode(t, ids, 3, out, sizeof out, &n, err));
    assert_int_equal(n, 3);
    assert_memory_equal(out, "t t", 3);
    memset(out, '#', sizeof out);
    expect_fail(sf_decode(t, ids, 3, out, 1, &n, err), SUREFOOT_E_USAGE, "room for 1");
    assert_int_equal(n, 3);
    assert_memory_equal(out, "t##", 3);
    sf_tokenizer_close(t);
    sf_tokenizer_close(NULL);
}

/* Of equal scores, also of zeros with different signs, the leftmost pair; of two tokens for a byte
 * the first; "unknown" again when bytes stood between. */
static void spm_ties(void **state) {
    SF_UNUSED(state);
    struct mv m = {0};
    struct mv_vocab v = {0};
    mv_token(&v, "<unk>", 0, 2);
    mv_token(&v, "<0x78>", 0, 6);
    mv_token(&v, "<0x78>", 0, 6);
    mv_token(&v, "a", 0, 1);
    mv_token(&v, "b", 0, 1);
    mv_token(&v, "c", 0, 1);
    mv_token(&v, "ab", -0.0f, 1);
    mv_token(&v, "bc", 0.0f, 1);
    mv_begin(&m);
    mv_vocab_keys(&m, &v, "llama");
    struct sf_tokenizer *t = open_ok(&m);
    int32_t ids[8];
    size_t n;
    assert_string_equal(pieces(t, "abc", SF_ENCODE_NO_PREFIX), "ab|c");
    assert_string_equal(pieces(t, "yzxy", SF_ENCODE_NO_PREFIX), "<unk>|<0x78>|<unk>");
    assert_ok(sf_encode(t, "x", 1, SF_ENCODE_NO_PREFIX, ids, 8, &n, err));
    assert_int_equal(ids[0], 1);
    sf_tokenizer_close(t);
    mv_vocab_free(&v);
    mv_free(&m);
}

/* Where letters merge into something spelled like a control token, they stop before it. */
static void spm_no_control(void **state) {
    SF_UNUSED(state);
    static const char *const piece[] = {"<", "s", ">", "<s", "s>"};
    struct mv m = {0};
    struct mv_vocab v = {0};
    mv_token(&v, "<s>", 9, 3);
    mv_token(&v, "x", 9, 3); /* a single letter, too */
    mv_token(&v, "<unk>", 0, 2);
    for (size_t i = 0; i < SF_COUNT(piece); i++) mv_token(&v, piece[i], 0, 1);
    mv_begin(&m);
    mv_vocab_keys(&m, &v, "llama");
    struct sf_tokenizer *t = open_ok(&m);
    assert_string_equal(pieces(t, "<s>", SF_ENCODE_NO_PREFIX), "<s|>");
    assert_string_equal(pieces(t, "sx", SF_ENCODE_NO_PREFIX), "s|<unk>");
    sf_tokenizer_close(t);
    mv_vocab_free(&v);
    mv_free(&m);
}

/* A vocabulary that lacks bytes: one "unknown" for a run; none: the byte is named. */
static void spm_unknown(void **state) {
    SF_UNUSED(state);
    struct mv m = {0};
    struct mv_vocab v = {0};
    mv_token(&v, "<unk>", 0, 2);
    mv_token(&v, "a", 0, 1);
    mv_token(&v, S, 0, 1);
    mv_token(&v, "<s>", 0, 3);
    mv_begin(&m);
    mv_vocab_keys(&m, &v, "llama");
    struct sf_tokenizer *t = open_ok(&m);
    assert_string_equal(pieces(t, "axyza\xFFx a", 0), S "|a|<unk>|a|<unk>|" S "|a");
    sf_tokenizer_close(t);
    mv_id(&m, "tokenizer.ggml.unknown_token_id", UINT32_MAX); /* says: none */
    t = open_ok(&m);
    int32_t ids[8];
    size_t n;
    expect_fail(sf_encode(t, "aaxa", 4, 0, ids, 8, &n, err), SUREFOOT_E_FAILED, "0x78");
    sf_tokenizer_close(t);
    /* an "unknown" that would end the text is none */
    m.n -= 4;
    mv_u32(&m, 3);
    t = open_ok(&m);
    expect_fail(sf_encode(t, "x", 1, 0, ids, 8, &n, err), SUREFOOT_E_FAILED, "0x78");
    sf_tokenizer_close(t);
    mv_vocab_free(&v);
    mv_free(&m);
}

/* The first token spelled so, -1 if none. */
static int32_t slow_find(const struct mv_vocab *v, const char *s) {
    const unsigned char *p = v->text.p;
    for (uint64_t id = 0; id < v->n; id++) {
        uint64_t len;
        memcpy(&len, p, 8);
        if (len == strlen(s) && memcmp(p + 8, s, len) == 0) return (int32_t)id;
        p += 8 + len;
    }
    return -1;
}

/* The rule itself, slowly: of all neighbours that together are a token, the best score; leftmost. */
static size_t slow_spm(const struct mv_vocab *v, const char *text, int32_t *ids) {
    static char part[64][128];
    size_t n = 0;
    for (const char *p = text; *p; p++, n++) {
        part[n][0] = *p;
        part[n][1] = 0;
        if (*p == ' ') memcpy(part[n], S, 4);
    }
    for (;;) {
        size_t best = n;
        float score = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            char both[256];
            memcpy(both, part[i], 128);
            memcpy(both + strlen(both), part[i + 1], 128);
            int32_t id = slow_find(v, both);
            float s;
            if (id < 0) continue;
            memcpy(&s, v->score.p + 4 * id, 4);
            if (best < n && s <= score) continue;
            best = i;
            score = s;
        }
        if (best == n) break;
        memcpy(part[best] + strlen(part[best]), part[best + 1], strlen(part[best + 1]) + 1);
        for (size_t i = best + 1; i + 1 < n; i++) memcpy(part[i], part[i + 1], 128);
        n--;
    }
    for (size_t i = 0; i < n; i++) ids[i] = slow_find(v, part[i]);
    return n;
}

/* Random vocabularies over a, b, c and space (all single letters are in), random scores with many
 * ties, random texts: the queue, and the splitting at borders no token crosses, change nothing. */
static void spm_random(void **state) {
    SF_UNUSED(state);
    uint64_t seed = 7;
    for (int round = 0; round < 60; round++) {
        struct mv m = {0};
        struct mv_vocab v = {0};
        static const char *const letter[] = {"a", "b", "c", S};
        for (int i = 0; i < 4; i++) mv_token(&v, letter[i], 0, 1);
        for (int i = 0; i < 20; i++) {
            char s[32] = "";
            for (int k = 2 + (int)(sf_rand(&seed) % 3); k > 0; k--)
                strcat(s, letter[sf_rand(&seed) % (round % 2 ? 4 : 3)]);
            if (round % 3 == 0 && sf_rand(&seed) % 2) memcpy(s, "aaaaaa", strlen(s) % 7);
            mv_token(&v, s, -(float)(sf_rand(&seed) % 6), 1);
        }
        mv_begin(&m);
        mv_vocab_keys(&m, &v, "llama");
        mv_bool(&m, "tokenizer.ggml.add_space_prefix", 0);
        struct sf_tokenizer *t = open_ok(&m);
        for (int k = 0; k < 60; k++) {
            char text[41];
            int32_t want[64], got[64];
            size_t n = sf_rand(&seed) % 40, m_ids;
            for (size_t i = 0; i < n; i++) text[i] = "abc "[sf_rand(&seed) % 4];
            text[n] = 0;
            size_t n_want = slow_spm(&v, text, want);
            assert_ok(sf_encode(t, text, n, 0, got, 64, &m_ids, err));
            if (m_ids != n_want || memcmp(got, want, n_want * sizeof *got) != 0)
                fail_msg("round %d: '%s': %zu ids, not %zu", round, text, m_ids, n_want);
        }
        sf_tokenizer_close(t);
        mv_vocab_free(&v);
        mv_free(&m);
    }
}

/* ------------------------------------------------------------------------------------------- BPE */

#define G "\xC4\xA0" /* U+0120: a space in the byte alphabet */

static void bpe_pieces(void **state) {
    SF_UNUSED(state);
    struct sf_tokenizer *t = bpe_open("gpt-2");
    assert_string_equal(pieces(t, "", 0), "");
    assert_string_equal(pieces(t, "the the", 0), "the|" G "the");
    assert_string_equal(pieces(t, "hello!", 0), "hello|!"); /* words are split first */
    assert_string_equal(pieces(t, "   the", 0), G G "|" G "the");
    assert_string_equal(pieces(t, "ababab", 0), "abab|ab");
    assert_string_equal(pieces(t, "123123", 0), "123|123");
    assert_string_equal(pieces(t, "\xC3\xA9", 0), "\xC3\x83\xC2\xA9");
    assert_string_equal(pieces(t, "he'll", 0), "he|'|ll");
    assert_string_equal(pieces(t, "qqa", 0), "q|q|a");
    assert_string_equal(pieces(t, "zzz", 0), "z|z|z");
    assert_string_equal(pieces(t, "xy", 0), "x|y");
    assert_string_equal(pieces_n(t, "\xFF\0\xC3", 3, 0), "\xC3\xBF|\xC4\x80|\xC3\x83");
    comes_back(t, "\xFF\0\xC3", 3, 0);
    assert_false(sf_tokenizer_add_bos(t));
    sf_tokenizer_close(t);
    t = bpe_open("smollm"); /* digits are single */
    assert_string_equal(pieces(t, "a 123", 0), "a|" G "|1|2|3");
    sf_tokenizer_close(t);
    t = bpe_open("llama-bpe"); /* numbers in threes; whole words first; BOS */
    assert_string_equal(pieces(t, "1231", 0), "123|1");
    assert_string_equal(pieces(t, "zzz", 0), "zzz");
    assert_string_equal(pieces(t, "xy", 0), "x|y");
    assert_string_equal(pieces(t, "ab", SF_ENCODE_BOS), "<|begin_of_text|>|ab");
    assert_string_equal(pieces(t, "the\r\n\r\nthe", 0),
                        "the|\xC4\x8D|\xC4\x8A|\xC4\x8D|\xC4\x8A|the");
    assert_true(sf_tokenizer_add_bos(t));
    sf_tokenizer_close(t);
    t = bpe_open(NULL); /* a file that does not say is split as GPT-2 did */
    assert_string_equal(pieces(t, "123123", 0), "123|123");
    sf_tokenizer_close(t);
}

static void bpe_special(void **state) {
    SF_UNUSED(state);
    struct sf_tokenizer *t = bpe_open("gpt-2");
    assert_string_equal(pieces(t, "a<tool>b", 0), "a|<tool>|b");
    assert_string_equal(pieces(t, "<|eot_id|>the<|user|>", SF_ENCODE_SPECIAL),
                        "<|eot_id|>|the|<|user|>");
    assert_string_equal(pieces(t, "<|user|>", 0), "<|||u|s|e|r|||>");
    int32_t user = sf_tokenizer_find(t, "<|user|>", 8),
            eot = sf_tokenizer_find(t, "<|eot_id|>", 10);
    assert_true(sf_tokenizer_attr(t, user) & SF_TOK_USER);
    assert_int_equal(sf_token_bytes(t, user).n, 8);
    assert_int_equal(sf_token_bytes(t, eot).n, 0);
    assert_int_equal(sf_tokenizer_attr(t, eot), SF_TOK_CONTROL | SF_TOK_EOG);
    assert_int_equal(sf_tokenizer_attr(t, sf_tokenizer_bos(t)), SF_TOK_CONTROL | SF_TOK_EOG);
    assert_int_equal(sf_tokenizer_eos(t), -1);
    sf_tokenizer_close(t);
}

/* Text is brought to NFC where the model's tokenizer does so: composed, marks in order, Hangul. */
static void bpe_nfc(void **state) {
    SF_UNUSED(state);
    struct sf_tokenizer *t = bpe_open("qwen2"), *plain = bpe_open("gpt-2");
    static const struct {
        const char *text, *nfc;
    } rows[] = {
        {"e\xCC\x81", "\xC3\xA9"},
        {"\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "\xED\x95\x9C"}, /* Hangul */
        {"e\xCC\x81\xCC\xA7", "\xC8\xA9\xCC\x81"},                /* marks out of order */
        {"e\xCC\x81\xCC\xA7x", "\xC8\xA9\xCC\x81x"},
        {"\xE2\x84\xAB", "\xC3\x85"},                 /* Angstrom sign */
        {"\xE0\xA5\x98", "\xE0\xA4\x95\xE0\xA4\xBC"}, /* grows */
        {"\xEF\xAC\x81", "\xEF\xAC\x81"},             /* a ligature stays */
        {"a\xFF"
         "e\xCC\x81",
         "a\xFF\xC3\xA9"}, /* between bad bytes */
    };
    for (size_t i = 0; i < SF_COUNT(rows); i++) {
        char want[4096];
        memcpy(want, pieces(t, rows[i].nfc, 0), sizeof want);
        assert_string_equal(pieces(t, rows[i].text, 0), want);
    }
    assert_string_not_equal(pieces(plain, rows[0].text, 0), "\xC3\x83\xC2\xA9");
    /* 40,000 marks of falling class behind one letter: sorted, and not in quadratic time */
    size_t n = 80001, m;
    char *text = malloc(n + 1), *sorted = malloc(n + 1);
    int32_t *ids = malloc(4 * (3 * n + 2)), *want = malloc(4 * (3 * n + 2));
    text[0] = sorted[0] = 'x';
    for (size_t i = 0; i < n / 2; i++) memcpy(text + 1 + 2 * i, i % 2 ? "\xCC\x96" : "\xCC\x8D", 2);
    for (size_t i = 0; i < n / 2; i++)
        memcpy(sorted + 1 + 2 * i, i < n / 4 ? "\xCC\x96" : "\xCC\x8D", 2);
    assert_ok(sf_encode(t, text, n, 0, ids, 3 * n + 2, &m, err));
    size_t m_want;
    assert_ok(sf_encode(plain, sorted, n, 0, want, 3 * n + 2, &m_want, err));
    assert_int_equal(m, m_want);
    assert_memory_equal(ids, want, m * sizeof *ids);
    free(text);
    free(sorted);
    free(ids);
    free(want);
    sf_tokenizer_close(t);
    sf_tokenizer_close(plain);
}

/* How each row of pre.def cuts the same text; the words are read from where no merge can cross. */
static void splits(void **state) {
    SF_UNUSED(state);
    static const struct {
        const char *pre, *text, *want;
    } rows[] = {
        {"gpt-2", "I'm 12a  b\n c", "I|'m| 12|a| | b|\n| c"},
        {"gpt-2", "IT'S", "IT|'|S"},
        {"llama-bpe", "IT'S 12345!\n\n", "IT|'S| |123|45|!\n\n"},
        {"llama-bpe", "a\r\n  b", "a|\r\n| | b"},
        {"llama-bpe", "'\xC5\xBFx", "'\xC5\xBF|x"},
        {"qwen2", "x123 \n\n y", "x|1|2|3| \n\n| y"},
        {"smollm", "a 12", "a| |1|2"},
        {"falcon", "a<=b 1234", "a|<=|b| |123|4"},
        {"deepseek-v3", "a.b 1234 ,c", "a|.b| |123|4| ,|c"},
        {"deepseek-llm", "ab 12,  c\n", "ab| |1|2|,| | c|\n"},
        {"deepseek-coder", "a+b. 12\n", "a|+|b|.| |1|2|\n"},
        {"gpt-4o", "HelloWORLDx's 1234", "Hello|WORLDx's| |123|4"},
        {"tekken", "HelloWorld 12", "Hello|World| |1|2"},
        {"bloom", "ab (c, d! 12", "ab| (|c|,| d|!| 12"},
        {"viking", "ab, 12", "ab|,| |1|2"},
        {"bailingmoe", "a 12.\n\n\n b", "a| |1|2|.\n\n\n| b"},
        {"bailingmoe", "a \n\n b", "a| \n\n| b"},
        {"seed-coder", "a.\n\nb 12", "a|.|\n\n|b| |1|2"},
        {"gpt-2",
         "a\xE1\xA0\x8E"
         "b",
         "a|\xE1\xA0\x8E|b"}, /* U+180E is no white space */
    };
    for (size_t r = 0; r < SF_COUNT(rows); r++) {
        /* a vocabulary with every substring of the text as a token, and all merges: then every word
         * becomes one token */
        struct mv m = {0};
        struct mv_vocab v = {0};
        const char *text = rows[r].text;
        size_t n = strlen(text);
        char map[256][4];
        for (int b = 0, other = 256; b < 256; b++) {
            int cp = (b > 32 && b < 127) || (b > 160 && b != 173) ? b : other++;
            int len = sf_utf8_encode((uint32_t)cp, map[b]);
            map[b][len] = 0;
        }
        mv_byte_alphabet(&v);
        for (size_t len = 2; len <= n; len++)
            for (size_t i = 0; i + len <= n; i++) {
                char s[128] = "";
                for (size_t k = 0; k < len; k++) strcat(s, map[(unsigned char)text[i + k]]);
                mv_token(&v, s, 0, 1);
                for (size_t cut = 1; cut < len; cut++) {
                    char merge[128] = "";
                    for (size_t k = 0; k < len; k++) {
                        if (k == cut) strcat(merge, " ");
                        strcat(merge, map[(unsigned char)text[i + k]]);
                    }
                    mv_merge(&v, merge);
                }
            }
        mv_begin(&m);
        mv_vocab_keys(&m, &v, "gpt2");
        mv_str(&m, "tokenizer.ggml.pre", rows[r].pre);
        struct sf_tokenizer *t = open_ok(&m);
        int32_t ids[64];
        size_t n_ids, at = 0;
        char got[256] = "";
        assert_ok(sf_encode(t, text, n, 0, ids, 64, &n_ids, err));
        for (size_t i = 0; i < n_ids; i++) {
            struct sf_str s = sf_token_bytes(t, ids[i]);
            at += (size_t)snprintf(got + at, sizeof got - at, i ? "|%.*s" : "%.*s", (int)s.n, s.p);
        }
        if (strcmp(got, rows[r].want) != 0)
            fail_msg("%s: '%s' is split '%s', not '%s'", rows[r].pre, text, got, rows[r].want);
        sf_tokenizer_close(t);
        mv_vocab_free(&v);
        mv_free(&m);
    }
}

/* ------------------------------------------------------------------------------------- all texts */

static size_t random_text(uint64_t *seed, char *out, size_t n) {
    static const char *const bits[] = {"a",
                                       "b",
                                       " ",
                                       "  ",
                                       "the",
                                       "\n",
                                       "\r\n",
                                       "12",
                                       "'s",
                                       "\xC3\xA9",
                                       "\xCC\x81",
                                       "\xFF",
                                       "<s>",
                                       "<|",
                                       "|>",
                                       "<tag>",
                                       "<tag",
                                       "\xE4\xB8\xAD",
                                       "\xF0\x9F\x98\x80",
                                       "\xF0\x9F",
                                       "</s>",
                                       "<|mark|>"};
    size_t at = 0;
    while (at + 8 < n) {
        if (sf_rand(seed) % 4 == 0) {
            out[at++] = (char)sf_rand(seed);
            continue;
        }
        const char *s = bits[sf_rand(seed) % SF_COUNT(bits)];
        memcpy(out + at, s, strlen(s));
        at += strlen(s);
    }
    return at;
}

/* Any bytes come back, and without SF_ENCODE_SPECIAL no control token comes out. */
static void any_bytes(void **state) {
    SF_UNUSED(state);
    struct sf_tokenizer *t[] = {
        spm_open(0),        bpe_open("gpt-2"),       bpe_open("llama-bpe"),
        bpe_open("smollm"), bpe_open("deepseek-v3"), bpe_open("deepseek-llm"),
        bpe_open("falcon"), bpe_open("tekken"),      bpe_open("deepseek-coder"),
        bpe_open("gpt-4o")};
    uint64_t seed = 3;
    for (int k = 0; k < 400; k++) {
        char text[200];
        int32_t ids[700];
        size_t n = random_text(&seed, text, 10 + (size_t)k % 180), m;
        char *exact = malloc(n); /* ASan sees a read past the end */
        memcpy(exact, text, n);
        for (size_t i = 0; i < SF_COUNT(t); i++) {
            comes_back(t[i], exact, n, 0);
            assert_ok(sf_encode(t[i], exact, n, 0, ids, 700, &m, err));
            for (size_t j = 0; j < m; j++) {
                assert_in_range(ids[j], 0, sf_tokenizer_n_vocab(t[i]) - 1);
                assert_int_equal(sf_tokenizer_attr(t[i], ids[j]) & SF_TOK_CONTROL, 0);
            }
        }
        free(exact);
    }
    for (size_t i = 0; i < SF_COUNT(t); i++) sf_tokenizer_close(t[i]);
}

/* Room: every smaller one is refused with the number needed, keeps the beginning, writes no more. */
static void room(void **state) {
    SF_UNUSED(state);
    struct sf_tokenizer *t[] = {spm_open(1), bpe_open("qwen2")};
    for (size_t k = 0; k < 2; k++) {
        int32_t all[64], few[64];
        size_t n, need;
        static const char text[] = "the <tag> hello e\xCC\x81 \xFF 123";
        assert_ok(sf_encode(t[k], text, sizeof text - 1, SF_ENCODE_BOS, all, 64, &n, err));
        for (size_t cap = 0; cap < n; cap++) {
            memset(few, 0x5A, sizeof few);
            expect_fail(sf_encode(t[k], text, sizeof text - 1, SF_ENCODE_BOS, few, cap, &need, err),
                        SUREFOOT_E_USAGE, "room for");
            assert_int_equal(need, n);
            assert_memory_equal(few, all, cap * sizeof *all);
            assert_int_equal(few[cap], 0x5A5A5A5A);
        }
        assert_int_equal(sf_encode(t[k], text, sizeof text - 1, 0, NULL, 0, &need, NULL),
                         SUREFOOT_E_USAGE);
        expect_fail(sf_encode(t[k], text, (size_t)1 << 31, 0, few, 1, &need, err), SUREFOOT_E_USAGE,
                    "at most");
        sf_tokenizer_close(t[k]);
    }
}

/* Random ids, one at a time through the streaming repair: the same as the whole at once, and only
 * whole characters at any moment. */
static void streaming(void **state) {
    SF_UNUSED(state);
    struct sf_tokenizer *t[] = {spm_open(0), bpe_open("gpt-2")};
    uint64_t seed = 5;
    for (int round = 0; round < 2000; round++) {
        const struct sf_tokenizer *k = t[round % 2];
        int32_t ids[40];
        char whole[2000], piece[2000];
        size_t n, at = 0;
        for (int i = 0; i < 40; i++)
            ids[i] = (int32_t)(sf_rand(&seed) % (uint64_t)sf_tokenizer_n_vocab(k));
        assert_ok(sf_decode(k, ids, 40, whole, sizeof whole, &n, err));
        struct sf_utf8 u = {.n = 0};
        for (int i = 0; i < 40; i++) {
            struct sf_str s = sf_token_bytes(k, ids[i]);
            at += sf_utf8_feed(&u, s.p, s.n, piece + at);
            uint32_t cp;
            for (size_t b = 0; b < at;) {
                int len = sf_utf8_decode((unsigned char *)piece + b, at - b, &cp);
                assert_true(len > 0);
                b += (size_t)len;
            }
            assert_memory_equal(piece, whole, at);
        }
        at += sf_utf8_end(&u, piece + at);
        assert_int_equal(at, n);
        assert_memory_equal(piece, whole, n);
    }
    sf_tokenizer_close(t[0]);
    sf_tokenizer_close(t[1]);
}

/* A long text of one letter, one word, and of everything that makes expressions look twice. With a
 * quadratic step anywhere this would not end within the test's time. */
static void long_texts(void **state) {
    SF_UNUSED(state);
    struct sf_tokenizer *t[] = {spm_open(0), bpe_open("llama-bpe"), bpe_open("qwen2"),
                                bpe_open("deepseek-llm"), bpe_open("tekken")};
    static const char *const unit[] = {"a", "ab",   " ", "\n",   " \n", "1",
                                       "A", "\xFF", "<", "<tag", "'"};
    size_t n = 200000, m;
    char *text = malloc(n);
    int32_t *ids = malloc(4 * (3 * n + 2));
    for (size_t u = 0; u < SF_COUNT(unit); u++) {
        size_t len = strlen(unit[u]), used = n / len * len;
        for (size_t i = 0; i < used; i += len) memcpy(text + i, unit[u], len);
        for (size_t k = 0; k < SF_COUNT(t); k++) {
            assert_ok(sf_encode(t[k], text, used, 0, ids, 3 * n + 2, &m, err));
            size_t bytes = 0;
            for (size_t i = 0; i < m; i++) bytes += sf_token_bytes(t[k], ids[i]).n;
            assert_int_equal(bytes, used);
        }
    }
    free(text);
    free(ids);
    for (size_t k = 0; k < SF_COUNT(t); k++) sf_tokenizer_close(t[k]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spm_pieces),     cmocka_unit_test(spm_special),
        cmocka_unit_test(spm_questions),  cmocka_unit_test(spm_unknown),
        cmocka_unit_test(spm_no_control), cmocka_unit_test(spm_ties),
        cmocka_unit_test(spm_random),     cmocka_unit_test(bpe_pieces),
        cmocka_unit_test(bpe_special),    cmocka_unit_test(bpe_nfc),
        cmocka_unit_test(splits),         cmocka_unit_test(any_bytes),
        cmocka_unit_test(room),           cmocka_unit_test(streaming),
        cmocka_unit_test(long_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
