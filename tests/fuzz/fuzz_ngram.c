/* SPDX-License-Identifier: MIT
 * fuzz_ngram.c - a file of the n-gram model. Laws: what opens keeps its bounds, reads any text
 * without leaving them, and gives the same probabilities however the text is cut.
 */
#include "fuzz.h"

#include "arena.h"
#include "ngram.h"

struct sums {
    double p;
    uint64_t n, last;
};

static void on_word(void *user, const struct sf_ngram_word *w) {
    struct sums *s = user;
    FUZZ_CHECK(w->begin < w->end && w->begin >= s->last);
    FUZZ_CHECK(w->p >= 0 && w->p <= 1);
    int64_t c = sf_excess(w->p, 0.5);
    FUZZ_CHECK(c >= 0 && c <= SF_COST_UNIT);
    s->last = w->begin;
    s->p += (double)w->p;
    s->n++;
}

static const char text[] =
    "You can mix it, then heat the jar. SAD \xE2\x80\x8B"
    "words, \xE6\xBC\xA2\xE5\xAD\x97 "
    "and_one_very_long_word_that_goes_on_and_on_and_on_and_on_and_on_and_on_until_it_is_cut";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sf_ngram *m;
    surefoot_error err = {0};
    if (sf_ngram_parse(&m, data, size, &err) != SUREFOOT_OK) {
        FUZZ_CHECK(!m && err.text[0]);
        return 0;
    }
    FUZZ_CHECK(m->window >= 1 && m->window <= SF_NGRAM_MAX_WINDOW && m->p0 >= 0 && m->p0 < 1);
    struct sums whole = {0}, cut = {0};
    struct sf_ngram_state s;
    sf_ngram_begin(&s);
    sf_ngram_read(m, &s, text, sizeof text - 1, false, on_word, &whole);
    sf_ngram_end(m, &s, on_word, &whole);
    sf_ngram_begin(&s);
    for (size_t i = 0; i + 1 < sizeof text;) {
        size_t k = 1;
        while (((unsigned char)text[i + k] & 0xC0) == 0x80) k++;
        sf_ngram_read(m, &s, text + i, k, false, on_word, &cut);
        FUZZ_CHECK(s.bytes - sf_ngram_settled(&s) <= SF_NGRAM_MAX_BYTES + 4);
        i += k;
    }
    sf_ngram_end(m, &s, on_word, &cut);
    FUZZ_CHECK(whole.n == cut.n && whole.p == cut.p);
    sf_ngram_free(m);
    return 0;
}
