/* SPDX-License-Identifier: MIT
 * test_model.c - the whole model against an independent computation (golden.jsonl), and against
 * itself: the logits are the same bits for every kernel level, thread count, batch and prefill
 * split, after prefix reuse and on forked sequences. Their hashes are golden too (bits.tsv), so
 * that every architecture is held to the same ones.
 *
 *     test_model DIR            DIR holds the models make_golden.py writes
 *     test_model DIR --write    prints bits.tsv anew
 *     test_model DIR --quick    fewer ways of computing the same (sanitizers)
 *     test_model DIR --bits     one way, at the best level of this CPU (emulators)
 */
#include "harness.h"

#include <jansson.h>
#include <math.h>

#include "session.h"

enum { MAX_IDS = 256 };

struct golden {
    char name[64], type[16];
    int32_t prompt[MAX_IDS], greedy[MAX_IDS];
    double first[1024], last[1024], gap[MAX_IDS];
    size_t n_prompt, n_greedy, n_vocab;
    double exact_diff, spread;
};

static const char *dir;
static bool writing, quick, best_only;

static size_t ints(json_t *a, int32_t *out) {
    size_t n = json_array_size(a);
    assert_true(n <= MAX_IDS);
    for (size_t i = 0; i < n; i++) out[i] = (int32_t)json_integer_value(json_array_get(a, i));
    return n;
}
static size_t reals(json_t *a, double *out, size_t cap) {
    size_t n = json_array_size(a);
    assert_true(n <= cap);
    for (size_t i = 0; i < n; i++) out[i] = json_number_value(json_array_get(a, i));
    return n;
}

static bool next_golden(FILE *f, struct golden *g) {
    char *line = NULL;
    size_t cap = 0;
    if (getline(&line, &cap, f) < 0) {
        free(line);
        return false;
    }
    json_t *o = json_loads(line, 0, NULL);
    assert_non_null(o);
    memset(g, 0, sizeof *g);
    snprintf(g->name, sizeof g->name, "%s", json_string_value(json_object_get(o, "name")));
    snprintf(g->type, sizeof g->type, "%s", json_string_value(json_object_get(o, "type")));
    g->n_prompt = ints(json_object_get(o, "prompt"), g->prompt);
    g->n_greedy = ints(json_object_get(o, "greedy"), g->greedy);
    g->n_vocab = reals(json_object_get(o, "first"), g->first, 1024);
    reals(json_object_get(o, "last"), g->last, 1024);
    reals(json_object_get(o, "gap"), g->gap, MAX_IDS);
    json_t *d = json_object_get(o, "exact_diff");
    g->exact_diff = d ? json_number_value(d) : 0;
    g->spread = json_number_value(json_object_get(o, "spread"));
    json_decref(o);
    free(line);
    return true;
}

/* ---------------------------------------------------------------- running */

struct run { /* one way to compute the same thing */
    const char *isa;
    int threads;
    uint32_t split; /* rows per pass */
    surefoot_kv_type kv;
};

static surefoot_model *open_model(const char *path, const char *isa) {
    surefoot_model_options o;
    surefoot_model_options_init(&o);
    o.isa = isa;
    o.n_threads = 2;
    surefoot_model *m;
    surefoot_error err = {0};
    if (surefoot_model_open(&m, path, &o, &err) != SUREFOOT_OK) fail_msg("%s: %s", path, err.text);
    surefoot_model_info info = {.size = sizeof info};
    surefoot_model_describe(m, &info);
    if (isa) assert_string_equal(info.isa, isa); /* the level asked for is the level that runs */
    return m;
}

static surefoot_session *open_session(surefoot_model *m, const struct run *r) {
    surefoot_session_options o;
    surefoot_session_options_init(&o);
    o.n_ctx = 256;
    o.n_seq = 4;
    o.n_batch = 64;
    o.n_threads = r->threads;
    o.type_k = o.type_v = r->kv;
    surefoot_session *s;
    surefoot_error err = {0};
    if (surefoot_session_open(&s, m, &o, &err) != SUREFOOT_OK) fail_msg("%s", err.text);
    return s;
}

struct sink {
    float *rows; /* (n, vocab) */
    size_t vocab;
};
static int keep(void *user, size_t pos, int32_t id, const float *logits, size_t n) {
    SF_UNUSED(id);
    struct sink *k = user;
    memcpy(k->rows + pos * k->vocab, logits, n * sizeof *logits);
    return 0;
}

/* Logits of every position of prompt + greedy, (n, vocab); freed by the caller. */
static float *all_logits(surefoot_model *m, const struct golden *g, const struct run *r) {
    int32_t ids[2 * MAX_IDS];
    memcpy(ids, g->prompt, g->n_prompt * sizeof *ids);
    memcpy(ids + g->n_prompt, g->greedy, g->n_greedy * sizeof *ids);
    size_t n = g->n_prompt + g->n_greedy;
    struct sink k = {calloc(n * g->n_vocab, sizeof(float)), g->n_vocab};
    surefoot_session *s = open_session(m, r);
    assert_ok(surefoot_eval(s, ids, n, r->split, keep, &k, err));
    surefoot_session_close(s);
    return k.rows;
}

static uint64_t hash(const float *x, size_t n) { /* FNV-1a over the bytes */
    const unsigned char *p = (const unsigned char *)x;
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < n * sizeof *x; i++) h = (h ^ p[i]) * 1099511628211u;
    return h;
}

/* ---------------------------------------------------------------- checks */

static double worst(const float *got, const double *want, size_t n) {
    double d = 0;
    for (size_t i = 0; i < n; i++) {
        double off = fabs((double)got[i] - want[i]);
        if (isnan(off)) return (double)INFINITY;
        if (off > d) d = off;
    }
    return d;
}

/* Against float64 numpy, by README.md beside this file: 1e-4, except that block types may drift apart
 * over the 64 tokens after the prompt, once an activation has been rounded the other way; then by
 * less than what rounding the activations changes at all. */
static void against_numpy(const struct golden *g, const float *rows) {
    double tol = 1e-4, tol_last = g->exact_diff > 0 ? 0.75 * g->exact_diff : tol;
    const float *first = rows + (g->n_prompt - 1) * g->n_vocab;
    const float *last = rows + (g->n_prompt + g->n_greedy - 1) * g->n_vocab;
    double a = worst(first, g->first, g->n_vocab), b = worst(last, g->last, g->n_vocab);
    if (!(a <= tol) || !(b <= tol_last))
        fail_msg("%s: logits differ by %g and %g from numpy (tolerance %g, %g)", g->name, a, b, tol,
                 tol_last);
    for (size_t i = 0; i < g->n_greedy; i++) {
        if (g->gap[i] <= 2 * tol_last) continue;
        const float *l = rows + (g->n_prompt - 1 + i) * g->n_vocab;
        int32_t best;
        sf_top(l, (uint32_t)g->n_vocab, &best, 1);
        if (best != g->greedy[i])
            fail_msg("%s: token %zu is %d, numpy says %d", g->name, i, best, g->greedy[i]);
    }
}

static void same(const struct golden *g, const float *a, const float *b, size_t n,
                 const char *how) {
    if (memcmp(a, b, n * g->n_vocab * sizeof *a) == 0) return;
    for (size_t i = 0; i < n * g->n_vocab; i++)
        if (memcmp(a + i, b + i, sizeof *a))
            fail_msg("%s: %s: logit %zu of position %zu is %.9g instead of %.9g", g->name, how,
                     i % g->n_vocab, i / g->n_vocab, (double)b[i], (double)a[i]);
}

/* Sequences stepped together, forked in mid-page and rewound, give what one alone gives. */
static void forks(surefoot_model *m, const struct golden *g, const float *want, int threads) {
    struct run r = {NULL, threads, 0, SUREFOOT_KV_F16};
    surefoot_session *s = open_session(m, &r);
    size_t half = g->n_prompt + 5, n = g->n_prompt + g->n_greedy;
    int32_t ids[2 * MAX_IDS];
    memcpy(ids, g->prompt, g->n_prompt * sizeof *ids);
    memcpy(ids + g->n_prompt, g->greedy, g->n_greedy * sizeof *ids);
    assert_ok(sf_session_prefill(s, 0, ids, half, 0, err));
    same(g, want + (half - 1) * g->n_vocab, sf_session_logits(s, 0), 1, "prefill");
    sf_session_fork(s, 1, 0);
    sf_session_fork(s, 2, 0);
    same(g, want + (half - 1) * g->n_vocab, sf_session_logits(s, 2), 1, "fork");
    for (size_t i = half; i < n; i++) {
        /* Sequence 2 wanders off; 0 and 1 read the true text, 1 as a fork of 0. */
        struct sf_gen_row rows[3] = {{1, ids[i]}, {2, (int32_t)(i * 7 % g->n_vocab)}, {0, ids[i]}};
        assert_ok(sf_session_step(s, rows, 3, err));
        same(g, want + i * g->n_vocab, sf_session_logits(s, 0), 1, "in a batch of three");
        same(g, want + i * g->n_vocab, sf_session_logits(s, 1), 1, "a fork in a batch of three");
        if (i % 9 == 0) sf_session_fork(s, 2, 1);
        if (i % 13 == 0) { /* back, and again */
            sf_session_fork(s, 2, 1);
            sf_session_truncate(s, 2, (uint32_t)i - 3);
            assert_ok(sf_session_prefill(s, 2, ids + i - 3, 4, 0, err));
            same(g, want + i * g->n_vocab, sf_session_logits(s, 2), 1, "after a rewind");
        }
    }
    surefoot_session_close(s);
}

/* One model: numpy, then every level, thread count and split against the first. */
static void one_model(const struct golden *g, FILE *bits) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s.gguf", dir, g->name);
    size_t n = g->n_prompt + g->n_greedy;
    float *base[2] = {NULL, NULL};
    static const struct {
        int threads;
        uint32_t split;
    } ways[] = {{1, 0}, {3, 5}, {2, 1}, {2, 17}, {2, 0}, {3, 0}, {1, 1}};
    const bool few = strncmp(g->name, "llama", 5) != 0 && strncmp(g->name, "qwen3moe", 8) != 0;
    const size_t n_ways = best_only ? 1 : quick ? 2 : few ? 3 : SF_COUNT(ways);
    for (int level = 0; surefoot_isa_name(level); level++) {
        const char *isa = surefoot_isa_name(level);
        if (surefoot_isa_usable(level) != 1) continue;
        if (best_only && strcmp(isa, surefoot_isa_best()) != 0) continue;
        surefoot_model *m = open_model(path, isa);
        for (int kv = 0; kv < 2; kv++)
            for (size_t w = 0; w < n_ways; w++) {
                struct run r = {isa, ways[w].threads, ways[w].split, (surefoot_kv_type)kv};
                char how[96];
                float *rows = all_logits(m, g, &r);
                snprintf(how, sizeof how, "%s, %d threads, %u rows a pass, %s cache", isa,
                         r.threads, r.split, kv ? "F32" : "F16");
                if (!base[kv]) {
                    base[kv] = rows;
                    continue;
                }
                same(g, base[kv], rows, n, how);
                free(rows);
            }
        if (!best_only) forks(m, g, base[0], 1 + level % 3);
        surefoot_model_close(m);
    }
    against_numpy(g, base[1]);
    for (int kv = 0; kv < 2; kv++) {
        uint64_t h = hash(base[kv], n * g->n_vocab);
        char line[160], want[160];
        snprintf(want, sizeof want, "%s\t%s\t%016llx\n", g->name, kv ? "f32" : "f16",
                 (unsigned long long)h);
        if (writing)
            fputs(want, stdout);
        else if (!fgets(line, sizeof line, bits) || strcmp(line, want) != 0)
            fail_msg("bits.tsv: found %s, want %s", want, line);
        free(base[kv]);
    }
}

static void models(void **state) {
    SF_UNUSED(state);
    FILE *f = fopen(SUREFOOT_SOURCE "/tests/golden/golden.jsonl", "r");
    FILE *bits = fopen(SUREFOOT_SOURCE "/tests/golden/bits.tsv", "r");
    assert_non_null(f);
    if (!writing) assert_non_null(bits);
    static struct golden g;
    int n = 0;
    while (next_golden(f, &g)) {
        one_model(&g, bits);
        n++;
    }
    fclose(f);
    if (bits) fclose(bits);
    assert_true(n >= 14);
}

int main(int argc, char **argv) {
    dir = argc > 1 ? argv[1] : "";
    quick = argc > 2 && strcmp(argv[2], "--quick") == 0;
    best_only = argc > 2 && strcmp(argv[2], "--bits") == 0;
    writing = argc > 2 && strcmp(argv[2], "--write") == 0;
    quick |= writing;
    char path[512];
    snprintf(path, sizeof path, "%s/.", dir);
    if (access(path, R_OK) != 0) {
        printf("skipped: no folder of golden models at '%s' (python3-numpy makes them)\n", dir);
        return SF_SKIP;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
