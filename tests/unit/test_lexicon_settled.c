/* SPDX-License-Identifier: MIT
 * test_lexicon_settled.c - the settled length S against every continuation: all texts up to DEPTH
 * characters of small alphabets, as a tree, by lexicons whose phrases overlap, begin one another and
 * cross scripts. At every node:
 *     nothing read from there on, and no end of the text, charges what begins before S;
 *     ending the text at S instead costs nothing that is not charged already;
 *     S does not fall, is a whole character, and is the whole text once it has ended;
 *     the charges of the text and its end are those of slow_lexicon.h (down to SLOW_DEPTH).
 */
#include <stdlib.h>

#include "harness.h"

#include "../fuzz/slow_runs.h"
#include "lexicon.h"

#ifdef __SANITIZE_ADDRESS__
enum { DEPTH = 6, SLOW_DEPTH = 4 };
#else
enum { DEPTH = 7, SLOW_DEPTH = 5 };
#endif

struct node {
    struct sf_lexicon_state state;
    struct sf_charges read, end; /* of its own character; if the text ended here */
    uint64_t settled;
};
enum { PREFIX = 64 }; /* characters that all texts may have in common */
static struct node path[PREFIX + DEPTH + 1];
static char text[PREFIX + DEPTH * 4 + 1];
static int common; /* of them */
static const struct sf_lexicon *lexicon;
static const char *const *alphabet;
static struct slow_phrase phrase[32];
static int n_phrase;
static size_t visited, waited, found; /* nodes; of these with S behind the text; charges */

static bool equal(const struct sf_charge *a, const struct sf_charge *b) {
    return a->begin == b->begin && a->amount == b->amount; /* ends: see fuzz_lexicon.c */
}

static bool charged(const struct sf_charge *c, int depth) {
    for (int d = 1; d <= depth; d++)
        for (int i = 0; i < path[d].read.n; i++)
            if (equal(&path[d].read.c[i], c)) return true;
    return false;
}

static void compare_slow(int depth) {
    static struct slow_find find[SLOW_FINDS];
    int n = 0, have = path[depth].end.n;
    slow_find_all(phrase, n_phrase, text, strlen(text), find, &n);
    for (int d = 1; d <= depth; d++) have += path[d].read.n;
    bool all = have == n;
    for (int i = 0; i < n; i++) {
        const struct sf_charge c = {SF_COST_UNIT, find[i].begin, find[i].end};
        bool at_end = false;
        for (int j = 0; j < path[depth].end.n; j++) at_end |= equal(&path[depth].end.c[j], &c);
        all &= at_end || charged(&c, depth);
    }
    if (!all) fail_msg("'%s': %d charges, %d are due", text, have, n);
}

static void look(int depth) {
    struct node *v = &path[depth], *up = &path[depth - 1];
    struct sf_lexicon_state s = v->state;
    struct sf_sink sink = {.charges = &v->end};
    v->settled = sf_lexicon_settled(&s);
    v->end.n = 0;
    sf_lexicon_end(lexicon, &s, &sink);
    visited++;
    waited += v->settled < s.bytes;
    found += (size_t)v->read.n;
    if (v->settled < up->settled || sf_lexicon_settled(&s) != s.bytes)
        fail_msg("'%s': S falls, or is not the end", text);
    /* With S that does not fall, the parent's is the bound for all ancestors. */
    for (int i = 0; i < v->read.n; i++)
        if (v->read.c[i].begin < up->settled)
            fail_msg("'%s' charges from %d, %d was settled", text, (int)v->read.c[i].begin,
                     (int)up->settled);
    for (int i = 0; i < v->end.n; i++)
        if (v->end.c[i].begin < v->settled)
            fail_msg("the end of '%s' charges from %d, %d was settled", text,
                     (int)v->end.c[i].begin, (int)v->settled);
    int at = 0;
    while (at < depth && path[at].state.bytes < v->settled) at++;
    if (path[at].state.bytes != v->settled) fail_msg("'%s': S inside a character", text);
    for (int i = 0; at < depth && i < path[at].end.n; i++)
        if (!charged(&path[at].end.c[i], depth))
            fail_msg("'%s': ending at S = %d costs what begins at %d", text, (int)v->settled,
                     (int)path[at].end.c[i].begin);
    if (depth - common <= SLOW_DEPTH) compare_slow(depth);
}

static void go(int depth, const char *letter) { /* text gets longer by the letter */
    struct node *v = &path[depth];
    struct sf_sink sink = {.charges = &v->read};
    strcat(text, letter);
    v->state = path[depth - 1].state;
    v->read.n = 0;
    sf_lexicon_read(lexicon, &v->state, letter, strlen(letter), false, &sink);
    look(depth);
}

static void descend(int depth) {
    size_t n = strlen(text);
    for (int i = 0; alphabet[i]; i++) {
        go(depth, alphabet[i]);
        if (depth < common + DEPTH) descend(depth + 1);
        text[n] = 0;
    }
}

/* plain: the phrases have no symbols for letters, so that slow_lexicon.h knows them. */
static void every_text_behind(const char *prefix, const char *phrases, bool plain,
                              const char *const *letters) {
    struct sf_lexicon *x;
    assert_ok(sf_lexicon_parse(&x, phrases, strlen(phrases), "test", false, err));
    lexicon = x;
    alphabet = letters;
    n_phrase = 0;
    for (const char *p = phrases; *p; p += strcspn(p, "\n") + (p[strcspn(p, "\n")] == '\n'))
        slow_phrase(&phrase[n_phrase++], p, strcspn(p, "\n"), SF_COST_UNIT);
    if (!plain) { /* their skeletons, as if written with letters: "a$$" is "ass" */
        n_phrase = 0;
        for (const char *p = phrases; *p; p += strcspn(p, "\n") + (p[strcspn(p, "\n")] == '\n')) {
            char word[32] = {0};
            memcpy(word, p, strcspn(p, "\n"));
            bool symbols = strpbrk(word, "$@!");
            for (char *q = word; *q; q++)
                if (*sf_fold_alternatives((unsigned char)*q) && strchr("$@!", *q))
                    *q = *sf_fold_alternatives((unsigned char)*q);
            slow_phrase(&phrase[n_phrase], word, strlen(word), SF_COST_UNIT);
            phrase[n_phrase++].as_written = symbols;
        }
    }
    sf_lexicon_begin(&path[0].state);
    path[0].settled = 0;
    text[0] = 0;
    visited = waited = found = 0;
    for (common = 0; prefix[common]; common++) go(common + 1, (const char[]){prefix[common], 0});
    descend(common + 1);
    if (waited * 20 < visited || found < (*prefix ? 500 : visited / 100))
        fail_msg("'%s': of %zu texts only %zu wait, %zu charges: nothing is tested", phrases,
                 visited, waited, found);
    sf_lexicon_free(x);
}

static void every_text(const char *phrases, bool plain, const char *const *letters) {
    every_text_behind("", phrases, plain, letters);
}

#define LETTERS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void overlapping(void **state) {
    SF_UNUSED(state);
    every_text("ab\naba\na b\nb a b\nb", true, LETTERS("a", "b", " ", "x", "\xE2\x80\x8B", "."));
}

static void prefixes(void **state) {
    SF_UNUSED(state);
    every_text("ab\nab*\nb* a\na* b*\nabb", true, LETTERS("a", "b", " ", "-", "1", "\xCC\x81"));
}

static void spelled(void **state) {
    SF_UNUSED(state);
    every_text("abc\nabc*\na bc\nc\nbca b", true, LETTERS("a", "b", "c", " ", ".", "_"));
}

static void underscores(void **state) {
    SF_UNUSED(state);
    every_text("_\n_a\na_b\n__\na\na b_", true, LETTERS("_", "a", "b", " ", "-"));
}

static void guesses(void **state) {
    SF_UNUSED(state);
    every_text("a$$\nsi\nsl1\ns@l", false, LETTERS("a", "s", "l", "$", "1", "!", "@"));
    every_text("all\nill*\nal i", true, LETTERS("a", "i", "l", "|", "1", " ", "_"));
}

static void unspaced(void **state) {
    SF_UNUSED(state);
    every_text("\xE7\x8C\xAB\xE7\x8A\xAC\n\xE7\x8A\xAC a\na \xE7\x8C\xAB\nab\n\xE7\x8A\xAC", true,
               LETTERS("\xE7\x8C\xAB", "\xE7\x8A\xAC", "a", "b", " ", "\xE3\x80\x82", "_"));
}

static void symbols(void **state) {
    SF_UNUSED(state);
    every_text("\xF0\x9F\x94\xAA\na \xF0\x9F\x94\xAA\n\xF0\x9F\x94\xAA\xF0\x9F\x94\xAA b\nab", true,
               LETTERS("\xF0\x9F\x94\xAA", "a", "b", " ", "_", "\xF0\x9F\x8F\xBF"));
}

static void marks(void **state) {
    SF_UNUSED(state);
    every_text("\xE0\xB8\x81\xE0\xB8\xB3\n\xE0\xA4\x95\xE0\xA5\x8D\xE0\xA4\xB7\n\xE3\x81\xB0 a\na",
               true,
               LETTERS("\xE0\xB8\x81", "\xE0\xB8\xB3", "\xE0\xA4\x95", "\xE0\xA5\x8D",
                       "\xE0\xA4\xB7", "\xE3\x81\xAF", "\xE3\x82\x99", "a"));
}

/* Texts that reach the 24th character of a run, and go on behind it. */
static void base64(void **state) {
    SF_UNUSED(state);
    /* " sad a bad assa" and what the letters make of it: "d", "dd", "d a", "sad" ... */
    every_text_behind("IHNhZCBhIGJhZCBhc3Nh", "sad\nassad\nass*\nbad* assad\nkba", true,
                      LETTERS("Z", "C", "I", "k", " ", "B"));
    /* The same behind 24 characters and in the middle of a word of the plain text. */
    every_text_behind("xx/sad-assaaIHNhZCBhIGJhZCBhc3Nh", "sad\nass* h*\nass* a\nh\nig*", true,
                      LETTERS("I", "G", "h", "a", "-", " "));
}

static void hex(void **state) {
    SF_UNUSED(state);
    every_text_behind("20736164206120626164", "sad\nass\nbad*\nbad a*\n6 6", true,
                      LETTERS("6", "1", "7", "3", " ", "2"));
    every_text_behind("2073616420612062616473616", "sadsa\nbadsad\nbadsa*\n6", true,
                      LETTERS("6", "1", "4", "2", "0", "-"));
}

static void percent(void **state) {
    SF_UNUSED(state);
    every_text_behind("a%20sad.%61ss%20%73ad", "sad\nsad a\nass*\nssad\nass sada", true,
                      LETTERS("%", "6", "1", "a", ".", " "));
    every_text_behind("the%20cat%20is%20as%20%73ad", "sad\nas sad1\nsad* d*\nsad* 6", true,
                      LETTERS("%", "6", "1", "4", "\xE2\x80\x8B", "d"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overlapping), cmocka_unit_test(prefixes), cmocka_unit_test(spelled),
        cmocka_unit_test(underscores), cmocka_unit_test(guesses),  cmocka_unit_test(unspaced),
        cmocka_unit_test(symbols),     cmocka_unit_test(marks),    cmocka_unit_test(base64),
        cmocka_unit_test(hex),         cmocka_unit_test(percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
