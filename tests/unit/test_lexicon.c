/* SPDX-License-Identifier: MIT
 * test_lexicon.c - the lexicon file, what is found in a text and what is not, by hand.
 */
#include "harness.h"

#include "arena.h"
#include "cost.h"
#include "fold.h"
#include "lexicon.h"
#include "utf8.h"

static struct sf_lexicon *lexicon(const char *text) {
    struct sf_lexicon *x = NULL;
    surefoot_error err = {0};
    surefoot_status s = sf_lexicon_parse(&x, text, strlen(text), "test", false, &err);
    if (s != SUREFOOT_OK) fail_msg("lexicon: %s", err.text);
    return x;
}

/* Charges of the whole text read at once and its end, as "begin-end:amount ..." with amounts in
 * units, or "!" for unsafe. The same must come out byte by byte (character by character). */
static void find(const struct sf_lexicon *x, const char *text, bool whole, char *out, size_t cap) {
    struct sf_lexicon_state s;
    struct sf_charges c = {0};
    struct sf_sink sink = {.charges = &c};
    sf_lexicon_begin(&s);
    size_t n = strlen(text);
    if (whole) {
        sf_lexicon_read(x, &s, text, n, false, &sink);
    } else {
        uint64_t settled = 0;
        for (size_t i = 0; i < n;) {
            uint32_t cp;
            int k = sf_utf8_decode((const unsigned char *)text + i, n - i, &cp);
            assert_true(k > 0);
            int before = c.n;
            sf_lexicon_read(x, &s, text + i, (size_t)k, false, &sink);
            for (int j = before; j < c.n; j++) assert_true(c.c[j].begin >= settled);
            i += (size_t)k;
            assert_true(sf_lexicon_settled(&s) >= settled);
            settled = sf_lexicon_settled(&s);
            assert_true(settled <= i && i - settled <= SF_GUARD_MAX_HOLD);
        }
    }
    sf_lexicon_end(x, &s, &sink);
    assert_int_equal(sf_lexicon_settled(&s), n);
    assert_false(c.overflow);
    size_t at = 0;
    out[0] = 0;
    for (int i = 0; i < c.n; i++) {
        assert_true(c.c[i].begin < c.c[i].end && c.c[i].end <= n);
        at += (size_t)snprintf(out + at, cap - at, "%s%d-%d", i ? " " : "", (int)c.c[i].begin,
                               (int)c.c[i].end);
        if (c.c[i].amount == SF_COST_UNSAFE)
            at += (size_t)snprintf(out + at, cap - at, "!");
        else if (c.c[i].amount != SF_COST_UNIT)
            at += (size_t)snprintf(out + at, cap - at, ":%.6g", (double)c.c[i].amount / 1e6);
    }
}

static void expect(const char *phrases, const char *text, const char *want) {
    char a[2048], b[2048];
    struct sf_lexicon *x = lexicon(phrases);
    find(x, text, true, a, sizeof a);
    find(x, text, false, b, sizeof b);
    if (strcmp(a, want) != 0) fail_msg("'%s' in '%s': want '%s', got '%s'", phrases, text, want, a);
    if (strcmp(a, b) != 0) fail_msg("'%s': by characters '%s', whole '%s'", text, b, a);
    sf_lexicon_free(x);
}

static void words(void **state) {
    SF_UNUSED(state);
    expect("sad", "sad", "0-3");
    expect("sad", "He is sad.", "6-9");
    expect("sad", "sadness unsad sad1 1sad sad_x x_sad xsad", "");
    expect("sad", "_sad_ __sad__ (sad) *sad* \"sad\"", "1-4 8-11 15-18 21-24 27-30");
    expect("sad", "sad-sad sad's", "0-3 4-7 8-11");
    expect("sad\ncry", "sad cry sad", "0-3 4-7 8-11");
    expect("sad*", "sad sadness unsad", "0-3 4-7");
    expect("sad\nsad*", "sad", "0-3 0-3");
    expect("sad\t0.25\ncry\t3", "sad cry", "0-3:0.25 4-7:3");
    expect("a b", "a b; a  b, a\nb a-b ab a bc", "0-3 5-9 11-14 15-18");
    expect("kill you", "Kill You! kill, you... kill your", "0-8 10-19");
    expect("kill* you*", "killing yourself, killers of you; kill you", "0-11 34-42");
    expect("don't", "don't DON\xE2\x80\x99T dont don t", "0-5 6-13 19-24");
    expect("b*tch", "b*tch b-tch batch", "0-5 6-11");
    expect("a$$", "a$$ ass as a55", "0-3 4-7");
    expect("f*", "f fa af", "0-1 2-3");
    expect("sad man\nsad", "sad man sad", "0-3 0-7 8-11");
    expect("\xF0\x9F\x94\xAA",
           "a\xF0\x9F\x94\xAA"
           "b \xF0\x9F\x94\xAA\xF0\x9F\x8F\xBF",
           "1-5 7-11");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
