/* SPDX-License-Identifier: MIT
 * test_lexicon_shown.c - what a lexicon reads is what a terminal shows: every code point through the
 * filter of terminal output and through the fold.
 */
#include "harness.h"

#include <utf8proc.h>

#include "../../src/cli/cli_term.c"
#include "fold.h"
#include "utf8.h"

/* What cli_term.c needs of its neighbours. */
bool sf_cli_interrupted(void) {
    return false;
}
bool sf_out_failed(void) {
    return false;
}

static bool only(const struct sf_fold_char *c, int n, enum sf_fold_kind kind) {
    for (int i = 0; i < n; i++)
        if (c[i].kind != kind) return false;
    return n > 0;
}

/* Dropped by the filter: not seen by the fold. Made a space: a gap. Let through, and of no width: not
 * seen, or a mark that belongs to the letter before it. Let through and seen by a reader: not dropped
 * by the fold, but for the few that fonts draw and readers skip. */
static void every_code_point(void **state) {
    SF_UNUSED(state);
    size_t dropped = 0, blanks = 0, thin = 0;
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        if (cp >= 0xD800 && cp < 0xE000) continue;
        char in[4], out[12];
        struct sf_fold_char c[SF_FOLD_MAX];
        size_t n = (size_t)sf_utf8_encode(cp, in), shown = sf_cli_clean(in, n, out);
        int k = sf_fold(cp, c);
        if (shown == 0) {
            dropped++;
            if (k != 0) fail_msg("U+%04X is not shown, but read", cp);
        } else if (cp != ' ' && shown == 1 && *out == ' ') {
            blanks++;
            if (!only(c, k, SF_FOLD_GAP)) fail_msg("U+%04X is shown as a space, not read so", cp);
        } else {
            assert_int_equal(shown, n);
            assert_memory_equal(in, out, n);
            bool assigned = utf8proc_category((utf8proc_int32_t)cp) != UTF8PROC_CATEGORY_CN;
            if (cp == '\n' || cp == '\t' || !assigned ||
                utf8proc_charwidth((utf8proc_int32_t)cp) > 0)
                continue;
            thin++;
            if (k != 0 && !only(c, k, SF_FOLD_MARK))
                fail_msg("U+%04X has no width, but is read", cp);
        }
    }
    assert_true(dropped > 60 && blanks == 9 && thin > 1000);
}

/* What is shown of a text folds to what the text folds to. */
static void texts(void **state) {
    SF_UNUSED(state);
    static const struct {
        const char *text, *shown;
    } t[] = {
        {"s\rad", "s ad"},
        {"s\vad\fs\xC2\x85"
         "ad",
         "s ad s ad"},
        {"one\r\ntwo\tthree\n", "one \ntwo\tthree\n"},
        {"sx\b\x7F"
         "ad",
         "sxad"}, /* nothing is rubbed out */
        {"s\x1B[31mad\x1B]0;x\x07", "s[31mad]0;x"},
        {"s\xC2\x9B"
         "31mad",
         "s31mad"},
        {"s\xE2\x80\xAE"
         "da\xE2\x80\xAC",
         "sda"},
        {"s\xE3\x85\xA4"
         "ad \xE2\x80\xA8.",
         "s ad  ."},
    };
    for (size_t i = 0; i < SF_COUNT(t); i++) {
        char out[128];
        size_t n = sf_cli_clean(t[i].text, strlen(t[i].text), out);
        if (n != strlen(t[i].shown) || memcmp(out, t[i].shown, n) != 0)
            fail_msg("text %zu is shown as '%.*s'", i, (int)n, out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
