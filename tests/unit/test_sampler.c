/* SPDX-License-Identifier: MIT
 * test_sampler.c - the chain against a plain reading of its definition in double, and its order,
 * bounds and failures.
 */
#define _GNU_SOURCE /* qsort_r */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

#include "philox.h"
#include "sampler.h"
#include "stop.h"

enum { V = 1000 };

static struct sf_kernels kern;
static void *scratch;
static float logits[V];

/* Texts of tokens for sequence breakers: "abc" may lie in one token, in two or in three. */
static const char *const texts[] = {"a", "b", "c", "ab", "bc",  "xabc",
                                    "",  ":", "d", "e",  "a:b", "cc"};
static struct sf_str text_of(const void *self, int32_t token) {
    SF_UNUSED(self);
    const char *s = texts[(uint32_t)token % SF_COUNT(texts)];
    return (struct sf_str){.p = s, .n = strlen(s)};
}

static void setup_logits(uint64_t seed) {
    for (int i = 0; i < V; i++) /* many ties, both signs */
        logits[i] = (float)((int)(sf_rand(&seed) % 160) - 80) / 8.0f;
}

static int32_t draw(const surefoot_sampling *o, const int32_t *hist, size_t n_hist,
                    const struct sf_draw *d) {
    struct sf_sampler s;
    int32_t id = -1;
    assert_ok(sf_sampler_init(&s, o, V, err));
    s.text = text_of;
    assert_ok(sf_sample(&s, &kern, scratch, logits, V, hist, n_hist, d, &id, err));
    return id;
}

/* The definition, written the slow way: one pass per stage over explicit probabilities. */
struct ref {
    double l[V];
    int id[V], n;
};
static int by_rank(const void *a, const void *b, void *arg) {
    const double *l = arg;
    int i = *(const int *)a, j = *(const int *)b;
    return l[i] != l[j] ? (l[i] < l[j] ? 1 : -1) : i - j;
}
/* The longest repetition that token would lengthen, by looking at every place where it stands. */
static uint32_t slow_dry(const char *const *breaker, size_t n_breaker, const int32_t *w, size_t n,
                         int32_t token) {
    static char text[4096];
    static size_t of[4096];
    size_t bytes = 0, best = 0, limit = n;
    for (size_t i = 0; i < n; i++)
        for (const char *s = text_of(NULL, w[i]).p; *s; s++) of[bytes] = i, text[bytes++] = *s;
    for (size_t b = 0; b < n_breaker; b++) {
        size_t m = strlen(breaker[b]);
        if (strstr(text_of(NULL, token).p, breaker[b])) return 0;
        for (size_t i = 0; i + m <= bytes; i++)
            if (!memcmp(text + i, breaker[b], m) && n - 1 - of[i + m - 1] < limit)
                limit = n - 1 - of[i + m - 1];
    }
    for (size_t p = 1; p < n; p++) {
        size_t m = 0;
        if (w[p] != token) continue;
        while (m < p && m < limit && w[p - 1 - m] == w[n - 1 - m]) m++;
        if (m > best) best = m;
    }
    return (uint32_t)best;
}
static void slow_dry_all(const surefoot_sampling *o, const int32_t *hist, size_t n, double *l) {
    size_t back = o->dry_penalty_last_n < 0 ? n : sf_min((size_t)o->dry_penalty_last_n, n);
    if (o->dry_multiplier <= 0) return;
    for (int t = 0; t < 12; t++) { /* no other stands in these texts */
        uint32_t m = slow_dry(o->dry_breakers, o->n_dry_breakers, hist + n - back, back, t);
        if (m == 0 || (int32_t)m < o->dry_allowed_length) continue;
        double p = (double)o->dry_multiplier *
                   pow((double)o->dry_base, (double)((int32_t)m - o->dry_allowed_length));
        l[t] = (double)((float)l[t] - (float)(p > 1e9 ? 1e9 : p));
    }
}
/* The tokens of ref after XTC: the first one that stays. */
static int slow_xtc(const surefoot_sampling *o, const double *p, int n) {
    double z = 0;
    int k = 0;
    for (int i = 0; i < n; i++) z += p[i];
    while (k < n && p[k] / z >= (double)o->xtc_threshold) k++;
    return k > 1 ? k - 1 : 0;
}
static double slow_temp(const surefoot_sampling *o, const double *p, int n, double temp) {
    double z = 0, h = 0;
    for (int i = 0; i < n; i++) z += p[i];
    for (int i = 0; i < n; i++) h -= p[i] / z * log(p[i] / z);
    if (n < 2 || o->dynatemp_range <= 0) return temp;
    double low = fmax(temp - (double)o->dynatemp_range, 0);
    return low +
           (temp + (double)o->dynatemp_range - low) * pow(h / log(n), (double)o->dynatemp_exponent);
}
static int32_t slow(const surefoot_sampling *o, const int32_t *hist, size_t n_hist,
                    const struct sf_draw *d) {
    static struct ref r;
    for (int i = 0; i < V; i++) r.l[i] = (double)logits[i], r.id[i] = i;
    for (size_t i = 0; i < o->n_logit_bias; i++)
        r.l[o->logit_bias[i].token] += (double)o->logit_bias[i].bias;
    size_t n = o->repeat_last_n < 0 ? n_hist : (size_t)o->repeat_last_n;
    if (n > n_hist) n = n_hist;
    for (int t = 0; t < V; t++) {
        int c = 0;
        for (size_t i = n_hist - n; i < n_hist; i++) c += hist[i] == t;
        if (!c) continue;
        float l = (float)r.l[t];
        l = l > 0 ? l / o->repeat_penalty : l * o->repeat_penalty;
        r.l[t] = (double)(l - o->frequency_penalty * (float)c - o->presence_penalty);
    }
    slow_dry_all(o, hist, n_hist, r.l);
    for (size_t i = 0; i < d->n_penalty; i++)
        r.l[d->penalty[i].token] -= (double)d->penalty[i].amount;
    qsort_r(r.id, V, sizeof r.id[0], by_rank, r.l);
    r.n = V;
    if (o->top_k > 0 && o->top_k < r.n) r.n = o->top_k;
    double z = 0, sum = 0, p[V];
    for (int i = 0; i < r.n; i++) z += p[i] = exp(r.l[r.id[i]] - r.l[r.id[0]]);
    for (int i = 0; o->top_p < 1 && i < r.n; i++) {
        sum += p[i];
        if (sum >= (double)o->top_p * z) r.n = i + 1;
    }
    int keep = 1;
    while (keep < r.n && p[keep] >= (double)o->min_p) keep++;
    if (o->min_p > 0) r.n = keep;
    double temp = (double)(o->temperature > d->temp_floor ? o->temperature : d->temp_floor);
    if (temp <= 0) return r.id[0];
    int from = 0;
    uint32_t coin = sf_philox_lane(o->seed, d->t, d->i, d->r, 1) >> 8;
    if (coin / 16777216.0 < (double)o->xtc_probability) from = slow_xtc(o, p, r.n);
    temp = fmax(slow_temp(o, p + from, r.n - from, temp), (double)d->temp_floor);
    z = sum = 0;
    for (int i = from; i < r.n; i++) z += p[i] = exp((r.l[r.id[i]] - r.l[r.id[from]]) / temp);
    double u = sf_philox_unit(o->seed, d->t, d->i, d->r) * z;
    for (int i = from; i < r.n; i++)
        if ((sum += p[i]) > u) return r.id[i];
    return r.id[r.n - 1];
}

static void against_definition(void **state) {
    SF_UNUSED(state);
    uint64_t rng = 5;
    int32_t hist[90];
    int differ = 0, distinct[V] = {0}, kinds = 0;
    for (int i = 0; i < 4000; i++) {
        setup_logits(sf_rand(&rng));
        for (int j = 0; j < 90; j++) hist[j] = (int32_t)(sf_rand(&rng) % V);
        surefoot_sampling o;
        surefoot_sampling_init(&o);
        static const float temps[] = {0, 0.1f, 0.8f, 1, 3};
        static const int32_t ks[] = {0, 1, 5, 40, V};
        o.seed = sf_rand(&rng);
        o.temperature = temps[sf_rand(&rng) % 5];
        o.top_k = ks[sf_rand(&rng) % 5];
        o.top_p = sf_rand(&rng) % 2 ? 1 : 0.9f;
        o.min_p = sf_rand(&rng) % 2 ? 0 : 0.05f;
        if (sf_rand(&rng) % 2) o.repeat_penalty = 1.3f, o.presence_penalty = 0.5f;
        if (sf_rand(&rng) % 2) o.frequency_penalty = 0.25f;
        o.repeat_last_n = (int32_t)(sf_rand(&rng) % 4) * 40 - 1;
        surefoot_logit_bias bias = {(int32_t)(sf_rand(&rng) % V), 9};
        o.logit_bias = &bias;
        o.n_logit_bias = sf_rand(&rng) % 2;
        struct sf_penalty pen = {(int32_t)(sf_rand(&rng) % V), 5};
        struct sf_draw d = {(uint32_t)i, 1, 2, sf_rand(&rng) % 2 ? 0.8f : 0, &pen, 1};
        int32_t a = draw(&o, hist, 90, &d), b = slow(&o, hist, 90, &d);
        differ += a != b; /* exp in float against double: a draw may fall on the other side */
        kinds += !distinct[a]++;
    }
    assert_true(kinds > 200);
    assert_true(differ <= 4);
}

/* DRY, XTC and the dynamic temperature, together and alone, over texts that repeat themselves. */
static void more_against_definition(void **state) {
    SF_UNUSED(state);
    uint64_t rng = 6;
    int32_t hist[90];
    int differ = 0, distinct[V] = {0}, kinds = 0, heard[3] = {0};
    static const char *const breakers[] = {":", "abc"};
    for (int i = 0; i < 4000; i++) {
        setup_logits(sf_rand(&rng));
        int n = (int)(sf_rand(&rng) % 90), few = 1 + (int)(sf_rand(&rng) % 12);
        for (int j = 0; j < n; j++) hist[j] = (int32_t)(sf_rand(&rng) % (uint64_t)few);
        for (int j = 0; j < few; j++) logits[j] = 10 + (float)(sf_rand(&rng) % 16) / 8;
        surefoot_sampling o;
        surefoot_sampling_init(&o);
        o.seed = sf_rand(&rng);
        o.temperature = sf_rand(&rng) % 4 ? 0.9f : 0;
        o.top_k = sf_rand(&rng) % 2 ? 0 : 20;
        o.top_p = sf_rand(&rng) % 2 ? 1 : 0.9f;
        struct sf_draw d = {(uint32_t)i, (uint32_t)sf_rand(&rng) % 4, 1, 0, NULL, 0};
        int32_t without = draw(&o, hist, (size_t)n, &d);
        unsigned which = 1 + sf_rand(&rng) % 7;
        if (which & 1) {
            o.dry_multiplier = sf_rand(&rng) % 3 ? 0.8f : 1e6f;
            o.dry_base = sf_rand(&rng) % 2 ? 1.75f : 1;
            o.dry_allowed_length = (int32_t)(sf_rand(&rng) % 4);
            o.dry_penalty_last_n = (int32_t)(sf_rand(&rng) % 4) * 30 - 1;
            o.dry_breakers = breakers;
            o.n_dry_breakers = sf_rand(&rng) % 3;
        }
        if (which & 2) {
            o.xtc_probability = sf_rand(&rng) % 2 ? 1 : 0.5f;
            o.xtc_threshold = sf_rand(&rng) % 2 ? 0.1f : 0.03f;
        }
        if (which & 4) {
            o.dynatemp_range = sf_rand(&rng) % 2 ? 0.6f : 3;
            o.dynatemp_exponent = sf_rand(&rng) % 2 ? 1 : 0.5f;
            if (sf_rand(&rng) % 2) d.temp_floor = 1;
        }
        int32_t a = draw(&o, hist, (size_t)n, &d), b = slow(&o, hist, (size_t)n, &d);
        differ += a != b;
        kinds += !distinct[a]++;
        for (int k = 0; k < 3; k++) heard[k] += which == 1u << k && a != without;
    }
    assert_true(kinds > 20 && heard[0] > 50 && heard[1] > 50 && heard[2] > 20);
    assert_true(differ <= 4);
}

/* Lengths alone, over every small alphabet and period, and over a window that would take hours if
 * the time were its square. */
static void dry_lengths(void **state) {
    SF_UNUSED(state);
    static uint32_t z[SF_DRY_MAX], len[64];
    static const char *const breakers[] = {"abc", ":", "cc"};
    uint64_t rng = 7;
    int32_t w[120];
    for (int i = 0; i < 20000; i++) {
        size_t n = sf_rand(&rng) % 120, few = 1 + sf_rand(&rng) % 12;
        size_t period = 1 + sf_rand(&rng) % 20;
        int32_t base = (int32_t)(sf_rand(&rng) % 12);
        for (size_t j = 0; j < n; j++)
            w[j] = j >= period && sf_rand(&rng) % 30 ? w[j - period]
                                                     : base + (int32_t)(sf_rand(&rng) % few);
        struct sf_dry d = {breakers, sf_rand(&rng) % 4, text_of, NULL, z};
        uint32_t max = sf_dry_lengths(&d, w, n, len, 64), most = 0;
        for (int32_t t = 0; t < 64; t++) {
            assert_int_equal(len[t], slow_dry(breakers, d.n_breaker, w, n, t));
            most = len[t] > most ? len[t] : most;
        }
        assert_int_equal(max, most);
    }
    int32_t twice[400];
    for (size_t at = 0; at < 197;
         at++) { /* one breaker, far back: in several tokens, then in one */
        for (size_t j = 0; j < 200; j++) twice[j] = 8 + (int32_t)(sf_rand(&rng) % 2);
        for (size_t j = 0; j < 3; j++) twice[at + j] = (int32_t)j;
        if (at % 2) twice[at + 1] = 5;
        memcpy(twice + 200, twice, sizeof twice / 2);
        struct sf_dry d = {breakers, 3, text_of, NULL, z};
        sf_dry_lengths(&d, twice, 400, len, 64);
        for (int32_t t = 0; t < 12; t++)
            assert_int_equal(len[t], slow_dry(breakers, 3, twice, 400, t));
    }
    size_t big = 1u << 20;
    int32_t *same = calloc(big, sizeof *same);
    assert_non_null(same);
    struct sf_dry d = {NULL, 0, NULL, NULL, z};
    assert_int_equal(sf_dry_lengths(&d, same, big, len, 64), SF_DRY_MAX);
    assert_int_equal(len[0], SF_DRY_MAX);
    for (size_t i = 0; i < big; i++) same[i] = i % 5000 == 7; /* long periods */
    same[0] = -5, same[1] = INT32_MAX;                        /* no token: never looked up */
    assert_int_equal(sf_dry_lengths(&d, same, big, len, 64), SF_DRY_MAX);
    free(same);
    assert_true(sf_dry_penalty(1, 1.75f, 2, 1) == 0 && sf_dry_penalty(2, 1.75f, 2, 2) == 2);
    assert_true(sf_dry_penalty(1e6f, 1000, 0, SF_DRY_MAX) == 1e9f); /* finite */
}

/* XTC's coin: as often as asked, not the draw's number again, the same whenever it is asked. */
static void xtc_coin(void **state) {
    SF_UNUSED(state);
    surefoot_sampling o;
    surefoot_sampling_init(&o);
    for (int i = 0; i < V; i++) logits[i] = -50;
    logits[1] = 3, logits[2] = 2, logits[3] = 1.99f;
    o.xtc_probability = 0.25f, o.xtc_threshold = 0.2f;
    int gone[2] = {0}, n[2] = {0};
    for (uint32_t t = 0; t < 8000; t++) {
        struct sf_draw d = {.t = t, .i = t % 5, .r = 3};
        int32_t a = draw(&o, NULL, 0, &d);
        assert_int_equal(a, draw(&o, NULL, 0, &d));
        int low = sf_philox_unit(o.seed, t, t % 5, 3) < 0.25; /* the draw's own: takes the first */
        n[low]++;
        gone[low] += a != 1;
    }
    /* With a low number the first token is drawn unless XTC took it away. */
    assert_true(abs(gone[1] * 4 - n[1]) < n[1] / 3);
    /* All kept but the least likely; a forbidden token is never what stays, nor at threshold 0. */
    struct sf_draw d = {0};
    o.xtc_probability = 1;
    assert_int_equal(draw(&o, NULL, 0, &d), 3);
    for (int i = 0; i < V; i++)
        if (i != 1 && i != 2) logits[i] = -INFINITY;
    o.xtc_threshold = 0;
    o.top_p = 1, o.min_p = 0, o.top_k = 0;
    for (d.t = 0; d.t < 50; d.t++) assert_int_equal(draw(&o, NULL, 0, &d), 2);
    logits[2] = -INFINITY;
    assert_int_equal(draw(&o, NULL, 0, &d), 1);
}

/* The guard's floor holds under a dynamic temperature too. */
static void dynamic_floor(void **state) {
    SF_UNUSED(state);
    surefoot_sampling o, moving;
    surefoot_sampling_init(&o);
    for (int i = 0; i < V; i++) logits[i] = -50;
    logits[1] = 3, logits[2] = 0;
    o.temperature = 1, o.top_k = 2, o.top_p = 1, o.min_p = 0;
    moving = o;
    moving.dynatemp_range = 1; /* 0.54 here */
    int differ = 0;
    for (uint32_t t = 0; t < 2000; t++) {
        struct sf_draw d = {.t = t}, floor = {.t = t, .temp_floor = 1};
        assert_int_equal(draw(&moving, NULL, 0, &floor), draw(&o, NULL, 0, &d));
        differ += draw(&moving, NULL, 0, &d) != draw(&o, NULL, 0, &d);
    }
    assert_true(differ > 30);
}

static void order_and_ties(void **state) {
    SF_UNUSED(state);
    surefoot_sampling o;
    surefoot_sampling_init(&o);
    struct sf_draw d = {0};
    for (int i = 0; i < V; i++) logits[i] = -1;
    logits[7] = logits[3] = 2;
    o.temperature = 0;
    assert_int_equal(draw(&o, NULL, 0, &d), 3); /* the lower id of equal logits */
    int32_t top[4];
    top[0] = -7;
    sf_top(logits, V, top, 0); /* none asked for: nothing is read before the list or written */
    assert_int_equal(top[0], -7);
    sf_top(logits, V, top, 4);
    assert_int_equal(top[0], 3);
    assert_int_equal(top[1], 7);
    assert_int_equal(top[2], 0);
    logits[0] = 0.0f, logits[1] = -0.0f; /* equal values */
    sf_top(logits, V, top, 4);
    assert_int_equal(top[2], 0);
    /* Temperature before top_p cuts elsewhere than after it. */
    o.temperature = 4;
    o.order = "temperature;top_p";
    o.top_p = 0.5f;
    draw(&o, NULL, 0, &d);
    o.order = "top_p;top_p";
    struct sf_sampler s;
    assert_int_equal(sf_sampler_init(&s, &o, V, NULL), SUREFOOT_E_USAGE);
    o.order = "";
    o.temperature = 1;
    draw(&o, NULL, 0, &d);
}

static void refusals(void **state) {
    SF_UNUSED(state);
    surefoot_sampling o;
    struct sf_sampler s;
    surefoot_error e;
#define BAD(field, value)                                                                          \
    surefoot_sampling_init(&o);                                                                    \
    o.field = value;                                                                               \
    assert_int_equal(sf_sampler_init(&s, &o, V, &e), SUREFOOT_E_USAGE);                            \
    assert_non_null(strstr(e.text, #field))
    BAD(temperature, NAN);
    BAD(temperature, -1);
    BAD(top_p, 1.5f);
    BAD(min_p, NAN);
    BAD(repeat_penalty, 0);
    BAD(top_k, -2);
    BAD(presence_penalty, INFINITY);
    BAD(n_logprobs, 21);
    BAD(dry_multiplier, NAN);
    BAD(dry_multiplier, -1);
    BAD(dry_base, 0.5f);
    BAD(dry_base, INFINITY);
    BAD(dry_allowed_length, -1);
    BAD(dry_allowed_length, 4097);
    BAD(dry_penalty_last_n, -2);
    BAD(n_dry_breakers, 17);
    BAD(dry_breakers, NULL);
    BAD(xtc_probability, 1.5f);
    BAD(xtc_threshold, NAN);
    BAD(dynatemp_range, -1);
    BAD(dynatemp_range, 1e9f);
    BAD(dynatemp_exponent, NAN);
#undef BAD
    surefoot_sampling_init(&o);
    surefoot_logit_bias b = {V, 0};
    o.logit_bias = &b, o.n_logit_bias = 1;
    assert_int_equal(sf_sampler_init(&s, &o, V, &e), SUREFOOT_E_USAGE);

    surefoot_sampling_init(&o);
    assert_ok(sf_sampler_init(&s, &o, V, err));
    struct sf_draw d = {0};
    int32_t id;
    setup_logits(1);
    logits[999] = NAN;
    assert_int_equal(sf_sample(&s, &kern, scratch, logits, V, NULL, 0, &d, &id, &e),
                     SUREFOOT_E_NUMERIC);
    assert_true(isnan(sf_logprob(&kern, scratch, logits, V, 3)));
    logits[999] = INFINITY;
    assert_int_equal(sf_sample(&s, &kern, scratch, logits, V, NULL, 0, &d, &id, &e),
                     SUREFOOT_E_NUMERIC);
    for (int i = 0; i < V; i++) logits[i] = -INFINITY;
    assert_int_equal(sf_sample(&s, &kern, scratch, logits, V, NULL, 0, &d, &id, &e),
                     SUREFOOT_E_FAILED);
    logits[5] = 1; /* one allowed token is drawn whatever the random number */
    for (uint32_t t = 0; t < 100; t++) {
        d.t = t;
        assert_int_equal(draw(&o, NULL, 0, &d), 5);
    }
}

static void log_probabilities(void **state) {
    SF_UNUSED(state);
    setup_logits(9);
    double z = 0, sum = 0;
    for (int i = 0; i < V; i++) z += exp((double)logits[i]);
    for (int i = 0; i < V; i++) {
        double lp = (double)sf_logprob(&kern, scratch, logits, V, i);
        assert_true(fabs(lp - ((double)logits[i] - log(z))) < 2e-6 * (1 + fabs(lp)));
        sum += exp(lp);
    }
    assert_true(fabs(sum - 1) < 1e-5);
    assert_true(isnan(sf_logprob(&kern, scratch, logits, V, V)));
}

/* Every cut of a text gives the same answer as a search over the whole text. */
static void stop_strings(void **state) {
    SF_UNUSED(state);
    const char *stop[] = {"aab", "abc", "\n\n", "bcaab"};
    struct sf_stops t;
    assert_ok(sf_stops_init(&t, stop, 4, err));
    uint64_t rng = 3;
    for (int i = 0; i < 20000; i++) {
        char text[16];
        size_t n = 1 + sf_rand(&rng) % 15, first = 99, from = 0;
        for (size_t j = 0; j < n; j++) text[j] = "abc\n"[sf_rand(&rng) % 4];
        for (size_t e = 1; e <= n && first == 99; e++)
            for (int k = 3; k >= 0; k--) {
                size_t len = strlen(stop[k]);
                if (e < len || memcmp(text + e - len, stop[k], len)) continue;
                if (first == 99 || e - len < from) from = e - len;
                first = e;
            }
        struct sf_stop_state s = {{0}};
        size_t at = 0, end = 0, len = 0;
        bool hit = false;
        while (at < n && !hit) {
            size_t part = 1 + sf_rand(&rng) % 4;
            if (part > n - at) part = n - at;
            hit = sf_stop_feed(&t, &s, text + at, part, &end, &len);
            if (hit) break;
            at += part;
            /* What is pending is the longest suffix that begins a stop string. */
            size_t want = 0;
            for (int k = 0; k < 4; k++)
                for (size_t l = 1; l < strlen(stop[k]) && l <= at; l++)
                    if (!memcmp(text + at - l, stop[k], l) && l > want) want = l;
            assert_int_equal(sf_stop_pending(&t, &s), want);
        }
        assert_int_equal(hit, first != 99);
        if (hit) {
            assert_int_equal(at + end, first);
            assert_int_equal(at + end - len, from);
        }
    }
    const char *empty[] = {""};
    assert_int_equal(sf_stops_init(&t, empty, 1, NULL), SUREFOOT_E_USAGE);
    assert_int_equal(sf_stops_init(&t, stop, 17, NULL), SUREFOOT_E_USAGE);
}

int main(void) {
    sf_kernels_ref(&kern);
    scratch = calloc(1, sf_sampler_scratch(V));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_definition), cmocka_unit_test(order_and_ties),
        cmocka_unit_test(refusals),           cmocka_unit_test(log_probabilities),
        cmocka_unit_test(stop_strings),       cmocka_unit_test(more_against_definition),
        cmocka_unit_test(dry_lengths),        cmocka_unit_test(xtc_coin),
        cmocka_unit_test(dynamic_floor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
