/* SPDX-License-Identifier: MIT
 * cases_models.c - the laws of cost models that read text, asked of the n-gram model: on random
 * texts, cut at random, with the state copied and gone on with. What each word costs is also worked
 * out afresh, from the whole text.
 */
#include "harness.h"
#include "laws.h"

#include "ngram.h"
#include "policy.h"

#define MUST(x)                                                                                    \
    do {                                                                                           \
        if (!(x))                                                                                  \
            return law_violation("%s, seed %llu: not %s", __func__, (unsigned long long)seed, #x); \
    } while (0)

enum { MAX_PIECES = 40 };
static const char *const bits[] = {"a",    "b",
                                   " ",    ", ",
                                   "sad",  "\xC3\xA9",
                                   "-",    "\xE2\x80\x8B",
                                   "1",    "\xE6\xBC\xA2",
                                   "A",    "_",
                                   "long", "verylongword",
                                   "\n",   "\xF0\x9F\x98\x80"};

struct seen { /* charges so far */
    int64_t amount[4 * MAX_PIECES];
    uint64_t begin[4 * MAX_PIECES], end[4 * MAX_PIECES];
    int n;
};

static void on_word(void *user, const struct sf_ngram_word *w) {
    struct seen *s = user;
    if (s->n == 4 * MAX_PIECES) return;
    s->amount[s->n] = w->disguised ? SF_COST_UNSAFE : 1 + sf_excess(w->p, 0.25);
    s->begin[s->n] = w->begin;
    s->end[s->n++] = w->end;
}

static bool same(const struct seen *a, const struct seen *b) {
    if (a->n != b->n) return false;
    for (int i = 0; i < a->n; i++)
        if (a->amount[i] != b->amount[i] || a->begin[i] != b->begin[i] || a->end[i] != b->end[i])
            return false;
    return true;
}

static void read_all(const struct sf_ngram *m, const char *text, size_t n, struct seen *out) {
    struct sf_ngram_state s;
    out->n = 0;
    sf_ngram_begin(&s);
    sf_ngram_read(m, &s, text, n, false, on_word, out);
    sf_ngram_end(m, &s, on_word, out);
}

/* The same by a definition of its own: only the last `window` words, read as a text of their own
 * (the word before them lends its hash to the pair they begin with). */
static bool window_only(const struct sf_ngram *m, const char *text, const struct seen *all) {
    if (all->n <= (int)m->window) return true;
    struct seen part;
    int first = all->n - (int)m->window - 1; /* one more, for the pair */
    uint64_t from = all->begin[first];
    struct sf_ngram_state s;
    part.n = 0;
    sf_ngram_begin(&s);
    sf_ngram_read(m, &s, text + from, all->end[all->n - 1] - from, false, on_word, &part);
    sf_ngram_end(m, &s, on_word, &part);
    return part.n > 0 && part.amount[part.n - 1] == all->amount[all->n - 1];
}

const char *law_ngram_settles(uint64_t n) {
    static int32_t weight[1 << SF_NGRAM_MIN_BITS];
    struct sf_ngram m = {.bits = SF_NGRAM_MIN_BITS, .window = 3, .weight = weight};
    static struct seen whole, now, cut;
    for (uint64_t seed = 0; seed < n; seed++) {
        uint64_t r = seed + 1, settled = 0;
        char text[MAX_PIECES * 16] = "";
        size_t at[MAX_PIECES + 1] = {0};
        for (size_t i = 0; i < SF_COUNT(weight); i++)
            weight[i] = (int32_t)(sf_rand(&r) % 2001) - 1000;
        for (int i = 0; i < MAX_PIECES; i++) {
            strcat(text, bits[sf_rand(&r) % SF_COUNT(bits)]);
            at[i + 1] = strlen(text);
        }
        read_all(&m, text, at[MAX_PIECES], &whole);
        MUST(window_only(&m, text, &whole));
        struct sf_ngram_state s;
        now.n = 0;
        sf_ngram_begin(&s);
        for (int i = 0; i < MAX_PIECES; i++) { /* any cut */
            int from = now.n;
            sf_ngram_read(&m, &s, text + at[i], at[i + 1] - at[i], false, on_word, &now);
            for (int k = from; k < now.n; k++)
                MUST(now.begin[k] >= settled && now.begin[k] < now.end[k] &&
                     now.end[k] <= at[i + 1]);
            MUST(sf_ngram_settled(&s) >= settled && sf_ngram_settled(&s) <= at[i + 1]);
            settled = sf_ngram_settled(&s);
            MUST(at[i + 1] - settled <= SF_NGRAM_MAX_BYTES + 4);
            /* A copy goes on alike; and ending at S costs what was charged up to there. */
            struct sf_ngram_state fork = s;
            cut = now;
            sf_ngram_read(&m, &fork, text + at[i + 1], at[MAX_PIECES] - at[i + 1], false, on_word,
                          &cut);
            sf_ngram_end(&m, &fork, on_word, &cut);
            MUST(same(&cut, &whole));
            read_all(&m, text, settled, &cut);
            MUST(same(&cut, &now));
        }
    }
    return NULL;
}
