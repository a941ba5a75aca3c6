/* SPDX-License-Identifier: MIT
 * test_ngram.c - the n-gram classifier: its file and what is refused, what a policy may say, what a
 * word costs, disguises, training: seeded, the same for any number of threads, tested on held-out
 * rows.
 */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

#include "arena.h"
#include "file.h"
#include "gguf.h"
#include "ngram.h"
#include "policy.h"

static char dir[64] = "/tmp/surefoot-ngram-XXXXXX";
static char path[128];

static int make_dir(void **state) {
    SF_UNUSED(state);
    if (!mkdtemp(dir)) return -1;
    snprintf(path, sizeof path, "%s/a.ngram", dir);
    return 0;
}

static int drop_dir(void **state) {
    SF_UNUSED(state);
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", dir);
    return system(command) == 0 ? 0 : -1;
}

/* ------------------------------------------------------------------------------------ training */

enum { ROWS = 400 };
static struct sf_ngram_row rows[ROWS];
static char text[ROWS][200];

/* Harmful texts have one of three words in them, somewhere. */
static void make_rows(uint64_t seed) {
    static const char *const filler[] = {"the", "pot",  "is",    "on", "a",    "table", "and", "it",
                                         "was", "warm", "today", "we", "like", "to",    "cook"};
    static const char *const harm[] = {"poison", "poisonous", "strangle"};
    for (int i = 0; i < ROWS; i++) {
        bool harmful = i % 4 == 0;
        int where = (int)(sf_rand(&seed) % 20);
        text[i][0] = 0;
        for (int k = 0; k < 20; k++) {
            strcat(text[i], harmful && k == where ? harm[sf_rand(&seed) % 3]
                                                  : filler[sf_rand(&seed) % SF_COUNT(filler)]);
            strcat(text[i], k % 7 == 6 ? ". " : " ");
        }
        rows[i] = (struct sf_ngram_row){text[i], strlen(text[i]), harmful, (uint64_t)i / 2};
    }
}

static struct sf_ngram *trained(uint64_t seed, int threads, struct sf_ngram_report *rep,
                                float *score) {
    struct sf_ngram_options o;
    struct sf_ngram *m;
    sf_ngram_options_init(&o);
    o.bits = 12;
    o.seed = seed;
    o.n_threads = threads;
    assert_ok(sf_ngram_train(&m, rows, ROWS, &o, score, rep, err));
    return m;
}

static void training(void **state) {
    SF_UNUSED(state);
    struct sf_ngram_report r1, r2, r3;
    static float s1[ROWS], s2[ROWS];
    make_rows(1);
    struct sf_ngram *a = trained(7, 1, &r1, s1), *b = trained(7, 3, &r2, s2),
                    *c = trained(8, 1, &r3, NULL);
    size_t n = ((size_t)1 << a->bits) * sizeof *a->weight;
    assert_true(memcmp(a->weight, b->weight, n) == 0 && a->bias == b->bias && a->p0 == b->p0);
    assert_memory_equal(s1, s2, sizeof s1);
    assert_true(memcmp(a->weight, c->weight, n) != 0);
    assert_true(r1.n_harmful == 100 && r1.n_harmless == 300);
    assert_true(r1.auroc > 0.95 && r1.auroc_low <= r1.auroc && r1.auroc <= r1.auroc_high);
    assert_true(r1.touched <= 1 && r1.caught > 80); /* 0.5 % of 300 */
    sf_ngram_free(a);
    sf_ngram_free(b);
    sf_ngram_free(c);
    /* Labels that mean nothing: no better than chance, on rows that were not trained on. */
    uint64_t seed = 3;
    for (int i = 0; i < ROWS; i++) rows[i].harmful = sf_rand(&seed) % 2;
    a = trained(7, 2, &r1, NULL);
    assert_true(r1.auroc > 0.35 && r1.auroc < 0.65);
    sf_ngram_free(a);
}

static void training_refuses(void **state) {
    SF_UNUSED(state);
    struct sf_ngram_options o;
    struct sf_ngram_report rep;
    struct sf_ngram *m;
    surefoot_error e = {0};
    sf_ngram_options_init(&o);
    make_rows(1);
    for (int i = 0; i < ROWS; i++) rows[i].harmful = false;
    assert_int_equal(sf_ngram_train(&m, rows, ROWS, &o, NULL, &rep, &e), SUREFOOT_E_USAGE);
    assert_non_null(strstr(e.text, "at least 10 of each"));
    make_rows(1);
    o.folds = 1;
    assert_int_equal(sf_ngram_train(&m, rows, ROWS, &o, NULL, &rep, &e), SUREFOOT_E_USAGE);
    assert_null(m);
}

static void auroc(void **state) {
    SF_UNUSED(state);
    static const float score[] = {0.1f, 0.4f, 0.35f, 0.8f, 0.4f};
    static const bool harmful[] = {false, false, true, true, true};
    uint32_t order[5];
    /* pairs (harmful, harmless): .35>.1 .35<.4 .8>.1 .8>.4 .4>.1 .4=.4: 4.5 of 6 */
    assert_true(fabs(sf_auroc(score, harmful, 5, order) - 0.75) < 1e-12);
}

/* -------------------------------------------------------------------------------- file and policy */

static void write_model(void) {
    struct sf_ngram_report rep;
    make_rows(1);
    struct sf_ngram *m = trained(7, 2, &rep, NULL);
    strcpy(m->about, "made-up rows");
    assert_ok(sf_ngram_write(m, path, err));
    sf_ngram_free(m);
}

static void files(void **state) {
    SF_UNUSED(state);
    struct sf_ngram_report rep;
    struct sf_ngram *m, *again;
    char *data;
    size_t n;
    surefoot_error e = {0};
    write_model();
    m = trained(7, 2, &rep, NULL);
    assert_ok(sf_read_file(&data, &n, path, SF_NGRAM_MAX_FILE, err));
    assert_ok(sf_ngram_parse(&again, data, n, err));
    assert_memory_equal(m->weight, again->weight, ((size_t)1 << m->bits) * sizeof *m->weight);
    assert_true(m->bias == again->bias && m->p0 == again->p0 && m->window == again->window);
    assert_string_equal(again->about, "made-up rows");
    sf_ngram_free(again);
    sf_ngram_free(m);
    for (size_t k = 0; k < n; k += k < 700 ? 1 : 997) { /* cut anywhere */
        assert_int_equal(sf_ngram_parse(&again, data, k, &e), SUREFOOT_E_FILE);
        assert_null(again);
    }
    /* A weight that is no number, or so large that sums could overflow. */
    float wrong[] = {NAN, INFINITY, 1001, -1e30f};
    for (size_t i = 0; i < SF_COUNT(wrong); i++) {
        memcpy(data + n - 8, &wrong[i], sizeof wrong[i]);
        assert_int_equal(sf_ngram_parse(&again, data, n, &e), SUREFOOT_E_FILE);
        assert_non_null(strstr(e.text, "a weight"));
    }
    sf_free(data);
}

/* One value of a good file changed. */
struct bad_file {
    const char *key; /* that is left out of a good file, or NULL */
    uint32_t bits, window;
    float bias, p0;
    const char *says;
};

static void bad_files(void **state) {
    SF_UNUSED(state);
    static const struct bad_file bad[] = {
        {NULL, 10, 8, 0, 0.5f, "row of 2^bits"},
        {NULL, 4, 8, 0, 0.5f, "bits or .window"},
        {NULL, 8, 0, 0, 0.5f, "bits or .window"},
        {NULL, 21, 8, 0, 0.5f, "ngram.bits"},
        {NULL, 8, 65, 0, 0.5f, "ngram.window"},
        {NULL, 8, 8, 2000, 0.5f, "ngram.bias"},
        {NULL, 8, 8, 0, 1, "ngram.p0"},
        {NULL, 8, 8, 0, -0.1f, "ngram.p0"},
        {NULL, 8, 8, NAN, 0.5f, "ngram.bias"},
        {"ngram.bias", 8, 8, 0, 0.5f, "ngram.bias"},
        {"ngram.p0", 8, 8, 0, 0.5f, "ngram.p0"},
        {"ngram.version", 8, 8, 0, 0.5f, "version"},
        {"general.architecture", 8, 8, 0, 0.5f, "general.architecture"}};
    for (size_t i = 0; i < SF_COUNT(bad); i++) {
        const struct bad_file *b = &bad[i];
        struct sf_gguf_writer *w;
        static float weight[256];
        uint64_t dim = 256;
        char *data;
        size_t n;
        assert_ok(sf_gguf_writer_open(&w, path, err));
#define HAS(k) (!b->key || strcmp(b->key, k) != 0)
        if (HAS("general.architecture"))
            sf_gguf_put_str(w, "general.architecture", (struct sf_str){"surefoot-ngram", 14});
        if (HAS("ngram.version")) sf_gguf_put_u32(w, "ngram.version", 1);
        sf_gguf_put_u32(w, "ngram.bits", b->bits);
        sf_gguf_put_u32(w, "ngram.window", b->window);
        if (HAS("ngram.bias")) sf_gguf_put_f32(w, "ngram.bias", b->bias);
        if (HAS("ngram.p0")) sf_gguf_put_f32(w, "ngram.p0", b->p0);
        sf_gguf_put_tensor(w, "ngram.weight", 0, 1, &dim, sizeof weight);
        assert_ok(sf_gguf_writer_begin(w, err));
        assert_ok(sf_gguf_writer_data(w, weight, sizeof weight, err));
        assert_ok(sf_gguf_writer_close(w, err));
        assert_ok(sf_read_file(&data, &n, path, SF_NGRAM_MAX_FILE, err));
        struct sf_ngram *m;
        surefoot_error e = {0};
        assert_int_equal(sf_ngram_parse(&m, data, n, &e), SUREFOOT_E_FILE);
        if (!strstr(e.text, b->says)) fail_msg("case %zu: '%s' lacks '%s'", i, e.text, b->says);
        sf_free(data);
    }
}

static surefoot_status parse(surefoot_policy **p, const char *t, surefoot_error *err) {
    memset(err, 0, sizeof *err);
    return sf_policy_parse(p, t, strlen(t), dir, err);
}

#define NGRAM "[cost]\nkind = ngram\nfile = a.ngram\n"

static void policies(void **state) {
    SF_UNUSED(state);
    static const struct {
        const char *text;
        int line;
        const char *says;
    } wrong[] = {
        {NGRAM, 1, "no `p0`"},
        {NGRAM "p0 = 1\n", 4, "below 1"},
        {NGRAM "p0 = -0.5\n", 4, "below 1"},
        {NGRAM "p0 = nan\n", 4, "below 1"},
        {NGRAM "p0 = 0.5\nwindow = 3\n", 5, "unknown key"},
        {"[cost]\nkind = ngram\np0 = 0.5\n", 1, "no `file`"},
        {"[cost]\nkind = ngram\nfile = none\np0 = 0.5\n", 3, "none"},
        {"[cost]\nkind = ngram\nfile = text.ngram\np0 = 0.5\n", 3, "text.ngram"},
        {NGRAM "p0 = auto\n[reward]\nkind = ngram\nfile = a.ngram\nweight = much\n", 8, "weight"},
    };
    surefoot_policy *p;
    surefoot_error e;
    char other[160];
    write_model();
    snprintf(other, sizeof other, "%s/text.ngram", dir);
    assert_ok(sf_write_file(other, "not a model", 11, err));
    for (size_t i = 0; i < SF_COUNT(wrong); i++) {
        assert_int_equal(parse(&p, wrong[i].text, &e), SUREFOOT_E_POLICY);
        if (e.where != (uint64_t)wrong[i].line || !strstr(e.text, wrong[i].says))
            fail_msg("case %zu: line %d, '%s'", i, (int)e.where, e.text);
    }
    assert_ok(
        parse(&p, NGRAM "p0 = auto\n[reward]\nkind = ngram\nfile = a.ngram\nweight = -1\n", err));
    sf_policy_free(p);
}

/* spent of a text by a policy */
static int64_t spent(const char *policy, const char *t) {
    surefoot_policy *p;
    surefoot_verdict v;
    assert_ok(parse(&p, policy, err));
    assert_ok(surefoot_check(p, NULL, NULL, 0, t, strlen(t), NULL, 0, NULL, NULL, &v, err));
    sf_policy_free(p);
    return v.spent;
}

static void costs(void **state) {
    SF_UNUSED(state);
    write_model();
    const char *one = "[guard]\nbudget = 1e9\n" NGRAM "p0 = 0.5\n",
               *half = "[guard]\nbudget = 1e9\n[cost]\nkind = sum\nparts = a\n[cost.a]\nkind = "
                       "ngram\nfile = a.ngram\np0 = 0.5\nweight = 0.5\n";
    int64_t bad = spent(one, "it was warm today and poison");
    assert_true(bad > 0 && bad <= SF_COST_UNIT); /* one word */
    assert_int_equal(spent(one, "it was warm today and we like to cook"), 0);
    /* What does not change the skeleton changes nothing. */
    assert_int_equal(spent(one, "It WAS, warm... today\nand p\xC3\xB6ison"), bad);
    assert_int_equal(spent(one, "it was warm today and poi\xE2\x80\x8Bson"), bad);
    int64_t x = spent(half, "it was warm today and poison");
    assert_int_equal(x, (bad + 1) / 2);
    char hidden[128] = "po";
    for (int i = 0; i < 18; i++) strcat(hidden, "\xE2\x80\x8B");
    strcat(hidden, "ison");
    assert_int_equal(spent(one, hidden), SF_COST_UNSAFE);
    /* The formula, at its edges. */
    assert_int_equal(sf_excess(0.5f, 0.5), 0);
    assert_int_equal(sf_excess(1, 0.5), SF_COST_UNIT);
    assert_int_equal(sf_excess(0.75f, 0.5), SF_COST_UNIT / 2);
    assert_int_equal(sf_excess(1, 0), SF_COST_UNIT);
    assert_int_equal(sf_excess(0, 0), 0);
    assert_int_equal(sf_excess(nextafterf(0.5f, 1), 0.5), 1);
    assert_int_equal(sf_excess(NAN, 0.5), SF_COST_UNSAFE);
    assert_int_equal(sf_excess(1.5f, 0.5), SF_COST_UNSAFE);
}

/* The bits of each word's p, behind one another. */
static void keep_bits(void *user, const struct sf_ngram_word *w) {
    uint32_t **at = user;
    memcpy((*at)++, &w->p, sizeof w->p);
}

/* What was measured once on x86 must come out on every CPU, compiler and level. */
static void same_everywhere(void **state) {
    SF_UNUSED(state);
    struct sf_ngram m = {.bits = 8, .window = 5, .bias = -0.25f};
    int32_t weight[256];
    uint32_t place[SF_NGRAM_FEATURES], hash;
    static const uint32_t ch[] = {'j', 'a', 'r'};
    for (int i = 0; i < 256; i++) weight[i] = i * 37 % 211 - 105;
    m.weight = weight;
    int n = sf_ngram_features(8, 0, ch, 3, place, &hash);
    assert_int_equal(n, 1 + 3 + 2 + 1);
    assert_int_equal(sf_ngram_features(8, hash, ch, 3, place, &hash), n + 1);
    float y = sf_ngram_logit(-0.25f, 12345, 5);
    assert_true(y == -0.25f + (float)(12345.0 / 1024 / 3));
    struct sf_ngram_state st;
    uint32_t bits[8] = {0}, *at = bits;
    sf_ngram_begin(&st);
    sf_ngram_read(&m, &st, "Open the jar, st\xC3\xAErr \xE6\xBC\xA2 5x", 26, false, keep_bits, &at);
    sf_ngram_end(&m, &st, keep_bits, &at);
    static const uint32_t known[8] = {0x3ED9DB7D, 0x3ED3CAB2, 0x3ECE2022,
                                      0x3EC92C8B, 0x3ECCF18E, 0x3ED0EABB};
    for (int i = 0; i < 8; i++)
        if (bits[i] != known[i]) fail_msg("word %d: 0x%08X", i, bits[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training), cmocka_unit_test(training_refuses), cmocka_unit_test(auroc),
        cmocka_unit_test(files),    cmocka_unit_test(bad_files),        cmocka_unit_test(policies),
        cmocka_unit_test(costs),    cmocka_unit_test(same_everywhere)};
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
