/* SPDX-License-Identifier: MIT
 * fuzz_lexicon.c - a lexicon, a NUL byte, a text. The first byte says how the text arrives, and its
 * upper two bits that what stands between '~' and '~' of it is first put into base64, hex or percent
 * escapes.
 * Laws, for every lexicon that opens and every text: however the text is cut, and wherever the state
 * is copied and gone on with, the charges are the same; none begins before the settled length of any
 * moment before it; ending the text at a settled length costs nothing that is not yet charged; the
 * length never falls and never lags too far; and the finds are those of slow_lexicon.h.
 */
#include "fuzz.h"

#include "arena.h"
#include "lexicon.h"
#include "slow_runs.h"

enum { MAX_TEXT = 400, MAX_LEXICON = 4096, MAX_PHRASES = 64, MAX_ALL = 8192 };

struct all { /* charges of a whole text */
    struct sf_charge c[MAX_ALL];
    int n;
    bool overflow, unsafe;
};

static void collect(struct all *a, const struct sf_charges *c) {
    a->overflow |= c->overflow;
    for (int i = 0; i < c->n && a->n < MAX_ALL; i++) {
        a->unsafe |= c->c[i].amount == SF_COST_UNSAFE;
        a->c[a->n++] = c->c[i];
    }
}

static void read(const struct sf_lexicon *x, struct sf_lexicon_state *s, const char *text, size_t n,
                 bool boundary, struct all *a) {
    struct sf_charges c = {0};
    struct sf_sink sink = {.charges = &c};
    uint64_t before = sf_lexicon_settled(s);
    sf_lexicon_read(x, s, text, n, boundary, &sink);
    uint64_t settled = sf_lexicon_settled(s);
    FUZZ_CHECK(settled >= before && settled <= s->bytes);
    FUZZ_CHECK(s->bytes - settled <= SF_GUARD_MAX_HOLD);
    for (int i = 0; i < c.n; i++) {
        FUZZ_CHECK(c.c[i].begin >= before);
        FUZZ_CHECK(c.c[i].begin < c.c[i].end && c.c[i].end <= s->bytes);
        FUZZ_CHECK(c.c[i].amount > 0);
    }
    collect(a, &c);
}

static void end(const struct sf_lexicon *x, struct sf_lexicon_state *s, struct all *a) {
    struct sf_charges c = {0};
    struct sf_sink sink = {.charges = &c};
    uint64_t before = sf_lexicon_settled(s);
    sf_lexicon_end(x, s, &sink);
    FUZZ_CHECK(sf_lexicon_settled(s) == s->bytes);
    for (int i = 0; i < c.n; i++)
        FUZZ_CHECK(c.c[i].begin >= before && c.c[i].begin < c.c[i].end && c.c[i].end <= s->bytes);
    collect(a, &c);
}

static bool same(const struct all *a, const struct all *b) {
    return a->n == b->n && memcmp(a->c, b->c, (size_t)a->n * sizeof *a->c) == 0;
}

static bool holds(const struct all *a, const struct sf_charge *c) {
    for (int i = 0; i < a->n; i++)
        if (a->c[i].begin == c->begin && a->c[i].amount == c->amount) return true;
    return false;
}

static size_t char_length(const char *text, size_t n) {
    uint32_t cp;
    int k = sf_utf8_decode((const unsigned char *)text, n, &cp);
    FUZZ_CHECK(k > 0);
    return (size_t)k;
}

/* Character by character, with a look at every settled length; the charges are left in *a. */
static void read_slowly(const struct sf_lexicon *x, const char *text, size_t n, struct all *a) {
    static struct sf_lexicon_state at[MAX_TEXT * 3 + 16]; /* at[i]: behind byte i */
    static struct all ended;
    struct sf_lexicon_state s;
    uint64_t looked = 0;
    sf_lexicon_begin(&s);
    at[0] = s;
    for (size_t i = 0; i < n;) {
        size_t k = char_length(text + i, n - i);
        read(x, &s, text + i, k, false, a);
        i += k;
        at[i] = s;
        uint64_t settled = sf_lexicon_settled(&s);
        if (a->unsafe || settled == looked) continue;
        looked = settled;
        struct sf_lexicon_state cut = at[settled];
        FUZZ_CHECK(cut.bytes == settled); /* a whole character */
        ended.n = 0;
        end(x, &cut, &ended);
        for (int j = 0; j < ended.n; j++) {
            if (holds(a, &ended.c[j])) continue;
            fprintf(stderr, "after '%.*s': ending at %d costs what begins at %d\n", (int)i, text,
                    (int)settled, (int)ended.c[j].begin);
            FUZZ_CHECK(false);
        }
    }
    end(x, &s, a);
}

static void read_in_pieces(const struct sf_lexicon *x, const char *text, size_t n, uint64_t seed,
                           const struct all *want) {
    static struct all a, rest;
    struct sf_lexicon_state s, copy;
    sf_lexicon_begin(&s);
    a.n = rest.n = 0;
    a.overflow = a.unsafe = false;
    size_t copied = 0;
    int before = 0;
    bool have = false;
    for (size_t i = 0; i < n;) {
        size_t k = 0,
               most =
                   1 + (seed = seed * 6364136223846793005u + 1442695040888963407u, seed >> 33) % 17;
        while (i + k < n && k < most) k += char_length(text + i + k, n - i - k);
        if (!have && seed >> 60 < 4) copy = s, copied = i, before = a.n, have = true;
        read(x, &s, text + i, k, false, &a);
        i += k;
    }
    end(x, &s, &a);
    if (!a.overflow && !want->overflow) FUZZ_CHECK(same(&a, want));
    if (!have) return;
    rest.n = before;
    memcpy(rest.c, a.c, (size_t)before * sizeof *a.c);
    rest.overflow = a.overflow;
    read(x, &copy, text + copied, n - copied, false, &rest);
    end(x, &copy, &rest);
    if (!rest.overflow && !want->overflow) FUZZ_CHECK(same(&rest, want));
}

/* The phrases of a plain lexicon (no weights, comments, or symbols for letters); -1: another one. */
static int plain_phrases(struct slow_phrase *p, const char *text, size_t n) {
    int count = 0;
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3, n -= 3;
    for (size_t i = 0; i < n; i++)
        if (memchr("\t#@$!|+\r", text[i], 8)) return -1;
    for (const char *q = text, *stop = text + n; q < stop;) {
        const char *nl = memchr(q, '\n', (size_t)(stop - q)), *e = nl ? nl : stop, *next = e + 1;
        while (q < e && *q == ' ') q++;
        while (e > q && e[-1] == ' ') e--;
        if (q < e) {
            if (count == MAX_PHRASES) return -1;
            slow_phrase(&p[count], q, (size_t)(e - q), SF_COST_UNIT);
            bool again = false;
            for (int i = 0; i < count; i++)
                again |= p[i].n == p[count].n &&
                         !memcmp(p[i].symbol, p[count].symbol, (size_t)p[i].n * 4);
            count += !again;
        }
        q = next;
    }
    return count;
}

static int by_place(const void *a, const void *b) {
    const struct sf_charge *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static void compare_slow(const char *lexicon, size_t n_lexicon, const char *text, size_t n,
                         const struct all *have) {
    static struct slow_phrase p[MAX_PHRASES];
    static struct slow_find find[SLOW_FINDS];
    static struct all want, got;
    int n_find = 0, count = plain_phrases(p, lexicon, n_lexicon);
    if (count < 0 || have->unsafe || have->overflow) return;
    slow_find_all(p, count, text, n, find, &n_find);
    if (n_find == SLOW_FINDS) return;
    want.n = 0;
    for (int i = 0; i < n_find; i++)
        want.c[want.n++] = (struct sf_charge){p[find[i].phrase].weight, find[i].begin, find[i].end};
    got = *have;
    qsort(want.c, (size_t)want.n, sizeof *want.c, by_place);
    qsort(got.c, (size_t)got.n, sizeof *got.c, by_place);
    /* Where several readings prove a phrase at once, any of them may give the span its end. */
    for (int i = 0; i < want.n; i++) want.c[i].end = 0;
    for (int i = 0; i < got.n; i++) got.c[i].end = 0;
    if (!same(&want, &got)) {
        for (int i = 0; i < want.n; i++) fprintf(stderr, "want %d\n", (int)want.c[i].begin);
        for (int i = 0; i < got.n; i++) fprintf(stderr, "got %d\n", (int)got.c[i].begin);
        fprintf(stderr, "lexicon '%.*s' text '%.*s'\n", (int)n_lexicon, lexicon, (int)n, text);
    }
    FUZZ_CHECK(same(&want, &got));
}

static size_t put_encoded(char *out, const unsigned char *in, size_t n, int how) {
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t used = 0;
    for (size_t bit = 0; how == 1 && bit < 8 * n; bit += 6) {
        unsigned two = in[bit / 8] * 256u + (bit / 8 + 1 < n ? in[bit / 8 + 1] : 0);
        out[used++] = digit[two >> (10 - bit % 8) & 63];
    }
    for (size_t i = 0; how > 1 && i < n; i++) {
        bool itself = how == 3 && in[i] > ' ' && in[i] < 0x7F && (in[i] * 7 + i) % 3;
        used += (size_t)sprintf(out + used, itself ? "%c" : how == 3 ? "%%%02X" : "%02x", in[i]);
    }
    return used;
}
static size_t encode(char *text, size_t n, int how) {
    static char in[SF_UTF8_OUT(MAX_TEXT) + 16];
    size_t used = 0;
    bool on = false;
    if (how == 0) return n;
    memcpy(in, text, n);
    for (size_t i = 0, k; i < n; i += k + 1, on = !on) {
        const char *stop = memchr(in + i, '~', n - i);
        k = stop ? (size_t)(stop - (in + i)) : n - i;
        if (on)
            used += put_encoded(text + used, (unsigned char *)in + i, k, how);
        else
            memcpy(text + used, in + i, k), used += k;
    }
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct all a, whole;
    static char text[SF_UTF8_OUT(MAX_TEXT) + 16];
    struct sf_lexicon *x;
    surefoot_error e = {0};
    if (size < 2) return 0;
    const char *lexicon = (const char *)data + 1, *nul = memchr(lexicon, 0, size - 1);
    size_t n_lexicon = nul ? (size_t)(nul - lexicon) : size - 1, n = 0;
    if (n_lexicon > MAX_LEXICON) return 0;
    bool is_signed = data[0] & 1;
    if (sf_lexicon_parse(&x, lexicon, n_lexicon, "fuzz", is_signed, &e) != SUREFOOT_OK) {
        FUZZ_CHECK(!x && e.code == SUREFOOT_E_POLICY && *e.text && e.where <= n_lexicon + 1);
        return 0;
    }
    FUZZ_CHECK(sf_lexicon_hold(x) >= SF_GUARD_MAX_HOLD && x->n_phrases > 0);
    struct sf_utf8 u = {0};
    if (nul) {
        size_t left = sf_min(size - 2 - n_lexicon, MAX_TEXT);
        n = sf_utf8_feed(&u, nul + 1, left, text);
        n += sf_utf8_end(&u, text + n);
        if (n <= MAX_TEXT) n = encode(text, n, data[0] >> 6);
    }
    a.n = whole.n = 0;
    a.overflow = a.unsafe = whole.overflow = whole.unsafe = false;
    if (is_signed) { /* as a reward: the sum is that of the whole, however cut */
        struct sf_sink one = {0}, many = {0};
        struct sf_lexicon_state s;
        sf_lexicon_begin(&s);
        sf_lexicon_read(x, &s, text, n, false, &one);
        sf_lexicon_end(x, &s, &one);
        sf_lexicon_begin(&s);
        for (size_t i = 0, k; i < n; i += k)
            sf_lexicon_read(x, &s, text + i, k = char_length(text + i, n - i), false, &many);
        sf_lexicon_end(x, &s, &many);
        FUZZ_CHECK(one.sum == many.sum);
    } else {
        read_slowly(x, text, n, &a);
        read_in_pieces(x, text, n, data[0] * 0x9E3779B97F4A7C15u + n, &a);
        compare_slow(lexicon, n_lexicon, text, n, &a);
    }
    sf_lexicon_free(x);
    return 0;
}
