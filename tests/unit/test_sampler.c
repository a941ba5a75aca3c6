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

static void setup_logits(uint64_t seed) {
    for (int i = 0; i < V; i++) /* many ties, both signs */
        logits[i] = (float)((int)(sf_rand(&seed) % 160) - 80) / 8.0f;
}

static int32_t draw(const surefoot_sampling *o, const int32_t *hist, size_t n_hist,
                    const struct sf_draw *d) {
    struct sf_sampler s;
    int32_t id = -1;
    assert_ok(sf_sampler_init(&s, o, V, err));
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
    z = sum = 0;
    for (int i = 0; i < r.n; i++) z += p[i] = exp((r.l[r.id[i]] - r.l[r.id[0]]) / temp);
    double u = sf_philox_unit(o->seed, d->t, d->i, d->r) * z;
    for (int i = 0; i < r.n; i++)
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
        cmocka_unit_test(stop_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
