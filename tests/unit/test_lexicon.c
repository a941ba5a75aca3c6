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

static void spelled_out(void **state) {
    SF_UNUSED(state);
    expect("sad", "s a d, s-a-d s.a.d! s_a_d", "0-5 7-12 13-18 20-25");
    expect("sad", "s ad sa d s a dx s  1 a d", "");
    expect("sad", "Spell it: S - A - D.", "10-19");
    expect("sad*", "s a d", "0-5");
    expect("sad*", "s a d n e s s", "0-5");
    expect("sad man", "s a d man, s a d m a n", "0-9 11-22");
    expect("ab", "a b", ""); /* two letters are too few */
    expect("\xE7\x8C\xAB\xE7\x8A\xAC", "\xE7\x8C\xAB \xE7\x8A\xAC", "0-7");
}

/* However many readings lead to a find, it counts once. */
static void once(void **state) {
    SF_UNUSED(state);
#define KNIFE "\xF0\x9F\x94\xAA"
    expect("l" KNIFE KNIFE, "l" KNIFE KNIFE KNIFE, "0-9 0-13");
    expect("sad", "s4d sad", "0-3 4-7");
    expect("aab\naab*", "a a b", "0-5 0-5"); /* two phrases */
    expect("sad\nSAD\nSa\xCC\x81 d*", "sad", "0-3");
    expect("sad\t0.25\nsad\t3\nsad\t2", "sad", "0-3:3"); /* the dearest of the same phrase */
}

static void disguised(void **state) {
    SF_UNUSED(state);
    expect("sad",
           "5ad sa\xCC\x81"
           "d SAD \xEF\xBC\xB3\xEF\xBC\xA1\xEF\xBC\xA4", /* full-width */
           "0-3 4-9 10-13 14-23");
    expect("sad",
           "s\xC2\xAD"
           "ad s\xE2\x80\x8B"
           "ad s\xE2\x81\xA0"
           "ad s\xEF\xBB\xBF"
           "ad",
           "0-5 6-12 13-19 20-26"); /* soft hyphen, zero-width space, word joiner, BOM */
    expect("sad",
           "s\xE2\x80\xAE"
           "ad s\xF3\xA0\x81\xA1"
           "ad s\x01"
           "ad s\xE2\x80\x8F"
           "ad",
           "0-6 7-14 15-19 20-26"); /* override, tag, control, right-to-left mark */
    expect("kill you", "kill\xC2\xA0you kill\xE3\x80\x80you kill\r\n\tyou kill\xE2\x80\xA8you",
           "0-9 10-20 21-31 32-42"); /* no-break and ideographic space, line separator */
    expect("sad", "\xD1\x95\xD0\xB0\xD4\x81 \xF0\x9D\x93\xBC\xF0\x9D\x93\xAA\xF0\x9D\x93\xAD",
           "0-6 7-19");                                           /* Cyrillic, mathematical */
    expect("sad", "\xEA\x9C\xB1\xE1\xB4\x80\xE1\xB4\x85", "0-9"); /* small capitals */
    expect("cat",
           "\xCF\xB2"
           "at \xCF\xB9"
           "at",
           "0-4 5-9"); /* lunate sigma */
    expect("sad",
           "s\xEF\xBF\xBD"
           "ad",
           ""); /* what is no text is seen */
    expect("1", "1 \xEF\xBC\x91 l", "0-1 2-5");
}

/* Of the ways to a place in a phrase the one that can wait longest must live: here any of the dollar
 * signs may be the first s, and only one of the last leaves few enough behind it. */
static void many_ways(void **state) {
    SF_UNUSED(state);
    expect("ass", "a $$$$$$$$$$$s", "0-14");
    expect("ass", "a $$$$$$$$$ $ s", "0-15");
    expect("sail", "s @!!!!!!!!!!!l a", "0-15");
    expect("ass", "a $.......s", "0-11"); /* eight characters may stand between two letters */
    expect("ass", "a $.........s", "");
}

/* Every alphabet that fonts imitate reads as the plain one. */
static void alphabets(void **state) {
    SF_UNUSED(state);
    static const uint32_t first[] = {0x24B6,  0x24D0,  0xFF21,  0xFF41,  0x1D400, 0x1D41A, 0x1D5A0,
                                     0x1D63C, 0x1D670, 0x1D68A, 0x1F130, 0x1F150, 0x1F170, 0x1F1E6};
    struct sf_fold_char c[SF_FOLD_MAX];
    for (size_t k = 0; k < SF_COUNT(first); k++)
        for (uint32_t i = 0; i < 26; i++)
            if (sf_fold(first[k] + i, c) != 1 || c[0].cp != 'a' + i || c[0].kind != SF_FOLD_LETTER)
                fail_msg("U+%04X is not read as %c", first[k] + i, 'a' + i);
    static const uint32_t small[] = {0x1D00, 0x299,  0x1D04, 0x1D05, 0x1D07, 0xA730, 0x262,
                                     0x29C,  0x26A,  0x1D0A, 0x1D0B, 0x29F,  0x1D0D, 0x274,
                                     0x1D0F, 0x1D18, 0xA7AF, 0x280,  0xA731, 0x1D1B, 0x1D1C,
                                     0x1D20, 0x1D21, 'x',    0x28F,  0x1D22};
    for (uint32_t i = 0; i < 26; i++)
        if (sf_fold(small[i], c) != 1 || c[0].cp != 'a' + i)
            fail_msg("small capital %c, U+%04X", 'a' + i, small[i]);
    /* Nothing that is not seen is read: default ignorable, assigned or not. */
    static const uint32_t unseen[] = {0xAD,   0x34F,   0x61C,   0x17B4,  0x180B, 0x200B,
                                      0x202E, 0x2060,  0x2065,  0x2069,  0x206F, 0xFE0F,
                                      0xFEFF, 0xE0001, 0xE0041, 0xE01EF, 0x1D173};
    for (size_t k = 0; k < SF_COUNT(unseen); k++)
        if (sf_fold(unseen[k], c) != 0) fail_msg("U+%04X is seen", unseen[k]);
    static const uint32_t blank[] = {0x09,   0x0D,   0x85,   0xA0,   0x115F, 0x1680,
                                     0x2003, 0x2028, 0x2800, 0x3000, 0x3164, 0xFFA0};
    for (size_t k = 0; k < SF_COUNT(blank); k++)
        if (sf_fold(blank[k], c) != 1 || c[0].kind != SF_FOLD_GAP)
            fail_msg("U+%04X is no space", blank[k]);
}

/* Runs of 24 characters and more are decoded too. */
static void encoded(void **state) {
    SF_UNUSED(state);
    /* "you are such a sad man" whole; cut to 23 characters; "... sad" and its end */
    expect("sad", "eW91IGFyZSBzdWNoIGEgc2FkIG1hbg==", "21-24");
    expect("sad", "eW91IGFyZSBzdWNoIGEgc2Fk", "21-24");
    expect("sad", "b64:eW91IGFyZSBzdWNoIGEgc2Fk, see?", "25-28");
    expect("sad", "IHNhZCB5b3UgYXJlIHNvIHN=", "");         /* 23 */
    expect("sad", "IHNhZCB5b3UgYXJlIHNvIHNh", "2-6");      /* 24: what was found waits for it */
    expect("sad", "eW91IGFyZSBzdWNoIGEgc2FkbmVzcw==", ""); /* sadness */
    expect("sad*\t0.25", "eW91IGFyZSBzdWNoIGEgc2FkbmVzcw==", "21-24:0.25");
    expect("kill you", "SSB3aWxsIGtpbGwgICEgeW91ICEh", "10-24");
    expect("sad", "SSDQsNC8INC-0YfQtdC90YwgU0FEICEh", "25-28"); /* URL-safe, Cyrillic, capitals */
    expect("\xE7\x8C\xAB", "aGVsbG8gdGhlcmUgYmln54yrIG9rYXk=", "23-24"); /* a cat */
    expect("sad", "79 736164", "");
    expect("sad", "796f7520617265206120736164206d616e", "21-26");
    expect("sad", "0x796F75206172652061207361642e", "23-28");
    expect("sad", "y%6Fu%20are%20such%20a%20s%61d%20man", "25-30");
    /* A word as it stands, which plain text has only if no escape is before it, and then once. */
    expect("sad", "http://x.y/?q=very%20sad%20man", "21-24");
    expect("sad man", "http://x.y/?q=very%20sad%20man", "21-30");
    expect("very sad", "http://x.y/?q=very%20sad%20man", "14-24");
    expect("sad", "http://x.y/?q=very,sad,man%20man", "19-22");
    expect("sad", "http://x.y/?q=very,sad%20man", "19-22");
    expect("sad man\n20sad", "http://x.y/?q=very%20sad%20man", "19-24 21-30");
    expect("sad man", "very%20sad%20man", ""); /* 16 */
    expect("kill you", "%6B%69%6C%6C%20%79%6F%75", "2-24");
    /* What chance makes of random bytes: short phrases, spelled-out words, letters from symbols. */
    expect("ab\nsad\nass", "IGFiIGFiIHMgYSBkIGEkJCA1YWQg", "");
}

/* Runs are read from their first character on; S need not wait for their 24th. */
static void encoded_settled(void **state) {
    SF_UNUSED(state);
    struct sf_lexicon *x = lexicon("sad");
    struct sf_lexicon_state s;
    struct sf_charges c = {0};
    struct sf_sink sink = {.charges = &c};
    sf_lexicon_begin(&s);
    sf_lexicon_read(x, &s, "A letter to home", 16, false, &sink);
    assert_int_equal(sf_lexicon_settled(&s), 16);
    sf_lexicon_read(x, &s, " IHNhZCB5b3Ugb", 14, false,
                    &sink); /* " sad you ": found, if it is one */
    assert_int_equal(c.n, 0);
    assert_int_equal(sf_lexicon_settled(&s), 19);
    struct sf_lexicon_state t = s;
    sf_lexicon_read(x, &t, ".", 1, false, &sink); /* it is none */
    assert_int_equal(c.n, 0);
    assert_int_equal(sf_lexicon_settled(&t), 31);
    sf_lexicon_read(x, &s, "29rYXkgb29r", 11, false, &sink);
    assert_int_equal(c.n, 1);
    assert_int_equal(c.c[0].begin, 19);
    sf_lexicon_free(x);
    /* More finds than can wait for the 24th character are unsafe at it, and only then. */
    x = lexicon("aaa*\naaaa*\naaaaa*\naaaaaa*\naaaaaaa*\naaaaaaaa*\naaaaaaaaa*\naaaaaaaaaa*\n"
                "aaaaaaaaaaa*\naaaaaaaaaaaa*");
    sf_lexicon_begin(&s);
    c.n = 0;
    sf_lexicon_read(x, &s, "YWFhYWFhYWFhYWFhYWFhYWF", 23, false, &sink);
    assert_int_equal(c.n, 0);
    sf_lexicon_read(x, &s, "h", 1, false, &sink);
    bool unsafe = false;
    for (int i = 0; i < c.n; i++) unsafe |= c.c[i].amount == SF_COST_UNSAFE;
    assert_true(unsafe);
    sf_lexicon_free(x);
}

/* A match that the prompt began, however far back, counts when the answer ends it. */
static void prompt(void **state) {
    SF_UNUSED(state);
    struct sf_lexicon *x = lexicon("kill you\nkill*");
    struct sf_lexicon_state s;
    struct sf_charges c = {0};
    struct sf_sink free_of_charge = {.charges = &c, .mute = true}, sink = {.charges = &c};
    char blanks[600];
    memset(blanks, ' ', sizeof blanks);
    sf_lexicon_begin(&s);
    sf_lexicon_read(x, &s, "kill", 4, false, &free_of_charge);
    sf_lexicon_read(x, &s, blanks, sizeof blanks, false, &free_of_charge);
    assert_int_equal(c.n, 0);
    assert_true(sf_lexicon_settled(&s) + SF_GUARD_MAX_HOLD >= s.bytes);
    sf_lexicon_read(x, &s, "you.", 4, false, &sink);
    assert_int_equal(c.n, 1);
    assert_int_equal(c.c[0].amount, SF_COST_UNIT);
    assert_true(c.c[0].begin < c.c[0].end && c.c[0].end == 607);
    c.n = 0; /* the same gap in an answer cannot be held: unsafe */
    sf_lexicon_begin(&s);
    sf_lexicon_read(x, &s, "kill", 4, true, &sink);
    sf_lexicon_read(x, &s, blanks, sizeof blanks, false, &sink);
    assert_int_equal(c.n, 2);
    assert_true(c.c[1].amount == SF_COST_UNSAFE);
    c.n = 0; /* a word of the prompt that goes on for ever ends there: free */
    sf_lexicon_begin(&s);
    memset(blanks, 'k', sizeof blanks);
    sf_lexicon_read(x, &s, "kill", 4, false, &free_of_charge);
    sf_lexicon_read(x, &s, blanks, sizeof blanks, false, &free_of_charge);
    sf_lexicon_read(x, &s, " ", 1, false, &sink);
    for (int i = 0; i < c.n; i++) assert_true(c.c[i].begin < c.c[i].end && c.c[i].end <= 604);
    sf_lexicon_free(x);
}

/* More partial matches than can be followed are unsafe, but none is needed at the end. */
static void crowded(void **state) {
    SF_UNUSED(state);
    struct sf_lexicon *x = lexicon("a* a");
    struct sf_lexicon_state s;
    struct sf_charges c = {0};
    struct sf_sink sink = {.charges = &c};
    bool unsafe = false;
    sf_lexicon_begin(&s);
    for (int i = 0; i < 40; i++) {
        c.n = 0;
        sf_lexicon_read(x, &s, " a", 2, false, &sink);
        for (int j = 0; j < c.n; j++) unsafe |= c.c[j].amount == SF_COST_UNSAFE;
        struct sf_lexicon_state e = s;
        c.n = 0;
        sf_lexicon_end(x, &e, &sink);
        for (int j = 0; j < c.n; j++) assert_true(c.c[j].begin < c.c[j].end);
    }
    assert_true(unsafe);
    sf_lexicon_free(x);
}

static void rewards(void **state) {
    SF_UNUSED(state);
    struct sf_lexicon *x;
    struct sf_lexicon_state s;
    struct sf_sink sink = {0};
    assert_ok(sf_lexicon_parse(&x, "good\t1e12\nbad\t-1e12", 19, "test", true, err));
    sf_lexicon_begin(&s);
    for (int i = 0; i < 20; i++) sf_lexicon_read(x, &s, "good ", 5, false, &sink);
    assert_true(sink.sum == INT64_MAX); /* saturates */
    sink.sum = 0;
    for (int i = 0; i < 20; i++) sf_lexicon_read(x, &s, "bad ", 4, false, &sink);
    assert_true(sink.sum == INT64_MIN);
    sf_lexicon_free(x);
}

static const struct {
    const char *text, *says;
    int line;
} wrong[] = {
    {"", "no phrase", 0},
    {"# none\n\n \t \n", "no phrase", 3},
    {"sad\n\xFF\n", "not valid UTF-8", 2},
    {"sad\nk\xC3\n", "not valid UTF-8", 2},
    {"\xEF\xBB\xBF"
     "sad\t\r\n",
     "", -1},
    {"sad\tx", "a decimal number", 1},
    {"sad\t", "", -1},
    {"sad\t1 2", "a decimal number", 1},
    {"sad\tnan", "a decimal number", 1},
    {"sad\tinf", "a decimal number", 1},
    {"sad\t1e308", "a decimal number", 1},
    {"sad\t1e13", "a decimal number", 1},
    {"sad\t0x1", "a decimal number", 1},
    {"sad\t-0.5", "is negative", 1},
    {"sad\t-1e-30", "", -1},
    {"sad\t1\t2", "a decimal number", 1},
    {"sad\n\n--\n", "no letters", 3},
    {"*", "no letters", 1},
    {"\xE2\x80\x8B", "no letters", 1},
    {"a&b", "symbols are not matched", 1},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "longer than 64", 1},
};

static void refused(void **state) {
    SF_UNUSED(state);
    for (size_t i = 0; i < SF_COUNT(wrong); i++) {
        struct sf_lexicon *x;
        surefoot_error e = {0};
        surefoot_status st =
            sf_lexicon_parse(&x, wrong[i].text, strlen(wrong[i].text), "bad", false, &e);
        if (wrong[i].line < 0) {
            if (st != SUREFOOT_OK) fail_msg("'%s' is refused: %s", wrong[i].text, e.text);
            sf_lexicon_free(x);
        } else if (st != SUREFOOT_E_POLICY || x || e.where != (uint64_t)wrong[i].line ||
                   !strstr(e.text, wrong[i].says)) {
            fail_msg("'%s': status %d, line %d: %s", wrong[i].text, (int)st, (int)e.where, e.text);
        }
    }
    struct sf_lexicon *x;
    surefoot_error e;
    assert_int_equal(sf_lexicon_parse(&x, "sad\0cry", 7, "bad", false, &e), SUREFOOT_E_POLICY);
    assert_non_null(strstr(e.text, "NUL"));
    static char huge[(16 << 20) + 1]; /* a file above the limit; a line of a million bytes */
    memset(huge, 'a', sizeof huge);
    assert_int_equal(sf_lexicon_parse(&x, huge, sizeof huge, "bad", false, &e), SUREFOOT_E_POLICY);
    assert_non_null(strstr(e.text, "16 MiB"));
    assert_int_equal(sf_lexicon_parse(&x, huge, 1 << 20, "bad", false, &e), SUREFOOT_E_POLICY);
    memset(huge, ' ', 1 << 20); /* but blanks and a comment that long are none */
    memcpy(huge, "sad", 3);
    huge[1 << 19] = '#';
    assert_ok(sf_lexicon_parse(&x, huge, 1 << 20, "good", false, err));
    sf_lexicon_free(x);
    assert_ok(sf_lexicon_parse(&x, "\xEF\xBB\xBFsad\t2 # x\r\n#\r\ncry # y", 24, "ok", false, err));
    assert_int_equal(x->n_phrases, 2);
    sf_lexicon_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(spelled_out),
        cmocka_unit_test(once),
        cmocka_unit_test(many_ways),
        cmocka_unit_test(disguised),
        cmocka_unit_test(alphabets),
        cmocka_unit_test(prompt),
        cmocka_unit_test(encoded),
        cmocka_unit_test(encoded_settled),
        cmocka_unit_test(crowded),
        cmocka_unit_test(rewards),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
